"""What a type checker sees: scripts of users pass in the strictest mode, and old import paths have stub files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import stubs

SCRIPTS = Path(__file__).with_name("typing")


def checked(*command: str) -> None:
    """Fails with what the type checker says."""
    done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy(tmp_path: Path) -> None:
    scripts = sorted(str(path) for path in SCRIPTS.glob("*.py"))

    checked("mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), *scripts)


def test_pyright() -> None:
    checked("basedpyright", "-p", str(SCRIPTS), "--pythonpath", sys.executable)


@pytest.mark.slow
def test_pyright_sees_errors(tmp_path: Path) -> None:
    """A name that there is not, and a wrong argument, do not pass: the stubs are read."""
    (tmp_path / "wrong.py").write_text(
        "from dlt.common.typing import TNothing\nimport dlt\ndlt.pipeline(dev_mode='x')\n"
    )

    with pytest.raises(AssertionError, match=r"(?s)TNothing.*dev_mode"):
        checked("basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable)


def test_stubs_are_up_to_date() -> None:
    """`python tests/stubs.py` writes them."""
    assert stubs.written() == stubs.stubs()
