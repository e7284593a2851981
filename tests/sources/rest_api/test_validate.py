"""What is wrong with a configuration is told at once: where, what was expected, the nearest right spelling, and no secret."""

from __future__ import annotations

import inspect
from typing import Any, get_args, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlt
from dlt.errors import SchemaError
from dlt.sources.rest_api import config as grammar
from dlt.sources.rest_api import rest_api_source
from dlt.sources.rest_api.plan import planned
from dlt.sources.rest_api.registry import PLACES, _class_of
from dlt.sources.rest_api.validate import _literals, hints_of

CLIENT = {"base_url": "https://api.example"}


def problems(*resources: Any, client: Any = None, **others: Any) -> dict[str, str]:
    """What is wrong, by place."""
    config = {"client": {**CLIENT, **(client or {})}, "resources": list(resources), **others}
    return dict(planned(config)[1])


def endpoint(**given: Any) -> dict[str, Any]:
    return {"name": "a", "endpoint": given}


OF_RESOURCES: dict[str, tuple[list[Any], dict[str, str]]] = {
    "11.3 a name, a path, a function": (["a", {"name": "b", "endpoint": "x"}, dlt.resource([1], name="c")], {}),
    "11.3 an unknown key": ([{"name": "a", "primry_key": "id"}], {"resources[0].primry_key": "did you mean 'primary_key'?"}),
    "11.3 no name": ([{"endpoint": "a"}], {"resources[0].name": "is missing, give a text"}),
    "11.3 neither text nor dict": ([5], {"resources[0]": "expected a text or a dict or a DltResource, not 5"}),
    "11.3 the type of a value": ([{"name": "a", "selected": "yes"}], {"resources[0].selected": "expected True or False, not 'yes'"}),
    "11.3 methods": ([endpoint(method="PUT")], {"resources[0].endpoint.method": "use 'GET', 'POST'"}),
    "11.3 json and data": ([endpoint(json={"a": 1}, data="x")], {"resources[0].endpoint": "json and data are two bodies"}),
    "11.3 an action for every response": (
        [endpoint(response_actions=[{"action": "ignore"}])],
        {"resources[0].endpoint.response_actions[0]": "add status_code, content or both"},
    ),
    "11.3 pages of no rows": (
        [endpoint(paginator={"type": "offset", "limit": 0})],
        {"resources[0].endpoint.paginator": "give a limit of 1 or more"},
    ),
    "11.3 a hint": ([{"name": "a", "write_disposition": "merg"}], {"resources[0]": "Unknown write disposition 'merg'"}),
    "11.3 two of one name": (["a", "a"], {"resources[1]": "there is another resource 'a'"}),
    "11.3 paginator: an unknown word": ([endpoint(paginator="cursr")], {"resources[0].endpoint.paginator": "did you mean 'cursor'?"}),
    "11.3 paginator: an unknown type": (
        [endpoint(paginator={"type": "offst"})],
        {"resources[0].endpoint.paginator.type": "did you mean 'offset'?"},
    ),
    "11.3 paginator: an unknown argument": (
        [endpoint(paginator={"type": "offset", "limit": 5, "limitparam": "n"})],
        {"resources[0].endpoint.paginator.limitparam": "did you mean 'limit_param'?"},
    ),
    "11.3 paginator: a missing argument": (
        [endpoint(paginator={"type": "offset"})],
        {"resources[0].endpoint.paginator.limit": "is missing, give an int"},
    ),
    "11.3 paginator: no type": (
        [endpoint(paginator={"next_url_path": "x"})],
        {"resources[0].endpoint.paginator.next_url_path": "add type: 'json_link' or 'json_response'"},
    ),
    "11.3 paginator: arguments that do not go together": (
        [endpoint(paginator={"type": "page_number", "total_path": None, "stop_after_empty_page": False})],
        {"resources[0].endpoint.paginator": "would ask forever"},
    ),
    "11.3 response_actions": (
        [endpoint(response_actions=[{"status_code": 404, "action": "ignor"}])],
        {"resources[0].endpoint.response_actions[0].action": "did you mean 'ignore'?"},
    ),
    "11.3 processing_steps": (
        [{"name": "a", "processing_steps": [{"filtr": len}, {"map": "x"}]}],
        {"resources[0].processing_steps[0].filtr": "did you mean 'filter'?", "resources[0].processing_steps[1].map": "expected a function"},
    ),
    "11.3 a placeholder without parameter": (
        [endpoint(path="x/{user_id}", params={"userid": 1})],
        {"resources[0].endpoint.path": "params has no 'user_id', did you mean 'userid'?"},
    ),
    "11.3 an unknown placeholder": (
        ["b", endpoint(params={"q": "{resource.b.id}"})],
        {"resources[1].endpoint.params.q": "did you mean 'resources'?"},
    ),
    "11.3 an unknown parent": (["posts", endpoint(path="x/{resources.post.id}")], {"resources[1].endpoint": "did you mean 'posts'?"}),
    "11.3 several parents": (
        ["b", "c", endpoint(path="x/{resources.b.id}/{resources.c.id}")],
        {"resources[2].endpoint": "a resource has one parent, and this names b, c"},
    ),
    "11.3 parents in a circle": (
        [{"name": "a", "endpoint": "x/{resources.b.id}"}, {"name": "b", "endpoint": "x/{resources.a.id}"}],
        {"resources": "these feed each other: a -> b -> a"},
    ),
    "11.3 a field of no parent": ([{"name": "a", "include_from_parent": ["id"]}], {"resources[0].include_from_parent": "no placeholder"}),
    "11.3 resolve outside of the path": (
        ["b", endpoint(params={"q": {"type": "resolve", "resource": "b", "field": "id"}})],
        {"resources[1].endpoint.params.q": "write '{resources.b.id}'"},
    ),
    "11.3 a dict as a parameter": ([endpoint(params={"q": {"a": 1}})], {"resources[0].endpoint.params.q": "a parameter is a value"}),
    "11.3 a value of no cursor": (
        [endpoint(params={"q": "{incremental.start_value}"})],
        {"resources[0].endpoint.params.q": "there is no incremental here"},
    ),
    "11.3 an unknown value of a cursor": (
        [endpoint(params={"q": "{incremental.start}"}, incremental={"cursor_path": "at"})],
        {"resources[0].endpoint.params.q": "did you mean 'start_value'?"},
    ),
    "11.3 a word of the incremental": (
        [endpoint(incremental={"cursor_path": "at", "row_order": "up"})],
        {"resources[0].endpoint.incremental.row_order": "use 'asc', 'desc'"},
    ),
    "11.3 the lag of the incremental": (
        [endpoint(incremental={"cursor_path": "at", "lag": -1})],
        {"resources[0].endpoint.incremental": "The lag -1 is no number of zero or more"},
    ),
    "11.3 several incrementals": (
        [endpoint(params={"a": dlt.sources.incremental("x"), "b": {"type": "incremental", "cursor_path": "y"}})],
        {"resources[0].endpoint": "keep one of resources[0].endpoint.params.a, resources[0].endpoint.params.b"},
    ),
    "a cursor for each parent without parent": (
        [endpoint(incremental={"cursor_path": "at", "per_parent": "id"})],
        {"resources[0].endpoint.incremental.per_parent": "no placeholder names a parent"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_RESOURCES)
def test_problems_of_resources(case: str) -> None:
    resources, expected = OF_RESOURCES[case]

    found = problems(*resources)

    assert set(found) == set(expected)
    assert {place: said for place, said in expected.items() if said not in found[place]} == {}


OF_CLIENTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "11.3 base_url is no text": ({"base_url": 5}, "client.base_url", "expected a text, not 5"),
    "11.3 an unknown key": ({"paginatr": "auto"}, "client.paginatr", "did you mean 'paginator'?"),
    "11.3 auth: an unknown type": ({"auth": {"type": "bearr"}}, "client.auth.type", "did you mean 'bearer'?"),
    "11.3 auth: bearer is the default": ({"auth": {"tokn": "s3cr3t"}}, "client.auth.tokn", "did you mean 'token'?"),
    "11.3 auth: the type of a secret": ({"auth": {"token": 1234567}}, "client.auth.token", "expected a text, not ***"),
    "11.3 auth: a secret instead of a word": ({"auth": "s3cr3t"}, "client.auth", "*** is unknown"),
    "11.3 headers": ({"headers": {"X-Key": ["s3cr3t"]}}, "client.headers.X-Key", "not a list"),
}


@pytest.mark.parametrize("case", OF_CLIENTS)
def test_problems_of_clients(case: str) -> None:
    given, place, said = OF_CLIENTS[case]

    found = problems("a", client=given)

    assert list(found) == [place]
    assert said in found[place]
    assert not any(secret in found[place] for secret in ("s3cr3t", "1234567"))


def test_all_problems_are_told_at_once() -> None:
    """Of the types, and of what does not fit together in resources that are well-formed."""
    config: Any = {
        "client": {"base_url": "https://me:s3cr3t@api.example", "paginator": "nxt"},
        "resources": [{"name": "a", "endpoint": {"path": "a/{x}"}}, {"name": "b", "colums": {}}, "c"],
    }

    with pytest.raises(ValueError, match="3 problems") as caught:
        rest_api_source(config)

    assert isinstance(caught.value, SchemaError)
    assert [line.split(":")[0].strip() for line in str(caught.value).splitlines()[1:]] == [
        "client.paginator",
        "resources[1].colums",
        "resources[0].endpoint.path",
    ]
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "client: is missing"),
        ({"client": CLIENT}, "resources: is missing"),
        ([], "config: expected a dict, not a list"),
    ],
)
def test_what_is_missing_at_the_top(config: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        rest_api_source(config)


def test_resources_with_problems_of_their_own_may_be_parents() -> None:
    found = problems({"name": "a", "nonsense": 1}, {"name": "b", "endpoint": "x/{resources.a.id}"})

    assert list(found) == ["resources[0].nonsense"]


WORDS = sorted(
    {name for kind in (grammar.RESTAPIConfig, grammar.EndpointResource, grammar.Endpoint, grammar.IncrementalConfig) for name in hints_of(kind)}
    | {"type", "field", "resource", "action", "cursor", "offset", "resolve", "incremental", "{resources.a.id}", "{x}", "bearer"}
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["client", "resources", "resource_defaults"]), ANYTHING), ANYTHING, ANYTHING)
def test_whatever_is_given_is_answered_by_problems(config: dict[str, Any], resource: Any, endpoint: Any) -> None:
    """Never by an error of Python; and what has none can be made."""
    for one in (config, {"client": CLIENT, "resources": ["a", resource, {"name": "b", "endpoint": endpoint}]}):
        plan, problems = planned(one)
        if not problems:
            assert len(rest_api_source({**one, "client": CLIENT}).resources) == len(plan)  # type: ignore[typeddict-item]


@pytest.mark.parametrize("word", PLACES)
def test_typed_dicts_are_the_arguments_of_the_classes(word: str) -> None:
    """What the grammar lets in, the class takes, and the other way round."""
    members = [*get_args(get_args(grammar.PaginatorConfig)[0]), *get_args(get_args(grammar.AuthConfig)[0])]
    kinds = [one for one in members if is_typeddict(one) and word in _literals(hints_of(one)["type"][0])]

    taken = set(inspect.signature(_class_of(word, {})).parameters)

    assert [set(hints_of(kind)) - {"type"} for kind in kinds] == [taken]
