"""C68, C69: processes killed anywhere in a run. Started again, they end as if nothing had happened.

For each place a real process is killed with SIGKILL and the same run is started again; then come one more run and the
comparison with an unbroken one: all rows once, none of half a load ever seen, state and data together, balanced books,
one row in `_dlt_loads` for each load, nothing left in the work directory. CRASH_EVERY=1 takes all places.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("crash_script.py")
EVERY = os.environ.get("CRASH_EVERY") or "12"


def killed(*arguments: str) -> dict[str, Any]:
    """What the script found: the number of kills, and what was wrong after them."""
    command = [sys.executable, str(SCRIPT), "kills", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wrong(found: dict[str, Any], least: int) -> str:
    assert found["killed"] >= least
    return "\n".join(f"{one['scenario']} turn {one['turn']}, {one['where']}: {one['wrong']}" for one in found["wrong"])


@pytest.mark.slow
def test_killed_at_some_places() -> None:
    assert wrong(killed("append,delete-insert,files-replace", "calls", "3", "13", "2"), 9) == ""


@pytest.mark.slow
def test_the_script_notices_a_load_that_is_done_twice() -> None:
    found = killed("append", "calls", "33", "2", "2", "sabotage")

    assert 3 <= found["killed"] < 10
    assert found["wrong"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenarios", "first"),
    [
        ("append,replace", 0),
        ("delete-insert,upsert", 1),
        ("scd2,sources", 2),
        ("steps,abort", 3),
        ("files-append,files-replace", 4),
    ],
)
def test_killed_before_calls_that_change_something(scenarios: str, first: int) -> None:
    assert wrong(killed(scenarios, "calls", str(first % int(EVERY)), EVERY), 12) == ""


@pytest.mark.slow
@pytest.mark.parametrize("scenarios", ["append,upsert,sources", "abort,files-replace"])
def test_killed_at_any_line(scenarios: str) -> None:
    assert wrong(killed(scenarios, "lines", "7", str(len(scenarios))), 28) == ""


@pytest.mark.slow
@pytest.mark.parametrize("scenarios", ["replace,delete-insert", "scd2,files-append"])
def test_killed_at_any_moment(scenarios: str) -> None:
    """Also inside of DuckDB and Arrow, and between two instructions."""
    assert wrong(killed(scenarios, "time", "7", str(len(scenarios))), 28) == ""
