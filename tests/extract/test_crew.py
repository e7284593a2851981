"""What ends an evaluation early: nothing is waited for that can be ended at once, everything is closed. And what else
than generators can be asynchronous."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from itertools import count
from threading import Event
from typing import Any

import pytest

import dlt
from dlt.errors import ResourceError
from dlt.extract import crew
from dlt.extract.evaluate import evaluate


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PATIENCE", 60.0)


async def rows() -> AsyncIterator[int]:
    for number in count():
        yield number


async def row(number: int) -> int:
    return number


def coroutines() -> Iterator[Any]:
    yield from (row(number) for number in count())


@pytest.mark.parametrize("make", [rows, coroutines])
def test_coroutines_that_have_not_begun(make: Any) -> None:
    begun = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a coroutine that nobody awaits warns
        for _ in range(5):
            items: Any = iter(dlt.resource(make, name="rows"))
            next(items)
            items.close()
        gc.collect()

    assert time.monotonic() - begun < 30


@pytest.mark.parametrize("parallel", [False, True])
def test_all_generators_are_closed_though_one_of_them_fails(parallel: bool) -> None:
    closed: list[str] = []

    def made(name: str) -> Any:
        def rows() -> Iterator[int]:
            try:
                yield from count()
            finally:
                closed.append(name)
                if name == "b":
                    raise ValueError("boom")

        return dlt.resource(rows, name=name, parallelized=parallel)

    items: Any = iter(dlt.source(lambda: [made(name) for name in "abc"], name="rows")())
    for _ in range(6):
        next(items)

    with pytest.raises(ResourceError, match="boom") as failed:
        items.close()
    assert (failed.value.resource, failed.value.kind) == ("b", "generator")
    assert sorted(closed) == ["a", "b", "c"]


class Numbers:
    """An asynchronous iterator that needs to be begun."""

    def __aiter__(self) -> Numbers:
        self.number = 0
        return self

    async def __anext__(self) -> int:
        self.number += 1
        if self.number > 2:
            raise StopAsyncIteration
        return self.number


class Iterable:
    """Gives a new asynchronous generator each time."""

    def __aiter__(self) -> AsyncIterator[int]:
        return few()


async def few() -> AsyncIterator[int]:
    yield 1
    yield 2


async def page() -> list[int]:
    return [1, 2]


async def generator() -> AsyncIterator[int]:
    return few()


ASYNC: dict[str, tuple[Any, bool]] = {  # what makes the data, and whether it gives its items again
    "iterator": (Numbers, False),
    "iterable": (Iterable, True),
    "generator": (few, False),
    "coroutine": (page, False),
    "function": (lambda: few, True),
    "function of a page": (lambda: page, True),
    "function of a generator": (lambda: generator, True),
}


@pytest.mark.parametrize("name", ASYNC)
def test_asynchronous_data(name: str) -> None:
    make, again = ASYNC[name]
    resource = dlt.resource(make(), name="rows")

    assert list(resource) == [1, 2]
    assert resource.exhausted == (not again)
    if again:
        assert list(resource) == [1, 2]


# ---- cleaning up


def rows_with_clean_up(kind: str, clean: Any, begun: Event | None = None) -> Any:
    """A resource of endless rows; `clean` is called when it is closed. begun: set with the first row."""
    begun = begun or Event()

    async def waited() -> Any:
        try:
            while True:
                begun.set()
                yield {"id": 1}
                await asyncio.sleep(0.001)
        finally:
            await asyncio.sleep(0.01)
            clean()

    def plain() -> Any:
        try:
            while True:
                begun.set()
                yield {"id": 1}
        finally:
            clean()

    return dlt.resource(waited if kind == "async" else plain, name="rows", parallelized=kind == "parallel")


@pytest.mark.parametrize("kind", ["plain", "parallel", "async"])
def test_cleaning_up_is_not_cut_short(kind: str) -> None:
    cleaned: list[bool] = []
    assert len(list(rows_with_clean_up(kind, lambda: cleaned.append(True)).add_limit(2))) == 2
    assert cleaned == [True]


@pytest.mark.parametrize("kind", ["plain", "parallel", "async"])
def test_cleaning_up_that_fails(kind: str) -> None:
    with pytest.raises(ResourceError, match=r"rows.*ZeroDivisionError"):
        list(rows_with_clean_up(kind, lambda: 1 // 0).add_limit(2))


@pytest.mark.parametrize("kind", ["plain", "parallel", "async"])
def test_cleaning_up_that_fails_does_not_hide_what_failed_before(kind: str) -> None:
    begun = Event()

    @dlt.resource
    def broken() -> Any:
        yield {"id": 2}
        assert begun.wait(5)
        raise RuntimeError("boom")

    with pytest.raises(ResourceError, match="boom") as caught:
        list(evaluate([rows_with_clean_up(kind, lambda: 1 // 0, begun), broken()]))
    assert "ZeroDivisionError" in "".join(caught.value.__notes__)
