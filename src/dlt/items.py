"""What travels from the user's code to the tables: Batch (schema-free, may hold nested tables) and Shard (one table)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.schema.model import NOTHING, Table

if TYPE_CHECKING:
    import pyarrow as pa


# paths of raw columns that hold ids made of whole rows as they came, and those that dlt 1.x makes where they are others;
# no key is like this
CONTENT, CONTENT_WAS = ("\0content",), ("\0content was",)
JSON_FIELD = {b"dlt": b"json"}  # metadata of Arrow columns whose texts are JSON


class Wei(Decimal):
    """A whole number of up to 78 digits, as databases of blockchains have them."""


class RawColumn(NamedTuple):
    """Values of one kind found under one path of keys. A path with values of two kinds has two RawColumns."""

    path: tuple[str, ...]
    data: pa.Array
    kind: str | None  # data type; None: only nulls
    first: int  # row of the first value


class Raw(NamedTuple):
    """One table of a batch before names, types and contracts are decided: the root, or the items of nested lists."""

    path: tuple[str, ...]  # keys from the root; () for the root
    columns: list[RawColumn]
    rows: int
    parent: int | None = None  # position of the parent Raw in the batch
    parent_row: pa.Array | None = None
    list_idx: pa.Array | None = None


class Batch(NamedTuple):
    """Rows of one root table as Arrow: the root first, then its nested tables."""

    table: str  # as the user wrote it
    hints: Table  # what the resource declares of it, names as the user wrote them
    tables: list[Raw]
    start: int = 0  # position of the first row among the rows of the table in this load
    nested: bool = True  # dicts; False: Arrow and frames, whose nested values stay in their column
    nested_hints: Mapping[tuple[str, ...], Table] = NOTHING  # what the resource declares of nested tables, by path
    positions: Sequence[int] | None = None  # of the rows, when some between them were left out


class RefusedRows(list[Any]):
    """Rows, as they came, that go to the quarantine for a `reason`: their model does not let them in. `why` has for each of
    them the position among all rows that were looked at, the column and what is wrong."""

    def __init__(self, rows: Iterable[Any] = (), reason: str = "model") -> None:
        super().__init__(rows)
        self.reason = reason
        self.why: list[tuple[Any, Any, str]] = []


class PagedRows(ABC):
    """Rows that code of the user sees as pages of dicts when it looks at them, and that need not become dicts otherwise."""

    num_rows: int

    @abstractmethod
    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """The rows as dicts."""


class JsonRows(PagedRows):
    """Lines of JSON: no blank ones, no end of line at the end. `parse` makes rows of them, or raises what the user sees;
    page: how many are seen at once, 0 for all."""

    def __init__(self, lines: bytes, parse: Callable[[bytes], list[dict[str, Any]]], page: int = 0) -> None:
        self.lines, self.parse = lines, parse
        self.num_rows = lines.count(b"\n") + 1
        self.page = page or self.num_rows

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        rows = self.parse(self.lines)
        for start in range(0, len(rows), self.page):
            yield rows[start : start + self.page]


class ArrowRows(PagedRows):
    """Flat rows that are Arrow, as pages of so many rows."""

    def __init__(self, data: pa.RecordBatch, page: int) -> None:
        self.data, self.page = data, page
        self.num_rows = int(data.num_rows)

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.data.schema, [self.data])
        return reader.__arrow_c_stream__(requested_schema)

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """The rows as dicts; objects and lists in columns of JSON as Python has them."""
        from dlt.arrow.dicts import dicts_of

        for start in range(0, self.num_rows, self.page):
            yield dicts_of(self.data.slice(start, self.page))


class Shard(NamedTuple):
    """Rows of one table with final names and types, ready to be written. May be narrower than its table."""

    table: str
    parent: str | None
    data: pa.RecordBatch
