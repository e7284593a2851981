"""Pipe: the steps that make the items of one resource, and how code of the user is called."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Any, Literal, NamedTuple

from dlt.errors import SchemaError
from dlt.extract.marks import DataItemWithMeta
from dlt.extract.signatures import missing_arguments
from dlt.items import PagedRows, RefusedRows

StepKind = Literal[
    "generator",
    "transform",
    "map",
    "filter",
    "yield_map",
    "metrics",
    "raw",
    "validate",
    "tables",
    "incremental",
    "limit",
]
AFFINITY = {"limit": 1.1, "incremental": 1.0, "validate": 0.9}  # steps with a higher one stay closer to the end
PER_ITEM = ("map", "filter", "validate", "tables", "incremental")  # steps for which a page is as good as its items

ItemKind = Literal["row", "page", "table", "mark", "none", "iterator", "async", "call", "resource"]


class Step(NamedTuple):
    """One step of a pipe; the first one is the generator (what makes the items) or the transform (the function fed)."""

    kind: StepKind
    call: Any
    with_meta: bool = False  # call takes the item and its mark

    @property
    def affinity(self) -> float:
        return AFFINITY.get(self.kind) or float(getattr(self.call, "placement_affinity", 0))

    @property
    def name(self) -> str:
        return getattr(self.call, "__name__", None) or type(self.call).__name__


class Limit(NamedTuple):
    """At most so many items (pages and single items alike), rows, or seconds; None: no limit."""

    max_items: int | None = None
    max_time: float | None = None
    count_rows: bool = False


class Once:
    """Whether an iterator that gives its items only once was opened; the copies of a pipe share it."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = False


class Pipe:
    """A name, the steps, and the pipe that feeds the first of them if it is a transform."""

    __slots__ = ("args", "before", "kwargs", "metrics", "name", "once", "parallel", "parent", "spec", "steps")

    def __init__(self, name: str, steps: list[Step], parent: Pipe | None = None) -> None:
        self.name = name
        self.steps = steps
        self.before: list[Step] = []  # of a transformer: what is done to the items that it is fed
        self.parent = parent
        self.args: tuple[Any, ...] | None = None  # what the first step was bound to; None: not bound
        self.kwargs: dict[str, Any] = {}
        self.metrics: dict[str, Any] = {}
        self.once = Once()
        self.parallel = False  # the first step runs in threads
        self.spec: tuple[Any, Any] = (None, None)  # configspecs: of the arguments, of what is asked for as well

    def __repr__(self) -> str:
        fed = f" fed by {self.parent.name}" if self.parent else ""
        return f"Pipe {self.name} [steps: {len(self.steps)}]{fed}"

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def gen(self) -> Any:
        """The generator or the transformer function."""
        return self.steps[0].call

    @property
    def exhausted(self) -> bool:
        """True when the items, or those of a pipe that feeds this one, can be had only once and were asked for."""
        is_over = isinstance(self.gen, types.GeneratorType) and self.gen.gi_frame is None
        return is_over or self.once.spent or (self.parent is not None and self.parent.exhausted)

    @property
    def is_transformer(self) -> bool:
        return self.steps[0].kind == "transform"

    @property
    def missing(self) -> list[str]:
        """The arguments without default that must be given, unless a configspec describes them."""
        names = missing_arguments(self.gen, int(self.is_transformer))
        if names and self.spec[0] is not None:
            from dlt.config.inject import asked_by

            asked = asked_by(self.gen, self.spec[0])
            known = {field.name for field in asked.fields} if asked else set()
            names = [name for name in names if name not in known]
        return names

    def add(self, step: Step, insert_at: int | None = None) -> None:
        """Put a step at an index (0 is the generator, or what comes before a transformer; -1 before the last), or at the
        end but before those that belong closer to it."""
        if insert_at is None:
            insert_at = len(self.steps)
            while insert_at > 1 and self.steps[insert_at - 1].affinity > step.affinity:
                insert_at -= 1
        elif insert_at == 0 or -insert_at >= len(self.steps):
            if not self.is_transformer:
                raise SchemaError("Step 0 of a pipe is its generator and stays there.", hint="insert_at starts at 1")
            self.before.insert(0, step)
            return
        self.steps.insert(insert_at, step)

    def find(self, kind: StepKind) -> Step | None:
        """The last step of a kind, or None."""
        return next((step for step in reversed(self.steps) if step.kind == kind), None)

    def remove(self, kind: StepKind) -> None:
        self.steps = [step for step in self.steps if step.kind != kind]

    def feeder(self) -> Pipe:
        """What a transformer with steps before it is fed by: a pipe of these steps, which passes its items on."""
        return Pipe(self.name, [Step("transform", lambda item: item), *self.before], self.parent)

    def clone(self, memo: dict[Pipe, Pipe], name: Callable[[Pipe], str] | None = None) -> Pipe:
        """A copy, with copies of the pipes that feed it; pipes in `memo` were copied before, so that forks stay."""
        if self in memo:
            return memo[self]
        parent = self.parent.clone(memo, name) if self.parent else None
        made = memo[self] = Pipe(name(self) if name else self.name, list(self.steps), parent)
        made.args, made.kwargs, made.once = self.args, self.kwargs, self.once
        made.parallel, made.spec, made.before = self.parallel, self.spec, list(self.before)
        return made


def takes_meta(function: Any) -> bool:
    """True when a function for items takes a second argument: the mark of the item."""
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if code is not None:
        bound = 1 if hasattr(function, "__self__") else 0
        required = code.co_argcount - bound - len(function.__defaults__ or ())
        return bool(required > 1 or "meta" in code.co_varnames[1 + bound : code.co_argcount])
    if isinstance(function, (type, types.BuiltinFunctionType)):
        return False
    import inspect

    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False
    required = sum(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    return required > 1 or any(p.name == "meta" for p in parameters[1:])


def _kind(kind: type) -> ItemKind:
    """What an item of this type is: a row, a page of rows, a table (Arrow or a frame), or something to open first."""
    if kind is dict:
        return "row"
    if issubclass(kind, list):
        return "page"
    if kind is types.NoneType:
        return "none"
    if issubclass(kind, DataItemWithMeta):
        return "mark"
    if (
        hasattr(kind, "__arrow_c_stream__")
        or issubclass(kind, PagedRows)
        or (kind.__name__ in ("DataFrame", "LazyFrame", "RecordBatch"))
    ):
        return "table"
    if issubclass(kind, Iterator):
        return "iterator"
    if issubclass(kind, (AsyncIterator, Awaitable)):
        return "async"
    if issubclass(kind, (types.FunctionType, types.MethodType, types.BuiltinFunctionType, partial)):
        return "call"
    if hasattr(kind, "pipe_data_from"):
        return "resource"
    return "row"


class _Kinds(dict[type, ItemKind]):
    """Kinds by type, found out once for each type."""

    def __missing__(self, kind: type) -> ItemKind:
        found = self[kind] = _kind(kind)
        return found


kind_of = _Kinds().__getitem__


def rows_in(item: Any) -> int:
    """How many rows an item brings."""
    kind = kind_of(type(item))
    if kind == "page":
        return len(item)
    if kind == "none":
        return 0 if item is None else 1
    if kind == "table":
        count = getattr(item, "num_rows", None)
        return count if isinstance(count, int) else len(item) if hasattr(item, "__len__") else 1
    return 1


def items_of(item: Any) -> Iterable[Any]:
    """The items of a page one by one, without marks; anything else as it is."""
    if isinstance(item, DataItemWithMeta):
        item = item.data
    if isinstance(item, RefusedRows):
        return ()
    if isinstance(item, PagedRows):
        return chain.from_iterable(item.pages())
    return item if isinstance(item, list) else (item,)
