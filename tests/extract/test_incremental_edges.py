"""Incremental loading: given in unusual ways, more than once, with values and lags that mislead."""

# ruff: noqa: B008 - that is how an incremental is declared

from __future__ import annotations

import datetime as dt
import logging
from functools import partial
from threading import Event, Timer
from typing import Any, Optional

import pandas as pd
import pyarrow as pa
import pytest

import dlt
from dlt.errors import ResourceError, SchemaError
from dlt.extract.source import sources_of

from .incrementals import PAGE, entry, ids, resource_of, run, runs

inc = dlt.sources.incremental


def _bound_before(_page: int, since: Any = inc("ts", initial_value=2)) -> Any:
    assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


class Callable:
    def __call__(self, since: Any = inc("ts", initial_value=2)) -> Any:
        assert since.start_value in (2, 3)
        yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def untyped(since: Any = None) -> Any:
    if since is not None:
        assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.transformer(data_from=dlt.resource([1], name="pages"), name="t")
def untyped_transformer(_page: int, since: Any) -> Any:
    assert since.start_value in (2, 3)
    return [dict(row) for row in PAGE]


def _given(_page: int, since: Any) -> Any:
    assert since.start_value in (2, 3)
    yield [dict(row) for row in PAGE]


@dlt.resource(name="t")
def open_ended(**options: Any) -> Any:
    assert options["since"].start_value in (2, 3)
    yield [dict(row) for row in PAGE]


GIVEN = {
    "an argument without a name of its own": lambda: open_ended(since=inc("ts", initial_value=2)),
    "default of a partial function": lambda: dlt.resource(partial(_bound_before, 1), name="t"),
    "argument of a partial function": lambda: dlt.resource(
        partial(_given, 1, since=inc("ts", initial_value=2)), name="t"
    ),
    "an object that can be called": lambda: dlt.resource(Callable(), name="t"),
    "the call alone": lambda: untyped(since=inc("ts", initial_value=2)),
    "the call alone, by position": lambda: untyped(inc("ts", initial_value=2)),
    "the call alone, of a transformer": lambda: untyped_transformer(inc("ts", initial_value=2)),
}


@pytest.mark.parametrize("way", GIVEN)
def test_3_2_wherever_it_is_given_it_is_followed(way: str) -> None:
    state: dict[str, Any] = {}
    assert ids(run(GIVEN[way](), state)) == [2, 3]
    assert run(GIVEN[way](), state) == []
    assert GIVEN[way]().incremental.cursor_path == "ts"


@dlt.resource(name="t")
def two(
    a: Optional[dlt.sources.incremental[int]] = inc("ts", initial_value=2),  # noqa: UP045
    b: Optional[dlt.sources.incremental[int]] = inc("id", initial_value=3),  # noqa: UP045
) -> Any:
    yield [dict(row, ab=[one and one.cursor_path for one in (a, b)]) for row in PAGE]


def test_3_2_two_arguments_are_an_error() -> None:
    for made in (two, two(), two().apply_hints(incremental=inc("ts")), two(b=inc("n"))):
        with pytest.raises(ResourceError, match="only one cursor"):
            run(made, {})


@pytest.mark.parametrize(("given", "passes", "seen"), [("a", [3], [None, "id"]), ("b", [2, 3], ["ts", None])])
def test_3_2_one_of_two_arguments_may_be_off(given: str, passes: list[int], seen: Any) -> None:
    state: dict[str, Any] = {}
    rows = run(two(**{given: None}), state)
    assert (ids(rows), rows[0]["ab"]) == (passes, seen)
    assert run(two(**{given: None}), state) == []


@pytest.mark.parametrize("way", ["hints", "argument", "step"])
def test_3_2_a_second_step_is_an_error(way: str) -> None:
    made = {
        "hints": lambda: resource_of([PAGE], inc("ts")),
        "argument": lambda: dlt.resource(Callable(), name="t"),
        "step": lambda: resource_of([PAGE], None).add_step(inc("ts")),
    }[way]()
    with pytest.raises(ResourceError, match="has the incremental 'ts'"):
        made.add_step(inc("id"))
    assert made.apply_hints(incremental=inc("id")).incremental.cursor_path == "id"


@pytest.mark.parametrize("way", ["yielded", "returned"])
def test_3_2_that_of_a_resource_within_a_resource_keeps_its_place(way: str, own_folder: Any) -> None:
    """In the first run the source has no name yet that the pipeline knows."""

    @dlt.resource
    def inner(since: Any = inc("ts")) -> Any:
        yield [dict(row) for row in PAGE]

    def returned() -> Any:
        return inner()

    def yielded() -> Any:
        yield inner()

    pipeline = dlt.pipeline("within", destination="duckdb")
    for _ in range(2):
        pipeline.run(dlt.resource(yielded if way == "yielded" else returned, name="outer"))
    assert list(pipeline.state["sources"]) == ["within"]
    assert pipeline.last_trace.last_normalize_info.row_counts.get("outer") is None


@pytest.mark.parametrize("same", ["a resource", "a source"])
def test_2_4_a_cursor_that_two_resources_of_a_run_share(same: str, caplog: Any) -> None:
    @dlt.source
    def shop() -> Any:
        return resource_of([PAGE], inc("ts"))

    data: Any = [shop(), shop()] if same == "a source" else [resource_of([PAGE], inc("ts")) for _ in range(2)]
    with caplog.at_level(logging.WARNING, "dlt"):
        sources_of(data, schema_name="s", section=None)
    assert caplog.text.count("t comes more than once in this run, and its cursor ts is one") == 1
    caplog.clear()
    for other in (
        [resource_of([PAGE], inc("ts")), resource_of([PAGE], inc("ts")).with_name("u")],
        [resource_of([PAGE], inc("ts", initial_value=1, end_value=2)) for _ in range(2)],
        [resource_of([PAGE], None) for _ in range(2)],
    ):
        sources_of(other, schema_name="s", section=None)
    assert caplog.text == ""


# ---- values whose order as texts, or in the state, is another one

MISLEADING = {
    "day first": ("31.12.2023", "05.01.2024"),
    "month first": ("12/31/2023", "01/05/2024 10:00"),
    "mail": ("Wed, 31 Jan 2024 10:00:00 GMT", "Thu, 01 Feb 2024 10:00:00 GMT"),
    "ctime": ("Wed Oct 10 20:19:24 +0000 2018", "Thu Oct 11 20:19:24 +0000 2018"),
    "no zeros": ("2024-9-30", "2024-10-1"),
    "exponents": ("9e+03", "1e+05"),
    "commas": ("9,5", "10,5"),
    "signs": ("+9", "+10"),
    "versions": ("1.9.0", "1.10.0"),
    "negative": ("-9.5", "-8.5"),
}


@pytest.mark.parametrize("case", MISLEADING)
@pytest.mark.parametrize("when", ["at once", "later"])
def test_3_4_texts_whose_order_is_another_one(case: str, when: str) -> None:
    first, second = ({"id": number, "ts": text} for number, text in enumerate(MISLEADING[case]))
    pages = [[first, second]] if when == "at once" else [[first], [second]]
    with pytest.raises(SchemaError, match="whose order as texts is another one"):
        runs(pages, cursor_path="ts")
    found = [run(resource_of([page], inc[str]("ts")), {}) for page in pages]
    assert [len(rows) for rows in found] == [len(page) for page in pages]


@pytest.mark.parametrize(
    "texts", [("1e5a0b2", "5e12345"), ("v01", "v02"), ("2024/01/05", "2024/10/01"), ("Monitor 2024",)]
)
def test_3_4_texts_that_are_compared_as_such(texts: tuple[str, ...]) -> None:
    found, _ = runs([[{"id": text, "ts": text}] for text in texts], cursor_path="ts")
    assert [ids(rows) for rows in found] == [[text] for text in texts]


NANOS = 1_704_067_200_000_000_000


@pytest.mark.parametrize("form", ["arrow", "rows"])
def test_3_4_instants_that_differ_by_nanoseconds(form: str) -> None:
    def page(*nanos: int) -> Any:
        if form == "arrow":
            return pa.table({"ts": pa.array([NANOS + one for one in nanos], pa.timestamp("ns"))})
        return [{"ts": pd.Timestamp(NANOS + one)} for one in nanos]

    found, _ = runs([page(100), page(100, 500), page(100, 500)], cursor_path="ts")
    assert [len(rows) for rows in found] == [1, 1, 0]
    with pytest.raises(SchemaError, match="nanoseconds"):
        runs([page(100)], cursor_path="ts", range_start="open")
    found, _ = runs([page(1000), page(2000)], cursor_path="ts", range_start="open")
    assert [len(rows) for rows in found] == [1, 1]


@pytest.mark.parametrize("lag", [-1, "1", True, float("nan"), dt.timedelta(1)])
def test_3_5_a_lag_that_is_none(lag: Any) -> None:
    with pytest.raises(SchemaError, match="no number of zero or more"):
        inc("ts", lag=lag)


@pytest.mark.parametrize("value", [dt.datetime(2024, 1, 2), dt.date(2024, 1, 2), "2024-01-02"])
def test_3_5_a_lag_beyond_all_instants(value: Any) -> None:
    with pytest.raises(SchemaError, match="there is no such instant"):
        runs([[{"id": 1, "ts": value}]] * 2, cursor_path="ts", lag=1e13)


@pytest.mark.parametrize(
    "wrong", [{"cursor_path": ["ts"]}, {"primary_key": 5}, {"primary_key": [5]}, {"last_value_func": 5}]
)
def test_3_1_arguments_of_the_wrong_type(wrong: Any) -> None:
    with pytest.raises(SchemaError, match=next(iter(wrong))):
        inc(**{"cursor_path": "ts", **wrong})


def test_3_5_a_lag_and_a_function_of_the_user() -> None:
    with pytest.raises(SchemaError, match="does not say in which direction"):
        inc("ts", lag=1, last_value_func=lambda values: max(values))


@pytest.mark.parametrize("value", ["99999999", "5"])
def test_3_5_a_lag_of_texts_that_are_no_days(value: str) -> None:
    with pytest.raises(SchemaError, match="lag needs dates or instants as texts") as caught:
        runs([[{"id": 1, "ts": value}]] * 2, cursor_path="ts", lag=1)
    assert "lag=" in str(caught.value)


def test_3_4_values_that_are_neither_more_nor_less() -> None:
    with pytest.raises(SchemaError, match="neither more nor less than each other"):
        runs([[{"id": 1, "ts": {"a": 1}}]], cursor_path="ts", initial_value={"a": 0})


def test_3_4_a_start_that_is_no_instant() -> None:
    with pytest.raises(SchemaError, match="cannot be followed"):
        runs([[{"id": 1, "ts": dt.datetime(2024, 1, 1)}]], cursor_path="ts", initial_value="2024-01-01 noon")


@pytest.mark.parametrize(
    ("last", "to", "moved"),
    [
        ("9", "10", "10"),
        ("10", "9", "10"),
        (dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.datetime(2024, 1, 2, tzinfo=dt.UTC)),
        (5, "a", None),
    ],
)
def test_3_2_advance_compares_as_rows_are(last: Any, to: Any, moved: Any) -> None:
    @dlt.resource(name="t")
    def t(since: Any = inc("ts")) -> Any:
        since.advance(to)
        yield []

    state: dict[str, Any] = {}
    run(resource_of([[{"ts": last}]], inc("ts")), state)
    if moved is None:
        with pytest.raises(SchemaError, match="cannot be followed"):
            run(t, state)
        return
    run(t, state)
    assert entry(state)["last_value"] == moved


@pytest.mark.parametrize(("hints", "says"), [({}, True), ({"write_disposition": "merge", "primary_key": "id"}, False)])
def test_3_4_a_cut_run_says_what_to_do(hints: Any, says: bool, caplog: Any) -> None:
    options = {"primary_key": ()} if not hints else {}
    with caplog.at_level(logging.WARNING, "dlt"):
        run(resource_of([PAGE[:1], PAGE[1:]], inc("ts", **options), 1, **hints), {})
    assert "was cut short" in caplog.text
    assert ("use merge with a primary key" in caplog.text) is says


# ---- limits: what they leave out was not loaded


def _tables(order: Any) -> Any:
    @dlt.resource(name="t", incremental=inc("ts", row_order=order))
    def t() -> Any:
        yield [pa.table({"id": [number], "ts": [number]}) for number in range(6)]

    return t


def _calls(order: Any, arrival: tuple[int, ...]) -> Any:
    """Calls of which the result of the one with the lowest number in `arrival` comes first."""

    @dlt.resource(name="t", incremental=inc("ts", row_order=order))
    def t() -> Any:
        came = [Event() for _ in arrival]
        for number, place in enumerate(arrival):

            @dlt.defer
            def get(number: int = number, place: int = place) -> Any:
                if place:
                    came[place - 1].wait(5)
                row = {"id": number, "ts": number}
                Timer(0.02, came[place].set).start()
                return [row]

            yield get()

    return t


LIMITED = {
    "a page of tables": _tables,
    "calls": lambda order: _calls(order, (0, 1, 2, 3, 4, 5)),
    "calls that overtake": lambda order: _calls(order, (0, 2, 1, 3, 4, 5)),
}


@pytest.mark.parametrize("order", ["asc", None])
@pytest.mark.parametrize("case", LIMITED)
def test_3_4_what_a_limit_leaves_out_comes_in_the_next_run(case: str, order: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("EXTRACT__WORKERS", "6")
    state: dict[str, Any] = {}
    first = ids(run(LIMITED[case](order).add_limit(2), state))
    second = ids(run(LIMITED[case](order), state))
    assert len(first) == 2
    assert {*first, *second} == set(range(6))
    if case != "calls that overtake" or order is None:
        assert not set(first) & set(second)
    else:
        assert len(second) == 6  # it cannot be known what came, and a warning says so
    assert run(LIMITED[case](order), state) == []


def test_3_4_rows_that_were_held_back_do_not_count_for_the_limit() -> None:
    ties = [{"id": number, "ts": 1} for number in range(300)]
    state: dict[str, Any] = {}
    run(resource_of([ties], inc("ts", row_order="asc")), state)
    page = [*ties, {"id": 300, "ts": 1}, {"id": 301, "ts": 2}]
    made = resource_of([page, [{"id": 302, "ts": 3}]], inc("ts", row_order="asc"), 1)
    assert sorted(ids(run(made, state))) == [300, 301]
    assert made.filtered == 300
    assert ids(run(resource_of([page, [{"id": 302, "ts": 3}]], inc("ts", row_order="asc")), state)) == [302]


# ---- a function of the user's: as max, so all is as with max


def _furthest(values: Any) -> Any:
    return max(values)


@pytest.mark.parametrize("function", [max, _furthest], ids=["max", "function"])
def test_3_4_many_rows_of_the_last_value_come_once(function: Any) -> None:
    ties = [{"id": number, "ts": 1} for number in range(300)]
    found, _ = runs(
        [ties, [*ties, {"id": 300, "ts": 1}], [{"id": 301, "ts": 2}]], cursor_path="ts", last_value_func=function
    )
    assert [len(rows) for rows in found] == [300, 1, 1]


@pytest.mark.parametrize("function", [max, _furthest], ids=["max", "function"])
def test_3_4_what_a_cut_run_loaded_comes_once(function: Any) -> None:
    pages = [[{"id": value, "ts": value}] for value in (5, 1, 3)]
    state: dict[str, Any] = {}
    found = [
        ids(run(resource_of(pages, inc("ts", last_value_func=function), limit), state)) for limit in (1, None, None)
    ]
    assert found == [[5], [1, 3], []]


@pytest.mark.parametrize("function", [max, _furthest], ids=["max", "function"])
def test_3_3_a_state_of_dlt_by_key(function: Any) -> None:
    known = {"initial_value": None, "last_value": 2, "unique_hashes": ["Tp44cKMYfAuJ"]}
    state: dict[str, Any] = {"sources": {"dlt": {"resources": {"t": {"incremental": {"ts": known}}}}}}
    page = [{"id": 2, "ts": 2, "v": 1}, {"id": 3, "ts": 2, "v": 1}]
    assert ids(run(resource_of([page], inc("ts", last_value_func=function), primary_key="id"), state)) == [3]


def test_3_3_rows_that_were_merged_do_not_come_again_when_they_are_appended() -> None:
    state: dict[str, Any] = {}
    merge = {"write_disposition": "merge", "primary_key": "id"}
    assert ids(run(resource_of([PAGE], inc("ts"), **merge), state)) == [1, 2, 3]
    assert ids(run(resource_of([[*PAGE, {"id": 4, "ts": 3}]], inc("ts")), state)) == [4]
    assert run(resource_of([[*PAGE, {"id": 4, "ts": 3}]], inc("ts")), state) == []
