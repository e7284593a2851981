"""Settings of a run, resolved once from arguments and the environment into frozen dataclasses.

A setting `normalize.data_writer.file_max_items` is the environment variable `NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS`.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, overload

from dlt.errors import ConfigError

Value = TypeVar("Value", int, str, bool)

WORDS = {"true": True, "yes": True, "t": True, "y": True, "1": True, "false": False, "no": False, "f": False, "n": False, "0": False}


@overload
def setting(*keys: str, default: Value) -> Value: ...
@overload
def setting(*keys: str, default: None) -> str | None: ...
def setting(*keys: str, default: Any) -> Any:
    """The first of these settings that the environment has, as a value of the default's type; or the default.

    Raises ConfigError when the text is no such value.
    """
    for key in keys:
        text = os.environ.get(key.upper().replace(".", "__"))
        if text is not None:
            return _typed(key, text, default)
    return default


def _typed(key: str, text: str, default: Any) -> Any:
    kind = type(default)
    try:
        if kind is bool:
            return WORDS[text.strip().lower()]
        return int(text) if kind is int else text
    except (KeyError, ValueError):
        raise ConfigError(
            f"{text!r} is no {kind.__name__}.", key=key, variable=key.upper().replace(".", "__")
        ) from None


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run does by default."""

    memory_limit: int  # bytes
    max_load_tries: int
    keep_files: bool
    fail_on_bad_rows: bool
    restore_from_destination: bool
    enable_runtime_trace: bool
    row_ids: bool
    load_ids: bool
    arrow_row_ids: bool
    arrow_load_ids: bool


def run_settings(pipeline_name: str, given: Mapping[str, Any] = MappingProxyType({})) -> RunSettings:
    """The settings of a pipeline. given: what was passed as arguments of `dlt.pipeline`, which comes first."""
    on_bad_rows = setting("normalize.on_bad_rows", default="quarantine")
    if on_bad_rows not in ("quarantine", "fail"):
        raise ConfigError(f"{on_bad_rows!r} is not known.", key="normalize.on_bad_rows", hint="use quarantine or fail")

    def of_pipeline(name: str, default: bool) -> bool:
        if given.get(name) is not None:
            return bool(given[name])
        return setting(f"pipelines.{pipeline_name}.{name}", name, default=default)

    return RunSettings(
        memory_limit=_bytes(setting("memory_limit", "runtime.memory_limit", default="512MB")),
        max_load_tries=setting("load.raise_on_max_retries", default=5),
        keep_files=not setting("load.delete_completed_jobs", default=True),
        fail_on_bad_rows=on_bad_rows == "fail",
        restore_from_destination=of_pipeline("restore_from_destination", True),
        enable_runtime_trace=of_pipeline("enable_runtime_trace", True),
        row_ids=setting("normalize.json_normalizer.add_dlt_id", default=True),
        load_ids=setting("normalize.json_normalizer.add_dlt_load_id", default=True),
        arrow_row_ids=setting("normalize.parquet_normalizer.add_dlt_id", default=False),
        arrow_load_ids=setting("normalize.parquet_normalizer.add_dlt_load_id", default=False),
    )


UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "b": 1}


def _bytes(text: str) -> int:
    number = text.strip().lower()
    unit = next((unit for unit in sorted(UNITS, key=len, reverse=True) if number.endswith(unit)), "")
    try:
        return int(float(number.removesuffix(unit)) * UNITS.get(unit, 1))
    except ValueError:
        raise ConfigError(f"{text!r} is no size.", key="memory_limit", hint='write it like "512MB"') from None


def data_dir() -> Path:
    """Where pipelines keep their work: `$DLT_DATA_DIR`, or the global folder of this user."""
    if given := os.environ.get("DLT_DATA_DIR"):
        return Path(given)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/dlt")
    home = Path.home()
    if not os.access(home, os.W_OK):
        return Path(tempfile.gettempdir()) / "dlt"
    own = home / ".dlt"
    xdg = os.environ.get("XDG_DATA_HOME")
    return Path(xdg) / "dlt" if xdg and not own.exists() else own


def local_dir() -> Path:
    """Where relative database files and buckets are: `$DLT_LOCAL_DIR` or the current folder."""
    return Path(os.environ.get("DLT_LOCAL_DIR") or os.getcwd())


def script_name() -> str:
    """The name of the running script without its ending, for pipelines without a name."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else ""


