"""One-line sources: what is given as text is recognised, said, or refused with what would be."""

from __future__ import annotations

import gzip
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dlt
from dlt.errors import ResourceError, StepFailed, UnknownSourceReference
from dlt.extract.source import sources_of

ROWS = [(1, "x"), (2, "y")]
WRITERS: dict[str, Callable[[Path], object]] = {
    "csv": lambda path: path.write_text("id,name\n1,x\n2,y\n"),
    "tsv": lambda path: path.write_text("id\tname\n1\tx\n2\ty\n"),
    "jsonl": lambda path: path.write_text('{"id": 1, "name": "x"}\n{"id": 2, "name": "y"}\n'),
    "ndjson": lambda path: path.write_text('{"id": 1, "name": "x"}\n{"id": 2, "name": "y"}\n'),
    "json": lambda path: path.write_text('[{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]'),
    "parquet": lambda path: pq.write_table(pa.table({"id": [1, 2], "name": ["x", "y"]}), path),
    "csv.gz": lambda path: path.write_bytes(gzip.compress(b"id,name\n1,x\n2,y\n")),
}


def write(name: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    WRITERS[name.partition(".")[2]](path)


def tables(database: str = "p") -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables that were loaded, without the columns of dlt."""
    with duckdb.connect(f"{database}.duckdb") as connection:
        names = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        query = "SELECT COLUMNS(lambda c: NOT starts_with(c, '_dlt')) FROM {}.{} ORDER BY ALL"
        return {
            name: connection.execute(query.format(schema, name)).fetchall()
            for schema, name in names
            if not name.startswith("_dlt")
        }


def run(data: Any, **hints: Any) -> Any:
    return dlt.pipeline("p", destination="duckdb").run(data, **hints)


@pytest.mark.parametrize("ending", WRITERS)
def test_files_of_every_kind(own_folder, ending):
    write(f"data/orders.{ending}")

    info = run(f"data/orders.{ending}")

    assert tables() == {"orders": ROWS}
    assert f"Recognised 'data/orders.{ending}'" in str(info)
    assert "-> table orders" in str(info)


TEXTS: dict[str, tuple[str, list[str]]] = {
    "one kind": ("data/*.csv", ["b", "orders"]),
    "all kinds": ("data/*", ["b", "items", "orders"]),
    "folder": ("data", ["b", "items", "orders"]),
    "folder with a stroke": ("data/", ["b", "items", "orders"]),
    "deep": ("data/**", ["b", "deep", "items", "orders"]),
    "deep of one kind": ("**/*.parquet", ["deep"]),
    "one file": ("data/items.jsonl", ["items"]),
    "some": ("data/[bi]*", ["b", "items"]),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("place", ["relative", "absolute", "url"])
def test_patterns(own_folder, kind, place):
    for name in ("data/orders.csv", "data/b.csv", "data/items.jsonl", "data/sub/deep.parquet"):
        write(name)
    (own_folder / "data" / "_SUCCESS").touch()
    text, expected = TEXTS[kind]
    before = {"relative": "", "absolute": f"{own_folder}/", "url": f"{own_folder.as_uri()}/"}[place]
    if place == "url" and kind == "folder":
        text += "/"

    run(before + text)

    assert tables() == dict.fromkeys(expected, ROWS)


def test_signs_of_patterns_in_names_that_are_there(own_folder):
    write("year[2024]/orders.csv")
    write("year2/orders.csv")
    write("data/a[1].csv")
    write("data/a1.csv")

    run("year[2024]/")
    run("data/a[1].csv")

    assert tables() == {"orders": ROWS, "a_1x": ROWS}


def test_files_of_one_name_go_to_one_table(own_folder):
    for name in ("data/jan/orders.csv", "data/feb/orders.csv", "data/feb/orders.jsonl"):
        write(name)

    run("data/**")

    assert tables() == {"orders": sorted(ROWS * 3)}


def test_texts_of_later_files_stay_as_they_are(own_folder):
    for folder, version in (("a", "x"), ("b", "1.50")):
        (own_folder / folder).mkdir()
        (own_folder / folder / "t.csv").write_text(f"version\n{version}\n")

    run("*/t.csv")

    assert tables() == {"t": [("1.50",), ("x",)]}


def test_one_table_for_all(own_folder):
    write("data/a.csv")
    write("data/b.csv")

    run("data/*.csv", table_name="both", write_disposition="replace")
    run("data/*.csv", table_name="both", write_disposition="replace")

    assert tables() == {"both": sorted(ROWS * 2)}


def test_what_a_pattern_leaves_out_is_said(own_folder, caplog):
    write("data/a.csv")
    (own_folder / "data" / ".hidden").touch()

    with caplog.at_level(logging.INFO, "dlt"):
        run("data/*")

    assert any(".hidden is left out" in message for message in caplog.messages)
    assert any("Recognised 'data/*'" in message for message in caplog.messages)


def test_other_buckets(own_folder):
    fsspec.filesystem("memory").pipe(f"/{own_folder.name}/a.csv", b"id,name\n1,x\n2,y\n")

    run(f"memory://{own_folder.name}/*.csv")

    assert tables() == {"a": ROWS}


def test_run_without_a_pipeline(own_folder):
    write("data/a.csv")

    info = dlt.run("data/*.csv")

    (database,) = own_folder.glob("*.duckdb")
    assert tables(database.stem) == {"a": ROWS}
    assert "Recognised 'data/*.csv'" in str(info)


def test_the_note_is_of_this_run_only(own_folder):
    write("data/a.csv")

    assert run("data/a.csv").recognised
    assert run([{"id": 1}], table_name="t").recognised == []


def test_extract_takes_texts_too(own_folder):
    write("data/a.csv")
    pipeline = dlt.pipeline("p", destination="duckdb")

    pipeline.extract("data/a.csv")
    pipeline.normalize()
    pipeline.load()

    assert tables() == {"a": ROWS}


@pytest.mark.parametrize(
    "made", [pa.table, lambda frame: pa.table(frame).to_reader(), pl.from_pandas, lambda frame: frame]
)
def test_frames(own_folder, made):
    frame = pd.DataFrame({"id": [1, 2], "name": ["x", "y"]})
    info = run(made(frame))
    run(made(frame), table_name="t")

    assert tables() == {"data": ROWS, "t": ROWS}
    assert info.recognised[0].endswith("-> table data")


# ---- databases


@pytest.fixture
def shop(own_folder) -> str:
    with sqlite3.connect("shop.db") as connection:
        for name in ("orders", "items"):
            connection.execute(f"CREATE TABLE {name} (id INTEGER, name TEXT)")
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?)", ROWS)
    connection.close()
    return "sqlite:///shop.db"


def test_a_database(shop):
    info = run(shop)

    assert tables() == {"orders": ROWS, "items": ROWS}
    assert "Recognised 'sqlite:///shop.db': database, sql_database -> tables items, orders" in str(info)


def test_tables_of_a_database(shop):
    dlt.run(shop, tables=["orders"])

    (database,) = Path().glob("*.duckdb")
    assert tables(database.stem) == {"orders": ROWS}


def test_a_password_is_not_shown(own_folder, monkeypatch):
    made = dlt.source(lambda: [dlt.resource([1], name=f"t{number}") for number in range(12)], name="db")()
    monkeypatch.setattr("dlt.sources.sql_database.sql_database", lambda *_args, **_kwargs: made)

    info = run("postgresql://me:secret@host/db")

    shown = ", ".join(f"t{number}" for number in range(10))
    assert info.recognised == [f"'postgresql://me:***@host/db': database, sql_database -> tables {shown} and 2 more"]


def test_many_files_are_not_all_named(own_folder):
    for number in range(13):
        write(f"data/t{number}.csv")

    info = run("data/*.csv")

    assert len(info.recognised) == 13
    assert str(info).count("Recognised") == 11
    assert "Recognised 3 more" in str(info)


# ---- what is not known


UNKNOWN: dict[str, tuple[str, type[Exception], str]] = {
    "word": ("nonsense", UnknownSourceReference, "There is no source 'nonsense'"),
    "dotted": ("no.such.thing", UnknownSourceReference, "There is no source 'no.such.thing'"),
    "no file": ("data/*.csv", ResourceError, "No file is 'data/\\*.csv'"),
    "no such file": ("orders.csv", ResourceError, "No file is 'orders.csv'"),
    "empty text": ("", UnknownSourceReference, "There is no source ''"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_a_text_that_is_nothing_known(own_folder, kind):
    text, error, message = UNKNOWN[kind]

    with pytest.raises(error, match=message) as raised:
        sources_of(text, schema_name="s", section="p")

    for known in ("data/*.csv", "https://host/x.json", "postgresql://", "module.function"):
        assert known in str(raised.value)


def test_files_that_no_reader_knows(own_folder):
    write("data/a.csv")
    (own_folder / "data" / "b.xlsx").touch()

    with pytest.raises(StepFailed, match=r"No reader is known for the file .*b\.xlsx"):
        run("data/*")


def test_a_database_that_is_not_there_is_not_made(own_folder):
    with pytest.raises(StepFailed, match=r"There is no database 'sqlite:///shop\.db'"):
        run("sqlite:///shop.db")

    assert not Path("shop.db").exists()


@pytest.mark.parametrize("data", ["data/*.csv", [{"id": 1}]])
def test_tables_are_for_databases(own_folder, data):
    with pytest.raises(StepFailed, match="tables= is for"):
        run(data, table_name="t", tables=["orders"])
