"""The rows of files in the formats that destinations write, as record batches of wanted columns."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from dlt.arrow.cast import arrow_type
from dlt.arrow.text import MARKS, from_values, kind_of, parsed
from dlt.config.settings import setting
from dlt.errors import NotBuilt, PackageError

if TYPE_CHECKING:
    from dlt.schema.capabilities import Capabilities
    from dlt.schema.model import Table

GZIP = b"\x1f\x8b"  # how a compressed file begins
LINES = 10_000  # JSON lines that become one batch
TEXT = r"'(?:[^']|'')*'"  # a text in SQL, and what else there is; a text with \0 is put together of others
LITERAL = re.compile(rf"(?P<text>{TEXT}(?:\|\|chr\(0\)\|\|{TEXT})*)|X'(?P<bytes>[0-9a-fA-F]*)'|NULL|[-+.\w]+")
QUOTED = re.compile(r'"((?:[^"]|"")*)"')
BLOCK = 16 << 20  # bytes of CSV read at once; no row may be longer


def schema_of(table: Table, caps: Capabilities) -> pa.Schema:
    """The Arrow schema of the rows of a table, its columns without a type as text."""
    return pa.schema(
        [
            pa.field(name, arrow_type(column, caps), metadata={"dlt": "json"} if column.data_type == "json" else None)
            for name, column in table.columns.items()
        ]
    )


def batches_of(path: Path, format: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:  # noqa: A002 - the field's word
    """The rows of a file with the columns of `schema`: matched by name, those that the file does not have null.

    Raises PackageError when the file is damaged, NotBuilt for a format that cannot be read.
    """
    if format not in _READERS:
        raise NotBuilt(f"Files of the format {format} cannot be read.", file=str(path))
    try:
        yield from _READERS[format](path, schema)
    except (pa.ArrowInvalid, ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise PackageError("The file is damaged.", file=str(path), cause=str(error)) from error


def _arrow(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        for number in range(reader.num_record_batches):
            yield _aligned(reader.get_batch(number), schema)


def _parquet(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield _aligned(batch, schema)


def _jsonl(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with opened(path) as lines:
        while some := list(islice(lines, LINES)):
            yield rows_as_batch([json.loads(line) for line in some if not line.isspace()], schema)


def _typed_jsonl(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    marked = [field.name for field in schema if kind_of(field) in MARKS]
    with opened(path) as lines:
        for line in lines:
            rows = json.loads(line)
            for row in rows:
                row.update({name: row[name][1:] for name in marked if row.get(name) is not None})
            yield rows_as_batch(rows, schema)


def _csv(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv

    header = setting("normalize.data_writer.include_header", "data_writer.include_header", default=True)
    if not header:
        raise NotBuilt("CSV files without a header cannot be read back.", file=str(path))
    delimiter = setting("normalize.data_writer.delimiter", "data_writer.delimiter", default=",")
    with opened(path) as stream:
        names = next(_csv_names(stream.readline(), delimiter))
        stream.seek(0)
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=BLOCK),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""],
                quoted_strings_can_be_null=False,
            ),
        )  # fmt: skip
        for batch in reader:
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            yield _of_texts(columns, batch.num_rows, schema, str.encode)


def _insert_values(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    with opened(path) as stream:
        names = [name.replace('""', '"') for name in QUOTED.findall(stream.readline().decode())]
        text = stream.read().decode().removeprefix("VALUES\n")
    literals = [_literal(found) for found in LITERAL.finditer(text)]
    if not names or len(literals) % len(names) or LITERAL.sub("", text).strip("(),;\n"):
        raise ValueError("it is no INSERT with standard SQL literals")
    columns = {name: pa.array(literals[place :: len(names)], pa.string()) for place, name in enumerate(names)}
    yield _of_texts(columns, len(literals) // len(names), schema, bytes.fromhex)


def _literal(found: re.Match[str]) -> str | None:
    """The text of a SQL literal; None for NULL."""
    if found["text"] is not None:
        return "\0".join(part[1:-1].replace("''", "'") for part in re.findall(TEXT, found["text"]))
    return None if found[0] == "NULL" else found["bytes"] if found["bytes"] is not None else found[0]


def _of_texts(
    columns: Mapping[str, pa.Array], rows: int, schema: pa.Schema, binary: Callable[[str], bytes]
) -> pa.RecordBatch:
    values = [
        parsed(columns[field.name], field, binary) if field.name in columns else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.record_batch(values, schema=schema)


def _csv_names(line: bytes, delimiter: str) -> Iterator[list[str]]:
    import csv

    return csv.reader([line.decode()], delimiter=delimiter)


def rows_as_batch(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of JSON values as a batch of the columns of `schema`."""
    columns = [from_values([row.get(field.name) for row in rows], field) for field in schema]
    return pa.record_batch(columns, schema=schema)


def opened(path: Path) -> IO[bytes]:
    """A file to read from, unpacked when it is compressed."""
    with path.open("rb") as file:
        packed = file.read(2) == GZIP
    return gzip.open(path) if packed else path.open("rb")  # type: ignore[return-value]  # a GzipFile reads like a file


def _aligned(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    names = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type) if field.name in names else pa.nulls(len(batch), field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


_READERS: dict[str, Callable[[Path, pa.Schema], Iterator[pa.RecordBatch]]] = {
    "arrow": _arrow,
    "parquet": _parquet,
    "jsonl": _jsonl,
    "typed-jsonl": _typed_jsonl,
    "csv": _csv,
    "insert_values": _insert_values,
}
