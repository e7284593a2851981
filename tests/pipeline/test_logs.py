"""The logger `dlt`: level and format from the configuration, its functions, and what is not sent anywhere."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import dlt
from dlt.errors import ConfigError, NotBuilt
from dlt.pipeline import logs


@pytest.fixture(autouse=True)
def logger_as_before() -> Iterator[None]:
    level, handlers, propagate = logs.LOGGER.level, list(logs.LOGGER.handlers), logs.LOGGER.propagate
    yield
    logs.LOGGER.setLevel(level)
    logs.LOGGER.handlers[:] = handlers
    logs.LOGGER.propagate = propagate


def written(code: str, **settings: str) -> list[str]:
    """What a fresh interpreter writes to standard error, after a pipeline was made."""
    done = subprocess.run(
        [sys.executable, "-c", f"import dlt, logging; {code}"],
        env={**os.environ, **settings},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stderr.splitlines()


MAKE = 'dlt.pipeline("p"); from dlt.common import logger; logger.info("quiet"); logger.warning("loud")'


@pytest.mark.parametrize(
    ("settings", "messages"),
    [
        ({}, ["loud"]),
        ({"RUNTIME__LOG_LEVEL": "INFO"}, ["quiet", "loud"]),
        ({"RUNTIME__LOG_LEVEL": "info"}, ["quiet", "loud"]),
        ({"RUNTIME__LOG_LEVEL": "20"}, ["quiet", "loud"]),
        ({"RUNTIME__LOG_LEVEL": "ERROR"}, []),
        ({"LOG_LEVEL": "INFO"}, ["quiet", "loud"]),
        ({"P__RUNTIME__LOG_LEVEL": "INFO"}, ["quiet", "loud"]),
        ({"RUNTIME__LOG_FORMAT": "{levelname}-{message}"}, ["WARNING-loud"]),
        ({"RUNTIME__LOG_FORMAT": "%(levelname)s-%(message)s"}, ["WARNING-loud"]),
    ],
    ids=str,
)
def test_8_8_level_and_format(settings: dict[str, str], messages: list[str]) -> None:
    lines = written(MAKE, **settings)

    assert [line.rpartition("|")[2] for line in lines] == messages


def test_8_8_usual_format() -> None:
    (line,) = written(MAKE, RUNTIME__LOG_LEVEL="WARNING")

    assert re.fullmatch(r"[\d-]+ [\d:,]+\|\[WARNING\]\|\d+\|\d+\|dlt\|<string>\|<module>:1\|loud", line)


def test_8_8_json() -> None:
    first, second = map(
        json.loads, written(MAKE + '; logger.error("rows", extra={"table": "orders"})', RUNTIME__LOG_FORMAT="JSON")
    )

    assert (first["level"], first["msg"], first["logger"], first["type"]) == ("WARNING", "loud", "dlt", "log")
    assert first["version"] == {"dlt_version": dlt.__version__}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["written_at"])
    assert (second["msg"], second["table"]) == ("rows", "orders")


def test_json_has_the_exception() -> None:
    code = """dlt.pipeline("p")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("dlt").exception("no luck")"""

    (line,) = written(code.replace("dlt.pipeline", "\ndlt.pipeline", 1), RUNTIME__LOG_FORMAT="JSON")

    assert "ZeroDivisionError: division by zero" in json.loads(line)["exc_info"]


def test_logging_of_the_program_is_left_alone() -> None:
    code = 'logging.basicConfig(format="mine %(message)s"); ' + MAKE

    assert written(code, RUNTIME__LOG_LEVEL="INFO") == ["mine quiet", "mine loud"]


def test_many_pipelines_write_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__LOG_FORMAT", "{message}")
    before = len(logs.LOGGER.handlers)

    dlt.pipeline("one")
    dlt.pipeline("two")

    assert len(logs.LOGGER.handlers) == before + 1


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("RUNTIME__LOG_LEVEL", "LOUD", r"'LOUD' is no level.*\n.*runtime.log_level\n.*WARNING"),
        ("RUNTIME__LOG_FORMAT", "{no field", r"no format of a log(.|\n)*runtime.log_format"),
        ("RUNTIME__LOG_FORMAT", "no fields", r"no format of a log(.|\n)*runtime.log_format"),
    ],
)
def test_wrong_settings(monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigError, match=text):
        dlt.pipeline("p")


def test_without_settings_nothing_is_set_up() -> None:
    before = list(logs.LOGGER.handlers)

    dlt.pipeline("p")

    assert logs.LOGGER.handlers == before
    assert logs.LOGGER.level == logging.NOTSET


@pytest.mark.parametrize("key", ["SENTRY_DSN", "DLTHUB_DSN"])
def test_services_that_are_not_built(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(f"RUNTIME__{key}", "https://example.com")

    with pytest.raises(NotBuilt, match=key.lower()):
        dlt.pipeline("p")


def test_telemetry_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "true")

    assert dlt.pipeline("p", destination="memory").run([{"a": 1}], table_name="t")


def test_functions_of_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "dlt"):
        for function in (logs.debug, logs.info, logs.warning, logs.error, logs.critical):
            function("%s", "said")
        with logs.suppress_and_warn("went on"):
            raise ValueError("no")
        logs.metrics("figures", {"rows": 3})

    assert [record.levelname for record in caplog.records[:5]] == ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    assert caplog.records[5].getMessage() == "went on"
    assert caplog.records[5].exc_info
    assert caplog.records[6].rows == 3  # type: ignore[attr-defined]  # given as extra


def test_what_the_logger_says_of_itself() -> None:
    logs.LOGGER.setLevel(logging.ERROR)

    assert (logs.log_level(), logs.is_logging(), logs.is_json_logging("json")) == ("ERROR", False, True)
