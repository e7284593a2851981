"""BEHAVIOUR 2.3: the settings of `extract` hold in a run of a pipeline, for all sources or for one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import dlt

MADE: list[str] = []


def counting(name: str) -> Any:
    def rows() -> Iterator[Any]:
        for number in range(2):
            MADE.append(f"{name}{number}")
            yield [{"number": number}]

    return dlt.resource(rows, name=name)


@dlt.source(section="numbers")
def counted() -> Any:
    return counting("a"), counting("b")


def run(data: Any) -> None:
    MADE.clear()
    dlt.pipeline("settings", destination=dlt.destinations.memory(), dataset_name="data").run(data)


ORDERS = {
    "": "a0 b0 a1 b1",
    "EXTRACT__NEXT_ITEM_MODE": "a0 a1 b0 b1",
    "SOURCES__EXTRACT__NEXT_ITEM_MODE": "a0 a1 b0 b1",
    "SOURCES__NUMBERS__EXTRACT__NEXT_ITEM_MODE": "a0 a1 b0 b1",
    "SOURCES__NUMBERS__COUNTED__EXTRACT__NEXT_ITEM_MODE": "a0 a1 b0 b1",
    "SOURCES__OTHER__EXTRACT__NEXT_ITEM_MODE": "a0 b0 a1 b1",
}


@pytest.mark.parametrize("variable", ORDERS)
def test_next_item_mode(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    if variable:
        monkeypatch.setenv(variable, "fifo")

    run(counted())

    assert " ".join(MADE) == ORDERS[variable]


@pytest.mark.parametrize(("workers", "items", "most"), [(4, 20, 4), (1, 20, 1), (4, 2, 2), (4, 1, 1)])
def test_workers_and_max_parallel_items(monkeypatch: pytest.MonkeyPatch, workers: int, items: int, most: int) -> None:
    monkeypatch.setenv("EXTRACT__WORKERS", str(workers))
    monkeypatch.setenv("EXTRACT__MAX_PARALLEL_ITEMS", str(items))
    meeting = threading.Barrier(most)

    @dlt.resource
    def rows() -> Iterator[Any]:
        @dlt.defer
        def row(number: int) -> Any:
            meeting.wait(30)  # so many run at once, or this fails
            names.add(threading.current_thread().name)
            return {"number": number}

        yield from (row(number) for number in range(4))

    names: set[str] = set()
    run(rows())

    assert len(names) <= workers
    assert not meeting.broken
