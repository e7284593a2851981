"""Incremental loading of APIs: what is asked for, what is left out, what is remembered; cursors for each parent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import requests

import dlt
from dlt.sources.rest_api import rest_api_source
from sources.naughty import Asked, Naughty

Rows = list[dict[str, Any]]


class Api:
    """A server with rows by kind; `since` and `until` choose those at these values of `at` and between."""

    def __init__(self, server: Naughty) -> None:
        self.server = server
        self.session: requests.Session | None = None
        self.books: Any = {}
        self.rows: dict[str, Rows] = {"events": [{"id": n, "at": n} for n in range(1, 6)]}
        server.routes["of"] = self.answer
        server.routes["parents"] = lambda *_: [{"id": number, "key": f"k{number}"} for number in (1, 2)]

    def answer(self, _server: Naughty, asked: Asked) -> Any:
        start, end = int(asked.query.get("since", 0)), int(asked.query.get("until", 99))
        return {"items": [row for row in self.rows["/".join(asked.parts)] if start <= row["at"] < end]}

    def source(self, *resources: Any) -> Any:
        client = {"base_url": self.server.url, "paginator": "single_page", "session": self.session}
        return rest_api_source({"client": client, "resources": list(resources)})  # type: ignore[typeddict-item]

    def run(self, *resources: Any) -> list[int]:
        """The ids of the rows of the last resource that this run loads."""
        self.server.asked.clear()
        made = self.source(*resources)
        pipeline = dlt.pipeline("api", destination="duckdb", dataset_name="data")
        info: Any = pipeline.run(made)
        loads = info.loads_ids
        self.books = info.load_packages[0].ledger if loads else {}
        with duckdb.connect("api.duckdb") as connection:
            query = f"SELECT id FROM data.{list(made.resources)[-1]} WHERE _dlt_load_id = ? ORDER BY rowid"
            return [row[0] for row in connection.execute(query, [loads[0] if loads else ""]).fetchall()]

    @property
    def queries(self) -> list[dict[str, str]]:
        return [asked.query for asked in self.server.asked if asked.path.startswith("/of")]


@pytest.fixture
def api() -> Iterator[Api]:
    with Naughty() as server:
        yield Api(server)


def events(**endpoint: Any) -> dict[str, Any]:
    return {"name": "events", "endpoint": {"path": "of/events", **endpoint}}


CURSOR = {"cursor_path": "at", "initial_value": 3}
QUERIES: dict[str, tuple[dict[str, Any], dict[str, str], list[int]]] = {
    "11.3 start_param": (events(incremental={**CURSOR, "start_param": "since"}), {"since": "3"}, [3, 4, 5]),
    "11.3 (e) no end, no end_param": (
        events(incremental={**CURSOR, "start_param": "since", "end_param": "until"}),
        {"since": "3"},
        [3, 4, 5],
    ),
    "11.3 end_param": (
        events(incremental={**CURSOR, "end_value": 5, "start_param": "since", "end_param": "until"}),
        {"since": "3", "until": "5"},
        [3, 4],
    ),
    "11.3 a placeholder": (events(params={"q": "at>={incremental.start_value}"}, incremental=CURSOR), {"q": "at>=3"}, [3, 4, 5]),
    "11.3 all values": (
        events(params={"since": "{incremental.last_value}", "i": "{incremental.initial_value}", "until": "{incremental.end_value}"}, incremental=CURSOR),
        {"since": "3", "i": "3"},
        [3, 4, 5],
    ),
    "11.3 in the parameters": (events(params={"since": {"type": "incremental", **CURSOR}}), {"since": "3"}, [3, 4, 5]),
    "11.3 (a) an Incremental": (events(params={"since": dlt.sources.incremental("at", initial_value=3)}), {"since": "3"}, [3, 4, 5]),
    "11.3 convert": (
        events(incremental={**CURSOR, "start_param": "since", "convert": lambda value: value - 1}),
        {"since": "2"},
        [3, 4, 5],
    ),
    "11.3 the old name of convert": (
        events(params={"q": {"type": "incremental", **CURSOR, "transform": lambda value: f"v{value}"}}),
        {"q": "v3"},
        [3, 4, 5],
    ),
    "11.3 a hint of the resource": (
        {**events(params={"since": "{incremental.start_value}"}), "incremental": CURSOR},
        {"since": "3"},
        [3, 4, 5],
    ),
    "11.3 (c) rows are left out here too": (events(incremental=CURSOR), {}, [3, 4, 5]),
    "11.3 no first value": (events(incremental={"cursor_path": "at", "start_param": "since"}), {}, [1, 2, 3, 4, 5]),
}  # fmt: skip


@pytest.mark.parametrize("case", QUERIES)
def test_what_is_asked_for(api: Api, case: str) -> None:
    resource, query, loaded = QUERIES[case]

    assert api.run(resource) == loaded
    assert api.queries == [query]


def test_11_3_the_next_run_goes_on(api: Api) -> None:
    resource = events(incremental={**CURSOR, "start_param": "since"})
    api.run(resource)
    api.rows["events"] += [{"id": 6, "at": 5}, {"id": 7, "at": 8}]

    assert api.run(resource) == [6, 7]
    assert api.queries == [{"since": "5"}]


def test_the_configuration_may_say_where_to_start(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__REST_API__EVENTS__INCREMENTAL__INITIAL_VALUE", "4")

    assert api.run(events(incremental={**CURSOR, "start_param": "since"})) == [4, 5]
    assert api.queries == [{"since": "4"}]


def test_11_3_lag(api: Api) -> None:
    resource = events(incremental={**CURSOR, "lag": 2, "start_param": "since"})
    api.run(resource)

    api.run(resource)

    assert api.queries == [{"since": "3"}]


def test_11_3_an_order_that_is_declared_ends_the_pages(api: Api) -> None:
    """With the newest rows first no page is asked for that can have nothing new."""
    pages = {"1": [9, 8], "2": [7, 3], "3": [2, 1]}
    api.server.routes["pages"] = lambda _, asked: [{"id": n, "at": n} for n in pages.get(asked.query["page"], [])]
    endpoint = {
        "path": "pages",
        "paginator": {"type": "page_number", "base_page": 1, "total_path": None},
        "incremental": {"cursor_path": "at", "initial_value": 5, "row_order": "desc"},
    }

    assert api.run({"name": "pages", "endpoint": endpoint}) == [9, 8, 7]
    assert api.server.queries("page") == ["1", "2"]


# ---- children


def kids(**cursor: Any) -> tuple[Any, Any]:
    incremental = {"cursor_path": "at", "start_param": "since", **cursor}
    return "parents", {
        "name": "kids",
        "primary_key": "id",
        "endpoint": {"path": "of/{resources.parents.id}/kids", "incremental": incremental},
    }


def with_kids(api: Api) -> None:
    api.rows["1/kids"] = [{"id": 11, "at": 50}]
    api.rows["2/kids"] = [{"id": 21, "at": 7}, {"id": 22, "at": 9}]


def test_11_3_d_each_parent_is_asked_from_where_the_run_started(api: Api) -> None:
    """What the rows of one parent say does not hide rows of the next one."""
    with_kids(api)

    assert api.run(*kids(initial_value=1)) == [11, 21, 22]
    assert api.queries == [{"since": "1"}, {"since": "1"}]
    api.run(*kids(initial_value=1))
    assert api.queries == [{"since": "50"}, {"since": "50"}]


def test_a_cursor_for_each_parent(api: Api) -> None:
    """New rows of one parent come, though rows of others are far ahead."""
    with_kids(api)
    resources = kids(initial_value=1, per_parent="key")

    assert api.run(*resources) == [11, 21, 22]
    api.rows["2/kids"] += [{"id": 23, "at": 9}, {"id": 24, "at": 12}]

    assert api.run(*resources) == [23, 24]
    assert {key: api.books["kids"][key] for key in ("extracted", "filtered", "loaded")} == {
        "extracted": 4,
        "filtered": 2,
        "loaded": 2,
    }
    assert api.queries == [{"since": "50"}, {"since": "9"}]
    state = dlt.pipeline("api", destination="duckdb").state["sources"]["rest_api"]["resources"]["kids"]
    assert {key: one["incremental"]["at"]["last_value"] for key, one in state["per_parent"].items()} == {
        '"k1"': 50,
        '"k2"': 12,
    }


def test_a_cursor_for_each_parent_in_threads(api: Api) -> None:
    with_kids(api)
    parents, child = kids(per_parent="key")

    assert sorted(api.run(parents, {**child, "parallelized": True})) == [11, 21, 22]
    assert api.run(parents, {**child, "parallelized": True}) == []


def test_a_failed_run_moves_no_cursor_of_a_parent(api: Api) -> None:
    with_kids(api)
    good = api.rows.pop("2/kids")

    with requests.Session() as api.session, pytest.raises(Exception, match="599"):
        api.run(*kids(per_parent="key"))
    api.session = None
    api.rows["2/kids"] = good

    assert api.run(*kids(per_parent="key")) == [11, 21, 22]
