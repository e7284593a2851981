"""BEHAVIOUR 2.1, 2.2: the methods of factories, sources and resources, row by row."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

import dlt
from dlt.config.spec import Configuration, configspec
from dlt.errors import ResourceError, SchemaError
from dlt.extract.evaluate import evaluate
from dlt.extract.factory import SourceFactory
from dlt.extract.resource import DltResource
from dlt.extract.resources import ResourceDict
from dlt.extract.source import DltSource
from dlt.extract.validate import Validator
from dlt.schema.schema import Schema

if TYPE_CHECKING:
    from dlt.extract.pipe import Pipe


def numbers(count: int = 3) -> Iterator[dict[str, int]]:
    for number in range(count):
        yield {"n": number}


def rows(name: str, count: int = 2) -> Any:
    return dlt.resource([{name: number} for number in range(count)], name=name)


def nothing() -> list[Any]:
    return []


@dlt.source(name="made")
def made() -> Any:
    parent = rows("parent")
    return parent, parent | dlt.transformer(lambda item: {"child": item["parent"]}, name="child"), rows("other")


def words(function: Any) -> str:
    """The arguments of a function in the way of the table."""
    parameters = [one for one in inspect.signature(function).parameters.values() if one.name != "self"]
    stars: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return " ".join(
        stars.get(one.kind, "") + one.name + ("" if one.default is inspect.Parameter.empty else f"={one.default!r}")
        for one in parameters
    )


# ---- arguments of methods

LIMIT = "max_items=None max_time=None count_rows=False"
METHODS: dict[Any, dict[str, str]] = {
    SourceFactory: {
        "clone": "**options",
        "with_args": "**options",
        "add_limit": LIMIT,
        "add_postprocessor": "func",
        "bind": "f",
    },
    DltSource: {
        "with_resources": "*resource_names",
        "decompose": "strategy='none'",
        "add_limit": LIMIT,
        "parallelize": "",
        "clone": "with_name=None",
        "discover_schema": "item=None meta=None",
    },
    ResourceDict: {"add": "*resources", "detach": "resource_name=None", "select": "*names", "with_pipe": "pipe"},
    DltResource: {
        "with_name": "new_name new_section=None",
        "__call__": "*args **kwargs",
        "bind": "*args **kwargs",
        "add_map": "item_map insert_at=None",
        "add_filter": "item_filter insert_at=None",
        "add_yield_map": "item_map insert_at=None",
        "add_metrics": "metrics_f insert_at=None",
        "add_step": "item_transform insert_at=None",
        "add_limit": LIMIT,
        "parallelize": "",
        "select_tables": "*table_names",
        "apply_hints": "table_name=None parent_table_name=None write_disposition=None columns=None primary_key=None "
        "merge_key=None incremental=None schema_contract=None additional_table_hints=None table_format=None "
        "file_format=None references=None create_table_variant=False nested_hints=None",
        "merge_hints": "hints_template create_table_variant=False",
        "compute_table_schema": "item=None meta=None",
        "compute_nested_table_schemas": "root_table_name naming=None item=None meta=None",
        "compute_tables": "naming item=None meta=None",
        "get_nested_hints": "root_table_name naming item=None meta=None",
        "set_incremental": "new_incremental",
        "pipe_data_from": "data_from",
        "add_input": "location replace=False",
    },
}
METHOD_NAMES = [(kind, name) for kind, methods in METHODS.items() for name in methods]


@pytest.mark.parametrize(("kind", "name"), METHOD_NAMES, ids=[f"{kind.__name__}.{name}" for kind, name in METHOD_NAMES])
def test_section_2_arguments_of_methods(kind: Any, name: str) -> None:
    assert words(getattr(kind, name)) == METHODS[kind][name]


MEMBERS: dict[Any, str] = {
    SourceFactory: "name section max_table_nesting root_key schema schema_contract spec parallelized",
    DltSource: "name section schema resources selected_resources max_table_nesting root_key schema_contract exhausted",
    ResourceDict: "selected extracted selected_dag selected_pipes pipes extracted_pipes",
    DltResource: "name section source_name selected is_transformer requires_args args_bound incremental limit validator "
    "table_name write_disposition columns parent_table_name schema_contract table_format nested_hints max_table_nesting "
    "custom_metrics inputs",
}


@pytest.mark.parametrize("kind", MEMBERS, ids=lambda kind: kind.__name__)
def test_section_2_members(kind: Any) -> None:
    source = made()
    things = {SourceFactory: made, DltSource: source, ResourceDict: source.resources, DltResource: source.parent}

    for name in MEMBERS[kind].split():
        assert not callable(getattr(things[kind], name))


# ---- 2.1 factories


@configspec
class Spec(Configuration):
    number: int = 3


class Mine(DltSource):
    """A source of a class of its own."""


CLONED: dict[str, tuple[Any, Callable[[DltSource], Any], Any]] = {
    "name": ("other", lambda source: source.name, "other"),
    "section": ("there", lambda source: source.section, "there"),
    "max_table_nesting": (2, lambda source: source.max_table_nesting, 2),
    "root_key": (True, lambda source: source.root_key, True),
    "schema": (Schema("given"), lambda source: source.schema.name, "given"),
    "schema_contract": ("freeze", lambda source: source.schema_contract, "freeze"),
    "parallelized": (True, lambda source: source.resources["numbers"]._pipe.parallel, True),
    "_impl_cls": (Mine, type, Mine),
}


@pytest.mark.parametrize("method", ["clone", "with_args"])
@pytest.mark.parametrize("option", CLONED)
def test_section_2_1_clone(option: str, method: str) -> None:
    value, shown, expected = CLONED[option]
    factory = dlt.source(lambda: dlt.resource(numbers))
    before = shown(factory.clone(name="before")())

    cloned = getattr(factory, method)(**{option: value})

    assert shown(cloned.clone(name=None if option in ("name", "schema") else "after")()) == expected
    assert shown(factory.clone(name="before")()) == before != expected


def test_section_2_1_clone_with_a_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBER", "4")

    def counted(number: int = dlt.config.value) -> Any:
        return rows("n", number)

    assert len(list(dlt.source(counted, name="plain").clone(spec=Spec)())) == 4


def test_section_2_1_bind_takes_another_function() -> None:
    factory = dlt.source(lambda: rows("a"), name="bound")

    assert factory.bind(lambda: rows("b")) is factory
    assert list(factory()) == [{"b": 0}, {"b": 1}]
    assert factory.name == "bound"


LIMITS: dict[str, tuple[dict[str, Any], int]] = {
    "items": ({"max_items": 1}, 2),
    "rows": ({"max_items": 3, "count_rows": True}, 4),
    "time": ({"max_time": 0.0}, 2),
    "nothing": ({"max_items": 0}, 0),
    "no limit": ({"max_items": -1}, 6),
    "none": ({}, 6),
}


@pytest.mark.parametrize("of", ["factory", "source", "resource"])
@pytest.mark.parametrize("limit", LIMITS)
def test_section_2_limits(limit: str, of: str) -> None:
    given, count = LIMITS[limit]
    pages = dlt.resource([[{"n": 0}, {"n": 1}], [{"n": 2}, {"n": 3}], [{"n": 4}, {"n": 5}]], name="pages")
    factory = dlt.source(lambda: pages, name="limited")

    limited: dict[str, Callable[[], Any]] = {
        "factory": lambda: factory.add_limit(**given)(),
        "source": lambda: factory().add_limit(**given),
        "resource": lambda: pages.add_limit(**given),
    }

    assert len(list(limited[of]())) == count


BAD_NAMES = ["a-b", "1a", "a.b", "a b", "", "a" * 65]
GOOD_NAMES = ["a", "_a", "a__b", "AbC", "class", "ä", "a" * 64]


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if name])
def test_section_2_1_names_that_cannot_be(name: str) -> None:
    with pytest.raises(SchemaError, match="letters, digits and underscores"):
        dlt.source(nothing, name=name)()


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_section_2_1_names(name: str) -> None:
    source = dlt.source(nothing, name=name)()

    assert (source.name, source.schema.name) == (name, name)


# ---- 2.1 sources


def test_section_2_1_select() -> None:
    source = made()

    assert list(source.resources.select("child")) == ["child"]
    assert list(source.selected_resources) == ["child"]
    assert source.resources.select() == {}
    with pytest.raises(ResourceError, match="did you mean 'child'"):
        source.resources.select("chil")


def test_section_2_1_extracted_has_what_feeds_too() -> None:
    resources = made().with_resources("child").resources

    assert [resource.name for resource in resources.extracted] == ["child", "parent"]
    assert [pipe.name for pipe in resources.extracted_pipes] == ["child", "parent"]
    assert [resource.name for resource in map(resources.with_pipe, resources.pipes)] == ["parent", "child", "other"]


def test_section_2_1_with_pipe_of_no_resource() -> None:
    pipe: Pipe = rows("alone")._pipe

    found = made().resources.with_pipe(pipe)

    assert (found.name, found.selected) == ("alone", False)


@pytest.mark.parametrize("schema", [lambda s: s, lambda s: s.clone(with_name="other")], ids=["same", "another name"])
def test_section_2_1_schema_can_be_set(schema: Any) -> None:
    source = made()
    given = schema(source.schema)

    source.schema = given

    assert (source.name, source.schema.name) == (given.name, given.name)


def test_section_2_1_items_of_all_resources_come_flat() -> None:
    source = dlt.source(lambda: (dlt.resource([[1, 2], 3], name="a"), dlt.resource([4], name="b")), name="flat")()

    assert sorted(source) == [1, 2, 3, 4]


def test_section_2_1_discover_schema_of_an_item() -> None:
    source = dlt.source(lambda: dlt.resource([1], name="a", table_name=lambda item: item["t"]), name="found")()

    assert source.discover_schema().data_table_names(include_incomplete=True) == []
    assert source.discover_schema({"t": "z"}).data_table_names(include_incomplete=True) == ["z"]


# ---- 2.2 names


def test_section_2_2_with_name_has_a_state_of_its_own() -> None:
    def counted() -> Iterator[dict[str, int]]:
        state = dlt.current.resource_state()
        state["n"] = state.get("n", 0) + 1
        yield {"n": state["n"]}

    first = dlt.resource(counted, name="first")
    state: dict[str, Any] = {}

    for resource in (first, first, first.with_name("second")):
        list(evaluate([resource], state=state))

    (resources,) = [source["resources"] for source in state["sources"].values()]
    assert resources == {"first": {"n": 2}, "second": {"n": 1}}


# ---- 2.2 steps


def plus(item: Any) -> Any:
    return {"n": item["n"] + 1}


def times(item: Any) -> Any:
    return {"n": item["n"] * 10}


PLACES: dict[int | None, list[int]] = {
    None: [10, 20, 30],
    1: [1, 11, 21],
    2: [10, 20, 30],
    -1: [1, 11, 21],
    9: [10, 20, 30],
}


@pytest.mark.parametrize("insert_at", PLACES)
def test_section_2_2_insert_at(insert_at: int | None) -> None:
    resource = dlt.resource(numbers).add_map(plus).add_map(times, insert_at=insert_at)

    assert [row["n"] for row in resource] == PLACES[insert_at]


@pytest.mark.parametrize("insert_at", [0, -2, -9])
def test_section_2_2_nothing_goes_before_the_generator(insert_at: int) -> None:
    with pytest.raises(SchemaError, match="Step 0"):
        dlt.resource(numbers).add_map(plus).add_map(times, insert_at=insert_at)


@pytest.mark.parametrize(
    ("add", "seen"),
    [
        (lambda t: t.add_map(times, insert_at=0), [[{"n": 10}, {"n": 20}], [{"n": 30}]]),
        (lambda t: t.add_filter(lambda row: row["n"] != 2, insert_at=-1), [[{"n": 1}], [{"n": 3}]]),
        (
            lambda t: t.add_yield_map(lambda row: [[row] * row["n"]], insert_at=0),
            [[{"n": 1}], [{"n": 2}] * 2, [{"n": 3}] * 3],
        ),
        (lambda t: t.add_map(plus, insert_at=0).add_map(times, insert_at=0), [[{"n": 11}, {"n": 21}], [{"n": 31}]]),
    ],
)
def test_section_2_2_before_a_transformer_comes_what_it_is_fed(add: Any, seen: list[Any]) -> None:
    fed = []

    @dlt.resource
    def pages() -> Any:
        yield [{"n": 1}, {"n": 2}]
        yield [{"n": 3}]

    @dlt.transformer
    def all_of(items: Any, more: int = 0) -> Any:
        fed.append(items)
        yield [{"n": row["n"] + more} for row in items]

    wanted = [{"n": row["n"] + 5} for page in seen for row in page]
    assert list(pages | add(all_of(more=5))) == wanted  # fed after it got the step
    assert fed == seen
    assert list(add((pages | all_of).with_name("other")(more=5))) == wanted


PLACED: dict[str, Callable[[DltResource], Any]] = {  # from the one that is nearest to the generator to the last
    "map": lambda resource: resource.add_map(plus),
    "validate": lambda resource: setattr(resource, "validator", Validator.__new__(Validator)),
    "incremental": lambda resource: resource.add_step(dlt.sources.incremental("n")),
    "limit": lambda resource: resource.add_limit(2),
}


@pytest.mark.parametrize("order", list(permutations(PLACED)), ids=" ".join)
def test_section_2_2_steps_have_their_places(order: tuple[str, ...]) -> None:
    resource = dlt.resource(numbers)

    for name in order:
        PLACED[name](resource)

    assert [step.kind for step in resource._pipe.steps] == ["generator", *PLACED]


def test_section_2_2_a_step_of_a_class_tells_its_place() -> None:
    class Late:
        placement_affinity = 3.0

        def __call__(self, item: Any, meta: Any = None) -> Any:
            return item

    resource = dlt.resource(numbers).add_step(Late()).add_limit(2).add_map(plus)

    assert [step.kind for step in resource._pipe.steps] == ["generator", "map", "limit", "raw"]


def test_section_2_2_limit_counts_what_is_left() -> None:
    def z() -> Iterator[str]:
        yield from (f"z{number}" for number in range(10))

    resource = dlt.resource(z).add_map(str).add_filter(lambda item: item != "z1").add_limit(3)

    assert list(resource.add_map(lambda item: item + "!")) == ["z0!", "z2!", "z3!"]


def test_section_2_2_a_page_that_a_filter_empties_is_no_page() -> None:
    resource = dlt.resource([[{"n": 1}], [{"n": 2}]], name="pages").add_filter(lambda item: item["n"] > 1)

    assert [item for _, item in evaluate([resource])] == [[{"n": 2}]]


ARITIES: dict[str, Callable[[DltResource], Any]] = {
    "map of nothing": lambda resource: resource.add_map(lambda: 1),
    "map of three": lambda resource: resource.add_map(lambda a, b, c: 1),
    "filter of nothing": lambda resource: resource.add_filter(lambda: True),
    "yield map of nothing": lambda resource: resource.add_yield_map(lambda: iter([1])),
    "step of nothing": lambda resource: resource.add_step(lambda: 1),
}


@pytest.mark.parametrize("name", ARITIES)
def test_section_2_3_functions_of_other_arguments(name: str) -> None:
    with pytest.raises(ResourceError, match="TypeError"):
        list(ARITIES[name](dlt.resource(numbers)))


# ---- 2.2 hints


def test_section_2_2_nested_tables() -> None:
    naming = Schema("x").naming
    text = {"a": {"name": "a", "data_type": "text"}}
    resource = dlt.resource(
        numbers,
        name="S x",
        nested_hints={
            "it ems": dlt.mark.make_nested_hints(primary_key="id"),
            ("a", "b"): dlt.mark.make_nested_hints(columns={"a": {"data_type": "text"}}),
        },
    )

    assert list(resource.get_nested_hints("s_x", naming)) == [
        ("s_x__it_ems", "s_x", {"primary_key": "id"}),
        ("s_x__a__b", "s_x__a", {"columns": text}),
    ]
    assert [table["name"] for table in resource.compute_tables(naming)] == ["S x", "s_x__it_ems", "s_x__a__b"]


REMOVED: dict[str, tuple[Any, Any, Any]] = {  # what is declared, what takes it away, what is there then
    "table_name": ("t", "", "numbers"),
    "write_disposition": ("replace", "", "append"),
    "primary_key": ("a", "", None),
    "merge_key": ("a", [], None),
    "columns": ({"a": {"data_type": "text"}}, {}, None),
    "schema_contract": ("freeze", {}, None),
    "table_format": ("delta", "", None),
    "file_format": ("csv", "", None),
    "parent_table_name": ("p", "", None),
    "nested_hints": ({"a": {"primary_key": "b"}}, {}, None),
    "references": ([{"referenced_table": "o", "columns": ["a"], "referenced_columns": ["b"]}], [], None),
}


@pytest.mark.parametrize("hint", REMOVED)
def test_section_2_2_an_empty_hint_takes_away(hint: str) -> None:
    given, empty, left = REMOVED[hint]
    nothing_given: dict[str, Any] = {hint: None}
    resource = dlt.resource(numbers)
    before = resource.compute_table_schema()

    assert resource.apply_hints(**{hint: given})._hints.keys() == {hint}
    assert resource.apply_hints(**nothing_given)._hints.keys() == {hint}
    assert resource.apply_hints(**{hint: empty})._hints == {}
    assert resource.compute_table_schema() == before
    if left is not None:
        assert getattr(resource, hint) == left


WRONG: dict[str, Any] = {
    "write_disposition": "upsert",
    "table_format": "sheets",
    "schema_contract": "thaw",
    "columns": [{"data_type": "text"}],
    "references": [{"referenced_table": "o", "columns": ["a", "b"], "referenced_columns": ["a"]}],
    "primary_key": lambda item: "id",
}


@pytest.mark.parametrize("hint", WRONG)
def test_section_2_2_wrong_hints_are_errors_where_they_are_declared(hint: str) -> None:
    for declare in (
        lambda: dlt.resource(numbers, **{hint: WRONG[hint]}),
        lambda: dlt.resource(numbers).apply_hints(**{hint: WRONG[hint]}),
        lambda: dlt.resource(numbers).merge_hints({hint: WRONG[hint]}),
        lambda: dlt.mark.make_hints(**{hint: WRONG[hint]}),
    ):
        with pytest.raises(SchemaError):
            declare()


def test_section_2_2_columns_of_a_function_are_not_merged() -> None:
    resource = dlt.resource(numbers, table_name=lambda item: "t", columns={"a": {"data_type": "text"}})

    resource.apply_hints(columns=lambda item: {"b": {"data_type": "bool"}})

    assert list(resource.compute_table_schema({})["columns"]) == ["b"]


def test_section_2_2_keys_of_the_user_are_in_the_table() -> None:
    resource = dlt.resource(numbers).apply_hints(additional_table_hints={"x-mine": {"k": 1}})

    assert resource.compute_table_schema()["x-mine"] == {"k": 1}


def test_section_2_2_pipe_data_from() -> None:
    fed = dlt.transformer(lambda item: item["n"] * 2, name="fed")

    assert fed.pipe_data_from(dlt.resource(numbers)) is fed
    assert list(fed) == [0, 2, 4]
