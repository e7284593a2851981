"""Building load packages: items -> batches -> (shards ->) files -> a package that can be sealed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.arrow.files import WriterSettings
from dlt.arrow.marks import Options
from dlt.config.settings import mentioned, setting
from dlt.errors import PlanError, SchemaError
from dlt.extract.read import Reader
from dlt.normalize import Normalizer
from dlt.package.extracted import read_batch, write_batch
from dlt.package.ledger import Ledger
from dlt.package.manifest import EXTRACTED, NORMALIZED, Manifest, ShardFile
from dlt.package.store import BOOKS, on_disk, read_text, verify, write_atomic
from dlt.package.writer import ShardWriter
from dlt.pipeline.progress import counted
from dlt.quarantine import TABLE, Quarantine
from dlt.schema.evolve import declare
from dlt.schema.model import QUARANTINE
from dlt.schema.tables import inherited

if TYPE_CHECKING:
    from dlt.config.settings import RunSettings
    from dlt.items import Batch
    from dlt.package.store import Store
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Table
    from dlt.schema.schema import Schema

Items = Iterable[tuple[Any, Any]]  # place, item


@dataclass
class Built:
    """A written package that is not sealed yet, the schema it ends with, and what was noted: times, and of the sources how
    resources feed each other, their hints and their own metrics. state: of the pipeline after its rows, if it has its own."""

    manifest: Manifest
    schema: Schema
    noted: dict[str, Any]
    state: dict[str, Any] | None = None


class Builder:
    """Writes one package for one schema. The schema it is given is changed; give it a copy."""

    def __init__(
        self,
        store: Store,
        schema: Schema,
        caps: Capabilities,
        settings: RunSettings,
        pipeline_name: str,
        load_id: str,
        file_format: str | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self.schema, self.caps, self.settings, self.pipeline_name = schema, caps, settings, pipeline_name
        self.load_id, self.file_format = load_id, file_format
        self.started_at = datetime.now(UTC)
        self.folder = store.create(load_id)
        self.quarantine = quarantine or Quarantine(load_id, Ledger(), fail=settings.fail_on_bad_rows)
        self.ledger = self.quarantine.ledger
        options = Options(settings.row_ids, settings.load_ids, settings.arrow_row_ids, settings.arrow_load_ids)
        self.normalizer = Normalizer(schema, caps, load_id, self.ledger, self.quarantine, options)
        self.reader = Reader(self.normalizer.table_name, self.normalizer.shape, self.ledger, self.quarantine)
        self._formats: dict[str, str] = {}
        self.count: Callable[[str, int], None] | None = None  # told of the rows of each batch, when somebody watches

    def declare(self, raw_name: str, hints: Table) -> str:
        """Put a table into the schema that need not get any rows; returns its name."""
        self.normalizer.declare(raw_name, hints)
        return self.normalizer.table_name(raw_name)

    def declared_schema(self, before: Schema) -> Schema:
        """A schema, as it was before the data came, with what the code says of the tables. Changes and returns it."""
        other = Normalizer(before, self.caps, self.load_id, self.ledger, self.quarantine)
        for raw_name, hints in self.normalizer.declared.items():
            other.declare(raw_name, hints)
        return before

    def extract(self, items: Items) -> Built:
        """Keep the batches of the items as they are, for `normalize` later."""
        files: list[ShardFile] = []
        for number, batch in enumerate(self._counted(self.reader.read(items)), 1):
            path = f"{number:05d}.batch"
            self.normalizer.check(batch)
            self.normalizer.declare(batch.table, batch.hints)
            with on_disk(self.folder / path):
                size, crc = write_batch(self.folder / path, batch)
            name = self.normalizer.table_name(batch.table)
            files.append(ShardFile(name, path, "batch", batch.tables[0].rows, size, crc, ()))
        if self.quarantine.entries or self.ledger.rows:
            books = json.dumps([self.quarantine.entries, self.ledger.to_dict()])
            write_atomic(self.folder / BOOKS, books)
            crc = zlib.crc32(books.encode())
            files.append(ShardFile(QUARANTINE, BOOKS, "books", len(self.quarantine.entries), len(books), crc, ()))
        return self._built(EXTRACTED, tuple(files))

    def normalize(self, items: Items) -> Built:
        """Take the items all the way into files that can be loaded."""
        return self._write(self.reader.read(items))

    def normalize_extracted(self, folder: Path, manifest: Manifest) -> Built:
        """The same from the batches of an extracted package."""
        for file in manifest.files:
            if file.format == "books":
                verify(folder / file.path, file)
                entries, books = json.loads(read_text(folder / file.path))
                self.quarantine.entries += entries
                self.ledger.rows.update(Ledger.from_dict(books).rows)
        return self._write(_batches(folder, manifest))

    def _write(self, batches: Iterator[Batch]) -> Built:
        writer = ShardWriter(self.folder, self.format_of, writer_settings(), self.caps.file_bytes)
        try:
            for batch in self._counted(batches):
                for shard in self.normalizer(batch):
                    if shard.table == QUARANTINE:
                        declare(self.schema, TABLE)
                    writer.add(shard)
            self._check_keys()
            if (rest := self.quarantine.shard(last=True)) is not None:
                declare(self.schema, TABLE)
                writer.add(rest)
            files = writer.close()
        except BaseException:
            writer.abort()
            raise
        for file in files:
            self.ledger.add(file.table, "written", file.rows)
        self.ledger.check_written()
        return self._built(NORMALIZED, files)

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        return batches if self.count is None else counted(batches, self.count)

    def _check_keys(self) -> None:
        """SchemaError for a key column that never had a value: that is a wrong name in the code, not bad data."""
        for name, column, reason in self.quarantine.counts:
            table = self.schema.table(name)
            known = table.columns.get(column or "") if table else None
            if reason != "null_value" or table is None or known is None or known.data_type or not known.primary_key:
                continue
            names = {
                one for target in self.normalizer.targets.values() if target.name == name for one in target.names.given
            }
            near = get_close_matches(known.name, names - {known.name}, 3, 0.5)
            raise SchemaError(
                "No row has a value in a column of the primary key.",
                table=name,
                column=known.name,
                hint=f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else "give primary_key= the name of a column",
            )

    def format_of(self, table: str) -> str:
        """The file format of a table: the run's, the table's, or the destination's own."""
        known = self._formats.get(table)
        if known is None:
            wanted = self.file_format or inherited(self.schema, table, "file_format")
            if wanted in (None, "preferred") or table == QUARANTINE:
                wanted = self.caps.file_formats[0]
            if wanted not in self.caps.file_formats:
                raise PlanError(
                    f"The destination does not take {wanted} files.",
                    table=table,
                    hint="it takes " + ", ".join(name for name in self.caps.file_formats if name != "arrow"),
                )
            known = self._formats[table] = str(wanted)
        return known

    def _built(self, stage: str, files: tuple[ShardFile, ...]) -> Built:
        manifest = Manifest(
            load_id=self.load_id,
            pipeline_name=self.pipeline_name,
            schema_name=self.schema.name,
            created_at=self.started_at.isoformat(),
            stage=stage,
            files=files,
            tables=tuple(dict.fromkeys(file.table for file in files)),
            ledger=self.ledger,
            file_format=self.file_format,
        )
        return Built(manifest, self.schema, {"started_at": self.started_at, "finished_at": datetime.now(UTC)})


def _batches(folder: Path, manifest: Manifest) -> Iterator[Batch]:
    for file in manifest.files:
        if file.format == "batch":
            verify(folder / file.path, file)
            yield read_batch(folder / file.path)


NUMBERS = ("file_max_items", "file_max_bytes", "data_page_size", "row_group_size")


def writer_settings() -> WriterSettings:
    """The settings of the writers of shard files: `[normalize.data_writer]`, else `[data_writer]`."""
    if not mentioned("data_writer"):
        return WriterSettings()
    given: dict[str, Any] = {}
    for one in fields(WriterSettings):
        usual: Any = 0 if one.name in NUMBERS else one.default
        value = setting(f"normalize.data_writer.{one.name}", f"data_writer.{one.name}", default=usual)
        if value != usual:
            given[one.name] = value
    return WriterSettings(**given)
