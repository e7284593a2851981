"""The public Schema: tables, settings, contracts, versions."""

from __future__ import annotations

import copy
import pickle

import pytest

from dlt.errors import NotBuilt, SchemaError
from dlt.schema.model import Column, Table
from dlt.schema.schema import Schema
from dlt.schema.tables import inherited

TEXT = {"name": "a", "data_type": "text"}


@pytest.fixture
def schema():
    schema = Schema("shop")
    schema.update_table(
        {"name": "orders", "write_disposition": "merge", "columns": {"a": TEXT}, "x-merge-strategy": "upsert"}
    )
    schema.update_table({"name": "orders__items", "parent": "orders", "columns": {"a": TEXT}})
    return schema


def test_a_new_schema_has_the_tables_of_dlt():
    schema = Schema("shop")

    assert schema.names == ("_dlt_version", "_dlt_loads")
    assert list(schema.get_table_columns("_dlt_version")) == [
        "version", "engine_version", "inserted_at", "schema_name", "version_hash", "schema",
    ]  # fmt: skip
    assert schema.get_table_columns("_dlt_loads")["load_id"] == {
        "name": "load_id",
        "data_type": "text",
        "precision": 64,
        "nullable": False,
    }
    assert schema.get_table_columns("_dlt_loads")["schema_name"]["nullable"] is True
    assert schema.data_tables() == []
    assert (schema.version, schema.is_new, schema.is_modified, schema.previous_hashes) == (1, True, True, [])


@pytest.mark.parametrize("name", ["A b", "a.b", "", "1a", "a-b", "a" * 65, None])
def test_a_name_is_an_identifier(name):
    with pytest.raises(SchemaError, match="name of a schema"):
        Schema(name)


def test_names_are_normalised_and_columns_merged_by_property():
    schema = Schema("shop")
    given = schema.update_table(
        {"name": "My T", "columns": [{"name": "User Id", "data_type": "text"}, {"name": "later"}]}
    )
    schema.update_table({"name": "my_t", "columns": {"user_id": {"unique": True, "description": "who"}}})
    schema.update_table({"name": "my_t", "columns": {"new": TEXT | {"name": "new"}, "later": {"data_type": "bigint"}}})

    assert given["name"] == "my_t"
    assert schema.get_table("my_t")["columns"]["user_id"] == {
        "name": "user_id", "data_type": "text", "nullable": True, "description": "who", "unique": True,
    }  # fmt: skip
    assert list(schema.get_table_columns("my_t")) == ["user_id", "new", "later"]
    assert schema.get_new_table_columns("my_t", {"USER_ID": {}, "new": {}}, case_sensitive=False) == [
        {"name": "later", "data_type": "bigint", "nullable": True}
    ]


def test_public_forms_are_copies(schema):
    schema.get_table("orders")["columns"].clear()
    schema.settings["detections"].append("timestamp")
    schema.tables.clear()

    assert list(schema.get_table_columns("orders")) == ["a"]
    assert schema.detections == ("iso_timestamp",)


def test_compound_hints_move_when_asked(schema):
    schema.update_table({"name": "orders", "columns": {"a": {"primary_key": True}, "b": {"data_type": "text"}}})
    schema.update_table({"name": "orders", "columns": {"b": {"primary_key": True}}})
    assert schema.table("orders").keys("primary_key") == ("a", "b")

    schema.update_table({"name": "orders", "columns": {"b": {"primary_key": True}}}, merge_compound_props=False)
    assert schema.table("orders").keys("primary_key") == ("b",)


def test_parents_exist_and_stay(schema):
    with pytest.raises(SchemaError, match="not in the schema"):
        schema.update_table({"name": "z__d", "parent": "z", "columns": {}})
    with pytest.raises(SchemaError, match="cannot change"):
        schema.update_table({"name": "orders__items", "parent": "_dlt_loads", "columns": {}})


def test_drop_tables_leaves_no_orphans(schema):
    with pytest.raises(SchemaError, match="without parent"):
        schema.drop_tables(["orders"])
    assert [table["name"] for table in schema.drop_tables(["orders", "orders__items"])] == ["orders", "orders__items"]
    assert schema.data_table_names() == []
    with pytest.raises(SchemaError, match="no such table"):
        schema.get_table("orders")


def test_data_tables(schema):
    schema.update_table({"name": "empty", "columns": {"x": {"nullable": True}}})
    schema.put(schema.table("orders").with_(extra={"x-normalizer": {"seen-data": True}}))

    assert schema.data_table_names() == ["orders", "orders__items"]
    assert schema.data_table_names(include_incomplete=True) == ["orders", "orders__items", "empty"]
    assert schema.data_table_names(seen_data_only=True) == ["orders"]
    assert schema.is_new_table("empty")
    assert not schema.is_new_table("orders")


def test_hints_come_from_the_tables_above(schema):
    assert inherited(schema, "orders__items", "write_disposition") == "merge"
    assert inherited(schema, "orders__items", "x-merge-strategy") == "upsert"
    assert inherited(schema, "orders__items", "file_format") is None
    assert inherited(schema, "nowhere", "file_format") is None


def test_contracts(schema):
    assert set(schema.resolve_contract_settings_for_table("orders").values()) == {"evolve"}

    schema.set_schema_contract({"columns": "discard_row"})
    everywhere = {"tables": "evolve", "columns": "discard_row", "data_type": "evolve"}
    assert schema.resolve_contract_settings_for_table("orders__items") == everywhere
    assert schema.resolve_contract_settings_for_table("unknown") == everywhere

    schema.update_table({"name": "orders", "schema_contract": "freeze"})
    assert set(schema.resolve_contract_settings_for_table("orders__items").values()) == {"freeze"}
    own = {"name": "orders__x", "parent": "orders", "schema_contract": {"tables": "discard_value"}}
    assert schema.resolve_contract_settings_for_table("orders__x", own)["tables"] == "discard_value"
    assert schema.resolve_contract_settings_for_table("orders__x", {"parent": "orders"})["tables"] == "freeze"

    schema.set_schema_contract(None)
    assert "schema_contract" not in schema.settings
    for wrong in ("freez", {"rows": "freeze"}, {"tables": "no"}):
        with pytest.raises(SchemaError, match="schema contract"):
            schema.set_schema_contract(wrong)


def test_types_and_hints_by_column_name():
    schema = Schema("shop")
    schema.update_preferred_types({"re:_at$": "timestamp", "Order Id": "text"})
    schema.merge_hints({"not_null": ["Order Id", "re:^x"], "primary_key": ["Order Id"]})

    assert schema.preferred_type("seen_at") == "timestamp"
    assert schema.get_preferred_type("order_id") == "text"
    assert schema.preferred_type("other") is None
    assert schema.default_hints_for("order_id") == {"nullable": False, "primary_key": True}
    assert schema.default_hints_for("x1") == {"nullable": False}
    assert schema.default_hints_for("_dlt_id") == {"nullable": False, "unique": True, "row_key": True}
    assert schema.default_hints_for("other") == {}

    schema.merge_hints({"not_null": []}, replace=True)
    assert schema.default_hints_for("x1") == {}
    with pytest.raises(SchemaError, match="data type"):
        schema.update_preferred_types({"a": "int"})
    with pytest.raises(SchemaError, match="no hint"):
        schema.merge_hints({"foo": ["a"]})
    with pytest.raises(SchemaError, match="regular expression"):
        schema.merge_hints({"unique": ["re:("]})


def test_detections():
    schema = Schema("shop")
    schema.add_type_detection("iso_date")
    schema.remove_type_detection("iso_timestamp")

    assert schema.detections == ("iso_date",)
    with pytest.raises(SchemaError, match="detector"):
        schema.add_type_detection("foo")


def test_versions_count_what_is_saved():
    schema = Schema("shop")
    first = schema.version_hash
    schema.mark_saved()
    assert (schema.version, schema.is_modified, schema.is_new) == (1, False, False)

    schema.put(Table("t", {"a": Column("a", "text")}))
    assert (schema.version, schema.is_modified, schema.stored_version) == (2, True, 1)
    assert schema.previous_hashes == [first]
    assert schema.to_dict(bump_version=False)["version"] == 1

    schema.drop_tables(["t"])
    assert (schema.version, schema.version_hash, schema.previous_hashes) == (1, first, [])


def test_previous_hashes_are_at_most_ten():
    schema = Schema("shop")
    for number in range(15):
        schema.put(Table(f"t{number}"))
        schema.mark_saved()

    assert schema.version == 15
    assert len(schema.previous_hashes) == 10


def test_copies_are_equal_and_apart(schema):
    schema.mark_saved()
    for other in (schema.clone(), copy.deepcopy(schema), pickle.loads(pickle.dumps(schema))):
        assert other.to_dict() == schema.to_dict()
        other.put(Table("new"))
        assert schema.table("new") is None

    renamed = schema.clone(with_name="other", remove_processing_hints=True)
    assert (renamed.name, renamed.is_new, renamed.version, renamed.previous_hashes) == ("other", True, 1, [])
    assert renamed.data_table_names() == schema.data_table_names()


def test_unify_schemas_changes_none_of_them(schema):
    other = Schema("b")
    other.update_table({"name": "orders", "columns": {"b": TEXT | {"name": "b"}}})
    unified = schema.unify_schemas([schema, other])

    assert list(unified.get_table_columns("orders")) == ["a", "b"]
    assert unified.name == "u_shop_shop_b"
    assert list(schema.get_table_columns("orders")) == ["a"]
    with pytest.raises(SchemaError, match="naming"):
        schema.unify_schemas([Schema("c", {"names": "direct"})], check_naming_convention=True)


def test_replace_schema_content(schema):
    before = schema.version_hash
    other = Schema("b")
    schema.replace_schema_content(other, link_to_replaced_schema=True)

    assert (schema.name, schema.version_hash, schema.previous_hashes) == ("b", other.version_hash, [before])
    schema.put(Table("t"))
    assert other.table("t") is None


def test_references_follow_the_keys():
    schema = Schema("shop")
    key, load = Column("_dlt_id", "text", row_key=True), Column("_dlt_load_id", "text")
    parent, root = Column("_dlt_parent_id", "text", parent_key=True), Column("_dlt_root_id", "text", root_key=True)
    named = {"columns": ["a"], "referenced_table": "b", "referenced_columns": ["c"]}
    schema.put(Table("t", {"_dlt_id": key, "_dlt_load_id": load}, references=(named,)))
    schema.put(Table("t__c", {"_dlt_id": key, "_dlt_parent_id": parent, "_dlt_root_id": root}, parent="t"))
    schema.put(Table("t__c__d", {"_dlt_parent_id": parent, "_dlt_root_id": root}, parent="t__c"))

    found = [(each.get("label"), each["table"], each["referenced_table"]) for each in schema.references]
    assert found == [
        ("_dlt_load", "t", "_dlt_loads"),
        (None, "t", "b"),
        ("_dlt_parent", "t__c", "t"),
        ("_dlt_root", "t__c", "t"),
        ("_dlt_parent", "t__c__d", "t__c"),
        ("_dlt_root", "t__c__d", "t"),
        ("_dlt_schema_version", "_dlt_version", "_dlt_loads"),
        ("_dlt_schema_name", "_dlt_version", "_dlt_loads"),
    ]


def test_normalizer_settings_are_stored():
    schema = Schema("shop")
    assert (schema.root_key, schema.max_nesting) == (None, None)
    schema.root_key, schema.max_nesting = True, 0

    again = Schema.from_dict(schema.to_dict())
    assert (again.root_key, again.max_nesting) == (True, 0)
    again.root_key = again.max_nesting = None
    assert again.to_dict()["normalizers"] == Schema("x").to_dict()["normalizers"]


def test_a_convention_that_renames_data_is_refused():
    schema = Schema("shop", {"names": "duck_case"})
    schema.put(Table("Orders", {"Id": Column("Id", "text")}, extra={"x-normalizer": {"seen-data": True}}))
    with pytest.raises(SchemaError, match="rename"):
        schema.configure_naming("snake_case")

    schema.configure_naming("direct", max_length=10)
    assert schema.naming.name() == "direct"
    assert schema.naming.max_length == 10
    assert schema.to_dict()["normalizers"]["names"] == "direct"


def test_what_is_not_built_says_so(schema):
    for method in (schema.normalize_data_item, schema.filter_row_with_hint, schema.apply_schema_contract):
        with pytest.raises(NotBuilt):
            method("orders")
