"""The type of a new column, from the first values that were seen."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import TYPE_CHECKING, Any

from dlt.schema.model import Column

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.schema.capabilities import Capabilities
    from dlt.schema.schema import Schema

ISO_TIMESTAMP = re.compile(
    r"(?:\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,](\d{1,9}))?)?|\d{8}T\d{4}(?:\d\d(?:[.,](\d{1,9}))?)?)(Z|z|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
NEAR = 5 * 366 * 86400  # seconds


def column_for(
    schema: Schema,
    name: str,
    kind: str,
    data: pa.Array,
    caps: Capabilities,
    *,
    detect: bool = True,
    exact: bool = False,
) -> Column:
    """A column for values of this kind: detectors first, then the kind itself with the precision that the values need;
    preferred types by column name go before both; default hints by column name are added. detect: no detectors without,
    as the columns of an Arrow table have the type that its maker gave them; exact: that type says the precision too."""
    preferred = schema.preferred_type(name)
    if preferred is not None:
        column = Column(name, preferred)
    elif kind == "text":
        column = (_detected(schema, name, data, caps) if detect else None) or Column(name, "text")
    elif kind == "decimal":
        wei = detect and "large_integer" in schema.detections and not data.type.scale
        column = _wei(name, data, caps) if wei else _decimal(name, data, caps, exact=exact)
    elif kind == "wei":
        as_double = detect and "wei_to_double" in schema.detections
        column = Column(name, "double") if as_double else _wei(name, data, caps)
    elif kind == "timestamp":
        column = _timestamp(name, data, caps)
    elif kind == "bigint":
        column = (_detected_number(schema, name, kind, data) if detect else None) or Column(
            name, "bigint", precision=_bits(data)
        )
    elif kind == "double":
        column = (_detected_number(schema, name, kind, data) if detect else None) or Column(name, "double")
    else:
        column = Column(name, kind)
    hints: dict[str, Any] = schema.default_hints_for(name)
    return column.with_(**hints) if hints else column


def _detected(schema: Schema, name: str, data: pa.Array, caps: Capabilities) -> Column | None:
    """A timestamp or date column, when the first text is one and the settings ask for it."""
    first = next((text for text in (data[i].as_py() for i in range(len(data))) if text is not None), "")
    detections = schema.detections
    if "iso_timestamp" in detections and (match := ISO_TIMESTAMP.fullmatch(first)):
        digits = len(match[1] or match[2] or "")
        aware = match[3] is not None
        most = caps.timestamp_digits if aware else caps.naive_digits if caps.naive_timestamps else -1
        if digits <= most:
            return _readable(Column(name, "timestamp", precision=digits if digits > 6 else None, timezone=aware), first)
    if "iso_date" in detections and ISO_DATE.fullmatch(first):
        return _readable(Column(name, "date"), first)
    return None


def _readable(column: Column, text: str) -> Column | None:
    """The column, unless the text only looks like a date (2024-13-45)."""
    try:
        dt.datetime.fromisoformat(text.replace(",", ".").replace("z", "Z"))
    except ValueError:
        return None
    return column


def _detected_number(schema: Schema, name: str, kind: str, data: pa.Array) -> Column | None:
    """The `timestamp` detector, off by default: a number within five years of now is seconds since 1970."""
    if "timestamp" not in schema.detections:
        return None
    import pyarrow.compute as pc

    span = pc.min_max(data).as_py()
    if span["min"] is None or abs(span["min"] - time.time()) > NEAR or abs(span["max"] - time.time()) > NEAR:
        return None
    return Column(name, "timestamp") if kind in ("bigint", "double") else None


def _bits(data: pa.Array) -> int | None:
    bits = int(data.type.bit_width)
    return None if bits == 64 else bits


def _timestamp(name: str, data: pa.Array, caps: Capabilities) -> Column:
    aware = data.type.tz is not None
    if data.type.unit == "ns":
        most = caps.timestamp_digits if aware else caps.naive_digits
        return Column(name, "timestamp", precision=9, timezone=aware) if most >= 9 else Column(name, "text")
    return Column(name, "timestamp", timezone=aware)


def _decimal(name: str, data: pa.Array, caps: Capabilities, *, exact: bool) -> Column:
    """The default precision when all digits fit, else the highest with the scale of the values, else text. exact: the
    precision of the data itself, if the destination has it."""
    precision, scale = data.type.precision, data.type.scale
    if exact and 0 <= scale <= precision <= caps.decimal_digits:
        return Column(name, "decimal", precision=precision, scale=scale)
    whole = precision - scale
    most, usual = caps.decimal
    if scale <= usual and whole <= most - usual:
        return Column(name, "decimal")
    if whole + scale > caps.decimal_digits:
        whole = _whole_digits(data)
    if whole + scale <= caps.decimal_digits:
        return Column(name, "decimal", precision=caps.decimal_digits, scale=scale)
    return Column(name, "text")


def _wei(name: str, data: pa.Array, caps: Capabilities) -> Column:
    """The `large_integer` detector, off by default: integers beyond 64 bits are wei, beyond its digits text."""
    return Column(name, "wei" if _whole_digits(data) <= caps.decimal_digits else "text")


def _whole_digits(data: pa.Array) -> int:
    import pyarrow.compute as pc

    span = pc.min_max(data).as_py()
    return max((len(str(abs(int(value)))) for value in span.values() if value is not None), default=1)
