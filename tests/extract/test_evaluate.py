"""Evaluation: order, forks, what may be yielded, dropped rows, errors, closing."""

from __future__ import annotations

import dataclasses
import logging
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import dlt
from dlt.errors import NotBuilt, ResourceError
from dlt.extract.evaluate import evaluate
from dlt.extract.marks import DataItemWithMeta
from dlt.extract.pipe import items_of


def letters(name: str, count: int = 3, *, page: int = 0) -> Any:
    """A resource of rows, one by one or in pages."""

    def generate() -> Iterator[Any]:
        rows = [f"{name}{number}" for number in range(count)]
        if not page:
            yield from rows
            return
        while rows:
            yield rows[:page]
            rows = rows[page:]

    return dlt.resource(generate, name=name)


def items(*resources: Any, **options: Any) -> list[Any]:
    return [one for _, item in evaluate(resources, **options) for one in items_of(item)]


# ---- order

ORDERS = {
    ("round_robin", 0): "a0 b0 c0 a1 b1 c1 a2 b2 c2",
    ("fifo", 0): "a0 a1 a2 b0 b1 b2 c0 c1 c2",
    ("round_robin", 2): "a0 a1 b0 b1 c0 c1 a2 b2 c2",
    ("fifo", 2): "a0 a1 a2 b0 b1 b2 c0 c1 c2",
}


@pytest.mark.parametrize(("mode", "page"), ORDERS)
def test_order(mode: Any, page: int) -> None:
    resources = [letters(name, page=page) for name in "abc"]

    assert items(*resources, mode=mode) == ORDERS[mode, page].split()


def test_shorter_ones_end_earlier() -> None:
    assert items(letters("a", 1), letters("b", 3), letters("c", 0)) == ["a0", "b0", "b1", "b2"]


def test_what_an_item_becomes_comes_before_the_next_item() -> None:
    def parts(item: str) -> Iterator[str]:
        yield f"{item}x"
        yield f"{item}y"

    fed = letters("a", 2) | dlt.transformer(parts)

    found = items(fed, letters("b", 2))

    assert [item for item in found if item[0] == "a"] == ["a0x", "a0y", "a1x", "a1y"]
    assert [item for item in found if item[0] == "b"] == ["b0", "b1"]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 127, 128, 129, 1000, 4096, 4097, 20_000])
def test_no_row_is_lost_between_pages(count: int) -> None:
    def rows() -> Iterator[dict[str, int]]:
        for number in range(count):
            yield {"n": number}

    made = dlt.resource(rows)

    assert [row["n"] for row in made] == list(range(count))
    assert made.filtered == 0


def test_rows_one_by_one_cost_no_calls() -> None:
    """Plain rows travel as pages: ten thousand more of them cost a page or two more calls, not one each."""

    def calls(count: int) -> int:
        made = dlt.resource(({"n": number} for number in range(count)), name="rows")
        found: Counter[str] = Counter()

        def profile(frame: Any, event: str, _: Any) -> None:
            if event == "call" and "/dlt/" in frame.f_code.co_filename:
                found[frame.f_code.co_qualname] += 1

        sys.setprofile(profile)
        try:
            assert sum(len(item) for _, item in evaluate([made])) == count
        finally:
            sys.setprofile(None)
        return found.total()

    some = calls(10_000)

    assert some > 0
    assert calls(20_000) - some <= 60


# ---- forks


def test_fork_feeds_all_and_the_own_table() -> None:
    feed = letters("a", 2)
    one = feed | dlt.transformer(lambda item: f"{item}-one", name="one")
    two = feed | dlt.transformer(lambda item: f"{item}-two", name="two")

    found = [(resource.name, item) for resource, item in evaluate([feed, one, two])]

    assert sorted(found) == [
        ("a", "a0"),
        ("a", "a1"),
        ("one", "a0-one"),
        ("one", "a1-one"),
        ("two", "a0-two"),
        ("two", "a1-two"),
    ]


def test_what_feeds_is_evaluated_once_and_not_written_unless_wanted() -> None:
    made = []

    def rows() -> Iterator[str]:
        for row in "xy":
            made.append(row)
            yield row

    feed = dlt.resource(rows)
    fed = [feed | dlt.transformer(lambda item: item * 2, name=f"tr{number}") for number in range(3)]

    found = [resource.name for resource, _ in evaluate(fed)]

    assert sorted(found) == ["tr0", "tr0", "tr1", "tr1", "tr2", "tr2"]
    assert made == ["x", "y"]


class Page(list[Any]):
    """A list of a class of its own, as the pages of an API."""


def test_pages_of_a_class_of_their_own_take_all_steps() -> None:
    feed = dlt.resource([Page(["a", "b"]), Page(), Page(["c"])], name="feed").add_map(str.upper)
    feed.add_filter(lambda item: item != "B")

    assert items(feed, feed | dlt.transformer(lambda item: [f"{one}-fed" for one in item], name="fed")) == [
        "A",
        "A-fed",
        "C",
        "C-fed",
    ]


def test_chain_of_transformers() -> None:
    chain = letters("a", 2) | dlt.transformer(lambda item: [item, item], name="two")
    chain = chain | dlt.transformer(lambda page: {"n": len(page)}, name="count")

    assert items(chain) == [{"n": 2}, {"n": 2}]


# ---- what may be yielded


@dataclasses.dataclass
class Point:
    x: int


TABLE = pa.table({"n": [1, 2]})
POINT = Point(1)
YIELDED: dict[str, tuple[Any, list[Any]]] = {
    "row": ({"n": 1}, [{"n": 1}]),
    "page": ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 2}]),
    "scalar": (5, [5]),
    "text": ("text", ["text"]),
    "tuple is a row": ((1, 2), [(1, 2)]),
    "object": (POINT, [POINT]),
    "table": (TABLE, [TABLE]),
    "page of tables": ([TABLE, TABLE], [TABLE, TABLE]),
    "generator": (lambda: (n for n in (1, 2)), [1, 2]),
    "generator of pages": (lambda: (n for n in ([1], [2, 3])), [1, 2, 3]),
    "page of generators": (lambda: [iter((1, 2)), iter((3,)), iter((4, 5))], [1, 2, 3, 4, 5]),
    "mixed page": (lambda: [{"n": 1}, None, TABLE, iter((2,)), {"n": 3}], [{"n": 1}, TABLE, 2, {"n": 3}]),
    "resource": (lambda: dlt.resource([{"n": 1}], name="inner"), [{"n": 1}]),
    "none": (None, []),
    "empty page": ([], []),
}


@pytest.mark.parametrize("name", YIELDED)
@pytest.mark.parametrize("times", [1, 3])
def test_yielded(name: str, times: int) -> None:
    value, expected = YIELDED[name]
    make = value if callable(value) else lambda: value

    def generate() -> Iterator[Any]:
        for _ in range(times):
            yield make()

    assert list(map(id_or_value, dlt.resource(generate))) == list(map(id_or_value, expected * times))


def id_or_value(item: Any) -> Any:
    return id(item) if isinstance(item, (pa.Table, Point)) else item


# ---- the same object again


def same_row() -> Iterator[dict[str, int]]:
    row: dict[str, int] = {}
    for number in range(5):
        row["n"] = number
        yield row


def same_row_later() -> Iterator[dict[str, int]]:
    yield {"n": 0}
    row: dict[str, int] = {}
    for number in range(1, 5):
        row["n"] = number
        yield row


def two_rows_in_turn() -> Iterator[dict[str, int]]:
    rows: list[dict[str, int]] = [{}, {}]
    for number in range(5):
        rows[number % 2]["n"] = number
        yield rows[number % 2]


def same_row_marked() -> Iterator[Any]:
    row: dict[str, int] = {}
    for number in range(5):
        row["n"] = number
        yield dlt.mark.with_table_name(row, "table")


def same_page() -> Iterator[list[dict[str, int]]]:
    page = [{"n": 0}, {"n": 0}]
    for number in range(0, 6, 2):
        page[0]["n"], page[1]["n"] = number, number + 1
        yield page


def same_list() -> Iterator[list[dict[str, int]]]:
    page: list[dict[str, int]] = []
    for number in range(5):
        page.clear()
        page.append({"n": number})
        yield page


@pytest.mark.parametrize(
    "generate", [same_row, same_row_later, same_row_marked, two_rows_in_turn, same_page, same_list]
)
def test_the_same_object_again_keeps_all_rows(generate: Callable[[], Iterator[Any]]) -> None:
    """The rows of a list are kept as they were when they were yielded, also when all are looked at only at the end."""
    made = dlt.resource(generate)

    rows = [row for _, item in list(evaluate([made])) for row in list(items_of(item))]

    count = 6 if generate is same_page else 5
    if generate is not same_list:
        assert [row["n"] for row in rows] == list(range(count))
    assert [row["n"] for row in made] == list(range(count))


# ---- dropped rows

DROPS: dict[str, tuple[Callable[[Any], Any], int, int]] = {
    "filter": (lambda r: r.add_filter(lambda item: item["n"] % 2), 2, 3),
    "map to none": (lambda r: r.add_map(lambda item: item if item["n"] else None), 4, 1),
    "two filters": (lambda r: r.add_filter(lambda i: i["n"]).add_filter(lambda i: i["n"] < 3), 2, 3),
    "nothing": (lambda r: r.add_map(lambda item: item), 5, 0),
    "raw": (lambda r: r.add_step(lambda item, meta: None), 0, None),
}


@pytest.mark.parametrize("paged", [False, True], ids=["rows", "pages"])
@pytest.mark.parametrize("name", DROPS)
def test_dropped_rows_are_counted(name: str, paged: bool) -> None:
    add, kept, dropped = DROPS[name]
    rows = [{"n": number} for number in range(5)]
    made = add(dlt.resource([rows[:2], rows[2:]] if paged else iter(rows), name="rows"))

    assert len(list(made)) == kept
    if dropped is not None:
        assert made.filtered == dropped


NONES: dict[str, Callable[[], Any]] = {
    "rows": lambda: iter([{"n": 1}, None, {"n": 2}, None]),
    "page": lambda: [[{"n": 1}, None, {"n": 2}, None]],
    "list": lambda: [{"n": 1}, None, {"n": 2}, None],
    "marks": lambda: [dlt.mark.with_table_name(row, "t") for row in ({"n": 1}, None, {"n": 2}, None)],
    "marked page": lambda: [dlt.mark.with_table_name([{"n": 1}, None, {"n": 2}, None], "t")],
}


@pytest.mark.parametrize("name", NONES)
def test_none_is_no_row_and_counted(name: str) -> None:
    made = dlt.resource(NONES[name](), name="rows")

    assert [row["n"] for row in made] == [1, 2]
    assert made.filtered == 2


def test_tables_that_a_filter_drops_are_counted_by_rows() -> None:
    made = dlt.resource([TABLE, TABLE], name="tables").add_filter(lambda table: False)

    assert list(made) == []
    assert made.filtered == 4


# ---- hints that change on the way


def test_rows_keep_the_hints_they_were_made_under() -> None:
    def rows() -> Iterator[dict[str, int]]:
        for number in range(100):
            if number == 70:
                dlt.current.resource().apply_hints(table_name="later")
            yield {"n": number}

    made = dlt.resource(rows)
    tables = {}
    for _, item in evaluate([made]):
        before = item.meta.hints if isinstance(item, DataItemWithMeta) else made._hints
        tables.update((row["n"], before.get("table_name")) for row in items_of(item))

    assert list(tables) == list(range(100))
    assert set(list(tables.values())[:70]) == {None}
    assert set(list(tables.values())[70:]) == {"later"}


# ---- errors


def boom(*_: Any) -> Any:
    raise ValueError("boom")


def failing() -> Iterator[dict[str, int]]:
    yield {"n": 1}
    raise ValueError("boom")  # the line that the error names


def half(item: Any) -> Iterator[Any]:
    yield item
    raise ValueError("boom")


ERRORS: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "generator": (lambda: dlt.resource(failing), "failing", "generator", "failing"),
    "function": (lambda: dlt.resource(boom, name="rows"), "rows", "generator", "boom"),
    "map": (lambda: letters("a").add_map(boom), "a", "transform", "boom"),
    "filter": (lambda: letters("a").add_filter(boom), "a", "transform", "boom"),
    "yield map": (lambda: letters("a").add_yield_map(half), "a", "transform", "half"),
    "metrics": (lambda: letters("a").add_metrics(boom), "a", "transform", "boom"),
    "raw": (lambda: letters("a").add_step(boom), "a", "transform", "boom"),
    "transformer": (lambda: letters("a") | dlt.transformer(boom, name="tr"), "tr", "transform", "boom"),
    "generator of a transformer": (lambda: letters("a") | dlt.transformer(half, name="tr"), "tr", "generator", "half"),
    "generator that was yielded": (lambda: dlt.resource([half(1)], name="rows"), "rows", "generator", "half"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_resource_step_and_line(name: str) -> None:
    make, resource, kind, step = ERRORS[name]

    with pytest.raises(ResourceError, match="boom") as failed:
        list(make())

    error = failed.value
    assert (error.resource, error.kind, error.step) == (resource, kind, step)
    assert __file__ in error.line
    assert isinstance(error.__cause__, ValueError)


def test_error_names_the_line() -> None:
    with pytest.raises(ResourceError) as failed:
        list(dlt.resource(failing))

    file, _, rest = failed.value.line.rpartition(":")
    number = int(rest.split()[0])
    assert "the line that the error names" in Path(file).read_text(encoding="utf-8").splitlines()[number - 1]


def test_our_own_errors_pass_as_they_are() -> None:
    def refuse(item: Any) -> Any:
        raise NotBuilt("not yet")

    with pytest.raises(NotBuilt, match="not yet"):
        list(letters("a").add_map(refuse))


# ---- closing


def closing(closed: list[str], name: str, count: int = 10) -> Any:
    def generate() -> Iterator[str]:
        try:
            for number in range(count):
                yield f"{name}{number}"
        finally:
            closed.append(name)

    return dlt.resource(generate, name=name)


def test_generators_are_closed_when_another_fails() -> None:
    closed: list[str] = []

    with pytest.raises(ResourceError):
        items(closing(closed, "a"), closing(closed, "b"), dlt.resource(failing))

    assert sorted(closed) == ["a", "b"]


def test_generators_are_closed_when_nobody_wants_more() -> None:
    closed: list[str] = []
    running = evaluate([closing(closed, "a"), closing(closed, "b")])

    next(running)
    running.close()

    assert closed == ["a"]  # the other one was not opened yet


def test_generators_are_closed_by_the_limit() -> None:
    closed: list[str] = []

    assert list(closing(closed, "a").add_limit(2)) == ["a0", "a1"]
    assert closed == ["a"]


def test_inner_generators_are_closed_when_a_step_fails() -> None:
    closed: list[str] = []

    def inner(item: str) -> Iterator[str]:
        try:
            yield item
            yield item
        finally:
            closed.append(item)

    with pytest.raises(ResourceError):
        list(letters("a") | dlt.transformer(inner, name="tr").add_map(boom))

    assert closed == ["a0"]


def test_a_generator_that_was_opened_is_spent() -> None:
    once = dlt.resource(iter([1, 2, 3]), name="once").add_limit(1)

    assert (once.exhausted, list(once), once.exhausted) == (False, [1], True)


def test_warnings_of_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="dlt"):
        assert items(letters("a")) == ["a0", "a1", "a2"]

    assert caplog.records == []
