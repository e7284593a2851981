"""What tests of packages share: a pipeline into one DuckDB file, numbers with a cursor, and how a run fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import StepFailed

Broken = dict[str, BaseException]


def pipeline(name: str = "p", **options: Any) -> dlt.Pipeline:
    made = dlt.destinations.duckdb("pending.duckdb")
    return dlt.pipeline(name, destination=made, dataset_name="ds", **options)


def stored(columns: str = "n", table: str = "t") -> list[Any]:
    with duckdb.connect("pending.duckdb") as connection:
        return connection.execute(f"SELECT {columns} FROM ds.{table} ORDER BY ALL").fetchall()


def numbers(until: int, name: str = "t", **hints: Any) -> Any:
    """Numbers after the one that the state holds."""

    @dlt.resource(name=name, **hints)
    def counted() -> Iterator[dict[str, int]]:
        state = dlt.current.resource_state()
        for number in range(state.get("last", 0) + 1, until + 1):
            yield {"n": number}
            state["last"] = number

    return counted()


def last(made: dlt.Pipeline, name: str = "t") -> Any:
    """The cursor in the state."""
    sources = made.state.get("sources", {})
    return next((s["resources"][name]["last"] for s in sources.values() if name in s.get("resources", {})), None)


def fails(work: Callable[[], object], match: str = "failed in the step") -> StepFailed:
    with pytest.raises(StepFailed, match=match) as failed:
        work()
    return failed.value
