"""`spec=` of sources and resources, locations for the trace, operators, tables that hints declare, what notebooks show."""

from __future__ import annotations

from typing import Any

import pytest

import dlt
from dlt.config.spec import Configuration, configspec
from dlt.errors import ConfigError, ResourceError


@configspec
class Access(Configuration):
    api_key: str = None  # type: ignore[assignment]  # how a required field is written
    pages: int = 3


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__API_KEY", "k")


def taking(api_key: Any = dlt.config.value, pages: Any = dlt.config.value) -> Any:
    yield {"key": api_key, "pages": pages}


def required(api_key: Any, pages: Any) -> Any:
    yield {"key": api_key, "pages": pages}


def whole(access: Access) -> Any:
    yield {"key": access.api_key, "pages": access.pages}


@pytest.mark.parametrize("function", [taking, required, whole])
def test_1_2_spec_of_a_resource(function: Any) -> None:
    made = dlt.resource(function, name="rows", spec=Access)

    assert not made.requires_args
    if function is whole:
        assert list(made(Access(api_key="given", pages=1))) == [{"key": "given", "pages": 1}]
    else:
        assert list(made) == [{"key": "k", "pages": 3}]
        assert list(made("given")) == [{"key": "given", "pages": 3}]


@pytest.mark.parametrize("function", [taking, required])
def test_1_2_spec_of_a_source(function: Any) -> None:
    made = dlt.source(lambda *args, **kwargs: dlt.resource(list(function(*args, **kwargs)), name="rows"), name="s")
    made.bind(lambda api_key, pages: dlt.resource(list(function(api_key, pages)), name="rows"))

    assert list(made.clone(spec=Access)()) == [{"key": "k", "pages": 3}]


def test_1_2_spec_of_a_transformer() -> None:
    @dlt.transformer(spec=Access)
    def with_key(item: Any, api_key: Any) -> Any:
        return {"item": item, "key": api_key}

    assert list([1] | with_key) == [{"item": 1, "key": "k"}]


def test_1_2_what_a_spec_misses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCES__API_KEY")
    with pytest.raises(ConfigError, match="api_key"):
        list(dlt.resource(required, name="rows", spec=Access))
    with pytest.raises(ConfigError, match="no configspec"):
        list(dlt.resource(required, name="rows", spec=dict))


def test_2_2_locations_go_into_the_trace() -> None:
    @dlt.resource
    def noted() -> Any:
        dlt.current.resource().add_input({"kind": "table", "name": "orders"})
        yield {"a": 1}

    @dlt.source
    def shop() -> Any:
        return noted

    source = shop()
    source.noted.add_input({"url": "https://shop.example"})
    pipeline = dlt.pipeline("inputs", destination="duckdb", dataset_name="data")
    pipeline.run(source)

    (metrics,) = pipeline.last_trace.last_extract_info.metrics.values()
    assert metrics[0]["inputs"] == [
        {"url": "https://shop.example", "kind": "shop", "resource_name": "noted"},
        {"kind": "table", "name": "orders", "resource_name": "noted"},
    ]


def test_2_2_locations() -> None:
    made = dlt.resource([1], name="rows").add_input({"kind": "a"})

    assert made.inputs == [{"kind": "a"}]
    assert made.add_input({"kind": "b"}).with_name("other").inputs == [{"kind": "a"}, {"kind": "b"}]
    assert made.add_input({"kind": "c"}, replace=True).inputs == [{"kind": "c"}]
    with pytest.raises(TypeError, match="dict"):
        made.add_input(3)
    with pytest.raises(ResourceError, match="kind"):
        made.add_input({"url": "x"})


def test_2_2_both_operators_feed() -> None:
    twice = dlt.transformer(lambda item: item * 2, name="twice")
    feed = dlt.resource([1, 2], name="feed")

    assert list(feed >> twice) == [2, 4]
    assert list([3] >> dlt.transformer(lambda item: item, name="same")) == [3]
    assert list(feed >> (lambda item: item + 1)) == [2, 3]


def test_2_2_tables_that_hints_declare() -> None:
    made = dlt.resource([1], name="rows", nested_hints={"items": {"columns": {"value": {"data_type": "text"}}}})

    tables = made.compute_tables(None)

    assert [(table["name"], table.get("parent")) for table in tables] == [("rows", None), ("rows__items", "rows")]


def test_2_2_additional_hints_may_depend_on_the_item() -> None:
    made = dlt.resource([{"k": "a"}], name="rows", table_name=lambda item: item["k"])
    made.apply_hints(additional_table_hints={"x-of": lambda item: item["k"].upper(), "x-all": 1})

    table = made.compute_table_schema({"k": "b"})

    assert made.has_dynamic_hints
    assert (table["x-of"], table["x-all"]) == ("B", 1)
    pipeline = dlt.pipeline("extra", destination="duckdb", dataset_name="data")
    pipeline.run(made)
    assert pipeline.default_schema.tables["a"]["x-of"] == "A"


def test_2_1_what_a_notebook_shows_of_a_source() -> None:
    @dlt.source
    def shop() -> Any:
        feed = dlt.resource([1], name="<feed>", selected=False)
        merge = {"disposition": "merge", "strategy": "upsert"}
        fed = dlt.transformer(lambda item: item, name="fed", write_disposition=merge, primary_key="id")
        return feed, feed | fed

    shown = shop()._repr_html_()

    assert "<td>fed</td><td>yes</td><td>&lt;feed&gt;</td><td>fed</td><td>merge upsert</td>" in shown
    assert "<td>&lt;feed&gt;</td><td>no</td>" in shown
