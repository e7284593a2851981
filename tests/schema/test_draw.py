"""Drawings of a schema."""

from __future__ import annotations

import pytest

from dlt.schema.schema import Schema


@pytest.fixture
def schema():
    schema = Schema("shop")
    key = {"data_type": "text", "row_key": True, "unique": True, "nullable": False}
    columns = {"id": {"data_type": "bigint", "primary_key": True, "description": 'the "id"\nit\'s'}, "_dlt_id": key}
    schema.update_table(
        {"name": "orders", "columns": columns | {"amount": {"data_type": "decimal", "precision": 10, "scale": 2}}}
    )
    parent = {"data_type": "text", "parent_key": True}
    schema.update_table({"name": "orders__items", "parent": "orders", "columns": {"_dlt_parent_id": parent}})
    buys = {"label": "buys", "columns": ["id"], "referenced_table": "orders", "referenced_columns": ["id"]}
    schema.update_table(
        {"name": "customers", "resource": "crm", "columns": {"id": {"data_type": "bigint"}}, "references": [buys]}
    )
    return schema


def test_mermaid(schema):
    text = schema.to_mermaid()

    assert text.startswith("erDiagram\n")
    assert "bigint id PK \"the 'id' it's\"\n" in text
    assert '    orders__items }|--|| orders : "_dlt_parent"\n' in text
    assert '    customers ||--|{ orders : "buys"\n' in text
    assert "_dlt_loads" not in schema.to_mermaid(include_dlt_tables=False)
    assert "bigint" not in schema.to_mermaid(hide_columns=True)
    assert "the 'id'" not in schema.to_mermaid(hide_descriptions=True)


def test_dbml(schema):
    text = schema.to_dbml(include_dlt_tables=False, group_by_resource=True)

    assert '    "amount" decimal(10,2)\n' in text
    assert "    \"id\" bigint [pk, note: '''the \"id\"\nit\\'s''']\n" in text
    assert 'Ref {\n    "orders__items"."_dlt_parent_id" > "orders"."_dlt_id"\n}' in text
    assert 'Ref "buys" {\n    "customers"."id" < "orders"."id"\n}' in text
    assert 'TableGroup "crm" {\n    "customers"\n}' in text
    assert '_dlt_parent_id" >' not in schema.to_dbml(include_parent_child_ref=False)
    assert text.count("{") == text.count("}")


def test_dot(schema):
    text = schema.to_dot(include_dlt_tables=False, group_by_resource=True)

    assert text.startswith('digraph "shop" {\n')
    assert '"orders__items":r0 -> "orders":l1 [dir=both arrowtail=crow arrowhead=none label="_dlt_parent"]' in text
    assert 'label="crm"' in text
    assert "_dlt_loads" not in text
    assert "_dlt_schema_version" in schema.to_dot()
    assert "_dlt_schema_version" not in schema.to_dot(include_internal_dlt_ref=False)
    assert text.count("{") == text.count("}")


def test_rows_that_are_told_apart_by_content_are_referred_to():
    schema = Schema("s")
    version = {"data_type": "text", "x-row-version": True}
    schema.update_table({"name": "t", "columns": {"_dlt_id": version}})
    schema.update_table(
        {"name": "t__l", "parent": "t", "columns": {"_dlt_parent_id": {"data_type": "text", "parent_key": True}}}
    )

    found = [one for one in schema.references if one["label"] == "_dlt_parent"]
    assert [(one["table"], one["columns"], one["referenced_columns"]) for one in found] == [
        ("t__l", ["_dlt_parent_id"], ["_dlt_id"])
    ]
