"""What fits a destination: names of tables, the types of columns that are there already, strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from dlt.config.settings import setting
from dlt.errors import PlanError

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Column, Table

TEXTS = ("text", "json")
NUMBERS = ("decimal", "wei")
REPLACE_STRATEGIES = ("truncate-and-insert", "insert-from-staging", "staging-optimized")


def folding(caps: Capabilities) -> Callable[[str], str]:
    """What makes of a name the form that two names of the same thing share."""
    return str if caps.case_sensitive else str.lower


def check_names(used: Iterable[Table], tables: Iterable[str], caps: Capabilities) -> None:
    """PlanError when a name of a used table is too long, or is the same as another one for the destination."""
    used = list(used)
    mine, fold = {table.name for table in used}, folding(caps)
    known: dict[str, str] = {}
    for name in tables:
        other = known.setdefault(fold(name), name)
        if other != name and not mine.isdisjoint((name, other)):
            raise _collision("tables", name, other, table=name)
    for table in used:
        _check_length(table.name, caps.max_table_name, table=table.name)
        columns: dict[str, str] = {}
        if len(max(table.columns, key=len, default="")) * 4 > caps.max_column_name:
            for name in table.columns:
                _check_length(name, caps.max_column_name, table=table.name, column=name)
        for name in table.columns:
            other = columns.setdefault(fold(name), name)
            if other != name:
                raise _collision("columns", name, other, table=table.name, column=name)


def _collision(what: str, name: str, other: str, **place: str) -> PlanError:
    return PlanError(
        f"The {what} {other!r} and {name!r} are one for this destination, which does not tell case apart.",
        hint='rename one of them, or use a naming convention that does not keep case, as schema.naming = "snake_case"',
        **place,
    )


def _check_length(name: str, most: int, **place: str) -> None:
    if len(name.encode()) > most:
        raise PlanError(
            f"A name has {len(name.encode())} bytes, the destination takes {most}.",
            hint="rename it, or use a naming convention that shortens names",
            **place,
        )


def check_types(chain: Iterable[Table], present: Mapping[str, Table], caps: Capabilities) -> None:
    """PlanError when a column of a table has a type at the destination that cannot hold what the schema says of it."""
    fold = folding(caps)
    for table in chain:
        there = present.get(table.name)
        if there is None:
            continue
        has = {fold(name): column for name, column in there.columns.items()}
        for name, column in table.columns.items():
            old = has.get(fold(name))
            if old is None or holds(old, column, caps) or is_untyped(column, old, caps):
                continue
            raise PlanError(
                f"The column is {named(old, caps)} at the destination, and the load brings {named(column, caps)}.",
                table=table.name,
                column=name,
                at_destination=named(old, caps),
                in_schema=named(column, caps),
                hint=f"load into another dataset or table, declare the column as {old.data_type},"
                " or change its type at the destination",
            )


def is_untyped(column: Column, old: Column, caps: Capabilities) -> bool:
    """That a column may be there as text only because it had nothing but nulls so far. If it holds values after all, the
    step that gives it the type of `column` fails."""
    return (
        caps.alter_type and old.data_type == "text" and old.precision is None and column.data_type not in (None, *TEXTS)
    )


def holds(old: Column, column: Column, caps: Capabilities) -> bool:
    """That every value of `column` can be stored in the column `old` and read back as it was. Types that are not known
    are left to the destination."""
    if old.data_type is None or column.data_type is None:
        return True
    if column.data_type == "json":
        return old.data_type in TEXTS
    if {old.data_type, column.data_type} <= set(NUMBERS):
        (digits, scale), (wanted, places) = _digits(old, caps), _digits(column, caps)
        return scale >= places and digits - scale >= wanted - places
    if old.data_type != column.data_type:
        return False
    match column.data_type:
        case "bigint":
            return (old.precision or caps.int_bits) >= (column.precision or caps.int_bits)
        case "double":
            return (old.precision or 53) >= (column.precision or 53)
        case "timestamp":
            if caps.aware_timestamps and caps.naive_timestamps and old.timezone != column.timezone:
                return False
            return _fraction(old, caps) >= _fraction(column, caps)
        case "time":
            return (6 if old.precision is None else old.precision) >= (
                6 if column.precision is None else column.precision
            )
    return True


def named(column: Column, caps: Capabilities) -> str:
    """The type of a column in words: `decimal(38,9)`, `timestamp without zone`."""
    kind = column.data_type or "of a type that dlt does not know"
    if kind in NUMBERS:
        return "{}({},{})".format(kind, *_digits(column, caps))
    size = "" if column.precision is None else f"({column.precision})"
    return f"{kind}{size}" + (" without zone" if kind == "timestamp" and not column.timezone else "")


def _digits(column: Column, caps: Capabilities) -> tuple[int, int]:
    usual = caps.decimal if column.data_type == "decimal" else (caps.decimal_digits, 0)
    return column.precision or usual[0], usual[1] if column.scale is None else column.scale


def _fraction(column: Column, caps: Capabilities) -> int:
    """Fractional digits of a timestamp. What has none stated has six, or what the destination keeps when that is less."""
    if column.precision is not None:
        return column.precision
    return min(6, caps.timestamp_digits if column.timezone else caps.naive_digits)


def check_replace_strategy(strategy: str, caps: Capabilities, **place: str) -> None:
    """PlanError for a replace strategy that is not known or that the destination does not have.

    They differ in how they reach the same end: where steps of a load commit together, each is done in that transaction.
    """
    if strategy not in REPLACE_STRATEGIES:
        known = ", ".join(REPLACE_STRATEGIES)
        raise PlanError(f"Unknown replace strategy {strategy!r}.", hint=f"use one of {known}", **place)
    if strategy not in caps.replace_strategies:
        able = ", ".join(caps.replace_strategies)
        raise PlanError(
            f"This destination cannot replace with the strategy {strategy}.", hint=f"it can: {able}", **place
        )


def wanted_replace_strategy(destination_name: str, given: str | None, caps: Capabilities) -> str | None:
    """The replace strategy of a destination, from its argument or from the settings. Raises PlanError like the above."""
    key = f"destination.{destination_name}.replace_strategy"
    wanted = given or setting(key, "destination.replace_strategy", default=None)
    if wanted is not None:
        check_replace_strategy(wanted, caps, key=key)
    return wanted
