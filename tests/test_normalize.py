"""Reader and normaliser together: every key has a name, every row an id and a place, and the books balance."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import SchemaError
from dlt.extract.read import Reader
from dlt.normalize import Normalizer
from dlt.package.ledger import Ledger
from dlt.quarantine import Quarantine, unpacked
from dlt.schema.model import ID, LIST_IDX, PARENT_ID, ROOT_ID
from loads import CAPS, Loads, only, table
from strategies import KEYS, ROWS, SCALARS

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
