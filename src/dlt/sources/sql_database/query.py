"""The SQL that reads a table: what is new by its cursor, in which order, how much of it, in which parts."""

from __future__ import annotations

import datetime as dt
import inspect
import operator
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dlt.errors import ConfigError, NotBuilt, ResourceError
from dlt.extract.interval import zone
from dlt.extract.pipe import PER_ITEM, Limit, Pipe

if TYPE_CHECKING:
    from dlt.extract.incremental import Incremental

QueryAdapter = Callable[..., Any]
GROWS = {
    max: (operator.ge, operator.gt, operator.lt, operator.le),
    min: (operator.le, operator.lt, operator.gt, operator.ge),
}


def with_cursor(query: Any, table: Any, incremental: Incremental[Any], dialect: str) -> Any:
    """The query with the range of an incremental and its order. ResourceError when there is no such column."""
    name = incremental.get_cursor_column_name()
    if name is None or name not in table.columns:
        raise ResourceError(
            f"The table {table.name!r} has no column {incremental.cursor_path!r}, which is its cursor.",
            table=table.name,
            cursor=incremental.cursor_path,
            hint="it has " + ", ".join(table.columns.keys()),
        )
    column = table.columns[name]
    function: Any = incremental.last_value_func
    if function not in GROWS:
        return query  # only Python can tell
    from_closed, from_open, to_open, to_closed = GROWS[function]
    coarse = dialect == "sqlite" and isinstance(column.type, (sa.DateTime, sa.Date))
    condition = None
    if (start := incremental.start_value) is not None:
        compare = from_open if incremental.range_start == "open" and not coarse else from_closed
        condition = compare(*_sides(column, start, coarse=coarse, upper=function is min))
    if (end := incremental.end_value) is not None:
        compare = to_closed if incremental.range_end == "closed" or coarse else to_open
        other = compare(*_sides(column, end, coarse=coarse, upper=function is max))
        condition = other if condition is None else sa.and_(condition, other)
    if incremental.on_cursor_value_missing == "include" and condition is not None:
        condition = sa.or_(condition, column.is_(None))
    elif incremental.on_cursor_value_missing == "exclude":
        there = column.is_not(None)
        condition = there if condition is None else sa.and_(condition, there)
    if condition is not None:
        query = query.where(condition)
    if incremental.row_order is not None:
        query = query.order_by(column.asc() if incremental.row_order == "asc" else column.desc())
    return query


def _sides(column: Any, value: Any, *, coarse: bool, upper: bool) -> tuple[Any, Any]:
    """Column and bound as the database compares them. coarse: SQLite has times as texts of several forms, so a bound is a
    whole day; which of its rows are new is found out afterwards."""
    is_time = isinstance(column.type, sa.DateTime)
    if is_time and isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if coarse:
        day = value if isinstance(value, str) else dt.date(value.year, value.month, value.day).isoformat()
        if upper:
            day = (dt.date.fromisoformat(day[:10]) + dt.timedelta(days=1)).isoformat()
        return sa.type_coerce(column, sa.String), day
    if is_time and isinstance(value, dt.datetime):
        if column.type.timezone and value.tzinfo is None:
            value = value.replace(tzinfo=zone())
        elif not column.type.timezone and value.tzinfo is not None:
            value = value.astimezone(dt.UTC).replace(tzinfo=None)
    return column, value


def most_rows(pipe: Pipe | None, chunk_size: int) -> int | None:
    """How many rows a limit of the resource lets in, as far as SQL can tell; None: any number."""
    step = pipe.find("limit") if pipe is not None else None
    limit: Limit = step.call if step is not None else Limit()
    if pipe is None or limit.max_items is None:
        return None
    if not limit.count_rows:
        return limit.max_items * chunk_size
    drops = any(one.kind in (*PER_ITEM, "raw", "yield_map") for one in pipe.steps)
    return None if drops else limit.max_items


def adapted_query(adapter: QueryAdapter, query: Any, table: Any, incremental: Any, engine: sa.Engine) -> Any:
    """What the query adapter makes of a query; it takes two arguments or four."""
    try:
        count = len(inspect.signature(adapter).bind(query, table, incremental, engine).args)
    except TypeError:
        count = 2
    return adapter(*(query, table, incremental, engine)[:count])


def parts(connection: Any, query: Any, column_name: str, number: int) -> list[Any]:
    """The query in `number` queries by ranges of a column of whole numbers, dates or times; NULLs come with the first."""
    if not isinstance(query, sa.Select):
        raise NotBuilt("Only a select can be read in parts.", hint="take partition_on out of backend_kwargs")
    if column_name not in query.selected_columns:
        raise ConfigError(
            f"partition_on names the column {column_name!r}, which is not read.",
            key="partition_on",
            hint="it may be " + ", ".join(query.selected_columns.keys()),
        )
    column = query.selected_columns[column_name]
    inner = query.order_by(None).subquery()
    low, high = connection.execute(
        sa.select(sa.func.min(inner.c[column_name]), sa.func.max(inner.c[column_name]))
    ).one()
    if low is None or low == high or number < 2:
        return [query]
    if not isinstance(low, (int, dt.date)):
        raise NotBuilt(
            f"A table is not read in parts by the column {column_name!r}, whose values are of type {type(low).__name__}.",
            hint="use a column of whole numbers, dates or times",
        )
    step = (high - low) / number if not isinstance(low, int) else -(-(high - low) // number)
    bounds = [low + step * place for place in range(1, number)]
    conditions = [sa.or_(column < bounds[0], column.is_(None))]
    conditions += [sa.and_(column >= left, column < right) for left, right in pairwise(bounds)]
    conditions.append(column >= bounds[-1])
    return [query.where(condition) for condition in conditions]
