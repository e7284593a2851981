"""ImportedFile: a file whose rows are loaded without a detour through Python objects."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Iterator
from csv import reader as csv_rows
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import NotBuilt, ResourceError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger("dlt")

TABLES = ("parquet", "csv", "arrow")  # what is read as Arrow; jsonl is read as rows
PAGE = 2_000
GZIP = b"\x1f\x8b"


class ImportedFile:
    """A file of rows that is read piece by piece, as an Arrow stream."""

    def __init__(self, path: Path, file_format: str, count: int, sample: pa.Schema | None) -> None:
        self.path, self.format, self.count, self.sample = path, file_format, count, sample

    @property
    def num_rows(self) -> int:
        """The rows of the file, as far as that is known before it is read."""
        if self.format == "parquet":
            import pyarrow.parquet as pq

            return int(pq.read_metadata(self.path).num_rows)
        return self.count

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        import pyarrow as pa

        file = None if self.format == "parquet" else opened(self.path)
        try:
            schema, batches = self._read(file)
        except (pa.ArrowInvalid, OSError) as cause:
            if file is not None:
                file.close()
            raise ResourceError(f"The file is no {self.format} file: {cause}", file=str(self.path)) from cause
        return pa.RecordBatchReader.from_batches(schema, self._counted(batches, file)).__arrow_c_stream__(
            requested_schema
        )

    def _read(self, file: gzip.GzipFile | BufferedReader | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
        import pyarrow as pa

        if file is None:
            import pyarrow.parquet as pq

            parquet = pq.ParquetFile(self.path)
            return parquet.schema_arrow, parquet.iter_batches()
        if self.format == "csv":
            reader = self._csv(pa.input_stream(file))
            return reader.schema, iter(reader)
        if file.read(6) == b"ARROW1":
            table = pa.ipc.open_file(pa.memory_map(str(self.path))).read_all()
            return table.schema, iter(table.to_batches())
        file.seek(0)
        stream = pa.ipc.open_stream(pa.input_stream(file))
        return stream.schema, iter(stream)

    def _csv(self, source: Any) -> Any:
        """Columns are texts, unless the sample has their type: what looks like a number need not be one."""
        import pyarrow as pa
        from pyarrow import csv

        with opened(self.path) as file:
            header = next(csv_rows(line.decode("utf-8-sig") for line in file), [])
        known = {field.name: field.type for field in self.sample} if self.sample is not None else {}
        convert = csv.ConvertOptions(
            column_types={name: known.get(name, pa.string()) for name in header},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        return csv.open_csv(source, convert_options=convert, parse_options=csv.ParseOptions(newlines_in_values=True))

    def _counted(
        self, batches: Iterator[pa.RecordBatch], file: gzip.GzipFile | BufferedReader | None
    ) -> Iterator[pa.RecordBatch]:
        count = 0
        try:
            for batch in batches:
                count += batch.num_rows
                yield batch
        finally:
            if file is not None:
                file.close()
        _compare(self.path, self.count, count)

    def __repr__(self) -> str:
        return f"<{self.format} file {self.path}>"


def imported(file_path: str, file_format: str, items_count: int, sample: Any) -> Any:
    """What a resource yields to load a file: an Arrow stream, or the pages of a file of JSON lines."""
    path = Path(file_path)
    if not path.is_file():
        raise ResourceError("The file to be imported is not there.", file=str(file_path))
    if file_format in ("jsonl", "typed-jsonl"):
        return _pages(path, items_count)
    if file_format not in TABLES:
        raise NotBuilt(
            f"Files of the format {file_format!r} cannot be imported.",
            file=str(file_path),
            hint="use one of " + ", ".join((*TABLES, "jsonl")),
        )
    return ImportedFile(path, file_format, items_count, _schema_of(sample))


def opened(path: Path) -> gzip.GzipFile | BufferedReader:
    """The bytes of a file, unpacked when they begin as those of gzip do."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path) if packed else path.open("rb")


def _schema_of(sample: Any) -> pa.Schema | None:
    """The Arrow schema of a table or frame with the columns of the file."""
    if sample is None:
        return None
    import pyarrow as pa

    if isinstance(sample, pa.Schema):
        return sample
    if isinstance(sample, (pa.Table, pa.RecordBatch)):
        return sample.schema
    if hasattr(sample, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(sample).schema
    raise ResourceError(
        f"The columns of an imported file cannot be told from a {type(sample).__name__}.",
        hint="give hints made by dlt.mark.make_hints, or an Arrow table or frame",
    )


def _pages(path: Path, items_count: int) -> Iterator[list[Any]]:
    """The rows of JSON lines; a line may also be a list of rows."""
    rows: list[Any] = []
    count = 0
    with opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
            except ValueError as cause:
                raise ResourceError(
                    f"Line {number} is no JSON: {cause}", file=str(path), value=repr(line[:100])
                ) from cause
            rows += found if isinstance(found, list) else [found]
            if len(rows) >= PAGE:
                count += len(rows)
                yield rows
                rows = []
    if rows:
        count += len(rows)
        yield rows
    _compare(path, items_count, count)


def _compare(path: Path, told: int, count: int) -> None:
    if told and told != count:
        logger.warning("The file %s was said to have %d rows and has %d; all of them are loaded.", path, told, count)
