"""Evaluation: pull items from the generators of a group of resources through their steps and transformers.

Plain rows that a generator yields one by one travel as pages, so that nothing is called per row. What a transformer or
a step yields is drained before its generator is asked again, so memory stays bounded and the order is kept. Deferred
calls, coroutines, async and parallel generators are given to a crew; what it makes is taken in the order it comes.
"""

from __future__ import annotations

import copy
import operator
import time
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from dlt.errors import DltError, ResourceError
from dlt.extract.crew import Crew, Mode, Task, close_all, how_to
from dlt.extract.hints import merge_hints
from dlt.extract.marks import DataItemWithMeta, HintsMeta, MadeBefore, MaterializedEmptyList
from dlt.extract.nodes import Node, graph_of
from dlt.extract.pipe import PER_ITEM, Limit, Step, items_of, kind_of, rows_in
from dlt.extract.running import Running, by_table, is_row
from dlt.extract.state import ACTIVE, State
from dlt.items import JsonRows, PagedRows, RefusedRows

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

Out = list[tuple["DltResource", Any]]
ROW_BY_ROW = ("map", "filter", "yield_map", "raw", "validate", "metrics")  # steps that are code for rows


def evaluate(
    resources: Sequence[DltResource],
    *,
    state: State | None = None,
    source: DltSource | None = None,
    mode: Mode | None = None,
) -> Generator[tuple[DltResource, Any]]:
    """The items of these resources, each with the resource it belongs to; the pipes they need run too.

    An item is a row, a list of rows, an Arrow table or frame, or one of these with a mark. `state` is the state of the
    pipeline, which the code of the user reads and changes; `mode` goes before the setting `extract.next_item_mode`.
    `resource.filtered` counts the rows dropped by filters, by limits and as None. Code that fails raises ResourceError;
    whatever ends the iteration, generators are closed.
    """
    owner = source or next(iter(resources), None)
    how = how_to(getattr(owner, "section", None) or "", getattr(owner, "name", ""))
    crew = Crew(how)
    fifo = (mode or how.next_item_mode) == "fifo"
    lines = [Line(root, crew) for root in graph_of(resources, {} if state is None else state, source)]
    running = [line for line in lines if not line.root.closed]
    error: BaseException | None = None
    try:
        while running:
            idle = True
            for line in running[:1] if fifo else tuple(running):
                if not line.begun:
                    line.begin()
                while crew.busy and (result := crew.take(block=False)) is not None:
                    yield from result[0].line.receive(*result)
                if line.stack and (line.parked or not crew.busy or crew.open < how.max_parallel_items):
                    idle = False
                    yield from line.advance()
                if not (line.stack or line.tasks):
                    yield from line.finish()
                if not (line.stack or line.tasks):
                    idle = False
                    running.remove(line)
            if idle and (result := crew.take(block=True)) is not None:
                yield from result[0].line.receive(*result)
    except BaseException as raised:
        error = raised
        raise
    finally:
        try:
            close_all([crew.close, *(line.close for line in lines)])
        except Exception as trouble:
            if error is None or isinstance(error, GeneratorExit):
                raise
            error.add_note(f"What was to be cleaned up failed as well: {trouble}")
        finally:
            del error  # its traceback has this frame


def items_one_by_one(resources: Sequence[DltResource], source: DltSource | None = None) -> Generator[Any]:
    """The items without their resources, pages opened."""
    with closing(evaluate(resources, source=source)) as found:
        for _, item in found:
            yield from items_of(item)


class Line:
    """A generator and all that hangs on it. The top of the stack is what is pulled next."""

    def __init__(self, root: Node, crew: Crew) -> None:
        self.root = root
        self.crew = crew
        self.begun = False
        self.stack: list[Running] = []
        self.tasks = 0  # that the crew has
        self.parked: list[tuple[int, Task]] = []  # generators that go on when the stack is as small as this again
        self.out: Out = []
        self.unfinished = [
            (root, False)
        ]  # nodes whose incremental has not moved on, and whether rows for it were left out

    def begin(self) -> None:
        """Open the generator, or let the crew do it."""
        self.begun = True
        running = Running(self.root, None, 0, self.root.pipe.steps[0].name)
        if self.root.pipe.parallel and not is_async(self.root.pipe.gen):
            self.crew.add(Task(self, self.root, 0, running.name, running.pull_apart, running=running))
        else:
            self.stack.append(running)

    def close(self) -> None:
        stack, self.stack = self.stack, []
        close_all([running.close for running in reversed(stack)])

    def advance(self) -> Out:
        """Pull once; what came out of it."""
        running = self.stack[-1]
        node = running.node
        token = ACTIVE.set(node.active)
        try:
            try:
                items, more = running.pull()
            except DltError:
                raise
            except Exception as cause:
                raise node.failed(running.kind, running.name, cause, running.item()) from cause
            if not more:
                self.stack.pop()
            self.take_in(running, items)
            if node.closed and running.iterator is not None:
                running.close()
        finally:
            ACTIVE.reset(token)
        return self.passed()

    def receive(self, task: Task, value: Any, error: BaseException | None) -> Out:
        """What the crew made; what came out of it."""
        node, running = task.node, task.running
        if error is not None:
            self.crew.done(task)
            if isinstance(error, DltError) or not isinstance(error, Exception):
                raise error
            raise node.failed(task.kind, task.name, error, task.item) from error
        token = ACTIVE.set(node.active)
        try:
            if running is None:
                self.crew.done(task)
                node.before = None
                if task.meta is None and kind_of(type(value)) == "iterator":
                    self.open(node, value, task.at, task.item)
                else:
                    self.arrive(node, value, task.meta, task.at)
            else:
                items, more = value
                depth = len(self.stack)
                self.take_in(running, items)
                if not more or node.closed or node.ended:
                    self.crew.done(task)
                elif len(self.stack) > depth:
                    self.parked.append((depth, task))
                else:
                    self.crew.again(task)
        finally:
            ACTIVE.reset(token)
        return self.passed()

    def passed(self) -> Out:
        """What came out since this was asked last."""
        if self.parked:
            self.go_on()
        out, self.out = self.out, []
        return out

    def go_on(self) -> None:
        for pair in tuple(self.parked):
            if len(self.stack) <= pair[0]:
                self.parked.remove(pair)
                if pair[1].node.closed or pair[1].node.ended:
                    self.crew.done(pair[1])
                else:
                    self.crew.again(pair[1])

    def take_in(self, running: Running, items: list[Any]) -> None:
        node = running.node
        if node.limit.max_time is not None and not node.started:
            node.started = time.monotonic()
        node.before = running.before
        self.feed(running, items)
        if node.ended:
            self.end(node)
        if node.closed:
            self.stop(node)

    def finish(self) -> Out:
        """Nothing is left to pull: let the incrementals move on, from the root down. What they held back may bring more."""
        while self.unfinished and not (self.stack or self.tasks):
            node, cut = self.unfinished.pop(0)
            tracker = node.incremental.tracker if node.incremental is not None else None
            cut = cut or (node.closed and not (tracker is not None and tracker.done))
            self.unfinished += [(child, cut) for child in node.children]
            if tracker is None:
                continue
            token = ACTIVE.set(node.active)
            node.limit, node.closed = Limit(), False  # what was held back came before the limit was reached
            try:
                for item, mark in tracker.finish(limited=cut):
                    node.dropped(-rows_in(item))
                    self.flow(node, item, mark, _place(node, "incremental") + 1)
            finally:
                ACTIVE.reset(token)
            node.pipe.metrics["incremental"] = [dict(tracker.metrics)]
        out, self.out = self.out, []
        return out

    def end(self, node: Node) -> None:
        """Ask for no more rows: none of those to come would be new. What was let through goes on."""
        at = _place(node, "incremental")
        for running in self.stack:
            if running.node is node and running.at <= at:
                running.close()
        self.stack = [running for running in self.stack if running.node is not node or running.at > at]

    def stop(self, node: Node) -> None:
        for running in self.stack:
            if running.node is node:
                running.close()
        self.stack = [running for running in self.stack if running.node is not node]

    def feed(self, running: Running, items: list[Any]) -> None:
        node, at = running.node, running.at
        if running.by_page and items:
            kinds = set(map(type, items))
            if types.NoneType in kinds:
                kinds.discard(types.NoneType)
                count = len(items)
                items = [item for item in items if item is not None]
                node.dropped(count - len(items))
            only = kinds.pop() if len(kinds) == 1 else None
            if only is not None and kind_of(only) == "row":
                self.flow(node, items, None, at, merged=True)
                return
            if only is DataItemWithMeta and (groups := by_table(items)) is not None:
                for mark, rows in groups.items():
                    self.flow(node, rows, mark, at, merged=True)
                return
            running.by_page = all(map(is_row, items))
        for count, item in enumerate(items, 1):
            depth = len(self.stack)
            self.arrive(node, item, None, at)
            if len(self.stack) > depth and count < len(items):  # what it opened is drained before the next one
                rest = Running(node, iter(items[count:]), at, running.name, running.kind)
                rest.by_page = rest.copies = False
                self.stack.insert(depth, rest)
                return

    def arrive(self, node: Node, item: Any, meta: Any, at: int, *, merged: bool = False) -> None:
        """Look at what came: rows, pages and tables flow on, the rest is opened first."""
        match kind_of(type(item)):
            case "table" if isinstance(item, PagedRows) and needs_rows(node, at, type(item)):
                self.arrive(node, item.pages(), meta, at)
            case "row" | "table":
                self.flow(node, item, meta, at)
            case "page":
                self.page(node, item, meta, at, merged=merged)
            case "none" if isinstance(meta, HintsMeta):
                self.emit(node, [], meta)
            case "none":
                node.dropped(1)
            case "mark":
                self.arrive(node, item.data, item.meta, at)
            case "iterator":
                self.open(node, item if meta is None else (DataItemWithMeta(meta, one) for one in item), at)
            case "resource":
                running = Running(node, None, at, item.name)
                running.iterator = running.inside(item)
                self.stack.append(running)
            case "call":
                self.crew.add(Task(self, node, at, named(item), item, meta=meta, item=item))
            case "async":
                self.later(node, item, meta, at)

    def open(self, node: Node, iterator: Iterator[Any], at: int, item: Any = None, kind: str = "generator") -> None:
        """Pull an iterator before anything else; that of a parallel transformer in a thread."""
        running = Running(node, iterator, at, named(iterator), kind, item=lambda: item)
        if node.pipe.parallel and node.pipe.is_transformer and not at:
            self.crew.add(Task(self, node, at, running.name, running.pull_apart, running=running, item=item))
        else:
            self.stack.append(running)

    def later(self, node: Node, made: Any, meta: Any, at: int, item: Any = None) -> None:
        """Let the crew wait for a coroutine, or pull an async generator."""
        name = named(made)
        if isinstance(made, AsyncIterator):
            running = Running(node, aiter(made), at, name)
            self.crew.add(Task(self, node, at, name, running.pull_async, waits=True, running=running, item=item))
        elif isinstance(made, types.CoroutineType):
            self.crew.add(Task(self, node, at, name, lambda: made, waits=True, meta=meta, item=item))
        else:
            raise ResourceError(
                f"The resource {node.pipe.name!r} made a {type(made).__name__}, which only its own event loop can wait for.",
                resource=node.pipe.name,
                hint="yield a coroutine or an async generator",
            )

    def page(self, node: Node, item: list[Any], meta: Any, at: int, *, merged: bool) -> None:
        """A page of rows flows as it is; None goes, and tables, marks, generators in it go their own way."""
        if isinstance(item, (MaterializedEmptyList, RefusedRows)):
            self.emit(node, item, meta)
            return
        if type(item) is not list:  # one of a class of its own, as a page of an API
            item = list(item)
        kinds = {kind: kind_of(kind) for kind in set(map(type, item))}
        whole = ("row",) if merged else ("row", "page")  # a list in a page is a row, as the values of a scalar column
        if all(kind in whole for kind in kinds.values()):
            self.flow(node, item, meta, at, merged=merged)
            return
        if meta is None and not {"iterator", "resource"}.isdisjoint(kinds.values()):
            running = Running(node, iter(item), at, node.pipe.steps[0].name)
            running.by_page = running.copies = False  # each is drained before the next one is looked at
            self.stack.append(running)
            return
        for plain, group in groupby(item, lambda value: kinds[type(value)] in whole):
            if plain:
                self.flow(node, list(group), meta, at, merged=merged)
            else:
                for value in group:
                    self.arrive(node, value, meta, at)

    def flow(self, node: Node, item: Any, meta: Any, at: int, *, merged: bool = False) -> None:
        """Take an item through the steps; `merged`: a page made of rows that were yielded one by one."""
        for position in range(at, len(node.steps)):
            step = node.steps[position]
            if step.kind == "limit":
                if not self.admitted(node, item, merged=merged):
                    return
                continue
            if node.closed and step.kind == "incremental" and self.left_out(node, item, position):
                return
            rows = len(item) if type(item) is list else -1
            try:
                item = _APPLY[step.kind](step, item, meta, node)
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", step.name, cause, item) from cause
            if node.refused is not None:
                self.refuse(node)
            if item is None:
                node.dropped(1)
                return
            if rows > 0 and type(item) is list and step.kind in PER_ITEM:
                node.dropped(rows - len(item))
                if not item:
                    return
            if step.kind == "yield_map":
                made, culprit = item
                self.stack.append(Running(node, made, position + 1, step.name, "transform", item=culprit))
                return
            if step.kind in ("map", "raw"):
                self.arrive(node, item, meta, position + 1, merged=merged)
                return
        self.emit(node, item, meta)

    def left_out(self, node: Node, item: Any, at: int) -> bool:
        """Whether the limit that follows will not let an item pass: then the cursor must not move past it."""
        if not any(step.kind == "limit" for step in node.steps[at:]):
            return False
        if node.incremental is not None and node.incremental.tracker is not None:
            node.incremental.tracker.pass_over(item)
        node.dropped(rows_in(item))
        return True

    def refuse(self, node: Node) -> None:
        """Rows that a model did not let in go to the quarantine of their table; they do not count as filtered."""
        refused, node.refused = node.refused, None
        if node.resource is not None and refused is not None:
            self.out.append((node.resource, refused))
            node.dropped(-len(refused))

    def admitted(self, node: Node, item: Any, *, merged: bool) -> bool:
        limit = node.limit
        if node.closed:
            node.dropped(rows_in(item))
            return False
        node.pulled += rows_in(item) if limit.count_rows or merged else 1
        if limit.max_items is not None and node.pulled >= limit.max_items:
            node.closed = True
        if limit.max_time is not None and time.monotonic() - node.started > limit.max_time:
            node.closed = True
        return True

    def emit(self, node: Node, item: Any, meta: Any) -> None:
        if type(item) is list and not item:
            if isinstance(meta, HintsMeta) and node.resource is not None:
                self.out.append((node.resource, DataItemWithMeta(meta, item)))
            return
        if node.resource is not None:
            if node.before is not None:
                meta = meta or MadeBefore(node.before)
            self.out.append((node.resource, item if meta is None else DataItemWithMeta(meta, item)))
        for child in node.children:
            if type(item) is list or kind_of(type(item)) != "page":
                self.call(child, copy.deepcopy(item) if node.forks and self.crew.how.copy_on_fork else item, meta)

    def call(self, node: Node, item: Any, meta: Any) -> None:
        """Give an item to a transformer."""
        pipe = node.pipe
        kwargs = {**node.kwargs, "meta": meta} if pipe.steps[0].with_meta else node.kwargs
        work = partial(pipe.gen, item, *node.args, **kwargs)
        if pipe.parallel and not is_async(pipe.gen):
            self.crew.add(Task(self, node, 0, pipe.steps[0].name, work, item=item))
            return
        token = ACTIVE.set(node.active)
        try:
            try:
                made = work()
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", pipe.steps[0].name, cause, item) from cause
            match kind_of(type(made)):
                case "none":
                    pass
                case "iterator":
                    self.open(node, made, 0, item)
                case "async":
                    self.later(node, made, None, 0, item)
                case _:
                    self.arrive(node, made, None, 0)
        finally:
            ACTIVE.reset(token)


def needs_rows(node: Node, at: int, kind: type) -> bool:
    """Whether code of the user looks at the items of a node after this step, or an incremental at what has no columns."""
    tracker = node.incremental.tracker if node.incremental is not None else None
    by_call = tracker is not None and (tracker.newest is None or kind is JsonRows)
    return bool(node.children) or by_call or any(step.kind in ROW_BY_ROW for step in node.steps[at:])


def named(item: Any) -> str:
    """The name of a function or generator, else its type."""
    if isinstance(item, partial):
        item = item.func
    return getattr(item, "__name__", None) or type(item).__name__


def is_async(function: Any) -> bool:
    """True for an async function or generator: the event loop runs it, no thread."""
    import inspect

    while isinstance(function, partial):
        function = function.func
    return (
        isinstance(function, (AsyncIterator, Awaitable))
        or inspect.iscoroutinefunction(function)
        or inspect.isasyncgenfunction(function)
    )


def _at(item: list[Any], left: Iterator[Any]) -> Any:
    """The row of a page that was taken last from its iterator."""
    return item[len(item) - operator.length_hint(left) - 1]


def _each(step: Step, item: list[Any], node: Node, work: Callable[[Iterator[Any]], list[Any]]) -> list[Any]:
    """Work through a page; an error says at which row."""
    rows = iter(item)
    try:
        return work(rows)
    except DltError:
        raise
    except Exception as cause:
        raise node.failed("transform", step.name, cause, _at(item, rows)) from cause


def _map(step: Step, item: Any, meta: Any, node: Node) -> Any:
    call = step.call
    if type(item) is not list:
        return call(item, meta) if step.with_meta else call(item)
    if step.with_meta:
        return _each(step, item, node, lambda rows: [made for row in rows if (made := call(row, meta)) is not None])
    return _each(step, item, node, lambda rows: [made for row in rows if (made := call(row)) is not None])


def _filter(step: Step, item: Any, meta: Any, node: Node) -> Any:
    call = step.call
    if type(item) is list:
        if step.with_meta:
            return _each(step, item, node, lambda rows: [row for row in rows if call(row, meta)])
        return _each(step, item, node, lambda rows: [row for row in rows if call(row)])
    if call(item, meta) if step.with_meta else call(item):
        return item
    node.dropped(rows_in(item) - 1)
    return None


def _yield_map(step: Step, item: Any, meta: Any, _node: Node) -> tuple[Iterator[Any], Callable[[], Any]]:
    """What the function yields for each row, and a function that tells for which row it does so now."""
    call = step.call
    values: list[Any] = item if type(item) is list else [item]
    rows = iter(values)
    if step.with_meta:
        return (made for row in rows for made in call(row, meta) or ()), lambda: _at(values, rows)
    return (made for row in rows for made in call(row) or ()), lambda: _at(values, rows)


def _raw(step: Step, item: Any, meta: Any, _node: Node) -> Any:
    return step.call(item, meta) if step.with_meta else step.call(item)


def _tables(step: Step, item: Any, meta: Any, node: Node) -> Any:
    kept = step.call(item, meta)
    if kept is None and type(item) is not list:
        node.dropped(rows_in(item) - 1)
    return kept


def _metrics(step: Step, item: Any, meta: Any, node: Node) -> Any:
    step.call(item, meta, node.pipe.metrics)
    return item


def _validate(step: Step, item: Any, meta: Any, node: Node) -> Any:
    """By the model that the resource has now; an item that brings its own is checked where its hints are taken over."""
    if kind_of(type(item)) == "table":
        return item
    hints = node.before or (node.resource._hints if node.resource is not None else {"validator": step.call})  # noqa: SLF001
    model = hints.get("validator")
    if isinstance(meta, HintsMeta) and "validator" in meta.hints:
        if not meta.create_table_variant:
            node.model = model, merge_hints(hints, meta.hints).get("validator")
        return item
    if node.model is not None and node.model[0] == model:  # the mark is still on its way
        model = node.model[1]
    if model is None:
        return item
    rows = item if type(item) is list else [item]
    models, node.refused = model(rows, node.validated)
    node.validated += len(rows)
    if model.grows and node.resource is not None:
        node.resource.declare(model.columns(models))
    good = model.rows(models)
    return good if rows is item else next(iter(good), None)


def _place(node: Node, kind: str) -> int:
    return next(place for place, step in enumerate(node.steps) if step.kind == kind)


def _incremental(_step: Step, item: Any, meta: Any, node: Node) -> Any:
    tracker = node.incremental.tracker if node.incremental is not None else None
    if tracker is None:
        return item
    before = tracker.metrics["unfiltered_items_count"]
    left = tracker.admit(item, meta)
    if tracker.done and not node.pipe.is_transformer:
        node.ended = True
    if type(item) is list:
        return [] if left is None and item else left
    node.dropped(tracker.metrics["unfiltered_items_count"] - before - (1 if left is None else rows_in(left)))
    return left


_APPLY = {
    "incremental": _incremental,
    "map": _map,
    "filter": _filter,
    "yield_map": _yield_map,
    "raw": _raw,
    "metrics": _metrics,
    "validate": _validate,
    "tables": _tables,
}
