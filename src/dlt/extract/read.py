"""Items -> batches: collects rows per table until a batch is worth shredding; Arrow and frames pass through."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dlt.arrow.ids import row_ids
from dlt.arrow.interop import batches_of, is_columnar, raw_of
from dlt.arrow.json_lines import JsonLines
from dlt.arrow.shred import Shape, shred
from dlt.arrow.values import NoneType, plain_converter
from dlt.items import CONTENT, CONTENT_WAS, ArrowRows, Batch, JsonRows, Raw, RawColumn, RefusedRows
from dlt.schema.model import ID, Table

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger
    from dlt.quarantine import Quarantine

FIRST_ROWS = 200  # rows of the first batch of a table; the next ones are made as large as their bytes allow
BATCH_BYTES = 1 << 20  # Arrow data of one batch: its rows take ten times that, and should stay in the cache
LARGE_BATCH_BYTES = 16 << 20  # of a batch of few but large rows
FEW_ROWS = 2_000
MOST_ROWS = 61_440
MOST_CELLS = 4 << 20  # rows x columns
PAUSE_ROWS = 1_000  # after so many rows the garbage collector is told not to look at them
ALL_ROWS = 200_000  # rows of all tables that wait

Place = tuple[str, Table, Mapping[tuple[str, ...], Table], "int | None"]  # table, hints, nested hints, max nesting


class _Rows:
    """Rows of one table that wait to be shredded."""

    __slots__ = ("limit", "lines", "place", "rows", "start")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: list[Any] = []
        self.start = 0
        self.limit = FIRST_ROWS
        self.lines: JsonLines | None = None


class Reader:
    """Makes batches of items."""

    def __init__(
        self,
        table_name: Callable[[str], str],
        shape: Callable[[str, Table, int | None], Shape],
        ledger: Ledger,
        quarantine: Quarantine,
    ) -> None:
        self.table_name, self.shape, self.ledger, self.quarantine = table_name, shape, ledger, quarantine
        self.waiting: dict[str, _Rows] = {}
        self.garbage = _Garbage()

    def read(self, placed: Iterable[tuple[Place, Any]]) -> Iterator[Batch]:
        """Batches of items, each with the place it goes to. An item is a row, a list of rows, an Arrow table or a frame.
        An empty list makes a batch without rows: the table must be there."""
        last: Place | None = None
        rows: list[Any] = []
        stop = 0
        with self.garbage:
            for place, item in placed:
                if type(item) is dict and place is last:  # by far the most frequent case
                    rows.append(item)
                    if len(rows) < stop:
                        continue
                    yield from self.full(self.waiting[place[0]])
                else:
                    yield from self.item(place, item)
                waiting = self.waiting.get(place[0])
                if waiting is not None:
                    last, rows = place, waiting.rows
                    stop = min(waiting.limit, len(rows) + PAUSE_ROWS)
            for waiting in list(self.waiting.values()):
                yield from self.flush(waiting)

    def item(self, place: Place, item: Any) -> Iterator[Batch]:
        if type(item) is RefusedRows:
            self.refuse(place, item)
        elif type(item) is JsonRows:
            yield from self.json(place, item)
        elif type(item) is not list:
            if type(item) is not dict and is_columnar(item):
                yield from self.columnar(place, item)
            else:
                yield from self.add(place, [item])
        elif not item:
            yield self.no_rows(place)
        elif is_columnar(item[0]):
            for one in item:
                yield from self.columnar(place, one)
        else:
            yield from self.add(place, item)

    def refuse(self, place: Place, rows: RefusedRows) -> None:
        """Keep rows that their model does not let in."""
        name = self.table_name(place[0])
        self.ledger.add(name, "extracted", len(rows))
        self.ledger.add(name, "quarantined", len(rows))
        for row, (position, column, detail) in zip(self.plain_rows(place, rows), rows.why, strict=True):
            self.quarantine.add(name, column, rows.reason, [row], [position], detail, hints=place[1])

    def no_rows(self, place: Place) -> Batch:
        """A batch without rows and columns says that its table must be there."""
        table, hints, nested_hints, _ = place
        return Batch(table, hints, [Raw((), [], 0)], 0, nested=True, nested_hints=nested_hints)

    def add(self, place: Place, rows: list[Any]) -> Iterator[Batch]:
        """Take rows in; a page may be much longer than a batch should be."""
        waiting = self.waiting.get(place[0])
        if waiting is None:
            waiting = self.waiting[place[0]] = _Rows(place)
        elif waiting.place[1] is not place[1]:
            yield from self.flush(waiting)
            waiting.place = place
        if set(map(type, rows)) != {dict}:
            rows = self.plain_rows(place, rows)
        start = 0
        while start < len(rows):
            end = start + waiting.limit - len(waiting.rows)
            waiting.rows += rows[start:end] if start or end < len(rows) else rows
            start = end
            yield from self.full(waiting)

    def full(self, waiting: _Rows) -> Iterator[Batch]:
        """Make a batch of rows that are enough for one; otherwise keep the garbage collector away from them."""
        if len(waiting.rows) >= waiting.limit:
            yield from self.flush(waiting)
        elif sum(len(one.rows) for one in self.waiting.values()) >= ALL_ROWS:
            yield from self.flush(max(self.waiting.values(), key=lambda one: len(one.rows)))
        else:
            self.garbage.ignore(len(waiting.rows))

    def plain_rows(self, place: Place, rows: list[Any]) -> list[Any]:
        """Rows as dicts: objects by their fields, anything else as the column `value`; None is no row."""
        out = []
        for row in rows:
            kind: Any = type(row)
            made = row
            if kind is NoneType:
                self.ledger.add(self.table_name(place[0]), "extracted", 1)
                self.ledger.add(self.table_name(place[0]), "filtered", 1)
                continue
            if kind is not dict and kind not in (str, int, float, bool, bytes, list):
                try:
                    plain = plain_converter(kind)(row)
                except Exception:  # noqa: BLE001 - code of the user's own type; the shredder says which row it was
                    plain = row
                made = plain if isinstance(plain, dict) else row
            out.append(made if isinstance(made, dict) else {"value": made})
        return out

    def flush(self, waiting: _Rows) -> Iterator[Batch]:
        if waiting.rows:
            rows, waiting.rows = waiting.rows, []
            batch = self.batch(waiting, rows)
            del rows  # they need not wait until the batch is written
            self.garbage.look()
            yield batch

    def batch(self, waiting: _Rows, rows: list[Any]) -> Batch:
        table, hints, nested_hints, max_nesting = waiting.place
        shape = self.shape(table, hints, max_nesting)
        tables, bad = shred(rows, shape)
        positions = None
        if bad:
            tables, positions = self.without_bad(table, hints, rows, waiting.start, shape)
        if versioned(hints):
            came = rows if positions is None else [rows[position - waiting.start] for position in positions]
            ids = [RawColumn(CONTENT, row_ids(came), "text", 0)]
            if any(None in row.values() for row in came):
                ids.append(RawColumn(CONTENT_WAS, row_ids(came, with_nulls=True), "text", 0))
            tables[0] = tables[0]._replace(columns=[*tables[0].columns, *ids])
        batch = Batch(table, hints, tables, waiting.start, True, nested_hints, positions)
        waiting.start += len(rows)
        waiting.limit = _next_limit(waiting.limit, len(rows), tables)
        return batch

    def without_bad(
        self, table: str, hints: Table, rows: list[Any], start: int, shape: Shape
    ) -> tuple[list[Raw], list[int]]:
        """Shred again without the rows that hold values which no column can take; those go to the quarantine. Returns the
        tables and the positions of the rows that stay."""
        left = list(enumerate(rows, start))
        name = self.table_name(table)
        while True:
            tables, bad = shred([row for _, row in left], shape)
            if not bad:
                return tables, [position for position, _ in left]
            why: dict[int, Any] = {}
            for one in bad:
                why.setdefault(one.row, one)
            for number, one in why.items():
                position, row = left[number]
                column = "__".join(one.path)
                self.quarantine.add(name, column, one.reason, [row], [position], one.detail, hints=hints)
            self.ledger.add(name, "extracted", len(why))
            self.ledger.add(name, "quarantined", len(why))
            left = [pair for number, pair in enumerate(left) if number not in why]

    def columnar(self, place: Place, item: Any) -> Iterator[Batch]:
        table, hints, nested_hints, _ = place
        waiting = self.waiting.get(table)
        if waiting is None:
            waiting = self.waiting[table] = _Rows(place)
        if waiting.rows:
            yield from self.flush(waiting)
        are_rows = isinstance(item, ArrowRows)
        if are_rows and versioned(hints):  # their ids are made of the rows
            for page in item.pages():
                yield from self.add(place, page)
            return
        for data in batches_of(item):
            yield Batch(table, hints, raw_of(data), waiting.start, nested=are_rows, nested_hints=nested_hints)
            waiting.start += data.num_rows

    def json(self, place: Place, item: JsonRows) -> Iterator[Batch]:
        """Lines of JSON: Arrow reads them when they are as those before that Python read."""
        table, hints, nested_hints, max_nesting = place
        waiting = self.waiting.get(table)
        if waiting is None:
            waiting = self.waiting[table] = _Rows(place)
        if waiting.lines is None:
            waiting.lines = JsonLines()
        elif not versioned(hints):  # whose ids are made of the rows
            yield from self.flush(waiting)  # so that their columns are there
            if raws := waiting.lines.read(item.lines, self.shape(table, hints, max_nesting)):
                yield Batch(table, hints, raws, waiting.start, nested_hints=nested_hints)
                waiting.start += item.num_rows
                return
        for page in item.pages():
            waiting.lines.learn(page)
            yield from self.add(place, page)


def versioned(table: Table) -> bool:
    """Whether the rows of a table are told apart by their content: scd2 without a column of the user's for that."""
    scd2 = table.write_disposition == "merge" and table.extra.get("x-merge-strategy") == "scd2"
    return scd2 and not any("x-row-version" in column.extra for column in table.columns.values() if column.name != ID)


class _Garbage:
    """Python's garbage collector looks at all dicts and lists again and again while rows pile up, in vain and at twice the
    price of everything else. Rows that wait are frozen: it runs, but does not look at them. A user who froze objects or
    turned the collector off is left alone."""

    def __init__(self) -> None:
        self.active, self.frozen = False, 0

    def __enter__(self) -> None:
        gil = getattr(sys, "_is_gil_enabled", lambda: True)()  # without it, freezing takes time
        self.active = gil and gc.isenabled() and not gc.get_freeze_count()

    def ignore(self, rows: int) -> None:
        """Do not look at what there is now, if that is worth it: `rows` wait."""
        if self.active and rows >= self.frozen + PAUSE_ROWS:
            self.frozen = rows
            gc.freeze()

    def look(self) -> None:
        """Look at everything again."""
        if self.active and self.frozen:
            self.frozen = 0
            gc.unfreeze()

    def __exit__(self, *_: object) -> None:
        self.look()


def _next_limit(limit: int, rows: int, tables: list[Raw]) -> int:
    """How many rows the next batch may have."""
    size: int = max(sum(column.data.get_total_buffer_size() for raw in tables for column in raw.columns), 1)
    wanted = max(BATCH_BYTES * rows // size, min(FEW_ROWS, LARGE_BATCH_BYTES * rows // size))
    by_cells = MOST_CELLS // max(len(tables[0].columns), 1) if tables else limit
    return max(20, min(wanted, by_cells, MOST_ROWS, limit * 8))
