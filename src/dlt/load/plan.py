"""Manifest + schema + what the destination has -> the list of steps. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlt.errors import PlanError
from dlt.load.steps import Add, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.package.manifest import Manifest, ShardFile
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Table

STRATEGIES = ("delete-insert", "upsert", "insert-only", "scd2", "cdc")
REPLACE_STRATEGIES = ("truncate-and-insert", "insert-from-staging", "staging-optimized")


def plan(
    manifest: Manifest,
    tables: Mapping[str, Table],
    existing: Mapping[str, Table],
    caps: Capabilities,
    commit: Mapping[str, list[dict[str, Any]]],
    now: str,
) -> list[Step]:
    """The steps that bring the rows of a package into a destination.

    tables: the schema's tables, in order; existing: those that are at the destination; commit: the rows of dlt's own tables.
    now: the time of the load, ISO 8601. Raises PlanError for what the destination cannot do, before anything is written.
    """
    files: dict[str, list[ShardFile]] = {}
    for file in manifest.files:
        files.setdefault(file.table, []).append(file)
    involved = [name for name in tables if name in files or name in manifest.tables]
    chains: dict[str, list[Table]] = {}
    for name in involved:
        chains.setdefault(root_of(tables, name).name, [])
    for root in chains:
        chains[root] = chain_of(tables, root, () if _appends(tables[root]) else None, files)
    present = {name: table for name, table in existing.items() if name not in manifest.dropped}
    steps: list[Step] = [Truncate(name, drop=True) for name in manifest.dropped if name in existing]
    steps += [Truncate(name) for name in manifest.truncated if name in present]
    for chain in chains.values():
        steps += _shape_steps(chain, present, caps)
    for chain in chains.values():
        steps += _data_steps(chain, present, files, caps, now, set(manifest.truncated))
    steps.append(Commit(dict(commit)))
    return steps


def root_of(tables: Mapping[str, Table], name: str) -> Table:
    """The root table that a table is nested in, or the table itself."""
    table = tables[name]
    while table.parent is not None:
        table = tables[table.parent]
    return table


def chain_of(
    tables: Mapping[str, Table], root: str, only: Sequence[str] | None = None, files: Iterable[str] = ()
) -> list[Table]:
    """A root table and what is nested in it, parents first. With `only`, nested tables without files are left out."""
    wanted = set(files)
    chain = [tables[root]]
    names = {root}
    for name, table in tables.items():
        if table.parent in names:
            names.add(name)
            if table.columns and (only is None or name in wanted):
                chain.append(table)
    return chain


def _appends(root: Table) -> bool:
    return root.write_disposition not in ("replace", "merge")


def _shape_steps(chain: list[Table], present: Mapping[str, Table], caps: Capabilities) -> list[Step]:
    """Make the tables what they must be: create them, add columns, type the columns that had only nulls."""
    steps: list[Step] = []
    for table in chain:
        there = present.get(table.name)
        if there is None:
            if table.columns:
                steps.append(Create(table))
            continue
        fold = (lambda name: name) if caps.case_sensitive else str.lower
        has = {fold(name): column for name, column in there.columns.items()}
        new = tuple(c.with_(nullable=True) for name, c in table.columns.items() if fold(name) not in has)
        retyped = ()
        if caps.alter_type:
            retyped = tuple(
                column
                for name, column in table.typed.items()
                if column.data_type not in ("text", "json") and fold(name) in has and has[fold(name)].data_type == "text"
            )
        if new or retyped:
            steps.append(Add(table, new, retyped))
    return steps


def _data_steps(
    chain: list[Table],
    present: Mapping[str, Table],
    files: Mapping[str, list[ShardFile]],
    caps: Capabilities,
    now: str,
    truncated: set[str],
) -> list[Step]:
    root = chain[0]
    if root.write_disposition == "merge":
        strategy = _strategy(root, caps)
        if not any(table.name in files for table in chain) and strategy != "cdc" and strategy != "scd2":
            return []
        copies: list[Step] = [Copy(table, tuple(files.get(table.name, ())), scratch=True) for table in chain]
        return [*copies, Merge(tuple(chain), strategy, now)]
    copied: list[Step] = [Copy(table, tuple(files[table.name])) for table in chain if table.name in files]
    if root.write_disposition != "replace":
        return copied
    _check_replace(root, caps)
    if caps.transactions:
        cleared = [Truncate(t.name) for t in chain if t.name in present and t.name not in truncated]
        return [*cleared, *copied]
    return [*(Copy(t, tuple(files.get(t.name, ())), scratch=True) for t in chain), Replace(tuple(chain))]


def _strategy(root: Table, caps: Capabilities) -> str:
    strategy = str(root.extra.get("x-merge-strategy") or "delete-insert")
    if strategy not in caps.merge_strategies:
        able = ", ".join(caps.merge_strategies)
        raise PlanError(
            f"This destination cannot merge with the strategy {strategy}." if able else "This destination cannot merge.",
            table=root.name,
            hint=f"it can: {able}" if able else 'use write_disposition="append" or "replace"',
        )
    primary, merge = root.keys("primary_key"), root.keys("merge_key")
    if strategy in ("upsert", "insert-only", "cdc") and not primary:
        raise PlanError(f"A merge with the strategy {strategy} needs a primary key.", table=root.name, hint="primary_key=...")
    if strategy == "delete-insert" and not primary and not merge:
        raise PlanError(
            "A merge needs a key to find the rows that are replaced; without one every row would be appended.",
            table=root.name,
            hint='give primary_key=... or merge_key=..., or say write_disposition="append"',
        )
    return strategy


def _check_replace(root: Table, caps: Capabilities) -> None:
    strategy = root.extra.get("x-replace-strategy")
    if strategy is not None and strategy not in REPLACE_STRATEGIES:
        raise PlanError(f"Unknown replace strategy {strategy!r}.", table=root.name, hint="use one of " + ", ".join(REPLACE_STRATEGIES))
