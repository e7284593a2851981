"""What the cases share: rows as dicts, as Arrow and as frames, a pipeline into one DuckDB file, and what is in it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import dlt

DATABASE, DATASET = "cases.duckdb", "ds"
MANY = 5000  # rows that are more than one batch
FORMATS = ("arrow", "parquet", "jsonl", "csv", "insert_values")
both = pytest.mark.parametrize("form", ["dict", "arrow"])
files = pytest.mark.parametrize("file_format", FORMATS)


def pipeline(name: str = "cases", dataset: str = DATASET, **options: Any) -> dlt.Pipeline:
    """A new Pipeline object; those of one test share the database and, by name, the work directory."""
    return dlt.pipeline(name, destination=dlt.destinations.duckdb(DATABASE), dataset_name=dataset, **options)


def shaped(form: str, rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None) -> Any:
    """The same rows in one of the forms that a user may have them in."""
    if form == "dict":
        return [dict(row) for row in rows]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    if form == "pandas":
        import pandas as pd

        return pd.DataFrame(columns)
    if form == "polars":
        import polars as pl

        return pl.DataFrame(columns)
    assert form == "arrow"
    return pa.table(columns, schema=schema)


def load(form: str, rows: Sequence[Mapping[str, Any]], table: str = "t", merge_key: Any = None, **hints: Any) -> Any:
    """Run rows into a table with a new pipeline object, as the script would that runs once a day."""
    data = shaped(form, rows)
    if merge_key:
        data = dlt.resource(data if form == "dict" else [data], name=table, merge_key=merge_key)
    return pipeline().run(data, table_name=table, **hints)


def paged(*pages: Any, **hints: Any) -> Any:
    """A resource `t` that yields these pages one after the other."""
    return dlt.resource(iter(pages), name="t", **hints)


def numbered(values: Sequence[Any], start: int = 1) -> list[dict[str, Any]]:
    """A row for each value."""
    return [{"id": number, "v": value} for number, value in enumerate(values, start)]


def one_by_one(form: str, values: Sequence[Any], schema: pa.Schema | None = None) -> None:
    """A run for each value."""
    for row in numbered(values):
        pipeline().run(shaped(form, [row], schema), table_name="t")


def in_turn(form: str, values: Sequence[Any]) -> None:
    """A run for each stretch of values of one type."""
    start = 1
    for _, stretch in groupby(values, type):
        rows = numbered(list(stretch), start)
        load(form, rows)
        start += len(rows)


def same(found: Iterable[Any], expected: Iterable[Any]) -> None:
    """The values are equal and of the same type: True is not 1, 1 is not 1.0."""
    assert [(type(value), value) for value in found] == [(type(value), value) for value in expected]


def sql(query: str) -> list[tuple[Any, ...]]:
    """Run a statement at the destination, as somebody who knows nothing of dlt."""
    with duckdb.connect(DATABASE) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def types(table: str, dataset: str = DATASET) -> dict[str, str]:
    """The columns of a table with their SQL types, without those of dlt."""
    found = sql(
        "SELECT column_name, data_type FROM duckdb_columns()"
        f" WHERE schema_name = '{dataset}' AND table_name = '{table}' ORDER BY column_index"
    )
    return {name: kind for name, kind in found if name not in OWN}


OWN = ("_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx")


def tables(dataset: str = DATASET) -> list[str]:
    """The tables of the user's data."""
    found = sql(f"SELECT table_name FROM duckdb_tables() WHERE schema_name = '{dataset}' ORDER BY table_name")
    return [name for (name,) in found if not name.startswith("_dlt")]


def stored(table: str = "t", dataset: str = DATASET, order: str = "id") -> list[dict[str, Any]]:
    """The rows of a table in the order of a column, without the columns of dlt."""
    names = list(types(table, dataset))
    listed = ", ".join(f'"{name}"' for name in names)
    return [
        dict(zip(names, row, strict=True))
        for row in sql(f'SELECT {listed} FROM "{dataset}"."{table}" ORDER BY "{order}"')
    ]


def kept(column: str = "v", table: str = "t") -> list[Any]:
    """For each row, ordered by id, the one value that it has in a column or in one of its variants; None: in none."""
    out = []
    for row in stored(table):
        found = [
            value for name, value in row.items() if (name + "__v_").startswith(column + "__v_") and value is not None
        ]
        assert len(found) < 2, f"one value became two: {row}"
        out.append(found[0] if found else None)
    return out


def count(table: str, dataset: str = DATASET) -> int:
    """How many rows a table has."""
    return sql(f'SELECT count(*) FROM "{dataset}"."{table}"')[0][0]


def quarantined() -> list[dict[str, Any]]:
    """The rows that were kept aside, in order."""
    if not sql(f"SELECT 1 FROM duckdb_tables() WHERE schema_name = '{DATASET}' AND table_name = '_dlt_quarantine'"):
        return []
    return stored("_dlt_quarantine", order="position")


def notices(caplog: pytest.LogCaptureFixture) -> str:
    """What the log said to the user."""
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
