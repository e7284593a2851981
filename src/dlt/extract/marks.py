"""Marks on items (`dlt.mark`): to which table an item goes, and with which hints."""

from __future__ import annotations

from typing import Any, NamedTuple

from dlt.extract.hints import Hints, make_hints, make_nested_hints
from dlt.extract.imported import imported

__all__ = [
    "DataItemWithMeta",
    "HintsMeta",
    "MaterializedEmptyList",
    "TableNameMeta",
    "make_hints",
    "make_nested_hints",
    "materialize_table_schema",
    "with_file_import",
    "with_hints",
    "with_table_name",
]


class TableNameMeta(NamedTuple):
    """The item goes to this table."""

    table_name: str


class HintsMeta(NamedTuple):
    """The item brings hints: for its resource from now on, or, as a variant, for one table of it."""

    hints: Hints
    create_table_variant: bool = False


class MadeBefore(NamedTuple):
    """The item was made while its resource had these hints; they have changed since."""

    hints: Hints


class DataItemWithMeta:
    """An item or a page of items with a mark."""

    __slots__ = ("data", "meta")

    def __init__(self, meta: Any, data: Any) -> None:
        self.meta = meta
        self.data = data


class MaterializedEmptyList(list[Any]):
    """A page without rows that still makes its table."""


def with_table_name(item: Any, table_name: str) -> DataItemWithMeta:
    """The item or page of items, marked to go to the table `table_name`."""
    return DataItemWithMeta(TableNameMeta(table_name), item)


def with_hints(item: Any, hints: Hints | None = None, create_table_variant: bool = False) -> DataItemWithMeta:
    """The item or page of items, marked with hints made by `make_hints`.

    The hints stay with the resource for the items that follow; as a table variant they hold for the table named in
    them only.
    """
    return DataItemWithMeta(HintsMeta(hints or {}, create_table_variant), item)


def with_file_import(file_path: str, file_format: str, items_count: int = 0, hints: Any = None) -> Any:
    """Yield this to load the rows of a file: parquet, csv, arrow or jsonl, packed with gzip or not.

    hints: made by `make_hints`, or an Arrow table or frame with the columns of the file. Columns of a csv file are texts
    unless one of these says otherwise. items_count: how many rows it has; a warning says when it has others.
    """
    is_hints = isinstance(hints, dict)
    found = imported(file_path, file_format, items_count, None if is_hints else hints)
    return with_hints(found, hints) if is_hints else found


def materialize_table_schema() -> MaterializedEmptyList:
    """Yield this to create the table of a resource, with its declared columns, without rows."""
    return MaterializedEmptyList()
