"""What tests of the command line share: the command as a process of its own, without a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Ended(NamedTuple):
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def dlt_(own_folder: Path) -> Run:
    """Run `python -m dlt` with these arguments, `code` being the exit code that it must have."""

    def run(*arguments: str, code: int = 0, **env: str) -> Ended:
        ended = process("-m", "dlt", *arguments, folder=own_folder, **env)
        assert ended.code == code, f"{ended.out}\n{ended.err}"
        return ended

    return run


@pytest.fixture
def script(own_folder: Path) -> Run:
    """Run a script of this folder, which must do well."""

    def run(name: str, **env: str) -> Ended:
        ended = process(name, folder=own_folder, **env)
        assert ended.code == 0, ended.err
        return ended

    return run


def process(*arguments: str, folder: Path, **env: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    return Ended(done.returncode, done.stdout, done.stderr)
