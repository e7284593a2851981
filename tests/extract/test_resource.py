"""DltResource: names, arguments, steps, hints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

import dlt
from dlt.errors import ResourceError, SchemaError
from dlt.schema.schema import Schema

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource


def numbers(count: int = 3, *, start: int = 0) -> Iterator[dict[str, int]]:
    for number in range(start, start + count):
        yield {"n": number}


def pages() -> Iterator[list[dict[str, int]]]:
    yield [{"n": 0}, {"n": 1}]
    yield [{"n": 2}]


def needs(table: str, size: int = 2) -> Iterator[dict[str, Any]]:
    yield {"table": table, "size": size}


def values(resource: Any) -> list[Any]:
    return [item["n"] for item in resource]


class Rows:
    """An iterable without name."""

    def __iter__(self) -> Iterator[dict[str, int]]:
        return iter([{"n": 7}])


class Caller:
    """A callable without name."""

    def __call__(self) -> list[dict[str, int]]:
        return [{"n": 8}]


# ---- what a resource is made of

DATA: dict[str, tuple[Callable[[], Any], str | None, list[Any]]] = {
    "generator function": (lambda: numbers, "numbers", [0, 1, 2]),
    "generator": (lambda: numbers(2), "numbers", [0, 1]),
    "list": (lambda: [{"n": 5}], None, [5]),
    "tuple": (lambda: ({"n": 5}, {"n": 6}), None, [5, 6]),
    "pages": (lambda: pages, "pages", [0, 1, 2]),
    "lambda": (lambda: lambda: [{"n": 4}], "<lambda>", [4]),
    "partial": (lambda: functools.partial(numbers, 1), "partial", [0]),
    "iterable": (Rows, None, [7]),
    "callable": (Caller, "Caller", [8]),
    "dict values": (lambda: {"a": {"n": 1}}.values(), None, [1]),
    "map": (lambda: map(dict, [[("n", 1)]]), None, [1]),
}


@pytest.mark.parametrize("kind", DATA)
def test_data(kind: str) -> None:
    make, _, expected = DATA[kind]

    assert values(dlt.resource(make(), name="data")) == expected


@pytest.mark.parametrize("kind", DATA)
def test_default_name(kind: str) -> None:
    make, name, _ = DATA[kind]
    if name is None:
        with pytest.raises(ResourceError, match="needs a name"):
            dlt.resource(make())
    else:
        assert dlt.resource(make()).name == name


@pytest.mark.parametrize("data", [{"a": 1}, "text", b"bytes", 5, 1.5, object()], ids=lambda data: type(data).__name__)
def test_no_data(data: Any) -> None:
    with pytest.raises(ResourceError, match="list"):
        dlt.resource(data, name="data")


def test_resource_of_a_resource_is_that_resource() -> None:
    made = dlt.resource(numbers)

    assert dlt.resource(made, name="other", primary_key="n") is made


def test_function_of_one_row_gives_that_row() -> None:
    assert list(dlt.resource(lambda: {"n": 1}, name="one")) == [{"n": 1}]


def test_function_that_returns_none_is_an_error() -> None:
    with pytest.raises(ResourceError, match="returned None"):
        list(dlt.resource(lambda: None, name="nothing"))


def test_functions_run_again_and_iterators_only_once() -> None:
    again, once = dlt.resource(numbers), dlt.resource(numbers())

    assert [values(again), values(again)] == [[0, 1, 2], [0, 1, 2]]
    assert [values(once), values(once)] == [[0, 1, 2], []]
    assert (again.exhausted, once.exhausted) == (False, True)


# ---- names


def test_with_name_copies_and_renames_what_feeds_it() -> None:
    feed = dlt.resource([{"n": 1}], name="par")
    fed = feed | dlt.transformer(lambda item: item, name="tr")
    named = dlt.resource([{"n": 1}], name="tr_par") | dlt.transformer(lambda item: item, name="tr")

    assert fed.with_name("other").name == "other"
    assert fed.name == "tr"
    assert fed.with_name("other")._pipe.parent.name == "par_other"
    assert named.with_name("q")._pipe.parent.name == "q_par"
    assert fed.with_name("other")._pipe.parent is not feed._pipe


def test_with_name_keeps_hints_and_steps() -> None:
    named = (
        dlt.resource(numbers, primary_key="n").add_map(lambda item: {"n": item["n"] + 10}).with_name("other", "there")
    )

    assert (named.name, named.section, named.table_name) == ("other", "there", "other")
    assert values(named) == [10, 11, 12]
    assert named.compute_table_schema()["columns"]["n"]["primary_key"]


def test_name_and_section_may_come_of_the_arguments() -> None:
    made = dlt.resource(needs, name=lambda args: "of_" + args["table"], section=lambda args: args["table"])

    assert made.name == "needs"
    assert (made("a").name, made("a").section) == ("of_a", "a")


# ---- arguments


def test_arguments() -> None:
    made = dlt.resource(needs)
    called = made("a", size=3)

    assert (made.requires_args, made.args_bound) == (True, False)
    assert (called.requires_args, called.args_bound) == (False, True)
    assert called.explicit_args == {"table": "a", "size": 3}
    assert made("b").explicit_args == {"table": "b"}
    assert list(called) == [{"table": "a", "size": 3}]


def test_bind_is_in_place() -> None:
    made = dlt.resource(needs)

    assert made.bind("a") is made
    assert list(made) == [{"table": "a", "size": 2}]


WRONG_CALLS: dict[str, Callable[[], Any]] = {
    "missing": lambda: dlt.resource(needs)(),
    "unknown": lambda: dlt.resource(needs)("a", other=1),
    "twice": lambda: dlt.resource(needs)("a")("b"),
    "data": lambda: dlt.resource([1], name="data")(),
    "asked too early": lambda: dlt.resource(needs).explicit_args,
}


@pytest.mark.parametrize("call", WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_wrong_calls(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        call()


def test_arguments_that_are_missing_are_named() -> None:
    with pytest.raises(ResourceError, match="table") as failed:
        list(dlt.resource(needs))

    assert failed.value.resource == "needs"
    assert "needs(table=...)" in str(failed.value)


def test_a_called_transformer_shares_what_feeds_it() -> None:
    feed = dlt.resource(numbers)
    fed = dlt.transformer(lambda item, times: item["n"] * times, data_from=feed, name="times")

    assert fed(2)._pipe.parent is feed._pipe
    assert list(fed(3)) == [0, 3, 6]


def test_function_with_the_annotation_is_called_for_its_resource() -> None:
    @dlt.resource
    def outer(name: str) -> DltResource:
        return dlt.resource(numbers, name=name, primary_key="n")

    assert outer("inner").name == "inner"
    assert outer("inner").compute_table_schema()["columns"]["n"]["primary_key"]


def test_resource_inside_a_resource_must_not_lose_its_hints() -> None:
    plain, hinted = dlt.resource(numbers), dlt.resource(numbers, primary_key="n")

    assert values(dlt.resource(lambda: plain, name="outer")) == [0, 1, 2]
    with pytest.raises(ResourceError, match="hints would be lost"):
        list(dlt.resource(lambda: hinted, name="outer"))
    with pytest.raises(ResourceError, match="hints would be lost"):
        list(dlt.resource(lambda: iter([hinted]), name="outer"))


# ---- steps

STEPS: dict[str, tuple[Callable[[DltResource], Any], list[Any]]] = {
    "map": (lambda r: r.add_map(lambda i: i["n"] * 2), [0, 2, 4]),
    "map to none": (lambda r: r.add_map(lambda i: i if i["n"] else None), [{"n": 1}, {"n": 2}]),
    "map to list": (lambda r: r.add_map(lambda i: [i["n"]] * 2), [0, 0, 1, 1, 2, 2]),
    "map to generator": (lambda r: r.add_map(lambda i: (x for x in "ab"[: i["n"]])), ["a", "a", "b"]),
    "map with a mark": (lambda r: r.add_map(lambda i, meta: (i["n"], meta)), [(0, None), (1, None), (2, None)]),
    "map with a default": (lambda r: r.add_map(lambda i, by=5: i["n"] * by), [0, 5, 10]),
    "filter": (lambda r: r.add_filter(lambda i: i["n"] != 1), [{"n": 0}, {"n": 2}]),
    "yield map": (lambda r: r.add_yield_map(lambda i: range(i["n"])), [0, 0, 1]),
    "raw": (lambda r: r.add_step(lambda i, meta: i), [{"n": 0}, {"n": 1}, {"n": 2}]),
    "inserted": (
        lambda r: r.add_map(lambda i: i["n"] + 1).add_map(lambda i: {"n": i["n"] * 10}, insert_at=1),
        [1, 11, 21],
    ),
    "function": (lambda r: r | (lambda i: i["n"]), [0, 1, 2]),
    "generator function": (lambda r: r | _twice, [0, 0, 1, 1, 2, 2]),
    "limit": (lambda r: r.add_limit(2), [{"n": 0}, {"n": 1}]),
    "limit then map": (lambda r: r.add_limit(2).add_map(lambda i: i["n"]), [0, 1]),
    "limit counts what filters let pass": (lambda r: r.add_limit(1).add_filter(lambda i: i["n"]), [{"n": 1}]),
    "limit none": (lambda r: r.add_limit(None), [{"n": 0}, {"n": 1}, {"n": 2}]),
    "limit -1": (lambda r: r.add_limit(-1), [{"n": 0}, {"n": 1}, {"n": 2}]),
    "limit 0": (lambda r: r.add_limit(0), []),
    "the last limit holds": (lambda r: r.add_limit(1).add_limit(2), [{"n": 0}, {"n": 1}]),
}


def _twice(item: dict[str, int]) -> Iterator[int]:
    yield item["n"]
    yield item["n"]


@pytest.mark.parametrize("name", STEPS)
def test_steps(name: str) -> None:
    add, expected = STEPS[name]

    assert list(add(dlt.resource(numbers))) == expected


@pytest.mark.parametrize("name", [name for name in STEPS if "limit" not in name and name != "map to list"])
def test_steps_on_pages(name: str) -> None:
    """A page of rows is as good as its rows, but for limits, and for lists: in a page they are rows."""
    add, expected = STEPS[name]

    assert list(add(dlt.resource(pages))) == expected


LIMITS_ON_PAGES = {
    "pages": ({"max_items": 1}, [0, 1]),
    "all pages": ({"max_items": 2}, [0, 1, 2]),
    "rows": ({"max_items": 1, "count_rows": True}, [0, 1]),
    "more rows": ({"max_items": 3, "count_rows": True}, [0, 1, 2]),
    "no time": ({"max_time": 0.0}, [0, 1]),
    "time": ({"max_time": 600.0}, [0, 1, 2]),
}


@pytest.mark.parametrize("name", LIMITS_ON_PAGES)
def test_limits_on_pages(name: str) -> None:
    limit, expected = LIMITS_ON_PAGES[name]

    assert values(dlt.resource(pages).add_limit(**limit)) == expected


def test_empty_pages_count_for_the_limit() -> None:
    assert values(dlt.resource([[], [{"n": 1}], [{"n": 2}]], name="pages").add_limit(2)) == [1]


def test_a_limit_on_a_transformer_has_no_effect_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    fed = dlt.resource(numbers) | dlt.transformer(lambda item: item["n"], name="tr")

    assert list(fed.add_limit(1)) == [0, 1, 2]
    assert "tr has no effect" in caplog.text


def test_nothing_is_pulled_beyond_the_limit() -> None:
    pulled = []

    def slow() -> Iterator[dict[str, int]]:
        for number in range(100):
            pulled.append(number)
            yield {"n": number}

    assert values(dlt.resource(slow).add_filter(lambda item: item["n"] % 2).add_limit(7)) == [1, 3, 5, 7, 9, 11, 13]
    assert len(pulled) <= 16


def test_metrics() -> None:
    def count(items: Any, meta: Any, metrics: dict[str, Any]) -> None:
        metrics["rows"] = metrics.get("rows", 0) + len(items)

    made = dlt.resource(pages).add_metrics(count)

    assert values(made) == [0, 1, 2]
    assert made.custom_metrics == {"rows": 3}


def test_limit_and_validator_can_be_asked_for() -> None:
    made = dlt.resource(numbers)
    assert (made.limit, made.validator, made.incremental) == (None, None, None)

    made.add_limit(2, 1.5, count_rows=True)

    assert made.limit == (2, 1.5, True)


def test_step_zero_is_the_generator() -> None:
    with pytest.raises(SchemaError, match="Step 0"):
        dlt.resource(numbers).add_map(lambda item: item, insert_at=0)


@pytest.mark.parametrize("method", ["add_map", "add_filter", "add_yield_map", "add_step"])
def test_a_step_must_be_callable(method: str) -> None:
    with pytest.raises(TypeError, match="numbers"):
        getattr(dlt.resource(numbers), method)("no function")


def _marked() -> Iterator[Any]:
    yield dlt.mark.with_table_name({"n": 1}, "one")
    yield dlt.mark.with_table_name([{"n": 2}, {"n": 3}], "two")
    yield {"n": 4}
    yield dlt.mark.with_hints({"n": 5}, dlt.mark.make_hints(table_name="five"), create_table_variant=True)


SELECTED = {("one",): [1], ("two",): [2, 3], ("one", "five"): [1, 5], ("data",): [4], ("none",): []}


@pytest.mark.parametrize("tables", SELECTED)
def test_select_tables_by_mark(tables: tuple[str, ...]) -> None:
    assert values(dlt.resource(_marked, name="data").select_tables(*tables)) == SELECTED[tables]


def test_select_tables_by_function() -> None:
    rows = [{"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "a", "n": 3}]
    for data in (rows, [rows], lambda: iter(rows)):
        made = dlt.resource(data, name="data", table_name=lambda item: item["k"]).select_tables("a")

        assert values(made) == [1, 3]
        assert made.filtered == 1


PARALLEL: dict[str, tuple[Callable[[], Any], bool]] = {
    "generator function": (lambda: numbers, True),
    "generator": (lambda: numbers(), True),
    "function": (lambda: lambda: [1], False),
    "list": (lambda: [1, 2], False),
    "iterator": (lambda: iter([1, 2]), False),
}


@pytest.mark.parametrize("name", PARALLEL)
def test_2_2_parallelize(name: str) -> None:
    make, fits = PARALLEL[name]

    for declare in (
        lambda: dlt.resource(make(), name="r", parallelized=True),
        lambda: dlt.resource(make(), name="r").parallelize(),
    ):
        if not fits:
            with pytest.raises(ResourceError, match="cannot run in a thread"):
                declare()
        else:
            assert list(declare()) == list(dlt.resource(make(), name="r"))
    assert list([1, 2] | dlt.transformer(lambda item: [item] * 2, parallelized=True, name="t")) in (
        [1, 1, 2, 2],
        [2, 2, 1, 1],
    )


# ---- transformers


def test_transformer_is_fed_by_name_or_pipe() -> None:
    feed = dlt.resource(numbers)
    by_name = dlt.transformer(lambda item: item["n"], data_from=feed, name="tr")
    bare = dlt.transformer(lambda item: item["n"], name="tr")

    assert list(by_name) == [0, 1, 2]
    assert (feed | bare) is bare
    assert list(bare) == [0, 1, 2]
    assert (bare.is_transformer, feed.is_transformer) == (True, False)


def test_transformer_of_an_iterable() -> None:
    fed = [1, 2] | dlt.transformer(lambda item: item * 10, name="tr")

    assert list(fed) == [10, 20]


def test_transformer_gets_pages_as_they_are() -> None:
    assert list(dlt.resource(pages) | dlt.transformer(lambda page: len(page), name="tr")) == [2, 1]


def test_transformer_gets_the_mark() -> None:
    def names(item: Any, meta: Any = None) -> Any:
        return {"n": getattr(meta, "table_name", None)}

    assert values(dlt.resource(_marked, name="data").add_limit(3) | dlt.transformer(names)) == ["one", "two", None]


WRONG_TRANSFORMERS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "resource in the place of the function": (lambda: dlt.transformer(dlt.resource(numbers)), ValueError, "data_from"),
    "no argument": (lambda: dlt.transformer(lambda: 1), ResourceError, "positional"),
    "not fed": (lambda: list(dlt.transformer(lambda item: item, name="tr")), ResourceError, "no data"),
    "not a transformer": (lambda: dlt.resource(numbers) | dlt.resource(pages), ResourceError, "cannot be fed"),
    "not a step": (lambda: dlt.resource(numbers) | 5, TypeError, "transformer or a function"),
}


@pytest.mark.parametrize("name", WRONG_TRANSFORMERS)
def test_wrong_transformers(name: str) -> None:
    make, error, text = WRONG_TRANSFORMERS[name]

    with pytest.raises(error, match=text):
        make()


# ---- hints


def test_hints_can_be_asked_for() -> None:
    plain = dlt.resource(numbers)
    hinted = dlt.resource(
        numbers,
        table_name="table",
        write_disposition="merge",
        columns={"n": {"data_type": "bigint"}},
        schema_contract="freeze",
        table_format="iceberg",
        max_table_nesting=2,
        nested_hints={"items": dlt.mark.make_nested_hints(primary_key="id")},
    )

    assert (plain.table_name, plain.write_disposition, plain.columns, plain.schema_contract) == (
        "numbers",
        "append",
        {},
        None,
    )
    assert (plain.table_format, plain.nested_hints, plain.max_table_nesting, plain.parent_table_name) == (None,) * 4
    assert (hinted.table_name, hinted.write_disposition, hinted.schema_contract) == ("table", "merge", "freeze")
    assert (hinted.columns["n"]["data_type"], hinted.table_format, hinted.max_table_nesting) == ("bigint", "iceberg", 2)
    assert hinted.nested_hints == {"items": {"primary_key": "id"}}


def test_hints_can_be_set() -> None:
    made = dlt.resource(numbers)

    made.table_name, made.write_disposition, made.schema_contract, made.max_table_nesting = "t", "replace", "freeze", 1

    schema = made.compute_table_schema()
    assert (schema["name"], schema["write_disposition"], schema["schema_contract"]) == ("t", "replace", "freeze")
    assert schema["x-normalizer"] == {"max_nesting": 1}
    made.max_table_nesting = None
    assert "x-normalizer" not in made.compute_table_schema()


CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "none keeps": ({"primary_key": "n"}, {"primary_key": None}, {"primary_key": "n"}),
    "empty removes": ({"primary_key": "n", "merge_key": "m"}, {"primary_key": ""}, {"merge_key": "m"}),
    "empty list removes": ({"primary_key": "n"}, {"primary_key": []}, {}),
    "value replaces": ({"primary_key": "n"}, {"primary_key": ["a", "b"]}, {"primary_key": ["a", "b"]}),
    "columns are merged": (
        {"columns": {"a": {"data_type": "text"}}},
        {"columns": [{"name": "a", "nullable": False}, {"name": "b", "data_type": "bool"}]},
        {
            "columns": {
                "a": {"name": "a", "data_type": "text", "nullable": False},
                "b": {"name": "b", "data_type": "bool"},
            }
        },
    ),
    "empty columns remove": ({"columns": {"a": {"data_type": "text"}}}, {"columns": {}}, {}),
    "additional hints are merged": (
        {"additional_table_hints": {"x-a": 1}},
        {"additional_table_hints": {"x-b": 2}},
        {"additional_table_hints": {"x-a": 1, "x-b": 2}},
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_apply_hints(name: str) -> None:
    first, second, expected = CHANGED[name]
    made = dlt.resource(numbers).apply_hints(**first)

    assert made.apply_hints(**second) is made
    assert made._hints == expected
    assert dlt.resource(numbers).merge_hints(first).merge_hints(second)._hints == expected


def test_copies_have_hints_of_their_own() -> None:
    made = dlt.resource(needs)
    copy = made("a").apply_hints(primary_key="n", columns={"a": {"data_type": "text"}})

    assert (made._hints, copy._hints.keys()) == ({}, {"primary_key", "columns"})


WRONG_HINTS: dict[str, dict[str, Any]] = {
    "disposition": {"write_disposition": "upsert"},
    "strategy": {"write_disposition": {"disposition": "merge", "strategy": "no"}},
    "option": {"write_disposition": {"disposition": "merge", "strategy": "upsert", "deduplicated": True}},
    "option of replace": {"write_disposition": {"disposition": "replace", "strategy": "staging"}},
    "contract": {"schema_contract": "thaw"},
    "contract entity": {"schema_contract": {"rows": "freeze"}},
    "dynamic without dynamic name": {"primary_key": lambda item: "id"},
    "columns": {"columns": "id"},
    "column without name": {"columns": [{"data_type": "text"}]},
    "references": {
        "references": [{"referenced_table": "a", "columns": ["a", "b"], "referenced_columns": ["a"]}],
    },
}


@pytest.mark.parametrize("name", WRONG_HINTS)
def test_wrong_hints(name: str) -> None:
    with pytest.raises(SchemaError):
        dlt.resource(numbers, **WRONG_HINTS[name])


def test_table_schema() -> None:
    made = dlt.resource(numbers, name="S Big", primary_key="Id X", columns={"A b": {"data_type": "text"}})

    assert made.compute_table_schema() == {
        "name": "S Big",
        "resource": "S Big",
        "write_disposition": "append",
        "columns": {
            "A b": {"name": "A b", "data_type": "text"},
            "Id X": {"name": "Id X", "nullable": False, "primary_key": True},
        },
    }


def test_table_schema_of_functions_needs_an_item() -> None:
    made = dlt.resource(
        numbers, table_name=lambda item: f"t{item['n']}", primary_key=lambda item: "n" if item["n"] else "m"
    )

    assert made.has_dynamic_hints
    assert made.compute_table_schema({"n": 1})["name"] == "t1"
    assert list(made.compute_table_schema({"n": 0})["columns"]) == ["m"]
    with pytest.raises(ResourceError, match="need an item"):
        made.compute_table_schema()


def test_table_schema_of_a_marked_item() -> None:
    made = dlt.resource(numbers, primary_key="n")
    marked = dlt.mark.with_hints({}, dlt.mark.make_hints(table_name="other", columns={"a": {"data_type": "text"}}))
    named = dlt.mark.with_table_name({}, "named")

    assert list(made.compute_table_schema({}, marked.meta)["columns"]) == ["a", "n"]
    assert made.compute_table_schema({}, marked.meta)["name"] == "other"
    assert made.compute_table_schema({}, named.meta)["name"] == "named"
    assert made.table_name == "numbers"


def test_nested_table_schemas() -> None:
    made = dlt.resource(
        numbers,
        name="S",
        nested_hints={
            ("it", "sub"): dlt.mark.make_nested_hints(columns={"a": {"data_type": "text"}}),
            "it ems": dlt.mark.make_nested_hints(primary_key="id"),
        },
    )

    assert made.compute_nested_table_schemas("S", Schema("x").naming) == [
        {
            "name": "s__it_ems",
            "resource": "S",
            "columns": {"id": {"name": "id", "nullable": False, "primary_key": True}},
        },
        {"name": "s__it__sub", "parent": "s__it", "columns": {"a": {"name": "a", "data_type": "text"}}},
    ]


def test_variants_keep_the_hints_of_the_resource() -> None:
    made = dlt.resource(numbers, primary_key="n", write_disposition="replace")
    made.apply_hints(table_name="other", columns={"b": {"data_type": "text"}}, create_table_variant=True)
    made.apply_hints(table_name="other", columns={"c": {"data_type": "bool"}}, create_table_variant=True)
    mark = dlt.mark.with_table_name({}, "other").meta

    variant = made.compute_table_schema({}, mark)

    assert list(variant["columns"]) == ["b", "c", "n"]
    assert (variant["write_disposition"], variant["variant_name"]) == ("replace", "other")
    assert list(made.compute_table_schema()["columns"]) == ["n"]


def test_a_variant_must_name_its_table() -> None:
    with pytest.raises(SchemaError, match="must name the table"):
        dlt.resource(numbers).apply_hints(primary_key="n", create_table_variant=True)


def test_shown() -> None:
    made = dlt.resource(numbers, primary_key="<n>")

    assert "numbers" in repr(made)
    assert "&lt;n&gt;" in made._repr_html_()


def test_hints_for_a_resource_that_is_made_already_are_not_ignored_in_silence(caplog):
    made = dlt.resource([{"id": 1}], name="made")

    assert dlt.resource(made, primary_key="id") is made
    assert "made already" in caplog.text
    assert "made.apply_hints" in caplog.text
    caplog.clear()
    assert dlt.resource(made) is made
    assert caplog.text == ""


@pytest.mark.parametrize("given", ["alone", "renamed", "in a list"])
def test_a_resource_that_its_source_leaves_out_is_loaded_when_nothing_else_is_passed(given):
    @dlt.source
    def two():
        return dlt.resource([{"a": 1}], name="one"), dlt.resource([{"b": 1}], name="other")

    left_out = two().with_resources("other").resources["one"]
    data = {"alone": left_out, "renamed": left_out.with_name("one"), "in a list": [left_out]}[given]
    pipeline = dlt.pipeline("chosen", destination="memory", dataset_name="data")
    pipeline.run(data)

    assert pipeline.last_trace.last_normalize_info.row_counts["one"] == 1
    assert not left_out.selected


def test_items_of_a_list_that_a_function_returns_come_one_by_one():
    @dlt.resource
    def rows():
        return [{"a": 1}, {"a": 2}, {"a": 3}]

    seen = []
    got = dlt.transformer(lambda row: seen.append(row) or row, data_from=rows, name="got")

    assert list(got) == [{"a": 1}, {"a": 2}, {"a": 3}] == seen
    assert list(rows().add_limit(2)) == [{"a": 1}, {"a": 2}]
