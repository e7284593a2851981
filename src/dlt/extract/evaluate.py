"""Evaluation: pull items from the generators of a group of resources through their steps and transformers.

Plain rows that a generator yields one by one travel as pages, so that nothing is called per row. What a transformer or
a step yields is drained before its generator is asked again, so memory stays bounded and the order is kept.
"""

from __future__ import annotations

import time
import types
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from dlt.errors import DltError, NotBuilt
from dlt.extract.marks import DataItemWithMeta, MadeBefore
from dlt.extract.nodes import Node, graph_of
from dlt.extract.pipe import PER_ITEM, Step, kind_of, rows_in
from dlt.extract.running import Running, by_table, is_row
from dlt.extract.state import ACTIVE, State

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

Out = list[tuple["DltResource", Any]]


def evaluate(
    resources: Sequence[DltResource],
    *,
    state: State | None = None,
    source: DltSource | None = None,
    mode: Literal["round_robin", "fifo"] = "round_robin",
) -> Iterator[tuple[DltResource, Any]]:
    """The items of these resources, each with the resource it belongs to; the pipes they need run too.

    An item is a row, a list of rows, an Arrow table or frame, or one of these with a mark. `state` is the state of the
    pipeline, which the code of the user reads and changes. `resource.filtered` counts the rows dropped by filters, by
    limits and as None. Code that fails raises ResourceError; whatever ends the iteration, generators are closed.
    """
    lines = [_Line(root) for root in graph_of(resources, {} if state is None else state, source)]
    running = [line for line in lines if line.stack]
    try:
        while running:
            for line in running[:1] if mode == "fifo" else tuple(running):
                yield from line.advance()
                if not line.stack:
                    running.remove(line)
    finally:
        for line in lines:
            line.close()


class _Line:
    """A generator and all that hangs on it. The top of the stack is what is pulled next."""

    def __init__(self, root: Node) -> None:
        self.stack = [] if root.closed else [Running(root, None, 0, root.pipe.steps[0].name)]
        self.out: Out = []

    def close(self) -> None:
        while self.stack:
            self.stack.pop().close()

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
                raise node.failed(running.kind, running.name, cause) from cause
            if not more:
                self.stack.pop()
            if node.limit.max_time is not None and not node.started:
                node.started = time.monotonic()
            self.feed(running, items)
            if node.closed:
                self.stop(node)
                if running.iterator is not None:
                    running.close()
        finally:
            ACTIVE.reset(token)
        out, self.out = self.out, []
        return out

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
        for item in items:
            self.arrive(node, item, None, at)

    def arrive(self, node: Node, item: Any, meta: Any, at: int, *, merged: bool = False) -> None:
        """Look at what came: rows, pages and tables flow on, the rest is opened first."""
        match kind_of(type(item)):
            case "row" | "table":
                self.flow(node, item, meta, at)
            case "page":
                self.page(node, item, meta, at, merged=merged)
            case "none":
                node.dropped(1)
            case "mark":
                self.arrive(node, item.data, item.meta, at)
            case "iterator":
                self.stack.append(Running(node, item, at, getattr(item, "__name__", type(item).__name__)))
            case "resource":
                running = Running(node, None, at, item.name)
                running.iterator = running.inside(item)
                self.stack.append(running)
            case "call":
                raise NotBuilt("Deferred items (dlt.defer, functions as items) are not built yet.", step=node.pipe.name)
            case "async":
                if (close := getattr(item, "close", None)) is not None:
                    close()  # a coroutine that nobody awaits warns
                raise NotBuilt("Async generators and coroutines are not built yet.", step=node.pipe.name)

    def page(self, node: Node, item: list[Any], meta: Any, at: int, *, merged: bool) -> None:
        """A page of rows flows as it is; None goes, and tables, marks, generators in it go their own way."""
        if type(item) is not list:  # says "make the table"
            self.emit(node, item, meta)
            return
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
            rows = len(item) if type(item) is list else -1
            try:
                item = _APPLY[step.kind](step, item, meta, node)
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", step.name, cause) from cause
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
                self.stack.append(Running(node, item, position + 1, step.name, "transform"))
                return
            if step.kind in ("map", "raw"):
                self.arrive(node, item, meta, position + 1, merged=merged)
                return
        self.emit(node, item, meta)

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
            return
        if node.resource is not None:
            if node.before is not None:
                meta = meta or MadeBefore(node.before)
            self.out.append((node.resource, item if meta is None else DataItemWithMeta(meta, item)))
        for child in node.children:
            if type(item) is list or kind_of(type(item)) != "page":
                self.call(child, item, meta)

    def call(self, node: Node, item: Any, meta: Any) -> None:
        pipe = node.pipe
        token = ACTIVE.set(node.active)
        try:
            kwargs = {**node.kwargs, "meta": meta} if pipe.steps[0].with_meta else node.kwargs
            try:
                made = pipe.gen(item, *node.args, **kwargs)
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", pipe.steps[0].name, cause) from cause
            if made is not None:
                self.arrive(node, made, None, 0)
        finally:
            ACTIVE.reset(token)


def _map(step: Step, item: Any, meta: Any, _node: Node) -> Any:
    call = step.call
    if type(item) is not list:
        return call(item, meta) if step.with_meta else call(item)
    if step.with_meta:
        return [made for value in item if (made := call(value, meta)) is not None]
    return [made for value in item if (made := call(value)) is not None]


def _filter(step: Step, item: Any, meta: Any, node: Node) -> Any:
    call = step.call
    if type(item) is list:
        if step.with_meta:
            return [value for value in item if call(value, meta)]
        return [value for value in item if call(value)]
    if call(item, meta) if step.with_meta else call(item):
        return item
    node.dropped(rows_in(item) - 1)
    return None


def _yield_map(step: Step, item: Any, meta: Any, _node: Node) -> Iterator[Any]:
    call = step.call
    values: Iterable[Any] = item if type(item) is list else (item,)
    if step.with_meta:
        return (made for value in values for made in call(value, meta) or ())
    return (made for value in values for made in call(value) or ())


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


def _validate(step: Step, item: Any, _meta: Any, node: Node) -> Any:
    if kind_of(type(item)) == "table":
        return item
    rows = item if type(item) is list else [item]
    good, node.refused = step.call(rows, node.validated)
    node.validated += len(rows)
    return good if rows is item else next(iter(good), None)


_APPLY = {
    "map": _map,
    "filter": _filter,
    "yield_map": _yield_map,
    "raw": _raw,
    "metrics": _metrics,
    "validate": _validate,
    "tables": _tables,
}
