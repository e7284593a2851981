"""What the tests of incremental loading share: runs of a resource against a state, without a destination."""

from __future__ import annotations

import copy
from typing import Any

import dlt
from dlt.extract.evaluate import evaluate
from dlt.extract.pipe import items_of

PAGE = [{"id": value, "ts": value} for value in (1, 2, 3)]


def ids(rows: Any) -> list[Any]:
    """The ids of rows, in order."""
    return [row["id"] for row in rows]


def plain(item: Any) -> list[dict[str, Any]]:
    """The rows of an item."""
    if hasattr(item, "to_pylist"):
        return item.to_pylist()
    if hasattr(item, "to_dicts"):
        return item.to_dicts()
    if hasattr(item, "to_dict"):
        return item.to_dict("records")
    return [dict(row) for row in items_of(item)]


def run(resource: Any, state: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of one run. The state is changed only when the run succeeds."""
    after = copy.deepcopy(state)
    rows = [row for _, item in evaluate([resource], state=after) for row in plain(item)]
    state.clear()
    state.update(after)
    return rows


def entry(state: dict[str, Any], cursor: str = "ts", name: str = "t") -> dict[str, Any] | None:
    """What the state has of a cursor."""
    for source in state.get("sources", {}).values():
        found = source.get("resources", {}).get(name, {}).get("incremental", {}).get(cursor)
        if found is not None:
            return found
    return None


def resource_of(pages: Any, incremental: Any, limit: int | None = None, **hints: Any) -> Any:
    """A resource `t` that yields these pages."""

    def t() -> Any:
        yield from pages

    made = dlt.resource(t, name="t", incremental=incremental, **hints)
    return made if limit is None else made.add_limit(limit)


def runs(batches: Any, hints: dict[str, Any] | None = None, **arguments: Any) -> tuple[list[list[Any]], dict[str, Any]]:
    """What each of these pages brings in a run of its own, and the state at the end."""
    state: dict[str, Any] = {}
    found = [run(resource_of([page], dlt.sources.incremental(**arguments), **(hints or {})), state) for page in batches]
    return found, state
