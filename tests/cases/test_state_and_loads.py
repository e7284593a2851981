"""C68-C74: state and data together, pending packages, names and ids of loads."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

import dlt
from dlt.errors import StepFailed
from dlt.package.store import Store

from .rows import both, count, load, pipeline, shaped, sql, stored


def growing(form="dict"):
    """A resource that goes on where its state says the last run ended."""

    @dlt.resource(name="t", write_disposition="append")
    def numbers():
        state = dlt.current.resource_state()
        first = state.get("next", 1)
        state["next"] = first + 2
        yield shaped(form, [{"id": first}, {"id": first + 1}])

    return numbers()


@both
def test_c68_data_and_state_are_committed_together(form):
    pipeline().run(growing(form))
    sql("ALTER TABLE ds._dlt_pipeline_state RENAME TO kept")
    columns = sql("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'kept' ORDER BY column_index")
    listed = ", ".join(f"{name} {kind}" for name, kind in columns)
    sql(
        f"CREATE TABLE ds._dlt_pipeline_state ({listed}, CHECK (version < 2)); INSERT INTO ds._dlt_pipeline_state FROM ds.kept"
    )
    for _ in range(2):
        with pytest.raises(StepFailed):
            pipeline().run(growing(form)) if not pipeline().has_pending_data else pipeline().run()
        assert [row["id"] for row in stored()] == [1, 2]
        assert count("_dlt_loads") == 1
    sql("DROP TABLE ds._dlt_pipeline_state; ALTER TABLE ds.kept RENAME TO _dlt_pipeline_state")
    pipeline().run()
    assert [row["id"] for row in stored()] == [1, 2, 3, 4]
    pipeline().run(growing(form))
    assert [row["id"] for row in stored()] == [1, 2, 3, 4, 5, 6]
    assert count("_dlt_loads") == 3


class Killed(BaseException):
    pass


@both
@pytest.mark.parametrize("again", ["run()", "run(data)"])
def test_c69_a_crash_between_the_commit_and_its_marker(form, again, monkeypatch):
    def killed(*_args):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Store, "finish", killed)
        with pytest.raises(Killed):
            pipeline().run(growing(form))
    assert [row["id"] for row in stored()] == [1, 2]
    pipeline().run(growing(form) if again == "run(data)" else None)
    assert [row["id"] for row in stored()] == ([1, 2, 3, 4] if again == "run(data)" else [1, 2])
    loads = [load_id for (load_id,) in sql("SELECT load_id FROM ds._dlt_loads ORDER BY 1")]
    assert pipeline().list_completed_load_packages() == loads
    assert not pipeline().has_pending_data
    if form == "dict":
        assert sql("SELECT DISTINCT _dlt_load_id FROM ds.t ORDER BY 1") == [(load_id,) for load_id in loads]


@both
def test_c70_data_that_was_extracted_before_the_first_run_is_loaded(form):
    pipeline().extract(shaped(form, [{"id": 1}]), table_name="a")
    pipeline().run(shaped(form, [{"id": 2}]), table_name="b")
    assert (stored("a"), stored("b")) == ([{"id": 1}], [{"id": 2}])


@both
@pytest.mark.parametrize("stage", ["extracted", "normalized"])
def test_c71_pending_data_and_new_data_are_both_loaded(form, stage):
    load(form, [{"id": 0}], "a")
    waiting = pipeline()
    waiting.extract(shaped(form, [{"id": 1}]), table_name="a")
    if stage == "normalized":
        waiting.normalize()
    info = pipeline().run(shaped(form, [{"id": 2}]), table_name="b")
    assert (stored("a"), stored("b")) == ([{"id": 0}, {"id": 1}], [{"id": 2}])
    assert len(info.loads_ids) == 2
    assert count("_dlt_loads") == 3


@both
def test_c72_the_data_set_that_is_asked_for_wins_over_the_one_in_the_state(form):
    load(form, [{"id": 1}])
    sql("CREATE SCHEMA new")
    for table in ("t", "_dlt_loads", "_dlt_version", "_dlt_pipeline_state"):
        sql(f"CREATE TABLE new.{table} AS FROM ds.{table}")
    pipeline().drop()
    fresh = pipeline(dataset="new")
    fresh.run(shaped(form, [{"id": 2}]), table_name="t")
    assert fresh.dataset_name == "new"
    assert (stored(), stored(dataset="new")) == ([{"id": 1}], [{"id": 1}, {"id": 2}])
    fresh.run(shaped(form, [{"id": 3}]), table_name="t", dataset_name="ds")
    assert (count("t"), count("t", "new")) == (2, 2)


def test_c73_load_ids_grow_when_the_clock_does_not(monkeypatch):
    now = time.time_ns()
    ticks = iter([now, now, now - 5_000_000_000, now - 10**18, now])
    clock = {"now": now}

    def read():
        clock["now"] = next(ticks, clock["now"])
        return clock["now"]

    monkeypatch.setattr(time, "time_ns", read)
    ids = []
    for _ in range(5):
        one = dlt.source(lambda: dlt.resource([{"id": 1}], name="t"), name="one")
        two = dlt.source(lambda: dlt.resource([{"id": 1}], name="u"), name="two")
        ids += pipeline().run([one(), two()]).loads_ids
    assert len(ids) == 10
    assert ids == sorted(set(ids))
    assert [Decimal(one) for one in ids] == sorted(map(Decimal, ids))
    assert sql("SELECT load_id FROM ds._dlt_loads ORDER BY load_id") == [(one,) for one in ids]


@pytest.mark.parametrize("name", ["a.b", "a.b.c.json", "a b", "a__b", "_dlt", "état", "a'b"])
def test_c74_any_name_of_a_folder_is_a_name_of_a_pipeline(name):
    for _ in range(2):
        pipeline(name).run(growing())
    pipeline(name).drop()
    pipeline(name).run(growing())
    assert [row["id"] for row in stored()] == [1, 2, 3, 4, 5, 6]
    assert sql("SELECT DISTINCT pipeline_name FROM ds._dlt_pipeline_state") == [(name,)]


@pytest.mark.parametrize("name", ["a/b", "..", "a\\b", " "])
def test_c74_other_names_are_refused(name):
    with pytest.raises(ValueError, match="cannot be the name of a pipeline"):
        pipeline(name)
