"""Ctrl-C: the first one ends the evaluation, whatever is busy; what was loaded stays, and the pipeline goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

SCRIPT = Path(__file__).parent / "interrupted.py"
WAIT = 20.0  # seconds until a process that does not end fails the test


def started(kind: str) -> subprocess.Popen[str]:
    """The script, once its resource is busy."""
    process = subprocess.Popen([sys.executable, str(SCRIPT), kind], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "busy\n"
    time.sleep(0.2)  # so that the main thread waits, too
    return process


@pytest.mark.parametrize("kind", ["sync", "thread", "deferred", "loop"])
def test_2_3_the_first_interrupt_ends_the_evaluation(kind: str) -> None:
    process = started(kind)
    start = time.monotonic()

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT)

    assert time.monotonic() - start < 10  # what is busy would take half a minute
    assert process.returncode == 0
    lines = out.split()
    assert "KeyboardInterrupt" in lines
    assert ("closed" in lines) == (kind in ("sync", "loop"))
    with duckdb.connect("interrupted.duckdb") as connection:
        found = {name: connection.execute(f"SELECT n FROM data.{name}").fetchall() for name in ("before", "after")}
        tables = {row[0] for row in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()}
    assert found == {"before": [(7,)], "after": [(8,)]}
    assert "rows" not in tables


def test_2_3_the_second_interrupt_waits_for_nothing() -> None:
    process = started("stubborn loop")

    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=WAIT)

    assert time.monotonic() - start < 10
    assert "KeyboardInterrupt" in out.split()
