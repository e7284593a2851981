"""Python values of every type -> Arrow: what kind they get, and that nothing is rounded, cut or guessed."""

from __future__ import annotations

import array
import collections
import dataclasses
import datetime as dt
import enum
import fractions
import ipaddress
import json
import math
import pathlib
import uuid
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.shred import shred
from dlt.arrow.values import Unsupported, free_key, json_text, plain_converter

BERLIN = ZoneInfo("Europe/Berlin")
UTC = dt.UTC
NS = pa.timestamp("ns")


def columns(*values: Any) -> list[tuple[str | None, pa.DataType, list[Any]]]:
    """Kind, type and values of each raw column that these values of one key make."""
    raws, bad = shred([{"v": value} for value in values])
    assert bad == []
    assert len(raws) == 1
    return [(c.kind, c.data.type, c.data.to_pylist()) for c in raws[0].columns]


class Number(enum.IntEnum):
    ONE = 1


class Word(enum.Enum):
    YES = "yes"


class Flags(enum.IntFlag):
    A = 1
    B = 2


class Text(str):
    __slots__ = ()


class Moment(dt.datetime):
    """Like pendulum's: a subclass of datetime."""


class Day(dt.date):
    pass


@pytest.mark.parametrize(
    ("value", "kind", "type_", "stored"),
    [
        ("a", "text", pa.string(), "a"),
        ("a\x00b", "text", pa.string(), "a\x00b"),
        (7, "bigint", pa.int64(), 7),
        (2**63 - 1, "bigint", pa.int64(), 2**63 - 1),
        (2**63, "decimal", pa.decimal128(38, 0), Decimal(2**63)),
        (-(2**64), "decimal", pa.decimal128(38, 0), Decimal(-(2**64))),
        (2**130, "decimal", pa.decimal256(76, 0), Decimal(2**130)),
        (2**300, "text", pa.string(), str(2**300)),
        (1.5, "double", pa.float64(), 1.5),
        (True, "bool", pa.bool_(), True),
        (b"\x00\xff", "binary", pa.binary(), b"\x00\xff"),
        (bytearray(b"x"), "binary", pa.binary(), b"x"),
        (memoryview(b"x"), "binary", pa.binary(), b"x"),
        (Decimal("0.12345678901234"), "decimal", pa.decimal128(14, 14), Decimal("0.12345678901234")),
        (Decimal("1.50"), "decimal", pa.decimal128(3, 2), Decimal("1.50")),
        (Decimal("1E+5"), "decimal", pa.decimal128(6, 0), Decimal(100000)),
        (Decimal("Infinity"), "double", pa.float64(), math.inf),
        (dt.datetime(2024, 1, 2, 3, 4, 5, 6), "timestamp", pa.timestamp("us"), dt.datetime(2024, 1, 2, 3, 4, 5, 6)),
        (dt.datetime(1, 1, 1), "timestamp", pa.timestamp("us"), dt.datetime(1, 1, 1)),
        (
            dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
            "timestamp",
            pa.timestamp("us", "UTC"),
            dt.datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
        ),
        (Moment(2024, 1, 2, tzinfo=UTC), "timestamp", pa.timestamp("us", "UTC"), dt.datetime(2024, 1, 2, tzinfo=UTC)),
        (dt.date(2024, 1, 2), "date", pa.date32(), dt.date(2024, 1, 2)),
        (Day(2024, 1, 2), "date", pa.date32(), dt.date(2024, 1, 2)),
        (dt.time(1, 2, 3, 4), "time", pa.time64("us"), dt.time(1, 2, 3, 4)),
        (dt.time(1, 2, tzinfo=UTC), "text", pa.string(), "01:02:00+00:00"),
        (dt.timedelta(days=1, microseconds=1), "bigint", pa.int64(), 86_400_000_001),
        (uuid.UUID(int=7), "text", pa.string(), "00000000-0000-0000-0000-000000000007"),
        (ipaddress.ip_address("10.0.0.1"), "text", pa.string(), "10.0.0.1"),
        (fractions.Fraction(1, 3), "text", pa.string(), "1/3"),
        (pathlib.PurePosixPath("/a/b"), "text", pa.string(), "/a/b"),
        (Number.ONE, "bigint", pa.int64(), 1),
        (Flags.A | Flags.B, "bigint", pa.int64(), 3),
        (Word.YES, "text", pa.string(), "yes"),
        (Text("t"), "text", pa.string(), "t"),
        (np.int8(-3), "bigint", pa.int64(), -3),
        (np.uint64(2**64 - 1), "decimal", pa.decimal128(38, 0), Decimal(2**64 - 1)),
        (np.float32(0.1), "double", pa.float64(), float(np.float32(0.1))),
        (np.longdouble(0.5), "double", pa.float64(), 0.5),
        (np.longdouble(1) / 3, "text", pa.string(), str(np.longdouble(1) / 3)),
        (np.bool_(True), "bool", pa.bool_(), True),
        (np.str_("s"), "text", pa.string(), "s"),
        (np.bytes_(b"s"), "binary", pa.binary(), b"s"),
        (np.datetime64("2024-01-02"), "date", pa.date32(), dt.date(2024, 1, 2)),
        (np.datetime64("2024-01-02T03"), "timestamp", pa.timestamp("us"), dt.datetime(2024, 1, 2, 3)),
        (
            np.datetime64("2024-01-02T03:04:05.123"),
            "timestamp",
            pa.timestamp("us"),
            dt.datetime(2024, 1, 2, 3, 4, 5, 123000),
        ),
        (np.datetime64("2024-05"), "text", pa.string(), "2024-05"),
        (np.timedelta64(2, "D"), "bigint", pa.int64(), 2 * 86_400_000_000),
        (np.timedelta64(2, "Y"), "text", pa.string(), "2 years"),
        (np.timedelta64(1500, "ns"), "decimal", pa.decimal128(38, 3), Decimal("1.500")),
        (np.array(5), "bigint", pa.int64(), 5),
        (
            pd.Timestamp("2024-01-02", tz="UTC"),
            "timestamp",
            pa.timestamp("us", "UTC"),
            dt.datetime(2024, 1, 2, tzinfo=UTC),
        ),
        (pd.Timedelta(seconds=2), "bigint", pa.int64(), 2_000_000),
        (pd.Timedelta(1, "ns"), "decimal", pa.decimal128(38, 3), Decimal("0.001")),
        (pd.Period("2024-05"), "text", pa.string(), "2024-05"),
        (pa.scalar(5, pa.uint8()), "bigint", pa.int16(), 5),
        (pa.scalar("x", pa.large_string()), "text", pa.string(), "x"),
        (pa.scalar([1], pa.list_(pa.int8())), "json", pa.string(), "[1]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kinds(value, kind, type_, stored):
    assert columns(value) == [(kind, type_, [stored])]
    assert columns(None, value, None) == [(kind, type_, [None, stored, None])]


@pytest.mark.parametrize("value", [None, pd.NA, pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT")])
def test_kinds_of_nothing(value):
    [raw], bad = shred([{"v": value}, {"v": None}])

    assert bad == []
    assert [(column.path, column.kind, column.data.null_count) for column in raw.columns] == [(("v",), None, 2)]


def test_c43_nanoseconds_are_kept():
    moment = pd.Timestamp("2024-01-02T03:04:05.123456789")

    [(kind, type_, _)] = columns(moment)
    assert (kind, type_) == ("timestamp", NS)
    found = columns(
        pd.Timestamp("2024-01-02"), moment, None, np.datetime64(7, "ns"), pa.scalar(8, NS), dt.datetime(2024, 1, 3)
    )
    assert [(kind, type_) for kind, type_, _ in found] == [("timestamp", pa.timestamp("us")), ("timestamp", NS)]
    raws, _ = shred([{"v": moment}, {"v": pa.scalar(8, NS)}])
    assert raws[0].columns[0].data.cast(pa.int64()).to_pylist() == [moment.value, 8]


def test_pandas_moments_that_no_nanoseconds_reach():
    assert columns(pd.Timestamp("9000-01-01")) == [("timestamp", pa.timestamp("us"), [dt.datetime(9000, 1, 1)])]


def test_naive_and_aware_moments_do_not_mix():
    naive, aware = dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC)

    assert columns(aware, naive, None) == [
        ("timestamp", pa.timestamp("us"), [None, naive, None]),
        ("timestamp", pa.timestamp("us", "UTC"), [aware, None, None]),
    ]


def test_times_with_and_without_zone():
    assert columns(dt.time(1), dt.time(2, tzinfo=UTC)) == [
        ("time", pa.time64("us"), [dt.time(1), None]),
        ("text", pa.string(), [None, "02:00:00+00:00"]),
    ]


def test_c40_decimals_that_are_no_numbers():
    [(kind, _, numbers), (other, _, rest)] = columns(Decimal("1.5"), Decimal("NaN"), Decimal("-Infinity"))

    assert (kind, numbers) == ("decimal", [Decimal("1.5"), None, None])
    assert other == "double"
    assert math.isnan(rest[1])
    assert rest[2] == -math.inf


def test_c39_one_large_int_does_not_change_the_others():
    assert columns(1, 2**63) == [("decimal", pa.decimal128(38, 0), [Decimal(1), Decimal(2**63)])]


def test_decimals_of_more_digits_than_any_type_has():
    wide = [Decimal("1E-60"), Decimal("1E+60")]

    assert columns(*wide) == [("text", pa.string(), ["1E-60", "1E+60"])]


def test_dates_and_moments_are_two_kinds():
    assert [kind for kind, _, _ in columns(dt.date(2024, 1, 1), dt.datetime(2024, 1, 1))] == ["date", "timestamp"]


def test_bools_and_ints_are_two_kinds():
    assert columns(True, 1) == [("bool", pa.bool_(), [True, None]), ("bigint", pa.int64(), [None, 1])]


@given(st.decimals(allow_nan=False, allow_infinity=False) | st.integers())
def test_numbers_of_any_size_are_kept(number):
    [(kind, _, [stored])] = columns(number)

    assert kind in ("bigint", "decimal", "text")
    assert Decimal(stored) == number


@given(
    st.datetimes(
        timezones=st.timezones() | st.none(),
        allow_imaginary=False,
        min_value=dt.datetime(1, 1, 3),
        max_value=dt.datetime(9999, 12, 29),
    )
)
def test_moments_are_kept(moment):
    [(kind, _, [stored])] = columns(moment)

    assert kind == "timestamp"
    assert stored == (moment if moment.tzinfo is None else moment.astimezone(UTC))
    assert (stored.tzinfo is None) is (moment.tzinfo is None)


# ---- values with values inside


class Point(NamedTuple):
    x: int
    y: list[int]


@dataclasses.dataclass
class Data:
    x: int
    inner: Any = None


@attrs.define
class Attrs:
    x: int
    y: str = "a"


class Model(pydantic.BaseModel):
    x: int
    on: dt.date = dt.date(2024, 1, 1)


class HasAsdict:
    def asdict(self) -> dict[str, Any]:
        return {"x": 1}


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Point(1, [2]), {"x": 1, "y": [2]}),
        (Data(1, Data(2)), {"x": 1, "inner": {"x": 2, "inner": None}}),
        (Data(1, [Data(2)]), {"x": 1, "inner": [{"x": 2, "inner": None}]}),
        (Attrs(1), {"x": 1, "y": "a"}),
        (Model(x=1), {"x": 1, "on": dt.date(2024, 1, 1)}),
        (HasAsdict(), {"x": 1}),
        (collections.OrderedDict(x=1), {"x": 1}),
        (collections.ChainMap({"x": 1}, {"y": 2}), {"y": 2, "x": 1}),
        ((1, (2, 3)), [1, [2, 3]]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"a", 1}), ["a", 1]),
        (range(3), [0, 1, 2]),
        (collections.deque([1, 2]), [1, 2]),
        (array.array("i", [1, 2]), [1, 2]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Categorical(["a", "b"]), ["a", "b"]),
        (pd.DataFrame({"a": [1]}), [{"a": 1}]),
        (pl.Series([1, 2]), [1, 2]),
        (pa.array([1, 2]), [1, 2]),
        ([Point(1, []), None, 5, {1, 2}], [{"x": 1, "y": []}, None, 5, [1, 2]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_with_values_inside(value, plain):
    made, bad = shred([{"v": value}, {"v": None}])
    wanted, _ = shred([{"v": plain}, {"v": None}])

    assert bad == []
    assert made == wanted
    if not isinstance(value, (Point, list)):  # Python's JSON writes named tuples as lists
        assert json.loads(json_text({"v": value})) == json.loads(json_text({"v": plain}))


def test_moments_in_numpy_arrays_keep_their_unit():
    raws, bad = shred([{"v": np.array(["2024-01-02T00:00:00.000000001"], "datetime64[ns]")}])

    assert bad == []
    assert [(column.kind, column.data.type) for column in raws[1].columns] == [("timestamp", NS)]


def test_sets_have_one_order():
    words = {f"word {number}" for number in range(50)}

    assert plain_converter(set)(words) == sorted(words)
    assert plain_converter(set)({"b", 1, None}) == sorted(["b", 1, None], key=repr)


@pytest.mark.parametrize("kind", [object, complex, type, type(iter([])), type(lambda: 0)])
def test_types_that_no_column_holds(kind):
    with pytest.raises(Unsupported, match=kind.__qualname__):
        plain_converter(kind)


# ---- JSON


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None, "é", True, 1.5]}, '{"a":[1,null,"é",true,1.5]}'),
        ({"a": math.nan, "b": [math.inf, -math.inf]}, '{"a":"nan","b":["inf","-inf"]}'),
        ({"a": Decimal("1.50"), "b": dt.date(2024, 1, 2)}, '{"a":"1.50","b":"2024-01-02"}'),
        ({"a": dt.datetime(2024, 1, 2, tzinfo=UTC)}, '{"a":"2024-01-02T00:00:00+00:00"}'),
        ({"a": b"\xff"}, '{"a":"/w=="}'),
        ({"a": np.datetime64(1, "ns")}, '{"a":"1970-01-01 00:00:00.000000001"}'),
        ({"a": pd.Timestamp(1)}, '{"a":"1970-01-01T00:00:00.000000001"}'),
        ({(1, 2): 1, 3: 2, "3": 4}, '{"3":4,"(1, 2)":1,"3#":2}'),
        ({"a": 2**100}, '{"a":1267650600228229401496703205376}'),
        (
            {
                "a": {
                    Word.YES,
                }
            },
            '{"a":["yes"]}',
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_json(value, text):
    assert json_text(value) == text


def test_json_says_what_it_cannot_hold():
    with pytest.raises(Unsupported, match="complex"):
        json_text({"a": [1j]})
    with pytest.raises(Unsupported, match="complex"):
        json_text({(1, 2): 1j})


@given(
    st.lists(st.one_of(st.text(max_size=2), st.integers(0, 3), st.none(), st.tuples(st.integers(0, 1))), unique_by=repr)
)
def test_no_two_keys_are_written_alike(keys):
    taken = {key: key for key in keys if isinstance(key, str)}
    for key in keys:
        if not isinstance(key, str):
            taken[free_key(key, taken)] = key

    assert len(taken) == len(keys)
