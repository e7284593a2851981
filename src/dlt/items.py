"""What travels from the user's code to the tables: Batch (schema-free, may hold nested tables) and Shard (one table)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.schema.model import NOTHING, Table

if TYPE_CHECKING:
    import pyarrow as pa


# paths of raw columns that hold ids made of whole rows as they came, and those that dlt 1.x makes where they are others;
# no key is like this
CONTENT, CONTENT_WAS = ("\0content",), ("\0content was",)


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
    """Rows, as they came, that their model does not let in. `why` has for each of them the position among all rows that
    the model looked at, the column and what is wrong."""

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        super().__init__(rows)
        self.why: list[tuple[int, str, str]] = []


class Shard(NamedTuple):
    """Rows of one table with final names and types, ready to be written. May be narrower than its table."""

    table: str
    parent: str | None
    data: pa.RecordBatch
