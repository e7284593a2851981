"""The state and schemas that a pipeline shares with its data set: what is written there, and what is taken over from there."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest

import dlt
from dlt.destinations import _duckdb_engine
from dlt.errors import CannotRestorePipeline, SchemaError, StepFailed
from dlt.pipeline import state as states

FILE = "sync.duckdb"


def pipeline(name: str = "sync", work: str = "work", **options: Any) -> dlt.Pipeline:
    options = {"destination": dlt.destinations.duckdb(FILE), "dataset_name": "data", **options}
    return dlt.pipeline(name, pipelines_dir=work, **options)


@dlt.resource(name="t")
def counted(change: bool = True):
    state = dlt.current.resource_state()
    if change:
        state["runs"] = state.get("runs", 0) + 1
    yield {"run": state.get("runs", 0)}


def fetch(sql: str) -> list[Any]:
    with duckdb.connect(FILE, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def versions_of_state() -> list[int]:
    return [version for (version,) in fetch("SELECT version FROM data._dlt_pipeline_state ORDER BY _dlt_load_id")]


# ---- the state document


def test_the_state_document_is_that_of_dlt():
    made = pipeline()
    made.run(counted())
    (row,) = fetch("SELECT version, engine_version, pipeline_name, state, version_hash FROM data._dlt_pipeline_state")
    stored = states.from_row(
        dict(zip(("version", "engine_version", "pipeline_name", "state", "version_hash"), row, strict=True))
    )

    assert stored == {
        "_state_version": 1,
        "_state_engine_version": 4,
        "_version_hash": states.state_hash(stored),
        "pipeline_name": "sync",
        "dataset_name": "data",
        "default_schema_name": "sync",
        "schema_names": ["sync"],
        "destination_type": "dlt.destinations.duckdb",
        "destination_name": None,
        "sources": {"sync": {"resources": {"t": {"runs": 1}}}},
    }
    assert row[:3] + row[4:] == (1, 4, "sync", stored["_version_hash"])
    assert {key: value for key, value in made.state.items() if key != "_local"} == stored


def test_a_destination_with_a_name_of_its_own_is_in_the_state():
    made = pipeline(destination=dlt.destinations.duckdb(FILE, destination_name="mart"))
    made.run(counted())

    assert made.state["destination_name"] == "mart"


def test_a_version_for_each_change_and_a_row_for_each_version():
    made = pipeline()
    made.run(counted())
    for _ in range(3):
        made.run(counted(change=False))
    assert (made.state["_state_version"], versions_of_state()) == (1, [1])

    made.run(counted())
    assert (made.state["_state_version"], versions_of_state()) == (2, [1, 2])
    assert len(fetch("SELECT * FROM data._dlt_loads")) == 5


def test_the_history_of_states_is_bounded():
    made = pipeline()
    made.run(counted())
    with duckdb.connect(FILE) as connection:
        connection.execute(
            "INSERT INTO data._dlt_pipeline_state SELECT 0, engine_version, pipeline_name || other, state, created_at, "
            "version_hash, printf('1000000000.%07d', n), 'id' || n FROM data._dlt_pipeline_state, range(150) r(n), "
            "(VALUES (''), ('_other')) o(other)"
        )
    made.run(counted())

    rows = "SELECT count(*), max(version), min(_dlt_load_id) FROM data._dlt_pipeline_state WHERE pipeline_name ="
    assert fetch(f"{rows} 'sync'") == [(100, 2, "1000000000.0000052")]
    assert fetch(f"{rows} 'sync_other'") == [(150, 0, "1000000000.0000000")]


def test_values_of_any_type_come_back():
    values = {
        "day": dt.date(2024, 1, 2),
        "at": dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC),
        "time": dt.time(1, 2, 3),
        "price": Decimal("1.50"),
        "id": UUID(int=7),
        "raw": b"\x00\xff",
        "deep": {"list": [1, None, {"x": 1.5}], "text": "\uf026"},
    }

    @dlt.resource(name="t")
    def keeping():
        dlt.current.source_state().update(values)
        yield {"id": 1}

    pipeline().run(keeping())
    shutil.rmtree("work")
    again = pipeline()
    again.sync_destination()

    assert again.state["sources"]["sync"] == values


# ---- taking over


def test_what_is_local_stays_local():
    made = pipeline()
    made.run(counted())
    made.set_local_state_val("mine", 1)
    elsewhere = pipeline(work="elsewhere")
    elsewhere.run(counted())
    made = pipeline()
    made.sync_destination()

    assert made.get_local_state_val("mine") == 1
    assert "mine" not in elsewhere.state["_local"]
    assert made.state["sources"]["sync"]["resources"]["t"] == {"runs": 2}
    assert (made.state["_state_version"], made.first_run) == (2, False)


def test_a_first_run_goes_on_where_another_machine_was():
    pipeline().run([{"id": 1, "name": "a"}], table_name="t")
    other = pipeline(work="elsewhere")
    info = other.run([{"id": 2}], table_name="t")

    assert info.first_run is False
    assert fetch("SELECT id, name FROM data.t ORDER BY id") == [(1, "a"), (2, None)]
    assert fetch("SELECT count(*) FROM data._dlt_version") == [(1,)]
    assert versions_of_state() == [1]


def test_schemas_that_are_missing_here_are_taken_over():
    made = pipeline()
    made.run(counted())
    made.run([{"id": 1}], table_name="u", schema=dlt.Schema("second"))
    for file in Path("work").rglob("second.schema.json"):
        file.unlink()
    again = pipeline()
    again.sync_destination()

    assert sorted(again.schema_names) == ["second", "sync"]
    assert again.schemas["second"].version_hash == made.schemas["second"].version_hash


def test_pipelines_that_share_a_data_set_do_not_share_a_state():
    pipeline("one").run(counted())
    pipeline("one").run(counted())
    other = pipeline("two")
    other.run(counted())

    assert other.state["sources"]["two"]["resources"]["t"] == {"runs": 1}
    assert other.state["pipeline_name"] == "two"


def test_a_state_of_a_later_engine_is_refused():
    pipeline().run(counted())
    with duckdb.connect(FILE) as connection:
        connection.execute("UPDATE data._dlt_pipeline_state SET engine_version = 5")
    shutil.rmtree("work")

    with pytest.raises(StepFailed, match="engine version 5"):
        pipeline().sync_destination()


# ---- attach and drop


def test_attach_finds_a_pipeline_here_or_at_its_destination():
    pipeline().run(counted())
    here = dlt.attach("sync", pipelines_dir="work")
    shutil.rmtree("work")
    there = dlt.attach("sync", pipelines_dir="work", destination=dlt.destinations.duckdb(FILE), dataset_name="data")

    for attached in (here, there):
        assert (attached.dataset_name, attached.default_schema_name, attached.first_run) == ("data", "sync", False)
        assert attached.state["sources"]["sync"]["resources"]["t"] == {"runs": 1}
        assert attached.default_schema.data_table_names() == ["t"]
    there.run(counted())
    assert fetch("SELECT run FROM data.t ORDER BY run") == [(1,), (2,)]


@pytest.mark.parametrize("destination", [None, "duckdb"])
def test_attach_to_what_is_nowhere_says_where_it_looked(destination):
    with pytest.raises(CannotRestorePipeline, match="There is no pipeline 'nobody'") as failed:
        dlt.attach("nobody", pipelines_dir="work", destination=destination)

    assert str(Path("work") / "nobody") in str(failed.value)
    assert not (Path("work") / "nobody").exists()


def test_drop_forgets_what_is_here_and_nothing_there():
    made = pipeline()
    made.run(counted())
    dropped = made.drop()

    assert dropped is not made
    assert (dropped.pipeline_name, dropped.dataset_name, dropped.first_run) == ("sync", "data", True)
    assert (dropped.state["_state_version"], dropped.schema_names, dropped.last_trace) == (0, [], None)
    assert dropped.is_active
    assert fetch("SELECT count(*) FROM data.t") == [(1,)]
    dropped.run(counted())
    assert dropped.state["sources"]["sync"]["resources"]["t"] == {"runs": 2}
    assert dlt.pipeline("other", pipelines_dir="work").drop("third").pipeline_name == "third"


def opened(monkeypatch):
    """Each session that is opened from now on."""
    found, attach = [], _duckdb_engine._Engine.attach
    monkeypatch.setattr(_duckdb_engine._Engine, "attach", lambda *args: found.append(args[1]) or attach(*args))
    return found


def test_a_destination_that_nobody_has_changed_is_not_looked_at(monkeypatch):
    @dlt.resource
    def numbers():
        if dlt.current.resource_state().setdefault("done", 0) < 2:
            dlt.current.resource_state()["done"] += 1
            yield {"id": 1}

    for _ in range(2):
        dlt.pipeline("looks", destination="duckdb", dataset_name="data").run(numbers)
    sessions = opened(monkeypatch)

    dlt.pipeline("looks", destination="duckdb", dataset_name="data").run(numbers)

    assert sessions == []
    dlt.pipeline("looks", destination="duckdb", dataset_name="data").run([{"id": 2}], table_name="numbers")
    assert len(sessions) == 1


@pytest.mark.parametrize("change", ["another program", "another place", "deleted", "another data set"])
def test_a_destination_that_was_changed_is_looked_at(monkeypatch, tmp_path, change):
    def load(number, place="here", dataset="data"):
        pipeline = dlt.pipeline(
            "looks", pipelines_dir=str(tmp_path / place), destination="duckdb", dataset_name=dataset
        )

        @dlt.resource
        def numbers():
            dlt.current.resource_state()["at"] = number
            yield {"id": number}

        pipeline.run(numbers)
        return pipeline

    load(1)
    match change:
        case "another program":
            code = "import duckdb; duckdb.connect('looks.duckdb').execute('create table mine (a int)')"
            subprocess.run([sys.executable, "-c", code], check=True)
        case "another place":
            load(2, "there")
        case "deleted":
            Path("looks.duckdb").unlink()
    sessions = opened(monkeypatch)

    pipeline = load(3, dataset="other" if change == "another data set" else "data")

    assert len(sessions) == 2
    assert pipeline.state["sources"]["looks"]["resources"]["numbers"]["at"] == 3


def test_an_append_after_a_replace_does_not_change_the_state():
    made = pipeline()
    for disposition in ("replace", "replace", "append", "append"):
        made.run([{"id": 1}], table_name="t", write_disposition=disposition)

    assert versions_of_state() == [1]


# ---- sync_schema


@pytest.mark.parametrize("kind", ["duckdb", "filesystem", "memory"])
def test_sync_schema_makes_tables_and_columns(kind):
    destination = getattr(dlt.destinations, kind)(*(["bucket"] if kind == "filesystem" else []))
    made = pipeline(destination=destination)
    made.extract([{"id": 1, "kids": [{"a": 1}]}], table_name="docs")
    made.normalize()

    new = made.sync_schema()

    assert list(new["docs"]["columns"]) == ["id", "_dlt_load_id", "_dlt_id"]
    assert new["docs__kids"]["parent"] == "docs"
    assert made.sync_schema() == {}
    with made.session() as session:
        assert list(session.reflect(["docs", "docs__kids"])) == ["docs", "docs__kids"]
        assert session.read("docs").read_all().num_rows == 0
        assert session.read("_dlt_version").read_all().num_rows == 1
        assert session.read("_dlt_loads").read_all().num_rows == 0
    made.load()
    with made.session() as session:
        assert session.read("docs").read_all().num_rows == 1


def test_sync_schema_adds_columns_to_what_is_there():
    made = pipeline()
    made.run([{"id": 1}], table_name="docs")
    made.extract([{"id": 2, "more": "x"}], table_name="docs")
    made.normalize()

    assert list(made.sync_schema("sync")["docs"]["columns"]) == ["more"]
    assert fetch("SELECT id, more FROM data.docs") == [(1, None)]


def test_sync_schema_of_a_schema_that_is_not_there():
    made = pipeline()
    made.run([{"id": 1}], table_name="docs")

    with pytest.raises(SchemaError, match="no schema 'other'"):
        made.sync_schema("other")
