"""Casts that never change a value silently: what fits a column's type takes it, the rest is handed back.

A value takes a type only if it can be recovered from the result: `"7"` -> 7 and `7.0` -> 7, not `"007"`, `True` -> 1 or an
int as an epoch. A *declared* type is an instruction: there the wider rules of `DECLARED` apply.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import json_text
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Column

UTC = dt.timezone.utc
ISO_TIMESTAMP = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,](\d{1,9}))?)?|\d{8}T\d{4}(?:\d\d(?:[.,](\d{1,9}))?)?)(Z|z|[+-]\d\d(?::?\d\d)?)?"
)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
INT_TYPES = ((8, pa.int8()), (16, pa.int16()), (32, pa.int32()), (64, pa.int64()))


def arrow_type(column: Column, caps: Capabilities) -> pa.DataType:
    """The Arrow type of the values of a column as they stand in shard files."""
    match column.data_type:
        case "text" | "json" | None:
            return pa.string()
        case "bigint":
            bits = column.precision or 64
            return next((kind for most, kind in INT_TYPES if bits <= most), pa.decimal128(38, 0))
        case "double":
            return pa.float64()
        case "bool":
            return pa.bool_()
        case "binary":
            return pa.binary()
        case "date":
            return pa.date32()
        case "time":
            return pa.time64("ns" if (column.precision or 6) > 6 else "us")
        case "timestamp":
            aware = column.timezone if caps.aware_timestamps else False
            return pa.timestamp("ns" if (column.precision or 6) > 6 else "us", "UTC" if aware else None)
        case "decimal":
            return _decimal(column.precision or caps.decimal[0], caps.decimal[1] if column.scale is None else column.scale)
        case _:
            return _decimal(column.precision or caps.decimal_digits, column.scale or 0)


def _decimal(precision: int, scale: int) -> pa.DataType:
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def fit(data: pa.Array, kind: str, column: Column, target: pa.DataType, *, declared: bool = False) -> tuple[pa.Array, pa.Array | None]:
    """Cast values of `kind` to the type of a column. Returns the array, null where a value does not fit, and a mask of
    the values that do not (None: all fit)."""
    if data.type == target and (kind == column.data_type or {kind, column.data_type} <= {"decimal", "wei"}):
        return data, None
    whole = _whole(data, kind, column.data_type or "text", target)
    if whole is not None:
        return whole, None
    convert = _converter(kind, column, declared=declared)
    if convert is None:
        return pa.nulls(len(data), target), data.is_valid()
    return _one_by_one(data, convert, target)


def _whole(data: pa.Array, kind: str, to: str, target: pa.DataType) -> pa.Array | None:
    """The cast of the whole column by Arrow, where Arrow's own check is the round-trip rule; None: look at each value."""
    try:
        match kind, to:
            case ("bigint", "bigint") | ("bigint", "decimal" | "wei") | ("decimal", "decimal" | "wei") | ("wei", "decimal" | "wei"):
                return data.cast(target)
            case ("bigint", "double") | ("double", "bigint"):
                out = data.cast(target)
                return out if out.cast(data.type).equals(data) else None
            case ("decimal" | "wei", "bigint"):
                return data.cast(target)
            case ("timestamp", "timestamp"):
                return data.cast(target) if (data.type.tz is None) == (target.tz is None) else None
            case ("time", "time") | ("double", "double") | ("text", "text") | ("binary", "binary") | ("json", "text"):
                return data.cast(target)
            case ("date", "timestamp"):
                return data.cast(pa.timestamp(target.unit)).cast(target)
            case ("bigint", "text"):
                return data.cast(target)
            case ("text", "timestamp"):
                return parse_timestamps(data, target)
            case ("text", "date"):
                lengths = pc.min_max(pc.utf8_length(data)).as_py()
                return data.cast(target) if lengths["min"] == lengths["max"] == 10 else None
    except pa.ArrowInvalid:
        pass
    return None


def parse_timestamps(texts: pa.Array, target: pa.DataType) -> pa.Array | None:
    """ISO timestamps, all with a zone or all without as the target asks; None when one is not of that form."""
    shortest = pc.min(pc.utf8_length(texts)).as_py()
    if shortest is not None and shortest < 16:  # a date alone is no timestamp
        return None
    try:
        return texts.cast(target)
    except pa.ArrowInvalid:
        return None


def _one_by_one(data: pa.Array, convert: Callable[[Any], Any], target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    out: list[Any] = []
    bad: list[bool] = []
    for value in data.to_pylist():
        if value is None:
            out.append(None)
            bad.append(False)
            continue
        try:
            made = pa.scalar(convert(value), target)
        except (ValueError, TypeError, ArithmeticError, OverflowError, pa.ArrowException):
            made = None
        out.append(made)
        bad.append(made is None)
    made_array = pa.array(out, target) if any(value is not None for value in out) else pa.nulls(len(out), target)
    return made_array, pa.array(bad) if any(bad) else None


def _converter(kind: str, column: Column, *, declared: bool) -> Callable[[Any], Any] | None:
    pair = (kind, column.data_type or "text")
    if declared and pair in DECLARED:
        return DECLARED[pair]
    if pair == ("text", "timestamp"):
        return _text_to_timestamp(column.timezone, most=column.precision or 6)
    return CAREFUL.get(pair)


def _only(condition: bool, value: Any) -> Any:
    if not condition:
        raise ValueError(value)
    return value


def _text_to_int(text: str) -> int:
    value = int(text)
    return int(_only(str(value) == text, value))


def _text_to_float(text: str) -> float:
    value = float(text)
    return float(_only(repr(value) == text and value - value == 0, value))


def _text_to_decimal(text: str) -> decimal.Decimal:
    value = decimal.Decimal(text)
    return decimal.Decimal(_only(str(value) == text and value.is_finite(), value))


def _float_to_decimal(number: float) -> decimal.Decimal:
    return decimal.Decimal(repr(number))


def _decimal_to_float(number: decimal.Decimal) -> float:
    return float(_only(decimal.Decimal(repr(float(number))) == number, float(number)))


def _int_to_float(number: int) -> float:
    return float(_only(int(float(number)) == number, number))


def _float_to_int(number: float) -> int:
    return int(_only(float(number).is_integer(), number))


def _text_to_date(text: str) -> dt.date:
    return dt.date.fromisoformat(str(_only(bool(ISO_DATE.fullmatch(text)), text)))


def _text_to_time(text: str) -> dt.time:
    value = dt.time.fromisoformat(text)
    return _only(value.isoformat() == text and value.tzinfo is None, value)  # type: ignore[no-any-return]  # _only keeps it


def _text_to_timestamp(aware: bool, most: int) -> Callable[[str], dt.datetime]:
    def convert(text: str) -> dt.datetime:
        match = ISO_TIMESTAMP.fullmatch(text)
        digits = match and (match[1] or match[2] or "")
        _only(match is not None and len(digits or "") <= most and (match[3] is not None) is aware, text)
        value = dt.datetime.fromisoformat(text.replace(",", "."))
        return value.astimezone(UTC) if aware else value

    return convert


def _json_or_fail(text: str) -> str:
    json.loads(text)
    return text


CAREFUL: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("double", "bigint"): _float_to_int,
    ("decimal", "bigint"): lambda v: int(_only(v == v.to_integral_value(), v)),
    ("wei", "bigint"): int,
    ("text", "bigint"): _text_to_int,
    ("bigint", "bigint"): int,
    ("bigint", "double"): _int_to_float,
    ("decimal", "double"): _decimal_to_float,
    ("text", "double"): _text_to_float,
    ("bigint", "decimal"): decimal.Decimal,
    ("double", "decimal"): _float_to_decimal,
    ("text", "decimal"): _text_to_decimal,
    ("decimal", "decimal"): decimal.Decimal,
    ("wei", "decimal"): decimal.Decimal,
    ("bigint", "wei"): decimal.Decimal,
    ("double", "wei"): _float_to_decimal,
    ("decimal", "wei"): decimal.Decimal,
    ("text", "wei"): _text_to_decimal,
    ("double", "text"): repr,
    ("bool", "text"): str,
    ("decimal", "text"): str,
    ("wei", "text"): str,
    ("timestamp", "text"): lambda v: v.isoformat(),
    ("date", "text"): lambda v: v.isoformat(),
    ("time", "text"): lambda v: v.isoformat(),
    ("text", "date"): _text_to_date,
    ("text", "time"): _text_to_time,
    ("text", "json"): _json_or_fail,
    ("bigint", "json"): json_text,
    ("double", "json"): json_text,
    ("bool", "json"): json_text,
}

TRUE, FALSE = {"yes", "true", "t", "y", "1"}, {"no", "false", "f", "n", "0"}


def _number(text: str) -> str:
    return text.strip().replace("_", "!")  # Python takes "1_000" for a number, people do not mean it


def _declared_int(text: str) -> int:
    text = _number(text)
    return int(text, 16) if text.lower().startswith("0x") else _float_to_int(decimal.Decimal(text))  # type: ignore[arg-type]  # has is_integer from 3.12


def _declared_bool(value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        return bool(_only(word in TRUE | FALSE, word in TRUE) if word in TRUE | FALSE else _only(False, value))
    return bool(_only(value in (0, 1), value))


def _declared_timestamp(value: Any) -> dt.datetime:
    if isinstance(value, str):
        made = dt.datetime.fromisoformat(value.strip())
        return made if made.tzinfo else made.replace(tzinfo=UTC)
    return dt.datetime.fromtimestamp(value, UTC)


def _declared_date(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.strip()).date()
    if isinstance(value, dt.datetime):
        return value.date()
    return dt.datetime.fromtimestamp(value, UTC).date()


def _declared_binary(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("0x") else base64.b64decode(text, validate=True)


DECLARED: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("text", "bigint"): _declared_int,
    ("text", "double"): lambda v: float(_number(v)),
    ("decimal", "double"): float,
    ("bigint", "double"): float,
    ("text", "decimal"): lambda v: decimal.Decimal(_number(v)),
    ("text", "wei"): lambda v: decimal.Decimal(_number(v)),
    ("text", "bool"): _declared_bool,
    ("bigint", "bool"): _declared_bool,
    ("double", "bool"): _declared_bool,
    ("decimal", "bool"): _declared_bool,
    ("text", "timestamp"): _declared_timestamp,
    ("bigint", "timestamp"): _declared_timestamp,
    ("double", "timestamp"): _declared_timestamp,
    ("text", "date"): _declared_date,
    ("timestamp", "date"): _declared_date,
    ("bigint", "date"): _declared_date,
    ("text", "time"): lambda v: dt.time.fromisoformat(v.strip()),
    ("text", "binary"): _declared_binary,
    ("json", "text"): str,
}
