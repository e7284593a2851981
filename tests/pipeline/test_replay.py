"""Pipeline.replay: rows of the quarantine are loaded again, once, with their types, where they belong."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import dlt
from dlt.destinations._memory import memory
from dlt.errors import ContractViolation, PlanError, ResourceError, StepFailed
from dlt.pipeline import stages

Row = dict[str, Any]
TYPES = {"data_type": "discard_row"}
NAMED = dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)


class Data:
    """A pipeline over a database that the test reads."""

    def __init__(self) -> None:
        self.connection = duckdb.connect()
        destination = dlt.destinations.duckdb(self.connection)
        self.pipeline = dlt.pipeline("p", destination=destination, dataset_name="data")

    def run(self, rows: Any, table_name: str = "t", **hints: Any) -> Any:
        return self.pipeline.run(rows, table_name=table_name, **hints)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        names = ", ".join(f'"{name}"' if name.isidentifier() else name for name in columns)
        return self.connection.sql(f"SELECT {names} FROM data.{table} ORDER BY ALL").fetchall()

    def open_entries(self) -> list[tuple[str, str]]:
        """Table and reason of the entries that were not replayed."""
        return self.connection.sql(
            "SELECT table_name, reason FROM data._dlt_quarantine WHERE reason <> 'replayed' AND _dlt_id NOT IN"
            " (SELECT detail FROM data._dlt_quarantine WHERE reason = 'replayed') ORDER BY ALL"
        ).fetchall()

    def columns(self, table: str) -> list[str]:
        return list(self.connection.sql(f"SELECT * FROM data.{table}").columns)


@pytest.fixture
def data() -> Data:
    return Data()


def setting(**values: Any) -> Callable[[Row], Row]:
    return lambda row: {**row, **values}


# ---- whole rows


def test_rows_are_mended_and_loaded_once(data: Data) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "two", "at": NAMED}, {"id": 3, "v": 3}], schema_contract=TYPES)

    info = data.pipeline.replay(fix=setting(v=2))

    assert info is not None
    assert len(info.loads_ids) == 1
    assert data.rows("t", "id", "v", "at") == [(1, 1, None), (2, 2, NAMED), (3, 3, None)]
    assert (2, info.loads_ids[0]) in data.rows("t", "id", "_dlt_load_id")
    ledger = info.load_packages[0].ledger
    assert ledger["t"] == {"extracted": 1, "written": 1, "loaded": 1}
    assert data.open_entries() == []
    assert data.pipeline.replay(fix=setting(v=2)) is None
    assert data.rows("t", "count(*)") == [(3,)]


def test_nothing_to_replay(data: Data) -> None:
    assert data.pipeline.replay() is None
    data.run([{"id": 1}])
    assert data.pipeline.replay() is None


def test_values_come_back_with_their_types(data: Data) -> None:
    row = {
        "id": 2,
        "price": decimal.Decimal("1.50"),
        "at": NAMED,
        "naive": dt.datetime(2024, 5, 6, 7, 8),
        "day": dt.date(2024, 5, 6),
        "time": dt.time(7, 8, 9),
        "raw": b"\0\xff",
        "big": 2**70,
        "text": "2024-05-06",
        "ok": True,
        "not_finite": float("inf"),
    }
    data.run([{**row, "id": 1, "v": 1}])
    data.run([{**row, "v": "bad"}], schema_contract=TYPES)

    data.pipeline.replay(fix=lambda row: {**row, "v": 2})

    first, second = data.rows("t", *row)
    assert first[1:] == second[1:]
    assert not [name for name in data.columns("t") if "__v_" in name]


def test_declared_types_hold(data: Data) -> None:
    """A declared type is an instruction, also when the row comes back from the quarantine."""
    columns = {"ok": {"data_type": "bool"}, "at": {"data_type": "timestamp"}, "v": {"nullable": False}}
    data.run([{"ok": "yes", "at": 0, "v": 1}, {"ok": "no", "at": 60, "v": None}], columns=columns)

    data.pipeline.replay("null_value", fix=setting(v=2))

    assert data.rows("t", "ok", "v") == [(False, 2), (True, 1)]
    assert not [name for name in data.columns("t") if "__v_" in name]


def test_keys_that_are_no_names(data: Data) -> None:
    data.run([{"User Id": 1, "V": 1, "a": {"b c": 1}, "Kids": [{"A b": 1}]}])
    data.run([{"User Id": 2, "V": "x", "a": {"b c": 2}, "Kids": [{"A b": 2}]}], schema_contract=TYPES)

    data.pipeline.replay(fix=setting(V=2))

    assert data.rows("t", "user_id", "v", "a__b_c") == [(1, 1, 1), (2, 2, 2)]
    assert data.rows("t__kids", "a_b") == [(1,), (2,)]


def test_a_row_brings_its_nested_rows_with_it(data: Data) -> None:
    data.run([{"id": 1, "v": 1, "kids": [{"a": 1, "toys": [1]}]}])
    data.run([{"id": 2, "v": "x", "kids": [{"a": 2, "toys": [2, 3]}, {"a": 3}]}], schema_contract=TYPES)

    data.pipeline.replay(fix=setting(v=2))

    joined = "SELECT t.id, k.a, y.value FROM data.t JOIN data.t__kids k ON k._dlt_parent_id = t._dlt_id"
    joined += " LEFT JOIN data.t__kids__toys y ON y._dlt_parent_id = k._dlt_id ORDER BY ALL"
    assert data.connection.sql(joined).fetchall() == [(1, 1, 1), (2, 2, 2), (2, 2, 3), (2, 3, None)]


def test_merged_rows_are_merged(data: Data) -> None:
    hints: Row = {"write_disposition": "merge", "primary_key": "id"}
    data.run([{"id": 1, "v": 1, "kids": [{"a": 1}]}, {"id": 2, "v": 2, "kids": []}], **hints)
    data.run([{"id": 1, "v": "x", "kids": [{"a": 9}]}], schema_contract=TYPES, **hints)

    data.pipeline.replay(fix=setting(v=9))

    assert data.rows("t", "id", "v") == [(1, 9), (2, 2)]
    assert data.rows("t__kids", "a") == [(9,)]


def test_replace_becomes_append(data: Data) -> None:
    rows = [{"id": 1, "v": 1, "kids": [{"a": 1}]}, {"id": 2, "v": None, "kids": [{"a": 2}]}]
    data.run(rows, write_disposition="replace", columns={"v": {"nullable": False}})

    data.pipeline.replay(fix=setting(v=2))

    assert data.rows("t", "id", "v") == [(1, 1), (2, 2)]
    assert data.rows("t__kids", "a") == [(1,), (2,)]
    assert data.pipeline.default_schema.tables["t"]["write_disposition"] == "replace"


def test_a_merge_key_removes_no_other_rows(data: Data) -> None:
    """A row alone says nothing of the other rows of its day."""
    hints: Row = {"write_disposition": "merge"}
    columns = {"day": {"merge_key": True}, "v": {"nullable": False}}
    data.run([{"day": 1, "v": 1}, {"day": 1, "v": None}], columns=columns, **hints)

    data.pipeline.replay(fix=setting(v=2))

    assert data.rows("t", "day", "v") == [(1, 1), (1, 2)]
    assert data.pipeline.default_schema.tables["t"]["columns"]["day"]["merge_key"]


def test_a_snapshot_takes_no_single_rows(data: Data) -> None:
    hints = {"write_disposition": {"disposition": "merge", "strategy": "scd2"}, "columns": {"v": {"nullable": False}}}
    data.run([{"id": 1, "v": 1}, {"id": 2, "v": None}], **hints)

    with pytest.raises(StepFailed) as failed:
        data.pipeline.replay(fix=setting(v=2))

    assert isinstance(failed.value.exception, PlanError)
    assert "snapshot" in str(failed.value)
    assert data.open_entries() == [("t", "null_value")]
    assert data.rows("t", "id") == [(1,)]


def test_arrow_rows(data: Data) -> None:
    """A table without columns of dlt gets none by a replay."""
    table = pa.table({"id": [1, 2], "v": [1, None], "s": [{"a": 1}, {"a": 2}]})
    data.run(table, columns={"v": {"nullable": False}})

    data.pipeline.replay(fix=setting(v=2))

    assert data.rows("t", "id", "v", "s->>'a'") == [(1, 1, "1"), (2, 2, "2")]
    assert data.columns("t") == ["id", "v", "s"]


# ---- choosing


def test_choosing(data: Data) -> None:
    data.run([{"id": 0, "v": 1, "w": 1}])
    data.run([{"id": 0, "v": 1}], "u")
    first = data.run([{"id": 1, "v": "x"}, {"id": 2, "w": "x"}], schema_contract=TYPES)
    second = data.run([{"id": 3, "v": "x"}], schema_contract=TYPES)
    data.run([{"id": 4, "v": "x"}], "u", schema_contract=TYPES)
    fix = lambda row: {"id": row["id"], "v": 5, "w": 5}  # noqa: E731 - used six times

    data.pipeline.replay("null_value", fix=fix)
    assert len(data.open_entries()) == 4
    data.pipeline.replay(table="u", fix=fix)
    assert data.rows("u", "id") == [(0,), (4,)]
    data.pipeline.replay(column="w", fix=fix)
    assert data.rows("t", "id") == [(0,), (2,)]
    data.pipeline.replay(load_id=second.loads_ids[0], fix=fix)
    assert data.rows("t", "id") == [(0,), (2,), (3,)]
    data.pipeline.replay("contract_data_type", table="t", column="v", load_id=first.loads_ids[0], fix=fix)
    assert data.rows("t", "id") == [(0,), (1,), (2,), (3,)]
    assert data.open_entries() == []


def test_fix_may_leave_rows_where_they_are(data: Data) -> None:
    data.run([{"id": 0, "v": 1}])
    data.run([{"id": number, "v": "x"} for number in range(1, 5)], schema_contract=TYPES)

    data.pipeline.replay(fix=lambda row: {**row, "v": 1} if row["id"] % 2 else None)

    assert data.rows("t", "id") == [(0,), (1,), (3,)]
    assert len(data.open_entries()) == 2
    data.pipeline.replay(fix=setting(v=1))
    assert data.rows("t", "id") == [(0,), (1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("fix", [lambda row: row["nothing"], lambda _: "text"], ids=["raises", "no row"])
def test_a_broken_fix_changes_nothing(data: Data, fix: Any) -> None:
    data.run([{"id": 0, "v": 1}])
    data.run([{"id": 1, "v": "x"}], schema_contract=TYPES)

    with pytest.raises(StepFailed) as failed:
        data.pipeline.replay(fix=fix)

    assert isinstance(failed.value.exception, ResourceError)
    assert data.open_entries() == [("t", "contract_data_type")]
    assert not data.pipeline.has_pending_data


# ---- turned away again


def test_what_is_turned_away_again_stays_and_does_not_multiply(data: Data) -> None:
    data.run([{"id": 0, "v": 1, "w": 1}])
    data.run([{"id": 1, "v": "x"}, {"id": 2, "w": "y"}], schema_contract=TYPES)
    for _ in range(3):
        assert data.pipeline.replay() is None
    fix = lambda row: {**row, "v": 1} if "v" in row else {**row, "w": "z"}  # noqa: E731

    info = data.pipeline.replay(fix=fix)

    assert info is not None
    assert info.quarantined == {"t": 1}
    assert data.rows("t", "id") == [(0,), (1,)]
    assert data.pipeline.replay(fix=fix) is None
    assert data.open_entries() == [("t", "contract_data_type")]
    assert data.rows("_dlt_quarantine", "count(*)") == [(3,)]


def test_a_frozen_contract_stops_the_replay(data: Data) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "x"}], schema_contract=TYPES)

    with pytest.raises(StepFailed) as failed:
        data.pipeline.replay(fix=setting(v="y"), schema_contract="freeze")

    assert isinstance(failed.value.exception, ContractViolation)
    assert data.open_entries() == [("t", "contract_data_type")]


def test_a_contract_for_the_replay_alone(data: Data) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "x", "n": 5}], schema_contract={"columns": "discard_row", **TYPES})

    data.pipeline.replay(schema_contract="evolve")

    assert data.rows("t", "id", "v", "n", "v__v_text") == [(1, 1, None, None), (2, None, 5, "x")]
    assert data.pipeline.default_schema.tables["t"]["schema_contract"] == {"columns": "discard_row", **TYPES}
    assert data.open_entries() == []


def test_a_contract_that_thawed_lets_the_rows_in(data: Data) -> None:
    data.run([{"id": 1}])
    data.run([{"id": 2, "n": 5}], schema_contract={"columns": "discard_row"})
    assert data.pipeline.replay() is None
    data.run([{"id": 3, "n": 6}])

    data.pipeline.replay()

    assert data.rows("t", "id", "n") == [(1, None), (2, 5), (3, 6)]


def test_a_table_that_was_kept_out(data: Data) -> None:
    data.run([{"id": 1, "kids": [{"a": 1}]}])
    contract = {"tables": "discard_row"}
    data.run([{"b": 1, "c": [1, 2]}], "u", schema_contract=contract)
    data.run([{"id": 2, "kids": [{"a": 2, "toys": [7, 8]}], "more": [{"m": 1}]}], schema_contract=contract)
    assert data.pipeline.replay() is None

    data.pipeline.replay(schema_contract="evolve")

    assert data.rows("u", "b") == [(1,)]
    assert data.rows("u__c", "value") == [(1,), (2,)]
    more = "SELECT id, m FROM data.t JOIN data.t__more m ON m._dlt_parent_id = t._dlt_id"
    assert data.connection.sql(more).fetchall() == [(2, 1)]
    toys = "SELECT a, value, y._dlt_list_idx FROM data.t__kids k JOIN data.t__kids__toys y"
    toys += " ON y._dlt_parent_id = k._dlt_id ORDER BY ALL"
    assert data.connection.sql(toys).fetchall() == [(2, 7, 0), (2, 8, 1)]
    assert data.pipeline.default_schema.tables["t__more"]["parent"] == "t"
    assert data.open_entries() == []
    data.run([{"id": 3, "more": [{"m": 2}]}])
    assert data.rows("t__more", "m") == [(1,), (2,)]


# ---- nested rows

HINTS = [{}, {"write_disposition": "merge", "primary_key": "id"}, {"write_disposition": "replace"}]
UPSERT = {"write_disposition": {"disposition": "merge", "strategy": "upsert"}, "primary_key": "id"}


@pytest.mark.parametrize("hints", [*HINTS, UPSERT], ids=["append", "merge", "replace", "upsert"])
def test_nested_rows_go_under_their_parent(data: Data, hints: Row) -> None:
    data.run([{"id": 1, "kids": [{"a": 1, "toys": [1]}]}], **hints)
    rows = [{"id": 2, "kids": [{"a": 2}, {"a": "x", "toys": [2, 3]}, {"a": 4}]}, {"id": 3, "kids": [{"a": 3}]}]
    data.run(rows, schema_contract=TYPES, **hints)
    before, columns = data.rows("t", "id", "_dlt_id"), data.columns("t__kids__toys")

    data.pipeline.replay(fix=setting(a=9))

    assert data.rows("t", "id", "_dlt_id") == before
    joined = "SELECT t.id, k.a, k._dlt_list_idx FROM data.t JOIN data.t__kids k ON k._dlt_parent_id = t._dlt_id"
    kids = data.connection.sql(f"{joined} WHERE id > 1 ORDER BY ALL").fetchall()
    assert kids == [(2, 2, 0), (2, 4, 2), (2, 9, 1), (3, 3, 0)]
    toys = "SELECT a, value FROM data.t__kids k JOIN data.t__kids__toys y ON y._dlt_parent_id = k._dlt_id"
    assert data.connection.sql(f"{toys} WHERE a = 9 ORDER BY ALL").fetchall() == [(9, 2), (9, 3)]
    assert data.columns("t__kids__toys") == columns
    if "_dlt_root_id" in columns:
        roots = "SELECT DISTINCT id FROM data.t__kids__toys y JOIN data.t ON y._dlt_root_id = t._dlt_id WHERE value > 1"
        assert data.connection.sql(roots).fetchall() == [(2,)]
    assert data.pipeline.default_schema.tables["t__kids"]["parent"] == "t"
    assert data.open_entries() == []


def test_nested_rows_whose_parent_is_gone_stay(data: Data, caplog: pytest.LogCaptureFixture) -> None:
    data.run([{"id": 1, "kids": [{"a": 1}]}], write_disposition="replace")
    data.run([{"id": 2, "kids": [{"a": "x"}, {"a": 2}]}], write_disposition="replace", schema_contract=TYPES)
    data.run([{"id": 3, "kids": [{"a": 3}]}], write_disposition="replace")

    assert data.pipeline.replay(fix=setting(a=9)) is None

    assert data.rows("t__kids", "a") == [(3,)]
    assert data.open_entries() == [("t__kids", "contract_data_type")]
    assert "not there any more" in caplog.text


# ---- values

VALUES = {"data_type": "discard_value", "columns": "discard_value"}


@pytest.mark.parametrize("hints", [*HINTS, UPSERT], ids=["append", "merge", "replace", "upsert"])
def test_a_row_that_lacks_a_value_is_updated(data: Data, hints: Row) -> None:
    data.run([{"id": 1, "v": 1, "kids": [{"a": 1}]}], **hints)
    data.run([{"id": 2, "v": "x", "kids": [{"a": 2}]}, {"id": 3, "v": 3, "kids": []}], schema_contract=VALUES, **hints)
    before = data.rows("t", "id", "_dlt_id")
    assert (2, None) in data.rows("t", "id", "v")
    columns = data.columns("t__kids")

    info = data.pipeline.replay(fix=setting(v=2))

    assert info is not None
    assert info.load_packages[0].ledger["t"]["loaded"] == 1
    assert data.rows("t", "id", "_dlt_id") == before
    assert data.rows("t", "id", "v")[-2:] == [(2, 2), (3, 3)]
    joined = "SELECT id, a FROM data.t JOIN data.t__kids k ON k._dlt_parent_id = t._dlt_id WHERE id > 1"
    assert data.connection.sql(joined).fetchall() == [(2, 2)]
    assert data.columns("t__kids") == columns
    assert data.open_entries() == []
    table = data.pipeline.default_schema.tables["t"]
    wanted = hints.get("write_disposition", "append")
    assert table["write_disposition"] == (wanted if isinstance(wanted, str) else "merge")
    assert not table["columns"]["_dlt_id"].get("primary_key")


def test_two_values_of_one_row_are_one_row(data: Data) -> None:
    data.run([{"id": 1, "v": 1, "w": 1}])
    data.run([{"id": 2, "v": "x", "w": "y", "n": 5}], schema_contract=VALUES)
    assert len(data.open_entries()) == 3

    data.pipeline.replay(column="v", fix=setting(v=2, w=3), schema_contract="evolve")

    assert data.rows("t", "id", "v", "w", "n") == [(1, 1, 1, None), (2, 2, 3, 5)]
    assert data.open_entries() == []


def test_a_value_that_is_turned_away_again_stays(data: Data) -> None:
    data.run([{"id": 1, "v": 1, "w": 1}])
    data.run([{"id": 2, "v": "x", "w": "y"}], schema_contract=VALUES)
    assert data.pipeline.replay() is None

    data.pipeline.replay(fix=setting(v=2))

    assert data.rows("t", "id", "v", "w") == [(1, 1, 1), (2, 2, None)]
    assert data.open_entries() == [("t", "contract_data_type")]
    data.pipeline.replay(fix=setting(v=2, w=3))
    assert data.rows("t", "id", "v", "w") == [(1, 1, 1), (2, 2, 3)]
    assert data.open_entries() == []


def test_values_of_nested_rows(data: Data) -> None:
    data.run([{"id": 1, "kids": [{"a": 1, "toys": [1]}]}])
    data.run([{"id": 2, "kids": [{"a": 2}, {"a": "x", "toys": [2]}]}], schema_contract=VALUES)
    before = data.rows("t__kids", "_dlt_id", "_dlt_parent_id", "_dlt_list_idx")

    data.pipeline.replay(fix=setting(a=9))

    assert data.rows("t__kids", "a") == [(1,), (2,), (9,)]
    assert data.rows("t__kids", "_dlt_id", "_dlt_parent_id", "_dlt_list_idx") == before
    assert data.rows("t__kids__toys", "value") == [(1,), (2,)]
    assert data.columns("t__kids") == ["a", "_dlt_parent_id", "_dlt_list_idx", "_dlt_id"]
    assert data.open_entries() == []


def test_a_row_that_is_updated_brings_what_was_turned_away_in_it(data: Data) -> None:
    """The nested entries are settled with the row they are in, not loaded a second time."""
    data.run([{"id": 1, "v": 1, "kids": [{"a": 1, "b": 1}]}])
    row = {"id": 2, "v": "x", "kids": [{"a": 2, "b": 2}, {"a": "x", "b": 3}]}
    data.run([row], schema_contract=VALUES)
    data.run([{**row, "id": 3}], schema_contract=VALUES)

    def fix(row: Row) -> Row:
        return {**row, "v": 5, "kids": [{**kid, "a": 7} for kid in row["kids"]]} if "kids" in row else {**row, "a": 8}

    data.pipeline.replay(fix=fix)

    assert data.rows("t", "id", "v") == [(1, 1), (2, 5), (3, 5)]
    assert data.rows("t__kids", "a", "b") == [(1, 1), (7, 2), (7, 2), (7, 3), (7, 3)]
    assert data.open_entries() == []


def test_a_row_that_is_not_there_any_more_is_not_brought_back(data: Data) -> None:
    data.run([{"id": 1, "v": 1}], write_disposition="replace")
    data.run([{"id": number, "v": "x"} for number in range(200)], write_disposition="replace", schema_contract=VALUES)
    data.run([{"id": 3, "v": 1}], write_disposition="replace")

    assert data.pipeline.replay(fix=setting(v=9)) is None

    assert data.rows("t", "id") == [(3,)]
    assert len(data.open_entries()) == 200


def test_values_without_row_ids_are_refused(data: Data) -> None:
    data.run(pa.table({"id": [1], "v": [1]}))
    data.run(pa.table({"id": [2], "v": ["x"]}), schema_contract=VALUES)

    with pytest.raises(StepFailed) as failed:
        data.pipeline.replay(fix=setting(v=2))

    assert isinstance(failed.value.exception, PlanError)
    assert "_dlt_id" in str(failed.value)
    assert data.open_entries() == [("t", "contract_data_type")]


def test_entries_of_another_load_that_hang_on_the_row_are_settled_too(data: Data) -> None:
    data.run([{"id": 1, "v": 1, "kids": [{"a": 1}]}])
    first = data.run([{"id": 2, "v": "x", "kids": [{"a": "y"}]}], schema_contract=VALUES)
    data.pipeline.replay(fix=lambda row: {**row, "v": "z"} if "v" in row else None)

    data.pipeline.replay(load_id=first.loads_ids[0], fix=lambda row: {"id": 2, "v": 2, "kids": [{"a": 2}]})

    assert data.rows("t", "id", "v") == [(1, 1), (2, 2)]
    assert data.rows("t__kids", "a") == [(1,), (2,)]
    assert data.open_entries() == []


def test_the_state_stays_as_it_is(data: Data) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "x"}], schema_contract=TYPES)
    before = data.rows("_dlt_pipeline_state", "count(*)"), data.pipeline.state["_state_version"]

    data.pipeline.replay(fix=setting(v=2))

    assert (data.rows("_dlt_pipeline_state", "count(*)"), data.pipeline.state["_state_version"]) == before


@pytest.mark.parametrize("kind", ["filesystem", "memory"])
def test_other_destinations(own_folder: Path, kind: str) -> None:
    """Files can take rows and nested rows, but not update any."""
    destination = memory() if kind == "memory" else dlt.destinations.filesystem(str(own_folder / "bucket"))
    pipeline = dlt.pipeline("other", destination=destination, dataset_name="data")

    def ids(table: str, column: str) -> list[Any]:
        with pipeline.session() as session:
            return sorted((row[column] for row in session.read(table).read_all().to_pylist()), key=str)

    pipeline.run([{"id": 1, "v": 1, "kids": [{"a": 1}]}], table_name="t")
    pipeline.run([{"id": 2, "v": "x"}, {"id": 3, "v": 3, "kids": [{"a": "y"}]}], table_name="t", schema_contract=TYPES)

    pipeline.replay(fix=lambda row: {**row, "v": 2} if "id" in row else {**row, "a": 2})

    assert (ids("t", "v"), ids("t__kids", "a")) == ([1, 2, 3], [1, 2])
    assert pipeline.replay() is None
    pipeline.run([{"id": 4, "v": "x"}], table_name="t", schema_contract=VALUES)
    if kind == "memory":
        pipeline.replay(fix=setting(v=4))
        assert ids("t", "v") == [1, 2, 3, 4]
        return
    with pytest.raises(StepFailed) as failed:
        pipeline.replay(fix=setting(v=4))
    assert isinstance(failed.value.exception, PlanError)
    assert ids("t", "v") == [1, 2, 3, None]


# ---- crashes


def test_a_replay_that_was_not_committed_is_finished_not_repeated(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "x"}], schema_contract=TYPES)
    with monkeypatch.context() as broken:
        broken.setattr(stages, "load_package", lambda *_, **__: 1 / 0)
        with pytest.raises(StepFailed):
            data.pipeline.replay(fix=setting(v=2))
    assert data.pipeline.has_pending_data
    assert data.open_entries() == [("t", "contract_data_type")]

    data.pipeline.replay(fix=setting(v=3))

    assert data.rows("t", "id", "v") == [(1, 1), (2, 2)]
    assert data.open_entries() == []
    assert not data.pipeline.has_pending_data


def test_an_update_that_was_not_committed_is_finished_by_another_process(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    data.run([{"id": 1, "v": 1}])
    data.run([{"id": 2, "v": "x"}], schema_contract=VALUES)
    with monkeypatch.context() as broken:
        broken.setattr(stages, "load_package", lambda *_, **__: 1 / 0)
        with pytest.raises(StepFailed):
            data.pipeline.replay(fix=setting(v=2))

    again = dlt.pipeline("p", destination=dlt.destinations.duckdb(data.connection), dataset_name="data")
    again.run()

    assert data.rows("t", "id", "v") == [(1, 1), (2, 2)]
    assert data.open_entries() == []
