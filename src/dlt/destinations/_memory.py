"""A destination in this process's memory: plain rows in dicts. It says what the others have to hold after a load."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import NotBuilt, PlanError
from dlt.load.session import Destination, Load
from dlt.load.steps import Add, Applied, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import LIST_IDX, LOAD_ID, STATE, Column, Table
from dlt.schema.tables import DLT_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]

CAPS = Capabilities(
    merge_strategies=("delete-insert", "upsert", "scd2", "insert-only", "cdc"),
    replace_strategies=("truncate-and-insert", "insert-from-staging"),
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
        self.caps = replace(CAPS, **kwargs)
        self.store: dict[str, Dataset] = {}

    def bind(self, *_: Any, **__: Any) -> Destination:
        """The destination for one pipeline."""
        name, kind = self.destination_name, self.destination_type

        def open_session(dataset: str, load: Load | None) -> MemorySession:
            return MemorySession(self.store, dataset, load, self.caps)

        return Destination(name, kind, self.caps, open_session, "memory", f"memory {id(self):x}")


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
                self.tables[table.name] = Stored(dict(table.columns))
            case Add(table, columns, retyped):
                self._add(table.name, (*columns, *retyped))
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
            found = pa.ipc.open_file(str(Path(self.load.folder) / path)).read_all().to_pylist()
            rows += [{name: row.get(name) for name in table.columns} for row in found]
        return rows

    def _add(self, name: str, columns: Iterable[Column]) -> None:
        stored = self.tables[name]
        for column in columns:
            stored.columns[column.name] = column
            for row in stored.rows:
                row.setdefault(column.name, None)

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
        self.tables[name].rows += [{**dict.fromkeys(columns), **row} for row in rows]
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
        self.keys = {table.name: _first(table, "row_key", "unique", "primary_key") for table in tables}

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

    def put(
        self, rows: list[Row], *, updated: int = 0, lists: str = "all", parents: list[Row] | None = None
    ) -> dict[str, int]:
        """Add root rows, and nested rows whose parent is among `parents` (the rows themselves). Returns how many.

        lists: "last": of lists with the same parent only the last; "new": only rows that are not there, whose parent
        may also be there already.
        """
        put = {self.root.name: updated + self.session.put(self.root.name, rows)}
        held = {self.root.name: {row.get(self.keys[self.root.name]) for row in (rows if parents is None else parents)}}
        for table in self.nested:
            link, key, mine = _first(table, "parent_key"), self.keys[table.name], self.arrived[table.name]
            if lists != "all":
                starts = {row[link]: place for place, row in enumerate(mine) if row[LIST_IDX] == 0}
                mine = [row for place, row in enumerate(mine) if place >= starts.get(row[link], 0)]
            mine = [row for row in mine if row[link] in held[table.parent or ""]]
            held[table.name] = {row[key] for row in mine}
            if lists == "new":
                known = {row[key] for row in self.session.tables[table.name].rows}
                mine = [row for row in mine if row[key] not in known]
                above = self.session.tables[table.parent or ""].rows
                linked = {row[self.keys[table.parent or ""]] for row in above}
                mine = [row for row in mine if row[link] in linked]
            put[table.name] = self.session.put(table.name, mine)
        return put


def _first(table: Table, *hints: str) -> str:
    return next((name for hint in hints for name in table.keys(hint)), "")


def _delete_insert(chain: _Chain, _now: str) -> dict[str, int]:
    primary, merge = chain.root.keys("primary_key"), chain.root.keys("merge_key")
    if not primary and not merge:
        raise PlanError("A merge needs a key.", table=chain.root.name, hint="primary_key=... or merge_key=...")
    rows = chain.arrived[chain.root.name]
    doomed = []
    for names in (primary, merge):
        keys = {chain.key(row, names) for row in rows}
        doomed += [row for row in chain.there if names and chain.key(row, names) in keys]
    chain.remove(doomed)
    return chain.put([row for row in chain.winners(rows, primary) if not chain.is_deleted(row)])


def _upsert(chain: _Chain, _now: str) -> dict[str, int]:
    names = _primary_key(chain.root)
    winners = {chain.key(row, names): row for row in chain.winners(chain.arrived[chain.root.name], names)}
    touched = [row for row in chain.there if chain.key(row, names) in winners]
    chain.remove(touched, nested_only=True)
    chain.remove([row for row in touched if chain.is_deleted(winners[chain.key(row, names)])])
    kept = {key: row for key, row in winners.items() if not chain.is_deleted(row)}
    known, updated = set(), set()
    for row in chain.there:
        key = chain.key(row, names)
        if key in kept:
            known.add(key)
            if not chain.root.extra.get("x-merge-skip-unchanged-rows") or _differs(chain, row, kept[key]):
                row.update(kept[key])
                updated.add(key)
    new = [row for key, row in kept.items() if key not in known]
    return chain.put(new, updated=len(updated), lists="last", parents=list(kept.values()))


def _differs(chain: _Chain, old: Row, new: Row) -> bool:
    own = {LOAD_ID, *chain.root.keys("row_key")}
    names = [name for name, column in chain.root.columns.items() if column.extra.get("x-row-version")]
    names = names or [name for name in chain.root.columns if name not in own]
    names += [chain.keys[chain.root.name]] if chain.nested else []
    return any(old[name] != new[name] for name in names)


def _cdc(chain: _Chain, now: str) -> dict[str, int]:
    names, merge = _primary_key(chain.root), chain.root.keys("merge_key")
    rows = chain.winners(chain.arrived[chain.root.name], names)
    keys, groups = {chain.key(row, names) for row in rows}, {chain.key(row, merge) for row in rows}
    absent = [row for row in chain.there if chain.key(row, names) not in keys]
    chain.remove([row for row in absent if not merge or chain.key(row, merge) in groups])
    return _upsert(chain, now)


def _insert_only(chain: _Chain, _now: str) -> dict[str, int]:
    names = _primary_key(chain.root)
    rows = [row for row in chain.winners(chain.arrived[chain.root.name], names) if not chain.is_deleted(row)]
    known = {chain.key(row, names) for row in chain.there}
    return chain.put([row for row in rows if chain.key(row, names) not in known], lists="new", parents=rows)


def _scd2(chain: _Chain, now: str) -> dict[str, int]:
    version, start, end = (_marked(chain.root, hint) for hint in ("x-row-version", "x-valid-from", "x-valid-to"))
    boundary = _timed(chain.root.extra.get("x-boundary-timestamp") or now)
    forever = _timed(chain.root.columns[end].extra.get("x-active-record-timestamp"))
    merge = chain.root.keys("merge_key")
    rows = chain.winners(chain.arrived[chain.root.name], (version,))
    versions, groups = {row[version] for row in rows}, {chain.key(row, merge) for row in rows}
    active = [row for row in chain.there if row[end] is None or row[end] == forever]
    unchanged = {row[version] for row in active}
    for row in active:
        if row[version] not in versions and (not merge or chain.key(row, merge) in groups):
            row[end] = boundary
    new = [{**row, start: boundary, end: forever} for row in rows if row[version] not in unchanged]
    return chain.put(new, lists="new", parents=[*rows, *chain.there])


def _primary_key(table: Table) -> tuple[str, ...]:
    if not (keys := table.keys("primary_key")):
        raise PlanError("This merge needs a primary key.", table=table.name, hint="primary_key=...")
    return keys


def _marked(table: Table, hint: str) -> str:
    for name, column in table.columns.items():
        if column.extra.get(hint):
            return name
    raise PlanError(f"The strategy scd2 needs a column with the hint {hint}.", table=table.name)


_STRATEGIES = {
    "delete-insert": _delete_insert,
    "upsert": _upsert,
    "insert-only": _insert_only,
    "scd2": _scd2,
    "cdc": _cdc,
}
