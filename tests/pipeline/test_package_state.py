"""BEHAVIOUR 1.3: what resources and destinations keep with one load package."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import FatalError, ResourceError, StepFailed

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def kept(pipeline: dlt.Pipeline, load_id: str) -> Any:
    return pipeline.get_load_package_state(load_id)["package_state"]


@dlt.resource
def rows() -> Iterator[Any]:
    package = dlt.current.load_package_state()
    package["state"]["seen"] = package["load_id"]
    yield {"id": 1}


@dlt.resource(name="rows", parallelized=True)
def parallel_rows() -> Iterator[Any]:
    yield from rows()


@dlt.resource(name="rows")
async def async_rows() -> AsyncIterator[Any]:
    for row in rows():
        yield row


@dlt.resource(name="rows")
def deferred_rows() -> Iterator[Any]:
    yield dlt.defer(lambda: list(rows()))()


@pytest.mark.parametrize("resource", [rows, parallel_rows, async_rows, deferred_rows])
def test_resources_keep_something_with_the_package(resource: Any) -> None:
    pipeline: Any = dlt.pipeline("kept", destination=dlt.destinations.memory(), dataset_name="data")
    (load_id,) = pipeline.run(resource()).loads_ids

    assert kept(pipeline, load_id) == {"seen": load_id}


def test_each_package_begins_with_nothing() -> None:
    found: list[Any] = []

    @dlt.resource
    def seen() -> Iterator[Any]:
        found.append(dict(dlt.current.load_package_state()["state"]))
        dlt.current.load_package_state()["state"]["at"] = NOON
        yield {"id": 1}

    pipeline = dlt.pipeline("kept", destination=dlt.destinations.memory(), dataset_name="data")
    pipeline.run(seen())
    pipeline.run(seen())

    assert found == [{}, {}]


def test_a_destination_goes_on_where_it_failed() -> None:
    found: list[Any] = []

    @dlt.destination(batch_size=0)  # type: ignore[untyped-decorator]  # what it makes depends on its arguments
    def sink(_path: str, _table: Any) -> None:
        state = dlt.current.destination_state()
        found.append((dlt.current.load_package_state()["state"]["at"], state.get("tries")))
        state["tries"] = state.get("tries", 0) + 1
        if len(found) == 1:
            raise FatalError("boom")

    @dlt.resource
    def timed() -> Iterator[Any]:
        dlt.current.load_package_state()["state"]["at"] = NOON
        yield {"id": 1}

    pipeline = dlt.pipeline("kept", destination=sink, dataset_name="data")
    pipeline.extract(timed())
    pipeline.normalize()
    with pytest.raises(StepFailed, match="boom"):
        pipeline.load()
    (load_id,) = pipeline.load().loads_ids

    assert found == [(NOON, None), (NOON, 1)]
    assert kept(pipeline, load_id)["destination_state"] == {"tries": 2}


def test_what_a_destination_keeps_is_written_when_a_table_is_done() -> None:
    """Whoever is killed after that finds it again."""
    found: list[Any] = []

    @dlt.destination(batch_size=0)  # type: ignore[untyped-decorator]  # what it makes depends on its arguments
    def sink(_path: str, table: Any) -> None:
        found.append(kept(pipeline, dlt.current.load_package_state()["load_id"]))
        dlt.current.destination_state()[table["name"]] = "done"

    pipeline: Any = dlt.pipeline("kept", destination=sink, dataset_name="data")
    (load_id,) = pipeline.run([dlt.resource([{"id": 1}], name=name) for name in ("a", "b", "c")]).loads_ids

    done = [{}, *({"destination_state": dict.fromkeys(names, "done")} for names in ("a", "ab", "abc"))]
    assert [*found, kept(pipeline, load_id)] == done


def test_a_value_that_cannot_be_kept_ends_the_load_before_it_is_committed() -> None:
    @dlt.resource
    def unfit() -> Iterator[Any]:
        yield {"id": 1}

    @dlt.destination(batch_size=0)  # type: ignore[untyped-decorator]  # what it makes depends on its arguments
    def sink(_path: str, _table: Any) -> None:
        dlt.current.destination_state()["at"] = object()

    pipeline = dlt.pipeline("kept", destination=sink, dataset_name="data")
    with pytest.raises(StepFailed, match="object cannot be kept in the state"):
        pipeline.run(unfit())
    assert pipeline.list_completed_load_packages() == []


@pytest.mark.parametrize("ask", [dlt.current.load_package_state, dlt.current.destination_state])
def test_outside_of_a_run(ask: Any) -> None:
    with pytest.raises(ResourceError, match="no load package"):
        ask()
    with pytest.raises(ResourceError, match="no load package"):
        list(rows())
