"""The scripts of users give the same data sets as with dlt 1.31, except where we differ on purpose: each difference has its
reason."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compare.inputs import described
from compare.views import parts

if TYPE_CHECKING:
    from compare.conftest import Both

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.py"))

BATCH = "the columns of a batch are added together, dlt's own after them"
NOW = "the times of the loads"
CHOSEN = "a resource that its source leaves out is loaded when it is passed alone"
PATHS = "hashes of the URLs of files, which have folders of their own"
ROWS = "a row that changed at the last cursor value is told by its own hash, beside that of its key"

# script -> part -> why it differs. What is not here is the same.
DIFFERENCES: dict[str, dict[str, str]] = {
    "arrow_and_pandas": {"state": ROWS},
    "incremental": {"state": ROWS},
    "incremental_backfill": {"state": ROWS},
    "incremental_merge": {"state": ROWS},
    "old_imports": {"state": ROWS},
    "nested_lists": {"orders__lines columns": BATCH},
    "read_files": {"events columns": BATCH, "state": PATHS},
    "rest_api": {"state": ROWS},
    "scd2": {"customers rows": NOW},
    "select_resources": dict.fromkeys(("back columns", "back hints", "back rows", "tables", "loads"), CHOSEN),
}


def loaded(python: Path, script: Path, folder: Path) -> dict[str, Any]:
    folder.mkdir()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / ".data"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
    }
    done = subprocess.run([str(python), str(script)], cwd=folder, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr.strip().splitlines()[-1:]
    return parts({**described(folder / "script.duckdb", "data"), "outcomes": []})


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_the_data_set_is_the_same(python: Both, script: Path, tmp_path: Path) -> None:
    theirs = loaded(python.theirs, script, tmp_path / "theirs")
    ours = loaded(python.ours, script, tmp_path / "ours")
    expected = DIFFERENCES.get(script.stem, {})
    different = {part for part in theirs | ours if theirs.get(part) != ours.get(part)}

    for part in sorted(different - expected.keys()):
        assert ours.get(part) == theirs.get(part), part
    assert different == expected.keys(), "a difference is gone: take it off the list"
