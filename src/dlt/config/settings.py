"""Settings of a run, resolved once from arguments and the providers into frozen dataclasses.

A setting `normalize.data_writer.file_max_items` is the variable `NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS`, or
`file_max_items` in the table `[normalize.data_writer]` of `.dlt/config.toml`.
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

from dlt.config.lookup import find
from dlt.config.providers import CONFIG_TOML, REGISTERED, SECRETS_TOML, VAULTS, profile, settings_dir, variable
from dlt.errors import ConfigError

Value = TypeVar("Value", int, str, bool)


@overload
def setting(*keys: str, default: Value, pipeline: str | None = ...) -> Value: ...
@overload
def setting(*keys: str, default: None, pipeline: str | None = ...) -> str | None: ...
def setting(*keys: str, default: Any, pipeline: str | None = None) -> Any:
    """The first of these settings that a provider has, as a value of the default's type (a text for None), or the
    default. Those below the name of the pipeline, else of the active one, go before all others.

    Raises ConfigError when the value is none of the type.
    """
    found = find([tuple(key.split(".")) for key in keys], pipeline=pipeline)
    if found is None:
        return default
    from dlt.config.coerce import UnfitError, coerced

    kind = str if default is None else type(default)
    try:
        return coerced(found.value, kind)
    except UnfitError:
        shown = repr(found.value)[:80] if found.provider != SECRETS_TOML.name else "The value"
        raise ConfigError(
            f"{shown} is no {kind.__name__}.",
            key=".".join(found.path),
            variable=variable(found.path),
            place=found.provider,
        ) from None


def typed_setting(*keys: str, kind: Any) -> Any:
    """The first of these settings that a provider has, as a value of a type such as `dict` or `list[str]`; else None."""
    found = find([tuple(key.split(".")) for key in keys])
    if found is None:
        return None
    from dlt.config.coerce import UnfitError, coerced

    try:
        return coerced(found.value, kind)
    except UnfitError as wrong:
        raise ConfigError(f"The value of {found.key} ({found.provider}) {wrong}.", key=".".join(found.path)) from None


def mentioned(word: str) -> bool:
    """False when no provider can have a value below a section of this name; quick."""
    if word.upper() + "__" in "\n".join(os.environ):
        return True
    return bool(REGISTERED or VAULTS.find()) or any(
        _mentions(files.document(), word) for files in (SECRETS_TOML, CONFIG_TOML)
    )


def keys_mentioned(words: frozenset[str]) -> bool:
    """False when no provider can have a value with a key of these names; quick."""
    variables = "\n__".join(("", *os.environ, ""))
    if any(f"__{word.upper()}\n" in variables for word in words):
        return True
    if REGISTERED or VAULTS.find():
        return True
    return any(_has_key(files.document(), words) for files in (SECRETS_TOML, CONFIG_TOML))


def _has_key(document: Mapping[str, Any], words: frozenset[str]) -> bool:
    below = (one for one in document.values() if isinstance(one, Mapping))
    return not words.isdisjoint(document) or any(_has_key(one, words) for one in below)


def _mentions(document: Mapping[str, Any], word: str) -> bool:
    return word in document or any(_mentions(one, word) for one in document.values() if isinstance(one, Mapping))


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
    name = pipeline_name or None
    on_bad_rows = setting("normalize.on_bad_rows", default="quarantine", pipeline=name)
    if on_bad_rows not in ("quarantine", "fail"):
        raise ConfigError(f"{on_bad_rows!r} is not known.", key="normalize.on_bad_rows", hint="use quarantine or fail")

    def of_pipeline(option: str, default: bool) -> bool:
        if given.get(option) is not None:
            return bool(given[option])
        return setting(f"pipelines.{pipeline_name}.{option}", option, default=default, pipeline=name)

    return RunSettings(
        memory_limit=_bytes(setting("memory_limit", "runtime.memory_limit", default="512MB", pipeline=name)),
        max_load_tries=setting("load.raise_on_max_retries", default=5, pipeline=name),
        keep_files=not setting("load.delete_completed_jobs", default=True, pipeline=name),
        fail_on_bad_rows=on_bad_rows == "fail",
        restore_from_destination=of_pipeline("restore_from_destination", True),
        enable_runtime_trace=of_pipeline("enable_runtime_trace", True),
        row_ids=setting("normalize.json_normalizer.add_dlt_id", default=True, pipeline=name),
        load_ids=setting("normalize.json_normalizer.add_dlt_load_id", default=True, pipeline=name),
        arrow_row_ids=setting("normalize.parquet_normalizer.add_dlt_id", default=False, pipeline=name),
        arrow_load_ids=setting("normalize.parquet_normalizer.add_dlt_load_id", default=False, pipeline=name),
    )


UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30, "b": 1}


def _bytes(text: str) -> int:
    number = text.strip().lower()
    unit = next((unit for unit in sorted(UNITS, key=len, reverse=True) if number.endswith(unit)), "")
    try:
        return int(float(number.removesuffix(unit)) * UNITS.get(unit, 1))
    except ValueError:
        raise ConfigError(f"{text!r} is no size.", key="memory_limit", hint='write it like "512MB"') from None


def global_dir() -> Path:
    """The folder of this user: `$DLT_DATA_DIR`, or `~/.dlt`. Settings for all projects are there."""
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


def data_dir() -> Path:
    """Where pipelines keep their work: in a workspace `.dlt/state/<profile>`, elsewhere the folder of this user."""
    own = None if os.environ.get("DLT_DATA_DIR") else profile()
    return settings_dir() / "state" / own if own else global_dir()


def local_dir() -> Path:
    """Where relative database files and buckets are: `$DLT_LOCAL_DIR`, in a workspace `.dlt/data/<profile>`, elsewhere the
    current folder."""
    if given := os.environ.get("DLT_LOCAL_DIR"):
        return Path(given)
    own = profile()
    if own is None:
        return Path.cwd()
    place = settings_dir() / "data" / own
    place.mkdir(parents=True, exist_ok=True)  # databases do not make their folder
    return place


def script_name() -> str:
    """The name of the running script without its ending, for pipelines without a name."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else ""
