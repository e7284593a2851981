"""Makes load packages by hand: shard files written with pyarrow, and a function that applies steps as a run would."""

from __future__ import annotations

import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlt.arrow.files import WriterSettings, open_writer
from dlt.load.session import Destination, Load
from dlt.load.steps import Applied, Commit, Copy, Create, Step
from dlt.package.manifest import ShardFile
from dlt.schema.model import ROW, WAS, Column, Table

NOW = "2024-05-06T07:08:09.123456+00:00"
TYPES = {
    "text": pa.string(),
    "json": pa.string(),
    "bigint": pa.int64(),
    "double": pa.float64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "binary": pa.binary(),
    "decimal": pa.decimal128(38, 9),
    "wei": pa.decimal128(38, 0),
}


def table(name: str, columns: dict[str, str], **hints: Any) -> Table:
    """A table of column names and types; `keys={"id": {"primary_key": True}}` sets hints of columns."""
    keys = hints.pop("keys", {})
    made = {key: Column(key, kind, **keys.get(key, {})) for key, kind in columns.items()}
    return Table(name, made, **{"resource": None if hints.get("parent") else name, **hints})


def numbered(of: Table, *names: str) -> Table:
    """A table as it is in the files of a merge."""
    return of.with_columns([Column(ROW, "bigint"), *(Column(name, "text") for name in names)])


def number(rows: list[tuple[Table, list[dict[str, Any]]]]) -> list[tuple[Table, list[dict[str, Any]]]]:
    """The rows of a root table and of what is nested in it, with the numbers of their root rows. Nested rows belong to
    the last row with the id of their parent."""
    numbers: dict[str, dict[str, int]] = {}
    out = []
    for of, mine in rows:
        above = numbers.get(of.parent or "", {})
        marked = [{ROW: above[row["_dlt_parent_id"]] if of.parent else n, **row} for n, row in enumerate(mine)]
        numbers[of.name] = {row["_dlt_id"]: row[ROW] for row in marked if "_dlt_id" in row}
        out.append((of, marked))
    return out


class Package:
    """The files of one load, in a folder of its own."""

    def __init__(self, folder: Path, load_id: str) -> None:
        self.load_id, self.folder, self.count = load_id, folder / load_id, 0
        self.folder.mkdir(parents=True, exist_ok=True)

    def load(self) -> Load:
        return Load(self.load_id, "schema", "pipeline", str(self.folder), NOW)

    def file(self, of: Table, rows: list[dict[str, Any]] | pa.RecordBatch, form: str = "arrow") -> ShardFile:
        """Write rows; only the columns that a row has are in the file."""
        if isinstance(rows, pa.RecordBatch):
            batch = rows
        else:
            names = [name for name in of.columns if any(name in row for row in rows)]
            kinds = {name: of.columns[name].data_type or "text" for name in names}
            fields = [
                pa.field(n, TYPES[k], metadata={"dlt": "json"} if k == "json" else None) for n, k in kinds.items()
            ]
            batch = pa.RecordBatch.from_pylist([{n: row.get(n) for n in names} for row in rows], pa.schema(fields))
        self.count += 1
        path = self.folder / f"{self.count:05d}.{form}"
        writer = open_writer(path, form, batch.schema, WriterSettings())
        writer.write(batch)
        writer.close()
        data = path.read_bytes()
        return ShardFile(
            of.name, path.name, form, batch.num_rows, len(data), zlib.crc32(data), tuple(batch.schema.names)
        )

    def scratch(self, rows: list[tuple[Table, list[dict[str, Any]]]]) -> list[Copy]:
        """The copies into scratch tables that a merge reads."""
        was = [WAS] if any(WAS in row for row in rows[0][1]) else []
        pairs = [(numbered(of, *([] if of.parent else was)), mine) for of, mine in number(rows)]
        return [Copy(of, (self.file(of, mine),) if mine else (), scratch=True) for of, mine in pairs]


def loads_row(load_id: str) -> dict[str, list[dict[str, Any]]]:
    """What Commit writes into `_dlt_loads`."""
    row = {"load_id": load_id, "schema_name": "s", "status": 0, "inserted_at": NOW, "schema_version_hash": "h"}
    return {"_dlt_loads": [row]}


def apply(destination: Destination, package: Package, steps: list[Step], dataset: str = "ds") -> list[Applied]:
    """Apply steps and a Commit in one session."""
    with closing(destination.open(dataset, package.load())) as session:
        return [session.apply(step) for step in [*steps, Commit(loads_row(package.load_id))]]


def append(destination: Destination, package: Package, of: Table, rows: Any, dataset: str = "ds") -> list[Applied]:
    """Create a table and copy rows into it."""
    return apply(destination, package, [Create(of), Copy(of, (package.file(of, rows),))], dataset)


def rows_of(destination: Destination, name: str, dataset: str = "ds") -> list[dict[str, Any]]:
    """All rows of a table, as they are at the destination."""
    with closing(destination.open(dataset, None)) as session:
        return session.read(name).read_all().to_pylist()
