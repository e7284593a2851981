"""Incremental loading, behaviour 3.4 to 3.6: which rows pass, how far the cursor goes, lag, Arrow and frames."""

# ruff: noqa: B008 - that is how an incremental is declared

from __future__ import annotations

import datetime as dt
import logging
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import dlt
from dlt.errors import ConfigError, NotBuilt, ResourceError, SchemaError
from dlt.extract.evaluate import evaluate

from .incrementals import PAGE, entry, ids, plain, resource_of, run, runs

inc = dlt.sources.incremental
UTC = dt.UTC


# ---- 3.4: two batches, and the ids that each brings

FIRST = [{"id": 1, "ts": 1}, {"id": 2, "ts": 2}]
SECOND = [{"id": 2, "ts": 2}, {"id": 3, "ts": 2}, {"id": 4, "ts": 1}, {"id": 5, "ts": 3}]
SEEN = {
    "default": ({}, {"primary_key": "id"}, [1, 2], [3, 5]),
    "no key": ({}, {}, [1, 2], [3, 5]),
    "open start": ({"range_start": "open"}, {}, [1, 2], [5]),
    "lag of one": ({"lag": 1}, {}, [1, 2], [2, 3, 4, 5]),
    "lag stops at the initial value": ({"lag": 5, "initial_value": 2}, {}, [2], [2, 3, 5]),
    "min": ({"last_value_func": min}, {}, [1, 2], [4]),
    "min by name": ({"last_value_func": "min"}, {}, [1, 2], [4]),
    "a key of nothing": ({"primary_key": ()}, {}, [1, 2], [2, 3, 5]),
    "a range": ({"initial_value": 2, "end_value": 3}, {}, [2], [2, 3]),
    "a closed range": ({"initial_value": 2, "end_value": 3, "range_end": "closed"}, {}, [2], [2, 3, 5]),
    "an open range": ({"initial_value": 1, "end_value": 3, "range_start": "open"}, {}, [2], [2, 3]),
    "a range downwards": ({"initial_value": 2, "end_value": 1, "last_value_func": min}, {}, [2], [2, 3]),
    "merge": ({}, {"write_disposition": "merge", "primary_key": "id"}, [1, 2], [3, 5]),
    "merge by another key": ({}, {"write_disposition": "merge", "merge_key": "id"}, [1, 2], [2, 3, 5]),
    "merge with versions": (
        {},
        {"write_disposition": {"disposition": "merge", "strategy": "scd2"}},
        [1, 2],
        [2, 3, 5],
    ),
    "merge as a dict": (
        {},
        {"write_disposition": {"disposition": "merge", "strategy": "upsert"}, "primary_key": "id"},
        [1, 2],
        [3, 5],
    ),
    "initial value": ({"initial_value": 2}, {}, [2], [3, 5]),
}


@pytest.mark.parametrize("form", ["rows", "page", "arrow", "batch", "pandas", "polars", "lazy", "objects", "tuples"])
@pytest.mark.parametrize("case", SEEN)
def test_3_4_what_passes(case: str, form: str) -> None:
    arguments, hints, *wanted = SEEN[case]
    state: dict[str, Any] = {}
    for batch, passes in zip((FIRST, SECOND), wanted, strict=True):
        pages: Any = {
            "rows": lambda rows=batch: [dict(row) for row in rows],
            "page": lambda rows=batch: [[dict(row) for row in rows]],
            "tuples": lambda rows=batch: [[dict(row)] for row in rows],
            "arrow": lambda rows=batch: [pa.Table.from_pylist(rows)],
            "batch": lambda rows=batch: [pa.RecordBatch.from_pylist(rows)],
            "pandas": lambda rows=batch: [pd.DataFrame(rows)],
            "polars": lambda rows=batch: [pl.DataFrame(rows)],
            "lazy": lambda rows=batch: [pl.LazyFrame(rows)],
            "objects": lambda rows=batch: [[SimpleNamespace(**row) for row in rows]],
        }[form]()
        after: Any = state
        made = resource_of(pages, inc("ts", **arguments), **hints)
        items = [item for _, item in evaluate([made], state=after)]
        if form == "objects":
            found = [row.id for item in items for row in item]
        else:
            found = [row["id"] for item in items for row in plain(item)]
        assert found == passes


@pytest.mark.parametrize("form", ["page", "arrow"])
def test_3_4_a_changed_row_at_the_boundary_is_loaded(form: str) -> None:
    batches: Any = [[{"id": 1, "ts": 5, "v": "old"}], [{"id": 1, "ts": 5, "v": "new"}]]
    shaped = batches if form == "page" else [pa.Table.from_pylist(batch) for batch in batches]
    for disposition in ("append", "merge"):
        found, _ = runs(shaped, {"write_disposition": disposition, "primary_key": "id"}, cursor_path="ts")
        assert [[row["v"] for row in rows] for rows in found] == [["old"], ["new"]]


MISSING = [{"id": 1, "ts": 1}, {"id": 2, "ts": None}, {"id": 3}, {"id": 4, "ts": 4}, {"id": 5, "ts": float("nan")}]


@pytest.mark.parametrize(("missing", "passes"), [("include", [1, 2, 3, 4, 5]), ("exclude", [1, 4])])
@pytest.mark.parametrize("form", ["rows", "page", "arrow", "polars"])
def test_3_4_rows_without_a_cursor(missing: Any, passes: list[int], form: str) -> None:
    pages: Any = [MISSING]
    if form == "rows":
        pages = [dict(row) for row in MISSING]
    elif form == "arrow":
        pages = [
            pa.table(
                {
                    "id": [1, 2, 3, 4, 5],
                    "ts": pa.array([1, None, None, 4, float("nan")], pa.float64(), from_pandas=False),
                }
            )
        ]
    elif form == "polars":
        pages = [pl.DataFrame({"id": [1, 2, 3, 4, 5], "ts": [1.0, None, None, 4.0, float("nan")]})]
    state: dict[str, Any] = {}
    assert ids(run(resource_of(pages, inc("ts", on_cursor_value_missing=missing)), state)) == passes
    assert entry(state)["last_value"] == 4


@pytest.mark.parametrize("form", ["page", "arrow", "pandas"])
@pytest.mark.parametrize(("row", "says"), [({"id": 1, "ts": None}, "has no value in"), ({"id": 1}, "does not have")])
def test_3_4_rows_without_a_cursor_are_an_error(form: str, row: Any, says: str) -> None:
    page: Any = [row]
    if form != "page":
        page = pa.Table.from_pylist([row])
        page = page.to_pandas() if form == "pandas" else page
    with pytest.raises(ResourceError, match=f"{says} the cursor 'ts'") as caught:
        runs([page], cursor_path="ts")
    assert "on_cursor_value_missing" in str(caught.value)


@pytest.mark.parametrize("missing", ["include", "exclude"])
@pytest.mark.parametrize("form", ["page", "arrow"])
def test_3_4_a_column_that_is_not_there(missing: Any, form: str) -> None:
    page: Any = [{"id": 1}, {"id": 2}]
    page = page if form == "page" else pa.Table.from_pylist(page)
    found, _ = runs([page], cursor_path="ts", on_cursor_value_missing=missing)
    assert [ids(rows) for rows in found] == [[1, 2] if missing == "include" else []]


PATHS = {
    "a.ts": {"a": {"ts": 5}},
    "$.a.ts": {"a": {"ts": 5}},
    "$['a b'].ts": {"a b": {"ts": 5}},
    'a["ts"]': {"a": {"ts": 5}},
    "a b": {"a b": 5},
    "x[1].ts": {"x": [{"ts": 1}, {"ts": 5}]},
    "x[-1].ts": {"x": [{"ts": 1}, {"ts": 5}]},
    "x[*].ts": {"x": [{}, {"ts": 5}, {"ts": 1}]},
    "$..ts": {"b": [1, {"c": {"ts": 5}}]},
    "a.*": {"a": {"n": 5}},
    "o.ts": {"o": SimpleNamespace(ts=5)},
}


@pytest.mark.parametrize("path", PATHS)
def test_3_4_json_paths(path: str) -> None:
    state: dict[str, Any] = {}
    run(resource_of([[PATHS[path]]], inc(path, primary_key=())), state)
    assert entry(state, path)["last_value"] == 5


def test_3_4_a_path_in_a_table() -> None:
    with pytest.raises(SchemaError, match="must be one of its columns"):
        runs([pa.table({"a": [{"ts": 1}]})], cursor_path="a.ts")


LATER = dt.timezone(dt.timedelta(hours=2))
ZONES = {
    "naive start, aware rows": (
        dt.datetime(2024, 1, 1, 12),
        [dt.datetime(2024, 1, 1, 13, tzinfo=LATER), dt.datetime(2024, 1, 1, 15, tzinfo=LATER)],
        [1],
    ),
    "aware start, naive rows": (
        dt.datetime(2024, 1, 1, 14, tzinfo=LATER),
        [dt.datetime(2024, 1, 1, 11), dt.datetime(2024, 1, 1, 13)],
        [1],
    ),
    "text start, aware texts": ("2024-01-01T12:00:00", ["2024-01-01T13:00:00+02:00", "2024-01-01T12:00:30Z"], [1]),
}


@pytest.mark.parametrize("case", ZONES)
@pytest.mark.parametrize("form", ["page", "arrow"])
def test_3_4_starts_follow_the_rows_in_having_a_time_zone(case: str, form: str, caplog: Any) -> None:
    start, values, passes = ZONES[case]
    page: Any = [{"id": number, "ts": value} for number, value in enumerate(values)]
    page = page if form == "page" else pa.Table.from_pylist(page)
    with caplog.at_level(logging.WARNING, "dlt"):
        found, _ = runs([page, page], cursor_path="ts", initial_value=start)
    assert [ids(rows) for rows in found] == [passes, []]
    assert caplog.text.count("is read in the time zone UTC") == 1


def test_3_4_naive_values_are_read_in_the_zone_of_the_context(monkeypatch: Any) -> None:
    monkeypatch.setenv("DLT_INTERVAL_TIMEZONE", "America/New_York")
    rows = [{"id": hour, "ts": dt.datetime(2024, 1, 1, hour, tzinfo=UTC)} for hour in range(10)]
    found, _ = runs([rows], cursor_path="ts", initial_value=dt.datetime(2024, 1, 1, 2))
    assert [ids(one) for one in found] == [[7, 8, 9]]


MIXED = {
    "number and text": ([1, "a"], None),
    "text start": (["a"], 4),
    "number start": ([4], "a"),
    "naive and aware": ([dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=UTC)], None),
    "instant and word": (["2024-01-01T00:00:00Z", "soon"], None),
    "whole and word": (["9", "ten"], None),
    "decimal texts": (["1.9", "1.10"], None),
    "number and instant": ([5], dt.datetime(2024, 1, 1)),
}


@pytest.mark.parametrize("case", MIXED)
@pytest.mark.parametrize("form", ["page", "rows"])
def test_3_4_values_that_cannot_be_compared(case: str, form: str) -> None:
    values, start = MIXED[case]
    if case == "naive and aware":
        form = "page"  # from page to page the cursor is adapted, with a warning
    page: Any = [{"id": number, "ts": value} for number, value in enumerate(values)]
    state: dict[str, Any] = {}
    with pytest.raises(SchemaError, match="cannot be followed") as caught:
        run(resource_of([page] if form == "page" else page, inc("ts", initial_value=start)), state)
    assert caught.value.cursor == "ts"


TYPED = {
    "int": (int, ["9", "10", "100"]),
    "float": (float, ["9.5", "10.25", "1e3"]),
    "decimal": (Decimal, ["1.9", "1.95", "11"]),
    "text": (str, ["10", "9", "a"]),
    "datetime": (dt.datetime, ["2024-01-01T10:00:00+02:00", "2024-01-01T09:00Z", "2024-01-02"]),
}


@pytest.mark.parametrize("case", ["int", "float", "decimal", "text"])
def test_3_4_a_named_type_orders_texts(case: str) -> None:
    kind, values = TYPED[case]
    state: dict[str, Any] = {}
    for value in values:
        assert len(run(resource_of([[{"id": value, "ts": value}]], inc[kind]("ts")), state)) == 1
    assert run(resource_of([[{"ts": value} for value in values[:-1]]], inc[kind]("ts")), state) == []
    assert entry(state)["last_value"] == values[-1]


def test_3_4_a_function_of_the_user() -> None:
    """The last value is a dict: the latest instant of each kind of event."""

    def by_kind(events: Any) -> Any:
        event, last = (*events, None)[:2]
        last = dict(last or {})
        if event["created"] > last.get(event["type"], ""):
            last[event["type"]] = event["created"]
        return last

    state: dict[str, Any] = {}
    page = [{"type": "a", "created": "1"}, {"type": "b", "created": "5"}, {"type": "a", "created": "3"}]
    assert run(resource_of([page], inc("$", last_value_func=by_kind)), state) == page
    assert entry(state, "$")["last_value"] == {"a": "3", "b": "5"}
    later = [{"type": "a", "created": "2"}, {"type": "a", "created": "4"}, {"type": "c", "created": "1"}]
    assert run(resource_of([later], inc("$", last_value_func=by_kind)), state) == later[1:]


@pytest.mark.parametrize(
    "case", [name for name in SEEN if "lag" not in name and name not in ("merge", "merge as a dict")]
)
@pytest.mark.parametrize("form", ["rows", "page"])
def test_3_4_a_function_that_is_as_max(case: str, form: str) -> None:
    arguments, hints, *wanted = SEEN[case]
    usual = {"max": max, "min": min}.get(str(arguments.get("last_value_func")), arguments.get("last_value_func", max))
    arguments = {**arguments, "last_value_func": lambda values: usual(values)}
    state: dict[str, Any] = {}
    for batch, passes in zip((FIRST, SECOND), wanted, strict=True):
        pages = batch if form == "rows" else [batch]
        assert sorted(ids(run(resource_of(pages, inc("ts", **arguments), **hints), state))) == passes


def test_3_4_a_function_and_tables() -> None:
    with pytest.raises(NotImplementedError, match="not with tables") as caught:
        runs([pa.table({"ts": [1]})], cursor_path="ts", last_value_func=lambda values: max(values))
    assert isinstance(caught.value, NotBuilt)


CLOSING = {  # arguments, pages of values in their order, how many pages are asked for
    "asc and end": ({"row_order": "asc", "initial_value": 1, "end_value": 4}, [[1, 2], [3, 4], [5], [6]], 2),
    "asc, end not reached": ({"row_order": "asc", "initial_value": 1, "end_value": 9}, [[1, 2], [3, 4], [5]], 3),
    "asc and closed end": (
        {"row_order": "asc", "initial_value": 1, "end_value": 4, "range_end": "closed"},
        [[1, 2], [3, 4], [5], [6]],
        3,
    ),
    "desc and start": ({"row_order": "desc", "initial_value": 4}, [[6, 5], [4, 3], [2], [1]], 2),
    "desc and open start": (
        {"row_order": "desc", "initial_value": 4, "range_start": "open"},
        [[6, 5], [4], [3], [2]],
        2,
    ),
    "no order": ({"initial_value": 4}, [[6, 5], [4, 3], [2], [1]], 4),
    "wrong order": ({"row_order": "desc", "initial_value": 4}, [[6, 5], [3, 7], [8], [9]], 4),
    "wrong order between pages": ({"row_order": "desc", "initial_value": 4}, [[6, 5], [9, 3], [8], [9]], 4),
    "downwards": (
        {"row_order": "desc", "initial_value": 6, "end_value": 3, "last_value_func": min},
        [[6, 5], [3], [2]],
        2,
    ),
    "downwards and start": ({"row_order": "asc", "initial_value": 3, "last_value_func": min}, [[1, 2], [3, 4], [5]], 2),
}


@pytest.mark.parametrize("case", CLOSING)
@pytest.mark.parametrize("form", ["page", "arrow", "single"])
def test_3_4_reading_ends_early(case: str, form: str) -> None:
    arguments, pages, asked = CLOSING[case]
    if form == "single" and case == "wrong order":
        asked = 2  # the row before the start comes before the one that is out of order
    pulled, ended = [], []

    @dlt.resource(name="t", incremental=inc("ts", **arguments))
    def t() -> Any:
        try:
            for number, page in enumerate(pages, 1):
                rows = [{"id": value, "ts": value} for value in page]
                pulled.append(number)
                if form == "single":
                    yield from rows
                else:
                    yield rows if form == "page" else pa.Table.from_pylist(rows)
        finally:
            ended.append(True)

    run(t(), {})
    assert (pulled[-1], ended) == (asked, [True])


def test_3_4_a_transformer_reads_on() -> None:
    asked = []

    @dlt.transformer(data_from=dlt.resource([[1, 2], [9, 8], [3]], name="pages"))
    def t(page: Any, since: Any = inc("ts", initial_value=1, end_value=5, row_order="asc")) -> Any:
        asked.append(page)
        yield [{"id": value, "ts": value} for value in page]

    assert ids(run(t(), {})) == [1, 2, 3]
    assert asked == [[1, 2], [9, 8], [3]]


def test_3_4_what_was_let_through_goes_on_after_reading_ended() -> None:
    made = resource_of([[{"id": 1, "ts": 1}, {"id": 2, "ts": 9}], [{"id": 3, "ts": 1}]], None)
    made.add_step(inc("ts", initial_value=0, end_value=5, row_order="asc"), insert_at=1)
    made.add_yield_map(lambda row: iter([row, dict(row)]), insert_at=2)
    assert ids(run(made, {})) == [1, 1]


def test_3_4_maps_come_before() -> None:
    made = resource_of([[{"id": 1, "at": "5"}]], inc("ts")).add_map(lambda row: {**row, "ts": int(row["at"])})
    state: dict[str, Any] = {}
    assert len(run(made, state)) == 1
    assert entry(state)["last_value"] == 5


def test_3_4_limits_come_after() -> None:
    state: dict[str, Any] = {}
    pages = [[{"id": value, "ts": value}] for value in range(6)]
    assert ids(run(resource_of(pages, inc("ts", row_order="asc"), 2), state)) == [0, 1]
    assert ids(run(resource_of(pages, inc("ts", row_order="asc"), 2), state)) == [2, 3]
    assert ids(run(resource_of(pages, inc("ts", row_order="asc")), state)) == [4, 5]


@pytest.mark.parametrize("form", ["page", "rows", "arrow"])
def test_3_4_rows_that_are_dropped_count_as_filtered(form: str) -> None:
    state: dict[str, Any] = {}
    new = {"id": 9, "ts": 9}
    for rows, dropped in ((PAGE, 0), (PAGE, 3), ([*PAGE, new], 3), ([PAGE[0], new, PAGE[1]], 3)):
        page = [dict(row) for row in rows]
        pages = page if form == "rows" else [page] if form == "page" else [pa.Table.from_pylist(page)]
        made = resource_of(pages, inc("ts"))
        run(made, state)
        assert made.filtered == dropped


def test_3_4_a_source_of_two_resources_has_two_cursors() -> None:
    @dlt.source
    def two() -> Any:
        return resource_of([PAGE], inc("ts")), dlt.resource([[{"id": 7, "at": 7}]], name="u", incremental=inc("at"))

    state: dict[str, Any] = {}
    source = two()
    list(evaluate(list(source.selected_resources.values()), state=state, source=source))
    assert entry(state)["last_value"] == 3
    assert entry(state, "at", "u")["last_value"] == 7


WRONG_RANGES = {
    "end without start": ({"end_value": 9}, "has an end_value and no initial_value"),
    "end before start": ({"initial_value": 4, "end_value": 1}, "is higher than"),
    "min, end after start": ({"initial_value": 1, "end_value": 4, "last_value_func": min}, "is lower than"),
    "of two kinds": ({"initial_value": 1, "end_value": "a"}, "cannot be compared"),
}


@pytest.mark.parametrize("case", WRONG_RANGES)
def test_3_7_ranges_that_cannot_be(case: str) -> None:
    arguments, says = WRONG_RANGES[case]
    with pytest.raises(ConfigError, match=says):
        runs([PAGE], cursor_path="ts", **arguments)
