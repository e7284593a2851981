"""Files of web servers without a further package: one URL is one file, there is nothing to list."""

from __future__ import annotations

import io
import posixpath
import time
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from dlt.errors import MissingExtra

HEADERS = {"User-Agent": "dlt"}
NOT_ALLOWED = (403, 405, 501)  # answers to HEAD of servers that only know GET
AGAIN = (429, 500, 502, 503, 504)  # answers after which a request is made again
WAITS = (0.5, 2.0)  # seconds


def shown(url: str) -> str:
    """A URL of a web server without its login and its query, which may be secret."""
    parts = urlsplit(url) if "://" in url else None
    if parts is None or parts.scheme.lower() not in ("http", "https"):
        return url
    login, at, host = parts.netloc.rpartition("@")
    return urlunsplit(
        parts._replace(netloc=f"***@{host}" if at and login else parts.netloc, query="***" if parts.query else "")
    )


class WebFiles:
    """What of an fsspec file system single files of a web server need."""

    protocol = ("http", "https")

    def __init__(self, headers: dict[str, str] | None = None, timeout: float = 60) -> None:
        self.headers, self.timeout = {**HEADERS, **(headers or {})}, timeout

    @classmethod
    def _strip_protocol(cls, url: str) -> str:
        return url

    def unstrip_protocol(self, url: str) -> str:
        """The URL."""
        return url

    def info(self, url: str) -> dict[str, Any]:
        """What the server tells of a file. FileNotFoundError when there is none."""
        with self._ask(url, "HEAD", NOT_ALLOWED) or self._ask(url, "GET") as answer:
            size = answer.headers.get("Content-Length")
            packed = answer.headers.get("Content-Encoding")
            return {
                "name": url,
                "type": "file",
                "size": int(size) if size and not packed else None,
                "Last-Modified": answer.headers.get("Last-Modified"),
                "mimetype": answer.headers.get_content_type(),
            }

    def open(self, url: str, mode: str = "rb") -> Any:
        """The file, to be read from its beginning to its end."""
        if mode != "rb":
            raise PermissionError(f"{shown(url)} can only be read.")
        return io.BufferedReader(_Body(self._ask(url, "GET")), 1 << 16)

    def cat_file(self, url: str) -> bytes:
        """All bytes of a file."""
        with self.open(url) as file:
            data: bytes = file.read()
        return data

    def glob(self, url: str, detail: bool = True) -> dict[str, Any]:  # noqa: ARG002 - as fsspec asks
        """The file itself where the glob is that of no one; else not without a package that reads index pages."""
        root, _, pattern = url.rpartition("/")
        if pattern in ("*", "**") and posixpath.splitext(urlsplit(root).path)[1]:
            return {root: self.info(root)}
        raise MissingExtra(
            "Looking for files on a web server needs the package aiohttp.",
            url=shown(url),
            hint='give the URL of one file, or pip install "aiohttp"',
        )

    def _ask(self, url: str, method: str, unknown: tuple[int, ...] = ()) -> Any:
        """The answer; None when it says that the method is not known. Errors that pass are waited for."""
        request = Request(url, headers=self.headers, method=method)  # noqa: S310 - the scheme was checked
        for wait in (*WAITS, None):
            try:
                return urlopen(request, timeout=self.timeout)  # noqa: S310 - see above
            except HTTPError as refused:
                refused.close()
                if refused.code in unknown:
                    return None
                kind = {401: PermissionError, 403: PermissionError, 404: FileNotFoundError, 410: FileNotFoundError}
                failed: Exception = kind.get(refused.code, ConnectionError)(f"{shown(url)}: {refused}")
                passes = refused.code in AGAIN
            except (URLError, OSError) as refused:
                failed = ConnectionError(f"{shown(url)}: {getattr(refused, 'reason', refused)}")
                passes = True
            if wait is None or not passes:
                raise failed
            time.sleep(wait)
        return None


class _Body(io.RawIOBase):
    """The body of an answer; ConnectionError when it ends before it is whole."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.count = answer, 0
        length = answer.headers.get("Content-Length")
        self.length = int(length) if length is not None else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.answer.read(len(buffer))
        self.count += len(data)
        if not data and self.length is not None and self.count < self.length:
            raise ConnectionError(f"the connection ended after {self.count} of {self.length} bytes")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.answer.close()
        super().close()
