"""The messages of pgoutput, protocol 1: bytes -> what happened to which row."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from dlt.errors import FatalError

EPOCH = 946_684_800_000_000  # 2000-01-01, from where PostgreSQL counts, in microseconds from 1970


class Unchanged:
    """The place of a large value that an update left as it was, and that the log therefore does not have."""

    def __repr__(self) -> str:
        return "<unchanged>"


UNCHANGED = Unchanged()
Value = str | Unchanged | None
Row = list[Value]


class Field(NamedTuple):
    """A column as the log describes it. key: it is part of the replica identity."""

    name: str
    oid: int
    typmod: int
    key: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A table as it was when the rows that follow were written. identity: d (primary key), i (index), f (full), n (none)."""

    oid: int
    schema: str
    name: str
    identity: str
    fields: tuple[Field, ...]


class Begin(NamedTuple):
    """A transaction begins. lsn: where its commit begins; at: when it was committed, in microseconds from 1970."""

    lsn: int
    at: int


class Commit(NamedTuple):
    """A transaction ends. end: the place in the log behind it."""

    end: int


class Change(NamedTuple):
    """A row before and after; None: it was not there, or the log does not say. keys_only: `before` has the key alone."""

    oid: int
    before: Row | None
    after: Row | None
    keys_only: bool = False


class Truncated(NamedTuple):
    """Tables that were emptied."""

    oids: tuple[int, ...]


Message = Relation | Begin | Commit | Change | Truncated


def decode(data: bytes) -> Message | None:
    """The message; None for those that change no row. Raises FatalError for one of another protocol."""
    match data[:1]:
        case b"I":
            return Change(_oid(data), None, _row(data, 6)[0])
        case b"U":
            return _update(data)
        case b"D":
            return Change(_oid(data), _row(data, 6)[0], None, data[5:6] == b"K")
        case b"B":
            lsn, at = struct.unpack_from(">Qq", data, 1)
            return Begin(lsn, at + EPOCH)
        case b"C":
            return Commit(struct.unpack_from(">Q", data, 10)[0])
        case b"R":
            return _relation(data)
        case b"T":
            (count,) = struct.unpack_from(">I", data, 1)
            return Truncated(struct.unpack_from(f">{count}I", data, 6))
        case b"Y" | b"O" | b"M":  # a type, an origin, a message of an application
            return None
    raise FatalError(
        "The replication slot sends what pgoutput does not.",
        value=repr(data[:20]),
        hint="drop the slot and let dlt make it: it must have the plugin pgoutput",
    )


def _oid(data: bytes) -> int:
    return int.from_bytes(data[1:5], "big")


def _update(data: bytes) -> Change:
    kind = data[5:6]
    before, place = (None, 5) if kind == b"N" else _row(data, 6)
    after, _ = _row(data, place + 1)
    if before is not None and kind == b"O":  # the whole old row: it has what the new one leaves out
        after = [old if new is UNCHANGED else new for old, new in zip(before, after, strict=True)]
    return Change(_oid(data), before, after, kind == b"K")


def _row(data: bytes, place: int) -> tuple[Row, int]:
    """The values of a row that begins at `place`, and the place behind it."""
    end = place + 2
    values: Row = []
    for _ in range(int.from_bytes(data[place:end], "big")):
        kind = data[end]
        end += 1
        if kind == 0x74:  # t: a text
            start = end + 4
            end = start + int.from_bytes(data[end:start], "big")
            values.append(data[start:end].decode())
        else:
            values.append(UNCHANGED if kind == 0x75 else None)
    return values, end


def _relation(data: bytes) -> Relation:
    schema, name, rest = data[5:].split(b"\0", 2)
    identity, (count,) = chr(rest[0]), struct.unpack_from(">H", rest, 1)
    fields, place = [], 3
    for _ in range(count):
        end = rest.index(b"\0", place + 1)
        oid, typmod = struct.unpack_from(">Ii", rest, end + 1)
        fields.append(Field(rest[place + 1 : end].decode(), oid, typmod, bool(rest[place] & 1)))
        place = end + 9
    return Relation(_oid(data), schema.decode() or "pg_catalog", name.decode(), identity, tuple(fields))
