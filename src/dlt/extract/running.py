"""Running: an iterator that is being pulled, row by row or in pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, KeysView, ValuesView
from collections.abc import Set as AbstractSet
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from dlt.errors import DltError, ResourceError
from dlt.extract.marks import DataItemWithMeta, TableNameMeta
from dlt.extract.pipe import kind_of

if TYPE_CHECKING:
    from dlt.extract.nodes import Node
    from dlt.extract.resource import DltResource

PAGE = 4096  # rows pulled at once at most
CELLS = 1 << 18  # values of these rows, by the size of one of them
PATIENCE = 0.05  # seconds that rows of a slow generator wait for others
GROUPS = (
    list,
    tuple,
    AbstractSet,
    range,
    KeysView,
    ValuesView,
)  # whose items are those of the function that returns it


def NOTHING() -> None:  # noqa: N802 - a value
    """What a whole generator makes items of."""


class _Nobody:
    """Stands for the resource of a pipe whose items are not wanted."""

    _hints = None


class Running:
    """An iterator that is being pulled, and the step of its node to which its items go."""

    __slots__ = (
        "at",
        "before",
        "by_page",
        "cap",
        "copies",
        "first",
        "held",
        "item",
        "iterator",
        "kind",
        "most",
        "name",
        "node",
        "reuses",
        "total",
    )

    def __init__(
        self,
        node: Node,
        iterator: Any,
        at: int,
        name: str,
        kind: str = "generator",
        item: Callable[[], Any] = NOTHING,
    ) -> None:
        self.node = node
        self.iterator: Any = iterator  # may be async; None: the generator of the pipe, not opened yet
        self.item = item  # tells what it makes items of
        self.before: Any = None  # hints of the resource when the items were pulled, if they have changed since
        self.cap = PAGE  # rows of a page, as long as they come one by one from somewhere slow
        self.at = at
        self.name, self.kind = name, kind
        self.by_page = at >= node.paged_from
        self.copies = True  # of rows: a generator may fill one dict again and again
        self.first: (
            list[Any] | None
        ) = []  # the rows of the first page as they were yielded, so that no id is used twice
        self.reuses = False  # rows of one page come again in the next
        self.held: list[Any] = []
        self.most = 100  # rows of the next page
        self.total = (
            PAGE if at or node.pipe.is_transformer else 0
        )  # of a whole generator only a few are asked for first

    def pull(self) -> tuple[list[Any], bool]:
        """The next items, and whether there may be more."""
        if self.iterator is None:
            self.iterator = self.open()
        self.before = None
        if self.held:
            items, self.held = self.held, []
            return items, True
        size = self.size()
        if size > 1 and self.copies:
            return self.page(self.iterator, size)
        items = list(islice(self.iterator, size))
        self.total += len(items)
        if items and self.copies:
            items[0] = _own(items[0])
            if type(items[0]) is list and self.shared(items[0]):
                items[0] = [row.copy() if type(row) is dict else row for row in items[0]]
        return items, len(items) == size

    def size(self) -> int:
        """How many items to ask for."""
        size = min(self.total or 1, self.most, self.cap) if self.by_page else 1
        if self.node.incremental is not None:
            self.node.incremental.pulled = ()
            if self.node.incremental.watched:
                return 1  # the generator looks at what the last row changed
        limit = self.node.limit.max_items
        if limit is not None and size > 1:
            size = max(1, min(size, limit - self.node.pulled))
        return size

    def pull_apart(self) -> tuple[list[Any], bool]:
        """The same in a thread: few rows at once when they come slowly."""
        start = time.monotonic()
        found = self.pull()
        slow = time.monotonic() - start > PATIENCE
        self.cap = max(1, self.cap // 8) if slow else min(PAGE, self.cap * 2)
        return found

    async def pull_async(self) -> tuple[list[Any], bool]:
        """The same of an async generator."""
        self.before = None
        if self.held:
            items, self.held = self.held, []
            return items, True
        owner: Any = self.node.resource or _Nobody
        hints = owner._hints  # noqa: SLF001 - replaced as a whole when it changes
        size, until = self.size(), time.monotonic() + PATIENCE
        items = []
        if self.node.incremental is not None:
            self.node.incremental.pulled = items
        more = True
        while more and len(items) < size:
            try:
                row = _own(await anext(self.iterator))
            except StopAsyncIteration:
                more = False
                break
            if owner._hints is not hints:  # noqa: SLF001
                if items:
                    self.held = [row]
                    break
                hints = owner._hints  # noqa: SLF001
            items.append(row)
            if not is_row(row) or time.monotonic() > until:
                break
        if owner._hints is not hints:  # noqa: SLF001
            self.before = hints
        self.total += len(items)
        self.most = _most(items)
        return items, more

    def page(self, iterator: Iterator[Any], size: int) -> tuple[list[Any], bool]:
        """Several rows, no further than to the first item that is not one. When code of the user changes the hints of the
        resource, what was made before goes first."""
        owner: Any = self.node.resource or _Nobody
        hints = owner._hints  # noqa: SLF001 - replaced as a whole when it changes
        items: list[Any] = []
        if self.node.incremental is not None:
            self.node.incremental.pulled = items
        more = False
        for item in islice(iterator, size):
            if type(item) is dict:
                row = item.copy()
            elif is_row(item):
                row = _own(item)
            else:
                row, more = item, True
            if owner._hints is not hints:  # noqa: SLF001
                if items:
                    self.held, more = [row], True
                    break
                hints = owner._hints  # noqa: SLF001
            items.append(row)
            if more:
                break
        if owner._hints is not hints:  # noqa: SLF001
            self.before = hints
        self.total += len(items)
        self.most = _most(items)
        return items, more or len(items) == size

    def shared(self, page: list[Any]) -> bool:
        """Whether the rows of a page may be changed before they are written; the second page tells it for all."""
        if self.first is None or self.reuses:
            return self.reuses
        if not self.first:
            self.first = list(page)
            return True
        known = set(map(id, self.first))
        self.reuses = not known.isdisjoint(map(id, page))
        self.first = None
        return self.reuses

    def open(self) -> Iterator[Any]:
        pipe = self.node.pipe
        made = pipe.gen
        if callable(made):
            made = made(*self.node.args, **self.node.kwargs)
            if made is None:
                raise ResourceError(
                    f"The function of the resource {pipe.name!r} returned None.",
                    resource=pipe.name,
                    hint="yield items or return a list of them",
                )
            if kind_of(type(made)) == "resource":
                return self.inside(made)
            if not isinstance(made, (Iterator, GROUPS)) or hasattr(made, "_fields"):
                return iter((made,))
            if isinstance(made, list):
                self.total = PAGE  # nothing is gained by asking for a few first
        elif isinstance(made, (list, tuple)):
            self.total = PAGE
            self.copies = False
        elif isinstance(made, Iterator) or kind_of(type(made)) == "async":
            pipe.once.spent = True
            if not isinstance(made, Iterator):
                return iter((made,))
        elif hasattr(made, "__aiter__"):
            return iter((aiter(made),))
        return iter(made)

    def inside(self, resource: DltResource) -> Iterator[Any]:
        """The items of a resource that code of the user returned or yielded: they belong to the outer one."""
        if resource._hints:  # noqa: SLF001
            raise ResourceError(
                f"The resource {self.node.pipe.name!r} returned or yielded the resource {resource.name!r}, whose hints would be lost.",
                resource=self.node.pipe.name,
                hint="put both into a source, or let the function return it with the annotation -> DltResource",
            )
        from dlt.extract.evaluate import evaluate

        with closing(evaluate([resource], state=self.node.active.state)) as found:
            for _, item in found:
                yield item

    def close(self) -> None:
        """Close the iterator, so that the cleaning up of the user's code runs; ResourceError when that fails."""
        if (close := getattr(self.iterator, "close", None)) is not None:
            try:
                close()
            except DltError:
                raise
            except Exception as cause:
                raise self.node.failed(self.kind, self.name, cause, self.item()) from cause


def _most(rows: list[Any]) -> int:
    """How many rows like the last of these may be pulled at once."""
    row = rows[-1] if rows else None
    if type(row) is DataItemWithMeta:
        row = row.data
    if type(row) is not dict:
        return PAGE
    cells = len(row) + sum([len(value) for value in row.values() if type(value) in (dict, list)])
    return max(100, min(PAGE, CELLS // max(cells, 1)))


def is_row(item: Any) -> bool:
    """True for a row, a row with a mark, None: what may be collected without asking how large it is."""
    kind = kind_of(type(item))
    return kind in ("row", "none") or (kind == "mark" and type(item.data) is dict)


def _own(item: Any) -> Any:
    """The row as it is now: the code that made it may change it later."""
    if type(item) is dict:
        return item.copy()
    if type(item) is DataItemWithMeta and type(item.data) is dict:
        return DataItemWithMeta(item.meta, item.data.copy())
    return item


def by_table(items: list[DataItemWithMeta]) -> dict[TableNameMeta, list[Any]] | None:
    """The rows of each table, in order; None when they do not all name one."""
    groups: dict[TableNameMeta, list[Any]] = {}
    for item in items:
        mark = item.meta
        if type(mark) is not TableNameMeta or type(item.data) is not dict:
            return None
        group = groups.get(mark)
        if group is None:
            groups[mark] = [item.data]
        else:
            group.append(item.data)
    return groups
