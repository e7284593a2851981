"""C59-C67, C78: what is new since the last run, and exact limits."""

from __future__ import annotations

import json
import sqlite3
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

import dlt
from dlt.errors import StepFailed

from .rows import both, pipeline, shaped, sql, stored


def moving(form: str, rows: Any, incremental: Any, limit: int | None = None, **hints: Any) -> Any:
    """A run of rows into the table t, of which the incremental lets pass what is new."""
    made = dlt.resource([shaped(form, rows)], name="t", incremental=incremental, **hints)
    pipeline().run(made if limit is None else made.add_limit(limit))
    return pipeline().state["sources"]["cases"]["resources"]["t"]["incremental"]


def ids() -> list[Any]:
    return [row["id"] for row in stored()]


@both
@pytest.mark.parametrize(("disposition", "key"), [("merge", "id"), ("append", "id"), ("append", None)])
def test_c59_a_row_that_changed_at_the_last_value_is_loaded(form, disposition, key):
    hints = {"write_disposition": disposition, "primary_key": key}
    for version in ("old", "new", "new", "old"):
        moving(form, [{"id": 1, "ts": 5, "v": version}], dlt.sources.incremental("ts"), **hints)
    assert sorted(row["v"] for row in stored()) == (["old"] if disposition == "merge" else ["new", "old"])


@both
@pytest.mark.parametrize("order", ["asc", "desc", None])
def test_c60_a_page_without_values_is_not_out_of_range(form, order):
    numbers = [3, 4] if order != "desc" else [4, 3]
    pages = [[{"id": 1, "ts": None}, {"id": 2, "ts": None}], [{"id": number, "ts": number} for number in numbers]]
    schema = pa.schema({"id": pa.int64(), "ts": pa.int64()}) if form == "arrow" else None
    incremental = dlt.sources.incremental(
        "ts", initial_value=1, end_value=9, row_order=order, on_cursor_value_missing="exclude"
    )
    made = dlt.resource(iter([shaped(form, page, schema) for page in pages]), name="t", incremental=incremental)
    pipeline().run(made)
    assert ids() == [3, 4]


UNORDERED = [5, 1, 2, 3, 9]


@pytest.mark.parametrize("form", ["single", "dict", "arrow"])
@pytest.mark.parametrize("limits", [[2, None], [2, 3, None], [1, 2, 3, 4, 5, None], [2, 2, None]])
def test_c61_a_limited_run_moves_no_cursor_past_rows_that_it_did_not_read(form, limits):
    for limit in limits:

        @dlt.resource(name="t", incremental=dlt.sources.incremental("ts"))
        def t():
            for number in UNORDERED:
                row = {"id": number, "ts": number}
                yield row if form == "single" else shaped(form, [row])

        pipeline().run(t() if limit is None else t().add_limit(limit))
    assert ids() == sorted(UNORDERED)
    known = pipeline().state["sources"]["cases"]["resources"]["t"]["incremental"]["ts"]
    assert known["last_value"] == 9
    assert "ahead" not in known


@both
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_c61_with_a_declared_order_it_moves_on(form, limit):
    for _ in range(7):

        @dlt.resource(name="t", incremental=dlt.sources.incremental("ts", row_order="asc"))
        def t():
            for number in (1, 2, 2, 2, 3, 9):
                t.count += 1
                yield shaped(form, [{"id": t.count, "ts": number}])

        t.count = 0
        pipeline().run(t().add_limit(limit))
    assert ids() == [1, 2, 3, 4, 5, 6]


INSTANTS = {
    "offsets": (["2024-01-01T10:00+02:00", "2024-01-01T09:00Z", "2024-01-01T12:30+03:00"], [1, 1, 1]),
    "the same instant": (["2024-01-01T10:00:00+02:00", "2024-01-01T08:00:00Z"], [1, 1]),
    "an earlier one": (["2024-01-01T10:00+02:00", "2024-01-01T09:00+05:00"], [1, 0]),
    "fractions": (["2024-01-01T10:00:00.5Z", "2024-01-01T10:00:00.25Z", "2024-01-01T10:00:01Z"], [1, 0, 1]),
    "days": (["2024-01-01", "2024-01-01T09:00:00", "2024-01-02"], [1, 1, 1]),
}


@both
@pytest.mark.parametrize("case", INSTANTS)
@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one page first"])
def test_c62_texts_that_are_instants_are_compared_as_such(form, case, together):
    values, new = INSTANTS[case]
    rows = [{"id": number, "ts": value} for number, value in enumerate(values)]
    incremental = dlt.sources.incremental("ts")
    if together:
        moving(form, rows, incremental)
        last = max(values, key=lambda value: datetime.fromisoformat(value).astimezone(UTC))
        known = pipeline().state["sources"]["cases"]["resources"]["t"]["incremental"]["ts"]["last_value"]
        assert datetime.fromisoformat(known) == datetime.fromisoformat(last)
        return
    for row in rows:
        moving(form, [row], incremental)
    assert ids() == [number for number, one in enumerate(new) if one]


MIXED = {
    "with and without zone": ["2024-01-01T10:00:00", "2024-01-01T10:00:00Z"],
    "instants and words": ["2024-01-01T10:00:00Z", "never"],
    "numbers and words": ["10", "ninety"],
    "versions": ["1.9", "1.10"],
}


@both
@pytest.mark.parametrize("case", MIXED)
def test_c62_c63_mixed_texts_are_refused(form, case):
    with pytest.raises(StepFailed, match="cannot be followed"):
        moving(form, [{"id": 1, "ts": value} for value in MIXED[case]], dlt.sources.incremental("ts"))
    assert pipeline().state.get("sources") in (None, {})


@both
@pytest.mark.parametrize("kind", [None, int, float, Decimal])
def test_c63_texts_that_are_numbers_are_compared_as_such(form, kind):
    incremental = (dlt.sources.incremental if kind is None else dlt.sources.incremental[kind])("ts")
    for number, value in enumerate(["9", "10", "9", "100", "99"]):
        moving(form, [{"id": number, "ts": value}], incremental)
    assert ids() == [0, 1, 3]


@pytest.mark.parametrize("form", ["dict", "arrow"])
def test_c64_many_rows_of_one_value(form):
    many = 100_000
    first = [{"id": number, "ts": 7} for number in range(many)]
    known = moving(form, first, dlt.sources.incremental("ts"))
    size = len(json.dumps(pipeline().state["sources"]))
    assert size < 4_000
    assert known["ts"]["unique_hashes"] == []
    second = [*first[:10], {"id": -1, "ts": 7}, *first[12:], {"id": -2, "ts": 7}, {"id": -3, "ts": 8}]
    moving(form, second, dlt.sources.incremental("ts"))
    assert sql("SELECT count(*), count(DISTINCT id), min(id) FROM ds.t") == [(many + 3, many + 3, -3)]


@both
@pytest.mark.parametrize("func", [max, min])
def test_c65_a_lag_from_zero(form, func):
    up = 1 if func is max else -1
    incremental = dlt.sources.incremental("ts", lag=2, last_value_func=func, primary_key=())
    for number, value in enumerate([0, -1 * up, -3 * up, -2 * up, -3 * up]):
        known = moving(form, [{"id": number, "ts": value}], incremental)
        assert known["ts"]["last_value"] == 0
    assert ids() == [0, 1, 3]


@pytest.mark.parametrize("missing", ["include", "exclude"])
def test_c66_rows_without_a_value_come_from_the_database_too(missing):
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE r (id INTEGER, ts INTEGER)")
    base.executemany("INSERT INTO r VALUES (?, ?)", [(1, 1), (2, None), (3, 3)])

    @dlt.resource(name="t", write_disposition="merge", primary_key="id")
    def t(since=dlt.sources.incremental("ts", on_cursor_value_missing=missing)):  # noqa: B008
        nulls = "OR ts IS NULL" if since.on_cursor_value_missing == "include" else ""
        found = base.execute(f"SELECT id, ts FROM r WHERE ts >= ? {nulls} ORDER BY id", [since.start_value or 0])
        yield [{"id": number, "ts": value} for number, value in found]

    pipeline().run(t())
    base.executemany("INSERT INTO r VALUES (?, ?)", [(4, None), (5, 5), (6, 2)])
    pipeline().run(t())
    base.close()
    assert ids() == ([1, 2, 3, 4, 5] if missing == "include" else [1, 3, 5])


EDGES = {  # range_start, range_end, row_order, pages, pages that are asked for, ids
    "open start": ("open", "open", "desc", [[9, 8], [7, 5], [4, 3]], 2, [7, 8, 9]),
    "closed start": ("closed", "open", "desc", [[9, 8], [7, 5], [4, 3], [2]], 3, [5, 7, 8, 9]),
    "open start, in a page of its own": ("open", "open", "desc", [[9], [5], [4]], 2, [9]),
    "open end": ("closed", "open", "asc", [[5, 6], [8, 10], [11]], 2, [5, 6, 8]),
    "closed end": ("closed", "closed", "asc", [[5, 6], [8, 10], [11], [12]], 3, [5, 6, 8, 10]),
    "both open": ("open", "open", "asc", [[5, 6], [8, 10], [11]], 2, [6, 8]),
}


@pytest.mark.parametrize("form", ["dict", "arrow", "single"])
@pytest.mark.parametrize("case", EDGES)
def test_c67_the_edge_of_a_range_ends_the_reading(form, case):
    start, end, order, pages, asked, wanted = EDGES[case]
    requests = []

    @dlt.resource(name="t")
    def t(
        since=dlt.sources.incremental(  # noqa: B008
            "ts", initial_value=5, end_value=10, range_start=start, range_end=end, row_order=order
        ),
    ):
        for page in pages:
            requests.append(page)
            rows = [{"id": number, "ts": number} for number in page]
            yield from rows if form == "single" else [shaped(form, rows)]
            if since.can_close():
                return

    pipeline().run(t())
    assert (len(requests), ids()) == (asked, wanted)


@pytest.mark.parametrize("count_rows", [False, True], ids=["items", "rows"])
@pytest.mark.parametrize("limit", [1, 5, 17])
def test_c78_a_limit_is_exact_for_resources_that_run_in_threads(limit, count_rows):
    threads = set()

    @dlt.resource(name="t", parallelized=True)
    def t():
        for number in range(200):
            threads.add(threading.current_thread().name)
            yield {"id": number}

    pipeline().run(t().add_limit(limit, count_rows=count_rows))
    assert ids() == list(range(limit))
    assert threading.main_thread().name not in threads
