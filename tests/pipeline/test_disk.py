"""A full disk: the error names the file and the way out, and all that was there before is as it was."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import RetryableError, StepFailed
from dlt.package.store import Store, write_atomic

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a file of Linux")


def pipeline() -> dlt.Pipeline:
    return dlt.pipeline("full", destination=dlt.destinations.duckdb("full.duckdb"), dataset_name="ds")


def numbers(until: int) -> Any:
    @dlt.resource(name="t")
    def counted() -> Iterator[dict[str, Any]]:
        state = dlt.current.resource_state()
        for number in range(state.get("last", 0) + 1, until + 1):
            yield {"n": number, "parts": [{"m": number}]}
            state["last"] = number

    return counted()


def stored(table: str = "t", columns: str = "n") -> list[Any]:
    with duckdb.connect("full.duckdb") as connection:
        return [value for (value,) in connection.execute(f"SELECT {columns} FROM ds.{table} ORDER BY ALL").fetchall()]


def fails(work: Callable[[], object], file: str) -> None:
    """The work ends with the error of a full disk that names the file."""
    with pytest.raises(StepFailed) as failed:
        work()
    assert isinstance(failed.value.exception, RetryableError), failed.value.exception
    text = str(failed.value)
    assert "The disk has no room" in text
    assert file in text
    assert "pipelines_dir" in text
    assert "DLT_DATA_DIR" in text


def fill(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Writing this file of a package ends in the error that the system gives for a full disk."""
    create = Store.create

    def created(self: Store, load_id: str) -> Path:
        folder = create(self, load_id)
        (folder / name).symlink_to("/dev/full")
        return folder

    monkeypatch.setattr(Store, "create", created)


@needs_full
@pytest.mark.parametrize("name", ["00001.arrow", "00002.arrow", "schema.json.tmp", "manifest.json.tmp"])
def test_no_room_for_a_package_of_a_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline().run(numbers(2))
    with monkeypatch.context() as patched:
        fill(patched, name)
        fails(lambda: pipeline().run(numbers(4)), name.removesuffix(".tmp"))

    made = pipeline()
    assert (stored(), made.has_pending_data) == ([1, 2], False)
    assert made.workdir.packages.ids("new") == []
    made.run(numbers(5))
    assert stored() == stored("t__parts", "m") == [1, 2, 3, 4, 5]


@needs_full
@pytest.mark.parametrize("step", ["extract", "normalize"])
@pytest.mark.parametrize("name", ["first", "schema.json.tmp", "manifest.json.tmp"])
def test_no_room_for_a_package_of_a_step(name: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = pipeline()
    made.run(numbers(2))
    made.extract(numbers(3))
    file = {"extract": "00001.batch", "normalize": "00001.arrow"}[step] if name == "first" else name
    with monkeypatch.context() as patched:
        fill(patched, file)
        work = made.normalize if step == "normalize" else lambda: made.extract(numbers(4))
        fails(work, file.removesuffix(".tmp"))

    assert len(made.list_extracted_load_packages()) == 1
    info = pipeline().run(numbers(5))
    assert info is not None
    assert info.parked == []
    assert stored() == [1, 2, 3, 4, 5]


@needs_full
@pytest.mark.parametrize("name", ["state.json", "schemas/full.schema.json", "packages/last_load_id"])
def test_no_room_for_the_state_or_a_schema(name: str) -> None:
    """A package that is complete at that moment waits; it is loaded once."""
    pipeline().run(numbers(2))
    path = pipeline().workdir.path / name
    full = path.with_name(path.name + ".tmp")
    full.symlink_to("/dev/full")
    fails(lambda: pipeline().run([dlt.resource([{"new": 1}], name="other"), numbers(4)]), path.name)
    assert not full.is_symlink()
    assert stored() == [1, 2]
    pipeline().run(numbers(5))

    assert stored() == [1, 2, 3, 4, 5]


@needs_full
def test_the_trace_does_not_hide_how_a_run_ended(caplog: pytest.LogCaptureFixture) -> None:
    made = pipeline()
    made.run(numbers(1))

    def breaks() -> Iterator[Any]:
        yield {"n": 3}
        raise ValueError("it is broken")

    for data, match in ((numbers(2), None), (breaks(), "it is broken")):
        (made.workdir.path / "trace.json.tmp").symlink_to("/dev/full")
        if match is None:
            made.run(data)
        else:
            with pytest.raises(StepFailed, match=match):
                made.run(data)
        assert "The trace of pipeline full could not be written" in caplog.text
        caplog.clear()
    assert stored() == [1, 2]


@needs_full
def test_a_failure_that_cannot_be_noted_is_still_the_one_that_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    made = pipeline()
    made.extract(numbers(2))
    made.normalize()
    [load_id] = made.list_normalized_load_packages()
    data = made.workdir.packages.find(load_id) / "00001.arrow"
    original = data.read_bytes()
    data.write_bytes(b"damaged")
    (data.parent / "manifest.json.tmp").symlink_to("/dev/full")
    with pytest.raises(StepFailed, match="was changed after it was written") as failed:
        made.load()
    assert "could not be noted" in "".join(failed.value.exception.__notes__)
    data.write_bytes(original)
    made.load()

    assert stored() == [1, 2]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_all_kinds_of_no_room(code: int, monkeypatch: pytest.MonkeyPatch, own_folder: Path) -> None:
    path = own_folder / "file.json"
    write_atomic(path, "old")

    def full(_self: Path, _data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RetryableError, match=r"The disk has no room: .*file\.json could not be written"):
        write_atomic(path, "new")
    monkeypatch.setattr(Path, "write_bytes", lambda *_args: (_ for _ in ()).throw(PermissionError(errno.EACCES, "no")))
    with pytest.raises(PermissionError):
        write_atomic(path, "new")

    assert path.read_text() == "old"


# ---- disks that are really full

FILLS = """
    import random, sys, dlt
    from dlt.errors import RetryableError, StepFailed

    folder, database = sys.argv[1:]
    made = dlt.pipeline("full", pipelines_dir=folder, destination=dlt.destinations.duckdb(database), dataset_name="ds")

    def rows(count):
        for number in range(count):
            yield {"n": number, "text": random.randbytes(500).hex()}

    made.run(rows(10), table_name="t")
    try:
        made.run(rows(20_000), table_name="t")
    except StepFailed as failed:
        assert isinstance(failed.exception, RetryableError), failed
        print(failed)
    else:
        sys.exit("nothing failed")
    waiting = made.workdir.packages.pending()
    if waiting:
        made.abort_packages()
    made.run(rows(5), table_name="t")
    with made.session() as session:
        print("rows", session.read("t").read_all().num_rows)
"""


def run_filling(command: list[str], folder: str, database: str, **options: Any) -> str:
    arguments = [*command, sys.executable, "-c", textwrap.dedent(FILLS), folder, database]
    environment = {**os.environ, "LOAD__RAISE_ON_MAX_RETRIES": "1"}
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=environment, check=False, timeout=120, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_limit_on_the_size_of_files() -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))

    text = run_filling([], "pipelines", "full.duckdb", preexec_fn=limit)

    assert "00001.arrow could not be written (File too large)" in text
    assert "rows 15" in text


def own_disk() -> list[str]:
    """A command that runs another one with 4 MB of disk at /mnt, in a namespace of its own, which needs no rights; []: no."""
    command = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs /mnt && exec "$@"', "sh"]
    if shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
        return command
    return []


def test_a_disk_without_room_for_packages() -> None:
    if not (disk := own_disk()):
        pytest.skip("this system does not let its users mount")

    text = run_filling(disk, "/mnt/pipelines", "full.duckdb")

    assert "/mnt/pipelines/full/packages/new/" in text
    assert "could not be written (No space left on device)" in text
    assert "rows 15" in text


def test_a_disk_without_room_for_the_database() -> None:
    if not (disk := own_disk()):
        pytest.skip("this system does not let its users mount")

    text = run_filling(disk, "pipelines", "/mnt/full.duckdb")

    assert "No space left on device" in text
    assert "free some space on the disk of the database" in text
    assert "rows 15" in text
