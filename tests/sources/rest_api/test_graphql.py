"""Pages of GraphQL connections: the cursor goes into a variable of the query, and errors are errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dlt.errors import RestClientError
from dlt.sources.rest_api import rest_api_source
from sources.naughty import Asked, Naughty

QUERY = "query($first: Int!, $after: String) { repo { issues(first: $first, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }"
ROWS = [{"id": number} for number in range(25)]


def connection(asked: Asked, cursor: str = "after", **info: Any) -> Any:
    given = asked.json()["variables"]
    start = int(given[cursor] or 0)
    end = start + given["first"]
    found = {"hasNextPage": end < len(ROWS), "endCursor": str(end), **info}
    return {"nodes": ROWS[start:end], "pageInfo": found}


def ask(answer: Callable[[Asked], Any], variables: Any = None, **paginator: Any) -> list[Any]:
    with Naughty() as server:
        server.routes["graphql"] = lambda _, asked: answer(asked)
        endpoint = {
            "path": "graphql",
            "method": "POST",
            "json": {"query": QUERY, "variables": {"first": 10, **(variables or {})}},
            "data_selector": "data.repo.issues.nodes",
            "paginator": {"type": "graphql_cursor", **paginator},
        }
        config: Any = {"client": {"base_url": server.url}, "resources": [{"name": "issues", "endpoint": endpoint}]}
        made = rest_api_source(config)
        found = list(made)
        assert list(made) == found  # again from the first page
        assert all(asked.json()["query"] == QUERY for asked in server.asked)
        return found


def issues(asked: Asked, **info: Any) -> Any:
    return {"data": {"repo": {"issues": connection(asked, **info)}}}


def test_all_pages_come() -> None:
    assert ask(issues) == ROWS


def test_another_variable() -> None:
    assert ask(lambda asked: issues(asked, cursor="next"), cursor_variable="next") == ROWS


def test_the_path_of_one_of_several() -> None:
    def two(asked: Asked) -> Any:
        return {
            "data": {
                "repo": {"issues": connection(asked), "labels": {"pageInfo": {"hasNextPage": True, "endCursor": "x"}}}
            }
        }

    assert ask(two, page_info_path="data.repo.issues.pageInfo") == ROWS
    with pytest.raises(RestClientError, match="has 2 pageInfo"):
        ask(two)


WRONG: dict[str, tuple[Callable[[Asked], Any], str]] = {
    "errors": (lambda _: {"data": None, "errors": [{"message": "no field idd"}]}, "no field idd"),
    "no pageInfo": (lambda _: {"data": {"repo": {"issues": {"nodes": []}}}}, "has no pageInfo"),
    "no hasNextPage": (lambda _: {"data": {"repo": {"issues": {"nodes": [], "pageInfo": {"endCursor": "x"}}}}}, "with hasNextPage"),
    "no cursor": (lambda asked: issues(asked, hasNextPage=True, endCursor=None), "its cursor is None"),
    "the same cursor": (lambda asked: issues(asked, hasNextPage=True, endCursor="10"), "again"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_an_error(case: str) -> None:
    answer, said = WRONG[case]

    with pytest.raises(RestClientError, match=said):
        ask(answer)


def test_for_each_parent() -> None:
    """With a placeholder in the variables, which keeps its type."""

    def answer(asked: Asked) -> Any:
        found = issues(asked)
        for row in found["data"]["repo"]["issues"]["nodes"]:
            row["repo"] = asked.json()["variables"]["repo"]
        return found

    def each() -> Iterator[Any]:
        with Naughty() as server:
            server.routes["graphql"] = lambda _, asked: answer(asked)
            server.routes["repos"] = lambda *_: [{"id": 1}, {"id": 2}]
            endpoint = {
                "path": "graphql",
                "method": "POST",
                "json": {"query": QUERY, "variables": {"first": 10, "repo": "{resources.repos.id}"}},
                "data_selector": "data.repo.issues.nodes",
                "paginator": "graphql_cursor",
            }
            config: Any = {
                "client": {"base_url": server.url},
                "resources": ["repos", {"name": "issues", "endpoint": endpoint}],
            }
            yield from rest_api_source(config).with_resources("issues")

    assert [(row["repo"], row["id"]) for row in each()] == [(repo, row["id"]) for repo in (1, 2) for row in ROWS]
