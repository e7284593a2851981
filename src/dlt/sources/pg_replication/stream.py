"""Snapshots of tables, and then the changes that the log tells of: without a gap, and each of them once.

Where the log was read to is in the state of the resource, which is loaded together with the rows. The server forgets
what is before it only in the next run, when that state is known to be at the destination.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from dlt.errors import ConfigError, FatalError, PlanError, ResourceError
from dlt.extract.package_state import truncate_table
from dlt.extract.state import active_pipeline, resource, resource_state, source
from dlt.package.manifest import FAILED
from dlt.sources.pg_replication.decode import Begin, Change, Commit, Relation, Truncated, decode
from dlt.sources.pg_replication.rows import Rows, Wanted
from dlt.sources.pg_replication.server import Published, Server, lost, lsn_text, session
from dlt.sources.pg_replication.values import Types

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")

MEMORY = 32 << 20  # bytes of the log that are kept in memory; more goes to a file
QUIET = 16 << 20  # bytes of log without a change of ours after which the slot is moved all the same
BEHIND = 1 << 30  # bytes of log that the server keeps for the slot, from which a warning says so
SNAPSHOT_ROWS, MOST_BYTES = 10_000, 16 << 20  # texts that wait, of all tables
LANDMARKS = (b"B", b"C", b"T", b"R")  # messages to look at when they come; the others are rows
HEAD = struct.Struct(">QI")


@dataclass(frozen=True)
class Asked:
    """What a user asks for. snapshot: tables that come for the first time are loaded as they are; otherwise only their
    changes. make: (schema, tables, publish) of what is made when it is not there; reset: begin anew."""

    url: str
    slot: str
    publication: str
    include_columns: Mapping[str, Any]
    columns: Mapping[str, Any]
    batch_rows: int
    flush: bool
    snapshot: bool
    max_changes: int | None = None
    make: tuple[str, list[str] | None, str] | None = None
    reset: bool = False


def stream(asked: Asked) -> Iterator[Any]:
    """The items of the resource that runs."""
    state = resource_state()
    if asked.reset:
        state.clear()
    for name, count in (("max_changes", asked.max_changes), ("target_batch_size", asked.batch_rows)):
        if count is not None and count < 1:
            raise ConfigError(f"{name} is {count}: it is a number of changes.", key=name, hint="at least 1")
    if resource().limit is not None:
        raise ResourceError(
            "add_limit would cut transactions of the source into pieces.",
            resource=resource().name,
            hint="use max_changes=: it ends with a whole transaction",
        )
    settled = _settled()
    with session(asked.url) as server:
        if asked.make and "lsn" not in state:
            prepare(server, asked)
        elif asked.make:
            server.publish(asked.publication, *asked.make)
        yield from _Run(asked, server, state, settled).items()


def prepare(server: Server, asked: Asked) -> None:
    """Make publication and slot, those that are not there; in this order, as a slot does not know what comes after it."""
    assert asked.make
    server.publish(asked.publication, *asked.make)
    if server.slot(asked.slot) is None:
        server.make_slot(asked.slot)


def _settled() -> bool:
    """Whether all that was read before is at the destination. Raises ResourceError when an earlier load was set aside:
    changes must come in their order."""
    pipeline = active_pipeline()
    if pipeline is None:
        return False
    packages = pipeline.workdir.packages
    for load_id in packages.ids(FAILED):
        if packages.read(load_id).schema_name == source().name:
            raise ResourceError(
                f"The load package {load_id} failed and was set aside; its changes must be loaded before later ones.",
                resource=resource().name,
                hint=f"pipeline.retry_package({load_id!r}), or pipeline.abort_packages({load_id!r}) to read them again",
            )
    return not packages.pending()


def _loaded() -> Schema | None:
    """What earlier runs have loaded."""
    pipeline = active_pipeline()
    return pipeline.schemas.get(source().name) if pipeline else None


@dataclass
class _Run:
    """One run: from the state to the end of the log as it is now."""

    asked: Asked
    server: Server
    state: dict[str, Any]
    settled: bool
    types: Types = field(default_factory=Types)
    relations: dict[int, Relation] = field(default_factory=dict)
    waiting: dict[int, Rows] = field(default_factory=dict)
    emptied: dict[str, int] = field(default_factory=dict)  # number of the last message that empties a table, by path
    end: int = 0  # of the last transaction
    messages: int = 0

    def items(self) -> Iterator[Any]:
        asked, server = self.asked, self.server
        self.wanted = Wanted(asked.include_columns, asked.columns, self.check_made())
        self.start = self.begin(server.slot(asked.slot) or {})
        if (upto := server.flushed()) < self.start:
            raise lost(asked.slot, f"the log ends at {lsn_text(upto)}, what was loaded at {lsn_text(self.start)}")
        self.tables = server.tables(asked.publication)  # after `upto`: what the log tells until there is in the catalog
        self.types.more.update(server.types())
        _check_names(self.tables)
        self.wanted.check(self.tables.values(), _loaded())
        fresh, again = self.choose()
        with SpooledTemporaryFile(max_size=MEMORY) as spool:
            changed = self.read(spool, upto)
            if wanted := again | (fresh if asked.snapshot else set()):
                yield from self.snapshots(sorted(wanted))
            yield from self.changes(spool)
        whole = asked.max_changes is None or self.messages < asked.max_changes
        end = max(self.start, self.end, upto if whole else 0)
        if fresh or again or changed or "lsn" not in self.state or end - self.start >= QUIET:
            self.state["lsn"] = end

    def check_made(self) -> bool:
        """Whether the publication tells of updates or deletes. Raises FatalError when it is not there, or the slot is not."""
        asked, hint = self.asked, "make them with init_replication(), or use replication_source()"
        if self.server.slot(asked.slot) is None:
            if "lsn" in self.state:
                raise lost(asked.slot, "it is not there any more")
            raise FatalError(f"There is no replication slot {asked.slot!r}.", hint=hint)
        if (actions := self.server.actions(asked.publication)) is None:
            raise FatalError(f"There is no publication {asked.publication!r}.", hint=hint)
        return actions.update or actions.delete

    def choose(self) -> tuple[set[str], set[str]]:
        """The tables that are new to the state, and those that must be loaded anew."""
        known: dict[str, Any] = self.state.setdefault("tables", {})
        fresh, again = self.tables.keys() - known.keys(), set()
        for path, table in self.tables.items():
            stale, lsn = path in known and self.is_stale(known[path], table), 0 if path in fresh else known[path]["lsn"]
            if stale and lsn:
                again.add(path)
            elif stale:
                logger.warning(
                    "Table %s was altered, or was not in the publication %s for a time: rows that are loaded may have other "
                    "values at the source now, which the log does not tell. snapshot=True and refresh='drop_resources' load "
                    "it anew.",
                    path,
                    self.asked.publication,
                )
            _tell_unpublished(table, known.get(path, {}), self.asked.publication)
            known[path] = _entry(table, lsn)
        return fresh, again

    def begin(self, slot: Mapping[str, Any]) -> int:
        """Where to go on; the server is told that it may forget what is before."""
        name, flushed = self.asked.slot, int(slot["flushed"] or 0)
        if slot["plugin"] != "pgoutput" or not slot["here"]:
            raise FatalError(
                f"The replication slot {name!r} is not one of this database with the plugin pgoutput.",
                value=f"plugin {slot['plugin']}, database {slot['database']}",
                hint="take another slot_name",
            )
        if slot.get("wal_status") == "lost" or slot.get("invalidation_reason") or slot.get("conflicting"):
            raise lost(name, str(slot.get("invalidation_reason") or "the server has removed the log it needs"))
        start = int(self.state.get("lsn", flushed))
        if flushed > start:
            raise lost(name, f"it stands at {lsn_text(flushed)}, what was loaded ends at {lsn_text(start)}")
        if self.asked.flush and self.settled and flushed < start:
            self.server.advance(name, start)
            slot = self.server.slot(name) or slot
        if int(slot["behind"] or 0) >= BEHIND:
            logger.warning(
                "The server keeps %.1f GB of log for the replication slot %s (wal_status %s): run this pipeline more often, "
                "look for long transactions, or drop the slot with cleanup() when it is not needed.",
                int(slot["behind"]) / 1e9,
                name,
                slot.get("wal_status", "unknown"),
            )
        return start

    def is_stale(self, entry: Mapping[str, Any], table: Published) -> bool:
        """Whether rows that are loaded already may have changed without a word in the log: by a new column that fills old
        rows, another type, another name, another table, a partition that was emptied, detached or came with rows, or while
        the publication did not have it."""
        if (entry["oid"], entry["member"]) != (table.oid, table.member):
            return True
        parts = set(entry.get("parts", table.parts))
        if parts - table.parts.keys() or not all(born for file, born in table.parts.items() if file not in parts):
            return True
        before = {column[0]: column[1:4] for column in entry["columns"]}
        now = {column[0]: column[1:4] for column in table.columns}
        filled = {column[0] for column in table.columns if column[4]}
        return any(before[number] != now[number] for number in before.keys() & now.keys()) or bool(
            filled & (now.keys() - before.keys())
        )

    # ---- snapshots

    def snapshots(self, paths: list[str]) -> Iterator[Any]:
        """Tables as they are, in the place of what the destination has of them."""
        with self.server.snapshot(self.asked.publication, paths) as (lsn, view, tables):
            for table in tables:
                relation = Relation(table.oid, table.schema, table.name, "f", table.fields)
                rows = Rows(relation, self.wanted, self.types, table)
                truncate_table(table.name)
                yield rows.nothing()
                size = 0
                for row in view.rows(table):
                    rows.add(row, lsn)
                    size += sum(len(value) for value in row if isinstance(value, str))
                    if len(rows.rows) >= SNAPSHOT_ROWS or size >= MOST_BYTES:
                        size = 0
                        yield from rows.take(view)
                yield from rows.take(view)
                self.state["tables"][table.path] = _entry(table, lsn)

    # ---- the log

    def read(self, spool: Any, upto: int) -> bool:
        """Put the messages aside that are not loaded yet, and note which tables are emptied. Whether there are any."""
        skip, count, lsn = False, 0, 0
        for place, data in self.server.peek(self.asked.slot, self.asked.publication, upto, self.asked.max_changes):
            self.messages += 1
            match decode(data) if data[:1] in LANDMARKS else None:
                case Begin(lsn):
                    skip = lsn < self.start
                case Commit(end) if not skip:
                    self.end = end
                case Truncated() as emptied if not skip:
                    self.note_emptied(emptied, lsn, count)
                case Relation() as relation:  # a table is described once, perhaps among what is skipped
                    self.relations[relation.oid] = relation
                    spool.write(HEAD.pack(place, len(data)) + data)
                    count += 1
                    continue
            if not skip:
                spool.write(HEAD.pack(place, len(data)) + data)
                count += 1
        self.relations.clear()
        spool.seek(0)
        return bool(self.end)

    def note_emptied(self, emptied: Truncated, lsn: int, number: int) -> None:
        for oid in emptied.oids:
            relation = self.relations[oid]
            path = f"{relation.schema}.{relation.name}"
            if lsn >= self.state["tables"].get(path, {"lsn": 0})["lsn"]:
                self.emptied[path] = number
                truncate_table(relation.name)

    def changes(self, spool: Any) -> Iterator[Any]:
        """The messages that were put aside as items, table by table in the order of the changes."""
        begin, size, rows, number = Begin(0, 0), 0, 0, -1
        while head := spool.read(HEAD.size):
            place, length = HEAD.unpack(head)
            number += 1
            match decode(spool.read(length)):
                case Begin() as begin:
                    pass
                case Relation() as relation:
                    self.relations[relation.oid] = relation
                case Change() as change:
                    if (target := self.target(change.oid, begin.lsn, number)) is None:
                        continue
                    if target.relation is not (relation := self.relations[change.oid]):
                        if target.relation != relation:
                            yield from target.take(self.server)
                            target = self.rows_of(relation)
                        target.relation = relation
                    target.change(change, place, begin.at)
                    size, rows = size + length, rows + 1
                    if rows >= self.asked.batch_rows or size >= MOST_BYTES:
                        size = rows = 0
                        for one in self.waiting.values():
                            yield from one.take(self.server)
        for one in self.waiting.values():
            yield from one.take(self.server)

    def target(self, oid: int, lsn: int, number: int) -> Rows | None:
        """The rows that a change goes to; None when the destination has it already, or it was emptied away."""
        relation = self.relations[oid]
        path = f"{relation.schema}.{relation.name}"
        entry = self.state["tables"].get(path)
        if (entry is not None and lsn < entry["lsn"]) or number < self.emptied.get(path, -1):
            return None
        return self.waiting.get(oid) or self.rows_of(relation)

    def rows_of(self, relation: Relation) -> Rows:
        table = self.tables.get(f"{relation.schema}.{relation.name}")
        self.waiting[relation.oid] = made = Rows(relation, self.wanted, self.types, table)
        return made


def _entry(table: Published, lsn: int) -> dict[str, Any]:
    """What the state keeps of a table. lsn: its rows are those at this place; 0: only its changes were loaded."""
    entry = {"oid": table.oid, "member": table.member, "lsn": lsn, "columns": table.columns}
    if table.parts:
        entry["parts"] = list(table.parts)
    if table.unpublished:
        entry["unpublished"] = table.unpublished
    return entry


def _tell_unpublished(table: Published, before: Mapping[str, Any], publication: str) -> None:
    """Warn of generated columns that cannot be loaded, once: when the table is loaded first, or when they come."""
    if columns := [column for column in table.unpublished if column not in before.get("unpublished", ())]:
        logger.warning(
            "Table %s: the publication %s has no values of the generated columns %s, so they are not loaded. Stored ones are "
            "with PostgreSQL 18: ALTER PUBLICATION %s SET (publish_generated_columns = stored); virtual ones never are.",
            table.path,
            publication,
            ", ".join(columns),
            publication,
        )


def _check_names(tables: Mapping[str, Published]) -> None:
    names: dict[str, str] = {}
    for path, table in tables.items():
        if (other := names.setdefault(table.name, path)) != path:
            raise PlanError(
                f"Two tables of the publication have one name: {other} and {path}.",
                table=table.name,
                hint="make a publication and a slot for each schema",
            )
