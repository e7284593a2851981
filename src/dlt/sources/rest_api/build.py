"""Resources of what was planned: each asks for its pages, and those with a parent do so for each row of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlt.config.sections import CURRENT
from dlt.extract.decorators import resource as make_resource
from dlt.extract.decorators import transformer as make_transformer
from dlt.extract.pipe import kind_of
from dlt.extract.resource import DltResource
from dlt.extract.state import ACTIVE
from dlt.extract.state import pipe as current_pipe
from dlt.sources.rest_api.pages import Pages
from dlt.sources.rest_api.plan import Plan, Planned, planned
from dlt.sources.rest_api.registry import create_auth, create_paginator
from dlt.sources.rest_api.validate import raise_for

if TYPE_CHECKING:
    from dlt.sources.http.rest_client import RESTClient


def resources_of(config: Any) -> list[DltResource]:
    """The resources of a configuration, in its order. SchemaError with all that is wrong with it."""
    plan, problems = planned(config)
    raise_for(problems)
    sections = _sections()
    client = _client(config["client"], sections)
    made: dict[str, DltResource] = {}
    for name in plan:
        _make(name, plan, client, sections, made)
    return [made[name] for name in plan]


def _sections() -> tuple[str, ...]:
    """Where secrets of the source that is being made are looked for."""
    active = ACTIVE.get()
    if active is not None:
        return ("sources", active.section or "", active.source_name)
    around = CURRENT.get()
    return around.sections if around is not None else ("sources", "rest_api")


def _client(given: Mapping[str, Any], sections: Sequence[str]) -> RESTClient:
    from dlt.sources.http.rest_client import RESTClient

    return RESTClient(
        base_url=given["base_url"],
        headers=dict(given.get("headers") or {}),
        auth=create_auth(given.get("auth"), sections),
        paginator=create_paginator(given.get("paginator")),
        session=given.get("session"),
    )


def _make(
    name: str, plan: Plan, client: RESTClient, sections: Sequence[str], made: dict[str, DltResource]
) -> DltResource:
    if name in made:
        return made[name]
    one = plan[name]
    if isinstance(one, DltResource):
        made[name] = one
        return one
    pages = Pages(one, client, create_auth(one.endpoint.get("auth"), sections))
    hints = {key: hint for key, hint in one.hints.items() if key not in ("incremental", "parent_table_name")}
    if one.parent is None:
        found = make_resource(_alone(pages), name=name, section="rest_api", **hints)
    else:
        parent = _make(one.parent, plan, client, sections, made)
        found = make_transformer(_fed(pages, one), data_from=parent, name=name, section="rest_api", **hints)
    if (parent_table := one.hints.get("parent_table_name")) is not None:
        found.apply_hints(parent_table_name=parent_table)
    for steps in one.processing_steps:
        for kind, add in (("filter", found.add_filter), ("map", found.add_map), ("yield_map", found.add_yield_map)):
            if (function := steps.get(kind)) is not None:
                add(function)
    from dlt.sources.http.urls import sanitize_url

    place = {"location": sanitize_url(client.base_url), "endpoints": [sanitize_url(one.endpoint["path"])]}
    found.add_input({"kind": "rest_api", "resource_name": name, **place})
    made[name] = found
    return found


def _alone(pages: Pages) -> Callable[..., Iterator[Any]]:
    """The function of a resource without parent; an incremental is passed to it when it runs."""
    cursor = pages.planned.cursor
    if cursor is None:
        return pages.alone

    def with_cursor(incremental: Any = cursor.incremental) -> Iterator[Any]:
        yield from pages.of(incremental=incremental)

    return with_cursor


def _fed(pages: Pages, one: Planned) -> Callable[..., Iterator[Any]]:
    """The function of a resource that is called with rows of its parent."""
    cursor = one.cursor

    def of_rows(items: Any) -> Iterator[Any]:
        yield from _each(pages, items)

    if cursor is None or cursor.per_parent:
        return of_rows

    def with_cursor(items: Any, incremental: Any = cursor.incremental) -> Iterator[Any]:
        yield from _each(pages, items, incremental)

    return with_cursor


def _each(pages: Pages, items: Any, incremental: Any = None) -> Iterator[Any]:
    """The pages for each row; when the resource is parallel, the rows are tasks of their own."""
    parallel = current_pipe().parallel
    for row in _rows(items):
        made = pages.of(row, incremental=incremental)
        if parallel:
            yield made
        else:
            yield from made


def _rows(items: Any) -> Iterator[Any]:
    if kind_of(type(items)) == "table":
        from dlt.arrow.interop import batches_of

        for batch in batches_of(items):
            yield from batch.to_pylist()
    else:
        yield from items if isinstance(items, list) else [items]


def check_connection(source: Any, *resource_names: str) -> tuple[bool, str]:
    """Whether the first page of these resources, or of all selected ones, can be read; and if not, why."""
    from dlt.errors import DltError

    names = resource_names or tuple(source.selected_resources)
    try:
        for _ in source.with_resources(*names).add_limit(1):
            pass
    except (DltError, OSError) as wrong:  # errors of requests are OSErrors
        return False, str(wrong)
    return True, ""
