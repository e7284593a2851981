"""A local HTTP server that behaves badly on demand: `with Naughty() as server: requests.get(server.url + "/numbered")`.

Every route takes `fault=` and `times=` (default 1): the first so many requests of a URL fail that way, `times=0` means all of them.
"""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import BaseServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

ROWS = 25
PER_PAGE = 10
Route = Callable[["Naughty", "Asked"], "Answer | Any"]


@dataclass(frozen=True)
class Asked:
    """A request. number: how often this method and URL were asked, from 1; parts: what came after the name of the route."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    number: int
    parts: tuple[str, ...] = ()

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None

    def sent(self, name: str, default: Any = None) -> Any:
        """A parameter: of the URL, else of the JSON body."""
        if name in self.query:
            return self.query[name]
        found = self.json() if self.headers.get("Content-Type", "").startswith("application/json") else None
        return found.get(name, default) if isinstance(found, dict) else default


@dataclass(frozen=True)
class Answer:
    """A response. body: bytes, or what becomes JSON; length: the Content-Length that is claimed; cut: bytes that are sent before
    the line goes dead; pause: seconds before each piece of the body; pieces: how many of them; drop: no response at all."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    cut: int | None = None
    pause: float = 0.0
    pieces: int = 1
    chunked: bool = False
    drop: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def kind(self) -> str:
        return "application/octet-stream" if isinstance(self.body, bytes) else "application/json"


def _zipped(answer: Answer, keep: float = 1) -> Answer:
    content = gzip.compress(answer.content)
    headers = {"Content-Type": answer.kind, **answer.headers, "Content-Encoding": "gzip"}
    return replace(answer, body=content[: int(len(content) * keep)], headers=headers)


def _refused(status: int, **headers: str) -> Callable[[Answer], Answer]:
    return lambda _: Answer({"error": status}, status, {key.replace("_", "-"): value for key, value in headers.items()})


FAULTS: dict[str, Callable[[Answer], Answer]] = {
    "429": _refused(429, Retry_After="1"),
    "429_date": lambda _: Answer({"error": 429}, 429, {"Retry-After": formatdate(time.time() + 7, usegmt=True)}),
    "429_bare": _refused(429),
    "429_odd": _refused(429, Retry_After="soon"),
    "400": _refused(400),
    "401": _refused(401),
    "404": _refused(404),
    "500": _refused(500),
    "503": _refused(503),
    "drop": lambda _: Answer(drop=True),  # the connection is closed without a word
    "cut": lambda answer: replace(answer, cut=len(answer.content) // 2),  # Content-Length says more
    "cut_chunked": lambda answer: replace(answer, chunked=True, pieces=3, cut=len(answer.content) // 2),
    "too_long": lambda answer: replace(answer, length=len(answer.content) + 10, cut=len(answer.content)),
    "too_short": lambda answer: replace(answer, length=len(answer.content) - 5, cut=len(answer.content)),
    "chunked": lambda answer: replace(answer, chunked=True, pieces=3),
    "slow": lambda answer: replace(answer, pause=0.005, pieces=5),
    "stuck": lambda answer: replace(answer, pause=0.5, pieces=2),
    "gzip": _zipped,
    "gzip_cut": lambda answer: _zipped(answer, 0.6),  # what is sent has its length, but the archive has no end
    "latin1": lambda answer: replace(
        answer,
        body=json.dumps(answer.body, ensure_ascii=False).encode("latin-1"),
        headers={**answer.headers, "Content-Type": "application/json; charset=iso-8859-1"},
    ),
    "wrong_charset": lambda answer: replace(  # UTF-8 that calls itself something else
        answer,
        body=json.dumps(answer.body, ensure_ascii=False).encode(),
        headers={**answer.headers, "Content-Type": "application/json; charset=iso-8859-1"},
    ),
    "bom": lambda answer: replace(
        answer, body=b"\xef\xbb\xbf" + answer.content, headers={"Content-Type": "application/json", **answer.headers}
    ),
    "html": lambda _: Answer(b"<html>Please log in</html>", 200, {"Content-Type": "text/html"}),
    "half_json": lambda answer: replace(
        answer, body=answer.content[:-3], headers={"Content-Type": "application/json", **answer.headers}
    ),
}

# ---- routes: pages of `server.rows`


def _rows(server: Naughty, asked: Asked, start: int) -> list[Any]:
    return server.rows[start : start + int(asked.sent("per_page", PER_PAGE))]


def _next(server: Naughty, asked: Asked, start: int) -> int | None:
    """Where the next page starts; None when this was the last one."""
    following = start + int(asked.sent("per_page", PER_PAGE))
    return following if following < len(server.rows) else None


def _url(server: Naughty, asked: Asked, **query: Any) -> str:
    return f"{server.url}{asked.path}?{urlencode({**asked.query, **query})}"


def _numbered(server: Naughty, asked: Asked, *, base: int = 0, total: bool = True) -> Any:
    page, per_page = int(asked.sent("page", base)), int(asked.sent("per_page", PER_PAGE))
    found: dict[str, Any] = {"items": _rows(server, asked, max(page - base, 0) * per_page)}
    return {**found, "total_pages": -(-len(server.rows) // per_page), "page": page} if total else found


def _offset(server: Naughty, asked: Asked, *, total: bool = True, more: bool = False) -> Any:
    start, limit = int(asked.sent("offset", 0)), int(asked.sent("limit", PER_PAGE))
    found: dict[str, Any] = {"data": server.rows[start : start + limit]}
    if more:
        found["has_more"] = start + limit < len(server.rows)
    return {**found, "total": len(server.rows)} if total else found


def _cursor(server: Naughty, asked: Asked, *, last: Any = None) -> Any:
    start = int(asked.sent("cursor") or 0)
    following = _next(server, asked, start)
    return {"items": _rows(server, asked, start), "cursors": {"next": last if following is None else f"{following}"}}


def _links(server: Naughty, asked: Asked, *, relative: bool = False) -> Any:
    start = int(asked.sent("from", 0))
    following = _next(server, asked, start)
    link = None if following is None else _url(server, asked, **{"from": following})
    return {
        "results": _rows(server, asked, start),
        "next": link.removeprefix(server.url) if link and relative else link,
    }


def _header_links(server: Naughty, asked: Asked) -> Answer:
    start = int(asked.sent("from", 0))
    following = _next(server, asked, start)
    link = "" if following is None else f'<{_url(server, asked, **{"from": following})}>; rel="next"'
    return Answer(_rows(server, asked, start), headers={"Link": link} if link else {})


def _header_cursor(server: Naughty, asked: Asked) -> Answer:
    start = int(asked.sent("cursor") or 0)
    following = _next(server, asked, start)
    return Answer(_rows(server, asked, start), headers={} if following is None else {"next": f"{following}"})


def _empty_in_between(server: Naughty, asked: Asked) -> Any:
    """A cursor whose second page has no rows, and the pages after it have."""
    start = asked.sent("cursor")
    if start == "gap":
        return {"items": [], "cursors": {"next": f"{PER_PAGE}"}}
    found = _cursor(server, asked)
    return {**found, "cursors": {"next": "gap"}} if not start else found


def _children(server: Naughty, asked: Asked) -> Any:
    """`/parents/{id}/children`, in pages by cursor: the parent `n` has `n * per_page` of them."""
    parent = int(asked.parts[0])
    if len(asked.parts) == 1:
        return {"id": parent, "name": f"parent {parent}"}
    start, per_page = int(asked.sent("cursor") or 0), int(asked.sent("per_page", PER_PAGE))
    rows = [{"id": number, "parent": parent} for number in range(parent * per_page)]
    following = start + per_page
    return {
        "items": rows[start:following],
        "cursors": {"next": f"{following}" if following < len(rows) else None},
    }


# ---- routes: who may come in


def _token(server: Naughty, asked: Asked) -> Any:
    """Hands out `token-1`, `token-2`, ...; only the last one opens `/private`."""
    server.tokens += 1
    form = dict(parse_qsl(asked.body.decode()))
    return {"access_token": f"token-{server.tokens}", "expires_in": int(asked.query.get("expires", 3600)), "form": form}


def _private(server: Naughty, asked: Asked) -> Any:
    if asked.headers.get("Authorization") != f"Bearer token-{server.tokens}":
        return Answer({"error": "who are you?"}, 401)
    return _cursor(server, asked)


def _echo(_server: Naughty, asked: Asked) -> Any:
    return {
        "method": asked.method,
        "path": asked.path,
        "query": asked.query,
        "headers": dict(asked.headers),
        "body": asked.body.decode("utf-8", "replace"),
        "number": asked.number,
    }


def _status(_server: Naughty, asked: Asked) -> Answer:
    return Answer({"error": f"status {asked.parts[0]}", "detail": "x" * 10_000}, int(asked.parts[0]))


def _parents(server: Naughty, asked: Asked) -> Any:
    if asked.parts:
        return _children(server, asked)
    return {"items": [{"id": number} for number in range(1, 4)], "cursors": {"next": None}}


ROUTES: dict[str, Route] = {
    "rows": lambda server, _: server.rows,
    "one": lambda server, _: server.rows[0],
    "nothing": lambda _server, _asked: Answer(b"", 204),
    "empty": lambda _server, _asked: {"items": []},
    "numbered": _numbered,
    "numbered_from_1": partial(_numbered, base=1),
    "numbered_without_total": partial(_numbered, total=False),
    "offset": _offset,
    "offset_without_total": partial(_offset, total=False),
    "offset_more": partial(_offset, total=False, more=True),
    "cursor": _cursor,
    "cursor_ends_empty": partial(_cursor, last=""),
    "cursor_ends_false": partial(_cursor, last=False),
    "cursor_with_gap": _empty_in_between,
    "links": _links,
    "links_relative": partial(_links, relative=True),
    "header_links": _header_links,
    "header_cursor": _header_cursor,
    # what never ends
    "same_cursor": lambda server, asked: {"items": _rows(server, asked, 0), "cursors": {"next": "again"}},
    "cursors_in_turn": lambda server, asked: {
        "items": _rows(server, asked, 0),
        "cursors": {"next": "b" if asked.sent("cursor") == "a" else "a"},
    },
    "same_link": lambda server, asked: {"results": _rows(server, asked, 0), "next": server.url + asked.path},
    "same_header_link": lambda server, asked: Answer(
        _rows(server, asked, 0), headers={"Link": f'<{server.url}{asked.path}>; rel="next"'}
    ),
    "same_page": lambda server, asked: {"items": _rows(server, asked, 0)},  # whatever page is asked for
    # parents and children
    "parents": _parents,
    # others
    "token": _token,
    "private": _private,
    "echo": _echo,
    "status": _status,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each response waits 40 ms for an acknowledgement
    server: _Server

    def _handle(self) -> None:
        server = self.server.naughty
        answer = server.answer(
            self.command, self.path, self.headers, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        )
        try:
            self._send(answer)
        except OSError:  # the client is gone
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _handle

    def _send(self, answer: Answer) -> None:
        if answer.drop:
            self.close_connection = True
            return
        content = answer.content
        self.send_response(answer.status)
        for name, value in ({"Content-Type": answer.kind} | answer.headers).items():
            self.send_header(name, value)
        if answer.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(content) if answer.length is None else answer.length))
        self.end_headers()
        if self.command == "HEAD":
            return
        sent = content[: answer.cut]
        size = -(-len(sent) // answer.pieces) or 1
        for start in range(0, len(sent), size):
            self.server.naughty.closing.wait(answer.pause)
            piece = sent[start : start + size]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if answer.chunked else piece)
            self.wfile.flush()
        if answer.cut is not None:
            self.close_connection = True
        elif answer.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, naughty: Naughty) -> None:
        self.naughty = naughty
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no news; what a route raises is answered by 599."""


class Naughty:
    """The server. rows: what the pages are made of; routes: by the first part of the path, to be added to; asked: all requests."""

    def __init__(self, rows: int | list[Any] = ROWS) -> None:
        self.rows = (
            [{"id": number, "name": f"row é {number}"} for number in range(rows)] if isinstance(rows, int) else rows
        )
        self.routes = dict(ROUTES)
        self.asked: list[Asked] = []
        self.tokens = 0
        self.closing = threading.Event()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        serve: Callable[[float], None] = BaseServer.serve_forever.__get__(self._server)
        self._thread = threading.Thread(target=serve, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """What is answered to a request."""
        parts = urlsplit(target)
        name, *rest = parts.path.strip("/").split("/")
        with self._lock:
            self._counts[method, target] += 1
            asked = Asked(
                method, parts.path, dict(parse_qsl(parts.query, keep_blank_values=True)), headers, body,
                self._counts[method, target], tuple(rest),
            )  # fmt: skip
            self.asked.append(asked)
        route = self.routes.get(name)
        if route is None:
            return Answer({"error": f"no route {name!r}"}, 404)
        try:
            found = route(self, asked)
        except Exception as error:
            return Answer({"error": repr(error)}, 599)
        answer = found if isinstance(found, Answer) else Answer(found)
        fault, times = asked.query.get("fault"), int(asked.query.get("times", 1))
        return FAULTS[fault](answer) if fault and (not times or asked.number <= times) else answer

    def queries(self, name: str | None = None) -> list[str | None]:
        """The URLs that were asked, in order, below the server; or one parameter of each."""
        if name:
            return [asked.sent(name) for asked in self.asked]
        return [asked.path + (f"?{urlencode(asked.query)}" if asked.query else "") for asked in self.asked]
