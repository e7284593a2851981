"""`dlt.common.data_types`: the data type of a Python type, and a value as one of another data type."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from dlt.compat.values import str2bool

TYPES: dict[type, str] = {
    bool: "bool",
    int: "bigint",
    float: "double",
    str: "text",
    bytes: "binary",
    dict: "json",
    list: "json",
    tuple: "json",
    Decimal: "decimal",
    dt.datetime: "timestamp",
    dt.date: "date",
    dt.time: "time",
}


def py_type_to_sc_type(t: type) -> str:
    """The data type of a Python type. TypeError when there is none."""
    for kind in t.__mro__:
        if kind in TYPES:
            return TYPES[kind]
    if issubclass(t, Mapping):
        return "json"
    raise TypeError(t)


def _text(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, (dt.date, dt.time)) else str(value)


def _whole(value: Any) -> int:
    made = int(value.strip()) if isinstance(value, str) else int(value)
    if not isinstance(value, str) and made != value:
        raise ValueError(f"{value!r} is no whole number.")
    return made


def _moment(value: Any) -> dt.datetime:
    if isinstance(value, (int, float)):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value.strip())


def _day(value: Any) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return _moment(value).date()


CASTS: dict[str, Callable[[Any], Any]] = {
    "text": _text,
    "bigint": _whole,
    "wei": _whole,
    "double": float,
    "decimal": lambda value: Decimal(value.strip() if isinstance(value, str) else str(value)),
    "bool": lambda value: str2bool(value) if isinstance(value, str) else bool(value),
    "json": lambda value: json.loads(value) if isinstance(value, str) else value,
    "binary": lambda value: base64.b64decode(value, validate=True) if isinstance(value, str) else bytes(value),
    "timestamp": _moment,
    "date": _day,
    "time": lambda value: value if isinstance(value, dt.time) else dt.time.fromisoformat(value.strip()),
}


def coerce_value(to_type: str, from_type: str, value: Any) -> Any:
    """A value of one data type as one of another. ValueError when it is none."""
    return value if to_type == from_type else CASTS[to_type](value)
