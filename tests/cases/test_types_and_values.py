"""C31-C58: types of columns and the values in them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import uuid
from decimal import Decimal, localcontext
from itertools import groupby

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import dlt
from dlt.arrow.cast import arrow_type, fit
from dlt.arrow.values import build
from dlt.errors import PlanError, StepFailed
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Column

from .rows import both, count, files, kept, load, notices, paged, pipeline, quarantined, shaped, sql, stored, types

UTC = dt.UTC
MANY = 5000  # rows that are more than one batch


def numbered(values, start=1):
    return [{"id": number, "v": value} for number, value in enumerate(values, start)]


def one_by_one(form, values, schema=None):
    """A run for each value."""
    for row in numbered(values):
        pipeline().run(shaped(form, [row], schema), table_name="t")


def in_turn(form, values):
    """A run for each stretch of values of one type."""
    start = 1
    for _, stretch in groupby(values, type):
        rows = numbered(list(stretch), start)
        load(form, rows)
        start += len(rows)


def same(found, expected):
    """The values are equal and of the same type: True is not 1, 1 is not 1.0."""
    assert [(type(value), value) for value in found] == [(type(value), value) for value in expected]


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


# ---- what drivers of databases give


def test_c46_timestamps_at_midnight_stay_timestamps():
    midnight = pa.array([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2)], pa.timestamp("us"))
    pipeline().run(pa.table({"id": [1, 2], "v": midnight}), table_name="t")
    later = pa.array([dt.datetime(2024, 1, 3, 12, 30)], pa.timestamp("us"))
    pipeline().run(pa.table({"id": [3], "v": later}), table_name="t")
    assert types("t")["v"] == "TIMESTAMP"
    assert kept() == [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 3, 12, 30)]


def test_c46_a_driver_that_says_date_and_then_timestamp():
    pages = [
        pa.table({"id": [1], "v": pa.array([dt.date(2024, 1, 1)], pa.date32())}),
        pa.table({"id": [2], "v": pa.array([dt.datetime(2024, 1, 2, 12, 30)], pa.timestamp("us"))}),
    ]
    pipeline().run(paged(*pages))
    assert kept() == [dt.date(2024, 1, 1), dt.datetime(2024, 1, 2, 12, 30)]


def test_c46_a_date_with_a_time_of_day_in_it():
    millis = 1704112200000  # 2024-01-01 12:30
    data = pa.array([millis, 1704067200000], pa.int64()).cast(pa.timestamp("ms")).view(pa.date64())
    pipeline().run(pa.table({"id": [1, 2], "v": data}), table_name="t")
    times = [value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time()) for value in kept()]
    assert times == [dt.datetime(2024, 1, 1, 12, 30), dt.datetime(2024, 1, 1)]


def test_c47_large_whole_numbers_keep_their_digits():
    values = [10**37 + 1, 2**63, -5, 12345678901234567890]
    data = pa.array([Decimal(value) for value in values], pa.decimal128(38, 0))
    pipeline().run(pa.table({"id": [1, 2, 3, 4], "v": data}), table_name="t")
    assert [int(value) for value in kept()] == values


def test_c47_doubles_first_then_numbers_that_no_double_holds():
    exact = Decimal(2**60 + 1)
    pages = [
        pa.table({"id": [1], "v": pa.array([1.0])}),
        pa.table({"id": [2], "v": pa.array([exact], pa.decimal128(38, 0))}),
        pa.table({"id": [3], "v": pa.array([2**60 + 1])}),
        pa.table({"id": [4], "v": pa.array([2**53])}),
    ]
    pipeline().run(paged(*pages))
    assert [Decimal(value) for value in kept()] == [1, exact, exact, 2**53]


@both
def test_c48_the_precision_of_decimals_comes_from_the_data(form):
    values = [
        Decimal("1.1"),
        Decimal("123456789012345678.123456789012345678"),
        Decimal("-0.000000000001"),
        Decimal("1E+20"),
    ]
    load(form, numbered(values))
    assert [Decimal(value) for value in kept()] == values


@pytest.mark.parametrize(
    "kind", [pa.decimal128(38, 18), pa.decimal256(76, 38), pa.decimal128(5, 2), pa.decimal128(10, -2)]
)
def test_c48_decimals_as_drivers_declare_them(kind):
    values = [Decimal("100.00"), Decimal(-300), None]
    pipeline().run(pa.table({"id": [1, 2, 3], "v": pa.array(values, kind)}), table_name="t")
    later = pa.array([Decimal("0.12345678901234567890123456789")], pa.decimal128(38, 29))
    pipeline().run(pa.table({"id": [4], "v": later}), table_name="t")
    assert [value if value is None else Decimal(value) for value in kept()] == [*values, later[0].as_py()]


EDGES = [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(2918, 3, 4, 5, 6, 7)]


@both
@files
@pytest.mark.parametrize("zone", [None, UTC])
def test_c49_the_first_and_the_last_year_are_kept(form, file_format, zone):
    values = [value.replace(tzinfo=zone) for value in EDGES]
    load(form, numbered(values), loader_file_format=file_format)
    kind = "TIMESTAMP" if zone is None else "TIMESTAMP WITH TIME ZONE"
    assert types("t")["v"] == kind
    assert [int(value) for (value,) in sql("SELECT epoch_us(v) FROM ds.t ORDER BY id")] == [
        (value - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1) for value in EDGES
    ]


@both
@files
def test_c49_dates_of_the_first_and_the_last_year(form, file_format):
    values = [value.date() for value in EDGES]
    load(form, numbered(values), loader_file_format=file_format)
    assert types("t")["v"] == "DATE"
    assert kept() == values


@both
def test_c49_a_date_that_is_none_stays_text(form):
    at = dt.datetime(2024, 1, 1)
    in_turn(form, [at, "0000-00-00", "0000-00-00 00:00:00", "2024-13-45"])
    same(kept(), [at, "0000-00-00", "0000-00-00 00:00:00", "2024-13-45"])


# ---- texts


@both
@files
def test_c50_the_character_nul_is_kept_in_every_format(form, file_format):
    texts = ["a\x00b", "\x00", "ab\x00", "plain"]
    load(form, numbered(texts), loader_file_format=file_format)
    assert kept() == texts
    assert sql("SELECT length(v) FROM ds.t ORDER BY id") == [(3,), (1,), (3,), (5,)]


@files
def test_c50_in_nested_values_and_json(file_format):
    row = {"id": 1, "a": {"v": "a\x00b"}, "l": ["c\x00d"], "j": {"k": "e\x00f"}}
    load("dict", [row], columns={"j": {"data_type": "json"}}, loader_file_format=file_format)
    (found,) = stored()
    assert found["a__v"] == "a\x00b"
    assert sql('SELECT "value" FROM ds.t__l') == [("c\x00d",)]
    assert json.loads(found["j"]) == {"k": "e\x00f"}


@pytest.mark.parametrize("bad", ["a\ud800b", {"k": "\udfff"}, ["x", "\ud800"], [{"k": {"l": "\udc00\ud800"}}]])
def test_c51_only_the_row_with_half_a_character_is_kept_aside(bad):
    load("dict", [{"id": 1, "w": "a", "v": "x"}, {"id": 2, "w": "b", "v": bad}, {"id": 3, "w": "c", "v": "\U0001f600"}])
    assert [(row["id"], row["w"]) for row in stored()] == [(1, "a"), (3, "c")]
    assert kept() == ["x", "\U0001f600"]
    (entry,) = quarantined()
    assert (entry["position"], entry["reason"], entry["whole_row"]) == (1, "invalid_unicode", True)
    assert json.loads(entry["row"])["w"] == "b"
    assert "ud800" in entry["row"].lower() or "udfff" in entry["row"].lower()


def test_c51_a_key_with_half_a_character_loses_nothing():
    load("dict", [{"id": 1, "w": "a"}, {"id": 2, "w": "b", "k\ud800": "value"}])
    assert stored()[0]["w"] == "a"
    texts = [value for row in stored() for value in row.values()] + [entry["row"] for entry in quarantined()]
    assert any("value" in str(text) for text in texts)


PRIVATE = ["\uf026x", "\uf027", "\uf028\uf029", "\uf02a2024-01-01", "\ue000", "\uf8ff", "\U000f0000y", "\uf0261.5"]


@both
@files
def test_c52_private_characters_mean_nothing(form, file_format):
    load(form, numbered(PRIVATE), loader_file_format=file_format)
    assert kept() == PRIVATE


def test_c52_nor_in_nested_values_and_state():
    @dlt.resource(name="t")
    def numbers():
        state = dlt.current.resource_state()
        yield {"id": len(state), "l": PRIVATE, "a": {"v": PRIVATE[0]}, "seen": state.get("text")}
        state["text"] = PRIVATE[3]

    pipeline().run(numbers())
    pipeline().drop()
    pipeline().run(numbers())
    assert sorted(value for (value,) in sql('SELECT "value" FROM ds.t__l')) == sorted(PRIVATE * 2)
    assert [(row["a__v"], row["seen"]) for row in stored()] == [(PRIVATE[0], None), (PRIVATE[0], PRIVATE[3])]


# ---- frames, hints, more than one source


@pytest.mark.parametrize("form", ["dict", "arrow", "pandas", "polars"])
def test_c53_ints_with_a_missing_value_stay_ints(form):
    load(form, numbered([1, None, 2**53 - 1]))
    assert types("t") == {"id": "BIGINT", "v": "BIGINT"}
    assert kept() == [1, None, 2**53 - 1]


def test_c53_nullable_ints_of_pandas():
    frame = pd.DataFrame({"id": [1, 2], "v": pd.array([2**62 + 1, None], dtype="Int64")})
    pipeline().run(frame, table_name="t")
    assert kept() == [2**62 + 1, None]


@pytest.mark.parametrize("name", [None, "day"])
def test_c53_an_index_with_data_is_kept(name, caplog):
    frame = pd.DataFrame({"id": [1, 2]}, index=pd.Index(["a", "b"], name=name))
    pipeline().run(frame, table_name="t")
    (index,) = set(types("t")) - {"id"}
    assert [row[index] for row in stored()] == ["a", "b"]
    assert index == (name or "index")


def test_c53_an_index_that_only_counts_is_no_column():
    pipeline().run(pd.DataFrame({"id": [1, 2]}), table_name="t")
    assert types("t") == {"id": "BIGINT"}


@both
def test_c54_a_hint_that_changes_the_type_of_a_column(form):
    load(form, numbered([1]), columns={"v": {"data_type": "bigint"}})
    load(form, numbered(["x"], 2), columns={"v": {"data_type": "text"}})
    load(form, numbered(["y"], 3))
    assert [str(value) for value in kept()] == ["1", "x", "y"]


@both
def test_c54_without_the_hint_it_is_the_same(form):
    for hinted in ("hinted", "inferred"):
        for number, value in enumerate([1, "x", "y", 2], 1):
            kind = "bigint" if isinstance(value, int) else "text"
            hints = {"columns": {"v": {"data_type": kind}}} if hinted == "hinted" else {}
            load(form, [{"id": number, "v": value}], hinted, **hints)
    assert kept(table="hinted") == kept(table="inferred")
    assert types("hinted") == types("inferred")


@both
def test_c55_a_required_column_is_added_to_a_table_with_rows(form):
    load(form, [{"id": 1}])
    columns = {"v": {"data_type": "bigint", "nullable": False}}
    load(form, [{"id": 2, "v": 7}], columns=columns)
    load(form, [{"id": 3, "v": 8}], "other", columns=columns)
    assert stored() == [{"id": 1, "v": None}, {"id": 2, "v": 7}]
    assert stored("other") == [{"id": 3, "v": 8}]
    assert sql("SELECT is_nullable FROM duckdb_columns() WHERE table_name = 't' AND column_name = 'v'") == [(True,)]


def source(name, form, rows):
    @dlt.source(name=name)
    def made():
        return dlt.resource([shaped(form, rows)], name="t")

    return made()


@both
def test_c56_two_sources_with_one_table_of_different_types(form):
    pipeline("one").run(source("one", form, [{"id": 1, "v": 7}]))
    two = pipeline("two")
    with pytest.raises(StepFailed) as caught:
        two.run(source("two", form, [{"id": 2, "v": "text"}]))
    assert isinstance(caught.value.exception, PlanError)
    assert (caught.value.table, caught.value.column) == ("t", "v")
    assert stored() == [{"id": 1, "v": 7}]
    assert sql("SELECT schema_name FROM ds._dlt_loads") == [("one",)]


@both
def test_c56_two_sources_of_one_pipeline(form):
    with pytest.raises(StepFailed, match="bigint at the destination") as caught:
        pipeline().run([source("one", form, [{"id": 1, "v": 7}]), source("two", form, [{"id": 2, "v": "text"}])])
    assert (caught.value.table, caught.value.column) == ("t", "v")
    assert stored() == [{"id": 1, "v": 7}]


@both
def test_c56_two_sources_with_one_table_of_the_same_types(form):
    pipeline("one").run(source("one", form, [{"id": 1, "v": 7}]))
    pipeline("two").run(source("two", form, [{"id": 2, "v": 8, "w": "x"}]))
    pipeline("one").run(source("one", form, [{"id": 3, "v": 9}]))
    assert stored() == [{"id": 1, "v": 7, "w": None}, {"id": 2, "v": 8, "w": "x"}, {"id": 3, "v": 9, "w": None}]


@pytest.mark.parametrize("form", ["dict", "arrow", "pandas", "polars"])
@pytest.mark.parametrize("value", [7, "x", 1.5, dt.datetime(2024, 1, 1), True])
def test_c57_a_column_that_is_typed_after_a_page_of_nulls(form, value):
    pages = [numbered([None, None]), numbered([value], 3), numbered([None, value], 4)]
    pipeline().run(paged(*(shaped(form, page) for page in pages)))
    assert kept() == [None, None, value, None, value]
    load("dict", numbered([value]), "other")
    assert types("t")["v"] == types("other")["v"]


def test_c57_after_a_batch_of_nulls():
    pipeline().run(paged(numbered([None] * MANY), numbered([7], MANY + 1), numbered(["x"], MANY + 2)))
    assert kept()[-3:] == [None, 7, "x"]
    assert (count("t"), types("t")["v"]) == (MANY + 2, "BIGINT")


@files
def test_c57_in_every_file_format(file_format):
    pages = [pa.table({"id": [1], "v": pa.nulls(1)}), pa.table({"id": [2], "v": pa.array([5], pa.int64())})]
    pipeline().run(paged(*pages), loader_file_format=file_format)
    assert kept() == [None, 5]


@pytest.mark.parametrize("form", ["dict", "arrow", "pandas", "polars"])
@pytest.mark.parametrize("runs", ["pages", "runs"])
def test_c58_columns_in_another_order_are_matched_by_name(form, runs):
    rows = [{"id": 1, "a": "a1", "b": "b1"}, {"b": "b2", "a": "a2", "id": 2}, {"a": "a3", "new": "n3", "id": 3}]
    if runs == "pages":
        pipeline().run(paged(*(shaped(form, [row]) for row in rows)))
    else:
        for row in rows:
            load(form, [row])
    assert [[row[name] for name in ("a", "b", "new")] for row in stored()] == [
        ["a1", "b1", None],
        ["a2", "b2", None],
        ["a3", None, "n3"],
    ]
    assert count("t") == 3
