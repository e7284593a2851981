"""Behaviour 3.7 and 1.3: intervals of schedulers, `dlt.current.interval` and `dlt.current.timezone`."""

from __future__ import annotations

import datetime as dt
import sys
import types
import zoneinfo
from contextvars import copy_context
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError

from .incrementals import entry, resource_of, run

inc = dlt.sources.incremental
UTC = dt.UTC
FROM, TO = dt.datetime(2024, 1, 2, tzinfo=UTC), dt.datetime(2024, 1, 3, tzinfo=UTC)
SECONDS = (int(FROM.timestamp()), int(TO.timestamp()))


@pytest.fixture
def environment(monkeypatch: Any) -> Any:
    monkeypatch.setenv("DLT_INTERVAL_START", "2024-01-02T00:00:00Z")
    monkeypatch.setenv("DLT_INTERVAL_END", "2024-01-03")
    return monkeypatch


def bounds(incremental: Any, state: dict[str, Any] | None = None) -> tuple[Any, Any, Any]:
    seen = []

    @dlt.resource
    def t(since: Any = incremental) -> Any:
        seen.append((since.start_value, since.end_value, since.initial_value))
        yield []

    run(t(), {} if state is None else state)
    return seen[0]


JOINED = {
    "datetime": (lambda: inc[dt.datetime]("ts", allow_external_schedulers=True), (FROM, TO)),
    "date": (lambda: inc[dt.date]("ts", allow_external_schedulers=True), (FROM.date(), TO.date())),
    "int": (lambda: inc[int]("ts", allow_external_schedulers=True), SECONDS),
    "float": (lambda: inc[float]("ts", allow_external_schedulers=True), tuple(map(float, SECONDS))),
    "type of the initial value": (lambda: inc("ts", initial_value=0, allow_external_schedulers=True), SECONDS),
    "starts later": (
        lambda: inc("ts", initial_value=FROM.replace(hour=12), allow_external_schedulers=True),
        (FROM.replace(hour=12), TO),
    ),
    "starts earlier": (
        lambda: inc("ts", initial_value=dt.datetime(2020, 1, 1), allow_external_schedulers=True),
        (FROM, TO),
    ),
    "ends earlier": (
        lambda: inc(
            "ts",
            initial_value=dt.datetime(2020, 1, 1, tzinfo=UTC),
            end_value=FROM.replace(hour=12),
            allow_external_schedulers=True,
        ),
        (FROM, FROM.replace(hour=12)),
    ),
    "downwards": (lambda: inc[dt.datetime]("ts", last_value_func=min, allow_external_schedulers=True), (TO, FROM)),
    "after all of it": (
        lambda: inc("ts", initial_value=dt.datetime(2024, 2, 1, tzinfo=UTC), allow_external_schedulers=True),
        (TO, TO),
    ),
}


@pytest.mark.parametrize("case", JOINED)
def test_3_7_an_incremental_joins(case: str, environment: Any) -> None:
    make, wanted = JOINED[case]
    start, end, initial = bounds(make())
    assert ((start, end), initial) == (wanted, wanted[0])
    assert type(start) is type(wanted[0])


def test_3_7_the_state_is_left_alone(environment: Any) -> None:
    rows = [{"id": hour, "ts": FROM + dt.timedelta(hours=hour)} for hour in (-1, 0, 23, 24)]
    state: dict[str, Any] = {}
    for _ in range(2):
        found = run(resource_of([rows], inc[dt.datetime]("ts", allow_external_schedulers=True)), state)
        assert [row["id"] for row in found] == [0, 23]
    assert entry(state) is None


@pytest.mark.parametrize("allowed", [None, False])
def test_3_7_without_leave_it_does_not(allowed: Any, environment: Any) -> None:
    assert bounds(inc[int]("ts", allow_external_schedulers=allowed)) == (None, None, None)


@pytest.mark.parametrize("word", ["true", "1", "Yes"])
def test_3_7_leave_for_all(word: str, environment: Any) -> None:
    environment.setenv("DLT_ALLOW_EXTERNAL_SCHEDULERS", word)
    assert bounds(inc[int]("ts"))[:2] == SECONDS
    assert bounds(inc[int]("ts", allow_external_schedulers=False))[:2] == (None, None)


REFUSED = {
    "text": (lambda: inc[str]("ts", allow_external_schedulers=True), "of type str cannot join"),
    "text by value": (
        lambda: inc("ts", initial_value="2024", allow_external_schedulers=True),
        "of type str cannot join",
    ),
    "unknown": (lambda: inc("ts", allow_external_schedulers=True), "its type is not known"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_3_7_types_that_cannot_join(case: str, environment: Any) -> None:
    make, says = REFUSED[case]
    with pytest.raises(ConfigError, match=says):
        bounds(make())


@pytest.mark.parametrize("given", [(), ("DLT_INTERVAL_START",), ("DLT_INTERVAL_END",)])
def test_3_7_no_interval(given: Any, monkeypatch: Any) -> None:
    for name in given:
        monkeypatch.setenv(name, "2024-01-02")
    assert dlt.current.interval() is None
    with pytest.raises(ConfigError, match="there is none") as caught:
        bounds(inc[int]("ts", allow_external_schedulers=True))
    assert "DLT_INTERVAL_START" in str(caught.value)


def test_3_7_an_interval_of_no_length_is_told(monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setenv("DLT_INTERVAL_START", "2024-01-02")
    monkeypatch.setenv("DLT_INTERVAL_END", "2024-01-02")
    bounds(inc[int]("ts", allow_external_schedulers=True))
    assert "no row is in it" in caplog.text


@pytest.mark.parametrize("module", ["airflow.sdk", "airflow.operators.python"])
@pytest.mark.parametrize("context", ["task", "outside", "without interval"])
def test_3_7_airflow(module: str, context: str, monkeypatch: Any) -> None:
    def get_current_context() -> dict[str, Any]:
        if context == "outside":
            raise RuntimeError("no task runs")
        return {"data_interval_start": FROM, "data_interval_end": TO} if context == "task" else {"run_id": "manual"}

    fake = types.ModuleType(module)
    fake.get_current_context = get_current_context  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module, fake)
    assert dlt.current.interval() == ((FROM, TO) if context == "task" else None)


WRONG = {
    "no instant": ({"DLT_INTERVAL_START": "soon", "DLT_INTERVAL_END": "2024-01-03"}, "'soon' is no instant"),
    "backwards": ({"DLT_INTERVAL_START": "2024-01-04", "DLT_INTERVAL_END": "2024-01-03"}, "before it starts"),
    "no zone": (
        {"DLT_INTERVAL_START": "2024-01-02", "DLT_INTERVAL_END": "2024-01-03", "DLT_INTERVAL_TIMEZONE": "Mars/Base"},
        "is no time zone",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_3_7_wrong_intervals(case: str, monkeypatch: Any) -> None:
    variables, says = WRONG[case]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=says):
        dlt.current.interval()


def test_1_3_the_zone_of_the_context(environment: Any) -> None:
    assert dlt.current.timezone() == dlt.current.interval.timezone == UTC
    environment.setenv("DLT_INTERVAL_TIMEZONE", "Europe/Berlin")
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    assert dlt.current.timezone() == dlt.current.interval.timezone == berlin
    assert dlt.current.interval() == (FROM, dt.datetime(2024, 1, 3, tzinfo=berlin))


def alone(work: Any) -> Any:
    """Call in a context of its own, so that what it sets is gone."""
    return copy_context().run(work)


def test_1_3_set_and_update(environment: Any) -> None:
    interval = dlt.current.interval

    def work() -> None:
        assert interval() == (FROM, TO)
        assert interval.set((dt.date(2024, 5, 1), "2024-05-02T12:00:00+02:00")) == interval()
        assert interval() == (dt.datetime(2024, 5, 1, tzinfo=UTC), dt.datetime(2024, 5, 2, 10, tzinfo=UTC))
        assert interval.update(end=dt.datetime(2024, 5, 9, tzinfo=UTC)).start == dt.datetime(2024, 5, 1, tzinfo=UTC)
        assert interval.update(start=dt.datetime(2024, 5, 8, tzinfo=UTC)).end == dt.datetime(2024, 5, 9, tzinfo=UTC)
        assert not interval.is_empty
        interval.update(start=interval().end)
        assert interval.is_empty
        assert bounds(inc[int]("ts", allow_external_schedulers=True))[0] == int(interval().start.timestamp())
        assert interval.set(None) == (FROM, TO)

    alone(work)
    assert interval() == (FROM, TO)
    assert repr(interval).startswith("TimeInterval(start=")


def test_1_3_an_interval_that_is_not_there() -> None:
    interval = dlt.current.interval
    assert interval.is_empty
    for change in (lambda: interval.update(end=TO), interval.apply_full_days, lambda: interval.apply_lag("every:1h")):
        with pytest.raises(ConfigError, match="There is no interval"):
            alone(change)
    with pytest.raises(ConfigError, match="is no instant"):
        alone(lambda: interval.set((5, TO)))


CHANGED = {
    "full days": (lambda interval: interval.apply_full_days(), dt.datetime(2024, 5, 1), dt.datetime(2024, 5, 3)),
    "lag": (lambda interval: interval.apply_lag("every:1h"), dt.datetime(2024, 5, 1, 5), dt.datetime(2024, 5, 2, 7)),
    "lags": (
        lambda interval: interval.apply_lag("every:15m", 2),
        dt.datetime(2024, 5, 1, 5, 30),
        dt.datetime(2024, 5, 2, 7),
    ),
    "lag of the end": (
        lambda interval: interval.apply_lag("every:1h", lag_end=True),
        dt.datetime(2024, 5, 1, 6),
        dt.datetime(2024, 5, 2, 6),
    ),
    "one after the other": (
        lambda interval: interval.apply_lag("0 5 * * *").apply_full_days(),
        dt.datetime(2024, 4, 30),
        dt.datetime(2024, 5, 3),
    ),
}


@pytest.mark.parametrize("case", CHANGED)
def test_1_3_wider_intervals(case: str) -> None:
    change, start, end = CHANGED[case]

    def work() -> Any:
        dlt.current.interval.set((dt.datetime(2024, 5, 1, 6), dt.datetime(2024, 5, 2, 7)))
        assert change(dlt.current.interval) is dlt.current.interval
        return dlt.current.interval()

    assert alone(work) == (start.replace(tzinfo=UTC), end.replace(tzinfo=UTC))


@pytest.mark.parametrize("trigger", ["daily", "1h", "every:x", "every:1y", ""])
def test_1_3_triggers_without_ticks(trigger: str, environment: Any) -> None:
    with pytest.raises(ValueError, match=r"has no ticks; use one as every:6h"):
        alone(lambda: dlt.current.interval.apply_lag(trigger))
