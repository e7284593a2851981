"""Cursors of listings: each folder has its own, newer files come later, replaced tables get all files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb

import dlt
from dlt.sources.filesystem import filesystem, read_jsonl


def write(folder: Path, *names: str) -> None:
    """Small files of JSON lines, one second apart."""
    folder.mkdir()
    for number, name in enumerate(names):
        path = folder / name
        path.write_text(f'{{"file": "{name}"}}\n')
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def loaded(pipeline: Any, data: Any, table: str, **hints: Any) -> list[Any]:
    """The files of a table after a run."""
    pipeline.run(data, table_name=table, **hints)
    with duckdb.connect("p.duckdb") as connection:
        return [row[0] for row in connection.execute(f"SELECT file FROM p_dataset.{table} ORDER BY 1").fetchall()]


def newest(folder: str, glob: str) -> Any:
    return filesystem(folder, file_glob=glob, incremental=dlt.sources.incremental("modification_date")) | read_jsonl()


def test_each_listing_has_a_cursor_of_its_own(own_folder):
    write(own_folder / "items", "a.jsonl")  # older than those that are loaded before
    write(own_folder / "orders", "x.jsonl", "y.jsonl", "z.csv")
    pipeline = dlt.pipeline("p", destination="duckdb")
    runs = [
        ("orders", "*.jsonl", ["x.jsonl", "y.jsonl"]),
        ("items", "*.jsonl", ["a.jsonl"]),
        ("orders", "*.csv", ["z.csv"]),
    ]

    for _ in range(2):
        for folder, glob, expected in runs:
            table = f"{folder}_{glob[2:]}"
            assert loaded(pipeline, newest(folder, glob), table) == expected

    (own_folder / "items" / "b.jsonl").write_text('{"file": "b.jsonl"}\n')
    assert loaded(pipeline, newest("items", "*.jsonl"), "items_jsonl") == ["a.jsonl", "b.jsonl"]


def test_a_cursor_that_is_new_is_said(own_folder, caplog):
    write(own_folder / "items", "a.jsonl")
    write(own_folder / "orders", "x.jsonl")
    pipeline = dlt.pipeline("p", destination="duckdb")

    for _ in range(2):
        for folder in ("orders", "items"):
            loaded(pipeline, newest(folder, "*.jsonl"), folder)

    (message,) = caplog.messages
    assert message.startswith("filesystem: no cursor is known of *.jsonl in items")


def test_the_state_of_a_run_before_has_no_listing(own_folder):
    """As dlt 1.x left it: the first listing goes on from there."""
    write(own_folder / "data", "a.jsonl", "b.jsonl")
    pipeline = dlt.pipeline("p", destination="duckdb")
    assert loaded(pipeline, newest("data", "*"), "t") == ["a.jsonl", "b.jsonl"]
    with pipeline.managed_state() as state:
        del state["sources"]["p"]["resources"]["filesystem"]["listing"]

    assert loaded(pipeline, newest("data", "*"), "t") == ["a.jsonl", "b.jsonl"]


def test_replace_reads_all_files_again(own_folder):
    write(own_folder / "data", "a.jsonl", "b.jsonl")
    pipeline = dlt.pipeline("p", destination="duckdb")

    for _ in range(2):
        assert loaded(pipeline, newest("data", "*"), "t", write_disposition="replace") == ["a.jsonl", "b.jsonl"]


def test_rows_of_newer_files_win(own_folder):
    write(own_folder / "data", "old", "new")
    (own_folder / "data" / "a.jsonl").write_text('{"id": 1, "file": "new"}\n')
    (own_folder / "data" / "b.jsonl").write_text('{"id": 1, "file": "old"}\n')
    os.utime(own_folder / "data" / "b.jsonl", (1_700_000_000, 1_700_000_000))
    pipeline = dlt.pipeline("p", destination="duckdb")

    assert loaded(pipeline, newest("data", "*.jsonl"), "t", write_disposition="merge", primary_key="id") == ["new"]
