"""Crew: threads and an event loop in which items are made while others are evaluated."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, copy_context
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Literal

from dlt.config.settings import mentioned, setting
from dlt.errors import ConfigError
from dlt.extract.state import ACTIVE

if TYPE_CHECKING:
    from dlt.extract.evaluate import Line
    from dlt.extract.nodes import Node
    from dlt.extract.running import Running

PATIENCE = 1.0  # seconds that code in threads and in the loop has to end when the evaluation does
Mode = Literal["round_robin", "fifo"]


@dataclass(frozen=True, slots=True)
class How:
    """Settings of an evaluation: threads, items that are made at the same time, the order, whether forks copy."""

    workers: int = 5
    max_parallel_items: int = 20
    next_item_mode: str = "round_robin"
    copy_on_fork: bool = False


USUAL = How()


def how_to(section: str, name: str) -> How:
    """The settings of an evaluation; those below the section and the name of a source go before."""
    if not mentioned("extract"):
        return USUAL

    def found(option: str, default: Any) -> Any:
        return setting(
            f"sources.{section}.{name}.extract.{option}",
            f"sources.{section}.extract.{option}",
            f"sources.extract.{option}",
            f"extract.{option}",
            default=default,
        )

    made = How(
        workers=found("workers", 5),
        max_parallel_items=found("max_parallel_items", 20),
        next_item_mode=found("next_item_mode", "round_robin"),
        copy_on_fork=found("copy_on_fork", False),
    )
    if made.next_item_mode not in ("round_robin", "fifo"):
        raise ConfigError(
            f"{made.next_item_mode!r} is no order of items.",
            key="extract.next_item_mode",
            hint="use round_robin or fifo",
        )
    for option in ("workers", "max_parallel_items"):
        if getattr(made, option) < 1:
            raise ConfigError(f"{getattr(made, option)} is too few.", key=f"extract.{option}", hint="at least 1")
    return made


class Task:
    """What runs elsewhere: once, or, as the pulls of a generator, again and again."""

    __slots__ = (
        "abandoned",
        "at",
        "context",
        "item",
        "kind",
        "line",
        "meta",
        "name",
        "node",
        "run",
        "running",
        "trouble",
        "waits",
    )

    def __init__(
        self,
        line: Line,
        node: Node,
        at: int,
        name: str,
        run: Callable[[], Any],
        *,
        waits: bool = False,
        running: Running | None = None,
        meta: Any = None,
        item: Any = None,
    ) -> None:
        self.line, self.node, self.at, self.name, self.run = line, node, at, name, run
        self.waits = waits  # run() gives a coroutine
        self.running = running  # what is pulled
        self.kind = "future" if running is None else running.kind
        self.meta, self.item = meta, item
        self.abandoned = False
        self.trouble: Exception | None = None  # of closing what is pulled
        self.context: Context = copy_context()
        self.context.run(ACTIVE.set, node.active)

    @property
    def is_root(self) -> bool:
        """Whether this is the generator of a resource, and not of one item."""
        return self.running is not None and not self.at and not self.node.pipe.is_transformer


class Crew:
    """Runs tasks in so many threads and one event loop; both start with the first task that needs them.

    At most `max_parallel_items` run at once, the others wait. What they make waits until it is taken.
    """

    def __init__(self, how: How) -> None:
        self.how = how
        self.busy = 0  # tasks that run, or whose result was not taken
        self.open = 0  # tasks that are not done, without those of generators of resources
        self.waiting: deque[Task] = deque()
        self.running: dict[Task, None] = {}
        self.idle: dict[Task, None] = {}  # generators between two pulls
        self._done: SimpleQueue[tuple[Task, Any, BaseException | None]] = SimpleQueue()
        self._calls: SimpleQueue[Task | None] = SimpleQueue()
        self._threads: list[Thread] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread: Thread | None = None
        self._awaited: set[asyncio.Task[None]] = set()
        self._closing: set[asyncio.Task[None]] = set()  # these are not cancelled
        self._troubles: list[Exception] = []  # of closing what is pulled

    def add(self, task: Task) -> None:
        """Run a task as soon as there is room."""
        task.line.tasks += 1
        self.open += not task.is_root
        self.waiting.append(task)
        self._start()

    def again(self, task: Task) -> None:
        """Pull a generator again; one that was made for an item before others are begun."""
        if task.is_root:
            self.waiting.append(task)
        else:
            self.waiting.appendleft(task)
        self._start()

    def done(self, task: Task) -> None:
        """Nothing more comes of this task."""
        task.line.tasks -= 1
        self.open -= not task.is_root
        self.idle.pop(task, None)
        if task.running is not None:
            self.close_one(task.running)

    def take(self, *, block: bool) -> tuple[Task, Any, BaseException | None] | None:
        """The result of a task, or what it raised. None: there is none yet."""
        try:
            found = self._done.get(block=block)
        except Empty:
            return None
        self._ended(found[0])
        self._start()
        return found

    def _ended(self, task: Task) -> None:
        self.busy -= 1
        self.running.pop(task, None)
        if task.running is not None:
            self.idle[task] = None

    def _start(self) -> None:
        while self.waiting and self.busy < self.how.max_parallel_items:
            task = self.waiting.popleft()
            self.busy += 1
            self.running[task] = None
            self.idle.pop(task, None)
            if task.waits:
                self._in_loop(self._await, task)
                continue
            if len(self._threads) < min(self.how.workers, self.busy):
                thread = Thread(target=self._work, name=f"dlt-extract-threads-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._calls.put(task)

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            value: Any = None
            error: BaseException | None = None
            try:
                value = task.context.run(task.run)
            except BaseException as raised:  # noqa: BLE001 - it is raised again where the result is taken
                error = raised
            if task.abandoned and task.running is not None:
                try:
                    task.running.close()
                except Exception as raised:  # noqa: BLE001 - it is raised again where the evaluation ends
                    task.trouble = raised
            self._done.put((task, value, error))
            del task, value, error  # an idle thread keeps nothing

    def _in_loop(self, make: Callable[..., Coroutine[Any, Any, None]], argument: Any) -> None:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop_thread = Thread(target=_run, args=(self._loop,), name="dlt-extract-futures", daemon=True)
            self._loop_thread.start()

        def begin() -> None:
            assert self._loop is not None
            context = argument.context if isinstance(argument, Task) else None
            task = self._loop.create_task(make(argument), context=context)
            kept = self._closing if context is None else self._awaited
            kept.add(task)
            task.add_done_callback(kept.discard)
            if isinstance(argument, Task):
                task.add_done_callback(partial(self._unbegun, argument))

        self._loop.call_soon_threadsafe(begin)

    def _unbegun(self, task: Task, made: asyncio.Task[None]) -> None:
        """What is cancelled before it begins does not tell it itself."""
        if made.cancelled():
            if task.running is None:
                task.run().close()  # a coroutine that nobody awaits warns
            self._done.put((task, None, asyncio.CancelledError()))

    async def _await(self, task: Task) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = await task.run()
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the result is taken
            error = raised
        self._done.put((task, value, error))

    def close_one(self, running: Running) -> None:
        """Close a generator that is not being pulled."""
        if hasattr(running.iterator, "aclose"):
            self._in_loop(self._aclose, running)
        else:
            running.close()

    async def _aclose(self, running: Running) -> None:
        try:
            await running.iterator.aclose()
        except Exception as cause:  # noqa: BLE001 - it is raised again where the evaluation ends
            self._troubles.append(running.node.failed(running.kind, running.name, cause, running.item()))

    def close(self) -> None:
        """End everything: calls that run are waited for a moment, coroutines are cancelled, generators closed."""
        until = time.monotonic() + PATIENCE
        for task in self.waiting:
            if task.waits and task.running is None:
                task.run().close()  # a coroutine that nobody awaits warns
        self.waiting.clear()
        for _ in self._threads:
            self._calls.put(None)
        for task in self.running:
            task.abandoned = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel)
        while self.running:
            try:
                task, _, error = self._done.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            self._ended(task)
            if task.trouble is not None:
                self._troubles.append(task.trouble)
            elif task.running is not None and isinstance(error, Exception):
                self._troubles.append(task.node.failed(task.kind, task.name, error, task.item))
        closing = [partial(self.close_one, task.running) for task in self.idle if task.running is not None]
        close_all([*closing, partial(self._stop, until), self._tell])

    def _tell(self) -> None:
        if self._troubles:
            raise self._troubles[0]

    def _cancel(self) -> None:
        for task in tuple(self._awaited):
            task.cancel()

    def _stop(self, until: float) -> None:
        loop, thread = self._loop, self._loop_thread
        if loop is None or thread is None:
            return
        ended: SimpleQueue[None] = SimpleQueue()

        async def wait() -> None:
            others = self._awaited | self._closing
            if others:
                await asyncio.wait(others, timeout=max(0.05, until - time.monotonic()))
            await loop.shutdown_asyncgens()
            ended.put(None)

        loop.call_soon_threadsafe(lambda: loop.create_task(wait()))
        try:
            ended.get(timeout=PATIENCE)
        except Empty:
            return  # code that does not let itself be cancelled keeps the loop; its thread ends with the process
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def close_all(closers: Iterable[Callable[[], None]]) -> None:
    """Close one after the other; one that fails does not keep the others open, an interrupt does."""
    first: Exception | None = None
    for close in closers:
        try:
            close()
        except Exception as error:  # noqa: BLE001 - it is raised below
            first = first or error
    if first is not None:
        raise first
