"""PostgreSQL: what others see of a load, loads at the same time, loads that are killed."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

import dlt
from dlt.destinations import _postgres_driver as driver

Sql = Callable[..., list[tuple[Any, ...]]]
KILL = Path(__file__).with_name("kill_postgres.py")


@pytest.fixture
def sql(postgres: str) -> Iterator[Sql]:
    """Runs a statement in the database."""
    with psycopg.connect(postgres, autocommit=True) as connection:

        def run(statement: str) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement)  # type: ignore[call-overload]  # it wants a literal
            return cursor.fetchall() if cursor.description else []

        yield run


def pipeline(url: str, name: str = "p", **options: Any) -> dlt.Pipeline:
    return dlt.pipeline(name, destination=dlt.destinations.postgres(url, **options), dataset_name="ds")


# ---- replace


STRATEGIES = (None, "truncate-and-insert", "insert-from-staging", "staging-optimized")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_replace_keeps_rights_indexes_and_views(postgres: str, sql: Sql, strategy: str | None) -> None:
    made = pipeline(postgres, replace_strategy=strategy)
    made.run([{"id": 1, "items": [1]}], table_name="t", write_disposition="replace")
    sql("CREATE INDEX mine ON ds.t (id)")
    sql("CREATE VIEW ds.seen AS SELECT id FROM ds.t")
    sql("GRANT SELECT ON ds.t TO PUBLIC")
    sql("ALTER TABLE ds.t ADD COLUMN note text DEFAULT 'kept'")

    made.run([{"id": 2, "items": [2]}, {"id": 3}], table_name="t", write_disposition="replace")

    assert sql("SELECT id FROM ds.seen ORDER BY id") == [(2,), (3,)]
    assert sql("SELECT value FROM ds.t__items") == [(2,)]
    assert sql("SELECT count(*) FROM pg_indexes WHERE indexname = 'mine'") == [(1,)]
    assert sql("SELECT has_table_privilege('public', 'ds.t', 'SELECT')") == [(True,)]
    assert sql("SELECT DISTINCT note FROM ds.t") == [("kept",)]


def test_a_table_that_a_view_needs_is_not_dropped(postgres: str, sql: Sql) -> None:
    made = pipeline(postgres)
    made.run([{"id": 1}], table_name="t")
    sql("CREATE VIEW ds.seen AS SELECT id FROM ds.t")

    with pytest.raises(dlt.errors.StepFailed, match="other objects depend on it") as failed:
        made.run([{"id": 2}], table_name="t", refresh="drop_sources")

    assert "view" in failed.value.exception.hint
    assert sql("SELECT id FROM ds.seen") == [(1,)]


def test_readers_see_the_old_rows_until_the_new_ones_are_all_there(
    postgres: str, sql: Sql, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, seen = pipeline(postgres), []
    made.run([{"id": 1}], table_name="t", write_disposition="replace")
    real = driver.chunks

    def chunks(*given: Any) -> Iterator[Any]:
        for chunk in real(*given):
            yield chunk
            seen.append(sql("SELECT id FROM ds.t"))

    monkeypatch.setattr(driver, "chunks", chunks)
    made.run([{"id": 2}], table_name="t", write_disposition="replace")

    assert seen
    assert all(rows == [(1,)] for rows in seen)
    assert sql("SELECT id FROM ds.t") == [(2,)]


@pytest.mark.parametrize(("strategy", "is_new"), [("truncate-and-insert", True), (None, False)])
def test_the_strategy_says_how_a_table_is_emptied(
    postgres: str, sql: Sql, strategy: str | None, *, is_new: bool
) -> None:
    """TRUNCATE gives a table a new file."""
    made = pipeline(postgres, replace_strategy=strategy)
    made.run([{"id": 1}], table_name="t", write_disposition="replace")
    before = sql("SELECT pg_relation_filenode('ds.t')")
    made.run([{"id": 2}], table_name="t", write_disposition="replace")

    assert (sql("SELECT pg_relation_filenode('ds.t')") != before) is is_new
    assert sql("SELECT id FROM ds.t") == [(2,)]


# ---- at the same time


def at_once(works: list[Callable[[], Any]]) -> None:
    """Run all of them, beginning together; raises what one of them raised."""
    ready = threading.Barrier(len(works))

    def started(work: Callable[[], Any]) -> Any:
        ready.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        for running in [pool.submit(started, work) for work in works]:
            running.result()


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only"])
def test_pipelines_that_merge_into_one_table(postgres: str, sql: Sql, strategy: str) -> None:
    made = [pipeline(postgres, f"p{number}") for number in range(4)]
    how: Any = {"disposition": "merge", "strategy": strategy}

    def merge(one: dlt.Pipeline, turn: int) -> None:
        rows = [{"id": number, "by": one.pipeline_name, "items": [turn, number]} for number in range(200)]
        one.run(rows, table_name="t", write_disposition=how, primary_key="id")

    for turn in range(3):
        at_once([lambda one=one, turn=turn: merge(one, turn) for one in made])  # type: ignore[misc]  # bound now

    assert sql("SELECT count(*), count(DISTINCT id) FROM ds.t") == [(200, 200)]
    assert sql("SELECT count(*) FROM ds.t__items i JOIN ds.t ON t._dlt_id = i._dlt_parent_id") == [(400,)]
    assert sql("SELECT count(*) FROM ds.t__items") == [(400,)]
    assert sql("SELECT count(*) FROM ds._dlt_loads") == [(12,)]


def test_pipelines_that_replace_one_table(postgres: str, sql: Sql) -> None:
    made = [pipeline(postgres, f"p{number}") for number in range(3)]
    at_once(
        [
            lambda one=one: one.run([{"by": one.pipeline_name}] * 100, table_name="t", write_disposition="replace")  # type: ignore[misc]  # bound now
            for one in made
        ]
    )

    assert sql("SELECT count(*), count(DISTINCT by) FROM ds.t") == [(100, 1)]


def test_pipelines_that_begin_a_data_set_together(postgres: str, sql: Sql) -> None:
    made = [pipeline(postgres, f"p{number}") for number in range(6)]
    at_once([lambda one=one: one.run([{"id": one.pipeline_name}], table_name="t") for one in made])  # type: ignore[misc]  # bound now

    assert sql("SELECT count(*), count(DISTINCT id) FROM ds.t") == [(6, 6)]
    assert sql("SELECT count(*), count(DISTINCT load_id) FROM ds._dlt_loads") == [(6, 6)]


# ---- killed


def held(sql: Sql, dataset: str) -> dict[str, Any]:
    """The rows of a data set without ids of loads and rows, and whether nested rows have their parents."""
    out: dict[str, Any] = {}
    for name in ("added", "replaced", "merged"):
        out[name] = sql(f'SELECT id, "load" FROM {dataset}.{name} ORDER BY 1, 2')
        parents = f"FROM {dataset}.{name}__items i JOIN {dataset}.{name} t ON t._dlt_id = i._dlt_parent_id"
        out[f"{name}__items"] = sql(f'SELECT t.id, t."load", i.n {parents} ORDER BY 1, 2, 3')
    out["loads"] = sql(f"SELECT count(*) FROM {dataset}._dlt_loads")
    return out


def killed(folder: Path, url: str, dataset: str, at: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(KILL), url, dataset, at],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def check_kill(folder: Path, url: str, sql: Sql, at: int, whole: dict[str, Any]) -> None:
    dataset = f"at_{at}"
    assert killed(folder, url, dataset, str(at)).returncode == -9
    found = held(sql, dataset)
    assert found["loads"] == [(1,)]
    assert len(found["added"]) == len(found["replaced"]) == 1500
    again = killed(folder, url, dataset, "never")
    assert again.returncode == 0, again.stderr
    assert held(sql, dataset) == whole


@pytest.fixture
def whole(own_folder: Path, postgres: str, sql: Sql) -> tuple[int, dict[str, Any]]:
    """The statements and chunks of an unbroken second load, and what is there after it."""
    done = killed(own_folder, postgres, "whole", "never")
    assert done.returncode == 0, done.stderr
    return int(done.stdout) - 1, held(sql, "whole")


@pytest.mark.parametrize("part", [0.25, 0.6, 1.0])
def test_killed_and_started_again(own_folder: Path, postgres: str, sql: Sql, whole: Any, part: float) -> None:
    steps, expected = whole

    check_kill(own_folder, postgres, sql, max(1, int(steps * part)), expected)


@pytest.mark.slow
def test_killed_at_any_statement(own_folder: Path, postgres: str, sql: Sql, whole: Any) -> None:
    steps, expected = whole
    for at in range(1, steps + 1):
        check_kill(own_folder, postgres, sql, at, expected)
