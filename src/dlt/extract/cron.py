"""Cron expressions: the points in time that one of them names, backwards from a given one."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import NamedTuple

ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day of month": (1, 31), "month": (1, 12), "day of week": (0, 7)}
MOST_DAYS = 366 * 8 + 2  # between two leap days that are there
DAY = dt.timedelta(days=1)


class Cron(NamedTuple):
    """The minutes, hours and days that an expression names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either: bool  # a day counts by its date or by its weekday; else by both

    def has(self, day: dt.date) -> bool:
        """Whether there is a point on this day."""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_date or by_weekday if self.either else by_date and by_weekday

    def at_or_before(self, moment: dt.datetime) -> dt.datetime:
        """The last point that is not after a moment, in its time zone. ValueError when there is none, as on February 30."""
        for back in range(MOST_DAYS):
            day = moment.date() - back * DAY
            if not self.has(day):
                continue
            for hour in self.hours:
                for minute in self.minutes:
                    point = dt.datetime.combine(day, dt.time(hour, minute), moment.tzinfo)
                    if point <= moment:
                        return point
        raise ValueError("The cron expression names no day that there is.")

    def back(self, moment: dt.datetime, count: int) -> dt.datetime:
        """The point so many points before the last one that is not after a moment."""
        point = self.at_or_before(moment)
        for _ in range(count):
            point = self.at_or_before(point - dt.timedelta(minutes=1))
        return point


@lru_cache(maxsize=64)
def cron(text: str) -> Cron:
    """Read an expression of five fields, or a word as `@daily`. ValueError when it says nothing."""
    parts = ALIASES.get(text.strip().lower(), text).lower().split()
    if len(parts) != len(FIELDS):
        raise ValueError(f"{text!r} is no cron expression: it has {len(parts)} fields and not 5.")
    minutes, hours, days, months, weekdays = (
        _values(part, name, text) for part, name in zip(parts, FIELDS, strict=True)
    )
    return Cron(
        tuple(sorted(minutes, reverse=True)),
        tuple(sorted(hours, reverse=True)),
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        either=parts[2][0] != "*" and parts[4][0] != "*",
    )


def _values(part: str, name: str, text: str) -> frozenset[int]:
    low, high = FIELDS[name]
    found: set[int] = set()
    for one in part.split(","):
        span, slash, step = one.partition("/")
        first, dash, last = span.partition("-")
        try:
            if span in ("*", "?"):
                start, stop = low, high
            else:
                start = _number(first, name)
                stop = _number(last, name) if dash else high if slash else start
            chosen = range(start, stop + 1, int(step) if slash else 1)
        except ValueError:
            chosen = range(0)
        if not chosen or chosen[0] < low or chosen[-1] > high:
            raise ValueError(f"{text!r} is no cron expression: {one!r} is no {name} from {low} to {high}.")
        found.update(chosen)
    return frozenset(found)


def _number(word: str, name: str) -> int:
    if name == "month" and word[:3] in MONTHS:
        return MONTHS.index(word[:3]) + 1
    if name == "day of week" and word[:3] in DAYS:
        return DAYS.index(word[:3])
    return int(word)
