"""The seven kinds of step a load is made of: frozen data, made by `plan`, carried out by a Session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dlt.package.manifest import ShardFile
from dlt.schema.model import Column, Table


@dataclass(frozen=True, slots=True)
class Create:
    """Make a table that is not there. Columns without a type are made as text."""

    table: Table


@dataclass(frozen=True, slots=True)
class Add:
    """Add columns to a table; `retyped` columns are there, hold only nulls, and get another type."""

    table: Table
    columns: tuple[Column, ...]
    retyped: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Truncate:
    """Remove all rows of a table, or with `drop` the table itself. Nothing happens when it is not there."""

    table: str
    drop: bool = False


@dataclass(frozen=True, slots=True)
class Copy:
    """Put the rows of all these files into a table: columns are matched by name, missing ones are null.

    `scratch`: into an empty table of this load with the columns of `table`, which later steps read and Commit removes.
    """

    table: Table
    files: tuple[ShardFile, ...]
    scratch: bool = False


@dataclass(frozen=True, slots=True)
class Merge:
    """Merge the scratch tables of a root table and its nested tables (root first) into their targets.

    strategy: delete-insert, upsert, insert-only, scd2 or cdc. `now` is the boundary timestamp (ISO 8601) of scd2.
    """

    tables: tuple[Table, ...]
    strategy: str
    now: str


@dataclass(frozen=True, slots=True)
class Replace:
    """Put the rows of the scratch tables in the place of all rows of their targets, old rows readable until then."""

    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """Make the load visible: rows for the `_dlt_*` tables (by table name), written together with the data."""

    rows: dict[str, list[dict[str, Any]]]
    keep_states: int = 100  # rows of _dlt_pipeline_state kept per pipeline


Step = Create | Add | Truncate | Copy | Merge | Replace | Commit


@dataclass(frozen=True, slots=True)
class Applied:
    """What a step did, for the ledger: per table the rows that went in, and those that a rule kept out.

    rows: rows now in the target (Merge, Replace) or copied (Copy). merged: rows of the load that a rule of the user
    removed: duplicates, unchanged, deleted. checksum: order-free checksum over what was copied, or None.
    """

    rows: dict[str, int] = field(default_factory=dict)
    merged: dict[str, int] = field(default_factory=dict)
    checksums: dict[str, int] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)  # file name -> where it went
