"""RESTClient: requests below one URL, with headers and authentication, and the pages that a paginator goes through."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

import requests
from requests import Request, Response

from dlt.config.settings import setting
from dlt.errors import IgnoreResponse, RestClientError
from dlt.sources.http.body import JsonPath, forget, is_missing, json_of, values_at
from dlt.sources.http.client import Client
from dlt.sources.http.detect import PaginatorFactory, find_response_page_data, path_text
from dlt.sources.http.paginators import BasePaginator, SinglePagePaginator
from dlt.sources.http.series import Guard, begun
from dlt.sources.http.session import keep_home, raise_for_status
from dlt.sources.http.urls import join_url, sanitize_url

if TYPE_CHECKING:
    from requests.auth import AuthBase

logger = logging.getLogger("dlt")
T = TypeVar("T")
HTTPMethodBasic: TypeAlias = Literal["GET", "POST"]
HTTPMethodExtended: TypeAlias = Literal["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
HTTPMethod: TypeAlias = HTTPMethodBasic | HTTPMethodExtended
HookFunction: TypeAlias = Callable[[Response, Any, Any], None]
HookEvent: TypeAlias = HookFunction | list[HookFunction]
Hooks: TypeAlias = Mapping[str, HookEvent]
SENDING = {"timeout", "allow_redirects", "proxies", "stream", "verify", "cert"}


class PageData(list[T], Generic[T]):
    """The rows of a page; request, response, paginator and auth are those it came by."""

    def __init__(
        self,
        iterable: Iterable[T],
        request: Request,
        response: Response,
        paginator: BasePaginator,
        auth: AuthBase | None,
    ) -> None:
        super().__init__(iterable)
        self.request = request
        self.response = response
        self.paginator = paginator
        self.auth = auth


class RESTClient:
    """A client of an API.

    data_selector: the JSON path of the rows, detected when it is not given, as the paginator is; session: one of requests, else
    one for each thread that repeats requests; paginator_factory: what detects; config: a RuntimeConfiguration that says whether
    errors show the body of the response.
    """

    def __init__(
        self,
        base_url: str,
        headers: dict[str, str] | None = None,
        auth: AuthBase | None = None,
        paginator: BasePaginator | None = None,
        data_selector: JsonPath | None = None,
        session: requests.Session | None = None,
        paginator_factory: PaginatorFactory | None = None,
        config: Any = None,
    ) -> None:
        _check_kinds(auth, paginator)
        self.base_url = base_url
        self.headers = headers
        self.auth = auth
        self.paginator = paginator
        self.data_selector = data_selector
        self.pagination_factory = paginator_factory or PaginatorFactory()
        self._client = Client(raise_for_status=False)
        self._session = session
        if config is None:
            self._show_body = setting("runtime.http_show_error_body", default=False)
            self._max_body = setting("runtime.http_max_error_body_length", default=8192)
        else:
            self._show_body, self._max_body = config.http_show_error_body, config.http_max_error_body_length

    @property
    def session(self) -> requests.Session:
        """The session that was given, else that of this thread."""
        return self._session or self._client.session

    @session.setter
    def session(self, session: requests.Session | None) -> None:
        self._session = session

    # ---- one request

    def request(self, path: str = "", method: HTTPMethod = "GET", **kwargs: Any) -> Response:
        """The response to a request; its status is not looked at. kwargs: headers, params, json, data, auth, hooks, cookies, and
        what requests takes for sending, such as timeout and stream."""
        names = ("headers", "params", "json", "data", "auth", "hooks", "cookies")
        request = self._create_request(path, method, **{name: kwargs.pop(name, None) for name in names})
        return self._send_request(request, **kwargs)

    def get(self, path: str, params: dict[str, Any] | None = None, **kwargs: Any) -> Response:
        """The response to a GET request."""
        return self.request(path, method="GET", params=params, **kwargs)

    def post(self, path: str, json: Any = None, *, data: Any = None, **kwargs: Any) -> Response:
        """The response to a POST request, with a JSON body or a form."""
        return self.request(path, method="POST", json=json, data=data, **kwargs)

    def _create_request(
        self,
        path_or_url: str,
        method: HTTPMethod,
        headers: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        auth: AuthBase | None = None,
        hooks: Hooks | None = None,
        cookies: Any = None,
    ) -> Request:
        _check_kinds(auth, None)
        if json is not None and data is not None:
            raise RestClientError(
                "A request has one body: json and data cannot both be given.", hint="give one of them"
            )
        return Request(
            method=method,
            url=join_url(self.base_url, path_or_url),
            headers={**(self.headers or {}), **(headers or {})},
            params=copy.deepcopy(params) if params is not None else {},
            json=copy.deepcopy(json),
            data=data,
            auth=auth or self.auth,
            hooks=dict(hooks or {}),
            cookies=cookies,
        )

    def _send_request(self, request: Request, guard: Guard | None = None, **kwargs: Any) -> Response:
        session = self.session
        if unknown := sorted(set(kwargs) - SENDING) if self._session is None else []:
            raise RestClientError(
                f"A request takes no {', '.join(map(repr, unknown))}.",
                hint=f"for sending there are {', '.join(sorted(SENDING))}",
            )
        if guard is not None:
            request = guard.guarded(request)
        prepared = session.prepare_request(request)
        own = (name for name, value in prepared.headers.items() if session.headers.get(name) != value)
        keep_home(prepared, (name for name in own if name != "Cookie" or request.cookies))
        given = {name: kwargs.pop(name, None) for name in ("proxies", "stream", "verify", "cert")}
        if guard is None:
            settings = session.merge_environment_settings(prepared.url, **given)
        else:
            guard.check_request(prepared)
            host = urlsplit(prepared.url)[:2]
            if host not in guard.settings:  # as dear as the rest of a request
                guard.settings[host] = session.merge_environment_settings(prepared.url, **given)
            settings = guard.settings[host]
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%s %s", prepared.method, sanitize_url(prepared.url or ""))
        return session.send(prepared, **{**settings, **kwargs})

    # ---- many

    def paginate(
        self,
        path: str = "",
        method: HTTPMethodBasic = "GET",
        params: dict[str, Any] | None = None,
        json: Any = None,
        auth: AuthBase | None = None,
        paginator: BasePaginator | None = None,
        data_selector: JsonPath | None = None,
        hooks: Hooks | None = None,
        headers: dict[str, Any] | None = None,
        *,
        data: Any = None,
        **kwargs: Any,
    ) -> Iterator[PageData[Any]]:
        """The pages of an endpoint.

        hooks: `{"response": functions}` that see each response before its status is looked at; IgnoreResponse raised by one ends
        the series. kwargs: cookies, and what requests takes for sending. Raises HTTPError for statuses from 400 on, RestClientError when a
        page is none, or the same page comes again.
        """
        _check_kinds(auth, paginator)
        cookies = kwargs.pop("cookies", None)
        asked = self._create_request(path, method, headers, params, json, data, auth, self._with_status(hooks), cookies)
        selector = data_selector or self.data_selector
        guard = Guard(lambda response: self.extract_response(response, selector))
        guard.begin(self.base_url, asked)
        with ExitStack() as series:
            found = paginator if paginator is not None else copy.deepcopy(self.paginator)
            if found is not None:
                found = series.enter_context(begun(found))
                found.init_request(asked)
                guard.paginator = found
            while True:
                try:
                    response = self._send_request(asked, guard, **kwargs)
                except IgnoreResponse:
                    return
                if selector is None:
                    selector = self.detect_data_selector(response)
                rows = self.extract_response(response, selector)
                if found is None:
                    guard.paginator = found = self.detect_paginator(response, rows)
                guard.check_path(not rows and is_missing(selector, json_of(response)), selector, response)
                guard.check_rows(response, rows)
                found.update_state(response, rows)
                if found.has_next_page:
                    found.update_request(asked)
                forget(response)
                yield PageData(rows, asked, response, found, asked.auth)
                if not found.has_next_page:
                    return

    def extract_response(self, response: Response, data_selector: JsonPath) -> list[Any]:
        """The rows at a path of a response: those of each list that is found, and each other value; a path that ends in `[*]`
        finds the rows themselves."""
        document = json_of(response)
        if document is None:  # 204
            return []
        found = values_at(data_selector, document)
        if any(isinstance(one, list) for one in found) and not str(data_selector).endswith("*]"):
            lists = (one if isinstance(one, list) else [one] for one in found if one is not None)
            return [row for rows in lists for row in rows]
        if not found or found == [None]:
            logger.warning(
                "There is nothing at %r in the response of %s.", data_selector, sanitize_url(response.url or "")
            )
            return []
        return found

    def detect_data_selector(self, response: Response) -> str:
        """The path of the rows in a response."""
        path = path_text(find_response_page_data(json_of(response))[0])
        logger.info("Detected the rows at %r in the response of %s.", path, sanitize_url(response.url or ""))
        return path

    def detect_paginator(self, response: Response, data: Any) -> BasePaginator:
        """A paginator for a response like this. RestClientError when the detectors find none."""
        found, score = self.pagination_factory.create_paginator(response)
        if found is None:
            raise RestClientError(
                "No paginator fits the response.", url=sanitize_url(response.url or ""), hint="give paginator="
            )
        if score == 0.0 and isinstance(found, SinglePagePaginator) and isinstance(data, list) and len(data) > 1:
            logger.warning(
                "%s: nothing tells of a next page, so the %d rows of this one are all. If there are more, give paginator=.",
                sanitize_url(response.url or ""), len(data),
            )  # fmt: skip
        return found

    def _with_status(self, hooks: Hooks | None) -> dict[str, list[HookFunction]]:
        """The hooks; before them the body is read, so that the connection is free whatever they raise; after them the status is
        looked at."""

        def read(response: Response, *_: Any, **__: Any) -> None:
            response.content  # noqa: B018 - reads it

        def check(response: Response, *_: Any, **__: Any) -> None:
            raise_for_status(response, self._show_body, self._max_body)

        every = {event: list(one) if isinstance(one, list | tuple) else [one] for event, one in (hooks or {}).items()}
        return {**every, "response": [read, *every.get("response", []), check]}


def _check_kinds(auth: Any, paginator: Any) -> None:
    """RestClientError for what configurations of rest_api have instead of objects."""
    if auth is not None and not callable(auth) and not isinstance(auth, tuple):
        raise RestClientError(
            f"auth is a {type(auth).__name__}, and a client needs an object.",
            hint="give auth=BearerTokenAuth(token) or another class of rest_client.auth; dicts are for rest_api",
        )
    if isinstance(paginator, str | Mapping | type):
        raise RestClientError(
            f"paginator is {'a class' if isinstance(paginator, type) else f'a {type(paginator).__name__}'}, and a client needs an object.",
            hint="give paginator=OffsetPaginator(100) or another class of rest_client.paginators; words and dicts are for rest_api",
        )


def paginate(
    url: str,
    method: HTTPMethodBasic = "GET",
    headers: dict[str, str] | None = None,
    params: dict[str, Any] | None = None,
    json: Any = None,
    auth: AuthBase | None = None,
    paginator: BasePaginator | None = None,
    data_selector: JsonPath | None = None,
    hooks: Hooks | None = None,
    *,
    data: Any = None,
) -> Iterator[PageData[Any]]:
    """The pages of one URL; see RESTClient.paginate."""
    client = RESTClient(base_url=url, headers=headers)
    return client.paginate("", method, params, json, auth, paginator, data_selector, hooks, data=data)
