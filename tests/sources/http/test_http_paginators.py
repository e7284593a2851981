"""11.2, paginators: the numbers, cursors and URLs they send, where they end, what they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import (
    BaseNextUrlPaginator,
    BasePaginator,
    BaseReferencePaginator,
    HeaderCursorPaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    JSONResponsePaginator,
    OffsetPaginator,
    PageNumberPaginator,
    RangePaginator,
    SinglePagePaginator,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from requests import Request, Response

from dlt.errors import RestClientError
from sources.naughty import PER_PAGE, ROWS, Naughty

PN, OF, JC, JL, HL, HC = (
    PageNumberPaginator, OffsetPaginator, JSONResponseCursorPaginator, JSONLinkPaginator, HeaderLinkPaginator, HeaderCursorPaginator,
)  # fmt: skip
FULL, EMPTY = ["a", "b"], []


def response(document: Any = None, link: str | None = None, cursor: str | None = None) -> Response:
    made = Response()
    made.status_code, made.url, made._content = 200, "http://h/a", json.dumps(document).encode()
    if link is not None:
        made.headers["Link"] = f'<{link}>; rel="next", <http://h/last>; rel="last"'
    if cursor is not None:
        made.headers["X-Next"] = cursor
    return made


def series(paginator: BasePaginator, *answers: Any, json: Any = None) -> list[Any]:
    """What is sent: parameters beyond `q`, or the body; to another URL, that."""
    request = Request("GET", "http://h/a", params={"q": 1}, json=json)
    sent = []

    def note() -> None:
        sent.append(request.url if request.url != "http://h/a" else request.json or _without(request.params, "q"))

    paginator.init_request(request)
    note()
    for answer in answers:
        document, rows = answer if isinstance(answer, tuple) else (answer, FULL)
        paginator.update_state(document if isinstance(document, Response) else response(document), rows)
        if not paginator.has_next_page:
            return [*sent, "end"]
        paginator.update_request(request)
        request = Request("GET", request.url, params=request.params, json=request.json and dict(request.json))
        note()
    return sent


def _without(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


def numbers(name: str, *values: int, **more: Any) -> list[Any]:
    return [{name: value, **more} for value in values]


TOTAL = [{"total": 3}] * 5
MORE = [{"more": True}, {"more": "yes"}, {"more": "False"}]


@pytest.mark.parametrize(
    ("paginator", "answers", "sent"),
    [
        (SinglePagePaginator(), [{}], [{}, "end"]),
        (PN(), TOTAL, [*numbers("page", 0, 1, 2), "end"]),
        (PN(base_page=1), TOTAL, [*numbers("page", 1, 2, 3), "end"]),
        (PN(base_page=1, page=2), TOTAL, [*numbers("page", 2, 3), "end"]),
        (PN(page=5), TOTAL, [{"page": 5}, "end"]),
        (PN(page_param="p"), TOTAL, [*numbers("p", 0, 1, 2), "end"]),
        (PN(), [{"total": "2"}] * 3, [*numbers("page", 0, 1), "end"]),
        (PN(total_path="meta.pages"), [{"meta": {"pages": 2}}] * 3, [*numbers("page", 0, 1), "end"]),
        (PN(), [({"total": 9}, FULL), ({}, EMPTY)], [*numbers("page", 0, 1), "end"]),
        (PN(stop_after_empty_page=False), [({"total": 2}, EMPTY)] * 3, [*numbers("page", 0, 1), "end"]),
        (PN(maximum_page=2), [{"total": 9}] * 3, [*numbers("page", 0, 1), "end"]),
        (PN(maximum_page=2, total_path=None), [{}] * 3, [*numbers("page", 0, 1), "end"]),
        (PN(total_path=None), [{}, {}, ({}, EMPTY)], [*numbers("page", 0, 1, 2), "end"]),
        (PN(total_path=None, has_more_path="more"), MORE, [*numbers("page", 0, 1, 2), "end"]),
        (PN(has_more_path="more"), [{"more": True, "total": 2}] * 3, [*numbers("page", 0, 1), "end"]),
        (OF(2), [{"total": 5}] * 5, [*numbers("offset", 0, 2, 4, limit=2), "end"]),
        (OF(2, offset=2), [{"total": 5}] * 5, [*numbers("offset", 2, 4, limit=2), "end"]),
        (OF(2, maximum_offset=3), [{"total": 50}] * 5, [*numbers("offset", 0, 2, limit=2), "end"]),
        (OF(2, offset_param="o", limit_param="l"), [{"total": 3}] * 5, [*numbers("o", 0, 2, l=2), "end"]),
        (OF(2, total_path=None, has_more_path="more"), MORE, [*numbers("offset", 0, 2, 4, limit=2), "end"]),
        (RangePaginator("p", 10, 5, total_path="total"), [{"total": 21}] * 5, [*numbers("p", 10, 15, 20), "end"]),
        (RangePaginator("p", 1, 1, base_index=1, maximum_value=3), [{}] * 5, [*numbers("p", 1, 2), "end"]),
        (JC(), [{"cursors": {"next": "a"}}, {"cursors": {"next": 7}}, {}], [{}, {"cursor": "a"}, {"cursor": 7}, "end"]),
        *((JC("n"), [{"n": "a"}, {"n": last}], [{}, {"cursor": "a"}, "end"]) for last in ("", None, False, 0)),
        (JC("n"), [[1]], [{}, "end"]),
        (JC("n", cursor_param="c"), [{"n": "a"}, {}], [{}, {"c": "a"}, "end"]),
        (JC("n"), [({"n": "a"}, EMPTY), {"n": "b"}, {}], [{}, {"cursor": "a"}, {"cursor": "b"}, "end"]),
        (JC("n", stop_after_empty_page=True), [{"n": "a"}, ({"n": "b"}, EMPTY)], [{}, {"cursor": "a"}, "end"]),
        (JC("n", has_more_path="m"), [{"n": "a", "m": True}, {"n": "b", "m": "0"}], [{}, {"cursor": "a"}, "end"]),
        (JC("n", has_more_path="m"), [{"m": True}], [{}, "end"]),
        (
            JL(),
            [{"next": "http://h/c?y=2"}, {"next": "/d?z=1"}, {"next": "?p=3"}, {"next": "e/f"}, {"next": None}],
            [{}, "http://h/c?y=2", "http://h/d?z=1", "http://h/d?p=3", "http://h/e/f", "end"],
        ),
        (JL("links.next"), [{"links": {"next": "//other/b"}}, {"links": {"next": ""}}], [{}, "http://other/b", "end"]),
        (HL(), [response(link="http://h/c"), response(link="/d"), response()], [{}, "http://h/c", "http://h/d", "end"]),
        (HL("last"), [response(link="http://h/c"), response()], [{}, "http://h/last", "end"]),
        (HC("X-Next"), [response(cursor="5"), response(cursor="")], [{}, {"cursor": "5"}, "end"]),
        (HC("x-next", "c"), [response(cursor="5"), response()], [{}, {"c": "5"}, "end"]),
    ],
)  # fmt: skip
def test_11_2_series(paginator, answers, sent):
    for _ in range(2):  # the second time as the first
        assert series(paginator, *answers) == sent


@pytest.mark.parametrize(
    ("paginator", "answers", "body"),
    [
        (PN(page_body_path="a.page"), [{"total": 2}], {"q": 1, "a": {"keep": 2, "page": 1}}),
        (JC("n", cursor_body_path="a.c"), [{"n": "x"}], {"q": 1, "a": {"keep": 2, "c": "x"}}),
        (JC("n", cursor_body_path="z.c"), [{"n": "x"}], {"q": 1, "a": {"keep": 2}, "z": {"c": "x"}}),
        (
            OF(2, offset_body_path="a.o", limit_body_path="l"),
            [{"total": 5}],
            {"q": 1, "a": {"keep": 2, "o": 2}, "l": 2},
        ),
    ],
)
def test_11_2_places_in_the_body(paginator, answers, body):
    assert series(paginator, *answers, json={"q": 1, "a": {"keep": 2}})[-1] == body
    without = series(paginator, *answers)[-1]
    assert set(without) == set(body) - {"q"} - ({"a"} if "z" in body else set())


@pytest.mark.parametrize(
    ("paginator", "document", "said"),
    [
        (PN(), {}, "'total'"),
        (PN(), {"total": "many"}, "'many' is no number"),
        (PN(), {"total": None}, "'total'"),
        (PN(), [1], "is list"),
        (PN(maximum_page=2), {"count": 3}, "the keys 'count'"),
        (PN(total_path=None, has_more_path="more"), {}, "'more'"),
        (PN(total_path=None, has_more_path="more"), {"more": "perhaps"}, "neither true nor false"),
        (PN(total_path=None, has_more_path="more"), {"more": 1}, "neither true nor false"),
        (JC("n", has_more_path="m"), {"n": "a"}, "'m'"),
        (JL(), {"next": 5}, "no URL"),
        (JL(), {"next": {"href": "x"}}, "no URL"),
    ],
)
def test_11_2_what_is_missing_is_an_error(paginator, document, said):
    with pytest.raises(ValueError) as caught:
        series(paginator, document)
    assert isinstance(caught.value, RestClientError)
    assert said in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "make",
    [
        lambda: PN(total_path=None, stop_after_empty_page=False),
        lambda: PN(total_path=None, stop_after_empty_page=None),
        lambda: PN(page_param="p", page_body_path="a"),
        lambda: PN(page_param=""),
        lambda: OF(2, offset_param="o", offset_body_path="b"),
        lambda: OF(2, limit_param="o", limit_body_path="b"),
        lambda: OF(2, total_path=None, stop_after_empty_page=False),
        lambda: JC(cursor_param="c", cursor_body_path="b"),
        lambda: OF(0),
        lambda: OF(-1),
        lambda: OF(2, maximum_offset=-1),
        lambda: PN(maximum_page=-1),
        lambda: RangePaginator(None, 1, 1, total_path="t"),
        lambda: JL("a["),
    ],
)
def test_11_2_what_cannot_be(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize("cls", [BasePaginator, BaseReferencePaginator, BaseNextUrlPaginator])
def test_11_2_abstract_classes(cls):
    with pytest.raises(TypeError, match="abstract"):
        cls()


def test_11_2_the_old_name_of_json_links():
    with pytest.warns(DeprecationWarning, match="JSONLinkPaginator"):
        assert isinstance(JSONResponsePaginator("a"), JSONLinkPaginator)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<http://h/b>; rel="next"', "http://h/b"),
        ('<http://h/b>; rel=next; title="x"', "http://h/b"),
        ('<http://h/a>; rel="prev", <http://h/b>; rel="next"', "http://h/b"),
        ('<http://h/b>; rel="next last"', "http://h/b"),
        ('<http://h/a>; rel="nextish"', "end"),
        ("", "end"),
    ],
)
def test_11_2_header_links(link, expected):
    one = response()
    one.headers["Link"] = link
    assert series(HL(), one)[-1] == expected


# ---- with a server: all rows, in order, once


class OwnReference(BaseReferencePaginator):
    def update_state(self, response, data=None):
        self._next_reference = response.json()["cursors"]["next"]

    def update_request(self, request):
        request.params["cursor"] = self._next_reference


class OwnUrl(BaseNextUrlPaginator):
    def update_state(self, response, data=None):
        self._next_reference = response.json()["next"]


class OwnRange(RangePaginator):
    def __init__(self):
        super().__init__("offset", 0, PER_PAGE, total_path="total")


class Own(BasePaginator):
    def init_request(self, request):
        super().init_request(request)
        self.page = 0

    def update_state(self, response, data=None):
        self.page += 1
        self._has_next_page = len(data) == PER_PAGE

    def update_request(self, request):
        request.params["page"] = self.page


SERVED = {
    "numbered": [None, PN(total_path="total_pages"), PN(total_path=None), Own()],
    "numbered_from_1": [None, PN(base_page=1, total_path="total_pages"), PN(base_page=1, total_path=None)],
    "numbered_without_total": [PN(total_path=None), PN(total_path=None, maximum_page=3)],
    "offset": [OF(PER_PAGE), OF(7), OF(25), OF(100), OF(1), OwnRange()],
    "offset_without_total": [OF(PER_PAGE, total_path=None), OF(7, total_path=None)],
    "offset_more": [OF(7, total_path=None, has_more_path="has_more", stop_after_empty_page=False)],
    "cursor": [None, JC(), OwnReference()],
    "cursor_ends_empty": [None, JC()],
    "cursor_ends_false": [None, JC()],
    "cursor_with_gap": [JC(), JC(has_more_path=None)],
    "links": [None, JL(), OwnUrl()],
    "links_relative": [None, JL()],
    "header_links": [None, HL()],
    "header_cursor": [HC()],
}
FAULTS = [
    "",
    "fault=503&times=1",
    "fault=429&times=1",
    "fault=cut&times=1",
    "fault=drop&times=1",
    "fault=slow&times=0",
    "fault=gzip&times=0",
]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(("route", "paginator"), [(route, one) for route, every in SERVED.items() for one in every])
def test_11_2_nothing_is_lost_or_doubled(server, route, paginator, fault):
    client = RESTClient(server.url)
    for _ in range(2):
        found = [row["id"] for page in client.paginate(f"{route}?{fault}", paginator=paginator) for row in page]
        assert found == list(range(ROWS))


@pytest.mark.parametrize(
    ("route", "paginator", "params"),
    [
        ("cursor", JC(cursor_body_path="cursor"), {}),
        ("numbered", PN(page_body_path="page", total_path="total_pages"), {}),
        ("offset", OF(7, offset_body_path="offset", limit_body_path="limit"), {}),
    ],
)
def test_11_2_paginators_of_bodies(server, route, paginator, params):
    body = {"filter": {"x": [1]}}
    pages = RESTClient(server.url).paginate(route, method="POST", json=body, params=params, paginator=paginator)

    assert [row["id"] for page in pages for row in page] == list(range(ROWS))
    assert all(asked.json()["filter"] == {"x": [1]} for asked in server.asked)
    assert body == {"filter": {"x": [1]}}


@pytest.mark.parametrize(
    ("total", "more"), [("total", None), (None, None), (None, "has_more")], ids=["total", "until empty", "more"]
)
def test_11_2_pages_that_are_smaller_than_asked_for(server, total, more):
    """An API that gives at most five rows: the next offset would leave out the others."""

    def capped(naughty, asked):
        start = int(asked.query["offset"])
        rows = naughty.rows[start : start + min(int(asked.query["limit"]), 5)]
        return {"data": rows, "total": len(naughty.rows), "has_more": start + len(rows) < len(naughty.rows)}

    server.routes["capped"] = capped
    client = RESTClient(server.url)
    with pytest.raises(RestClientError, match="5 rows of each page would be left out") as caught:
        list(client.paginate("/capped", paginator=OF(10, total_path=total, has_more_path=more)))
    assert "limit=5" in caught.value.hint

    pages = client.paginate("/capped", paginator=OF(5, total_path=total, has_more_path=more))
    assert [row["id"] for page in pages for row in page] == list(range(ROWS))


@given(
    rows=st.integers(0, 40),
    per_page=st.integers(1, 12),
    times=st.integers(0, 4),
    served=st.sampled_from(
        [
            ("numbered", lambda _: PN(total_path="total_pages")),
            ("numbered_from_1", lambda _: PN(base_page=1, total_path=None)),
            ("offset", OF),
            ("offset_without_total", lambda limit: OF(limit, total_path=None)),
            ("cursor", lambda _: JC()),
            ("links", lambda _: JL()),
            ("header_links", lambda _: HL()),
            ("header_cursor", lambda _: HC()),
        ]
    ),
    fault=st.sampled_from(["503", "429", "cut", "drop", "gzip_cut"]),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_number_of_rows_in_any_pages(rows, per_page, times, served, fault):
    """Whatever fails in passing: each row once, in order."""
    route, make = served
    with Naughty(rows) as server:
        params = {"per_page": per_page, "fault": fault, "times": times} if times else {"per_page": per_page}
        pages = RESTClient(server.url).paginate(route, params=params, paginator=make(per_page))
        assert [row["id"] for page in pages for row in page] == list(range(rows))
