"""Statements that make and change tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Column, Table
    from dlt.sql.dialect import Dialect


def column_sql(column: Column, dialect: Dialect, caps: Capabilities, *, unique: bool = False) -> str:
    """The definition of a column. `unique`: with the constraint, when the column has the hint."""
    constraint = " UNIQUE" if unique and column.unique else ""
    null = "" if column.nullable else " NOT NULL"
    stored = dialect.row_key if column.row_key else ""
    return f"{dialect.quoted(column.name)} {dialect.type_of(column, caps)}{constraint}{null}{stored}"


def create_sql(table: Table, target: str, dialect: Dialect, caps: Capabilities, *, unique: bool = False) -> str:
    """CREATE TABLE with all columns of a table."""
    columns = ", ".join(column_sql(column, dialect, caps, unique=unique) for column in table.columns.values())
    return f"CREATE TABLE {target} ({columns})"


def scratch_sql(table: Table, name: str, dialect: Dialect, caps: Capabilities) -> str:
    """A temporary table with the columns of a table, all of them nullable: a row that deletes has only its key."""
    columns = [column_sql(column.with_(nullable=True), dialect, caps) for column in table.columns.values()]
    return dialect.scratch.format(table=name, columns=", ".join(columns))


def add_sql(columns: Iterable[Column], target: str, dialect: Dialect, caps: Capabilities) -> list[str]:
    """Add columns to a table, one statement each."""
    return [dialect.add_column.format(table=target, column=column_sql(column, dialect, caps)) for column in columns]


def retype_sql(columns: Iterable[Column], target: str, dialect: Dialect, caps: Capabilities) -> list[str]:
    """Give columns that hold only nulls the type they have now."""
    return [
        dialect.alter_type.format(table=target, column=dialect.quoted(column.name), type=dialect.type_of(column, caps))
        for column in columns
    ]


def relax_sql(columns: Iterable[Column], target: str, dialect: Dialect) -> list[str]:
    """Let columns be null."""
    return [dialect.drop_not_null.format(table=target, column=dialect.quoted(column.name)) for column in columns]
