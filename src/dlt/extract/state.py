"""What runs right now: the active pipeline, source and resource, and the state that belongs to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlt.errors import ResourceError

if TYPE_CHECKING:
    from dlt.extract.pipe import Pipe
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

State = dict[str, Any]


@dataclass(slots=True)
class Active:
    """The code that is being called: of a source (then there is no pipe) or of a pipe."""

    source_name: str
    state: State | None = None  # of the whole pipeline
    schema: Any = None
    source: DltSource | None = None
    pipe: Pipe | None = None
    resource: DltResource | None = None
    section: str | None = None  # of the configuration, while a source is made


ACTIVE: ContextVar[Active | None] = ContextVar("dlt_active", default=None)
PIPELINE: list[Any] = []  # the active pipeline, of the whole process: threads of the user see it too


def activate_pipeline(pipeline: Any | None) -> None:
    """Make this the active pipeline; None: there is none."""
    from dlt.config.lookup import use_pipeline

    PIPELINE[:] = [] if pipeline is None else [pipeline]
    use_pipeline(getattr(pipeline, "pipeline_name", None))


def active_pipeline() -> Any | None:
    """The pipeline made last, or None."""
    return PIPELINE[0] if PIPELINE else None


@contextmanager
def activated(active: Active) -> Iterator[None]:
    """Within the block `dlt.current` speaks of this."""
    token = ACTIVE.set(active)
    try:
        yield
    finally:
        ACTIVE.reset(token)


def _active(what: str) -> Active:
    active = ACTIVE.get()
    if active is None:
        raise ResourceError(
            f"There is no {what} outside of sources and resources.",
            hint="ask for it inside a function decorated with dlt.source, dlt.resource or dlt.transformer",
        )
    return active


def source_state_of(state: State, source_name: str) -> State:
    """The part of the pipeline state that belongs to a source; it is made if there is none."""
    found: State = state.setdefault("sources", {}).setdefault(source_name, {})
    return found


def resource_state_of(source_state: State, resource_name: str) -> State:
    """The part of the state of a source that belongs to a resource; it is made if there is none."""
    found: State = source_state.setdefault("resources", {}).setdefault(resource_name, {})
    return found


def source_state() -> State:
    """The state of the source whose code runs: a dict of JSON-like values that is loaded together with the data.

    Outside of sources and resources the state of the active pipeline's default schema; ResourceError without one.
    """
    active, pipeline = ACTIVE.get(), active_pipeline()
    if active is not None:
        state = active.state if active.state is not None else getattr(pipeline, "state", None)
        if state is None:
            state = active.state = {}
        return source_state_of(state, active.source_name)
    name = getattr(pipeline, "default_schema_name", None)
    if pipeline is None or name is None:
        raise ResourceError("There is no state: no pipeline has run.", hint="make a pipeline with dlt.pipeline()")
    return source_state_of(pipeline.state, name)


def state_of_source(name: str | None) -> State:
    """The state of a source by name, of the code that runs or of the active pipeline; None: of the default schema."""
    active = ACTIVE.get()
    if name is None or (active is not None and active.source_name == name):
        return source_state()
    pipeline = active_pipeline()
    state = active.state if active is not None and active.state is not None else getattr(pipeline, "state", None)
    if state is None:
        raise ResourceError("There is no state: no pipeline has run.", hint="make a pipeline with dlt.pipeline()")
    return source_state_of(state, name)


def resource_state(resource_name: str | None = None, source_state_: State | None = None) -> State:
    """The state of the resource whose code runs, or of the one named, within the state of its source."""
    if resource_name is None:
        resource_name = pipe().name
    return resource_state_of(source_state() if source_state_ is None else source_state_, resource_name)


def source_schema() -> Any:
    """The schema of the source whose code runs."""
    return _active("source schema").schema


def source() -> DltSource:
    """The source whose resource runs."""
    found = _active("source").source
    if found is None:
        raise ResourceError("The source is still being made.", hint="ask for it inside one of its resources")
    return found


def resource() -> DltResource:
    """The resource whose code runs."""
    found = _active("resource").resource
    if found is None:
        raise ResourceError("No resource runs.", hint="ask for it inside a resource or transformer")
    return found


def pipe() -> Pipe:
    """The pipe whose code runs: the steps of one resource."""
    found = _active("resource").pipe
    if found is None:
        raise ResourceError("No resource runs.", hint="ask inside a resource, or give the name of one")
    return found


def resource_name() -> str:
    """The name of the resource whose code runs."""
    return pipe().name


def resource_metrics() -> dict[str, Any]:
    """A dict for your own figures about the resource whose code runs; it goes to the trace."""
    return pipe().metrics
