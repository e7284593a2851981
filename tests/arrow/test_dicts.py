"""Rows of record batches are what `to_pylist` says, and JSON is what it says."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.dicts import dicts_of
from dlt.items import JSON_FIELD

TYPES = {
    pa.timestamp("us"): st.datetimes(),
    pa.timestamp("us", "UTC"): st.datetimes(timezones=st.just(dt.UTC)),
    pa.timestamp("ms"): st.datetimes().map(lambda one: one.replace(microsecond=0)),
    pa.date32(): st.dates(),
    pa.decimal128(20, 3): st.decimals(-(10**9), 10**9, places=3),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"])),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
}
COLUMNS = st.one_of(*(st.tuples(st.just(kind), st.lists(st.none() | values)) for kind, values in TYPES.items()))


@given(COLUMNS)
def test_values_are_those_of_the_column(column: tuple[pa.DataType, list[object]]) -> None:
    batch = pa.record_batch({"a": pa.array(column[1], column[0])})
    assert dicts_of(batch) == batch.to_pylist()


def test_documents_are_opened_and_other_json_stays_text() -> None:
    texts = ['{"a": [1]}', "[2]", '"text"', "1", "null", None, " {}"]
    field = pa.field("doc", pa.string(), metadata=JSON_FIELD)
    batch = pa.RecordBatch.from_arrays([pa.array(texts)], schema=pa.schema([field]))
    assert [row["doc"] for row in dicts_of(batch)] == [{"a": [1]}, [2], '"text"', "1", "null", None, {}]


def test_no_columns() -> None:
    assert dicts_of(pa.record_batch({})) == []
