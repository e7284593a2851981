"""The interval of time that a scheduler asks for: set by code, by the environment, or by Airflow."""

from __future__ import annotations

import datetime as dt
import logging
import os
import re
import sys
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple, Self

from dlt.errors import ConfigError

logger = logging.getLogger("dlt")

START, END, ZONE = "DLT_INTERVAL_START", "DLT_INTERVAL_END", "DLT_INTERVAL_TIMEZONE"
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DAY = dt.timedelta(days=1)


class TimeInterval(NamedTuple):
    """From the start, up to but without the end."""

    start: dt.datetime
    end: dt.datetime


_SET: ContextVar[TimeInterval | None] = ContextVar("dlt_interval", default=None)


def zone() -> dt.tzinfo:
    """The time zone in which instants without one are read: `DLT_INTERVAL_TIMEZONE`, else UTC."""
    name = os.environ.get("DLT_INTERVAL_TIMEZONE")
    if not name or name.upper() == "UTC":
        return dt.UTC
    import zoneinfo

    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"{name!r} is no time zone.", key=ZONE, hint="use a name as Europe/Berlin") from None


def aware(value: Any, key: str = "interval") -> dt.datetime:
    """A date or instant, perhaps as ISO text, in the time zone of the context."""
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise ConfigError(
                f"{value!r} is no instant.", key=key, hint="use ISO 8601, as 2024-01-31T00:00:00Z"
            ) from None
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=zone()) if value.utcoffset() is None else value
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time(), zone())
    raise ConfigError(f"{value!r} is no instant.", key=key, hint="give a datetime, a date or ISO text")


def current_interval() -> TimeInterval | None:
    """The interval that was set, that of the environment, or that of the task of Airflow that runs; else None."""
    return _SET.get() or _of_environment() or _of_airflow()


def allowed_by_environment() -> bool:
    """True when all incrementals join the interval unless they say otherwise."""
    return os.environ.get("DLT_ALLOW_EXTERNAL_SCHEDULERS", "").strip().lower() in ("1", "true", "yes", "t", "y")


def _of_environment() -> TimeInterval | None:
    start, end = os.environ.get("DLT_INTERVAL_START"), os.environ.get("DLT_INTERVAL_END")
    if not start or not end:
        return None
    return _checked(aware(start, START).astimezone(zone()), aware(end, END).astimezone(zone()))


def _of_airflow() -> TimeInterval | None:
    for name in ("airflow.sdk", "airflow.operators.python"):
        current = getattr(sys.modules.get(name), "get_current_context", None)
        if current is None:
            continue
        try:
            context = current()
        except Exception:  # noqa: BLE001 - Airflow raises its own error outside of a task
            return None
        start, end = context.get("data_interval_start"), context.get("data_interval_end")
        if start is not None and end is not None:
            return _checked(aware(start), aware(end))
    return None


def _checked(start: dt.datetime, end: dt.datetime) -> TimeInterval:
    if end < start:
        raise ConfigError(f"The interval ends at {end}, before it starts at {start}.", key="interval")
    return TimeInterval(start, end)


class CurrentInterval:
    """`dlt.current.interval`: call it to get `(start, end)`, or None when there is no interval."""

    def __call__(self) -> TimeInterval | None:
        return current_interval()

    def __repr__(self) -> str:
        return repr(current_interval())

    @property
    def timezone(self) -> dt.tzinfo:
        """The time zone of the context."""
        return zone()

    @property
    def is_empty(self) -> bool:
        """True when there is no interval, or it has no length."""
        found = current_interval()
        return found is None or found.start == found.end

    def set(self, interval: Sequence[Any] | None) -> TimeInterval | None:
        """Make this pair of instants the interval, for the thread or task that runs; None: go back to the one from
        outside."""
        _SET.set(None if interval is None else _checked(aware(interval[0]), aware(interval[1])))
        return current_interval()

    def update(self, *, start: Any = None, end: Any = None) -> TimeInterval | None:
        """Change one end of the interval, or both. ConfigError when there is none and one end is not given."""
        known = current_interval()
        if known is None and (start is None or end is None):
            raise ConfigError(
                "There is no interval to change.", key="interval", hint="set both ends: interval.set((start, end))"
            )
        first = known.start if start is None and known else aware(start)
        last = known.end if end is None and known else aware(end)
        return self.set((first, last))

    def apply_full_days(self) -> Self:
        """Widen the interval to whole days in its time zone. Returns this."""
        found = self._needed()
        start = found.start.replace(hour=0, minute=0, second=0, microsecond=0)
        end = found.end.replace(hour=0, minute=0, second=0, microsecond=0)
        self.set((start, end if end == found.end else end + _DAY))
        return self

    def apply_lag(self, trigger: str, count: int = 1, lag_end: bool = False) -> Self:
        """Start the interval earlier by so many ticks of a trigger: `every:6h`, or a cron expression, also as
        `schedule:0 6 * * *`, which goes back from the last tick before the start. lag_end: the end is moved, not the
        start. Returns this."""
        found = self._needed()
        if lag_end:
            self.set((found.start, _earlier(found.end, trigger, count)))
        else:
            self.set((_earlier(found.start, trigger, count), found.end))
        return self

    def _needed(self) -> TimeInterval:
        found = current_interval()
        if found is None:
            raise ConfigError(
                "There is no interval.", key="interval", hint=f"set {START} and {END}, or interval.set((start, end))"
            )
        return found


def _earlier(moment: dt.datetime, trigger: str, count: int) -> dt.datetime:
    kind, colon, what = trigger.strip().partition(":")
    if colon and kind == "every":
        period = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", what)
        if period is not None:
            return moment - dt.timedelta(seconds=count * float(period[1]) * _UNITS[period[2]])
    elif kind == "schedule" or len(trigger.split()) == 5 or trigger.startswith("@"):
        from dlt.extract.cron import cron

        return cron(what if colon else trigger).back(moment, count)
    raise ValueError(f"The trigger {trigger!r} has no ticks; use one as every:6h or 0 6 * * *.")


# ---- an incremental joins


def as_cursor(value: dt.datetime, kind: Any, path: str) -> Any:
    """An end of the interval as a value of a cursor: instants as they are, dates, or seconds since 1970."""
    if kind is None:
        raise ConfigError(
            f"The cursor {path!r} cannot join the interval of a scheduler: its type is not known.",
            key="allow_external_schedulers",
            hint="name it, as dlt.sources.incremental[datetime](...), or give initial_value=",
        )
    if issubclass(kind, dt.datetime):
        return value
    if issubclass(kind, dt.date):
        return value.date()
    if kind in (int, float):
        return kind(value.timestamp())
    raise ConfigError(
        f"The cursor {path!r} of type {kind.__name__} cannot join the interval of a scheduler.",
        key="allow_external_schedulers",
        hint="use datetime, date, float or int (seconds since 1970); add_map can make the values of rows such",
    )


def interval_for(path: str) -> TimeInterval:
    """The interval that an incremental joins. ConfigError when there is none."""
    found = current_interval()
    if found is None:
        raise ConfigError(
            f"The cursor {path!r} should join the interval of a scheduler, and there is none.",
            key="allow_external_schedulers",
            hint=f"set {START} and {END}, call dlt.current.interval.set((start, end)), or run as a task of Airflow",
        )
    if found.start == found.end:
        logger.warning(
            "The cursor %r joins an interval of no length, at %s: no row is in it. Airflow 3 gives tasks with a cron schedule such"
            " intervals, unless its setting [scheduler] create_cron_data_intervals is True.",
            path,
            found.start,
        )
    return found
