"""Batch -> shards: names, contract, types, variants, row ids. The only place where data changes a schema.

For each column of each table of a batch one decision is made and remembered: which column of the table takes it, and
with which type. What cannot be kept as it is goes to the quarantine, whole rows or single values.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.cast import arrow_type, fit
from dlt.arrow.ids import key_ids, nested_ids, random_ids, row_ids
from dlt.arrow.shred import DEEPEST, Shape
from dlt.arrow.unshred import rows_of, without
from dlt.arrow.values import json_text
from dlt.errors import ContractViolation
from dlt.items import Batch, Raw, RawColumn, Shard
from dlt.schema.evolve import SYSTEM, add_columns, declare
from dlt.schema.infer import column_for
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, PARENT_ID, ROOT_ID, Column, Table
from dlt.schema.naming import NameMap

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger
    from dlt.quarantine import Quarantine
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")

Path = tuple[str, ...]
KEYED = ("upsert", "insert-only", "cdc")  # merge strategies whose row ids are made of the primary key
JSON_FIELD = {b"dlt": b"json"}


class Options(NamedTuple):
    """How rows are marked: `_dlt_id` and `_dlt_load_id` for rows of dicts, and for Arrow and frames."""

    row_ids: bool = True
    load_ids: bool = True
    arrow_row_ids: bool = False
    arrow_load_ids: bool = False


@dataclass(slots=True)
class _Target:
    """A table of the schema as the target of one raw table, with what was decided about its columns."""

    name: str
    parent: str | None
    names: NameMap
    table: Table
    declared: Mapping[str, Column]
    contract: Mapping[str, str]
    is_new: bool
    decided: dict[tuple[Path, str | None, Any], str] = field(default_factory=dict)


class _Placed:
    """The columns of one raw table under their final names."""

    __slots__ = ("arrays", "ids", "wanted")

    def __init__(self) -> None:
        self.arrays: dict[str, pa.Array] = {}
        self.wanted: dict[str, Column] = {}
        self.ids: pa.Array | None = None  # row ids that came with the data

    def put(self, name: str, data: pa.Array) -> None:
        old = self.arrays.get(name)
        self.arrays[name] = data if old is None else pc.coalesce(old, data)


class _Drop(NamedTuple):
    """Rows of one raw table that a contract or a type turned away."""

    position: int
    rows: pa.Array  # boolean mask
    column: str | None
    reason: str


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
        self.targets: dict[tuple[str, Path], _Target] = {}
        self.declared: dict[str, Table] = {}
        self.created = {name for name in schema.names if _seen_data(schema.table(name))}

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
        known = self.schema.table(name)
        names = NameMap.of_columns(self.schema, known or Table(name), fold=not self.caps.case_sensitive)
        columns = {names.column((key,)): column for key, column in hints.columns.items()}
        columns = {key: column.with_(name=key) for key, column in columns.items()}
        declare(self.schema, _remembering(hints.with_(name=name, columns=columns), names))
        self.declared[raw_name] = hints
        for key in [key for key in self.targets if key[0] == raw_name]:
            del self.targets[key]

    def shape(self, raw_name: str, max_nesting: int | None) -> Shape:
        """What the shredder must know to take rows of a table apart."""
        deepest = DEEPEST if max_nesting is None else max_nesting
        if self.caps.max_table_nesting is not None:
            deepest = min(deepest, self.caps.max_table_nesting)

        def keeps_json(table: Path, column: Path) -> bool:
            known = self.column_at(raw_name, table, column)
            if known is not None and known.data_type is not None:
                return known.data_type == "json"
            return bool(self.schema.preferred_types) and self.schema.preferred_type(column[-1]) == "json"

        def wraps(table: Path, column: Path) -> bool:
            child = self.schema.table(self.table_name(raw_name, table + column)) if self.has_children else None
            return child is not None and child.parent is not None and self.column_at(raw_name, table, column) is None

        return Shape(deepest, keeps_json, wraps)

    @property
    def has_children(self) -> bool:
        return any(table.parent for table in map(self.schema.table, self.schema.names) if table)

    def column_at(self, raw_name: str, table: Path, column: Path) -> Column | None:
        target = self.targets.get((raw_name, table))
        if target is None:
            known = self.schema.table(self.table_name(raw_name, table))
            if known is None:
                return None
            names = NameMap.of_columns(self.schema, known, fold=not self.caps.case_sensitive)
            return known.columns.get(names.column(column))
        return target.table.columns.get(target.names.column(column))

    def target(self, batch: Batch, raw: Raw) -> _Target:
        target = self.targets.get((batch.table, raw.path))
        if target is not None:
            target.table = self.schema.table(target.name) or target.table
            return target
        name = self.table_name(batch.table, raw.path)
        known = self.schema.table(name)
        if known is None:
            own = batch.nested_hints.get(raw.path)
            parent = None if raw.parent is None or _stands_alone(own) else self.target(batch, batch.tables[raw.parent]).name
            known = declare(self.schema, (own or Table(name)).with_(name=name, parent=parent))
        names = NameMap.of_columns(self.schema, known, fold=not self.caps.case_sensitive)
        hints = batch.hints.columns if raw.parent is None else {}
        declared = {key: known.columns[key] for key in (names.column((key,)) for key in hints) if key in known.columns}
        contract = self.schema.resolve_contract_settings_for_table(name)
        target = _Target(name, known.parent, names, known, declared, contract, name not in self.created)
        self.targets[batch.table, raw.path] = target
        return target

    # ---- batches

    def __call__(self, batch: Batch) -> Iterator[Shard]:
        """The shards of a batch, parents before children."""
        self.declare(batch.table, batch.hints)
        for raw in batch.tables:
            if raw.rows:
                self.ledger.add(self.table_name(batch.table, raw.path), "extracted", raw.rows)
        batch = self.dropped(batch, self.refused_tables(batch))
        while True:
            placed, drops = self.place_all(batch)
            if not drops:
                break
            batch = self.dropped(batch, drops)
        yield from self.shards(batch, placed)
        if (shard := self.quarantine.shard()) is not None:
            yield shard

    def refused_tables(self, batch: Batch) -> list[_Drop]:
        """All rows of new tables that the contract does not let in."""
        drops = []
        for position, raw in enumerate(batch.tables):
            name = self.table_name(batch.table, raw.path)
            if not raw.rows or name in self.created:
                continue
            known = self.schema.table(name)
            near = name if known is not None else self.table_name(batch.table)
            mode = self.schema.resolve_contract_settings_for_table(near)["tables"]
            if mode == "freeze":
                row = rows_of(batch.tables, position, [0])[0]
                raise self.violation(name, None, "tables", mode, row, "a new table")
            if mode != "evolve" and not any(drop.position == raw.parent for drop in drops):
                drops.append(_Drop(position, pa.repeat(pa.scalar(True), raw.rows), None, "contract_tables"))
        return drops

    def dropped(self, batch: Batch, drops: list[_Drop]) -> Batch:
        """The batch without the dropped rows and what is nested in them, which go to the quarantine."""
        for position in sorted({drop.position for drop in drops}):
            mine = [drop for drop in drops if drop.position == position]
            raw = batch.tables[position]
            name = self.table_name(batch.table, raw.path)
            gone = pa.repeat(pa.scalar(False), raw.rows)
            for drop in mine:
                fresh = pc.and_not(drop.rows, gone)
                numbers = [row for row, bad in enumerate(fresh.to_pylist()) if bad]
                rows = rows_of(batch.tables, position, numbers)
                self.quarantine.add(name, drop.column, drop.reason, rows, [batch.start + row for row in numbers])
                gone = pc.or_(gone, drop.rows)
            tables, lost = without(batch.tables, position, pc.invert(gone))
            for number, rows_lost in lost.items():
                if rows_lost:
                    self.ledger.add(self.table_name(batch.table, tables[number].path), "quarantined", rows_lost)
            batch = batch._replace(tables=tables)
            if len({drop.position for drop in drops}) > 1:  # masks of other tables count rows that may be gone now
                return batch
        return batch

    def place_all(self, batch: Batch) -> tuple[list[_Placed], list[_Drop]]:
        """The columns of all tables under their final names; when rows must be dropped first, the schema is untouched."""
        placed: list[_Placed] = []
        drops: list[_Drop] = []
        for position, raw in enumerate(batch.tables):
            mine = _Placed()
            placed.append(mine)
            if raw.rows or raw.parent is None:
                target = self.target(batch, raw)
                for column in _by_first(raw.columns):
                    self.place(batch, position, target, column, mine, drops)
                self.check_nulls(position, raw, target, mine, drops)
        if not drops:
            for raw, mine in zip(batch.tables, placed, strict=True):
                if mine.wanted:
                    target = self.target(batch, raw)
                    target.table = add_columns(self.schema, target.name, mine.wanted.values())
        return placed, drops

    def place(
        self, batch: Batch, position: int, target: _Target, column: RawColumn, mine: _Placed, drops: list[_Drop]
    ) -> None:
        path, data, kind, _ = column
        key = (path, kind, data.type)
        name = target.decided.get(key)
        if name is not None:
            mine.put(name, data)
            return
        name = target.names.column(path)
        if kind is None:
            self.place_nulls(batch, position, target, name, path, mine)
            return
        if name in SYSTEM and batch.nested and self.reserved(name, target, column, mine):
            return
        known = mine.wanted.get(name) or target.table.columns.get(name)
        if known is None or known.data_type is None:
            if not target.is_new and not self.admits(batch, position, target, name, "columns", data.is_valid(), drops):
                return
            learned = column_for(self.schema, name, kind, data, self.caps)
            known = learned if known is None else _typed(known, learned)
            mine.wanted[name] = known
        fitted, bad = fit(data, kind, known, arrow_type(known, self.caps), declared=name in target.declared)
        if bad is None:
            if fitted is data:
                target.decided[key] = name
            mine.put(name, fitted)
            return
        mine.put(name, fitted)
        if self.admits(batch, position, target, name, "data_type", bad, drops):
            self.place_variant(batch, position, target, column, bad, mine, drops)

    def place_variant(
        self, batch: Batch, position: int, target: _Target, column: RawColumn, bad: pa.Array, mine: _Placed, drops: list[_Drop]
    ) -> None:
        """Values that do not fit their column go to a column named after their type; what fits none there, to text."""
        data = pc.if_else(bad, column.data, pa.scalar(None, column.data.type))
        kind = str(column.kind)
        for attempt in dict.fromkeys((kind, "text")):
            name = target.names.variant(column.path, attempt)
            known = mine.wanted.get(name) or target.table.columns.get(name)
            if known is None or known.data_type is None:
                learned = column_for(self.schema, name, kind, data, self.caps) if attempt == kind else Column(name, "text")
                known = learned.with_(name=name, data_type=attempt if attempt == "text" else learned.data_type, variant=True)
                mine.wanted[name] = known
            fitted, still = fit(data, kind, known, arrow_type(known, self.caps))
            mine.put(name, fitted)
            if still is None:
                return
            data = pc.if_else(still, data, pa.scalar(None, data.type))
        drops.append(_Drop(position, data.is_valid(), name, "no_type"))

    def place_nulls(self, batch: Batch, position: int, target: _Target, name: str, path: Path, mine: _Placed) -> None:
        """A column that has only nulls exists, without a type, unless a nested table stands for it."""
        if name in target.table.columns or name in mine.wanted or name in SYSTEM:
            return
        child = self.schema.table(self.table_name(batch.table, batch.tables[position].path + path))
        frozen = not target.is_new and target.contract["columns"] != "evolve"
        if child is None and not frozen:
            mine.wanted[name] = Column(name).with_(**self.schema.default_hints_for(name))

    def reserved(self, name: str, target: _Target, column: RawColumn, mine: _Placed) -> bool:
        """Values that the data brings for a column of dlt's own: row ids that are unique are used; everything else is
        kept in a variant column, so that keys stay keys. True when that is done."""
        root = target.parent is None
        if name not in ((ID, LOAD_ID) if root else (ID, PARENT_ID, ROOT_ID, LIST_IDX)):
            return False
        data, kind = column.data, str(column.kind)
        if name == ID and kind == "text" and data.null_count == 0 and len(data.unique()) == len(data):
            mine.ids = data
            return True
        variant = target.names.variant(column.path, kind)
        known = target.table.columns.get(variant) or Column(variant, kind, variant=True)
        fitted, bad = fit(data, kind, known, arrow_type(known, self.caps))
        if bad is None:
            mine.wanted[variant] = known
            mine.put(variant, fitted)
            logger.warning("Table %s: values for %s came with the data; they are kept in %s.", target.name, name, variant)
        return bad is None

    def admits(
        self, batch: Batch, position: int, target: _Target, name: str, entity: str, rows: pa.Array, drops: list[_Drop]
    ) -> bool:
        """Whether the contract lets a new column or a value of another type in."""
        mode = target.contract[entity]
        if mode == "evolve":
            return True
        numbers = [row for row, bad in enumerate(rows.to_pylist()) if bad]
        if not numbers:
            return False
        if mode == "freeze":
            what = "a new column" if entity == "columns" else "a value of another type"
            row = rows_of(batch.tables, position, numbers[:1])[0]
            raise self.violation(target.name, name, entity, mode, row, what)
        if mode == "discard_row":
            drops.append(_Drop(position, rows, name, f"contract_{entity}"))
        else:
            originals = rows_of(batch.tables, position, numbers)
            positions = [batch.start + row for row in numbers]
            self.quarantine.add(target.name, name, f"contract_{entity}", originals, positions, whole_row=False)
        return False

    def check_nulls(self, position: int, raw: Raw, target: _Target, mine: _Placed, drops: list[_Drop]) -> None:
        """Rows without a value where there must be one; rows that only delete need no more than their key."""
        for name, column in target.declared.items():
            if column.nullable or name in SYSTEM:
                continue
            data = mine.arrays.get(name)
            empty = pa.repeat(pa.scalar(True), raw.rows) if data is None else data.is_null()
            if not column.primary_key and (deletes := self.deleting(target, mine)) is not None:
                empty = pc.and_not(empty, deletes)
            if pc.any(empty).as_py():
                drops.append(_Drop(position, empty, name, "null_value"))

    def deleting(self, target: _Target, mine: _Placed) -> pa.Array | None:
        for name in target.table.keys("hard_delete"):
            data = mine.arrays.get(name)
            if data is not None:
                return pc.fill_null(data, False) if pa.types.is_boolean(data.type) else data.is_valid()
        return None

    def violation(self, table: str, column: str | None, entity: str, mode: str, row: Any, what: str) -> ContractViolation:
        return ContractViolation(
            f"The data brings {what}, and the contract is to {mode} {entity.replace('_', ' ')}s.".replace("ss.", "s."),
            table_name=table,
            column_name=column,
            schema_entity=entity,
            contract_mode=mode,
            schema_name=self.schema.name,
            data_item=json_text(row)[:500],
            hint=f'let it in with schema_contract={{"{entity}": "evolve"}}, or keep such rows aside with "discard_row"',
        )

    # ---- shards

    def shards(self, batch: Batch, placed: list[_Placed]) -> Iterator[Shard]:
        ids: list[pa.Array | None] = []
        roots: list[pa.Array | None] = []
        for raw, mine in zip(batch.tables, placed, strict=True):
            target = self.target(batch, raw)
            self.created.add(target.name)
            if not raw.rows:
                ids.append(None)
                roots.append(None)
                continue
            own, root = self.mark(batch, raw, target, mine, ids, roots)
            ids.append(own)
            roots.append(root)
            missing = [SYSTEM[name] for name in mine.arrays if name in SYSTEM and name not in target.table.columns]
            if missing:
                target.table = add_columns(self.schema, target.name, missing)
            self.remember(target)
            yield Shard(target.name, target.parent, self.record_batch(target, mine, raw.rows))

    def mark(
        self, batch: Batch, raw: Raw, target: _Target, mine: _Placed, ids: list[pa.Array | None], roots: list[pa.Array | None]
    ) -> tuple[pa.Array | None, pa.Array | None]:
        """Add dlt's own columns; returns the row ids and the ids of the root rows."""
        root_table = self.schema.table(self.table_name(batch.table))
        assert root_table is not None
        strategy = merge_strategy(root_table)
        arrays = mine.arrays
        if target.parent is not None:
            assert raw.parent is not None
            parent_ids, root_ids = ids[raw.parent], roots[raw.parent]
            assert parent_ids is not None
            parents = parent_ids.take(raw.parent_row)
            root = parents if raw.parent == 0 else root_ids and root_ids.take(raw.parent_row)
            if self.keeps_root(root_table, target):
                arrays[ROOT_ID] = root
            arrays[PARENT_ID], arrays[LIST_IDX] = parents, raw.list_idx
            fixed = strategy in KEYED or strategy == "scd2"
            own = nested_ids(parents, target.name, raw.list_idx) if fixed else random_ids(raw.rows)
            arrays[ID] = own
            return own, root
        with_id = self.options.row_ids if batch.nested else self.options.arrow_row_ids
        with_load = self.options.load_ids if batch.nested else self.options.arrow_load_ids
        if with_load:
            zeros = pa.repeat(pa.scalar(0, pa.int8()), raw.rows)
            arrays[LOAD_ID] = pa.DictionaryArray.from_arrays(zeros, pa.array([self.load_id]))
        versioned = strategy == "scd2" and not any("x-row-version" in c.extra for c in target.table.columns.values() if c.name != ID)
        if not (with_id or versioned or len(batch.tables) > 1):
            return None, None
        keys = [name for name in target.table.keys("primary_key") if name in arrays]
        if mine.ids is not None:
            own = mine.ids
        elif versioned:
            own = row_ids(rows_of(batch.tables))
        elif strategy in KEYED and keys:
            own = key_ids(keys, [arrays[name] for name in keys])
        else:
            own = random_ids(raw.rows)
        arrays[ID] = own
        return own, own

    def keeps_root(self, root: Table, target: _Target) -> bool:
        wanted = self.schema.root_key
        if wanted is not None:
            return wanted
        return root.write_disposition == "merge" or ROOT_ID in target.table.columns

    def record_batch(self, target: _Target, mine: _Placed, rows: int) -> pa.RecordBatch:
        columns = target.table.columns
        fields = [
            pa.field(name, data.type, metadata=JSON_FIELD if columns[name].data_type == "json" else None)
            for name, data in mine.arrays.items()
        ]
        if not fields:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))
        return pa.RecordBatch.from_arrays(list(mine.arrays.values()), schema=pa.schema(fields))

    def remember(self, target: _Target) -> None:
        """Note in the schema that the table has data, and which keys its names were made of."""
        noted = dict(target.table.extra.get("x-normalizer") or {})
        names = target.names.to_record()
        if not noted.get("seen-data") or noted.get("names", {}) != names:
            noted["seen-data"] = True
            if names:
                noted["names"] = names
            target.table = target.table.with_(extra={**target.table.extra, "x-normalizer": noted})
            self.schema.put(target.table)
        for text in target.names.collisions:
            logger.warning("Table %s: %s", target.name, text)
        target.names.collisions.clear()


def merge_strategy(table: Table) -> str | None:
    """The merge strategy of a root table; None when it is not merged."""
    if table.write_disposition != "merge":
        return None
    return str(table.extra.get("x-merge-strategy") or "delete-insert")


def _remembering(table: Table, names: NameMap) -> Table:
    record = names.to_record()
    return table.with_(extra={**table.extra, "x-normalizer": {"names": record}}) if record else table


def _seen_data(table: Table | None) -> bool:
    return table is not None and bool((table.extra.get("x-normalizer") or {}).get("seen-data"))


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
