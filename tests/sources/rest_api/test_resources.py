"""The source `rest_api` against a local server: each line of its grammar, parents and children with many pages, nothing lost."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dlt
from dlt.errors import ConfigError, ResourceError
from dlt.sources.rest_api import (
    check_connection,
    register_auth,
    register_paginator,
    rest_api_resources,
    rest_api_source,
)
from sources.naughty import Answer, Asked, Naughty

Rows = list[dict[str, Any]]
PARENTS = {"name": "parents", "endpoint": {"path": "parents", "paginator": "single_page"}}
CURSOR = {"type": "cursor", "cursor_path": "cursors.next"}
CHILDREN = {"name": "children", "endpoint": {"path": "parents/{resources.parents.id}/children", "paginator": CURSOR}}


@pytest.fixture
def server() -> Iterator[Naughty]:
    with Naughty() as running:
        running.routes["echo"] = echo
        yield running


def echo(_server: Naughty, asked: Asked) -> Any:
    """One row: what came."""
    headers = {name: value for name, value in asked.headers.items() if name.startswith(("X-", "Auth"))}
    body = asked.body.decode()
    return {
        "items": [{"method": asked.method, "path": asked.path, "query": asked.query, "headers": headers, "body": body}]
    }


def source(server: Naughty, *resources: Any, defaults: Any = None, **client: Any) -> Any:
    config: Any = {"client": {"base_url": server.url, **client}, "resources": list(resources)}
    if defaults:
        config["resource_defaults"] = defaults
    return rest_api_source(config)


def rows(server: Naughty, *resources: Any, of: str | None = None, **others: Any) -> Rows:
    """The rows of the last resource."""
    made = source(server, *resources, **others)
    return list(made.with_resources(of or list(made.resources)[-1]))


def sent(server: Naughty, *resources: Any, **others: Any) -> Any:
    """What the server got for one request of the last resource."""
    return rows(server, *resources, **others)[-1]


# ---- pages


PAGINATORS: dict[str, tuple[str, Any]] = {
    "11.3 a word": ("header_links", "header_link"),
    "11.3 a dict": ("offset", {"type": "offset", "limit": 10}),
    "11.3 a cursor": ("cursor", CURSOR),
    "11.3 auto": ("links", "auto"),
    "11.3 absent": ("links", None),
    "11.3 the old name": ("links", "json_response"),
    "11.3 page numbers": ("numbered", {"type": "page_number", "total_path": "total_pages"}),
    "11.3 a header": ("header_cursor", "header_cursor"),
    "C76 a cursor that ends empty": ("cursor_ends_empty", CURSOR),
    "an empty page in between": ("cursor_with_gap", CURSOR),
}


@pytest.mark.parametrize("case", PAGINATORS)
@pytest.mark.parametrize("place", ["endpoint", "client", "defaults"])
def test_all_pages_come(server: Naughty, case: str, place: str) -> None:
    path, paginator = PAGINATORS[case]
    given = {} if paginator is None else {"paginator": paginator}
    resource = {"name": "all", "endpoint": {"path": path, **(given if place == "endpoint" else {})}}

    found = rows(
        server,
        resource,
        defaults={"endpoint": given} if place == "defaults" else None,
        **(given if place == "client" else {}),
    )

    assert found == server.rows


@pytest.mark.parametrize("path", ["same_cursor", "cursors_in_turn", "same_link"])
def test_c76_what_never_ends_is_an_error(server: Naughty, path: str) -> None:
    with pytest.raises(Exception, match="would have no end"):
        rows(
            server, {"name": "all", "endpoint": {"path": path, "paginator": "json_link" if "link" in path else CURSOR}}
        )


def test_11_3_an_instance_serves_several_resources(server: Naughty) -> None:
    """(h): series that run at the same time do not share what a paginator knows."""
    from dlt.sources.rest_api.registry import create_paginator

    one = create_paginator(CURSOR)
    endpoint = {"path": "cursor", "paginator": one}

    made = source(server, {"name": "a", "endpoint": endpoint}, {"name": "b", "endpoint": endpoint})

    for _ in range(2):
        assert sorted(row["id"] for row in made) == sorted(2 * [row["id"] for row in server.rows])


def test_paginators_and_auth_of_users(server: Naughty) -> None:
    from dlt.config.spec import configspec
    from dlt.sources.http.auth import AuthConfigBase
    from dlt.sources.http.paginators import JSONLinkPaginator

    class Linked(JSONLinkPaginator):
        def __init__(self, key: str = "nowhere") -> None:
            super().__init__(key)

    @configspec
    class Signed(AuthConfigBase):
        word: str = "nothing"

        def __call__(self, r: Any) -> Any:
            r.headers["X-Signed"] = self.word
            return r

    register_paginator("test_linked", Linked)
    register_auth("test_signed", Signed)

    assert (
        rows(server, {"name": "a", "endpoint": {"path": "links", "paginator": {"type": "test_linked", "key": "next"}}})
        == server.rows
    )
    assert sent(server, "echo", auth={"type": "test_signed", "word": "x"})["headers"] == {"X-Signed": "x"}
    with pytest.raises(ValueError, match="takes no such argument, did you mean 'key'"):
        source(server, {"name": "a", "endpoint": {"paginator": {"type": "test_linked", "ky": "next"}}})
    with pytest.raises(ValueError, match="is no paginator"):
        register_paginator("test_wrong", dict)
    with pytest.raises(ValueError, match="cannot authenticate"):
        register_auth("test_wrong", dict)


# ---- requests


REQUESTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "11.3 a text is name and path": ("echo", {"path": "/echo", "method": "GET"}),
    "11.3 no path: the name": ({"name": "echo", "endpoint": {"params": {"a": 1}}}, {"path": "/echo", "query": {"a": "1"}}),
    "11.3 a text as endpoint": ({"name": "x", "endpoint": "echo/x"}, {"path": "/echo/x"}),
    "11.3 (g) one slash": ({"name": "x", "endpoint": "/echo/y"}, {"path": "/echo/y"}),
    "11.3 POST": ({"name": "x", "endpoint": {"path": "echo", "method": "POST", "json": {"a": [1, None]}}}, {"method": "POST", "body": '{"a": [1, null]}'}),
    "11.3 data": ({"name": "x", "endpoint": {"path": "echo", "method": "POST", "data": "abc"}}, {"body": "abc"}),
    "11.3 form": ({"name": "x", "endpoint": {"path": "echo", "method": "POST", "data": {"a": "b"}}}, {"body": "a=b"}),
    "11.3 None is not sent": ({"name": "x", "endpoint": {"path": "echo", "params": {"a": None, "b": True}}}, {"query": {"b": "True"}}),
    "11.3 a parameter in the path": ({"name": "x", "endpoint": {"path": "echo/{a}/z", "params": {"a": 7, "b": 8}}}, {"path": "/echo/7/z", "query": {"b": "8"}}),
    "11.3 doubled braces": ({"name": "x", "endpoint": {"path": "echo", "params": {"q": "{{a}}"}}}, {"query": {"q": "{a}"}}),
    "11.3 (b) headers": ({"name": "x", "endpoint": {"path": "echo", "headers": {"X-A": "2", "X-B": 3}}}, {"headers": {"X-A": "2", "X-B": "3", "X-C": "c"}}),
    "11.3 (b) auth": ({"name": "x", "endpoint": {"path": "echo", "auth": {"type": "bearer", "token": "t"}}}, {"headers": {"X-A": "1", "X-C": "c", "Authorization": "Bearer t"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", REQUESTS)
def test_requests(server: Naughty, case: str) -> None:
    resource, expected = REQUESTS[case]

    found = sent(server, resource, headers={"X-A": "1", "X-C": "c"})

    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("path", "single"),
    [
        ("echo/{id}", True),
        ("echo/{id}/", True),
        ("echo/{id}.json", True),
        ("echo/{id}?a=b", True),
        ("echo?a={id}", False),
        ("echo/{id}/all", False),
    ],
)
def test_11_3_a_path_that_ends_in_a_placeholder_is_one_thing(server: Naughty, path: str, single: bool) -> None:
    one = {"name": "x", "endpoint": {"path": path, "params": {"id": 5}}}
    chosen = {"name": "x", "endpoint": {**one["endpoint"], "data_selector": "items"}}  # type: ignore[dict-item]

    assert ("items" in rows(server, one)[0]) is single
    assert "method" in rows(server, chosen)[0]


def test_11_3_a_whole_url_and_an_empty_path(server: Naughty) -> None:
    assert (
        sent(server, {"name": "x", "endpoint": server.url + "/echo/z"}, base_url="http://127.0.0.1:9")["path"]
        == "/echo/z"
    )
    assert sent(server, {"name": "x", "endpoint": {"path": ""}}, base_url=server.url + "/echo")["path"] == "/echo"


def test_11_3_defaults(server: Naughty) -> None:
    """Parameters, bodies and columns key by key; everything else as a whole."""
    defaults = {
        "write_disposition": "replace",
        "columns": {"a": {"data_type": "text"}, "b": {"data_type": "text"}},
        "endpoint": {"params": {"a": 1, "b": 1}, "json": {"x": 1}, "headers": {"X-A": "1"}, "method": "POST"},
    }
    own = {
        "name": "one",
        "write_disposition": "append",
        "columns": {"b": {"data_type": "bigint"}},
        "endpoint": {"path": "echo", "params": {"b": 2}, "json": {"y": 2}, "headers": {"X-B": "2"}},
    }

    made = source(server, own, "two", {"name": "three", "endpoint": {"path": "echo", "data": "d"}}, defaults=defaults)
    found = next(iter(made.one))

    assert (found["query"], found["headers"], found["method"]) == ({"a": "1", "b": "2"}, {"X-B": "2"}, "POST")
    assert json.loads(found["body"]) == {"x": 1, "y": 2}
    assert {name: column["data_type"] for name, column in made.one.columns.items()} == {"a": "text", "b": "bigint"}
    assert [one.write_disposition for one in made.resources.values()] == ["append", "replace", "replace"]
    assert next(iter(made.three))["body"] == "d"


HINTS: dict[str, Any] = {
    "table_name": "other",
    "max_table_nesting": 1,
    "write_disposition": "merge",
    "primary_key": "id",
    "merge_key": "name",
    "schema_contract": {"tables": "evolve"},
    "table_format": "native",
    "file_format": "parquet",
    "parent_table_name": "up",
    "selected": False,
    "parallelized": True,
}


def test_11_3_hints(server: Naughty) -> None:
    made = source(server, {"name": "x", **HINTS}).resources["x"]

    table = made.compute_table_schema()
    assert (made.table_name, made.parent_table_name, made.selected, made.max_table_nesting) == ("other", "up", False, 1)
    assert (table["write_disposition"], table["table_format"], table["file_format"]) == ("merge", "native", "parquet")
    assert {name for name, one in table["columns"].items() if one.get("primary_key")} == {"id"}
    assert {name for name, one in table["columns"].items() if one.get("merge_key")} == {"name"}


# ---- parents and children


def test_c75_each_parent_has_all_its_pages(server: Naughty) -> None:
    """Parent `n` has `n` pages of 10 rows."""
    found = rows(server, PARENTS, CHILDREN)

    assert [(row["parent"], row["id"]) for row in found] == [(n, i) for n in (1, 2, 3) for i in range(n * 10)]


@pytest.mark.parametrize("paginator", ["instance", "client"])
def test_c75_with_a_shared_paginator(server: Naughty, paginator: str) -> None:
    from dlt.sources.rest_api.registry import create_paginator

    child = copy.deepcopy(CHILDREN)
    made = create_paginator(CURSOR)
    if paginator == "instance":
        child["endpoint"]["paginator"] = made  # type: ignore[index]
        found = rows(server, PARENTS, child)
    else:
        del child["endpoint"]["paginator"]  # type: ignore[attr-defined]
        found = rows(server, PARENTS, child, paginator=made)

    assert len(found) == 60


@pytest.mark.parametrize("said", ["resource", "source", "later"])
def test_11_3_parallel_children(server: Naughty, said: str) -> None:
    """Rows of the parent are asked for in threads, at the same time; each has all its pages."""
    both = threading.Barrier(2, timeout=20)
    plain = server.routes["parents"]

    def waiting(one: Naughty, asked: Asked) -> Any:
        if asked.parts and asked.parts[0] in "12" and asked.number == 1 and "cursor" not in asked.query:
            both.wait()  # until the other one is here too
        return plain(one, asked)

    server.routes["parents"] = waiting

    config: Any = {
        "client": {"base_url": server.url},
        "resources": [PARENTS, {**CHILDREN, "parallelized": said == "resource"}],
    }
    made = rest_api_source(config, parallelized=said == "source")
    if said == "later":
        made.children.parallelize()
    found = list(made.with_resources("children"))

    assert sorted((row["parent"], row["id"]) for row in found) == [(n, i) for n in (1, 2, 3) for i in range(n * 10)]


PLACES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "11.3 path and parameters": (
        {"path": "echo/{resources.up.id}/a", "params": {"n": "{resources.up.u.k[0]}", "l": ["{resources.up.id}"]}},
        {"path": "/echo/7/a", "query": {"n": "5", "l": "7"}},
    ),
    "11.3 json keeps types": (
        {"path": "echo", "method": "POST", "json": {"a": "{resources.up.id}", "b": "x{resources.up.id}", "c": [{"d": "{resources.up.u}"}]}},
        {"body": '{"a": 7, "b": "x7", "c": [{"d": {"k": [5]}}]}'},
    ),
    "11.3 data": ({"path": "echo", "method": "POST", "data": "id={resources.up.id}"}, {"body": "id=7"}),
    "11.3 headers": ({"path": "echo", "headers": {"X-A": "{resources.up.id}"}}, {"headers": {"X-A": "7"}}),
    "11.3 the old way": (
        {"path": "echo/{up_id}/a", "params": {"up_id": {"type": "resolve", "resource": "up", "field": "id"}, "b": 1}},
        {"path": "/echo/7/a", "query": {"b": "1"}},
    ),
    "11.3 one thing for each": ({"path": "echo/{resources.up.id}", "data_selector": "items"}, {"path": "/echo/7"}),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
@pytest.mark.parametrize("parent", ["page", "rows", "arrow"])
def test_placeholders_of_the_parent(server: Naughty, case: str, parent: str) -> None:
    """The parent may be any resource, whatever it yields."""
    endpoint, expected = PLACES[case]
    row = {"id": 7, "u": {"k": [5]}}

    def up() -> Any:
        if parent == "arrow":
            import pyarrow as pa

            yield pa.Table.from_pylist([row])
        else:
            yield [row] if parent == "page" else row

    found = rows(server, dlt.resource(up, name="up"), {"name": "x", "endpoint": endpoint})

    assert len(found) == 1
    assert {key: found[0][key] for key in expected} == expected


def test_11_3_include_from_parent(server: Naughty) -> None:
    up = dlt.resource([{"id": 7, "u": {"k": 5}}], name="up")
    included = {"include_from_parent": ["id", "u.k"]}
    child = {"name": "x", "endpoint": {"path": "echo/{resources.up.id}/a"}, **included}
    texts = {"name": "y", "endpoint": {"path": "texts/{resources.up.id}/a"}, **included}
    server.routes["texts"] = lambda *_: ["a", "b"]

    made = source(server, up, child, texts)

    assert [(row["_up_id"], row["_up_u.k"]) for row in made.x] == [(7, 5)]
    assert list(made.y) == [{"value": one, "_up_id": 7, "_up_u.k": 5} for one in "ab"]


@pytest.mark.parametrize(
    ("path", "included"), [("echo/{resources.up.nope}/a", []), ("echo/{resources.up.id}/a", ["nope"])]
)
def test_11_3_a_field_that_the_parent_lacks(server: Naughty, path: str, included: list[str]) -> None:
    up = dlt.resource([{"id": 7}], name="up")

    with pytest.raises(ValueError, match="A row of 'up' has no field 'nope'"):
        rows(server, up, {"name": "x", "endpoint": {"path": path}, "include_from_parent": included})


def test_grandchildren_and_the_order_of_the_configuration(server: Naughty) -> None:
    """Children may stand before their parents."""
    grand = {
        "name": "grand",
        "endpoint": {"path": "echo", "params": {"p": "{resources.children.parent}", "c": "{resources.children.id}"}},
    }

    made = source(server, grand, CHILDREN, PARENTS)

    assert list(made.resources) == ["grand", "children", "parents"]
    assert len(list(made.with_resources("grand"))) == 60


def test_11_3_processing_steps(server: Naughty) -> None:
    """In the order in which they are listed; for children too."""
    steps = [
        {"filter": lambda row: row["id"] < 2},
        {"map": lambda row: {**row, "n": 1}},
        {"yield_map": lambda row: [row, row]},
    ]
    given = {"name": "all", "endpoint": {"path": "cursor", "paginator": CURSOR}, "processing_steps": steps}
    before = copy.copy(given)

    assert [(row["id"], row["n"]) for row in rows(server, given)] == [(0, 1), (0, 1), (1, 1), (1, 1)]
    assert len(rows(server, PARENTS, {**CHILDREN, "processing_steps": steps})) == 12
    assert given == before


# ---- responses


def spotted(response: Any) -> None:
    response.headers["seen"] = "yes"


def other_rows(response: Any, *_: Any, **__: Any) -> Any:
    response._content = b'{"items": [{"id": "other"}]}'
    return response


def forgiving(response: Any, *_: Any, **__: Any) -> None:
    response.status_code = 200
    response._content = b'{"items": [{"id": "mended"}]}'


ACTIONS: dict[str, tuple[str, list[Any], Any]] = {
    "11.3 ignored by status": ("status/404", [{"status_code": 404, "action": "ignore"}], []),
    "11.3 the status as a text": ("status/404", [{"status_code": "404", "action": "ignore"}], []),
    "11.3 ignored by content": ("status/404", [{"content": "status 404", "action": "ignore"}], []),
    "11.3 status and content": ("status/404", [{"status_code": 404, "content": "zzz", "action": "ignore"}], "404 Client Error"),
    "11.3 another status": ("status/500", [{"status_code": 404, "action": "ignore"}], "500"),
    "11.3 ignored, though there are rows": ("empty", [{"content": "items", "action": "ignore"}], []),
    "11.3 a function": ("empty", [other_rows], [{"id": "other"}]),
    "11.3 a function that takes the response alone": ("empty", [spotted, other_rows], [{"id": "other"}]),
    "11.3 a function for a status": ("status/404", [{"status_code": 404, "action": forgiving}], [{"id": "mended"}]),
    "11.3 several functions": ("status/404", [{"status_code": 404, "action": [spotted, forgiving]}], [{"id": "mended"}]),
    "11.3 what is left is raised": ("status/404", [spotted], "404 Client Error"),
    "11.3 no actions": ("status/403", [], "403 Client Error"),
}  # fmt: skip


@pytest.mark.parametrize("case", ACTIONS)
def test_response_actions(server: Naughty, session: requests.Session, case: str) -> None:
    path, actions, expected = ACTIONS[case]
    resource = {"name": "x", "endpoint": {"path": path, "response_actions": actions, "paginator": "single_page"}}

    if isinstance(expected, str):
        with pytest.raises(ResourceError, match=expected):
            rows(server, resource, session=session)
    else:
        assert rows(server, resource, session=session) == expected


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """One that does not wait and ask again."""
    with requests.Session() as made:
        yield made


def test_an_ignored_page_of_one_parent_leaves_the_others(server: Naughty) -> None:
    plain = server.routes["parents"]
    gone = Answer({"error": "gone"}, 404)
    server.routes["parents"] = lambda one, asked: gone if asked.parts[:1] == ("2",) else plain(one, asked)
    ignoring = copy.deepcopy(CHILDREN)
    ignoring["endpoint"]["response_actions"] = [{"status_code": 404, "action": "ignore"}]  # type: ignore[index]

    assert len(rows(server, PARENTS, ignoring)) == 40
    with pytest.raises(ResourceError, match="404"):
        rows(server, PARENTS, CHILDREN)


# ---- sources


def test_11_3_names_and_arguments(server: Naughty) -> None:
    config: Any = {"client": {"base_url": server.url}, "resources": ["rows"]}
    before = copy.deepcopy(config)

    usual = rest_api_source(config)
    named = rest_api_source(config, "api", "mine", 2, root_key=True, schema_contract="freeze", parallelized=True)
    with_schema = rest_api_source(config, schema=dlt.Schema("given"))

    assert (usual.name, usual.section) == ("rest_api", "rest_api")
    assert (named.name, named.section, named.max_table_nesting, named.root_key) == ("api", "mine", 2, True)
    assert named.schema_contract == "freeze"
    assert with_schema.name == "given"
    assert config == before
    assert usual.resources["rows"].inputs == [
        {"kind": "rest_api", "resource_name": "rows", "location": server.url, "endpoints": ["rows"]}
    ]


def test_11_3_secrets_are_looked_up(server: Naughty, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the section and the name of the source; what the configuration gives goes first."""
    config: Any = {
        "client": {"base_url": server.url, "auth": {"type": "api_key", "name": "X-Key"}},
        "resources": ["echo"],
    }

    with pytest.raises(ConfigError, match=r"(?i)sources.+api.+credentials.+api_key"):
        rest_api_source(config, name="api")
    monkeypatch.setenv("SOURCES__REST_API__API__CREDENTIALS__API_KEY", "s3cr3t")

    assert next(iter(rest_api_source(config, name="api")))["headers"] == {"X-Key": "s3cr3t"}


def test_secrets_of_a_source_of_ones_own(server: Naughty, monkeypatch: pytest.MonkeyPatch) -> None:
    config: Any = {"client": {"base_url": server.url, "auth": "bearer"}, "resources": ["echo"]}
    monkeypatch.setenv("SOURCES__MINE__SHOP__CREDENTIALS__TOKEN", "t")

    @dlt.source(section="mine")
    def shop() -> Any:
        return rest_api_resources(config)

    made = shop()

    assert (made.name, list(made.resources)) == ("shop", ["echo"])
    assert next(iter(made))["headers"] == {"Authorization": "Bearer t"}


def test_11_3_a_source_of_the_configuration(server: Naughty, own_folder: Path) -> None:
    """`rest_api` takes its arguments from the files; a pipeline finds it by its name."""
    (own_folder / ".dlt").mkdir(exist_ok=True)
    (own_folder / ".dlt" / "config.toml").write_text(
        f'[sources.rest_api]\nresources = ["rows", {{name = "x", endpoint = {{path = "cursor", paginator = "cursor"}}}}]\n'
        f'[sources.rest_api.client]\nbase_url = "{server.url}"\n'
    )
    from dlt.sources.rest_api import rest_api

    pipeline = dlt.pipeline("of_files", destination="duckdb")

    assert len(list(rest_api())) == 50
    pipeline.run("rest_api")
    assert pipeline.last_trace.last_normalize_info.row_counts["x"] == 25


def test_11_3_check_connection(server: Naughty, session: requests.Session) -> None:
    made = source(server, "rows", {"name": "bad", "endpoint": "status/404"}, session=session)

    assert check_connection(made, "rows") == (True, "")
    assert check_connection(made, "bad")[0] is False
    assert "404" in check_connection(made)[1]


def test_old_import_paths() -> None:
    from dlt.sources.rest_api.config_setup import register_auth as old_register
    from dlt.sources.rest_api.typing import Endpoint, RESTAPIConfig
    from dlt.sources.rest_api.utils import check_connection as old_check

    assert (old_register, old_check) == (register_auth, check_connection)
    assert set(RESTAPIConfig.__annotations__) == {"client", "resource_defaults", "resources"}
    assert "data_selector" in Endpoint.__annotations__


# ---- nothing is lost


def test_loads_into_duckdb(server: Naughty) -> None:
    pipeline = dlt.pipeline("loads", destination="duckdb")

    pipeline.run(source(server, PARENTS, {**CHILDREN, "include_from_parent": ["id"], "write_disposition": "replace"}))

    with pipeline.sql_client() if hasattr(pipeline, "sql_client") else connection(pipeline) as client:
        found = client.execute("SELECT _parents_id, count(*) FROM children GROUP BY 1 ORDER BY 1").fetchall()
    assert found == [(1, 10), (2, 20), (3, 30)]


def connection(pipeline: Any) -> Any:
    import duckdb

    made = duckdb.connect(f"{pipeline.pipeline_name}.duckdb", read_only=True)
    made.execute(f"USE {pipeline.dataset_name}")
    return made


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(0, 7), max_size=5),
    size=st.integers(1, 4),
    kind=st.sampled_from(["cursor", "offset", "page_number", "json_link"]),
    parallel=st.booleans(),
)
def test_every_row_of_every_parent_comes_once(
    server: Naughty, counts: list[int], size: int, kind: str, parallel: bool
) -> None:
    """Parents with no page, one page and many, however they are paged."""

    def kids(one: Naughty, asked: Asked) -> Any:
        count = counts[int(asked.parts[0])]
        at = {"cursor": "c", "offset": "offset", "page_number": "page", "json_link": "from"}[kind]
        start = int(asked.query.get(at, 0)) * (size if kind == "page_number" else 1)
        after = start + size if start + size < count else None
        link = None if after is None else f"{one.url}{asked.path}?from={after}"
        found = [{"k": n, "of": int(asked.parts[0])} for n in range(count)[start : start + size]]
        return {"items": found, "next": after if kind == "cursor" else link, "total": count}

    server.routes["kids"] = kids
    paginator = {
        "cursor": {"type": "cursor", "cursor_path": "next", "cursor_param": "c"},
        "offset": {"type": "offset", "limit": size},
        "page_number": {"type": "page_number", "total_path": None},
        "json_link": "json_link",
    }[kind]
    up = dlt.resource([{"id": n} for n in range(len(counts))], name="up", selected=False)
    child = {
        "name": "kids",
        "parallelized": parallel,
        "endpoint": {"path": "kids/{resources.up.id}/all", "paginator": paginator, "data_selector": "items"},
    }

    found = [(row["of"], row["k"]) for row in source(server, up, child)]

    assert sorted(found) == [(parent, k) for parent, count in enumerate(counts) for k in range(count)]
