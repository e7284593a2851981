"""Files that are loaded as they are: formats, types, packed ones, what is wrong."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import dlt
from dlt.errors import NotBuilt, ResourceError

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", "y", None], "z": ["007", "", "1"]})
ROWS = [(1, "x", "007"), (2, "y", ""), (3, None, "1")]


def arrow(path: str) -> None:
    with pa.ipc.new_file(path, TABLE.schema) as writer:
        writer.write_table(TABLE)


def stream(path: str) -> None:
    with pa.ipc.new_stream(path, TABLE.schema) as writer:
        writer.write_table(TABLE)


def lines(path: str) -> None:
    Path(path).write_text("".join(json.dumps(row) + "\n\n" for row in TABLE.to_pylist()))


def packed_csv(path: str) -> None:
    pc.write_csv(TABLE, "plain.csv")
    Path(path).write_bytes(gzip.compress(Path("plain.csv").read_bytes()))


def lists_of_lines(path: str) -> None:
    Path(path).write_bytes(gzip.compress(json.dumps(TABLE.to_pylist()).encode() + b"\n"))


FILES: dict[str, tuple[Callable[[str], None], str]] = {
    "parquet": (lambda path: pq.write_table(TABLE, path), "parquet"),
    "csv": (lambda path: pc.write_csv(TABLE, path), "csv"),
    "packed csv": (packed_csv, "csv"),
    "arrow file": (arrow, "arrow"),
    "arrow stream": (stream, "arrow"),
    "jsonl": (lines, "jsonl"),
    "lists of jsonl": (lists_of_lines, "jsonl"),
}


def loaded(file_format: str, **options: Any) -> list[tuple[Any, ...]]:
    """The rows of the table of a file named `data`."""

    @dlt.resource
    def files() -> Any:
        yield dlt.mark.with_file_import("data", file_format, **options)

    pipeline = dlt.pipeline("imports", destination="duckdb", dataset_name="data")
    pipeline.run(files())
    with duckdb.connect("imports.duckdb") as connection:
        return connection.execute("SELECT a, b, z FROM data.files ORDER BY a").fetchall()


@pytest.mark.parametrize("name", FILES)
def test_2_5_file_import(name: str) -> None:
    write, file_format = FILES[name]
    write("data")
    hints = dlt.mark.make_hints(columns={"a": {"data_type": "bigint"}}) if file_format == "csv" else None

    assert loaded(file_format, hints=hints) == ROWS


def test_2_5_columns_of_csv_are_texts_unless_told() -> None:
    pc.write_csv(TABLE, "data")

    assert loaded("csv") == [(str(a), b, z) for a, b, z in ROWS]


def test_2_5_a_sample_tells_the_types_of_csv() -> None:
    pc.write_csv(TABLE, "data")

    assert loaded("csv", hints=TABLE.slice(0, 0)) == ROWS


def test_2_5_hints_name_the_table() -> None:
    pq.write_table(TABLE, "data")

    @dlt.resource
    def files() -> Any:
        yield dlt.mark.with_file_import("data", "parquet", hints=dlt.mark.make_hints(table_name="named"))

    info = dlt.pipeline("imports", destination="duckdb", dataset_name="data").run(files())

    assert "named" in info.pipeline.default_schema.tables
    assert info.pipeline.last_trace.last_normalize_info.row_counts["named"] == 3


def test_2_5_a_wrong_count_is_said(caplog: pytest.LogCaptureFixture) -> None:
    pq.write_table(TABLE, "data")

    assert loaded("parquet", items_count=3) == ROWS
    assert "was said to have" not in caplog.text
    assert len(loaded("parquet", items_count=4)) == 6
    assert "said to have 4 rows and has 3" in caplog.text


def test_2_5_what_is_no_file_that_can_be_imported() -> None:
    with pytest.raises(ResourceError, match="not there"):
        dlt.mark.with_file_import("absent", "csv")
    Path("data").write_text("{no json\n")
    with pytest.raises(NotBuilt, match="xml"):
        dlt.mark.with_file_import("data", "xml")
    with pytest.raises(ResourceError, match="cannot be told"):
        dlt.mark.with_file_import("data", "csv", hints=3)
    for file_format, text in (
        ("jsonl", "Line 1 is no JSON"),
        ("parquet", "no parquet file"),
        ("arrow", "no arrow file"),
    ):
        with pytest.raises(Exception, match=text):
            loaded(file_format)
