"""11.2, RESTClient: requests, pages, hooks; series that begin anew (C75) and never go in a circle (C76)."""

from __future__ import annotations

import inspect
import threading
from collections import Counter
from contextlib import nullcontext
from itertools import islice

import pytest
import requests as plain
from dlt.sources.helpers.requests import HTTPError
from dlt.sources.helpers.rest_client import RESTClient, paginate
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.client import PageData
from dlt.sources.helpers.rest_client.exceptions import IgnoreResponseException, PaginatorNotFound
from dlt.sources.helpers.rest_client.paginators import (
    BasePaginator,
    BaseReferencePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    OffsetPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
)

from dlt.errors import RestClientError
from dlt.sources.http import series
from sources.naughty import PER_PAGE, ROWS, Answer


class Collecting(BasePaginator):
    """Never resets itself, and keeps what it saw."""

    def __init__(self):
        super().__init__()
        self.page = 0

    def update_state(self, response, data=None):
        self.page += 1
        self._has_next_page = self.page < 3

    def update_request(self, request):
        request.params["page"] = self.page


def ids(pages):
    return [row["id"] for page in pages for row in page]


# ---- requests and pages


def test_11_2_signatures():
    def of(function):
        return {name: one.default for name, one in inspect.signature(function).parameters.items() if name != "self"}

    empty = inspect.Parameter.empty
    assert of(RESTClient) == {
        "base_url": empty, "headers": None, "auth": None, "paginator": None, "data_selector": None, "session": None,
        "paginator_factory": None, "config": None,
    }  # fmt: skip
    assert of(RESTClient.paginate) == {
        "path": "", "method": "GET", "params": None, "json": None, "auth": None, "paginator": None, "data_selector": None,
        "hooks": None, "headers": None, "data": None, "kwargs": empty,
    }  # fmt: skip
    assert of(RESTClient.request) == {"path": "", "method": "GET", "kwargs": empty}
    assert of(RESTClient.get) == {"path": empty, "params": None, "kwargs": empty}
    assert of(RESTClient.post) == {"path": empty, "json": None, "data": None, "kwargs": empty}
    assert of(paginate) == {
        "url": empty, "method": "GET", "headers": None, "params": None, "json": None, "auth": None, "paginator": None,
        "data_selector": None, "hooks": None, "data": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "asked"),
    [("", "/echo/"), ("/a", "/echo/a"), ("a", "/echo/a"), ("a?x=1", "/echo/a?x=1"), ("{url}/echo/b", "/echo/b")],
)
def test_11_2_urls(server, path, asked):
    RESTClient(f"{server.url}/echo/").get(path.replace("{url}", server.url))
    assert server.queries() == [asked]


def test_11_2_requests(server):
    client = RESTClient(f"{server.url}/echo", headers={"X-A": "1", "X-B": "1"}, auth=BearerTokenAuth("t1"))

    assert client.get("x", params={"q": [1, 2], "none": None}).url == f"{server.url}/echo/x?q=1&q=2"
    assert client.post("x", json={"a": 1}).json()["body"] == '{"a": 1}'
    assert client.post("x", data={"a": 1}).json()["body"] == "a=1"
    assert client.request("x", "DELETE").json()["method"] == "DELETE"
    said = client.get("x", headers={"X-B": "2"}, auth=BearerTokenAuth("t2")).json()["headers"]
    assert [said[name] for name in ("X-A", "X-B", "Authorization")] == ["1", "2", "Bearer t2"]
    with pytest.raises(ValueError, match="json and data"):
        client.post("x", json={}, data="")


def test_11_2_pages(server):
    auth = BearerTokenAuth("t")
    pages = list(RESTClient(server.url, auth=auth).paginate("/links", params={"per_page": 20}))

    assert [len(page) for page in pages] == [20, 5]
    assert server.queries() == ["/links?per_page=20", "/links?per_page=20&from=20"]
    page = pages[0]
    assert isinstance(page, PageData)
    assert isinstance(page, list)
    assert isinstance(page.request, plain.Request)
    assert page.response.json()["next"].endswith("from=20")
    assert isinstance(page.paginator, JSONLinkPaginator)
    assert page.auth is auth


def test_11_2_pages_of_one_url(server):
    assert ids(paginate(f"{server.url}/links")) == list(range(ROWS))
    assert ids(RESTClient(f"{server.url}/links").paginate()) == list(range(ROWS))
    page = next(paginate(f"{server.url}/echo", "POST", {"X-A": "1"}, {"p": 1}, {"j": 1}, BearerTokenAuth("t")))
    assert (page[0]["method"], page[0]["query"], page[0]["body"]) == ("POST", {"p": "1"}, '{"j": 1}')
    assert (page[0]["headers"]["X-A"], page[0]["headers"]["Authorization"]) == ("1", "Bearer t")


def test_11_2_how_it_is_sent(server):
    client = RESTClient(server.url)
    server.routes["moved"] = lambda *_: Answer({"items": []}, 302, {"Location": "/rows"})

    assert ids(client.paginate("/rows", timeout=5, verify=False, stream=True)) == list(range(ROWS))
    assert list(client.paginate("/moved", allow_redirects=False)) == [[]]
    with pytest.raises(plain.ConnectionError):
        RESTClient(server.url, session=plain.Session()).get("/rows?fault=stuck", timeout=0.1)


def test_11_2_a_session_of_ones_own(server, waits):
    with plain.Session() as session:
        session.headers["X-Mine"] = "yes"
        client = RESTClient(server.url, session=session)
        assert client.session is session
        with pytest.raises(HTTPError):
            list(client.paginate("/echo?fault=500"))
        assert next(client.paginate("/echo"))[0]["headers"]["X-Mine"] == "yes"
    assert waits == []  # it does not repeat


def test_11_2_what_is_given_stays_as_it_is(server):
    params, body, headers = {"per_page": 5}, {"a": {"b": [1]}}, {"X": "1"}
    paginator = JSONResponseCursorPaginator(cursor_body_path="cursor")
    list(RESTClient(server.url).paginate("/cursor", "POST", params, body, paginator=paginator, headers=headers))

    assert (params, body, headers) == ({"per_page": 5}, {"a": {"b": [1]}}, {"X": "1"})


def test_11_2_rows_may_be_changed_by_the_user(server):
    pages = RESTClient(server.url).paginate("/cursor")
    seen = 0
    for page in pages:
        for row in page:
            seen += row.pop("id") >= 0
            row.clear()
        page.clear()
    assert seen == ROWS


# ---- hooks


def test_11_2_hooks(server):
    seen = Counter()

    def count(response, *_args, **_kwargs):
        seen[response.status_code] += 1

    client = RESTClient(server.url)
    assert ids(client.paginate("/cursor?fault=500", hooks={"response": count})) == list(range(ROWS))
    assert seen == {500: 3, 200: 3}
    with pytest.raises(HTTPError):  # the status is looked at after the hooks
        list(client.paginate("/status/404", hooks={"response": [count]}))
    assert client.get("/status/404", hooks={"response": count}).status_code == 404


def test_11_2_hooks_may_end_a_series(server):
    def no_more(response, *_args, **_kwargs):
        if response.status_code == 404:
            raise IgnoreResponseException

    client = RESTClient(server.url)
    assert list(client.paginate("/status/404", hooks={"response": no_more})) == []
    with pytest.raises(HTTPError):
        list(client.paginate("/status/403", hooks={"response": no_more}))
    server.routes["until"] = lambda naughty, asked: (
        Answer({}, 404) if int(asked.sent("page")) > 1 else {"items": naughty.rows[int(asked.sent("page")) :][:2]}
    )
    pages = client.paginate("/until", hooks={"response": no_more}, paginator=PageNumberPaginator(total_path=None))
    assert ids(pages) == [0, 1, 1, 2]


def test_11_2_hooks_may_change_the_response(server):
    def mend(response, *_args, **_kwargs):
        response._content, response.status_code = b'{"items": [{"id": 7}]}', 200

    assert ids(RESTClient(server.url).paginate("/status/404", hooks={"response": mend})) == [7]


# ---- C75: each series begins anew


@pytest.mark.parametrize(
    ("route", "paginator"),
    [
        ("cursor", JSONResponseCursorPaginator()),
        ("links", JSONLinkPaginator()),
        ("header_links", HeaderLinkPaginator()),
        ("offset", OffsetPaginator(PER_PAGE)),
        ("numbered", PageNumberPaginator(total_path="total_pages")),
        ("numbered_without_total", Collecting()),
    ],
)
def test_c75_series_do_not_know_of_each_other(server, route, paginator):
    """One after the other, one that is left early, two at once; for a paginator of the call and one of the client."""
    for client, given in ((RESTClient(server.url), paginator), (RESTClient(server.url, paginator=paginator), None)):
        assert ids(client.paginate(route, paginator=given)) == list(range(ROWS))
        assert len(ids(islice(client.paginate(route, paginator=given), 2))) == 2 * PER_PAGE
        one, other = client.paginate(route, paginator=given), client.paginate(route, paginator=given)
        turns = [page for pair in zip(one, other, strict=True) for page in pair]
        assert ids(turns[::2]) == ids(turns[1::2]) == list(range(ROWS))


def test_c75_children_with_several_pages(server):
    client = RESTClient(server.url, paginator=JSONResponseCursorPaginator(), data_selector="items")
    paginator = JSONResponseCursorPaginator()
    for given in (None, paginator):
        found = {
            parent["id"]: len(ids(client.paginate(f"/parents/{parent['id']}/children", paginator=given)))
            for page in client.paginate("/parents", paginator=given)
            for parent in page
        }
        assert found == {1: PER_PAGE, 2: 2 * PER_PAGE, 3: 3 * PER_PAGE}


def test_c75_many_threads_with_one_paginator(server):
    client, paginator, found = RESTClient(server.url), JSONResponseCursorPaginator(), []
    threads = [
        threading.Thread(
            target=lambda: found.append(ids(client.paginate("/cursor?fault=slow&times=0", paginator=paginator)))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [list(range(ROWS))] * 8


def test_11_2_a_paginator_of_the_call_is_the_one_that_is_used(server):
    """What it has learned can be seen afterwards; that of the client stays as it is."""
    paginator = Collecting()
    client = RESTClient(server.url, paginator=paginator)
    pages = list(client.paginate("/numbered_without_total", paginator=paginator))
    assert pages[0].paginator is paginator
    assert paginator.page == 3

    other = Collecting()
    assert next(RESTClient(server.url, paginator=other).paginate("/numbered_without_total")).paginator is not other
    assert other.page == 0


# ---- C76: nothing is endless


@pytest.mark.parametrize(
    ("route", "paginator", "requests", "said"),
    [
        ("same_cursor", None, 2, "cursor: 'again'"),
        ("same_cursor", JSONResponseCursorPaginator(), 2, "cursor: 'again'"),
        ("same_cursor", JSONResponseCursorPaginator(cursor_param="misspelt"), 2, "misspelt=again"),
        ("same_cursor", JSONResponseCursorPaginator(stop_after_empty_page=True), 2, "the same 10 rows"),
        ("cursors_in_turn", JSONResponseCursorPaginator(), 2, "the same 10 rows"),
        ("same_link", None, 1, "/same_link"),
        ("same_header_link", None, 1, "/same_header_link"),
        ("same_page", PageNumberPaginator(total_path=None), 2, "same_page?page=1"),
        ("same_page", OffsetPaginator(PER_PAGE, total_path=None), 2, "offset=10"),
        ("numbered_from_1", PageNumberPaginator(total_path=None), 2, "rows as the one before"),
    ],
)
def test_c76_a_series_without_end_is_an_error(server, route, paginator, requests, said):
    client = RESTClient(server.url)
    with pytest.raises(RestClientError) as caught:
        list(client.paginate(route, paginator=paginator))
    assert said in str(caught.value)
    assert f"{server.url}/{route}" in caught.value.context["url"]
    assert "check_repeats" in caught.value.hint
    assert len(server.asked) == requests


def test_c76_cursors_in_turn_with_other_rows(server):
    """Requests that come again end it, whatever the rows."""
    server.routes["turns"] = lambda _, asked: {
        "items": [{"id": len(server.asked)}, {"id": -1}],
        "cursors": {"next": {"a": "b", "b": "c"}.get(asked.sent("cursor"), "a")},
    }
    with pytest.raises(RestClientError, match="sent before"):
        list(RESTClient(server.url).paginate("/turns"))
    assert len(server.asked) == 4


@pytest.mark.parametrize("body", [True, False])
def test_c76_a_cursor_of_the_body(server, body):
    """The same URL with another body is another request."""
    place = "cursor" if body else "cursr"
    pages = RESTClient(server.url).paginate(
        "/cursor", "POST", json={}, paginator=JSONResponseCursorPaginator(cursor_body_path=place)
    )
    if body:
        assert ids(pages) == list(range(ROWS))
    else:
        with pytest.raises(RestClientError, match="the same 10 rows"):
            ids(pages)


def test_c76_circles_are_found_with_bounded_memory(server, monkeypatch):
    monkeypatch.setattr(series, "SEEN", 5)
    server.routes["circle"] = lambda _, asked: {
        "items": [{"id": len(server.asked)}, {"id": -1}],
        "cursors": {"next": str((int(asked.sent("cursor") or 0) + 1) % 4 + 1)},
    }
    with pytest.raises(RestClientError, match="sent before"):
        list(RESTClient(server.url).paginate("/circle"))
    assert len(server.asked) < 12


def test_c76_empty_pages_without_end(server, monkeypatch):
    monkeypatch.setattr(series, "POOR_PAGES", 20)
    server.routes["void"] = lambda *_: {"items": [], "cursors": {"next": str(len(server.asked))}}
    with pytest.raises(RestClientError, match="0 rows as the one before it, 20 times"):
        list(RESTClient(server.url).paginate("/void"))


def test_pages_of_equal_rows_are_pages(server):
    """A column of which all rows are equal says nothing."""
    server.rows = [{"country": "US"}] * 50 + [{"country": "UK"}] * 5
    pages = RESTClient(server.url).paginate("/offset", paginator=OffsetPaginator(PER_PAGE))
    assert Counter(row["country"] for page in pages for row in page) == {"US": 50, "UK": 5}


def test_a_cursor_may_stay_when_an_empty_page_is_the_end(server):
    """As the scroll of some search engines, where the server remembers how far it is."""

    def scroll(naughty, asked):
        start = (len(naughty.asked) - 1) * PER_PAGE
        return {"hits": naughty.rows[start : start + PER_PAGE], "scroll": "one"}

    server.routes["scroll"] = scroll
    paginator = JSONResponseCursorPaginator("scroll", stop_after_empty_page=True)
    assert ids(RESTClient(server.url, data_selector="hits").paginate("/scroll", paginator=paginator)) == list(
        range(ROWS)
    )


def test_the_guard_can_be_turned_off(server):
    class Twice(BaseReferencePaginator):
        check_repeats = False

        def update_state(self, response, data=None):
            self._next_reference = 1 if response.json()["number"] < 3 else None

        def update_request(self, request):
            """The same again."""

    assert len(list(RESTClient(server.url).paginate("/echo", paginator=Twice()))) == 3


def test_c75_what_the_user_changes_stays(server):
    paginator = OffsetPaginator(PER_PAGE)
    client = RESTClient(server.url)
    for limit in (PER_PAGE, 5, 5):
        paginator.limit = paginator.value_step = limit
        assert len(next(client.paginate("/offset", paginator=paginator))) == limit
    server.rows = [{"id": number % PER_PAGE} for number in range(3 * PER_PAGE)]
    paginator = OffsetPaginator(PER_PAGE)
    for check in (True, False, False):
        paginator.check_repeats = check
        with pytest.raises(RestClientError) if check else nullcontext():
            assert len(ids(client.paginate("/offset", paginator=paginator))) == 3 * PER_PAGE


def test_11_2_no_paginator_fits(server):
    from dlt.sources.helpers.rest_client.detector import PaginatorFactory

    client = RESTClient(server.url, paginator_factory=PaginatorFactory([lambda _: (None, 0.0)]))
    with pytest.raises(PaginatorNotFound, match="No paginator"):
        list(client.paginate("/rows"))


def test_11_2_a_factory_of_ones_own(server):
    from dlt.sources.helpers.rest_client.detector import PaginatorFactory

    factory = PaginatorFactory([lambda _: (OffsetPaginator(PER_PAGE), 1.0)])
    assert ids(RESTClient(server.url, paginator_factory=factory).paginate("/offset")) == list(range(ROWS))
    assert isinstance(SinglePagePaginator(), BasePaginator)
