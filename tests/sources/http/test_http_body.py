"""JSON of responses: charsets, exact numbers, what is no JSON; URLs, paths and rows."""

from __future__ import annotations

import json

import pytest
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.paginators import SinglePagePaginator
from dlt.sources.helpers.rest_client.redaction import sanitize_url
from dlt.sources.helpers.rest_client.utils import join_url
from requests import Response

from dlt.errors import RestClientError, SchemaError
from dlt.sources.http.body import json_of, put
from sources.naughty import Answer

TEXT = '{"a": "é €"}'
LATIN = '{"a": "é"}'


def response(content: bytes, encoding: str | None = None, status: int = 200) -> Response:
    made = Response()
    made._content, made.encoding, made.status_code, made.url = content, encoding, status, "http://h/a?token=s3cret"
    return made


@pytest.mark.parametrize(
    ("content", "declared", "expected"),
    [
        (TEXT.encode(), None, "é €"),
        (TEXT.encode(), "utf-8", "é €"),
        (TEXT.encode(), "ISO-8859-1", "é €"),  # what requests thinks of text without a charset
        (TEXT.encode("utf-8-sig"), "utf-8", "é €"),
        (TEXT.encode("utf-16"), None, "é €"),
        (TEXT.encode("utf-16-le"), "utf-16-le", "é €"),
        (TEXT.encode("utf-32"), None, "é €"),
        (LATIN.encode("latin-1"), "iso-8859-1", "é"),
        (TEXT.encode("cp1252"), "windows-1252", "é €"),
        ('{"a": "日本"}'.encode("iso2022_jp"), "ISO-2022-JP", "日本"),
        ('{"a": "日本"}'.encode("shift_jis"), "Shift_JIS", "日本"),
    ],
)
def test_charsets(content, declared, expected):
    assert json_of(response(content, declared)) == {"a": expected}


def test_a_charset_that_is_not_true_is_an_error():
    with pytest.raises(RestClientError, match="no JSON"):
        json_of(response(LATIN.encode("latin-1"), "utf-8"))


@pytest.mark.parametrize("text", ["12345678901234567890123456789", "-9223372036854775809", "0.1", "1e2", "[1, 1.0]"])
def test_numbers_are_exact(text):
    assert repr(json_of(response(text.encode()))) == repr(json.loads(text))


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"<html>Please log in</html>", 200, "<html>Please log in"),
        (b"", 200, "empty"),
        (b'{"a": [1, 2', 200, "[1, 2"),
    ],
)
def test_what_is_no_json_is_an_error_that_shows_it(content, status, said):
    with pytest.raises(RestClientError) as caught:
        json_of(response(content, status=status))
    assert said in str(caught.value)
    assert "http://h/a?token=***" in str(caught.value)


def test_no_content_is_none():
    assert json_of(response(b"", status=204)) is None


def test_a_body_is_parsed_once_and_again_when_it_was_changed():
    one = response(b'{"a": 1}')
    assert json_of(one) is json_of(one)
    one._content = b'{"a": 2}'
    assert json_of(one) == {"a": 2}
    one.json = lambda: {"a": 3}  # what a hook of the user may do
    assert json_of(one) == {"a": 3}


@pytest.mark.parametrize("fault", ["html", "half_json", "too_short"])
def test_pages_that_are_none_are_an_error(server, fault):
    client = RESTClient(server.url, paginator=SinglePagePaginator())
    with pytest.raises(RestClientError, match="no JSON"):
        list(client.paginate(f"/rows?fault={fault}"))


@pytest.mark.parametrize("fault", ["latin1", "wrong_charset", "bom", "gzip", "chunked", "slow"])
def test_rows_are_what_they_are_whatever_the_way(server, fault):
    client = RESTClient(server.url, paginator=SinglePagePaginator())
    assert [row for page in client.paginate(f"/rows?fault={fault}&times=0") for row in page] == server.rows


# ---- rows of a document


@pytest.mark.parametrize(
    ("document", "selector", "rows"),
    [
        ({"a": [1]}, "a", [1]),
        ({"a": {"b": 1}}, "a", [{"b": 1}]),
        ({"a": 5}, "a", [5]),
        ({"a": None}, "a", []),
        ({}, "a", []),
        ({"a": []}, "a", []),
        ({"a": [{"b": 1}, {"b": 2}]}, "a[*].b", [1, 2]),
        ({"a": [{"b": [1]}, {"b": [2, 3]}]}, "a[*].b", [1, 2, 3]),  # the rows of each list, as of one
        ({"a": [{"b": [1]}, {"b": None}, {"b": 4}]}, "a[*].b", [1, 4]),
        ({"a": [{"b": [1]}]}, "a[*].b", [1]),
        ([1, 2], "$", [1, 2]),
        ({"a": 1}, "$", [{"a": 1}]),
        ([[1], [2]], "$[*]", [[1], [2]]),
        ([[1]], "$[*]", [[1]]),
        ({"a.b": [1]}, "a.b", []),
        ({"a.b": [1]}, "'a.b'", [1]),
        ({"x-y": [3]}, "x-y", [3]),
        ({"a": [{"k": 1}, {"k": 2}]}, "$.a[?(@.k > 1)]", [{"k": 2}]),
    ],
)
def test_11_2_rows_at_a_selector(server, document, selector, rows):
    server.routes["document"] = lambda *_: document
    client = RESTClient(server.url, data_selector=selector, paginator=SinglePagePaginator())

    assert [list(page) for page in client.paginate("/document")] == [rows]


def test_11_2_compiled_paths(server):
    from jsonpath_ng import parse

    client = RESTClient(server.url, data_selector=parse("items[*].id"), paginator=SinglePagePaginator())
    assert [list(page) for page in client.paginate("/same_page")] == [list(range(10))]


def test_a_path_that_is_none():
    with pytest.raises(SchemaError, match="cannot be read"):
        RESTClient("http://h").extract_response(response(b"{}"), "a[")


def test_11_2_nothing_at_a_selector_is_told(server, caplog):
    client = RESTClient(server.url, data_selector="itmes", paginator=SinglePagePaginator())
    assert [list(page) for page in client.paginate("/numbered")] == [[]]
    assert "nothing at 'itmes'" in caplog.text


def test_no_content_is_an_empty_page(server):
    assert [list(page) for page in RESTClient(server.url).paginate("/nothing")] == [[]]


@pytest.mark.parametrize("path", ["a[0].b", "a..b", "$", "a.*"])
def test_places_in_a_body_are_names(path):
    with pytest.raises(RestClientError, match="no place"):
        put({}, path, 1)


# ---- URLs


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("http://h/v1/", "/a", "http://h/v1/a"),
        ("http://h/v1", "a", "http://h/v1/a"),
        ("http://h/v1/", "", "http://h/v1/"),
        ("http://h/v1", "https://other/b", "https://other/b"),
        ("", "http://h/a", "http://h/a"),
        ("http://h", "a?next=http://x", "http://h/a?next=http://x"),
    ],
)
def test_11_2_joined_urls(base, path, url):
    assert join_url(base, path) == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/a?b=1", "http://h/a?b=1"),
        ("http://h/a?api_key=x&b=é%20", "http://h/a?api_key=***&b=%C3%A9+"),
        ("http://h/a?TOKEN=x", "http://h/a?TOKEN=***"),
        ("http://h/a?access-token=x&key=&pwd=1", "http://h/a?access-token=***&key=***&pwd=***"),
        ("http://me:secret@h:8/a", "http://me:***@h:8/a"),
        ("/a?secret=1#b", "/a?secret=***#b"),
        *(
            (f"/a?{name}=geheim", f"/a?{name}=***")
            for name in (
                "sig",
                "k",
                "access_key",
                "X-Api-Key",
                "code",
                "auth",
                "hash",
                "appid",
                "X-Amz-Signature",
                "sessionid",
            )
        ),
        ("", ""),
    ],
)
def test_11_3_redaction(url, shown):
    assert sanitize_url(url) == shown


def test_11_3_redaction_of_other_names():
    assert sanitize_url("http://h/a?mine=1&key=2", {"mine"}) == "http://h/a?mine=***&key=2"


# ---- errors of statuses


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({}, 0),
        ({"RUNTIME__HTTP_SHOW_ERROR_BODY": "true"}, 8192),
        ({"RUNTIME__HTTP_SHOW_ERROR_BODY": "true", "RUNTIME__HTTP_MAX_ERROR_BODY_LENGTH": "30"}, 30),
    ],
)
def test_11_2_errors_of_statuses(server, monkeypatch, settings, shown):
    from dlt.sources.helpers.requests import HTTPError

    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(HTTPError) as caught:
        list(RESTClient(server.url).paginate("/status/403?api_key=s3cret"))
    first, _, body = str(caught.value).partition("\nResponse: ")
    assert first == f"403 Client Error: Forbidden for url: {server.url}/status/403?api_key=***"
    assert len(body.removesuffix("… (truncated)")) == shown


def test_11_2_the_answer_to_one_request_is_not_judged(server):
    client = RESTClient(server.url)
    assert client.get("/status/403").status_code == 403
    server.routes["bad"] = lambda *_: Answer({"why": 1}, 400)
    assert client.post("/bad", json={"a": 1}).json() == {"why": 1}
