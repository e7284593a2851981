"""Shard files: one writer and one reader for each format, and the settings of the writers.

What stands in the text formats: decimals are digits, dates, times and timestamps ISO 8601, texts keep every character.
jsonl: decimals, dates, times, timestamps and bytes (base64) are strings; NaN and infinity are the strings "NaN", "Infinity",
"-Infinity"; nulls are left out; json columns are JSON. csv: a null is nothing, an empty text is `""`; NaN and infinity are
nan, inf, -inf. insert_values: standard SQL literals.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from dlt.arrow import text
from dlt.errors import ConfigError, NotBuilt, SchemaError

FORMATS = ("arrow", "parquet", "jsonl", "typed-jsonl", "csv", "insert_values")
COMPRESSED = ("jsonl", "typed-jsonl", "csv", "insert_values")
QUOTING = ("quote_needed", "quote_all", "quote_minimal", "quote_none")
GROUP = 122_880  # rows of a record batch
TEXT_BYTES = 64 << 20  # Arrow data that is made text at once
LEVEL = 5  # of gzip
ARROW_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """How shard files are written: the keys of the configuration section `data_writer`.

    buffer_max_items is taken but does nothing: batches are sized by memory. A parquet version below 2.6 has no
    nanoseconds. Files are rotated at file_max_items rows or file_max_bytes bytes before compression.
    """

    buffer_max_items: int = 5000
    file_max_items: int | None = None
    file_max_bytes: int | None = None
    disable_compression: bool = False
    # parquet
    flavor: str | None = None
    version: str = "2.6"
    data_page_size: int | None = None
    timestamp_timezone: str = "UTC"
    row_group_size: int | None = None
    coerce_timestamps: str | None = None
    allow_truncated_timestamps: bool = False
    use_compliant_nested_type: bool = True
    write_page_index: bool = False
    use_content_defined_chunking: bool = False
    supports_dictionary_encoding: bool = True
    compression: str = "snappy"
    arrow_concat_promote_options: str = "none"
    # csv
    delimiter: str = ","
    include_header: bool = True
    quoting: str = "quote_needed"
    lineterminator: str = "\n"
    encoding: str = "utf-8"
    encoding_errors: str = "strict"
    on_error_continue: bool = False

    def __post_init__(self) -> None:
        for name in ("buffer_max_items", "file_max_items", "file_max_bytes", "data_page_size", "row_group_size"):
            if (value := getattr(self, name)) is not None and value < 1:
                _wrong(name, value, "a number above zero")
        if len(self.delimiter) != 1 or self.delimiter.isalnum() or self.delimiter in '"\r\n+-.':
            _wrong("delimiter", self.delimiter, "one character that stands in no number, and no quote or line end")
        if self.quoting not in QUOTING:
            _wrong("quoting", self.quoting, ", ".join(QUOTING))
        if self.lineterminator not in ("\n", "\r\n"):
            _wrong("lineterminator", self.lineterminator, r"\n or \r\n")
        if self.arrow_concat_promote_options not in ("none", "default"):
            raise NotBuilt("Only columns of the same type are put together.", setting="arrow_concat_promote_options")
        if self.on_error_continue:
            raise NotBuilt("Rows that cannot be written are never left out.", setting="on_error_continue")
        try:
            codecs.lookup(self.encoding)
            codecs.lookup_error(self.encoding_errors)
        except LookupError as error:
            _wrong("encoding", f"{self.encoding}, {self.encoding_errors}", str(error))

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> WriterSettings:
        """Settings of a mapping; unknown names are a ConfigError."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ConfigError(
                f"Unknown data_writer setting: {', '.join(unknown)}.", hint="known are " + ", ".join(sorted(known))
            )
        return cls(**given)

    def compresses(self, format: str) -> bool:  # noqa: A002 - the word of the public API
        """True when files of a format are compressed with gzip."""
        return format in COMPRESSED and not self.disable_compression


def _wrong(name: str, value: Any, wanted: str) -> None:
    raise ConfigError(f"Wrong data_writer setting {name}.", value=value, hint=f"use {wanted}")


class Sink:
    """A file that is written once: counts its bytes and computes their CRC-32 on the way."""

    def __init__(self, path: str | Path, *, gzip: bool = False) -> None:
        self.file: IO[bytes] = Path(path).open("wb", buffering=0)  # noqa: SIM115 - closed by close
        self.pack = zlib.compressobj(LEVEL, wbits=31) if gzip else None
        self.size = 0  # before compression
        self.bytes = 0
        self.crc = 0

    @property
    def closed(self) -> bool:
        return self.file.closed

    def write(self, data: Any) -> int:
        """Append bytes or a buffer; returns their number."""
        view = memoryview(data)
        self.size += view.nbytes
        self._put(view if self.pack is None else self.pack.compress(view))
        return view.nbytes

    def _put(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        self.crc = zlib.crc32(view, self.crc)
        self.bytes += view.nbytes
        while view.nbytes:
            view = view[self.file.write(view) :]

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        """Write what the compression holds back and close the file."""
        if not self.file.closed:
            if self.pack is not None:
                self._put(self.pack.flush())
            self.file.close()


class Writer:
    """One open shard file. `schema`: its columns; `size`: bytes before compression; `rows`: rows written so far."""

    def __init__(
        self, sink: Sink, schema: pa.Schema, write: Callable[[pa.RecordBatch], None], finish: Callable[[], Any]
    ) -> None:
        self.schema, self.rows = schema, 0
        self._sink, self._write, self._finish = sink, write, finish

    @property
    def size(self) -> int:
        return self._sink.size

    def write(self, batch: pa.RecordBatch) -> None:
        """Append the rows of a batch that has the columns of the file. A SchemaError when the format cannot hold a value."""
        for start in range(0, batch.num_rows, GROUP):
            self._write(batch.slice(start, GROUP))
        self.rows += batch.num_rows

    def close(self) -> tuple[int, int, int]:
        """Finish the file. Returns its rows, its bytes and their CRC-32."""
        self._finish()
        self._sink.close()
        return self.rows, self._sink.bytes, self._sink.crc

    def abort(self) -> None:
        """Close the file as it is, after an error; it is not to be read."""
        self._sink.file.close()


def open_writer(path: str | Path, format: str, schema: pa.Schema, settings: WriterSettings) -> Writer:  # noqa: A002
    """A writer of a new file. Whether it is compressed is up to the settings, not to the name."""
    if format not in FORMATS:
        raise NotBuilt(f"There is no writer for the file format {format!r}.", hint="use one of " + ", ".join(FORMATS))
    if not schema.names and format not in ("arrow", "jsonl", "typed-jsonl"):
        raise SchemaError(f"A {format} file cannot hold rows without columns.", file=str(path))
    sink = Sink(path, gzip=settings.compresses(format))
    try:
        write, finish = _WRITERS[format](sink, schema, settings)
    except BaseException:
        sink.file.close()
        raise
    return Writer(sink, schema, write, finish)


_Made = tuple[Callable[[pa.RecordBatch], None], Callable[[], Any]]


def _arrow(sink: Sink, schema: pa.Schema, _settings: WriterSettings) -> _Made:
    stream = pa.BufferedOutputStream(pa.PythonFile(sink, "w"), ARROW_BUFFER)
    writer = pa.ipc.new_file(stream, schema)

    def finish() -> None:
        writer.close()
        stream.close()

    return writer.write_batch, finish


def _parquet(sink: Sink, schema: pa.Schema, settings: WriterSettings) -> _Made:
    import pyarrow.parquet as pq

    zoned = pa.schema([_in_zone(field, settings.timestamp_timezone) for field in schema], schema.metadata)
    stream = pa.BufferedOutputStream(pa.PythonFile(sink, "w"), ARROW_BUFFER)
    writer = pq.ParquetWriter(
        stream,
        zoned,
        flavor=settings.flavor,
        version=settings.version,
        compression=settings.compression,
        use_dictionary=settings.supports_dictionary_encoding,
        data_page_size=settings.data_page_size,
        coerce_timestamps=settings.coerce_timestamps,
        allow_truncated_timestamps=settings.allow_truncated_timestamps,
        use_compliant_nested_type=settings.use_compliant_nested_type,
        write_page_index=settings.write_page_index,
        **({"use_content_defined_chunking": True} if settings.use_content_defined_chunking else {}),
    )

    def write(batch: pa.RecordBatch) -> None:
        try:
            writer.write_batch(batch if zoned is schema else batch.cast(zoned), row_group_size=settings.row_group_size)
        except pa.ArrowInvalid as error:
            raise SchemaError(f"parquet {settings.version} cannot hold a value: {error}") from error

    def finish() -> None:
        writer.close()
        stream.close()

    return write, finish


def _in_zone(field: pa.Field, zone: str) -> pa.Field:
    if pa.types.is_timestamp(field.type) and field.type.tz and field.type.tz != zone:
        return field.with_type(pa.timestamp(field.type.unit, zone))
    return field


def _jsonl(sink: Sink, _schema: pa.Schema, _settings: WriterSettings) -> _Made:
    def write(batch: pa.RecordBatch) -> None:
        for part in _parts(batch):
            sink.write(text.content(text.json_rows(part, "\n")))

    return write, _nothing


def _typed_jsonl(sink: Sink, _schema: pa.Schema, _settings: WriterSettings) -> _Made:
    def write(batch: pa.RecordBatch) -> None:
        for part in _parts(batch):
            sink.write(b"[")
            sink.write(text.content(text.json_rows(part, ",", marked=True))[:-1])
            sink.write(b"]\n")

    return write, _nothing


def _csv(sink: Sink, schema: pa.Schema, settings: WriterSettings) -> _Made:
    encoder = codecs.getincrementalencoder(settings.encoding)(settings.encoding_errors)
    plain = codecs.lookup(settings.encoding).name == "utf-8"
    style = settings.delimiter, settings.quoting

    def put(rows: pa.Array) -> None:
        data = text.content(rows)
        sink.write(data if plain else encoder.encode(bytes(data).decode()))

    if settings.include_header:
        names = text.csv_quoted(pa.array(schema.names), "text", *style).to_pylist()
        put(pa.array([settings.delimiter.join(names) + settings.lineterminator]))

    def write(batch: pa.RecordBatch) -> None:
        for part in _parts(batch):
            put(text.csv_rows(part, *style, settings.lineterminator))

    return write, _nothing


def _insert_values(sink: Sink, schema: pa.Schema, _settings: WriterSettings) -> _Made:
    names = ",".join('"' + name.replace('"', '""') + '"' for name in schema.names)
    head = f"INSERT INTO {{}}({names})\nVALUES\n".encode()
    state = {"between": head}

    def write(batch: pa.RecordBatch) -> None:
        for part in _parts(batch):
            sink.write(state["between"])
            sink.write(text.content(text.sql_rows(part))[:-2])
            state["between"] = b",\n"

    def finish() -> None:
        if state["between"] != head:
            sink.write(b";")

    return write, finish


def _nothing() -> None:
    pass


_WRITERS: dict[str, Callable[[Sink, pa.Schema, WriterSettings], _Made]] = {
    "arrow": _arrow,
    "parquet": _parquet,
    "jsonl": _jsonl,
    "typed-jsonl": _typed_jsonl,
    "csv": _csv,
    "insert_values": _insert_values,
}


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in parts whose text stays far below the 2 GiB that an Arrow array of texts can hold."""
    size = batch.get_total_buffer_size()
    rows = batch.num_rows if size <= TEXT_BYTES else max(1, batch.num_rows * TEXT_BYTES // size)
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)
