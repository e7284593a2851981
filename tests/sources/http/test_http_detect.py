"""11.2: what is detected in the first response, and that it is told."""

from __future__ import annotations

import json
import logging

import pytest
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.detector import (
    PaginatorFactory,
    find_next_page_path,
    find_response_page_data,
    find_total_pages_path,
    single_entity_path,
)
from requests import Response


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ([1], "$"),
        ([], "$"),
        (5, "$"),
        (None, "$"),
        ({"a": 1}, "$"),
        ({"results": {"a": 1}}, "$"),
        ({"a": {"b": {"items": [1]}}}, "a.b.items"),
        ({"a": {"b": {"c": {"items": [1]}}}}, "$"),  # deeper than three
        ({"x": [1], "items": [2]}, "items"),
        ({"x": [1], "Items": [2]}, "Items"),
        ({"x": [1], "y": [2]}, "x"),
        ({"itemsList": [1], "x": [3]}, "itemsList"),
        ({"x": [1], "itemsList": [3]}, "x"),
        ({"data": {"items": [1, 2]}}, "data.items"),
        ({"items": {"x": [3]}, "data": [4]}, "data"),
        ({"x": {"data": [1]}, "items": [2]}, "x.data"),
        ({"data": [], "items": [2]}, "data"),
        ({"errors": [], "users": [1]}, "users"),
        ({"errors": [], "users": []}, "errors"),
        ({"errors": [1], "users": [], "data": []}, "data"),
        *(({"first": [0], key: [1]}, key) for key in (
            "data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values"
        )),
    ],
)  # fmt: skip
def test_11_2_where_the_rows_are(document, path):
    assert ".".join(find_response_page_data(document)[0]) == path


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"next": "http://x/a"}, "next"),
        ({"next": None, "next_url": "http://a"}, "next_url"),
        ({"next_page": {"url": "http://a/b"}}, "next_page.url"),
        ({"links": {"next": {"href": "/b"}}}, "links.next.href"),
        ({"meta": {"nextCursor": "1"}}, "meta.nextCursor"),
        ({"hasNext": True, "next": "q"}, "next"),
        ({"paging": {"next": {"link": "x"}}}, None),
        ({"items": [{"next": "http://zz"}]}, None),
        ({}, None),
        ([], None),
    ],
)
def test_11_2_what_it_says_of_the_next_page(document, path):
    found, _ = find_next_page_path(document)
    assert (found and ".".join(found)) == path


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"total_pages": 3}, "total_pages"),
        ({"meta": {"pages": 4}}, "meta.pages"),
        ({"totalPages": "5"}, "totalPages"),
        ({"pages": [1]}, None),
        ({"pages": None, "x": {"total_pages": 3}}, "x.total_pages"),
        ({"total": 3}, None),
    ],
)
def test_11_2_how_many_pages(document, path):
    found, _ = find_total_pages_path(document)
    assert (found and ".".join(found)) == path


@pytest.mark.parametrize(
    ("document", "link", "kind", "attributes"),
    [
        ({"next": "http://n"}, True, "HeaderLinkPaginator", {}),
        ({"next": "http://n", "total_pages": 3}, False, "JSONLinkPaginator", {"next_url_path": "next"}),
        ({"next": "/n"}, False, "JSONLinkPaginator", {"next_url_path": "next"}),
        ({"links": {"next": {"href": "http://x"}}}, False, "JSONLinkPaginator", {"next_url_path": "links.next.href"}),
        (
            {"next": "abc", "total_pages": 3},
            False,
            "PageNumberPaginator",
            {"total_path": "total_pages", "base_index": 0},
        ),
        ({"page": 1, "pages": 3}, False, "PageNumberPaginator", {"total_path": "pages", "base_index": 1}),
        ({"meta": {"current_page": 1, "pages": 3}}, False, "PageNumberPaginator", {"base_index": 1}),
        ({"page": 0, "pages": 3}, False, "PageNumberPaginator", {"base_index": 0}),
        ({"page": 7, "pages": 9}, False, "PageNumberPaginator", {"base_index": 0}),
        ({"next": "abc"}, False, "JSONResponseCursorPaginator", {"cursor_path": "next"}),
        ({"a-b": {"next": "q"}}, False, "JSONResponseCursorPaginator", {"cursor_path": "'a-b'.next"}),
        ({"has_next": True}, False, "SinglePagePaginator", {}),
        ({"next": None, "items": [1]}, False, "SinglePagePaginator", {}),
        ([1], False, "SinglePagePaginator", {}),
    ],
)
def test_11_2_the_order_of_detectors(caplog, document, link, kind, attributes):
    response = Response()
    response.status_code, response._content = 200, json.dumps(document).encode()
    if link:
        response.headers["Link"] = '<http://h/n>; rel="next"'
    with caplog.at_level(logging.INFO, "dlt"):
        found, _ = PaginatorFactory().create_paginator(response)

    assert type(found).__name__ == kind
    assert {name: getattr(found, name) for name in attributes} == attributes
    assert f"Detected the paginator {kind}(" in caplog.text


@pytest.mark.parametrize(
    ("path", "single"),
    [
        ("people/{id}", True),
        ("people/{id}/", True),
        ("{x}", True),
        ("https://a/b/{id}", True),
        ("a/{id}.json", True),
        ("people", False),
        ("/a/{id}/b", False),
        ("", False),
    ],
)
def test_11_3_paths_of_one_thing(path, single):
    assert single_entity_path(path) is single


def test_11_2_one_page_of_many_rows_is_told(server, caplog):
    list(RESTClient(server.url).paginate("/rows"))
    assert "nothing tells of a next page, so the 25 rows of this one are all" in caplog.text
    caplog.clear()
    list(RESTClient(server.url).paginate("/one"))
    assert caplog.text == ""
