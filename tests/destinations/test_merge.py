"""Merges, case by case, on DuckDB and in memory. The SQL conditions only on DuckDB."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from typing import Any

import pytest

from dlt.destinations import duckdb, memory
from dlt.errors import DestinationRefused, NotBuilt, PlanError
from dlt.load.steps import Add, Commit, Copy, Create, Merge, Replace, Truncate
from dlt.schema.model import ROW, WAS, Column, Table

from .packages import Package, append, apply, rows_of, table

KEY = {"primary_key": True, "nullable": False}
MERGE_KEY = {"merge_key": True, "nullable": False}


@pytest.fixture(params=["duckdb", "memory"])
def place(request):
    return duckdb(":memory:").bind("p") if request.param == "duckdb" else memory().bind()


@pytest.fixture
def database():
    return duckdb(":memory:").bind("p")


@pytest.fixture
def merge(tmp_path):
    """Merges rows of a root table, and of nested ones, in a load of its own. Returns what Merge said."""
    count = 0

    def run(where: Any, strategy: str, rows: dict[Table, list[dict[str, Any]]] | Any, at: str | None = None) -> Any:
        nonlocal count
        count += 1
        package, chain = Package(tmp_path, str(count)), tuple(of for of, _ in rows)
        steps = [Create(of) for of in chain] if count == 1 else []
        steps += package.scratch(rows)
        was = any(WAS in row for row in rows[0][1])
        return apply(where, package, [*steps, Merge(chain, strategy, at or f"2024-01-0{count}T00:00:00+00:00", was)])[
            -2
        ]

    return run


def values(where: Any, name: str, *columns: str) -> list[tuple[Any, ...]]:
    return sorted((tuple(row[c] for c in columns) for row in rows_of(where, name)), key=repr)


def root(name: str = "t", keys: dict[str, Any] | None = None, **columns: str) -> Table:
    return table(name, columns, keys=keys or {"id": KEY}, write_disposition="merge")


def with_ids(of: Table, extra: dict[str, Any] | None = None) -> Table:
    return of.with_columns([Column("_dlt_id", "text", nullable=False, row_key=True, extra=extra or {})])


def child(name: str, parent: str) -> Table:
    keys = {"_dlt_parent_id": {"parent_key": True}, "_dlt_root_id": {"root_key": True}, "_dlt_id": {"row_key": True}}
    columns = {
        "value": "bigint",
        "_dlt_root_id": "text",
        "_dlt_parent_id": "text",
        "_dlt_list_idx": "bigint",
        "_dlt_id": "text",
    }
    return table(name, columns, keys=keys, parent=parent)


def item(value: int, parent: str, index: int = 0) -> dict[str, Any]:
    ids = {"_dlt_parent_id": parent, "_dlt_root_id": parent, "_dlt_list_idx": index, "_dlt_id": f"{parent}/{index}"}
    return {"value": value, **ids}


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only", "cdc"])
def test_c15_the_last_row_of_a_key_wins(place, merge, strategy):
    of = root(id="bigint", v="text")
    applied = merge(
        place, strategy, [(of, [{"id": 1, "v": "first"}, {"id": 1, "v": "second"}, {"id": 1, "v": "third"}])]
    )
    assert values(place, "t", "id", "v") == [(1, "third")]
    assert (applied.rows, applied.merged) == ({"t": 1}, {"t": 2})


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_dedup_sort_chooses_the_row_that_stays(place, merge, order):
    of = root(keys={"id": KEY, "v": {"dedup_sort": order}}, id="bigint", v="bigint")
    merge(
        place, "delete-insert", [(of, [{"id": 1, "v": 2}, {"id": 1, "v": 3}, {"id": 1, "v": 1}, {"id": 1, "v": None}])]
    )
    assert values(place, "t", "v") == [(1,) if order == "asc" else (3,)]


def test_deduplicated_keeps_all_rows(place, merge):
    of = root(id="bigint").with_(extra={"x-stage-data-deduplicated": True})
    merge(place, "delete-insert", [(of, [{"id": 1}, {"id": 1}])])
    assert values(place, "t", "id") == [(1,), (1,)]


def scd2(keys: dict[str, Any] | None = None, forever: str | None = None, **columns: str) -> Table:
    of = table("t", {}).with_columns(
        [
            Column("_dlt_valid_from", "timestamp", extra={"x-valid-from": True}),
            Column("_dlt_valid_to", "timestamp", extra={"x-valid-to": True, "x-active-record-timestamp": forever}),
        ]
    )
    of = of.with_columns(table("t", columns, keys=keys or {}).columns.values())
    return with_ids(of, {"x-row-version": True})


def day(number: int) -> dt.datetime:
    return dt.datetime(2024, 1, number, tzinfo=dt.UTC)


@pytest.mark.parametrize(("one", "two"), [(("a", "bc"), ("ab", "c")), ((1, 23), (12, 3))])
def test_c16_compound_keys_are_compared_column_by_column(place, merge, one, two):
    kind = "text" if isinstance(one[0], str) else "bigint"
    of = scd2({"a": MERGE_KEY, "b": MERGE_KEY}, a=kind, b=kind)
    merge(place, "scd2", [(of, [{"a": one[0], "b": one[1], "_dlt_id": "h1"}])])
    merge(place, "scd2", [(of, [{"a": two[0], "b": two[1], "_dlt_id": "h2"}])])
    assert values(place, "t", "_dlt_id", "_dlt_valid_to") == [("h1", None), ("h2", None)]


def test_c16_compound_primary_keys(place, merge):
    of = root(keys={"a": KEY, "b": KEY}, a="text", b="text", v="bigint")
    merge(place, "delete-insert", [(of, [{"a": "a", "b": "bc", "v": 1}])])
    merge(place, "delete-insert", [(of, [{"a": "ab", "b": "c", "v": 2}])])
    assert values(place, "t", "v") == [(1,), (2,)]


def test_c17_c18_windows_of_scd2(place, merge):
    of = scd2(id="bigint")
    row = {"id": 1, "_dlt_id": "h1"}
    stays = {"id": 2, "_dlt_id": "h2"}
    merge(place, "scd2", [(of, [row, stays])])
    unchanged = merge(place, "scd2", [(of, [row, stays])])
    assert (unchanged.rows, unchanged.merged) == ({"t": 0}, {"t": 2})
    merge(place, "scd2", [(of, [stays])])
    merge(place, "scd2", [(of, [row, stays, stays])])
    found = values(place, "t", "id", "_dlt_valid_from", "_dlt_valid_to")
    assert found == [(1, day(1), day(3)), (1, day(4), None), (2, day(1), None)]


def test_c19_nested_rows_of_scd2_are_kept_once(place, merge):
    of, items = scd2(id="bigint"), child("t__l", "t")
    row, other = {"id": 1, "_dlt_id": "h1"}, {"id": 1, "_dlt_id": "h1b"}
    merge(place, "scd2", [(of, [row]), (items, [item(7, "h1")])])
    merge(place, "scd2", [(of, [other]), (items, [item(8, "h1b")])])
    applied = merge(place, "scd2", [(of, [row]), (items, [item(7, "h1")])])
    assert (applied.rows, applied.merged) == ({"t": 1, "t__l": 0}, {"t": 0, "t__l": 1})
    assert values(place, "t__l", "value", "_dlt_root_id") == [(7, "h1"), (8, "h1b")]
    assert len(rows_of(place, "t")) == 3


def test_scd2_with_an_end_for_active_rows_and_a_boundary(place, merge):
    before, of = (
        scd2(id="bigint"),
        scd2(id="bigint", forever="9999-12-31").with_(extra={"x-boundary-timestamp": "2023-05-06"}),
    )
    merge(place, "scd2", [(before, [{"id": 1, "_dlt_id": "h1"}])])
    merge(place, "scd2", [(of, [{"id": 2, "_dlt_id": "h2"}])])
    at, end = dt.datetime(2023, 5, 6, tzinfo=dt.UTC), dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
    assert values(place, "t", "id", "_dlt_valid_from", "_dlt_valid_to") == [(1, day(1), at), (2, at, end)]


def test_c23_a_row_that_deletes_needs_only_its_key(place, merge):
    keys = {"id": KEY, "label": {"nullable": False}, "gone": {"hard_delete": True}}
    of = root(keys=keys, id="bigint", label="text", gone="bool")
    for strategy in ("delete-insert", "upsert"):
        merge(place, strategy, [(of, [{"id": 1, "label": "a"}, {"id": 2, "label": "b", "gone": False}])])
        applied = merge(place, strategy, [(of, [{"id": 1, "gone": True}, {"id": 3, "gone": True}])])
        assert applied.merged == {"t": 2}
        assert values(place, "t", "id") == [(2,)]


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert"])
def test_nested_rows_follow_their_root(place, merge, strategy):
    of, items, deeper = with_ids(root(id="bigint")), child("t__l", "t"), child("t__l__l", "t__l")
    leaf = {"value": 1, "_dlt_root_id": "a", "_dlt_parent_id": "a/0", "_dlt_list_idx": 0, "_dlt_id": "a/0/0"}
    rows = [{"id": 1, "_dlt_id": "a"}, {"id": 2, "_dlt_id": "b"}]
    merge(place, strategy, [(of, rows), (items, [item(1, "a"), item(2, "a", 1), item(3, "b")]), (deeper, [leaf])])
    applied = merge(place, strategy, [(of, [{"id": 1, "_dlt_id": "new"}]), (items, [item(4, "new")]), (deeper, [])])
    assert applied.rows == {"t": 1, "t__l": 1, "t__l__l": 0}
    assert values(place, "t__l", "value", "_dlt_parent_id") == [(3, "b"), (4, "new")]
    assert values(place, "t", "id", "_dlt_id") == [(1, "new"), (2, "b")]
    assert rows_of(place, "t__l__l") == []


def test_nested_rows_of_old_loads_without_root_key_go_too(place, merge):
    of, items = with_ids(root(id="bigint")), child("t__l", "t")
    merge(place, "upsert", [(of, [{"id": 1, "_dlt_id": "a"}]), (items, [{**item(1, "a"), "_dlt_root_id": None}])])
    merge(place, "upsert", [(of, [{"id": 1, "_dlt_id": "a"}]), (items, [])])
    assert rows_of(place, "t__l") == []


def test_primary_and_merge_key_delete_by_either(place, merge):
    of = root(keys={"id": KEY, "g": MERGE_KEY}, id="bigint", g="text")
    merge(place, "delete-insert", [(of, [{"id": i, "g": g} for i, g in ((1, "a"), (2, "a"), (3, "b"), (4, "c"))])])
    merge(place, "delete-insert", [(of, [{"id": 3, "g": "a"}])])
    assert values(place, "t", "id", "g") == [(3, "a"), (4, "c")]


def test_a_null_in_a_key_is_a_value_like_any_other(place, merge):
    of = root(keys={"a": {"primary_key": True}, "b": {"primary_key": True}}, a="bigint", b="text", v="bigint")
    for strategy in ("delete-insert", "upsert", "cdc"):
        for v in (1, 2):
            merge(place, strategy, [(of, [{"a": None, "b": "x", "v": v}, {"a": None, "b": None, "v": v}])])
            assert values(place, "t", "b", "v") == [("x", v), (None, v)]


@pytest.mark.parametrize("strategy", ["upsert", "cdc"])
def test_unchanged_rows_are_skipped(place, merge, strategy):
    of = root(id="bigint", v="bigint", _dlt_load_id="text").with_(extra={"x-merge-skip-unchanged-rows": True})
    merge(place, strategy, [(of, [{"id": 1, "v": 1, "_dlt_load_id": "1"}, {"id": 2, "v": None, "_dlt_load_id": "1"}])])
    rows = [{"id": 1, "v": 1, "_dlt_load_id": "2"}, {"id": 2, "v": 2, "_dlt_load_id": "2"}]
    applied = merge(place, strategy, [(of, rows)])
    assert (applied.rows, applied.merged) == ({"t": 1}, {"t": 1})
    assert values(place, "t", "id", "v", "_dlt_load_id") == [(1, 1, "1"), (2, 2, "2")]


def test_of_rows_with_one_key_that_are_there_all_are_updated_when_one_differs(place, merge, tmp_path):
    of = root(id="bigint", v="bigint").with_(extra={"x-merge-skip-unchanged-rows": True})
    append(place, Package(tmp_path, "0"), of, [{"id": 1, "v": 1}, {"id": 1, "v": 2}])
    package = Package(tmp_path, "x")
    applied = apply(
        place, package, [*package.scratch([(of, [{"id": 1, "v": 2}])]), Merge((of,), "upsert", "2024-01-01")]
    )
    assert (applied[-2].rows, applied[-2].merged) == ({"t": 1}, {"t": 0})
    assert values(place, "t", "id", "v") == [(1, 2), (1, 2)]


def test_a_row_version_decides_what_is_unchanged(place, merge):
    of = root(id="bigint", n="bigint", v="bigint").with_columns([Column("n", "bigint", extra={"x-row-version": True})])
    of = of.with_(extra={"x-merge-skip-unchanged-rows": True})
    merge(place, "upsert", [(of, [{"id": 1, "n": 1, "v": 1}])])
    merge(place, "upsert", [(of, [{"id": 1, "n": 1, "v": 2}])])
    assert values(place, "t", "v") == [(1,)]
    merge(place, "upsert", [(of, [{"id": 1, "n": 2, "v": 2}])])
    assert values(place, "t", "v") == [(2,)]


def test_cdc_removes_what_the_snapshot_does_not_have(place, merge):
    of = root(keys={"id": KEY, "g": MERGE_KEY}, id="bigint", g="text")
    merge(place, "cdc", [(of, [{"id": i, "g": g} for i, g in ((1, "a"), (2, "a"), (3, "b"))])])
    merge(place, "cdc", [(of, [{"id": 1, "g": "a"}])])
    assert values(place, "t", "id") == [(1,), (3,)]
    whole = root(id="bigint", g="text")
    merge(place, "cdc", [(whole, [{"id": 4, "g": "d"}])])
    assert values(place, "t", "id") == [(4,)]


def test_insert_only_leaves_what_is_there(place, merge):
    of = root(id="bigint", v="bigint")
    merge(place, "insert-only", [(of, [{"id": 1, "v": 1}])])
    applied = merge(place, "insert-only", [(of, [{"id": 1, "v": 2}, {"id": 2, "v": 2}])])
    assert (applied.rows, applied.merged) == ({"t": 1}, {"t": 1})
    assert values(place, "t", "id", "v") == [(1, 1), (2, 2)]


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "cdc", "insert-only"])
def test_nested_rows_are_those_of_the_row_that_stays(place, merge, strategy):
    of, items, deeper = with_ids(root(id="bigint", v="text")), child("t__l", "t"), child("t__l__l", "t__l")
    key = "k" if strategy != "delete-insert" else None
    rows = [{"id": 1, "v": v, "_dlt_id": key or v} for v in "abc"]
    mine = [{**item(n, key or v, place), ROW: place} for place, (n, v) in enumerate(zip((1, 2), "ab", strict=True))]
    leaf = {"value": 9, "_dlt_root_id": key or "b", "_dlt_parent_id": mine[1]["_dlt_id"], "_dlt_list_idx": 0, ROW: 1}
    merge(place, strategy, [(of, rows), (items, mine), (deeper, [{**leaf, "_dlt_id": "leaf"}])])
    assert values(place, "t", "v") == [("c",)]
    assert rows_of(place, "t__l") == rows_of(place, "t__l__l") == []


def test_nested_rows_go_with_the_row_that_sorting_chose(place, merge):
    of, items = (
        with_ids(root(keys={"id": KEY, "v": {"dedup_sort": "desc"}}, id="bigint", v="bigint")),
        child("t__l", "t"),
    )
    rows = [{"id": 1, "v": 2, "_dlt_id": "k"}, {"id": 1, "v": 1, "_dlt_id": "k"}]
    merge(place, "upsert", [(of, rows), (items, [{**item(7, "k"), ROW: 0}, {**item(8, "k"), ROW: 1}])])
    assert values(place, "t__l", "value") == [(7,)]


def test_insert_only_adds_what_a_longer_list_has_more(place, merge):
    of, items = with_ids(root(id="bigint", v="bigint")), child("t__l", "t")
    merge(place, "insert-only", [(of, [{"id": 1, "v": 1, "_dlt_id": "k"}]), (items, [item(1, "k"), item(2, "k", 1)])])
    longer = [item(8, "k"), item(9, "k", 1), item(7, "k", 2)]
    merge(place, "insert-only", [(of, [{"id": 1, "v": 2, "_dlt_id": "k"}]), (items, longer)])
    assert values(place, "t", "id", "v") == [(1, 1)]
    assert values(place, "t__l", "value") == [(1,), (2,), (7,)]


def test_scd2_keeps_equal_rows_and_their_nested_rows_once(place, merge):
    of, items = scd2(id="bigint"), child("t__l", "t")
    row = {"id": 1, "_dlt_id": "h1"}
    for _ in range(2):
        merge(place, "scd2", [(of, [row, row]), (items, [{**item(7, "h1"), ROW: 0}, {**item(7, "h1"), ROW: 1}])])
        assert values(place, "t", "id", "_dlt_valid_to") == [(1, None), (1, None)]
        assert values(place, "t__l", "value") == [(7,)]


def test_scd2_versions_are_the_row_ids_unless_said_otherwise(place, merge):
    of = scd2(id="bigint", ver="bigint").with_columns([Column("_dlt_id", "text", nullable=False, row_key=True)])
    merge(place, "scd2", [(of, [{"id": 1, "ver": 1, "_dlt_id": "h1"}])])
    merge(place, "scd2", [(of, [{"id": 1, "ver": 1, "_dlt_id": "h2"}])])
    assert values(place, "t", "_dlt_id", "_dlt_valid_to") == [("h1", day(2)), ("h2", None)]
    own = of.with_columns([Column("ver", "bigint", nullable=False, extra={"x-row-version": True})])
    merge(place, "scd2", [(own, [{"id": 1, "ver": 1, "_dlt_id": "h3"}])])
    assert values(place, "t", "_dlt_id", "_dlt_valid_to") == [("h1", day(2)), ("h2", None)]


def test_scd2_knows_rows_by_the_ids_they_had(place, merge):
    of, items = scd2(id="bigint", new="bigint"), child("t__l", "t")
    merge(place, "scd2", [(of, [{"id": 1, "_dlt_id": "old"}, {"id": 2, "_dlt_id": "gone"}]), (items, [item(7, "old")])])
    again = {"id": 1, "_dlt_id": "now", WAS: "old"}
    applied = merge(place, "scd2", [(of, [again, {"id": 3, "_dlt_id": "h3", WAS: "gone2"}]), (items, [item(7, "now")])])
    assert values(place, "t", "_dlt_id", "_dlt_valid_to") == [("gone", day(2)), ("h3", None), ("old", None)]
    assert values(place, "t__l", "_dlt_parent_id") == [("old",)]
    assert (applied.rows, applied.merged) == ({"t": 1, "t__l": 0}, {"t": 1, "t__l": 1})


def test_scd2_names_of_the_validity_columns(place, merge):
    of = table("t", {"id": "bigint"}).with_columns(
        [
            Column("since", "timestamp", extra={"x-valid-from": True}),
            Column("till", "timestamp", extra={"x-valid-to": True}),
        ]
    )
    of = with_ids(of, {"x-row-version": True})
    merge(place, "scd2", [(of, [{"id": 1, "_dlt_id": "h1"}])])
    merge(place, "scd2", [(of, [])])
    assert values(place, "t", "id", "since", "till") == [(1, day(1), day(2))]


def test_hard_delete_by_a_column_that_is_no_flag(place, merge):
    of = root(keys={"id": KEY, "gone_at": {"hard_delete": True}}, id="bigint", gone_at="timestamp")
    for strategy in ("delete-insert", "upsert", "cdc"):
        merge(place, strategy, [(of, [{"id": 1, "gone_at": None}, {"id": 2, "gone_at": None}])])
        merge(
            place,
            strategy,
            [(of, [{"id": 1, "gone_at": day(1)}, {"id": 2, "gone_at": None}, {"id": 3, "gone_at": day(1)}])],
        )
        assert values(place, "t", "id") == [(2,)]


def test_the_row_that_stays_says_whether_the_record_is_deleted(place, merge):
    of = root(
        keys={"id": KEY, "gone": {"hard_delete": True}, "n": {"dedup_sort": "desc"}},
        id="bigint",
        gone="bool",
        n="bigint",
    )
    rows = [{"id": 1, "gone": True, "n": 2}, {"id": 1, "gone": False, "n": 1}]
    rows += [{"id": 2, "gone": False, "n": 2}, {"id": 2, "gone": True, "n": 1}]
    merge(place, "delete-insert", [(of, rows)])
    assert values(place, "t", "id") == [(2,)]


def test_by_merge_key_alone_all_rows_of_the_load_stay(place, merge):
    of = root(keys={"g": MERGE_KEY}, id="bigint", g="text")
    merge(place, "delete-insert", [(of, [{"id": 1, "g": "a"}, {"id": 2, "g": "b"}])])
    applied = merge(place, "delete-insert", [(of, [{"id": 3, "g": "a"}, {"id": 3, "g": "a"}])])
    assert (applied.rows, applied.merged) == ({"t": 2}, {"t": 0})
    assert values(place, "t", "id") == [(2,), (3,), (3,)]


def test_a_filled_nested_table_becomes_part_of_a_merge(place, tmp_path):
    of, l1, l2 = with_ids(root(id="bigint")), child("t__l", "t"), child("t__l__l", "t__l")
    before = [
        Table(t.name, {k: c for k, c in t.columns.items() if k != "_dlt_root_id"}, parent=t.parent) for t in (l1, l2)
    ]
    leaf = {"value": 1, "_dlt_parent_id": "a/0", "_dlt_list_idx": 0, "_dlt_id": "a/0/0"}
    rows = [[{"id": 1, "_dlt_id": "a"}, {"id": 2, "_dlt_id": "b"}], [item(1, "a"), item(2, "b")], [leaf]]
    one = Package(tmp_path, "1")
    pairs = list(zip((of, *before), rows, strict=True))
    pairs[1] = (before[0], [{k: v for k, v in row.items() if k != "_dlt_root_id"} for row in rows[1]])
    apply(place, one, [*(Create(t) for t, _ in pairs), *(Copy(t, (one.file(t, mine),)) for t, mine in pairs)])

    two, key = Package(tmp_path, "2"), l1.columns["_dlt_root_id"].with_(nullable=True)
    adds = [Add(l1, (key,), parent=of), Add(l2, (key,), parent=l1)]
    copies = two.scratch([(of, [{"id": 2, "_dlt_id": "b2"}]), (l1, [item(3, "b2")]), (l2, [])])
    apply(place, two, [*adds, *copies, Merge((of, l1, l2), "delete-insert", "2024-01-01")])

    assert values(place, "t__l", "value", "_dlt_root_id") == [(1, "a"), (3, "b2")]
    assert values(place, "t__l__l", "value", "_dlt_root_id") == [(1, "a")]


def test_source_filter(database, merge):
    of = root(id="bigint", v="bigint").with_(extra={"x-merge-source-filter": "v > 0"})
    for strategy in ("delete-insert", "upsert", "cdc"):
        applied = merge(database, strategy, [(of, [{"id": 1, "v": 1}, {"id": 1, "v": -1}, {"id": 2, "v": None}])])
        assert applied.merged == {"t": 2}
        assert values(database, "t", "id", "v") == [(1, 1)]


def test_destination_scope_says_what_is_deleted(database, merge):
    of = root(id="bigint", g="text").with_(
        extra={"x-merge-destination-scope": "{table}.g IN (SELECT g FROM {staging_table})"}
    )
    rows = [{"id": 1, "g": "a"}, {"id": 2, "g": "a"}, {"id": 3, "g": "b"}]
    merge(database, "delete-insert", [(of, rows)])
    merge(database, "delete-insert", [(of, [{"id": 4, "g": "a"}])])
    assert values(database, "t", "id") == [(3,), (4,)]
    merge(database, "cdc", [(of, [{"id": 5, "g": "b"}])])
    assert values(database, "t", "id") == [(4,), (5,)]


def test_destination_scope_without_a_key_and_with_nested_rows(database, merge):
    of = with_ids(root(keys={"id": {}}, id="bigint", g="text"))
    of, items = of.with_(extra={"x-merge-destination-scope": "{table}.g = 'a' AND '{{' <> '}}'"}), child("t__l", "t")
    rows = [{"id": 1, "g": "a", "_dlt_id": "1"}, {"id": 2, "g": "b", "_dlt_id": "2"}]
    merge(database, "delete-insert", [(of, rows), (items, [item(1, "1"), item(2, "2")])])
    merge(database, "delete-insert", [(of, [{"id": 2, "g": "c", "_dlt_id": "3"}]), (items, [item(3, "3")])])
    assert values(database, "t", "id", "g") == [(2, "b"), (2, "c")]
    assert values(database, "t__l", "value") == [(2,), (3,)]


@pytest.mark.parametrize("scope", ["{tabl}.id = 1", "{0}.id = 1", "{table", "{table.x} = 1"])
def test_a_destination_scope_that_cannot_be_read(database, merge, scope):
    of = root(id="bigint").with_(extra={"x-merge-destination-scope": scope})
    with pytest.raises(PlanError, match="destination_scope") as caught:
        merge(database, "delete-insert", [(of, [{"id": 1}])])
    assert caught.value.table == "t"


def test_memory_says_that_it_does_not_read_conditions(merge):
    of = root(id="bigint").with_(extra={"x-merge-source-filter": "id > 1"})
    with pytest.raises(NotBuilt):
        merge(memory().bind(), "delete-insert", [(of, [{"id": 1}])])


def test_source_filter_of_scd2(database, merge):
    of = scd2(id="bigint").with_(extra={"x-merge-source-filter": "id > 1"})
    applied = merge(database, "scd2", [(of, [{"id": 1, "_dlt_id": "h1"}, {"id": 2, "_dlt_id": "h2"}])])
    assert (applied.rows, applied.merged) == ({"t": 1}, {"t": 1})
    assert values(database, "t", "id") == [(2,)]


def test_destination_scope_of_scd2(database, merge):
    of = scd2(id="bigint").with_(extra={"x-merge-destination-scope": "{table}.id > 1"})
    merge(database, "scd2", [(of, [{"id": 1, "_dlt_id": "h1"}, {"id": 2, "_dlt_id": "h2"}])])
    merge(database, "scd2", [(of, [{"id": 3, "_dlt_id": "h3"}])])
    assert values(database, "t", "id", "_dlt_valid_to") == [(1, None), (2, day(2)), (3, None)]


def test_c26_two_merges_at_once_do_not_mix(tmp_path):
    database = duckdb(str(tmp_path / "x.duckdb")).bind("p")
    one, two = root("one", id="bigint"), root("two", id="bigint")
    apply(database, Package(tmp_path, "0"), [Create(one), Create(two)])
    packages = Package(tmp_path, "1"), Package(tmp_path, "2")
    with (
        closing(database.open("ds", packages[0].load())) as first,
        closing(database.open("ds", packages[1].load())) as second,
    ):
        first.apply(*packages[0].scratch([(one, [{"id": 1}])]))
        second.apply(*packages[1].scratch([(two, [{"id": 2}])]))
        first.apply(Merge((one,), "delete-insert", "2024-01-01"))
        second.apply(Merge((two,), "delete-insert", "2024-01-01"))
        first.apply(Commit({}))
        second.apply(Commit({}))
    assert (values(database, "one", "id"), values(database, "two", "id")) == ([(1,)], [(2,)])


def test_replace_puts_the_new_rows_in_place_of_the_old(place, tmp_path):
    of = table("t", {"a": "bigint"})
    append(place, Package(tmp_path, "1"), of, [{"a": 1}, {"a": 2}])
    package = Package(tmp_path, "2")
    applied = apply(place, package, [Copy(of, (package.file(of, [{"a": 3}]),), scratch=True), Replace((of,))])
    assert applied[1].rows == {"t": 1}
    assert values(place, "t", "a") == [(3,)]


def test_c21_a_refused_replace_leaves_the_old_rows(database, tmp_path):
    of = table("t", {"a": "bigint"}, keys={"a": {"nullable": False}})
    append(database, Package(tmp_path, "1"), of, [{"a": 1}])
    package = Package(tmp_path, "2")
    with pytest.raises(DestinationRefused):
        apply(database, package, [Truncate("t"), Copy(of, (package.file(of, [{"a": None}]),))])
    assert values(database, "t", "a") == [(1,)]
