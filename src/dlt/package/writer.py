"""Shards -> files: one open file per table, rotated by rows, bytes and new columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from dlt.arrow.files import Writer, WriterSettings, open_writer
from dlt.package.manifest import ShardFile
from dlt.package.store import on_disk

if TYPE_CHECKING:
    from dlt.items import Shard

GROUP = 122_880  # rows of a record batch: DuckDB's row group, which makes reading parallel
GROUP_BYTES = 24 << 20
PENDING_BYTES = 96 << 20  # Arrow data of all tables that waits for more rows
OPEN_FILES = 64
EXTENSIONS = {"insert_values": "sql"}


class _Pending:
    """Shards of one table that wait to become one record batch, and the file it goes to."""

    __slots__ = ("bytes", "file", "rows", "shards", "writer", "written", "written_bytes")

    def __init__(self) -> None:
        self.shards: list[pa.RecordBatch] = []
        self.rows = self.bytes = self.written = self.written_bytes = 0
        self.writer: Writer | None = None
        self.file = ""


class ShardWriter:
    """Writes shards into the files of a package folder."""

    def __init__(
        self, folder: Path, format_of: Callable[[str], str], settings: WriterSettings, file_bytes: int | None = None
    ) -> None:
        self.folder, self.format_of, self.settings = folder, format_of, settings
        self.file_bytes = settings.file_max_bytes or file_bytes
        self.files: list[ShardFile] = []
        self.tables: dict[str, _Pending] = {}
        self.pending_bytes = 0
        self.count = 0

    def add(self, shard: Shard) -> None:
        """Take the rows of a shard; they are in a file when `close` returns."""
        state = self.tables.get(shard.table)
        if state is None:
            state = self.tables[shard.table] = _Pending()
        size = shard.data.get_total_buffer_size()
        state.shards.append(shard.data)
        state.rows += shard.data.num_rows
        state.bytes += size
        self.pending_bytes += size
        if state.rows >= GROUP or state.bytes >= GROUP_BYTES:
            self._flush(shard.table, state)
        elif self.pending_bytes > PENDING_BYTES:
            self._flush(*max(self.tables.items(), key=lambda item: item[1].bytes))

    def close(self) -> tuple[ShardFile, ...]:
        """Write what waits, close all files and return them."""
        for table, state in self.tables.items():
            self._flush(table, state, all_rows=True)
            self._close(table, state)
        return tuple(self.files)

    def abort(self) -> None:
        """Close the files as they are, after an error."""
        for state in self.tables.values():
            if state.writer is not None:
                state.writer.abort()
                state.writer = None

    def _flush(self, table: str, state: _Pending, *, all_rows: bool = False) -> None:
        if not state.shards:
            return
        data = pa.concat_tables(
            [pa.Table.from_batches([shard]) for shard in state.shards], promote_options="default"
        ).unify_dictionaries()
        self.pending_bytes -= state.bytes
        state.shards, state.rows, state.bytes = [], 0, 0
        if state.writer is not None and not set(data.column_names) <= set(state.writer.schema.names):
            self._close(table, state)
        if state.writer is None:
            self._open(table, state, data.schema)
        assert state.writer is not None
        rest = None
        groups = data.num_rows // GROUP * GROUP
        if groups and groups < data.num_rows and not all_rows:  # keep what does not fill a group
            rest, data = data.slice(groups), data.slice(0, groups)
        for part in self._parts(_conform(data, state.writer.schema), state):
            with on_disk(self.folder / state.file):
                state.writer.write(part)
            state.written += part.num_rows
            if self._full(state):
                self._close(table, state)
                self._open(table, state, data.schema)
                assert state.writer is not None
        if rest is not None:
            state.shards, state.rows = [rest.combine_chunks().to_batches()[0]], rest.num_rows
            state.bytes = state.shards[0].get_total_buffer_size()
            self.pending_bytes += state.bytes

    def _parts(self, data: pa.Table, state: _Pending) -> list[pa.RecordBatch]:
        most = min(GROUP, self.settings.file_max_items or GROUP)
        parts: list[pa.RecordBatch] = []
        start = 0
        left = (self.settings.file_max_items - state.written) if self.settings.file_max_items else data.num_rows
        while start < data.num_rows:
            size = min(most, left if left > 0 else most)
            parts += data.slice(start, size).combine_chunks().to_batches()
            start += size
            left = self.settings.file_max_items or data.num_rows
        return parts

    def _full(self, state: _Pending) -> bool:
        assert state.writer is not None
        items, size = self.settings.file_max_items, self.file_bytes
        return bool((items and state.written >= items) or (size and state.writer.size >= size))

    def _open(self, table: str, state: _Pending, schema: pa.Schema) -> None:
        opened = [one for one in self.tables.items() if one[1].writer is not None]
        if len(opened) >= OPEN_FILES:
            self._close(*opened[0])
        self.count += 1
        kind = self.format_of(table)
        state.file = f"{self.count:05d}.{EXTENSIONS.get(kind, kind)}"
        if self.settings.compresses(kind):
            state.file += ".gz"
        with on_disk(self.folder / state.file):
            state.writer = open_writer(self.folder / state.file, kind, schema, self.settings)
        state.written = 0

    def _close(self, table: str, state: _Pending) -> None:
        if state.writer is None:
            return
        columns = tuple(state.writer.schema.names)
        with on_disk(self.folder / state.file):
            rows, size, crc = state.writer.close()
        state.writer = None
        if rows:
            self.files.append(ShardFile(table, state.file, self.format_of(table), rows, size, crc, columns))
        else:
            (self.folder / state.file).unlink()


def _conform(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same rows with the columns of a file, those that are missing null."""
    if data.schema.equals(schema):
        return data
    names = set(data.column_names)
    columns = [data[field.name] if field.name in names else pa.nulls(data.num_rows, field.type) for field in schema]
    return pa.table(
        [
            column.cast(field.type) if column.type != field.type else column
            for column, field in zip(columns, schema, strict=True)
        ],
        schema=schema,
    )
