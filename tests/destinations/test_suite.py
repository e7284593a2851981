"""The suite that is shipped for writers of destinations, on those that come with the library."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any

import duckdb
import pytest

import dlt
from dlt.load.steps import Applied, Commit, Copy, Merge, Truncate
from dlt.schema.model import STATE
from dlt.testing import DestinationSuite


class TestMemory(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.memory()


class TestDuckDBFile(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.duckdb(str(tmp_path / "data.duckdb"))


@pytest.mark.slow
class TestDuckDBInMemory(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.duckdb(":memory:")


@pytest.mark.slow
class TestDuckDBOpenConnection(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.duckdb(duckdb.connect(str(tmp_path / "mine.duckdb")), create_indexes=True)


class TestFiles(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.filesystem(str(tmp_path / "bucket"))


# ---- the suite itself: what it must find


class _Wrong:
    """A session of the memory destination that does one step wrong."""

    def __init__(self, session: Any, wrong: Any) -> None:
        self.session, self.wrong = session, wrong

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def apply(self, step: Any) -> Any:
        return self.wrong(self.session, step)


def doubles(session: Any, step: Any) -> Any:
    if isinstance(step, Copy):
        session.apply(step)
    return session.apply(step)


def keeps_old_rows(session: Any, step: Any) -> Any:
    return Applied() if isinstance(step, Truncate) else session.apply(step)


def forgets_the_state(session: Any, step: Any) -> Any:
    if isinstance(step, Commit):
        step = Commit({name: rows for name, rows in step.rows.items() if name != STATE})
    return session.apply(step)


def commits_each_step(session: Any, step: Any) -> Any:
    applied = session.apply(step)
    if not isinstance(step, Commit):
        scratch = dict(session.scratch)
        session.apply(Commit({}))
        session.scratch.update(scratch)
    return applied


def rounds(session: Any, step: Any) -> Any:
    applied = session.apply(step)
    for stored in session.tables.values():
        for row in stored.rows:
            row.update({key: round(value) * 1.0 for key, value in row.items() if isinstance(value, float)})
    return applied


class Suite(DestinationSuite):
    """The suite on the memory destination, one test at a time."""

    def __init__(self, tmp_path: Any, wrong: Any = None, **caps: Any) -> None:
        self.tmp_path, self.destination = tmp_path, dlt.destinations.memory(**caps).bind()
        if wrong:
            opened = self.destination.open
            self.destination = replace(self.destination, open=lambda *given: _Wrong(opened(*given), wrong))


@pytest.mark.parametrize(
    ("wrong", "test"),
    [
        (doubles, "test_append"),
        (doubles, "test_many_rows_in_many_files"),
        (keeps_old_rows, "test_replace"),
        (forgets_the_state, "test_loads_versions_and_states"),
        (forgets_the_state, "test_state_and_schema_come_back_when_the_work_directory_is_lost"),
        (commits_each_step, "test_a_replace_that_fails_leaves_the_old_rows"),
        (rounds, "test_every_type_comes_back"),
    ],
)
def test_the_suite_finds_what_is_wrong(tmp_path, monkeypatch, wrong, test):
    arguments = [monkeypatch] if test == "test_many_rows_in_many_files" else []
    with pytest.raises((AssertionError, ValueError)):
        getattr(Suite(tmp_path, wrong), test)(*arguments)


def test_the_suite_finds_that_a_destination_is_killed_between_steps_that_commit(tmp_path):
    with pytest.raises(AssertionError):
        Suite(tmp_path, commits_each_step).test_killed_at_any_step_and_started_again()


@pytest.mark.parametrize("strategy", ["delete-insert", "scd2", "cdc"])
def test_what_works_must_be_declared(tmp_path, strategy):
    with pytest.raises(pytest.fail.Exception, match="does not declare it"):
        Suite(tmp_path, merge_strategies=("upsert",)).test_merge_strategies(strategy)


def test_what_is_declared_must_work(tmp_path):
    def appends(session: Any, step: Any) -> Any:
        return session.apply(replace(step, strategy="insert-only") if isinstance(step, Merge) else step)

    with pytest.raises(AssertionError):
        Suite(tmp_path, appends).test_merge_strategies("upsert")


def test_what_is_not_declared_and_does_not_work_is_skipped(tmp_path):
    with pytest.raises(pytest.skip.Exception, match="file_formats: parquet"):
        Suite(tmp_path).test_every_type_in_every_file_format("parquet")


def test_dlt_does_not_load_pytest():
    code = "import dlt, sys; dlt.pipeline; dlt.Schema; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
