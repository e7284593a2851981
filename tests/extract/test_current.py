"""`dlt.current`: what runs, and the state that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import ResourceError
from dlt.extract.placing import placed
from dlt.extract.state import activate_pipeline

current = dlt.current


class Named:
    """Stands for a pipeline."""

    def __init__(self, name: str | None, state: dict[str, Any]) -> None:
        self.default_schema_name, self.state = name, state

    def run(self, data: Any, **hints: Any) -> Any:
        return data, hints


@pytest.fixture(autouse=True)
def _no_pipeline() -> Iterator[None]:
    activate_pipeline(None)
    yield
    activate_pipeline(None)


@dlt.source
def spoken() -> Any:
    @dlt.resource
    def first() -> Any:
        yield said()

    @dlt.transformer(data_from=first)
    def second(item: Any) -> Any:
        yield said()

    return first, second


def said() -> dict[str, Any]:
    return {
        "source": current.source().name,
        "schema": current.source_schema().name,
        "resource": current.resource().name,
        "resource_name": current.resource_name(),
        "pipe": current.pipe().name,
    }


def test_what_runs() -> None:
    first, second = list(spoken())

    names = {"source": "spoken", "schema": "spoken"}
    assert first == {**names, "resource": "first", "resource_name": "first", "pipe": "first"}
    assert second == {**names, "resource": "second", "resource_name": "second", "pipe": "second"}


def test_what_only_feeds_has_a_resource_too() -> None:
    fed = dlt.resource([1], name="feed").add_map(lambda item: current.resource().name)

    assert list(fed | dlt.transformer(lambda item: item, name="fed")) == ["feed"]


def test_steps_know_their_resource() -> None:
    made = dlt.resource([1, 2], name="made").add_map(lambda item: current.resource_name())

    assert list(made) == ["made", "made"]


ALONE: dict[str, Callable[[], Any]] = {
    "pipeline": current.pipeline,
    "source": current.source,
    "source_schema": current.source_schema,
    "resource": current.resource,
    "resource_name": current.resource_name,
    "pipe": current.pipe,
    "source_state": current.source_state,
    "state": current.state,
    "resource_state": current.resource_state,
    "resource_metrics": current.resource_metrics,
}


@pytest.mark.parametrize("name", ALONE)
def test_nothing_runs(name: str) -> None:
    with pytest.raises(ResourceError):
        ALONE[name]()


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError):
        current.no_such_name  # noqa: B018


@dlt.source
def counting() -> Any:
    current.source_state()["made"] = True

    @dlt.resource
    def rows() -> Any:
        current.resource_state()["rows"] = current.resource_state().get("rows", 0) + 1
        current.resource_state("other")["seen"] = 1
        current.state()["ran"] = True
        yield {"n": current.resource_state()["rows"]}

    return rows


def test_state_of_a_run() -> None:
    state: dict[str, Any] = {}
    source = counting()

    for _ in range(2):
        list(placed(source, state))

    assert state == {"sources": {"counting": {"ran": True, "resources": {"rows": {"rows": 2}, "other": {"seen": 1}}}}}


def test_state_without_a_run_is_thrown_away() -> None:
    source = counting()

    assert list(source) == [{"n": 1}]
    assert list(source) == [{"n": 1}]


def test_code_of_a_source_sees_the_state_of_the_pipeline() -> None:
    pipeline = Named("counting", {"sources": {"counting": {"kept": 1}}})
    activate_pipeline(pipeline)

    source = counting()

    assert pipeline.state == {"sources": {"counting": {"kept": 1, "made": True}}}
    assert source.state == {"kept": 1, "made": True}
    assert source.rows.state == {}
    source.rows.state["n"] = 1
    assert pipeline.state["sources"]["counting"]["resources"] == {"rows": {"n": 1}}


def test_state_of_a_resource_alone_is_in_the_default_schema() -> None:
    activate_pipeline(Named("default", {}))
    resource = dlt.resource([1], name="rows")

    resource.state["n"] = 1

    assert current.source_state() == {"resources": {"rows": {"n": 1}}}
    assert current.resource_state("rows") == {"n": 1}


def test_source_runs_in_the_active_pipeline() -> None:
    source = counting()
    with pytest.raises(ResourceError, match="no active pipeline"):
        source.run  # noqa: B018
    activate_pipeline(Named("default", {}))

    assert source.run(write_disposition="replace") == (source, {"write_disposition": "replace"})


def test_metrics() -> None:
    def rows() -> Iterator[Any]:
        current.resource_metrics()["calls"] = 1
        yield {"n": 1}

    made = dlt.resource(rows)

    assert list(made) == [{"n": 1}]
    assert made.custom_metrics == {"calls": 1}
