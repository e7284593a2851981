"""What Python prints when a run fails: the line of the user, the cause, and nothing of the way through the library."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.request import urlopen

import pytest

import dlt
from dlt.errors import ConfigError, ResourceError, StepFailed


def run(data: Any, **options: Any) -> Any:
    return dlt.pipeline("failing", destination="memory").run(data, **options)


def printed(make: Callable[[], Any]) -> tuple[StepFailed, str]:
    with pytest.raises(StepFailed) as caught:
        make()
    return caught.value, "".join(traceback.format_exception(caught.value))


@dlt.resource
def divides() -> Iterator[dict[str, Any]]:
    yield {"id": 1}
    yield {"id": 1 / 0}


def fetch(url: str) -> Any:
    return urlopen(url).read()


@dlt.resource
def fetches() -> Iterator[dict[str, Any]]:
    yield {"text": fetch("no-such-kind://host")}


@dlt.resource
def needs(token: str = dlt.secrets.value) -> Iterator[dict[str, Any]]:
    yield {"token": token}


@dlt.resource(incremental=dlt.sources.incremental("updated"))
def misspelt() -> Iterator[dict[str, Any]]:
    yield {"id": 1, "update": 5}


def own_lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if "src/dlt/" in line and line.lstrip().startswith("File")]


@pytest.mark.parametrize("resource", [divides, fetches, needs, misspelt], ids=lambda one: one.name)
def test_no_line_of_the_library_but_that_of_the_call(resource: Any) -> None:
    error, text = printed(lambda: run(resource()))

    assert len(own_lines(text)) == 1
    assert "tracebacks.py" in own_lines(text)[0]
    assert isinstance(error.__cause__, (ResourceError, ConfigError))


def test_the_line_of_the_user_is_the_first() -> None:
    error, text = printed(lambda: run(divides()))

    assert text.startswith("Traceback")
    assert "in divides" in text.splitlines()[1]
    assert "ZeroDivisionError: division by zero" in text
    assert error.line.endswith("in divides")
    assert error.pipe == "divides"
    assert "pipe:" not in text  # the first line has said it


def test_the_line_that_is_named_is_one_of_the_user_even_when_the_library_of_python_raised() -> None:
    error, _ = printed(lambda: run(fetches()))

    assert error.line.endswith("in fetch")


def test_all_lines_with_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dlt"):
        _, text = printed(lambda: run(divides()))

    assert len(own_lines(text)) > 5


def test_an_error_that_nobody_expected_keeps_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["dlt.pipeline.stages"], "sources_of", None)
    _, text = printed(lambda: run([{"id": 1}], table_name="t"))

    assert "in build" in text
