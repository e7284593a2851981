"""BEHAVIOUR 14, with 1.2, 2 and 3: what fails is caught by the name that the exception has in dlt 1.31."""

from __future__ import annotations

import datetime as dt
import pickle
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

import dlt
from dlt.errors import DltError, StepFailed

EXTRACT, CURSOR, CONFIG = (
    "dlt.extract.exceptions",
    "dlt.extract.incremental.exceptions",
    "dlt.common.configuration.exceptions",
)
PIPELINE, COMMON, SCHEMA = "dlt.pipeline.exceptions", "dlt.common.exceptions", "dlt.common.schema.exceptions"


def numbers() -> Iterator[Any]:
    yield {"n": 1}


def needs(table: str) -> Iterator[Any]:
    yield table


def none() -> None:
    """Nothing."""


def boom(_: Any) -> Any:
    raise ValueError("boom")


def wanting(token: str = dlt.secrets.value) -> Any:
    return [token]


def two() -> Any:
    return dlt.resource([1], name="a"), dlt.resource([1], name="a")


def made() -> Any:
    return dlt.source(lambda: dlt.resource(numbers), name="made")()


def exhausted() -> Any:
    once = dlt.source(lambda: dlt.resource(numbers()), name="made")()
    return list(once), list(once)


def cursor(row: Any, **arguments: Any) -> Callable[[], Any]:
    return lambda: list(dlt.resource([row], name="t", incremental=dlt.sources.incremental("ts", **arguments)))


def run(data: Any, **hints: Any) -> Any:
    return dlt.pipeline("failing", destination="dummy").run(data, **hints)


FAILURES: dict[str, tuple[str, Callable[[], Any]]] = {
    "ResourceNameMissing": (EXTRACT, lambda: dlt.resource([1])),
    "InvalidResourceDataType": (EXTRACT, lambda: dlt.resource(5, name="a")),
    "InvalidResourceDataTypeBasic": (EXTRACT, lambda: dlt.resource("text", name="a")),
    "InconsistentTableTemplate": (EXTRACT, lambda: dlt.resource([1], name="a", primary_key=lambda item: "id")),
    "InvalidTransformerGeneratorFunction": (EXTRACT, lambda: dlt.transformer(lambda: 1, name="a")),
    "SourceDataIsNone": (EXTRACT, lambda: dlt.source(none)()),
    "SourceNotAFunction": (EXTRACT, lambda: dlt.source(3)),  # type: ignore[call-overload]  # what is wrong
    "SourceIsAClassTypeError": (EXTRACT, lambda: dlt.source(dict)),
    "ResourcesNotFoundError": (EXTRACT, lambda: made().with_resources("nothing")),
    "DeletingResourcesNotSupported": (EXTRACT, lambda: made().resources.__delitem__("numbers")),
    "InvalidResourceDataTypeMultiplePipes": (EXTRACT, lambda: dlt.source(two)()),
    "InvalidParallelResourceDataType": (EXTRACT, lambda: dlt.resource([1], name="a").parallelize()),
    "DataItemRequiredForDynamicTableHints": (
        EXTRACT,
        lambda: dlt.resource([1], name="a", table_name=lambda item: "t").compute_table_schema(),
    ),
    "ParametrizedResourceUnbound": (EXTRACT, lambda: list(dlt.resource(needs))),
    "PipeNotBoundToData": (EXTRACT, lambda: list(dlt.transformer(lambda item: item, name="a"))),
    "SourceExhausted": (EXTRACT, lambda: exhausted()),
    "InvalidStepFunctionArguments": (EXTRACT, lambda: list(dlt.resource(numbers).add_map(lambda: 1))),
    "ResourceExtractionError": (EXTRACT, lambda: list(dlt.resource(numbers).add_map(boom))),
    "CreatePipeException": (EXTRACT, lambda: dlt.resource(numbers).add_map(lambda item: item, insert_at=0)),
    "ResourceNotATransformer": (EXTRACT, lambda: dlt.resource(numbers) | dlt.resource([1], name="a")),
    "CurrentSourceNotAvailable": (EXTRACT, lambda: dlt.current.source()),
    "CurrentSourceSchemaNotAvailable": (EXTRACT, lambda: dlt.current.source_schema()),
    "UnknownSourceReference": (EXTRACT, lambda: dlt.sources.SourceReference.find("no.such")),
    "IncrementalUnboundError": (EXTRACT, lambda: dlt.sources.incremental("id").last_value),
    "IncrementalCursorPathMissing": (CURSOR, cursor({"n": 1})),
    "IncrementalCursorPathHasValueNone": (CURSOR, cursor({"ts": None})),
    "IncrementalPrimaryKeyMissing": (CURSOR, cursor({"ts": 1}, primary_key="id")),
    "IncrementalCursorInvalidCoercion": (CURSOR, cursor({"ts": "text"}, initial_value=5)),
    "ConfigFieldMissingException": (CONFIG, lambda: dlt.source(wanting)()),
    "ConfigurationValueError": (CONFIG, cursor({"ts": 1}, end_value=5)),
    "InvalidNativeValue": (
        CONFIG,
        lambda: dlt.sources.credentials.ConnectionStringCredentials("no url"),
    ),
    "ArgumentsOverloadException": (COMMON, lambda: dlt.source(numbers, name="a", schema=dlt.Schema("b"))),
    "ValueErrorWithKnownValues": (
        COMMON,
        lambda: dlt.resource([1], name="a", write_disposition={"disposition": "merge", "strategy": "no"}),
    ),
    "PipelineStateNotAvailable": (COMMON, lambda: dlt.current.state()),
    "ResourceNameNotAvailable": (COMMON, lambda: dlt.current.resource_state()),
    "InvalidSchemaName": (SCHEMA, lambda: dlt.source(numbers, name="a-b")()),
    "CannotRestorePipelineException": (PIPELINE, lambda: dlt.attach("no_such_pipeline")),
    "InvalidPipelineName": (PIPELINE, lambda: dlt.pipeline("a/b")),
    "PipelineStepFailed": (PIPELINE, lambda: run(dlt.resource(numbers).add_map(boom))),
}


@pytest.mark.parametrize("name", FAILURES)
def test_section_14_caught_by_its_old_name(name: str) -> None:
    module, fail = FAILURES[name]
    old = getattr(import_module(module), name)

    with pytest.raises(old):
        fail()


@pytest.mark.parametrize("name", FAILURES)
def test_section_14_errors_can_be_pickled(name: str) -> None:
    with pytest.raises(DltError) as failed:
        FAILURES[name][1]()

    again = pickle.loads(pickle.dumps(failed.value))
    assert (type(again), str(again)) == (type(failed.value), str(failed.value))


# ---- names of modules of helpers

EAST = dt.timezone(dt.timedelta(hours=2))
MOMENTS: dict[str, tuple[Any, dt.datetime]] = {
    "text with a zone": ("2024-05-06T07:08:09Z", dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
    "text without": ("2024-05-06T07:08:09", dt.datetime(2024, 5, 6, 7, 8, 9)),
    "datetime": (dt.datetime(2024, 5, 6), dt.datetime(2024, 5, 6)),
    "datetime with a zone": (dt.datetime(2024, 5, 6, tzinfo=EAST), dt.datetime(2024, 5, 6, tzinfo=EAST)),
    "date": (dt.date(2024, 5, 6), dt.datetime(2024, 5, 6)),
    "text of a date": ("2024-05-06", dt.datetime(2024, 5, 6)),
    "seconds": (1714979289, dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC)),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_section_14_ensure_datetime(name: str) -> None:
    from dlt.common.time import ensure_datetime

    value, expected = MOMENTS[name]
    found = ensure_datetime(value)

    assert (found, found.utcoffset()) == (expected, expected.utcoffset())
    assert type(found) is dt.datetime


HINTS: dict[Any, tuple[bool, bool]] = {  # whether values can have the type, whether they are secrets
    str: (True, False),
    Any: (True, False),
    dict[str, int]: (True, False),
    dlt.TSecretStrValue: (True, True),
    dlt.sources.credentials.ConnectionStringCredentials: (True, True),
    object: (False, False),
}


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_section_14_hints(hint: Any) -> None:
    from dlt.common.configuration import is_secret_hint, is_valid_hint

    assert (is_valid_hint(hint), is_secret_hint(hint)) == HINTS[hint]


def test_section_14_a_failed_step_comes_from_another_process_as_one() -> None:
    with pytest.raises(StepFailed) as failed:
        run(dlt.resource(numbers).add_map(boom))

    again = pickle.loads(pickle.dumps(failed.value))
    assert isinstance(again, StepFailed)
    assert (again.pipeline, again.step, again.load_id) == ("failing", "extract", failed.value.load_id)
    assert (again.has_pending_data, again.is_package_partially_loaded) == (False, False)
    assert "boom" in str(again.exception)
