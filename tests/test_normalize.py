"""Reader and normaliser together: rows and frames in, named and typed rows out, and the books balance."""

from __future__ import annotations

import datetime as dt
import logging
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.marks import Options
from dlt.errors import SchemaError
from dlt.extract.read import Reader
from dlt.normalize import Normalizer
from dlt.package.ledger import Ledger
from dlt.quarantine import Quarantine, unpacked
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, PARENT_ID, QUARANTINE, ROOT_ID, ROW, Column, Table
from dlt.schema.schema import Schema
from strategies import KEYS, ROWS, SCALARS, same

UTC = dt.UTC
CAPS = Capabilities(merge_strategies=("delete-insert", "upsert", "scd2", "insert-only"))
OWN = (ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_IDX, ROW)


class Loads:
    """Loads one after the other into one schema; what they made is kept."""

    def __init__(self, caps: Capabilities = CAPS, schema: Schema | None = None, options: Options | None = None) -> None:
        self.schema, self.caps, self.options = schema or Schema("test"), caps, options or Options()
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.shards: list[pa.RecordBatch] = []
        self.count = 0

    def load(self, *items: Any, name: str = "t", nesting: int | None = None, **hints: Any) -> Loads:
        """One run: items for one table, an item being a row, a page or a frame."""
        return self.run([(name, item) for item in items], nesting=nesting, **hints)

    def run(self, items: Sequence[tuple[str, Any]], *, nesting: int | None = None, **hints: Any) -> Loads:
        self.count += 1
        self.schema = Schema.from_dict(self.schema.to_dict())  # as if stored and read again
        ledger = Ledger()
        quarantine = Quarantine(str(self.count), ledger)
        normalizer = Normalizer(self.schema, self.caps, str(self.count), ledger, quarantine, self.options)
        reader = Reader(normalizer.table_name, normalizer.shape, ledger, quarantine)
        hints = {"write_disposition": "append", **hints}
        places = {name: (name, table(name, **hints), {}, nesting) for name, _ in items}
        for batch in reader.read((places[name], item) for name, item in items):
            for shard in normalizer(batch):
                self.take(shard.table, shard.data, ledger)
        if (rest := quarantine.shard()) is not None:
            self.take(rest.table, rest.data, ledger)
        ledger.check_written()
        return self

    def take(self, name: str, data: pa.RecordBatch, ledger: Ledger) -> None:
        ledger.add(name, "written", data.num_rows)
        data.validate(full=True)
        assert len(set(data.schema.names)) == len(data.schema.names)
        if name != QUARANTINE:
            columns = self.schema.table(name).columns
            assert set(data.schema.names) <= {*columns, ROW}
            assert all(columns[n].data_type for n in data.schema.names if n != ROW)
            self.shards.append(data)
        rows = [{key: value for key, value in row.items() if value is not None} for row in data.to_pylist()]
        self.rows.setdefault(name, []).extend(rows)

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table without what dlt adds."""
        return [{key: value for key, value in row.items() if key not in OWN} for row in self.rows.get(name, [])]

    def column(self, name: str, column: str) -> Column:
        return self.schema.table(name).columns[column]

    def types(self, name: str = "t") -> dict[str, str | None]:
        return {key: column.data_type for key, column in self.schema.table(name).columns.items() if key not in OWN}

    @property
    def turned_away(self) -> list[dict[str, Any]]:
        return self.rows.get(QUARANTINE, [])


def table(name: str, columns: Mapping[str, Any] | None = None, **hints: Any) -> Table:
    made = {key: Column.from_dict({"name": key, **hint}) for key, hint in (columns or {}).items()}
    return Table(name, made, resource=name, **hints)


def only(values: Sequence[Any]) -> Any:
    [value] = values
    return value


# ---- names: C01 to C08


@pytest.mark.parametrize(
    "row",
    [
        {"id": 1, "na!e": "Max", "na%e": "Germany"},
        {"id": 1, "ID": 2, "Id": 3},
        {"id": 1, "a": {"b": 7}, "a__b": 6},
        {"id": 1, "": 2, " ": 3},
        {"id": 1, "__": 4, "_": 5},
        {"User Name": 1, "user_name": 2, "userName": 3},
        {"x": 1, "x_": 2, "xx": 3, "x__": 4},
    ],
    ids=["C01", "C02", "C03", "C06", "C07", "spaces", "ends"],
)
def test_keys_that_would_have_one_name(row):
    loads = Loads().load(row)
    values = {value for item in row.values() for value in (item.values() if isinstance(item, dict) else [item])}

    assert set(only(loads["t"]).values()) == values
    assert len(only(loads["t"])) == len(values)
    other = Loads().load(dict(reversed(row.items())))
    again = loads.load(dict(reversed(row.items())))
    assert again["t"][0] == again["t"][1]
    assert set(only(other["t"]).values()) == values


def test_c02_says_which_key_has_which_name(caplog):
    with caplog.at_level(logging.WARNING, "dlt"):
        loads = Loads().load({"id": 1, "ID": 2})

    [name] = set(only(loads["t"])) - {"id"}
    assert name.startswith("id_")
    assert f"'ID' is kept as '{name}'" in caplog.text


def test_names_stay_with_their_keys_in_later_runs():
    loads = Loads().load({"id": 1, "name": "a"}).load({"ID": 2, "id": 3}).load({"Id": 4}).load({"ID": 5, "id": 6})

    first, second, third, fourth = loads["t"]
    assert (first["id"], second["id"], fourth["id"]) == (1, 3, 6)
    [upper] = set(second) - {"id"}
    assert fourth == {"id": 6, upper: 5}
    assert 4 in third.values()
    assert set(third).isdisjoint({"id", upper})


@pytest.mark.parametrize("nested_first", [True, False])
def test_c04_a_nested_table_and_a_resource_of_one_name(nested_first):
    items = [("orders", {"id": 1, "items": [{"sku": "a"}]}), ("orders__items", {"id": 7})]
    loads = Loads().run(items if nested_first else items[::-1])
    loads.run(items[::-1])

    tables = {name: loads[name] for name in loads.rows}
    assert sorted(map(str, tables.values())) == sorted(map(str, [[{"id": 1}] * 2, [{"sku": "a"}] * 2, [{"id": 7}] * 2]))
    assert sorted(name for name in tables if name.startswith("orders__items")) == sorted(set(tables) - {"orders"})


def test_c05_two_resources_of_one_name(caplog):
    with caplog.at_level(logging.WARNING, "dlt"):
        loads = Loads().run([("my-table", {"a": 1}), ("my_table", {"a": 2})])

    [other] = set(loads.rows) - {"my_table"}
    assert (loads["my_table"], loads[other]) == ([{"a": 1}], [{"a": 2}])
    assert f"'my_table' is kept as '{other}'" in caplog.text
    loads.run([("my_table", {"a": 3}), ("my-table", {"a": 4})])
    assert (loads["my_table"], loads[other]) == ([{"a": 1}, {"a": 4}], [{"a": 2}, {"a": 3}])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table])
def test_c08_columns_of_frames_that_would_have_one_name(make):
    loads = Loads().load(make({"A": [1], "a": [2]}))

    assert sorted(only(loads["t"]).values()) == [1, 2]


def test_c09_sixty_lists_in_each_other():
    value: Any = "deep"
    for _ in range(60):
        value = [value]
    loads = Loads().load({"id": 1, "v": value})

    assert len(loads.rows) == 61
    deepest = max(loads.rows, key=len)
    assert deepest == "t__v" + "__list" * 59
    assert loads[deepest] == [{"value": "deep"}]


def test_c10_naming_is_idempotent():
    loads = Loads()
    for _ in range(3):
        loads.load({"Some Id": 1, "Lines": [{"Line No": 2}]}, name="My Table")

    assert set(loads.rows) == {"my_table", "my_table__lines"}
    assert loads["my_table__lines"] == [{"line_no": 2}] * 3


@given(
    st.lists(
        st.dictionaries(KEYS, SCALARS | st.dictionaries(KEYS, SCALARS, max_size=2), max_size=4), min_size=1, max_size=3
    )
)
def test_no_two_values_of_a_row_meet(rows):
    loads = Loads().load(*rows)
    taken = {"_dlt_id", "_dlt_load_id"}

    for row, made in zip(rows, loads["t"], strict=True):
        values = [value for item in row.values() for value in (item.values() if isinstance(item, dict) else [item])]
        if taken.isdisjoint(key.strip().lower() for key in row):
            assert len(made) == len(values)


@given(ROWS, ROWS)
def test_later_runs_find_the_same_names(first, second):
    loads = Loads().load(*first)
    before = dict(loads.rows)
    loads.load(*second).load(*first)

    for name, rows in before.items():
        again = loads.rows[name][-len(rows) :]
        assert [set(row) - {ROOT_ID} for row in again] == [set(row) - {ROOT_ID} for row in rows]


def test_a_hint_may_be_written_like_the_key_or_like_the_name():
    for key in ("User Name", "user_name", "userName"):
        loads = Loads().load({key: "7"}, columns={"user_name": {"data_type": "bigint"}})
        assert loads["t"] == [{"user_name": 7}]
    loads = Loads().load({"user_name": "7"}, columns={"User Name": {"data_type": "bigint"}})
    assert loads["t"] == [{"user_name": 7}]


# ---- shape: C11 to C14


def test_c11_a_column_of_nulls_is_there():
    loads = Loads().load({"id": 1, "v": None})

    assert loads.types() == {"id": "bigint", "v": None}
    assert loads.load({"id": 2, "v": "x"}).types() == {"id": "bigint", "v": "text"}
    assert loads["t"] == [{"id": 1}, {"id": 2, "v": "x"}]


def test_c12_null_then_a_child_table():
    loads = (
        Loads()
        .load({"id": 1, "children": None})
        .load({"id": 2, "children": [{"n": 1}]})
        .load({"id": 3, "children": None})
    )

    assert loads["t__children"] == [{"n": 1}]
    assert loads["t"] == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_c12_null_where_the_contract_is_frozen():
    loads = Loads().load({"id": 1, "children": [{"n": 1}]})
    loads.load({"id": 2, "children": None, "other": None}, schema_contract="freeze")

    assert loads["t"] == [{"id": 1}, {"id": 2}]
    assert set(loads.types()) == {"id"}


def test_c13_a_scalar_where_a_list_was(caplog):
    with caplog.at_level(logging.WARNING, "dlt"):
        loads = Loads().load({"v": [1, 2]}).load({"v": 3}).load({"v": "x"})

    assert loads["t__v"] == [{"value": 1}, {"value": 2}, {"value": 3}, {"value__v_text": "x"}]
    assert loads["t"] == [{}, {}, {}]
    assert "list of one" in caplog.text


def test_c13_a_list_where_a_scalar_was():
    loads = Loads().load({"v": 3}).load({"v": [1, 2]}).load({"v": 4})

    assert (loads["t"], loads["t__v"]) == ([{"v": 3}, {}, {"v": 4}], [{"value": 1}, {"value": 2}])


def test_c13_a_column_does_not_take_a_table_of_another_resource():
    loads = Loads().run([("t", {"id": 1}), ("t__v", {"id": 2})]).load({"id": 3, "v": 4})

    assert loads["t"] == [{"id": 1}, {"id": 3, "v": 4}]


def test_c14_row_ids_that_come_with_the_data():
    loads = (
        Loads().load({"_dlt_id": "a", "l": [1]}, {"_dlt_id": "b", "l": [2]}).load({"_dlt_id": "c"}, {"_dlt_id": "c"})
    )

    assert [row[ID] for row in loads.rows["t"][:2]] == ["a", "b"]
    assert [row[PARENT_ID] for row in loads.rows["t__l"]] == ["a", "b"]
    later = loads.rows["t"][2:]
    assert len({row[ID] for row in later}) == 2
    assert [row["_dlt_id__v_text"] for row in later] == ["c", "c"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"_dlt_id": 1}, {"_dlt_id": None}],
        [{"_dlt_id": "a"}, {"_dlt_id": 5}],
        [{"_dlt_load_id": "x"}, {"_dlt_load_id": 2.5}],
        [{"_dlt_id": {"a": 1}}, {"_dlt_id": [1]}],
    ],
)
def test_c14_values_for_columns_of_dlt_are_kept(rows):
    loads = Loads().load(*rows).load(*rows)
    kept = [value for name in loads.rows for row in loads[name] for value in row.values()]
    kept += [row[ID] for row in loads.rows["t"] if len(row[ID]) < 14]

    wanted = [
        x
        for row in rows
        for v in row.values()
        for x in (v.values() if isinstance(v, dict) else v if isinstance(v, list) else [v])
    ]
    assert sorted(map(repr, kept)) == sorted(repr(value) for value in wanted * 2 if value is not None)


def test_c14_row_ids_of_nested_rows():
    loads = Loads().load(
        {"l": [{"_dlt_id": "x"}, {"_dlt_id": "y"}], "m": [{"_dlt_parent_id": "p", "_dlt_list_idx": 7}]}
    )

    assert [row[ID] for row in loads.rows["t__l"]] == ["x", "y"]
    assert loads["t__m"] == [{"_dlt_parent_id__v_text": "p", "_dlt_list_idx__v_bigint": 7}]
    assert loads.rows["t__m"][0][PARENT_ID] == loads.rows["t"][0][ID]


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


# ---- ids and books


def test_nested_rows_know_their_parents():
    loads = Loads().load(
        {"l": [{"m": [1, 2]}, {"m": [3]}]},
        {"l": [{"m": [4]}]},
        write_disposition="merge",
        columns={"id": {"primary_key": True, "nullable": True}},
    )
    roots, items, inner = (loads.rows[name] for name in ("t", "t__l", "t__l__m"))

    assert [row[LIST_IDX] for row in inner if row["value"] != 4] == [0, 1, 0]
    by_id = {row[ID]: row for row in items}
    root_ids = {row[ID] for row in roots}
    assert len(root_ids) == 2
    assert len(by_id) == 3
    for row in inner:
        parent = by_id[row[PARENT_ID]]
        assert row[ROOT_ID] == parent[ROOT_ID] == parent[PARENT_ID]
        assert parent[PARENT_ID] in root_ids


@pytest.mark.parametrize("strategy", ["upsert", "insert-only", "scd2"])
def test_ids_that_must_be_the_same_each_time(strategy):
    def ids() -> dict[str, list[Any]]:
        loads = Loads().load(
            {"id": 1, "l": [{"m": [1]}, {"m": [2, 3]}]},
            {"id": 2, "l": [{"m": [4]}]},
            write_disposition="merge",
            extra={"x-merge-strategy": strategy},
            columns={"id": {"primary_key": True, "nullable": False}},
        )
        return {name: [row[ID] for row in rows] for name, rows in loads.rows.items()}

    first = ids()
    assert ids() == first
    every = [one for found in first.values() for one in found]
    assert len(set(every)) == len(every) == 9


@pytest.mark.parametrize("strategy", ["delete-insert", "append"])
def test_other_ids_are_random(strategy):
    hints = {"write_disposition": "append"} if strategy == "append" else {"write_disposition": "merge"}
    loads = Loads().load({"id": 1}, **hints).load({"id": 1}, **hints)

    assert len({row[ID] for row in loads.rows["t"]}) == 2


def test_c82_rows_a_contract_turns_away():
    loads = Loads().load({"id": 1, "l": [{"a": 1}]})
    loads.load(
        {"id": 2, "new": 1, "l": [{"a": 2}]},
        {"id": 3, "l": [{"a": 3}, {"a": 4, "b": 5}]},
        schema_contract="discard_row",
    )

    assert loads["t"] == [{"id": 1}, {"id": 3}]
    assert loads["t__l"] == [{"a": 1}, {"a": 3}]
    assert [unpacked(row["row"], row.get("types")) for row in loads.turned_away] == [
        {"id": 2, "new": 1, "l": [{"a": 2}]},
        {"a": 4, "b": 5},
    ]


def test_values_a_contract_turns_away():
    loads = Loads().load({"id": 1}).load({"id": 2, "new": 1}, {"id": "x"}, schema_contract="discard_value")

    assert loads["t"] == [{"id": 1}, {"id": 2}, {}]
    assert [(row["column_name"], row["whole_row"]) for row in loads.turned_away] == [("id", False), ("new", False)]


def test_rows_without_a_value_where_there_must_be_one():
    loads = Loads().load(
        {"id": 1, "k": "a"}, {"id": 2, "k": None}, {"id": 3, "new": "first"}, columns={"k": {"nullable": False}}
    )

    assert loads["t"] == [{"id": 1, "k": "a"}]
    assert [(row["column_name"], row["reason"], row["position"]) for row in loads.turned_away] == [
        ("k", "null_value", 1),
        ("k", "null_value", 2),
    ]


def test_bad_rows_can_be_errors():
    loads = Loads()
    ledger = Ledger()
    quarantine = Quarantine("1", ledger, fail=True)
    normalizer = Normalizer(loads.schema, CAPS, "1", ledger, quarantine)
    reader = Reader(normalizer.table_name, normalizer.shape, ledger, quarantine)

    with pytest.raises(SchemaError, match="v"):
        list(reader.read([(("t", table("t"), {}, None), {"v": object()})]))


@given(ROWS, st.integers(0, 3))
def test_the_books_balance_and_no_scalar_is_lost(rows, nesting):
    loads = Loads().load(*rows, nesting=nesting)

    assert loads.turned_away == []
    assert len(loads["t"]) == len(rows)


def test_large_pages_and_many_batches():
    rows = [{"id": number, "l": [{"n": number}] * (number % 3)} for number in range(5_000)]
    loads = Loads().load(rows[:3_000], *rows[3_000:])

    assert [row["id"] for row in loads["t"]] == list(range(5_000))
    assert [row["n"] for row in loads["t__l"]] == [n for n in range(5_000) for _ in range(n % 3)]
    owners = {row[ID]: row["id"] for row in loads.rows["t"]}
    assert all(owners[row[PARENT_ID]] == row["n"] for row in loads.rows["t__l"])


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
