"""The requests of one resource: a series of pages, asked for once or for each row of its parent."""

from __future__ import annotations

import copy
import inspect
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dlt.errors import IgnoreResponse
from dlt.extract.state import resource as running_resource
from dlt.extract.state import resource_state
from dlt.sources.rest_api.registry import create_paginator
from dlt.sources.rest_api.templates import Placeholder, Values, filled, filled_path, parts_of

if TYPE_CHECKING:
    from dlt.extract.incremental import Incremental
    from dlt.extract.tracking import Tracker
    from dlt.sources.http.rest_client import RESTClient
    from dlt.sources.rest_api.plan import Cursor, Planned


class Pages:
    """Asks for the pages of a resource. Each series has a paginator of its own, so series may run at the same time."""

    def __init__(self, planned: Planned, client: RESTClient, auth: Any) -> None:
        self.planned, self.client, self.auth = planned, client, auth
        self.lock = threading.Lock()
        self.warned = False
        self.hooks = hooks_of(planned.endpoint.get("response_actions") or ())

    def alone(self) -> Iterator[Any]:
        """The pages of a resource without parent and cursor."""
        yield from self.of()

    def of(self, row: Any = None, *, incremental: Incremental[Any] | None = None) -> Iterator[Any]:
        """The pages for a row of the parent. Rows go on as they came, so that nothing has to look at them here."""
        planned, cursor = self.planned, self.planned.cursor
        parent = Values(planned.name, planned.parent or "", row)
        own = _of_parent(planned, cursor, parent) if cursor is not None and cursor.per_parent else None
        values = Values(planned.name, parent.parent, row, _cursor_values(cursor, own or incremental))
        extra = {
            f"_{planned.parent}_{path}": parent.field(path, f"include_from_parent: {path!r}")
            for path in planned.include_from_parent
        }
        asked = self.request(values)
        pages: Iterator[Any] = self.client_of(asked["path"]).paginate(**asked, hooks=self.hooks)
        for page in pages if own is None or own.tracker is None else self.new_of(pages, own.tracker):
            yield [_with(one, extra) for one in page] if extra else page

    def client_of(self, path: str) -> RESTClient:
        """The client for a path; one without headers and authentication where a row of the parent says which host it is."""
        from dlt.sources.http.session import other_origin, warn_of_origin
        from dlt.sources.http.urls import join_url

        home, parts = self.client.base_url, parts_of(self.planned.endpoint["path"])
        fixed = parts and isinstance(parts[0], str) and urlsplit(parts[0]).path
        by_row = any(isinstance(one, Placeholder) and one.root == "resources" for one in parts)
        if fixed or not by_row or join_url(home, path) != path or not other_origin(home, path):
            return self.client
        if not self.warned:
            warn_of_origin(home, path, "goes on", ["the headers and the authentication of the client"])
        self.warned = True
        bare = copy.copy(self.client)
        bare.base_url, bare.headers, bare.auth = "", None, None
        return bare

    def new_of(self, pages: Iterator[Any], tracker: Tracker) -> Iterator[Any]:
        """What is new of the pages for a row of the parent; the rest is filtered, and booked so."""
        for page in pages:
            rows = tracker.admit(list(page)) or []
            self.filtered(len(page) - len(rows))
            if rows:
                yield rows
            if tracker.done:
                break
        for held, _ in tracker.finish(limited=False):
            self.filtered(-len(held))
            yield held

    def filtered(self, rows: int) -> None:
        """Count rows that do not go on."""
        with self.lock:
            running_resource().filtered += rows

    def request(self, values: Values) -> dict[str, Any]:
        """The arguments of `RESTClient.paginate`."""
        endpoint, bound = self.planned.endpoint, self.planned.path_params
        params = filled(endpoint["params"], values)
        values = Values(values.resource, values.parent, values.row, values.cursor, params)
        headers = filled(endpoint.get("headers") or {}, values)
        return {
            "path": filled_path(endpoint["path"], values),
            "method": endpoint.get("method") or "GET",
            "params": {key: value for key, value in params.items() if key not in bound},
            "json": filled(endpoint.get("json"), values),
            "data": filled(endpoint.get("data"), values),
            "headers": {key: _header(value) for key, value in headers.items()},
            "auth": self.auth,
            "paginator": create_paginator(endpoint.get("paginator")),
            "data_selector": endpoint.get("data_selector"),
        }


def _header(value: Any) -> Any:
    return value if value is None or isinstance(value, (str, bytes)) else str(value)


def _with(row: Any, extra: Mapping[str, Any]) -> Any:
    if not extra:
        return row
    return {**row, **extra} if isinstance(row, dict) else {"value": row, **extra}


# ---- cursors


def _cursor_values(cursor: Cursor | None, incremental: Incremental[Any] | None) -> dict[str, Any]:
    """What placeholders of the cursor stand for: all series of a run begin at the same value, whatever came before them."""
    if cursor is None or incremental is None:
        return {}
    start = incremental.start_value
    found = {
        "start_value": start,
        "last_value": start,
        "end_value": incremental.end_value,
        "initial_value": incremental.initial_value,
    }
    convert = cursor.convert
    return {key: value if value is None or convert is None else convert(value) for key, value in found.items()}


def _of_parent(planned: Planned, cursor: Cursor, parent: Values) -> Incremental[Any]:
    """The incremental for one value of the parent, with a state of its own."""
    assert cursor.per_parent is not None
    key = json.dumps(parent.field(cursor.per_parent, "per_parent"), default=str, sort_keys=True)
    state = resource_state(planned.name).setdefault("per_parent", {}).setdefault(key, {})
    given = planned.hints.get("primary_key")
    keys = (given,) if isinstance(given, str) else given if isinstance(given, (list, tuple)) else None
    disposition = planned.hints.get("write_disposition")
    word = disposition.get("disposition") if isinstance(disposition, Mapping) else disposition
    return cursor.incremental.joined().attached(planned.name, state, keys=keys, merges=word == "merge")


# ---- responses


def hooks_of(actions: Any) -> dict[str, Any] | None:
    """The hooks for requests that do what `response_actions` say, before the client looks at the status."""
    return {"response": [_hook(one) for one in actions]} if actions else None


def _hook(action: Any) -> Callable[..., Any]:
    if callable(action):
        return _lenient(action)
    status, content, does = action.get("status_code"), action.get("content"), action["action"]
    calls = [] if does == "ignore" else [_lenient(one) for one in ([does] if callable(does) else does)]

    def hook(response: Any, *args: Any, **kwargs: Any) -> Any:
        if status is not None and str(response.status_code) != str(status):
            return response
        if content is not None and content not in response.text:
            return response
        if does == "ignore":
            raise IgnoreResponse
        for call in calls:
            made = call(response, *args, **kwargs)
            response = response if made is None else made
        return response

    return hook


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which may take only the response."""
    try:
        inspect.signature(function).bind(None, timeout=None)
    except TypeError:
        return lambda response, *_args, **_kwargs: function(response)
    return function
