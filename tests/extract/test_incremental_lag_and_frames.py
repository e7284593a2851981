"""Incremental loading, behaviour 3.5 and 3.6: lag, Arrow and frames."""

# ruff: noqa: B008 - that is how an incremental is declared

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dlt
from dlt.extract.evaluate import evaluate

from .incrementals import PAGE, entry, ids, plain, resource_of, run, runs

inc = dlt.sources.incremental
UTC = dt.UTC


# ---- 3.5


LAGS = {
    "seconds of an instant": (dt.datetime(2024, 1, 1, 0, 1, tzinfo=UTC), 60, dt.datetime(2024, 1, 1, tzinfo=UTC)),
    "seconds of a text": ("2024-01-01T00:01:00Z", 60, "2024-01-01T00:00:00Z"),
    "milliseconds stay": ("2024-01-01T00:01:00.500Z", 60, "2024-01-01T00:00:00.500Z"),
    "microseconds stay": ("2024-01-01T00:01:00.500000+02:00", 60, "2024-01-01T00:00:00.500000+02:00"),
    "a space stays": ("2024-01-01 00:01:00", 60, "2024-01-01 00:00:00"),
    "days of a date": (dt.date(2024, 3, 1), 1, dt.date(2024, 2, 29)),
    "days of a text": ("2024-03-01", 1, "2024-02-29"),
    "days of a short text": ("20240301", 1, "20240229"),
    "a whole number": (10, 3, 7),
    "whole by a float": (10, 3.0, 7),
    "a fraction": (10, 0.5, 9.5),
    "a float": (10.5, 3, 7.5),
    "a decimal": (Decimal("10.5"), 3, Decimal("7.5")),
    "zero": (0, 3, -3),
}


@pytest.mark.parametrize("case", LAGS)
def test_3_5_lag(case: str) -> None:
    last, lag, start = LAGS[case]
    seen = []

    @dlt.resource(name="t")
    def t(since: Any = inc("ts", lag=lag)) -> Any:
        seen.append(since.start_value)
        yield [{"id": 1, "ts": last}]

    state: dict[str, Any] = {}
    for _ in range(3):
        run(t, state)
    assert seen == [None, start, start]
    assert type(seen[1]) is type(start)
    assert (entry(state)["last_value"], entry(state)["unique_hashes"]) == (last, [])


def test_3_5_lag_upwards_of_min() -> None:
    found, state = runs(
        [[{"id": 1, "ts": 5}], [{"id": 2, "ts": 8}, {"id": 3, "ts": 7}]], cursor_path="ts", lag=2, last_value_func=min
    )
    assert [ids(rows) for rows in found] == [[1], [3]]
    assert entry(state)["last_value"] == 5


def test_3_5_a_date_cursor_with_an_instant_in_the_state() -> None:
    state = {
        "sources": {"dlt": {"resources": {"t": {"incremental": {"ts": {"last_value": dt.datetime(2024, 1, 5, 7)}}}}}}
    }
    rows = [{"id": day, "ts": dt.date(2024, 1, day)} for day in range(1, 7)]
    assert ids(run(resource_of([rows], inc[dt.date]("ts", lag=2)), state)) == [3, 4, 5, 6]


@pytest.mark.parametrize("value", ["x", "12", True])
def test_3_5_values_without_distance(value: Any) -> None:
    state = {"sources": {"dlt": {"resources": {"t": {"incremental": {"ts": {"last_value": value}}}}}}}
    with pytest.raises(ValueError, match="lag needs"):
        run(resource_of([[{"ts": value}]], inc("ts", lag=2)), state)


def test_3_5_lag_does_not_count_in_a_backfill() -> None:
    found, _ = runs([PAGE], cursor_path="ts", lag=2, initial_value=2, end_value=9)
    assert [ids(rows) for rows in found] == [[2, 3]]


# ---- 3.6


COLUMNS = {
    "int8": pa.array([1, 2, 3], pa.int8()),
    "uint64": pa.array([1, 2, 3], pa.uint64()),
    "float32": pa.array([0.5, 1.5, 2.5], pa.float32()),
    "decimal": pa.array([Decimal("1.10"), Decimal("1.20"), Decimal("1.30")]),
    "text": pa.array(["a", "b", "c"]),
    "large text": pa.array(["a", "b", "c"], pa.large_string()),
    "dictionary": pa.array(["a", "b", "c"]).dictionary_encode(),
    "date32": pa.array([dt.date(2024, 1, day) for day in (1, 2, 3)]),
    "date64": pa.array([dt.date(2024, 1, day) for day in (1, 2, 3)], pa.date64()),
    "seconds": pa.array([1, 2, 3], pa.timestamp("s")),
    "microseconds, zone": pa.array([1, 2, 3], pa.timestamp("us", "Europe/Berlin")),
    "nanoseconds": pa.array([1001, 2002, 3003], pa.timestamp("ns", "UTC")),
    "time": pa.array([dt.time(1), dt.time(2), dt.time(3)]),
    "chunks": pa.chunked_array([[1], [2, 3]]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_3_6_columns(kind: str) -> None:
    table = pa.table({"id": [1, 2, 3], "ts": COLUMNS[kind]})
    state: dict[str, Any] = {}
    assert ids(run(resource_of([table[:2]], inc("ts")), state)) == [1, 2]
    assert ids(run(resource_of([table], inc("ts")), state)) == [3]
    assert run(resource_of([table], inc("ts")), state) == []


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (pa.table({"ts": [1, 2]}), pa.Table),
        (pa.RecordBatch.from_pydict({"ts": [1, 2]}), pa.RecordBatch),
        (pd.DataFrame({"ts": [1, 2]}), pd.DataFrame),
        (pl.DataFrame({"ts": [1, 2]}), pl.DataFrame),
    ],
    ids=["table", "batch", "pandas", "polars"],
)
def test_3_6_a_frame_stays_one(item: Any, kind: type) -> None:
    (found,) = [made for _, made in evaluate([resource_of([item], inc("ts", initial_value=2))], state={})]
    assert type(found) is kind
    assert plain(found) == [{"ts": 2}]


@pytest.mark.parametrize("start", [1.5, 2, Decimal(2), 2**70], ids=str)
def test_3_6_bounds_that_the_column_cannot_hold(start: Any) -> None:
    found, _ = runs(
        [pa.table({"id": [1, 2, 3], "ts": pa.array([1, 2, 3], pa.int8())})], cursor_path="ts", initial_value=start
    )
    assert [ids(rows) for rows in found] == [[] if start > 100 else [2, 3]]


def test_3_6_a_stream_of_arrow() -> None:
    class Stream:
        def __arrow_c_stream__(self, schema: Any = None) -> Any:
            return pa.table({"id": [1, 2], "ts": [1, 2]}).__arrow_c_stream__(schema)

    found, _ = runs([Stream()], cursor_path="ts", initial_value=2)
    assert [ids(rows) for rows in found] == [[2]]


@pytest.mark.parametrize("form", ["arrow", "polars", "pandas"])
def test_3_6_hashes_are_those_of_rows(form: str) -> None:
    rows = [{"id": 1, "ts": 5}, {"id": 2, "ts": 5}]
    table: Any = pa.Table.from_pylist(rows)
    table = {"arrow": table, "polars": pl.from_arrow(table), "pandas": table.to_pandas()}[form]
    _, of_rows = runs([rows], cursor_path="ts")
    found, of_table = runs([table, rows], cursor_path="ts")
    assert entry(of_rows)["unique_hashes"] == entry(of_table)["unique_hashes"]
    assert [len(one) for one in found] == [2, 0]
