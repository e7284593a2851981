"""Batches on disk, for `extract` without `normalize`: one file per batch, schema-free, nothing decided yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from dlt.arrow.files import ARROW_BUFFER, Sink
from dlt.items import Batch, Raw, RawColumn
from dlt.schema.model import Table

PARENT, POSITION = "\0parent", "\0position"


def write_batch(path: Path, batch: Batch) -> tuple[int, int]:
    """Write a batch: a line of JSON that describes it, then an Arrow stream per raw table. Returns its bytes and CRC-32."""
    about = {
        "table": batch.table,
        "hints": batch.hints.to_dict(),
        "nested_hints": [[list(key), table.to_dict()] for key, table in batch.nested_hints.items()],
        "start": batch.start,
        "nested": batch.nested,
        "positions": batch.positions,
        "tables": [
            {
                "path": raw.path,
                "parent": raw.parent,
                "rows": raw.rows,
                "columns": [[column.path, column.kind, column.first] for column in raw.columns],
            }
            for raw in batch.tables
        ],
    }
    file = Sink(path)
    try:
        with pa.BufferedOutputStream(pa.PythonFile(file, "w"), ARROW_BUFFER) as sink:
            sink.write(json.dumps(about).encode() + b"\n")
            for raw in batch.tables:
                _write_raw(sink, raw)
    finally:
        file.close()
    return file.bytes, file.crc


def _write_raw(sink: Any, raw: Raw) -> None:
    arrays = [column.data for column in raw.columns]
    names = [str(number) for number in range(len(arrays))]
    if raw.parent is not None:
        arrays, names = [*arrays, raw.parent_row, raw.list_idx], [*names, PARENT, POSITION]
    if arrays:
        data = pa.RecordBatch.from_arrays(arrays, names=names)
        with pa.ipc.new_stream(sink, data.schema) as stream:
            stream.write_batch(data)


def read_batch(path: Path) -> Batch:
    """The batch of a file written by `write_batch`."""
    with path.open("rb") as source:
        about = json.loads(source.readline())
        return Batch(
            about["table"],
            Table.from_dict(about["hints"]),
            [_raw(one, source) for one in about["tables"]],
            about["start"],
            about["nested"],
            {tuple(key): Table.from_dict(table) for key, table in about["nested_hints"]},
            about["positions"],
        )


def _raw(about: dict[str, Any], source: Any) -> Raw:
    links: list[Any] = [None, None]
    arrays: list[pa.Array] = []
    if about["columns"] or about["parent"] is not None:
        with pa.ipc.open_stream(source) as stream:
            data = stream.read_next_batch()
            for _ in stream:  # to the end of this stream, where the next one begins
                pass
        arrays = list(data.columns)
        if about["parent"] is not None:
            links = arrays[-2:]
            arrays = arrays[:-2]
    columns = [
        RawColumn(tuple(path), data, kind, first)
        for (path, kind, first), data in zip(about["columns"], arrays, strict=True)
    ]
    return Raw(tuple(about["path"]), columns, about["rows"], about["parent"], *links)
