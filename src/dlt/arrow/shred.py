"""Rows -> columns -> Arrow, column-wise: nested dicts become columns, nested lists become tables of their own.

There is no Python call per value: for each key one list comprehension takes the values of all rows, one `list(map(type, ...))`
finds what kinds there are, `pa.array` converts. Dicts recurse as rows, the items of lists are chained into the rows of
a child table that knows its parents by row number.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.interop import plain_array
from dlt.arrow.values import (
    LIST,
    PLAIN,
    REFUSED,
    ROW,
    NoneType,
    Unsupported,
    build,
    free_key,
    json_text,
    plain_converter,
    scalars,
)
from dlt.items import Raw, RawColumn

Path = tuple[str, ...]
DEEPEST = 100  # levels of nesting that become tables and columns at most; what is deeper stays JSON
BLOCK = 256  # rows whose values are taken key by key before the next rows are


class Item(str):
    """A key that no row has: the item of a list, where it is no dict."""

    __slots__ = ()


VALUE, INNER = Item("value"), Item("list")
TEXT_KEYS = {str, Item}


class Shape(NamedTuple):
    """What the shredder must know of the schema: how deep to go, what stays JSON, which scalars are one-item lists.

    A scalar is the only item of a list when the path has a nested table and no column of its own: `wraps` is asked with
    the path of the table, that of the value, and whether a list came first in these rows. `is_number`: there is a column
    of numbers, to which 1 and 1.0 are the same.
    """

    max_nesting: int = DEEPEST
    keeps_json: Callable[[Path, Path], bool] = lambda _table, _column: False
    wraps: Callable[[Path, Path, bool], bool] = lambda _table, _column, lists: lists
    is_number: Callable[[Path, Path], bool] = lambda _table, _column: False


class BadValue(NamedTuple):
    """A value that no column can hold: where it was, and why."""

    row: int  # row of the root table
    path: Path
    reason: str
    detail: str


def nesting(shape: Shape) -> int:
    """How many levels of nesting become tables and columns."""
    return min(shape.max_nesting, DEEPEST)


def shred(rows: Sequence[Mapping[str, Any]], shape: Shape = Shape()) -> tuple[list[Raw], list[BadValue]]:  # noqa: B008
    """The tables made of these rows, root first, parents before children. When there are bad values the tables are not
    complete: take those rows out and shred the rest again."""
    work = _Shredder(shape)
    work.raws.append(Raw((), [], len(rows)))
    if rows:
        work.columns(work.raws[0], (), rows, 0)
    return work.raws, work.bad


class _Shredder:
    """Makes the tables. Where values stand for some rows of a table only, `at` has the numbers of these rows."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.deepest = nesting(shape)
        self.raws: list[Raw] = []
        self.bad: list[BadValue] = []

    def columns(self, raw: Raw, prefix: Path, rows: Sequence[Any], depth: int, at: list[int] | None = None) -> None:
        """The columns of the keys of these rows; nested dicts after the plain columns, the last one first."""
        nested: list[tuple[Path, _Rows]] = []
        for key, values, some in _by_key(rows):
            path = (*prefix, key)
            dicts = self.column(raw, path, values, depth + 1, _through(at, some))
            if dicts is not None:
                nested.append((path, dicts))
        for path, (inner, where) in reversed(nested):
            self.columns(raw, path, inner, depth + 1, where)

    def column(self, raw: Raw, path: Path, values: list[Any], depth: int, at: list[int] | None) -> _Rows | None:
        """Add the raw columns of one path; returns rows when there are dicts to be flattened."""
        kinds = list(map(type, values))
        only = kinds[0]
        nulls = kinds.count(only) != len(kinds)
        if nulls:
            types = set(kinds) - {NoneType}
            if len(types) > 1:
                return self.mixed(raw, path, values, depth, at, types)
            (only,) = types
        elif only is NoneType:
            raw.columns.append(RawColumn(path, pa.nulls(raw.rows), None, raw.rows))
            return None
        kind = PLAIN.get(only)
        if kind is None:
            return self.odd(raw, path, values, depth, at, only)
        return self.one_kind(raw, path, values, depth, at, kind, nulls=nulls)

    def one_kind(
        self, raw: Raw, path: Path, values: list[Any], depth: int, at: list[int] | None, kind: str, *, nulls: bool
    ) -> _Rows | None:
        if kind is ROW or kind is LIST:
            if depth > self.deepest or self.shape.keeps_json(raw.path, path):
                self.json(raw, path, values, at)
                return None
            if nulls:
                at = _through(at, [number for number, value in enumerate(values) if value is not None])
                values = [value for value in values if value is not None]
            if kind is ROW:
                return values, at
            self.items(raw, path, values, depth, at)
            return None
        if depth <= self.deepest and self.shape.wraps(raw.path, path, False):
            self.items(raw, path, [() if value is None else (value,) for value in values], depth, at)
            return None
        try:
            made = build(kind, values)
        except REFUSED as error:
            self.blame(raw, path, values, kind, error, at)
            return None
        for name, data in made:
            self.add(raw, path, data, name, at)
        return None

    def add(self, raw: Raw, path: Path, data: pa.Array, kind: str | None, at: list[int] | None) -> None:
        if at is not None:
            data = _spread(data, at, raw.rows)
        raw.columns.append(RawColumn(path, data, kind, first_valid(data)))

    def mixed(
        self, raw: Raw, path: Path, values: list[Any], depth: int, at: list[int] | None, types: set[type]
    ) -> _Rows | None:
        """Values of several types: odd types are made plain first, then each kind gets a column of its own."""
        odd = _odd(types)
        if odd:
            plain = self.made_plain(raw, path, values, odd, at)
            return None if plain is None else self.column(raw, path, plain, depth, at)
        order = sorted(types, key=lambda only: next(i for i, value in enumerate(values) if type(value) is only))
        if self.one_item_lists(raw, path, depth, order):
            whole = [value if value is None or type(value) in (list, dict) else [value] for value in values]
            return self.column(raw, path, whole, depth, at)
        dicts = None
        for only in order:
            part = [value if type(value) is only else None for value in values]
            kind = PLAIN.get(only)
            if kind is None:
                self.arrow_scalars(raw, path, part, at)
            else:
                dicts = self.one_kind(raw, path, part, depth, at, kind, nulls=True) or dicts
        return dicts

    def one_item_lists(self, raw: Raw, path: Path, depth: int, order: list[type]) -> bool:
        """Whether the scalars among values of several types are lists of one item."""
        kinds = [kind for only in order if (kind := PLAIN.get(only, "")) is not ROW]
        if set(kinds) <= {LIST} or depth > self.deepest or self.shape.keeps_json(raw.path, path):
            return False
        return self.shape.wraps(raw.path, path, kinds[0] is LIST)

    def odd(
        self, raw: Raw, path: Path, values: list[Any], depth: int, at: list[int] | None, only: type
    ) -> _Rows | None:
        if issubclass(only, pa.Scalar):
            self.arrow_scalars(raw, path, values, at)
            return None
        plain = self.made_plain(raw, path, values, [only], at)
        return None if plain is None else self.column(raw, path, plain, depth, at)

    def arrow_scalars(self, raw: Raw, path: Path, values: list[Any], at: list[int] | None) -> None:
        for data in scalars(values):
            kind, plain = plain_array(data)
            self.add(raw, path, plain, kind, at)

    def made_plain(
        self, raw: Raw, path: Path, values: list[Any], odd: list[type], at: list[int] | None
    ) -> list[Any] | None:
        converters: dict[type, Any] = {}
        for kind in odd:
            try:
                converters[kind] = plain_converter(kind)
            except Unsupported as error:
                where = [i for i, value in enumerate(values) if type(value) is kind]
                self.report(raw, path, where, "unsupported_type", f"no column can hold a {error}", at)
        if len(converters) < len(odd):
            return None
        find, none = converters.get, type(None)
        try:
            return [value if (convert := find(type(value), none)) is none else convert(value) for value in values]
        except Exception:  # noqa: BLE001 - code of the user's own types ran; its errors belong to single rows
            self.blame_own(raw, path, values, converters, at)
            return None

    def json(self, raw: Raw, path: Path, values: list[Any], at: list[int] | None) -> None:
        texts: list[str | None] = []
        for row, value in enumerate(values):
            try:
                texts.append(None if value is None else json_text(value))
            except Exception as error:  # noqa: BLE001 - see made_plain
                self.report(raw, path, [row], "unsupported_type", f"{type(error).__name__}: {error}", at)
                texts.append(None)
        try:
            data = pa.array(texts, pa.string())
        except UnicodeError as error:
            self.blame(raw, path, texts, "text", error, at)
            return
        self.add(raw, path, data, "json", at)

    def items(self, raw: Raw, path: Path, lists: list[Any], depth: int, at: list[int] | None) -> None:
        """The items of lists as rows of a child table: dicts as they are, scalars as `value`, lists as `list`."""
        items = list(chain.from_iterable(lists))
        if not items:
            return
        parent = next(i for i, one in enumerate(self.raws) if one is raw)
        owners, places = links(pa.array(list(map(len, lists)), pa.int32()), len(items))
        child = Raw(
            raw.path + path,
            [],
            len(items),
            parent,
            owners if at is None else pa.array(at, pa.int64()).take(owners),
            places,
        )
        self.raws.append(child)
        while odd := _odd(types := set(map(type, items)) - {NoneType}):
            plain = self.made_plain(child, (VALUE,), items, odd, None)
            if plain is None:
                return
            items = plain
        if types == {dict}:
            self.columns(child, (), items if None not in items else _item_rows(items), depth)
        elif types == {list}:
            self.column(child, (INNER,), items, depth + 1, None)
        elif types.isdisjoint((dict, list)):
            self.column(child, (VALUE,), items, depth + 1, None)
        else:
            self.columns(child, (), _item_rows(items), depth)

    # ---- what went wrong

    def blame(
        self, raw: Raw, path: Path, values: Sequence[Any], kind: str, error: Exception, at: list[int] | None
    ) -> None:
        """Find the values that made a column fail, one by one."""
        found: list[int] = []
        for row, value in enumerate(values):
            if value is not None:
                try:
                    build(kind, [value])
                except REFUSED:
                    found.append(row)
        if not found:
            raise error
        reason = "invalid_unicode" if isinstance(error, UnicodeError) else "invalid_value"
        self.report(raw, path, found, reason, str(error), at)

    def blame_own(
        self, raw: Raw, path: Path, values: Sequence[Any], converters: Mapping[type, Any], at: list[int] | None
    ) -> None:
        for row, value in enumerate(values):
            if (convert := converters.get(type(value))) is not None:
                try:
                    convert(value)
                except Exception as error:  # noqa: BLE001 - see made_plain
                    self.report(raw, path, [row], "unsupported_type", f"{type(error).__name__}: {error}", at)

    def report(self, raw: Raw, path: Path, rows: list[int], reason: str, detail: str, at: list[int] | None) -> None:
        where, full = raw, raw.path + path
        numbers = pa.array(_through(at, rows), pa.int64())
        while where.parent is not None and where.parent_row is not None:
            numbers = where.parent_row.take(numbers).unique()
            where = self.raws[where.parent]
        self.bad += [BadValue(row, full, reason, detail) for row in numbers.to_pylist()]


_Rows = tuple[list[Any], list[int] | None]  # dicts, and the numbers of the rows they stand in (None: all)


def _odd(types: set[type]) -> list[type]:
    return [kind for kind in types if kind not in PLAIN and not issubclass(kind, pa.Scalar)]


def _through(at: list[int] | None, some: list[int] | None) -> list[int] | None:
    """The numbers of some of the rows that `at` numbers."""
    return at if some is None else some if at is None else [at[number] for number in some]


def _spread(data: pa.Array, at: list[int], rows: int) -> pa.Array:
    """Values at the places of their rows, nulls everywhere else."""
    there = bytearray(rows)
    for number in at:
        there[number] = 1
    mask = pa.Array.from_buffers(pa.uint8(), rows, [None, pa.py_buffer(there)]).cast(pa.bool_())
    return pc.replace_with_mask(pa.nulls(rows, data.type), mask, data)  # `at` ascends


def _item_rows(items: list[Any]) -> list[Any]:
    kinds = map(type, items)
    return [
        item if kind is dict else {INNER: item} if kind is list else {VALUE: item}
        for kind, item in zip(kinds, items, strict=True)
    ]


def links(lengths: pa.Array, count: int) -> tuple[pa.Array, pa.Array]:
    """For each item of lists of these lengths the number of its list and its place in it."""
    ends = pc.cumulative_sum(lengths)
    starts = pa.concat_arrays([pa.array([0], pa.int32()), ends])
    parents = pc.list_parent_indices(pa.ListArray.from_arrays(starts, pa.nulls(count)))
    return parents, pc.subtract(_numbers(1 << count.bit_length()).slice(0, count), starts.take(parents))


@lru_cache(maxsize=4)
def _numbers(count: int) -> pa.Array:
    """0, 1, 2, …"""
    return pa.Array.from_buffers(pa.int64(), count, [None, pa.py_buffer(array("q", range(count)))])


def _by_key(rows: Sequence[Any]) -> list[tuple[str, list[Any], list[int] | None]]:
    """The values of all rows by key, keys in the order of their first appearance; of a key that few rows have only what
    there is, with the numbers of these rows."""
    first = rows[0]
    lengths = list(map(len, rows))
    columns: list[tuple[str, list[Any], list[int] | None]]
    if lengths.count(len(first)) == len(rows):
        try:
            columns = _same(rows)
        except KeyError:
            columns = _sparse(rows, lengths)
    else:
        columns = _sparse(rows, lengths)
    if not {type(key) for key, _, _ in columns} <= TEXT_KEYS:
        return _by_key(_with_text_keys(rows))
    return columns


def _same(rows: Sequence[Any]) -> list[tuple[str, list[Any], list[int] | None]]:
    """The same for rows with the keys of the first one, block by block: rows stay in the processor's cache."""
    columns: dict[str, list[Any]] = {key: [] for key in rows[0]}
    takes = [(itemgetter(key), values) for key, values in columns.items()]
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        for take, values in takes:
            values.extend(map(take, block))
    return [(key, values, None) for key, values in columns.items()]


def _sparse(rows: Sequence[Any], lengths: list[int]) -> list[tuple[str, list[Any], list[int] | None]]:
    """The same for rows that do not have the same keys. Most rows have the keys of the first or of the longest one: only
    when these do not account for all values, all keys of all rows are looked at."""
    longest = rows[lengths.index(max(lengths))]
    columns: dict[str, list[Any]] = {}
    left = cells = sum(lengths)
    likely = dict.fromkeys(chain(rows[0], longest))
    if len(likely) * len(rows) > 2 * cells:
        return _few(rows)
    for key in likely:
        try:
            columns[key] = [row[key] for row in rows]
            left -= len(rows)
        except KeyError:
            columns[key] = values = _at(rows, key)
            left -= len(rows) - values.count(None)
    if not left:
        late = {next(i for i, row in enumerate(rows) if key in row) for key in columns if key not in rows[0]}
        keys = dict.fromkeys(chain(rows[0], chain.from_iterable(rows[i] for i in sorted(late))))
    else:
        keys = dict.fromkeys(chain.from_iterable(rows))
        if len(keys) * len(rows) > 2 * cells:
            return _few(rows)
    return [(key, columns[key] if key in columns else _at(rows, key), None) for key in keys]


def _at(rows: Sequence[Any], key: str) -> list[Any]:
    return [row[key] if key in row else None for row in rows]  # noqa: SIM401 - `get` takes longer


def _few(rows: Sequence[Any]) -> list[tuple[str, list[Any], list[int] | None]]:
    """The same for rows that have few of all the keys: value by value, which takes longer than a whole column but not
    longer than many empty ones."""
    columns: dict[str, tuple[list[Any], list[int]]] = {}
    for number, row in enumerate(rows):
        for key, value in row.items():
            if key in columns:
                values, numbers = columns[key]
                values.append(value)
                numbers.append(number)
            else:
                columns[key] = ([value], [number])
    return [(key, values, None if len(values) == len(rows) else numbers) for key, (values, numbers) in columns.items()]


def _with_text_keys(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Keys that are not texts are written as texts; one that is taken is written as Python would print it."""
    out = []
    for row in rows:
        texts = {str.__str__(key): value for key, value in row.items() if isinstance(key, str)}
        for key, value in row.items():
            if not isinstance(key, str):
                texts[free_key(key, texts)] = value
        out.append(texts)
    return out


def first_valid(data: pa.Array) -> int:
    """The row of the first value."""
    if not data.null_count:
        return 0
    return int(pc.index(data.is_valid(), True).as_py()) if data.null_count < len(data) else len(data)
