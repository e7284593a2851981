"""The quarantine: rows and values that could not be kept as they are, with the reason and the original."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.ids import random_ids
from dlt.arrow.unshred import rows_of, without
from dlt.arrow.values import plain_converter
from dlt.errors import SchemaError
from dlt.items import Batch, Shard
from dlt.schema.model import QUARANTINE, Column, Table

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger

logger = logging.getLogger("dlt")

# reason codes
REASONS = {
    "unsupported_type": "no column can hold a value of this type",
    "invalid_unicode": "the text is not valid Unicode",
    "invalid_value": "the value cannot be stored",
    "null_value": "the column must not be null",
    "contract_tables": "the contract does not let this table in",
    "contract_columns": "the contract does not let this column in",
    "contract_data_type": "the contract does not let a value of this type in",
    "model": "the row does not fit its model",
    "file": "the file cannot be read; the row describes it",
    "no_type": "the destination has no type for this value",
    "destination": "the destination turned the row away",
    "replayed": "the row named in `detail` was loaded again",
}
ASKED = (
    "contract_tables",
    "contract_columns",
    "contract_data_type",
    "model",
    "file",
)  # the user's code says what happens then
ON_BAD_ROWS = "x-on-bad-rows"  # hint of a table, "quarantine" or "fail": goes before the setting normalize.on_bad_rows
REQUIRED = ("load_id", "table_name", "reason", "_dlt_id")
TABLE = Table(
    QUARANTINE,
    {
        name: Column(name, kind, nullable=name not in REQUIRED)
        for name, kind in (
            ("load_id", "text"),
            ("table_name", "text"),
            ("column_name", "text"),
            ("reason", "text"),
            ("detail", "text"),
            ("position", "bigint"),  # of the row, or of the root row it is nested in, among those the load got
            ("whole_row", "bool"),  # false: the row was loaded without the value of the column
            ("row", "text"),  # the original as JSON
            ("types", "text"),  # types of values that JSON does not have, by JSON pointer
            ("row_id", "text"),  # `_dlt_id` of the row that was loaded without the value
            ("parent_table", "text"),
            ("parent_id", "text"),
            ("root_id", "text"),
            ("list_idx", "bigint"),
            ("_dlt_id", "text"),
        )
    },
    resource=QUARANTINE,
    write_disposition="append",
    description="Rows and values that could not be loaded as they are. Created by dlt when needed.",
)


class Link(NamedTuple):
    """Where a row that was turned away belongs: the loaded row that lacks a value, the rows it is nested in."""

    row_id: str | None = None
    parent_table: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    list_idx: int | None = None


class Quarantine:
    """Collects what one load turns away; `shard` makes rows of the table `_dlt_quarantine` of it.

    fail: raise a SchemaError for the first bad row instead. What a contract or a model with the mode discard_row or
    discard_value turns away is kept all the same: the code asked for that.
    """

    def __init__(self, load_id: str, ledger: Ledger, *, fail: bool = False) -> None:
        self.load_id, self.ledger, self.fail = load_id, ledger, fail
        self.entries: list[dict[str, Any]] = []
        self.counts: dict[tuple[str, str | None, str], int] = {}

    def add(
        self,
        table: str,
        column: str | None,
        reason: str,
        rows: Sequence[Mapping[str, Any]],
        positions: Sequence[int | None],
        detail: str | None = None,
        *,
        whole_row: bool = True,
        links: Sequence[Link] | None = None,
        hints: Table | None = None,
    ) -> None:
        """Keep these rows (as they were yielded). With `whole_row` they are not loaded at all, and the caller's to book in
        the ledger; otherwise only the value of `column` is missing in the loaded row. `hints` may say `x-on-bad-rows`."""
        if not rows:
            return
        wanted = hints.extra.get(ON_BAD_ROWS) if hints else None
        if (self.fail if wanted is None else wanted == "fail") and reason not in ASKED:
            raise SchemaError(
                f"{REASONS[reason][0].upper()}{REASONS[reason][1:]}.",
                table=table,
                column=column,
                row=packed(rows[0])[0][:500],
                position=positions[0],
                detail=detail,
                hint="mend the data, or set normalize.on_bad_rows, or the hint x-on-bad-rows of the table, to quarantine",
            )
        self.note(table, column, reason, detail, len(rows))
        if not whole_row:
            self.ledger.add(table, "values", len(rows))
        for row, position, link in zip(rows, positions, links or [Link()] * len(rows), strict=True):
            if not self.keeps(table, column, position, link, whole_row=whole_row):
                continue
            text, types = packed(row)
            self.entries.append(
                {
                    "load_id": self.load_id,
                    "table_name": table,
                    "column_name": column,
                    "reason": reason,
                    "detail": detail,
                    "position": position,
                    "whole_row": whole_row,
                    "row": text,
                    "types": types,
                    **link._asdict(),
                }
            )

    def keeps(self, table: str, column: str | None, position: int | None, link: Link, *, whole_row: bool) -> bool:  # noqa: ARG002
        """Whether a row or value needs an entry: always, unless it has one already."""
        return True

    def note(self, table: str, column: str | None, reason: str, detail: str | None, rows: int) -> None:
        """Count, and tell the log of the first of a kind."""
        key = (table, column, reason)
        if key not in self.counts:
            logger.warning(
                "Quarantined: table %s%s: %s%s. The original rows are kept in %s.",
                table,
                f", column {column}" if column else "",
                REASONS[reason],
                f" ({detail})" if detail else "",
                QUARANTINE,
            )
        self.counts[key] = self.counts.get(key, 0) + rows

    def shard(self, *, last: bool = False) -> Shard | None:  # noqa: ARG002 - for those that know more at the end
        """The rows collected since the last call; None when there are none. last: the load has no more rows."""
        if not self.entries:
            return None
        schema = pa.schema([(name, _TYPES[str(column.data_type)]) for name, column in TABLE.columns.items()])
        ids = random_ids(len(self.entries)).to_pylist()
        data = pa.RecordBatch.from_pylist(
            [{**entry, "_dlt_id": row_id} for entry, row_id in zip(self.entries, ids, strict=True)], schema
        )
        self.ledger.add(QUARANTINE, "extracted", len(self.entries))
        self.entries = []
        return Shard(QUARANTINE, None, data)


_TYPES = {"text": pa.string(), "bigint": pa.int64(), "bool": pa.bool_()}


# ---- what of a batch is turned away


class Drop(NamedTuple):
    """Rows of one raw table that a contract or a type turned away."""

    position: int
    rows: pa.Array  # boolean mask
    column: str | None
    reason: str


class _Turned(NamedTuple):
    """The same by their numbers in the table as it came."""

    position: int
    rows: list[int]
    column: str | None
    reason: str


class Sieve:
    """A batch and what of it is turned away: rows with what is nested in them, and single values of rows that stay.

    `batch` has the rows that stay. Originals are taken from the batch as it came, so that a row that is turned away
    holds all its nested rows, also those that were turned away before it.
    """

    def __init__(self, batch: Batch) -> None:
        self.came, self.batch = batch, batch
        self.left: dict[int, pa.Array] = {}  # by position, the numbers of the rows that stay; missing: all stay
        self.rows: list[_Turned] = []
        self.values: list[_Turned] = []

    def numbers(self, position: int) -> pa.Array:
        """The numbers that the rows of a table that stay had in the table as it came."""
        found = self.left.get(position)
        return pa.array(range(self.came.tables[position].rows), pa.int64()) if found is None else found

    def drop(self, drops: Sequence[Drop]) -> None:
        """Take rows away, parents before children."""
        passed: dict[int, list[pa.Array]] = {}
        for position in sorted({drop.position for drop in drops}):
            gone = pa.repeat(pa.scalar(False), self.batch.tables[position].rows)
            for drop in drops:
                if drop.position == position:
                    mask = drop.rows
                    for keep in passed.get(position, ()):
                        mask = mask.filter(keep)
                    self.note(self.rows, position, pc.and_not(mask, gone), drop.column, drop.reason)
                    gone = pc.or_(gone, mask)
            tables, keeps = without(self.batch.tables, position, pc.invert(gone))
            self.batch = self.batch._replace(tables=tables)
            for number, keep in keeps.items():
                self.left[number] = self.numbers(number).filter(keep)
                passed.setdefault(number, []).append(keep)

    def note(self, turned: list[_Turned], position: int, mask: pa.Array, column: str | None, reason: str) -> None:
        """Remember rows, or rows that lose a value, of the table as it is now."""
        turned.append(_Turned(position, self.numbers(position).filter(mask).to_pylist(), column, reason))

    def first(self, position: int, mask: pa.Array) -> tuple[dict[str, Any], int]:
        """The first of these rows, as it was yielded, and the position of its root row."""
        number = self.numbers(position)[pc.index(mask, True).as_py()].as_py()
        return rows_of(self.came.tables, position, [number])[0], self.place(position, number)

    def place(self, position: int, number: int) -> int:
        """The position of a row, or of the root row it is nested in, among all rows that the load got for the table."""
        raw = self.came.tables[position]
        while raw.parent is not None and raw.parent_row is not None:
            number = raw.parent_row[number].as_py()
            raw = self.came.tables[raw.parent]
        known = self.came.positions
        return self.came.start + number if known is None else known[number]

    def settle(
        self,
        quarantine: Quarantine,
        name_of: Callable[[int], str],
        ids: Sequence[pa.Array | None],
        roots: Sequence[pa.Array | None],
        hints: Callable[[int], Table],
    ) -> None:
        """Hand everything over to the quarantine. ids, roots: by position, the row ids of the rows that stay and those of
        their root rows."""
        staying: dict[int, dict[int, int]] = {}

        def index(position: int, number: int) -> int | None:
            if position not in staying:
                staying[position] = {n: i for i, n in enumerate(self.numbers(position).to_pylist())}
            return staying[position].get(number)

        def at(arrays: Sequence[pa.Array | None], position: int, row: int | None) -> str | None:
            array = arrays[position] if position < len(arrays) else None
            return None if array is None or row is None else array[row].as_py()

        for turned, whole_row in [(one, True) for one in self.rows] + [(one, False) for one in self.values]:
            position, raw = turned.position, self.came.tables[turned.position]
            numbers, links = [], []
            for number in turned.rows:
                own = None if whole_row else at(ids, position, index(position, number))
                link = Link(row_id=own)
                if raw.parent is not None and raw.parent_row is not None and raw.list_idx is not None:
                    above = index(raw.parent, raw.parent_row[number].as_py())
                    if above is None:
                        continue  # the row it is nested in is turned away too, and holds it
                    parent_id, root_id = at(ids, raw.parent, above), at(roots, raw.parent, above)
                    link = Link(own, name_of(raw.parent), parent_id, root_id, raw.list_idx[number].as_py())
                numbers.append(number)
                links.append(link)
            quarantine.add(
                name_of(position),
                turned.column,
                turned.reason,
                rows_of(self.came.tables, position, numbers),
                [self.place(position, number) for number in numbers],
                whole_row=whole_row,
                links=links,
                hints=hints(position),
            )


# ---- originals as JSON

DEEPEST = 400
WRITERS: dict[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]] = {
    "decimal": (decimal.Decimal, str, decimal.Decimal),
    "timestamp": (dt.datetime, dt.datetime.isoformat, dt.datetime.fromisoformat),
    "date": (dt.date, dt.date.isoformat, dt.date.fromisoformat),
    "time": (dt.time, dt.time.isoformat, dt.time.fromisoformat),
    "binary": (bytes, lambda value: base64.b64encode(value).decode(), base64.b64decode),
}


def packed(row: Mapping[str, Any]) -> tuple[str, str | None]:
    """A row as JSON that people read, and, as JSON too, the types of the values that JSON does not have, by JSON pointer.

    A lone surrogate stays an escape. What no JSON can hold is written as Python prints it.
    """
    types: dict[str, str] = {}
    text = json.dumps(_plain(row, "", types), ensure_ascii=False, separators=(",", ":"))
    found = json.dumps(types, ensure_ascii=False, separators=(",", ":")) if types else None
    return _readable(text), None if found is None else _readable(found)


def unpacked(text: str, types: str | None) -> Any:
    """The row of `packed`."""
    row = json.loads(text)
    for pointer, kind in (json.loads(types) if types else {}).items():
        keys: list[Any] = [key.replace("~1", "/").replace("~0", "~") for key in pointer.split("/")[1:]]
        place = row
        for key in keys[:-1]:
            place = place[int(key) if isinstance(place, list) else key]
        last = int(keys[-1]) if isinstance(place, list) else keys[-1]
        place[last] = float(place[last]) if kind == "double" else WRITERS[kind][2](place[last])
    return row


def _plain(value: Any, pointer: str, types: dict[str, str], depth: int = 0) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        if value - value == 0:
            return value
        types[pointer] = "double"
        return str(value)
    if getattr(value, "nanosecond", 0):  # finer than what Python's own timestamps hold
        return value.isoformat()
    for kind, (of, write, _) in WRITERS.items():
        if isinstance(value, of):
            types[pointer] = kind
            return write(value)
    if depth > DEEPEST:
        return f"a {type(value).__name__}, nested too deeply"
    if isinstance(value, Mapping):
        texts = {str(key): item for key, item in value.items()}
        return {key: _plain(item, f"{pointer}/{_escaped(key)}", types, depth + 1) for key, item in texts.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, f"{pointer}/{number}", types, depth + 1) for number, item in enumerate(value)]
    kind_of: Any = type(value)
    try:
        made = plain_converter(kind_of)(value)
    except Exception:  # noqa: BLE001 - code of the user's own type; it is the reason why the row is here
        return repr(value)
    return _plain(made, pointer, types, depth + 1)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _readable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
