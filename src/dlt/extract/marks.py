"""Marks on items (`dlt.mark`): to which table an item goes, and with which hints."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from dlt.errors import NotBuilt
from dlt.extract.hints import Hints, make_hints, make_nested_hints

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


def with_file_import(file_path: str, file_format: str, items_count: int = 0, hints: Any = None) -> NoReturn:  # noqa: ARG001
    """Import a file as it is; not available yet."""
    raise NotBuilt(
        "dlt.mark.with_file_import is not built yet.",
        value=file_path,
        hint="read the file in the resource and yield Arrow tables",
    )


def materialize_table_schema() -> MaterializedEmptyList:
    """Yield this to create the table of a resource, with its declared columns, without rows."""
    return MaterializedEmptyList()
