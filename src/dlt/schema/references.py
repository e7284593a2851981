"""How tables refer to each other: what the user declared, and the links that dlt keeps itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dlt.schema.model import LOAD_ID, LOADS, VERSION

if TYPE_CHECKING:
    from dlt.schema.model import Table
    from dlt.schema.schema import Schema

Reference = dict[str, Any]


def references(schema: Schema) -> list[Reference]:
    """All references: `label`, `cardinality`, `table`, `columns`, `referenced_table`, `referenced_columns`."""
    tables = [table for name in schema.names if (table := schema.table(name)) is not None]
    found = [reference for table in tables for reference in _of_table(schema, table)]
    loads, version = schema.table(LOADS), schema.table(VERSION)
    if loads is not None and version is not None:
        found += [
            _link("_dlt_schema_version", "one_to_many", (VERSION, "version_hash"), (LOADS, "schema_version_hash")),
            _link("_dlt_schema_name", "many_to_many", (VERSION, "schema_name"), (LOADS, "schema_name")),
        ]
    return found


def root_of(schema: Schema, table: Table) -> Table:
    """The root table that a table is nested in, or the table itself."""
    while table.parent is not None and (parent := schema.table(table.parent)) is not None:
        table = parent
    return table


def _of_table(schema: Schema, table: Table) -> Iterator[Reference]:
    parent = schema.table(table.parent) if table.parent else None
    if parent is not None:
        yield from _by_keys("_dlt_parent", table, "parent_key", parent)
        yield from _by_keys("_dlt_root", table, "root_key", root_of(schema, table))
    elif LOAD_ID in table.columns:
        yield _link("_dlt_load", "many_to_one", (table.name, LOAD_ID), (LOADS, "load_id"))
    for declared in table.references or ():
        yield {**declared, "table": table.name}


def _by_keys(label: str, table: Table, hint: str, target: Table) -> Iterable[Reference]:
    versions = tuple(name for name, column in target.columns.items() if column.extra.get("x-row-version"))
    for column, key in zip(table.keys(hint), target.keys("row_key") or versions, strict=False):
        yield _link(label, "many_to_one", (table.name, column), (target.name, key))


def _link(label: str, cardinality: str, end: tuple[str, str], other_end: tuple[str, str]) -> Reference:
    return {
        "label": label,
        "cardinality": cardinality,
        "table": end[0],
        "columns": [end[1]],
        "referenced_table": other_end[0],
        "referenced_columns": [other_end[1]],
    }
