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
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.infer import ISO_DATE, ISO_TIMESTAMP
from dlt.arrow.values import REFUSED, json_text

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Column

UTC = dt.UTC
EPOCH = dt.datetime(1970, 1, 1, tzinfo=UTC)
MORE_DIGITS = re.compile(r"[.,]\d{6,}[1-9]")  # than microseconds
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
            return _decimal(
                column.precision or caps.decimal[0], caps.decimal[1] if column.scale is None else column.scale
            )
        case _:
            return _decimal(column.precision or caps.decimal_digits, column.scale or 0)


def _decimal(precision: int, scale: int) -> pa.DataType:
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def fit(
    data: pa.Array, kind: str, column: Column, target: pa.DataType, *, declared: bool = False
) -> tuple[pa.Array, pa.Array | None]:
    """Cast values of `kind` to the type of a column. Returns the array, null where a value does not fit, and a mask of
    the values that do not (None: all fit). declared: the type is what the code says, not what was learned."""
    to = column.data_type or "text"
    kind = "decimal" if kind == "wei" else kind
    same = kind == to or (kind, to) == ("decimal", "wei")
    if kind == to == "timestamp":
        same = declared or column.timezone == (data.type.tz is not None)
    if same and data.type == target:
        return data, None
    if kind == to == "timestamp":
        return _timestamps(data, target, same=same)
    whole = _whole(data, kind, column, target)
    if whole is not None:
        return whole, None
    convert = _converter(kind, column, target, declared=declared)
    if convert is None:
        return pa.nulls(len(data), target), data.is_valid() if data.null_count < len(data) else None
    pattern = None if declared and (kind, to) in DECLARED else _FORMS.get((kind, to))
    if pattern is None:
        return _one_by_one(data, convert, target)
    return _likely(data, pattern, lambda part: _whole(part, kind, column, target), convert, target)


def _whole(data: pa.Array, kind: str, column: Column, target: pa.DataType) -> pa.Array | None:
    """The cast of the whole column by Arrow, where Arrow's own check is the round-trip rule; None: look at each value."""
    try:
        match kind, column.data_type or "text":
            case ("bigint" | "decimal", "bigint" | "decimal" | "wei"):
                return _rescaled(data, target)
            case ("bigint", "double") | ("double", "bigint"):
                out = data.cast(target)
                return out if out.cast(data.type).equals(data) else None
            case ("time", "time") | ("text", "text") | ("binary", "binary") | ("json" | "bigint" | "date", "text"):
                return data.cast(target)
            case ("date", "timestamp"):
                return data.cast(pa.timestamp(target.unit)).cast(target)
            case ("timestamp", "text"):
                return timestamp_texts(data)
            case ("text", "timestamp"):
                return _parsed(data, column, target)
            case ("text", "date"):
                return _as_written(data, data.cast(target))
            case ("text", "bigint"):
                return _as_written(data, data.cast(pa.int64()), target)
    except pa.ArrowInvalid:
        pass
    return None


def _rescaled(numbers: pa.Array, target: pa.DataType) -> pa.Array | None:
    """Whole numbers and decimals in another type of those. Arrow does not see when a decimal that gets more places grows
    out of its own width, so it gets a type first that is wide enough; None: there is no such type."""
    if pa.types.is_integer(numbers.type) and pa.types.is_decimal(target):
        numbers = numbers.cast(pa.decimal128(19, 0))
    if pa.types.is_decimal(numbers.type) and pa.types.is_decimal(target):
        digits = numbers.type.precision + max(target.scale - numbers.type.scale, 0)
        if digits > 76:
            return None
        if digits > 38:
            numbers = numbers.cast(pa.decimal256(digits, target.scale))
    return numbers.cast(target)


def _as_written(texts: pa.Array, data: pa.Array, target: pa.DataType | None = None) -> pa.Array | None:
    """The data if it is written like the texts it was made of."""
    if not data.cast(pa.string()).equals(texts):
        return None
    return data if target is None or data.type == target else data.cast(target)


def _parsed(texts: pa.Array, column: Column, target: pa.DataType) -> pa.Array | None:
    """ISO timestamps, all with a zone or all without as the column has them; None when one is not of that form."""
    shortest = pc.min(pc.utf8_length(texts)).as_py()
    if shortest is not None and shortest < 16:  # a date alone is no timestamp
        return None
    made = texts.cast(pa.timestamp(target.unit, "UTC" if column.timezone else None))
    return made if made.type == target else made.cast(pa.timestamp(target.unit)).cast(target)


def _timestamps(data: pa.Array, target: pa.DataType, *, same: bool) -> tuple[pa.Array, pa.Array | None]:
    """Timestamps in the unit of a column. same: they and the column have a zone, or both have none, or that was said not to
    matter; without a zone they are in UTC."""
    valid = data.is_valid() if data.null_count < len(data) else None
    if not same or valid is None:
        return pa.nulls(len(data), target), valid
    plain = data.cast(pa.timestamp(data.type.unit))
    try:
        return plain.cast(pa.timestamp(target.unit)).cast(target), None
    except pa.ArrowInvalid:
        coarse = plain.cast(pa.timestamp(target.unit), safe=False)
        fits = pc.equal(coarse.cast(pa.timestamp(data.type.unit), safe=False), plain)
        out = pc.if_else(fits, coarse, pa.scalar(None, coarse.type)).cast(target)
        return out, pc.and_not(data.is_valid(), out.is_valid())


def timestamp_texts(data: pa.Array) -> pa.Array:
    """Timestamps as ISO 8601 writes them, with the digits that their unit has, or none for whole seconds."""
    text = pc.replace_substring(data.cast(pa.timestamp(data.type.unit)).cast(pa.string()), " ", "T", max_replacements=1)
    text = pc.replace_substring_regex(text, r"\.0+$", "")
    return text if data.type.tz is None else pc.binary_join_element_wise(text, pa.scalar("+00:00"), pa.scalar(""))


# texts of these forms are worth a try: others cannot fit
_FORMS = {
    ("text", "bigint"): r"^(0|-?[1-9][0-9]{0,18})$",
    ("text", "double"): r"^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$",
    ("text", "decimal"): r"^-?[0-9]+(\.[0-9]+)?$",
    ("text", "wei"): r"^-?[0-9]+$",
    ("text", "timestamp"): r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}[T ][0-9]{2}",
    ("text", "date"): r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    ("text", "time"): r"^[0-9]{2}:[0-9]{2}:",
}


def _likely(
    data: pa.Array,
    pattern: str,
    cast: Callable[[pa.Array], pa.Array | None],
    convert: Callable[[Any], Any],
    target: pa.DataType,
) -> tuple[pa.Array, pa.Array | None]:
    """Convert the texts that have a form; the others do not fit."""
    likely = pc.fill_null(pc.match_substring_regex(data, pattern), False)
    part = data.filter(likely)
    made, bad = cast(part), None
    if made is None:
        made, bad = _one_by_one(part, convert, target)
    out = pc.replace_with_mask(pa.nulls(len(data), target), likely, made)
    wrong = pc.and_not(data.is_valid(), out.is_valid())
    return out, wrong if bad is not None or pc.any(wrong).as_py() else None


def _one_by_one(data: pa.Array, convert: Callable[[Any], Any], target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    out: list[Any] = []
    for value in data.to_pylist():
        try:
            out.append(None if value is None else convert(value))
        except (ValueError, TypeError, ArithmeticError):
            out.append(None)
    try:
        made = pa.array(out, target)
    except (*REFUSED, TypeError):
        made = pa.array([_scalar(value, target) for value in out], target)
    if pa.types.is_decimal(target):  # Arrow takes a wrong number for one of more digits than the type has
        pairs = zip(out, made.to_pylist(), strict=True)
        made = pa.array([found if found == value else None for value, found in pairs], target)
    wrong = pc.and_not(data.is_valid(), made.is_valid())
    return made, wrong if pc.any(wrong).as_py() else None


def _scalar(value: Any, target: pa.DataType) -> pa.Scalar | None:
    """The value if the type can hold it."""
    try:
        return pa.scalar(value, target)
    except (*REFUSED, TypeError):
        return None


def _converter(kind: str, column: Column, target: pa.DataType, *, declared: bool) -> Callable[[Any], Any] | None:
    pair = (kind, column.data_type or "text")
    if declared and pair in DECLARED:
        return DECLARED[pair]
    return _text_to_timestamp(column, target) if pair == ("text", "timestamp") else CAREFUL.get(pair)


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
    plain = format(value.normalize(), "f") if value else "0"
    return decimal.Decimal(_only(value.is_finite() and plain == text, value))


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


def _text_to_timestamp(column: Column, target: pa.DataType) -> Callable[[str], Any]:
    """Reads the forms that Arrow does not know too."""
    aware, most = column.timezone, 9 if target.unit == "ns" else 6

    def convert(text: str) -> Any:
        match = ISO_TIMESTAMP.fullmatch(text)
        digits = (match and (match[1] or match[2])) or ""
        _only(match is not None and len(digits) <= most and (match[3] is not None) is aware, text)
        value = dt.datetime.fromisoformat(text.replace(",", ".").replace("z", "Z"))
        if len(digits) <= 6:
            return value
        rest = int(digits[6:].ljust(3, "0"))  # what Python's datetime does not hold
        micros = pa.scalar(value, pa.timestamp("us", target.tz)).cast(pa.int64()).as_py()
        return pa.scalar(micros * 1000 + rest, pa.int64()).cast(target)

    return convert


def _text_to_json(text: str) -> str:
    """Objects and lists as they are, any other text as a JSON string."""
    if text[:1] in ("{", "["):
        try:
            return _json_or_fail(text)
        except ValueError:
            pass
    return json_text(text)


def _json_or_fail(text: str) -> str:
    json.loads(text, parse_constant=_no_constant)
    return text


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _float_to_json(number: float) -> str:
    return repr(_only(number - number == 0, number))


CAREFUL: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("double", "bigint"): _float_to_int,
    ("decimal", "bigint"): lambda v: int(_only(v == v.to_integral_value(), v)),
    ("text", "bigint"): _text_to_int,
    ("bigint", "bigint"): int,
    ("bigint", "double"): _int_to_float,
    ("decimal", "double"): _decimal_to_float,
    ("text", "double"): _text_to_float,
    ("bigint", "decimal"): decimal.Decimal,
    ("double", "decimal"): _float_to_decimal,
    ("text", "decimal"): _text_to_decimal,
    ("decimal", "decimal"): decimal.Decimal,
    ("bigint", "wei"): decimal.Decimal,
    ("double", "wei"): _float_to_decimal,
    ("decimal", "wei"): decimal.Decimal,
    ("text", "wei"): _text_to_decimal,
    ("double", "text"): repr,
    ("bool", "text"): str,
    ("decimal", "text"): str,
    ("time", "text"): lambda v: v.isoformat(),
    ("text", "date"): _text_to_date,
    ("text", "time"): _text_to_time,
    ("text", "json"): _text_to_json,
    ("bigint", "json"): json_text,
    ("double", "json"): _float_to_json,
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
        return _only(word in TRUE | FALSE, word) in TRUE
    return bool(_only(value in (0, 1), value))


def _no_more_digits(text: str) -> str:
    """The text, if Python reads it to its last digit."""
    return str(_only(not MORE_DIGITS.search(text), text.strip()))


def _declared_timestamp(value: Any) -> dt.datetime:
    if isinstance(value, str):
        made = dt.datetime.fromisoformat(_no_more_digits(value))
        return made if made.tzinfo else made.replace(tzinfo=UTC)
    return EPOCH + dt.timedelta(seconds=value)


def _declared_date(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value.strip()).date()
    if isinstance(value, dt.datetime):
        return value.date()
    return (EPOCH + dt.timedelta(seconds=value)).date()


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
    ("text", "time"): lambda v: dt.time.fromisoformat(_no_more_digits(v)),
    ("text", "binary"): _declared_binary,
    ("text", "json"): _json_or_fail,
}
