"""Row ids: random, made of the key, of the row, or of the place in a nested list. 14 characters each, base64."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Sequence
from hashlib import shake_128
from itertools import repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import json_text

CHARS = 14


def random_ids(rows: int) -> pa.Array:
    """Random ids, made for all rows at once: 84 random bits each."""
    text = base64.b64encode(os.urandom(rows * 21 // 2 + 3))
    offsets = pa.array(range(0, CHARS * rows + 1, CHARS), pa.int32())
    return pa.StringArray.from_buffers(rows, offsets.buffers()[1], pa.py_buffer(text))


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
    """Ids of rows made of their key: the JSON of the key's columns, sorted by name."""
    ordered = sorted(zip(names, columns, strict=True), key=lambda pair: pair[0])
    sorted_names = [name for name, _ in ordered]
    rows = zip(*[column.to_pylist() for _, column in ordered], strict=True)
    return digests([json_text(dict(zip(sorted_names, row, strict=True))) for row in rows])


def row_ids(rows: Iterable[dict[str, Any]]) -> pa.Array:
    """Ids of rows made of all that is in them: JSON with sorted keys; what is null or empty does not count."""
    return digests([json_text(_sorted(row)) for row in rows])


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value) if value[key] is not None}
    if isinstance(value, (list, tuple)):
        return [_sorted(item) for item in value]
    return value
