"""The columns that a merge finds rows by. Each raises PlanError when a table does not have what is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dlt.errors import PlanError

if TYPE_CHECKING:
    from dlt.schema.model import Table


def row_key(table: Table) -> str:
    """The column that nested rows refer to: the row key, else a unique column, else the only primary key, else the version
    of the row, which is its id in scd2."""
    primary = table.keys("primary_key")
    version = (name for name, column in table.columns.items() if column.extra.get("x-row-version"))
    names = (*table.keys("row_key"), *table.keys("unique"), *(primary if len(primary) == 1 else ()), *version)
    return _first(names, table, "A merge with nested tables needs a row key.")


def parent_key(table: Table) -> str:
    """The column of a nested table that names the parent row."""
    return _first(table.keys("parent_key"), table, "A merge with nested tables needs a parent key.")


def validity(table: Table) -> tuple[str, str, str]:
    """The columns that scd2 works with: version of a row, valid from, valid to."""

    def marked(hint: str) -> tuple[str, ...]:
        return tuple(name for name, column in table.columns.items() if column.extra.get(hint))

    version = (*marked("x-row-version"), *table.keys("row_key"))
    return (
        _first(version, table, "The strategy scd2 needs a column with the version of a row."),
        _first(marked("x-valid-from"), table, "The strategy scd2 needs a column for the begin of validity."),
        _first(marked("x-valid-to"), table, "The strategy scd2 needs a column for the end of validity."),
    )


def _first(names: tuple[str, ...], table: Table, message: str) -> str:
    if not names:
        raise PlanError(
            message, table=table.name, hint="keep the columns that dlt adds, all of their names begin with _dlt_"
        )
    return names[0]
