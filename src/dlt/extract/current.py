"""`dlt.current`: what runs right now."""

from __future__ import annotations

from typing import Any, NoReturn

from dlt.errors import NotBuilt, ResourceError
from dlt.extract.state import (
    active_pipeline,
    pipe,
    resource,
    resource_metrics,
    resource_name,
    resource_state,
    source,
    source_schema,
    source_state,
)

__all__ = [
    "destination_state",
    "load_package_state",
    "pipe",
    "pipeline",
    "resource",
    "resource_metrics",
    "resource_name",
    "resource_state",
    "run_context",
    "source",
    "source_schema",
    "source_state",
    "state",
    "workspace",
]

state = source_state


def pipeline() -> Any:
    """The active pipeline: the one made last. ResourceError when there is none."""
    found = active_pipeline()
    if found is None:
        raise ResourceError("There is no active pipeline.", hint="make one with dlt.pipeline()")
    return found


def _not_built(name: str) -> NoReturn:
    raise NotBuilt(f"dlt.current.{name} is not built yet.")


def load_package_state() -> NoReturn:
    """The state of the load package; not available yet."""
    _not_built("load_package_state")


def destination_state() -> NoReturn:
    """The state a destination keeps in the load package; not available yet."""
    _not_built("destination_state")


def run_context() -> NoReturn:
    """The run context; not available yet."""
    _not_built("run_context")


def workspace() -> NoReturn:
    """The workspace; not available yet."""
    _not_built("workspace")


def __getattr__(name: str) -> NoReturn:
    if name in ("interval", "timezone"):
        _not_built(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
