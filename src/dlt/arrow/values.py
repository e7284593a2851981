"""Python values -> Arrow arrays, a column at a time: which kinds there are, and how odd types become plain ones."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import os
import uuid
from collections.abc import Callable, Container, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

import pyarrow as pa

from dlt.items import Wei

NoneType = type(None)
EPOCH = dt.timedelta(microseconds=1)

# kinds that are not data types: values that are taken apart or looked at again
ROW, LIST = "row", "list"

PLAIN: dict[type, str] = {
    str: "text",
    int: "bigint",
    float: "double",
    bool: "bool",
    bytes: "binary",
    decimal.Decimal: "decimal",
    dt.datetime: "timestamp",
    dt.date: "date",
    dt.time: "time",
    Wei: "wei",
    dict: ROW,
    list: LIST,
}
REFUSED = (pa.ArrowException, UnicodeError, ValueError, OverflowError)  # what `build` raises for a value it cannot keep

Convert = Callable[[Any], Any]


class Unsupported(TypeError):
    """No column can hold values of this type."""


# ---- odd types -> plain ones


@lru_cache(maxsize=4096)
def plain_converter(kind: type) -> Convert:
    """A function that turns values of this type into values of a type in PLAIN, an Arrow scalar or None. Several steps may be
    needed: what comes back can be of an odd type again. Raises Unsupported."""
    module = kind.__module__.partition(".")[0]
    if issubclass(kind, pa.Scalar):
        return _arrow_value
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if module == "numpy":
        return _numpy
    if module == "pandas" and (convert := _pandas(kind)) is not None:
        return convert
    if dataclasses.is_dataclass(kind) and not callable(getattr(kind, "asdict", None)):
        names = [field.name for field in dataclasses.fields(kind)]
        return lambda value: {name: getattr(value, name) for name in names}
    if (method := _method(kind, "model_dump", "asdict", "_asdict")) is not None:
        return method
    if hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
        return lambda value: {name: getattr(value, name) for name in names}
    if issubclass(kind, Mapping):
        return dict
    if module == "ipaddress":
        return str
    for base, convert in CONVERTERS:
        if issubclass(kind, base):
            return convert
    if (method := _method(kind, "to_pylist", "to_list", "tolist")) is not None:
        return method
    raise Unsupported(f"{kind.__module__}.{kind.__qualname__}")


def _method(kind: type, *names: str) -> Convert | None:
    """A function that calls the first of these methods that the type has."""
    name = next((name for name in names if callable(getattr(kind, name, None))), None)
    return None if name is None else lambda value: getattr(value, name)()


def _arrow_value(value: Any) -> Any:
    """The value of an Arrow scalar; nanoseconds, which Python does not have, as text."""
    if pa.types.is_temporal(value.type) and getattr(value.type, "unit", "") == "ns":
        return None if not value.is_valid else value.cast(pa.string()).as_py()
    return value.as_py()


def _numpy(value: Any) -> Any:
    kind = value.dtype.kind
    if value.ndim:
        return list(value) if kind in "mM" or value.dtype.char == "g" else value.tolist()
    if kind in "mM":
        return _numpy_time(value[()], kind)
    if value.dtype.char == "g":  # more digits than a Python float
        return float(value) if float(value) == value or value != value else str(value)  # noqa: PLR0124 - NaN
    return value.item()


def _numpy_time(value: Any, kind: str) -> Any:
    """Times and durations in a unit of Arrow's; in other units as text."""
    import numpy as np

    unit = np.datetime_data(value.dtype)[0]
    if np.isnat(value):
        return None
    if kind == "M" and unit in ("W", "D"):
        day = value.astype("M8[D]").item()
        return day if isinstance(day, dt.date) else str(value)
    if unit == "generic":
        return int(value.astype(np.int64))
    if unit in ("W", "D", "h", "m"):
        value = value.astype(f"{kind}8[s]")
    return pa.scalar(value) if unit not in ("Y", "M", "ps", "fs", "as") else str(value)


def _pandas(kind: type) -> Convert | None:
    match kind.__name__:
        case "Timestamp":
            return _pandas_timestamp
        case "Timedelta":
            return lambda value: pa.scalar(value.to_timedelta64())
        case "NAType" | "NaTType":
            return lambda _value: None
        case "Period":
            return str
        case "DataFrame":
            return lambda value: value.to_dict("records")
    return None


def _pandas_timestamp(value: Any) -> Any:
    if value.nanosecond:
        return pa.scalar(value.value, pa.timestamp("ns", tz="UTC" if value.tzinfo else None))
    return value.to_pydatetime()


def _moment(value: dt.datetime) -> dt.datetime:
    return dt.datetime.combine(dt.date(value.year, value.month, value.day), _time(value.timetz()))


def _time(value: dt.time) -> dt.time:
    return dt.time(value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold)


def _ordered(value: AbstractSet[Any]) -> list[Any]:
    """The items of a set in an order that is the same in each process."""
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=repr)


CONVERTERS: tuple[tuple[Any, Convert], ...] = (
    (uuid.UUID, str),
    (str, str.__str__),
    (bool, bool),
    (int, int),
    (float, float),
    (decimal.Decimal, decimal.Decimal),
    (fractions.Fraction, str),
    (dt.datetime, _moment),
    (dt.date, lambda value: dt.date(value.year, value.month, value.day)),
    (dt.time, _time),
    (dt.timedelta, lambda value: value // EPOCH),
    ((bytearray, memoryview, bytes), bytes),
    (os.PathLike, os.fspath),
    (AbstractSet, _ordered),
    (Sequence, list),
)


# ---- JSON


def json_text(value: Any) -> str:
    """A value as JSON text, with every type that a row may hold. Raises Unsupported, ValueError or RecursionError."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_default)
    except Unsupported:
        raise
    except (ValueError, TypeError):  # JSON has no NaN, no infinity and no keys that are not texts
        return json.dumps(_jsonable(value), ensure_ascii=False, separators=(",", ":"), default=_json_default)


def _json_default(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        import base64

        return base64.b64encode(bytes(value)).decode()
    kind: Any = type(value)
    return plain_converter(kind)(value)


def _jsonable(value: Any) -> Any:
    """The value with texts in the place of what JSON does not have."""
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        return str(value)
    if isinstance(value, Mapping):
        out = {str.__str__(key): _jsonable(item) for key, item in value.items() if isinstance(key, str)}
        for key, item in value.items():
            if not isinstance(key, str):
                out[free_key(key, out)] = _jsonable(item)
        return out
    if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        return [_jsonable(item) for item in value]
    if type(value) not in PLAIN and value is not None:
        return _jsonable(_json_default(value))
    return value


def free_key(key: Any, taken: Container[str]) -> str:
    """A text for a key that is none: as it prints, and when that is taken, as Python would write it."""
    text = str(key)
    if text in taken:
        text = repr(key) + "#"
    while text in taken:
        text += "#"
    return text


# ---- columns


def build(kind: str, values: list[Any]) -> list[tuple[str, pa.Array]]:
    """Arrays of these values, all of one kind or None; mostly one array, more when values of a kind do not fit together
    (naive and aware timestamps, decimals with NaN). Raises one of REFUSED when a value cannot be kept."""
    return BUILDERS[kind](values)


def _simple(kind: str, target: pa.DataType) -> Callable[[list[Any]], list[tuple[str, pa.Array]]]:
    return lambda values: [(kind, pa.array(values, target))]


def _ints(values: list[Any]) -> list[tuple[str, pa.Array]]:
    try:
        return [("bigint", pa.array(values, pa.int64()))]
    except OverflowError:
        pass
    digits = max(len(str(abs(value))) for value in values if value is not None)
    if digits <= 38:
        return [("decimal", _from_ints(values, pa.decimal128(38, 0)))]
    if digits <= 76:
        return [("decimal", _from_ints(values, pa.decimal256(76, 0)))]
    return [("text", pa.array([None if value is None else str(value) for value in values], pa.string()))]


def _from_ints(values: list[Any], kind: pa.DataType) -> pa.Array:
    return pa.array([None if value is None else decimal.Decimal(value) for value in values], kind)


def _timestamps(values: list[Any]) -> list[tuple[str, pa.Array]]:
    zones = [value.tzinfo for value in values if value is not None]
    naive = zones.count(None)
    if naive == len(zones):
        return [("timestamp", pa.array(values, pa.timestamp("us")))]
    if not naive:
        return [("timestamp", pa.array(values, pa.timestamp("us", "UTC")))]
    parts = [[v if v is not None and (v.tzinfo is None) is want else None for v in values] for want in (True, False)]
    return [pair for part in parts for pair in _timestamps(part)]


def _times(values: list[Any]) -> list[tuple[str, pa.Array]]:
    zones = [value.tzinfo for value in values if value is not None]
    if zones.count(None) == len(zones):
        return [("time", pa.array(values, pa.time64("us")))]
    naive = [v if v is not None and v.tzinfo is None else None for v in values]
    zoned = [v.isoformat() if v is not None and v.tzinfo is not None else None for v in values]
    out = [("text", pa.array(zoned, pa.string()))]  # no column type has times with a zone
    return [*_times(naive), *out] if None in zones else out


def _decimals(values: list[Any]) -> list[tuple[str, pa.Array]]:
    try:
        return [("decimal", pa.array(values))]
    except (pa.ArrowInvalid, TypeError):  # a TypeError for infinity
        pass
    finite = [v if v is not None and v.is_finite() else None for v in values]
    other = [float(v) if v is not None and not v.is_finite() else None for v in values]
    out: list[tuple[str, pa.Array]] = []
    if any(v is not None for v in finite):
        try:
            out.append(("decimal", pa.array(finite)))
        except pa.ArrowInvalid:  # more digits than any decimal type has
            out.append(("text", pa.array([None if v is None else str(v) for v in finite], pa.string())))
    if any(v is not None for v in other):
        out.append(("double", pa.array(other, pa.float64())))
    return out


def _weis(values: list[Any]) -> list[tuple[str, pa.Array]]:
    return [("wei" if kind == "decimal" and not data.type.scale else kind, data) for kind, data in _decimals(values)]


BUILDERS: dict[str, Callable[[list[Any]], list[tuple[str, pa.Array]]]] = {
    "text": _simple("text", pa.string()),
    "bigint": _ints,
    "double": _simple("double", pa.float64()),
    "bool": _simple("bool", pa.bool_()),
    "binary": _simple("binary", pa.binary()),
    "timestamp": _timestamps,
    "date": _simple("date", pa.date32()),
    "time": _times,
    "decimal": _decimals,
    "wei": _weis,
}


def scalars(values: Sequence[Any]) -> list[pa.Array]:
    """Arrow scalars and Nones (times that kept their unit through numpy or pandas) as arrays, one for each type."""
    kinds = dict.fromkeys(value.type for value in values if value is not None)
    return [
        pa.array([value if value is not None and value.type == kind else None for value in values], kind)
        for kind in kinds
    ]
