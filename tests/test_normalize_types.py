"""Reader and normaliser together: values keep their type, or go where nothing is lost."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from dlt.items import Wei
from dlt.quarantine import unpacked
from dlt.schema.capabilities import Capabilities
from dlt.schema.schema import Schema
from loads import UTC, Loads, only
from strategies import same

# ---- types: C31 to C58


@pytest.mark.parametrize(
    ("values", "stored"),
    [
        ([True, 2, "no", 0], [{"v": True}, {"v__v_bigint": 2}, {"v__v_text": "no"}, {"v__v_bigint": 0}]),
        ([1, True], [{"v": 1}, {"v__v_bool": True}]),
        (
            ["2024-01-01T00:00:00Z", "2024", "1"],
            [{"v": dt.datetime(2024, 1, 1, tzinfo=UTC)}, {"v__v_text": "2024"}, {"v__v_text": "1"}],
        ),
        (
            [1, "7", "1_000", "٣", "007", "1.0"],
            [
                {"v": 1},
                {"v": 7},
                {"v__v_text": "1_000"},
                {"v__v_text": "٣"},
                {"v__v_text": "007"},
                {"v__v_text": "1.0"},
            ],
        ),
        (
            [dt.datetime(2024, 1, 1, tzinfo=UTC), 1704067200, 1704067200000],
            [{"v": dt.datetime(2024, 1, 1, tzinfo=UTC)}, {"v__v_bigint": 1704067200}, {"v__v_bigint": 1704067200000}],
        ),
        (
            [dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, 23, 59)],
            [{"v": dt.date(2024, 1, 1)}, {"v__v_timestamp": dt.datetime(2024, 1, 1, 23, 59)}],
        ),
        (["2024-01-01T10:00:00"], [{"v": dt.datetime(2024, 1, 1, 10)}]),
        ([Decimal("0.12345678901234")], [{"v": Decimal("0.12345678901234")}]),
        ([2**63], [{"v": Decimal(2**63)}]),
        ([2**130], [{"v": str(2**130)}]),
        ([1, 2**130], [{"v": 1}, {"v__v_text": str(2**130)}]),
        ([1, 2**63], [{"v": 1}, {"v__v_decimal": Decimal(2**63)}]),
        ([1.5, Decimal("Infinity"), "nan"], [{"v": 1.5}, {"v": math.inf}, {"v__v_text": "nan"}]),
        ([Decimal("1.5"), Decimal("Infinity")], [{"v": Decimal("1.5")}, {"v__v_double": math.inf}]),
        ([1, 1.5, 2.0], [{"v": 1}, {"v__v_double": 1.5}, {"v": 2}]),
        ([1.5, 1], [{"v": 1.5}, {"v": 1.0}]),
        (["a", 5, True], [{"v": "a"}, {"v": "5"}, {"v": "True"}]),
        (
            ["0000-00-00 00:00:00", "2024-01-01T00:00:00Z"],
            [{"v": "0000-00-00 00:00:00"}, {"v": "2024-01-01T00:00:00Z"}],
        ),
        (
            [dt.datetime(1, 1, 1), dt.datetime(2918, 1, 1)],
            [{"v": dt.datetime(1, 1, 1)}, {"v": dt.datetime(2918, 1, 1)}],
        ),
        (["a\x00b"], [{"v": "a\x00b"}]),
        (["\uf026x", "\uf0271"], [{"v": "\uf026x"}, {"v": "\uf0271"}]),
        ([dt.timedelta(seconds=1)], [{"v": 1_000_000}]),
        ([b"a", "YQ=="], [{"v": b"a"}, {"v__v_text": "YQ=="}]),
        ([Decimal("1.5"), Decimal("0.12345678901234")], None),
    ],
    ids=[
        "C31",
        "C31b",
        "C32",
        "C33",
        "C34",
        "C35",
        "C36",
        "C38",
        "C39",
        "C39b",
        "C39c",
        "C39d",
        "C37",
        "C40",
        "double",
        "int",
        "text",
        "C49",
        "C49b",
        "C50",
        "C52",
        "C45",
        "binary",
        "C38b",
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["one batch", "one run each"])
def test_values_of_another_type(values, stored, together):
    rows = [{"v": value} for value in values]
    loads = Loads()
    if together and stored is not None and values != [1, 2**63] and values != [1, 2**130]:
        loads.load(*rows)
    else:
        for row in rows:
            loads.load(row)
    if stored is None:
        stored = [{"v": values[0]}, {"v__v_decimal": values[1]}]

    assert len(loads["t"]) == len(stored)
    assert all(same(made, wanted) for made, wanted in zip(loads["t"], stored, strict=True))
    assert loads.turned_away == []


def test_c37_nan():
    assert math.isnan(only(Loads().load({"v": math.nan})["t"])["v"])
    assert math.isnan(only(Loads().load({"v": Decimal("NaN")})["t"])["v"])


def test_c37_c40_a_destination_without_nan_turns_the_row_away():
    loads = Loads(Capabilities(non_finite=False)).load(
        {"id": 1, "v": 1.5}, {"id": 2, "v": math.nan}, {"id": 3, "v": math.inf}
    )

    assert loads["t"] == [{"id": 1, "v": 1.5}]
    assert [(row["column_name"], row["reason"]) for row in loads.turned_away] == [("v", "no_type")] * 2
    assert [unpacked(row["row"], row.get("types"))["id"] for row in loads.turned_away] == [2, 3]


def test_c50_a_destination_without_nul_turns_the_row_away():
    loads = Loads(Capabilities(nul_in_text=False)).load(
        {"id": 1, "v": "a\x00b"}, {"id": 2, "v": "ab"}, {"id": 3, "l": ["\x00"]}
    )

    assert loads["t"] == [{"id": 2, "v": "ab"}, {"id": 3}]
    assert [(row["table_name"], row["reason"]) for row in loads.turned_away] == [("t", "no_type"), ("t__l", "no_type")]


def test_c38_a_scale_of_its_own_stays():
    loads = Loads().load({"v": Decimal("0.12345678901234")}).load({"v": Decimal("0.1234567890123456")})

    assert (loads.column("t", "v").precision, loads.column("t", "v").scale) == (38, 14)
    assert loads["t"] == [{"v": Decimal("0.12345678901234")}, {"v__v_decimal": Decimal("0.1234567890123456")}]


@pytest.mark.parametrize(
    "pages",
    [
        [
            pa.table({"v": pa.array(["a"], pa.string())}),
            pa.table({"v": pa.array(["b"], pa.large_string())}),
            pl.DataFrame({"v": ["c"]}),
        ],
        [
            pa.table({"v": pa.array([1], pa.int64())}),
            pa.table({"v": pa.array([2.0])}),
            pa.table({"v": pa.array([3], pa.uint8())}),
        ],
    ],
    ids=["texts", "numbers"],
)
def test_c41_batches_of_other_types(pages):
    values = [
        value
        for page in pages
        for value in (page["v"].to_list() if isinstance(page, pl.DataFrame) else page["v"].to_pylist())
    ]

    assert [row["v"] for row in Loads().load(*pages)["t"]] == values
    loads = Loads()
    for page in pages:
        loads.load(page)
    assert [row["v"] for row in loads["t"]] == values


def test_c41_a_fraction_among_ints():
    loads = Loads().load(pa.table({"v": [1]}), pa.table({"v": [1.5, 2.0]}))

    assert loads["t"] == [{"v": 1}, {"v__v_double": 1.5}, {"v": 2}]


def test_c42_unsigned_ints():
    loads = Loads().load(pa.table({"a": pa.array([255], pa.uint8()), "b": pa.array([2**64 - 1], pa.uint64())}))

    assert loads["t"] == [{"a": 255, "b": Decimal(2**64 - 1)}]
    assert loads.column("t", "a").precision == 16


def test_c43_nanoseconds():
    fine = pa.array([1_704_067_200_000_000_001], pa.timestamp("ns"))
    loads = Loads().load(pa.table({"naive": fine, "aware": fine.cast(pa.timestamp("ns", "UTC"))}))

    [shard] = loads.shards
    assert shard["naive"].type == pa.timestamp("ns")
    assert shard["naive"].cast(pa.int64()).to_pylist() == [1_704_067_200_000_000_001]
    assert shard["aware"].to_pylist() == ["2024-01-01T00:00:00.000000001+00:00"]
    coarse = Loads(Capabilities(naive_digits=6)).load(pa.table({"naive": fine}))
    assert coarse["t"] == [{"naive": "2024-01-01T00:00:00.000000001"}]


def test_c44_naive_stays_naive():
    moment = dt.datetime(2024, 1, 1, 10)
    for item in (pa.table({"v": [moment]}), {"v": moment}, {"v": "2024-01-01T10:00:00"}):
        loads = Loads().load(item)
        assert loads["t"] == [{"v": moment}]
        assert not loads.column("t", "v").timezone


def test_c45_a_value_of_no_type_turns_its_row_away():
    loads = Loads().load({"id": 1, "v": 1j}, {"id": 2, "v": 2}, {"id": 3, "l": [{"x": object()}]})

    assert loads["t"] == [{"id": 2, "v": 2}]
    assert [(row["column_name"], row["reason"], row["position"]) for row in loads.turned_away] == [
        ("v", "unsupported_type", 0),
        ("l__x", "unsupported_type", 2),
    ]


def test_c51_a_lone_surrogate_turns_its_row_away():
    loads = Loads().load({"id": 1, "v": "a\ud800b"}, {"id": 2, "v": "ok"})

    assert loads["t"] == [{"id": 2, "v": "ok"}]
    assert only(loads.turned_away)["reason"] == "invalid_unicode"
    assert "\\ud800" in only(loads.turned_away)["row"]


def test_c53_pandas_ints_with_a_missing_value():
    loads = Loads().load(pd.DataFrame({"i": [1, None]}, index=["a", "b"]))

    assert loads["t"] == [{"i": 1, "index": "a"}, {"index": "b"}]
    assert loads.types() == {"i": "bigint", "index": "text"}


def test_c54_a_hint_that_changes_is_not_a_cast():
    loads = Loads().load({"v": 1}, columns={"v": {"data_type": "bigint"}})
    loads.load({"v": "x"}, {"v": "1_000"}, {"v": "0x10"}, columns={"v": {"data_type": "text"}})

    assert loads["t"] == [{"v": 1}, {"v__v_text": "x"}, {"v__v_text": "1_000"}, {"v__v_text": "0x10"}]


def test_hints_without_a_type_are_no_instruction_to_cast():
    loads = Loads().load({"id": 1}, {"id": "007"}, columns={"id": {"primary_key": True, "nullable": True}})

    assert loads["t"] == [{"id": 1}, {"id__v_text": "007"}]


def test_declared_types_are_instructions():
    columns = {
        "i": {"data_type": "bigint"},
        "b": {"data_type": "bool"},
        "t": {"data_type": "timestamp"},
        "j": {"data_type": "json"},
    }
    loads = Loads().load(
        {"i": " 7", "b": "yes", "t": dt.datetime(2024, 1, 1), "j": {"a": [1]}}, {"i": "x"}, columns=columns
    )

    assert loads["t"] == [
        {"i": 7, "b": True, "t": dt.datetime(2024, 1, 1, tzinfo=UTC), "j": '{"a":[1]}'},
        {"i__v_text": "x"},
    ]
    assert list(loads.types())[:4] == list(columns)


def test_c57_nulls_first_then_a_type():
    for first, second in (
        (pa.table({"v": pa.nulls(1)}), pa.table({"v": [1]})),
        (pd.DataFrame({"v": [None]}), pd.DataFrame({"v": ["x"]})),
        (pd.DataFrame({"v": [math.nan]}), pd.DataFrame({"v": ["x"]})),
        ({"v": None}, {"v": dt.date(2024, 1, 1)}),
    ):
        loads = Loads().load(first).load(second)
        assert len(loads["t"]) == 2
        assert loads["t"][0] == {}
        assert list(loads["t"][1]) == ["v"]


def test_c58_columns_in_another_order():
    loads = Loads().load(pa.table({"a": [1], "b": ["x"]}), pa.table({"b": ["y"], "a": [2]}))

    assert loads["t"] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_variants_of_variants():
    loads = Loads(Capabilities(timestamp_digits=6, naive_digits=6))
    loads.load({"v": 1}).load({"v": 2**63}).load({"v": Decimal("0.5")}).load(
        {"v": Decimal("0.12345678901234567890123456789")}
    )

    assert loads["t"] == [
        {"v": 1},
        {"v__v_decimal": Decimal(2**63)},
        {"v__v_text": "0.5"},
        {"v__v_text": "0.12345678901234567890123456789"},
    ]


def test_preferred_types_are_instructions():
    schema = Schema("test")
    schema.update_preferred_types({"re:_at$": "timestamp", "code": "text", "doc": "json"})
    loads = Loads(schema=schema).load({"made_at": 0, "code": 7, "doc": {"a": 1}, "other": "1"})

    assert loads["t"] == [{"made_at": dt.datetime(1970, 1, 1, tzinfo=UTC), "code": "7", "doc": '{"a":1}', "other": "1"}]


def test_the_detector_of_timestamps_in_numbers():
    now = int(dt.datetime.now(UTC).timestamp())
    schema = Schema("test")
    schema.add_type_detection("timestamp")
    loads = Loads(schema=schema).load({"a": now, "b": now + 0.5, "c": 7}).load({"a": now + 1, "c": now})

    moment = dt.datetime.fromtimestamp(now, UTC)
    half, second = dt.timedelta(seconds=0.5), dt.timedelta(seconds=1)
    assert loads["t"] == [{"a": moment, "b": moment + half, "c": 7}, {"a": moment + second, "c": now}]


def test_the_detector_of_dates():
    schema = Schema("test")
    schema.add_type_detection("iso_date")

    assert Loads(schema=schema).load({"d": "2024-01-02", "e": "2024-13-02"})["t"] == [
        {"d": dt.date(2024, 1, 2), "e": "2024-13-02"}
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [(2**63 - 1, "bigint"), (2**63, "wei"), (-(2**100), "wei"), (10**38, "text"), (2**256, "text")],
)
def test_the_detector_of_large_integers(value, kind):
    schema = Schema("test")
    schema.add_type_detection("large_integer")
    loads = Loads(schema=schema).load({"v": value})

    assert loads.schema.table("t").columns["v"].data_type == kind
    assert loads["t"] == [{"v": str(value) if kind == "text" else value}]


@pytest.mark.parametrize(
    ("value", "kind"), [(Wei(5), "wei"), (Wei(-(10**37)), "wei"), (Wei("1.5"), "decimal"), (Wei(10**40), "text")]
)
def test_wei(value, kind):
    loads = Loads().load({"v": value, "l": [value]})

    assert loads.schema.table("t").columns["v"].data_type == kind
    assert loads.schema.table("t__l").columns["value"].data_type == kind
    assert loads["t"] == [{"v": str(value) if kind == "text" else value}]


def test_the_detector_of_wei_to_double():
    schema = Schema("test")
    schema.add_type_detection("wei_to_double")
    loads = Loads(schema=schema).load({"v": Wei(5)}, {"v": Wei(2**60 + 1)}, {"v": Decimal(7)})

    assert loads.schema.table("t").columns["v"].data_type == "double"
    assert loads["t"] == [
        {"v": 5.0},
        {"v__v_wei": 2**60 + 1},  # no double is this number
        {"v": 7.0},
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("2024-01-01T00:00:00", "timestamp"),
        ("2024-01-01 10:00", "timestamp"),
        ("20240101T101010Z", "timestamp"),
        ("2024-01-01T10:00:00,5z", "timestamp"),
        ("2024-05-06", "text"),
        ("12:30", "text"),
        ("2024", "text"),
        ("2024-W01", "text"),
        ("P1D", "text"),
        ("true", "text"),
        ("0x10", "text"),
        ("2024-02-30T00:00:00Z", "text"),
        ("٢٠٢٤-01-01T00:00:00Z", "text"),
        ("2024-01-01T00:00:00.1234567Z", "text"),
        ("2024-01-01T00:00:00.1234567", "timestamp"),
    ],
)
def test_texts_that_are_timestamps(text, kind):
    loads = Loads().load({"v": text}, {"v": None}, {"v": text})

    assert loads.types() == {"v": kind}
    assert len(loads["t"][0]) == 1
    assert Loads().load(pa.table({"v": [text]})).types() == {"v": "text"}
