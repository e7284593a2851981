"""Loads twice into PostgreSQL; when told to, dies in the second load at a chunk of a copy or at a statement of it.

`python kill_postgres.py URL DATASET AT`: AT is a number, or `never`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import dlt
from dlt.destinations import _postgres_driver as driver

URL, DATASET, AT = sys.argv[1:]
SEEN = count(1)


def rows(number: int) -> list[dict[str, Any]]:
    return [{"id": one, "load": number, "items": [{"n": one}] * 2} for one in range(number * 500, number * 500 + 1500)]


def load(number: int) -> None:
    made = dlt.pipeline(
        DATASET, destination=dlt.destinations.postgres(URL), dataset_name=DATASET, pipelines_dir="pipelines"
    )
    made.run(
        [
            dlt.resource(rows(number), name="added"),
            dlt.resource(rows(number), name="replaced", write_disposition="replace"),
            dlt.resource(rows(number), name="merged", write_disposition="merge", primary_key="id"),
        ]
    )


def maybe_die() -> None:
    if str(next(SEEN)) == AT:
        os.kill(os.getpid(), signal.SIGKILL)


def dying() -> None:
    """From now on count statements and chunks, and die at one of them."""
    run, cut = driver.PostgresDriver.execute, driver.chunks

    def execute(self: driver.PostgresDriver, sql: str) -> int:
        maybe_die()
        return run(self, sql)

    def chunks(*given: Any) -> Iterator[Any]:
        for chunk in cut(*given):
            yield chunk
            maybe_die()

    driver.PostgresDriver.execute = execute  # type: ignore[method-assign]  # for this process
    driver.chunks = chunks


if not Path(f"{DATASET}.first").exists():
    load(0)
    Path(f"{DATASET}.first").touch()
    dying()
    load(1)
else:  # it goes on where the other one died
    dlt.pipeline(
        DATASET, destination=dlt.destinations.postgres(URL), dataset_name=DATASET, pipelines_dir="pipelines"
    ).run()
print(next(SEEN))
