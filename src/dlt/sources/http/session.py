"""A session of requests that has a time-out, raises for statuses, notices bodies that are cut, and shows no secrets in errors."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import requests
from requests import HTTPError, PreparedRequest, Request, RequestException, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import InvalidHeader
from requests.sessions import SessionRedirectMixin
from urllib3.exceptions import ProtocolError

from dlt.sources.http.urls import sanitize_url

logger = logging.getLogger("dlt")
Seconds: TypeAlias = float | timedelta
TRequestTimeout: TypeAlias = Seconds | tuple[Seconds, Seconds] | None
DEFAULT_TIMEOUT = 60
SWALLOWED = 2  # the state of urllib3's decoder when something follows the end of an archive
BAD_HEADER = (
    "The name or the value of a header is no text, or has line breaks or blanks around it: give it without them."
)
TIMEOUT_POSITION = 9  # of the arguments of Session.request
PRIVATE = "_dlt_private"  # of a request: the names of headers that only its origin gets
ANYWHERE = {  # headers that say nothing of who asks
    *("accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection"),
    *("content-encoding", "content-length", "content-type", "if-modified-since", "if-none-match", "prefer"),
    *("range", "transfer-encoding", "user-agent"),
}


class Session(requests.Session):
    """A session of requests. timeout: seconds, or those to connect and those to wait for data; None waits for ever."""

    __attrs__ = [*requests.Session.__attrs__, "timeout", "raise_for_status"]  # noqa: RUF012 - copies have these

    def __init__(self, timeout: TRequestTimeout = DEFAULT_TIMEOUT, raise_for_status: bool = True) -> None:
        super().__init__()
        self.timeout = seconds_of(timeout)
        self.raise_for_status = raise_for_status
        self.headers["User-Agent"] = user_agent()
        self.use(Adapter())

    def use(self, adapter: HTTPAdapter) -> None:
        """Send everything by this adapter."""
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def request(self, *args: Any, **kwargs: Any) -> Response:
        """Send a request; the response, with the whole body unless `stream=True`."""
        if len(args) < TIMEOUT_POSITION:
            kwargs.setdefault("timeout", self.timeout)
        return super().request(*args, **kwargs)

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a request that is prepared. Raises HTTPError for statuses from 400 on, if that was asked for."""
        redirected = kwargs.pop("redirected", False)
        kwargs.setdefault("timeout", self.timeout)
        try:
            response = super().send(request, **kwargs)
        except RequestException as error:
            _hide_secrets(error, request.url)
            raise
        except ValueError as error:
            if "header" not in str(error).lower():
                raise
            raise InvalidHeader(BAD_HEADER) from None
        if self.raise_for_status and not redirected:
            raise_for_status(response)
        return response

    def prepare_request(self, request: Request) -> PreparedRequest:
        """The request, ready to be sent."""
        try:
            return super().prepare_request(request)
        except InvalidHeader:
            raise InvalidHeader(BAD_HEADER) from None
        except RequestException as error:
            _hide_secrets(error, request.url)
            raise

    def rebuild_auth(self, prepared_request: PreparedRequest, response: Response) -> None:
        """Take what lets a request in out of one that is sent on to another origin."""
        before, headers = response.request, prepared_request.headers
        names = vars(before).get(PRIVATE, frozenset())
        keep_home(prepared_request, names)
        leaves = other_origin(before.url or "", prepared_request.url or "")
        gone = [name for name in headers if name.lower() in {*names, "authorization"}] if leaves else []
        for name in gone:
            del headers[name]
        if gone:
            warn_of_origin(before.url, prepared_request.url, "is redirected", gone)
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]

    def resolve_redirects(self, *args: Any, **kwargs: Any) -> Iterator[Response]:
        """Follow redirections; they are part of the request that they began with."""
        yield from super().resolve_redirects(*args, redirected=True, **kwargs)


class Adapter(HTTPAdapter):
    """Sends requests; a compressed body that ends before its end is an error, as one that is shorter than it says is."""

    def send(self, *args: Any, **kwargs: Any) -> Response:
        """The response to a request."""
        response = super().send(*args, **kwargs)
        raw = response.raw
        if response.headers.get("Content-Encoding") and hasattr(raw, "stream"):
            raw.stream = _whole(raw, raw.stream)  # type: ignore[method-assign]  # that of this response
        return response


def _whole(raw: Any, stream: Callable[..., Iterator[bytes]]) -> Callable[..., Iterator[bytes]]:
    def checked(*args: Any, **kwargs: Any) -> Iterator[bytes]:
        yield from stream(*args, **kwargs)
        decoder = getattr(raw, "_decoder", None)
        for one in getattr(decoder, "_decoders", [decoder]):
            archive = getattr(one, "_obj", None)
            if getattr(archive, "eof", True) or getattr(one, "_state", 0) == SWALLOWED or not raw.tell():
                continue
            raise ProtocolError("The compressed body has no end: it was cut.")

    return checked


def user_agent() -> str:
    """What servers are told of the client."""
    return f"dlt/{sys.modules['dlt'].__version__}"


def seconds_of(timeout: TRequestTimeout) -> Any:
    """Numbers of seconds, as requests wants them."""
    if isinstance(timeout, tuple):
        return tuple(map(seconds_of, timeout))
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


def raise_for_status(
    response: Response, show_error_body: bool = False, max_error_body_length: int = 8192, **_: Any
) -> None:
    """Raise HTTPError, without secrets in the URL, for statuses from 400 on; a hook of requests, too.

    show_error_body: add so many characters of the body.
    """
    if response.status_code < 400:
        return
    reason = response.reason
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    kind = "Client" if response.status_code < 500 else "Server"
    said = f"{response.status_code} {kind} Error: {reason} for url: {sanitize_url(response.url or '')}"
    body = response.text  # also when it is not shown: afterwards the connection is free, and users may look at it
    if show_error_body and body:
        said += f"\nResponse: {body[:max_error_body_length]}" + (
            "… (truncated)" if len(body) > max_error_body_length else ""
        )
    raise HTTPError(said, response=response)


def keep_home(request: PreparedRequest, names: Iterable[str]) -> None:
    """Headers of these names are not sent on when the request is redirected to another origin."""
    private = {name.lower() for name in names} - ANYWHERE
    vars(request)[PRIVATE] = vars(request).get(PRIVATE, frozenset()) | private


def other_origin(home: str, url: str) -> bool:
    """Whether scheme, host or port are others than at home; https of the same host is not."""
    return bool(SessionRedirectMixin().should_strip_auth(home, url))  # type: ignore[no-untyped-call]


def warn_of_origin(before: str | None, url: str | None, what: str, left_out: Iterable[str]) -> None:
    """Tell that a request leaves its origin, and goes without what would let it in there."""
    logger.warning(
        "%s %s to another origin, %s: it is sent without %s. If that one must have them, give RESTClient a session that has "
        "them as its own headers or auth.",
        sanitize_url(before or ""), what, sanitize_url(url or ""), ", ".join(left_out),
    )  # fmt: skip


def _hide_secrets(error: RequestException, url: str | None) -> None:
    """Errors of connections say the URL, some without its host, and so do those that they come from."""
    shown, hidden = url or "", sanitize_url(url or "")
    one: BaseException | None = error
    while one is not None and shown != hidden:
        said = str(one).replace(shown, hidden).replace(_target(shown), _target(hidden))
        if said != str(one):
            one.args = (said,)
        one = one.__cause__ or one.__context__


def _target(url: str) -> str:
    return urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl()
