"""Statements that make and change tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Column, Table
    from dlt.sql.dialect import Dialect

_LONG = ("text", "json", "binary")


def column_sql(column: Column, dialect: Dialect, caps: Capabilities, *, unique: bool = False, key: bool = False) -> str:
    """The definition of a column. `unique`: with the constraint, when the column has the hint; `key`: it is in a key."""
    constraint = " UNIQUE" if unique and column.unique else ""
    kind = dialect.type_of(column, caps)
    key = bool(key or constraint or column.row_key or column.parent_key or column.root_key)
    if dialect.key_text and key and kind == dialect.types["text"]:
        kind = dialect.key_text
    null = "" if column.nullable else " NOT NULL"
    stored = dialect.row_key if column.row_key else ""
    return f"{dialect.quoted(column.name)} {kind}{constraint}{null}{stored}"


def create_sql(
    table: Table, target: str, dialect: Dialect, caps: Capabilities, *, unique: bool = False, primary: bool = False
) -> str:
    """CREATE TABLE with all columns of a table. `primary`: with the constraint, when the table has primary keys."""
    keys = table.keys("primary_key") if primary else ()
    columns = [
        column_sql(column, dialect, caps, unique=unique, key=column.name in keys) for column in table.columns.values()
    ]
    if keys:
        columns.append(f"PRIMARY KEY ({', '.join(map(dialect.quoted, keys))})")
    return dialect.create_table.format(table=target, columns=", ".join(columns))


def scratch_sql(table: Table, name: str, dialect: Dialect, caps: Capabilities, bare: str = "") -> list[str]:
    """A temporary table with the columns of a table, all of them nullable: a row that deletes has only its key. Where joins
    need them, with indexes of its keys. name: its qualified name; bare: the name alone, not quoted."""
    columns = [column_sql(column.with_(nullable=True), dialect, caps) for column in table.columns.values()]
    indexes = [] if dialect.hash_joins else list(_indexes(table, bare, dialect))
    inside = dialect.scratch_index.startswith("INDEX")
    create = dialect.scratch.format(table=name, columns=", ".join(columns + indexes if inside else columns))
    return [create] if inside else [create, *indexes]


def _indexes(table: Table, bare: str, dialect: Dialect) -> Iterable[str]:
    versions = tuple(column.name for column in table.columns.values() if column.extra.get("x-row-version"))
    for number, keys in enumerate(dict.fromkeys((table.keys("primary_key"), table.keys("merge_key"), versions))):
        columns = ", ".join(
            (dialect.index_text if (table.columns[key].data_type or "text") in _LONG else "{column}").format(
                column=dialect.quoted(key)
            )
            for key in keys[:3]
        )
        if columns:
            index = dialect.quoted(f"{bare}#{number}")
            yield dialect.scratch_index.format(index=index, table=dialect.quoted(bare), columns=columns)


def add_sql(columns: Iterable[Column], target: str, dialect: Dialect, caps: Capabilities) -> list[str]:
    """Add columns to a table, one statement each."""
    return [dialect.add_column.format(table=target, column=column_sql(column, dialect, caps)) for column in columns]


def retype_sql(columns: Iterable[Column], target: str, dialect: Dialect, caps: Capabilities) -> list[str]:
    """Give columns that hold only nulls the type they have now."""
    types = {column.name: dialect.type_of(column, caps) for column in columns}
    return _altered(dialect.alter_type, types, target, dialect)


def relax_sql(types: Mapping[str, str], target: str, dialect: Dialect) -> list[str]:
    """Let columns be null. types: the SQL types that they have."""
    return _altered(dialect.drop_not_null, types, target, dialect)


def _altered(template: str, types: Mapping[str, str], target: str, dialect: Dialect) -> list[str]:
    """The statements of a template, for each column."""
    return [
        statement.format(table=target, column=dialect.quoted(name), other=dialect.quoted(f"{name}#new"), type=kind)
        for name, kind in types.items()
        for statement in template.split("; ")
    ]
