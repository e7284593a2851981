"""Python values -> Arrow arrays, a column at a time: which kinds there are, and how odd types become plain ones."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import lru_cache
from typing import Any

import pyarrow as pa

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
    dict: ROW,
    list: LIST,
}

Convert = Callable[[Any], Any]


class Unsupported(TypeError):
    """No column can hold values of this type."""


@lru_cache(maxsize=4096)
def plain_converter(kind: type) -> Convert:
    """A function that turns values of this type into values of a type in PLAIN (or None); raises Unsupported."""
    module = kind.__module__.partition(".")[0]
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if module == "numpy":
        return _numpy
    if module == "pandas":
        return _pandas
    if dataclasses.is_dataclass(kind):
        names = [field.name for field in dataclasses.fields(kind)]
        return lambda value: {name: getattr(value, name) for name in names}
    for method in ("model_dump", "asdict", "_asdict"):
        if callable(getattr(kind, method, None)):
            return _calling(method)
    if hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
        return lambda value: {name: getattr(value, name) for name in names}
    if issubclass(kind, Mapping):
        return dict
    for base, convert in (
        (uuid.UUID, str),
        (str, str.__str__),
        (bool, bool),
        (int, int),
        (float, float),
        (decimal.Decimal, decimal.Decimal),
        (dt.timedelta, lambda value: value // EPOCH),
        ((bytearray, memoryview, bytes), bytes),
        (os.PathLike, os.fspath),
        ((Set, Sequence), list),
    ):
        if issubclass(kind, base):  # type: ignore[arg-type]  # a tuple of classes is allowed
            return convert  # type: ignore[return-value]  # the lambdas have no types
    raise Unsupported(f"{kind.__module__}.{kind.__qualname__}")


def _calling(method: str) -> Convert:
    return lambda value: getattr(value, method)()


def _numpy(value: Any) -> Any:
    if getattr(value, "ndim", 0):
        return value.tolist()
    if value.dtype.kind in "mM":
        return pa.scalar(value)  # item() would lose the unit
    return value.item()


def _pandas(value: Any) -> Any:
    if type(value).__name__ == "Timestamp":
        if value.nanosecond:
            return pa.scalar(value.value, pa.timestamp("ns", tz="UTC" if value.tzinfo else None))
        return value.to_pydatetime()
    if type(value).__name__ == "Timedelta":
        return value.value // 1000
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise Unsupported(f"{type(value).__module__}.{type(value).__qualname__}")


def json_text(value: Any) -> str:
    """A value as JSON text, with every type that a row may hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_json_default)
    except ValueError:  # JSON has no NaN and no infinity: they are kept as texts
        return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), default=_json_default)


def _json_default(value: Any) -> Any:
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        import base64

        return base64.b64encode(bytes(value)).decode()
    return plain_converter(type(value))(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124 - NaN
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def build(kind: str, values: list[Any]) -> list[tuple[str, pa.Array]]:
    """Arrays of these values, all of one kind or None; mostly one array, more when values of a kind do not fit together
    (naive and aware timestamps, very large ints). Raises pa.ArrowInvalid or UnicodeError when a value cannot be kept."""
    match kind:
        case "text":
            return [("text", pa.array(values, pa.string()))]
        case "bigint":
            return _ints(values)
        case "double":
            return [("double", pa.array(values, pa.float64()))]
        case "bool":
            return [("bool", pa.array(values, pa.bool_()))]
        case "binary":
            return [("binary", pa.array(values, pa.binary()))]
        case "timestamp":
            return _timestamps(values)
        case "date":
            return [("date", pa.array(values, pa.date32()))]
        case "time":
            return _times(values)
        case "decimal":
            return _decimals(values)
    raise Unsupported(kind)


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
    naive = {None if value is None else value.tzinfo is None for value in values}
    naive.discard(None)
    if naive == {True}:
        return [("timestamp", pa.array(values, pa.timestamp("us")))]
    if naive == {False}:
        return [("timestamp", pa.array(values, pa.timestamp("us", "UTC")))]
    parts = [[v if v is not None and (v.tzinfo is None) is want else None for v in values] for want in (True, False)]
    return [pair for part in parts for pair in _timestamps(part)]


def _times(values: list[Any]) -> list[tuple[str, pa.Array]]:
    if any(value is not None and value.tzinfo is not None for value in values):  # no column type has times with a zone
        return [("text", pa.array([None if v is None else v.isoformat() for v in values], pa.string()))]
    return [("time", pa.array(values, pa.time64("us")))]


def _decimals(values: list[Any]) -> list[tuple[str, pa.Array]]:
    try:
        return [("decimal", pa.array(values))]
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    finite = [v if v is not None and v.is_finite() else None for v in values]
    other = [float(v) if v is not None and not v.is_finite() else None for v in values]
    out: list[tuple[str, pa.Array]] = []
    if any(v is not None for v in finite):
        try:
            out.append(("decimal", pa.array(finite)))
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # more digits than any decimal type has
            out.append(("text", pa.array([None if v is None else str(v) for v in finite], pa.string())))
    if any(v is not None for v in other):
        out.append(("double", pa.array(other, pa.float64())))
    return out


def scalars(values: Iterable[Any]) -> pa.Array:
    """An array of Arrow scalars and Nones (values that kept their unit through numpy or pandas)."""
    return pa.array(list(values))
