"""JSON lines -> columns without Python objects, as long as they are like the rows that Python read first.

Arrow's reader is told all types, so that nothing is guessed: a key or a value that is not as before is an error for it, and
then Python reads these lines. What both make of the same lines is the same.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.shred import INNER, VALUE, Path, Shape, first_valid, links, nesting
from dlt.items import Raw, RawColumn

EXACT = 2.0**53  # below it a double is the whole number that was written
KINDS = {pa.int64(): "bigint", pa.float64(): "double", pa.string(): "text", pa.bool_(): "bool"}
SCALARS: dict[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}
NUMBERS = {pa.int64(), pa.float64()}
MORE = r"\}(?:[ \t\r]|null)"  # what lines have that are more than one object, or prettily written
OTHER = r"\n[^{]"  # lines that are no objects
MOST_MISSES = 20  # blocks in a row that Python had to read


class JsonLines:
    """Reads blocks of lines of one table."""

    def __init__(self) -> None:
        self.type: pa.DataType | None = pa.struct([])  # of a row; None: values that no type stands for
        self.misses = 0

    def learn(self, rows: Sequence[Any]) -> None:
        """Take note of rows that Python read."""
        self.misses += 1
        if self.type is not None:
            self.type = _type(rows, self.type) if self.misses < MOST_MISSES else None

    def read(self, lines: bytes, shape: Shape) -> list[Raw] | None:
        """The tables made of lines, root first, as `shred` makes them of rows. None: let Python read them."""
        if not self.type:
            return None
        try:
            if not _plain(lines):
                return None
            row = _parsed(lines, self.type)
            if len(row) != lines.count(b"\n") + 1:
                return None
            made = _Tables(shape, len(row)).of(row)
        except (pa.ArrowInvalid, _Unlike):
            return None
        self.misses = 0
        return made


class _Unlike(Exception):
    """Values that Arrow and Python would not read alike."""


def _plain(lines: bytes) -> bool:
    """Whether each line can only be an object, in UTF-8. Arrow does not look at the encoding, and dies of some lines."""
    ends = array("i", [0, len(lines)])
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(lines)])
    text.validate(full=True)
    return lines.startswith(b"{") and not any(pc.match_substring_regex(text, part)[0].as_py() for part in (MORE, OTHER))


def _parsed(lines: bytes, row: pa.StructType) -> pa.StructArray:
    from pyarrow import json

    table = json.read_json(
        pa.BufferReader(lines),
        json.ReadOptions(use_threads=False, block_size=len(lines) + 1),
        json.ParseOptions(explicit_schema=pa.schema(list(row)), unexpected_field_behavior="error"),
    )
    (row,) = table.to_struct_array().chunks  # one block makes one chunk
    row.validate()  # lists of nulls have no items
    return row


def _type(values: Sequence[Any], known: pa.DataType) -> pa.DataType | None:
    """The type of values that JSON has, and of those before; None when there is none, or these are not one."""
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return known
    if kinds == {dict}:
        return _object([value for value in values if value is not None], known)
    if kinds == {list}:
        inner = known.value_type if pa.types.is_list(known) else pa.null()
        items = (
            None if not _is(known, pa.types.is_list) else _type(list(chain.from_iterable(filter(None, values))), inner)
        )
        return None if items is None else pa.list_(items)
    if not kinds <= SCALARS.keys() or any(type(value) is int and value.bit_length() > 63 for value in values):
        return None
    found = {SCALARS[kind] for kind in kinds} | ({known} - {pa.null()})
    if len(found) > 1 and found != NUMBERS:
        return None
    return found.pop() if len(found) == 1 else pa.float64()


def _object(values: list[dict[str, Any]], known: pa.DataType) -> pa.DataType | None:
    if not _is(known, pa.types.is_struct):
        return None
    fields = {field.name: field.type for field in known} if pa.types.is_struct(known) else {}
    for key in dict.fromkeys(chain.from_iterable(values)):
        kind = _type([value.get(key) for value in values], fields.get(key, pa.null()))
        if kind is None:
            return None
        fields[key] = kind
    return pa.struct(list(fields.items()))


def _is(known: pa.DataType, wanted: Any) -> bool:
    return bool(wanted(known) or pa.types.is_null(known))


class _Tables:
    """Takes Arrow structs and lists apart, as the shredder does with dicts and lists."""

    def __init__(self, shape: Shape, rows: int) -> None:
        self.shape, self.deepest = shape, nesting(shape)
        self.raws = [Raw((), [], rows)]

    def of(self, row: pa.StructArray) -> list[Raw]:
        self.columns(self.raws[0], (), row, 0)
        return self.raws

    def columns(self, raw: Raw, prefix: Path, values: pa.StructArray, depth: int) -> None:
        nested = []
        for field, data in zip(values.type, values.flatten(), strict=True):
            path = (*prefix, field.name)
            if self.column(raw, path, data, depth + 1):
                nested.append((path, data))
        for path, data in reversed(nested):
            self.columns(raw, path, data, depth + 1)

    def column(self, raw: Raw, path: Path, data: pa.Array, depth: int) -> bool:
        """Add the column of one path, or what is in its lists; True when it holds structs, which are to be flattened."""
        kind = KINDS.get(data.type)
        if data.null_count == len(data):
            if kind or pa.types.is_null(data.type):
                raw.columns.append(RawColumn(path, pa.nulls(raw.rows), None, raw.rows))
            return False
        if kind is None:
            if depth > self.deepest or self.shape.keeps_json(raw.path, path):
                raise _Unlike
            if pa.types.is_list(data.type):
                self.items(raw, path, data, depth)
                return False
            return True
        if depth <= self.deepest and self.shape.wraps(raw.path, path, False):
            raise _Unlike
        if kind == "double" and _like_ints(data) and not self.shape.is_number(raw.path, path):
            raise _Unlike
        raw.columns.append(RawColumn(path, data, kind, first_valid(data)))
        return False

    def items(self, raw: Raw, path: Path, lists: pa.ListArray, depth: int) -> None:
        items = lists.flatten()
        if not len(items):
            return
        structs = pa.types.is_struct(items.type)
        if items.null_count == len(items) or (structs and items.null_count):
            raise _Unlike
        parent = next(i for i, one in enumerate(self.raws) if one is raw)
        owners, places = links(pc.fill_null(lists.value_lengths(), 0), len(items))
        child = Raw(raw.path + path, [], len(items), parent, owners, places)
        self.raws.append(child)
        if structs:
            self.columns(child, (), items, depth)
        else:
            self.column(child, (INNER if pa.types.is_list(items.type) else VALUE,), items, depth + 1)


def _like_ints(data: pa.DoubleArray) -> bool:
    """Whether some of the numbers may have been written without a point. Raises _Unlike when digits may be lost then."""
    whole = pc.equal(pc.floor(data), data)
    if not pc.any(whole).as_py():
        return False
    if pc.any(pc.greater_equal(pc.abs(data), EXACT)).as_py():
        raise _Unlike
    return True
