"""What the configuration says of a pipeline: `[pipelines.<name>]`, or the same keys without a section."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

from dlt.config.settings import keys_mentioned, setting
from dlt.errors import ConfigError, NotBuilt

KEYS = frozenset(
    {"pipelines_dir", "pipeline_salt", "dataset_name", "import_schema_path", "export_schema_path", "refresh"}
    | {"progress", "dev_mode", "destination_type", "destination_name", "dataset_name_layout", "staging_type"}
    | {"staging_name", "use_single_dataset", "raise_on_failed_jobs"}
)


def completed(
    name: str, arguments: Mapping[str, Any], config: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `dlt.pipeline` and its other fields, with what the configuration has for those that were not given.

    Raises ConfigError for a value of the wrong type, NotBuilt for a key that would have no effect.
    """
    arguments, config = dict(arguments), dict(config)
    _check_single(config.pop("use_single_dataset", None), name)
    if not keys_mentioned(KEYS):
        return arguments, config
    arguments |= {key: value for key, value in _texts(name).items() if arguments.get(key) is None}
    if arguments.get("dev_mode") is None:
        arguments["dev_mode"] = setting(f"pipelines.{name}.dev_mode", "dev_mode", default=False, pipeline=name)
    if arguments.get("destination") is None and config.get("destination_type") is None:
        config |= _destination(name)
    if config.get("dataset_name_layout") is None:
        config["dataset_name_layout"] = _text("dataset_name_layout", name)
    check_layout(config["dataset_name_layout"])
    if _text("staging_type", name) is not None or _text("staging_name", name) is not None:
        raise NotBuilt("A staging destination is not available in this version.", hint="take staging_type away")
    if not setting("load.raise_on_failed_jobs", default=True, pipeline=name):
        raise NotBuilt("A failed load is always an error.", key="load.raise_on_failed_jobs", hint="take it away")
    return arguments, config


def _check_single(given: bool | None, name: str) -> None:
    if given is None and keys_mentioned(KEYS):
        given = setting(f"pipelines.{name}.use_single_dataset", "use_single_dataset", default=True, pipeline=name)
    if given is not None and not given:
        raise NotBuilt("A data set for each schema is not available in this version.", key="use_single_dataset")


def salt_of(name: str) -> str:
    """The salt of a pipeline that has none of its own."""
    return base64.b64encode(hashlib.sha3_256(name.encode()).digest()).decode()


def check_layout(layout: str | None) -> None:
    """ConfigError when a layout of names of data sets has no place for the name, or more than one."""
    if layout is not None and (layout.count("%s") != 1 or layout.count("%") != 1):
        raise ConfigError(
            f"The layout {layout!r} must have %s once.", key="dataset_name_layout", hint='write it like "prefix_%s"'
        )


def _destination(name: str) -> dict[str, Any]:
    kind, own = _text("destination_type", name), _text("destination_name", name)
    if own is not None and kind is None:
        kind = setting(f"destination.{own}.destination_type", default=None, pipeline=name)
    found = {"destination_type": kind, "destination_name": own}
    return {key: value for key, value in found.items() if value is not None}


def _texts(name: str) -> dict[str, str | None]:
    return {
        "pipelines_dir": _text("pipelines_dir", name),
        "pipeline_salt": _text("pipeline_salt", name),
        "dataset_name": _text("dataset_name", name),
        "import_schema_path": _text("import_schema_path", name),
        "export_schema_path": _text("export_schema_path", name),
        "refresh": _text("refresh", name),
        "progress": _text("progress", name),
    }


def _text(key: str, name: str) -> str | None:
    return setting(f"pipelines.{name}.{key}", key, default=None, pipeline=name) or None
