"""A source database, a pipeline that follows it, and whether both have the same rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import duckdb
import psycopg

import dlt
from dlt.sources.pg_replication import replication_source

OWN = ("lsn", "deleted_ts", "replication_lsn", "replication_deleted_ts")


def connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url, autocommit=True, options="-c TimeZone=UTC")


def source(url: str, tables: Sequence[str], **options: Any) -> Any:
    return replication_source("slot", "pub", table_names=list(tables), credentials=url, **options)


def pipeline(destination: Any = "duckdb", name: str = "follower", **options: Any) -> dlt.Pipeline:
    return dlt.pipeline(name, destination=destination, dataset_name="copy", **options)


def at_source(url: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table of the source, in an order of their own."""
    with connected(url) as connection:
        return _source_rows(connection, table)


def _source_rows(connection: psycopg.Connection, table: str) -> list[dict[str, Any]]:
    cursor = connection.execute(psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(table)))
    names = [column.name for column in cursor.description]
    rows = ([str(value) if isinstance(value, UUID) else value for value in row] for row in cursor)
    return ordered([dict(zip(names, row, strict=True)) for row in rows])


def at_destination(
    table: str, columns: Sequence[str] | None = None, file: str = "follower.duckdb"
) -> list[dict[str, Any]]:
    """The rows of a table of the destination; JSON as values. columns: None for all but those of the replication."""
    with duckdb.connect(file, read_only=True) as connection:
        return _destination_rows(connection, table, columns)


def _destination_rows(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str] | None
) -> list[dict[str, Any]]:
    found = connection.execute(f'SELECT * FROM copy."{table}"')
    kinds = {name: str(kind) for name, kind, *_ in found.description}
    keep = [name for name in kinds if name not in OWN] if columns is None else columns
    rows = [dict(zip(kinds, row, strict=True)) for row in found.fetchall()]
    for row in rows:
        row.update({name: json.loads(row[name]) for name, kind in kinds.items() if kind == "JSON" and row[name]})
    return ordered([{name: row.get(name) for name in keep} for row in rows])


def ordered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=repr)


def check_same(url: str, *tables: str) -> None:
    """That the destination has the rows of the source, in the columns that the source has now."""
    with connected(url) as origin, duckdb.connect("follower.duckdb", read_only=True) as copy:
        for table in tables:
            there = _source_rows(origin, table)
            columns = list(there[0]) if there else None
            assert _destination_rows(copy, table, columns) == there, table


def confirmed(url: str) -> int:
    """Up to where the server may forget the log."""
    with connected(url) as connection:
        query = "SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = 'slot'"
        return connection.execute(query).fetchone()[0]
