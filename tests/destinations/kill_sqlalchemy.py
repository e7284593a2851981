"""Kills loads into a database before each statement that it gets, lets them go on, and prints what each ended with.

A program of its own, so that the process that forks has no threads. `python kill_sqlalchemy.py URL 1`, in an empty folder; 5 for
every fifth statement.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

import dlt

TABLES = ("added", "added__items", "replaced", "replaced__items", "merged", "merged__items")


def pipeline(number: int) -> Any:
    place = dlt.destinations.sqlalchemy(sys.argv[1])
    name = f"kill_{number}"
    return dlt.pipeline(name, destination=place, dataset_name=name, pipelines_dir="pipelines")


@dlt.source
def data(number: int) -> Any:
    """What each load brings: rows that are added, that replace others, that are merged (after rows that were not), columns
    that are new, a state."""
    rows = [{"id": n, "load": number, "items": [{"m": n}] * 2, f"new_{number}": 1} for n in (number, number + 1)]

    @dlt.resource
    def added() -> Any:
        dlt.current.resource_state()["last"] = number
        yield rows

    @dlt.resource(write_disposition="replace")
    def replaced() -> Any:
        yield rows

    @dlt.resource(write_disposition="append" if number == 1 else "merge", primary_key="id")
    def merged() -> Any:
        yield rows

    return added, replaced, merged


def forked(work: Callable[[], None]) -> int:
    """Run in a child process; its exit code."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(calls: int) -> None:
    """Let the process be killed when the database has got so many statements."""
    left = [calls]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return function(*args, **kwargs)

        return call

    for name in ("exec_driver_sql", "commit"):
        setattr(Connection, name, counted(getattr(Connection, name)))


def outcome(number: int) -> dict[str, Any]:
    """The rows at the destination, without ids, and the state."""
    found: dict[str, Any] = {"state": pipeline(number).state["sources"]}
    with pipeline(number).session() as session:
        for table in TABLES:
            rows = session.read(table).read_all().to_pylist()
            ours = [{key: value for key, value in row.items() if not key.startswith("_dlt")} for row in rows]
            found[table] = sorted(json.dumps(row, sort_keys=True) for row in ours)
            if table == "merged__items":
                roots = {row["_dlt_id"] for row in session.read("merged").read_all().to_pylist()}
                found["lost"] = [row for row in rows if row["_dlt_root_id"] not in roots]
        found["loads"] = session.read("_dlt_loads").read_all().num_rows
    return found


def finished(number: int) -> None:
    pipeline(number).run()
    Path("outcome.json").write_text(json.dumps(outcome(number)))


def main(every: int) -> None:
    for number, calls in enumerate(count(0, every)):
        pipeline(number).run(data(1))
        pending = pipeline(number)
        pending.extract(data(2))
        pending.normalize()

        def load(number: int = number, calls: int = calls) -> None:
            waiting = pipeline(number)
            dying(calls)
            waiting.load()

        code = forked(load)
        again = forked(lambda number=number: finished(number))
        result = json.loads(Path("outcome.json").read_text()) if again == 0 else None
        print(json.dumps({"code": code, "again": again, "outcome": result}), flush=True)
        if code != -signal.SIGKILL:
            return


if __name__ == "__main__":
    main(int(sys.argv[2]))
