"""Loads up to the shards: reader and normaliser together, without files and destination."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dlt.arrow.marks import Options
from dlt.extract.read import Reader
from dlt.normalize import Normalizer
from dlt.package.ledger import Ledger
from dlt.quarantine import Quarantine
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import ID, LIST_IDX, LOAD_ID, PARENT_ID, QUARANTINE, ROOT_ID, ROW, Column, Table
from dlt.schema.schema import Schema

if TYPE_CHECKING:
    import pyarrow as pa

UTC = dt.UTC
CAPS = Capabilities(merge_strategies=("delete-insert", "upsert", "scd2", "insert-only"))
OWN = (ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_IDX, ROW)


class Loads:
    """Loads one after the other into one schema; what they made is kept."""

    def __init__(self, caps: Capabilities = CAPS, schema: Schema | None = None, options: Options | None = None) -> None:
        self.schema, self.caps, self.options = schema or Schema("test"), caps, options or Options()
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.shards: list[pa.RecordBatch] = []
        self.count = 0

    def load(self, *items: Any, name: str = "t", nesting: int | None = None, **hints: Any) -> Loads:
        """One run: items for one table, an item being a row, a page or a frame."""
        return self.run([(name, item) for item in items], nesting=nesting, **hints)

    def run(self, items: Sequence[tuple[str, Any]], *, nesting: int | None = None, **hints: Any) -> Loads:
        self.count += 1
        self.schema = Schema.from_dict(self.schema.to_dict())  # as if stored and read again
        ledger = Ledger()
        quarantine = Quarantine(str(self.count), ledger)
        normalizer = Normalizer(self.schema, self.caps, str(self.count), ledger, quarantine, self.options)
        reader = Reader(normalizer.table_name, normalizer.shape, ledger, quarantine)
        hints = {"write_disposition": "append", **hints}
        places = {name: (name, table(name, **hints), {}, nesting) for name, _ in items}
        for batch in reader.read((places[name], item) for name, item in items):
            for shard in normalizer(batch):
                self.take(shard.table, shard.data, ledger)
        if (rest := quarantine.shard()) is not None:
            self.take(rest.table, rest.data, ledger)
        ledger.check_written()
        return self

    def take(self, name: str, data: pa.RecordBatch, ledger: Ledger) -> None:
        ledger.add(name, "written", data.num_rows)
        data.validate(full=True)
        assert len(set(data.schema.names)) == len(data.schema.names)
        if name != QUARANTINE:
            columns = self.schema.table(name).columns
            assert set(data.schema.names) <= {*columns, ROW}
            assert all(columns[n].data_type for n in data.schema.names if n != ROW)
            self.shards.append(data)
        rows = [{key: value for key, value in row.items() if value is not None} for row in data.to_pylist()]
        self.rows.setdefault(name, []).extend(rows)

    def __getitem__(self, name: str) -> list[dict[str, Any]]:
        """The rows of a table without what dlt adds."""
        return [{key: value for key, value in row.items() if key not in OWN} for row in self.rows.get(name, [])]

    def column(self, name: str, column: str) -> Column:
        return self.schema.table(name).columns[column]

    def types(self, name: str = "t") -> dict[str, str | None]:
        return {key: column.data_type for key, column in self.schema.table(name).columns.items() if key not in OWN}

    @property
    def turned_away(self) -> list[dict[str, Any]]:
        return self.rows.get(QUARANTINE, [])


def table(name: str, columns: Mapping[str, Any] | None = None, **hints: Any) -> Table:
    made = {key: Column.from_dict({"name": key, **hint}) for key, hint in (columns or {}).items()}
    return Table(name, made, resource=name, **hints)


def only(values: Sequence[Any]) -> Any:
    [value] = values
    return value
