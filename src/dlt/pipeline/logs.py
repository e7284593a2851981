"""The logger `dlt`: its level and format from the configuration, and functions that write to it."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from dlt.config.settings import keys_mentioned, setting
from dlt.errors import ConfigError, NotBuilt

LOGGER = logging.getLogger("dlt")
NOT_BUILT = ("sentry_dsn", "dlthub_dsn")
KEYS = frozenset({"log_level", "log_format", *NOT_BUILT})
FORMAT = "{asctime}|[{levelname}]|{process}|{thread}|{name}|{filename}|{funcName}:{lineno}|{message}"
OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

debug, info, warning = LOGGER.debug, LOGGER.info, LOGGER.warning
error, exception, critical = LOGGER.error, LOGGER.exception, LOGGER.critical

__all__ = [
    "FORMAT",
    "LOGGER",
    "configure",
    "critical",
    "debug",
    "error",
    "exception",
    "info",
    "is_json_logging",
    "is_logging",
    "log_level",
    "metrics",
    "pretty_format_exception",
    "suppress_and_warn",
    "warning",
]


class JsonFormatter(logging.Formatter):
    """One line of JSON for each message; `extra=` fields become fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "written_at": at.replace("+00:00", "Z"),
            "written_ts": int(record.created * 1e9),
            "process": record.process,
            "msg": record.getMessage(),
            "type": "log",
            "logger": record.name,
            "thread": record.threadName,
            "level": record.levelname,
            "module": record.module,
            "line_no": record.lineno,
            "version": {"dlt_version": getattr(sys.modules.get("dlt"), "__version__", None)},
        }
        line |= {key: value for key, value in vars(record).items() if key not in OWN}
        if record.exc_info:
            line["exc_info"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class _Handler(logging.StreamHandler[Any]):
    """Writes to standard error; one of a process."""


def configure(pipeline: str | None = None) -> None:
    """Set the level and the format that the configuration asks for: `runtime.log_level`, `runtime.log_format`.

    Without a format, and when the program has set up logging itself, only the level is set. ConfigError for what is none,
    NotBuilt for a service that would get reports.
    """
    if not keys_mentioned(KEYS):
        return
    sentry = setting("runtime.sentry_dsn", default=None, pipeline=pipeline)
    hub = setting("runtime.dlthub_dsn", default=None, pipeline=pipeline)
    for key, value in zip(NOT_BUILT, (sentry, hub), strict=True):
        if value is not None:
            raise NotBuilt(
                "Reports to this service are not built.", key=f"runtime.{key}", hint=f"take runtime.{key} away"
            )
    level: str | None = setting("runtime.log_level", "log_level", default=None, pipeline=pipeline)
    shape: str | None = setting("runtime.log_format", "log_format", default=None, pipeline=pipeline)
    if level is not None:
        LOGGER.setLevel(_level(level))
    if shape is None and (logging.getLogger().handlers or level is None):
        return
    handler = next((one for one in LOGGER.handlers if isinstance(one, _Handler)), None)
    if handler is None:
        handler = _Handler()
        LOGGER.addHandler(handler)
    handler.setFormatter(_formatter(shape or FORMAT))
    LOGGER.propagate = False  # or each message would be there twice


def _level(text: str) -> int:
    number = logging.getLevelNamesMapping().get(text.strip().upper())
    if number is None and text.strip().isdigit():
        number = int(text)
    if number is None:
        known = ", ".join(logging.getLevelNamesMapping())
        raise ConfigError(f"{text!r} is no level of a log.", key="runtime.log_level", hint=f"use one of {known}")
    return number


def _formatter(shape: str) -> logging.Formatter:
    if shape.strip().upper() == "JSON":
        return JsonFormatter()
    try:
        return logging.Formatter(shape, style="%" if "%(" in shape else "{")
    except ValueError as wrong:
        raise ConfigError(
            f"{shape!r} is no format of a log: {wrong}.",
            key="runtime.log_format",
            hint='write "JSON", or a format with fields such as {levelname} and {message}',
        ) from None


def metrics(name: str, extra: Mapping[str, Any], stacklevel: int = 1) -> None:
    """Write figures, as fields of the message."""
    LOGGER.info(name, extra=dict(extra), stacklevel=stacklevel + 1)


def log_level() -> str:
    """The name of the level."""
    return logging.getLevelName(LOGGER.getEffectiveLevel())


def is_logging() -> bool:
    """Whether warnings are written."""
    return LOGGER.isEnabledFor(logging.WARNING)


def is_json_logging(log_format: str) -> bool:
    """Whether a format is the one of JSON lines."""
    return log_format.strip().upper() == "JSON"


def pretty_format_exception() -> str:
    """The exception that is handled, as text."""
    return traceback.format_exc()


@contextmanager
def suppress_and_warn(msg: str) -> Iterator[None]:
    """An error of the block is written to the log, with this message, and goes no further."""
    try:
        yield
    except Exception:
        LOGGER.warning(msg, exc_info=True)
