"""Cursor values of other libraries and odd types, and hashes of rows as the states of dlt 1.31 have them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dlt
from dlt.errors import DltError
from dlt.extract.boundary import hash_of

from .incrementals import entry, resource_of, run

MOMENT = dt.datetime(2024, 1, 2, 3, 4, 5)
EAST = dt.timezone(dt.timedelta(hours=2))

# a row beside {"ts": 5} -> its hash in a state that dlt 1.31 wrote; and that of the key `d` alone
HASHES: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "numbers": ({"f": 0.1, "g": 1e20, "h": 1e-7, "i": 10**17, "b": True}, "oAaVZeOB5IzV", None),
    "date": ({"d": dt.date(2024, 1, 2)}, "QP/ghPeJ0T/u", "Bkb6U0e63GvT"),
    "instant": ({"d": MOMENT.replace(tzinfo=dt.UTC)}, "SYkUQ/WNgUnO", "5JwkPaijmOvT"),
    "microseconds": ({"d": MOMENT.replace(microsecond=678, tzinfo=dt.UTC)}, "lt/yABGqcfCW", "4FIWavWqd0tz"),
    "offset": ({"d": MOMENT.replace(tzinfo=EAST)}, "r6w4yEaEUGRY", "LfM0kVQcYLjE"),
    "naive": ({"d": MOMENT}, "SYkUQ/WNgUnO", "5JwkPaijmOvT"),
    "time": ({"d": dt.time(3, 4, 5)}, "aRmYfr2XnUvO", "sZ235McKau2N"),
    "decimal": ({"d": Decimal("1.50")}, "zlapfvNU+Fq3", "NryApKkv48uo"),
    "uuid": ({"d": uuid.UUID(int=5)}, "oUo3Nldb8TQw", "xb3IIJpreM4P"),
    "bytes": ({"d": b"ab"}, "7TDMk05Y6Dgd", "RTPgzCxvVeQI"),
    "nested": ({"z": {"b": 1, "a": [1, None, 3], "c": {"y": "ü"}}}, "PZfIz3K8q/Cx", None),
    "text": ({"z": 'a"b\\\n\t\u2028\x7f/é☃'}, "XsQsM82AtWfe", None),
}


@pytest.mark.parametrize(
    ("case", "form"),
    [(case, form) for case in HASHES for form in ("dict", "arrow") if (case, form) != ("uuid", "arrow")],
)
def test_3_3_hashes_are_those_of_dlt_1_31(case: str, form: str) -> None:
    values, of_row, of_key = HASHES[case]
    row = {"ts": 5, **values}
    page = [row] if form == "dict" else pa.Table.from_pylist([row])
    for key, wanted in ((None, of_row), ("d", of_key)):
        if wanted is not None:
            state: dict[str, Any] = {}
            run(resource_of([page], dlt.sources.incremental("ts", primary_key=key)), state)
            assert entry(state)["unique_hashes"] == [wanted]


# key -> its hash in a state of dlt before 1.29
OLD_HASHES: dict[str, tuple[Any, str]] = {
    "number": (1, "669czW83KR00ut4bv/U5"),
    "text": ("a", "HXVczKyPrzLoPDkJtIV8"),
    "date": (dt.date(2024, 1, 2), "Bkb6U0e63GvTfIh8oHXh"),
    "decimal": (Decimal("1.50"), "NryApKkv48uoBZ6chpDi"),
    "instant": (MOMENT.replace(tzinfo=dt.UTC), "obhP0H3fhoumckrfAi5q"),
    "naive": (MOMENT, "NuDQed5x+XcStbCgIxgH"),
}


@pytest.mark.parametrize("case", OLD_HASHES)
@pytest.mark.parametrize("place", ["incremental", "resource"])
def test_3_3_hashes_from_before_1_29(case: str, place: str) -> None:
    value, known = OLD_HASHES[case]
    state = {
        "sources": {
            "dlt": {
                "resources": {
                    "t": {"incremental": {"ts": {"initial_value": None, "last_value": 5, "unique_hashes": [known]}}}
                }
            }
        }
    }
    on_incremental = {"primary_key": "d"} if place == "incremental" else {}
    on_resource = {"primary_key": "d"} if place == "resource" else {}
    page = [{"ts": 5, "d": value}, {"ts": 5, "d": "other"}]
    resource = resource_of([page], dlt.sources.incremental("ts", **on_incremental), **on_resource)

    assert run(resource, state) == page[1:]
    assert run(resource, state) == []


# two values, the second one later
FOREIGN: dict[str, tuple[Any, Any]] = {
    "numpy int": (np.int64(5), np.int64(6)),
    "numpy float": (np.float32(0.5), np.float32(1.5)),
    "numpy datetime64": (np.datetime64("2024-01-01T00:00:00"), np.datetime64("2024-01-02T00:00:00")),
    "numpy datetime64[ns]": (np.datetime64(1_000, "ns"), np.datetime64(5_000, "ns")),
    "pandas instant": (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-02", tz="UTC")),
    "pandas naive": (pd.Timestamp("2024-01-01"), pd.Timestamp("2024-01-02")),
    "nanoseconds": (pd.Timestamp(1, unit="ns", tz="UTC"), pd.Timestamp(2, unit="ns", tz="UTC")),
    "uuid": (uuid.UUID(int=5), uuid.UUID(int=7)),
    "bytes": (b"a", b"b"),
    "time": (dt.time(1), dt.time(2)),
    "infinity": (1.5, float("inf")),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_3_4_values_of_other_libraries(case: str) -> None:
    """They are compared, and what the state keeps of them compares the same in the next run."""
    first, second = FOREIGN[case]
    pipeline = dlt.pipeline("values", destination=dlt.destinations.duckdb("values.duckdb"), dataset_name="ds")
    rows = [{"id": 1, "ts": first}, {"id": 2, "ts": second}]
    for page in (rows[:1], rows, rows):
        pipeline.run(resource_of([page], dlt.sources.incremental("ts")))

    with duckdb.connect("values.duckdb") as connection:
        assert connection.sql("SELECT id FROM ds.t ORDER BY id").fetchall() == [(1,), (2,)]


NOTHING = {
    "NaN": float("nan"),
    "NaT": pd.NaT,
    "NA": pd.NA,
    "decimal NaN": Decimal("NaN"),
    "numpy NaT": np.datetime64("NaT"),
}


@pytest.mark.parametrize("case", NOTHING)
@pytest.mark.parametrize("missing", ["include", "exclude", "raise"])
def test_3_4_values_that_say_there_is_none(case: str, missing: Any) -> None:
    incremental = dlt.sources.incremental("ts", on_cursor_value_missing=missing)
    resource = resource_of([[{"id": 1, "ts": NOTHING[case]}]], incremental)
    if missing == "raise":
        with pytest.raises(DltError, match="has no value in the cursor 'ts'"):
            run(resource, {})
    else:
        assert [row["id"] for row in run(resource, {})] == ([1] if missing == "include" else [])


@pytest.mark.parametrize("value", [{"a": 1}, 1j, object()], ids=lambda value: type(value).__name__)
def test_3_4_values_without_order(value: Any) -> None:
    with pytest.raises(DltError, match="neither more nor less") as caught:
        run(resource_of([[{"id": 1, "ts": value}, {"id": 2, "ts": value}]], dlt.sources.incremental("ts")), {})
    assert "cursor: ts" in str(caught.value)


TABLES: dict[str, Callable[[], Any]] = {
    "reader": lambda: pa.table({"id": [1, 2], "ts": [1, 2]}).to_reader(),
    "batch": lambda: pa.table({"id": [1, 2], "ts": [1, 2]}).to_batches()[0],
    "lazy frame": lambda: pl.LazyFrame({"id": [1, 2], "ts": [1, 2]}),
    "relation": lambda: duckdb.sql("SELECT * FROM (VALUES (1, 1), (2, 2)) AS t(id, ts)"),
    "list of tables": lambda: [pa.table({"id": [1], "ts": [1]}), pd.DataFrame({"id": [2], "ts": [2]})],
}


@pytest.mark.parametrize("case", TABLES)
def test_3_6_what_can_be_read_only_once_is_loaded(case: str) -> None:
    pipeline = dlt.pipeline("once", destination=dlt.destinations.duckdb("once.duckdb"), dataset_name="ds")
    for _ in range(2):
        pipeline.run(resource_of([TABLES[case]()], dlt.sources.incremental("ts")))

    with duckdb.connect("once.duckdb") as connection:
        assert connection.sql("SELECT id FROM ds.t ORDER BY id").fetchall() == [(1,), (2,)]


def test_3_5_lag_of_texts_that_are_no_dates_is_an_error() -> None:
    state: dict[str, Any] = {}
    run(resource_of([[{"id": 1, "ts": "x"}]], dlt.sources.incremental("ts", lag=1)), state)
    with pytest.raises(DltError, match="lag needs dates or instants"):
        run(resource_of([[{"id": 2, "ts": "y"}]], dlt.sources.incremental("ts", lag=1)), state)


@pytest.mark.parametrize(
    ("year", "month", "hours", "fold"), [(2024, 5, 2, 0), (1, 1, 14, 0), (9999, 12, -12, 0), (2024, 10, 0, 1)]
)
def test_hashes_of_rows_with_instants_of_a_subclass(year, month, hours, fold):
    class Moment(dt.datetime):
        def __sub__(self, other):
            raise TypeError("in its own way")

    zone = dt.timezone(dt.timedelta(hours=hours))
    plain = dt.datetime(year, month, 1, 2, 3, 4, 5, zone, fold=fold)
    made = Moment(year, month, 1, 2, 3, 4, 5, zone, fold=fold)

    assert hash_of({"at": made}) == hash_of({"at": plain})
