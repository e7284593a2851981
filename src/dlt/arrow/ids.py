"""Row ids: random, made of the key, of the row, or of the place in a nested list. 14 characters each, base64."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import math
import os
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from hashlib import shake_128
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import plain_converter

CHARS = 14


def random_ids(rows: int) -> pa.Array:
    """Random ids, made for all rows at once: 84 random bits each."""
    text = base64.b64encode(os.urandom(rows * 21 // 2 + 3))
    return pa.StringArray.from_buffers(rows, _offsets(1 << rows.bit_length()), pa.py_buffer(text))


@lru_cache(maxsize=4)
def _offsets(rows: int) -> pa.Buffer:
    """Where the ids of at most this many rows begin, and where the last one ends."""
    return pa.py_buffer(array("i", range(0, CHARS * rows + 1, CHARS)))


def digests(texts: Iterable[str]) -> pa.Array:
    """An id for each text: the same text has the same id everywhere and always."""
    raw = b"".join([shake_128(text.encode("utf-8", "surrogatepass")).digest(10) + b"\0\0" for text in texts])
    packed = base64.b64encode(raw)
    wide = pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(raw) // 12, [None, pa.py_buffer(packed)])
    return pc.utf8_slice_codeunits(wide.cast(pa.binary()).cast(pa.string()), 0, CHARS)


def nested_ids(parents: pa.Array, table: str, positions: pa.Array) -> pa.Array:
    """Ids of nested rows, made of the parent's id, the table and the position in the list."""
    return digests(map("{}_{}_{}".format, parents.to_pylist(), repeat(table), positions.to_pylist()))


def key_ids(names: Sequence[str], columns: Sequence[pa.Array]) -> pa.Array:
    """Ids of rows made of their key: the typed JSON of the key's columns, sorted by name."""
    rows = zip(*[column.to_pylist() for column in columns], strict=True)
    return digests([typed_text(dict(zip(names, row, strict=True))) for row in rows])


def row_ids(rows: Iterable[Mapping[str, Any]], *, with_nulls: bool = False) -> pa.Array:
    """Ids of rows made of all that is in them but dlt's own columns: typed JSON with sorted keys. A key without a value is
    as no key: a column that nobody has a value for changes no row. with_nulls: as dlt 1.x makes them, where it is one."""
    return digests(
        [
            typed_text(
                {
                    key: value
                    for key, value in row.items()
                    if (with_nulls or value is not None) and not str(key).startswith("_dlt")
                }
            )
            for row in rows
        ]
    )


def row_numbers(first: int, rows: int) -> pa.Array:
    """Numbers of rows from `first` on."""
    return pa.Array.from_buffers(pa.int64(), rows, [None, pa.py_buffer(array("q", range(first, first + rows)))])


# ---- typed JSON, as dlt 1.x makes it: the ids of its rows and of ours are the same


def typed_text(value: Any) -> str:
    """JSON with sorted keys, in which types that JSON does not have are texts with a mark."""
    try:
        text = json.dumps(
            value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_marked
        )
    except (TypeError, ValueError):  # keys that are not texts, NaN, infinity
        return _written(value)
    return _written(value) if "e-0" in text else text  # may be a small float, which is written in another way


def _marked(value: Any) -> Any:
    for types, (mark, text) in MARKED.items():
        if isinstance(value, types):
            return mark + text(value)
    kind: Any = type(value)
    return plain_converter(kind)(value)


MARKED: dict[Any, tuple[str, Callable[[Any], str]]] = {
    decimal.Decimal: ("\uf026", str),
    dt.datetime: ("\uf027", dt.datetime.isoformat),
    dt.date: ("\uf028", dt.date.isoformat),
    (bytes, bytearray, memoryview): ("\uf02b", lambda value: base64.b64encode(value).decode()),
    dt.time: ("\uf02d", dt.time.isoformat),
}


def _written(value: Any) -> str:
    """The same value by value: small floats like 1e-6 and 0.00001, no NaN, keys as texts."""
    match value:
        case dict():
            texts = {key if isinstance(key, str) else _key(key): item for key, item in value.items()}
            return "{" + ",".join(f"{typed_text(key)}:{_written(texts[key])}" for key in sorted(texts)) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case float():
            if not math.isfinite(value):
                return "null"
            digits, exponent, power = repr(value).partition("e-0")
            if exponent and power == "5":
                return format(decimal.Decimal(repr(value)), "f")
            return f"{digits}e-{power}" if exponent else digits
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
    made = _marked(value)
    return json.dumps(made, ensure_ascii=False) if isinstance(made, str) else _written(made)


def _key(key: Any) -> str:
    return (
        key.isoformat()
        if isinstance(key, (dt.date, dt.time))
        else json.dumps(key)
        if key in (None, True, False)
        else str(key)
    )
