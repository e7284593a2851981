"""C46-C58: what drivers of databases give, odd texts, frames, hints, more than one source."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

import dlt
from dlt.errors import PlanError, StepFailed

from .rows import (
    MANY,
    both,
    count,
    files,
    in_turn,
    kept,
    load,
    numbered,
    paged,
    pipeline,
    quarantined,
    same,
    shaped,
    sql,
    stored,
    types,
)

UTC = dt.UTC

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
