"""Casts: what takes a column's type can be recovered from the result, everything else is handed back untouched."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.cast import arrow_type, fit
from dlt.arrow.shred import shred
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import DATA_TYPES, Column
from strategies import SCALARS, TEXTS, same

UTC = dt.UTC
CAPS = Capabilities()
NO_ZONES = Capabilities(aware_timestamps=False)


def cast(
    values: list[Any] | pa.Array, column: Column, *, declared: bool = False, caps: Capabilities = CAPS
) -> tuple[list[Any], list[bool]]:
    """What a column holds of these values of one kind, and which of them do not fit."""
    if isinstance(values, pa.Array):
        data, kind = values, {"timestamp": "timestamp", "string": "text"}[str(values.type).partition("[")[0]]
    else:
        [raw], _ = shred([{"v": value} for value in values])
        [(_, data, kind, _)] = raw.columns
    fitted, bad = fit(data, str(kind), column, arrow_type(column, caps), declared=declared)
    assert fitted.type == arrow_type(column, caps)
    assert len(fitted) == len(data)
    if bad is None:
        assert fitted.null_count == data.null_count
        return fitted.to_pylist(), [False] * len(data)
    assert bad.null_count == 0
    assert [valid and not wrong for valid, wrong in zip(data.is_valid().to_pylist(), bad.to_pylist(), strict=True)] == (
        fitted.is_valid().to_pylist()
    )
    return fitted.to_pylist(), bad.to_pylist()


def column(kind: str, **hints: Any) -> Column:
    return Column("v", kind, **hints)


# ---- the law

LOOKS = st.one_of(
    SCALARS,
    st.integers().map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=True).map(str),
    st.datetimes().map(str),
    st.datetimes(timezones=st.just(UTC)).map(dt.datetime.isoformat),
    st.dates().map(str),
    st.times().map(str),
    st.sampled_from(
        [
            "007",
            "1_000",
            "٣",
            " 7",
            "7 ",
            "+7",
            "-0",
            "1.50",
            "1e5",
            "nan",
            "inf",
            "True",
            "yes",
            "{}",
            '{"a":1}',
            "null",
        ]
    ),
    st.sampled_from(
        ["2024", "2024-W01", "20240101T101010Z", "2024-01-01T10:00:00,123Z", "2024-01-01T10:00:00.1234567"]
    ),
)


def recovered(stored: Any, original: Any, kind: str) -> bool:
    """Whether the original is still there: as it is, or in the one form that its type has in the other one."""
    if same(stored, original):
        return True
    if kind == "json":
        return bool(stored == original) or same(json.loads(stored), original)
    match original, stored:
        case bool(), str():
            return stored == str(original)
        case float(), str():
            return stored == repr(original)
        case Decimal(), str():
            return Decimal(stored) == original
        case int() | dt.date() | dt.time(), str():
            return stored in (str(original), original.isoformat() if not isinstance(original, int) else "")
        case bool(), _:
            return False
        case float(), int():
            return float(stored) == original
        case int() | float() | Decimal(), int() | float() | Decimal():
            exact = Decimal(repr(stored)) if isinstance(stored, float) else Decimal(stored)
            return exact == (Decimal(repr(original)) if isinstance(original, float) else Decimal(original))
        case str(), int() | float():
            return repr(stored) == original
        case str(), Decimal():
            return (
                Decimal(original) == stored and "E" not in original and not ("." in original and original[-1] in "0.")
            )
        case str(), dt.datetime():
            text = original.replace(",", ".").replace("z", "Z")
            return dt.datetime.fromisoformat(text) == stored and len(original) >= 13
        case str(), dt.date() | dt.time():
            return stored.isoformat() == original
        case dt.date(), dt.datetime():
            return stored.replace(tzinfo=None) == dt.datetime.combine(original, dt.time())
    return False


@given(st.lists(LOOKS, min_size=1, max_size=5), st.sampled_from(DATA_TYPES), st.booleans())
def test_what_fits_can_be_recovered(values, kind, zone):
    for only in dict.fromkeys(map(type, values)):
        part = [value for value in values if type(value) is only]
        if only is dt.datetime:
            part = [value for value in part if (value.tzinfo is None) is (part[0].tzinfo is None)]
        stored, wrong = cast(part, column(kind, timezone=zone))
        for value, made, bad in zip(part, stored, wrong, strict=True):
            assert bad or recovered(made, value, kind), (value, made)


@given(st.lists(LOOKS, min_size=1, max_size=6), st.sampled_from(DATA_TYPES))
def test_a_value_fits_alone_or_among_others(values, kind):
    for only in dict.fromkeys(map(type, values)):
        part = [value for value in values if type(value) is only]
        if only in (str, float, bool, bytes):
            together = cast([None, *part, None], column(kind))
            alone = [cast([value], column(kind)) for value in part]
            assert repr(together[0][1:-1]) == repr([stored for [stored], _ in alone])
            assert together[1][1:-1] == [bad for _, [bad] in alone]


@given(st.lists(TEXTS, min_size=1), st.sampled_from([kind for kind in DATA_TYPES if kind not in ("text", "json")]))
def test_no_two_texts_become_one_value(texts, kind):
    texts = list(dict.fromkeys(texts))
    stored, wrong = cast(texts, column(kind, timezone=False))

    kept = [repr(value) for value, bad in zip(stored, wrong, strict=True) if not bad]
    assert len(set(kept)) == len(kept)


# ---- by type


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        (["7", "-12", "0", str(2**63 - 1)], "bigint", [7, -12, 0, 2**63 - 1]),
        (["007", "1_000", "٣", " 7", "+7", "-0", "7.0", "0x7", "", str(2**63)], "bigint", None),
        ([7.0, -0.0, 2.0**53], "bigint", [7, 0, 2**53]),
        ([1.5, math.nan, math.inf, 1e300], "bigint", None),
        ([Decimal(7), Decimal("7.00")], "bigint", [7, 7]),
        ([Decimal("7.5"), Decimal(2**63)], "bigint", None),
        ([True, False], "bigint", None),
        ([dt.date(2024, 1, 1)], "bigint", None),
        ([b"\x01"], "bigint", None),
        (["1.5", "1e+16", "0.1"], "double", [1.5, 1e16, 0.1]),
        (["1.50", "1e5", "nan", "inf", "1", ".5"], "double", None),
        ([3, 2**53], "double", [3.0, 2.0**53]),
        ([2**53 + 1], "double", None),
        ([Decimal("0.1"), Decimal(3)], "double", [0.1, 3.0]),
        ([Decimal("0.12345678901234567890")], "double", None),
        ([1, 2**60], "decimal", [Decimal(1), Decimal(2**60)]),
        ([0.1, 1e-9], "decimal", [Decimal("0.1"), Decimal("0.000000001")]),
        ([1e-10, math.nan, math.inf, 1e300], "decimal", None),
        (["1.5", "100000", "-0.001"], "decimal", [Decimal("1.5"), Decimal(100000), Decimal("-0.001")]),
        (["1.50", "1E+5", "NaN", "-0", "0.12345678901234"], "decimal", None),
        ([Decimal("0.12345678901234"), Decimal("1E+30")], "decimal", None),
        ([2, 3.0][:1], "wei", [Decimal(2)]),
        ([1, 0], "bool", None),
        (["true", "yes", "1"], "bool", None),
        ([1, 2.5][:1], "text", ["1"]),
        ([2.5, 1e16, math.nan], "text", ["2.5", "1e+16", "nan"]),
        ([True, False], "text", ["True", "False"]),
        ([Decimal("1.50")], "text", ["1.50"]),
        ([dt.date(2024, 1, 2)], "text", ["2024-01-02"]),
        ([dt.time(1, 2), dt.time(1, 2, 3, 4)], "text", ["01:02:00", "01:02:03.000004"]),
        (
            [dt.datetime(2024, 1, 2), dt.datetime(2024, 1, 2, microsecond=5)],
            "text",
            ["2024-01-02T00:00:00", "2024-01-02T00:00:00.000005"],
        ),
        ([dt.datetime(2024, 1, 2, tzinfo=UTC)], "text", ["2024-01-02T00:00:00+00:00"]),
        ([b"a"], "text", None),
        ([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 23, 59)], "date", None),
        (["2024-01-02", "0001-01-01"], "date", [dt.date(2024, 1, 2), dt.date(1, 1, 1)]),
        (["2024-1-2", "20240102", "2024-13-01", "2024-01-02T00:00:00"], "date", None),
        (["01:02:03", "01:02:03.000004"], "time", [dt.time(1, 2, 3), dt.time(1, 2, 3, 4)]),
        (["01:02", "01:02:03.5", "01:02:03+00:00", "25:00:00"], "time", None),
        ([dt.date(2024, 1, 2)], "timestamp", [dt.datetime(2024, 1, 2, tzinfo=UTC)]),
        ([1704067200], "timestamp", None),
        ([1704067200.5], "timestamp", None),
        ([dt.datetime(2024, 1, 2)], "timestamp", None),
        (
            ["2024", "1", "2024-01-02", "12:30", "2024-01-02T03:04:05", "2024-02-30T00:00:00Z", "0000-00-00 00:00:00Z"],
            "timestamp",
            None,
        ),
        (["2024-01-02T03:04:05.1234567Z"], "timestamp", None),
        (
            ["2024-01-02T03:04:05Z", "2024-01-02 03:04+02:00", "20240102T030405Z", "2024-01-02T03:04:05,5z"],
            "timestamp",
            [
                dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
                dt.datetime(2024, 1, 2, 1, 4, tzinfo=UTC),
                dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC),
                dt.datetime(2024, 1, 2, 3, 4, 5, 500000, tzinfo=UTC),
            ],
        ),
        (['{"a": 1}', "[1]"], "json", ['{"a": 1}', "[1]"]),
        (["x", "1", "[1", "{NaN}"], "json", ['"x"', '"1"', '"[1"', '"{NaN}"']),
        ([1, 2], "json", ["1", "2"]),
        ([1.5], "json", ["1.5"]),
        ([math.nan], "json", None),
        ([True], "json", ["true"]),
        ([Decimal("1.5")], "json", None),
        (["a"], "binary", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_learned_types(values, kind, stored):
    """None: no value fits."""
    made, wrong = cast(values, column(kind))

    assert wrong == [stored is None] * len(values)
    if stored is not None:
        assert all(same(a, b) for a, b in zip(made, stored, strict=True))


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([" 7 ", "7.0", "0x1F"], "bigint", [7, 7, 31]),
        (["1_000", "x", "7.5", ""], "bigint", None),
        ([7.0], "bigint", [7]),
        ([7.5], "bigint", None),
        (["1.50", " 2", "1e5"], "double", [1.5, 2.0, 1e5]),
        (["1_0.0"], "double", None),
        ([Decimal("0.1")], "double", [0.1]),
        (["1.50"], "decimal", [Decimal("1.5")]),
        (["0.12345678901234"], "decimal", None),
        (["yes", "NO", " true", "f", "1"], "bool", [True, False, True, False, True]),
        (["maybe", "", "2"], "bool", None),
        ([1, 0], "bool", [True, False]),
        ([2], "bool", None),
        (
            ["2024-01-02", "2024-01-02T03:04:05+02:00"],
            "timestamp",
            [dt.datetime(2024, 1, 2, tzinfo=UTC), dt.datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC)],
        ),
        (["2024-01-02T03:04:05.1234567Z", "soon"], "timestamp", None),
        (["2024-01-02T03:04:05.1230000Z"], "timestamp", [dt.datetime(2024, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)]),
        ([1704067200], "timestamp", [dt.datetime(2024, 1, 1, tzinfo=UTC)]),
        ([10**18], "timestamp", None),
        ([dt.datetime(2024, 1, 2, 3)], "timestamp", [dt.datetime(2024, 1, 2, 3, tzinfo=UTC)]),
        ([dt.datetime(2024, 1, 2, 23, 59)], "date", [dt.date(2024, 1, 2)]),
        (["2024-01-02T10:00:00Z"], "date", [dt.date(2024, 1, 2)]),
        (["10:00", "10:00:00.5"], "time", [dt.time(10), dt.time(10, 0, 0, 500000)]),
        (["10:00:00.1234567"], "time", None),
        (["0xff", "AQI="], "binary", [b"\xff", b"\x01\x02"]),
        (["0xf", "?"], "binary", None),
        (['{"a":1}', "1", '"x"'], "json", ['{"a":1}', "1", '"x"']),
        (["{a:1}", "NaN", ""], "json", None),
        ([7], "text", ["7"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_declared_types(values, kind, stored):
    made, wrong = cast(values, column(kind), declared=True)

    assert wrong == [stored is None] * len(values)
    if stored is not None:
        assert all(same(a, b) for a, b in zip(made, stored, strict=True))


def test_only_what_does_not_fit_is_handed_back():
    assert cast(["7", None, "x", "08", "9"], column("bigint")) == (
        [7, None, None, None, 9],
        [False, False, True, True, False],
    )
    assert cast([1.0, 1.5, None], column("bigint")) == ([1, None, None], [False, True, False])


def test_c42_narrow_ints():
    assert cast([1, 127, 128, -129], column("bigint", precision=8)) == (
        [1, 127, None, None],
        [False, False, True, True],
    )
    assert cast([1, 2**40], column("bigint", precision=16)) == ([1, None], [False, True])


def test_c38_own_scale():
    own = column("decimal", precision=38, scale=14)

    assert cast([Decimal("0.12345678901234")], own) == ([Decimal("0.12345678901234")], [False])
    assert cast([Decimal("1.5"), Decimal("0.123456789012345")], own) == ([Decimal("1.5"), None], [False, True])


def test_c36_c44_naive_and_aware_columns():
    naive, aware = column("timestamp", timezone=False), column("timestamp")
    plain, zoned = dt.datetime(2024, 1, 2, 3), dt.datetime(2024, 1, 2, 3, tzinfo=UTC)

    assert cast([plain], naive) == ([plain], [False])
    assert cast([zoned], naive) == ([None], [True])
    assert cast([plain], aware) == ([None], [True])
    assert cast(["2024-01-02T03:00:00"], naive) == ([plain], [False])
    assert cast(["2024-01-02T03:00:00Z"], naive) == ([None], [True])
    assert cast([zoned], naive, declared=True) == ([plain], [False])


def test_a_destination_without_zones_has_moments_in_utc():
    assert arrow_type(column("timestamp"), NO_ZONES) == pa.timestamp("us")
    zoned = [dt.datetime(2024, 1, 2, 3, tzinfo=dt.timezone(dt.timedelta(hours=2)))]
    assert cast(zoned, column("timestamp"), caps=NO_ZONES) == ([dt.datetime(2024, 1, 2, 1)], [False])
    assert cast(["2024-01-02T03:00:00+02:00"], column("timestamp"), caps=NO_ZONES) == (
        [dt.datetime(2024, 1, 2, 1)],
        [False],
    )
    assert cast([dt.datetime(2024, 1, 2)], column("timestamp"), caps=NO_ZONES) == ([None], [True])


def test_c43_nanoseconds_are_not_cut():
    fine = pa.array([1_000, 1_001, None], pa.timestamp("ns"))

    assert cast(fine, column("timestamp", timezone=False)) == (
        [dt.datetime(1970, 1, 1, microsecond=1), None, None],
        [False, True, False],
    )
    assert cast(fine, column("text")) == (
        ["1970-01-01T00:00:00.000001000", "1970-01-01T00:00:00.000001001", None],
        [False] * 3,
    )
    stored, bad = fit(fine, "timestamp", column("timestamp", timezone=False, precision=9), pa.timestamp("ns"))
    assert (stored, bad) == (fine, None)
    texts = pa.array(["1970-01-01T00:00:00.000001001", "19700101T000000,000001001", "1970-01-01T00:00:00.1"])
    stored, bad = fit(texts, "text", column("timestamp", timezone=False, precision=9), pa.timestamp("ns"))
    assert bad is None
    assert stored.cast(pa.int64()).to_pylist() == [1_001, 1_001, 100_000_000]


def test_moments_out_of_reach_of_nanoseconds():
    far = [dt.datetime(9999, 1, 1), dt.datetime(2024, 1, 1)]
    stored, bad = fit(
        pa.array(far, pa.timestamp("us")),
        "timestamp",
        column("timestamp", timezone=False, precision=9),
        pa.timestamp("ns"),
    )

    assert bad.to_pylist() == [True, False]
    assert stored.cast(pa.timestamp("us")).to_pylist() == [None, far[1]]


def test_only_nulls_fit_everywhere():
    for kind in DATA_TYPES:
        target = arrow_type(column(kind), CAPS)
        stored, bad = fit(pa.array([None, None], pa.int64()), "bigint", column(kind), target)
        assert (stored.null_count, stored.type, bad) == (2, target, None)


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        ({"data_type": "bigint"}, pa.int64()),
        ({"data_type": "bigint", "precision": 8}, pa.int8()),
        ({"data_type": "bigint", "precision": 24}, pa.int32()),
        ({"data_type": "bigint", "precision": 128}, pa.decimal128(38, 0)),
        ({"data_type": "decimal"}, pa.decimal128(38, 9)),
        ({"data_type": "decimal", "precision": 10, "scale": 0}, pa.decimal128(10, 0)),
        ({"data_type": "decimal", "precision": 50, "scale": 2}, pa.decimal256(50, 2)),
        ({"data_type": "wei"}, pa.decimal128(38, 0)),
        ({"data_type": "timestamp"}, pa.timestamp("us", "UTC")),
        ({"data_type": "timestamp", "timezone": False, "precision": 9}, pa.timestamp("ns")),
        ({"data_type": "timestamp", "precision": 3}, pa.timestamp("us", "UTC")),
        ({"data_type": "time"}, pa.time64("us")),
        ({"data_type": "json"}, pa.string()),
        ({"data_type": None}, pa.string()),
    ],
)
def test_arrow_types(hints, expected):
    assert arrow_type(Column("v", **hints), CAPS) == expected
