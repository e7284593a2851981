"""The way back from raw tables to rows, and raw tables without some of their rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.cast import timestamp_texts
from dlt.arrow.shred import INNER, VALUE, Item
from dlt.items import CONTENT, CONTENT_WAS, Raw, RawColumn


def rows_of(tables: Sequence[Raw], position: int = 0, wanted: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Rows of one raw table as they were yielded, with their nested dicts and lists; keys without a value are left out.

    wanted: row numbers; None: all rows, in order.
    """
    raw = tables[position]
    numbers = range(raw.rows) if wanted is None else list(wanted)
    take = None if wanted is None else pa.array(numbers, pa.int64())
    rows: list[dict[str, Any]] = [{} for _ in numbers]
    for column in raw.columns:
        if column.kind is None or column.path in (CONTENT, CONTENT_WAS):
            continue
        for row, value in zip(rows, _values(column, take), strict=True):
            if value is not None:
                _put(row, column.path, value)
    for number, child in enumerate(tables):
        if child.parent == position and child.rows:
            _add_items(tables, number, raw, numbers, rows)
    return rows


def _values(column: RawColumn, take: pa.Array | None) -> list[Any]:
    """The values as Python has them; timestamps that are finer than Python's as texts."""
    data = column.data if take is None else column.data.take(take)
    if pa.types.is_timestamp(data.type) and data.type.unit == "ns":
        data = timestamp_texts(data)
    values: list[Any] = data.to_pylist()
    return [None if value is None else json.loads(value) for value in values] if column.kind == "json" else values


def _add_items(
    tables: Sequence[Raw], number: int, raw: Raw, parents: Sequence[int], rows: list[dict[str, Any]]
) -> None:
    child = tables[number]
    place = {parent: index for index, parent in enumerate(parents)}
    owners = [] if child.parent_row is None else [place.get(parent) for parent in child.parent_row.to_pylist()]
    wanted = [index for index, owner in enumerate(owners) if owner is not None]
    path = child.path[len(raw.path) :]
    inner = any(one.parent == number and type(one.path[-1]) is Item for one in tables)
    scalars = inner or any(type(column.path[0]) is Item for column in child.columns)
    dicts = any(type(column.path[0]) is not Item for column in child.columns)
    for index, item in zip(wanted, rows_of(tables, number, wanted), strict=True):
        whole: Any = item
        if scalars and len(item) == 1:
            [(key, value)] = item.items()
            whole = value if key in (VALUE, INNER) else item
        elif scalars and not item and not dicts:
            whole = [] if inner and not child.columns else None
        _list_at(rows[owners[index] or 0], path).append(whole)


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


def without(tables: Sequence[Raw], position: int, keep: pa.Array) -> tuple[list[Raw], dict[int, pa.Array]]:
    """The raw tables without the rows of one of them (`keep` is a boolean mask) and without what is nested in those.

    Also returns the masks of what each table keeps, by position.
    """
    out: list[Raw] = []
    keeps: dict[int, pa.Array] = {position: keep}
    for number, raw in enumerate(tables):
        mask = keeps.get(number)
        if mask is None and raw.parent in keeps:
            mask = keeps[number] = keeps[raw.parent].take(raw.parent_row)
        if mask is None:
            out.append(raw)
            continue
        columns = [RawColumn(c.path, c.data.filter(mask), c.kind, 0) for c in raw.columns]
        parent_row, list_idx = raw.parent_row, raw.list_idx
        if raw.parent is not None and parent_row is not None and list_idx is not None:
            parent_row, list_idx = parent_row.filter(mask), list_idx.filter(mask)
            if raw.parent in keeps:  # the parents have new row numbers
                numbers = pc.subtract(pc.cumulative_sum(keeps[raw.parent].cast(pa.int32())), 1)
                parent_row = numbers.take(parent_row)
        rows = int(pc.sum(mask.cast(pa.int64())).as_py() or 0)
        out.append(Raw(raw.path, [_seen(c) for c in columns], rows, raw.parent, parent_row, list_idx))
    return out, keeps


def _seen(column: RawColumn) -> RawColumn:
    """The column with its first value found again; without any value it has no kind."""
    if column.data.null_count == len(column.data):
        return RawColumn(column.path, pa.nulls(len(column.data)), None, len(column.data))
    first = pc.index(column.data.is_valid(), True).as_py() if column.data.null_count else 0
    return column._replace(first=first)
