"""C31-C45: types of columns and the values in them, as dicts and as Arrow."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import uuid
from decimal import Decimal, localcontext

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlt.arrow.cast import arrow_type, fit
from dlt.arrow.values import build
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Column

from .rows import (
    MANY,
    both,
    files,
    in_turn,
    kept,
    load,
    notices,
    numbered,
    one_by_one,
    paged,
    pipeline,
    quarantined,
    same,
    sql,
    stored,
    types,
)

UTC = dt.UTC


# ---- coercion only where it round-trips


@both
def test_c31_numbers_and_words_are_no_bools(form):
    values = [True, 2, "no", 0, 1, "true", False]
    in_turn(form, values)
    same(kept(), values)
    assert types("t")["v"] == "BOOLEAN"


def test_c31_in_one_page():
    values = [True, 2, "no", 0, 1.5, None, False]
    load("dict", numbered(values))
    same(kept(), values)


@both
def test_c32_short_numbers_are_no_timestamps(form):
    values = ["2024-05-06T07:08:09Z", "2024", "1", "2024-05", "20240506"]
    in_turn(form, values)
    first, *rest = kept()
    assert first in (values[0], dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
    same(rest, values[1:])


@both
def test_c33_texts_become_numbers_only_when_they_come_back_as_they_were(form):
    texts = ["1_000", "٣", "007", "1.0", " 5", "+5", "0x10", "1e3", "-0", ""]
    in_turn(form, [1, "7", *texts])
    same(kept(), [1, 7, *texts])
    assert types("t")["v"] == "BIGINT"


@both
def test_c33_the_same_for_columns_of_fractions(form):
    texts = ["1_000.5", "٣", "007.5", "2.50", "1e2", "nan", "inf", " 1.5"]
    in_turn(form, [1.5, "2.5", *texts])
    same(kept(), [1.5, 2.5, *texts])


@both
def test_c34_numbers_are_no_timestamps(form):
    at = dt.datetime(2024, 1, 1, tzinfo=UTC)
    values = [at, 1704067200, 1704067200000, 0]
    in_turn(form, values)
    same(kept(), values)


def test_c34_a_declared_timestamp_takes_seconds():
    load("dict", numbered([1704067200]), columns={"v": {"data_type": "timestamp"}})
    same(kept(), [dt.datetime(2024, 1, 1, tzinfo=UTC)])


@both
def test_c35_the_time_of_day_is_not_cut(form):
    values = [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 23, 59), dt.datetime(2024, 1, 2), dt.date(2024, 1, 3)]
    in_turn(form, values)
    same(kept(), values)


@both
def test_c36_timestamps_without_zone_stay_without_zone(form):
    texts = ["2024-01-01T10:00:00", "2024-06-01T23:59:59.123456", "2024-01-01 00:00:00"]
    load(form, numbered(texts))
    if form == "dict":
        assert types("t")["v"] == "TIMESTAMP"
        same(kept(), [dt.datetime.fromisoformat(text) for text in texts])
    else:  # a column of texts was declared by who made the Arrow table
        assert types("t")["v"] == "VARCHAR"
        same(kept(), texts)


@both
def test_c36_with_and_without_zone_do_not_mix(form):
    values = [dt.datetime(2024, 1, 1, 10), dt.datetime(2024, 1, 1, 10, tzinfo=UTC), dt.datetime(2024, 7, 1, 10)]
    one_by_one(form, values)
    same(kept(), values)


@both
def test_c36_a_type_is_found_in_the_texts_of_dicts_only(form):
    load(form, numbered(["2024-01-01T10:00:00Z", "2024-01-02T10:00:00+02:00"]))
    assert types("t")["v"] == ("TIMESTAMP WITH TIME ZONE" if form == "dict" else "VARCHAR")


# ---- numbers


@both
@files
def test_c37_numbers_that_are_no_numbers_are_kept(form, file_format):
    values = [math.nan, math.inf, -math.inf, 0.1, None]
    load(form, numbered(values), loader_file_format=file_format)
    assert types("t")["v"] == "DOUBLE"
    assert str(kept()) == str(values)


@both
def test_c37_a_column_of_them_alone_exists(form):
    load(form, numbered([math.nan, math.nan]))
    load(form, numbered([math.inf], 3))
    assert str(kept()) == "[nan, nan, inf]"


@both
@files
def test_c38_decimals_keep_their_digits(form, file_format):
    values = [Decimal("0.12345678901234"), Decimal("-98765432109876.5"), Decimal(7)]
    load(form, numbered(values), loader_file_format=file_format)
    assert kept() == values


@both
def test_c38_more_digits_than_the_column_has(form):
    values = [
        Decimal("1.5"),
        Decimal("0.12345678901234"),
        Decimal("12345678901234567890123456789012.5"),
        Decimal("0." + "3" * 38),
    ]
    one_by_one(form, values)
    assert [Decimal(value) for value in kept()] == values


@given(
    st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=4),
    st.integers(1, 76).flatmap(lambda most: st.tuples(st.just(most), st.integers(0, most))),
)
def test_c38_no_cast_changes_a_decimal(values, wanted):
    assume(all(len(format(value, "f")) < 90 for value in values))
    with localcontext(prec=200):
        for kind, data in build("decimal", values):
            column = Column("v", "decimal", precision=wanted[0], scale=wanted[1])
            made, bad = fit(data, kind, column, arrow_type(column, Capabilities(decimal_digits=76)))
            refused = bad.to_pylist() if bad is not None else [False] * len(values)
            for value, found, is_refused in zip(values, made.to_pylist(), refused, strict=True):
                assert found is None if is_refused else found == value


BIG = [2**63, 2**64 - 1, -(2**63) - 1, 2**100, 2**130, -(2**250), 2**300]


@pytest.mark.parametrize("runs", ["one page", "runs"])
@pytest.mark.parametrize("first", [None, 5])
def test_c39_ints_beyond_64_bits_are_kept(runs, first):
    values = [first, *BIG]
    if runs == "runs":
        one_by_one("dict", values)
    else:
        load("dict", numbered(values))
    assert [value if value is None else int(value) for value in kept()] == values


def test_c39_in_a_later_batch():
    rows = numbered([*range(MANY), 2**63, 2**130])
    pipeline().run(paged(rows))
    assert [int(value) for value in kept()] == [row["v"] for row in rows]


def test_c39_nested_too():
    load(
        "dict", [{"id": 1, "a": {"v": 2**63}, "l": [2**130], "j": {"v": 2**200}}], columns={"j": {"data_type": "json"}}
    )
    (row,) = stored()
    assert int(row["a__v"]) == 2**63
    assert [int(value) for (value,) in sql('SELECT "value" FROM ds.t__l')] == [2**130]
    assert json.loads(row["j"]) == {"v": 2**200}


@files
def test_c40_decimals_that_are_no_numbers_are_kept(file_format):
    values = [Decimal("1.25"), Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("2.5")]
    load("dict", numbered(values), loader_file_format=file_format)
    assert [str(float(value)) for value in kept()] == ["1.25", "nan", "inf", "-inf", "2.5"]
    assert [kept()[0], kept()[4]] == [values[0], values[4]]


@both
@files
def test_c40_the_word_nan_in_a_column_of_doubles(form, file_format):
    load(form, numbered([1.5]), loader_file_format=file_format)
    load(form, numbered(["nan", "'); --", "NULL"], 2), loader_file_format=file_format)
    same(kept(), [1.5, "nan", "'); --", "NULL"])


# ---- Arrow


PAGES = {
    "text": ([["a"], ["b"], ["c"]], [pa.string(), pa.large_string(), pa.string_view()]),
    "numbers": ([[1], [2.5], [3]], [pa.int64(), pa.float64(), pa.int8()]),
    "widths": ([[1], [2**40], [3]], [pa.int8(), pa.int64(), pa.int32()]),
    "bytes": ([[b"a"], [b"b"], [b"c"]], [pa.binary(), pa.large_binary(), pa.binary(1)]),
    "units": (
        [[dt.datetime(2024, 1, 1)], [dt.datetime(2024, 1, 1, 1, 1, 1, 5000)], [dt.datetime(2024, 1, 1, 1, 1, 1, 5)]],
        [pa.timestamp("s"), pa.timestamp("ms"), pa.timestamp("us")],
    ),
    "encoded": ([["a"], ["b"]], [pa.dictionary(pa.int8(), pa.string()), pa.string()]),
    "null": ([[None], [5]], [pa.null(), pa.int16()]),
}


@pytest.mark.parametrize("case", PAGES)
@pytest.mark.parametrize("runs", ["pages", "runs"])
def test_c41_arrow_pages_of_different_types(case, runs):
    values, kinds = PAGES[case]
    pages = [
        pa.table({"id": [number], "v": pa.array(value, kind)})
        for number, (value, kind) in enumerate(zip(values, kinds, strict=True), 1)
    ]
    if runs == "pages":
        pipeline().run(paged(*pages))
    else:
        for page in pages:
            pipeline().run(page, table_name="t")
    assert kept() == [value for (value,) in values]


def test_c41_polars_pages():
    pages = [
        pl.DataFrame({"id": [1], "v": ["a"], "n": [1], "c": pl.Series(["x"], dtype=pl.Categorical)}),
        pa.table({"id": [2], "v": ["b"], "n": [2.5], "c": ["y"]}),
        pl.DataFrame({"id": [3], "v": ["c"], "n": pl.Series([3], dtype=pl.UInt8), "c": ["z"]}),
        pl.LazyFrame({"id": [4], "v": [None], "n": [4], "c": ["z"]}),
    ]
    pipeline().run(paged(*pages))
    assert [kept(name) for name in ("v", "n", "c")] == [["a", "b", "c", None], [1, 2.5, 3, 4], ["x", "y", "z", "z"]]


def test_c41_dicts_between_frames():
    pages = [
        pa.table({"id": [1], "v": [1]}),
        [{"id": 2, "v": 2}],
        pd.DataFrame({"id": [3], "v": [3]}),
        pl.DataFrame({"id": [4], "v": [4]}),
    ]
    pipeline().run(paged(*pages))
    same(kept(), [1, 2, 3, 4])


@files
def test_c42_unsigned_ints_are_kept(file_format):
    data = {
        "id": [1, 2],
        "u8": pa.array([255, 0], pa.uint8()),
        "u16": pa.array([65535, 0], pa.uint16()),
        "u32": pa.array([2**32 - 1, 0], pa.uint32()),
        "u64": pa.array([2**64 - 1, 0], pa.uint64()),
        "small": pa.array([5, None], pa.uint64()),
    }
    pipeline().run(pa.table(data), table_name="t", loader_file_format=file_format)
    assert stored()[0] == {"id": 1, "u8": 255, "u16": 65535, "u32": 2**32 - 1, "u64": 2**64 - 1, "small": 5}
    assert stored()[1] == {"id": 2, "u8": 0, "u16": 0, "u32": 0, "u64": 0, "small": None}


def test_c42_a_larger_unsigned_int_later():
    one_by_one("arrow", [5, 2**64 - 1, 7], pa.schema([("id", pa.int64()), ("v", pa.uint64())]))
    assert kept() == [5, 2**64 - 1, 7]


NANOS = 1704067200123456789


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_c43_nanoseconds_are_not_cut(zone):
    data = pa.array([NANOS, NANOS // 1000 * 1000, None], pa.timestamp("ns", zone))
    pipeline().run(pa.table({"id": [1, 2, 3], "v": data}), table_name="t")
    names = [name for name in types("t") if name.startswith("v")]
    listed = ", ".join(f"coalesce(epoch_ns(try_cast({name}::VARCHAR AS TIMESTAMP_NS)), 0)" for name in names)
    assert [max(row) for row in sql(f"SELECT {listed} FROM ds.t WHERE id < 3 ORDER BY id")] == [
        NANOS,
        NANOS // 1000 * 1000,
    ]
    assert kept()[2] is None
    assert quarantined() == []


def test_c43_nanoseconds_after_microseconds():
    micros = pa.array([NANOS // 1000], pa.timestamp("us"))
    nanos = pa.array([NANOS], pa.timestamp("ns"))
    pipeline().run(pa.table({"id": [1], "v": micros}), table_name="t")
    pipeline().run(pa.table({"id": [2], "v": nanos}), table_name="t")
    names = [name for name in types("t") if name.startswith("v")]
    listed = ", ".join(f"coalesce(epoch_ns(try_cast({name}::VARCHAR AS TIMESTAMP_NS)), 0)" for name in names)
    assert [max(row) for row in sql(f"SELECT {listed} FROM ds.t ORDER BY id")] == [NANOS // 1000 * 1000, NANOS]


@files
@both
def test_c44_naive_timestamps_stay_naive_in_every_format(form, file_format):
    at = dt.datetime(2024, 7, 1, 12, 30, 0, 123456)
    rows = [{"id": 1, "v": at, "w": at.replace(tzinfo=UTC), "m": at.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))}]
    for _ in range(2):
        load(form, rows, loader_file_format=file_format)
    assert [types("t")[name] for name in "vwm"] == ["TIMESTAMP", *["TIMESTAMP WITH TIME ZONE"] * 2]
    assert sql("SELECT DISTINCT v::VARCHAR, w::VARCHAR, m::VARCHAR FROM ds.t") == [
        ("2024-07-01 12:30:00.123456", "2024-07-01 12:30:00.123456+00", "2024-07-01 10:30:00.123456+00")
    ]


def test_c45_durations_are_kept():
    span = dt.timedelta(days=2, hours=3, microseconds=7)
    arrow = pa.table({"id": [1, 2], "v": pa.array([span, -span], pa.duration("us"))})
    pipeline().run(arrow, table_name="arrow")
    load("dict", [{"id": 1, "v": span}, {"id": 2, "v": -span}], "dict")
    assert stored("arrow") == stored("dict")
    micros = span // dt.timedelta(microseconds=1)
    assert [row["v"] for row in stored("arrow")] == [micros, -micros]


@dataclasses.dataclass
class Point:
    x: int
    y: float


def test_c45_values_that_are_nearly_plain_are_kept():
    row = {
        "id": 1,
        "span": dt.timedelta(seconds=1.5),
        "unique": {"a"},
        "frozen": frozenset(["b"]),
        "i8": np.int8(-3),
        "u64": np.uint64(2**64 - 1),
        "f32": np.float32(0.5),
        "flag": np.bool_(True),
        "word": np.str_("w"),
        "at": np.datetime64("2024-01-02T03:04:05.678901"),
        "array": np.array([1, 2]),
        "stamp": pd.Timestamp("2024-01-02T03:04:05Z"),
        "nothing": pd.NaT,
        "missing": pd.NA,
        "key": uuid.UUID(int=5),
        "point": Point(1, 0.5),
        "pair": (1, 2),
    }
    load("dict", [row])
    (found,) = stored()
    assert found.pop("nothing", None) is None
    assert found.pop("missing", None) is None
    at = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    numbers = [1, 1_500_000, -3, Decimal(2**64 - 1), 0.5, True]
    texts = ["w", dt.datetime(2024, 1, 2, 3, 4, 5, 678901), at, "00000000-0000-0000-0000-000000000005"]
    same(found.values(), [*numbers, *texts, 1, 0.5])
    assert list(found)[-3:] == ["key", "point__x", "point__y"]
    nested = [sql(f'SELECT "value" FROM ds.t__{name} ORDER BY 1') for name in ("unique", "frozen", "array", "pair")]
    assert nested == [[("a",)], [("b",)], [(1,), (2,)], [(1,), (2,)]]
    assert quarantined() == []


@pytest.mark.parametrize("place", ["value", "nested", "item", "json"])
def test_c45_a_row_with_an_unknown_object_is_kept_aside_with_a_reason(place, caplog):
    thing = complex(1, 2)
    bad = {"value": thing, "nested": {"a": thing}, "item": [1, thing], "json": {"a": [thing]}}[place]
    columns = {"v": {"data_type": "json"}} if place == "json" else None
    load("dict", [{"id": 1, "w": "a"}, {"id": 2, "w": "b", "v": bad}, {"id": 3, "w": "c"}], columns=columns)
    assert [(row["id"], row["w"]) for row in stored()] == [(1, "a"), (3, "c")]
    (entry,) = quarantined()
    assert (entry["table_name"], entry["reason"], entry["position"], entry["whole_row"]) == (
        "t",
        "unsupported_type",
        1,
        True,
    )
    assert entry["column_name"].split("__")[0] == "v"
    assert "(1+2j)" in entry["row"]
    assert json.loads(entry["row"])["w"] == "b"
    assert "complex" in entry["detail"]
    assert "_dlt_quarantine" in notices(caplog)
