"""`from_openapi`: which lists there are, how they are paged, what rows are told apart by, who feeds whom, who may come in."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from dlt.errors import SchemaError
from dlt.sources.rest_api import from_openapi
from dlt.sources.rest_api.plan import planned

USER = {"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
POST = {"type": "object", "properties": {"id": {"type": "integer"}, "user": {"$ref": "#/components/schemas/User"}}}


def query(*names: str, **schemas: Any) -> list[dict[str, Any]]:
    """Parameters of a query."""
    given = {name: {"type": "integer"} for name in names} | schemas
    return [{"name": name, "in": "query", "schema": schema} for name, schema in given.items()]


def wrapped(kind: str = "User", key: str = "data", **others: Any) -> dict[str, Any]:
    """The schema of a page: a list below a key."""
    rows = {"type": "array", "items": {"$ref": f"#/components/schemas/{kind}"}}
    return {"type": "object", "properties": {key: rows, **others}}


def lists(schema: Any, *parameters: Any, headers: Any = None) -> dict[str, Any]:
    """The GET of a list."""
    response = {"content": {"application/json": {"schema": schema}}, "headers": headers or {}}
    return {"get": {"parameters": list(parameters), "responses": {"200": response}}}


def described(paths: dict[str, Any], **others: Any) -> dict[str, Any]:
    """A whole description."""
    others.setdefault("servers", [{"url": "https://api.example/v1"}])
    schemas = {"User": USER, "Post": POST, **others.pop("schemas", {})}
    components = {"schemas": schemas, "securitySchemes": others.pop("schemes", {})}
    return {"openapi": "3.0.3", "paths": paths, "components": components, **others}


ARRAY = {"type": "array", "items": {"$ref": "#/components/schemas/User"}}
TEXT = {"type": "string"}
CURSOR = {"type": "object", "properties": {"next_cursor": TEXT}}
LINK = {"type": ["string", "null"], "format": "uri"}

PAGING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "page": (
        lists(ARRAY, *query("page", per_page={"type": "integer", "maximum": 50})),
        {
            "paginator": {"type": "page_number", "page_param": "page", "base_page": 1, "total_path": None},
            "params": {"per_page": 50},
        },
    ),
    "page from 0, and how many": (
        lists(wrapped(totalPages={"type": "integer"}), *query(page={"type": "integer", "default": 0})),
        {"paginator": {"type": "page_number", "page_param": "page", "base_page": 0, "total_path": "totalPages"}},
    ),
    "offset": (
        lists(wrapped(total={"type": "integer"}), *query("skip", limit={"type": "integer", "default": 20})),
        {"paginator": {"type": "offset", "limit": 20, "offset_param": "skip", "limit_param": "limit", "total_path": "total"}},
    ),
    "offset, and whether there is more": (
        lists(wrapped(has_more={"type": "boolean"}), *query("offset", "limit")),
        {
            "paginator": {
                "type": "offset",
                "limit": 100,
                "offset_param": "offset",
                "limit_param": "limit",
                "total_path": None,
                "has_more_path": "has_more",
            }
        },
    ),
    "cursor": (
        lists(wrapped(meta={"$ref": "#/components/schemas/Meta"}), *query("cursor")),
        {"paginator": {"type": "cursor", "cursor_param": "cursor", "cursor_path": "meta.next_cursor"}},
    ),
    "page token": (
        lists(wrapped(key="items", nextPageToken=TEXT), *query("pageToken")),
        {"paginator": {"type": "cursor", "cursor_param": "pageToken", "cursor_path": "nextPageToken"}},
    ),
    "link": (
        lists(wrapped(key="results", next=LINK), *query("page")),
        {"paginator": {"type": "json_link", "next_url_path": "next"}},
    ),
    "link in an object": (
        lists(wrapped(links={"type": "object", "properties": {"next": LINK}}), *query("page")),
        {"paginator": {"type": "json_link", "next_url_path": "links.next"}},
    ),
    "header": (lists(ARRAY, *query("page"), headers={"Link": {}}), {"paginator": {"type": "header_link"}}),
    "nothing is told": (lists(wrapped()), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", PAGING)
def test_paging(case: str) -> None:
    operation, expected = PAGING[case]

    config = from_openapi(described({"/users": operation}, schemas={"Meta": CURSOR}))

    found: Any = config["resources"][0]
    assert {key: found["endpoint"].get(key) for key in ("paginator", "params") if key in found["endpoint"]} == expected
    assert planned(config)[1] == []


ROWS: dict[str, tuple[Any, str | None]] = {
    "an array": (ARRAY, "$"),
    "data": (wrapped(), "data"),
    "the only list of objects": (wrapped(key="users", tags={"type": "array", "items": TEXT}), "users"),
    "known names go first": (wrapped(key="data", errors={"type": "array", "items": USER}), "data"),
    "a list in an object": ({"type": "object", "properties": {"data": wrapped(key="items")}}, "data.items"),
    "of allOf": ({"allOf": [{"properties": {"total": {"type": "integer"}}}, wrapped()]}, "data"),
    "one thing": ({"$ref": "#/components/schemas/User"}, None),
    "one thing with a list": ({"properties": {f"p{n}": TEXT for n in range(9)} | {"users": ARRAY}}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("case", ROWS)
def test_where_the_rows_are(case: str) -> None:
    schema, expected = ROWS[case]

    found: Any = from_openapi(described({"/users": lists(schema)}))["resources"]

    assert [one["endpoint"]["data_selector"] for one in found] == ([expected] if expected else [])
    if expected:
        assert (found[0]["primary_key"], found[0]["write_disposition"]) == ("id", "merge")


AUTHS: dict[str, tuple[dict[str, Any], Any]] = {
    "bearer": ({"type": "http", "scheme": "bearer"}, {"type": "bearer"}),
    "basic": ({"type": "http", "scheme": "basic"}, {"type": "http_basic"}),
    "key": (
        {"type": "apiKey", "name": "X-Key", "in": "header"},
        {"type": "api_key", "name": "X-Key", "location": "header"},
    ),
    "client": (
        {"type": "oauth2", "flows": {"clientCredentials": {"tokenUrl": "https://x/token"}}},
        {"type": "oauth2_client_credentials", "access_token_url": "https://x/token"},
    ),
    "cookie": ({"type": "apiKey", "name": "c", "in": "cookie"}, None),
}


@pytest.mark.parametrize("case", AUTHS)
def test_security(case: str) -> None:
    scheme, expected = AUTHS[case]

    found = from_openapi(described({"/users": lists(ARRAY)}, schemes={"main": scheme}))

    assert found["client"].get("auth") == expected


def test_rows_feed_the_lists_below_them() -> None:
    """Keys of the rows above go along, so that two rows of different parents are never one."""
    thing = lists({"properties": {"id": TEXT, "friends": ARRAY}})
    config = from_openapi(
        described(
            {
                "/users/{userId}/posts/{post_id}/comments": lists(ARRAY),
                "/users/{userId}/posts": lists(wrapped("Post")),
                "/users/{userId}": thing,
                "/users": lists(ARRAY),
            }
        )
    )

    assert config["resources"] == [
        {
            "name": "users",
            "primary_key": "id",
            "write_disposition": "merge",
            "endpoint": {"path": "users", "data_selector": "$"},
        },
        {
            "name": "posts",
            "include_from_parent": ["id"],
            "primary_key": ["_users_id", "id"],
            "write_disposition": "merge",
            "endpoint": {"path": "users/{resources.users.id}/posts", "data_selector": "data"},
        },
        {
            "name": "comments",
            "include_from_parent": ["_users_id", "id"],
            "primary_key": ["_posts__users_id", "_posts_id", "id"],
            "write_disposition": "merge",
            "endpoint": {
                "path": "users/{resources.posts._users_id}/posts/{resources.posts.id}/comments",
                "data_selector": "$",
            },
        },
    ]
    assert planned(config)[1] == []


def test_parameters_that_nobody_has(caplog: pytest.LogCaptureFixture) -> None:
    """A path is left out and named, unless `params` has them."""
    needs = {"name": "year", "in": "query", "required": True, "schema": {"type": "integer"}}
    paths = {"/orgs/{org}/users": lists(ARRAY), "/reports": lists(ARRAY, needs)}

    with caplog.at_level(logging.WARNING):
        none = from_openapi(described(paths))
    both: Any = from_openapi(described(paths), params={"org": "x", "year": 2024})

    assert none["resources"] == []
    assert "/orgs/{org}/users is left out, nothing gives org" in caplog.text
    assert "/reports is left out, nothing gives year" in caplog.text
    assert [(one["name"], one["endpoint"]["params"]) for one in both["resources"]] == [
        ("reports", {"year": 2024}),
        ("users", {"org": "x"}),
    ]
    assert planned(both)[1] == []


def test_names_are_as_long_as_they_must_be() -> None:
    paths = {"/users": lists(ARRAY), "/teams/users": lists(ARRAY), "/users/by-age": lists(ARRAY)}

    found: Any = from_openapi(described(paths))["resources"]

    assert {one["endpoint"]["path"]: one["name"] for one in found} == {
        "users": "users",
        "teams/users": "teams_users",
        "users/by-age": "by_age",
    }


def test_include_brings_what_feeds_it() -> None:
    paths = {"/users": lists(ARRAY), "/users/{id}/posts": lists(ARRAY), "/teams": lists(ARRAY)}

    found: Any = from_openapi(described(paths), include=["posts"])["resources"]

    assert [(one["name"], one.get("selected", True)) for one in found] == [("users", False), ("posts", True)]
    with pytest.raises(SchemaError, match="gives no list 'post'"):
        from_openapi(described(paths), include=["post"])


def test_files_and_servers(tmp_path: Path) -> None:
    import yaml

    servers = [{"url": "https://{host}/v2", "variables": {"host": {"default": "a.example"}}}]
    document = described({"/users": lists(ARRAY)}, servers=servers)
    swagger = {
        "swagger": "2.0",
        "host": "b.example",
        "basePath": "/v3",
        "schemes": ["https"],
        "definitions": {"User": USER},
        "paths": {"/users": {"get": {"responses": {200: {"schema": {"type": "array", "items": {"$ref": "#/definitions/User"}}}}}}},
    }  # fmt: skip
    (tmp_path / "api.json").write_text(json.dumps(document))
    (tmp_path / "api.yaml").write_text(yaml.safe_dump(swagger))
    before = copy.deepcopy(swagger)

    assert from_openapi(tmp_path / "api.json") == from_openapi(document)
    assert from_openapi(document)["client"]["base_url"] == "https://a.example/v2"
    found: Any = from_openapi(str(tmp_path / "api.yaml"))
    assert found["client"]["base_url"] == "https://b.example/v3"
    assert found["resources"][0]["primary_key"] == "id"
    assert from_openapi(swagger, base_url="http://x")["client"]["base_url"] == "http://x"
    assert swagger == before


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"openapi": "3.0.0"}, "no paths"),
        (described({}, servers=[{"url": "/v1"}]), "no whole URL"),
        (described({"/users": lists({"$ref": "other.yaml#/x"})}), "leads to no place"),
    ],
)
def test_descriptions_that_cannot_be_used(document: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        from_openapi(document)


def test_schemas_that_contain_themselves() -> None:
    node = {"properties": {"id": TEXT, "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}}}

    found: Any = from_openapi(described({"/nodes": lists(wrapped("Node"))}, schemas={"Node": node}))["resources"]

    assert found[0]["endpoint"]["data_selector"] == "data"
