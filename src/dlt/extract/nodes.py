"""Nodes: the pipes of one evaluation, as they feed each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import ResourceError
from dlt.extract.pipe import PER_ITEM, Limit, Pipe
from dlt.extract.state import ACTIVE, Active, State, active_pipeline

if TYPE_CHECKING:
    from dlt.extract.incremental import Incremental
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource
    from dlt.items import RefusedRows

PACKAGE = str(Path(__file__).parent.parent)
PYTHON = str(Path(contextlib.__file__).parent)


class Node:
    """One pipe of the evaluation."""

    __slots__ = (
        "active",
        "args",
        "before",
        "children",
        "closed",
        "ended",
        "incremental",
        "kwargs",
        "limit",
        "model",
        "paged_from",
        "pipe",
        "pulled",
        "refused",
        "resource",
        "started",
        "steps",
        "validated",
    )

    def __init__(self, pipe: Pipe, active: Active) -> None:
        self.pipe = pipe
        self.active = active
        self.resource: DltResource | None = None  # set when the items are wanted
        self.args: Sequence[Any] = pipe.args or ()  # for the function, with those of the configuration
        self.kwargs: Mapping[str, Any] = pipe.kwargs
        self.children: list[Node] = []
        limits = [] if pipe.is_transformer else [step.call for step in pipe.steps if step.kind == "limit"]
        self.limit: Limit = limits[-1] if limits else Limit()
        self.steps = [step for step in pipe.steps[1:] if step.kind != "limit" or step.call is self.limit]
        self.paged_from = 0  # from this step on rows may travel as pages
        self.before: Any = None  # hints of the resource when the items were pulled, if they have changed since
        self.pulled = 0  # items or rows that reached the limit
        self.model: tuple[Any, Any] | None = (
            None  # the model of the resource, and the one that a mark puts in its place
        )
        self.validated = 0  # rows that a model looked at
        self.refused: RefusedRows | None = None  # those that it did not let in, until they are on their way
        self.started = 0.0
        self.closed = self.limit.max_items == 0
        self.incremental: Incremental[Any] | None = None  # bound to this evaluation
        self.ended = False  # by the range of the incremental: no more rows are asked for

    def dropped(self, rows: int) -> None:
        if self.resource is not None:
            self.resource.filtered += rows

    @property
    def forks(self) -> bool:
        """Whether an item goes to several places."""
        return len(self.children) + (self.resource is not None) > 1

    def failed(self, kind: str, step: str, cause: Exception, item: Any = None) -> ResourceError:
        return ResourceError(
            f"In resource {self.pipe.name!r} the {kind} {step!r} raised {type(cause).__name__}: {cause}",
            resource=self.pipe.name,
            pipe=self.pipe.name,
            kind=kind,
            step=step,
            item=None if item is None else _shown(item),
            line=line_of(cause),
        )


def line_of(cause: BaseException) -> str | None:
    """The last line of the user's code in the traceback; where there is none, one of Python's own library."""
    found, others, trace = None, None, cause.__traceback__
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        line = f"{name}:{trace.tb_lineno} in {trace.tb_frame.f_code.co_name}"
        if not name.startswith(PACKAGE) and "site-packages" not in name:
            found, others = (found, line) if name.startswith(PYTHON) else (line, others)
        trace = trace.tb_next
    return found or others


def graph_of(resources: Sequence[DltResource], state: State, source: DltSource | None) -> list[Node]:
    """The nodes of the pipes without parent; those of transformers hang below what feeds them."""
    outer = ACTIVE.get()  # a resource that code of another one returned or yielded belongs to the source of that one
    name = source.name if source else outer.source_name if outer else None
    name = name or getattr(active_pipeline(), "default_schema_name", None) or "dlt"
    schema = source.schema if source else outer.schema if outer else None
    known = {resource._pipe: resource for resource in (source.resources.values() if source else resources)}  # noqa: SLF001
    nodes: dict[Pipe, Node] = {}
    roots: list[Node] = []

    def node_of(pipe: Pipe) -> Node:
        node = nodes.get(pipe)
        if node is None:
            node = nodes[pipe] = Node(
                pipe, Active(name, state, schema, source, pipe, known.get(pipe) or _unlisted(pipe))
            )
            if pipe.parent is not None:
                node_of(pipe.feeder() if pipe.before else pipe.parent).children.append(node)
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
    _attach(nodes, None if source is None or source.gathered else source.section)
    for node in nodes.values():
        node.paged_from = _paged_from(node)
    _configure(nodes.values(), None if source is None or source.gathered else source.section)
    return roots


def _attach(nodes: Mapping[Pipe, Node], section: str | None) -> None:
    """Bind the incrementals to the state, before anything runs."""
    from dlt.extract.attach import attach

    for pipe, node in nodes.items():
        above: Pipe | None = pipe
        limited = False
        while above is not None:
            limit = nodes[above].limit
            limited |= limit.max_items is not None or limit.max_time is not None
            above = above.parent
        attach(node, section, limited=limited)


def _configure(nodes: Iterable[Node], section: str | None) -> None:
    """Give the functions what they take from the configuration: once, before anything runs. section: of the source.
    Raises ConfigError with all that is missing."""
    from dlt.config.inject import Call, asked_by, fill

    calls = []
    for node in nodes:
        pipe = node.pipe
        if (asked := asked_by(pipe.gen, *pipe.spec)) is None:
            continue
        own = section or getattr(node.active.resource, "section", None) or ""
        call = Call(pipe.name, asked, node.args, node.kwargs, ("sources", own, pipe.name), int(pipe.is_transformer))
        calls.append((node, call))
    for (node, _), (args, kwargs) in zip(calls, fill([call for _, call in calls]), strict=True):
        node.args, node.kwargs = args, kwargs


def _shown(item: Any) -> str:
    """An item in a message; of a page or table only what it is."""
    if isinstance(item, list):
        return f"a page of {len(item)} rows, the first is {repr(item[0])[:150]}" if item else "an empty page"
    try:
        return repr(item)[:200]
    except Exception:  # noqa: BLE001 - code of the user's own type
        return type(item).__name__


def _unlisted(pipe: Pipe) -> DltResource:
    """Stands for the resource of a pipe that only feeds others."""
    from dlt.extract.resource import DltResource

    return DltResource(pipe, selected=False)


def _paged_from(node: Node) -> int:
    """The first step from which on a page is as good as its rows, and nothing is pulled that is not needed."""
    if node.children or node.limit.max_time is not None:
        return len(node.steps) + 1
    if node.incremental is not None and node.incremental.row_order is not None:
        return len(node.steps) + 1  # it may tell that the next row is not needed
    kinds = PER_ITEM if node.limit.max_items is not None else (*PER_ITEM, "yield_map")
    at = len(node.steps)
    while at and (node.steps[at - 1].kind in kinds or node.steps[at - 1].kind == "limit"):
        at -= 1
    return at


def _check_bound(pipe: Pipe) -> None:
    if pipe.args is None and (names := pipe.missing):
        kind = "transformer" if pipe.is_transformer else "resource"
        raise ResourceError(
            f"The {kind} {pipe.name!r} needs arguments: {', '.join(names)}.",
            resource=pipe.name,
            hint=f"call it: {pipe.name}({', '.join(name + '=...' for name in names)})",
        )
