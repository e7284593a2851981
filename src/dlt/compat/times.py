"""`dlt.common.time`: dates and times of many forms as those of pendulum, which has to be installed."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, TypeVar

from dlt.errors import missing

if TYPE_CHECKING:
    import pendulum

Value = TypeVar("Value", dt.datetime, dt.time)


def _pendulum() -> Any:
    try:
        import pendulum
    except ImportError as error:
        raise missing("dlt.common.time", "pendulum") from error
    return pendulum


def parse_iso_like_datetime(value: str) -> pendulum.DateTime | pendulum.Date | pendulum.Time:
    """A date, a time or a moment from ISO text, with the zone that is written there or none."""
    library = _pendulum()
    found = library.parse(value, exact=True, tz=None)
    if isinstance(found, library.DateTime) and not _has_zone(value):
        return found.naive()  # type: ignore[no-any-return]  # a DateTime
    if isinstance(found, (library.DateTime, library.Date, library.Time)):
        return found  # type: ignore[no-any-return]  # one of these three
    raise ValueError(f"{value!r} is no date or time.")


def ensure_pendulum_datetime(value: Any, tz: dt.tzinfo | None = None) -> pendulum.DateTime:
    """The moment: numbers are seconds since 1970; what has no zone is in `tz`, else UTC. The result is in UTC, or in `tz`."""
    library = _pendulum()
    made = _moment(library, value, tz or library.UTC)
    return made.in_timezone(tz or library.UTC)  # type: ignore[no-any-return]  # a DateTime


def ensure_pendulum_datetime_non_utc(value: Any) -> pendulum.DateTime:
    """The moment in the zone that it came with; without a zone when there was none."""
    library = _pendulum()
    if isinstance(value, str):
        found = parse_iso_like_datetime(value)
        if isinstance(found, library.DateTime):
            return found  # type: ignore[no-any-return]  # a DateTime
    elif isinstance(value, dt.datetime):
        return library.instance(value, tz=value.tzinfo)  # type: ignore[no-any-return]  # a DateTime
    return ensure_pendulum_datetime(value)


def ensure_datetime(value: Any) -> dt.datetime:
    """The moment as `datetime` of Python, in the zone that it came with; a date is its midnight."""
    if isinstance(value, str):
        value = parse_iso_like_datetime(value)
    if isinstance(value, dt.datetime):
        found = value
    elif isinstance(value, dt.date):
        found = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - as dlt 1.31: without a zone
    else:
        found = ensure_pendulum_datetime_non_utc(value)
    return dt.datetime.combine(found.date(), found.time(), found.tzinfo)


def ensure_pendulum_date(value: Any) -> pendulum.Date:
    """The day in UTC."""
    library = _pendulum()
    if type(value) is dt.date:
        return library.date(value.year, value.month, value.day)  # type: ignore[no-any-return]  # a Date
    return ensure_pendulum_datetime(value).date()


def ensure_pendulum_time(value: Any) -> pendulum.Time:
    """The time of day; a timedelta is that since midnight."""
    library = _pendulum()
    if isinstance(value, dt.timedelta):
        value = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + value).time()
    if isinstance(value, str):
        value = parse_iso_like_datetime(value)
    if isinstance(value, dt.time):
        return library.time(value.hour, value.minute, value.second, value.microsecond)  # type: ignore[no-any-return]  # a Time
    kind = ValueError if isinstance(value, dt.date) else TypeError
    raise kind(f"{value!r} is no time of day.")


def _moment(library: Any, value: Any, zone: dt.tzinfo) -> Any:
    if isinstance(value, str):
        value = parse_iso_like_datetime(value)
    if isinstance(value, dt.datetime):
        return library.instance(value, tz=zone)
    if isinstance(value, dt.date):
        return library.datetime(value.year, value.month, value.day, tz=zone)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return library.from_timestamp(value)
    kind = ValueError if isinstance(value, dt.time) else TypeError
    raise kind(f"{value!r} is no date or moment.")


def _has_zone(text: str) -> bool:
    clock = text.partition("T")[2] or text.partition(" ")[2]
    return clock[-1:] in ("Z", "z") or "+" in clock or "-" in clock


def reduce_pendulum_datetime_precision(value: Value, precision: int) -> Value:
    """The value with so many digits of a second; the others are cut off."""
    if precision >= 6:
        return value
    unit = 10 ** (6 - precision)
    return value.replace(microsecond=value.microsecond // unit * unit)


def timestamp_within(timestamp: float, min_exclusive: float | None, max_inclusive: float | None) -> bool:
    """Whether a moment is after the one and not after the other."""
    return (min_exclusive is None or timestamp > min_exclusive) and (
        max_inclusive is None or timestamp <= max_inclusive
    )


def precise_time() -> float:
    """Seconds since 1970."""
    return time.time()


def to_seconds(td: float | dt.timedelta | None) -> float | None:
    """A duration in seconds."""
    return td.total_seconds() if isinstance(td, dt.timedelta) else td
