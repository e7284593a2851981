"""What the table of old names says: is there such a module, where is a name, what to do when it is not built."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from dlt.compat.table import MODULES, NOT_BUILT
from dlt.errors import NotBuilt, missing

EXTRAS = {"pendulum", "pandas", "polars", "numpy", "pydantic", "sqlalchemy", "sqlglot", "ibis", "deltalake"}


class OldNameNotBuilt(NotBuilt, ImportError):
    """Nothing stands behind this name of dlt 1.31 in this version."""


@dataclass
class Old:
    """One old module: name -> (module, attribute; "." is the module itself), where other names are, what is not built."""

    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    rest: str | None = None
    planned: set[str] = field(default_factory=set)


@cache
def old(module: str) -> Old:
    """An old module as the table describes it. module: its name below `dlt`."""
    found, place = Old(), ""
    for word in MODULES.get(module, "").split():
        if word.endswith(":"):
            place = word[:-1]
        elif word == "*":
            found.rest = place
        elif place == "!":
            found.planned.add(word)
        else:
            name, _, other = word.partition("=")
            found.places[name] = (place, other or name)
    return found


def is_module(module: str) -> bool:
    """True for modules of the table, for those above them, and for those that are not built."""
    return module in MODULES or _why_not(module) is not None or any(one.startswith(module + ".") for one in MODULES)


def listed(module: str) -> list[str]:
    """The names of an old module that can be had."""
    one = old(module)
    return [*one.places, *(_public(_imported(one.rest)) if one.rest else ())]


def _public(module: Any) -> list[str]:
    own = [name for name, one in vars(module).items() if getattr(one, "__module__", None) == module.__name__]
    return [*getattr(module, "__all__", [name for name in own if not name.startswith("_")])]


def _why_not(name: str) -> str | None:
    parts = name.split(".")
    above = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((NOT_BUILT[one] for one in above if one in NOT_BUILT), None)


def check_built(module: str) -> None:
    """OldNameNotBuilt for a module that is not there, with what to do instead."""
    below = any(one.startswith(module + ".") for one in MODULES)
    if module not in MODULES and not below and (why := _why_not(module)) is not None:
        raise OldNameNotBuilt(f"dlt.{module} is not part of this version.", hint=why)


def resolve(module: str, name: str) -> Any:
    """What an old name is here. AttributeError for a name that never was, OldNameNotBuilt for one that is not yet."""
    one = old(module)
    if name in one.places:
        where, attribute = one.places[name]
        found = _imported(where)
        return found if attribute == "." else getattr(found, attribute)
    if name in one.planned:
        raise OldNameNotBuilt(
            f"dlt.{module}.{name} is not part of this version.", hint=_why_not(module) or "see docs/coming-from-dlt.md"
        )
    if one.rest is not None and hasattr(found := _imported(one.rest), name):
        return getattr(found, name)
    if is_module(f"{module}.{name}") and not name.startswith("_"):
        return import_module(f"dlt.{module}.{name}")
    raise AttributeError(f"module 'dlt.{module}' has no attribute {name!r}")


def _imported(module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            raise missing("This import path of dlt", error.name) from error
        raise
