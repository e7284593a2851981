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
EVERY = os.environ.get("CRASH_EVERY") or "6"
SCENARIOS = (
    "append",
    "replace",
    "delete-insert",
    "upsert",
    "scd2",
    "sources",
    "steps",
    "abort",
    "files-append",
    "files-replace",
)


def killed(*arguments: str) -> dict[str, Any]:
    """What the script found: the number of kills, and what was wrong after them."""
    command = [sys.executable, str(SCRIPT), "kills", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def wrong(found: dict[str, Any], least: int) -> str:
    assert found["killed"] >= least
    return "\n".join(f"{one['scenario']} turn {one['turn']}, {one['where']}: {one['wrong']}" for one in found["wrong"])


def test_killed_at_some_places() -> None:
    assert wrong(killed("append,delete-insert,files-replace", "calls", "3", "13", "2"), 9) == ""


@pytest.mark.slow
def test_the_script_notices_a_load_that_is_done_twice() -> None:
    found = killed("append", "calls", "27", "3", "2", "sabotage")

    assert 3 <= found["killed"] < 10
    assert found["wrong"]


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_before_calls_that_change_something(scenario: str) -> None:
    assert wrong(killed(scenario, "calls", str(SCENARIOS.index(scenario) % int(EVERY)), EVERY), 8) == ""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["append", "upsert", "sources", "abort", "files-replace"])
def test_killed_at_any_line(scenario: str) -> None:
    assert wrong(killed(scenario, "lines", "12", str(len(scenario))), 24) == ""


@pytest.mark.slow
@pytest.mark.parametrize("scenario", ["replace", "delete-insert", "scd2", "files-append"])
def test_killed_at_any_moment(scenario: str) -> None:
    """Also inside of DuckDB and Arrow, and between two instructions."""
    assert wrong(killed(scenario, "time", "12", str(len(scenario))), 24) == ""
