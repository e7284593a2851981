"""`dlt.current`: what runs right now."""

from __future__ import annotations

import datetime as dt
from typing import Any

from dlt.config.run_context import run_context, workspace
from dlt.errors import ResourceError
from dlt.extract.interval import CurrentInterval, zone
from dlt.extract.package_state import destination_state, load_package_state
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
    "interval",
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
    "timezone",
    "workspace",
]

state = source_state


def pipeline() -> Any:
    """The active pipeline: the one made last. ResourceError when there is none."""
    found = active_pipeline()
    if found is None:
        raise ResourceError("There is no active pipeline.", hint="make one with dlt.pipeline()")
    return found


interval = CurrentInterval()


def timezone() -> dt.tzinfo:
    """The time zone in which instants without one are read: `DLT_INTERVAL_TIMEZONE`, else UTC."""
    return zone()
