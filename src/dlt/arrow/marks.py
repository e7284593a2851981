"""One table of a batch on its way: which table of the schema takes it, its columns under their final names, and the columns
of dlt's own that are added: row ids, links to parents and roots, load ids, numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.ids import key_ids, nested_ids, random_ids, row_ids, row_numbers
from dlt.arrow.unshred import rows_of
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, PARENT_ID, ROOT_ID, ROW, WAS

if TYPE_CHECKING:
    from dlt.items import Batch, Raw
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Column, Table
    from dlt.schema.naming import NameMap
    from dlt.schema.schema import Schema

Path = tuple[str, ...]
KEYED = ("upsert", "insert-only", "cdc")  # merge strategies whose row ids are made of the primary key


class Options(NamedTuple):
    """How rows are marked: `_dlt_id` and `_dlt_load_id` for rows of dicts, and for Arrow and frames."""

    row_ids: bool = True
    load_ids: bool = True
    arrow_row_ids: bool = False
    arrow_load_ids: bool = False


@dataclass(slots=True)
class Target:
    """A table of the schema as the target of one raw table, with what was decided about its columns."""

    name: str
    parent: str | None
    names: NameMap
    table: Table
    declared: frozenset[str]  # columns whose type is what the code says
    contract: Mapping[str, str]
    is_new: bool
    decided: dict[tuple[Path, str | None, Any], str] = field(default_factory=dict)


class Placed:
    """The columns of one raw table under their final names."""

    __slots__ = ("arrays", "contents", "contents_were", "decided", "ids", "wanted")

    def __init__(self) -> None:
        self.arrays: dict[str, pa.Array] = {}
        self.wanted: dict[str, Column] = {}
        self.decided: dict[tuple[Path, str | None, Any], str] = {}
        self.ids: pa.Array | None = None  # row ids that came with the data
        self.contents: pa.Array | None = None  # row ids made of whole rows
        self.contents_were: pa.Array | None = None  # the same as dlt 1.x makes them, when they are others

    def put(self, name: str, data: pa.Array) -> None:
        old = self.arrays.get(name)
        self.arrays[name] = data if old is None else pc.coalesce(old, data)


class Links:
    """Ids of the rows of one batch, of their root rows, and their numbers: by position of the raw table."""

    def __init__(self) -> None:
        self.ids: list[pa.Array | None] = []
        self.roots: list[pa.Array | None] = []
        self.numbers: list[pa.Array | None] = []

    def add(self, ids: pa.Array | None, roots: pa.Array | None, numbers: pa.Array | None) -> None:
        self.ids.append(ids)
        self.roots.append(roots)
        self.numbers.append(numbers)


class Marks:
    """Adds the columns of dlt's own to the tables of one load.

    given_roots: rows of the first table of a batch bring the ids of their root rows.
    """

    def __init__(self, schema: Schema, caps: Capabilities, load_id: str, options: Options) -> None:
        self.schema, self.caps, self.load_id, self.options = schema, caps, load_id, options
        self.numbered: dict[str, int] = {}  # rows so far, by root table
        self.given_roots = False

    def own(self, target: Target, batch: Batch) -> tuple[str, ...]:
        """The columns that are dlt's own here: what the data brings for them is kept elsewhere."""
        if target.parent is not None:
            return (ID, PARENT_ID, ROOT_ID, LIST_IDX)
        if batch.nested:
            return (ID, LOAD_ID)
        return (*((ID,) if self.options.arrow_row_ids else ()), *((LOAD_ID,) if self.options.arrow_load_ids else ()))

    def add(self, batch: Batch, raw: Raw, target: Target, mine: Placed, links: Links) -> None:
        """Mark the rows of a table whose parents are marked, and remember their ids and numbers in `links`."""
        if target.parent is not None:
            ids, roots = self.nested(raw, target, mine, links)
        else:
            ids, roots = self.root(batch, raw, target, mine, len(links.ids))
        links.add(ids, roots, self.number(raw, target, mine, links))

    def nested(self, raw: Raw, target: Target, mine: Placed, links: Links) -> tuple[pa.Array, pa.Array | None]:
        assert raw.parent is not None
        parent_ids, root_ids = links.ids[raw.parent], links.roots[raw.parent]
        assert parent_ids is not None
        parents = parent_ids.take(raw.parent_row)
        roots = None if root_ids is None else root_ids.take(raw.parent_row)
        root = self.root_of(target.table)
        arrays, strategy = mine.arrays, merge_strategy(root)
        if self.keeps_root(root, target):
            arrays[ROOT_ID] = roots
        arrays[PARENT_ID], arrays[LIST_IDX] = parents, raw.list_idx
        if mine.ids is not None:
            arrays[ID] = mine.ids
        elif strategy in KEYED or strategy == "scd2":
            arrays[ID] = nested_ids(parents, target.name, raw.list_idx)
        else:
            arrays[ID] = random_ids(raw.rows)
        return arrays[ID], roots

    def root(
        self, batch: Batch, raw: Raw, target: Target, mine: Placed, position: int
    ) -> tuple[pa.Array | None, pa.Array | None]:
        arrays, options, strategy = mine.arrays, self.options, merge_strategy(target.table)
        required = {name for name, column in target.table.columns.items() if not column.nullable} - arrays.keys()
        with_id = options.row_ids if batch.nested else options.arrow_row_ids or ID in required
        if options.load_ids if batch.nested else options.arrow_load_ids or LOAD_ID in required:
            zeros = pa.repeat(pa.scalar(0, pa.int8()), raw.rows)
            arrays[LOAD_ID] = pa.DictionaryArray.from_arrays(zeros, pa.array([self.load_id]))
        versioned = strategy == "scd2" and not any(
            "x-row-version" in column.extra for name, column in target.table.columns.items() if name != ID
        )
        if not (with_id or versioned or len(batch.tables) > 1):
            return None, None
        keys = [name for name in target.table.keys("primary_key") if name in arrays]
        if mine.ids is not None:
            ids = mine.ids
        elif versioned:
            ids = row_ids(rows_of(batch.tables, position)) if mine.contents is None else mine.contents
            if mine.contents_were is not None and "scd2" in self.caps.merge_strategies:
                arrays[WAS] = mine.contents_were
        elif strategy in KEYED and keys:
            ids = key_ids(keys, [_as_they_came(raw, target, mine, name) for name in keys])
        else:
            ids = random_ids(raw.rows)
        arrays[ID] = ids
        return ids, arrays.get(ROOT_ID, ids) if self.given_roots else ids

    def number(self, raw: Raw, target: Target, mine: Placed, links: Links) -> pa.Array | None:
        """Number the rows of a table that is merged, nested rows like their root row; returns the numbers."""
        found = None
        if target.parent is not None:
            above = None if raw.parent is None else links.numbers[raw.parent]
            found = None if above is None else above.take(raw.parent_row)
        elif merge_strategy(target.table) in self.caps.merge_strategies:
            first = self.numbered.get(target.name, 0)
            self.numbered[target.name] = first + raw.rows
            found = row_numbers(first, raw.rows)
        if found is not None:
            mine.arrays[ROW] = found
        return found

    def root_of(self, table: Table) -> Table:
        while table.parent is not None and (above := self.schema.table(table.parent)) is not None:
            table = above
        return table

    def keeps_root(self, root: Table, target: Target) -> bool:
        wanted = self.schema.root_key
        if wanted is not None:
            return wanted
        if ROOT_ID in target.table.columns:
            return True
        strategy = merge_strategy(root)  # dlt 1.x has none for scd2, and a table that it made stays as it is
        return strategy is not None and (strategy != "scd2" or target.is_new)


def merge_strategy(table: Table) -> str | None:
    """The merge strategy of a root table; None when it is not merged."""
    if table.write_disposition != "merge":
        return None
    return str(table.extra.get("x-merge-strategy") or "delete-insert")


def _as_they_came(raw: Raw, target: Target, mine: Placed, name: str) -> pa.Array:
    """The values of a column before they took its type, when all of them are of one kind."""
    found = [column.data for column in raw.columns if column.kind and target.names.known(column.path) == name]
    return found[0] if len(found) == 1 else mine.arrays[name]
