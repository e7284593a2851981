"""Filters of a root table: what of its rows and of their nested content is left out, by the names it would get."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.unshred import without
from dlt.items import CONTENT, CONTENT_WAS
from dlt.schema.model import ID

if TYPE_CHECKING:
    from dlt.items import Batch, Raw
    from dlt.schema.naming import NamingConvention

Path = tuple[str, ...]


def filtered(
    batch: Batch, filters: Mapping[str, Sequence[str]], naming: NamingConvention
) -> tuple[Batch, dict[int, int]]:
    """The batch without the columns whose name, from the root table on, is excluded and not included; and how many rows
    each table lost by position: rows of which nothing is left, where dlt's own columns are excluded too.

    filters: `excludes` and `includes`, each names or, with `re:` before them, regular expressions.
    """
    leaves_out = _leaves_out(filters, naming)
    tables = [
        raw._replace(columns=[c for c in raw.columns if not leaves_out(raw.path + c.path)]) for raw in batch.tables
    ]
    if all(len(new.columns) == len(old.columns) for new, old in zip(tables, batch.tables, strict=True)):
        return batch, {}
    positions = batch.positions
    for number in range(len(tables)):
        raw = tables[number]
        if not raw.rows or not leaves_out((*raw.path, ID)):
            continue
        keep = _has_values(raw)
        if pc.all(keep).as_py():
            continue
        if number == 0:
            numbers = range(batch.start, batch.start + raw.rows) if positions is None else positions
            positions = [place for place, stays in zip(numbers, keep.to_pylist(), strict=True) if stays]
        tables, _ = without(tables, number, keep)
    lost = {n: old.rows - new.rows for n, (old, new) in enumerate(zip(batch.tables, tables, strict=True))}
    return batch._replace(tables=tables, positions=positions), {n: rows for n, rows in lost.items() if rows}


def _has_values(raw: Raw) -> pa.Array:
    """Which rows have a value."""
    found = pa.repeat(pa.scalar(value=False), raw.rows)
    for column in raw.columns:
        if column.path not in (CONTENT, CONTENT_WAS):
            found = pc.or_(found, column.data.is_valid())
    return found


def _leaves_out(filters: Mapping[str, Sequence[str]], naming: NamingConvention) -> Callable[[Path], bool]:
    excludes, includes = (_patterns(tuple(filters.get(key) or ())) for key in ("excludes", "includes"))

    def leaves_out(path: Path) -> bool:
        if path in (CONTENT, CONTENT_WAS):
            return False
        name = naming.make_path(*(key if key == ID else naming.normalize_path(key) for key in path))
        return excludes(name) and not includes(name)

    return leaves_out


@lru_cache(maxsize=256)
def _patterns(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    exact = {pattern for pattern in patterns if not pattern.startswith("re:")}
    searches = [re.compile(pattern.removeprefix("re:")).search for pattern in patterns if pattern.startswith("re:")]
    return lambda name: name in exact or any(search(name) for search in searches)
