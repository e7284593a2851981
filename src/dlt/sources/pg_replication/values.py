"""Values as PostgreSQL writes them -> typed Arrow columns, a whole column at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dlt.arrow.values import json_text

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.sources.pg_replication.decode import Field

# the settings of a session in which every value is written so that it can be read again
SETTINGS = {
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
}
NUMERIC, MOST_DIGITS = 1700, 76  # digits that Arrow has
KINDS = {
    16: "bool",
    17: "binary",
    20: "bigint",
    21: "bigint",
    23: "bigint",
    26: "bigint",
    114: "json",
    700: "double",
    701: "double",
    1082: "date",
    1083: "time",
    1114: "naive",
    1184: "timestamp",
    NUMERIC: "decimal",
    3802: "json",
}
BRACKETS = {"{": "[", "}": "]", ",": ","}
ARRAY_PART = re.compile(r'[{},]|"(?:[^"\\]|\\.)*"|[^{},"]+', re.DOTALL)


@dataclass
class Types:
    """The types of a database. more: for those that are not built in, (base type, its modifier, type of the elements),
    each 0 when it has none."""

    more: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def base(self, oid: int, typmod: int) -> tuple[int, int]:
        """The type and modifier below the domains."""
        while (known := self.more.get(oid)) is not None and known[0]:
            oid, typmod = known[0], typmod if typmod >= 0 else known[1]
        return oid, typmod

    def kind(self, oid: int, typmod: int) -> str:
        """How values of a type are read: a data type, `naive` for timestamps without zone, `array`."""
        oid, typmod = self.base(oid, typmod)
        if oid == NUMERIC and typmod >= 4 and _numeric(typmod)[0] > MOST_DIGITS:
            return "text"
        return KINDS.get(oid) or ("array" if oid in self.more and self.more[oid][2] else "text")

    def hints(self, column: Field) -> dict[str, Any]:
        """What the schema says of a column."""
        kind = self.kind(column.oid, column.typmod)
        if kind == "naive":
            return {"data_type": "timestamp", "timezone": False}
        typmod = self.base(column.oid, column.typmod)[1]
        if kind == "decimal" and typmod >= 4:
            precision, scale = _numeric(typmod)
            return {"data_type": "decimal", "precision": precision, "scale": max(scale, 0)}
        return {"data_type": {"array": "json"}.get(kind, kind)}

    def array(self, texts: Sequence[str | None], column: Field) -> pa.Array:
        """The values of a column; as texts when one of them is nothing that Arrow has, like the date `infinity`. The engine
        then does with each of them what it does with values that do not fit their column."""
        import pyarrow as pa

        made = pa.array(texts, pa.string())
        kind, (oid, typmod) = self.kind(column.oid, column.typmod), self.base(column.oid, column.typmod)
        try:
            if kind == "array":
                read = ELEMENTS.get(self.kind(self.more[oid][2], -1), json_text)
                jsons = [None if text is None else "".join(_array_json(text, read)) for text in texts]
                return _json(pa.array(jsons, pa.string()))
            if kind == "decimal" and typmod >= 4:
                precision, scale = _numeric(typmod)
                wide = pa.decimal128 if precision <= 38 else pa.decimal256
                return made.cast(wide(precision, max(scale, 0)))
            return READERS[kind](made)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, ArithmeticError):
            return made


def _array_json(text: str, read: Callable[[str], str]) -> Iterator[str]:
    """The pieces of the JSON text of an array, however deep."""
    for part in ARRAY_PART.findall(text.partition("=")[2] if text.startswith("[") else text):
        if part in BRACKETS:
            yield BRACKETS[part]
        elif part[0] == '"':
            yield read(re.sub(r"\\(.)", r"\1", part[1:-1], flags=re.DOTALL))
        else:
            yield "null" if part == "NULL" else read(part)


def _numeric(typmod: int) -> tuple[int, int]:
    """Precision and scale; a negative scale means more digits before the point."""
    scale = ((typmod - 4) & 0x7FF ^ 1024) - 1024
    precision = (typmod - 4) >> 16 & 0xFFFF
    return max(precision - min(scale, 0), scale), scale


def _json(texts: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.ExtensionArray.from_storage(pa.json_(pa.string()), texts)


def _bools(texts: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.equal(texts, "t")


def _bytes(texts: pa.Array) -> pa.Array:
    import pyarrow as pa

    return pa.array([None if text is None else bytes.fromhex(text[2:]) for text in texts.to_pylist()], pa.binary())


def _times(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    days = pc.binary_join_element_wise(pa.scalar("1970-01-01"), texts, pa.scalar(" "))
    return days.cast(pa.timestamp("us")).cast(pa.time64("us"))


def _decimals(texts: pa.Array) -> pa.Array:
    from decimal import Decimal

    import pyarrow as pa

    numbers = [None if text is None else Decimal(text) for text in texts.to_pylist()]
    if not all(number is None or number.is_finite() for number in numbers):
        raise ValueError("Arrow has no decimal that is infinite or no number")
    return pa.array(numbers)


def _cast(name: str, *args: Any) -> Callable[[pa.Array], pa.Array]:
    def read(texts: pa.Array) -> pa.Array:
        import pyarrow as pa

        return texts.cast(getattr(pa, name)(*args))

    return read


READERS: Mapping[str, Callable[[Any], Any]] = {
    "text": lambda texts: texts,
    "json": _json,
    "bool": _bools,
    "binary": _bytes,
    "bigint": _cast("int64"),
    "double": _cast("float64"),
    "date": _cast("date32"),
    "time": _times,
    "naive": _cast("timestamp", "us"),
    "timestamp": _cast("timestamp", "us", "UTC"),
    "decimal": _decimals,
}
ELEMENTS: Mapping[str, Callable[[str], str]] = {  # to JSON; of what is not here, a JSON string
    "bool": lambda text: "true" if text == "t" else "false",
    "bigint": str,
    "double": lambda text: json_text(float(text)),
    "json": str,
    "binary": lambda text: json_text(bytes.fromhex(text[2:])),
    "timestamp": lambda text: json_text(text.replace(" ", "T") + (":00" if text[-3:-2] == "+" else "")),
    "naive": lambda text: json_text(text.replace(" ", "T")),
}
