"""Arrow -> the binary format of COPY in PostgreSQL, a column at a time."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.text import content
from dlt.errors import DestinationRefused

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
NULL = pa.scalar(b"\xff\xff\xff\xff")
EPOCH_DAYS = 10_957  # from 1970 to 2000
EPOCH = pa.scalar(EPOCH_DAYS * 86_400_000_000, pa.int64())
CHUNK_BYTES, CHUNK_ROWS = 4 << 20, 20_000  # of Arrow data that is turned at once
NUMERIC = struct.Struct(">ihhHh")  # length of the field, groups of digits, weight, sign, scale
NEGATIVE = 0x4000
WORDS = 4  # groups of four digits that are written together, as one 64-bit number
Parts = list[Any]


def chunks(batch: pa.RecordBatch, kinds: list[str]) -> Iterator[memoryview]:
    """The rows of a batch as COPY reads them. kinds: the SQL types of the columns of the table.

    Raises DestinationRefused, with the column, when a value has no place in its type.
    """
    size = batch.get_total_buffer_size()
    rows = CHUNK_ROWS if size <= CHUNK_BYTES else max(1, min(CHUNK_ROWS, batch.num_rows * CHUNK_BYTES // size))
    for start in range(0, batch.num_rows, rows):
        part = batch.slice(start, rows)
        fields: Parts = [pa.scalar(struct.pack(">h", part.num_columns))]
        for name, data, kind in zip(part.schema.names, part.columns, kinds, strict=True):
            try:
                fields += _field(data, kind)
            except pa.ArrowInvalid as error:
                raise DestinationRefused(f"A value does not fit the type {kind}: {error}", column=name) from error
            except DestinationRefused as error:
                error.context["column"] = name
                raise
        yield memoryview(content(_join(fields)))


def is_direct(kind: str) -> bool:
    """True for SQL types whose values go as they are; the others are cast by the database."""
    base, bounds, _ = kind.partition("(")
    return base in _ENCODERS and not (bounds and base in ("timestamp", "time"))


def _join(parts: Parts) -> pa.Array:
    return pc.binary_join_element_wise(*parts, pa.scalar(b""))


def _field(data: pa.Array, kind: str) -> Parts:
    """The parts of one column, to be joined row by row: the length of the value and the value."""
    base, _, bounds = kind.partition("(")
    if data.null_count == len(data):
        return [NULL]
    if base == "character varying" and bounds:
        _check_length(data, int(bounds.rstrip(")")))
    parts = _ENCODERS[base](data)
    return parts if not data.null_count else [pc.if_else(data.is_valid(), _join(parts), NULL)]


def _check_length(data: pa.Array, most: int) -> None:
    """COPY would cut blanks off at the end without a word."""
    longest = pc.max(pc.utf8_length(data)).as_py()
    if longest > most:
        raise DestinationRefused(f"A text has {longest} characters, its column takes {most}.")


def _fixed(data: pa.Array, code: str) -> pa.Array:
    """Numbers as big-endian bytes; what stands in the place of nulls does not matter."""
    size = array(code).itemsize
    start = data.offset * size
    numbers = array(code, bytes(memoryview(data.buffers()[1])[start : start + len(data) * size]))
    if sys.byteorder == "little":
        numbers.byteswap()
    made = pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(data), [None, pa.py_buffer(numbers)])
    return made.cast(pa.binary())


def _number(data: pa.Array, code: str, kind: pa.DataType) -> Parts:
    return [pa.scalar(struct.pack(">i", array(code).itemsize)), _fixed(data.cast(kind), code)]


def _bytes(data: pa.Array, mark: bytes = b"") -> Parts:
    """Values with their length before them; mark: a byte that goes before each."""
    values = data.cast(pa.binary())
    length = pc.add(pc.fill_null(pc.binary_length(values), 0), pa.scalar(len(mark), pa.int32()))
    return [_fixed(length, "i"), pa.scalar(mark), values]


def _bools(data: pa.Array) -> Parts:
    return [pc.if_else(data, pa.scalar(b"\0\0\0\1\1"), pa.scalar(b"\0\0\0\1\0"))]


def _timestamps(data: pa.Array) -> Parts:
    micros = data.cast(pa.timestamp("us", data.type.tz)).cast(pa.int64())
    return _number(pc.subtract_checked(micros, EPOCH), "q", pa.int64())


def _dates(data: pa.Array) -> Parts:
    days = data.cast(pa.int32())
    return _number(pc.subtract_checked(days, pa.scalar(EPOCH_DAYS, pa.int32())), "i", pa.int32())


def _times(data: pa.Array) -> Parts:
    return _number(data.cast(pa.time64("us")).cast(pa.int64()), "q", pa.int64())


def _numerics(data: pa.Array) -> Parts:
    """Decimals as groups of four digits. Zeros before and after the digits do no harm, so all rows have as many."""
    if not pa.types.is_decimal(data.type):
        data = data.cast(pa.decimal128(38, 0))
    scale, zero = data.type.scale, pa.scalar(0, data.type)
    negative = pc.fill_null(pc.less(data, zero), False)
    limbs = _limbs(pc.abs(pc.fill_null(data, zero)))
    groups: list[pa.Array] = []
    last = scale % WORDS
    while limbs or not groups:
        limbs, rest = _divided(limbs, 10 ** (last if last and not groups else WORDS), len(data))
        if last and not groups:
            rest = pc.multiply(rest, _unsigned(10 ** (WORDS - last)))
        groups.append(rest)
    fractions = -(-scale // WORDS)
    groups += [_zeros(len(data))] * (-len(groups) % WORDS)
    weight = len(groups) - fractions - 1
    heads = (NUMERIC.pack(8 + 2 * len(groups), len(groups), weight, sign, scale) for sign in (NEGATIVE, 0))
    parts: Parts = [pc.if_else(negative, *map(pa.scalar, heads))]
    groups.reverse()
    for start in range(0, len(groups), WORDS):
        packed = groups[start]
        for group in groups[start + 1 : start + WORDS]:
            packed = pc.bit_wise_or(pc.shift_left(packed, _unsigned(16)), group)
        parts.append(_fixed(packed, "Q"))
    return parts


def _limbs(data: pa.Array) -> list[pa.Array]:
    """The 32-bit digits of decimals that are not negative, the highest first, without those that are 0 in all rows."""
    count = data.type.bit_width // 32
    start = data.offset * count * 4
    words = pa.Array.from_buffers(
        pa.uint32(), len(data) * count, [None, data.buffers()[1].slice(start, len(data) * count * 4)]
    )
    rows = pa.FixedSizeListArray.from_arrays(words, count)
    limbs = [pc.list_element(rows, place).cast(pa.uint64()) for place in reversed(range(count))]
    return _without_zeros(limbs)


def _without_zeros(limbs: list[pa.Array]) -> list[pa.Array]:
    first = next((place for place, limb in enumerate(limbs) if pc.max(limb).as_py()), len(limbs))
    return limbs[first:]


def _divided(limbs: list[pa.Array], by: int, rows: int) -> tuple[list[pa.Array], pa.Array]:
    """The quotients and the remainders."""
    divisor, rest, quotient = _unsigned(by), _zeros(rows), []
    for place, limb in enumerate(limbs):
        now = pc.bit_wise_or(pc.shift_left(rest, _unsigned(32)), limb) if place else limb
        quotient.append(pc.divide(now, divisor))
        rest = pc.subtract(now, pc.multiply(quotient[-1], divisor))
    return _without_zeros(quotient), rest


def _unsigned(number: int) -> pa.Scalar:
    return pa.scalar(number, pa.uint64())


def _zeros(rows: int) -> pa.Array:
    return pa.repeat(_unsigned(0), rows)


_ENCODERS: dict[str, Callable[[pa.Array], Parts]] = {
    "smallint": lambda data: _number(data, "h", pa.int16()),
    "integer": lambda data: _number(data, "i", pa.int32()),
    "bigint": lambda data: _number(data, "q", pa.int64()),
    "double precision": lambda data: [pa.scalar(struct.pack(">i", 8)), _fixed(data.cast(pa.float64()), "Q")],
    "numeric": _numerics,
    "boolean": _bools,
    "timestamp with time zone": _timestamps,
    "timestamp without time zone": _timestamps,
    "date": _dates,
    "time without time zone": _times,
    "character varying": _bytes,
    "text": _bytes,
    "bytea": _bytes,
    "json": _bytes,
    "jsonb": lambda data: _bytes(data, b"\1"),
}
