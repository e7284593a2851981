"""The stored form of a schema: hash, older versions, files."""

from __future__ import annotations

import builtins
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.errors import MissingExtra, SchemaError
from dlt.schema import stored as form
from dlt.schema.model import DATA_TYPES, Column, Table
from dlt.schema.schema import Schema


@pytest.fixture
def schema():
    schema = Schema("shop")
    schema.put(
        Table(
            "orders",
            {
                "id": Column("id", "bigint", nullable=False, primary_key=True),
                "é": Column("é", "text", description="x\u2028\x01"),
            },
            resource="orders",
            write_disposition="append",
            extra={"x-normalizer": {"seen-data": True, "names": {"É": "é", "b": None}}},
        )
    )
    return schema


def test_the_hash_is_that_of_dlt_1_31_and_covers_the_order_of_columns():
    columns = {"b": {"name": "b", "data_type": "text", "description": "é\u2028\x01"}, "a": {"name": "a"}}
    tables = {
        name: {"name": name, "columns": {}, "resource": name, "write_disposition": "skip"}
        for name in ("_dlt_version", "_dlt_loads")
    }
    tables["t"] = {"name": "t", "columns": columns, "resource": "t", "write_disposition": "append"}
    names = {"names": "snake_case", "json": {"module": "dlt.common.normalizers.json.relational"}}
    stored = {"engine_version": 11, "name": "x", "tables": tables, "settings": {}, "normalizers": names}
    digest = form.version_hash(stored)

    assert digest == "viIokgZkEYWCDSABNs6ai+7I+/mJVZijE4U2qLjy30I="
    assert form.version_hash({**stored, "version": 3, "previous_hashes": ["x"], "version_hash": "y"}) == digest
    turned = {**tables["t"], "columns": {name: columns[name] for name in ("a", "b")}}
    assert form.version_hash({**stored, "tables": {**tables, "t": turned}}) != digest


def test_round_trip(schema):
    schema.mark_saved()
    schema.imported_version_hash = "abc"
    again = Schema.from_dict(json.loads(json.dumps(schema.to_dict())))

    assert again.to_dict() == schema.to_dict()
    assert not again.is_modified
    assert again.imported_version_hash == "abc"
    assert again.table("orders") == schema.table("orders")


hints = st.sampled_from(["primary_key", "unique", "sort", "hard_delete", "variant", "nullable", "timezone"])
columns = st.builds(
    lambda kind, flags, digits: Column("c", kind, precision=digits, **flags),
    st.none() | st.sampled_from(DATA_TYPES),
    st.dictionaries(hints, st.booleans()),
    st.none() | st.integers(1, 38),
)


@given(columns)
def test_columns_come_back(column):
    assert Column.from_dict(form.column_dict(column)) == column


def test_a_column_with_a_type_says_whether_it_is_nullable(schema):
    assert schema.get_table("orders")["columns"]["é"]["nullable"] is True
    assert form.column_dict(Column("a")) == {"name": "a"}


def test_a_table_that_was_read_keeps_its_form_until_it_changes(schema):
    stored = schema.to_dict()
    columns = stored["tables"]["orders"]["columns"]
    del columns["é"]["nullable"]  # as dlt 1.31 writes what was declared
    columns["id"]["row_key"] = False
    columns["id"]["x-mine"] = None
    stored["version_hash"] = form.version_hash(stored)
    read = Schema.from_dict(stored)

    for same in (read, read.clone(), pickle.loads(pickle.dumps(read))):
        assert same.version_hash == stored["version_hash"]
        assert not same.is_modified
        assert same.to_dict() == json.loads(same.to_text()) == stored
    read.put(schema.table("orders"))
    assert not read.is_modified
    read.put(schema.table("orders").with_columns([Column("new", "text")]))
    assert read.is_modified
    assert read.to_dict()["tables"]["orders"]["columns"]["é"]["nullable"] is True
    assert read.version_hash == form.version_hash(read.to_dict())


def test_the_order_of_columns_is_part_of_a_table(schema):
    before = schema.version_hash
    table = schema.table("orders")
    schema.put(table.with_(columns=dict(reversed(table.columns.items()))))

    assert schema.version_hash != before
    assert list(schema.table("orders").columns) == ["é", "id"]


def test_what_is_left_out_comes_back(schema):
    slim = schema.to_dict(remove_defaults=True)

    column = slim["tables"]["orders"]["columns"]["é"]
    assert column == {"data_type": "text", "nullable": True, "description": "x\u2028\x01"}
    assert "name" not in slim["tables"]["orders"]
    assert Schema.from_dict(slim).version_hash == schema.version_hash
    assert "x-normalizer" not in schema.to_dict(remove_processing_hints=True)["tables"]["orders"]
    assert Schema.from_dict(schema.to_dict(), remove_processing_hints=True).table("orders").extra == {}


def test_older_engines_are_upgraded():
    columns = {
        "a": {"data_type": "complex"},
        "_dlt_id": {"data_type": "text", "unique": True},
        "_dlt_parent_id": {"data_type": "text", "foreign_key": True},
    }
    old = {
        "name": "x", "version": 2, "version_hash": "h", "engine_version": 6, "normalizers": {"names": "snake_case"},
        "tables": {"t": {"columns": columns}},
        "settings": {"preferred_types": {"a": "complex"}, "default_hints": {"foreign_key": ["_dlt_parent_id"], "unique": ["_dlt_id"]}},
    }  # fmt: skip
    schema = Schema.from_dict(old)
    table = schema.table("t")

    assert table.columns["a"].data_type == "json"
    assert table.columns["_dlt_parent_id"].parent_key
    assert table.columns["_dlt_id"].row_key
    assert table.extra == {"x-normalizer": {"seen-data": True}}
    assert (table.resource, table.write_disposition) == ("t", "append")
    assert schema.whole_keys
    assert schema.preferred_type("a") == "json"
    assert schema.to_dict()["engine_version"] == 11
    assert (schema.version, schema.previous_hashes) == (3, ["h"])
    assert old["tables"]["t"]["columns"]["a"] == {"data_type": "complex"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"engine_version": 12}, "engine version 12"),
        ({"engine_version": 3}, "engine version 3"),
        ({"engine_version": "1"}, "engine version"),
        ({"foo": 1}, "no key 'foo'"),
        ({"tables": None}, "no stored schema"),
        ({"tables": {"t": {"columns": {"a": {"data_type": "int"}}}}}, "data type"),
        ({"tables": {"t": {"columns": {"a": {"foo": 1}}}}}, "hint 'foo'"),
        ({"tables": {"t": {"foo": 1}}}, "hint 'foo'"),
        ({"tables": {"t": {"parent": "p"}}}, "parent"),
    ],
)
def test_what_is_not_sound_is_an_error(change, match):
    with pytest.raises(SchemaError, match=match):
        Schema.from_dict({**Schema("x").to_dict(), **change})


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_export_and_import(schema, tmp_path, kind):
    assert form.import_schema("shop", tmp_path) is None
    path = form.export_schema(schema, tmp_path / "schemas", kind)
    written = path.stat().st_mtime_ns
    read = form.import_schema("shop", tmp_path / "schemas")

    assert path.name == f"shop.schema.{kind}"
    assert read["version_hash"] == schema.version_hash
    assert Schema.from_dict(read).tables == schema.tables
    assert form.export_schema(schema, tmp_path / "schemas", kind).stat().st_mtime_ns == written
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_edited_file_has_another_hash(schema, tmp_path):
    path = form.export_schema(schema, tmp_path, "yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("bigint", "text"), encoding="utf-8")

    assert form.import_schema("shop", tmp_path)["version_hash"] != schema.version_hash


def test_files_that_cannot_be_read_or_written(schema, tmp_path):
    (tmp_path / "shop.schema.json").write_text("{", encoding="utf-8")
    with pytest.raises(SchemaError, match="cannot be read"):
        form.import_schema("shop", tmp_path)
    with pytest.raises(SchemaError, match="'toml'"):
        form.export_schema(schema, tmp_path, "toml")


def test_yaml_is_an_extra(schema, monkeypatch):
    real = builtins.__import__

    def without_yaml(name, *args, **kwargs):
        if name == "yaml":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_yaml)
    with pytest.raises(MissingExtra, match=r"dlt\[yaml\]"):
        schema.to_pretty_yaml()


def test_storage_text(schema):
    stored = schema.to_dict()

    plain, packed = form.storage_text(schema.to_text()), form.storage_text(schema.to_text(), 1000)
    assert plain.startswith("{")
    assert len(packed) < len(plain)
    assert form.from_storage_text(plain) == form.from_storage_text(packed) == stored
    with pytest.raises(SchemaError, match="damaged"):
        form.from_storage_text(packed[:-8])
