"""The state document: its typed JSON, its version and hash, and its row in `_dlt_pipeline_state`."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import hashlib
import json
import uuid
import zlib
from collections.abc import Mapping
from typing import Any

from dlt.errors import FatalError

ENGINE = 4
UNHASHED = ("_state_version", "_version_hash", "_state_engine_version", "_local")
# typed JSON: a text that starts with one of these characters (private use, from U+F026) is a value of another type
MARK_DECIMAL, MARK_DATETIME, MARK_DATE, MARK_UUID, MARK_HEX, MARK_BYTES, MARK_WEI, MARK_TIME = map(
    chr, range(0xF026, 0xF02E)
)


def dumps(value: Any) -> str:
    """Typed JSON, compact."""
    return json.dumps(encoded(value), separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Any:
    """The value of typed JSON."""
    return decoded(json.loads(text))


def encoded(value: Any) -> Any:
    """A value as plain JSON values: types that JSON does not have become marked texts."""
    match value:
        case Mapping():
            return {str(key): encoded(item) for key, item in list(value.items())}  # threads may add to it meanwhile
        case list() | tuple() | set() | frozenset():
            return [encoded(item) for item in value]
        case decimal.Decimal():
            return MARK_DECIMAL + str(value)
        case dt.datetime():
            return MARK_DATETIME + value.isoformat()
        case dt.date():
            return MARK_DATE + value.isoformat()
        case dt.time():
            return MARK_TIME + value.isoformat()
        case uuid.UUID():
            return MARK_UUID + str(value)
        case bytes() | bytearray():
            return MARK_BYTES + base64.b64encode(value).decode()
        case None | bool() | int() | float() | str():
            return value
    raise FatalError(
        f"A value of type {type(value).__name__} cannot be kept in the state.",
        value=repr(value)[:200],
        hint="keep texts, numbers, dates, times, bytes, lists and dicts",
    )


DECODERS: dict[str, Any] = {
    MARK_DECIMAL: decimal.Decimal,
    MARK_DATETIME: dt.datetime.fromisoformat,
    MARK_DATE: dt.date.fromisoformat,
    MARK_TIME: dt.time.fromisoformat,
    MARK_UUID: uuid.UUID,
    MARK_BYTES: base64.b64decode,
    MARK_HEX: lambda text: bytes.fromhex(text.removeprefix("0x")),
    MARK_WEI: decimal.Decimal,
}


def decoded(value: Any) -> Any:
    """The value that `encoded` was given."""
    if isinstance(value, dict):
        return {key: decoded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if isinstance(value, str) and value[:1] in DECODERS:
        try:
            return DECODERS[value[0]](value[1:])
        except (ValueError, ArithmeticError):
            return value
    return value


def new_state(pipeline_name: str) -> dict[str, Any]:
    """The state of a pipeline that never ran."""
    return {
        "_state_version": 0,
        "_state_engine_version": ENGINE,
        "pipeline_name": pipeline_name,
        "default_schema_name": None,
        "schema_names": [],
        "dataset_name": None,
        "destination_type": None,
        "destination_name": None,
        "_local": {"first_run": True},
    }


def state_hash(state: Mapping[str, Any]) -> str:
    """Hash of the content without versions and what is local to this machine."""
    content = encoded({key: value for key, value in state.items() if key not in UNHASHED})
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(hashlib.sha3_256(text.encode("utf-8", "surrogatepass")).digest()).decode()


def bumped(state: dict[str, Any]) -> dict[str, Any]:
    """The state with the next version and the new hash when its content changed."""
    content = state_hash(state)
    if content == state.get("_version_hash"):
        return state
    return {**state, "_state_version": state["_state_version"] + 1, "_version_hash": content}


def to_row(state: Mapping[str, Any], load_id: str, row_id: str, created_at: str) -> dict[str, Any]:
    """The row of `_dlt_pipeline_state`."""
    content = {key: value for key, value in state.items() if key != "_local"}
    return {
        "version": state["_state_version"],
        "engine_version": ENGINE,
        "pipeline_name": state["pipeline_name"],
        "state": base64.b64encode(zlib.compress(dumps(content).encode(), 9)).decode(),
        "created_at": created_at,
        "version_hash": state["_version_hash"],
        "_dlt_load_id": load_id,
        "_dlt_id": row_id,
    }


def from_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a row of `_dlt_pipeline_state`, without `_local`."""
    if int(row["engine_version"]) != ENGINE:
        raise FatalError(
            f"The state at the destination has engine version {row['engine_version']}; this library reads {ENGINE}.",
            pipeline=row["pipeline_name"],
        )
    state: dict[str, Any] = loads(zlib.decompress(base64.b64decode(row["state"])).decode())
    return {**state, "_version_hash": state.get("_version_hash") or row.get("version_hash")}
