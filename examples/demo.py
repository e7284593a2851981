"""Loads real data of four shapes into DuckDB and shows what came of it. The data comes inside Python packages: no network.

Countries are nested JSON with GeoJSON outlines (countryinfo), films are rows of SQLite with a list of genres and the people of
"Les Misérables" are a graph (bokeh-sampledata), the weather in Seattle is a CSV file as a pandas frame (vega_datasets).
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import duckdb
import vega_datasets

import dlt

WIDTH = 100
DATABASE, DIAGRAM = Path("demo.duckdb"), Path("demo.mmd")


@dlt.resource(primary_key="name", max_table_nesting=1)  # lists in lists, such as the points of an outline, stay JSON
def countries() -> Iterator[dict[str, Any]]:
    """One document per country: translations, time zones, borders, an outline."""
    for path in sorted((files("countryinfo") / "data").iterdir(), key=lambda path: path.name):
        if path.name.endswith(".json"):
            yield json.loads(path.read_text(encoding="utf-8"))


@dlt.resource
def films() -> Iterator[dict[str, Any]]:
    """Films with their genres as a list."""
    with closing(sqlite3.connect(str(files("bokeh_sampledata") / "_data" / "movies.db"))) as connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute("SELECT * FROM omdb"):
            yield {**row, "Genre": row["Genre"].split(", ")}


@dlt.resource
def miserables() -> Iterator[dict[str, Any]]:
    """A graph: one document with a list of nodes and a list of links."""
    yield json.loads((files("bokeh_sampledata") / "_data" / "les_mis.json").read_text(encoding="utf-8"))


@dlt.resource
def weather() -> Iterator[Any]:
    """A data frame."""
    yield vega_datasets.data.seattle_weather()


def main() -> None:
    """Load, then look."""
    DATABASE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "demo", pipelines_dir=folder, destination=dlt.destinations.duckdb(str(DATABASE)), dataset_name="demo_data"
        )
        start = time.perf_counter()
        info = pipeline.run([countries(), films(), miserables(), weather()])
        seconds = time.perf_counter() - start
        schema = pipeline.default_schema
    DIAGRAM.write_text(schema.to_mermaid(include_dlt_tables=False), encoding="utf-8")

    with duckdb.connect(str(DATABASE), read_only=True) as connection:
        connection.execute("USE demo_data")
        counts = tables(connection)
        show("The tables", ["table", "rows", "columns", "which"], counts)
        show("Children know their parents: _dlt_parent_id = _dlt_id", *select(connection, JOIN))
        show("A graph, too: who meets most", *select(connection, GRAPH))
        show(
            "Which load brought it",
            *select(connection, "SELECT load_id, schema_name, status, inserted_at::VARCHAR AS at FROM _dlt_loads"),
        )
        title(f"The schema it inferred, as a Mermaid diagram: the graph and the weather; {DIAGRAM} has all tables")
        part = schema.clone()
        part.drop_tables([name for name in part.data_table_names() if not name.startswith(("miserables", "weather"))])
        print(part.to_mermaid(include_dlt_tables=False).rstrip())
        title("What was odd in the data")
        for line in oddities(schema.tables, info.quarantined, connection):
            print(line)
    rows = sum(int(count[1].replace(",", "")) for count in counts)
    title("The time it took")
    print(f"{rows:,} rows in {len(counts)} tables in {seconds:.2f} s. Look around: {DATABASE} is a plain DuckDB file.")


JOIN = """
    SELECT c.name AS country, c.iso__alpha2 AS iso, c.translations__ja AS in_japanese, b.value AS borders, b._dlt_list_idx AS position
    FROM countries AS c JOIN countries__borders AS b ON b._dlt_parent_id = c._dlt_id
    WHERE c.name IN ('Switzerland', 'Portugal') ORDER BY country, position"""
GRAPH = """
    WITH ends AS (SELECT source AS node, value FROM miserables__links UNION ALL SELECT target, value FROM miserables__links)
    SELECT n.name, count(*) AS others, sum(e.value)::BIGINT AS scenes
    FROM ends AS e JOIN miserables__nodes AS n ON n._dlt_list_idx = e.node GROUP BY n.name ORDER BY scenes DESC LIMIT 4"""


def select(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns, and the rows."""
    done = connection.execute(sql)
    return [column[0] for column in done.description or ()], done.fetchall()


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, str]]:
    """All tables of the data with their rows, columns and first columns."""
    _, found = select(
        connection,
        "SELECT table_name, count(*), string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns "
        "WHERE table_schema = 'demo_data' AND table_name NOT LIKE '\\_dlt%' ESCAPE '\\' GROUP BY 1 ORDER BY 1",
    )
    counts = {name: select(connection, f'SELECT count(*) FROM "{name}"')[1][0][0] for name, _, _ in found}
    return [(name, f"{counts[name]:,}", columns, names) for name, columns, names in found]


def oddities(
    tables: dict[str, Any], quarantined: dict[str, int], connection: duckdb.DuckDBPyConnection
) -> Iterator[str]:
    """What a person should know: variant columns, columns that had no value at all, rows that were turned away."""
    for name, table in tables.items():
        columns = table["columns"]
        for variant in (column for column in columns if columns[column].get("variant")):
            count = select(connection, f'SELECT count("{variant}") FROM "{name}"')[1][0][0]
            plain = variant.rpartition("__v_")[0]
            yield f"- {name}.{plain}: {count} of the values did not fit its type; they are in {variant}"
        empty = [column for column in columns if "data_type" not in columns[column]]
        if empty and not name.startswith("_dlt"):
            yield f"- {name}: never a value in {', '.join(empty)}; they are text until the first value gives them a type"
    for name, count in quarantined.items():
        yield f"- {name}: {count} rows were turned away; they are in _dlt_quarantine, with the reason"


def title(text: str) -> None:
    """A heading."""
    heading = f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
    print(f"\n{heading}\n{'─' * WIDTH}")


def show(heading: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table of text, numbers to the right, the last column cut to the width of the terminal."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    widths = [max(map(columns_of, column)) for column in zip(names, *cells, strict=True)]
    right = [all(cell.replace(",", "").isdigit() for cell in column) for column in zip(*cells, strict=True)]
    title(heading)
    for row in [list(names), *cells]:
        line = "  ".join(map(padded, row, widths, right)).rstrip()
        print(line if len(line) <= WIDTH else line[: WIDTH - 1] + "…")


def padded(text: str, width: int, to_right: bool) -> str:
    """A text with spaces before or after it."""
    space = " " * (width - columns_of(text))
    return space + text if to_right else text + space


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


if __name__ == "__main__":
    main()
