"""Who gets what: authentication and headers stay with the origin they are for, and no error shows a secret."""

from __future__ import annotations

import traceback

import pytest
import requests
from dlt.sources.helpers.requests import Client, HTTPError
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import APIKeyAuth, BearerTokenAuth, HttpBasicAuth
from dlt.sources.helpers.rest_client.paginators import (
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
)
from requests.auth import AuthBase
from requests.exceptions import InvalidHeader

import dlt
from dlt.errors import ConfigError, ResourceError, RestClientError
from dlt.sources.http.series import Guard
from dlt.sources.http.session import other_origin
from dlt.sources.rest_api import rest_api_source
from sources.naughty import Answer, Naughty


class Own(AuthBase):
    def __call__(self, r):
        r.headers["X-Own"] = "geheim"
        return r


@pytest.fixture
def other():
    with Naughty() as running:
        yield running


@pytest.fixture
def linked(server, other):
    """Pages at the server, the other one, and the server again."""
    server.routes["first"] = lambda *_: {"items": [1], "next": f"{other.url}/second"}
    other.routes["second"] = lambda *_: {"items": [2], "next": f"{server.url}/third"}
    server.routes["third"] = lambda *_: {"items": [3], "next": None}
    return server


@pytest.fixture
def redirected(server, other):
    """A page that is sent on to the other server."""
    other.routes["second"] = lambda *_: {"items": [2], "next": None}
    server.routes["first"] = lambda *_: Answer("", 302, {"Location": f"{other.url}/second"})
    server.routes["here"] = lambda *_: Answer("", 302, {"Location": "/first"})
    return server


SECRETS = {
    "bearer": {"auth": BearerTokenAuth("geheim")},
    "basic": {"auth": HttpBasicAuth("me", "geheim")},
    "key": {"auth": APIKeyAuth("X-Key", "geheim")},
    "query": {"auth": APIKeyAuth("mine", "geheim", "query")},
    "cookie": {"auth": APIKeyAuth("k", "geheim", "cookie")},
    "own": {"auth": Own()},
    "pair": {"auth": ("me", "geheim")},
    "header": {"headers": {"Authorization": "geheim"}},
    "another header": {"headers": {"X-Token": "geheim", "Accept": "text/json"}},
}


def has_secret(asked):
    """Whether a request has a secret."""
    more = {name: value for name, value in asked.headers.items() if name.lower() in ("authorization", "cookie")}
    return "geheim" in repr((dict(asked.headers), asked.query)) or bool(more)


@pytest.mark.parametrize("of_call", [False, True])
@pytest.mark.parametrize("kind", SECRETS)
def test_a_link_to_another_origin_goes_without(linked, other, caplog, kind, of_call):
    client = RESTClient(linked.url, **({} if of_call else SECRETS[kind]))

    pages = client.paginate("/first", paginator=JSONLinkPaginator(), **(SECRETS[kind] if of_call else {}))

    assert [row for page in pages for row in page] == [1, 2, 3]
    assert [has_secret(one) for one in linked.asked] == [True, True]
    assert [has_secret(one) for one in other.asked] == [False]
    assert other.asked[0].headers["Accept"] == ("text/json" if kind == "another header" else "*/*")
    assert f"to another origin, {other.url}/second" in caplog.text
    assert "geheim" not in caplog.text


@pytest.mark.parametrize("path", ["/first", "/here"])
@pytest.mark.parametrize("kind", SECRETS)
def test_a_redirection_to_another_origin_goes_without(redirected, other, caplog, kind, path):
    client = RESTClient(redirected.url, **SECRETS[kind])

    assert client.get(path).json()["items"] == [2]
    assert has_secret(redirected.asked[0])
    assert [has_secret(one) for one in other.asked] == [False]
    if kind not in ("query", "cookie"):  # those are never sent on
        assert f"is redirected to another origin, {other.url}/second" in caplog.text


def test_a_redirection_of_a_client_that_gets_a_key(redirected, other):
    Client().get(f"{redirected.url}/first", auth=APIKeyAuth("X-Key", "geheim"), headers={"X-Plain": "1"})

    assert (other.asked[0].headers["X-Key"], other.asked[0].headers["X-Plain"]) == (None, "1")


def test_a_redirection_within_the_origin_keeps_headers(server):
    server.routes["first"] = lambda *_: Answer("", 302, {"Location": "/echo"})

    got = RESTClient(server.url, headers={"X-A": "1"}, auth=APIKeyAuth("X-Key", "k")).get("/first").json()["headers"]

    assert (got["X-A"], got["X-Key"]) == ("1", "k")


def test_what_the_user_asks_for_is_no_other_origin(server, other, caplog):
    """A whole URL, and pages below it; or a session that has them for all."""
    client = RESTClient(server.url, auth=BearerTokenAuth("geheim"))
    assert len(list(client.paginate(f"{other.url}/links", paginator=JSONLinkPaginator("next")))) == 3
    assert all(has_secret(one) for one in other.asked)

    session = requests.Session()
    session.headers["X-Token"] = "geheim"
    server.routes["first"] = lambda *_: {"items": [1], "next": f"{other.url}/second"}
    other.routes["second"] = lambda *_: {"items": [2], "next": None}
    list(RESTClient(server.url, session=session).paginate("/first", paginator=JSONLinkPaginator("next")))
    assert all(has_secret(one) for one in other.asked)
    assert caplog.text == ""


def test_a_base_that_is_a_prefix(server, caplog):
    client = RESTClient(f"{server.url}/header_links", auth=BearerTokenAuth("geheim"))

    assert sum(map(len, client.paginate(paginator=HeaderLinkPaginator()))) == 25
    assert all(has_secret(one) for one in server.asked)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("home", "url", "other"),
    [
        ("http://h", "http://h/x", False),
        ("http://h/a", "http://H:80/b", False),
        ("http://h", "https://h", False),
        ("https://h", "http://h", True),
        ("https://h", "https://h:8443", True),
        ("https://h", "https://api.h", True),
        ("", "https://h", True),
    ],
)
def test_origins(home, url, other):
    assert other_origin(home, url) is other


@pytest.mark.parametrize(
    ("link", "sent", "token"),
    [
        ("https://h/b", "https://h/b", True),
        ("http://h/b?c=1", "https://h/b?c=1", True),  # the link of a server that does not know of its proxy
        ("http://h:8080/b", "http://h:8080/b", False),
        ("http://other/b", "http://other/b", False),
    ],
)
def test_a_link_without_tls(link, sent, token):
    request = requests.Request("GET", "https://h/a", headers={"X-T": "t"})
    guard = Guard(lambda _: [])
    guard.begin("https://h", request)
    request.url = link

    made = guard.guarded(request)

    assert (made.url, "X-T" in made.headers) == (sent, token)
    assert request.headers == {"X-T": "t"}


def test_a_link_that_two_parsers_read_differently(server, other):
    host = server.url.removeprefix("http://")
    server.routes["first"] = lambda *_: {"items": [1], "next": f"{other.url}\\@{host}/second"}
    client = RESTClient(server.url, auth=BearerTokenAuth("geheim"), paginator=JSONLinkPaginator())

    with pytest.raises(HTTPError, match="404"):
        list(client.paginate("/first"))
    assert [has_secret(one) for one in other.asked] == [False]


def test_a_url_of_a_row_is_another_origin(server, other, caplog):
    server.routes["parents"] = lambda *_: {"items": [{"id": n, "url": f"{other.url}/one"} for n in range(3)]}
    resources = [
        {"name": "parents", "endpoint": {"path": "parents", "paginator": "single_page"}},
        {"name": "kids", "endpoint": {"path": "{resources.parents.url}"}},
    ]
    client = {"base_url": server.url, "auth": {"token": "geheim"}, "headers": {"X-T": "geheim"}}

    assert len(list(rest_api_source({"client": client, "resources": resources}).with_resources("kids"))) == 3
    assert [has_secret(one) for one in [*server.asked, *other.asked]] == [True, False, False, False]
    assert caplog.text.count("to another origin") == 1


# ---- secrets in errors


@pytest.mark.parametrize("fault", ["status/403", "same_link"])
def test_a_key_in_the_query_is_not_shown(server, fault):
    server.routes["same_link"] = lambda one, asked: {
        "items": [1],
        "next": f"{one.url}/same_link?mine=geheim&access_key=geheim",
    }
    client = RESTClient(server.url, auth=APIKeyAuth("Mine", "geheim", "query"), paginator=JSONLinkPaginator())

    with pytest.raises((HTTPError, RestClientError)) as caught:
        list(client.paginate(fault))

    told = "".join(traceback.format_exception(caught.value))
    assert "geheim" not in told
    assert "***" in told


def test_a_key_in_the_query_is_not_in_the_trace(server, tmp_path):
    client = RESTClient("http://127.0.0.1:9", auth=APIKeyAuth("mine2", "geheim", "query"))
    pipeline = dlt.pipeline("secret_key", destination="duckdb", pipelines_dir=str(tmp_path / "p"))

    with pytest.raises(Exception, match="mine2") as caught:
        pipeline.run(client.paginate("/x"), table_name="x")

    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    files = [one.read_bytes() for one in (tmp_path / "p").rglob("*") if one.is_file()]
    assert any(b"mine2" in one for one in files)
    assert not any(b"geheim" in one for one in files)


@pytest.mark.parametrize(
    "auth", [BearerTokenAuth("geheim\n"), APIKeyAuth("X-Key", " geheim\r\n"), APIKeyAuth("k", "geheim\n", "query")]
)
def test_a_newline_at_the_end_of_a_secret_is_left_out(server, auth):
    assert RESTClient(server.url, auth=auth).get("/one").ok
    assert "geheim" in repr((dict(server.asked[0].headers), server.asked[0].query))


class Broken(AuthBase):
    def __call__(self, r):
        r.headers["X-Own"] = "geheim\n"
        return r


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"auth": BearerTokenAuth("ge\nheim")}, ConfigError),
        ({"auth": Broken()}, InvalidHeader),
        ({"headers": {"X-A": "geheim\n"}}, InvalidHeader),
        ({"headers": {"X-A": "geheim\nX-B: 1"}}, InvalidHeader),
    ],
)
def test_a_header_that_cannot_be_is_not_shown(server, given, kind):
    with pytest.raises(kind, match="line") as caught:
        RESTClient(server.url, **given).get("/one")
    told = "".join(traceback.format_exception(caught.value))
    assert "heim" not in told.replace('"geheim', "")
    assert server.asked == []


# ---- pages that are none


def test_an_error_in_the_middle_of_the_pages(server):
    """The rows after it would never come: the cursor is at the newest."""
    server.rows = [{"id": n, "at": 100 - n} for n in range(30)]
    plain = server.routes["cursor"]
    server.routes["cursor"] = lambda one, asked: (
        {"error": "rate limited"} if asked.sent("cursor") == "10" and asked.number == 1 else plain(one, asked)
    )
    client = RESTClient(server.url, paginator=JSONResponseCursorPaginator(), data_selector="items")

    @dlt.resource(primary_key="id")
    def rows(at=dlt.sources.incremental("at")):  # noqa: B008 - how it is given
        yield from client.paginate("/cursor")

    pipeline = dlt.pipeline("middle", destination="duckdb", dataset_name="data")
    with pytest.raises(Exception, match="rate limited") as caught:
        pipeline.run(rows())
    assert isinstance(caught.value.__cause__, ResourceError | RestClientError)
    pipeline.drop_pending_packages()
    pipeline.run(rows())
    assert pipeline.last_trace.last_normalize_info.row_counts["rows"] == 30


@pytest.mark.parametrize(
    ("last", "selector", "error"),
    [
        ({"items": []}, "items", False),
        ({"items": None}, "items", False),
        ({}, "items", False),
        (None, "items", False),
        ({"items": []}, "items[*]", False),
        ({"items": []}, "items[*].id", False),
        ({"items": [{"a": 1}]}, "items[*].id", False),
        ({"error": 1}, "items", True),
        ({"error": 1}, "items[*]", True),
        ({"error": 1}, "$.items[*].id", True),
        ({"error": 1}, "..id", False),
        ({"error": 1}, "$.items[?(@.id > 0)]", True),
    ],
)
def test_a_page_without_the_path_of_the_rows(server, last, selector, error):
    pages = [{"items": [{"id": 1}], "next": "/last"}, Answer(b"", 204) if last is None else last]
    server.routes |= {"first": lambda *_: pages[0], "last": lambda *_: pages[1]}
    client = RESTClient(server.url, data_selector=selector)
    paginator = JSONLinkPaginator()
    if error:
        with pytest.raises(RestClientError, match="There is nothing at"):
            list(client.paginate("/first", paginator=paginator))
    else:
        assert sum(map(len, client.paginate("/first", paginator=paginator))) == 1


# ---- what is no argument


@pytest.mark.parametrize(
    ("make", "call", "said"),
    [
        ({"auth": {"type": "bearer", "token": "geheim"}}, {}, "auth is a dict"),
        ({"auth": "bearer"}, {}, "auth is a str"),
        ({"paginator": "offset"}, {}, "paginator is a str"),
        ({}, {"paginator": "offset"}, "paginator is a str"),
        ({}, {"paginator": {"type": "offset"}}, "paginator is a dict"),
        ({}, {"paginator": JSONLinkPaginator}, "paginator is a class"),
        ({}, {"auth": {"token": "geheim"}}, "auth is a dict"),
        ({}, {"nope": 1}, "no 'nope'"),
    ],
)
def test_arguments_that_are_of_another_kind(server, make, call, said):
    with pytest.raises(RestClientError, match=said) as caught:
        list(RESTClient(server.url, **make).paginate("/rows", **call))
    assert "geheim" not in str(caught.value)


def test_cookies(server, other):
    server.routes["first"] = lambda *_: {"items": [1], "next": f"{other.url}/empty"}
    list(RESTClient(server.url).paginate("/first", paginator=JSONLinkPaginator(), cookies={"a": "geheim"}))
    RESTClient(server.url).get("/one", cookies={"b": "2"})

    assert [one.headers["Cookie"] for one in [*server.asked, *other.asked]] == ["a=geheim", "b=2", None]


@pytest.mark.parametrize(
    ("module", "name"),
    [("paginators", "OffsetPaginator"), ("auth", "BearerTokenAuth"), ("exceptions", "IgnoreResponseException")],
)
def test_names_that_a_star_brings(module, name):
    found: dict[str, object] = {}
    exec(f"from dlt.sources.helpers.rest_client.{module} import *", found)
    assert name in found
    assert not any(one.startswith("_") and one != "__builtins__" for one in found)
