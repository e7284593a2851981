"""Rows that a destination turns away: found, taken out of the package with what is nested in them, and quarantined.

Nothing is asked of the destination but a transaction: parts of the files are copied in ones that are undone, until the
rows are found. Rows that only together are refused (two with the same unique value) are not; there the load fails.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.files import WriterSettings, open_writer
from dlt.errors import DestinationRefused
from dlt.load.plan import plan
from dlt.load.session import Destination, Load
from dlt.load.steps import Add, Copy, Create, Truncate
from dlt.package.ledger import Ledger
from dlt.package.manifest import Manifest, ShardFile
from dlt.quarantine import ON_BAD_ROWS, Link, Quarantine, packed
from dlt.schema.evolve import SYSTEM
from dlt.schema.model import ID, LIST_IDX, PARENT_ID, QUARANTINE, ROOT_ID, SCRATCH_ONLY, Column, Table
from dlt.schema.naming import text_path

if TYPE_CHECKING:
    from dlt.package.store import Store
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")

MOST_ROWS = 1_000  # that are refused; with more of them the load fails
MOST_TRIES = 2_000
SAMPLE = 8  # rows that are tried first: when all of them are refused, it is not about rows
FORMATS = ("arrow", "parquet")  # files that can be read back as they were
PROBE = "probe"


@dataclass
class _Found:
    """The rows of one file that the destination refuses, by number, with what it said."""

    file: ShardFile
    data: pa.Table
    rows: dict[int, str] = field(default_factory=dict)


def without_refused(
    manifest: Manifest,
    store: Store,
    destination: Destination,
    dataset: str,
    tables: Mapping[str, Table],
    schema: Schema,
    error: DestinationRefused,
    *,
    fail: bool,
) -> Manifest | None:
    """The package without the rows that the destination refuses, which are in a file for `_dlt_quarantine`; its manifest
    is not written yet. None: no such rows can be found, there are too many, or they are to be an error (then `error` gets
    to know the first of them). fail: what holds for tables that do not say it themselves.
    """
    if not destination.caps.transactions:
        return None
    folder = store.find(manifest.load_id)
    found = _Search(manifest, folder, destination, dataset, tables).found()
    if not found:
        return None
    for one in found:
        wanted = tables[one.file.table].extra.get(ON_BAD_ROWS)
        if fail if wanted is None else wanted == "fail":
            number, _ = next(iter(one.rows.items()))
            row = _Originals(tables, schema, folder, manifest).row(
                one.file.table, one.data.slice(number, 1).to_pylist()[0]
            )
            error.context |= {"table": one.file.table, "row": packed(row)[0][:500]}
            return None
    return _Repair(manifest, folder, destination.caps.file_formats[0], tables, schema, found).done()


# ---- finding them


class _TooMany(Exception):
    pass


class _Search:
    def __init__(
        self, manifest: Manifest, folder: Path, destination: Destination, dataset: str, tables: Mapping[str, Table]
    ) -> None:
        self.manifest, self.folder, self.destination, self.dataset = manifest, folder, destination, dataset
        self.tables = tables
        self.tries = self.bad = 0

    def found(self) -> list[_Found]:
        """The files with rows that are refused; none when it is not about rows or there are too many."""
        files = [
            file
            for file in self.manifest.files
            if file.format in FORMATS and file.rows and file.table != QUARANTINE  # where else should those go
        ]
        out: list[_Found] = []
        try:
            with closing(self.destination.open(self.dataset, None)):  # what is open is opened faster again
                for name in dict.fromkeys(file.table for file in files):
                    if self.refusal(name, None) is not None:
                        continue
                    for file in files:
                        if file.table == name:
                            one = _Found(file, read(self.folder / file.path, file.format))
                            self.search(one)
                            out += [one] if one.rows else []
        except _TooMany:
            logger.warning("The destination refuses too many rows to keep them aside.")
            return []
        finally:
            (self.folder / PROBE).unlink(missing_ok=True)
        return out

    def search(self, one: _Found) -> None:
        data, table = one.data, one.file.table
        if self.refusal(table, data) is None:
            return
        step = max(1, data.num_rows // SAMPLE)
        sample = range(0, data.num_rows, step)
        if data.num_rows > SAMPLE and all(self.refusal(table, data.slice(row, 1)) is not None for row in sample):
            raise _TooMany
        waiting = [(0, data.num_rows, True)]  # start, rows, whether it is known that some of them are refused
        while waiting:
            start, rows, known = waiting.pop()
            said = None if known and rows > 1 else self.refusal(table, data.slice(start, rows))
            if rows > 1 and (known or said is not None):
                half = rows // 2
                good = self.refusal(table, data.slice(start, half)) is None
                waiting += [(start + half, rows - half, good)]
                if not good:
                    waiting += [(start, half, True)]
            elif said is not None:
                one.rows[start] = said
                self.bad += 1
                if self.bad > MOST_ROWS:
                    raise _TooMany

    def refusal(self, name: str, rows: pa.Table | None) -> str | None:
        """What the destination says to these rows; None: it takes them."""
        self.tries += 1
        if self.tries > MOST_TRIES:
            raise _TooMany
        manifest = self.manifest
        about = Load(
            manifest.load_id, manifest.schema_name, manifest.pipeline_name, str(self.folder), manifest.created_at, {}
        )
        with closing(self.destination.open(self.dataset, about)) as session:
            existing = session.reflect([*self.tables, *manifest.dropped])
            steps = plan(manifest, self.tables, existing, self.destination.caps, {}, manifest.created_at)
            try:
                for step in steps:
                    if isinstance(step, (Create, Add)) or (isinstance(step, Truncate) and step.drop):
                        session.apply(step)
                if rows is not None:
                    if _root(self.tables, name).write_disposition in ("replace", "merge"):
                        session.apply(Truncate(name))
                    session.apply(Copy(self.tables[name], (write(self.folder, PROBE, "arrow", name, rows),)))
            except DestinationRefused as error:
                return error.message.splitlines()[0][:500]
        return None


def _root(tables: Mapping[str, Table], name: str) -> Table:
    table = tables[name]
    while table.parent is not None:
        table = tables[table.parent]
    return table


def read(path: Path, kind: str) -> pa.Table:
    """The rows of a file of a package."""
    if kind == "arrow":
        return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    import pyarrow.parquet as pq

    return pq.read_table(path)


def write(folder: Path, file_id: str, kind: str, table: str, data: pa.Table) -> ShardFile:
    """Write rows as a file of a package."""
    if file_id == PROBE:
        data = data.drop_columns([name for name in SCRATCH_ONLY if name in data.column_names])
    path = PROBE if file_id == PROBE else f"{file_id}.{kind}"
    writer = open_writer(folder / path, kind, data.schema, WriterSettings())
    for batch in data.combine_chunks().to_batches():
        writer.write(batch)
    rows, size, crc = writer.close()
    return ShardFile(table, path, kind, rows, size, crc, tuple(data.column_names))


# ---- taking them out


class _Repair:
    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        kind: str,
        tables: Mapping[str, Table],
        schema: Schema,
        found: list[_Found],
    ) -> None:
        self.manifest, self.folder, self.kind, self.tables = manifest, folder, kind, tables
        self.found = {one.file.path: one for one in found}
        self.ledger = Ledger(manifest.ledger.rows)
        self.quarantine = Quarantine(manifest.load_id, self.ledger)
        self.originals = _Originals(tables, schema, folder, manifest)
        self.round = sum(file.table == QUARANTINE for file in manifest.files)

    def done(self) -> Manifest:
        gone: dict[str, set[str]] = {}  # by table, the ids of rows that go
        files: list[ShardFile] = []
        for name in [name for name in self.tables if any(file.table == name for file in self.manifest.files)]:
            for file in self.manifest.files:
                if file.table == name:
                    files += self.kept(file, gone)
        shard = self.quarantine.shard()
        assert shard is not None
        file = write(self.folder, f"refused{self.round}", self.kind, QUARANTINE, pa.Table.from_batches([shard.data]))
        self.ledger.add(QUARANTINE, "written", file.rows)
        tables = tuple(dict.fromkeys((*self.manifest.tables, QUARANTINE)))
        return self.manifest.with_(files=(*files, file), tables=tables, ledger=self.ledger)

    def kept(self, file: ShardFile, gone: dict[str, set[str]]) -> list[ShardFile]:
        """A file without the rows that go, if any are left."""
        table = self.tables[file.table]
        above = gone.get(table.parent or "")
        one = self.found.get(file.path)
        if file.format not in FORMATS or (one is None and not above):
            return [file]
        data = one.data if one is not None else read(self.folder / file.path, file.format)
        inside = pa.repeat(pa.scalar(False), data.num_rows)
        if above:
            inside = pc.is_in(data[PARENT_ID], value_set=pa.array(sorted(above))).combine_chunks()
        numbers = [number for number in (one.rows if one is not None else ()) if not inside[number].as_py()]
        mask = inside.to_pylist()
        for number in numbers:
            mask[number] = True
            assert one is not None
            self.keep(table, data.slice(number, 1).to_pylist()[0], one.rows[number])
        rows = sum(mask)
        if not rows:
            return [file]
        if ID in data.column_names:
            gone.setdefault(table.name, set()).update(data[ID].filter(pa.array(mask)).to_pylist())
        self.ledger.add(table.name, "written", -rows)
        self.ledger.add(table.name, "quarantined", rows)
        if rows == data.num_rows:
            return []
        left = data.filter(pc.invert(pa.array(mask)))
        return [write(self.folder, f"{file.file_id}r{self.round}", file.format, table.name, left)]

    def keep(self, table: Table, row: dict[str, Any], said: str) -> None:
        link = Link()
        if table.parent is not None:
            link = Link(None, table.parent, row.get(PARENT_ID), row.get(ROOT_ID), row.get(LIST_IDX))
        self.quarantine.add(
            table.name, None, "destination", [self.originals.row(table.name, row)], [None], said, links=[link]
        )


class _Originals:
    """Rows as they were yielded, as far as the files of a package tell: keys by their names, nested rows as lists."""

    def __init__(self, tables: Mapping[str, Table], schema: Schema, folder: Path, manifest: Manifest) -> None:
        self.tables, self.schema, self.folder, self.manifest = tables, schema, folder, manifest
        self.children: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def row(self, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row of a file with all that is nested in it."""
        table = self.tables[name]
        record = (table.extra.get("x-normalizer") or {}).get("names") or {}
        keys = {column: text for text, column in record.items() if column}
        made: dict[str, Any] = {}
        for key, value in row.items():
            column = table.columns.get(key)
            if value is None or column is None or key in SYSTEM:
                continue
            _put(made, self.path(keys, column), json.loads(value) if column.data_type == "json" else value)
        for child in self.tables.values():
            if child.parent == name and row.get(ID) is not None:
                items = self.nested(child).get(row[ID], [])
                if items:
                    rest = child.name.removeprefix(f"{name}__")
                    _put(
                        made, tuple(self.schema.naming.break_path(rest)), [self.item(child.name, one) for one in items]
                    )
        return made

    def path(self, keys: Mapping[str, str], column: Column) -> tuple[str, ...]:
        name = column.name.rpartition("__v_")[0] if column.variant else column.name
        return text_path(keys[name]) if name in keys else tuple(self.schema.naming.break_path(name))

    def item(self, name: str, row: Mapping[str, Any]) -> Any:
        made = self.row(name, row)
        return made["value"] if made.keys() == {"value"} else made

    def nested(self, child: Table) -> dict[str, list[dict[str, Any]]]:
        """The rows of a nested table by their parent, in order."""
        if child.name not in self.children:
            rows: dict[str, list[dict[str, Any]]] = {}
            for file in self.manifest.files:
                if file.table == child.name and file.format in FORMATS:
                    for row in read(self.folder / file.path, file.format).to_pylist():
                        rows.setdefault(row[PARENT_ID], []).append(row)
            for items in rows.values():
                items.sort(key=lambda row: int(row[LIST_IDX]))
            self.children[child.name] = rows
        return self.children[child.name]


def _put(row: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for key in path[:-1]:
        inner = row.setdefault(key, {})
        if not isinstance(inner, dict):
            break
        row = inner
    row.setdefault(path[-1], value)
