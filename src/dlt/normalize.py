"""Batch -> shards: names, contract, types, variants, row ids. The only place where data changes a schema.

For each column of each table of a batch one decision is made and remembered: which column of the table takes it, and
with which type. What cannot be kept as it is goes to the quarantine, whole rows or single values.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.cast import arrow_type, fit
from dlt.arrow.filters import filtered
from dlt.arrow.infer import column_for
from dlt.arrow.marks import Links, Marks, Options, Placed, Target
from dlt.arrow.shred import DEEPEST, Shape
from dlt.arrow.values import json_text
from dlt.errors import ContractViolation
from dlt.items import CONTENT, CONTENT_WAS, JSON_FIELD, Batch, Raw, RawColumn, Shard
from dlt.quarantine import Drop, Sieve, packed
from dlt.schema.evolve import SYSTEM, add_columns, declare
from dlt.schema.model import ID, SCRATCH_ONLY, Column, Table
from dlt.schema.naming import NameMap, path_text
from dlt.schema.settings import EVOLVE, Contract, full_contract
from dlt.schema.tables import inherited

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger
    from dlt.quarantine import Quarantine
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")

Path = tuple[str, ...]
NOTES, ONCE = "x-normalizer", "evolve-columns-once"  # where a table keeps notes; that a table has no rows yet
BROUGHT = {"tables": "a new table", "columns": "a new column", "data_type": "a value of another type"}
MOST_IDS = 1_000_000  # row ids of one table that came with the data and are remembered; later ones are kept beside


class Normalizer:
    """Turns batches into shards for one schema, one destination and one load."""

    def __init__(
        self,
        schema: Schema,
        caps: Capabilities,
        load_id: str,
        ledger: Ledger,
        quarantine: Quarantine,
        options: Options = Options(),  # noqa: B008 - immutable
    ) -> None:
        self.schema, self.caps, self.load_id = schema, caps, load_id
        self.ledger, self.quarantine, self.options = ledger, quarantine, options
        self.tables = NameMap.of_tables(schema, fold=not caps.case_sensitive)
        self.targets: dict[tuple[str, Path], Target] = {}
        self.declared: dict[str, Table] = {}
        self.marks = Marks(schema, caps, load_id, options)
        self.wrapped: set[tuple[str, Path]] = set()  # paths of single values that are lists of one
        self.before = {name for name in schema.names if _was_made(schema.table(name))}
        self.created = set(self.before)
        self.given_ids: dict[str, set[int]] = {}  # hashes of row ids that came with the data, by table

    # ---- names and targets

    def table_name(self, raw_name: str, path: Path = ()) -> str:
        """The name of the table for a table name as the user wrote it, or for a list nested in it."""
        return self.tables.column((raw_name, *path))

    def declare(self, raw_name: str, hints: Table) -> None:
        """Put what the code says of a table into the schema: once per run, again only when it says something else.
        Names in `hints` are as the user wrote them."""
        if self.declared.get(raw_name) is hints:
            return
        name = self.table_name(raw_name)
        contract = self.contract(hints)
        if not self.lets_in(name, contract):
            return
        known = self.schema.table(name)
        names = NameMap.of_columns(self.schema, known or Table(name), fold=not self.caps.case_sensitive)
        columns = _named(hints, names)
        notes = {**_notes(hints), **self.source((raw_name,), name)}
        notes["declared"] = [key for key, column in columns.items() if column.data_type]
        if name not in self.created and contract != EVOLVE:
            notes[ONCE] = True
        if not (notes["declared"] or (known and _notes(known).get("declared"))):
            del notes["declared"]
        record, known_record = names.to_record(), _notes(known).get("names") if known else None
        if record != known_record and (known_record is not None or any(record.values())):
            notes["names"] = record
        declare(self.schema, _noted(hints.with_(name=name, columns=columns), notes))
        self.declared[raw_name] = hints
        for key in [key for key in self.targets if key[0] == raw_name]:
            del self.targets[key]

    def source(self, path: Path, name: str) -> dict[str, str]:
        """What must be noted of a table so that its name stays with its path."""
        text = path_text(path)
        return {} if text == path_text(tuple(self.schema.naming.break_path(name))) else {"source": text}

    def contract(self, hints: Table) -> Contract:
        """The contract of a table that is declared so: what the code says of it, of what it is nested in, or of all."""
        above = inherited(self.schema, hints.parent, "schema_contract") if hints.parent else None
        return full_contract(hints.schema_contract or above or self.schema.settings.get("schema_contract"))

    def lets_in(self, name: str, contract: Contract) -> bool:
        """Whether a table is there, or may be made."""
        return name in self.created or contract["tables"] == "evolve"

    def shape(self, raw_name: str, hints: Table, max_nesting: int | None) -> Shape:
        """What the shredder must know to take rows of a table apart."""
        self.declare(raw_name, hints)
        deepest = DEEPEST if max_nesting is None else max_nesting
        if self.caps.max_table_nesting is not None:
            deepest = min(deepest, self.caps.max_table_nesting)

        def keeps_json(table: Path, column: Path) -> bool:
            known = self.column_at(raw_name, table, column)
            if known is not None and known.data_type is not None:
                return known.data_type == "json"
            return bool(self.schema.preferred_types) and self.schema.preferred_type(column[-1]) == "json"

        nested = any(table.parent for table in map(self.schema.table, self.schema.names) if table)

        def wraps(table: Path, column: Path, lists: bool) -> bool:
            if not lists and not (nested and self.child_at(raw_name, table, column)):
                return False
            if self.column_at(raw_name, table, column) is not None:
                return False
            if (raw_name, table + column) not in self.wrapped:
                self.wrapped.add((raw_name, table + column))
                where = (self.table_name(raw_name, table), path_text(column))
                logger.warning("Table %s: %s is a list in other rows; a single value is kept as a list of one.", *where)
            return True

        def is_number(table: Path, column: Path) -> bool:
            known = self.column_at(raw_name, table, column)
            return known is not None and known.data_type in ("bigint", "double", "decimal")

        return Shape(deepest, keeps_json, wraps, is_number)

    def child_at(self, raw_name: str, table: Path, column: Path) -> Table | None:
        """The table that holds the items of lists under a path, if there is one."""
        name = self.tables.known((raw_name, *table, *column))
        child = None if name is None else self.schema.table(name)
        return child if child is not None and child.parent is not None else None

    def column_at(self, raw_name: str, table: Path, column: Path) -> Column | None:
        """The column that a path has, if it has one."""
        target = self.targets.get((raw_name, table))
        if target is not None:
            return target.table.columns.get(target.names.known(column) or "")
        name = self.tables.known((raw_name, *table))
        known = None if name is None else self.schema.table(name)
        if known is None:
            return None
        names = NameMap.of_columns(self.schema, known, fold=not self.caps.case_sensitive)
        return known.columns.get(names.known(column) or "")

    def target(self, batch: Batch, raw: Raw) -> Target:
        target = self.targets.get((batch.table, raw.path))
        if target is not None:
            target.table = self.schema.table(target.name) or target.table
            return target
        name = self.table_name(batch.table, raw.path)
        known = self.schema.table(name)
        own = batch.hints if raw.parent is None else batch.nested_hints.get(raw.path)
        if known is not None and raw.parent is not None and known.schema_contract != (own and own.schema_contract):
            known = known.with_(schema_contract=own and own.schema_contract)
            self.schema.put(known)
        if known is not None and "names" not in _notes(
            known
        ):  # dlt 1.x made it: from now on its name is that of this path
            known = _noted(known, {**_notes(known), **self.source((batch.table, *raw.path), name)})
            self.schema.put(known)
        names = NameMap.of_columns(self.schema, known or Table(name), fold=not self.caps.case_sensitive)
        hinted = {} if own is None else _named(own, names)
        if known is None:
            parent = (
                None if raw.parent is None or _stands_alone(own) else self.target(batch, batch.tables[raw.parent]).name
            )
            new = _noted(own or Table(name), self.source((batch.table, *raw.path), name))
            known = declare(self.schema, new.with_(name=name, parent=parent, columns=hinted))
        said = self.schema.instructed.get(name)
        typed = {**(said.typed if said else {}), **{key: hint for key, hint in hinted.items() if hint.data_type}}
        declared = {key for key, hint in typed.items() if hint.data_type == known.columns[key].data_type}
        contract = self.schema.resolve_contract_settings_for_table(name)
        target = Target(name, known.parent, names, known, frozenset(declared), contract, name not in self.before)
        self.targets[batch.table, raw.path] = target
        return target

    # ---- batches

    def __call__(self, batch: Batch) -> Iterator[Shard]:
        """The shards of a batch, parents before children."""
        self.declare(batch.table, batch.hints)
        names = [self.table_name(batch.table, raw.path) for raw in batch.tables]
        for name, raw in zip(names, batch.tables, strict=True):
            if raw.rows:
                self.ledger.add(name, "extracted", raw.rows)
        root = self.schema.table(names[0])
        if root is not None and root.filters:
            batch, lost = filtered(batch, root.filters, self.schema.naming)
            for position, rows in lost.items():
                self.ledger.add(names[position], "filtered", rows)
        self.sieve = sieve = Sieve(batch)
        while drops := self.refused_tables(sieve.batch):
            sieve.drop(drops)
        links = Links()
        if self.lets_in(names[0], self.contract(batch.hints)):
            placed = self.place_all(sieve)
            yield from self.shards(sieve.batch, placed, links)
        for name, raw, left in zip(names, batch.tables, sieve.batch.tables, strict=True):
            if raw.rows > left.rows:
                self.ledger.add(name, "quarantined", raw.rows - left.rows)
        hints = [batch.nested_hints.get(raw.path, batch.hints) for raw in batch.tables]
        sieve.settle(self.quarantine, names.__getitem__, links.ids, links.roots, hints.__getitem__)
        if (shard := self.quarantine.shard()) is not None:
            yield shard

    def check(self, batch: Batch) -> None:
        """Raise ContractViolation when a batch brings a new table where the contract freezes them."""
        self.sieve = Sieve(batch)
        self.refused_tables(batch)

    def refused_tables(self, batch: Batch) -> list[Drop]:
        """All rows of new tables that the contract does not let in. Raises ContractViolation when it is frozen."""
        drops: list[Drop] = []
        contracts: list[Contract] = []
        for position, raw in enumerate(batch.tables):
            name = self.table_name(batch.table, raw.path)
            own = batch.hints if raw.parent is None else batch.nested_hints.get(raw.path)
            above = self.contract(batch.hints) if raw.parent is None else contracts[raw.parent]
            contracts.append(full_contract(own.schema_contract) if own and own.schema_contract else above)
            mode = contracts[position]["tables"]
            if not raw.rows or self.lets_in(name, contracts[position]):
                continue
            everything = pa.repeat(pa.scalar(True), raw.rows)
            if mode == "freeze":
                raise self.violation(position, name, None, "tables", everything)
            if not any(drop.position == raw.parent for drop in drops):
                drops.append(Drop(position, everything, None, "contract_tables"))
        return drops

    def place_all(self, sieve: Sieve) -> list[Placed]:
        """The columns of all tables under their final names. Rows that a contract or a type turns away are taken out, and
        the rest is looked at again: only what stays changes the schema."""
        while True:
            sieve.values.clear()
            batch = sieve.batch
            placed: list[Placed] = []
            drops: list[Drop] = []
            for position, raw in enumerate(batch.tables):
                mine = Placed()
                placed.append(mine)
                if raw.rows or raw.parent is None:
                    target = self.target(batch, raw)
                    for column in _by_first(raw.columns):
                        if column.path == CONTENT:
                            mine.contents = column.data
                        elif column.path == CONTENT_WAS:
                            mine.contents_were = column.data
                        else:
                            self.place(batch, position, target, column, mine, drops)
                    self.check_nulls(position, raw, target, mine, drops)
            if not drops:
                break
            sieve.drop(drops)
        for raw, mine in zip(batch.tables, placed, strict=True):
            if mine.wanted or mine.decided:
                target = self.target(batch, raw)
                target.table = add_columns(self.schema, target.name, mine.wanted.values())
                target.decided.update(mine.decided)
        return placed

    def place(
        self, batch: Batch, position: int, target: Target, column: RawColumn, mine: Placed, drops: list[Drop]
    ) -> None:
        path, data, kind, _ = column
        key = (path, kind, data.type)
        name = target.decided.get(key)
        if name is not None:
            self.put(position, name, target.table.columns[name], data, mine, drops)
            return
        if kind is None:
            self.place_nulls(batch, position, target, path, mine)
            return
        name = target.names.known(path) or self.schema.naming.normalize_path("__".join(path))
        known = mine.wanted.get(name) or target.table.columns.get(name)
        unknown = (known is None or known.data_type is None) and not name.startswith("_dlt")
        if (
            unknown
            and not target.is_new
            and not self.admits(position, target, name, "columns", data, data.is_valid(), drops)
        ):
            return
        name = target.names.column(path)
        if name in SYSTEM and name in self.marks.own(target, batch):
            self.reserved(position, name, target, column, mine, drops)
            return
        known = mine.wanted.get(name) or target.table.columns.get(name)
        if known is None or known.data_type is None:
            own = not batch.nested  # the types of an Arrow table are its maker's
            learned = column_for(self.schema, name, kind, data, self.caps, detect=not own, exact=own)
            known = learned if known is None else _typed(known, learned)
            mine.wanted[name] = known
        told = name in target.declared or self.told(name, kind, known)
        fitted, bad = fit(data, kind, known, arrow_type(known, self.caps), declared=told)
        if bad is None:
            if fitted is data:
                mine.decided[key] = name
            self.put(position, name, known, fitted, mine, drops)
            return
        self.put(position, name, known, fitted, mine, drops)
        if self.admits(position, target, name, "data_type", data, bad, drops):
            self.place_variant(position, target, column, bad, mine, drops)

    def told(self, name: str, kind: str, column: Column) -> bool:
        """Whether the settings of the schema say that a column has its type."""
        if kind in ("bigint", "double") and column.data_type == "timestamp":
            return "timestamp" in self.schema.detections or self.schema.preferred_type(name) == "timestamp"
        return self.schema.preferred_type(name) == column.data_type

    def place_variant(
        self, position: int, target: Target, column: RawColumn, bad: pa.Array, mine: Placed, drops: list[Drop]
    ) -> None:
        """Values that do not fit their column go to a column named after their type; what fits none there, to text."""
        data = pc.if_else(bad, column.data, pa.scalar(None, column.data.type))
        kind = str(column.kind)
        learned = column_for(self.schema, target.names.column(column.path), kind, data, self.caps, detect=False)
        for attempt in dict.fromkeys((str(learned.data_type), "text")):
            name = target.names.variant(column.path, attempt)
            known = mine.wanted.get(name) or target.table.columns.get(name)
            if known is None or known.data_type is None:
                typed = learned if attempt == learned.data_type else Column(name, "text")
                known = Column(name, attempt, typed.precision, typed.scale, typed.timezone, variant=True)
                mine.wanted[name] = known
            fitted, still = fit(data, kind, known, arrow_type(known, self.caps))
            self.put(position, name, known, fitted, mine, drops)
            if still is None:
                return
            data = pc.if_else(still, data, pa.scalar(None, data.type))
        drops.append(Drop(position, data.is_valid(), name, "no_type"))

    def put(self, position: int, name: str, column: Column, data: pa.Array, mine: Placed, drops: list[Drop]) -> None:
        """Add values to a column; rows with what the destination cannot hold are turned away."""
        mine.put(name, data)
        caps, mask = self.caps, None
        if column.data_type == "double" and not caps.non_finite:
            mask = pc.invert(pc.is_finite(data))
        elif column.data_type in ("text", "json"):
            if not caps.nul_in_text:
                mask = pc.match_substring(data, "\0")
            if caps.max_text is not None:
                long = pc.greater(pc.binary_length(data), caps.max_text)
                mask = long if mask is None else pc.or_(mask, long)
        if mask is not None and pc.any(mask).as_py():
            drops.append(Drop(position, pc.fill_null(mask, False), name, "no_type"))

    def place_nulls(self, batch: Batch, position: int, target: Target, path: Path, mine: Placed) -> None:
        """A column that has only nulls exists, without a type, unless a nested table stands for it."""
        name = target.names.known(path)
        if name in target.table.columns or name in mine.wanted or name in SYSTEM:
            return
        child = self.child_at(batch.table, batch.tables[position].path, path)
        frozen = not target.is_new and target.contract["columns"] != "evolve"
        if child is None and not frozen:
            name = target.names.column(path)
            mine.wanted[name] = Column(name).with_(**self.schema.default_hints_for(name))

    def reserved(
        self, position: int, name: str, target: Target, column: RawColumn, mine: Placed, drops: list[Drop]
    ) -> None:
        """Values that the data brings for a column of dlt's own: row ids that are unique are used; everything else is
        kept in a variant column, so that keys stay keys."""
        data = column.data
        if name == ID and column.kind == "text" and data.null_count == 0 and self.are_new(target.name, data):
            mine.ids = data
            return
        self.place_variant(position, target, column, data.is_valid(), mine, drops)
        if (target.name, (name,)) not in self.wrapped:
            self.wrapped.add((target.name, (name,)))
            logger.warning("Table %s: values for %s came with the data; they are kept beside it.", target.name, name)

    def are_new(self, table: str, ids: pa.Array) -> bool:
        """Whether row ids that came with the data are unique in this load, as far as it remembers them."""
        known = self.given_ids.get(table) or set[int]()
        return (
            len(ids.unique()) == len(ids)
            and len(known) + len(ids) <= MOST_IDS
            and known.isdisjoint(map(hash, ids.to_pylist()))
        )

    def admits(
        self, position: int, target: Target, name: str, entity: str, data: pa.Array, rows: pa.Array, drops: list[Drop]
    ) -> bool:
        """Whether the contract lets these values in: those of a new column, or those of another type."""
        mode = target.contract[entity]
        if mode == "evolve":
            return True
        if not pc.any(rows).as_py():
            return False
        if mode == "freeze":
            raise self.violation(position, target.name, name, entity, rows, data)
        if mode == "discard_row":
            drops.append(Drop(position, rows, name, f"contract_{entity}"))
        else:
            self.sieve.note(self.sieve.values, position, rows, name, f"contract_{entity}")
        return False

    def check_nulls(self, position: int, raw: Raw, target: Target, mine: Placed, drops: list[Drop]) -> None:
        """Rows without a value where there must be one; rows that only delete need no more than their key."""
        for name, column in {**target.table.columns, **mine.wanted}.items():
            if column.nullable or name in SYSTEM:
                continue
            data = mine.arrays.get(name)
            empty = pa.repeat(pa.scalar(True), raw.rows) if data is None else data.is_null()
            if not column.primary_key and (deletes := self.deleting(target, mine)) is not None:
                empty = pc.and_not(empty, deletes)
            if pc.any(empty).as_py():
                drops.append(Drop(position, empty, name, "null_value"))

    def deleting(self, target: Target, mine: Placed) -> pa.Array | None:
        for name in target.table.keys("hard_delete"):
            data = mine.arrays.get(name)
            if data is not None:
                return pc.fill_null(data, False) if pa.types.is_boolean(data.type) else data.is_valid()
        return None

    def violation(
        self, position: int, table: str, column: str | None, entity: str, rows: pa.Array, data: pa.Array | None = None
    ) -> ContractViolation:
        """The error for the first of these rows."""
        row, place = self.sieve.first(position, rows)
        value = None if data is None else data[pc.index(rows, True).as_py()].as_py()
        return ContractViolation(
            f"The data brings {BROUGHT[entity]}, and the contract freezes {entity.replace('_type', ' types')}.",
            table_name=table,
            column_name=column,
            value=None if value is None else json_text(value)[:200],
            position=place,
            schema_entity=entity,
            contract_mode="freeze",
            schema_name=self.schema.name,
            data_item=packed(row)[0][:500],
            hint=f'let it in with schema_contract={{"{entity}": "evolve"}}, or keep such rows aside with "discard_row"',
        )

    # ---- shards

    def shards(self, batch: Batch, placed: list[Placed], links: Links) -> Iterator[Shard]:
        """The shards; the ids of their rows go to `links`."""
        for raw, mine in zip(batch.tables, placed, strict=True):
            if not raw.rows:
                if raw.parent is None:
                    self.created.add(self.target(batch, raw).name)
                links.add(None, None, None)
                continue
            target = self.target(batch, raw)
            self.created.add(target.name)
            self.marks.add(batch, raw, target, mine, links)
            if mine.ids is not None:
                self.given_ids.setdefault(target.name, set()).update(map(hash, mine.ids.to_pylist()))
            known = target.table.typed
            missing = [SYSTEM[name] for name in mine.arrays if name in SYSTEM and name not in known]
            if missing and target.parent is None and _notes(target.table).get("seen-data"):
                missing = [column.with_(nullable=True) for column in missing]  # Arrow rows came before, without them
            if missing:
                target.table = add_columns(self.schema, target.name, missing)
            self.remember(target)
            yield Shard(target.name, target.parent, self.record_batch(target, mine, raw.rows))

    def record_batch(self, target: Target, mine: Placed, rows: int) -> pa.RecordBatch:
        columns = target.table.columns
        fields = [
            pa.field(
                name,
                data.type,
                metadata=JSON_FIELD if name not in SCRATCH_ONLY and columns[name].data_type == "json" else None,
            )
            for name, data in mine.arrays.items()
        ]
        if not fields:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
        return pa.RecordBatch.from_arrays(list(mine.arrays.values()), schema=pa.schema(fields))

    def remember(self, target: Target) -> None:
        """Note in the schema that the table has data, and which keys its names were made of."""
        noted = _notes(target.table)
        learned = {"seen-data": True, "names": target.names.to_record(), "columns": len(target.table.columns)}
        if ONCE in noted or any(noted.get(key) != value for key, value in learned.items()):
            noted |= learned
            noted.pop(ONCE, None)
            target.table = target.table.with_(extra={**target.table.extra, "x-normalizer": noted})
            self.schema.put(target.table)
        for text in target.names.collisions:
            logger.warning("Table %s: %s", target.name, text)
        for text in self.tables.collisions:
            logger.warning("Tables: %s", text)
        target.names.collisions.clear()
        self.tables.collisions.clear()


def _named(hints: Table, names: NameMap) -> dict[str, Column]:
    """The columns of hints under their final names."""
    columns = {names.hinted(key): column for key, column in hints.columns.items()}
    return {name: column.with_(name=name) for name, column in columns.items()}


def _notes(table: Table) -> dict[str, Any]:
    """What the normaliser has noted of a table."""
    return dict(table.extra.get(NOTES) or {})


def _noted(table: Table, notes: Mapping[str, Any]) -> Table:
    return table.with_(extra={**table.extra, NOTES: notes}) if notes else table


def _was_made(table: Table | None) -> bool:
    """Whether a table counts as one that is there: contracts let it grow in the run that makes it."""
    if table is None:
        return False
    noted = _notes(table)
    return bool(noted.get("seen-data") or (table.typed and ONCE not in noted))


def _stands_alone(hints: Table | None) -> bool:
    return hints is not None and bool(hints.keys("primary_key") or hints.keys("merge_key"))


def _typed(known: Column, learned: Column) -> Column:
    changes = {name: getattr(learned, name) for name in ("data_type", "precision", "scale", "timezone")}
    return known.with_(**{name: value for name, value in changes.items() if value is not None})


def _by_first(columns: list[RawColumn]) -> list[RawColumn]:
    """Columns in order, but where a path has several kinds, the kind that came first goes first."""
    if len({column.path for column in columns}) == len(columns):
        return columns
    places: dict[Path, int] = {}
    for place, column in enumerate(columns):
        places.setdefault(column.path, place)
    return sorted(columns, key=lambda column: (places[column.path], column.first))
