"""Files of a bucket as data: `filesystem(...)` lists them, `filesystem(...) | read_csv()` reads their rows."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from typing import Any

from dlt.config.inject import SECRET_VALUE, Waiting
from dlt.config.spec import Configuration, configspec, resolve_configuration
from dlt.errors import ConfigError, missing
from dlt.extract.decorators import resource, source, transformer
from dlt.extract.incremental import Incremental  # noqa: TC001 - found by its annotation
from dlt.extract.resource import DltResource  # noqa: TC001 - see above
from dlt.extract.state import ACTIVE
from dlt.sources.filesystem.access import FilesystemConfiguration, fsspec_filesystem, fsspec_from_config
from dlt.sources.filesystem.items import FileItem, FileItemDict, glob_files
from dlt.sources.filesystem.rows import (
    TextColumns,
    at_least_one,
    csv_rows,
    duckdb_rows,
    json_rows,
    jsonl_rows,
    pandas_rows,
    parquet_rows,
    read_files,
)
from dlt.sources.filesystem.web import shown

logger = logging.getLogger("dlt")

__source_name__ = "filesystem"
__all__ = [
    "FileItem",
    "FileItemDict",
    "FilesystemConfigurationResource",
    "filesystem",
    "fsspec_filesystem",
    "fsspec_from_resource",
    "glob_files",
    "read_csv",
    "read_csv_duckdb",
    "read_json",
    "read_jsonl",
    "read_parquet",
    "readers",
]


@configspec
class FilesystemConfigurationResource(Configuration):
    """What the configuration may say of a bucket; the credentials are those of the scheme of its URL."""

    bucket_url: str
    file_glob: str = "*"
    files_per_page: int = 100
    extract_content: bool = False
    fetch_file_info: bool = False
    kwargs: dict[str, Any] | None = None
    client_kwargs: dict[str, Any] | None = None


@resource(primary_key="file_url", spec=FilesystemConfigurationResource, standalone=True)
def filesystem(
    bucket_url: str = SECRET_VALUE,  # type: ignore[assignment]  # looked up
    credentials: Any = SECRET_VALUE,
    file_glob: str = "*",
    files_per_page: int = 100,
    extract_content: bool = False,
    kwargs: dict[str, Any] | None = None,
    client_kwargs: dict[str, Any] | None = None,
    incremental: Incremental[Any] | None = None,
    fetch_file_info: bool = False,
) -> Iterator[list[FileItemDict]]:
    """The files of a bucket, sorted by path, or by the cursor of an incremental with a row_order; by modification_date
    oldest first, so that rows of newer files come later.

    bucket_url: a path, or a URL such as s3://bucket/folder, gs://, az://, sftp://, https://. credentials: of the scheme,
    or an fsspec file system. file_glob: which paths below it, `**` for any folders. files_per_page: how many travel
    together. extract_content: read each file into `file_content`. kwargs, client_kwargs: for fsspec. incremental: only new
    files, by "modification_date", "file_url" or "file_name". fetch_file_info: ask for each file what listing does not tell.
    """
    at_least_one("files_per_page", files_per_page)
    fs, _ = fsspec_from_config(_configuration(bucket_url, credentials, kwargs, client_kwargs))
    listed = glob_files(fs, bucket_url, file_glob, fetch_file_info)
    files: Iterable[FileItemDict] = (FileItemDict(item, fs) for item in listed)
    if incremental is not None:
        _remember_apart(incremental, bucket_url, file_glob)
        files = _sorted(files, incremental)
    page: list[FileItemDict] = []
    file = None
    for file in files:
        if extract_content:
            file["file_content"] = file.read_bytes()
        page.append(file)
        if len(page) >= files_per_page:
            yield page
            page = []
    if page:
        yield page
    if file is None:
        logger.warning("filesystem: there is no file %s in %s.", file_glob, shown(bucket_url))


def _remember_apart(incremental: Incremental[Any], bucket_url: str, file_glob: str) -> None:
    """Let each folder and glob have a cursor of its own, else files of one that are older than those of another would be
    left out. The first one has that of the resource, as in states that dlt 1.x wrote."""
    state = incremental.tracker.state if incremental.tracker is not None else None
    if state is None:
        return
    place = hashlib.sha256(f"{bucket_url}\n{file_glob}".encode()).hexdigest()[:16]  # URLs may have secrets
    if state.setdefault("listing", place) == place:
        return
    others = state.setdefault("listings", {})
    if place not in others:
        logger.warning(
            "filesystem: no cursor is known of %s in %s, as there is one of another bucket_url or file_glob. All of its "
            "files are new.",
            file_glob,
            shown(bucket_url),
        )
    incremental.remember_in(others.setdefault(place, {}))


def _sorted(files: Iterable[FileItemDict], incremental: Incremental[Any]) -> Iterable[FileItemDict]:
    path = incremental.cursor_path
    if incremental.row_order is None:
        if path != "modification_date":
            return files
        files = list(files)
        known = all(file["modification_date"] is not None for file in files)
        return sorted(files, key=lambda file: file["modification_date"]) if known else files
    try:
        return sorted(files, key=lambda file: file[path], reverse=incremental.row_order == "desc")
    except (KeyError, TypeError) as cause:
        raise ConfigError(
            f"Files cannot be sorted by {path!r}: {cause}.",
            key="row_order",
            hint='use "modification_date", "file_url", "file_name" or "size_in_bytes", or no row_order',
        ) from cause


def _configuration(bucket_url: str, credentials: Any, kwargs: Any, client_kwargs: Any) -> FilesystemConfiguration:
    """The bucket with its credentials, from the configuration of the resource that runs when they were not given."""
    made = FilesystemConfiguration.from_value({})
    known = {"bucket_url": bucket_url, "kwargs": kwargs, "client_kwargs": client_kwargs}
    if not isinstance(credentials, Waiting):
        known["credentials"] = credentials
    active = ACTIVE.get()
    owner = getattr(active, "resource", None)
    names = (
        "sources",
        getattr(owner, "section", None) or __source_name__,
        getattr(owner, "name", None) or "filesystem",
    )
    found: FilesystemConfiguration = resolve_configuration(
        made, sections=names, explicit_value={key: value for key, value in known.items() if value is not None}
    )
    return found


def fsspec_from_resource(filesystem_instance: DltResource) -> Any:
    """The fsspec file system of a resource made with `filesystem(...)`."""
    found = filesystem_instance.explicit_args
    config = _configuration(
        found.get("bucket_url") or "", found.get("credentials"), found.get("kwargs"), found.get("client_kwargs")
    )
    return fsspec_from_config(config)[0]


# ---- readers


def _read_csv(
    items: Iterable[FileItemDict], chunksize: int = 10000, on_bad_file: str = "fail", **pandas_kwargs: Any
) -> Iterator[Any]:
    """The rows of CSV files. A column has the type that holds for the whole file and from which its texts can be had back;
    with options of pandas.read_csv pandas reads them, and decides piece by piece.

    chunksize: rows that steps of yours get at once. on_bad_file: "fail", or "skip" for files that cannot be read: they are
    listed in the quarantine.
    """

    at_least_one("chunksize", chunksize)
    texts = TextColumns()

    def read(file: FileItemDict) -> Iterator[Any]:
        return pandas_rows(file, chunksize, pandas_kwargs) if pandas_kwargs else csv_rows(file, chunksize, texts)

    yield from read_files(items, read, "CSV", on_bad_file)


def _read_csv_duckdb(
    items: Iterable[FileItemDict],
    chunk_size: int | None = 5000,
    use_pyarrow: bool = False,
    on_bad_file: str = "fail",
    **duckdb_kwargs: Any,
) -> Iterator[Any]:
    """The rows of CSV files as DuckDB reads them, with a connection of its own. duckdb_kwargs: of its `read_csv`; filename
    adds a column with the URL of the file. use_pyarrow: record batches of `chunk_size` rows."""
    if chunk_size is not None:
        at_least_one("chunk_size", chunk_size)
    try:
        import duckdb
    except ImportError as absent:
        raise missing("read_csv_duckdb", "duckdb", "duckdb") from absent
    with duckdb.connect() as connection:

        def read(file: FileItemDict) -> Iterator[Any]:
            return duckdb_rows(file, connection, chunk_size, duckdb_kwargs, use_pyarrow=use_pyarrow)

        yield from read_files(items, read, "CSV", on_bad_file)


def _read_jsonl(items: Iterable[FileItemDict], chunksize: int = 1000, on_bad_file: str = "fail") -> Iterator[Any]:
    """The rows of files of JSON lines, in pages of `chunksize`."""
    at_least_one("chunksize", chunksize)
    yield from read_files(items, lambda file: jsonl_rows(file, chunksize), "JSON lines", on_bad_file)


def _read_json(
    items: Iterable[FileItemDict], chunksize: int = 1000, data_path: str | None = None, on_bad_file: str = "fail"
) -> Iterator[Any]:
    """The rows of JSON documents, each held in memory: the items of a list, else the document. data_path: the JSON path of
    the rows in the document."""
    at_least_one("chunksize", chunksize)
    yield from read_files(items, lambda file: json_rows(file, chunksize, data_path), "JSON", on_bad_file)


def _read_parquet(
    items: Iterable[FileItemDict], chunksize: int = 1000, use_pyarrow: bool = False, on_bad_file: str = "fail"
) -> Iterator[Any]:
    """The rows of Parquet files. Nested values become Python objects and get tables of their own; with use_pyarrow record
    batches of `chunksize` rows are passed on, whose nested values stay in their column."""
    at_least_one("chunksize", chunksize)
    yield from read_files(
        items, lambda file: parquet_rows(file, chunksize, use_pyarrow=use_pyarrow), "Parquet", on_bad_file
    )


read_csv: DltResource = transformer(_read_csv, standalone=True)
read_csv_duckdb: DltResource = transformer(_read_csv_duckdb, standalone=True)
read_json: DltResource = transformer(_read_json, standalone=True)
read_jsonl: DltResource = transformer(_read_jsonl, standalone=True)
read_parquet: DltResource = transformer(_read_parquet, standalone=True)


@source(spec=FilesystemConfigurationResource)
def readers(
    bucket_url: str = SECRET_VALUE,  # type: ignore[assignment]  # looked up
    credentials: Any = SECRET_VALUE,
    file_glob: str = "*",
    kwargs: dict[str, Any] | None = None,
    client_kwargs: dict[str, Any] | None = None,
    incremental: Incremental[Any] | None = None,
) -> tuple[DltResource, ...]:
    """A source with a resource for each reader, all of the same files; take those you want with `with_resources`."""

    def files() -> DltResource:
        return filesystem(
            bucket_url,
            credentials,
            file_glob,
            kwargs=kwargs,
            client_kwargs=client_kwargs,
            incremental=incremental,
        )

    return (
        files() | read_csv().with_name("read_csv"),
        files() | read_jsonl().with_name("read_jsonl"),
        files() | read_parquet().with_name("read_parquet"),
        files() | read_csv_duckdb().with_name("read_csv_duckdb"),
    )
