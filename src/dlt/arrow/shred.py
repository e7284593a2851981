"""Rows -> columns -> Arrow, column-wise: nested dicts become columns, nested lists become tables of their own.

There is no Python call per value: for each key one list comprehension takes the values of all rows, one
`set(map(type, ...))` finds what kinds there are, `pa.array` converts. Dicts recurse as rows, the items of lists are
chained into the rows of a child table that knows its parents by row number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple

import pyarrow as pa

from dlt.arrow.values import LIST, PLAIN, ROW, NoneType, Unsupported, build, json_text, plain_converter
from dlt.items import Raw, RawColumn

Path = tuple[str, ...]
DEEPEST = 100  # levels of nesting that become tables and columns at most; what is deeper stays JSON


class Shape(NamedTuple):
    """What the shredder must know of the schema: how deep to go, what stays JSON, which scalars are one-item lists."""

    max_nesting: int = DEEPEST
    keeps_json: Callable[[Path, Path], bool] = lambda _table, _column: False
    wraps: Callable[[Path, Path], bool] = lambda _table, _column: False


class BadValue(NamedTuple):
    """A value that no column can hold: where it was, and why."""

    row: int  # row of the root table
    path: Path
    reason: str
    detail: str


def shred(rows: Sequence[Mapping[str, Any]], shape: Shape = Shape()) -> tuple[list[Raw], list[BadValue]]:  # noqa: B008
    """The tables made of these rows, root first, parents before children. When there are bad values the tables are not
    complete: take those rows out and shred the rest again."""
    work = _Shredder(shape)
    work.table((), rows, 0)
    return work.raws, [bad for bad in work.bad if bad.row >= 0]


class _Shredder:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.raws: list[Raw] = []
        self.bad: list[BadValue] = []

    def table(self, path: Path, rows: Sequence[Any], depth: int, *link: Any) -> None:
        raw = Raw(path, [], len(rows), *link)
        self.raws.append(raw)
        if rows:
            self.columns(raw, (), rows, depth)

    def columns(self, raw: Raw, prefix: Path, rows: Sequence[Any], depth: int) -> None:
        """The columns of the keys of these rows; nested dicts after the plain columns, the last one first."""
        nested: list[tuple[Path, list[Any]]] = []
        for key, values in _by_key(rows):
            path = (*prefix, key)
            dicts = self.column(raw, path, values, depth + 1)
            if dicts is not None:
                nested.append((path, dicts))
        for path, dicts in reversed(nested):
            self.columns(raw, path, dicts, depth + 1)

    def column(self, raw: Raw, path: Path, values: list[Any], depth: int) -> list[Any] | None:
        """Add the raw columns of one path; returns rows when there are dicts to be flattened."""
        types = set(map(type, values))
        types.discard(NoneType)
        if not types:
            raw.columns.append(RawColumn(path, pa.nulls(raw.rows), None, raw.rows))
            return None
        if len(types) == 1:
            (only,) = types
            kind = PLAIN.get(only)
            if kind is None:
                return self.convert(raw, path, values, depth, only)
            return self.one_kind(raw, path, values, depth, kind)
        return self.mixed(raw, path, values, depth, types)

    def one_kind(self, raw: Raw, path: Path, values: list[Any], depth: int, kind: str) -> list[Any] | None:
        if kind in (ROW, LIST):
            if depth > min(self.shape.max_nesting, DEEPEST) or self.shape.keeps_json(raw.path, path):
                self.json(raw, path, values)
            elif kind is ROW:
                return values if None not in values else [{} if value is None else value for value in values]
            else:
                self.items(raw, path, values, depth)
            return None
        if self.shape.wraps(raw.path, path):
            self.items(raw, path, [() if value is None else (value,) for value in values], depth)
            return None
        try:
            made = build(kind, values)
        except (pa.ArrowException, UnicodeError, ValueError, OverflowError) as error:
            self.blame(raw, path, values, kind, error)
            return None
        for name, data in made:
            raw.columns.append(RawColumn(path, data, name, _first(values) if len(made) == 1 else _first_valid(data)))
        return None

    def mixed(self, raw: Raw, path: Path, values: list[Any], depth: int, types: set[type]) -> list[Any] | None:
        """Values of several types: odd types are made plain first, then each kind gets a column of its own."""
        odd = [kind for kind in types if kind not in PLAIN]
        if odd:
            plain = self.made_plain(raw, path, values, odd)
            return None if plain is None else self.column(raw, path, plain, depth)
        dicts = None
        for only in sorted(types, key=lambda only: next(i for i, value in enumerate(values) if type(value) is only)):
            part = [value if type(value) is only else None for value in values]
            dicts = self.one_kind(raw, path, part, depth, PLAIN[only]) or dicts
        return dicts

    def convert(self, raw: Raw, path: Path, values: list[Any], depth: int, only: type) -> list[Any] | None:
        if issubclass(only, pa.Scalar):
            data = pa.array(values)
            kind = "bigint" if pa.types.is_duration(data.type) else "timestamp"
            if kind == "bigint":
                data = data.cast(pa.duration("us")).cast(pa.int64())
            elif pa.types.is_date(data.type):
                kind, data = "date", data.cast(pa.date32())
            raw.columns.append(RawColumn(path, data, kind, _first(values)))
            return None
        plain = self.made_plain(raw, path, values, [only])
        return None if plain is None else self.column(raw, path, plain, depth)

    def made_plain(self, raw: Raw, path: Path, values: list[Any], odd: list[type]) -> list[Any] | None:
        converters: dict[type, Any] = {}
        for kind in odd:
            if issubclass(kind, pa.Scalar):
                converters[kind] = lambda value: value.as_py()
                continue
            try:
                converters[kind] = plain_converter(kind)
            except Unsupported as error:
                where = [i for i, value in enumerate(values) if type(value) is kind]
                self.report(raw, path, where, "unsupported_type", f"no column can hold a {error}")
                return None
        keep: Any = None
        return [
            value if (convert := converters.get(type(value), keep)) is None else convert(value) for value in values
        ]

    def json(self, raw: Raw, path: Path, values: list[Any]) -> None:
        texts: list[str | None] = []
        for row, value in enumerate(values):
            try:
                texts.append(None if value is None else json_text(value))
            except (TypeError, ValueError, RecursionError) as error:
                self.report(raw, path, [row], "unsupported_type", str(error))
                texts.append(None)
        try:
            data = pa.array(texts, pa.string())
        except UnicodeError as error:
            self.blame(raw, path, texts, "text", error)
            return
        raw.columns.append(RawColumn(path, data, "json", _first(values)))

    def items(self, raw: Raw, path: Path, values: list[Any], depth: int) -> None:
        """The items of lists as rows of a child table: dicts as they are, scalars as `value`, lists as `list`."""
        lists = values if None not in values else [() if value is None else value for value in values]
        lengths = list(map(len, lists))
        items = list(chain.from_iterable(lists))
        if not items:
            return
        parent_row = pa.array(chain.from_iterable(map(repeat, range(len(lists)), lengths)), pa.int32(), size=len(items))
        list_idx = pa.array(chain.from_iterable(map(range, lengths)), pa.int64(), size=len(items))
        parent = next(i for i, one in enumerate(self.raws) if one is raw)
        link = (parent, parent_row, list_idx)
        types = set(map(type, items))
        if types == {dict}:
            self.table(raw.path + path, items, depth, *link)
            return
        child = Raw(raw.path + path, [], len(items), *link)
        self.raws.append(child)
        if any(PLAIN.get(kind, ROW) in (ROW, LIST) for kind in types - {NoneType}):
            rows = [_item_row(item) for item in items]
            self.columns(child, (), rows, depth)
        else:
            self.column(child, ("value",), items, depth + 1)

    def blame(self, raw: Raw, path: Path, values: Sequence[Any], kind: str, error: Exception) -> None:
        """Find the values that made a column fail, one by one."""
        found: list[int] = []
        for row, value in enumerate(values):
            if value is not None:
                try:
                    build(kind, [value])
                except (pa.ArrowException, UnicodeError, ValueError, OverflowError):
                    found.append(row)
        if not found:
            raise error
        reason = "invalid_unicode" if isinstance(error, UnicodeError) else "invalid_value"
        self.report(raw, path, found, reason, str(error))

    def report(self, raw: Raw, path: Path, rows: list[int], reason: str, detail: str) -> None:
        where = raw
        full = raw.path + path
        while where.parent is not None:
            parents = where.parent_row.to_pylist()
            rows = [parents[row] for row in rows]
            where = self.raws[where.parent]
        self.bad += [BadValue(row, full, reason, detail) for row in rows]


def _item_row(item: Any) -> Any:
    kind = type(item)
    if kind is dict:
        return item
    plain = PLAIN.get(kind)
    if plain is None and kind is not NoneType:
        try:
            item = plain_converter(kind)(item)
        except Unsupported:
            return {"value": item}
        return _item_row(item)
    return {"list": item} if plain is LIST else {"value": item}


def _by_key(rows: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """The values of all rows by key, keys in the order of their first appearance."""
    first = rows[0]
    if set(map(len, rows)) == {len(first)}:
        try:
            out = [(key, [row[key] for row in rows]) for key in first]
        except KeyError:
            pass
        else:
            return out if set(map(type, first)) <= {str} else _by_key(_with_text_keys(rows))
    keys = dict.fromkeys(chain.from_iterable(rows))
    if not set(map(type, keys)) <= {str}:
        return _by_key(_with_text_keys(rows))
    return [(key, [row.get(key) for row in rows]) for key in keys]


def _with_text_keys(rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Keys that are not texts are written as texts; one that is taken is written as Python would print it."""
    out = []
    for row in rows:
        texts = {str(key): value for key, value in row.items() if isinstance(key, str)}
        for key, value in row.items():
            if not isinstance(key, str):
                texts[str(key) if str(key) not in texts else repr(key) + "#"] = value
        out.append(texts)
    return out


def _first(values: Sequence[Any]) -> int:
    return next((i for i, value in enumerate(values) if value is not None), len(values))


def _first_valid(data: pa.Array) -> int:
    return _first(data.is_valid().to_pylist()) if data.null_count else 0
