"""The engine of incremental loading: columns of cursor values, lists and Arrow alike, cut to a range page by page."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import chain, compress
from math import isnan
from typing import TYPE_CHECKING, Any

from dlt.extract.jsonpath import ABSENT, Absent, getter, is_simple, top_key
from dlt.extract.order import Keys, OrderError, keys_of
from dlt.items import ArrowRows

if TYPE_CHECKING:
    import pyarrow as pa

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
}
OTHER = "use another cursor, or a last_value_func of your own"
Positions = Sequence[int]


@dataclass(slots=True)
class Listed:
    """Keys of rows as a list, with the position of each among the rows of the page."""

    keys: Sequence[Any]
    positions: Positions
    values: Sequence[Any]  # as they came

    def __len__(self) -> int:
        return len(self.keys)

    def bounds(self) -> tuple[Any, Any]:
        """The least and the greatest key."""
        try:
            return min(self.keys), max(self.keys)
        except TypeError:
            raise OrderError(
                f"values of type {type(self.keys[0]).__name__} are neither more nor less than others", OTHER
            ) from None

    def keep(self, comparison: str, key: Any) -> Listed:
        """The keys that compare so with another one."""
        compare = COMPARE[comparison]
        try:
            mask = [compare(one, key) for one in self.keys]
        except TypeError:
            raise OrderError(f"{self.keys[0]!r} and {key!r} are neither more nor less than each other", OTHER) from None
        if all(mask):
            return self
        same = self.values is self.keys
        keys = list(compress(self.keys, mask))
        values = keys if same else list(compress(self.values, mask))
        return Listed(keys, list(compress(self.positions, mask)), values)

    def without(self, positions: set[int]) -> Listed:
        """The keys at other positions."""
        mask = [position not in positions for position in self.positions]
        return Listed(
            list(compress(self.keys, mask)), list(compress(self.positions, mask)), list(compress(self.values, mask))
        )

    def at(self, key: Any) -> Positions:
        """The positions where the key is this one."""
        return [position for position, one in zip(self.positions, self.keys, strict=True) if one == key]

    def value_of(self, key: Any) -> Any:
        """A value, as it came, whose key is this one."""
        return self.values[self.keys.index(key)]

    def is_sorted(self, *, descending: bool) -> bool:
        """Whether the keys come in order."""
        keys = self.keys
        return not any(map(operator.lt if not descending else operator.gt, keys[1:], keys))


@dataclass(slots=True)
class Columnar:
    """Keys of rows as an Arrow array, with the position of each among the rows of the page."""

    keys: pa.Array
    positions: pa.Array

    def __len__(self) -> int:
        return len(self.keys)

    def bounds(self) -> tuple[Any, Any]:
        import pyarrow.compute as pc

        found = pc.min_max(self.keys).as_py()
        return found["min"], found["max"]

    def _mask(self, comparison: str, key: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        names = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal"}
        return pc.call_function(names[comparison], [self.keys, pa.scalar(key, self.keys.type)])

    def keep(self, comparison: str, key: Any) -> Columnar:
        mask = self._mask(comparison, key)
        if mask.true_count == len(mask):
            return self
        return Columnar(self.keys.filter(mask), self.positions.filter(mask))

    def without(self, positions: set[int]) -> Columnar:
        import pyarrow as pa
        import pyarrow.compute as pc

        mask = pc.invert(pc.is_in(self.positions, pa.array(sorted(positions), self.positions.type)))
        return Columnar(self.keys.filter(mask), self.positions.filter(mask))

    def at(self, key: Any) -> Positions:
        found: list[int] = self.positions.filter(self._mask("eq", key)).to_pylist()
        return found

    def value_of(self, key: Any) -> Any:
        return key

    def is_sorted(self, *, descending: bool) -> bool:
        import pyarrow.compute as pc

        if len(self.keys) < 2:
            return True
        before, after = self.keys[:-1], self.keys[1:]
        return bool(pc.all(pc.greater_equal(before, after) if descending else pc.less_equal(before, after)).as_py())


@dataclass(slots=True)
class Taken:
    """The cursor column of a page: the keys of rows that have one, and the positions of those that have none."""

    column: Listed | Columnar
    like: Keys
    without: list[int]  # positions of rows whose value is None or NaN
    absent: list[int]  # positions of rows that have no such key
    finer: bool = False  # instants have nanoseconds, which the keys have not


NO_KEYS = Keys("", ())
PLAIN = {int, float, str, bool, bytes, dict, list, dt.datetime, dt.date, type(None), Absent}


def _plain(value: Any) -> Any:
    """The value of numpy or pandas as Python has it, instants to the microsecond; None for what says that there is none."""
    if isinstance(value, Decimal):
        return None if value.is_nan() else value
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)
    if type(value).__module__ == "numpy":
        if type(value).__name__ == "datetime64":
            value = value.astype("datetime64[us]")
        return value.item()
    return value


def take_rows(rows: Sequence[Any], path: str, declared: Any) -> Taken:
    """The cursor column of rows: dicts, or objects by their attributes."""
    values: list[Any]
    if is_simple(path):
        try:
            values = [row[path] for row in rows]
        except (KeyError, TypeError, IndexError):
            get = getter(path)
            values = [get(row) for row in rows]
    else:
        get = getter(path)
        values = [get(row) for row in rows]
    return take_values(values, declared)


def take_values(values: list[Any], declared: Any) -> Taken:
    """The same of cursor values."""
    finer = False
    if odd := set(map(type, values)) - PLAIN:
        finer = any(getattr(value, "nanosecond", 0) for value in values)
        values = [_plain(value) if type(value) in odd else value for value in values]
    absent = [position for position, value in enumerate(values) if value is ABSENT] if ABSENT in values else []
    none = [
        position for position, value in enumerate(values) if value is None or (type(value) is float and isnan(value))
    ]
    positions: Positions = range(len(values))
    if none or absent:
        left = set(none) | set(absent)
        positions = [position for position in positions if position not in left]
        values = [values[position] for position in positions]
    if not values:
        return Taken(Listed([], [], []), NO_KEYS, none, absent)
    like = keys_of(values, declared)
    return Taken(Listed(like.keys, positions, values), like, none, absent, finer)


# ---- Arrow and frames


def take_table(item: Any, path: str, declared: Any) -> Taken:
    """The cursor column of an Arrow table or batch, a pandas or polars frame. OrderError unless the path is a column."""
    import pyarrow as pa

    name = top_key(path)
    if name is None:
        raise OrderError(f"the cursor of a table must be one of its columns, and {path!r} is a path")
    column = _column(item, name)
    if column is None:
        rows = rows_of_table(item)
        return Taken(Listed([], [], []), NO_KEYS, [], list(range(rows)))
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if isinstance(column, pa.ChunkedArray):  # too large for one array
        raise OrderError("the column of the cursor is too large; yield smaller tables")
    return _take_array(column, declared)


def _column(item: Any, name: str) -> Any:
    import pyarrow as pa

    if isinstance(item, ArrowRows):
        item = item.data
    if isinstance(item, (pa.Table, pa.RecordBatch)):
        return item.column(name) if name in item.schema.names else None
    if name not in list(item.columns):
        return None
    column = item[name]
    return column.to_arrow() if hasattr(column, "to_arrow") else pa.Array.from_pandas(column)


def _take_array(column: pa.Array, declared: Any) -> Taken:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    if isinstance(column.type, pa.DictionaryType):
        column = column.dictionary_decode()
    like, keys = _comparable(column)
    if like is None:
        return take_values(column.to_pylist(), declared)
    positions = pa.array(range(len(keys)), pa.int64())
    without: list[int] = []
    if keys.null_count:
        there = keys.is_valid()
        without = positions.filter(pc.invert(there)).to_pylist()
        keys, positions = keys.filter(there), positions.filter(there)
    finer = pa.types.is_timestamp(column.type) and column.type.unit == "ns" and _has_nanoseconds(column)
    return Taken(Columnar(keys, positions), like if len(keys) else NO_KEYS, without, [], finer)


def _has_nanoseconds(column: pa.Array) -> bool:
    import pyarrow as pa
    import pyarrow.compute as pc

    micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(column.type)
    return bool(pc.any(pc.not_equal(micros, column)).as_py())


def _comparable(column: pa.Array) -> tuple[Keys | None, pa.Array]:
    """The column as keys that Arrow compares; None for types that are compared as Python values."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_float64(kind):
        return Keys("number", ()), column
    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return Keys("number", ()), column.cast(pa.float64())
    if pa.types.is_timestamp(kind):
        return Keys("instant", (), kind.tz is not None), column.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_date(kind):
        return Keys("date", ()), column.cast(pa.date32())
    return None, column


def listed(taken: Taken) -> Taken:
    """The same with keys that Python compares, for bounds that the type of the column cannot hold."""
    column = taken.column
    if isinstance(column, Listed):
        return taken
    keys = column.keys.to_pylist()
    return replace(taken, column=Listed(keys, column.positions.to_pylist(), keys))


def fits(taken: Taken, key: Any) -> bool:
    """Whether a key can be compared within the column as it is."""
    if key is None or isinstance(taken.column, Listed):
        return True
    import pyarrow as pa

    try:
        return bool(pa.scalar(key, taken.column.keys.type).as_py() == key)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False


def rows_of_table(item: Any) -> int:
    """How many rows a table or frame has."""
    count = getattr(item, "num_rows", None)
    return count if isinstance(count, int) else len(item)


def opened(item: Any) -> Any:
    """Tables, batches and frames as they are; lazy frames are collected, other streams of Arrow become tables."""
    import pyarrow as pa

    if isinstance(item, (pa.Table, pa.RecordBatch, ArrowRows)):
        return item
    if hasattr(item, "collect") and not hasattr(item, "to_arrow"):
        return item.collect()
    return item if type(item).__module__.partition(".")[0] in ("pandas", "polars") else pa.table(item)


def select(item: Any, positions: Any) -> Any:
    """The rows of a page, table or frame at these positions."""
    if type(item) is list:
        return [item[position] for position in positions]
    if isinstance(item, ArrowRows):
        return ArrowRows(select(item.data, positions), item.page)
    import pyarrow as pa

    if isinstance(item, (pa.Table, pa.RecordBatch)):
        return item.take(positions if isinstance(positions, pa.Array) else pa.array(positions, pa.int64()))
    chosen = positions.to_pylist() if isinstance(positions, pa.Array) else list(positions)
    return item.iloc[chosen] if hasattr(item, "iloc") else item[chosen]


def plain_rows(item: Any, positions: Positions) -> list[Any]:
    """The same as dicts, or as the objects they are."""
    if type(item) is list:
        return [item[position] for position in positions]
    part = select(item, positions)
    if isinstance(part, ArrowRows):
        return list(chain.from_iterable(part.pages()))
    if hasattr(part, "to_pylist"):
        found: list[Any] = part.to_pylist()
        return found
    if hasattr(part, "to_dicts"):
        return list(part.to_dicts())
    import pyarrow as pa

    return pa.Table.from_pandas(part, preserve_index=False).to_pylist()  # type: ignore[no-any-return]  # untyped
