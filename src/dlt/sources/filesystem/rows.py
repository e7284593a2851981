"""Rows of files: each reader goes through files one after the other, names the one that is broken and notices changes."""

from __future__ import annotations

import json
import lzma
import re
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
from dlt.extract.state import ACTIVE, active_pipeline
from dlt.items import ArrowRows, JsonRows, RefusedRows
from dlt.sources.filesystem.access import is_local
from dlt.sources.filesystem.items import HAS_GLOB, FileItemDict, modified
from dlt.sources.filesystem.web import shown

Rows = Iterator[Any]  # pages of dicts, ArrowRows, JsonRows or record batches
Read = Callable[[FileItemDict], Rows]
POLICIES = ("fail", "skip")
SMALL = 32 << 20  # bytes of a file that is kept in memory where it is read twice
PIECE = 1 << 20  # bytes of Arrow data that travel at once
MOST_ROWS = 61_440
SKIPPING = {"skiprows", "skip", "ignore_errors", "null_padding", "store_rejects", "comment"}  # meant so
EXACT, WHOLE_SECONDS = timedelta(0), timedelta(seconds=1)  # stores list times more exactly than they tell them
PATIENT = (ConnectionError, TimeoutError, FileNotFoundError, PermissionError)  # say nothing about the content of a file
ARCHIVE = re.compile(r"\.(tar(\.\w+)?|tgz|tbz2?|txz)$", re.IGNORECASE)
MANY = re.compile(r"\[\s*\*\s*\]|\.\*|\.\.")  # of a JSON path


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


def at_least_one(name: str, value: Any) -> None:
    """ConfigError for a size of pages that would lose rows."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{name}={value!r} is no number of one or more.", key=name, hint="give how many go together")


class _BadFileError(ResourceError):
    """The content of a file is not what it should be."""


def _guarded(file: FileItemDict, read: Read, kind: str) -> Rows:
    """The rows of a file; ResourceError that names it, also when it changed meanwhile."""
    try:
        if ARCHIVE.search(file["file_name"]):
            raise ValueError("it is an archive of files, which are to be unpacked first")  # noqa: TRY301 - is told as others
        yield from read(file)
    except (DltError, TypeError):  # the second is about options of the reader
        raise
    except Exception as cause:  # noqa: BLE001 - it is told
        raise _broken(file, kind, cause) from _tellable(file, cause)
    if (what := _changed(file)) is not None:
        raise ResourceError(
            f"The file {shown(file['file_url'])} changed since it was listed: {what}.",
            file_url=shown(file["file_url"]),
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
    url = shown(file["file_url"])
    text = (str(cause).strip() or type(cause).__name__).replace(file["file_url"], url)
    if kind == "CSV" and is_bad and re.search("utf-?8", text, re.IGNORECASE):
        hint = f"if it is in another encoding, say which: read_csv(encoding='latin-1') or 'utf-16'; else {hint}"
    error = _BadFileError if is_bad else ResourceError
    return error(f"The file {url} cannot be read as {kind}: {text}", file_url=url, cause=text, hint=hint)


def _tellable(file: FileItemDict, cause: Exception) -> Exception | None:
    """The cause, unless it says what of a URL may be secret."""
    url = file["file_url"]
    return None if shown(url) != url and url in str(cause) else cause


def _is_content(cause: Exception) -> bool:
    """Whether an error is about what a file holds, not about getting at it."""
    if isinstance(cause, PATIENT) or "Memory" in type(cause).__name__:
        return False
    if isinstance(cause, OSError):
        return cause.errno is None  # as gzip and Arrow raise it
    named = type(cause).__module__.partition(".")[0] in ("pyarrow", "duckdb", "_duckdb", "pandas", "_csv")
    return named or isinstance(cause, (ValueError, EOFError, RecursionError, zlib.error, lzma.LZMAError))


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
    url = shown(file["file_url"])
    known = {key: value for key, value in file.items() if key != "file_content"}
    rows = RefusedRows([{**known, "file_url": url}], "file")
    rows.why.append((None, None, f"{url}: {why}"))
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


def csv_rows(file: FileItemDict, chunksize: int, texts: set[str]) -> Rows:
    """Rows of CSV with types that hold for the whole file. texts: columns that were text in files before, which it grows by:
    in a table of texts they are to be as they are in the file."""
    from dlt.sources.filesystem.csv_files import typed_batches

    delimiter = "\t" if file["mime_type"] == "text/tab-separated-values" else ","
    with opener(file) as open_file:
        for batch in typed_batches(open_file, delimiter, texts):
            texts.update(field.name for field in batch.schema if str(field.type) == "string")
            yield ArrowRows(batch, chunksize)


class TextColumns(set[str]):
    """Names of columns that are text by the hints of the reader that runs, or in the table that it has already."""

    def __init__(self) -> None:
        super().__init__()
        self.normal: Callable[[str], str] = str
        active = ACTIVE.get()
        if active is None or active.resource is None:
            return
        hints = active.resource._hints  # noqa: SLF001
        table, columns = hints.get("table_name") or active.resource.name, hints.get("columns") or {}
        known = {} if callable(columns) else dict(columns)
        schema = getattr(active_pipeline(), "schemas", {}).get(active.source_name)
        if schema is not None:
            self.normal = schema.naming.normalize_identifier
            there = (
                schema.tables.get(schema.naming.normalize_table_identifier(table)) if isinstance(table, str) else None
            )
            known = {**(there or {}).get("columns", {}), **known}
        self.update(name for name, column in known.items() if column.get("data_type") == "text")
        self.update(map(self.normal, list(self)))

    def __contains__(self, name: object) -> bool:
        return bool(self) and (super().__contains__(name) or super().__contains__(self.normal(str(name))))


def pandas_rows(file: FileItemDict, chunksize: int, options: Mapping[str, Any]) -> Rows:
    """Rows of CSV as pandas reads them with its own options."""
    try:
        import pandas as pd
    except ImportError as absent:
        raise missing("read_csv with options of pandas", "pandas", "pandas") from absent
    from dlt.arrow.interop import batches_of

    compression = "disable" if options.get("compression") else "auto"
    with file.open(compression=compression) as source:
        try:
            frames = pd.read_csv(source, **{"dtype_backend": "numpy_nullable", **options, "chunksize": chunksize})
        except ValueError as wrong:
            if "Usecols" not in str(wrong):
                raise
            raise ConfigError(
                f"The file {shown(file['file_url'])} has not these columns: {wrong}.",
                key="usecols",
                hint="mend the names, or give a function: usecols=lambda name: name in (...)",
            ) from None
        for frame in frames:
            for batch in batches_of(frame.reset_index(drop=True) if "index_col" not in options else frame):
                yield ArrowRows(batch, chunksize)


def duckdb_rows(
    file: FileItemDict, connection: Any, chunk_size: int | None, options: Mapping[str, Any], *, use_pyarrow: bool
) -> Rows:
    """Rows of CSV as DuckDB reads them; its types are those of the whole file unless sample_size says otherwise."""
    from dlt.arrow.interop import MOST_ROWS as ALL

    name = options.get("filename")
    with on_disk(file) as path:
        try:
            found = connection.read_csv(path, **{"sample_size": -1, "compression": "none", **options})
        except Exception as wrong:
            if type(wrong).__name__ in ("BinderException", "CatalogException") or '" argument.' in str(wrong):
                raise ConfigError(
                    f"DuckDB cannot read {shown(file['file_url'])} with these options: {wrong}",
                    key="read_csv_duckdb",
                    hint="see the options of read_csv in DuckDB",
                ) from wrong
            raise
        _check_all(connection, path, found.columns, options)
        for batch in found.to_arrow_reader(chunk_size or ALL):
            if name:
                batch = _with_url(batch, name if isinstance(name, str) else "filename", file["file_url"])  # noqa: PLW2901
            yield batch if use_pyarrow else ArrowRows(batch, chunk_size or batch.num_rows or 1)


def _check_all(connection: Any, path: str, columns: Sequence[str], options: Mapping[str, Any]) -> None:
    """ValueError when DuckDB passes over rows at the beginning of a file because a later one has more fields."""
    if not SKIPPING.isdisjoint(options):
        return
    with Path(path).open(encoding=options.get("encoding") or "utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
        name = options.get("filename")
        if all(column in first for column in columns if column != ("filename" if name is True else name)):
            return
        ((rows, delimiter),) = connection.execute(
            "SELECT SkipRows, Delimiter FROM sniff_csv(?, sample_size=-1)", [path]
        ).fetchall()
        file.seek(0)
        for number, line in zip(range(1, rows + 1), file, strict=False):
            if delimiter in line:
                raise ValueError(
                    f"rows have different numbers of fields: DuckDB would leave out {rows} lines, of which line {number} "
                    f"is {line.strip()[:60]!r}; say skiprows=, null_padding= or ignore_errors= if that is meant"
                )


def _with_url(batch: Any, column: str, url: str) -> Any:
    import pyarrow as pa

    return batch.set_column(batch.schema.names.index(column), column, pa.repeat(pa.scalar(url), batch.num_rows))


def parquet_rows(file: FileItemDict, chunksize: int, *, use_pyarrow: bool) -> Rows:
    """Rows of Parquet, row group by row group. Nested values become Python objects, so that they get tables of their own."""
    import pyarrow.parquet as pq

    from dlt.sources.filesystem.csv_files import unique_names

    with _seekable(file) as source, pq.ParquetFile(source) as parquet:
        names = unique_names(parquet.schema_arrow.names)
        nested = any(_is_nested(field.type) for field in parquet.schema_arrow)
        size = chunksize if use_pyarrow or nested else max(chunksize, _rows_of_piece(parquet.metadata))
        for group in range(parquet.num_row_groups):
            try:
                for batch in parquet.iter_batches(size, row_groups=[group]):
                    batch = batch.rename_columns(names)  # noqa: PLW2901 - the same one
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
            except (ValueError, RecursionError) as cause:
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
        found = _rows_at(data_path, found)
    rows = found if isinstance(found, list) else [found]
    for start in range(0, len(rows), chunksize):
        yield rows[start : start + chunksize]


def _rows_at(path: str, document: Any) -> list[Any]:
    """The rows at a path: the items of the lists that are there, and what else is there but null. ValueError when there is
    nothing, unless the path goes through all items of a list that is empty."""
    found = every(path, document)
    many = MANY.search(path)
    if not found:
        before = every(path[: many.start()], document) if many and path[: many.start()].strip("$") else [document]
        if not many or not before or any(before):
            raise ValueError(f"there is nothing at the path {path!r} of its rows")
    rows: list[Any] = []
    for one in found:
        rows += one if isinstance(one, list) else [] if one is None else [one]
    return rows
