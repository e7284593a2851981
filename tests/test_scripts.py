"""Scripts as users write them, run as they run them. The last line of each says what it loads: table and rows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))


def expected(script: Path) -> dict[str, int]:
    last = script.read_text().rstrip().splitlines()[-1]
    return {name: int(rows) for name, rows in re.findall(r"(\w+) (\d+)", last.removeprefix("# "))}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_script(script, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "DLT_DATA_DIR": str(tmp_path / ".data")}
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]

    with duckdb.connect(str(tmp_path / "script.duckdb"), read_only=True) as connection:
        names = connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'data' AND table_name NOT LIKE '\\_dlt%' ESCAPE '\\'"
        ).fetchall()
        found = {name: connection.execute(f'SELECT count(*) FROM data."{name}"').fetchall()[0][0] for (name,) in names}

    assert found == expected(script)


def test_there_are_scripts():
    assert len(SCRIPTS) >= 30
