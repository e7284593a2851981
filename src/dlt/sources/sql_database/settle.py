"""Values of a column, as a driver or an Arrow reader gave them -> one Arrow type for its kind. Nothing is rounded: what the
type cannot hold is handed back as text."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.cast import MORE_DIGITS, _rescaled
from dlt.arrow.values import REFUSED, Unsupported, build, free_key, json_text, plain_converter
from dlt.items import JSON_FIELD
from dlt.sources.sql_database.reading import VARIANT, Reading

NoneType = type(None)
DAY = dt.timedelta(days=1)
MIDNIGHT = dt.datetime(1, 1, 1)  # noqa: DTZ001 - only its time is used
USUAL_SCALE, MOST_DIGITS = 9, 38  # of decimals without a precision
NUMBER = r"^-?[0-9]+(\.[0-9]+)?$"

TARGETS = {
    "int": pa.int64(),
    "float": pa.float64(),
    "single": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "json": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "moment": pa.timestamp("us"),
    "instant": pa.timestamp("us", "UTC"),
}
DATA_TYPES = {
    "int": "bigint",
    "float": "double",
    "single": "double",
    "moment": "timestamp",
    "instant": "timestamp",
}  # where they have other names
TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float,),
    "single": (float,),
    "decimal": (decimal.Decimal,),
    "bool": (bool,),
    "text": (str,),
    "binary": (bytes,),
    "date": (dt.date,),
    "time": (dt.time,),
    "moment": (dt.datetime,),
    "instant": (dt.datetime,),
}  # of Python values that Arrow takes as they are
FROM_TEXT = ("decimal", "date", "time", "moment", "instant")
NATURAL_KINDS = {one: kind for kind, kinds in TYPES.items() if kind not in ("single", "instant") for one in kinds}


class Settled:
    """Makes record batches of columns that are read in these ways."""

    def __init__(self, readings: Sequence[tuple[str, Reading]]) -> None:
        self.readings = readings

    def batch(self, columns: Sequence[Any], odd: dict[str, Any]) -> pa.RecordBatch:
        """A record batch of the columns in the order of the readings; odd: texts that SQL found for some of them."""
        names = [name for name, _ in self.readings]
        arrays: list[pa.Array] = []
        fields: list[pa.Field] = []
        extra: list[tuple[str, pa.Array]] = []
        for (name, reading), values in zip(self.readings, columns, strict=True):
            data, left = settle(values, reading)
            if name in odd:
                texts = _texts(odd[name])
                left = texts if left is None else pc.coalesce(left, texts)
            arrays.append(data)
            is_json = reading.kind == "json" or (reading.kind is None and _has_documents(values))
            fields.append(pa.field(name, data.type, metadata=JSON_FIELD if is_json else None))
            if left is not None and left.null_count < len(left):
                extra.append((name + VARIANT, left))
        for name, left in extra:
            arrays.append(left)
            fields.append(pa.field(free_key(name, names) if name in names else name, left.type))
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _has_documents(values: Any) -> bool:
    return not isinstance(values, pa.Array) and not {dict, list}.isdisjoint(map(type, values))


def _texts(values: Any) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())


def settle(values: Any, reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    """The values as an array of the type of their kind, and those that it cannot hold as texts (None: it holds all)."""
    if isinstance(values, pa.Array):
        return _array(values, reading)
    kinds = set(map(type, values)) - {NoneType}
    if not kinds:
        kind = reading.kind
        return pa.nulls(len(values), None if kind is None else _target(reading) or pa.decimal128(38, 9)), None
    if reading.kind is not None and kinds <= set(TYPES.get(reading.kind, ())):
        try:
            return _plain(values, reading)
        except (*REFUSED, TypeError):
            pass
    elif kinds == {str} and (reading.kind in FROM_TEXT or (reading.kind == "json" and reading.checked)):
        return _array(pa.array(values, pa.string()), reading)
    return _one_by_one(values, kinds, reading)


def _plain(values: Sequence[Any], reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    """An array of Python values of the types that the kind has. Whole numbers beyond 64 bits are decimals; moments that all
    have a zone are instants."""
    kind = str(reading.kind)
    if kind == "int":
        return _usual_digits(build("bigint", list(values))[0][1]), None
    if kind in ("time", "moment"):
        zones = {value.tzinfo is not None for value in values if value is not None}
        if True in zones:
            if kind == "time" or False in zones:
                raise ValueError(kind)
            kind = "instant"
    return _array(pa.array(values, None if kind == "decimal" else TARGETS[kind]), replace(reading, kind=kind))


def _usual_digits(data: pa.Array) -> pa.Array:
    """Whole numbers that are decimals, with the digits that decimals have when nobody says how many, if these will do."""
    if not pa.types.is_decimal(data.type):
        return data
    try:
        return _in_digits(data, pa.decimal128(MOST_DIGITS, USUAL_SCALE))
    except pa.ArrowInvalid:
        return data


def _in_digits(data: pa.Array, target: pa.DataType) -> pa.Array:
    """The same decimals with other digits. Raises ArrowInvalid when one does not fit."""
    made = _rescaled(data, target)
    if made is None:
        raise pa.ArrowInvalid(f"{data.type} does not fit {target}")
    return made


def _target(reading: Reading) -> pa.DataType | None:
    if reading.kind != "decimal":
        return TARGETS[str(reading.kind)]
    if reading.precision is None:
        return None
    return (pa.decimal128 if reading.precision <= MOST_DIGITS else pa.decimal256)(reading.precision, reading.scale)


# ---- arrays


def _array(data: pa.Array, reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    if isinstance(data.type, pa.BaseExtensionType):
        data = data.storage
    kind = reading.kind
    if kind is None or pa.types.is_null(data.type):
        return data, None
    if kind == "decimal":
        return _decimal(data, reading)
    target = TARGETS[kind]
    if kind in FROM_TEXT and _is_text(data):
        return _parsed(data, reading, target)
    if kind == "instant" and pa.types.is_timestamp(data.type) and data.type.tz is None:
        data = data.cast(pa.timestamp("us"))
    try:
        made = data.cast(target)
    except pa.ArrowException:
        if pa.types.is_uint64(data.type):
            return _usual_digits(data.cast(pa.decimal128(20, 0))), None
        return _one_by_one(data.to_pylist(), set(), reading)
    return (_shortest(made) if kind == "single" else made), None


def _is_text(data: pa.Array) -> bool:
    return bool(pa.types.is_string(data.type) or pa.types.is_large_string(data.type))


def _shortest(data: pa.Array) -> pa.Array:
    """Numbers of single precision as people write them: 1.1, not 1.10000002384."""
    return data.cast(pa.float32()).cast(pa.string()).cast(pa.float64())


def _parsed(texts: pa.Array, reading: Reading, target: pa.DataType) -> tuple[pa.Array, pa.Array | None]:
    """Texts as the type; those that are none (0000-00-00) are handed back."""
    plain = texts
    if reading.kind == "time":
        plain = pc.binary_join_element_wise("1970-01-01", texts.cast(pa.string()), " ")
    for way in (target,) if reading.kind == "date" else (target, pa.timestamp("us")):
        try:
            return plain.cast(way).cast(target), None
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            pass
    return _one_by_one(texts.to_pylist(), {str}, reading)


def _decimal(data: pa.Array, reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    """Decimals of the declared precision; without one, of 38 digits with 9 after the point, or with as many as there are."""
    odd = None
    if pa.types.is_floating(data.type):
        data = data.cast(pa.string())
    if _is_text(data):
        target = _target(reading)
        with suppress(pa.ArrowInvalid):
            return data.cast(target or pa.decimal128(MOST_DIGITS, USUAL_SCALE)), None
        number = pc.fill_null(pc.match_substring_regex(data, NUMBER), False)
        odd = pc.if_else(number, pa.scalar(None, data.type), data)
        data = pc.if_else(number, data, pa.scalar(None, data.type))
        whole, scale = _digits(data)
        if whole + scale > 76:  # no decimal is so long: in text nothing is lost
            return pa.nulls(len(data), target or pa.decimal128(MOST_DIGITS, USUAL_SCALE)), pc.coalesce(data, odd)
        data = data.cast(_wide(whole, scale))
    elif pa.types.is_integer(data.type):
        data = data.cast(pa.decimal128(20, 0))
    if odd is not None and odd.null_count == len(odd):
        odd = None
    kind = data.type
    target = _target(reading) or _wide(kind.precision - kind.scale, kind.scale)
    try:
        return _in_digits(data, target), odd
    except pa.ArrowInvalid:  # more digits than the database said there are
        return data, odd


def _wide(whole: int, scale: int) -> pa.DataType:
    """The decimal type for numbers of so many digits before and after the point."""
    scale = max(scale, min(USUAL_SCALE, MOST_DIGITS - whole)) if whole + scale <= MOST_DIGITS else scale
    most = MOST_DIGITS if whole + scale <= MOST_DIGITS else 76
    return (pa.decimal128 if most == MOST_DIGITS else pa.decimal256)(most, scale)


def _digits(numbers: pa.Array) -> tuple[int, int]:
    """The most digits before and after the point."""
    length, point = pc.binary_length(numbers), pc.find_substring(numbers, ".")
    after = pc.max(pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(length, point), 1))).as_py() or 0
    before = pc.max(pc.if_else(pc.less(point, 0), length, point)).as_py() or 1
    return before, after


def digits_of(values: pa.Array) -> dict[str, int | None]:
    """Precision and scale for a column of these decimals; None where those of the destination will do, or none would."""
    if not pa.types.is_decimal(values.type) or values.type.precision > MOST_DIGITS or values.type.scale == USUAL_SCALE:
        return {"precision": None, "scale": None}
    return {"precision": values.type.precision, "scale": values.type.scale}


# ---- values one by one


def _number(value: Any) -> decimal.Decimal:
    made = decimal.Decimal(value if isinstance(value, str) else repr(value) if isinstance(value, float) else value)
    if not made.is_finite():
        raise ValueError(value)
    return made


def _whole(value: Any) -> int:
    if isinstance(value, str) or int(value) != value or not -(1 << 63) <= value < 1 << 63:
        raise ValueError(value)
    return int(value)


def _float(value: Any) -> float:
    made = float(value)
    if isinstance(value, str) or (made != value and made == made):  # noqa: PLR0124 - NaN
        raise ValueError(value)
    return made


def _date(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError(value)
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)


def _iso(text: str) -> str:
    """The text, if it has no more digits than Python reads."""
    if MORE_DIGITS.search(text):
        raise ValueError(text)
    return text


def _time(value: Any) -> dt.time:
    if isinstance(value, dt.timedelta):
        if not dt.timedelta() <= value < DAY:
            raise ValueError(value)
        return (MIDNIGHT + value).time()
    made = value if isinstance(value, dt.time) else dt.time.fromisoformat(_iso(value))
    if made.tzinfo is not None:
        raise ValueError(value)
    return made


def _moment(value: Any, *, zone: bool) -> dt.datetime:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(_iso(value))
    elif not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if zone:
        return value if value.tzinfo else value.replace(tzinfo=dt.UTC)  # type: ignore[no-any-return]  # a datetime
    if value.tzinfo is not None:
        raise ValueError(value)
    return value  # type: ignore[no-any-return]  # see above


def _bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(value)
    return bytes(value)


def _text(value: Any) -> str:
    """Any value as text, as SQL or JSON would write it."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "0x" + bytes(value).hex()
    if isinstance(value, (dict, list, tuple, set, frozenset)):
        return json_text(value)
    return str(value)


def _plain_text(value: Any) -> str:
    if not isinstance(value, (str, uuid.UUID, int, float, decimal.Decimal)):
        raise TypeError(value)
    return str(value)


def _json(value: Any) -> str:
    """JSON text as it is, if it is one; other values as JSON."""
    if isinstance(value, str):
        import json

        json.loads(value)
        return value
    return json_text(value)


CONVERT: dict[str, Callable[[Any], Any]] = {
    "int": _whole,
    "float": _float,
    "single": _float,
    "decimal": _number,
    "bool": lambda value: {0: False, 1: True}[value],
    "text": _plain_text,
    "json": _json,
    "binary": _bytes,
    "date": _date,
    "time": _time,
    "moment": lambda value: _moment(value, zone=False),
    "instant": lambda value: _moment(value, zone=True),
}


def _one_by_one(values: Sequence[Any], kinds: set[type], reading: Reading) -> tuple[pa.Array, pa.Array | None]:
    """Values of other types than the column has: each is converted if that loses nothing, else it is odd."""
    kind = reading.kind
    if kind is None:
        values, kind = _natural(values, kinds)
    convert = CONVERT[kind]
    good: list[Any] = []
    odd: list[str | None] = []
    for value in values:
        made = None
        try:
            made = None if value is None else convert(value)
        except (*REFUSED, TypeError, ArithmeticError, KeyError, Unsupported):
            pass
        good.append(made)
        odd.append(None if value is None or made is not None else _text(value))
    if kind == "decimal":
        data, left = _array(pa.array([None if one is None else format(one, "f") for one in good], pa.string()), reading)
    else:
        data, left = pa.array(good, TARGETS[kind]), None
    texts = pa.array(odd, pa.string())
    return data, texts if left is None else pc.coalesce(left, texts)


def _natural(values: Sequence[Any], kinds: set[type]) -> tuple[Sequence[Any], str]:
    """Values of a column without a type, and the kind of most of their types, or of the first of them."""
    if not kinds <= NATURAL_KINDS.keys() | {dict, list}:
        values = [_converted(value) for value in values]
        kinds = set(map(type, values)) - {NoneType}
    if kinds <= {dict, list}:
        return values, "json"
    if kinds == {int, float}:
        return values, "float"
    if not kinds <= NATURAL_KINDS.keys() or len(kinds) > 1:
        first = type(next(value for value in values if value is not None))
        return values, NATURAL_KINDS.get(first, "json")
    kind = NATURAL_KINDS[kinds.pop()]
    aware = kind == "moment" and all(value is None or value.tzinfo is not None for value in values)
    return values, "instant" if aware else kind


def _converted(value: Any) -> Any:
    """A value of a type of Python's own."""
    while value is not None and type(value) not in NATURAL_KINDS and type(value) not in (dict, list):
        kind: Any = type(value)
        try:
            value = str(value) if isinstance(value, dt.timedelta) else plain_converter(kind)(value)
        except Unsupported:
            return str(value)
    return value


def row_tuples_to_arrow(
    rows: Sequence[Any], columns: Mapping[str, Mapping[str, Any]] | None = None, tz: str | None = None
) -> pa.Table:
    """An Arrow table of rows that are tuples, with the types of the columns; instants in a time zone, else UTC."""
    plan = [(name, _reading(column)) for name, column in (columns or {}).items()]
    values = list(zip(*rows, strict=True)) or [()] * len(plan)
    table = pa.Table.from_batches([Settled(plan).batch(values, {})])
    return table if tz is None else in_zone(table, tz)


def _reading(column: Mapping[str, Any]) -> Reading:
    """How values are read for a column of the schema."""
    kind = column.get("data_type")
    if kind == "timestamp":
        kind = "instant" if column.get("timezone", True) else "moment"
    kind = {"bigint": "int", "double": "float", "wei": "decimal"}.get(str(kind), kind)
    return Reading(kind, column.get("precision"), column.get("scale") or 0, checked=False)


def in_zone(table: pa.Table, zone: str) -> pa.Table:
    """The table with its instants in a time zone."""
    fields = [
        field.with_type(pa.timestamp("us", zone)) if pa.types.is_timestamp(field.type) and field.type.tz else field
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))
