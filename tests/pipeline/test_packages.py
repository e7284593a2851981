"""Packages one by one: their state, tries, manifest, damages, and what they cost when they are old."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import DestinationRefused, FatalError, RetryableError
from dlt.load.steps import Commit
from dlt.package.store import KEPT_FAILURES, KEPT_PACKAGES, Store
from dlt.sql.session import SqlSession

from .runs import Broken, fails, numbers, pipeline, stored

# ---- several sources in one run


def test_each_source_brings_its_own_state() -> None:
    sources = [
        dlt.source(lambda name=name: numbers(2, f"t_{name}"), name=name)() for name in ("first", "second", "third")
    ]
    made = pipeline()
    made.run(sources)

    states = stored("version, _dlt_load_id", "_dlt_pipeline_state")
    assert len(states) == 3
    assert [load_id for _, load_id in states] == made.list_completed_load_packages()
    manifests = [made.get_load_package_state(load_id) for _, load_id in states]
    assert [list(one["state"]["sources"]) for one in manifests] == [
        ["first"],
        ["first", "second"],
        ["first", "second", "third"],
    ]


def test_sources_without_state_bring_one_state_together() -> None:
    pipeline().run([dlt.source(lambda n=n: dlt.resource([{"n": n}], name=f"t{n}"), name=f"s{n}")() for n in range(3)])

    assert stored("version", "_dlt_pipeline_state") == [(1,)]


def test_a_state_that_changes_without_rows_is_loaded() -> None:
    def silent() -> Any:
        @dlt.resource
        def nothing() -> Iterator[Any]:
            dlt.current.resource_state()["seen"] = True
            yield from ()

        return nothing()

    pipeline().run([{"n": 1}], table_name="t")
    pipeline().run(silent())

    assert pipeline().state["sources"]["p"]["resources"]["nothing"] == {"seen": True}
    assert stored("version", "_dlt_pipeline_state") == [(1,), (2,)]


# ---- retries


@pytest.mark.parametrize("error", [RetryableError("busy"), ConnectionError("busy"), TimeoutError("busy")])
def test_passing_troubles_are_tried_again_and_noted(
    error: Exception, broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            broken.clear()

    monkeypatch.setattr(time, "sleep", wait)
    broken["t"] = error
    info = pipeline().run([{"n": 1}], table_name="t")

    assert info is not None
    assert len(waits) == 3
    assert stored() == [(1,)]
    failures = pipeline().get_load_package_state(info.loads_ids[0])["failures"]
    assert [one["tries"] for one in failures] == [1, 2, 3]
    assert all("busy" in one["error"] and one["step"] == "load" and one["at"] for one in failures)


def test_the_number_of_tries_is_a_setting(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "2")
    broken["t"] = RetryableError("busy")
    fails(lambda: pipeline().run([{"n": 1}], table_name="t"), "busy")

    assert len(waits) == 1


def test_other_errors_are_not_tried_again(broken: Broken, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    broken["t"] = FatalError("no")
    failed = fails(lambda: pipeline().run([{"n": 1}], table_name="t"), "no")

    assert waits == []
    assert len(pipeline().get_load_package_state(str(failed.load_id))["failures"]) == 1


def test_a_commit_whose_answer_was_lost_is_not_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    apply = SqlSession.apply
    lost: list[str] = []

    def losing(self: SqlSession, step: Any) -> Any:
        applied = apply(self, step)
        if isinstance(step, Commit) and not lost:
            lost.append("the connection was lost")
            raise ConnectionError(lost[0])
        return applied

    monkeypatch.setattr(SqlSession, "apply", losing)
    info = pipeline().run([{"n": 1}, {"n": 2}], table_name="t")

    assert stored() == [(1,), (2,)]
    assert info is not None
    assert info.load_packages[0].ledger["t"]["loaded"] == 2
    assert info.load_packages[0].completed_at is not None


# ---- the record


def test_the_manifest_can_be_read_by_a_person() -> None:
    info = pipeline().run([{"n": 1, "parts": [{"m": 1}, {"m": 2}]}], table_name="t")
    assert info is not None
    folder = pipeline().workdir.packages.find(info.loads_ids[0])

    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    assert len((folder / "manifest.json").read_text(encoding="utf-8").splitlines()) > 20
    assert (manifest["load_id"], manifest["stage"], manifest["pipeline_name"]) == (folder.name, "loaded", "p")
    assert {one["table"]: one["rows"] for one in manifest["files"]} == {"t": 1, "t__parts": 2}
    assert manifest["ledger"]["t__parts"] == {"extracted": 2, "written": 2, "loaded": 2}
    assert manifest["result"]["dataset"] == "ds"
    assert manifest["failures"] == []
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "schema.json"]


def test_files_stay_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__DELETE_COMPLETED_JOBS", "false")
    info = pipeline().run([{"n": 1}], table_name="t")
    assert info is not None

    names = {path.name for path in pipeline().workdir.packages.find(info.loads_ids[0]).iterdir()}

    assert names == {"manifest.json", "schema.json", "00001.arrow"}


def test_only_the_newest_failures_are_kept(broken: Broken) -> None:
    broken["t"] = FatalError("no")
    fails(lambda: pipeline().run([{"n": 1}], table_name="t"))
    for _ in range(KEPT_FAILURES):
        fails(pipeline().run)
    broken["t"] = FatalError("the last")
    failed = fails(pipeline().run)

    failures = pipeline().get_load_package_state(str(failed.load_id))["failures"]
    assert len(failures) == KEPT_FAILURES
    assert "the last" in failures[-1]["error"]


# ---- what is damaged


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
@pytest.mark.parametrize("file", ["manifest.json", "schema.json", "00001.arrow", "00001.batch"])
def test_a_damaged_package_is_noticed_set_aside_and_can_be_given_up(file: str, damage: str) -> None:
    made = pipeline()
    made.run(numbers(1))
    made.extract(numbers(3))
    if file != "00001.batch":
        made.normalize()
    [load_id] = made.workdir.packages.pending()
    path = made.workdir.packages.find(load_id) / file
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "changed": data[:9] + b"\0" + data[10:], "gone": b""}[damage])
    if damage == "gone":
        path.unlink()

    info = pipeline().run([{"m": 1}], table_name="other")

    assert info is not None
    assert info.parked == [load_id]
    assert stored("m", "other") == [(1,)]
    again = pipeline()
    again.abort_packages()
    assert again.list_failed_load_packages() == []
    assert stored() == [(1,)]


# ---- cost


def test_old_packages_are_forgotten_and_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    made = pipeline()
    made.run([{"n": 0}], table_name="t")
    packages = made.workdir.packages
    [first] = packages.ids("loaded")
    for _ in range(KEPT_PACKAGES + 5):
        shutil.copytree(packages.folder / "loaded" / first, packages.folder / "loaded" / packages.new_load_id())
    newest = packages.ids("loaded")[-KEPT_PACKAGES:]
    read: list[str] = []
    original = Store.read

    def reading(self: Store, load_id: str) -> Any:
        read.append(load_id)
        return original(self, load_id)

    monkeypatch.setattr(Store, "read", reading)

    info = pipeline().run([{"n": 1}], table_name="t")

    assert info is not None
    assert set(read) == set(info.loads_ids)
    assert packages.ids("loaded") == [*newest, *info.loads_ids]
    assert packages.ids("new") == []


def test_the_error_says_whether_a_part_was_loaded(broken: Broken) -> None:
    def sink(items: Any, table: Any) -> None:
        if table["name"] == "b":
            raise DestinationRefused("no")

    data = [dlt.resource([{"n": 1}], name=name) for name in "ab"]
    made = dlt.pipeline("sinks", destination=dlt.destination(sink, loader_parallelism_strategy="sequential"))
    assert fails(lambda: made.run(data)).is_package_partially_loaded
    broken["b"] = FatalError("no")
    assert not fails(lambda: pipeline().run(data)).is_package_partially_loaded
