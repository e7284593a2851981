"""`dlt.common.json`: JSON of values that JSON does not have; typed JSON keeps their types."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import decimal
import enum
import json as plain
import uuid
from collections.abc import Callable, Mapping
from typing import IO, Any, TypeAlias

from dlt.pipeline import state

JsonSerializable: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None
PUA_START = int("F026", 16)
_ENCODERS: list[Callable[[Any], Any]] = []

__all__ = [
    "PUA_START",
    "JsonSerializable",
    "custom_pua_decode",
    "custom_pua_encode",
    "custom_pua_remove",
    "dump",
    "dumpb",
    "dumps",
    "load",
    "loadb",
    "loads",
    "set_custom_encoder",
    "typed_dump",
    "typed_dumpb",
    "typed_dumps",
    "typed_load",
    "typed_loadb",
    "typed_loads",
]


def dumps(obj: Any, sort_keys: bool = False, pretty: bool = False) -> str:
    """JSON text, compact unless `pretty`. Moments are ISO text, decimals text, bytes base64."""
    layout: dict[str, Any] = {"indent": 2} if pretty else {"separators": (",", ":")}
    return plain.dumps(obj, sort_keys=sort_keys, ensure_ascii=False, default=_encoded, **layout)


def dumpb(obj: Any, sort_keys: bool = False, pretty: bool = False) -> bytes:
    """JSON as UTF-8."""
    return dumps(obj, sort_keys, pretty).encode()


def dump(obj: Any, fp: IO[bytes], sort_keys: bool = False, pretty: bool = False) -> None:
    """Write JSON to a binary file."""
    fp.write(dumpb(obj, sort_keys, pretty))


def loads(s: str | bytes) -> Any:
    """The value of JSON text."""
    return plain.loads(s)


def loadb(s: bytes | bytearray | memoryview | str) -> Any:
    """The value of JSON in UTF-8."""
    return plain.loads(bytes(s) if isinstance(s, memoryview) else s)


def load(fp: IO[bytes] | IO[str]) -> Any:
    """The value of JSON in a file."""
    return plain.load(fp)


def typed_dumps(obj: Any, sort_keys: bool = False, pretty: bool = False) -> str:
    """JSON text that `typed_loads` makes the same values of again."""
    return dumps(state.encoded(obj), sort_keys, pretty)


def typed_dumpb(obj: Any, sort_keys: bool = False, pretty: bool = False) -> bytes:
    """The same as UTF-8."""
    return typed_dumps(obj, sort_keys, pretty).encode()


def typed_dump(obj: Any, fp: IO[bytes], pretty: bool = False) -> None:
    """Write typed JSON to a binary file."""
    fp.write(typed_dumpb(obj, pretty=pretty))


def typed_loads(s: str | bytes) -> Any:
    """The values of typed JSON."""
    return state.decoded(plain.loads(s))


def typed_loadb(s: bytes | bytearray | memoryview | str) -> Any:
    """The values of typed JSON in UTF-8."""
    return state.decoded(loadb(s))


def typed_load(fp: IO[bytes] | IO[str]) -> Any:
    """The values of typed JSON in a file."""
    return state.decoded(plain.load(fp))


def set_custom_encoder(encoder: Callable[[Any], Any] | None) -> None:
    """Ask this function for values of other types; it returns what JSON has, or raises TypeError."""
    _ENCODERS[:] = [] if encoder is None else [encoder]


def custom_pua_encode(obj: Any) -> Any:
    """One value as typed JSON has it."""
    return state.encoded(obj)


def custom_pua_decode(obj: Any) -> Any:
    """The value that `custom_pua_encode` was given."""
    return state.decoded(obj)


def custom_pua_remove(obj: Any) -> Any:
    """A text of typed JSON without the mark of its type."""
    marks = range(PUA_START, PUA_START + 8)
    return obj[1:] if isinstance(obj, str) and obj and ord(obj[0]) in marks else obj


def _encoded(value: Any) -> Any:
    match value:
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case decimal.Decimal() | uuid.UUID():
            return str(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(bytes(value)).decode()
        case enum.Enum():
            return value.value
        case Mapping():
            return dict(value)
        case set() | frozenset() if not _ENCODERS:
            pass
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return dataclasses.asdict(value)
        case _ if callable(getattr(value, "model_dump", None)):
            return value.model_dump()
        case _ if callable(getattr(value, "asdict", None)):
            return value.asdict()
    if _ENCODERS:
        return _ENCODERS[0](value)
    raise TypeError(f"A value of type {type(value).__name__} is not JSON: {value!r:.100}")
