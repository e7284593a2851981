"""A destination in this process's memory: plain rows in dicts. It says what the others have to hold after a load."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.destinations.registry import overridden
from dlt.errors import LedgerError, NotBuilt, PlanError
from dlt.load.fit import wanted_replace_strategy
from dlt.load.keys import validity
from dlt.load.session import Destination, Load
from dlt.load.steps import Add, Applied, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import LOAD_ID, ROW, STATE, WAS, Column, Table
from dlt.schema.tables import DLT_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

CAPS = Capabilities(
    merge_strategies=("delete-insert", "upsert", "scd2", "insert-only", "cdc"),
    replace_strategies=("truncate-and-insert", "insert-from-staging", "staging-optimized"),
    transactions=True,
    alter_type=True,
)


@dataclass
class Stored:
    """One table: its columns and its rows, which hold a value or None for each column."""

    columns: dict[str, Column]
    rows: list[Row] = field(default_factory=list)


Dataset = dict[str, Stored]


class memory:  # noqa: N801 - the public name
    """A destination in memory. `store[dataset][table].rows` are the rows; it lives as long as this object."""

    destination_type = "dlt.destinations.memory"

    def __init__(self, **kwargs: Any) -> None:
        self.destination_name = kwargs.pop("destination_name", None) or "memory"
        self.replace_strategy = kwargs.pop("replace_strategy", None)
        self.caps = overridden(CAPS, kwargs, "memory")
        self.store: dict[str, Dataset] = {}

    def bind(self, *_: Any, **__: Any) -> Destination:
        """The destination for one pipeline."""
        name, kind = self.destination_name, self.destination_type
        config = {"replace_strategy": wanted_replace_strategy(name, self.replace_strategy, self.caps)}

        def open_session(dataset: str, load: Load | None) -> MemorySession:
            return MemorySession(self.store, dataset, load, self.caps)

        return Destination(name, kind, self.caps, open_session, "memory", f"memory {id(self):x}", config)


class MemorySession:
    """A Session that works on a copy of the dataset and puts it in place at Commit."""

    def __init__(self, store: dict[str, Dataset], dataset: str, load: Load | None, caps: Capabilities) -> None:
        self.store, self.dataset, self.load, self.caps = store, dataset, load, caps
        self.scratch: dict[str, list[Row]] = {}
        self._begin()

    def _begin(self) -> None:
        there = self.store.get(self.dataset, {})
        self.tables: Dataset = {name: Stored(dict(t.columns), [dict(r) for r in t.rows]) for name, t in there.items()}

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        """The tables that are there, of these names."""
        return {name: Table(name, dict(self.tables[name].columns)) for name in tables if name in self.tables}

    def apply(self, step: Step) -> Applied:
        """Carry out one step."""
        match step:
            case Create(table):
                self.tables[table.name] = Stored({name: _made(column) for name, column in table.columns.items()})
            case Add():
                self._add(step)
            case Truncate(name, drop) if name in self.tables:
                self.tables[name].rows.clear()
                if drop:
                    del self.tables[name]
            case Copy(table, files, scratch):
                rows = self._read(table, [file.path for file in files])
                into = self.scratch.setdefault(table.name, []) if scratch else self.tables[table.name].rows
                into += rows
                return Applied(rows={table.name: len(rows)})
            case Merge(tables):
                return self._book(tables, lambda: _STRATEGIES[step.strategy](_Chain(self, tables), step.now))
            case Replace(tables):
                return self._book(tables, lambda: self._replace(tables))
            case Commit():
                self._commit(step)
        return Applied()

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:
        """The rows of a table, as in the protocol."""
        import pyarrow as pa

        from dlt.arrow.cast import arrow_type

        if table not in self.tables:
            return pa.table({}).to_reader()
        stored = self.tables[table]
        rows = [row for row in stored.rows if all(row[name] == value for name, value in (where or {}).items())]
        if last:
            rows = sorted(rows, key=lambda row: row[last])[-1:]
        fields = [pa.field(name, arrow_type(column, self.caps)) for name, column in stored.columns.items()]
        return pa.Table.from_pylist(rows, pa.schema(fields)).to_reader()

    def close(self) -> None:
        """Forget what was not committed."""
        self.tables = {}

    def _read(self, table: Table, paths: list[str]) -> list[Row]:
        import pyarrow as pa

        assert self.load is not None
        rows: list[Row] = []
        for path in paths:
            found = pa.ipc.open_file(str(Path(self.load.folder) / path)).read_all()
            if unknown := [name for name in found.column_names if name not in table.columns]:
                raise LedgerError(
                    "A file has a column that its table does not have.", table=table.name, column=unknown[0]
                )
            rows += [{name: row.get(name) for name in table.columns} for row in found.to_pylist()]
        return rows

    def _add(self, step: Add) -> None:
        stored = self.tables[step.table.name]
        for column in step.retyped:
            if any(row[column.name] is not None for row in stored.rows):
                raise PlanError(
                    f"The column is text at the destination and holds values, and the load brings {column.data_type}.",
                    table=step.table.name,
                    column=column.name,
                    hint="declare the column as text",
                )
        for column in (*step.columns, *step.retyped, *step.relaxed):
            stored.columns[column.name] = _made(column)
            for row in stored.rows:
                row.setdefault(column.name, None)
        if step.parent is not None:
            self._fill_roots(step.table, step.parent)

    def _fill_roots(self, table: Table, parent: Table) -> None:
        root, link = _first(table, "root_key"), _first(table, "parent_key")
        above, key = self.tables[parent.name].rows, _first(parent, "row_key")
        known = {row[key]: row[_first(parent, "root_key")] for row in above} if parent.parent else {}
        for row in self.tables[table.name].rows:
            row[root] = known.get(row[link]) if parent.parent else row[link]

    def _book(self, tables: tuple[Table, ...], work: Callable[[], dict[str, int]]) -> Applied:
        arrived = {table.name: len(self.scratch[table.name]) for table in tables}
        put = work()
        return Applied(rows=put, merged={name: arrived[name] - rows for name, rows in put.items()})

    def _replace(self, tables: tuple[Table, ...]) -> dict[str, int]:
        for table in tables:
            self.tables[table.name].rows.clear()
        return {table.name: self.put(table.name, self.scratch[table.name]) for table in tables}

    def put(self, name: str, rows: list[Row]) -> int:
        """Add rows to a table."""
        columns = self.tables[name].columns
        self.tables[name].rows += [{key: row.get(key) for key in columns} for row in rows]
        return len(rows)

    def _commit(self, step: Commit) -> None:
        for name, rows in step.rows.items():
            known = DLT_TABLES[name].columns
            stored = self.tables.setdefault(name, Stored(dict(known)))
            for row in rows:
                typed = {
                    key: _timed(value) if known[key].data_type == "timestamp" else value for key, value in row.items()
                }
                stored.rows.append({**dict.fromkeys(stored.columns), **typed})
        for pipeline in {row["pipeline_name"] for row in step.rows.get(STATE, ())}:
            states = [row for row in self.tables[STATE].rows if row["pipeline_name"] == pipeline]
            kept = sorted(states, key=lambda row: row["_dlt_load_id"])[-step.keep_states :]
            others = [row for row in self.tables[STATE].rows if row["pipeline_name"] != pipeline]
            self.tables[STATE].rows = others + kept
        self.store[self.dataset] = self.tables
        self.scratch.clear()
        self._begin()


def _made(column: Column) -> Column:
    """The column as it is at the destination: where no type is known it is text."""
    return column if column.data_type else column.with_(data_type="text")


def _timed(value: Any) -> Any:
    made = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if type(made) is dt.date:
        made = dt.datetime(made.year, made.month, made.day, tzinfo=dt.UTC)
    return made.replace(tzinfo=dt.UTC) if isinstance(made, dt.datetime) and made.tzinfo is None else made


class _Chain:
    """The tables of one merge: what arrived, what is there, and how nested rows hang on their parents."""

    def __init__(self, session: MemorySession, tables: tuple[Table, ...]) -> None:
        self.session, self.root, self.nested = session, tables[0], tables[1:]
        for option in ("x-merge-source-filter", "x-merge-destination-scope"):
            if self.root.extra.get(option):
                raise NotBuilt(
                    "The memory destination does not read SQL conditions.", table=self.root.name, option=option
                )
        self.arrived = {table.name: session.scratch[table.name] for table in tables}
        self.keys = {table.name: _row_key(table) for table in tables}

    @property
    def there(self) -> list[Row]:
        return self.session.tables[self.root.name].rows

    def key(self, row: Row, names: Iterable[str]) -> tuple[Any, ...]:
        return tuple(row[name] for name in names)

    def is_deleted(self, row: Row) -> bool:
        for name in self.root.keys("hard_delete"):
            return bool(row[name]) if self.root.columns[name].data_type == "bool" else row[name] is not None
        return False

    def winners(self, rows: list[Row], names: tuple[str, ...]) -> list[Row]:
        """One row for each key: the last, or by dedup_sort."""
        if not names or self.root.extra.get("x-stage-data-deduplicated"):
            return rows
        best: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            key = self.key(row, names)
            if key not in best or not self._worse(row, best[key]):
                best[key] = row
        return [row for row in rows if best[self.key(row, names)] is row]

    def _worse(self, row: Row, than: Row) -> bool:
        for name, column in self.root.columns.items():
            if column.dedup_sort:
                new, old = row[name], than[name]
                if new is None or old is None:
                    return new is None and old is not None
                if new != old:
                    return bool(new < old) if column.dedup_sort == "desc" else bool(new > old)
        return False

    def remove(self, doomed: list[Row], *, nested_only: bool = False) -> None:
        """Take rows of the root table away, and all that is nested in them."""
        gone = {self.root.name: {row[self.keys[self.root.name]] for row in doomed}} if self.nested else {}
        for table in self.nested:
            parents, link = gone[table.parent or ""], _first(table, "parent_key")
            stored = self.session.tables[table.name]
            gone[table.name] = {row.get(self.keys[table.name]) for row in stored.rows if row[link] in parents}
            stored.rows = [row for row in stored.rows if row[link] not in parents]
        if not nested_only:
            ids = {id(row) for row in doomed}
            self.session.tables[self.root.name].rows = [row for row in self.there if id(row) not in ids]

    def put(self, rows: list[Row], keep: Iterable[Row], *, updated: int = 0, new_only: bool = False) -> dict[str, int]:
        """Add root rows, and what is nested in the rows of `keep`. Returns how many, with those that were updated.

        new_only: of the nested rows only those that are not there, and whose parent is.
        """
        put = {self.root.name: updated + self.session.put(self.root.name, rows)}
        numbers = {row[ROW] for row in keep}
        for table in self.nested:
            mine = [row for row in self.arrived[table.name] if row[ROW] in numbers]
            if new_only:
                key, link, parent = self.keys[table.name], _first(table, "parent_key"), table.parent or ""
                known = {row[key] for row in self.session.tables[table.name].rows}
                parents = {row[self.keys[parent]] for row in self.session.tables[parent].rows}
                mine = [row for row in mine if row[key] not in known and row[link] in parents]
            put[table.name] = self.session.put(table.name, mine)
        return put


def _first(table: Table, *hints: str) -> str:
    return next((name for hint in hints for name in table.keys(hint)), "")


def _row_key(table: Table) -> str:
    version = (name for name, column in table.columns.items() if column.extra.get("x-row-version"))
    return _first(table, "row_key", "unique", "primary_key") or next(version, "")


def _delete_insert(chain: _Chain, _now: str) -> dict[str, int]:
    primary, merge = chain.root.keys("primary_key"), chain.root.keys("merge_key")
    rows = chain.arrived[chain.root.name]
    doomed = []
    for names in (primary, merge):
        keys = {chain.key(row, names) for row in rows}
        doomed += [row for row in chain.there if names and chain.key(row, names) in keys]
    chain.remove(doomed)
    kept = [row for row in chain.winners(rows, primary) if not chain.is_deleted(row)]
    return chain.put(kept, kept)


def _upsert(chain: _Chain, _now: str) -> dict[str, int]:
    names = chain.root.keys("primary_key")
    winners = {chain.key(row, names): row for row in chain.winners(chain.arrived[chain.root.name], names)}
    touched = [row for row in chain.there if chain.key(row, names) in winners]
    chain.remove(touched, nested_only=True)
    chain.remove([row for row in touched if chain.is_deleted(winners[chain.key(row, names)])])
    kept = {key: row for key, row in winners.items() if not chain.is_deleted(row)}
    there: dict[tuple[Any, ...], list[Row]] = {}
    for row in chain.there:
        there.setdefault(chain.key(row, names), []).append(row)
    known = kept.keys() & there.keys()
    updated = known
    if chain.root.extra.get("x-merge-skip-unchanged-rows"):
        updated = {key for key in known if any(_differs(chain, row, kept[key]) for row in there[key])}
    for key in updated:
        for row in there[key]:
            row.update({name: kept[key][name] for name in chain.root.columns})
    new = [row for key, row in kept.items() if key not in known]
    return chain.put(new, kept.values(), updated=len(updated))


def _differs(chain: _Chain, old: Row, new: Row) -> bool:
    own = {LOAD_ID, *chain.root.keys("row_key")}
    names = [name for name, column in chain.root.columns.items() if column.extra.get("x-row-version")]
    names = names or [name for name in chain.root.columns if name not in own]
    names += [chain.keys[chain.root.name]] if chain.nested else []
    return any(old[name] != new[name] for name in names)


def _cdc(chain: _Chain, now: str) -> dict[str, int]:
    names, merge = chain.root.keys("primary_key"), chain.root.keys("merge_key")
    rows = chain.winners(chain.arrived[chain.root.name], names)
    keys, groups = {chain.key(row, names) for row in rows}, {chain.key(row, merge) for row in rows}
    absent = [row for row in chain.there if chain.key(row, names) not in keys]
    chain.remove([row for row in absent if not merge or chain.key(row, merge) in groups])
    return _upsert(chain, now)


def _insert_only(chain: _Chain, _now: str) -> dict[str, int]:
    names = chain.root.keys("primary_key")
    rows = [row for row in chain.winners(chain.arrived[chain.root.name], names) if not chain.is_deleted(row)]
    known = {chain.key(row, names) for row in chain.there}
    return chain.put([row for row in rows if chain.key(row, names) not in known], rows, new_only=True)


def _scd2(chain: _Chain, now: str) -> dict[str, int]:
    version, start, end = validity(chain.root)
    boundary = _timed(chain.root.extra.get("x-boundary-timestamp") or now)
    forever = _timed(chain.root.columns[end].extra.get("x-active-record-timestamp"))
    merge, rows = chain.root.keys("merge_key"), chain.arrived[chain.root.name]
    groups = {chain.key(row, merge) for row in rows}
    active = [row for row in chain.there if row[end] is None or row[end] == forever]
    unchanged = {row[version] for row in active}
    rows = [{**row, version: row[WAS]} if row.get(WAS) in unchanged else row for row in rows]
    versions = {row[version] for row in rows}
    for row in active:
        if row[version] not in versions and (not merge or chain.key(row, merge) in groups):
            row[end] = boundary
    new = [{**row, start: boundary, end: forever} for row in rows if row[version] not in unchanged]
    once = {row[chain.keys[chain.root.name]]: row for row in new} if chain.nested else {}
    return chain.put(new, once.values(), new_only=True)


_STRATEGIES = {
    "delete-insert": _delete_insert,
    "upsert": _upsert,
    "insert-only": _insert_only,
    "scd2": _scd2,
    "cdc": _cdc,
}
