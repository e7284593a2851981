"""`dlt.common.schema.utils`: columns and tables as dicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dlt.schema.model import COLUMN_DEFAULTS

if TYPE_CHECKING:
    from dlt.compat.aliases import TColumnSchema, TTableSchema


def new_column(
    column_name: str,
    data_type: Any = None,
    nullable: bool = True,
    precision: int | None = None,
    scale: int | None = None,
    **hints: Any,
) -> TColumnSchema:
    """A column."""
    column: dict[str, Any] = {"name": column_name, "nullable": nullable}
    given = {"data_type": data_type, "precision": precision, "scale": scale, **hints}
    return column | {key: value for key, value in given.items() if value is not None}  # type: ignore[return-value]  # a column


def new_table(
    table_name: str,
    parent_table_name: str | None = None,
    write_disposition: Any = None,
    columns: Sequence[TColumnSchema] | None = None,
    resource: str | None = None,
    **hints: Any,
) -> TTableSchema:
    """A table: of another one, or of a resource with a write disposition, `append` when there is none."""
    table: dict[str, Any] = {"name": table_name, "columns": {column["name"]: column for column in columns or ()}}
    if parent_table_name:
        table["parent"] = parent_table_name
    else:
        table |= {"write_disposition": write_disposition or "append", "resource": resource or table_name}
    return table | {key: value for key, value in hints.items() if value is not None}  # type: ignore[return-value]  # a table


def merge_column(col_a: TColumnSchema, col_b: TColumnSchema, merge_defaults: bool = True) -> TColumnSchema:
    """The first column with what the second says; returns the first. merge_defaults: also where it says the default."""
    usual = {**COLUMN_DEFAULTS, "nullable": True}
    for key, value in col_b.items():
        if merge_defaults or key not in usual or value != usual[key]:
            col_a[key] = value  # type: ignore[literal-required]  # a key of a column
    return col_a
