"""Evaluation in threads and in the event loop: what may be parallel, bounds, order, errors, closing, settings."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError, ResourceError
from dlt.extract.evaluate import evaluate
from dlt.extract.pipe import items_of

WAIT = 20.0  # seconds until a test that hangs fails


def items(*resources: Any, **options: Any) -> list[Any]:
    return [one for _, item in evaluate(resources, **options) for one in items_of(item)]


def numbers(count: int) -> Any:
    return dlt.resource([{"n": number} for number in range(count)], name="numbers")


# ---- what may be yielded


@dlt.defer
def deferred(number: int) -> dict[str, int]:
    return {"n": number}


async def coroutine(number: int) -> dict[str, int]:
    await asyncio.sleep(0)
    return {"n": number}


async def generated(number: int) -> AsyncIterator[dict[str, int]]:
    await asyncio.sleep(0)
    yield {"n": number}


ITEMS: dict[str, Callable[[int], Any]] = {"deferred": deferred, "coroutine": coroutine, "async generator": generated}


@pytest.mark.parametrize("name", ITEMS)
@pytest.mark.parametrize("paged", [False, True])
def test_2_3_items_that_are_made_later(name: str, paged: bool) -> None:
    make = ITEMS[name]

    def rows() -> Iterator[Any]:
        if paged:
            yield [make(0), make(1), make(2)]
        else:
            yield from (make(number) for number in range(3))

    found = items(dlt.resource(rows))

    assert sorted(row["n"] for row in found) == [0, 1, 2]


@pytest.mark.parametrize("name", ITEMS)
def test_2_3_transformers_whose_items_are_made_later(name: str) -> None:
    make = ITEMS[name]
    fed = numbers(50) | dlt.transformer(lambda item: make(item["n"]), name="later")

    assert sorted(row["n"] for row in items(fed)) == list(range(50))


def test_2_3_what_is_made_later_keeps_its_mark_and_goes_through_the_steps() -> None:
    def rows() -> Iterator[Any]:
        yield dlt.mark.with_table_name(deferred(1), "other")
        yield dlt.mark.with_table_name(coroutine(2), "other")

    made = dlt.resource(rows).add_map(lambda item: {"n": item["n"] * 10})

    found = [item for _, item in evaluate([made])]

    assert sorted((item.meta.table_name, item.data["n"]) for item in found) == [("other", 10), ("other", 20)]


@dlt.defer
def nothing() -> None:
    return None


@dlt.defer
def several() -> list[int]:
    return [1, 2]


@dlt.defer
def opened() -> Iterator[int]:
    return iter([1, 2])


@dlt.defer
def again() -> Any:
    return several()


@pytest.mark.parametrize(
    ("make", "found"),
    [(nothing, []), (several, [1, 2]), (opened, [1, 2]), (again, [1, 2])],
    ids=["nothing", "several", "opened", "again"],
)
def test_2_3_results_are_opened_like_items(make: Any, found: list[int]) -> None:
    assert items(dlt.resource(lambda: iter([make()]), name="r")) == found


ROOTS: dict[str, Callable[[], Any]] = {
    "async generator function": lambda: dlt.resource(thousand, name="r"),
    "async generator": lambda: dlt.resource(thousand(), name="r"),
    "coroutine function": lambda: dlt.resource(page, name="r"),
    "parallel generator function": lambda: dlt.resource(plain, name="r", parallelized=True),
    "parallel generator": lambda: dlt.resource(plain(), name="r", parallelized=True),
    "parallel async generator function": lambda: dlt.resource(thousand, name="r", parallelized=True),
}


async def thousand() -> AsyncIterator[dict[str, int]]:
    for number in range(1000):
        yield {"n": number}


async def page() -> list[dict[str, int]]:
    return [{"n": number} for number in range(1000)]


def plain() -> Iterator[dict[str, int]]:
    for number in range(1000):
        yield {"n": number}


@pytest.mark.parametrize("name", ROOTS)
def test_2_9_rows_of_one_generator_stay_in_order(name: str) -> None:
    made = ROOTS[name]()

    assert [row["n"] for row in made] == list(range(1000))
    assert made.filtered == 0


@pytest.mark.parametrize("name", [name for name in ROOTS if name != "coroutine function"])
@pytest.mark.parametrize("limit", [0, 1, 7, 999, 1001])
def test_2_2_limits_are_exact_elsewhere_too(name: str, limit: int) -> None:
    assert [row["n"] for row in ROOTS[name]().add_limit(limit)] == list(range(min(limit, 1000)))


def test_2_9_async_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    @dlt.source
    async def waiting() -> Any:
        await asyncio.sleep(0)
        return dlt.resource(plain, name="rows")

    async def inside() -> list[Any]:
        return list(waiting())

    assert len(list(waiting())) == 1000
    assert len(asyncio.run(inside())) == 1000


def test_one_dict_filled_again_and_again() -> None:
    async def reusing() -> AsyncIterator[dict[str, int]]:
        row = {"n": 0}
        for number in range(300):
            row["n"] = number
            yield row

    assert [row["n"] for row in dlt.resource(reusing)] == list(range(300))


# ---- at the same time


def meeting(parties: int) -> threading.Barrier:
    """Where so many threads meet; fails when they do not."""
    return threading.Barrier(parties, timeout=WAIT)


def test_2_3_parallel_resources_run_at_the_same_time() -> None:
    barrier = meeting(3)

    def slow() -> Iterator[int]:
        for number in range(3):
            barrier.wait()
            yield number

    made = [dlt.resource(slow, name=name, parallelized=True) for name in "abc"]

    assert sorted(items(*made)) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_2_3_generators_that_are_not_parallel_run_in_the_calling_thread() -> None:
    def where() -> Iterator[bool]:
        yield threading.current_thread() is threading.main_thread()

    assert items(dlt.resource(where, name="a"), dlt.resource(where, name="b", parallelized=True)) == [True, False]


@pytest.mark.parametrize("kind", ["plain", "generator", "deferred"])
def test_2_3_parallel_transformers_run_at_the_same_time(kind: str) -> None:
    barrier = meeting(5)

    def returns(item: Any) -> int:
        barrier.wait()
        return int(item["n"])

    def yields(item: Any) -> Iterator[int]:
        barrier.wait()
        yield int(item["n"])

    made = {
        "plain": lambda: dlt.transformer(returns, name="t", parallelized=True),
        "generator": lambda: dlt.transformer(yields, name="t", parallelized=True),
        "deferred": lambda: dlt.transformer(dlt.defer(returns), name="t"),
    }[kind]()

    assert sorted(items(numbers(10) | made)) == list(range(10))


def test_2_3_async_transformers_wait_at_the_same_time() -> None:
    waiting = 0
    most = 0

    async def later(item: Any) -> int:
        nonlocal waiting, most
        waiting += 1
        most = max(most, waiting)
        await asyncio.sleep(0.01)
        waiting -= 1
        return int(item["n"])

    assert sorted(items(numbers(100) | dlt.transformer(later))) == list(range(100))
    assert most == 20


def test_2_3_no_more_is_asked_for_than_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRACT__MAX_PARALLEL_ITEMS", "4")
    monkeypatch.setenv("EXTRACT__WORKERS", "2")
    asked = ended = ahead = 0
    names = set()

    def feed() -> Iterator[dict[str, int]]:
        nonlocal asked, ahead
        for number in range(50):
            asked += 1
            ahead = max(ahead, asked - ended)
            yield {"n": number}

    def work(item: Any) -> int:
        nonlocal ended
        names.add(threading.current_thread().name)
        ended += 1
        return int(item["n"])

    assert sorted(items(dlt.resource(feed) | dlt.transformer(dlt.defer(work), name="t"))) == list(range(50))
    assert ahead <= 6
    assert len(names) <= 2


def test_2_3_what_a_parallel_generator_becomes_is_drained_first() -> None:
    made = 0
    gone = 0
    ahead = 0

    def feed() -> Iterator[list[int]]:
        nonlocal made, ahead
        for number in range(30):
            made += 1
            ahead = max(ahead, made - gone)
            yield [number]

    def parts(item: int) -> Iterator[int]:
        nonlocal gone
        yield item
        gone += 1

    fed = dlt.resource(feed, parallelized=True).add_yield_map(parts)

    assert items(fed) == list(range(30))
    assert ahead <= 3


@pytest.mark.parametrize("kind", ["async", "thread"])
@pytest.mark.parametrize("most", ["1", "2", "20"])
def test_2_3_what_many_generators_become_does_not_stop_them(
    monkeypatch: pytest.MonkeyPatch, kind: str, most: str
) -> None:
    monkeypatch.setenv("EXTRACT__MAX_PARALLEL_ITEMS", most)

    async def several(item: Any) -> AsyncIterator[list[int]]:
        for number in range(3):
            await asyncio.sleep(0)
            yield [item["n"], number]

    def plainly(item: Any) -> Iterator[list[int]]:
        for number in range(3):
            yield [item["n"], number]

    made = dlt.transformer(several if kind == "async" else plainly, name="t", parallelized=kind == "thread")

    found = items(numbers(50) | made.add_yield_map(lambda value: iter([value, value])))

    assert sorted(found) == sorted([n for n in range(50) for _ in range(6)] + [0, 0, 1, 1, 2, 2] * 50)


@pytest.mark.parametrize("limit", [1, 5])
def test_2_3_limits_and_what_items_become(limit: int) -> None:
    async def feed() -> AsyncIterator[list[int]]:
        for number in range(100):
            yield [number]

    made = dlt.resource(feed).add_yield_map(lambda value: iter([value, value]))

    assert items(made.add_limit(limit)) == [number // 2 for number in range(limit)]


def test_2_3_contexts_reach_threads_and_loop() -> None:
    @dlt.transformer(parallelized=True)
    def in_thread(item: Any) -> Any:
        return {"name": dlt.current.resource_name(), "source": dlt.current.source().name}

    @dlt.transformer
    async def in_loop(item: Any) -> Any:
        return {"name": dlt.current.resource_name(), "source": dlt.current.source().name}

    @dlt.source
    def both() -> Any:
        feed = numbers(2)
        return feed | in_thread, feed | in_loop

    found = sorted(((row["name"], row["source"]) for row in both()), key=str)

    assert found == [("in_loop", "both")] * 2 + [("in_thread", "both")] * 2


# ---- order


@pytest.mark.parametrize(("mode", "order"), [("round_robin", "a0 b0 a1 b1"), ("fifo", "a0 a1 b0 b1")])
def test_2_3_next_item_mode(monkeypatch: pytest.MonkeyPatch, mode: str, order: str) -> None:
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", mode)

    def two(name: str) -> Any:
        return dlt.resource(lambda: ([f"{name}{number}"] for number in range(2)), name=name)

    assert items(two("a"), two("b")) == order.split()


def test_2_3_fifo_ends_a_parallel_resource_before_the_next() -> None:
    made = [dlt.resource(plain, name=name, parallelized=True).add_map(lambda row, name=name: name) for name in "ab"]

    assert "".join(items(*made, mode="fifo")) == "a" * 1000 + "b" * 1000


def test_2_3_settings_below_the_section_of_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRACT__NEXT_ITEM_MODE", "round_robin")
    monkeypatch.setenv("SOURCES__MINE__EXTRACT__NEXT_ITEM_MODE", "fifo")

    @dlt.source(section="mine")
    def source() -> Any:
        return [dlt.resource([[f"{name}0"], [f"{name}1"]], name=name) for name in "ab"]

    assert list(source()) == ["a0", "a1", "b0", "b1"]


@pytest.mark.parametrize(("copies", "seen"), [("true", [1, 1]), ("false", [2, 3])])
def test_2_3_copy_on_fork(monkeypatch: pytest.MonkeyPatch, copies: str, seen: list[int]) -> None:
    monkeypatch.setenv("EXTRACT__COPY_ON_FORK", copies)

    def more(item: Any) -> Any:
        item["list"].append(0)
        return len(item["list"]) - 1

    feed = dlt.resource([{"list": [0]}], name="feed", selected=False)
    feed.selected = False

    assert items(feed | dlt.transformer(more, name="a"), feed | dlt.transformer(more, name="b")) == [
        number if copies == "true" else number - 1 for number in seen
    ]


@pytest.mark.parametrize(
    ("key", "value"), [("NEXT_ITEM_MODE", "lifo"), ("WORKERS", "0"), ("MAX_PARALLEL_ITEMS", "none")]
)
def test_2_3_wrong_settings(monkeypatch: pytest.MonkeyPatch, key: str, value: str) -> None:
    monkeypatch.setenv(f"EXTRACT__{key}", value)

    with pytest.raises(ConfigError, match=key.lower()):
        items(numbers(1))


# ---- errors and closing


def raising(item: Any) -> Any:
    if item["n"] == 2:
        raise ValueError("boom")
    return item


async def raising_later(item: Any) -> Any:
    return raising(item)


async def raising_generator(item: Any) -> AsyncIterator[Any]:
    yield raising(item)


def raising_rows(item: Any) -> Iterator[Any]:
    yield raising(item)


FAILING: dict[str, tuple[Callable[[], Any], str]] = {
    "parallel": (lambda: numbers(4) | dlt.transformer(raising, name="t", parallelized=True), "future"),
    "parallel generator": (
        lambda: numbers(4) | dlt.transformer(raising_rows, name="t", parallelized=True),
        "generator",
    ),
    "coroutine": (lambda: numbers(4) | dlt.transformer(raising_later, name="t"), "future"),
    "async generator": (lambda: numbers(4) | dlt.transformer(raising_generator, name="t"), "generator"),
    "deferred": (lambda: numbers(4) | dlt.transformer(dlt.defer(raising), name="t"), "future"),
    "transformer": (lambda: numbers(4) | dlt.transformer(raising, name="t"), "transform"),
    "map": (lambda: numbers(4).with_name("t").add_map(raising), "transform"),
    "filter": (lambda: numbers(4).with_name("t").add_filter(raising), "transform"),
    "yield map": (lambda: numbers(4).with_name("t").add_yield_map(raising_rows), "transform"),
}


@pytest.mark.parametrize("name", FAILING)
def test_c13_errors_name_resource_step_item_and_line(name: str) -> None:
    make, kind = FAILING[name]

    with pytest.raises(ResourceError, match="boom") as failed:
        items(make())

    error = failed.value
    assert (error.pipe, error.kind) == ("t", kind)
    assert error.step.startswith("raising")
    assert f"{__file__}:" in error.line
    assert isinstance(error.__cause__, ValueError)
    if name != "deferred":
        assert error.item == "{'n': 2}"


def test_2_3_futures_of_another_loop_are_refused() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(ResourceError, match="made a Future"):
            items(dlt.resource([loop.create_future()], name="r"))
    finally:
        loop.close()


@pytest.mark.parametrize("kind", ["sync", "parallel", "async"])
def test_2_3_whatever_ends_the_evaluation_closes_generators(kind: str) -> None:
    closed, begun = threading.Event(), threading.Event()

    def endless() -> Iterator[dict[str, int]]:
        begun.set()
        try:
            while True:
                yield {"n": 1}
        finally:
            closed.set()

    async def waiting() -> AsyncIterator[dict[str, int]]:
        begun.set()
        try:
            while True:
                await asyncio.sleep(0)
                yield {"n": 1}
        finally:
            closed.set()

    made = dlt.resource(waiting if kind == "async" else endless, name="r", parallelized=kind == "parallel")

    def bad() -> Iterator[dict[str, int]]:
        begun.wait(WAIT)
        yield {"n": 2}

    with pytest.raises(ResourceError, match="boom"):
        items(made, dlt.resource(bad).add_map(raising))
    assert closed.wait(WAIT)


def test_2_3_a_generator_that_is_closed_early_is_not_pulled_again() -> None:
    pulled = 0

    def counting() -> Iterator[list[int]]:
        nonlocal pulled
        for number in range(10):
            pulled += 1
            yield [number]

    assert items(dlt.resource(counting, parallelized=True).add_limit(3)) == [0, 1, 2]
    assert pulled == 3


def test_threads_end_with_the_evaluation() -> None:
    before = set(threading.enumerate())

    items(numbers(20) | dlt.transformer(dlt.defer(lambda item: item), name="a"), dlt.resource(thousand, name="b"))

    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(WAIT)
    assert not [thread.name for thread in left if thread.is_alive()]
