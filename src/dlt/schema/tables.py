"""Whole tables: those of dlt itself, and how part of a table is merged into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dlt.errors import SchemaError
from dlt.schema.model import LOADS, STATE, VERSION, Column, Table
from dlt.schema.stored import table_dict

if TYPE_CHECKING:
    from dlt.schema.naming import NamingConvention
    from dlt.schema.schema import Schema

PublicTable = dict[str, Any]

COMPOUND = ("partition", "cluster", "primary_key", "merge_key", "incremental")

VERSION_TABLE = Table(
    VERSION,
    {
        name: Column(name, kind, nullable=False)
        for name, kind in (
            ("version", "bigint"),
            ("engine_version", "bigint"),
            ("inserted_at", "timestamp"),
            ("schema_name", "text"),
            ("version_hash", "text"),
            ("schema", "text"),
        )
    },
    resource=VERSION,
    write_disposition="skip",
    description="Created by dlt: every version of the schemas",
)
LOADS_TABLE = Table(
    LOADS,
    {
        "load_id": Column("load_id", "text", precision=64, nullable=False),
        "schema_name": Column("schema_name", "text"),
        "status": Column("status", "bigint", nullable=False),
        "inserted_at": Column("inserted_at", "timestamp", nullable=False),
        "schema_version_hash": Column("schema_version_hash", "text"),
    },
    resource=LOADS,
    write_disposition="skip",
    description="Created by dlt: every load that was completed",
)
STATE_TABLE = Table(
    STATE,
    {
        "version": Column("version", "bigint", nullable=False),
        "engine_version": Column("engine_version", "bigint", nullable=False),
        "pipeline_name": Column("pipeline_name", "text", nullable=False),
        "state": Column("state", "text", nullable=False),
        "created_at": Column("created_at", "timestamp", nullable=False),
        "version_hash": Column("version_hash", "text"),
        "_dlt_load_id": Column("_dlt_load_id", "text", precision=64, nullable=False),
        "_dlt_id": Column("_dlt_id", "text", nullable=False, unique=True, row_key=True),
    },
    resource=STATE,
    write_disposition="append",
    file_format="preferred",
)
DLT_TABLES = {table.name: table for table in (VERSION_TABLE, LOADS_TABLE, STATE_TABLE)}


def has_data(table: Table) -> bool:
    """True when rows of this table were loaded or are about to be."""
    return bool((table.extra.get("x-normalizer") or {}).get("seen-data"))


def normalized(given: Mapping[str, Any], naming: NamingConvention) -> PublicTable:
    """A partial table with its name and the names of its columns normalised."""
    out = dict(given)
    for key in ("name", "parent"):
        if out.get(key):
            out[key] = naming.normalize_tables_path(out[key])
    columns = out.get("columns") or {}
    items = columns.items() if isinstance(columns, Mapping) else ((column["name"], column) for column in columns)
    out["columns"] = {}
    for key, column in items:
        name = naming.normalize_path(column.get("name") or key)
        out["columns"][name] = {**column, "name": name}
    return out


def merged(known: Table, given: Mapping[str, Any], new: Table, merge_compound: bool) -> Table:
    """A table with what is given of it: hints are replaced, columns merged property by property."""
    if new.parent is not None and new.parent != known.parent:
        raise SchemaError("The parent of a table cannot change.", table=known.name, parent=known.parent or "none")
    columns = dict(known.columns)
    partial = given.get("columns") or {}
    if not isinstance(partial, Mapping):
        partial = {column["name"]: column for column in partial}
    if not merge_compound:
        for hint in COMPOUND:
            if any(column.get(hint) for column in partial.values()):
                columns = {name: column.with_(**{hint: False}) for name, column in columns.items()}
    for name, properties in partial.items():
        old = columns.get(name)
        if old is not None and old.data_type is None and properties.get("data_type"):
            del columns[name]
        columns[name] = Column.from_dict({**(old.to_dict() if old else {}), **properties}, name)
    hints = {**table_dict(known), **{key: value for key, value in given.items() if value is not None}}
    return Table.from_dict({**hints, "columns": {}}).with_(columns=columns)


def inherited(schema: Schema, table_name: str, hint: str) -> Any:
    """A hint of a table, or of the nearest table above it that has it: `write_disposition`, `x-merge-strategy` ..."""
    table = schema.table(table_name)
    while table is not None:
        value = table.extra.get(hint) if hint.startswith("x-") else getattr(table, hint)
        if value is not None:
            return value
        table = schema.table(table.parent) if table.parent else None
    return None


def check_names_stay(tables: Iterable[Table], naming: NamingConvention) -> None:
    """SchemaError when a naming convention would rename one of these tables or its columns."""
    for table in tables:
        changed = [name for name in table.columns if naming.normalize_path(name) != name]
        if changed or naming.normalize_tables_path(table.name) != table.name:
            raise SchemaError(
                "Another naming convention would rename a table that has data, or its columns.",
                table=table.name,
                column=changed[0] if changed else None,
                hint="keep the naming convention, or set schema.allow_identifier_change_on_table_with_data",
            )
