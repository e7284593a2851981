"""Evaluation: pull items from the generators of a group of resources through their steps and transformers.

Plain rows that a generator yields one by one travel as pages, so that nothing is called per row. What a transformer or
a step yields is drained before its generator is asked again, so memory stays bounded and the order is kept.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, KeysView, Sequence, Set, ValuesView
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dlt.errors import DltError, NotBuilt, ResourceError
from dlt.extract.marks import DataItemWithMeta
from dlt.extract.pipe import PER_ITEM, Limit, Pipe, Step, kind_of, rows_in
from dlt.extract.state import ACTIVE, Active, State, active_pipeline

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

PAGE = 1000  # rows pulled at once at most
PACKAGE = str(Path(__file__).parent.parent)
GROUPS = (tuple, Set, range, KeysView, ValuesView)  # what a function may return in the place of a list

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
    lines = [_Line(root) for root in _graph(resources, {} if state is None else state, source)]
    running = list(lines)
    try:
        while running:
            for line in running[:1] if mode == "fifo" else tuple(running):
                yield from line.advance()
                if not line.stack:
                    running.remove(line)
    finally:
        for line in lines:
            line.close()


class _Node:
    """One pipe of the evaluation."""

    __slots__ = ("active", "by_page", "children", "closed", "limit", "pipe", "pulled", "resource", "started", "steps")

    def __init__(self, pipe: Pipe, active: Active) -> None:
        self.pipe = pipe
        self.active = active
        self.resource: DltResource | None = None  # set when the items are wanted
        self.children: list[_Node] = []
        limits = [] if pipe.is_transformer else [step.call for step in pipe.steps if step.kind == "limit"]
        self.limit: Limit = limits[-1] if limits else Limit()
        self.steps = [step for step in pipe.steps[1:] if step.kind != "limit" or step.call is self.limit]
        self.by_page = False
        self.pulled = 0  # items or rows that reached the limit
        self.started = 0.0
        self.closed = self.limit.max_items == 0

    def dropped(self, rows: int) -> None:
        if self.resource is not None:
            self.resource.filtered += rows

    def failed(self, kind: str, step: str, cause: Exception) -> ResourceError:
        return ResourceError(
            f"In resource {self.pipe.name!r} the {kind} {step!r} raised {type(cause).__name__}: {cause}",
            resource=self.pipe.name,
            pipe=self.pipe.name,
            kind=kind,
            step=step,
            line=line_of(cause),
        )


def line_of(cause: BaseException) -> str | None:
    found, trace = None, cause.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if not name.startswith(PACKAGE) and "site-packages" not in name:
            found = f"{name}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}"
        trace = trace.tb_next
    return found


def _graph(resources: Sequence[DltResource], state: State, source: DltSource | None) -> list[_Node]:
    """The nodes of the pipes without parent; those of transformers hang below what feeds them."""
    pipeline = active_pipeline()
    name = source.name if source else getattr(pipeline, "default_schema_name", None) or "dlt"
    schema = source.schema if source else None
    known = {resource._pipe: resource for resource in (source.resources.values() if source else resources)}  # noqa: SLF001
    nodes: dict[Pipe, _Node] = {}
    roots: list[_Node] = []

    def node_of(pipe: Pipe) -> _Node:
        node = nodes.get(pipe)
        if node is None:
            node = nodes[pipe] = _Node(pipe, Active(name, state, schema, source, pipe, known.get(pipe)))
            if pipe.parent is not None:
                node_of(pipe.parent).children.append(node)
            elif pipe.is_transformer:
                raise ResourceError(
                    f"The transformer {pipe.name!r} has no data.",
                    resource=pipe.name,
                    hint="give it data_from=, or feed it: resource | transformer",
                )
            else:
                roots.append(node)
        return node

    for resource in resources:
        resource.filtered = 0
        node_of(resource._pipe).resource = resource  # noqa: SLF001
    for node in nodes.values():
        _check_bound(node.pipe)
        plain = all(step.kind in PER_ITEM or step.kind == "limit" for step in node.steps)
        node.by_page = plain and not node.children and node.limit.max_time is None
    return roots


def _check_bound(pipe: Pipe) -> None:
    from dlt.extract.signatures import missing_arguments

    if pipe.args is None and (names := missing_arguments(pipe.gen, 1 if pipe.is_transformer else 0)):
        kind = "transformer" if pipe.is_transformer else "resource"
        raise ResourceError(
            f"The {kind} {pipe.name!r} needs arguments: {', '.join(names)}.",
            resource=pipe.name,
            hint=f"call it: {pipe.name}({', '.join(name + '=...' for name in names)})",
        )


class _Running:
    """An iterator that is being pulled, and the step of its node to which its items go."""

    __slots__ = ("at", "by_page", "first", "iterator", "name", "node", "reused", "total")

    def __init__(self, node: _Node, iterator: Iterator[Any] | None, at: int, name: str) -> None:
        self.node = node
        self.iterator = iterator  # None: the generator of the pipe, not opened yet
        self.at = at
        self.name = name
        self.by_page = node.by_page
        self.total = 0
        self.first: Any = None
        self.reused = False  # the generator yields the same dict again and again

    def pull(self) -> tuple[list[Any], bool]:
        """The next items, and whether there may be more."""
        if self.iterator is None:
            self.iterator = self.open()
        size = min(self.total or 1, PAGE) if self.by_page else 1
        limit = self.node.limit.max_items
        if limit is not None and size > 1:
            size = max(1, min(size, limit - self.node.pulled))
        items = list(islice(self.iterator, size))
        if self.total < 2 and items:
            self.guard(items)
        self.total += len(items)
        if self.reused:
            items = [dict(item) if type(item) is dict else item for item in items]
        return items, len(items) == size

    def guard(self, items: list[Any]) -> None:
        """A generator that fills one dict again and again: hand out copies, or all rows would be the last one."""
        if self.total == 0:
            self.first = items[0]
            if type(items[0]) is dict:
                items[0] = dict(items[0])
        elif items[0] is self.first and type(items[0]) is dict:
            self.reused, self.by_page = True, False

    def open(self) -> Iterator[Any]:
        pipe = self.node.pipe
        made = pipe.gen
        if callable(made):
            made = made(*(pipe.args or ()), **pipe.kwargs)
            if kind_of(type(made)) == "resource":
                return (item for _, item in evaluate([made], state=self.node.active.state))
            if not isinstance(made, (Iterator, GROUPS)) or hasattr(made, "_fields"):
                return iter((made,))
        elif isinstance(made, (list, tuple)):
            self.total = PAGE  # nothing is gained by asking for a few first
        elif isinstance(made, Iterator):
            pipe.once.spent = True
        return iter(made)

    def close(self) -> None:
        if (close := getattr(self.iterator, "close", None)) is not None:
            close()


class _Line:
    """A generator and all that hangs on it. The top of the stack is what is pulled next."""

    def __init__(self, root: _Node) -> None:
        self.stack = [] if root.closed else [_Running(root, None, 0, root.pipe.steps[0].name)]
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
                raise node.failed("generator", running.name, cause) from cause
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

    def stop(self, node: _Node) -> None:
        for running in self.stack:
            if running.node is node:
                running.close()
        self.stack = [running for running in self.stack if running.node is not node]

    def feed(self, running: _Running, items: list[Any]) -> None:
        node, at = running.node, running.at
        if running.by_page and items:
            kinds = set(map(type, items))
            if type(None) in kinds:
                kinds.discard(type(None))
                count = len(items)
                items = [item for item in items if item is not None]
                node.dropped(count - len(items))
            if len(kinds) == 1 and kind_of(next(iter(kinds))) == "row":
                self.flow(node, items, None, at, merged=True)
                return
            running.by_page = not kinds
        for item in items:
            self.arrive(node, item, None, at)

    def arrive(self, node: _Node, item: Any, meta: Any, at: int, *, merged: bool = False) -> None:
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
                self.stack.append(_Running(node, item, at, getattr(item, "__name__", type(item).__name__)))
            case "resource":
                items = (found for _, found in evaluate([item], state=node.active.state))
                self.stack.append(_Running(node, items, at, item.name))
            case "call":
                raise NotBuilt("Deferred items (dlt.defer, functions as items) are not built yet.", step=node.pipe.name)
            case "async":
                raise NotBuilt("Async generators and coroutines are not built yet.", step=node.pipe.name)

    def page(self, node: _Node, item: list[Any], meta: Any, at: int, *, merged: bool) -> None:
        """A page of rows flows as it is; None goes, and tables, marks, generators in it go their own way."""
        if type(item) is not list:  # says "make the table"
            self.emit(node, item, meta)
            return
        kinds = {kind: kind_of(kind) for kind in set(map(type, item))}
        if all(kind in ("row", "page") for kind in kinds.values()):
            self.flow(node, item, meta, at, merged=merged)
            return
        for plain, group in groupby(item, lambda value: kinds[type(value)] in ("row", "page")):
            if plain:
                self.flow(node, list(group), meta, at, merged=merged)
            else:
                for value in group:
                    self.arrive(node, value, meta, at)

    def flow(self, node: _Node, item: Any, meta: Any, at: int, *, merged: bool = False) -> None:
        """Take an item through the steps; `merged`: a page made of rows that were yielded one by one."""
        for position in range(at, len(node.steps)):
            step = node.steps[position]
            if step.kind == "limit":
                if not self.admitted(node, item, merged=merged):
                    return
                continue
            rows = len(item) if type(item) is list else -1
            try:
                item = _APPLY[step.kind](step, item, meta, node)  # noqa: PLW2901
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", step.name, cause) from cause
            if item is None:
                node.dropped(1)
                return
            if rows > 0 and type(item) is list and step.kind in PER_ITEM:
                node.dropped(rows - len(item))
                if not item:
                    return
            if step.kind in ("map", "yield_map", "raw"):
                self.arrive(node, item, meta, position + 1, merged=merged)
                return
        self.emit(node, item, meta)

    def admitted(self, node: _Node, item: Any, *, merged: bool) -> bool:
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

    def emit(self, node: _Node, item: Any, meta: Any) -> None:
        if type(item) is list and not item:
            return
        if node.resource is not None:
            self.out.append((node.resource, item if meta is None else DataItemWithMeta(meta, item)))
        for child in node.children:
            if type(item) is list or kind_of(type(item)) != "page":
                self.call(child, item, meta)

    def call(self, node: _Node, item: Any, meta: Any) -> None:
        pipe = node.pipe
        token = ACTIVE.set(node.active)
        try:
            kwargs = {**pipe.kwargs, "meta": meta} if pipe.steps[0].with_meta else pipe.kwargs
            try:
                made = pipe.gen(item, *(pipe.args or ()), **kwargs)
            except DltError:
                raise
            except Exception as cause:
                raise node.failed("transform", pipe.steps[0].name, cause) from cause
            if made is not None:
                self.arrive(node, made, None, 0)
        finally:
            ACTIVE.reset(token)


def _map(step: Step, item: Any, meta: Any, _node: _Node) -> Any:
    call = step.call
    if type(item) is not list:
        return call(item, meta) if step.with_meta else call(item)
    if step.with_meta:
        return [made for value in item if (made := call(value, meta)) is not None]
    return [made for value in item if (made := call(value)) is not None]


def _filter(step: Step, item: Any, meta: Any, node: _Node) -> Any:
    call = step.call
    if type(item) is list:
        if step.with_meta:
            return [value for value in item if call(value, meta)]
        return [value for value in item if call(value)]
    if call(item, meta) if step.with_meta else call(item):
        return item
    node.dropped(rows_in(item) - 1)
    return None


def _yield_map(step: Step, item: Any, meta: Any, _node: _Node) -> Iterator[Any]:
    call = step.call
    values: Iterable[Any] = item if type(item) is list else (item,)
    if step.with_meta:
        return (made for value in values for made in call(value, meta) or ())
    return (made for value in values for made in call(value) or ())


def _raw(step: Step, item: Any, meta: Any, _node: _Node) -> Any:
    return step.call(item, meta) if step.with_meta else step.call(item)


def _tables(step: Step, item: Any, meta: Any, node: _Node) -> Any:
    kept = step.call(item, meta)
    if kept is None and type(item) is not list:
        node.dropped(rows_in(item) - 1)
    return kept


def _metrics(step: Step, item: Any, meta: Any, node: _Node) -> Any:
    step.call(item, meta, node.pipe.metrics)
    return item


def _validate(step: Step, item: Any, _meta: Any, _node: _Node) -> Any:
    if kind_of(type(item)) == "table":
        return item
    return step.call(item) if type(item) is list else step.call([item])[0]


_APPLY = {
    "map": _map,
    "filter": _filter,
    "yield_map": _yield_map,
    "raw": _raw,
    "metrics": _metrics,
    "validate": _validate,
    "tables": _tables,
}

