"""The other implementation, dlt 1.31.0, in an environment of its own, and running scripts with either."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BENCHMARKS = HERE.parents[1] / "benchmarks" / "run.py"


def other() -> Path:
    """The Python of an environment with dlt 1.31.0, the one of the benchmarks; made when it is missing."""
    spec = importlib.util.spec_from_file_location("benchmarks_run", BENCHMARKS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.append(str(BENCHMARKS.parent))  # it imports its neighbours
    spec.loader.exec_module(module)
    python: Path = module.environment("dlt", module.DLT)
    return python


def ours() -> Path:
    """The Python that runs the tests."""
    return Path(sys.executable)


def run(python: Path, module: str, *arguments: str, folder: Path) -> Any:
    """Run a module of this package and return what it prints, read as JSON. The end of its errors when it fails."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DLT_DATA_DIR": str(folder / ".dlt-data"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(HERE.parent),
    }
    command = [str(python), "-m", f"compare.{module}", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
