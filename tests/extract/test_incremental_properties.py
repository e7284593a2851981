"""Incremental loading under random orders, ties, nulls, lags, limits and restarts: nothing is lost, nothing comes twice."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlt
from dlt.extract.boundary import MOST_HASHES, Sketch, digest

from .incrementals import resource_of, run

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
AS_CURSOR = {
    "int": lambda number: number,
    "float": lambda number: number / 2,
    "datetime": lambda number: START + dt.timedelta(seconds=number),
    "date": lambda number: dt.date(2024, 1, 1) + dt.timedelta(days=number),
    "text": lambda number: f"{number:04d}x",
    "instant": lambda number: (START + dt.timedelta(seconds=number)).isoformat(),
    "digits": str,
}
FORMS = ("rows", "pages", "arrow")
forms = pytest.mark.parametrize("form", FORMS)


def shaped(rows: list[dict[str, Any]], form: str, size: int) -> list[Any]:
    if form == "rows":
        return [dict(row) for row in rows]
    pages = [rows[at : at + size] for at in range(0, len(rows), size)]
    if form == "pages":
        return [[dict(row) for row in page] for page in pages]
    return [pa.Table.from_pylist(page) for page in pages]


def ids(rows: list[dict[str, Any]]) -> Counter[int]:
    return Counter(row["id"] for row in rows)


# the source grows between runs; each new row has a cursor not before the greatest so far
growth = st.lists(st.lists(st.integers(0, 3), min_size=0, max_size=8), min_size=1, max_size=5)


@forms
@settings(max_examples=60, deadline=None)
@given(steps=growth, kind=st.sampled_from(sorted(AS_CURSOR)), size=st.integers(1, 4), data=st.data())
def test_append_loads_every_row_once(form: str, steps: Any, kind: str, size: int, data: Any) -> None:
    table: list[dict[str, Any]] = []
    state: dict[str, Any] = {}
    loaded: Counter[int] = Counter()
    now = 1
    for step in steps:
        for ahead in step:
            table.append({"id": len(table), "ts": AS_CURSOR[kind](now + ahead)})
        now += max(step, default=0)
        rows = data.draw(st.permutations(table))
        loaded += ids(run(resource_of(shaped(rows, form, size), dlt.sources.incremental("ts")), state))
        assert loaded == ids(table)


@forms
@settings(max_examples=60, deadline=None)
@given(
    steps=growth,
    size=st.integers(1, 4),
    limits=st.lists(st.one_of(st.none(), st.integers(1, 4)), min_size=5, max_size=5),
    order=st.sampled_from([None, "asc", "desc"]),
    data=st.data(),
)
def test_limited_runs_lose_nothing_and_double_nothing(
    form: str, steps: Any, size: int, limits: Any, order: str | None, data: Any
) -> None:
    table: list[dict[str, Any]] = []
    state: dict[str, Any] = {}
    loaded: Counter[int] = Counter()
    now = 1
    for step, limit in [*zip(steps, limits, strict=False), ([], None)]:
        for ahead in step:
            table.append({"id": len(table), "ts": now + ahead})
        now += max(step, default=0)
        rows = data.draw(st.permutations(table))
        if order is not None:
            rows = sorted(rows, key=lambda row: row["ts"], reverse=order == "desc")
        cursor = dlt.sources.incremental("ts", row_order=order)
        loaded += ids(run(resource_of(shaped(rows, form, size), cursor, limit), state))
        assert max(loaded.values(), default=1) == 1
    assert loaded == ids(table)


@forms
@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), max_size=8), min_size=1, max_size=5),
    lag=st.integers(0, 3),
    limit=st.one_of(st.none(), st.integers(1, 3)),
    data=st.data(),
)
def test_merge_ends_in_the_last_versions(form: str, steps: Any, lag: int, limit: int | None, data: Any) -> None:
    source: dict[int, dict[str, Any]] = {}
    target: dict[int, dict[str, Any]] = {}
    state: dict[str, Any] = {}
    now = version = 1
    for number, step in enumerate([*steps, []]):
        for key, ahead in step:  # changed again at the same value of the cursor, perhaps
            version += 1
            source[key] = {"id": key, "ts": now + ahead, "v": version}
        now = max([now, *(row["ts"] for row in source.values())])
        rows = data.draw(st.permutations(list(source.values())))
        cursor = dlt.sources.incremental("ts", lag=lag or None)
        cut = limit if number < len(steps) else None
        made = resource_of(shaped(rows, form, 3), cursor, cut, write_disposition="merge", primary_key="id")
        for row in run(made, state):
            target[row["id"]] = row
    assert target == source


@forms
@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12),
    start=st.one_of(st.none(), st.integers(0, 9)),
    length=st.one_of(st.none(), st.integers(0, 5)),
    opened=st.sampled_from(["open", "closed"]),
    ended=st.sampled_from(["open", "closed"]),
    missing=st.sampled_from(["include", "exclude"]),
    newest=st.booleans(),
    size=st.integers(1, 4),
)
def test_ranges_are_those_of_the_definition(
    form: str, values: Any, start: Any, length: Any, opened: Any, ended: Any, missing: Any, newest: bool, size: int
) -> None:
    end = None if start is None or length is None else start + (length if newest else -length)
    table = [{"id": number, "ts": value} for number, value in enumerate(values)]
    sign = 1 if newest else -1

    def wanted(value: Any) -> bool:
        if value is None:
            return missing == "include"
        after = start is None or sign * value > sign * start or (opened == "closed" and value == start)
        before = end is None or sign * value < sign * end or (ended == "closed" and value == end)
        return after and before

    cursor = dlt.sources.incremental(
        "ts",
        initial_value=start,
        end_value=end,
        range_start=opened,
        range_end=ended,
        on_cursor_value_missing=missing,
        last_value_func=max if newest else min,
    )
    found = run(resource_of(shaped(table, form, size), cursor), {})
    assert sorted(row["id"] for row in found) == [row["id"] for row in table if wanted(row["ts"])]


@settings(max_examples=30, deadline=None)
@given(
    many=st.integers(MOST_HASHES + 1, 2 * MOST_HASHES),
    gone=st.sets(st.integers(0, MOST_HASHES), max_size=15),
    new=st.integers(0, 15),
    seed=st.randoms(use_true_random=False),
)
def test_many_ties_that_change_a_little(many: int, gone: set[int], new: int, seed: Any) -> None:
    first = [{"id": number, "ts": 1} for number in range(many)]
    second = [row for row in first if row["id"] not in gone] + [{"id": many + number, "ts": 1} for number in range(new)]
    seed.shuffle(second)
    state: dict[str, Any] = {}
    assert len(run(resource_of([first], dlt.sources.incremental("ts")), state)) == many
    found = run(resource_of([second[:100], second[100:]], dlt.sources.incremental("ts")), state)
    assert sorted(row["id"] for row in found) == list(range(many, many + new))
    assert run(resource_of([second], dlt.sources.incremental("ts")), state) == []


@settings(max_examples=50, deadline=None)
@given(here=st.sets(st.integers(0, 400)), there=st.sets(st.integers(0, 400)))
def test_sketches_tell_the_difference_or_say_nothing(here: set[int], there: set[int]) -> None:
    old = Sketch.of([digest(str(one)) for one in there])
    copied = Sketch.from_state(old.to_state())
    found = copied.new_among([digest(str(one)) for one in here])
    different = len(here ^ there)
    if found is not None:
        assert found == ({digest(str(one)) for one in here - there}, {digest(str(one)) for one in there - here})
    assert found is not None or different > 40
