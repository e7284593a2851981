"""Files of web servers without a further package: one URL is one file, there is nothing to list."""

from __future__ import annotations

import io
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from dlt.errors import MissingExtra

HEADERS = {"User-Agent": "dlt"}
NOT_ALLOWED = (403, 405, 501)  # answers to HEAD of servers that only know GET


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
        try:
            answer = self._ask(url, "HEAD")
        except HTTPError as refused:
            if refused.code not in NOT_ALLOWED:
                raise
            answer = self._ask(url, "GET")
        with answer:
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
            raise PermissionError(f"{url} can only be read.")
        return io.BufferedReader(_Body(self._ask(url, "GET")), 1 << 16)

    def cat_file(self, url: str) -> bytes:
        """All bytes of a file."""
        with self.open(url) as file:
            data: bytes = file.read()
        return data

    def glob(self, url: str, detail: bool = True) -> dict[str, Any]:  # noqa: ARG002 - as fsspec asks
        """Not without a package that reads index pages."""
        raise MissingExtra(
            "Looking for files on a web server needs the package aiohttp.",
            url=url,
            hint='give the URL of one file, or pip install "aiohttp"',
        )

    def _ask(self, url: str, method: str) -> Any:
        try:
            return urlopen(Request(url, headers=self.headers, method=method), timeout=self.timeout)  # noqa: S310 - the scheme was checked
        except HTTPError as refused:
            if refused.code in (404, 410):
                raise FileNotFoundError(f"{url}: {refused}") from refused
            raise


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
