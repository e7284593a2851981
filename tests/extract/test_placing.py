"""Items and their places: tables by name, mark and function, variants, nested hints, tables without rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dlt
from dlt.errors import ResourceError, SchemaError
from dlt.extract.placing import Placing, placed
from dlt.extract.source import sources_of

mark = dlt.mark


def placing_of(*resources: Any, **hints: Any) -> Placing:
    (source,) = sources_of(list(resources), schema_name="default", section="s", **hints)
    return placed(source, {})


def rows_by_table(placing: Placing) -> dict[str, list[Any]]:
    """The rows of each table; 'Arrow' stands for those of tables."""
    found: dict[str, list[Any]] = {}
    for place, item in placing:
        rows = found.setdefault(place[0], [])
        if isinstance(item, list):
            rows += item
        elif isinstance(item, pa.RecordBatch):
            rows += item.to_pylist()
        else:
            rows.append(item)
    return found


def n(*numbers: int) -> list[dict[str, int]]:
    return [{"n": number} for number in numbers]


# ---- which table

TABLES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "resource name": (lambda: dlt.resource(n(1, 2), name="r"), {"r": n(1, 2)}),
    "table name": (lambda: dlt.resource(n(1), name="r", table_name="t"), {"t": n(1)}),
    "pages": (lambda: dlt.resource([n(1, 2), n(3)], name="r"), {"r": n(1, 2, 3)}),
    "marked row": (
        lambda: dlt.resource([mark.with_table_name({"n": 1}, "m"), {"n": 2}], name="r"),
        {"m": n(1), "r": n(2)},
    ),
    "marked page": (lambda: dlt.resource([mark.with_table_name(n(1, 2), "m")], name="r"), {"m": n(1, 2)}),
    "mark beats function": (
        lambda: dlt.resource([mark.with_table_name({"n": 1}, "m")], name="r", table_name=lambda item: "f"),
        {"m": n(1)},
    ),
    "function": (
        lambda: dlt.resource(n(1, 2, 3, 4), name="r", table_name=lambda item: f"t{item['n'] % 2}"),
        {"t1": n(1, 3), "t0": n(2, 4)},
    ),
    "function on pages": (
        lambda: dlt.resource([n(1, 2), n(3, 4)], name="r", table_name=lambda item: f"t{item['n'] % 2}"),
        {"t1": n(1, 3), "t0": n(2, 4)},
    ),
    "function on a table": (
        lambda: dlt.resource([pa.table({"n": [1, 2]})], name="r", table_name=lambda table: f"t{table.num_rows}"),
        {"t2": n(1, 2)},
    ),
    "frames": (lambda: dlt.resource([pd.DataFrame({"n": [1]}), pl.DataFrame({"n": [2]})], name="r"), {"r": n(1, 2)}),
    "hints with a function": (
        lambda: dlt.resource([mark.with_hints(n(1, 2), mark.make_hints(lambda item: f"t{item['n']}"))], name="r"),
        {"t1": n(1), "t2": n(2)},
    ),
    "hints stay": (
        lambda: dlt.resource([{"n": 1}, mark.with_hints({"n": 2}, mark.make_hints("later")), {"n": 3}], name="r"),
        {"r": n(1), "later": n(2, 3)},
    ),
    "variants do not": (
        lambda: dlt.resource(
            [mark.with_hints({"n": 1}, mark.make_hints("v"), create_table_variant=True), {"n": 2}], name="r"
        ),
        {"v": n(1), "r": n(2)},
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    make, expected = TABLES[name]
    placing = placing_of(make())

    found = rows_by_table(placing)

    assert found == expected
    assert {table: rows for (_, table), rows in placing.rows.items()} == {t: len(rows) for t, rows in found.items()}


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no name": (
        lambda: dlt.resource(n(1), name="r", table_name=lambda item: None),
        ResourceError,
        "must return a text",
    ),
    "no text": (lambda: dlt.resource(n(1), name="r", table_name=lambda item: 5), ResourceError, "must return a text"),
    "name fails": (lambda: dlt.resource(n(1), name="r", table_name=lambda item: item["x"]), ResourceError, "KeyError"),
    "hint fails": (
        lambda: dlt.resource(n(1), name="r", table_name=lambda item: "t", primary_key=lambda item: item["x"]),
        ResourceError,
        "'primary_key' raised KeyError",
    ),
    "hint is wrong": (
        lambda: dlt.resource(n(1), name="r", table_name=lambda item: "t", write_disposition=lambda item: "upsert"),
        SchemaError,
        "upsert",
    ),
    "variant without name": (
        lambda: dlt.resource(
            [mark.with_hints({}, mark.make_hints(primary_key="n"), create_table_variant=True)], name="r"
        ),
        SchemaError,
        "must name the table",
    ),
    "which empty table": (
        lambda: dlt.resource([mark.materialize_table_schema()], name="r", table_name=lambda item: "t"),
        ResourceError,
        "Which table",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    make, error, text = WRONG[name]

    with pytest.raises(error, match=text) as failed:
        list(placing_of(make()))
    if isinstance(failed.value, ResourceError):
        assert failed.value.resource == "r"


# ---- hints


def test_places_are_the_same_object_while_hints_are_the_same() -> None:
    def rows() -> Iterator[Any]:
        for number in range(10):
            yield n(number)
            yield mark.with_table_name(n(number), "other")
            yield mark.with_hints(n(number), mark.make_hints("variant", primary_key="n"), create_table_variant=True)
            yield mark.with_hints(n(number), mark.make_hints(columns={"n": {"data_type": "bigint"}}))

    seen: dict[str, set[int]] = {}
    kept = []
    for place, _ in placing_of(dlt.resource(rows)):
        kept.append(place)  # so that no id is used twice
        seen.setdefault(place[0], set()).add(id(place[1]))

    assert {table: len(ids) for table, ids in seen.items()} == {"rows": 2, "other": 2, "variant": 1}


def test_dynamic_hints_of_each_item() -> None:
    made = dlt.resource(
        [n(1, 2, 3, 4)],
        name="r",
        table_name=lambda item: f"t{item['n'] % 2}",
        primary_key=lambda item: "n" if item["n"] % 2 else ["n", "m"],
        write_disposition=lambda item: "merge",
    )

    found = list(placing_of(made))

    assert [(place[0], place[1].keys("primary_key"), item) for place, item in found] == [
        ("t1", ("n",), n(1, 3)),
        ("t0", ("n", "m"), n(2, 4)),
    ]
    assert {place[1].write_disposition for place, _ in found} == {"merge"}


def test_dynamic_hints_on_pages_use_a_place_again() -> None:
    made = dlt.resource(
        [n(number) for number in range(50)],
        name="r",
        table_name=lambda item: "t",
        columns=lambda item: {"n": {"data_type": "text" if item["n"] % 2 else "bigint"}},
    )

    places = [place for place, _ in placing_of(made)]

    assert len({id(place[1]) for place in places}) == 2
    assert [place[1].columns["n"].data_type for place in places[:3]] == ["bigint", "text", "bigint"]


def test_variants() -> None:
    hints = mark.make_hints("v", columns={"b": {"data_type": "text"}})

    def rows() -> Iterator[Any]:
        yield {"n": 1}
        yield mark.with_hints({"n": 2}, hints, create_table_variant=True)
        yield mark.with_table_name({"n": 3}, "v")
        yield mark.with_table_name({"n": 4}, "plain")

    tables = {
        place[0]: place[1] for place, _ in placing_of(dlt.resource(rows, primary_key="n", write_disposition="replace"))
    }

    assert {name: (table.variant_name, list(table.columns)) for name, table in tables.items()} == {
        "rows": (None, ["n"]),
        "v": ("v", ["b", "n"]),
        "plain": (None, ["n"]),
    }
    assert {table.resource for table in tables.values()} == {"rows"}
    assert {table.write_disposition for table in tables.values()} == {"replace"}


def test_hints_changed_by_the_code_hold_from_the_next_row() -> None:
    def rows() -> Iterator[Any]:
        yield {"n": 1}
        dlt.current.resource().apply_hints(table_name="second")
        yield {"n": 2}
        for number in range(3, 40):
            yield {"n": number}
        dlt.current.resource().apply_hints(table_name="third")
        for number in range(40, 50):
            yield {"n": number}

    made = dlt.resource(rows)
    found = rows_by_table(placing_of(made))

    assert found == {"rows": n(1), "second": n(*range(2, 40)), "third": n(*range(40, 50))}
    assert made.table_name == "rows"


def test_nested_hints() -> None:
    made = dlt.resource(
        [{"items": [{"subs": [1]}]}],
        name="orders",
        nested_hints={
            ("items", "subs"): mark.make_nested_hints(columns={"value": {"data_type": "text"}}),
            "items": mark.make_nested_hints(primary_key="id", write_disposition="merge"),
        },
    )

    ((place, _),) = placing_of(made)

    nested = place[2]
    assert list(nested) == [("items",), ("items", "subs")]
    items, subs = nested["items",], nested["items", "subs"]
    assert (items.name, items.parent, items.resource, items.write_disposition) == (
        "orders__items",
        None,
        "orders",
        "merge",
    )
    assert (subs.name, subs.parent, subs.resource) == ("orders__items__subs", "orders__items", None)
    assert subs.columns["value"].data_type == "text"


@pytest.mark.parametrize(("own", "of_source", "depth"), [(None, None, None), (2, None, 2), (None, 1, 1), (0, 3, 0)])
def test_nesting_depth(own: int | None, of_source: int | None, depth: int | None) -> None:
    source = dlt.source(
        lambda: dlt.resource(n(1), name="r", max_table_nesting=own), name="made", max_table_nesting=of_source
    )

    ((place, _),) = placed(source(), {})

    assert place[3] == depth


# ---- tables without rows

EMPTY: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "replace": (lambda: dlt.resource([], name="r", write_disposition="replace"), ["r"]),
    "replace as a dict": (lambda: dlt.resource([], name="r", write_disposition={"disposition": "replace"}), ["r"]),
    "replace with rows": (lambda: dlt.resource(n(1), name="r", write_disposition="replace"), []),
    "replace with empty pages": (lambda: dlt.resource([[], []], name="r", write_disposition="replace"), ["r"]),
    "replace with a frame without rows": (
        lambda: dlt.resource([pl.DataFrame({"n": []}).lazy()], name="r", write_disposition="replace"),
        ["r"],
    ),
    "replace without the rows of the filter": (
        lambda: dlt.resource(n(1), name="r", write_disposition="replace").add_filter(lambda item: False),
        ["r"],
    ),
    "replace whose rows are marked": (
        lambda: dlt.resource([mark.with_table_name({}, "m")], name="r", write_disposition="replace"),
        ["r"],
    ),
    "replace by function": (
        lambda: dlt.resource([], name="r", table_name=lambda item: "t", write_disposition="replace"),
        [],
    ),
    "append": (lambda: dlt.resource([], name="r"), []),
    "merge": (lambda: dlt.resource([], name="r", write_disposition="merge", primary_key="n"), []),
    "made": (lambda: dlt.resource([mark.materialize_table_schema()], name="r"), ["r"]),
    "made by mark": (
        lambda: dlt.resource([mark.with_table_name(mark.materialize_table_schema(), "m")], name="r"),
        ["m"],
    ),
    "made and filled": (lambda: dlt.resource([mark.materialize_table_schema(), {"n": 1}], name="r"), []),
    "made twice": (lambda: dlt.resource([mark.materialize_table_schema()] * 2, name="r"), ["r"]),
    "not selected, but passed alone": (
        lambda: dlt.resource([], name="r", write_disposition="replace", selected=False),
        ["r"],
    ),
}


@pytest.mark.parametrize("name", EMPTY)
def test_tables_without_rows(name: str) -> None:
    make, tables = EMPTY[name]
    placing = placing_of(make())

    last = [place for place, item in placing if item == []]

    assert [place[0] for place in last] == tables
    assert placing.empty == last


def test_replaced_resources_are_known() -> None:
    placing = placing_of(
        dlt.resource([], name="a", write_disposition="replace", table_name="t"), dlt.resource([], name="b")
    )

    assert placing.replaced == {"a"}


def test_columns_of_an_empty_frame_are_declared() -> None:
    ((place, item),) = placing_of(dlt.resource([pa.table({"n": pa.array([], pa.int64())})], name="r"))

    assert (place[0], item.num_rows, item.schema.names) == ("r", 0, ["n"])


# ---- books


def test_filtered_rows_by_table() -> None:
    placing = placing_of(
        dlt.resource([{"n": 1}, None, {"n": 2}], name="a", table_name="t").add_filter(lambda item: item["n"] > 1),
        dlt.resource([{"n": 1}], name="b", table_name=lambda item: "x").add_filter(lambda item: False),
        dlt.resource([{"n": 1}], name="c"),
    )

    list(placing)

    assert placing.filtered == {"t": 2, "b": 1}
    assert placing.rows == {("a", "t"): 1, ("c", "c"): 1}


def test_counts_of_streams() -> None:
    table = pa.table({"n": [1, 2, 3]})
    placing = placing_of(dlt.resource([table.to_reader(), pl.LazyFrame({"n": [1]})], name="r"))

    list(placing)

    assert placing.rows == {("r", "r"): 4}


def test_generators_are_closed_when_nobody_wants_more() -> None:
    closed = []

    def rows() -> Iterator[Any]:
        try:
            yield n(1)
            yield n(2)
        finally:
            closed.append(True)

    running = iter(placing_of(dlt.resource(rows)))
    next(running)
    running.close()  # type: ignore[attr-defined]

    assert closed == [True]
