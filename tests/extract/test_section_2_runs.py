"""BEHAVIOUR 2.3-2.8: what extraction leaves in the data set, the schema and the state, row by row."""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

import dlt
from dlt.errors import ContractViolation, ResourceError, StepFailed

mark = dlt.mark
Rows = list[dict[str, Any]]


def pipeline(name: str = "runs") -> dlt.Pipeline:
    return dlt.pipeline(name, destination=dlt.destinations.duckdb("runs.duckdb"), dataset_name="ds")


def run(data: Any, **hints: Any) -> Any:
    return pipeline().run(data, **hints)


def stored(table: str, columns: str = "*") -> list[Any]:
    with duckdb.connect("runs.duckdb") as connection:
        found: list[Any] = connection.execute(f"SELECT {columns} FROM ds.{table} ORDER BY ALL").fetchall()
        return found


def columns(table: str) -> list[str]:
    return list(pipeline().default_schema.get_table_columns(table))


def tables() -> list[str]:
    if pipeline().default_schema_name is None:
        return []
    return sorted(pipeline().default_schema.data_table_names())


# ---- 2.3


def test_section_2_3_what_can_be_had_once_fails_in_extract() -> None:
    once = dlt.source(lambda: dlt.resource(iter([{"n": 1}]), name="once"), name="runs")()
    run(once)

    with pytest.raises(StepFailed, match="only once") as failed:
        run(once)

    assert failed.value.step == "extract"
    assert stored("once", "n") == [(1,)]


def test_section_2_3_functions_run_again() -> None:
    def again() -> Iterator[Any]:
        yield {"n": 1}

    source = dlt.source(lambda: dlt.resource(again), name="runs")()
    run(source)
    run(source)

    assert stored("again", "n") == [(1,), (1,)]


# ---- 2.4


@dlt.source(name="first")
def first() -> Any:
    return dlt.resource([{"a": 1}], name="a"), dlt.resource([{"b": 1}], name="b")


@dlt.source(name="second")
def second() -> Any:
    return dlt.resource([{"c": 1}], name="c")


PACKAGES: dict[str, tuple[Callable[[], Any], int, str]] = {  # load packages, default schema
    "rows": (lambda: [{"n": 1}], 1, "runs"),
    "resource": (lambda: dlt.resource([{"n": 1}], name="r"), 1, "runs"),
    "source": (first, 1, "first"),
    "factory": (lambda: first, 1, "first"),
    "two sources": (lambda: [second(), first()], 2, "first"),
    "one source twice": (lambda: [first(), first()], 1, "first"),
    "nothing": (lambda: None, 0, ""),
    "no rows": (list, 0, ""),
}


@pytest.mark.parametrize("kind", PACKAGES)
def test_section_2_4_packages(kind: str) -> None:
    make, packages, schema = PACKAGES[kind]
    hints = {"table_name": "t"} if kind in ("rows", "no rows") else {}

    info = run(make(), **hints)

    assert (len(info.loads_ids) if info is not None else 0) == packages
    assert (info is None) == (kind == "nothing")
    assert (pipeline().default_schema_name or "") == schema


def test_section_2_4_one_table_name_for_several_resources() -> None:
    run(first(), table_name="both")

    assert stored("both", "a, b") == [(1, None), (None, 1)]


def test_section_2_4_the_contract_of_a_run_is_that_of_the_source() -> None:
    run(first())

    with pytest.raises(StepFailed) as failed:
        run(first(), table_name="new", schema_contract="freeze")

    assert isinstance(failed.value.exception, ContractViolation)
    assert tables() == ["a", "b"]


# ---- 2.5 what items become

ITEMS: dict[str, tuple[Any, list[Any]]] = {
    "rows": ([{"value": 1}, {"value": 2}], [1, 2]),
    "pages": ([[{"value": 1}], [{"value": 2}]], [1, 2]),
    "scalars": ([1, 2], [1, 2]),
    "pages of scalars": ([[1, 2], [3]], [1, 2, 3]),
    "texts": (["a", "b"], ["a", "b"]),
    "none": ([{"value": 1}, None], [1]),
    "arrow": ([pa.table({"value": [1, 2]})], [1, 2]),
    "record batch": ([pa.record_batch({"value": [1, 2]})], [1, 2]),
    "pandas": ([pd.DataFrame({"value": [1, 2]})], [1, 2]),
    "polars": ([pl.DataFrame({"value": [1, 2]})], [1, 2]),
    "lazy polars": ([pl.LazyFrame({"value": [1, 2]})], [1, 2]),
    "page of frames": ([[pa.table({"value": [1]}), pl.DataFrame({"value": [2]})]], [1, 2]),
}


@pytest.mark.parametrize("kind", ITEMS)
def test_section_2_5_items(kind: str) -> None:
    data, values = ITEMS[kind]

    run(dlt.resource(data, name="t"))

    assert stored("t", "value") == [(value,) for value in values]


NAMES: dict[str, tuple[Callable[[], Any], str]] = {  # mark > function > hint > name of the resource
    "resource": (lambda: dlt.resource([{"n": 1}], name="My Rows"), "my_rows"),
    "hint": (lambda: dlt.resource([{"n": 1}], name="rows", table_name="My Table"), "my_table"),
    "function": (lambda: dlt.resource([{"n": 1}], name="rows", table_name=lambda item: "A x"), "a_x"),
    "mark": (
        lambda: dlt.resource([mark.with_table_name({"n": 1}, "Marked One")], name="rows", table_name=lambda item: "f"),
        "marked_one",
    ),
}


@pytest.mark.parametrize("kind", NAMES)
def test_section_2_5_names_of_tables(kind: str) -> None:
    make, name = NAMES[kind]
    resource = make()

    run(resource)

    assert tables() == [name]
    assert pipeline().default_schema.get_table(name)["resource"] == resource.name


def test_section_2_5_a_contract_holds_for_the_first_rows_too() -> None:
    frozen = dlt.resource([{"n": 1}], name="t", schema_contract={"tables": "freeze"})
    with pytest.raises(StepFailed) as failed:
        run(frozen)
    assert isinstance(failed.value.exception, ContractViolation)
    assert tables() == []

    run(dlt.resource([{"n": 1}, {"n": 2, "more": 1}], name="t", schema_contract={"columns": "freeze"}))
    assert stored("t", "n, more") == [(1, None), (2, 1)]
    with pytest.raises(StepFailed):
        run(dlt.resource([{"other": 1}], name="t", schema_contract={"columns": "freeze"}))


def counted(*items: Any, **hints: Any) -> Any:
    """A resource that counts in its state how often it ran."""

    def rows() -> Iterator[Any]:
        state = dlt.current.resource_state()
        state["runs"] = state.get("runs", 0) + 1
        yield from items

    return dlt.resource(rows, name="t", **hints)


def state_of(name: str = "t") -> dict[str, Any]:
    found: dict[str, Any] = pipeline().state["sources"]["runs"]["resources"].get(name, {})
    return found


KEPT = {"replace": 1, "append": 2, "merge": 2}


@pytest.mark.parametrize("disposition", KEPT)
def test_section_2_5_replace_forgets_the_state(disposition: str) -> None:
    hints = {"primary_key": "n"} if disposition == "merge" else {}
    for _ in range(2):
        run(counted({"n": 1}, write_disposition=disposition, **hints))

    assert state_of()["runs"] == KEPT[disposition]


def test_section_2_5_replace_forgets_the_cursor() -> None:
    for _ in range(2):
        run(dlt.resource([{"id": 1}], name="t", write_disposition="replace", incremental=dlt.sources.incremental("id")))

    assert stored("t", "id") == [(1,)]


NOTHING: dict[str, Any] = {"no rows": [], "empty pages": [[], []], "none": [None]}


@pytest.mark.parametrize("kind", NOTHING)
def test_section_2_5_replace_by_nothing_empties_all_tables(kind: str) -> None:
    run(dlt.resource([{"n": 1, "kids": [{"m": 1}, {"m": 2}]}], name="t", write_disposition="replace"))
    assert len(stored("t__kids")) == 2

    run(dlt.resource(NOTHING[kind], name="t", write_disposition="replace"))

    assert (stored("t"), stored("t__kids")) == ([], [])


def test_section_2_5_replace_empties_tables_that_get_no_rows_this_time() -> None:
    def rows(*kinds: str) -> Any:
        made = [{"kind": kind} for kind in kinds]
        return dlt.resource(made, name="t", table_name=lambda item: item["kind"], write_disposition="replace")

    run(rows("x", "y"))
    run(rows("x"))

    assert (len(stored("x")), len(stored("y"))) == (1, 0)


@pytest.mark.parametrize("disposition", ["append", "merge"])
def test_section_2_5_nothing_makes_no_package(disposition: str) -> None:
    info = run(dlt.resource([], name="t", write_disposition=disposition, primary_key="n"))

    assert info.loads_ids == []
    assert pipeline().default_schema_name is None


def test_section_2_5_an_empty_table_with_its_columns() -> None:
    declared = {"b": {"data_type": "text"}, "a": {"data_type": "bigint", "nullable": False}}
    run(dlt.resource([mark.materialize_table_schema()], name="t", columns=declared))

    assert stored("t") == []
    assert columns("t")[:2] == ["b", "a"]


# ---- 2.5 arrow


def test_section_2_5_columns_of_arrow() -> None:
    table = pa.table({"User Id": [1], "amount": pa.array([1], pa.int32()), "day": pa.array([0], pa.date32())})
    run(dlt.resource([table], name="t", columns={"amount": {"data_type": "double"}}))

    types = {name: column["data_type"] for name, column in pipeline().default_schema.get_table_columns("t").items()}
    assert types == {"user_id": "bigint", "amount": "double", "day": "date"}
    assert stored("t") == [(1, 1.0, dt.date(1970, 1, 1))]


# ---- 2.5 files


@pytest.mark.parametrize("packed", [False, True])
def test_section_2_5_compression_is_found_in_the_file(packed: bool) -> None:
    text = b'{"n": 1}\n{"n": 2}\n'
    Path("rows.jsonl").write_bytes(gzip.compress(text) if packed else text)

    run(dlt.resource([mark.with_file_import("rows.jsonl", "jsonl", 2)], name="t"))

    assert stored("t", "n") == [(1,), (2,)]


def test_section_2_5_a_file_that_is_not_there() -> None:
    with pytest.raises(StepFailed, match=r"rows\.csv") as failed:
        run(dlt.resource(lambda: iter([mark.with_file_import("rows.csv", "csv", 2)]), name="t"))

    assert failed.value.step == "extract"


# ---- 2.6


def test_section_2_6_rows_go_to_the_table_that_the_function_names() -> None:
    run(dlt.resource([{"type": "A x"}, {"type": "b"}], name="rows", table_name=lambda item: item["type"]))

    assert tables() == ["a_x", "b"]
    assert {pipeline().default_schema.get_table(name)["resource"] for name in tables()} == {"rows"}


VARIANTS: dict[str, tuple[bool, dict[str, Rows]]] = {
    "variant": (True, {"rows": [{"n": 1}, {"n": 3}], "v": [{"n": 2}]}),
    "for good": (False, {"rows": [{"n": 1}], "v": [{"n": 2}, {"n": 3}]}),
}


@pytest.mark.parametrize("kind", VARIANTS)
def test_section_2_6_hints_of_items(kind: str) -> None:
    variant, expected = VARIANTS[kind]
    hints = mark.make_hints(table_name="v", primary_key="n")
    run(dlt.resource([{"n": 1}, mark.with_hints({"n": 2}, hints, variant), {"n": 3}], name="rows"))

    found = {name: [{"n": n} for (n,) in stored(name, "n")] for name in tables()}
    schema = pipeline().default_schema
    assert found == expected
    assert schema.get_table("v")["columns"]["n"]["primary_key"] is True
    assert "primary_key" not in schema.get_table("rows")["columns"]["n"]


NESTED: dict[str, tuple[dict[str, Any], bool]] = {  # hints of the list, whether its table is one of its own
    "columns": ({"columns": {"m": {"data_type": "text"}}}, False),
    "primary key": ({"primary_key": "m"}, True),
    "merge key": ({"merge_key": "m"}, True),
    "primary key and disposition": ({"primary_key": "m", "write_disposition": "merge"}, True),
}


@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("path", ["items", ("items",)], ids=["text", "tuple"])
def test_section_2_6_hints_of_nested_tables(kind: str, path: Any) -> None:
    hints, own = NESTED[kind]
    made = dlt.resource(
        [{"id": 1, "items": [{"m": 1}, {"m": 2}]}], name="rows", nested_hints={path: mark.make_nested_hints(**hints)}
    )

    run(made)

    table = pipeline().default_schema.get_table("rows__items")
    assert (table.get("parent"), table.get("resource")) == ((None, "rows") if own else ("rows", None))
    assert ("_dlt_parent_id" in table["columns"], "_dlt_load_id" in table["columns"]) == (not own, own)
    assert table.get("write_disposition") == (hints.get("write_disposition", "append") if own else None)
    assert len(stored("rows__items")) == 2


def test_section_2_6_hints_two_levels_down() -> None:
    made = dlt.resource(
        [{"items": [{"subs": [{"k": 1}]}]}],
        name="rows",
        nested_hints={("items", "subs"): mark.make_nested_hints(columns={"k": {"data_type": "text"}})},
    )

    run(made)

    assert stored("rows__items__subs", "k") == [("1",)]


def test_section_2_6_hints_two_levels_down_without_rows() -> None:
    """An error in dlt 1.31."""
    hints = {("items", "subs"): mark.make_nested_hints(columns={"k": {"data_type": "text"}})}
    run(dlt.resource([{"id": 1}], name="rows", nested_hints=hints))

    assert stored("rows", "id") == [(1,)]


PARENTS: dict[str, Callable[[], Any]] = {
    "resource": lambda: dlt.resource([{"n": 1}], name="down").apply_hints(parent_table_name="up"),
    "item": lambda: dlt.resource([mark.with_hints({"n": 1}, mark.make_hints("down", "up"), True)], name="rows"),
}


@pytest.mark.parametrize("kind", PARENTS)
def test_section_2_6_rows_of_a_resource_are_not_nested(kind: str) -> None:
    """dlt 1.31 ends with a KeyError."""
    with pytest.raises(StepFailed, match="cannot be nested in the table 'up'"):
        run([dlt.resource([{"id": 1}], name="up"), PARENTS[kind]()])


# ---- 2.7

VALUES: dict[str, Any] = {
    "text": "a",
    "number": 1.5,
    "list": [1, {"a": None}],
    "instant": dt.datetime(2024, 5, 6, 7, 8, 9, tzinfo=dt.UTC),
    "day": dt.date(2024, 5, 6),
    "decimal": decimal.Decimal("1.10"),
    "bytes": b"\x00a",
    "uuid": uuid.UUID(int=5),
}


@pytest.mark.parametrize("kind", VALUES)
def test_section_2_7_values_of_the_state(kind: str) -> None:
    seen = []

    def rows() -> Iterator[Any]:
        seen.append(dlt.current.resource_state().get("v"))
        dlt.current.resource_state()["v"] = VALUES[kind]
        yield {"n": 1}

    for _ in range(2):
        run(dlt.resource(rows, name="t"))

    assert seen == [None, VALUES[kind]]


PLACES: dict[str, tuple[Callable[[], Any], str]] = {
    "resource alone": (lambda: counted({"n": 1}), "runs"),
    "resource in a source": (lambda: dlt.source(lambda: counted({"n": 1}), name="shop")(), "shop"),
}


@pytest.mark.parametrize("kind", PLACES)
def test_section_2_7_where_the_state_is(kind: str) -> None:
    make, source = PLACES[kind]

    run(make())

    assert pipeline().state["sources"] == {source: {"resources": {"t": {"runs": 1}}}}


def test_section_2_7_a_failed_extract_leaves_the_state() -> None:
    def boom() -> Iterator[Any]:
        dlt.current.resource_state()["runs"] = 9
        yield {"n": 1}
        raise ValueError("boom")

    run(counted({"n": 1}))
    with pytest.raises(StepFailed, match="boom") as failed:
        run(dlt.resource(boom, name="t"))

    assert isinstance(failed.value.exception, ResourceError)
    assert state_of() == {"runs": 1}


def test_section_2_7_a_row_of_state_for_each_change() -> None:
    found = []
    for changes in (True, True, False, False):
        run(counted({"n": 1}) if changes else dlt.resource([{"n": 1}], name="t"))
        found.append(len(stored("_dlt_pipeline_state")))

    assert found == [1, 2, 2, 2]


# ---- 2.8


class Inner(pydantic.BaseModel):
    a: int
    b: str | None = None


class Plain(pydantic.BaseModel):
    id: int
    renamed: str = pydantic.Field(alias="other")
    maybe: float | None = None
    several: int | str = 0
    anything: Any = None
    tags: list[str] = []
    inner: Inner | None = None


class Expanded(Plain):
    dlt_config: ClassVar[Any] = {"skip_nested_types": True}


DECLARED: dict[str, tuple[Any, dict[str, tuple[str | None, bool]]]] = {
    "plain": (
        Plain,
        {
            "id": ("bigint", False),
            "other": ("text", False),
            "maybe": ("double", True),
            "several": ("bigint", False),
            "tags": ("json", False),
            "inner": ("json", True),
        },
    ),
    "expanded": (
        Expanded,
        {
            "id": ("bigint", False),
            "other": ("text", False),
            "maybe": ("double", True),
            "several": ("bigint", False),
            "inner__a": ("bigint", True),
            "inner__b": ("text", True),
        },
    ),
}


@pytest.mark.parametrize("kind", DECLARED)
def test_section_2_8_columns_of_a_model(kind: str) -> None:
    model, expected = DECLARED[kind]

    declared = dlt.resource([], name="t", columns=model).compute_table_schema()["columns"]

    found = {name: (column.get("data_type"), column.get("nullable", True)) for name, column in declared.items()}
    assert {name: column for name, column in found.items() if column[0]} == expected
