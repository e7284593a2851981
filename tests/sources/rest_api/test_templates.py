"""Placeholders: what is one, what is a brace, and which values they become."""

from __future__ import annotations

from typing import Any

import pytest

from dlt.errors import SchemaError
from dlt.sources.rest_api.templates import Placeholder, Values, filled, filled_path, parts_of

ROW = {"id": 7, "name": "a b", "user": {"tags": ["x", "y"], "id": 8}, "none": None, "q": "1?x#y/z", "flag": False}
VALUES = Values("kid", "posts", ROW, {"start_value": 3, "end_value": None}, {"a": 1} | {
    "slash": "a/b", "climb": "a/../b", "hole": "a//b", "dots": "%2e%2e", "free": "a:b@c,d+e~f é", "pair": "a&b=1", "empty": "", "dot": ".", "up": ".."
})  # fmt: skip

FILLED: dict[str, tuple[Any, Any]] = {
    "11.3 a text without": ("plain", "plain"),
    "11.3 an empty text": ("", ""),
    "11.3 a field of the parent": ("p{resources.posts.id}q", "p7q"),
    "11.3 a path to a field": ("{resources.posts.user.tags[1]}", "y"),
    "11.3 a cursor": ("from-{incremental.start_value}", "from-3"),
    "11.3 several": ("{resources.posts.id}-{resources.posts.user.id}", "7-8"),
    "11.3 alone it keeps its type": ("{resources.posts.id}", 7),
    "11.3 alone it may be a dict": ("{resources.posts.user}", {"tags": ["x", "y"], "id": 8}),
    "11.3 alone it may be None": ("{incremental.end_value}", None),
    "11.3 alone it may be false": ("{resources.posts.flag}", False),
    "11.3 in dicts and lists": ({"a": ["{resources.posts.id}", 5, {"b": "x{resources.posts.id}"}]}, {"a": [7, 5, {"b": "x7"}]}),
    "11.3 braces are doubled": ("{{x}} {resources.posts.id}", "{x} 7"),
    "11.3 doubled braces alone": ("{{ artists {{ id }} }}", "{ artists { id } }"),
    "#2398 a query of GraphQL": ("{ artists(first: 3) { id } }", "{ artists(first: 3) { id } }"),
    "#2398 a dense query": ("query{a{b{c}}}", "query{a{b{c}}}"),
    "#2398 a query with a placeholder": ('{ a(id: "{resources.posts.id}") { b }}', '{ a(id: "7") { b }}'),
    "#2398 a JSON text": ('{"id": {resources.posts.id}, "x": {}}', '{"id": 7, "x": {}}'),
    "other values": (5.5, 5.5),
}  # fmt: skip


@pytest.mark.parametrize("case", FILLED)
def test_values(case: str) -> None:
    given, expected = FILLED[case]

    assert filled(given, VALUES) == expected


PATHS: dict[str, tuple[str, str]] = {
    "11.3 a field": ("posts/{resources.posts.id}/comments", "posts/7/comments"),
    "11.3 a parameter": ("posts/{a}", "posts/1"),
    "what would end a path is quoted": ("posts/{resources.posts.q}", "posts/1%3Fx%23y/z"),
    "a value may be several steps": ("ps/{slash}/k", "ps/a/b/k"),
    "a value that is quoted is quoted again": ("ps/{dots}/k", "ps/%252e%252e/k"),
    "letters that a path may have": ("ps/{free}", "ps/a:b@c,d+e~f%20%C3%A9"),
    "a value in the query": ("ps?q={slash}&r={pair}&e={empty}", "ps?q=a/b&r=a%26b%3D1&e="),
    "dots beside letters": ("ps/v{dot}/k", "ps/v./k"),
    "a path that is a field stays": ("{resources.posts.q}", "1?x#y/z"),
}


@pytest.mark.parametrize("case", PATHS)
def test_paths(case: str) -> None:
    given, expected = PATHS[case]

    assert filled_path(given, VALUES) == expected


@pytest.mark.parametrize(
    "given",
    ["ps/{empty}", "ps/{dot}", "ps/{up}/k", "ps/{dot}{dot}/k", "{empty}", "ps/{empty}?q=1", "ps/{climb}", "x/{hole}/k"],
)
def test_values_that_would_make_it_another_path(given: str) -> None:
    with pytest.raises(SchemaError, match="cannot stand in a path"):
        filled_path(given, VALUES)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{resources.posts.nope}", "A row of 'posts' has no field 'nope'"),
        ("{resources.posts.user.nope}", "has no field 'user.nope'"),
        ("x{resources.posts.none}", "is None, which cannot stand in a text"),
        ("x{resources.posts.user}", "is a dict, which cannot stand in a text"),
        ("x{incremental.end_value}", "is None"),
    ],
)
def test_values_that_are_not_there(given: str, said: str) -> None:
    """11.3: an error that is a ValueError too."""
    with pytest.raises(SchemaError, match=said):
        filled(given, VALUES)


def test_the_values_given_are_not_changed() -> None:
    given = {"a": ["{resources.posts.id}"]}

    filled(given, VALUES)

    assert given == {"a": ["{resources.posts.id}"]}


def test_parts() -> None:
    assert parts_of("a/{resources.x.y.z}/{id}") == ("a/", Placeholder("resources", "x", "y.z"), "/", Placeholder("id"))
