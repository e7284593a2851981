"""Rows that the destination turns away: they are kept in the quarantine, the others are loaded in the same transaction."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import dlt
from dlt.errors import DestinationRefused, StepFailed
from dlt.load import refused
from dlt.quarantine import unpacked

Row = dict[str, Any]


class Data:
    """A pipeline, and a table that takes no v of 100 or more."""

    def __init__(self, columns: str = "") -> None:
        self.connection = duckdb.connect()
        self.connection.execute("CREATE SCHEMA data")
        self.connection.execute(f"CREATE TABLE data.t (id BIGINT, v BIGINT CHECK (v < 100){columns})")
        self.pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb(self.connection), dataset_name="data")

    def run(self, rows: Any, **hints: Any) -> Any:
        return self.pipeline.run(rows, table_name="t", **hints)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.sql(f"{sql} ORDER BY ALL").fetchall()

    def originals(self) -> list[Row]:
        return [
            unpacked(row, types)
            for row, types in self.rows("SELECT row, types FROM data._dlt_quarantine WHERE reason = 'destination'")
        ]


@pytest.fixture
def data() -> Data:
    return Data()


@pytest.mark.parametrize(
    "hints", [{}, {"write_disposition": "replace"}, {"write_disposition": "merge", "primary_key": "id"}]
)
@pytest.mark.parametrize("file_format", ["arrow", "parquet"])
def test_the_rest_is_loaded(data: Data, hints: Row, file_format: str) -> None:
    rows = [{"id": number, "v": 500 if number in (7, 8, 40) else number} for number in range(60)]

    info = data.run(rows, loader_file_format=file_format, **hints)

    assert data.rows("SELECT id FROM data.t") == [(row["id"],) for row in rows if row["v"] < 100]
    assert info.quarantined == {"t": 3}
    assert info.load_packages[0].ledger["t"] == {"extracted": 60, "quarantined": 3, "written": 57, "loaded": 57}
    assert sorted(row["id"] for row in data.originals()) == [7, 8, 40]
    [(reason, detail, load_id)] = data.rows("SELECT DISTINCT reason, detail, load_id FROM data._dlt_quarantine")
    assert (reason, load_id) == ("destination", info.loads_ids[0])
    assert "CHECK" in detail
    assert "_dlt_quarantine" in data.pipeline.default_schema.tables
    assert data.rows("SELECT count(*) FROM data._dlt_loads") == [(1,)]


def test_originals_and_what_is_nested_in_them(data: Data) -> None:
    good = {"id": 1, "v": 1, "User Name": "a", "place": {"city": "Oslo"}, "kids": [{"a": 1, "toys": [1, 2]}]}
    bad = {
        "id": 2,
        "v": 100,
        "User Name": "b",
        "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        "place": {"city": "Rome"},
        "kids": [{"a": 2, "toys": [3]}, {"a": 3}],
    }

    info = data.run([good, bad])

    assert info.quarantined == {"t": 1, "t__kids": 2, "t__kids__toys": 1}
    assert data.originals() == [bad]
    assert data.rows("SELECT a FROM data.t__kids") == [(1,)]
    assert data.rows("SELECT value FROM data.t__kids__toys") == [(1,), (2,)]
    for row in info.load_packages[0].ledger.values():
        assert row["extracted"] == row.get("loaded", 0) + row.get("quarantined", 0)


def test_they_are_replayed(data: Data) -> None:
    rows = [{"id": number, "v": 100 * number, "Big Name": "x", "kids": [{"K 1": number}]} for number in range(3)]
    data.run(rows)

    data.pipeline.replay("destination", fix=lambda row: {**row, "v": 5})

    assert data.rows("SELECT id, v, big_name FROM data.t") == [(0, 0, "x"), (1, 5, "x"), (2, 5, "x")]
    assert data.rows("SELECT k_1 FROM data.t__kids") == [(0,), (1,), (2,)]
    columns = data.connection.sql("SELECT * FROM data.t").columns
    assert set(columns) == {"id", "v", "big_name", "_dlt_load_id", "_dlt_id"}


def test_nested_rows_alone() -> None:
    data = Data()
    data.connection.execute("CREATE TABLE data.t__kids (a BIGINT CHECK (a < 100), _dlt_parent_id VARCHAR)")

    info = data.run([{"id": 1, "kids": [{"a": 1}, {"a": 100}]}])

    assert info.quarantined == {"t__kids": 1}
    assert data.rows("SELECT id, a FROM data.t JOIN data.t__kids k ON k._dlt_parent_id = t._dlt_id") == [(1, 1)]
    assert data.rows("SELECT parent_table, list_idx FROM data._dlt_quarantine") == [("t", 1)]
    data.pipeline.replay(fix=lambda row: {**row, "a": 9})
    assert data.rows("SELECT id, a FROM data.t JOIN data.t__kids k ON k._dlt_parent_id = t._dlt_id") == [(1, 1), (1, 9)]


def test_a_value_that_is_there_already() -> None:
    connection = duckdb.connect()
    destination = dlt.destinations.duckdb(connection, create_indexes=True)
    pipeline = dlt.pipeline("p", destination=destination, dataset_name="data")
    columns = {"id": {"unique": True, "data_type": "bigint"}}
    pipeline.run([{"id": 1}], table_name="t", columns=columns)

    info = pipeline.run([{"id": 1}, {"id": 2}], table_name="t", columns=columns)

    assert info is not None
    assert info.quarantined == {"t": 1}
    assert connection.sql("SELECT id FROM data.t ORDER BY id").fetchall() == [(1,), (2,)]


def test_two_rows_that_only_together_are_refused_are_an_error() -> None:
    connection = duckdb.connect()
    destination = dlt.destinations.duckdb(connection, create_indexes=True)
    pipeline = dlt.pipeline("p", destination=destination, dataset_name="data")

    with pytest.raises(StepFailed) as failed:
        pipeline.run([{"id": 1}, {"id": 1}], table_name="t", columns={"id": {"unique": True, "data_type": "bigint"}})

    assert isinstance(failed.value.exception, DestinationRefused)


def test_more_than_a_few_are_an_error(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "MOST_ROWS", 3)

    with pytest.raises(StepFailed) as failed:
        data.run([{"id": number, "v": number} for number in range(95, 104)])

    assert isinstance(failed.value.exception, DestinationRefused)
    assert failed.value.exception.table == "t"
    assert data.rows("SELECT * FROM data.t") == []


def test_a_table_that_takes_nothing_is_found_out_at_once(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    refusal = refused._Search.refusal
    monkeypatch.setattr(refused._Search, "refusal", lambda self, *args: tries.append(1) or refusal(self, *args))

    with pytest.raises(StepFailed):
        data.run(pa.table({"id": range(100_000), "v": range(1_000, 101_000)}))

    assert len(tries) < 15


@pytest.mark.parametrize("where", ["setting", "hint"])
def test_it_can_be_an_error(data: Data, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = dlt.resource([{"id": 1, "v": 1}, {"id": 2, "v": 100}], name="t")
    if where == "setting":
        monkeypatch.setenv("NORMALIZE__ON_BAD_ROWS", "fail")
    else:
        resource.apply_hints(additional_table_hints={"x-on-bad-rows": "fail"})
    pipeline = dlt.pipeline("q", destination=dlt.destinations.duckdb(data.connection), dataset_name="data")

    with pytest.raises(StepFailed) as failed:
        pipeline.run(resource)

    error = failed.value.exception
    assert isinstance(error, DestinationRefused)
    assert error.table == "t"
    assert json.loads(error.row) == {"id": 2, "v": 100}
    assert data.rows("SELECT * FROM data.t") == []


def test_other_refusals_are_errors_at_once(data: Data) -> None:
    data.connection.execute("CREATE VIEW data.u AS SELECT 1::BIGINT AS id")

    with pytest.raises(StepFailed) as failed:
        data.pipeline.run([{"id": 1}], table_name="u")

    assert isinstance(failed.value.exception, DestinationRefused)
    assert "_dlt_quarantine" not in data.pipeline.default_schema.tables
