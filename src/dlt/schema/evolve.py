"""What a run adds to a schema: hints of the code, columns of the data. Types are learned, hints are what the code says."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dlt.errors import SchemaError
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, PARENT_ID, ROOT_ID, TABLE_FIELDS, Column, Table
from dlt.schema.tables import has_data

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

# what a column learns from data stays; every other hint is gone when the code does not declare it any more
LEARNED = ("data_type", "precision", "scale", "timezone", "variant")
SYSTEM = {
    LOAD_ID: Column(LOAD_ID, "text", nullable=False),
    ID: Column(ID, "text", nullable=False, unique=True, row_key=True),
    ROOT_ID: Column(ROOT_ID, "text", nullable=False, root_key=True),
    PARENT_ID: Column(PARENT_ID, "text", nullable=False, parent_key=True),
    LIST_IDX: Column(LIST_IDX, "bigint", nullable=False),
}


def declare(schema: Schema, hints: Table) -> Table:
    """Put what the code declares of a table into the schema: the code is the truth, so hints that are not declared any
    more are removed; types and columns that were learned stay. Returns the table as it now is."""
    with schema.lock:
        known = schema.table(hints.name)
        if (instructed := schema.instructed.get(hints.name)) is not None:
            hints = _with_instructions(hints, instructed)
        if known is None:
            schema.put(hints)
            return hints
        if known.parent != hints.parent:
            raise SchemaError("The parent of a table cannot change.", table=hints.name, parent=known.parent or "none")
        columns = {name: _declared(column, hints.columns.get(name)) for name, column in known.columns.items()}
        columns.update((name, column) for name, column in hints.columns.items() if name not in columns)
        kept = {key: known.extra[key] for key in ("x-normalizer",) if key in known.extra}
        if kept and "x-normalizer" in hints.extra:
            kept["x-normalizer"] = {**kept["x-normalizer"], **hints.extra["x-normalizer"]}
        table = hints.with_(columns=columns, extra={**hints.extra, **kept})
        if table != known:
            schema.put(table)
        return table


def instructions(schema: Schema) -> dict[str, Table]:
    """What a schema that a user gives says of tables, by name. What tables have learned from data is not among it."""
    return {table.name: _instruction(table) for table in schema.all_tables if not table.is_dlt}


def _instruction(table: Table) -> Table:
    extra = {key: value for key, value in table.extra.items() if key != "x-normalizer"}
    if not has_data(table):
        return table.with_(extra=extra)
    unlearned = {name: getattr(Column(""), name) for name in LEARNED}
    columns = {name: column.with_(**unlearned) for name, column in table.columns.items()}
    return table.with_(columns=columns, extra=extra)


def _with_instructions(hints: Table, file: Table) -> Table:
    """What the code declares, and what the user's schema file says where the code says nothing."""
    columns = {**file.columns, **hints.columns}
    for name in file.columns.keys() & hints.columns.keys():
        columns[name] = Column.from_dict({**file.columns[name].to_dict(), **hints.columns[name].to_dict()})
    silent = {name: value for name in TABLE_FIELDS if getattr(hints, name) is None and (value := getattr(file, name))}
    return hints.with_(**silent, columns=columns, extra={**file.extra, **hints.extra})


def _declared(known: Column, hint: Column | None) -> Column:
    learned = {name: getattr(known, name) for name in LEARNED}
    if known.name in SYSTEM:
        return known
    if hint is None:
        hint = Column(known.name)
    elif known.data_type is None and hint.data_type is not None:
        return hint
    return hint.with_(**learned)


def add_columns(schema: Schema, table: str, columns: Iterable[Column]) -> Table:
    """Add columns that data brought, or give a type to those that had none; these go to the end. Returns the table as it
    now is."""
    with schema.lock:
        known = schema.table(table)
        assert known is not None
        new = []
        for column in columns:
            old = known.columns.get(column.name)
            if old is None:
                new.append(column)
            elif old.data_type is None and column.data_type is not None:
                new.append(old.with_(**{name: getattr(column, name) for name in LEARNED}))
        if not new:
            return known
        completed = {column.name for column in new}
        kept = [column for name, column in known.columns.items() if name not in completed]
        table_now = known.with_(columns={column.name: column for column in (*kept, *new)})
        schema.put(table_now)
        return table_now
