"""Where independent pieces of work run: one after the other, or in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs work over items and yields the results in order; at most `limit` items are under way."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item], *, limit: int) -> Iterator[Result]: ...


class Serial:
    """One after the other, in this thread."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item], *, limit: int = 1) -> Iterator[Result]:  # noqa: ARG002
        return map(work, items)


class Threads:
    """In a pool of threads."""

    def map(self, work: Callable[[Item], Result], items: Iterable[Item], *, limit: int) -> Iterator[Result]:
        with ThreadPoolExecutor(limit, thread_name_prefix="dlt-load") as pool:
            running: deque[Future[Result]] = deque()
            for item in items:
                running.append(pool.submit(copy_context().run, work, item))
                if len(running) >= limit:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
