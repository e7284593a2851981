"""Manifest + schema + what the destination has -> the list of steps. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlt.errors import PackageError, PlanError
from dlt.load.fit import check_names, check_replace_strategy, check_types, folding, is_untyped
from dlt.load.keys import parent_key, row_key, validity
from dlt.load.steps import Add, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.package.manifest import Manifest, ShardFile
from dlt.schema.model import ROW, WAS, Column, Table

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities

SNAPSHOTS = ("cdc", "scd2")  # merge strategies for which a load without rows says something
Files = Mapping[str, Sequence[ShardFile]]


def plan(
    manifest: Manifest,
    tables: Mapping[str, Table],
    existing: Mapping[str, Table],
    caps: Capabilities,
    commit: Mapping[str, list[dict[str, Any]]],
    now: str,
) -> list[Step]:
    """The steps that bring the rows of a package into a destination.

    tables: the schema's tables; existing: those that are at the destination; commit: the rows of dlt's
    own tables. now: the time of the load, ISO 8601. Raises PlanError for what the destination cannot do, before anything
    is written.
    """
    files: dict[str, list[ShardFile]] = {}
    for file in manifest.files:
        files.setdefault(file.table, []).append(file)
    roots = dict.fromkeys(root_of(tables, name).name for name in tables if name in files or name in manifest.tables)
    children = _children(tables)
    chains = [_chain(tables[root], children, None if _rewrites(tables[root]) else files) for root in roots]
    present = {name: table for name, table in existing.items() if name not in manifest.dropped}
    check_names([table for chain in chains for table in chain], tables, caps)
    for chain in chains:
        check_types(chain, present, caps)
    steps: list[Step] = [Truncate(name, drop=True) for name in manifest.dropped if name in existing]
    emptied = [Truncate(name) for name in manifest.truncated if name in present]
    shapes = [step for chain in chains for step in _shape_steps(chain, present, caps)]
    steps += [*emptied, *shapes] if caps.ddl_transactions else [*shapes, *emptied]
    for chain in chains:
        steps += _data_steps(chain, present, files, caps, now, set(manifest.truncated))
    steps.append(Commit(dict(commit)))
    return steps


def shape(tables: Mapping[str, Table], existing: Mapping[str, Table], caps: Capabilities) -> list[Step]:
    """The steps that make the tables of a destination what a schema says, without any rows."""
    children = _children(tables)
    chains = [_chain(table, children, None) for table in tables.values() if table.parent is None]
    check_names([table for chain in chains for table in chain], tables, caps)
    for chain in chains:
        check_types(chain, existing, caps)
    return [step for chain in chains for step in _shape_steps(chain, existing, caps)]


def root_of(tables: Mapping[str, Table], name: str) -> Table:
    """The root table that a table is nested in, or the table itself."""
    table = tables[name]
    while table.parent is not None:
        table = tables[table.parent]
    return table


def _children(tables: Mapping[str, Table]) -> dict[str, list[Table]]:
    """The tables that are nested in each table, in the order of the schema."""
    children: dict[str, list[Table]] = {}
    for table in tables.values():
        if table.parent is not None:
            children.setdefault(table.parent, []).append(table)
    return children


def _chain(table: Table, children: Mapping[str, Sequence[Table]], only: Container[str] | None) -> list[Table]:
    """A table and what is nested in it, parents first. `only`: leave out nested tables that are not among these."""
    chain = [table]
    for child in children.get(table.name, ()):
        inner = _chain(child, children, only)
        chain += inner if child.columns and (only is None or child.name in only) else inner[1:]
    return chain


def _rewrites(root: Table) -> bool:
    return root.write_disposition in ("replace", "merge")


def _shape_steps(chain: Sequence[Table], present: Mapping[str, Table], caps: Capabilities) -> list[Step]:
    """Make the tables what they must be: create them, add columns, type those that had only nulls, let nulls in."""
    steps: list[Step] = []
    known, fold = {table.name: table for table in chain}, folding(caps)
    for table in chain:
        there = present.get(table.name)
        if there is None:
            if table.columns:
                steps.append(Create(table))
            continue
        has = {fold(name): column for name, column in there.columns.items()}
        pairs = [(column, has.get(fold(name))) for name, column in table.columns.items()]
        new = tuple(column.with_(nullable=True) for column, old in pairs if old is None)
        retyped = tuple(column for column, old in pairs if old is not None and is_untyped(column, old, caps))
        relaxed = tuple(column for column, old in pairs if old is not None and column.nullable and not old.nullable)
        parent = known.get(table.parent or "") if any(column.root_key for column in new) else None
        if new or retyped or relaxed:
            steps.append(Add(table, new, retyped, relaxed, parent))
    return steps


def _data_steps(
    chain: Sequence[Table],
    present: Mapping[str, Table],
    files: Files,
    caps: Capabilities,
    now: str,
    truncated: set[str],
) -> list[Step]:
    root = chain[0]
    if root.write_disposition == "merge":
        strategy = _merge_strategy(chain, caps)
        if strategy not in SNAPSHOTS and not any(table.name in files for table in chain):
            return []
        was = any(WAS in file.columns for file in files.get(root.name, ()))
        return [*(_numbered(table, files) for table in chain), Merge(tuple(chain), strategy, now, was)]
    copies: list[Step] = [Copy(table, tuple(files[table.name])) for table in chain if table.name in files]
    if root.write_disposition != "replace":
        return copies
    if (wanted := root.extra.get("x-replace-strategy")) is not None:
        check_replace_strategy(wanted, caps, table=root.name)
    if caps.transactions:
        cleared = [Truncate(table.name) for table in chain if table.name in present and table.name not in truncated]
        return [*cleared, *copies]
    staged = [Copy(table, tuple(files.get(table.name, ())), scratch=True) for table in chain]
    return [*staged, Replace(tuple(chain))]


def _numbered(table: Table, files: Files) -> Copy:
    """The copy into a scratch table for a merge, with the numbers of the rows; and with the ids that they may have had."""
    mine = tuple(files.get(table.name, ()))
    for file in mine:
        if ROW not in file.columns:
            raise PackageError(
                "A file for a merge does not number its rows.",
                table=table.name,
                file=file.path,
                hint="drop the package with pipeline.abort_packages() and extract again",
            )
    passing = [Column(ROW, "bigint"), *([Column(WAS, "text")] if any(WAS in file.columns for file in mine) else [])]
    return Copy(table.with_columns(passing), mine, scratch=True)


def _merge_strategy(chain: Sequence[Table], caps: Capabilities) -> str:
    """The merge strategy of a root table, when the destination has it and the tables have the keys it needs."""
    root = chain[0]
    strategy = str(root.extra.get("x-merge-strategy") or "delete-insert")
    if strategy not in caps.merge_strategies:
        able = ", ".join(caps.merge_strategies)
        raise PlanError(
            f"This destination cannot merge with the strategy {strategy}."
            if able
            else "This destination cannot merge.",
            table=root.name,
            hint=f"it can: {able}" if able else 'use write_disposition="append" or "replace"',
        )
    _check_keys(chain, strategy)
    return strategy


def _check_keys(chain: Sequence[Table], strategy: str) -> None:
    """PlanError when a merge of these tables has no key to find rows by."""
    root = chain[0]
    primary, merge = root.keys("primary_key"), root.keys("merge_key")
    if strategy == "scd2":
        validity(root)
    elif strategy == "delete-insert":
        if not primary and not merge and not root.extra.get("x-merge-destination-scope"):
            raise PlanError(
                "A merge needs a key to find the rows that are replaced; without one every row would be appended.",
                table=root.name,
                hint='give primary_key=... or merge_key=..., or say write_disposition="append"',
            )
    elif not primary:
        raise PlanError(
            f"A merge with the strategy {strategy} needs a primary key.", table=root.name, hint="primary_key=..."
        )
    for table in chain[1:]:
        parent_key(table)
        row_key(next(other for other in chain if other.name == table.parent))
