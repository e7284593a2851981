"""What somebody reads who makes a usual mistake: one line that says what is wrong, and a way out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import DltError, StepFailed


def run(data: Any, **options: Any) -> Any:
    return dlt.pipeline("mistakes", destination=dlt.destinations.memory()).run(data, **options)


ROWS = [{"id": 1}]
MISTAKES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "one dict": (lambda: run({"id": 1}, table_name="t"), "cannot be one dict", "[data]"),
    "no name": (lambda: run(ROWS), "needs a name", "table_name="),
    "a file name": (lambda: run("data.json", table_name="t"), "'data.json'", "data/*.csv"),
    "a disposition": (
        lambda: run(ROWS, table_name="t", write_disposition="overwrite"),
        "'overwrite'",
        "append, replace",
    ),
    "a column hint": (
        lambda: run(ROWS, table_name="t", columns={"id": {"data_typ": "text"}}),
        "'data_typ'",
        "data_type?",
    ),
    "a generator that is over": (
        lambda: [run(rows, table_name="t") for rows in [(row for row in ROWS)] * 2],
        "can be had only once",
        "the generator function",
    ),
    "a type of Python": (
        lambda: run(ROWS, table_name="t", columns={"id": {"data_type": "float"}}),
        "'float'",
        "did you mean 'double'",
    ),
    "a cursor": (
        lambda: run(dlt.resource(ROWS, name="t", incremental=dlt.sources.incremental("Id"))),
        "does not have the cursor 'Id'",
        "did you mean 'id'?",
    ),
    "a data type": (lambda: run(ROWS, table_name="t", columns={"id": {"data_type": "int"}}), "'int'", "bigint"),
    "a type alone": (lambda: run(ROWS, table_name="t", columns={"id": "text"}), "dict of hints", '{"data_type":'),
    "names alone": (lambda: run(ROWS, table_name="t", columns=["id"]), "dict of hints", '{"name":'),
    "an entity": (lambda: run(ROWS, table_name="t", schema_contract={"column": "freeze"}), "'column'", "columns"),
    "a destination": (lambda: dlt.pipeline("x", destination="ducdb"), "'ducdb'", "'duckdb'"),
    "one that is missing": (lambda: dlt.pipeline("x", destination="snowflake"), "'snowflake'", "duckdb"),
    "an argument": (lambda: dlt.pipeline("x", destinaton="duckdb"), "'destinaton'", "'destination'"),
    "credentials": (lambda: dlt.pipeline("x", credentials="x.duckdb"), "'credentials'", "dlt.destinations.duckdb"),
    "a refresh mode": (lambda: run(ROWS, table_name="t", refresh="all"), "'all'", "drop_sources"),
    "a folder": (
        lambda: dlt.pipeline("x", pipelines_dir="w").run(ROWS, table_name="t"),
        "cannot be written",
        "pipelines_dir",
    ),
    "a database in a file": (
        lambda: dlt.pipeline("y", destination=dlt.destinations.duckdb("w/x/file/y.duckdb")).run(ROWS, table_name="t"),
        "The folder of the database cannot be made",
        "dlt.destinations.duckdb(path)",
    ),
    "data sets": (lambda: dlt.dataset, "not built yet", "duckdb.connect"),
    "incremental": (lambda: dlt.sources.incremental("id", row_order="up"), "'up'", "'asc'"),
    "reading": (lambda: dlt.pipeline("x").dataset(), "not built yet", "duckdb.connect"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_and_its_way_out(mistake: str, own_folder: Any) -> None:
    (own_folder / "w" / "x" / "lock").mkdir(parents=True)  # a work directory that cannot be written
    (own_folder / "w" / "x" / "file").touch()
    make, wrong, fix = MISTAKES[mistake]

    with pytest.raises((DltError, TypeError, AttributeError)) as caught:
        make()

    text = str(caught.value)
    assert wrong in text.partition("\n")[0]
    assert fix in text


def test_names_that_are_not_there_stay_attribute_errors() -> None:
    assert not hasattr(dlt, "dataset")
    assert not hasattr(dlt.pipeline("x"), "sql_client")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dlt.pipeline("x").nothing  # noqa: B018


def test_a_wrong_hint_is_no_error_of_the_data() -> None:
    with pytest.raises(StepFailed) as caught:
        run(ROWS, table_name="t", write_disposition="overwrite")

    assert caught.value.step == "extract"


def test_a_file_that_this_process_reads_in_another_way() -> None:
    pipeline = dlt.pipeline("shop", destination="duckdb", dataset_name="data")
    pipeline.run(ROWS, table_name="t")

    with duckdb.connect("shop.duckdb", read_only=True), pytest.raises(StepFailed, match="read-only"):
        pipeline.run([{"id": 2}], table_name="t")
    pipeline.run([{"id": 3}], table_name="t")

    with duckdb.connect("shop.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT id FROM data.t ORDER BY 1").fetchall() == [(1,), (2,), (3,)]
