"""Kills loads into a folder before each call that changes a file, lets them go on, and prints what each ended with.

A program of its own, so that the process that forks has no threads. `python kill_filesystem.py LAYOUT 1`, in an empty folder; 5 for every fifth call.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import dlt

CHANGES = ("replace", "rename", "unlink", "rmdir", "mkdir")


def pipeline(layout: str) -> Any:
    bucket = dlt.destinations.filesystem("bucket", layout=layout)
    return dlt.pipeline("kills", destination=bucket, dataset_name="ds", pipelines_dir="pipelines")


@dlt.source
def data(number: int) -> Any:
    """What each load brings: rows that are added, rows that replace others, a state, a column that is new."""

    @dlt.resource(write_disposition="append" if "{file_id}" in sys.argv[1] else "replace")
    def added() -> Any:
        dlt.current.resource_state()["last"] = number
        yield {"n": number}

    @dlt.resource(write_disposition="replace")
    def replaced() -> Any:
        yield {"n": number, "items": [{"m": number}] * 2, f"new_{number}": 1}

    return added, replaced


def forked(work: Callable[[], None]) -> int:
    """Run in a child process; its exit code."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def dying(calls: int) -> None:
    """Make the call that changes something after `calls` others the last thing that this process does."""
    left = [calls]

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            path, mode = str(args[0]), str(args[1]) if function is open_file and len(args) > 1 else "w"
            if "w" in mode and ("bucket" in path or "manifest.json" in path):
                if not left[0]:
                    os._exit(9)
                left[0] -= 1
            return function(*args, **kwargs)

        return call

    open_file = io.open
    io.open = counted(open_file)  # type: ignore[assignment]  # the same function, counted
    for name in CHANGES:
        setattr(os, name, counted(getattr(os, name)))


def outcome(layout: str) -> dict[str, Any]:
    """What is in the bucket: names of files, rows, the state."""
    found: dict[str, Any] = {"files": [], "state": pipeline(layout).state["sources"]}
    for path in sorted(Path("bucket/ds").rglob("*")):
        if path.is_file():
            found["files"].append(path.parent.name if path.parent.name == "_dlt_version" else str(path))
    with pipeline(layout).session() as session:
        for table in ("added", "replaced", "replaced__items"):
            found[table] = [row.get("n", row.get("m")) for row in session.read(table).read_all().to_pylist()]
        found["loads"] = session.read("_dlt_loads").read_all().num_rows
    return found


def finished(layout: str) -> None:
    pipeline(layout).run()
    Path("outcome.json").write_text(json.dumps(outcome(layout)))


def main(layout: str, every: int) -> None:
    Path("start").mkdir()
    os.chdir("start")
    pipeline(layout).run(data(1))
    pending = pipeline(layout)
    pending.extract(data(2))
    pending.normalize()
    os.chdir("..")
    for calls in count(0, every):
        shutil.copytree("start", str(calls))
        os.chdir(str(calls))

        def load(calls: int = calls) -> None:
            waiting = pipeline(layout)
            dying(calls)
            waiting.load()

        code = forked(load)
        again = forked(lambda: finished(layout))
        result = json.loads(Path("outcome.json").read_text()) if again == 0 else None
        print(json.dumps({"code": code, "again": again, "outcome": result}), flush=True)
        os.chdir("..")
        shutil.rmtree(str(calls))
        if code != 9:
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
