"""Two at once: one pipeline in two processes, threads or work directories, and two pipelines into one data set (C26)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import PackageError, PipelineLocked, RetryableError, StepFailed

DATABASE = "together.duckdb"


def pipeline(name: str = "p", database: str = DATABASE, **options: Any) -> dlt.Pipeline:
    return dlt.pipeline(name, destination=dlt.destinations.duckdb(database), dataset_name="ds", **options)


def stored(columns: str, table: str = "t", database: str = DATABASE) -> list[Any]:
    with duckdb.connect(database) as connection:
        return connection.execute(f"SELECT {columns} FROM ds.{table} ORDER BY ALL").fetchall()


def numbers(until: int) -> Any:
    """Numbers after the one that the state holds."""

    @dlt.resource(name="t")
    def counted() -> Iterator[dict[str, int]]:
        state = dlt.current.resource_state()
        for number in range(state.get("last", 0) + 1, until + 1):
            yield {"n": number}
            state["last"] = number

    return counted()


def script(text: str, *arguments: str) -> subprocess.Popen[str]:
    """A process that runs this text."""
    command = [sys.executable, "-c", textwrap.dedent(text), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


HOLDS = """
    import sys, time, dlt

    def slow():
        yield {"n": 1}
        print("running", flush=True)
        time.sleep(600)
        yield {"n": 2}

    destination = dlt.destinations.duckdb(sys.argv[1])
    dlt.pipeline("p", destination=destination, dataset_name="ds").run(slow(), table_name="t")
"""


@contextmanager
def running() -> Iterator[subprocess.Popen[str]]:
    """Another process in the middle of a run of the pipeline `p`."""
    process = script(HOLDS, DATABASE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n", process.communicate()[1]
        yield process
    finally:
        process.kill()
        process.communicate()


# ---- one pipeline, one work directory


def test_a_pipeline_that_runs_in_another_process_is_locked_until_that_is_killed() -> None:
    waiting = pipeline()
    with running() as other:
        for step in (
            lambda: waiting.run([{"n": 3}], table_name="t"),
            lambda: waiting.extract([{"n": 3}], table_name="t"),
            lambda: waiting.load(),
        ):
            with pytest.raises(StepFailed, match="is running already") as failed:
                step()
            assert isinstance(failed.value.exception, PipelineLocked)
            assert str(other.pid) in str(failed.value)
            assert "pipelines_dir" in str(failed.value)
        for change in (
            lambda: waiting.abort_packages(),
            lambda: waiting.drop(),
            lambda: waiting.set_local_state_val("a", 1),
            lambda: pipeline(dev_mode=True).drop(),
        ):
            with pytest.raises(PipelineLocked, match="is running already"):
                change()
        assert waiting.workdir.path.exists()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

        waiting.run([{"n": 3}], table_name="t")

    assert stored("n") == [(3,)]


def test_many_processes_run_one_pipeline_and_each_number_is_loaded_once() -> None:
    text = """
        import sys, time, dlt
        from dlt.errors import PipelineLocked, StepFailed

        @dlt.resource(name="t")
        def numbers():
            state = dlt.current.resource_state()
            first = state.get("next", 0)
            state["next"] = first + 10
            yield [{"n": n} for n in range(first, first + 10)]

        made = dlt.pipeline("p", destination=dlt.destinations.duckdb(sys.argv[1]), dataset_name="ds")
        done = 0
        while done < 3:
            try:
                made.run(numbers())
                done += 1
            except StepFailed as error:
                assert isinstance(error.exception, PipelineLocked), error
                time.sleep(0.05)
    """
    processes = [script(text, DATABASE) for _ in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors

    assert stored("n") == [(n,) for n in range(60)]
    assert stored("count(*), count(DISTINCT load_id)", "_dlt_loads") == [(6, 6)]


def test_two_threads_with_one_object_and_with_two() -> None:
    first, second = pipeline(), pipeline()
    begun, go_on = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def slow() -> Iterator[dict[str, int]]:
        yield {"n": 1}
        begun.set()
        assert go_on.wait(30)
        yield {"n": 2}

    def work() -> None:
        try:
            first.run(slow(), table_name="t")
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(30)
    for other in (first, second):
        with pytest.raises(StepFailed) as failed:
            other.run([{"n": 3}], table_name="t", destination="dummy")
        assert isinstance(failed.value.exception, PipelineLocked)
    go_on.set()
    thread.join()

    assert errors == []
    assert first.last_trace is not None
    assert [step.step for step in first.last_trace.steps] == ["extract", "normalize", "load", "run"]
    assert stored("n") == [(1,), (2,)]


def test_an_object_goes_on_from_what_another_one_has_done_meanwhile() -> None:
    first, second = pipeline(), pipeline()
    second.run(numbers(3))
    first.run(numbers(5))
    first.set_local_state_val("mine", 1)
    second.run(numbers(8))

    assert stored("n") == [(n,) for n in range(1, 9)]
    assert pipeline().get_local_state_val("mine") == 1


def test_a_pipeline_can_be_made_while_it_runs() -> None:
    with running():
        seen = pipeline()

    assert not seen.has_pending_data


def test_a_removed_work_directory_does_not_leave_two_with_the_lock(own_folder: Path) -> None:
    """The lock is on a file; who removes the folder and makes it again has another file."""
    one, two = pipeline(), pipeline()
    with one.workdir.lock("p"):
        (one.workdir.path / "lock").unlink()
    with one.workdir.lock("p"), pytest.raises(PipelineLocked), two.workdir.lock("p"):
        pass


def test_processes_that_a_killed_run_has_forked_do_not_hold_the_lock() -> None:
    text = """
        import os, sys, time, dlt

        def forks():
            child = os.fork()
            if child == 0:
                time.sleep(600)
                os._exit(0)
            print(child, flush=True)
            time.sleep(600)
            yield {"n": 1}

        destination = dlt.destinations.duckdb(sys.argv[1])
        dlt.pipeline("p", destination=destination, dataset_name="ds").run(forks(), table_name="t")
    """
    process = script(text, DATABASE)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        with pytest.raises(StepFailed, match="is running already"):
            pipeline().run([{"n": 2}], table_name="t")
        process.kill()
        process.wait()
        pipeline().run([{"n": 2}], table_name="t")
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()

    assert stored("n") == [(2,)]


# ---- one pipeline, two work directories


def test_a_load_from_elsewhere_since_the_extract_is_noticed_and_nothing_comes_twice() -> None:
    here, there = pipeline(pipelines_dir="here"), pipeline(pipelines_dir="there")
    here.run(numbers(2))
    here.extract(numbers(4))
    here.normalize()
    there.run(numbers(5))

    with pytest.raises(StepFailed, match="from another work directory") as failed:
        here.load()
    assert isinstance(failed.value.exception, PackageError)
    assert stored("n") == [(n,) for n in range(1, 6)]
    info = here.run(numbers(7))

    assert stored("n") == [(n,) for n in range(1, 8)]
    assert info is not None
    assert len(info.parked) == 1
    assert f'retry_package("{info.parked[0]}")' in str(info)
    assert "from another place" in str(here.get_load_package_state(info.parked[0])["failures"])
    with pytest.raises(StepFailed, match="may be there already"):
        here.retry_package(info.parked[0])
    here.retry_package(info.parked[0], anyway=True)
    assert stored("n") == sorted([*((n,) for n in range(1, 8)), (3,), (4,)])
    here.run(numbers(8))
    assert stored("max(n), count(*)") == [(8, 10)]


def test_packages_set_aside_for_a_state_from_elsewhere_are_not_put_back_when_the_run_fails() -> None:
    here, there = pipeline(pipelines_dir="here"), pipeline(pipelines_dir="there")
    here.run(numbers(2))
    here.extract(numbers(4))
    there.run(numbers(5))

    def breaks() -> Iterator[Any]:
        yield {"n": 0}
        raise ValueError("it is broken")

    with pytest.raises(StepFailed, match="it is broken"):
        pipeline(pipelines_dir="here").run(breaks(), table_name="t")
    pipeline(pipelines_dir="here").run(numbers(6))

    assert stored("n") == [(n,) for n in range(1, 7)]


def test_two_work_directories_take_turns() -> None:
    for until, folder in enumerate(["here", "there", "there", "here", "there"], 1):
        pipeline(pipelines_dir=folder).run(numbers(until))

    assert stored("n") == [(n,) for n in range(1, 6)]


def test_two_destinations_take_turns_and_none_of_them_gets_a_gap() -> None:
    for until, database in enumerate(["a.duckdb", "b.duckdb", "a.duckdb", "b.duckdb", "b.duckdb", "a.duckdb"], 1):
        pipeline(database=database).run(numbers(until))

    assert stored("n", database="a.duckdb") == [(n,) for n in range(1, 7)]
    assert stored("n", database="b.duckdb") == [(n,) for n in range(1, 6)]


# ---- two pipelines, one data set

TENANT = """
    import sys, dlt

    tenant, database = sys.argv[1:]
    for turn in range(2):
        rows = [{"id": f"{tenant}-{n}", "turn": turn, "parts": [{"n": n}]} for n in range(500)]
        made = dlt.pipeline(f"tenant_{tenant}", destination=dlt.destinations.duckdb(database), dataset_name="ds")
        made.run(rows, table_name="t", write_disposition="merge", primary_key="id")
"""


def test_c26_pipelines_in_processes_merge_into_one_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "50")
    processes = [script(TENANT, tenant, DATABASE) for tenant in "ab"]
    for process in processes:
        _, errors = process.communicate(timeout=180)
        assert process.returncode == 0, errors

    assert stored("id, turn") == sorted((f"{tenant}-{n}", 1) for tenant in "ab" for n in range(500))
    assert stored("count(*)", "t__parts") == [(1000,)]
    assert stored("count(*)", "_dlt_loads") == [(4,)]


def test_c26_pipelines_in_threads_merge_into_one_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOAD__RAISE_ON_MAX_RETRIES", "50")
    errors: list[BaseException] = []

    def work(tenant: str) -> None:
        made = pipeline(f"tenant_{tenant}")
        try:
            for turn in range(2):
                rows = [{"id": f"{tenant}-{n}", "turn": turn, "parts": [{"n": n}]} for n in range(300)]
                made.run(rows, table_name="t", write_disposition="merge", primary_key="id")
        except BaseException as error:
            errors.append(error)

    pipeline("before").run([{"id": "a-1", "turn": -1, "parts": [{"n": 0}]}], table_name="t")
    threads = [threading.Thread(target=work, args=(tenant,)) for tenant in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert stored("id, turn") == sorted((f"{tenant}-{n}", 1) for tenant in "abc" for n in range(300))
    assert stored("count(*)", "t__parts") == [(900,)]


def test_c26_a_database_that_another_program_holds_is_tried_again_and_then_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    holder = script(
        "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print('open', flush=True); time.sleep(600)",
        DATABASE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StepFailed, match="lock") as failed:
            pipeline().run([{"n": 1}], table_name="t")
    finally:
        holder.kill()
        holder.communicate()

    assert isinstance(failed.value.exception, RetryableError)
    assert DATABASE in str(failed.value)
    assert "close the other program" in str(failed.value)
    assert len(waits) == 4
    assert waits == sorted(waits)
    pipeline().run([{"n": 1}], table_name="t")
    assert stored("n") == [(1,)]
