"""Packages that a run left: the next run finishes them or sets them aside, and goes on (C21, C22, C70, C71)."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import ContractViolation, FatalError, PackageError, RetryableError, StepFailed
from dlt.package.store import Store

from .runs import Broken, fails, last, numbers, pipeline, stored

# ---- a package that fails does not stand in the way


def test_c21_c22_a_failed_replace_leaves_the_old_rows_and_does_not_block_the_next_run(broken: Broken) -> None:
    pipeline().run([{"n": 1}], table_name="t", write_disposition="replace")
    broken["t"] = FatalError("no")
    fails(lambda: pipeline().run([{"n": 2}], table_name="t", write_disposition="replace"), "no")
    assert stored() == [(1,)]
    del broken["t"]
    broken["other"] = FatalError("no")

    info = pipeline().run([{"n": 3}], table_name="t", write_disposition="replace")

    assert stored() == [(3,)]
    assert info is not None
    assert len(info.loads_ids) == 2
    assert info.parked == []


def test_a_package_that_fails_again_is_set_aside_and_the_new_rows_are_loaded(
    broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    broken["bad"] = FatalError("no way")
    failed = fails(lambda: pipeline().run([{"n": 1}], table_name="bad"))
    assert failed.has_pending_data

    with caplog.at_level(logging.WARNING, "dlt"):
        info = pipeline().run([{"n": 2}], table_name="t")

    assert info is not None
    assert info.parked == [failed.load_id]
    assert f'retry_package("{failed.load_id}")' in str(info)
    assert "no way" in caplog.text
    assert stored() == [(2,)]
    made = pipeline()
    assert not made.has_pending_data
    assert made.list_failed_load_packages() == [failed.load_id]
    assert made.get_load_package_info(str(failed.load_id)).state == "failed"
    assert [job.table_name for job in made.list_failed_jobs_in_package(str(failed.load_id))] == ["bad"]
    assert len(made.get_load_package_state(str(failed.load_id))["failures"]) == 2
    next_one = made.run([{"n": 3}], table_name="t")
    assert next_one is not None
    assert next_one.parked == []


def test_packages_that_wait_are_put_back_when_the_run_fails_as_well(broken: Broken) -> None:
    """Perhaps the destination is to blame and not the package."""
    broken["t"] = FatalError("all is down")
    first = fails(lambda: pipeline().run([{"n": 1}], table_name="t"))
    fails(lambda: pipeline().run([{"n": 2}], table_name="t"))
    made = pipeline()
    assert made.list_failed_load_packages() == []
    assert first.load_id in made.list_normalized_load_packages()
    broken.clear()

    made.run([{"n": 3}], table_name="t")

    assert stored() == [(1,), (2,), (3,)]


def test_a_package_that_fails_for_passing_reasons_is_not_set_aside(
    broken: Broken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    broken["bad"] = FatalError("no")
    fails(lambda: pipeline().run([{"n": 1}], table_name="bad"))
    for error in (RetryableError("down"), OSError("down"), ConnectionError("down")):
        broken["bad"] = error
        fails(lambda: pipeline().run([{"n": 2}], table_name="t"), "down")
    assert pipeline().list_failed_load_packages() == []
    broken.clear()

    pipeline().run([{"n": 2}], table_name="t")

    assert (stored(table="bad"), stored()) == ([(1,)], [(2,)])


def test_run_without_data_and_load_raise_but_go_on_the_second_time(broken: Broken) -> None:
    broken["bad"] = FatalError("no")
    made = pipeline()
    made.extract([{"n": 1}], table_name="bad")
    made.extract([{"n": 2}], table_name="t")
    made.normalize()
    bad, good = made.list_normalized_load_packages()
    fails(made.run, "no")
    info = made.load()

    assert (info.loads_ids, info.parked) == ([good], [bad])
    assert stored() == [(2,)]
    made.extract([{"n": 3}], table_name="bad")
    made.normalize()
    fails(made.run)
    fails(made.run)  # nothing waits behind it: there is no reason to set it aside
    assert len(made.list_normalized_load_packages()) == 1


def test_a_package_that_a_contract_stops_is_set_aside_with_its_rows() -> None:
    made = pipeline()
    made.run([{"n": 1}], table_name="t")
    frozen = {"schema_contract": {"columns": "freeze", "data_type": "freeze", "tables": "evolve"}}
    made.extract([{"n": 2, "more": 1}], table_name="t", **frozen)
    assert isinstance(fails(made.normalize).exception, ContractViolation)
    [stopped] = made.list_extracted_load_packages()
    assert "normalize" in json.dumps(made.get_load_package_state(stopped)["failures"])

    info = pipeline().run([{"n": 3}], table_name="t", schema_contract="evolve")

    assert info is not None
    assert info.parked == [stopped]
    assert stored() == [(1,), (3,)]
    again = pipeline()
    with pytest.raises(StepFailed):
        again.retry_package(stopped)
    assert again.list_failed_load_packages() == [stopped]
    again.abort_packages(stopped)
    assert again.list_failed_load_packages() == []


def test_c70_c71_everything_extracted_before_is_loaded_in_order() -> None:
    made = pipeline()
    for number in range(3):
        made.extract([{"n": number}], table_name="t")
    made.normalize()
    made.extract([{"n": 3}], table_name="t")

    info = pipeline().run([{"n": 4}], table_name="t")

    assert info is not None
    assert len(info.loads_ids) == 5
    assert info.loads_ids == sorted(info.loads_ids)
    assert stored("n, _dlt_load_id") == list(enumerate(info.loads_ids))


def test_a_run_that_is_interrupted_leaves_nothing_or_a_package_that_waits(broken: Broken) -> None:
    def interrupted() -> Iterator[Any]:
        yield {"n": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline().run(interrupted(), table_name="t")
    assert not pipeline().has_pending_data
    assert pipeline().workdir.packages.ids("new") == []
    broken["t"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        pipeline().run(numbers(2))
    broken.clear()
    pipeline().run(numbers(3))

    assert stored() == [(1,), (2,), (3,)]


# ---- trying again


def test_a_package_that_was_set_aside_is_tried_again(broken: Broken) -> None:
    broken["bad"] = FatalError("no")
    fails(lambda: pipeline().run([numbers(3, "bad"), numbers(1, "other")]))
    pipeline().run(numbers(2))
    [parked] = pipeline().list_failed_load_packages()
    broken.clear()

    info = pipeline().retry_package(parked)

    assert info.loads_ids == [parked]
    assert info.load_packages[0].state == "loaded"
    assert stored(table="bad") == [(1,), (2,), (3,)]
    pipeline().run([numbers(4, "bad"), numbers(4)])
    assert (stored(table="bad"), stored()) == ([(n,) for n in range(1, 5)],) * 2
    with pytest.raises(StepFailed, match="was not set aside"):
        pipeline().retry_package(parked)
    shutil.rmtree(pipeline().working_dir)
    pipeline().run([numbers(5, "bad"), numbers(5)])
    assert (stored(table="bad"), stored()) == ([(n,) for n in range(1, 6)],) * 2


@pytest.mark.parametrize("disposition", ["replace", "merge"])
def test_old_rows_do_not_come_after_newer_ones_unless_asked_for(broken: Broken, disposition: Any) -> None:
    def rows(text: str) -> Any:
        return dlt.resource([{"n": 1, "v": text}], name="t", write_disposition=disposition, primary_key="n")

    broken["t"] = FatalError("no")
    fails(lambda: pipeline().run(rows("old")))
    made = pipeline()
    made.run([{"n": 5}], table_name="other")
    [old] = made.list_failed_load_packages()
    broken.clear()
    made.run(rows("new"))

    failed = fails(lambda: made.retry_package(old), "would bring old rows back")

    assert isinstance(failed.exception, PackageError)
    assert "anyway=True" in str(failed)
    assert stored("v") == [("new",)]
    assert made.list_failed_load_packages() == [old]
    made.retry_package(old, anyway=True)
    assert stored("v") == [("old",)]


# ---- giving up


def test_the_state_goes_back_to_what_it_was_before_packages_that_are_given_up() -> None:
    made = pipeline()
    made.run(numbers(2))
    state, schema = made.state["_version_hash"], made.default_schema.version_hash
    made.extract(numbers(4))
    made.extract([numbers(6), dlt.resource([{"x": 1}], name="new")])
    made.normalize()
    waiting = made.list_normalized_load_packages()
    assert (made.abort_packages(dry_run=True), last(made)) == (waiting, 6)

    assert made.abort_packages() == waiting

    for seen in (made, pipeline()):
        assert last(seen) == 2
        assert seen.state["_version_hash"] == state
        assert seen.default_schema.version_hash == schema
        assert not seen.has_pending_data
        assert {seen.get_load_package_info(load_id).state for load_id in waiting} == {"aborted"}
    pipeline().run(numbers(7))
    assert stored() == [(n,) for n in range(1, 8)]
    assert stored("count(*)", "_dlt_loads") == [(2,)]


def test_giving_up_the_first_package_makes_a_pipeline_that_never_ran() -> None:
    made = pipeline()
    made.extract(numbers(4))
    made.abort_packages()
    assert (made.schema_names, last(made), made.first_run, made.default_schema_name) == ([], None, True, None)
    assert not (made.workdir.path / "schemas" / "p.schema.json").exists()

    pipeline().run(numbers(2))

    assert stored() == [(1,), (2,)]


def test_the_state_stays_when_newer_packages_stand_on_the_one_that_is_given_up(
    broken: Broken, caplog: pytest.LogCaptureFixture
) -> None:
    broken["bad"] = FatalError("no")
    fails(lambda: pipeline().run([numbers(3, "bad"), numbers(1)]))
    pipeline().run(numbers(2))
    made = pipeline()
    with caplog.at_level(logging.WARNING, "dlt"):
        made.abort_packages()

    assert "the state stays" in caplog.text
    assert (last(made), last(made, "bad")) == (2, 3)
    assert stored() == [(2,)]


def test_only_the_source_of_the_package_goes_back_when_newer_packages_are_of_others(broken: Broken) -> None:
    @dlt.source(name="one")
    def one(until: int) -> Any:
        return numbers(until, "bad")

    @dlt.source(name="two")
    def two(until: int) -> Any:
        return numbers(until, "t")

    broken["bad"] = FatalError("no")
    fails(lambda: pipeline().run([one(3), two(3)]))
    pipeline().run(two(4))
    made = pipeline()
    assert (last(made, "bad"), last(made)) == (3, 4)
    broken.clear()

    assert len(made.abort_packages()) == 1

    assert (last(made, "bad"), last(made)) == (None, 4)
    pipeline().run([one(5), two(5)])
    assert stored(table="bad") == stored() == [(n,) for n in range(1, 6)]


def test_a_package_is_not_given_up_that_is_at_the_destination_already(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Store, "finish", killed)
        with pytest.raises(Killed):
            pipeline().run(numbers(2))

    with caplog.at_level(logging.WARNING, "dlt"):
        assert pipeline().abort_packages() == []

    assert "it was loaded" in caplog.text
    assert len(pipeline().list_completed_load_packages()) == 1
    pipeline().run(numbers(3))
    assert stored() == [(1,), (2,), (3,)]


def test_only_packages_that_wait_can_be_given_up() -> None:
    info = pipeline().run([{"n": 1}], table_name="t")
    assert info is not None
    with pytest.raises(FatalError, match="not waiting any more"):
        pipeline().abort_packages(info.loads_ids[0])
    with pytest.raises(PackageError, match=r"There is no load package 1\.0"):
        pipeline().abort_packages("1.0")
    assert pipeline().abort_packages() == []
