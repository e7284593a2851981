"""Incremental loading over many runs: whatever the order, ties, nulls, lags, limits and crashes, no row is lost or doubled."""

from __future__ import annotations

import copy
import datetime as dt
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dlt
from dlt.errors import ResourceError
from dlt.extract.evaluate import evaluate
from dlt.extract.pipe import items_of

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
ZONES = [dt.timezone(dt.timedelta(hours=hours)) for hours in range(-2, 3)]
CURSORS: dict[str, Callable[[int], Any]] = {
    "integers": lambda n: n,
    "floats": lambda n: n / 2,
    "digits": lambda n: str(n - 140),
    "instants": lambda n: START + dt.timedelta(minutes=n),
    "texts of instants": lambda n: (START + dt.timedelta(minutes=n)).astimezone(ZONES[n % 5]).isoformat(),
    "dates": lambda n: dt.date(2024, 1, 1) + dt.timedelta(days=n),
    "texts": lambda n: f"k{n:03d}",
}
QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Crash(Exception):
    """The source breaks."""


@dataclass
class World:
    """A source that grows: rows with a number `n`, whose cursor `ts` comes from it, or None."""

    cursor: Callable[[int], Any]
    step: int  # 1: the cursor goes up; -1: down
    top: int = 150
    rows: list[dict[str, Any]] = field(default_factory=list)

    def grow(self, steps: list[int | None]) -> None:
        for step in steps:
            if step is not None:
                self.top += self.step * step
            n = None if step is None else self.top
            self.rows.append({"id": len(self.rows), "n": n, "ts": None if n is None else self.cursor(n)})

    def in_order(self, order: str | None, rng: random.Random) -> list[dict[str, Any]]:
        rows = list(self.rows)
        rng.shuffle(rows)
        if order is not None:
            rows.sort(key=lambda row: -1 if row["n"] is None else row["n"], reverse=order == "desc")
        return rows


def paged(rows: list[dict[str, Any]], form: str, rng: random.Random) -> Iterator[Any]:
    """Rows one by one, in pages and in tables of all sizes."""
    at = 0
    while at < len(rows):
        size = rng.choice([1, 1, 2, 5, 50])
        page, at = rows[at : at + size], at + size
        if form == "arrow":
            yield pa.Table.from_pylist(page)
        elif size == 1 and rng.random() < 0.5:
            yield page[0]
        else:
            yield page


def run(
    state: dict[str, Any],
    pages: list[Any],
    incremental: Any,
    *,
    limit: int | None = None,
    crash: bool = False,
    **hints: Any,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows that a run loads, and the state after it; rows and state of a run that breaks are not kept."""
    after = copy.deepcopy(state)

    @dlt.resource(name="r", **hints)
    def r(cursor: Any = incremental) -> Iterator[Any]:
        for number, page in enumerate(pages):
            if crash and number == len(pages) // 2:
                raise Crash
            yield page

    resource = r() if limit is None else r().add_limit(limit)
    loaded: list[dict[str, Any]] = []
    try:
        for _, item in evaluate([resource], state=after):
            for one in items_of(item):
                loaded += one.to_pylist() if isinstance(one, pa.Table) else [one]
    except ResourceError:
        return [], state
    return loaded, after


@QUIET
@given(data=st.data())
@pytest.mark.parametrize("form", ["dict", "arrow"])
@pytest.mark.parametrize("cursor", CURSORS)
def test_appended_rows_come_exactly_once(cursor: str, form: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    goes_up, order = data.draw(st.booleans()), data.draw(st.sampled_from([None, None, "asc", "desc"]))
    world = World(CURSORS[cursor], 1 if goes_up else -1)
    state: dict[str, Any] = {}
    loaded: Counter[int] = Counter()

    def once(*, limit: int | None = None, crash: bool = False) -> list[dict[str, Any]]:
        nonlocal state
        incremental = dlt.sources.incremental(
            "ts", last_value_func=max if goes_up else min, row_order=order, on_cursor_value_missing="exclude"
        )
        pages = list(paged(world.in_order(order, rng), form, rng))
        rows, state = run(state, pages, incremental, limit=limit, crash=crash)
        loaded.update(row["id"] for row in rows)
        return rows

    for _ in range(data.draw(st.integers(1, 4))):
        world.grow(data.draw(st.lists(st.sampled_from([0, 0, 1, 2, None]), max_size=8)))
        once(
            limit=data.draw(st.sampled_from([None, None, 1, 2])), crash=data.draw(st.sampled_from([False, False, True]))
        )
    once()

    assert loaded == {row["id"]: 1 for row in world.rows if row["n"] is not None}
    before = copy.deepcopy(state)
    assert once() == []
    assert state == before
    assert len(json.dumps(state, default=str)) < 8_000


@QUIET
@given(data=st.data())
@pytest.mark.parametrize("form", ["dict", "arrow"])
def test_merged_rows_end_in_their_last_version(form: str, data: st.DataObject) -> None:
    """Rows change, also back to what they were, and get the newest cursor, or keep theirs while it is still the last; with
    and without lag. What has not changed is not merged again."""
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    options: dict[str, Any] = {"lag": data.draw(st.sampled_from([None, 0, 1, 3]))}
    if data.draw(st.booleans()):
        options["primary_key"] = "id"
    state: dict[str, Any] = {}
    table: dict[int, dict[str, Any]] = {}
    rows: dict[int, dict[str, Any]] = {}
    top = 0
    changes = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 1]), st.integers(0, 1)), max_size=5)
    for _ in range(data.draw(st.integers(1, 6))):
        for key, step, version in data.draw(changes):
            top += step
            rows[key] = {"id": key, "ts": top, "version": version}
        shuffled = rng.sample(list(rows.values()), len(rows))
        limit, crash = data.draw(st.sampled_from([None, None, 1])), data.draw(st.sampled_from([False, False, True]))
        for how in ({"limit": limit, "crash": crash}, {}):
            incremental = dlt.sources.incremental("ts", **options)
            pages = list(paged(shuffled, form, rng))
            loaded, state = run(state, pages, incremental, write_disposition="merge", primary_key="id", **how)
            table |= {row["id"]: row for row in loaded}
        assert table == rows

    if not options["lag"]:
        loaded, again = run(state, [list(rows.values())], incremental, write_disposition="merge", primary_key="id")
        assert (loaded, again) == ([], state)


@QUIET
@given(data=st.data())
@pytest.mark.parametrize("form", ["dict", "arrow"])
def test_back_fills_of_neighbouring_ranges_load_each_row_once(form: str, data: st.DataObject) -> None:
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    rows = [{"id": number, "ts": rng.randint(0, 20)} for number in range(data.draw(st.integers(0, 30)))]
    edges = sorted({-1, 21, *data.draw(st.lists(st.integers(0, 20), max_size=4))})
    range_start, range_end = data.draw(st.sampled_from([("closed", "open"), ("open", "closed")]))
    order = data.draw(st.sampled_from([None, "asc", "desc"]))
    if order is not None:
        rows.sort(key=lambda row: row["ts"], reverse=order == "desc")
    loaded: Counter[int] = Counter()
    for start, end in pairwise(edges):
        incremental = dlt.sources.incremental(
            "ts", initial_value=start, end_value=end, range_start=range_start, range_end=range_end, row_order=order
        )
        found, state = run({}, list(paged(rows, form, rng)), incremental)
        loaded.update(row["id"] for row in found)
        assert "incremental" not in json.dumps(state)

    assert loaded == {row["id"]: 1 for row in rows}


@pytest.mark.parametrize("form", ["dict", "arrow"])
@pytest.mark.parametrize("more", [0, 1, 30, 500])
def test_many_rows_of_one_cursor_value_come_once(form: str, more: int) -> None:
    """More of them than the state can name; new ones come after those that are known."""
    rng = random.Random(more)
    rows = [{"id": number, "ts": 7} for number in range(3_000)]
    loaded, state = run({}, list(paged(rows, form, rng)), dlt.sources.incremental("ts"))
    assert len(loaded) == 3_000
    assert len(json.dumps(state)) < 6_000
    new = [{"id": 3_000 + number, "ts": 7} for number in range(more)]
    if more <= 30:  # then the order does not matter
        rng.shuffle(rows)
    loaded, state = run(state, list(paged(rows + new, form, rng)), dlt.sources.incremental("ts"))
    assert sorted(row["id"] for row in loaded) == [row["id"] for row in new]
    loaded, again = run(state, list(paged(rows + new, form, rng)), dlt.sources.incremental("ts"))
    assert (loaded, again) == ([], state)


def asking(last: Callable[[], int], asked: list[int]) -> Iterator[int]:
    """The numbers of a service that answers with the three after the last one, up to 9."""
    while (value := last()) < 9:
        asked.append(value)
        for more in (1, 2, 3):
            yield value + more


@pytest.mark.parametrize("mapped", [False, True], ids=["plain", "mapped"])
@pytest.mark.parametrize("marked", [False, True], ids=["bare", "marked"])
@pytest.mark.parametrize("how", ["rows", "async", "parallel"])
def test_a_generator_that_asks_for_what_follows_the_last_value(how: str, marked: bool, mapped: bool) -> None:
    """`last_value` knows the row that was yielded right before, however rows travel."""
    asked: list[int] = []
    since = dlt.sources.incremental("id", initial_value=0)

    def row(number: int) -> Any:
        found = {"id": number}
        return dlt.mark.with_table_name(found, "t") if marked else found

    def rows(cursor: Any = since) -> Iterator[Any]:
        yield from map(row, asking(lambda: cursor.last_value, asked))

    async def rows_async(cursor: Any = since) -> Any:
        for number in asking(lambda: cursor.last_value, asked):
            yield row(number)

    function = rows_async if how == "async" else rows
    resource = dlt.resource(function, name="t", parallelized=how == "parallel")
    if mapped:
        resource.add_map(lambda item: item)
    found = [one["id"] for _, item in evaluate([resource], state={}) for one in items_of(item)]

    assert (found, asked) == ([*range(1, 10)], [0, 3, 6])


KEYED = {"write_disposition": "merge", "primary_key": "id"}
OTHERS: dict[str, dict[str, Any]] = {
    "merge key": {"write_disposition": "merge", "primary_key": "id", "merge_key": "ts"},
    "a column marked as merge key": {**KEYED, "columns": {"ts": {"merge_key": True}}},
    "a column decides which row wins": {**KEYED, "columns": {"ts": {"dedup_sort": "desc"}}},
    "scd2": {"write_disposition": {"disposition": "merge", "strategy": "scd2"}, "primary_key": "id"},
    "a key of nothing": KEYED,
}


@pytest.mark.parametrize("case", OTHERS)
def test_rows_that_decide_together_are_all_merged_again(case: str) -> None:
    """There a row that has not changed cannot be left out while another one of its group is merged."""
    page = [{"id": 1, "ts": 5}, {"id": 2, "ts": 5}]
    options = {"primary_key": ()} if case == "a key of nothing" else {}
    state: dict[str, Any] = {}
    for _ in range(3):
        loaded, state = run(state, [page], dlt.sources.incremental("ts", **options), **OTHERS[case])
        assert loaded == page


def test_a_row_comes_again_after_another_version_of_it() -> None:
    """The last one wins, also when it is the one that was there before."""
    old, new = {"id": 1, "ts": 5, "v": "old"}, {"id": 1, "ts": 5, "v": "new"}
    loaded, state = run({}, [[old]], dlt.sources.incremental("ts"), **KEYED)
    assert loaded == [old]
    for pages, wanted in (([[old]], []), ([[new, old]], [new, old]), ([[new], [old]], [new, old]), ([[new]], [new])):
        loaded, _ = run(state, pages, dlt.sources.incremental("ts"), **KEYED)
        assert loaded == wanted
    _, state = run(state, [[new, old]], dlt.sources.incremental("ts"), **KEYED)
    assert run(state, [[old]], dlt.sources.incremental("ts"), **KEYED)[0] == []
    assert run(state, [[new]], dlt.sources.incremental("ts"), **KEYED)[0] == [new]
