"""What code of the user keeps with one load package: from its first row to its last step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from dlt.errors import ResourceError

PACKAGE: ContextVar[dict[str, Any] | None] = ContextVar("dlt_package", default=None)
EMPTIED: ContextVar[dict[str, None] | None] = ContextVar("dlt_emptied", default=None)  # tables, as the user names them


@contextmanager
def package_at_work(load_id: str, state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Within the block `dlt.current.load_package_state()` is that of this package. Yields what is to be kept."""
    kept = dict(state)
    token = PACKAGE.set({"load_id": load_id, "state": kept})
    emptied = EMPTIED.set({})
    try:
        yield kept
    finally:
        PACKAGE.reset(token)
        EMPTIED.reset(emptied)


def load_package_state() -> dict[str, Any]:
    """The load package at work: its `load_id`, and `state`, a dict of JSON-like values that is kept with the package.

    It is there while rows are made, and in functions of custom destinations. ResourceError outside of a run.
    """
    package = PACKAGE.get()
    if package is None:
        raise ResourceError(
            "There is no load package outside of a run.",
            hint="ask inside of a resource that a pipeline runs, or of a function decorated with dlt.destination",
        )
    return package


def truncate_table(name: str) -> None:
    """Let the load at work begin, in its transaction, with emptying this table. Outside of a run nothing is emptied."""
    if (emptied := EMPTIED.get()) is not None:
        emptied[name] = None


def emptied_tables() -> list[str]:
    """The tables that the load at work empties first."""
    return list(EMPTIED.get() or ())


def destination_state() -> dict[str, Any]:
    """A dict of JSON-like values for the destination, in the state of the load package at work."""
    found: dict[str, Any] = load_package_state()["state"].setdefault("destination_state", {})
    return found
