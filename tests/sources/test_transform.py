"""`dlt.sources.helpers.transform`, BEHAVIOUR 11.5."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import dlt
from dlt.errors import ResourceError
from dlt.sources.transform import add_row_hash_to_table, pivot, skip_first, take_first


def rows(*items: Any) -> Any:
    return dlt.resource(list(items), name="rows")


def test_the_old_path():
    from dlt.sources.helpers import transform

    assert transform.take_first is take_first


@pytest.mark.parametrize("count", [0, 2, 9])
def test_take_and_skip(count):
    assert list(rows(1, 2, 3).add_filter(take_first(count))) == [1, 2, 3][:count]
    assert list(rows(1, 2, 3).add_filter(skip_first(count))) == [1, 2, 3][count:]


PIVOTS: dict[str, tuple[tuple[Any, ...], Any, Any]] = {
    "item": ((), [[1, 2], [3, 4]], [{"col0": 1, "col1": 2}, {"col0": 3, "col1": 4}]),
    "prefix": (("$", "x"), [[1]], [{"x0": 1}]),
    "path": (("$.a",), {"a": [[1, 2]], "b": 1}, {"a": [{"col0": 1, "col1": 2}], "b": 1}),
    "plain key": (("a",), {"a": [[1]]}, {"a": [{"col0": 1}]}),
    "deep": (("$.a.b",), {"a": {"b": [[1]], "c": 2}}, {"a": {"b": [{"col0": 1}], "c": 2}}),
    "several": ((["$.a", "$.b"],), {"a": [[1]], "b": [[2]]}, {"a": [{"col0": 1}], "b": [{"col0": 2}]}),
    "not there": (("$.z",), {"a": 1}, {"a": 1}),
}


@pytest.mark.parametrize("kind", PIVOTS)
def test_pivot(kind):
    arguments, item, expected = PIVOTS[kind]
    kept = repr(item)

    assert pivot(*arguments)(item) == expected
    assert repr(item) == kept


@pytest.mark.parametrize(("path", "item"), [("$.a", {"a": [1, 2]}), ("$.a", {"a": 5}), ("$", 5)])
def test_what_cannot_be_pivoted(path, item):
    with pytest.raises(ResourceError, match="no list"):
        pivot(path)(item)


def test_paths_of_several_places():
    with pytest.raises(ResourceError, match="does not name one place"):
        pivot("$.a[*]")


TABLE = pa.table({"a": [1, 2, 2], "b": ["x", None, None]})
KNOWN = [7694637405057536657, -6989536449338166286, -6989536449338166286]  # those of dlt 1.31


def test_row_hashes():
    add = add_row_hash_to_table("hash")

    assert add(TABLE)["hash"].to_pylist() == KNOWN
    assert add(TABLE.to_batches()[0])["hash"].to_pylist() == KNOWN
    assert add(pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, None]}))["hash"].tolist() == KNOWN


def test_a_row_hash_does_not_depend_on_other_rows():
    """A null beside an int makes pandas think of floats; the hash stays."""
    add = add_row_hash_to_table("hash")
    row = {"n": 2**60 + 1, "flag": True, "at": dt.datetime(2024, 1, 1), "text": "x"}
    schema = pa.Table.from_pylist([row]).schema

    alone = add(pa.Table.from_pylist([row], schema))["hash"][0]
    together = add(pa.Table.from_pylist([row, dict.fromkeys(row)], schema))["hash"][0]

    assert alone == together


def test_rows_that_are_no_table():
    with pytest.raises(ResourceError, match="Rows of a list"):
        add_row_hash_to_table("hash")([{"a": 1}])
