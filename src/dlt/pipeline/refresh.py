"""Refresh modes: what is dropped or emptied before new data comes, in the schema, the state and the data set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.extract.state import source_state_of

if TYPE_CHECKING:
    from dlt.extract.source import DltSource
    from dlt.schema.model import Table
    from dlt.schema.schema import Schema


class Refreshed(NamedTuple):
    """Tables to be dropped, and tables to be emptied, at the destination."""

    dropped: tuple[str, ...] = ()
    truncated: tuple[str, ...] = ()


def refresh_source(schema: Schema, source: DltSource, state: dict[str, Any], mode: str | None) -> Refreshed:
    """Prepare a source for its data. drop_sources: all its tables and its state go; drop_resources: those of the
    selected resources; drop_data: their rows and state go, their columns stay. Changes `schema` and `state`."""
    there = source.name in state.get("sources", ())
    of_source = source_state_of(state, source.name)
    if mode == "drop_sources":
        names = schema.data_table_names(include_incomplete=True)
        state["sources"].pop(source.name, None)
        schema.drop_tables(names)
        return Refreshed(dropped=tuple(names))
    selected = source.selected_resources
    reset = [name for name, one in selected.items() if mode is not None or one.write_disposition == "replace"]
    reset += _feeding(source, reset)
    for name in reset:
        of_source.get("resources", {}).pop(name, None)
    _prune(state, source.name, keep=there or bool(reset))
    if mode is None:
        return Refreshed()
    names = _tables_of(schema, set(selected))
    if mode == "drop_data":
        return Refreshed(truncated=tuple(names))
    schema.drop_tables(names)
    return Refreshed(dropped=tuple(names))


def _feeding(source: DltSource, reset: list[str]) -> set[str]:
    """The resources whose items only those that are reset get: with their cursor where it was, nothing would come."""
    feeding: dict[bool, set[str]] = {True: set(), False: set(source.selected_resources)}
    for name, one in source.selected_resources.items():
        parent = one._pipe.parent  # noqa: SLF001
        while parent is not None:
            feeding[name in reset].add(parent.name)
            parent = parent.parent
    return feeding[True] - feeding[False]


def _tables_of(schema: Schema, resources: set[str]) -> list[str]:
    """The tables of these resources with what is nested in them, parents first."""
    found: dict[str, Table] = {}
    for table in schema.all_tables:
        if table.resource in resources or table.parent in found:
            found[table.name] = table
    return list(found)


def _prune(state: dict[str, Any], source_name: str, *, keep: bool) -> None:
    """Take out the empty places of the state, so that looking at it does not change it. keep: the source has a place there
    already, or since a resource of it was reset, as in the states that dlt 1.x wrote."""
    sources = state["sources"]
    if not sources[source_name].get("resources", True):
        del sources[source_name]["resources"]
    if not sources[source_name] and not keep:
        del sources[source_name]
    if not sources:
        del state["sources"]
