"""C01-C14: names that collide, nested data, nulls, columns of dlt's own."""

from __future__ import annotations

import json

import pytest

import dlt

from .rows import MANY, both, count, kept, load, notices, paged, pipeline, shaped, sql, stored, tables, types

COLUMNAR = pytest.mark.parametrize("form", ["dict", "arrow", "pandas", "polars"])


@both
def test_c01_two_keys_that_become_one_name_are_two_columns(form, caplog):
    load(form, [{"id": 1, "na!e": "Max", "na%e": "Germany"}])
    load(form, [{"id": 2, "na%e": "France", "na!e": "Eva"}])
    first, second = [name for name in types("t") if name != "id"]
    assert first == "na_e"
    assert second.startswith("na_e_")
    assert stored() == [{"id": 1, first: "Max", second: "Germany"}, {"id": 2, first: "Eva", second: "France"}]
    assert f"'na%e' is kept as '{second}'" in notices(caplog)


@both
def test_c01_a_key_that_comes_later_does_not_take_the_name_of_another(form):
    load(form, [{"id": 1, "na!e": "Max"}])
    load(form, [{"id": 2, "na%e": "Germany"}])
    (other,) = set(types("t")) - {"id", "na_e"}
    assert stored() == [{"id": 1, "na_e": "Max", other: None}, {"id": 2, "na_e": None, other: "Germany"}]


CONVENTIONS = pytest.mark.parametrize("naming", ["snake_case", "direct", "duck_case", "sql_cs_v1"])


@both
@CONVENTIONS
def test_c02_keys_that_differ_by_case_in_every_naming(form, naming, monkeypatch):
    monkeypatch.setenv("SCHEMA__NAMING", naming)
    for number in (1, 2):
        load(form, [{"id": number, "ID": 20, "Id": 30}])
    assert [list(row.values()) for row in stored()] == [[1, 20, 30], [2, 20, 30]]
    assert len({name.lower() for name in types("t")}) == 3


@COLUMNAR
def test_c02_keys_that_differ_by_case_are_three_columns(form):
    load(form, [{"id": 1, "ID": 2, "Id": 3}, {"id": 4, "ID": 5, "Id": 6}])
    assert len(types("t")) == 3
    assert [list(row.values()) for row in stored()] == [[1, 2, 3], [4, 5, 6]]
    assert len({name.lower() for name in types("t")}) == 3


def test_c03_a_nested_key_and_a_key_with_its_name_are_two_columns():
    load("dict", [{"id": 1, "a": {"b": 7}, "a__b": 6}])
    load("dict", [{"id": 2, "a__b": 60, "a": {"b": 70}}])
    (first,) = [name for name, value in stored()[0].items() if value == 6]
    (nested,) = [name for name, value in stored()[0].items() if value == 7]
    assert stored() == [{"id": 1, first: 6, nested: 7}, {"id": 2, first: 60, nested: 70}]


def test_c03_arrow_a_struct_and_a_column_with_the_name_of_its_field():
    load("arrow", [{"id": 1, "a": {"b": 7}, "a__b": 6}])
    (row,) = stored()
    assert (json.loads(row["a"]), row["a__b"]) == ({"b": 7}, 6)


@pytest.mark.parametrize("nested_first", [True, False])
def test_c04_a_nested_table_and_a_resource_with_its_name_are_two_tables(nested_first):
    orders = dlt.resource([{"id": 1, "items": [{"sku": "a"}, {"sku": "b"}]}], name="orders")
    items = dlt.resource([{"id": 9, "note": "x"}], name="orders__items")

    @dlt.source(name="shop")
    def shop():
        return (orders, items) if nested_first else (items, orders)

    pipeline().run(shop())
    pipeline().run(shop())
    assert len(tables()) == 3
    (nested,) = [name for name in tables() if "sku" in types(name)]
    (own,) = [name for name in tables() if "note" in types(name)]
    assert list(types(nested)) == ["sku"]
    assert sorted(row["sku"] for row in stored(nested, order="sku")) == ["a", "a", "b", "b"]
    assert stored(own) == [{"id": 9, "note": "x"}] * 2
    assert count("orders") == 2


@both
def test_c05_resources_whose_names_become_one_are_two_tables(form):
    def run():
        one = dlt.resource([shaped(form, [{"id": 1, "a": 1}])], name="my-table")
        two = dlt.resource([shaped(form, [{"id": 2, "b": 2}])], name="my_table")
        pipeline().run([one, two])

    run()
    run()
    assert len(tables()) == 2
    found = sorted((stored(name) for name in tables()), key=lambda rows: rows[0]["id"])
    assert found == [[{"id": 1, "a": 1}] * 2, [{"id": 2, "b": 2}] * 2]


@CONVENTIONS
def test_c05_resources_whose_names_differ_by_case(naming, monkeypatch):
    monkeypatch.setenv("SCHEMA__NAMING", naming)
    for _ in range(2):
        pipeline().run([dlt.resource([{"id": 1}], name="Orders"), dlt.resource([{"id": 2}], name="orders")])
    assert sorted([row["id"] for row in stored(name)] for name in tables()) == [[1, 1], [2, 2]]


@both
def test_c06_blank_keys_are_columns_of_their_own(form):
    load(form, [{"id": 1, "": 2, " ": 3}])
    load(form, [{"id": 4, " ": 6, "": 5}])
    assert len(types("t")) == 3
    assert [sorted(row.values()) for row in stored()] == [[1, 2, 3], [4, 5, 6]]
    assert [list(row.values())[1] for row in stored()] == [2, 5]


@both
def test_c07_keys_of_underscores_only_have_valid_names(form):
    load(form, [{"id": 1, "__": 4, "_": 5}])
    load(form, [{"id": 2, "_": 50, "__": 40}])
    names = [name for name in types("t") if name != "id"]
    assert len(set(names)) == 2
    assert all(name.strip("_") for name in names)
    assert [[row[name] for name in names] for row in stored()] == [[4, 5], [40, 50]]


def test_c08_frames_have_the_same_names_as_dicts():
    found = {}
    for form in ("dict", "arrow", "pandas", "polars"):
        load(form, [{"id": 1, "A": 10, "a": 20}], form)
        found[form] = stored(form)
    assert list(found["dict"][0].values()) == [1, 10, 20]
    assert all(rows == found["dict"] for rows in found.values())


def lists(depth, leaf):
    value = leaf
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [60, 150])
def test_c09_deeply_nested_lists_arrive(depth):
    load("dict", [{"id": 1, "l": lists(depth, 7)}, {"id": 2, "l": lists(depth, 8)}])
    table = max(tables(), key=len)
    names = types(table)
    if depth == 60:
        assert sorted(stored(table, order="value"), key=str) == [{"value": 7}, {"value": 8}]
        assert len(tables()) == 61
        return
    (name,) = names
    texts = [row[name] for row in stored(table, order=name)]
    found = [json.loads(text) for text in texts]
    levels = len(tables()) - 1
    assert names[name] == "JSON"
    assert sorted(found, key=str) == [lists(depth - levels, 7), lists(depth - levels, 8)]


def test_c09_deeply_nested_lists_stay_linked_to_their_rows():
    load("dict", [{"id": 1, "l": lists(60, 7)}, {"id": 2, "l": lists(60, 8)}])
    chain = sorted(tables(), key=len)
    joins = "".join(
        f' JOIN ds."{table}" AS n{number} ON n{number}._dlt_parent_id = n{number - 1}._dlt_id'
        for number, table in enumerate(chain[1:], 1)
    )
    assert sql(f'SELECT n0.id, n60."value" FROM ds.t AS n0{joins} ORDER BY 1') == [(1, 7), (2, 8)]


CONVENTION = """
from dlt.schema.naming import NamingConvention as Convention

class NamingConvention(Convention):
    is_case_sensitive = True

    def normalize_identifier(self, identifier):
        return "X_" + super().normalize_identifier(identifier).upper()  # another name each time it is applied
"""


@both
def test_c10_a_custom_naming_is_applied_once(form, tmp_path, monkeypatch):
    (tmp_path / "shouting.py").write_text(CONVENTION)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SCHEMA__NAMING", "shouting")
    rows = [{"id": 1, "tags": [{"tag": "a"}]}]
    for _ in range(3):
        pipeline().run(shaped(form, rows), table_name="orders", write_disposition="merge", primary_key="id")
    (root, *nested) = tables()
    assert root == "X_ORDERS"
    assert count(root) == 1
    assert next(iter(types(root))) == "X_ID"
    if form == "dict":
        (child,) = nested
        own = f'SELECT c.* FROM ds."{child}" AS c JOIN ds."{root}" AS r ON c._dlt_parent_id = r._dlt_id'
        assert len(sql(own)) == count(child) == 1
        assert len(types(child)) == 1
    else:
        assert len(types(root)) == 2


@both
def test_c11_a_column_of_nulls_exists(form):
    load(form, [{"id": 1, "v": None}, {"id": 2, "v": None}])
    assert list(types("t")) == ["id", "v"]
    assert stored() == [{"id": 1, "v": None}, {"id": 2, "v": None}]
    assert sql("SELECT is_nullable FROM duckdb_columns() WHERE column_name = 'v'") == [(True,)]


@both
@pytest.mark.parametrize("value", [7, 1.5, True, "x", b"y"])
def test_c11_the_column_gets_its_type_with_the_first_value(form, value):
    load(form, [{"id": 1, "v": None}])
    load(form, [{"id": 2, "v": value}])
    load(form, [{"id": 3, "v": None}, {"id": 4, "v": value}])
    assert [row["v"] for row in stored()] == [None, value, None, value]
    load("dict", [{"id": 1, "v": value}], "other")
    assert types("t") == types("other")


ITEMS = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize("contract", [None, "freeze"])
def test_c12_null_goes_with_a_nested_table(contract):
    load("dict", [{"id": 1, "children": ITEMS}])
    load("dict", [{"id": 2, "children": None}], schema_contract=contract)
    load("dict", [{"id": 3, "children": ITEMS}, {"id": 4, "children": None}], schema_contract=contract)
    assert list(types("t")) == ["id"]
    assert [row["id"] for row in stored()] == [1, 2, 3, 4]
    owners = "SELECT p.id, c.name FROM ds.t__children AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id ORDER BY ALL"
    assert sql(owners) == [(1, "a"), (1, "b"), (3, "a"), (3, "b")]


@pytest.mark.parametrize("contract", [None, "freeze"])
def test_c12_null_first_then_a_nested_table(contract):
    load("dict", [{"id": 1, "children": None}])
    load("dict", [{"id": 2, "children": ITEMS}])
    load("dict", [{"id": 3, "children": None}, {"id": 4, "children": ITEMS}], schema_contract=contract)
    assert [row["id"] for row in stored()] == [1, 2, 3, 4]
    assert {row.get("children") for row in stored()} == {None}
    owners = "SELECT p.id, c.name FROM ds.t__children AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id ORDER BY ALL"
    assert sql(owners) == [(2, "a"), (2, "b"), (4, "a"), (4, "b")]


def test_c12_arrow_null_then_lists():
    load("arrow", [{"id": 1, "children": None}])
    load("arrow", [{"id": 2, "children": ITEMS}])
    load("arrow", [{"id": 3, "children": None}])
    assert [row["children"] and json.loads(row["children"]) for row in stored()] == [None, ITEMS, None]


@pytest.mark.parametrize("runs", ["one page", "pages", "runs"])
def test_c13_a_scalar_after_lists_is_a_list_of_one(runs):
    rows = [{"id": 1, "v": [1, 2]}, {"id": 2, "v": 3}, {"id": 3, "v": None}, {"id": 4, "v": [4]}]
    spread("dict", rows, runs)
    assert list(types("t")) == ["id"]
    items = (
        'SELECT p.id, c._dlt_list_idx, c."value" FROM ds.t__v AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id'
        " ORDER BY ALL"
    )
    assert sql(items) == [(1, 0, 1), (1, 1, 2), (2, 0, 3), (4, 0, 4)]


@pytest.mark.parametrize("runs", ["one page", "pages", "runs"])
def test_c13_lists_after_a_scalar_are_a_nested_table(runs):
    spread("dict", [{"id": 1, "v": 3}, {"id": 2, "v": [1, 2]}, {"id": 3, "v": 4}], runs)
    assert [row["v"] for row in stored()] == [3, None, 4]
    items = 'SELECT p.id, c."value" FROM ds.t__v AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id ORDER BY ALL'
    assert sql(items) == [(2, 1), (2, 2)]


def test_c13_arrow_a_scalar_after_lists_stays_in_the_column():
    load("arrow", [{"id": 1, "v": [1, 2]}])
    load("arrow", [{"id": 2, "v": 3}])
    assert [json.loads(value) for value in kept()] == [[1, 2], 3]


def spread(form, rows, runs):
    """Load rows in one page, in a page each, or in a run each."""
    if runs == "one page":
        load(form, rows)
    elif runs == "pages":
        pipeline().run(paged(*(shaped(form, [row]) for row in rows)))
    else:
        for row in rows:
            load(form, [row])


def test_c14_row_ids_of_the_user_that_come_again_in_a_later_batch():
    rows = [{"id": number, "_dlt_id": f"x{number % (MANY - 1)}", "tags": [number]} for number in range(MANY)]
    pipeline().run(paged(rows))
    assert sql("SELECT count(*), count(DISTINCT _dlt_id) FROM ds.t") == [(MANY, MANY)]
    owners = (
        'SELECT count(*) FROM ds.t__tags AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id WHERE p.id = c."value"'
    )
    assert sql(owners) == [(MANY,)]
    assert count("t__tags") == MANY


@pytest.mark.parametrize("runs", ["one page", "pages"])
def test_c14_row_ids_of_the_user_that_are_not_unique_are_no_row_keys(runs, caplog):
    rows = [{"id": 1, "_dlt_id": "x", "tags": ["a"]}, {"id": 2, "_dlt_id": "x", "tags": ["b"]}]
    spread("dict", rows, runs)
    owners = 'SELECT p.id, c."value" FROM ds.t__tags AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id ORDER BY ALL'
    assert sql(owners) == [(1, "a"), (2, "b")]
    assert sql("SELECT count(DISTINCT _dlt_id) FROM ds.t") == [(2,)]
    assert "x" in [value for row in stored() for value in row.values()]
    assert "_dlt_id" in notices(caplog)


def test_c14_unique_row_ids_of_the_user_are_kept():
    load("dict", [{"id": 1, "_dlt_id": "x", "tags": ["a"]}, {"id": 2, "_dlt_id": "y", "tags": ["b"]}])
    assert sql("SELECT id, _dlt_id FROM ds.t ORDER BY id") == [(1, "x"), (2, "y")]
    assert sql('SELECT _dlt_parent_id, "value" FROM ds.t__tags ORDER BY ALL') == [("x", "a"), ("y", "b")]


def test_c14_other_columns_of_dlt_in_the_data_are_kept_beside_them():
    load("dict", [{"id": 1, "_dlt_load_id": "mine", "_dlt_list_idx": 5}])
    (load_id,) = sql("SELECT load_id FROM ds._dlt_loads")
    assert sql("SELECT _dlt_load_id FROM ds.t") == [load_id]
    assert "mine" in stored()[0].values()
    assert (5,) in [(value,) for value in sql("SELECT * FROM ds.t")[0]]


def test_c14_arrow_columns_of_dlt_are_kept_as_they_are():
    load("arrow", [{"id": 1, "_dlt_id": "x", "_dlt_load_id": "old"}, {"id": 2, "_dlt_id": "x", "_dlt_load_id": "old"}])
    assert sql("SELECT id, _dlt_id, _dlt_load_id FROM ds.t ORDER BY id") == [(1, "x", "old"), (2, "x", "old")]
