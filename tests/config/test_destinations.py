"""Destinations and pipelines take their options from files, too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt

ROWS = [{"id": number} for number in range(5)]


def loaded(destination: Any = "duckdb", name: str = "pp") -> Any:
    return dlt.pipeline(name, destination=destination, dataset_name="data").run(ROWS, table_name="t")


@pytest.mark.parametrize(
    "text",
    [
        'config = [destination.duckdb]\ncredentials = "mine.duckdb"',
        'secrets = [destination.duckdb]\ncredentials = "duckdb:///mine.duckdb"',
        'config = [destination.duckdb.credentials]\ndatabase = "mine.duckdb"',
        'config = [pp.destination.duckdb]\ncredentials = "mine.duckdb"',
    ],
)
def test_duckdb(text: str, write: Any, own_folder: Path) -> None:
    file, _, content = text.partition(" = ")
    write(**{file: content})

    loaded()

    with duckdb.connect(str(own_folder / "mine.duckdb")) as connection:
        assert connection.sql("select count(*) from data.t").fetchall() == [(5,)]
    assert not (own_folder / "pp.duckdb").exists()


def test_duckdb_database_as_a_variable(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS__DATABASE", "mine.duckdb")

    loaded()

    assert (own_folder / "mine.duckdb").exists()


def test_duckdb_options(write: Any) -> None:
    write(
        config="[destination.duckdb]\ncreate_indexes = true\n"
        '[destination.duckdb.credentials]\nsession_timezone = "Europe/Oslo"\nstatements = ["create table made (a int)"]'
    )

    bound = dlt.destinations.duckdb(":memory:").bind("pp")
    session = bound.open("data", None)

    assert session.driver.rows("select current_setting('TimeZone')") == [("Europe/Oslo",)]
    assert session.driver.rows("select count(*) from made") == [(0,)]
    assert session.unique
    session.close()


def test_an_argument_goes_first(write: Any, own_folder: Path) -> None:
    write(config='[destination.duckdb]\ncredentials = "config.duckdb"')

    loaded(dlt.destinations.duckdb("argument.duckdb"))

    assert (own_folder / "argument.duckdb").exists()
    assert not (own_folder / "config.duckdb").exists()


def test_a_named_destination(write: Any, own_folder: Path) -> None:
    write(
        config='[destination.lake]\ndestination_type = "filesystem"\nbucket_url = "lake"\nlayout = "{table_name}/x.{file_id}.{ext}"'
    )

    loaded(dlt.destination("lake"))

    assert len(list((own_folder / "lake" / "data" / "t").glob("x.*"))) == 1


def test_filesystem_of_one_pipeline(write: Any, own_folder: Path) -> None:
    write(config='[destination.filesystem]\nbucket_url = "all"\n[pp.destination.filesystem]\nbucket_url = "own"')

    loaded("filesystem")
    loaded("filesystem", "other")

    assert (own_folder / "own" / "data" / "t").is_dir()
    assert (own_folder / "all" / "data" / "t").is_dir()


def test_the_writer(write: Any) -> None:
    write(config="[normalize.data_writer]\nfile_max_items = 2")

    [package] = loaded().load_packages

    assert sorted(job.rows for job in package.all_jobs if job.table_name == "t") == [1, 2, 2]


def test_an_argument_of_the_pipeline(write: Any, own_folder: Path) -> None:
    write(config="[pipelines.pp]\nenable_runtime_trace = false")

    loaded()
    loaded(name="other")

    work = own_folder / ".dlt-data" / "pipelines"
    assert not (work / "pp" / "trace.json").exists()
    assert (work / "other" / "trace.json").exists()
