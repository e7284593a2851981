"""Readers of CSV files: columns that stay text, rows that must not be lost, options that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import ConfigError, ResourceError
from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb


def write(name: str, text: str) -> None:
    path = Path("data") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())


@pytest.mark.parametrize("text", ["a,b", "a,b\n", '"a","b"'])
def test_nothing_but_names(own_folder, text):
    write("a.csv", text)

    assert list(filesystem("data") | read_csv()) == []


TEXTS = {"v": "1.50", "b": "TRUE", "at": "2024-01-01 00:00:00"}


def test_a_column_that_is_text_keeps_its_texts(own_folder):
    """By a hint, by the table that is there, and by a file before."""
    write("a.csv", "id,v,b,at,late\n1,1.50,TRUE,2024-01-01 00:00:00,x\n")
    write("b.csv", "id,v,b,at,late\n2,1.50,TRUE,2024-01-01 00:00:00,1.50\n")
    pipeline = dlt.pipeline("p", destination="duckdb")

    pipeline.run(
        filesystem("data") | read_csv(), table_name="t", columns={name: {"data_type": "text"} for name in TEXTS}
    )
    pipeline.run(filesystem("data", file_glob="b.csv") | read_csv(), table_name="t")

    with duckdb.connect("p.duckdb") as connection:
        rows = connection.execute('SELECT v, b, "at", late FROM p_dataset.t').fetchall()
    assert rows == [(*TEXTS.values(), late) for late in ("x", "1.50", "1.50")]


LONG_ROWS = {"numbers": "a,b\n" + "1,2\n" * 50 + "3,4,5\n", "texts": "a,b\nx,y\nz,w\nq,r,s\n"}


@pytest.mark.parametrize("options", [{}, {"header": True}, {"sep": ","}, {"filename": True}, {"use_pyarrow": True}])
@pytest.mark.parametrize("kind", LONG_ROWS)
def test_duckdb_leaves_out_no_rows(own_folder, kind, options):
    write("a.csv", LONG_ROWS[kind])

    with pytest.raises(ResourceError, match=r"a\.csv .*rows have different numbers of fields.* line 1 is 'a,b'"):
        list(filesystem("data") | read_csv_duckdb(**options))


def test_a_title_before_the_names_is_left_out_by_duckdb(own_folder):
    write("a.csv", "Report of May\n\na,b\n1,2\n")

    assert list(filesystem("data") | read_csv_duckdb()) == [{"a": 1, "b": 2}]


@pytest.mark.parametrize("reader", [read_csv, read_csv_duckdb])
def test_a_name_that_lies_about_packing(own_folder, reader):
    write("a.csv.gz", "a\n1\n")

    assert list(filesystem("data") | reader()) == [{"a": 1}]


WRONG_OPTIONS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "unknown": (read_csv_duckdb, {"delimiterr": ","}, "delimiterr"),
    "unknown type": (read_csv_duckdb, {"dtype": {"a": "NOPE"}}, "NOPE"),
    "unknown column": (read_csv, {"usecols": ["typo"]}, "typo"),
}


@pytest.mark.parametrize("kind", WRONG_OPTIONS)
def test_a_wrong_option_spares_the_files(own_folder, kind):
    reader, options, named = WRONG_OPTIONS[kind]
    write("a.csv", "a\n1\n")

    with pytest.raises(ConfigError, match=named):
        list(filesystem("data") | reader(on_bad_file="skip", **options))


def test_pandas_keeps_large_ints_beside_nulls(own_folder):
    write("a.csv", "a,b\n9007199254740993,x\n,y\n")

    assert list(filesystem("data") | read_csv(header=0)) == [{"a": 2**53 + 1, "b": "x"}, {"a": None, "b": "y"}]
