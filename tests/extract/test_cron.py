"""Cron expressions: which point in time comes before another one."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from dlt.extract.cron import cron

NOW = dt.datetime(2024, 1, 10, 5, 7, tzinfo=dt.UTC)  # a Wednesday

# expression, points back, the point; as dlt 1.31 finds them
POINTS = [
    ("*/15 * * * *", 0, "2024-01-10T05:00"),
    ("*/15 * * * *", 1, "2024-01-10T04:45"),
    ("*/15 * * * *", 3, "2024-01-10T04:15"),
    ("*/5 3-4 * * 1-5", 0, "2024-01-10T04:55"),
    ("*/5 3-4 * * 1-5", 3, "2024-01-10T04:40"),
    ("0 0 1 * *", 0, "2024-01-01T00:00"),
    ("0 0 1 * *", 1, "2023-12-01T00:00"),
    ("0 0 1 * *", 3, "2023-10-01T00:00"),
    ("@daily", 0, "2024-01-10T00:00"),
    ("@daily", 3, "2024-01-07T00:00"),
    ("@hourly", 1, "2024-01-10T04:00"),
    ("30 2 * * sun", 0, "2024-01-07T02:30"),
    ("30 2 * * sun", 3, "2023-12-17T02:30"),
    ("0 0 * * 7", 1, "2023-12-31T00:00"),
    ("0 0 13 * 5", 0, "2024-01-05T00:00"),
    ("0 0 13 * 5", 3, "2023-12-15T00:00"),
    ("0 0 29 feb *", 0, "2020-02-29T00:00"),
    ("7 5 * * *", 0, "2024-01-10T05:07"),
    ("8 5 * * *", 0, "2024-01-09T05:08"),
    ("10-20/5,40 6 * jan-mar *", 0, "2024-01-09T06:40"),
    ("10-20/5,40 6 * jan-mar *", 1, "2024-01-09T06:20"),
]


@pytest.mark.parametrize(("text", "count", "point"), POINTS)
def test_points(text: str, count: int, point: str) -> None:
    assert cron(text).back(NOW, count) == dt.datetime.fromisoformat(point).replace(tzinfo=dt.UTC)


def test_points_are_those_of_the_time_zone() -> None:
    berlin = NOW.astimezone(ZoneInfo("Europe/Berlin"))

    assert cron("0 0 * * *").back(berlin, 1).isoformat() == "2024-01-09T00:00:00+01:00"


WRONG = [
    "",
    "* * * *",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "a * * * *",
    "*/0 * * * *",
    "5-3 * * * *",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_expression(text: str) -> None:
    with pytest.raises(ValueError, match="is no cron expression"):
        cron(text)


def test_a_day_that_never_comes() -> None:
    with pytest.raises(ValueError, match="no day that there is"):
        cron("0 0 30 2 *").at_or_before(NOW)
