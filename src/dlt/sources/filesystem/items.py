"""The files of a bucket: what matches a glob, as items that can be opened."""

from __future__ import annotations

import gzip
import io
import logging
import mimetypes
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any, NotRequired, Self, TypedDict

from dlt.errors import ConfigError, FatalError
from dlt.sources.filesystem.access import WEB, file_system, is_local, scheme_of, url_of

logger = logging.getLogger("dlt")

# signs at the beginning of a file -> what it is packed with
MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "bz2": re.compile(rb"BZh[1-9]1AY&SY"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"[\x28][\xb5][\x2f][\xfd]"),
}
PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd"}
WORDS = ("auto", "enable", "disable")
MIME = {
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".parquet": "application/parquet",
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".avro": "application/avro",
    ".arrow": "application/vnd.apache.arrow.file",
    ".md": "text/markdown",
}
MODIFIED = ("mtime", "LastModified", "last_modified", "updated", "modifiedTime", "modified", "Last-Modified")
HAS_GLOB = re.compile(r"[*?\[\]{}]")


class FileItem(TypedDict):
    """What is known of a file."""

    file_url: str
    file_name: str
    relative_path: str
    mime_type: str
    encoding: NotRequired[str]
    modification_date: datetime | None
    size_in_bytes: NotRequired[int]
    file_content: NotRequired[bytes]


class FileItemDict(dict[str, Any]):
    """A file: what is known of it, and how to read it. fsspec: the file system it is in, else that of its URL."""

    def __init__(self, mapping: Mapping[str, Any] | FileItem = {}, fsspec: Any = None) -> None:  # noqa: B006 - not kept
        super().__init__(mapping)
        self._fs = fsspec

    @property
    def fsspec(self) -> Any:
        """The file system it is in."""
        if self._fs is None:
            self._fs, _ = file_system(self["file_url"])
        return self._fs

    @property
    def path(self) -> str:
        """Its path in the file system."""
        return str(file_system(self["file_url"], self.fsspec)[1])

    @property
    def local_file_path(self) -> str:
        """Its path on this machine. FatalError when it is elsewhere."""
        if scheme_of(self["file_url"]) != "file":
            raise FatalError("The file is not on this machine.", file_url=self["file_url"], hint="open() it")
        return self.path

    def open(self, mode: str = "rb", compression: str = "auto", **kwargs: Any) -> Any:
        """The file, opened: for reading unpacked when it is packed with gzip, bz2, xz or zstd ("auto": as its first bytes
        tell; "enable": as its name says, gzip for any other; "disable": as it is). kwargs: of the text, or of fsspec."""
        if compression not in WORDS:
            raise FatalError(f"Unknown compression {compression!r}.", hint="use " + ", ".join(map(repr, WORDS)))
        if mode not in ("rb", "r", "rt", "br", "tr"):
            return self.fsspec.open(self.path, mode, **kwargs)
        text = {name: kwargs.pop(name) for name in ("encoding", "errors", "newline") if name in kwargs}
        content = self.get("file_content")
        raw: Any = io.BytesIO(content) if content is not None else self.fsspec.open(self.path, "rb", **kwargs)
        if not isinstance(raw, io.BufferedIOBase):  # files of fsspec read line by line slowly, or not at all
            raw = io.BufferedReader(raw, 1 << 16)
        file = unpacked(raw, self.packing(raw, compression))
        return file if "b" in mode else io.TextIOWrapper(file, **{"encoding": "utf-8", **text})

    def packing(self, file: Any, compression: str = "auto") -> str | None:
        """What an open file is packed with: gzip, bz2, xz, zstd or None."""
        if compression == "disable":
            return None
        if compression == "enable":
            return PACKED.get(posixpath.splitext(self["file_name"])[1].lower(), "gzip")
        start = _start(file)
        return next((name for name, sign in MAGIC.items() if sign.match(start)), None)

    def read_bytes(self) -> bytes:
        """All bytes, as they are stored."""
        content = self.get("file_content")
        if content is not None:
            return bytes(content)
        return bytes(self.fsspec.cat_file(self.path))

    def copy(self) -> Self:
        """The same file."""
        return type(self)(self, self._fs)

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(deepcopy(dict(self), memo), self._fs)


def _start(file: Any) -> bytes:
    """The first bytes of an open file, which are read again later."""
    if not file.seekable():
        return bytes(file.peek(10))
    start: bytes = file.read(10)
    file.seek(0)
    return start


def unpacked(file: Any, packing: str | None) -> Any:
    """An open file, unpacked while it is read."""
    if packing is None:
        return file
    return io.BufferedReader(_Unpacked(file, packing), 1 << 16)


class _Unpacked(io.RawIOBase):
    """What is in a packed file, which is closed with it."""

    def __init__(self, file: Any, packing: str) -> None:
        self.file = file
        match packing:
            case "gzip":
                self.stream: Any = gzip.GzipFile(fileobj=file)
            case "bz2":
                import bz2

                self.stream = bz2.BZ2File(file)
            case "xz":
                import lzma

                self.stream = lzma.LZMAFile(file)  # noqa: SIM115 - closed with this
            case _:
                import pyarrow as pa

                self.stream = pa.input_stream(file, compression=packing)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self.stream.close()
            self.file.close()
        super().close()


# ---- listing


def glob_files(
    fs_client: Any, bucket_url: str, file_glob: str = "**", fetch_file_info: bool = False
) -> Iterator[FileItem]:
    """The files below a bucket URL whose paths match a glob, sorted by path; `**` stands for any number of folders.

    fetch_file_info: ask for each file, where listing does not tell its time or size. Raises ConfigError when the glob or
    a link leads out of the bucket.
    """
    _, root = file_system(bucket_url, fs_client)
    root = root.rstrip("/\\") or root
    found = _matching(fs_client, root, checked_glob(file_glob))
    real = os.path.realpath(root) if is_local(fs_client) else None
    real_folder = cache(os.path.realpath)
    for path, known in sorted(found.items()):
        if known.get("type") == "directory":
            continue
        if real is not None and Path(path).is_fifo():  # reading from a pipe would wait for ever
            logger.warning("%s is left out: it is no file.", path)
            continue
        info = {**known, **fs_client.info(path)} if fetch_file_info else known
        relative = _relative(path, root)
        if relative is None or (real is not None and not _inside(_real(path, known, real_folder), real)):
            raise ConfigError(
                f"The file {path!r} is not in the bucket: a link or a name leads out of it.",
                bucket_url=bucket_url,
                hint="give the folder that it is in as bucket_url",
            )
        if scheme_of(bucket_url) in WEB:
            relative = relative.partition("?")[0]
        yield _item(url_of(fs_client, path, scheme_of(bucket_url)), relative, info)


def checked_glob(glob: str) -> str:
    """A glob; ConfigError when it leads out of its folder."""
    parts = re.split(r"[\\/]", glob)
    if ".." in parts or glob.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", glob):
        raise ConfigError(
            f"The glob {glob!r} leads out of the bucket.",
            key="file_glob",
            hint="give the folder as bucket_url, and a path below it as file_glob",
        )
    return glob


def _matching(fs: Any, root: str, glob: str) -> dict[str, dict[str, Any]]:
    """Paths and what listing tells of them. A bucket URL that is a file is that file."""
    path = f"{root.rstrip('/')}/{glob}" if glob else root
    try:
        if not HAS_GLOB.search(glob):
            info = fs.info(path)
            return {str(info["name"]): info}
        escaped = re.sub(r"([\[\]*?])", r"[\1]", root.rstrip("/")) if is_local(fs) else root.rstrip("/")
        found: dict[str, dict[str, Any]] = fs.glob(f"{escaped}/{glob}", detail=True)
        if not found and not fs.isdir(root) and fs.exists(root):
            found = {root: fs.info(root)}
    except FileNotFoundError:
        return {}
    return found


def _relative(path: str, root: str) -> str | None:
    """The path below a root; None when it is not below. `/data_evil` is not below `/data`."""
    path, root = path.replace("\\", "/"), root.replace("\\", "/").rstrip("/")
    if path == root:
        return posixpath.basename(path)
    if ".." in path.split("/") or not path.startswith(f"{root}/"):
        return None
    return path[len(root) + 1 :]


def _real(path: str, known: Mapping[str, Any], of_folder: Callable[[str], str]) -> str:
    """The path without links."""
    if known.get("islink", True):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    return os.path.join(of_folder(folder), name)  # noqa: PTH118 - paths of fsspec are texts


def _inside(path: str, root: str) -> bool:
    return path == root or os.path.commonpath([path, root]) == root


def _item(url: str, relative: str, info: Mapping[str, Any]) -> FileItem:
    name = posixpath.basename(relative)
    mime, encoding = mime_of(name)
    item = FileItem(
        file_name=name,
        relative_path=relative,
        file_url=url,
        mime_type=mime,
        modification_date=modified(info),
    )
    if info.get("size") is not None:
        item["size_in_bytes"] = int(info["size"])
    if encoding:
        item["encoding"] = encoding
    return item


def mime_of(name: str) -> tuple[str, str | None]:
    """The MIME type of a name, and what it says the file is packed with."""
    stem, ending = posixpath.splitext(name)
    encoding = PACKED.get(ending.lower())
    bare = stem if encoding else name
    known = MIME.get(posixpath.splitext(bare)[1].lower()) or _types().guess_type(bare)[0]
    return known or "application/octet-stream", encoding


@cache
def _types() -> mimetypes.MimeTypes:
    """Those that Python knows, whatever this machine adds."""
    return mimetypes.MimeTypes()


def modified(info: Mapping[str, Any]) -> datetime | None:
    """When a file was changed, as far as the file system tells it."""
    value: Any = next((info[name] for name in (*MODIFIED, "created") if info.get(name) is not None), None)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            value = parsedate_to_datetime(value)
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return None
