"""Settings of a schema: detections, hints and types by column name, contract; and the look-ups made from them."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dlt.errors import SchemaError
from dlt.schema.model import COLUMN_DEFAULTS, DATA_TYPES, ID, LIST_IDX, LOAD_ID, PARENT_ID, ROOT_ID
from dlt.schema.naming import naming_reference

Contract = dict[str, str]

ENTITIES = ("tables", "columns", "data_type")
MODES = ("evolve", "freeze", "discard_row", "discard_value")
EVOLVE: Contract = dict.fromkeys(ENTITIES, "evolve")
BUILT_DETECTIONS = ("iso_timestamp", "iso_date", "timestamp", "large_integer", "wei_to_double")
DETECTIONS = ("timestamp", "iso_timestamp", "iso_date", "large_integer", "hexbytes_to_text", "wei_to_double")
REGEX = "re:"
JSON_NORMALIZER = "dlt.common.normalizers.json.relational"
NAME = re.compile(r"[^\W\d]\w{0,63}")


def new_settings() -> dict[str, Any]:
    """The settings of a new schema."""
    return {
        "detections": ["iso_timestamp"],
        "default_hints": {
            "not_null": [ID, ROOT_ID, PARENT_ID, LIST_IDX, LOAD_ID],
            "parent_key": [PARENT_ID],
            "root_key": [ROOT_ID],
            "unique": [ID],
            "row_key": [ID],
        },
    }


def checked_contract(contract: str | Mapping[str, str]) -> str | Contract:
    """The contract as it was given; SchemaError when it names an unknown mode or entity."""
    pairs = [("tables", contract)] if isinstance(contract, str) else list(contract.items())
    for entity, mode in pairs:
        if entity not in ENTITIES:
            raise SchemaError(f"A schema contract has no entity {entity!r}.", hint="use " + ", ".join(ENTITIES))
        if mode not in MODES:
            raise SchemaError(f"{mode!r} is no mode of a schema contract.", hint="use one of " + ", ".join(MODES))
    return contract if isinstance(contract, str) else dict(contract)


def full_contract(contract: str | Mapping[str, str] | None, default: Mapping[str, str] | None = None) -> Contract:
    """The mode for each entity: of the contract, else of `default`, else evolve."""
    if not contract:
        return {**EVOLVE, **(default or {})}
    contract = checked_contract(contract)
    if isinstance(contract, str):
        return dict.fromkeys(ENTITIES, contract)
    return {**EVOLVE, **(default or {}), **contract}


def normalized_pattern(pattern: str, normalize: Callable[[str], str]) -> str:
    """A pattern for column names: a name becomes an identifier, what starts with `re:` stays."""
    if not pattern.startswith(REGEX):
        return normalize(pattern)
    try:
        re.compile(pattern.removeprefix(REGEX))
    except re.error as error:
        raise SchemaError(f"{pattern!r} is no regular expression.", cause=error) from error
    return pattern


def with_hints(settings: Mapping[str, Any], hints: Mapping[str, Iterable[str]], *, replace: bool) -> dict[str, Any]:
    """The settings with patterns added to the default hints, or put in their place."""
    out = copy.deepcopy(dict(settings))
    known = out.setdefault("default_hints", {})
    for hint, patterns in hints.items():
        if hint != "not_null" and not isinstance(COLUMN_DEFAULTS.get(hint), bool):
            raise SchemaError(f"{hint!r} is no hint that can be given by column name.")
        known[hint] = list(dict.fromkeys([*([] if replace else known.get(hint, [])), *patterns]))
    return out


def with_types(settings: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """The settings with preferred types added."""
    for pattern, kind in types.items():
        if kind not in DATA_TYPES:
            raise SchemaError(
                f"Unknown data type {kind!r}.", column=pattern, hint="use one of " + ", ".join(DATA_TYPES)
            )
    return {**copy.deepcopy(dict(settings)), "preferred_types": {**settings.get("preferred_types", {}), **types}}


class Lookup:
    """Types and hints by column name: exact names first, then the patterns in their order."""

    __slots__ = ("hints", "types")

    def __init__(self, settings: Mapping[str, Any]) -> None:
        preferred = settings.get("preferred_types") or {}
        self.types = _Patterns((pattern, ("data_type", kind)) for pattern, kind in preferred.items())
        self.hints = _Patterns(
            (pattern, ("nullable", False) if hint == "not_null" else (hint, True))
            for hint, patterns in (settings.get("default_hints") or {}).items()
            if hint == "not_null" or isinstance(COLUMN_DEFAULTS.get(hint), bool)
            for pattern in patterns
        )


class _Patterns:
    __slots__ = ("cache", "exact", "patterns")

    def __init__(self, pairs: Iterable[tuple[str, tuple[str, Any]]]) -> None:
        self.exact: dict[str, dict[str, Any]] = {}
        self.patterns: list[tuple[re.Pattern[str], tuple[str, Any]]] = []
        self.cache: dict[str, dict[str, Any]] = {}
        for pattern, (key, value) in pairs:
            if pattern.startswith(REGEX):
                self.patterns.append((re.compile(pattern.removeprefix(REGEX)), (key, value)))
            else:
                self.exact.setdefault(pattern, {})[key] = value

    def find(self, name: str) -> dict[str, Any]:
        found = self.cache.get(name)
        if found is None:
            found = dict(self.exact.get(name, {}))
            for pattern, (key, value) in self.patterns:
                if key not in found and pattern.search(name):
                    found[key] = value
            self.cache[name] = found
        return found


def checked_name(name: str) -> str:
    """The name of a schema, if it is an identifier; else SchemaError."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise SchemaError(
            f"{name!r} cannot be the name of a schema or source.",
            hint="use letters, digits and underscores, at most 64 and no digit first",
        )
    return name


def complete(normalizers: Mapping[str, Any]) -> dict[str, Any]:
    """The normalizers with the defaults for what is left out."""
    given = {key: value for key, value in normalizers.items() if value is not None}
    json = copy.deepcopy(given.pop("json", None)) or {"module": JSON_NORMALIZER}
    return {"names": naming_reference(given.pop("names", "snake_case")), "json": json, **given}
