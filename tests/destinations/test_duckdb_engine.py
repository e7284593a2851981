"""Database files are attached to one engine while they are used, and free before and after."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import duckdb
import pytest

import dlt
from dlt.destinations import _duckdb_engine
from dlt.errors import DltError

MEMORY = 200 << 20


@pytest.fixture(autouse=True)
def _new_engine(monkeypatch):
    monkeypatch.setattr(_duckdb_engine, "_process", _duckdb_engine._Process())


def pipeline(path, name="p"):
    return dlt.pipeline(name, destination=dlt.destinations.duckdb(str(path)), dataset_name="data")


def count(path):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute("select count(*) from data.t").fetchall()[0][0]


def test_runs_share_one_engine(tmp_path, monkeypatch):
    made, connect = [], duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: made.append(a) or connect(*a, **k))

    for number in range(4):
        pipeline(tmp_path / f"{number % 2}.duckdb", f"p{number}").run([{"id": 1}], table_name="t")

    assert made == [(":memory:",)]


def test_after_a_run_the_file_has_all_and_is_free_for_another_program(tmp_path):
    path = tmp_path / "a.duckdb"
    pipeline(path).run([{"id": 1}], table_name="t")

    assert sorted(p.name for p in tmp_path.glob("a.duckdb*")) == ["a.duckdb"]  # no log that must be kept with it
    code = f"import duckdb; duckdb.connect({str(path)!r}).execute('insert into data.t (id) select 2 where false')"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_a_file_that_this_process_has_open_is_shared(tmp_path):
    path = tmp_path / "a.duckdb"
    with duckdb.connect(str(path)) as mine:
        mine.execute("create table mine as select 7 as a")
        pipeline(path).run([{"id": 1}], table_name="t")
        assert mine.execute("select count(*) from data.t").fetchall() == [(1,)]
    pipeline(path).run([{"id": 2}], table_name="t")
    assert count(path) == 2


def test_files_of_the_same_name_at_the_same_time(tmp_path):
    paths = [str(tmp_path / folder / "same.duckdb") for folder in "ab"]
    for path in paths:
        Path(path).parent.mkdir()
    opened = [_duckdb_engine.connect(path, MEMORY) for path in [*paths, paths[0]]]

    names = [connection.execute("select current_database()").fetchall()[0][0] for connection, *_ in opened]

    assert names == ["same", "same_2", "same"]
    for _, close, _ in opened:
        close()
    assert _duckdb_engine._process.engine.files == {}


@pytest.mark.parametrize("name", ["memory", "temp", "System", 'a "b"', "ä.b", "it's"])
def test_names_of_files(tmp_path, name):
    path = tmp_path / f"{name}.duckdb"
    pipeline(path).run([{"id": 1, "list": [1, 2]}], table_name="t")
    pipeline(path).run([{"id": 2}], table_name="t", write_disposition="replace")

    assert count(path) == 1


def test_pipelines_in_threads(tmp_path):
    path, errors = tmp_path / "a.duckdb", []

    def work(number):
        try:
            for _ in range(5):
                pipeline(tmp_path / f"{number}.duckdb", f"p{number}").run([{"id": 1}], table_name="t")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert [count(path.with_name(f"{number}.duckdb")) for number in range(4)] == [5] * 4


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_makes_its_own_engine(tmp_path):
    pipeline(tmp_path / "a.duckdb").run([{"id": 1}], table_name="t")

    child = os.fork()
    if not child:
        _duckdb_engine._process.forked()  # as the hook does for the one that a test has not replaced
        try:
            pipeline(tmp_path / "b.duckdb", "child").run([{"id": 1}], table_name="t")
            os._exit(0)
        except BaseException:
            os._exit(1)

    assert os.waitpid(child, 0)[1] == 0
    assert count(tmp_path / "b.duckdb") == 1
    pipeline(tmp_path / "a.duckdb").run([{"id": 1}], table_name="t")
    assert count(tmp_path / "a.duckdb") == 2


def test_what_did_not_fit_into_memory_leaves_no_files(tmp_path):
    path = str(tmp_path / "a.duckdb")
    connection, close, _ = _duckdb_engine.connect(path, 60 << 20)
    connection.execute("create temp table u as select i, md5(i::varchar) s from range(2000000) t(i)")
    assert Path(f"{path}.tmp").exists()

    close()

    assert not Path(f"{path}.tmp").exists()
    assert _duckdb_engine._process.engine is None
    pipeline(path).run([{"id": 1}], table_name="t")
    assert count(path) == 1


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "a.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(DltError, match=r"a\.duckdb"):
        pipeline(tmp_path / "a.duckdb").run([{"id": 1}], table_name="t")

    pipeline(tmp_path / "b.duckdb", "other").run([{"id": 1}], table_name="t")
    assert count(tmp_path / "b.duckdb") == 1


def test_statements_that_fail_give_the_file_back(tmp_path):
    bad = dlt.destinations.duckdb(str(tmp_path / "a.duckdb"), statements=["select nonsense"])
    with pytest.raises(DltError, match="nonsense"):
        dlt.pipeline("p", destination=bad, dataset_name="data").run([{"id": 1}], table_name="t")

    assert _duckdb_engine._process.engine.files == {}


def test_memory_is_lowered_only_for_one_that_is_alone(tmp_path):
    limit = "select current_setting('memory_limit')"
    first, close_first, spare = _duckdb_engine.connect(str(tmp_path / "a.duckdb"), MEMORY)
    assert spare() == MEMORY
    first.execute("SET GLOBAL memory_limit = '64MiB'")

    second, close_second, _ = _duckdb_engine.connect(str(tmp_path / "b.duckdb"), MEMORY)

    assert spare() == 0
    assert second.execute(limit).fetchall() == [("200.0 MiB",)]
    close_second()
    assert spare() == MEMORY
    close_first()
