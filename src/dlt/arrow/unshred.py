"""The way back from raw tables to rows, and raw tables without some of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.items import Raw, RawColumn


def rows_of(tables: Sequence[Raw], position: int = 0, wanted: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Rows of one raw table as they were yielded, with their nested dicts and lists; keys without a value are left out.

    wanted: row numbers; None: all rows, in order.
    """
    raw = tables[position]
    numbers = range(raw.rows) if wanted is None else list(wanted)
    take = None if wanted is None else pa.array(numbers, pa.int64())
    rows: list[dict[str, Any]] = [{} for _ in numbers]
    for column in raw.columns:
        if column.kind is None:
            continue
        values = (column.data if take is None else column.data.take(take)).to_pylist()
        if column.kind == "json":
            import json

            values = [None if value is None else json.loads(value) for value in values]
        for row, value in zip(rows, values, strict=True):
            if value is not None:
                _put(row, column.path, value)
    for number, child in enumerate(tables):
        if child.parent == position and child.rows:
            _add_items(tables, number, raw, numbers, rows)
    return rows


def _add_items(tables: Sequence[Raw], number: int, raw: Raw, parents: Sequence[int], rows: list[dict[str, Any]]) -> None:
    child = tables[number]
    place = {parent: index for index, parent in enumerate(parents)}
    owners = [place.get(parent) for parent in child.parent_row.to_pylist()]
    wanted = [index for index, owner in enumerate(owners) if owner is not None]
    path = child.path[len(raw.path) :]
    scalars = all(column.path == ("value",) for column in child.columns)
    lists = not child.columns and all(
        other.path == (*child.path, "list") for other in tables if other.parent == number
    )
    for index, item in zip(wanted, rows_of(tables, number, wanted), strict=True):
        owner = owners[index]
        assert owner is not None
        whole: Any = item
        if scalars and child.columns:
            whole = item.get("value", item.get("list"))
        elif lists:
            whole = item.get("list", item or [])
        _list_at(rows[owner], path).append(whole)


def _put(row: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        inner = row.setdefault(key, {})
        if not isinstance(inner, dict):  # a list of scalars and dicts under one key
            return
        row = inner
    row[path[-1]] = value


def _list_at(row: dict[str, Any], path: tuple[str, ...]) -> list[Any]:
    for key in path[:-1]:
        row = row.setdefault(key, {})
    found = row.setdefault(path[-1], [])
    return found if isinstance(found, list) else row.setdefault(path[-1] + "[]", [])


def without(tables: Sequence[Raw], position: int, keep: pa.Array) -> tuple[list[Raw], dict[int, int]]:
    """The raw tables without the rows of one of them (`keep` is a boolean mask) and without what is nested in those.

    Also returns how many rows each table lost, by position.
    """
    out: list[Raw] = []
    keeps: dict[int, pa.Array] = {position: keep}
    lost: dict[int, int] = {}
    for number, raw in enumerate(tables):
        mask = keeps.get(number)
        if mask is None and raw.parent in keeps:
            mask = keeps[number] = keeps[raw.parent].take(raw.parent_row)
        if mask is None:
            out.append(raw)
            continue
        columns = [RawColumn(c.path, c.data.filter(mask), c.kind, 0) for c in raw.columns]
        parent_row, list_idx = raw.parent_row, raw.list_idx
        if raw.parent is not None:
            parent_row, list_idx = parent_row.filter(mask), list_idx.filter(mask)
            if raw.parent in keeps:  # the parents have new row numbers
                numbers = pc.subtract(pc.cumulative_sum(keeps[raw.parent].cast(pa.int32())), 1)
                parent_row = numbers.take(parent_row)
        rows = int(pc.sum(mask.cast(pa.int64())).as_py() or 0)
        lost[number] = raw.rows - rows
        out.append(Raw(raw.path, [_seen(c) for c in columns], rows, raw.parent, parent_row, list_idx))
    return out, lost


def _seen(column: RawColumn) -> RawColumn:
    """The column with its first value found again; without any value it has no kind."""
    if column.data.null_count == len(column.data):
        return RawColumn(column.path, pa.nulls(len(column.data)), None, len(column.data))
    first = pc.index(column.data.is_valid(), True).as_py() if column.data.null_count else 0
    return column._replace(first=first)
