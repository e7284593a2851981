"""Dropping resources of a pipeline: their tables at the destination, their tables in the schema and their state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.errors import ConfigError, StepFailed

if TYPE_CHECKING:
    from dlt.pipeline.infos import LoadInfo
    from dlt.pipeline.pipeline import Pipeline

STATE_ONLY = "_dlt_drop"  # a resource that yields nothing


class Chosen(NamedTuple):
    """What is to be dropped. known: the resources that the schema has; with_state: those of the chosen ones that have a
    state; state_paths: keys in the state of the source."""

    schema_name: str
    known: tuple[str, ...]
    resources: tuple[str, ...]
    tables: tuple[str, ...]
    with_state: tuple[str, ...]
    state_paths: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """True when nothing there is meant."""
        return not (self.tables or self.with_state or self.state_paths)


def to_drop(
    pipeline: Pipeline,
    resources: Sequence[str] = (),
    *,
    schema_name: str | None = None,
    drop_all: bool = False,
    state_paths: Sequence[str] = (),
    state_only: bool = False,
) -> Chosen:
    """What these resources have, by name or `re:` and a pattern. ConfigError when the schema is not there, or a pattern is
    none."""
    name = schema_name or pipeline.default_schema_name
    if name is None or name not in pipeline.schemas:
        there = ", ".join(pipeline.schemas)
        what = f"The pipeline has no schema {name!r}." if name else "The pipeline has no schema yet."
        raise ConfigError(what, hint=f"there are {there}" if there else "run it first")
    roots = {
        table.name: table.resource or table.name for table in pipeline.schemas[name].all_tables if not table.parent
    }
    own = {root: resource for root, resource in roots.items() if not root.startswith("_dlt")}
    state: Mapping[str, Any] = pipeline.state.get("sources", {}).get(name, {})
    of_resources: Mapping[str, Any] = state.get("resources", {})
    known = tuple(dict.fromkeys([*own.values(), *of_resources]))
    chosen = tuple(one for one in known if drop_all or any(_fits(one, wanted) for wanted in resources))
    paths = tuple(path for path in state_paths if _holder(state, path) is not None)
    return Chosen(
        name,
        known,
        chosen,
        () if state_only else tuple(_with_nested(pipeline, name, [root for root, of in own.items() if of in chosen])),
        tuple(one for one in chosen if one in of_resources),
        paths,
    )


def drop_resources(pipeline: Pipeline, chosen: Chosen) -> LoadInfo | None:
    """Drop it, in one load: tables, schema and state change together. A failure leaves all as it was."""
    from dlt.extract.decorators import resource, source
    from dlt.extract.state import source_state

    schema = pipeline.schemas[chosen.schema_name]

    def of_state() -> Iterator[Any]:
        state = source_state()
        for path in chosen.state_paths:
            holder = _holder(state, path)
            if holder is not None:
                del holder[path.rpartition(".")[2]]
        for name in chosen.with_state:
            state.get("resources", {}).pop(name, None)
        yield from ()

    def nothing() -> list[Any]:
        emptied = [resource([], name=name) for name in chosen.resources] if chosen.tables else []
        return [*emptied, resource(of_state, name=STATE_ONLY)]

    made = source(
        nothing,
        name=chosen.schema_name,
        root_key=schema.root_key,
        max_table_nesting=schema.max_nesting,
        schema_contract=schema.settings.get("schema_contract"),
    )
    before = set(pipeline.abort_packages(dry_run=True))
    try:
        return pipeline.run(made(), refresh="drop_resources" if chosen.tables else None)
    except StepFailed:
        for load_id in pipeline.abort_packages(dry_run=True):
            if load_id not in before:
                pipeline.abort_packages(load_id)
        raise


def _with_nested(pipeline: Pipeline, schema_name: str, roots: Sequence[str]) -> Iterator[str]:
    found = dict.fromkeys(roots)
    for table in pipeline.schemas[schema_name].all_tables:
        if table.parent in found:
            found[table.name] = None
    yield from found


def _fits(name: str, wanted: str) -> bool:
    if not wanted.startswith("re:"):
        return name == wanted
    try:
        return re.search(wanted.removeprefix("re:"), name) is not None
    except re.error as error:
        raise ConfigError(f"{wanted!r} is no regular expression: {error}.") from None


def _holder(state: Any, path: str) -> Any:
    """The mapping that has the last key of a path; None when it is not there."""
    *above, key = path.split(".")
    for part in above:
        state = state.get(part) if isinstance(state, Mapping) else None
    return state if isinstance(state, Mapping) and key in state else None
