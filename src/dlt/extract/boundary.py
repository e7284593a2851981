"""Which rows at the last cursor value were loaded: their hashes, or a sketch of fixed size when there are many."""

from __future__ import annotations

import base64
import datetime as dt
import struct
import zlib
from collections.abc import Callable, Collection, Iterable, Sequence
from decimal import Decimal
from hashlib import shake_128
from typing import Any

MOST_HASHES = 200  # kept one by one
HASH_LENGTH = 12
_CELLS = 40  # of each of the three parts of a sketch: about 80 rows that came or went can be told
_CELL = struct.Struct("<q9s4s")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def hash_of(value: Any, *, before_1_29: bool = False) -> str:
    """The hash of a row, or of the value or values of its key. It is the one that dlt 1.x has in its states; before 1.29
    instants went into it in another way."""
    from dlt.arrow.ids import typed_text

    return digest(typed_text(_plain(value, _text_of if before_1_29 else _microseconds)))


def _microseconds(value: dt.datetime) -> int | str:
    day, time = dt.date(value.year, value.month, value.day), value.timetz()
    plain = dt.datetime.combine(day, time, value.tzinfo or dt.UTC)  # not of a subclass that subtracts in its own way
    micros, nanos = (plain - EPOCH) // dt.timedelta(microseconds=1), getattr(value, "nanosecond", 0)
    return f"{micros}.{nanos:03}" if nanos else micros  # instants of pandas have nanoseconds


def _text_of(value: dt.datetime) -> str:
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _plain(value: Any, instant: Callable[[dt.datetime], Any]) -> Any:
    """The value with other types than those of JSON as texts. instant: what becomes of instants."""
    match value:
        case dict():
            return {key: _plain(item, instant) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, instant) for item in value]
        case dt.datetime():
            return instant(value)
        case dt.date() | dt.time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case None | bool() | int() | float() | str():
            return value
    return _object(value, instant)


def _object(value: Any, instant: Callable[[dt.datetime], Any]) -> Any:
    """A value of another type as the column has it; objects that no column can hold by their attributes."""
    from dlt.arrow.values import Unsupported, plain_converter

    kind: Any = type(value)
    try:
        return plain_converter(kind)(value)
    except Unsupported:
        return {name: _plain(item, instant) for name, item in vars(value).items()}


def digest(text: str) -> str:
    """The hash of a key or row as typed JSON: 9 bytes, 12 characters."""
    return base64.b64encode(shake_128(text.encode("utf-8", "surrogatepass")).digest(9)).decode()


def as_stored(hashes: Iterable[str]) -> set[str]:
    """Hashes of a state; those of old versions of dlt have 20 characters, of which the first are the same."""
    return {one[:HASH_LENGTH] for one in hashes}


class Sketch:
    """A set of hashes in a fixed number of cells. Two of them tell exactly how the sets differ when that is by few."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0
        self.cells = [[0, 0, 0] for _ in range(3 * _CELLS)]

    @classmethod
    def of(cls, hashes: Iterable[str]) -> Sketch:
        made = cls()
        for one in hashes:
            made.put(number(one), 1)
        return made

    def put(self, number: int, times: int) -> None:
        """Add a hash, or take it away (-1)."""
        self.count += times
        self.total = (self.total + times * number) % (1 << 72)
        check = _check(number)
        for place in _places(number):
            cell = self.cells[place]
            cell[0] += times
            cell[1] ^= number
            cell[2] ^= check

    def new_among(self, hashes: Sequence[str]) -> tuple[set[str], set[str]] | None:
        """Which of these are not in the set, and which of the set are not among these; None when it cannot be told.

        It can when they differ by few, and when those of the set come first."""
        unique = list(dict.fromkeys(hashes))
        other = Sketch.of(unique)
        found = _decoded(other, self)
        if found is not None:
            return found
        if len(unique) > self.count:
            total = sum(map(number, unique[: self.count])) % (1 << 72)
            if total == self.total:
                return set(unique[self.count :]), set()
        return None

    def to_text(self) -> str:
        packed = b"".join(
            _CELL.pack(count, number.to_bytes(9, "big"), check.to_bytes(4, "big"))
            for count, number, check in self.cells
        )
        return base64.b64encode(zlib.compress(packed, 9)).decode()

    def to_state(self) -> dict[str, object]:
        """The sketch as values of a state."""
        return {"count": self.count, "total": f"{self.total:x}", "cells": self.to_text()}

    @classmethod
    def from_state(cls, state: dict[str, object]) -> Sketch:
        made = cls()
        made.count, made.total = int(str(state["count"])), int(str(state["total"]), 16)
        packed = zlib.decompress(base64.b64decode(str(state["cells"])))
        made.cells = [
            [count, int.from_bytes(number, "big"), int.from_bytes(check, "big")]
            for count, number, check in _CELL.iter_unpack(packed)
        ]
        return made


def number(one: str) -> int:
    """A hash as a number of 72 bits."""
    return int.from_bytes(base64.b64decode(one), "big")


def _text(number: int) -> str:
    return base64.b64encode(number.to_bytes(9, "big")).decode()


def _check(number: int) -> int:
    return number * 0x9E3779B97F4A7C15F39CC0605CEDC835 >> 64 & 0xFFFFFFFF  # not linear, as the cells are


def _places(number: int) -> tuple[int, int, int]:
    first, second, third = number & 0xFFFFFF, number >> 24 & 0xFFFFFF, number >> 48
    return first % _CELLS, _CELLS + second % _CELLS, 2 * _CELLS + third % _CELLS


def _decoded(here: Sketch, there: Sketch) -> tuple[set[str], set[str]] | None:
    """What only `here` has, and what only `there` has; None when there are too many of them."""
    rest = Sketch()
    rest.cells = [[a[0] - b[0], a[1] ^ b[1], a[2] ^ b[2]] for a, b in zip(here.cells, there.cells, strict=True)]
    found: dict[int, set[str]] = {1: set(), -1: set()}
    waiting = list(range(3 * _CELLS))
    while waiting:
        times, number, check = rest.cells[waiting.pop()]
        if times not in found or _check(number) != check:
            continue
        found[times].add(_text(number))
        rest.put(number, -times)
        waiting.extend(_places(number))
    if any(cell != [0, 0, 0] for cell in rest.cells):
        return None
    return found[1], found[-1]


def kept(hashes: Collection[str], sketch: Sketch | None = None) -> tuple[list[str], dict[str, object] | None]:
    """What a state keeps of the rows at the last value: hashes, or a sketch of them when there are many."""
    if sketch is not None:
        return [], sketch.to_state()
    if len(hashes) <= MOST_HASHES:
        return sorted(hashes), None
    return [], Sketch.of(hashes).to_state()
