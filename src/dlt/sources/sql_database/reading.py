"""How each type of a database is read, so that all backends have the same values: the SQL for a column, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, oracle, postgresql

Expression = Any  # of SQLAlchemy
VARIANT = "__v_text"  # the end of the name of a column for what the type of the other one cannot hold
INT64_DIGITS = 18  # that fit whatever they are


@dataclass(frozen=True, slots=True)
class Reading:
    """kind: what the values are (None: what they look like); select: the SQL of a column, select_odd: the SQL for the values
    that `kind` cannot hold, as text."""

    kind: str | None
    precision: int | None = None
    scale: int | None = None
    select: Callable[[Expression], Expression] | None = None
    select_odd: Callable[[Expression], Expression] | None = None
    checked: bool = True  # the database knows that the values are of the kind


NATURAL = Reading(None)


def reading_of(kind: Any, dialect: str) -> Reading:
    """How values of a SQLAlchemy type are read from a database."""
    kind = getattr(kind, "data_type", kind) if type(kind).__name__ == "DOMAIN" else kind
    match dialect:
        case "postgresql":
            return _postgres(kind)
        case "mysql" | "mariadb":
            return _mysql(kind)
        case "sqlite":
            return Reading(
                _usual(kind).kind, select=_raw, checked=False
            )  # without the processors of SQLAlchemy, which round and fail
    return _usual(kind)


def _usual(kind: Any) -> Reading:
    """By the type alone, in the order in which types are special cases of each other."""
    if isinstance(kind, sa.Boolean):
        return Reading("bool")
    if isinstance(kind, oracle.NUMBER):  # an Integer too, for SQLAlchemy
        return _numeric(kind)
    if isinstance(kind, sa.Integer):
        return Reading("int")
    if isinstance(kind, sa.Float):
        return Reading("float", select=_raw)
    if isinstance(kind, sa.Numeric):
        return _numeric(kind)
    if isinstance(kind, sa.JSON):
        return Reading("json", select=_raw)
    if isinstance(kind, sa.ARRAY):
        return Reading("json")
    if isinstance(kind, sa.DateTime):
        return Reading("instant" if kind.timezone else "moment")
    if isinstance(kind, sa.Date):
        return Reading("date")
    if isinstance(kind, sa.Time):
        return Reading("time")
    if isinstance(kind, (sa.LargeBinary, sa.BINARY, sa.VARBINARY)):
        return Reading("binary")
    if isinstance(kind, (sa.String, sa.Uuid)):
        return Reading("text")
    return NATURAL


def _numeric(kind: Any) -> Reading:
    """Decimals; whole numbers of Oracle are ints as far as they fit."""
    precision, scale = kind.precision, kind.scale
    if isinstance(kind, oracle.NUMBER) and scale == 0 and precision and precision <= INT64_DIGITS:
        return Reading("int")
    whole = precision is not None and scale is not None and 0 <= scale <= precision <= 76
    return Reading("decimal", precision if whole else None, scale if whole else None, select=_raw)


# ---- SQL


def _raw(column: Expression) -> Expression:
    """Without what SQLAlchemy makes of the values of the driver: it rounds."""
    return sa.type_coerce(column, sa.types.NullType())


def as_text(column: Expression) -> Expression:
    """The column as text, as the database writes it."""
    return sa.cast(column, sa.Text)


def _chars(column: Expression) -> Expression:
    """The same in MySQL, whose dialect has no cast to TEXT."""
    return sa.cast(column, mysql.CHAR)


def _plus(column: Expression, zero: str, kind: Any) -> Expression:
    """The column as the number that it is."""
    return sa.type_coerce(column, sa.types.NullType()).op("+", return_type=kind)(sa.literal_column(zero))


def _json_array(column: Expression) -> Expression:
    return as_text(sa.func.to_json(column))


def _utc(column: Expression) -> Expression:
    return sa.func.timezone("UTC", column, type_=sa.DateTime())


def _within(name: str, last: str, first: str | None = "0001-01-01") -> Callable[[Expression], Expression]:
    """Whether a value is one that Python and Arrow have: not infinite, not before the year 1."""

    def condition(column: Expression) -> Expression:
        upper: Any = sa.literal_column(f"{name} '{last}'")
        if first is None:
            return column < upper
        return column.between(sa.literal_column(f"{name} '{first}'"), upper)

    return condition


def _ranged(
    kind: str,
    condition: Callable[[Expression], Expression],
    value: Callable[[Expression], Expression] = lambda one: one,
) -> Reading:
    return Reading(
        kind,
        select=lambda column: sa.case((condition(column), value(column))),
        select_odd=lambda column: sa.case((sa.not_(condition(column)), as_text(column))),
    )


LAST = "9999-12-31 23:59:59.999999"
POSTGRES_TEXT = Reading("text", select=as_text)
POSTGRES = {
    "moment": _ranged("moment", _within("timestamp", LAST)),
    "instant": _ranged("instant", _within("timestamptz", LAST + "+00", "0001-01-01+00"), _utc),
    "date": _ranged("date", _within("date", "9999-12-31")),
    "time": _ranged("time", _within("time", "24:00", None)),
    "json": Reading("json", select=as_text),
}


def _postgres(kind: Any) -> Reading:
    usual = _usual(kind)
    if isinstance(kind, sa.Time) and kind.timezone:
        return POSTGRES_TEXT
    if isinstance(kind, sa.ARRAY):
        return Reading("json", select=_json_array)
    if isinstance(kind, postgresql.OID):
        return Reading("int", select=lambda column: sa.cast(column, sa.BigInteger))
    if isinstance(kind, sa.REAL):
        return Reading("single")
    if usual.kind == "decimal":
        return Reading("decimal", usual.precision, usual.scale, select=as_text)
    if usual.kind in POSTGRES:
        return POSTGRES[usual.kind]
    if usual.kind is None or isinstance(kind, (sa.Uuid, sa.Enum)):  # intervals, ranges, addresses, bits and so on
        return POSTGRES_TEXT
    return usual


def _mysql(kind: Any) -> Reading:
    usual = _usual(kind)
    if isinstance(kind, mysql.YEAR):
        return Reading("int")
    if isinstance(kind, mysql.BIT):
        return Reading("int", select=lambda column: _plus(column, "0", sa.BigInteger()))
    if isinstance(kind, mysql.FLOAT):  # in text MySQL writes 6 of its digits
        return Reading("single", select=lambda column: _plus(column, "0e0", sa.Double()))
    if usual.kind in ("decimal", "date", "moment", "instant", "time", "json"):
        return Reading(usual.kind, usual.precision, usual.scale, select=_chars)
    if isinstance(kind, (mysql.SET, mysql.ENUM)):
        return Reading("text", select=_chars)
    return usual
