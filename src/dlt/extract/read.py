"""Items -> batches: collects rows per table until a batch is worth shredding; Arrow and frames pass through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dlt.arrow.interop import batches_of, is_columnar, raw_of
from dlt.arrow.shred import Shape, shred
from dlt.arrow.values import NoneType, Unsupported, json_text, plain_converter
from dlt.items import Batch, Raw
from dlt.schema.model import Table

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger
    from dlt.quarantine import Quarantine

FIRST_ROWS = 2_000  # rows of the first batch of a table; the next ones are made as large as their bytes allow
BATCH_BYTES = 12 << 20  # Arrow data of one batch; the rows it is made of take several times that
MOST_ROWS = 61_440
MOST_CELLS = 4 << 20  # rows x columns
ALL_ROWS = 200_000  # rows of all tables that wait

Place = tuple[str, Table, Mapping[tuple[str, ...], Table], "int | None"]  # table, hints, nested hints, max nesting


class _Rows:
    """Rows of one table that wait to be shredded."""

    __slots__ = ("limit", "place", "rows", "start")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rows: list[Any] = []
        self.start = 0
        self.limit = FIRST_ROWS


class Reader:
    """Makes batches of items."""

    def __init__(
        self,
        table_name: Callable[[str], str],
        shape: Callable[[str, int | None], Shape],
        ledger: Ledger,
        quarantine: Quarantine,
    ) -> None:
        self.table_name, self.shape, self.ledger, self.quarantine = table_name, shape, ledger, quarantine
        self.waiting: dict[str, _Rows] = {}
        self.rows = 0

    def read(self, placed: Iterable[tuple[Place, Any]]) -> Iterator[Batch]:
        """Batches of items, each with the place it goes to. An item is a row, a list of rows, an Arrow table or a frame.
        An empty list makes a batch without rows: the table must be there."""
        for place, item in placed:
            if type(item) is list:
                if not item:
                    yield self.no_rows(place)
                    continue
                if is_columnar(item[0]):
                    for one in item:
                        yield from self.columnar(place, one)
                else:
                    yield from self.add(place, item)
            elif type(item) is not dict and is_columnar(item):
                yield from self.columnar(place, item)
            else:
                yield from self.add(place, [item])
        for waiting in list(self.waiting.values()):
            yield from self.flush(waiting)

    def no_rows(self, place: Place) -> Batch:
        """A batch without rows and columns says that its table must be there."""
        table, hints, nested_hints, _ = place
        return Batch(table, hints, [Raw((), [], 0)], 0, nested=True, nested_hints=nested_hints)

    def add(self, place: Place, rows: list[Any]) -> Iterator[Batch]:
        waiting = self.waiting.get(place[0])
        if waiting is None:
            waiting = self.waiting[place[0]] = _Rows(place)
        elif waiting.place[1] is not place[1]:
            yield from self.flush(waiting)
            waiting.place = place
        if set(map(type, rows)) != {dict}:
            rows = self.plain_rows(place, rows)
        waiting.rows += rows
        self.rows += len(rows)
        if len(waiting.rows) >= waiting.limit:
            yield from self.flush(waiting)
        elif self.rows >= ALL_ROWS:
            yield from self.flush(max(self.waiting.values(), key=lambda one: len(one.rows)))

    def plain_rows(self, place: Place, rows: list[Any]) -> list[Any]:
        """Rows as dicts: objects by their fields, anything else as the column `value`; None is no row."""
        out = []
        for row in rows:
            kind = type(row)
            if kind is NoneType:
                self.ledger.add(self.table_name(place[0]), "extracted", 1)
                self.ledger.add(self.table_name(place[0]), "filtered", 1)
                continue
            if kind is not dict and kind not in (str, int, float, bool, bytes, list):
                try:
                    plain = plain_converter(kind)(row)
                except Unsupported:
                    plain = row
                row = plain if isinstance(plain, dict) else row
            out.append(row if isinstance(row, dict) else {"value": row})
        return out

    def flush(self, waiting: _Rows) -> Iterator[Batch]:
        rows = waiting.rows
        start = 0
        while start < len(rows):  # a page may be much longer than a batch should be
            part = rows[start : start + waiting.limit] if len(rows) > 2 * waiting.limit else rows[start:]
            yield self.batch(waiting, part)
            start += len(part)
        self.rows -= len(rows)
        waiting.rows = []

    def batch(self, waiting: _Rows, rows: list[Any]) -> Batch:
        table, hints, nested_hints, max_nesting = waiting.place
        shape = self.shape(table, max_nesting)
        tables, bad = shred(rows, shape)
        if bad:
            tables = self.without_bad(table, rows, waiting.start, shape)
        batch = Batch(table, hints, tables, waiting.start, nested=True, nested_hints=nested_hints)
        waiting.start += len(rows)
        waiting.limit = _next_limit(waiting.limit, len(rows), tables)
        return batch

    def without_bad(self, table: str, rows: list[Any], start: int, shape: Shape) -> list[Raw]:
        """Shred again without the rows that hold values which no column can take; those go to the quarantine."""
        left = list(enumerate(rows, start))
        name = self.table_name(table)
        while True:
            tables, bad = shred([row for _, row in left], shape)
            if not bad:
                return tables
            why = {}
            for one in bad:
                why.setdefault(one.row, one)
            for number, one in why.items():
                position, row = left[number]
                self.quarantine.add(name, "__".join(one.path), one.reason, [_printable(row)], [position], one.detail)
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
        for data in batches_of(item):
            yield Batch(table, hints, raw_of(data), waiting.start, nested=False, nested_hints=nested_hints)
            waiting.start += data.num_rows


def _next_limit(limit: int, rows: int, tables: list[Raw]) -> int:
    size = sum(column.data.get_total_buffer_size() for raw in tables for column in raw.columns)
    by_bytes = BATCH_BYTES * rows // max(size, 1)
    by_cells = MOST_CELLS // max(len(tables[0].columns), 1) if tables else limit
    return max(100, min(by_bytes, by_cells, MOST_ROWS, limit * 8))


def _printable(row: Any) -> Any:
    """The row as JSON can hold it; what it cannot is written as Python prints it."""
    try:
        json_text(row)
    except (TypeError, ValueError, RecursionError):
        if isinstance(row, dict):
            return {str(key): _printable(value) for key, value in row.items()}
        if isinstance(row, (list, tuple)):
            return [_printable(value) for value in row]
        return repr(row)
    return row
