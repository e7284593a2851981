"""One series of requests: a paginator that begins anew, and a guard that notices when the series goes in a circle."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from requests import PreparedRequest

from dlt.errors import RestClientError
from dlt.sources.http.session import ANYWHERE, other_origin, warn_of_origin
from dlt.sources.http.urls import sanitize_url

if TYPE_CHECKING:
    from requests import Request, Response

    from dlt.sources.http.paginators import BasePaginator

SEEN = 100_000  # requests that are remembered: 10 MB
POOR_PAGES = 1000  # pages that may be the same one after the other when they have one row, or equal ones, or none
KEPT = "_dlt_kept"
_LOCK = threading.Lock()


@dataclass
class _Kept:
    """The attributes of a paginator before its first series and after its last one, and whether one is going on."""

    pristine: dict[str, Any]
    after: dict[str, Any]
    busy: bool = False


@contextmanager
def begun(paginator: BasePaginator) -> Iterator[BasePaginator]:
    """The paginator as it was before its first series, with what the user has changed since; a copy while another series goes
    on with it."""
    with _LOCK:
        own = {name: value for name, value in vars(paginator).items() if name != KEPT}
        kept: _Kept = vars(paginator).setdefault(KEPT, _Kept(own, own))
        busy = kept.busy
        if busy:
            paginator = copy.copy(paginator)
        else:
            changed = {name: value for name, value in own.items() if kept.after.get(name, kept) is not value}
            kept.pristine, kept.busy = {**kept.pristine, **changed}, True
        vars(paginator).clear()
        vars(paginator).update(kept.pristine if busy else {**kept.pristine, KEPT: kept})
    try:
        yield paginator
    finally:
        if not busy:
            kept.after, kept.busy = dict(vars(paginator)), False


class Guard:
    """What was asked and what came, of one series."""

    def __init__(self, rows_of: Callable[[Response], list[Any]]) -> None:
        self._rows_of = rows_of
        self.paginator: BasePaginator | None = None  # once it is known
        self.settings: dict[Any, Any] = {}  # of the environment, for each host
        self._home: tuple[str, ...] = ()
        self._first: Request | None = None
        self._strange: set[str] = set()
        self._had_rows = False
        self._seen: set[int] = set()
        self._before: Response | None = None
        self._marks: tuple[Any, ...] = ()
        self._same = 0

    def begin(self, base_url: str, request: Request) -> None:
        """Take where the series begins for its home."""
        self._home, self._first = (base_url, request.url or ""), copy.copy(request)
        self._first.headers = dict(request.headers)

    def guarded(self, request: Request) -> Request:
        """The request; without what it began with to be let in when the next page is at another origin."""
        first, url = self._first, request.url or ""
        if first is None or url == first.url:
            return request
        ready = PreparedRequest()
        ready.prepare_url(url, None)  # as it is sent
        sent = ready.url or ""
        if not all(other_origin(one, sent) for one in self._home):
            return request
        secure = sent.replace("http://", "https://", 1)  # servers behind a proxy may not know that they speak https
        if sent.startswith("http://") and not all(other_origin(one, secure) for one in self._home):
            request = copy.copy(request)
            request.url = secure
            return request
        bare, own = copy.copy(request), first.headers
        left_out = [
            name
            for name, value in request.headers.items()
            if name.lower() not in ANYWHERE and own.get(name, ready) == value
        ]
        bare.headers = {name: value for name, value in request.headers.items() if name not in left_out}
        for name in ("auth", "cookies"):
            if getattr(request, name) and getattr(request, name) is getattr(first, name):
                left_out.append(name)
                setattr(bare, name, None)
        place = "/".join(sent.split("/", 3)[:3])
        if left_out and place not in self._strange:
            self._strange.add(place)
            warn_of_origin(first.url, sent, "goes on", left_out)
        return bare

    def check_path(self, missing: bool, selector: Any, response: Response) -> None:
        """RestClientError when the rows are not where they were on the pages before."""
        if missing and self._had_rows:
            raise RestClientError(
                f"There is nothing at {selector!r} on a page, and there was on the one before: the rows that follow would be lost.",
                url=sanitize_url(response.url or ""),
                body=repr(response.content[:80]),
                hint="an error that has the status 200 is one, too: try again; when the last page of this API has no rows, raise "
                "IgnoreResponseException for it in a hook, or ignore it by response_actions",
            )
        self._had_rows = self._had_rows or not missing

    def check_request(self, request: PreparedRequest) -> None:
        """RestClientError when this was asked before: the answer is known, and so is what comes after it.

        A cursor may stay the same when the end is an empty page: then only the rows tell.
        """
        if not self._checks() or getattr(self.paginator, "stop_after_empty_page", False) is True:
            return
        asked = hash((request.method, request.url, request.body if isinstance(request.body, bytes | str) else None))
        if asked in self._seen:
            raise self._endless("The next request is one that was sent before", request.url)
        if len(self._seen) >= SEEN:  # a circle comes around again
            self._seen.clear()
        self._seen.add(asked)

    def check_rows(self, response: Response, rows: list[Any]) -> None:
        """RestClientError when a page has the rows of the one before it."""
        marks = (len(rows), repr(rows[0]), repr(rows[-1])) if rows else ()
        same = self._before is not None and marks == self._marks and (not rows or self._rows_of(self._before) == rows)
        self._same = self._same + 1 if same else 0
        self._before, self._marks = response, marks
        if not self._same or not self._checks():
            return
        rich = len(rows) > 1 and any(row != rows[0] for row in rows)
        if rich or self._same >= POOR_PAGES:
            times = "" if rich else f", {self._same} times"
            raise self._endless(f"A page has the same {len(rows)} rows as the one before it{times}", response.url)

    def _checks(self) -> bool:
        return self.paginator is None or getattr(self.paginator, "check_repeats", True)

    def _endless(self, said: str, url: str | None) -> RestClientError:
        paginator = self.paginator
        cursor = getattr(paginator, "_next_reference", None) or getattr(paginator, "current_value", None)
        return RestClientError(
            f"{said}: the series would have no end, or rows would come twice.",
            url=sanitize_url(url or ""),
            cursor=None if cursor is None else repr(_hidden(cursor)),
            paginator=type(paginator).__name__,
            hint="look at what the API says of the next page and at the names of its parameters; "
            "when the pages are right, set paginator.check_repeats = False",
        )


def _hidden(cursor: Any) -> Any:
    return sanitize_url(cursor) if isinstance(cursor, str) and ("://" in cursor or cursor[:1] in "/?") else cursor
