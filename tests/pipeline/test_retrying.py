"""`dlt.pipeline.helpers`: which failures are worth another try, and dropping resources."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from tenacity import Retrying, retry_if_exception, stop_after_attempt

import dlt
from dlt.errors import ConfigError, ContractViolation, DestinationRefused, RetryableError, StepFailed
from dlt.pipeline.retrying import pipeline_drop, retry_load


@pytest.mark.parametrize(
    ("error", "steps", "again"),
    [
        (StepFailed("p", "load", RetryableError("x")), ("load",), True),
        (StepFailed("p", "load", ConnectionError("x")), ("load",), True),
        (StepFailed("p", "load", DestinationRefused("x")), ("load",), False),
        (StepFailed("p", "normalize", ContractViolation("x")), ("load", "normalize"), False),
        (StepFailed("p", "extract", ConnectionError("x")), ("load",), False),
        (StepFailed("p", "extract", ConnectionError("x")), ("load", "extract"), True),
        (ConfigError("x"), ("load",), False),
        (RetryableError("x"), ("load",), True),
    ],
    ids=lambda value: f"{value.step}-{type(value.exception).__name__}" if isinstance(value, StepFailed) else str(value),
)
def test_8_9_retry_load(error: BaseException, steps: tuple[str, ...], again: bool) -> None:
    assert retry_load(steps)(error) is again


def test_8_9_retry_load_of_a_run() -> None:
    tries = 0

    @dlt.resource
    def unsure() -> Any:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ConnectionError("try later")
        yield {"id": tries}

    pipeline = dlt.pipeline("again", destination="memory")
    for attempt in Retrying(
        stop=stop_after_attempt(5), retry=retry_if_exception(retry_load(("extract", "load"))), reraise=True
    ):
        with attempt:
            pipeline.run(unsure())

    assert tries == 3


def filled() -> dlt.Pipeline:
    @dlt.source
    def shop() -> Any:
        for name in ("orders", "customers"):

            def rows(name: str = name) -> Any:
                dlt.current.resource_state()["seen"] = name
                yield {"id": 1, "tags": [1]}

            yield dlt.resource(rows, name=name)

    pipeline = dlt.pipeline("dropping", destination="duckdb")
    pipeline.run(shop())
    return pipeline


@pytest.mark.parametrize("resources", ["orders", ["orders"], ["re:^ord"]], ids=str)
def test_8_9_pipeline_drop(resources: Any) -> None:
    pipeline = filled()
    drop = pipeline_drop(pipeline, resources)

    assert drop.info["tables"] == ["orders", "orders__tags"]
    assert drop.info["resource_states"] == drop.info["resource_names"] == ["orders"]
    assert not drop.is_empty

    drop()

    assert "orders" not in pipeline.default_schema.tables
    assert "customers" in pipeline.default_schema.tables
    assert list(pipeline.state["sources"]["shop"]["resources"]) == ["customers"]


def test_8_9_pipeline_drop_of_nothing() -> None:
    drop = pipeline_drop(filled(), "no_such_resource")

    assert drop.is_empty
    assert drop() is None


def test_8_9_pipeline_drop_of_state_only() -> None:
    pipeline = filled()

    pipeline_drop(pipeline, "orders", state_only=True)()

    assert "orders" in pipeline.default_schema.tables
    assert list(pipeline.state["sources"]["shop"]["resources"]) == ["customers"]


def test_8_9_arguments() -> None:
    assert {name: one.default for name, one in inspect.signature(retry_load).parameters.items()} == {
        "retry_on_pipeline_steps": ("load",)
    }
    assert {name: one.default for name, one in inspect.signature(pipeline_drop).parameters.items()} == {
        "pipeline": inspect.Parameter.empty,
        "resources": (),
        "schema_name": None,
        "state_paths": (),
        "drop_all": False,
        "state_only": False,
    }


DROPS: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {  # tables and states that are left
    "all": ({"drop_all": True}, [], []),
    "schema": ({"resources": "orders", "schema_name": "shop"}, ["customers", "customers__tags"], ["customers"]),
    "both": ({"resources": ["orders", "customers"]}, [], []),
    "a pattern": ({"resources": "re:.*"}, [], []),
    "a path of the state": (
        {"state_paths": "resources.orders"},
        ["customers", "customers__tags", "orders", "orders__tags"],
        ["customers"],
    ),
}


@pytest.mark.parametrize("name", DROPS)
def test_8_9_what_is_left(name: str) -> None:
    arguments, tables, states = DROPS[name]
    pipeline = filled()

    pipeline_drop(pipeline, **arguments)()

    assert sorted(pipeline.default_schema.data_table_names()) == tables
    assert sorted(pipeline.state.get("sources", {}).get("shop", {}).get("resources", {})) == states
    again = dlt.attach("dropping", destination="duckdb")
    assert sorted(again.default_schema.data_table_names()) == tables


def test_8_9_what_is_pending_is_loaded_first() -> None:
    """An error in dlt 1.31."""
    pipeline = filled()
    pipeline.extract([{"id": 2}], table_name="more")

    info = pipeline_drop(pipeline, "orders")()

    assert info is not None
    assert len(info.loads_ids) == 2
    assert not pipeline.has_pending_data
    assert pipeline.default_schema.data_table_names() == ["customers", "customers__tags", "more"]
