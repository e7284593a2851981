"""BEHAVIOUR 1.4, 2.6: marks that bring nothing but hints, and the order of what marked and plain items become."""

from __future__ import annotations

from typing import Any

import pytest

import dlt
from dlt.extract.placing import placed

HINTS = dlt.mark.make_hints(table_name="marked", columns={"more": {"data_type": "bigint"}})


def places(*items: Any) -> list[tuple[str, list[str], Any]]:
    source = dlt.source(lambda: dlt.resource(list(items), name="rows"), name="made")()
    return [(place[0], list(place[1].columns), item) for place, item in placed(source, {})]


@pytest.mark.parametrize("nothing", [None, []])
def test_hints_without_rows_hold_for_the_rows_that_follow(nothing: Any) -> None:
    assert places({"id": 1}, dlt.mark.with_hints(nothing, HINTS), {"id": 2}) == [
        ("rows", [], {"id": 1}),
        ("marked", ["more"], {"id": 2}),
    ]


@pytest.mark.parametrize("nothing", [None, []])
def test_hints_without_rows_make_a_variant(nothing: Any) -> None:
    found = places(dlt.mark.with_hints(nothing, HINTS, True), dlt.mark.with_table_name({"id": 1}, "marked"), {"id": 2})

    assert found == [("marked", ["more"], {"id": 1}), ("rows", [], {"id": 2})]


@pytest.mark.parametrize("nothing", [None, []])
def test_hints_without_rows_are_no_items(nothing: Any) -> None:
    resource = dlt.resource([dlt.mark.with_hints(nothing, HINTS), 1], name="rows")

    assert list(resource) == [1]
    assert resource.filtered == 0


def test_rows_and_pages_keep_their_order_when_a_step_makes_several_of_each() -> None:
    resource = dlt.resource([1, 2, [3, 4], 5], name="rows").add_yield_map(lambda row: iter([row] * row))

    assert list(resource) == [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5]
