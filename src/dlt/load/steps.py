"""The seven kinds of step a load is made of: frozen data, made by `plan`, carried out by a Session."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.package.manifest import ShardFile
    from dlt.schema.model import Column, Table


@dataclass(frozen=True, slots=True)
class Create:
    """Make a table that is not there. Columns without a type are made as text."""

    table: Table


@dataclass(frozen=True, slots=True)
class Add:
    """Change a table that is there: new columns, and columns that are no longer what they were.

    retyped: columns that hold only nulls and get another type; relaxed: columns that may be null from now on.
    parent: the table that this one is nested in, when a root key is new: rows that are there take it from their parent.
    """

    table: Table
    columns: tuple[Column, ...]
    retyped: tuple[Column, ...] = ()
    relaxed: tuple[Column, ...] = ()
    parent: Table | None = None


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

    Scratch tables of a merge have one column more, `_dlt#row`: the number of the root row in the load, in nested tables
    that of the root row they belong to. It grows with arrival and says which nested rows go with a row that is left out.
    strategy: delete-insert, upsert, insert-only, scd2 or cdc. `now` is the boundary timestamp (ISO 8601) of scd2.
    was: the scratch table of the root has the column `_dlt#was` as well: the id by which dlt 1.x knows a row of scd2. A row
    that is active under it has not changed.
    """

    tables: tuple[Table, ...]
    strategy: str
    now: str
    was: bool = False


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
    removed: duplicates, unchanged, deleted.
    """

    rows: dict[str, int] = field(default_factory=dict)
    merged: dict[str, int] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)  # file name -> where it went
