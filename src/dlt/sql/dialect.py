"""Dialect: what differs between SQL databases, as data. Names of types both ways, quoting, literals, statements."""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dlt.errors import SchemaError
from dlt.schema.model import Column

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities

SQL_TYPE = re.compile(r"([A-Za-z_ ]+?)\s*(?:\((\d+)(?:\s*,\s*(\d+))?\))?((?: WITH(?:OUT)? TIME ZONE)?)", re.IGNORECASE)
SIZED = ("text", "timestamp", "time")  # data types whose precision is the number in brackets


@dataclass(frozen=True, slots=True)
class Dialect:
    """One SQL dialect.

    types: SQL type of a data type, without bounds. integers and naive_timestamps: SQL type up to so many bits or
    fractional digits; empty where `types` says it all. found: what a SQL type in the catalogue stands for.
    row_key: how the ids of rows are stored. columns: a query for table, column, type and whether it may be null (true, 1 or YES) of tables, whose names are given
    in lower case; the columns of a table come in order. The others are templates of statements.
    """

    name: str
    types: Mapping[str, str]
    found: Mapping[str, Mapping[str, Any]]
    integers: tuple[tuple[int, str], ...] = ()
    naive_timestamps: tuple[tuple[int, str], ...] = ()
    decimal: str = "DECIMAL({precision},{scale})"
    text: str | None = None  # type of a text with a length; None: lengths are not kept
    row_key: str = ""
    quote: str = '"'
    escapes: tuple[tuple[str, str], ...] = ()  # characters of a text literal that need more than a doubled '
    blob: str = "X'{hex}'"
    cast: str = "CAST({text} AS {type})"  # a literal of another type than text
    zones: bool = True  # False: timestamps are in UTC and do not say so
    order: Mapping[str, str] = field(default_factory=dict)  # what sorts the values {a} of a data type, where not {a}
    same: str = "{a} IS NOT DISTINCT FROM {b}"
    not_in: str = "{value} NOT IN ({query})"  # where neither has nulls
    hash_joins: bool = True  # False: EXISTS needs an index, and what is deleted may not be read in one statement
    delete: str = "DELETE FROM {table} WHERE {condition}"
    update: str = "UPDATE {table} SET {values} FROM {source} AS {alias} WHERE {condition}"
    assign: str = "{column} = {value}"  # one of the values of `update`
    first: str = "{query} LIMIT 1"
    lock: str = ""  # keeps others from writing to a table before rows are matched with it
    truncate: str = "DELETE FROM {table}"
    implicit_casts: bool = True  # False: values are cast, and compared, when they are copied; never by a merge
    hinted: Mapping[str, str] = field(default_factory=dict)  # types of columns with a free hint, made of such hints
    scratch_schema: str = ""  # where temporary tables are; {dataset}: in the dataset
    scratch: str = "CREATE TEMPORARY TABLE {table} ({columns})"
    scratch_index: str = ""  # another statement, or when it begins with INDEX a part of the one above
    index_text: str = "{column}"  # a text in an index
    twin: str = ""  # a temporary table like another one, where a statement may name one only once
    scratch_select: str = "CREATE TEMPORARY TABLE {table} AS {query}"
    drop_scratch: str = "DROP TABLE IF EXISTS {table}"
    create_dataset: str = "CREATE SCHEMA IF NOT EXISTS {dataset}"
    create_table: str = "CREATE TABLE {table} ({columns})"
    key_text: str | None = None  # type of a text that is an id of rows, or in a primary key or unique constraint
    add_unique: str = ""  # makes a constraint of a new table when its rows are there; empty: it is made with the table
    add_column: str = "ALTER TABLE {table} ADD COLUMN {column}"
    alter_type: str = "ALTER TABLE {table} ALTER COLUMN {column} SET DATA TYPE {type} USING CAST(NULL AS {type})"
    drop_not_null: str = "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"
    columns: str = (
        "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
        " WHERE lower(table_schema) = lower({dataset}) AND lower(table_name) IN ({tables})"
        " ORDER BY table_name, ordinal_position"
    )

    def quoted(self, *names: str) -> str:
        """A quoted name; several make a qualified one. Empty names are left out."""
        mark = self.quote
        return ".".join(f"{mark}{name.replace(mark, mark * 2)}{mark}" for name in names if name)

    def type_of(self, column: Column, caps: Capabilities) -> str:
        """The SQL type of a column; without a data type it is text. Raises SchemaError when there is none."""
        for hint, form in self.hinted.items():
            if column.extra.get(hint):
                return form.format_map(column.extra)
        match column.data_type:
            case "decimal" | "wei" as kind:
                usual = caps.decimal if kind == "decimal" else (caps.decimal_digits, 0)
                scale = usual[1] if column.scale is None else column.scale
                return self.decimal.format(precision=column.precision or usual[0], scale=scale)
            case "bigint" if self.integers:
                return self._sized(column, self.integers, 64)
            case "timestamp" if not column.timezone and self.naive_timestamps:
                return self._sized(column, self.naive_timestamps, 6)
            case "text" if column.precision and self.text:
                return self.text.format(precision=column.precision)
            case kind:
                return self.types[kind or "text"]

    def _sized(self, column: Column, steps: tuple[tuple[int, str], ...], usual: int) -> str:
        for most, name in steps:
            if (usual if column.precision is None else column.precision) <= most:
                return name
        raise SchemaError(
            f"{self.name} has no {column.data_type} of precision {column.precision}.",
            column=column.name,
            hint=f"use a precision up to {steps[-1][0]}",
        )

    def column(self, name: str, sql_type: str, *, nullable: bool) -> Column:
        """The column that a database describes with this type. A type that no data type stands for is left out."""
        match = SQL_TYPE.fullmatch(sql_type)
        if match is None:
            return Column(name, nullable=nullable)
        known = self.found.get(sql_type.upper()) or self.found.get((match[1] + match[4]).upper())
        if known is None:
            return Column(name, nullable=nullable)
        if match[2] is None or known["data_type"] not in (*SIZED, "decimal"):
            return Column(name, nullable=nullable, **known)
        if known["data_type"] == "decimal":
            return Column(name, "decimal", int(match[2]), int(match[3] or 0), nullable=nullable)
        return Column(name, nullable=nullable, **{**known, "precision": int(match[2])})

    def literal(self, value: Any, kind: str | None = None) -> str:
        """A value as SQL. With `kind` a text is cast to the type of this data type."""
        match value:
            case None:
                return "NULL"
            case bool():
                return "TRUE" if value else "FALSE"
            case int() | decimal.Decimal():
                return str(value)
            case bytes():
                return self.blob.format(hex=value.hex())
            case float():
                text, kind = repr(value), "double"
            case dt.datetime():
                text, kind = value.isoformat(" "), kind or "timestamp"
            case dt.date():
                text, kind = value.isoformat(), kind or "date"
            case dt.time():
                text, kind = value.isoformat(), kind or "time"
            case _:
                text = str(value)
        if kind == "timestamp" and not self.zones:
            text = _in_utc(text)
        for character, escaped in self.escapes:
            text = text.replace(character, escaped)
        text = "'" + text.replace("'", "''") + "'"
        return text if kind in (None, "text") else self.cast.format(text=text, type=self.types[kind])


def _in_utc(text: str) -> str:
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment.isoformat(" ", "microseconds")


DUCKDB = Dialect(
    name="duckdb",
    types={
        "text": "VARCHAR",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
        "date": "DATE",
        "time": "TIME",
        "binary": "BLOB",
        "json": "JSON",
    },
    integers=((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT"), (128, "HUGEINT")),
    naive_timestamps=((0, "TIMESTAMP_S"), (3, "TIMESTAMP_MS"), (6, "TIMESTAMP"), (9, "TIMESTAMP_NS")),
    found={
        "VARCHAR": {"data_type": "text"},
        "BIGINT": {"data_type": "bigint"},
        "TINYINT": {"data_type": "bigint", "precision": 8},
        "SMALLINT": {"data_type": "bigint", "precision": 16},
        "INTEGER": {"data_type": "bigint", "precision": 32},
        "HUGEINT": {"data_type": "bigint", "precision": 128},
        "DOUBLE": {"data_type": "double"},
        "FLOAT": {"data_type": "double", "precision": 24},
        "BOOLEAN": {"data_type": "bool"},
        "TIMESTAMP WITH TIME ZONE": {"data_type": "timestamp"},
        "TIMESTAMP_S": {"data_type": "timestamp", "timezone": False, "precision": 0},
        "TIMESTAMP_MS": {"data_type": "timestamp", "timezone": False, "precision": 3},
        "TIMESTAMP": {"data_type": "timestamp", "timezone": False},
        "TIMESTAMP_NS": {"data_type": "timestamp", "timezone": False, "precision": 9},
        "DATE": {"data_type": "date"},
        "TIME": {"data_type": "time"},
        "BLOB": {"data_type": "binary"},
        "JSON": {"data_type": "json"},
        "DECIMAL": {"data_type": "decimal"},
    },
    row_key=" USING COMPRESSION uncompressed",  # looking for a way to pack random ids costs more than writing them
    blob="'{hex}'::BLOB",
    scratch_schema="temp",
    columns=(  # half the time of information_schema
        "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns()"
        " WHERE database_name = current_database() AND lower(schema_name) = lower({dataset})"
        " AND lower(table_name) IN ({tables}) ORDER BY table_name, column_index"
    ),
)
