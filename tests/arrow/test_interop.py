"""Arrow tables and frames -> raw tables: every type has a kind, nothing is rounded, batches are bounded."""

from __future__ import annotations

import datetime as dt
import json
import math
import uuid
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow import interop
from dlt.arrow.interop import batches_of, is_columnar, json_texts, plain_array, raw_of
from dlt.errors import SchemaError

UTC = dt.UTC
BIG = 2**64 - 1
ID = uuid.UUID(int=7)
LONG = "long enough to be no inline view"


def found(item: Any) -> dict[str, tuple[str | None, list[Any]]]:
    """Kind and values of each column."""
    out: dict[str, tuple[str | None, list[Any]]] = {}
    for batch in batches_of(item):
        [raw] = raw_of(batch)
        assert raw.rows == batch.num_rows
        for column in raw.columns:
            assert len(column.data) == raw.rows
            kind, values = out.get(column.path[0], (column.kind, []))
            assert kind == column.kind
            out[column.path[0]] = (kind, values + column.data.to_pylist())
    return out


# ---- types


@pytest.mark.parametrize(
    ("data", "kind", "type_", "values"),
    [
        (pa.array([255], pa.uint8()), "bigint", pa.int16(), [255]),
        (pa.array([2**16 - 1], pa.uint16()), "bigint", pa.int32(), [2**16 - 1]),
        (pa.array([2**32 - 1], pa.uint32()), "bigint", pa.int64(), [2**32 - 1]),
        (pa.array([7, None], pa.uint64()), "bigint", pa.int64(), [7, None]),
        (pa.array([BIG], pa.uint64()), "decimal", pa.decimal128(20, 0), [Decimal(BIG)]),
        (pa.array([-1], pa.int8()), "bigint", pa.int8(), [-1]),
        (pa.array([1.5], pa.float32()), "double", pa.float64(), [1.5]),
        (pa.array([1.5]).cast(pa.float16()), "double", pa.float64(), [1.5]),
        (pa.array([True, None]), "bool", pa.bool_(), [True, None]),
        (pa.array(["a"], pa.large_string()), "text", pa.string(), ["a"]),
        (pa.array(["a", LONG], pa.string_view()), "text", pa.string(), ["a", LONG]),
        (pa.array(["a", None, "a"]).dictionary_encode(), "text", pa.string(), ["a", None, "a"]),
        (pa.array([1, 1, 2]).dictionary_encode(), "bigint", pa.int64(), [1, 1, 2]),
        (
            pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"])),
            "text",
            pa.string(),
            ["a", "a", "b"],
        ),
        (pa.array([b"a"], pa.large_binary()), "binary", pa.binary(), [b"a"]),
        (pa.array([b"ab"], pa.binary(2)), "binary", pa.binary(), [b"ab"]),
        (pa.array([b"a"], pa.binary_view()), "binary", pa.binary(), [b"a"]),
        (pa.array([dt.date(2024, 1, 2)], pa.date64()), "date", pa.date32(), [dt.date(2024, 1, 2)]),
        (
            pa.array([5], pa.int64()).view(pa.date64()),
            "timestamp",
            pa.timestamp("us"),
            [dt.datetime(1970, 1, 1, 0, 0, 0, 5000)],
        ),
        (pa.array([1], pa.time32("s")), "time", pa.time64("us"), [dt.time(0, 0, 1)]),
        (pa.array([1000], pa.time64("ns")), "time", pa.time64("us"), [dt.time(0, 0, 0, 1)]),
        (pa.array([1], pa.time64("ns")), "text", pa.string(), ["00:00:00.000000001"]),
        (pa.array([1], pa.timestamp("s")), "timestamp", pa.timestamp("us"), [dt.datetime(1970, 1, 1, 0, 0, 1)]),
        (pa.array([1000], pa.timestamp("ns")), "timestamp", pa.timestamp("us"), [dt.datetime(1970, 1, 1, 0, 0, 0, 1)]),
        (
            pa.array([0], pa.timestamp("ms", "Europe/Oslo")),
            "timestamp",
            pa.timestamp("us", "UTC"),
            [dt.datetime(1970, 1, 1, tzinfo=UTC)],
        ),
        (pa.array([1], pa.duration("s")), "bigint", pa.int64(), [1_000_000]),
        (pa.array([1500, None], pa.duration("ns")), "decimal", pa.decimal128(38, 3), [Decimal("1.500"), None]),
        (pa.array([2**62], pa.duration("ms")), "decimal", pa.decimal128(38, 3), [Decimal(2**62 * 1000)]),
        (pa.array([Decimal("1.5")], pa.decimal32(4, 1)), "decimal", pa.decimal128(4, 1), [Decimal("1.5")]),
        (pa.array([Decimal("1.5")], pa.decimal256(60, 1)), "decimal", pa.decimal256(60, 1), [Decimal("1.5")]),
        (pa.array([Decimal(12000)], pa.decimal128(5, -3)), "decimal", pa.decimal128(8, 0), [Decimal(12000)]),
        (pa.array([ID.bytes], pa.uuid()), "text", pa.string(), [str(ID)]),
        (
            pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, None], pa.int8())),
            "bool",
            pa.bool_(),
            [True, False, None],
        ),
        (pa.array(['{"a":1}'], pa.json_()), "json", pa.string(), ['{"a":1}']),
        (pa.array([{"a": 1, "b": None}]), "json", pa.string(), ['{"a":1,"b":null}']),
        (pa.array([[1, 2], [], None]), "json", pa.string(), ["[1,2]", "[]", None]),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), "json", pa.string(), ["[1,2]"]),
        (pa.array([[1]], pa.list_view(pa.int8())), "json", pa.string(), ["[1]"]),
        (
            pa.array([[("k", b"\xff")], []], pa.map_(pa.string(), pa.binary())),
            "json",
            pa.string(),
            ['{"k":"/w=="}', "{}"],
        ),
        (
            pa.array([[("k", 1), ("k", 2)], [("l", 3)]], pa.map_(pa.string(), pa.int8())),
            "json",
            pa.string(),
            ['[["k",1],["k",2]]', '{"l":3}'],
        ),
        (pa.array([[(2, "x")]], pa.map_(pa.int8(), pa.string())), "json", pa.string(), ['{"2":"x"}']),
        (
            pa.array([{"t": 1}], pa.struct([("t", pa.timestamp("ns"))])),
            "json",
            pa.string(),
            ['{"t":"1970-01-01 00:00:00.000000001"}'],
        ),
        (pa.array([[Decimal("1.50")]]), "json", pa.string(), ['["1.50"]']),
        (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), "json", pa.string(), ["[1,2,3]"]),
        (pa.nulls(2), None, pa.null(), [None, None]),
    ],
    ids=lambda value: str(value.type).replace(" ", "") if isinstance(value, pa.Array) else "",
)
def test_c42_c43_c45_types(data, kind, type_, values):
    made, plain = plain_array(data)

    assert (made, plain.type, plain.to_pylist()) == (kind, type_, values)
    empty_kind, empty = plain_array(data.slice(0, 0))
    assert len(empty) == 0
    assert empty_kind is not None or kind is None


def test_c43_finer_than_microseconds():
    kind, plain = plain_array(pa.array([1, None], pa.timestamp("ns", "Asia/Tokyo")))

    assert (kind, plain.type) == ("timestamp", pa.timestamp("ns", "UTC"))
    assert plain.cast(pa.int64()).to_pylist() == [1, None]


def test_c57_columns_without_values_keep_the_type_they_have():
    assert found(pa.table({"a": pa.nulls(1), "b": pa.array([None], pa.int32())})) == {
        "a": (None, [None]),
        "b": ("bigint", [None]),
    }


@given(
    st.recursive(
        st.none() | st.integers(-(2**53), 2**53) | st.text(max_size=3) | st.booleans(),
        lambda inner: st.lists(inner, max_size=3),
        max_leaves=8,
    )
)
def test_nested_values_are_json(value):
    try:
        data = pa.array([{"v": value}])
    except pa.ArrowException:  # a list of several types
        return
    assert json.loads(json_texts(data)[0].as_py()) == {"v": value}


# ---- what there is to read


class Stream:
    """Speaks the Arrow C stream interface and nothing else."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return self.table.__arrow_c_stream__(requested_schema)


class OneBatch:
    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch

    def __arrow_c_array__(self, requested_schema: Any = None) -> Any:
        return self.batch.__arrow_c_array__(requested_schema)


TABLE = pa.table({"a": [1, 2], "b": ["x", None]})
EXPECTED = {"a": ("bigint", [1, 2]), "b": ("text", ["x", None])}


@pytest.mark.parametrize(
    "make",
    [
        lambda: TABLE,
        lambda: TABLE.to_batches()[0],
        lambda: TABLE.to_reader(),
        lambda: Stream(TABLE),
        lambda: OneBatch(TABLE.to_batches()[0]),
        lambda: TABLE.to_struct_array(),
        lambda: TABLE.to_struct_array().combine_chunks(),
        lambda: TABLE.to_pandas(),
        lambda: pl.from_arrow(TABLE),
        lambda: pl.from_arrow(TABLE).lazy(),
        lambda: duckdb.sql("select * from (values (1::bigint, 'x'), (2, null)) t(a, b)"),
    ],
    ids=["table", "batch", "reader", "stream", "array", "chunks", "structs", "pandas", "polars", "lazy", "relation"],
)
def test_all_that_is_columnar(make):
    assert is_columnar(make())
    assert found(make()) == EXPECTED


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (pa.array([1, 2]), "value"),
        (pa.chunked_array([[1], [2]]), "value"),
        (pl.Series("n", [1, 2]), "n"),
        (pl.Series([1, 2]), "value"),
        (pd.Series([1, 2], name="n"), "n"),
        (pd.Series([1, 2]), "value"),
    ],
)
def test_one_column(item, name):
    assert is_columnar(item)
    assert found(item) == {name: ("bigint", [1, 2])}


@pytest.mark.parametrize("item", [{"a": 1}, [1], "x", None, np.array([1]), 5])
def test_what_is_not_columnar(item):
    assert not is_columnar(item)


def test_c41_polars_texts():
    frame = pl.DataFrame({"t": ["a", None], "c": ["x", "y"], "l": [[1], []], "s": [{"k": 1}, None]})

    assert found(frame.with_columns(pl.col("c").cast(pl.Categorical))) == {
        "t": ("text", ["a", None]),
        "c": ("text", ["x", "y"]),
        "l": ("json", ["[1]", "[]"]),
        "s": ("json", ['{"k":1}', None]),
    }


def test_polars_moments():
    frame = pl.DataFrame({"t": [dt.datetime(2024, 1, 2, tzinfo=UTC)], "d": [dt.timedelta(seconds=1)], "n": [None]})

    assert found(frame) == {
        "t": ("timestamp", [dt.datetime(2024, 1, 2, tzinfo=UTC)]),
        "d": ("bigint", [1_000_000]),
        "n": (None, [None]),
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: TABLE.slice(0, 0),
        lambda: TABLE.schema.empty_table().to_reader(),
        lambda: pl.DataFrame({"a": [], "b": []}, {"a": pl.Int64, "b": pl.String}),
    ],
    ids=["table", "reader", "polars"],
)
def test_no_rows_are_one_batch_with_the_columns(make):
    assert found(make()) == {"a": ("bigint", []), "b": ("text", [])}


def test_batches_are_bounded(monkeypatch):
    monkeypatch.setattr(interop, "MOST_ROWS", 3_000)
    monkeypatch.setattr(interop, "MOST_BYTES", 2_000 * 1_000)

    assert [b.num_rows for b in batches_of(pa.table({"a": range(7_000)}))] == [3_000, 3_000, 1_000]
    assert [round(b.num_rows, -2) for b in batches_of(pa.table({"a": ["x" * 996] * 5_000}))] == [2_000, 2_000, 1_000]
    assert [b.num_rows for b in batches_of(pa.table({"a": ["x" * 10_000] * 2_500}))] == [1_000, 1_000, 500]


def test_a_reader_is_read_piece_by_piece():
    read = []

    def batches():
        for number in range(3):
            read.append(number)
            yield pa.record_batch({"a": [number]})

    reader = pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches())
    first = next(batches_of(reader))

    assert (first.num_rows, read) == (1, [0])


def test_two_columns_of_one_name():
    with pytest.raises(SchemaError, match=r"(?s)same name.*a"):
        found(pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(SchemaError, match="Duplicate column names"):
        found(pd.DataFrame([[1, 2]], columns=["a", "a"]))


# ---- pandas


def test_c53_ints_with_a_missing_value_and_the_index():
    frame = pd.DataFrame({"i": [1, None], "f": [1.5, None], "n": [None, math.nan], "w": [1.0, 2.0]}, index=["a", "b"])

    assert found(frame) == {
        "i": ("bigint", [1, None]),
        "f": ("double", [1.5, None]),
        "n": (None, [None, None]),
        "w": ("double", [1.0, 2.0]),
        "index": ("text", ["a", "b"]),
    }


@pytest.mark.parametrize(
    ("index", "names"),
    [
        (None, ["a"]),
        (pd.RangeIndex(5, 7), ["a"]),
        (pd.Index([3, 1]), ["a", "index"]),
        (pd.Index([3, 1], name="key"), ["a", "key"]),
        (pd.MultiIndex.from_tuples([(1, 2), (3, 4)]), ["a", "level_0", "level_1"]),
        (pd.MultiIndex.from_tuples([(1, 2), (3, 4)], names=["x", None]), ["a", "x", "index"]),
    ],
)
def test_c53_indexes(index, names):
    assert list(found(pd.DataFrame({"a": [1, 2]}, index=index))) == names


def test_an_index_whose_name_is_taken():
    assert found(pd.DataFrame({"index": [1]}, index=["x"])) == {"index": ("bigint", [1]), "_index": ("text", ["x"])}


def test_pandas_types():
    frame = pd.DataFrame(
        {
            "category": pd.Categorical(["x", None]),
            "nullable": pd.array([1, None], "Int64"),
            "text": pd.array(["a", None], "string"),
            "moment": pd.to_datetime(["2024-01-02T00:00:00.000000001", None]),
            "aware": pd.to_datetime(["2024-01-02", None]).tz_localize("Europe/Oslo"),
            "span": pd.to_timedelta([1, None], "s"),
            "period": pd.PeriodIndex(["2024-05", None], freq="M"),
            "interval": pd.arrays.IntervalArray.from_tuples([(0, 1), None]),
            "objects": [{"a": 1}, None],
            "lists": [[1], [2, 3]],
            "id": [ID, None],
            7: [True, False],
        }
    )

    assert found(frame.drop(columns=["moment"])) == {
        "category": ("text", ["x", None]),
        "nullable": ("bigint", [1, None]),
        "text": ("text", ["a", None]),
        "aware": ("timestamp", [dt.datetime(2024, 1, 1, 23, tzinfo=UTC), None]),
        "span": ("bigint", [1_000_000, None]),
        "period": ("text", ["2024-05", None]),
        "interval": ("text", ["(0.0, 1.0]", None]),
        "objects": ("json", ['{"a":1}', None]),
        "lists": ("json", ["[1]", "[2,3]"]),
        "id": ("text", [str(ID), None]),
        "7": ("bool", [True, False]),
    }
    [batch] = batches_of(frame[["moment"]])
    assert raw_of(batch)[0].columns[0].data.type == pa.timestamp("ns")


@pytest.mark.parametrize("values", [[1, "x"], [1j, 2j]])
def test_a_column_that_arrow_cannot_hold_says_what_to_do(values):
    with pytest.raises(SchemaError, match="records"):
        found(pd.DataFrame({"a": pd.Series(values, dtype=object)}))


@pytest.mark.parametrize("pieces", [True, False])
def test_lazy_frames(pieces, monkeypatch):
    if not pieces:
        monkeypatch.delattr(pl.LazyFrame, "collect_batches")
    frame = pl.LazyFrame({"a": range(200_000)}).with_columns(b=pl.col("a") % 2 == 0).filter(pl.col("b"))
    batches = list(batches_of(frame))

    assert [value for batch in batches for value in batch["a"].to_pylist()] == list(range(0, 200_000, 2))
    [empty] = batches_of(frame.filter(pl.col("a") < 0))
    assert (empty.schema.names, empty.num_rows) == (["a", "b"], 0)
