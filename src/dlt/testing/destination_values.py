"""What a destination must give back: one value of every type, the edges of each, and what merges end with."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities

UTC = dt.UTC
ONE: dict[str, Any] = {
    "text": 'it\'s "quoted", one\\two\n\té漢🎈',
    "bigint": -(2**40),
    "double": 0.1,
    "bool": True,
    "timestamp": dt.datetime(2024, 2, 29, 23, 59, 59, 123456, UTC),
    "date": dt.date(2024, 2, 29),
    "time": dt.time(1, 2, 3, 4),
    "binary": b"abc",
    "json": {"a": [1, None, "x"], "ü": {}},
    "decimal": Decimal("-12345.678900000"),
    "wei": Decimal(10) ** 30,
}
EDGES: dict[str, tuple[Any, ...]] = {
    "text": ("", " ", "NULL", "null", "\\N", "nan", "'", '"', ",", ";", "--", "a\r\nb", "{}", "%s", "\\", "x" * 70_000),
    "bigint": (0, 2**63 - 1, -(2**63)),
    "double": (0.0, 1e308, -1e-308, 5e-324, 1 / 3, 2.0**53 + 2),
    "bool": (True, False),
    "timestamp": (
        dt.datetime(1970, 1, 1, tzinfo=UTC),
        dt.datetime(1969, 12, 31, 23, 59, 59, 999999, UTC),
        dt.datetime(1900, 1, 1, tzinfo=UTC),
        dt.datetime(2262, 4, 12, tzinfo=UTC),
        dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
        dt.datetime(2024, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))),
    ),
    "date": (dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31)),
    "time": (dt.time(0), dt.time(23, 59, 59, 999999)),
    "binary": (b"", b"\x00\xff\n'\"", bytes(range(256))),
    "json": ([], {}, [1, "a", None, [True]], {"a": {"b": [1.5]}}),
    "decimal": (Decimal(0), Decimal("0.000000001"), Decimal("-99999999999999999999999999999.999999999")),
    "wei": (Decimal(0), Decimal(10) ** 37, -(Decimal(10) ** 37)),
}
NON_FINITE = (float("inf"), float("-inf"), float("nan"))
# after the two loads of the merge test, by strategy: active root rows, nested rows with the id of their root, number of root rows
MERGED: dict[str, Any] = {
    "delete-insert": ([(1, "a"), (2, "c"), (3, "d")], [(1, 1), (1, 2), (3, 4), (3, 5)], 3),
    "upsert": ([(1, "a"), (2, "c"), (3, "d")], [(1, 1), (1, 2), (3, 4), (3, 5)], 3),
    "insert-only": ([(1, "a"), (2, "b"), (3, "d")], [(1, 1), (1, 2), (2, 3), (3, 4), (3, 5)], 3),
    "scd2": ([(2, "c"), (3, "d")], [(1, 1), (1, 2), (2, 3), (3, 4), (3, 5)], 4),
    "cdc": ([(2, "c"), (3, "d")], [(3, 4), (3, 5)], 2),
}


def kinds(caps: Capabilities) -> list[str]:
    """The data types whose values above a destination can hold."""
    return [kind for kind in ONE if kind != "wei" or caps.decimal_digits >= 38]


def columns(caps: Capabilities, *wanted: str) -> dict[str, dict[str, Any]]:
    """Column hints, with the names of types as names of columns."""
    return {f"c_{kind}": {"data_type": kind} for kind in wanted or kinds(caps)}


def plain(value: Any, kind: str, caps: Capabilities) -> Any:
    """A value in the form in which two of them can be compared: instants in UTC, JSON as objects."""
    if value is None:
        return None
    if kind == "json":
        return json.loads(value) if isinstance(value, str) else value
    if kind == "timestamp" and isinstance(value, dt.datetime):
        if value.tzinfo is None and not caps.aware_timestamps:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC) if value.tzinfo else value
    if kind == "double" and value != value:  # noqa: PLR0124 - NaN
        return "NaN"
    return value
