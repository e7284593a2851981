"""Values of a column become one Arrow type, and nothing is rounded or lost: what does not fit is handed back as text."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.sources.sql_database.reading import Reading
from dlt.sources.sql_database.settle import Settled, row_tuples_to_arrow, settle

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=None).map(lambda one: format(one, "f"))
READINGS = st.one_of(
    st.just(Reading("decimal")),
    st.tuples(st.integers(1, 60), st.integers(0, 60)).map(lambda two: Reading("decimal", max(two), min(two))),
)


def both(data: pa.Array, odd: pa.Array | None) -> list[Any]:
    """The values with the odd ones in the place of nulls."""
    left = odd.to_pylist() if odd is not None else [None] * len(data)
    return [value if value is not None else text for value, text in zip(data.to_pylist(), left, strict=True)]


@given(st.lists(st.one_of(st.none(), NUMBERS)), READINGS, st.booleans())
def test_no_decimal_changes(texts: list[str | None], reading: Reading, as_values: bool) -> None:
    came: list[Any] = [None if one is None else Decimal(one) for one in texts] if as_values else texts
    found = both(*settle(came if as_values else pa.array(came, pa.string()), reading))
    assert [None if one is None else Decimal(one) for one in found] == [
        None if one is None else Decimal(one) for one in texts
    ]


@given(st.lists(st.one_of(st.none(), st.integers(-(10**40), 10**40))))
def test_no_whole_number_changes(values: list[int | None]) -> None:
    found = both(*settle(values, Reading("int")))
    assert [None if one is None else int(one) for one in found] == values


@given(st.lists(st.one_of(st.none(), st.datetimes())))
def test_no_moment_changes(values: list[dt.datetime | None]) -> None:
    texts = pa.array([None if one is None else one.isoformat(" ") for one in values], pa.string())
    assert both(*settle(values, Reading("moment"))) == both(*settle(texts, Reading("moment"))) == values


MANY = uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
ZONE = dt.timezone(dt.timedelta(hours=2))
ROWS: list[tuple[str | None, list[Any], list[Any], list[str | None] | None]] = [
    ("int", [1, True, 2.0, Decimal(3), "4", 1.5], [1, 1, 2, 3, None, None], [None, None, None, None, "4", "1.5"]),
    ("int", [2**63, 1], [Decimal(2**63), Decimal(1)], None),
    ("float", [1, 2.5, Decimal("0.5"), "x"], [1.0, 2.5, 0.5, None], [None, None, None, "x"]),
    ("float", [2**53 + 1, 0.5], [None, 0.5], [str(2**53 + 1), None]),
    ("bool", [0, 1, True, 2], [False, True, True, None], [None, None, None, "2"]),
    ("decimal", [Decimal("NaN"), Decimal("1.5"), 0.1], [None, Decimal("1.5"), Decimal("0.1")], ["NaN", None, None]),
    ("text", [MANY, "a", b"\xff"], [str(MANY), "a", None], [None, None, "0xff"]),
    ("json", [{"a": 1}, [1], 2], ['{"a":1}', "[1]", "2"], None),
    ("binary", [b"a", memoryview(b"b"), "c"], [b"a", b"b", None], [None, None, "c"]),
    ("date", [dt.date(2024, 1, 1), dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, 3)], [dt.date(2024, 1, 1), dt.date(2024, 1, 2), None], [None, None, "2024-01-02 03:00:00"]),
    ("time", [dt.timedelta(hours=1), dt.timedelta(hours=25)], [dt.time(1), None], [None, "1 day, 1:00:00"]),
    ("time", [dt.time(1, tzinfo=ZONE)], [None], ["01:00:00+02:00"]),
    ("moment", ["2024-01-01 00:00:00.1234567", "0000-00-00 00:00:00", "2024-01-01T00:00"], [None, None, dt.datetime(2024, 1, 1)], ["2024-01-01 00:00:00.1234567", "0000-00-00 00:00:00", None]),
    ("moment", [dt.datetime(2024, 1, 1, 2, tzinfo=ZONE)], [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], None),
    ("moment", [dt.datetime(2024, 1, 1, 2, tzinfo=ZONE), dt.datetime(2024, 1, 1)], [None, dt.datetime(2024, 1, 1)], ["2024-01-01 02:00:00+02:00", None]),
    ("instant", [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 2, tzinfo=ZONE)], [dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 2, None),
    (None, [MANY, None], [str(MANY), None], None),
    (None, [1, "x"], [1, None], [None, "x"]),
    (None, [1, 0.5], [1.0, 0.5], None),
    (None, [[1], {"a": None}], ["[1]", '{"a":null}'], None),
    (None, [dt.timedelta(days=1)], ["1 day, 0:00:00"], None),
    (None, [None, None], [None, None], None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "values", "good", "odd"), ROWS, ids=[f"{place}-{one[0]}" for place, one in enumerate(ROWS)]
)
def test_values_of_other_types(
    kind: str | None, values: list[Any], good: list[Any], odd: list[str | None] | None
) -> None:
    data, left = settle(values, Reading(kind))
    assert data.to_pylist() == good
    assert (left.to_pylist() if left is not None and left.null_count < len(left) else None) == odd


def test_what_does_not_fit_has_a_column_of_its_own() -> None:
    made = Settled([("a", Reading("int")), ("b", Reading("text"))]).batch([[1, "x"], ["c", "d"]], {"b": ["e", None]})
    assert made.to_pydict() == {"a": [1, None], "b": ["c", "d"], "a__v_text": [None, "x"], "b__v_text": ["e", None]}


def test_a_column_that_is_named_like_one_for_what_does_not_fit_stays() -> None:
    made = Settled([("a", Reading("int")), ("a__v_text", Reading("text"))]).batch([[1, "x"], ["c", "d"]], {})
    assert made.column("a__v_text").to_pylist() == ["c", "d"]
    assert made.columns[2].to_pylist() == [None, "x"]
    assert len(set(made.schema.names)) == 3


def test_row_tuples_to_arrow() -> None:
    columns = {"id": {"data_type": "bigint"}, "at": {"data_type": "timestamp"}, "n": {"data_type": "decimal", "precision": 5, "scale": 2}, "u": {}}  # fmt: skip
    rows = [(1, dt.datetime(2024, 1, 1, tzinfo=dt.UTC), Decimal("1.5"), MANY), (2, None, None, None)]
    made = row_tuples_to_arrow(rows, columns, tz="Europe/Berlin")
    assert made.schema.types == [pa.int64(), pa.timestamp("us", "Europe/Berlin"), pa.decimal128(5, 2), pa.string()]
    assert made.column("id").to_pylist() == [1, 2]
    assert row_tuples_to_arrow([], columns).num_rows == 0
