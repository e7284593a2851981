"""What `run` and `extract` accept, and the sources that come of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pydantic
import pytest

import dlt
from dlt.errors import ResourceError, SchemaError, UnknownSourceReference
from dlt.extract.placing import placed
from dlt.extract.source import DltSource, sources_of
from dlt.schema.schema import Schema


def accepted(data: Any, **hints: Any) -> list[DltSource]:
    return sources_of(data, schema_name="default", section="pipeline", **hints)


def tables(data: Any, **hints: Any) -> dict[str, int]:
    """Rows by table."""
    found: dict[str, int] = {}
    for source in accepted(data, **hints):
        placing = placed(source, {})
        list(placing)
        for (_, table), rows in placing.rows.items():
            found[table] = found.get(table, 0) + rows
    return found


def numbers() -> Iterator[dict[str, int]]:
    yield {"n": 1}
    yield {"n": 2}


@dlt.source
def pair() -> Any:
    return dlt.resource([{"a": 1}], name="a"), dlt.resource([{"b": 1}], name="b")


@dataclasses.dataclass
class Point:
    x: int


class Model(pydantic.BaseModel):
    x: int


class Stream:
    """Anything that speaks the Arrow C stream interface."""

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        return pa.table({"n": [1, 2, 3]}).__arrow_c_stream__(requested_schema)


ARROW = pa.table({"n": [1, 2]})
ACCEPTED: dict[str, tuple[Callable[[], Any], int]] = {
    "list of dicts": (lambda: [{"n": 1}, {"n": 2}], 2),
    "empty list": (list, 0),
    "tuple": (lambda: ({"n": 1},), 1),
    "set": (lambda: {1, 2, 3}, 3),
    "list of numbers": (lambda: [1, 2], 2),
    "list of dataclasses": (lambda: [Point(1), Point(2)], 2),
    "list of models": (lambda: [Model(x=1)], 1),
    "generator": (lambda: numbers(), 2),
    "generator function": (lambda: numbers, 2),
    "generator expression": (lambda: ({"n": n} for n in range(4)), 4),
    "map": (lambda: map(dict, [[("n", 1)]]), 1),
    "dict values": (lambda: {"k": {"n": 1}}.values(), 1),
    "pandas": (lambda: pd.DataFrame({"n": [1, 2]}), 2),
    "polars": (lambda: pl.DataFrame({"n": [1, 2]}), 2),
    "lazy polars": (lambda: pl.LazyFrame({"n": [1, 2]}), 2),
    "arrow table": (lambda: ARROW, 2),
    "record batch": (lambda: ARROW.to_batches()[0], 2),
    "record batch reader": (lambda: ARROW.to_reader(), 2),
    "arrow stream": (Stream, 3),
    "list of frames": (lambda: [pd.DataFrame({"n": [1]}), ARROW], 3),
    "resource": (lambda: dlt.resource([{"n": 1}], name="own"), 1),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_accepted(kind: str) -> None:
    make, rows = ACCEPTED[kind]

    assert sum(tables(make(), table_name="table").values()) == rows
    assert set(tables(make(), table_name="table")) <= {"table"}


NAMES: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "source": (lambda: pair(), ["a", "b"]),
    "factory": (lambda: pair, ["a", "b"]),
    "sources": (lambda: [pair(), pair().clone(with_name="pair2")], ["a", "b"]),
    "resource": (lambda: dlt.resource(numbers), ["numbers"]),
    "resources": (lambda: [dlt.resource(numbers), dlt.resource([{"n": 1}], name="c")], ["numbers", "c"]),
    "source and resource": (lambda: [pair(), dlt.resource(numbers)], ["a", "b", "numbers"]),
    "function": (lambda: numbers, ["numbers"]),
    "generator": (lambda: numbers(), ["numbers"]),
    "lambda": (lambda: lambda: [{"n": 1}], ["<lambda>"]),
}


@pytest.mark.parametrize("kind", NAMES)
def test_names(kind: str) -> None:
    make, names = NAMES[kind]

    assert list(tables(make())) == names


REFUSED: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "dict": ({"a": 1}, {"table_name": "t"}, ResourceError, "list"),
    "number": (12, {"table_name": "t"}, ResourceError, "list"),
    "none": (None, {"table_name": "t"}, ResourceError, "list"),
    "model": (Model(x=1), {"table_name": "t"}, ResourceError, "list"),
    "dataclass": (Point(1), {"table_name": "t"}, ResourceError, "list"),
    "text": ("no_such_source", {}, UnknownSourceReference, "no source 'no_such_source'"),
    "bytes": (b"text", {"table_name": "t"}, ResourceError, "list"),
    "list without name": ([{"a": 1}], {}, ResourceError, "table_name="),
    "rows behind a resource": ([dlt.resource(numbers), {"a": 1}], {}, ResourceError, "begins with"),
    "rows behind a source": ([pair(), [{"a": 1}]], {}, ResourceError, "begins with"),
    "wrong hint": ([{"a": 1}], {"table_name": "t", "write_disposition": "upsert"}, SchemaError, "upsert"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind: str) -> None:
    data, hints, error, text = REFUSED[kind]

    with pytest.raises(error, match=text):
        accepted(data, **hints)


def test_bare_data_goes_to_the_default_schema() -> None:
    (source,) = accepted([{"n": 1}], table_name="t")

    assert (source.name, source.section, list(source.resources)) == ("default", "pipeline", ["t"])


def test_bare_resources_share_one_source_and_keep_forks() -> None:
    feed = dlt.resource(numbers)
    fed = feed | dlt.transformer(lambda item: item, name="fed")

    (source,) = accepted([feed, fed])

    assert source.fed._pipe.parent is source.numbers._pipe
    assert source.numbers is not feed


def test_resources_of_one_name_go_to_several_sources() -> None:
    first = dlt.resource([{"n": 1}], name="same")
    second = dlt.resource([{"n": 2}, {"n": 3}], name="same")

    sources = accepted([first, second, dlt.resource(numbers)])

    assert [list(source.resources) for source in sources] == [["same", "numbers"], ["same"]]
    assert tables([first, second]) == {"same": 3}
    assert tables([first, first]) == {"same": 2}


HINTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "write_disposition": ({"write_disposition": "replace"}, {"write_disposition": "replace"}),
    "table_name": ({"table_name": "both"}, {"name": "both"}),
    "parent": ({"parent_table_name": "up"}, {"parent": "up"}),
    "table_format": ({"table_format": "iceberg"}, {"table_format": "iceberg"}),
    "file_format": ({"file_format": "parquet"}, {"file_format": "parquet"}),
    "contract": ({"schema_contract": "freeze"}, {"schema_contract": "freeze"}),
    "key": ({"primary_key": "id"}, {"columns": {"id": {"name": "id", "nullable": False, "primary_key": True}}}),
    "columns": ({"columns": {"v": {"data_type": "text"}}}, {"columns": {"v": {"name": "v", "data_type": "text"}}}),
}


@pytest.mark.parametrize("name", HINTS)
def test_hints_are_applied_to_every_resource(name: str) -> None:
    hints, expected = HINTS[name]
    given = pair()

    (source,) = accepted(given, **hints)

    for resource in source.resources.values():
        assert expected.items() <= resource.compute_table_schema().items()
    assert given.a._hints == given.b._hints == {}


def test_hints_stay_off_what_is_not_selected() -> None:
    (source,) = accepted(pair().with_resources("b"), write_disposition="replace")

    assert (source.a.write_disposition, source.b.write_disposition) == ("append", "replace")


def test_contract_is_set_on_the_source_too() -> None:
    (source,) = accepted(pair(), schema_contract={"columns": "freeze"})

    assert source.schema_contract == {"columns": "freeze"}


def test_schema_takes_the_place_of_theirs() -> None:
    schema = Schema("given")

    for data in (pair(), dlt.resource(numbers), numbers):
        assert [source.schema for source in accepted(data, schema=schema)] == [schema]


def test_table_name_may_be_a_function() -> None:
    rows = dlt.resource([{"k": "a"}, {"k": "b"}, {"k": "a"}], name="rows")

    assert tables(rows, table_name=lambda item: item["k"]) == {"a": 2, "b": 1}
    with pytest.raises(ResourceError, match="needs a name"):
        accepted([{"k": "a"}], table_name=lambda item: item["k"])


def test_what_can_be_had_only_once_is_not_taken_for_empty() -> None:
    """A generator that was loaded before must not empty its table."""
    once = numbers()
    resource = dlt.resource(once)
    assert tables(resource, write_disposition="replace") == {"numbers": 2}

    with pytest.raises(ResourceError, match="only once"):
        accepted(resource, write_disposition="replace")


def test_user_objects_stay_as_they_are() -> None:
    resource = dlt.resource(numbers)

    assert tables(resource, table_name="other", write_disposition="replace") == {"other": 2}
    assert (resource.table_name, resource.write_disposition) == ("numbers", "append")
    assert resource.source_name is None
