"""Rows of files: each reader goes through files one after the other, names the one that is broken and notices changes."""

from __future__ import annotations

import json
import lzma
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from dlt.errors import ConfigError, DltError, ResourceError, missing
from dlt.extract.jsonpath import every
from dlt.items import ArrowRows, JsonRows, RefusedRows
from dlt.sources.filesystem.access import is_local
from dlt.sources.filesystem.items import HAS_GLOB, FileItemDict, modified

Rows = Iterator[Any]  # pages of dicts, ArrowRows, JsonRows or record batches
Read = Callable[[FileItemDict], Rows]
POLICIES = ("fail", "skip")
SMALL = 32 << 20  # bytes of a file that is kept in memory where it is read twice
PIECE = 1 << 20  # bytes of Arrow data that travel at once
MOST_ROWS = 61_440
EXACT, WHOLE_SECONDS = timedelta(0), timedelta(seconds=1)  # stores list times more exactly than they tell them
PATIENT = (ConnectionError, TimeoutError, FileNotFoundError, PermissionError)  # say nothing about the content of a file


def read_files(items: Iterable[FileItemDict], read: Read, kind: str, on_bad_file: str = "fail") -> Rows:
    """The rows of files, or of one. on_bad_file: "fail", or "skip": a file that cannot be read goes to the quarantine, whole; for that
    it is read to its end before its first row is passed on."""
    if on_bad_file not in POLICIES:
        raise ConfigError(f"Unknown on_bad_file {on_bad_file!r}.", key="on_bad_file", hint="use 'fail' or 'skip'")
    for item in [items] if isinstance(items, Mapping) else items:
        file = item if isinstance(item, FileItemDict) else FileItemDict(item)
        if on_bad_file == "skip":
            try:
                for rows in _guarded(file, read, kind):
                    if isinstance(rows, JsonRows):
                        deque(rows.pages(), 0)
            except _BadFileError as bad:
                yield _refused(file, str(bad.context["cause"]))
                continue
        yield from _guarded(file, read, kind)


class _BadFileError(ResourceError):
    """The content of a file is not what it should be."""


def _guarded(file: FileItemDict, read: Read, kind: str) -> Rows:
    """The rows of a file; ResourceError that names it, also when it changed meanwhile."""
    try:
        yield from read(file)
    except (DltError, TypeError):  # the second is about options of the reader
        raise
    except Exception as cause:
        raise _broken(file, kind, cause) from cause
    if (what := _changed(file)) is not None:
        raise ResourceError(
            f"The file {file['file_url']} changed since it was listed: {what}.",
            file_url=file["file_url"],
            hint="run again when nobody writes to it; write files under another name and rename them",
        )


def _broken(file: FileItemDict, kind: str, cause: Exception) -> ResourceError:
    """The error for a file that cannot be read."""
    is_bad = _is_content(cause)
    hint = (
        "mend the file, or leave such files out: on_bad_file='skip' lists them in the quarantine"
        if is_bad
        else "see whether the file is there and can be read"
    )
    text, url = str(cause).strip() or type(cause).__name__, file["file_url"]
    error = _BadFileError if is_bad else ResourceError
    return error(f"The file {url} cannot be read as {kind}: {text}", file_url=url, cause=text, hint=hint)


def _is_content(cause: Exception) -> bool:
    """Whether an error is about what a file holds, not about getting at it."""
    if isinstance(cause, PATIENT) or "Memory" in type(cause).__name__:
        return False
    if isinstance(cause, OSError):
        return cause.errno is None  # as gzip and Arrow raise it
    named = type(cause).__module__.partition(".")[0] in ("pyarrow", "duckdb", "_duckdb", "pandas")
    return named or isinstance(cause, (ValueError, EOFError, zlib.error, lzma.LZMAError))


def _changed(file: FileItemDict) -> str | None:
    """What is different from what the listing said."""
    if "file_content" in file:
        return None
    fs = file.fsspec
    if hasattr(fs, "invalidate_cache"):
        fs.invalidate_cache()
    info = fs.info(file.path)
    size, known = info.get("size"), file.get("size_in_bytes")
    if None not in (size, known) and size != known:
        return f"it had {known} bytes and has {size}"
    moment, listed = modified(info), file.get("modification_date")
    if moment is not None and listed is not None and abs(moment - listed) > (EXACT if is_local(fs) else WHOLE_SECONDS):
        return f"it was written at {listed} and at {moment}"
    return None


def _refused(file: FileItemDict, why: str) -> RefusedRows:
    rows = RefusedRows([{key: value for key, value in file.items() if key != "file_content"}], "file")
    rows.why.append((None, None, f"{file['file_url']}: {why}"))
    return rows


# ---- where the bytes are


@contextmanager
def on_disk(file: FileItemDict) -> Iterator[str]:
    """The path of a file on this machine: its own, or that of an unpacked copy."""
    if packing_on_disk(file) is None and not HAS_GLOB.search(file["file_name"]):
        yield file.path
        return
    with tempfile.TemporaryDirectory(prefix="dlt_file_") as folder:
        copy = Path(folder) / "file"
        with file.open() as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield str(copy)


def packing_on_disk(file: FileItemDict) -> str | None:
    """What a file of this machine is packed with, None: nothing; "elsewhere" for any other file."""
    if not is_local(file.fsspec) or "file_content" in file:
        return "elsewhere"
    with file.open(compression="disable") as raw:
        return file.packing(raw)


@contextmanager
def opener(file: FileItemDict) -> Iterator[Callable[[], Any]]:
    """What opens a file, unpacked, as often as it is called; one that is not on this machine is fetched once."""
    import pyarrow as pa

    match packing_on_disk(file):
        case None:
            yield partial(pa.OSFile, file.path)
        case "elsewhere" if "file_content" not in file and file.get("size_in_bytes", SMALL + 1) > SMALL:
            with on_disk(file) as path:
                yield partial(pa.OSFile, path)
        case "elsewhere":
            yield FileItemDict({**file, "file_content": file.read_bytes()}, file.fsspec).open
        case _:
            yield file.open


# ---- formats


def csv_rows(file: FileItemDict, chunksize: int) -> Rows:
    """Rows of CSV with types that hold for the whole file."""
    from dlt.sources.filesystem.csv_files import typed_batches

    with opener(file) as open_file:
        for batch in typed_batches(open_file, "\t" if file["mime_type"] == "text/tab-separated-values" else ","):
            yield ArrowRows(batch, chunksize)


def pandas_rows(file: FileItemDict, chunksize: int, options: Mapping[str, Any]) -> Rows:
    """Rows of CSV as pandas reads them with its own options."""
    try:
        import pandas as pd
    except ImportError as absent:
        raise missing("read_csv with options of pandas", "pandas", "pandas") from absent
    from dlt.arrow.interop import batches_of

    compression = "disable" if options.get("compression") else "auto"
    with file.open(compression=compression) as source:
        for frame in pd.read_csv(source, **{**options, "chunksize": chunksize}):
            for batch in batches_of(frame.reset_index(drop=True) if "index_col" not in options else frame):
                yield ArrowRows(batch, chunksize)


def duckdb_rows(
    file: FileItemDict, connection: Any, chunk_size: int | None, options: Mapping[str, Any], *, use_pyarrow: bool
) -> Rows:
    """Rows of CSV as DuckDB reads them; its types are those of the whole file unless sample_size says otherwise."""
    from dlt.arrow.interop import MOST_ROWS as ALL

    name = options.get("filename")
    with on_disk(file) as path:
        found = connection.read_csv(path, **{"sample_size": -1, **options})
        for batch in found.to_arrow_reader(chunk_size or ALL):
            if name:
                batch = _with_url(batch, name if isinstance(name, str) else "filename", file["file_url"])  # noqa: PLW2901
            yield batch if use_pyarrow else ArrowRows(batch, chunk_size or batch.num_rows or 1)


def _with_url(batch: Any, column: str, url: str) -> Any:
    import pyarrow as pa

    return batch.set_column(batch.schema.names.index(column), column, pa.repeat(pa.scalar(url), batch.num_rows))


def parquet_rows(file: FileItemDict, chunksize: int, *, use_pyarrow: bool) -> Rows:
    """Rows of Parquet, row group by row group. Nested values become Python objects, so that they get tables of their own."""
    import pyarrow.parquet as pq

    with _seekable(file) as source, pq.ParquetFile(source) as parquet:
        nested = any(_is_nested(field.type) for field in parquet.schema_arrow)
        size = chunksize if use_pyarrow or nested else max(chunksize, _rows_of_piece(parquet.metadata))
        for group in range(parquet.num_row_groups):
            try:
                for batch in parquet.iter_batches(size, row_groups=[group]):
                    if use_pyarrow:
                        yield batch
                    else:
                        yield _dicts(batch) if nested else ArrowRows(_wide(batch), chunksize)
            except (ValueError, OSError) as cause:
                raise type(cause)(f"row group {group}: {cause}") from cause


@contextmanager
def _seekable(file: FileItemDict) -> Iterator[Any]:
    if packing_on_disk(file) is None:
        yield file.path
        return
    with file.open() as source:
        if source.seekable():
            yield source
            return
    with on_disk(file) as path:
        yield path


def _rows_of_piece(about: Any) -> int:
    size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    return int(min(MOST_ROWS, max(1, PIECE * about.num_rows // max(size, 1))))


def _is_nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind.value_type if pa.types.is_dictionary(kind) else kind))


def _wide(batch: Any) -> Any:
    """Ints and floats in their widest type, as Python has them."""
    import pyarrow as pa

    fields = []
    for field in batch.schema:
        if pa.types.is_integer(field.type) and field.type != pa.uint64():
            fields.append(field.with_type(pa.int64()))
        else:
            fields.append(field.with_type(pa.float64()) if pa.types.is_floating(field.type) else field)
    return batch.cast(pa.schema(fields))


def _dicts(batch: Any) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = batch.to_pylist(maps_as_pydicts="strict")
    except KeyError:  # a map has a key twice
        rows = batch.to_pylist()
    return rows


def jsonl_rows(file: FileItemDict, chunksize: int) -> Rows:
    """Rows of JSON lines, so many at once: not parsed yet."""
    with file.open() as source:
        first = 1
        while lines := list(islice(source, chunksize)):
            if first == 1:
                lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
            lines += source.readlines(PIECE)
            bare = [line.strip() for line in lines]
            if text := b"\n".join(filter(None, bare)):
                yield JsonRows(text, partial(_parsed, file, bare, first), chunksize)
            first += len(bare)


def _parsed(file: FileItemDict, bare: Sequence[bytes], first: int, _text: bytes) -> list[Any]:
    """The values of lines, of which the first one has a number; ResourceError for one that is no JSON."""
    rows = []
    for number, line in enumerate(bare, first):
        if line:
            try:
                rows.append(json_value(line))
            except ValueError as cause:
                raise _broken(file, "JSON lines", ValueError(f"line {number}: {cause}: {line[:100]!r}")) from cause
    return rows


def json_value(text: bytes) -> Any:
    """The value of a JSON text, with ints of any size."""
    return json.loads(text)


def json_rows(file: FileItemDict, chunksize: int, data_path: str | None) -> Rows:
    """Pages of the rows of a JSON document: the items of a list, or the document itself, which is held in memory. Several
    documents, one on each line, are as good."""
    with file.open() as source:
        text = source.read().removeprefix(b"\xef\xbb\xbf")
    try:
        found = json_value(text)
    except json.JSONDecodeError as wrong:
        if not wrong.msg.startswith("Extra data") or data_path is not None:
            raise
        yield from jsonl_rows(file, chunksize)
        return
    if data_path is not None:
        found = every(data_path, found)
        found = found[0] if len(found) == 1 and isinstance(found[0], list) else found
    rows = found if isinstance(found, list) else [found]
    for start in range(0, len(rows), chunksize):
        yield rows[start : start + chunksize]
