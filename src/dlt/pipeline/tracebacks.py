"""Tracebacks of failed runs: the lines of the user's code stay, those of our own go."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

from dlt.errors import DestinationRefused, DltError, RetryableError, StepFailed

P = ParamSpec("P")
R = TypeVar("R")
OWN = (
    str(Path(__file__).parent.parent),
    str(Path(logging.__file__).parent.parent),
)  # this package, then that of Python
logger = logging.getLogger("dlt")


def brief(step: Callable[P, R]) -> Callable[P, R]:
    """A step whose StepFailed has a short traceback, unless the log level is DEBUG."""

    @wraps(step)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except StepFailed as error:
            if logger.isEnabledFor(logging.DEBUG):
                raise
            _shorten(error.__cause__)
            raise error.with_traceback(None) from error.__cause__

    return called


def _shorten(error: BaseException | None) -> None:
    """Errors of ours say in words what happened, also to a destination; others begin at the line of the user. An error
    that has no such line, and that nobody expected, stays as it is."""
    told = isinstance(error, DltError)
    while error is not None:
        short = _from_outside(error.__traceback__)
        if short is not None or told:
            error.__traceback__ = short
        told = isinstance(error.__cause__, DltError) or isinstance(error, (DestinationRefused, RetryableError))
        error = error.__cause__


def _from_outside(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first line that stands neither in this package nor in Python's own library."""
    while trace is not None and _is_inside(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_inside(file: str) -> bool:
    package, python = OWN
    return file.startswith((package, "<frozen")) or (file.startswith(python) and "site-packages" not in file)
