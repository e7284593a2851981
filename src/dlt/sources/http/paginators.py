"""Paginators: what the next request is, as told by the response before it. They are classes to be derived from, too."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from dlt.errors import RestClientError
from dlt.sources.http.body import JsonPath, first_at, json_of, put, values_at
from dlt.sources.http.urls import sanitize_url

if TYPE_CHECKING:
    from requests import Request, Response

WORDS = {"true": True, "t": True, "yes": True, "y": True, "1": True}
WORDS |= {"false": False, "f": False, "no": False, "n": False, "0": False}


class BasePaginator(ABC):
    """One series of requests: `init_request`, then after each response `update_state` and, while `has_next_page`,
    `update_request`.

    check_repeats: whether the client takes a request or a page that comes again for an endless series, which is an error.
    """

    check_repeats: bool = True

    def __init__(self) -> None:
        self._has_next_page = True

    @property
    def has_next_page(self) -> bool:
        """Whether there is another page to ask for."""
        return self._has_next_page

    def init_request(self, request: Request) -> None:
        """Begin a series: forget the one before, and set what the first request needs."""
        del request
        self._has_next_page = True

    @abstractmethod
    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Learn from a response. data: its rows."""

    @abstractmethod
    def update_request(self, request: Request) -> None:
        """Make the request the one for the next page."""

    def __str__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_" and value is not None)
        return f"{type(self).__name__}({', '.join(shown)})"


class SinglePagePaginator(BasePaginator):
    """There is one page."""

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """It was the last."""
        del response, data
        self._has_next_page = False

    def update_request(self, request: Request) -> None:
        """There is no other."""


# ---- numbers: pages and offsets


class RangePaginator(BasePaginator):
    """A number that grows by `value_step`, in a parameter or at a path of the JSON body.

    It ends at an empty page, when a total or a maximum is reached, or when the response says that there is no more; one of them
    must be there. base_index: the number of the first page; total_path: where the response has how many there are.
    """

    def __init__(
        self,
        param_name: str | None,
        initial_value: int,
        value_step: int,
        base_index: int = 0,
        maximum_value: int | None = None,
        total_path: JsonPath | None = None,
        error_message_items: str = "items",
        stop_after_empty_page: bool | None = True,
        *,
        has_more_path: JsonPath | None = None,
        param_body_path: str | None = None,
    ) -> None:
        super().__init__()
        _one_place(param_name, param_body_path)
        if not (param_name or param_body_path):
            raise RestClientError(
                f"A {type(self).__name__} needs a place for its number.",
                hint="give the name of a parameter or a body path",
            )
        if total_path is None and maximum_value is None and has_more_path is None and not stop_after_empty_page:
            raise RestClientError(
                f"A {type(self).__name__} without an end would ask forever.",
                hint="give total_path, has_more_path, a maximum, or stop_after_empty_page=True",
            )
        if maximum_value is not None and maximum_value < 0:
            raise RestClientError(
                f"A {type(self).__name__} cannot end at {maximum_value}.", hint="give a positive maximum"
            )
        self.param_name = param_name
        self.param_body_path = param_body_path
        self.initial_value = self.current_value = initial_value
        self.value_step = value_step
        self.base_index = base_index
        self.maximum_value = maximum_value
        self.total_path = _checked(total_path)
        self.error_message_items = error_message_items
        self.stop_after_empty_page = stop_after_empty_page
        self.has_more_path = _checked(has_more_path)

    def init_request(self, request: Request) -> None:
        """Begin at the first number."""
        super().init_request(request)
        self.current_value = self.initial_value
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Count on; see whether this was the last page."""
        if self._stop_after_this_page(data):
            self._has_next_page = False
            return
        document = json_of(response) if self.total_path is not None or self.has_more_path is not None else None
        total = None if self.total_path is None else self._total(document, response)
        more = self.has_more_path is None or _has_more(self.has_more_path, document, response)
        self.current_value += self.value_step
        ends = [] if total is None else [total + self.base_index]
        ends += [] if self.maximum_value is None else [self.maximum_value]
        self._has_next_page = more and all(self.current_value < end for end in ends)

    def _stop_after_this_page(self, data: list[Any] | None = None) -> bool:
        return bool(self.stop_after_empty_page) and not data

    def _total(self, document: Any, response: Response) -> int:
        found = first_at(self.total_path, document)
        try:
            return int(found)
        except (TypeError, ValueError):
            raise RestClientError(
                f"The total number of {self.error_message_items} is not at {self.total_path!r}"
                + (": the response has nothing there." if found is None else f": {found!r} is no number."),
                url=sanitize_url(response.url or ""),
                hint=f"give its path as total_path, or total_path=None and another end; {_told(document)}",
            ) from None

    def update_request(self, request: Request) -> None:
        """Set the number."""
        _set(request, self.param_name, self.param_body_path, self.current_value)


class PageNumberPaginator(RangePaginator):
    """Pages have numbers, beginning with `base_page`; `page` is the one to begin with."""

    def __init__(
        self,
        base_page: int = 0,
        page: int | None = None,
        page_param: str | None = None,
        total_path: JsonPath | None = "total",
        maximum_page: int | None = None,
        stop_after_empty_page: bool | None = True,
        *,
        has_more_path: JsonPath | None = None,
        page_body_path: str | None = None,
    ) -> None:
        super().__init__(
            param_name="page" if page_param is None and page_body_path is None else page_param,
            initial_value=base_page if page is None else page,
            value_step=1,
            base_index=base_page,
            maximum_value=maximum_page,
            total_path=total_path,
            error_message_items="pages",
            stop_after_empty_page=stop_after_empty_page,
            has_more_path=has_more_path,
            param_body_path=page_body_path,
        )


class OffsetPaginator(RangePaginator):
    """Rows are counted: each page has `limit` of them, from `offset` on."""

    def __init__(
        self,
        limit: int,
        offset: int = 0,
        offset_param: str | None = None,
        limit_param: str | None = None,
        total_path: JsonPath | None = "total",
        maximum_offset: int | None = None,
        stop_after_empty_page: bool | None = True,
        *,
        has_more_path: JsonPath | None = None,
        offset_body_path: str | None = None,
        limit_body_path: str | None = None,
    ) -> None:
        if limit < 1:
            raise RestClientError(
                f"Pages of {limit} rows have no end, or leave rows out.", hint="give a limit of 1 or more"
            )
        super().__init__(
            param_name="offset" if offset_param is None and offset_body_path is None else offset_param,
            initial_value=offset,
            value_step=limit,
            maximum_value=maximum_offset,
            total_path=total_path,
            stop_after_empty_page=stop_after_empty_page,
            has_more_path=has_more_path,
            param_body_path=offset_body_path,
        )
        _one_place(limit_param, limit_body_path)
        self.limit = limit
        self.limit_param = "limit" if limit_param is None and limit_body_path is None else limit_param
        self.limit_body_path = limit_body_path
        self._short = 0

    def init_request(self, request: Request) -> None:
        """Begin at the offset, and ask for pages of this size."""
        self._short = 0
        super().init_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Count on. RestClientError when the API gives smaller pages than it is asked for: rows would be left out."""
        got = len(data or ())
        if got and self._short and self.check_repeats:
            raise RestClientError(
                f"Pages of {self.limit} rows were asked for, a page has {self._short}, and the one after it has more: "
                f"{self.limit - self._short} rows of each page would be left out.",
                url=sanitize_url(response.url or ""),
                hint=f"give limit={self._short}; or, when the API leaves out rows of a page, paginator.check_repeats = False",
            )
        self._short = got if 1 < got < self.limit else 0  # a page of one row may be a whole document
        super().update_state(response, data)

    def update_request(self, request: Request) -> None:
        """Set offset and limit."""
        super().update_request(request)
        _set(request, self.limit_param, self.limit_body_path, self.limit)


# ---- references: what the response says of the next page


class BaseReferencePaginator(BasePaginator):
    """The response says what comes next: set `_next_reference` in `update_state`; None or an empty text ends the series."""

    def __init__(self) -> None:
        super().__init__()
        self.__next_reference: Any = None

    @property
    def _next_reference(self) -> Any:
        return self.__next_reference

    @_next_reference.setter
    def _next_reference(self, value: Any) -> None:
        self.__next_reference = value
        self._has_next_page = value is not None and value != ""

    def init_request(self, request: Request) -> None:
        """Begin a series: forget the one before."""
        super().init_request(request)
        self.__next_reference = None


class BaseNextUrlPaginator(BaseReferencePaginator):
    """The reference is the URL of the next page; a relative one begins at the URL before it."""

    def update_request(self, request: Request) -> None:
        """Go to that URL: parameters of the first request are in it, or not meant."""
        if not isinstance(self._next_reference, str):
            raise RestClientError(
                f"The next page is {self._next_reference!r}, which is no URL.",
                hint="look at the path of the link; a cursor or a page number needs another paginator",
            )
        request.url = urljoin(request.url or "", self._next_reference)
        request.params = {}


class HeaderLinkPaginator(BaseNextUrlPaginator):
    """The header Link has the next URL. links_next_key: its `rel`."""

    def __init__(self, links_next_key: str = "next") -> None:
        super().__init__()
        self.links_next_key = links_next_key

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the link."""
        del data
        self._next_reference = linked(response, self.links_next_key)


class JSONLinkPaginator(BaseNextUrlPaginator):
    """The JSON of the response has the next URL, at `next_url_path`."""

    def __init__(self, next_url_path: JsonPath = "next") -> None:
        super().__init__()
        self.next_url_path = _checked(next_url_path)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the URL."""
        del data
        self._next_reference = first_at(self.next_url_path, json_of(response)) or None


class JSONResponsePaginator(JSONLinkPaginator):
    """The old name of JSONLinkPaginator."""

    def __init__(self, next_url_path: JsonPath = "next") -> None:
        warnings.warn("JSONResponsePaginator is called JSONLinkPaginator now.", DeprecationWarning, stacklevel=2)
        super().__init__(next_url_path)


class JSONResponseCursorPaginator(BaseReferencePaginator):
    """The JSON of the response has a cursor, at `cursor_path`, that the next request sends in a parameter or in its body.

    It ends when there is no cursor, or an empty one; with `stop_after_empty_page` also at an empty page (and then a cursor may
    stay the same); with `has_more_path` also when that is false.
    """

    def __init__(
        self,
        cursor_path: JsonPath = "cursors.next",
        cursor_param: str | None = None,
        cursor_body_path: str | None = None,
        *,
        stop_after_empty_page: bool = False,
        has_more_path: JsonPath | None = None,
    ) -> None:
        super().__init__()
        _one_place(cursor_param, cursor_body_path)
        self.cursor_path = _checked(cursor_path)
        self.cursor_param = "cursor" if cursor_param is None and cursor_body_path is None else cursor_param
        self.cursor_body_path = cursor_body_path
        self.stop_after_empty_page = stop_after_empty_page
        self.has_more_path = _checked(has_more_path)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the cursor."""
        document = json_of(response)
        self._next_reference = first_at(self.cursor_path, document) or None
        more = self.has_more_path is None or _has_more(self.has_more_path, document, response)
        if not more or (self.stop_after_empty_page and not data):
            self._has_next_page = False

    def update_request(self, request: Request) -> None:
        """Send the cursor."""
        _set(request, self.cursor_param, self.cursor_body_path, self._next_reference)


class HeaderCursorPaginator(BaseReferencePaginator):
    """A header of the response, `cursor_key`, has a cursor that the next request sends in a parameter."""

    def __init__(self, cursor_key: str = "next", cursor_param: str = "cursor") -> None:
        super().__init__()
        self.cursor_key = cursor_key
        self.cursor_param = cursor_param

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:
        """Take the cursor."""
        del data
        self._next_reference = response.headers.get(self.cursor_key) or None

    def update_request(self, request: Request) -> None:
        """Send the cursor."""
        _set(request, self.cursor_param, None, self._next_reference)


def linked(response: Response, relation: str) -> str | None:
    """The URL of a relation in the header Link; None when there is none."""
    found: Mapping[str, Mapping[str, str]] = response.links
    link = found.get(relation) or next((one for key, one in found.items() if relation in key.split()), None)
    return (link.get("url") or None) if link else None


def _has_more(path: JsonPath, document: Any, response: Response) -> bool:
    found = first_at(path, document)
    known = found if isinstance(found, bool) else WORDS.get(found.strip().lower()) if isinstance(found, str) else None
    if known is None:
        raise RestClientError(
            f"Whether there are more pages is not at {path!r}"
            + (": the response has nothing there." if found is None else f": {found!r} is neither true nor false."),
            url=sanitize_url(response.url or ""),
            hint=f"give its path as has_more_path; {_told(document)}",
        )
    return known


def _told(document: Any) -> str:
    keys = ", ".join(map(repr, list(document)[:20])) if isinstance(document, dict) else ""
    return f"the response has the keys {keys}" if keys else f"the response is {type(document).__name__}, no object"


def _one_place(param: str | None, body_path: str | None) -> None:
    if param and body_path:
        raise RestClientError(
            f"There are two places for one value: the parameter {param!r} and the body path {body_path!r}.",
            hint="give one of them",
        )


def _set(request: Request, param: str | None, body_path: str | None, value: Any) -> None:
    if body_path:
        if request.json is None:
            request.json = {}
        put(request.json, body_path, value)
    elif param:
        if request.params is None:
            request.params = {}
        request.params[param] = value


def _checked(path: JsonPath | None) -> JsonPath | None:
    """The path; SchemaError when it cannot be read."""
    if path is not None:
        values_at(path, None)
    return path
