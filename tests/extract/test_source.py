"""Sources and their factories: what they are made of, which resources they have, copies."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dlt
from dlt.errors import ConfigError, ResourceError, SchemaError
from dlt.extract.factory import SourceFactory
from dlt.extract.source import DltSource
from dlt.schema.schema import Schema

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource


def rows(name: str = "rows", count: int = 2) -> DltResource:
    made: DltResource = dlt.resource([{name: number} for number in range(count)], name=name)
    return made


def nothing() -> list[Any]:
    return []


def numbers() -> Iterator[dict[str, int]]:
    yield {"n": 1}
    yield {"n": 2}


@dlt.source
def family() -> Any:
    parent = rows("parent")
    return parent, parent | dlt.transformer(lambda item: {"child": item["parent"]}, name="child"), rows("other")


# ---- what a source function may return

RETURNED: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "resource": (lambda: rows("a"), ["a"]),
    "tuple": (lambda: (rows("a"), rows("b")), ["a", "b"]),
    "list": (lambda: [rows("a"), rows("b")], ["a", "b"]),
    "generator": (lambda: (rows(name) for name in "ab"), ["a", "b"]),
    "function": (lambda: numbers, ["numbers"]),
    "generator of rows": (lambda: numbers(), ["numbers"]),
    "function beside a resource": (lambda: (numbers, rows("a")), ["numbers", "a"]),
    "nothing in a list": (nothing, []),
    "source": (lambda: family(), ["parent", "child", "other"]),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_returned(kind: str) -> None:
    make, names = RETURNED[kind]

    source = dlt.source(make, name="made")()

    assert list(source.resources) == names
    assert all(resource.source_name == source.name for resource in source.resources.values())


def test_generator_of_rows_loses_no_row() -> None:
    assert list(dlt.source(lambda: numbers(), name="made")()) == [{"n": 1}, {"n": 2}]


NOT_RETURNED: dict[str, tuple[Callable[[], Any], str]] = {
    "none": (lambda: None, "returned None"),
    "rows": (lambda: [{"n": 1}], "needs a name"),
    "row": (lambda: {"n": 1}, "needs a name"),
    "the same name twice": (lambda: (rows("a"), rows("a")), "two resources named 'a'"),
}


@pytest.mark.parametrize("kind", NOT_RETURNED)
def test_not_returned(kind: str) -> None:
    make, text = NOT_RETURNED[kind]

    with pytest.raises(ResourceError, match=text):
        dlt.source(make, name="made")()


def test_async_source_function() -> None:
    @dlt.source
    async def later() -> Any:
        return rows("a")

    assert list(later()) == [{"a": 0}, {"a": 1}]


# ---- the factory

WRONG_FACTORIES: dict[str, tuple[Callable[[], Any], type[Exception]]] = {
    "class": (lambda: dlt.source(dict), ResourceError),
    "number": (lambda: dlt.source(3), ResourceError),
    "name and schema": (lambda: dlt.source(family.__wrapped__, name="a", schema=Schema("b")), ResourceError),
    "bad name": (lambda: dlt.source(family.__wrapped__, name="a-b")(), SchemaError),
    "spec": (lambda: dlt.source(family.__wrapped__, spec=dict)(), ConfigError),
    "unknown option": (lambda: family.clone(nme="a"), TypeError),
    "postprocessor returns no source": (lambda: family.clone().add_postprocessor(lambda source: None)(), ResourceError),
}


@pytest.mark.parametrize("name", WRONG_FACTORIES)
def test_wrong_factories(name: str) -> None:
    make, error = WRONG_FACTORIES[name]

    with pytest.raises(error):
        make()


def test_factory_looks_like_its_function() -> None:
    @dlt.source(max_table_nesting=2)
    def documented() -> Any:
        """Says it."""
        return rows()

    assert isinstance(documented, SourceFactory)
    assert (documented.__name__, documented.__doc__, documented.__module__) == ("documented", "Says it.", __name__)
    assert documented.__wrapped__() is not None
    assert (documented.name, documented.section, documented.max_table_nesting) == ("documented", "test_source", 2)
    assert (documented.root_key, documented.schema, documented.schema_contract, documented.spec) == (None,) * 4
    assert documented.parallelized is False


def test_options_reach_the_source() -> None:
    made = dlt.source(
        lambda: rows(),
        name="made",
        section="there",
        max_table_nesting=2,
        root_key=True,
        schema_contract={"columns": "freeze"},
    )()

    assert (made.name, made.section, made.max_table_nesting, made.root_key) == ("made", "there", 2, True)
    assert made.schema_contract == {"columns": "freeze"}
    assert made.schema.name == "made"


def test_clone_changes_what_is_given() -> None:
    factory = dlt.source(lambda: rows(), name="made", max_table_nesting=1)
    other = factory.clone(name="other", root_key=True)

    assert (other().name, other().max_table_nesting, other().root_key) == ("other", 1, True)
    assert (factory().name, factory().root_key) == ("made", None)


def test_limit_and_postprocessor() -> None:
    factory = dlt.source(lambda: (rows("a", 5), rows("b", 5)), name="made")

    assert list(factory.add_limit(1)()) == [{"a": 0}, {"b": 0}]
    factory.add_postprocessor(lambda source: source.with_resources("b"))
    assert list(factory()) == [{"b": 0}]


def test_arguments_reach_the_function() -> None:
    @dlt.source
    def counted(count: int, *, name: str = "a") -> Any:
        return rows(name, count)

    assert list(counted(1)) == [{"a": 0}]
    assert list(counted(2, name="b")) == [{"b": 0}, {"b": 1}]
    with pytest.raises(TypeError):
        counted()


def test_schema_given_is_copied() -> None:
    schema = Schema("given")
    source = dlt.source(lambda: rows(), schema=schema)()

    assert source.name == "given"
    assert source.schema is not schema


@pytest.mark.parametrize("ending", ["json", "yaml"])
def test_schema_beside_the_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    schema = Schema("beside")
    schema.set_schema_contract("freeze")
    text = schema.to_pretty_yaml() if ending == "yaml" else json.dumps(schema.to_dict())
    (tmp_path / f"beside.schema.{ending}").write_text(text, encoding="utf-8")
    module = types.ModuleType("module_with_schema")
    module.__file__ = str(tmp_path / "module_with_schema.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def beside() -> Any:
        return rows()

    beside.__module__ = module.__name__

    assert dlt.source(beside)().schema_contract == "freeze"


def test_section_may_be_named_by_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "__source_name__", "named", raising=False)

    assert dlt.source(numbers)().section == "named"
    assert dlt.resource(numbers).section == "named"


# ---- resources


def test_resources_by_name_and_attribute() -> None:
    source = family()

    assert source.parent is source.resources["parent"]
    assert list(source.selected_resources) == ["parent", "child", "other"]
    assert "child" in dir(source)
    with pytest.raises(AttributeError, match="paret"):
        source.paret  # noqa: B018
    with pytest.raises(KeyError, match="did you mean 'parent'"):
        source.resources["paret"]


def test_with_resources_is_a_copy() -> None:
    source = family()

    some = source.with_resources("child", "other")

    assert list(some.selected_resources) == ["child", "other"]
    assert list(some.resources) == list(source.resources)
    assert list(source.selected_resources) == ["parent", "child", "other"]
    assert list(source.with_resources().selected_resources) == []
    with pytest.raises(ResourceError, match="no resource 'grandchild'"):
        source.with_resources("grandchild")


def test_what_is_not_selected_still_feeds() -> None:
    source = family().with_resources("child")

    assert list(source) == [{"child": 0}, {"child": 1}]
    assert {resource.name for resource in source.resources.extracted} == {"parent", "child"}
    assert source.resources.selected_dag == [("parent", "child")]


def test_dag() -> None:
    assert family().resources.selected_dag == [("parent", "parent"), ("parent", "child"), ("other", "other")]
    assert [pipe.name for pipe in family().resources.selected_pipes] == ["parent", "child", "other"]


def test_copies_keep_forks() -> None:
    copy = family().clone()

    assert copy.child._pipe.parent is copy.parent._pipe
    assert copy.child._pipe is not family().child._pipe


def test_resource_of_another_source_is_copied() -> None:
    first, second = family(), DltSource(Schema("second"), "there")

    second.resources.add(first.parent, first.child)

    assert second.parent is not first.parent
    assert (first.parent.source_name, second.parent.source_name) == ("family", "second")
    assert second.child._pipe.parent is second.parent._pipe


def test_setting_an_attribute_adds_a_resource() -> None:
    source = family()

    source.more = rows("more")

    assert list(source.resources) == ["parent", "child", "other", "more"]


WRONG_CHANGES: dict[str, Callable[[DltSource], Any]] = {
    "another name": lambda source: setattr(source, "more", rows("less")),
    "no resource": lambda source: source.resources.__setitem__("more", [1]),
    "a name that is taken": lambda source: source.resources.add(rows("parent")),
    "taken away": lambda source: source.resources.__delitem__("parent"),
    "popped": lambda source: source.resources.pop("parent"),
    "which one": lambda source: source.resources.detach(),
}


@pytest.mark.parametrize("name", WRONG_CHANGES)
def test_wrong_changes(name: str) -> None:
    source = family()

    with pytest.raises(ResourceError):
        WRONG_CHANGES[name](source)
    assert list(source.resources) == ["parent", "child", "other"]


def test_detach() -> None:
    alone = family().resources.detach("parent")

    assert (alone.source_name, list(alone)) == (None, [{"parent": 0}, {"parent": 1}])
    assert dlt.source(lambda: rows("a"), name="made")().resources.detach().name == "a"


def test_decompose() -> None:
    assert [list(part.selected_resources) for part in family().decompose("none")] == [["parent", "child", "other"]]
    assert [list(part.selected_resources) for part in family().decompose("scc")] == [["parent", "child"], ["other"]]
    with pytest.raises(ValueError, match="scc"):
        family().decompose("all")


def test_limit_of_all() -> None:
    assert list(family().add_limit(1)) == [{"parent": 0}, {"child": 0}, {"other": 0}]


def test_clone_under_another_name() -> None:
    source = family()
    other = source.clone(with_name="other_family")

    assert (other.name, other.schema.name, other.parent.source_name) == ("other_family",) * 3
    assert (source.name, source.parent.source_name) == ("family", "family")


def test_settings_can_be_changed() -> None:
    source = family()

    source.max_table_nesting, source.root_key, source.schema_contract = 1, True, "freeze"
    source.schema = source.schema.clone(with_name="renamed")

    assert (source.max_table_nesting, source.root_key, source.schema_contract) == (1, True, "freeze")
    assert (source.name, source.parent.source_name) == ("renamed", "renamed")


def test_discover_schema() -> None:
    @dlt.source
    def declared() -> Any:
        return (
            dlt.resource([1], name="a", primary_key="id", nested_hints={"items": {"primary_key": "n"}}),
            dlt.resource([1], name="b", table_name=lambda item: item["t"]),
        )

    source = declared()
    found = source.discover_schema()

    assert found.data_table_names(include_incomplete=True) == ["a", "a__items"]
    assert source.schema.data_table_names(include_incomplete=True) == []


# ---- items


def test_iteration_runs_again_unless_the_data_cannot() -> None:
    source = family()
    assert list(source) == list(source)

    once = dlt.source(lambda: (dlt.resource(numbers(), name="once"), rows()), name="made")()
    assert len(list(once)) == 4
    assert once.exhausted
    with pytest.raises(ResourceError, match="only once") as failed:
        list(once)
    assert (failed.value.source, failed.value.resource) == ("made", "once")


def test_2_1_parallelized_reaches_what_can_be_parallel() -> None:
    def mixed() -> Any:
        return dlt.resource(numbers, name="generated"), dlt.resource([1, 2], name="there")

    plain, parallel = dlt.source(mixed)(), dlt.source(mixed, parallelized=True)()

    assert [resource._pipe.parallel for resource in plain.resources.values()] == [False, False]
    assert [resource._pipe.parallel for resource in parallel.resources.values()] == [True, False]
    assert plain.parallelize() is plain
    assert sorted(parallel, key=str) == sorted(plain, key=str)


def test_2_1_postprocessors_may_be_async() -> None:
    async def after(source: DltSource) -> AsyncIterator[None]:
        yield None

    async def awaited(source: DltSource) -> DltSource:
        return source

    assert family.clone().add_postprocessor(awaited)().name == "family"
    with pytest.raises(ResourceError):
        family.clone().add_postprocessor(after)()


def test_shown() -> None:
    assert "family" in repr(family())
    assert "'other (not selected)'" in repr(family().with_resources("parent"))
    assert "family" in repr(family)
