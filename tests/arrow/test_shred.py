"""Rows -> raw tables and back: nothing is lost, whatever the rows hold."""

from __future__ import annotations

import math
from collections import OrderedDict
from enum import Enum, StrEnum
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.shred import DEEPEST, Shape, shred
from dlt.arrow.unshred import rows_of, without
from dlt.items import Raw
from strategies import KEYS, ROWS, SCALARS, VALUES, pruned, same


def tables(rows: Any, shape: Shape | None = None) -> dict[tuple[str, ...], dict[tuple[str, ...], Any]]:
    """Values by table and column; two columns of one path stand under their kinds."""
    raws, bad = shred(rows, shape or Shape())
    assert bad == []
    check_links(raws)
    out: dict[Any, Any] = {}
    for raw in raws:
        columns = out.setdefault(raw.path, {})
        several = {c.path for c in raw.columns if sum(other.path == c.path for other in raw.columns) > 1}
        for column in raw.columns:
            assert len(column.data) == raw.rows
            key = (*column.path, column.kind) if column.path in several else column.path
            values = column.data.to_pylist()
            columns[key] = [a if a is not None else b for a, b in zip(columns.get(key, values), values, strict=True)]
    return out


def check_links(raws: list[Raw]) -> None:
    for number, raw in enumerate(raws):
        if raw.parent is None:
            assert number == 0
            continue
        assert raw.parent < number
        owners, places = raw.parent_row.to_pylist(), raw.list_idx.to_pylist()
        assert len(owners) == len(places) == raw.rows > 0
        assert all(0 <= owner < raws[raw.parent].rows for owner in owners)
        seen: dict[int, int] = {}
        for owner, place in zip(owners, places, strict=True):
            assert place == seen.get(owner, -1) + 1
            seen[owner] = place


# ---- properties


@given(ROWS)
def test_shred_and_back_gives_the_rows(rows):
    raws, bad = shred(rows)
    back = rows_of(raws)

    assert bad == []
    check_links(raws)
    if holds_mixtures(rows):
        again, bad = shred(back)
        assert bad == []
        assert [pruned(row) for row in rows_of(again)] == [pruned(row) for row in back]
    else:
        assert all(same(pruned(made), pruned(row)) for made, row in zip(back, rows, strict=True))
    assert count(back) == count(rows)


def holds_mixtures(rows: list[dict[str, Any]]) -> bool:
    """Whether a scalar stands where other rows have a list, or a list has items of several kinds: these come back in
    another form that means the same."""
    kinds: dict[Any, set[str]] = {}

    def visit(value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                visit(item, (*path, key))
        elif isinstance(value, list):
            kinds.setdefault(path, set()).add("list")
            for item in value:
                if item is not None:
                    kinds.setdefault((*path, 0, 0), set()).add("dict" if isinstance(item, dict) else "other")
                visit(item, (*path, 0))
        elif value is not None:
            kinds.setdefault(path, set()).add("scalar")

    for row in rows:
        visit(row, ())
    return any(len(found) > 1 for found in kinds.values())


def count(value: Any) -> int:
    """How many scalars there are."""
    if isinstance(value, dict):
        return sum(map(count, value.values()))
    if isinstance(value, list):
        return sum(map(count, value))
    return value is not None


@given(ROWS, st.integers(0, 5))
def test_what_is_nested_deeper_than_asked_is_json(rows, deepest):
    raws, bad = shred(rows, Shape(max_nesting=deepest))

    assert bad == []
    check_links(raws)
    assert all(len(raw.path) + len(column.path) <= deepest + 1 for raw in raws for column in raw.columns)


@given(ROWS, st.data())
def test_a_selection_of_rows(rows, data):
    raws, _ = shred(rows)
    wanted = data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True))

    assert rows_of(raws, 0, wanted) == [rows_of(raws)[number] for number in wanted]


@given(ROWS, st.data())
def test_without_some_rows(rows, data):
    raws, _ = shred(rows)
    keep = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))

    left, keeps = without(raws, 0, pa.array(keep))

    assert rows_of(left) == [row for row, stays in zip(rows_of(raws), keep, strict=True) if stays]
    assert all(left[number].rows == sum(mask.to_pylist()) for number, mask in keeps.items())


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers() | st.none()), min_size=1))
def test_rows_with_other_keys(rows):
    found = tables(rows)[()] if any(rows) else {}

    keys = list(dict.fromkeys(key for row in rows for key in row))
    assert {path[0] for path in found} == set(keys)
    assert list(dict.fromkeys(path[0] for path in found)) == keys
    back = rows_of(shred(rows)[0])
    assert back == [{key: value for key, value in row.items() if value is not None} for row in rows]


@given(st.dictionaries(KEYS, st.dictionaries(KEYS, SCALARS, max_size=3), max_size=3), KEYS)
def test_no_two_paths_are_one(row, key):
    raws, _ = shred([{**row, key: 7}])

    paths = [(raw.path, column.path) for raw in raws for column in raw.columns]
    assert len(set(paths)) == len(paths)


# ---- nesting


def test_dicts_are_columns_and_lists_are_tables():
    rows = [
        {"id": 1, "user": {"name": "a", "place": {"city": "x"}}, "tags": ["p", "q"], "lines": [{"sku": 1}, {"sku": 2}]},
        {"id": 2, "user": None, "tags": [], "lines": [{"sku": 3, "parts": [4]}]},
    ]

    assert tables(rows) == {
        (): {
            ("id",): [1, 2],
            ("user", "name"): ["a", None],
            ("user", "place", "city"): ["x", None],
        },
        ("tags",): {("value",): ["p", "q"]},
        ("lines",): {("sku",): [1, 2, 3]},
        ("lines", "parts"): {("value",): [4]},
    }


def test_plain_columns_come_first_then_the_last_dict():
    row = {"a": {"x": 1}, "b": 2, "c": {"y": {"z": 3}, "w": 4}}

    assert list(tables([row])[()]) == [("b",), ("c", "w"), ("c", "y", "z"), ("a", "x")]


@pytest.mark.parametrize(
    ("deepest", "expected"),
    [
        (0, {(): {("a",): ['{"b":{"c":[1,2]}}'], ("l",): ['[{"m":[1]}]']}}),
        (1, {(): {("a", "b"): ['{"c":[1,2]}']}, ("l",): {("m",): ["[1]"]}}),
        (2, {(): {("a", "b", "c"): ["[1,2]"]}, ("l",): {}, ("l", "m"): {("value",): [1]}}),
    ],
)
def test_max_nesting(deepest, expected):
    assert tables([{"a": {"b": {"c": [1, 2]}}, "l": [{"m": [1]}]}], Shape(deepest)) == expected


def test_c09_sixty_lists_in_each_other():
    value: Any = 1
    for _ in range(60):
        value = [value]
    raws, bad = shred([{"a": value}])

    assert bad == []
    assert raws[-1].path == ("a", *["list"] * 59)
    assert rows_of(raws) == [{"a": value}]


def test_what_is_too_deep_stays_json():
    value: Any = 1
    for _ in range(DEEPEST + 50):
        value = [value]
    found = tables([{"a": value}])

    assert len(found) == DEEPEST + 1
    assert found["a", *["list"] * (DEEPEST - 1)] == {("list",): ["[" * 50 + "1" + "]" * 50]}


def test_a_row_that_holds_itself_is_turned_away():
    row: dict[str, Any] = {"id": 1}
    row["self"] = row

    _, [bad] = shred([{"id": 0}, row])
    assert (bad.row, bad.path[:2], bad.reason) == (1, ("self", "self"), "unsupported_type")


def test_lists_of_lists():
    assert tables([{"m": [[1, 2], [], [3]]}]) == {
        (): {},
        ("m",): {},
        ("m", "list"): {("value",): [1, 2, 3]},
    }


def test_a_list_of_everything():
    rows = [{"l": [1, {"k": 2, "value": "x"}, [3], None, "s"]}]

    assert tables(rows) == {
        (): {},
        ("l",): {
            ("value", "bigint"): [1, None, None, None, None],
            ("value", "text"): [None, "x", None, None, "s"],
            ("k",): [None, 2, None, None, None],
        },
        ("l", "list"): {("value",): [3]},
    }
    assert rows_of(shred(rows)[0]) == [{"l": [1, {"k": 2, "value": "x"}, [3], {}, "s"]}]


def test_items_that_are_dicts_with_odd_keys_are_dicts():
    rows = [{"l": [{"value": 1}, {"value": 2}], "m": [{"list": [1]}]}]

    assert rows_of(shred(rows)[0]) == rows


def test_what_is_empty_is_nothing_but_an_item():
    assert tables([{"a": {}, "b": [], "c": {"d": []}, "e": [{}, {}]}]) == {(): {}, ("e",): {}}


# ---- one key, several types


def test_each_kind_has_a_column():
    rows = [{"v": 1}, {"v": "a"}, {"v": None}, {"v": 2.5}, {"v": True}, {"v": 3}]

    assert tables(rows)[()] == {
        ("v", "bigint"): [1, None, None, None, None, 3],
        ("v", "text"): [None, "a", None, None, None, None],
        ("v", "double"): [None, None, None, 2.5, None, None],
        ("v", "bool"): [None, None, None, None, True, None],
    }
    assert [column.first for column in shred(rows)[0][0].columns] == [0, 1, 3, 4]


def test_a_dict_where_others_have_a_scalar():
    assert tables([{"v": 1}, {"v": {"x": 2}}])[()] == {("v",): [1, None], ("v", "x"): [None, 2]}


def test_c13_a_scalar_after_a_list_is_a_list_of_one():
    assert tables([{"v": [1, 2]}, {"v": 3}, {"v": "x"}]) == {
        (): {},
        ("v",): {("value", "bigint"): [1, 2, 3, None], ("value", "text"): [None, None, None, "x"]},
    }


def test_c13_a_scalar_before_a_list_keeps_its_column():
    assert tables([{"v": 3}, {"v": [1, 2]}, {"v": 4}]) == {(): {("v",): [3, None, 4]}, ("v",): {("value",): [1, 2]}}


def test_c13_a_scalar_alone_is_a_list_of_one_where_there_is_a_table():
    shape = Shape(wraps=lambda table, column, lists: (table, column) == ((), ("v",)))

    assert tables([{"v": 3, "w": 4}, {"v": None}], shape) == {(): {("w",): [4, None]}, ("v",): {("value",): [3]}}


def test_a_path_that_is_kept_as_json():
    shape = Shape(keeps_json=lambda table, column: column == ("v",))

    found = tables([{"v": {"a": [1]}}, {"v": [2, 1.5]}, {"v": None}, {"v": 3}], shape)
    assert found == {(): {("v", "json"): ['{"a":[1]}', "[2,1.5]", None, None], ("v", "bigint"): [None, None, None, 3]}}


# ---- keys


def test_c11_only_nulls():
    [raw], _ = shred([{"id": 1, "v": None}, {"id": 2, "v": None}])

    assert [(column.path, column.kind) for column in raw.columns] == [(("id",), "bigint"), (("v",), None)]


def test_keys_that_are_no_texts():
    assert tables([{1: "int", "1": "text", None: 2, (1, 2): 4, "1#": 5}, {1: "other"}])[()] == {
        ("1",): ["text", "other"],
        ("1#",): [5, None],
        ("1##",): ["int", None],
        ("None",): [2, None],
        ("(1, 2)",): [4, None],
    }


class Colour(StrEnum):
    RED = "red"


class Old(str, Enum):  # noqa: UP042 - the older way
    BLUE = "blue"


def test_keys_of_kinds_of_text():
    assert tables([{Colour.RED: 1, Old.BLUE: 2}, {"red": 3, "blue": 4}])[()] == {("red",): [1, 3], ("blue",): [2, 4]}


def test_rows_of_one_key_in_any_order():
    rows = [{"a": 1, "b": 2}, {"b": 3, "a": 4}, OrderedDict(b=5, a=6)]

    assert tables(rows)[()] == {("a",): [1, 4, 6], ("b",): [2, 3, 5]}


@given(st.lists(st.sampled_from("abc"), min_size=1), VALUES)
def test_no_rows_and_rows_without_keys(keys, value):
    assert shred([])[0] == [Raw((), [], 0)]
    assert tables([{}, {}]) == {(): {}}
    rows = [{}, dict.fromkeys(keys, value)]
    assert len(rows_of(shred(rows)[0])) == 2


# ---- bad values


class Odd:
    """No column can hold it."""


class Failing:
    def asdict(self) -> dict[str, Any]:
        raise KeyError("nothing")


@pytest.mark.parametrize(
    ("value", "reason", "detail"),
    [
        (Odd(), "unsupported_type", "Odd"),
        (object(), "unsupported_type", "builtins.object"),
        (1j, "unsupported_type", "complex"),
        (Failing(), "unsupported_type", "KeyError: 'nothing'"),
        ("a\ud800b", "invalid_unicode", "surrogates not allowed"),
        (10**5000, "invalid_value", "digits"),
    ],
    ids=["odd", "object", "complex", "failing", "surrogate", "huge"],
)
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: {"d": v}, lambda v: [1, v], lambda v: [{"d": [v]}]])
def test_c45_c51_only_the_row_is_turned_away(value, reason, detail, wrap):
    rows = [{"id": 1, "v": wrap("x")}, {"id": 2, "v": wrap(value)}, {"id": 3, "v": wrap("y")}]

    _, bads = shred(rows)
    assert {bad.row for bad in bads} == {1}
    assert {bad.reason for bad in bads} == {reason}
    assert detail in bads[0].detail
    assert bads[0].path[0] == "v"


def test_a_bad_value_in_json():
    shape = Shape(max_nesting=0)

    _, [bad] = shred([{"v": {"a": 1}}, {"v": {"a": Odd()}}], shape)
    assert (bad.row, bad.path) == (1, ("v",))
    _, [bad] = shred([{"v": {"a": Failing()}}], shape)
    assert "nothing" in bad.detail


def test_c37_nan_and_infinity_are_kept():
    [values] = tables([{"v": math.nan}, {"v": math.inf}, {"v": -math.inf}, {"v": None}])[()].values()

    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, None]
