"""Replay: entries of the quarantine take the way of all rows once more, and are marked in the load that brings them in.

There is one package for each table and kind of entry. Rows are appended or merged as their table says, but never take the
place of what is there: replace becomes append. Rows that were nested are appended under their parent. Rows that were
loaded without a value are updated by their `_dlt_id`, with what is nested in them.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.marks import merge_strategy
from dlt.errors import PlanError, ResourceError
from dlt.normalize import NOTES
from dlt.package.ledger import Ledger
from dlt.pipeline.building import Builder, Built
from dlt.pipeline.stages import seal_all
from dlt.quarantine import Link, Quarantine, unpacked
from dlt.schema.evolve import LEARNED, SYSTEM
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, LOADS, PARENT_ID, QUARANTINE, ROOT_ID, Column, Table
from dlt.schema.naming import NameMap
from dlt.schema.settings import full_contract

if TYPE_CHECKING:
    from dlt.extract.read import Place
    from dlt.items import Shard
    from dlt.load.session import Session
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.schema import Schema
    from dlt.schema.settings import Contract

logger = logging.getLogger("dlt")

Row = dict[str, Any]
Fix = Callable[[Row], "Row | None"]
Kind = Literal["rows", "nested", "values"]

SNAPSHOTS = ("scd2", "cdc")
NO_ROWS = ("replayed", "file")  # entries that say something else than what a table lacks
FEW = 100  # rows that are looked up one by one; of more, the whole table is read
KEYS = {"primary_key": False, "merge_key": False, "hard_delete": False, "dedup_sort": None}


@dataclass(frozen=True)
class Choice:
    """Which entries of the quarantine to take; None: any."""

    reason: str | None = None
    table: str | None = None
    column: str | None = None
    load_id: str | None = None

    def __contains__(self, entry: Entry) -> bool:
        pairs = (
            (self.reason, entry.reason),
            (self.table, entry.table),
            (self.column, entry.column),
            (self.load_id, entry.load_id),
        )
        return all(wanted in (None, found) for wanted, found in pairs)


class Entry(NamedTuple):
    """An entry of the quarantine that was not replayed yet, without the row."""

    id: str
    load_id: str
    table: str
    column: str | None
    reason: str
    whole_row: bool
    link: Link


class Group(NamedTuple):
    """Entries that one package takes: whole root rows, whole nested rows, or values of rows that were loaded."""

    schema: str
    table: str
    kind: Kind


def build(pipeline: Pipeline, choice: Choice, fix: Fix | None, contract: Any) -> list[Built]:
    """Sealed packages with the chosen entries that `fix` mends. Nothing is kept when one of them fails."""
    packages = pipeline.workdir.packages
    with pipeline.session() as session:
        found, others = _chosen(pipeline, session, choice)
        schemas = {group.schema: pipeline.schemas[group.schema].clone() for group in found}
        built = []
        try:
            for group, entries in found.items():
                load_id = packages.new_load_id()
                pipeline.found["load_id"] = load_id
                work = _Work(pipeline, session, schemas[group.schema], group, entries, others, fix, contract)
                built.append(work.build(load_id))
            return seal_all(pipeline, built, copy.deepcopy(pipeline.state))
        except BaseException:
            packages.discard_new()
            raise


def _chosen(pipeline: Pipeline, session: Session, choice: Choice) -> tuple[dict[Group, list[Entry]], list[Entry]]:
    """The chosen entries by group, and all other open entries that hang on a row that was loaded."""
    done = {row["detail"] for row in _rows(session.read(QUARANTINE, {"reason": "replayed"}), ("detail",))}
    fields = ("_dlt_id", "load_id", "table_name", "column_name", "reason", "whole_row", *Link._fields)
    schema_of = {row["load_id"]: row["schema_name"] for row in _rows(session.read(LOADS), ("load_id", "schema_name"))}
    found: dict[Group, list[Entry]] = {}
    others: list[Entry] = []
    for row in _rows(session.read(QUARANTINE), fields):
        schema = schema_of.get(row["load_id"])
        if row["reason"] in NO_ROWS or row["_dlt_id"] in done or schema not in pipeline.schemas:
            continue
        link = Link(**{name: row[name] for name in Link._fields})
        names = (row["_dlt_id"], row["load_id"], row["table_name"], row["column_name"], row["reason"], row["whole_row"])
        entry = Entry(*names, link)
        if entry in choice:
            kind: Kind = "values" if not entry.whole_row else "nested" if link.parent_table else "rows"
            found.setdefault(Group(str(schema), entry.table, kind), []).append(entry)
        elif link.row_id or link.parent_id:
            others.append(entry)
    made = {entry.link.row_id for group, entries in found.items() if group.kind == "values" for entry in entries}
    made.discard(None)
    kept: dict[Group, list[Entry]] = {}
    for group, entries in found.items():
        for entry in entries:  # what is nested in a row comes with it
            inside = not {entry.link.parent_id, entry.link.root_id}.isdisjoint(made)
            (others if inside else kept.setdefault(group, [])).append(entry)
    return kept, others


def _rows(reader: pa.RecordBatchReader, names: Iterable[str], only: pa.Array | None = None) -> Iterator[Row]:
    """Some columns of what a session reads, None for those that are not there."""
    for batch in reader:
        there = [name for name in names if name in batch.schema.names]
        part = batch.select(there)
        if only is not None:
            part = part.filter(pc.is_in(part["_dlt_id"], value_set=only))
        yield from ({**dict.fromkeys(names), **row} for row in part.to_pylist())


# ---- one package


@dataclass
class _Fed:
    """A row that was given to the load again, and the entries it settles, by the column whose value is missing."""

    entries: dict[str | None, Entry]
    row_id: str | None


@dataclass
class _Work:
    pipeline: Pipeline
    session: Session
    schema: Schema
    group: Group
    entries: list[Entry]
    others: list[Entry]
    fix: Fix | None
    contract: Any
    fed: list[_Fed] = field(default_factory=list)
    place: Table = field(init=False)
    hopes: dict[str, bool] = field(default_factory=dict)  # by entity, whether the contract lets in what is new

    def build(self, load_id: str) -> Built:
        """The package, not sealed yet."""
        pipeline, (_, name, kind) = self.pipeline, self.group
        caps = pipeline.need_destination().caps
        before = {name: self.schema.table(name) for name in self.schema.names}
        root_key = self.schema.root_key
        known = before.get(name)
        self.place = seen = known or self.new()
        self.check(seen, caps.merge_strategies)
        contract = full_contract(self.contract or self.contract_of(seen))
        self.hopes = {entity: mode == "evolve" for entity, mode in contract.items()}
        view = VIEWS[kind](seen).with_(schema_contract=contract)
        if known is not None:
            self.schema.put(view)
        if kind != "rows":
            self.schema.root_key = any(ROOT_ID in table.columns for table in self.family(before))
        quarantine = _Again(load_id, Ledger(), name, self.fed, self.others, fail=pipeline.settings.fail_on_bad_rows)
        settings = pipeline.settings
        settings = replace(
            settings,
            row_ids=known is None or ID in known.columns,
            load_ids=kind != "nested" and seen.parent is None and (known is None or LOAD_ID in known.columns),
        )
        builder = Builder(
            pipeline.workdir.packages, self.schema, caps, settings, pipeline.pipeline_name, load_id, None, quarantine
        )
        hints = self.hints(view)
        if known is not None:
            builder.normalizer.declared[name] = hints  # what the code said of it stays
        builder.normalizer.marks.given_roots = kind != "rows"
        builder.normalizer.tables = NameMap(
            self.schema.naming,
            dict.fromkeys(self.schema.names),
            fold=not caps.case_sensitive,
            of_tables=True,
            whole_keys=self.schema.whole_keys,
        )
        notes = view.extra.get(NOTES) or {}
        place: Place = (name, hints, {}, notes.get("max_nesting", self.schema.max_nesting))
        built = builder.normalize((place, row) for row in self.feed())
        made = self.schema.table(name)
        self.schema.root_key = root_key
        restore(self.schema, before, {name: seen})
        if made is not None and made != self.schema.table(name):
            built.manifest = built.manifest.with_(instead={name: made.to_dict()})
        return built

    def new(self) -> Table:
        """A table that a contract kept out, as it would be made."""
        _, name, _ = self.group
        parent = self.entries[0].link.parent_table
        if parent is None:
            return Table(name, resource=name, write_disposition="append")
        tables = {table.name: table for table in self.schema.all_tables}
        roots = any(ROOT_ID in table.columns for table in self.family({**tables, name: Table(name, parent=parent)}))
        names = (*((ROOT_ID,) if roots else ()), PARENT_ID, LIST_IDX, ID)
        return Table(name, {name: SYSTEM[name] for name in names}, parent=parent)

    def contract_of(self, table: Table) -> Contract:
        """The contract as it holds now, for a table that will not know any more what it is nested in."""
        if table.schema_contract is None and table.parent is not None:
            return self.schema.resolve_contract_settings_for_table(table.parent)
        return self.schema.resolve_contract_settings_for_table(table.name)

    def family(self, tables: Mapping[str, Table | None]) -> list[Table]:
        """The nested tables of the same root table."""
        names = {self.group.table}
        while True:
            links = [table for table in tables.values() if table is not None and table.parent]
            more = {n for table in links if {table.name, table.parent} & names for n in (table.name, str(table.parent))}
            if more <= names:
                return [table for table in links if table.name in names]
            names |= more

    def check(self, table: Table, strategies: tuple[str, ...]) -> None:
        """PlanError when these entries cannot be put where they belong."""
        _, name, kind = self.group
        rest = "the originals stay readable in _dlt_quarantine; run the source again, or replay other entries"
        if kind != "nested" and table.parent is None and merge_strategy(table) in SNAPSHOTS:
            raise PlanError(
                "A row alone cannot be replayed into a table that is loaded as a snapshot.",
                table=name,
                strategy=merge_strategy(table),
                hint=rest,
            )
        if kind == "values" and "delete-insert" not in strategies:
            raise PlanError("This destination cannot update the rows that lack a value.", table=name, hint=rest)
        wanted = {"values": "row_id", "nested": "parent_id"}.get(kind)
        if wanted and any(getattr(entry.link, wanted) is None for entry in self.entries):
            raise PlanError(
                "The rows were loaded without _dlt_id: nothing tells where the entry belongs.", table=name, hint=rest
            )

    def hints(self, view: Table) -> Table:
        """What the code said of the table, as far as its rows are concerned: declared types, contract, on bad rows."""
        declared = (view.extra.get(NOTES) or {}).get("declared", ())
        return view.with_(columns={name: view.columns[name] for name in declared if name in view.columns})

    def feed(self) -> Iterator[Row]:
        """The mended rows; what each of them settles goes to `fed`."""
        _, _, kind = self.group
        there = self.still_there()
        waiting: dict[str, dict[str | None, Entry]] = {}  # entries of rows that are fed once for all their values
        for entry in [*self.entries, *self.others]:
            if kind == "values" and entry.table == self.group.table and not entry.whole_row:
                waiting.setdefault(str(entry.link.row_id), {})[entry.column] = entry
        mine = {entry.id: entry for entry in self.entries}
        for found in _rows(
            self.session.read(QUARANTINE, {"table_name": self.group.table}),
            ("_dlt_id", "row", "types"),
            pa.array(list(mine), pa.string()),
        ):
            entry = mine[found["_dlt_id"]]
            link = entry.link
            if there is not None and (link.row_id or link.parent_id) not in there:
                continue
            if kind == "values" and str(link.row_id) not in waiting:
                continue  # another entry of the same row was looked at already
            settled = waiting.pop(str(link.row_id)) if kind == "values" else {entry.column: entry}
            original = unpacked(found["row"], found["types"])
            row = self.mended(copy.deepcopy(original))
            if row is not None and not (row == original and all(map(self.is_hopeless, settled.values()))):
                self.fed.append(_Fed(settled, link.row_id))
                yield {**row, **self.links(link)}

    def is_hopeless(self, entry: Entry) -> bool:
        """Whether the contract turns an entry away that is as it was."""
        entity = entry.reason.removeprefix("contract_")
        table = self.schema.table(entry.table)
        if entity == entry.reason or self.hopes[entity]:
            return False
        if entity == "tables" or table is None:
            return table is None
        if entity == "columns":
            return entry.column not in table.typed
        return entry.column not in (table.extra.get(NOTES) or {}).get("declared", ())

    def mended(self, row: Row) -> Row | None:
        if self.fix is None:
            return row
        try:
            made = self.fix(row)
        except Exception as cause:
            raise ResourceError(
                f"The function fix raised {type(cause).__name__}: {cause}",
                table=self.group.table,
                row=repr(row)[:500],
                hint="return the mended row, or None to leave it in the quarantine",
            ) from cause
        if made is not None and not isinstance(made, dict):
            raise ResourceError(
                f"The function fix returned a {type(made).__name__}.",
                table=self.group.table,
                hint="return the mended row as a dict, or None to leave it in the quarantine",
            )
        return made

    def links(self, link: Link) -> Row:
        """dlt's own columns of a row that has its place already."""
        columns = self.place.columns
        own = {ID: link.row_id, ROOT_ID: link.root_id, PARENT_ID: link.parent_id, LIST_IDX: link.list_idx}
        return {name: value for name, value in own.items() if value is not None and name in columns}

    def still_there(self) -> set[str] | None:
        """Of the rows that the entries hang on those that are still at the destination. None: they hang on none."""
        _, name, kind = self.group
        if kind == "rows":
            return None
        wanted = {str(e.link.row_id if kind == "values" else e.link.parent_id) for e in self.entries}
        table = name if kind == "values" else str(self.entries[0].link.parent_table)
        if len(wanted) <= FEW:
            there = {one for one in wanted if any(True for _ in _rows(self.session.read(table, {ID: one}), (ID,)))}
        else:
            there = {row[ID] for row in _rows(self.session.read(table), (ID,)) if row[ID] in wanted}
        if gone := len(wanted) - len(there):
            logger.warning(
                "Replay: %s row(s) of table %s are not there any more; what belongs to them stays in the quarantine.",
                gone,
                table,
            )
        return there


class _Again(Quarantine):
    """The quarantine of a replay: a row that is turned away again keeps the entry it has; all others are marked."""

    def __init__(
        self, load_id: str, ledger: Ledger, table: str, fed: list[_Fed], others: list[Entry], *, fail: bool
    ) -> None:
        super().__init__(load_id, ledger, fail=fail)
        self.table, self.fed, self.others = table, fed, others
        self.refused: set[int] = set()  # positions
        self.still: set[tuple[str, str | None]] = set()  # row ids and columns
        self.marked = False

    def keeps(self, table: str, column: str | None, position: int | None, link: Link, *, whole_row: bool) -> bool:
        """Whether a row or value needs an entry: not when it is what was replayed."""
        if table != self.table or link.parent_table is not None or position is None:
            return True
        if whole_row:
            self.refused.add(position)
            return False
        fed = self.fed[position]
        if fed.row_id is None or column not in fed.entries:
            return True
        self.still.add((fed.row_id, column))
        return False

    def shard(self, *, last: bool = False) -> Shard | None:
        if last and not self.marked:
            self.marked = True
            self.mark()
        return super().shard(last=last)

    def mark(self) -> None:
        settled = [fed for position, fed in enumerate(self.fed) if position not in self.refused]
        done = [e for fed in settled for column, e in fed.entries.items() if (fed.row_id, column) not in self.still]
        made_again = {fed.row_id for fed in settled if fed.row_id}  # with all that is nested in them
        done += [e for e in self.others if {e.link.parent_id, e.link.root_id} & made_again]
        for entry in {entry.id: entry for entry in done}.values():
            self.entries.append(
                {
                    "load_id": self.load_id,
                    "table_name": entry.table,
                    "column_name": entry.column,
                    "reason": "replayed",
                    "detail": entry.id,
                }
            )


# ---- tables as a replay treats them


def _as_rows(table: Table) -> Table:
    """Rows are added, or merged by their primary key alone: one row says nothing of others."""
    extra = {key: value for key, value in table.extra.items() if key != "x-merge-destination-scope"}
    columns = {name: column.with_(merge_key=False) for name, column in table.columns.items()}
    appended = table.write_disposition == "replace" or (
        merge_strategy(table) == "delete-insert" and not table.keys("primary_key")
    )
    disposition = "append" if appended else table.write_disposition
    return table.with_(extra=extra, columns=columns, write_disposition=disposition)


def _as_nested(table: Table) -> Table:
    """Nested rows that know their parent are added to their table as if it was a root table."""
    return table.with_(parent=None, write_disposition="append", columns=_without_keys(table))


def _as_values(table: Table) -> Table:
    """Rows take the place of those with the same row id, whatever the keys of the table are."""
    columns = _without_keys(table)
    if ID in columns:
        columns[ID] = columns[ID].with_(primary_key=True)
    extra = {key: value for key, value in table.extra.items() if not key.startswith("x-merge-")}
    extra.pop("x-stage-data-deduplicated", None)
    return table.with_(parent=None, write_disposition="merge", columns=columns, extra=extra)


VIEWS: dict[str, Callable[[Table], Table]] = {"rows": _as_rows, "nested": _as_nested, "values": _as_values}


def _without_keys(table: Table) -> dict[str, Column]:
    return {name: column.with_(**KEYS) for name, column in table.columns.items()}


def restore(schema: Schema, before: Mapping[str, Table | None], new: Mapping[str, Table]) -> None:
    """Put the tables back as they were, with the columns and notes that they have now."""
    for name in list(schema.names):
        now = schema.table(name)
        then = before.get(name) or new.get(name) or now
        if now is None or then is None or now == before.get(name):
            continue
        columns = {key: _restored(column, then.columns.get(key)) for key, column in now.columns.items()}
        notes = {**(then.extra.get(NOTES) or {}), **(now.extra.get(NOTES) or {})}
        if (source := (before.get(name) or Table(name)).extra.get(NOTES, {}).get("source")) is None:
            notes.pop("source", None)  # of the path that it has in a replay
        else:
            notes["source"] = source
        table = then.with_(columns=columns, extra={**then.extra, NOTES: notes} if notes else then.extra)
        if table.columns:
            schema.put(table)


def _restored(now: Column, then: Column | None) -> Column:
    return now if then is None else then.with_(**{name: getattr(now, name) for name in LEARNED})
