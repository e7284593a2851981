"""C15-C30d: merge, scd2, replace, and what a failed or an empty load does to rows that are there."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dlt
from dlt.errors import ConfigError, PlanError, StepFailed
from dlt.load.steps import Merge
from dlt.schema.model import Column, Table
from dlt.sql.dialect import DUCKDB
from dlt.sql.merge import STRATEGIES, merge_sql, replace_sql

from .rows import DATASET, both, count, load, paged, pipeline, quarantined, shaped, sql, stored, tables, types

SCD2 = {"disposition": "merge", "strategy": "scd2"}


def merge(form, rows, **hints):
    load(form, rows, write_disposition="merge", **{"primary_key": "id", **hints})


# ---- merge


@both
def test_c15_the_last_row_of_a_key_wins(form):
    merge(form, [{"id": 1, "v": "first"}, {"id": 1, "v": "second"}, {"id": 1, "v": "third"}])
    assert stored() == [{"id": 1, "v": "third"}]
    merge(form, [{"id": 2, "v": "a"}, {"id": 1, "v": "fourth"}, {"id": 2, "v": "b"}, {"id": 1, "v": "fifth"}])
    assert stored() == [{"id": 1, "v": "fifth"}, {"id": 2, "v": "b"}]


@both
@pytest.mark.parametrize("strategy", ["delete-insert", "upsert"])
def test_c15_the_last_row_wins_across_pages(form, strategy):
    pages = [shaped(form, [{"id": 1, "v": number}, {"id": 2, "v": -number}]) for number in range(50)]
    disposition = {"disposition": "merge", "strategy": strategy}
    pipeline().run(paged(*pages, write_disposition=disposition, primary_key="id"))
    assert stored() == [{"id": 1, "v": 49}, {"id": 2, "v": -49}]


def test_c15_what_is_nested_in_the_last_row_wins_too():
    merge("dict", [{"id": 1, "tags": ["a", "b"]}, {"id": 1, "tags": ["c"]}, {"id": 2, "tags": ["d"]}])
    nested = 'SELECT p.id, c."value" FROM ds.t__tags AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id ORDER BY ALL'
    assert sql(nested) == [(1, "c"), (2, "d")]
    assert count("t__tags") == 2


@both
def test_c15_dedup_sort_decides_when_it_is_given(form):
    rows = [{"id": 1, "v": 2}, {"id": 1, "v": 9}, {"id": 1, "v": 1}]
    merge(form, rows, columns={"v": {"dedup_sort": "desc"}})
    assert stored() == [{"id": 1, "v": 9}]


def snapshot(form, rows, **hints):
    load(form, rows, write_disposition=SCD2, **hints)


ACTIVE = "_dlt_valid_to IS NULL"


@both
@pytest.mark.parametrize("keys", [(("a", "bc"), ("ab", "c")), ((1, 23), (12, 3)), (("1", ""), ("", "1"))])
def test_c16_keys_of_two_columns_are_compared_column_by_column(form, keys):
    (a, b), (other_a, other_b) = keys
    snapshot(form, [{"id": 1, "a": a, "b": b}], merge_key=["a", "b"])
    snapshot(form, [{"id": 2, "a": other_a, "b": other_b}], merge_key=["a", "b"])
    assert sql(f"SELECT id FROM ds.t WHERE {ACTIVE} ORDER BY id") == [(1,), (2,)]
    snapshot(form, [{"id": 3, "a": a, "b": b}], merge_key=["a", "b"])
    assert sql(f"SELECT id FROM ds.t WHERE {ACTIVE} ORDER BY id") == [(2,), (3,)]


@both
def test_c17_a_new_column_without_values_changes_no_row(form):
    rows = [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    snapshot(form, rows)
    before = sql("SELECT id, _dlt_valid_from, _dlt_valid_to FROM ds.t ORDER BY id")
    snapshot(form, [{**row, "new": None} for row in rows])
    assert sql("SELECT id, _dlt_valid_from, _dlt_valid_to FROM ds.t ORDER BY id") == before
    assert "new" in types("t")
    snapshot(form, [{"id": 1, "v": "a", "new": None}, {"id": 2, "v": "b", "new": 5}])
    assert sql(f"SELECT id, new, {ACTIVE} FROM ds.t ORDER BY id, _dlt_valid_from") == [
        (1, None, True),
        (2, None, False),
        (2, 5, True),
    ]


@both
def test_c17_the_order_of_columns_changes_no_row(form):
    snapshot(form, [{"id": 1, "v": "a", "w": 2}])
    snapshot(form, [{"w": 2, "v": "a", "id": 1}])
    assert sql(f"SELECT id, {ACTIVE} FROM ds.t") == [(1, True)]


@both
def test_c18_a_row_that_comes_back_has_two_windows(form):
    one, two = {"id": 1, "v": "a"}, {"id": 2, "v": "b"}
    for rows in ([one, two], [two], [one, two]):
        snapshot(form, rows)
    windows = sql("SELECT id, _dlt_valid_from, _dlt_valid_to FROM ds.t ORDER BY id, _dlt_valid_from")
    assert [row[0] for row in windows] == [1, 1, 2]
    (_, begin, end), (_, again, still), (_, _, open_end) = windows
    assert begin < end <= again
    assert (still, open_end) == (None, None)


def test_c19_nested_rows_have_the_key_and_the_validity_of_their_root():
    first = {"id": 1, "lines": [{"n": 1, "parts": [{"p": "a"}]}, {"n": 2, "parts": []}]}
    second = {"id": 1, "lines": [{"n": 1, "parts": [{"p": "b"}]}]}
    for row in (first, second):
        snapshot("dict", [row])
    for table, column, expected in [
        ("t__lines", "n", [(1, False), (2, False), (1, True)]),
        ("t__lines__parts", "p", [("a", False), ("b", True)]),
    ]:
        history = (
            f"SELECT c.{column}, r._dlt_valid_to IS NULL FROM ds.{table} AS c JOIN ds.t AS r"
            f" ON c._dlt_root_id = r._dlt_id ORDER BY r._dlt_valid_from, c.{column}"
        )
        assert sql(history) == expected
        assert count(table) == len(expected)


@both
def test_c20_a_merge_key_that_left_the_code_is_gone(form):
    rows = [{"id": 1, "day": 7, "v": "a"}, {"id": 2, "day": 7, "v": "b"}]
    merge(form, rows, merge_key="day")
    merge(form, [{"id": 2, "day": 7, "v": "c"}])
    assert stored() == [rows[0], {"id": 2, "day": 7, "v": "c"}]
    merge(form, [{"id": 3, "day": 7, "v": "d"}], merge_key="day")
    assert stored() == [{"id": 3, "day": 7, "v": "d"}]


@both
def test_c20_other_hints_that_left_the_code_are_gone_too(form):
    merge(form, [{"id": 1, "v": 9}, {"id": 1, "v": 1}], columns={"v": {"dedup_sort": "desc"}})
    merge(form, [{"id": 1, "v": 9}, {"id": 1, "v": 1}])
    assert stored() == [{"id": 1, "v": 1}]
    gone = [{"id": 1, "v": 5, "gone": True}]
    merge(form, gone, columns={"gone": {"data_type": "bool", "hard_delete": True}})
    assert count("t") == 0
    merge(form, gone)
    assert stored() == gone


# ---- replace, and loads that fail


@both
def test_c21_a_number_beyond_64_bits_replaces_rows(form):
    load(form, [{"id": 1, "v": 1}], write_disposition="replace")
    load("dict", [{"id": 2, "v": 2**63}], write_disposition="replace")
    (row,) = stored()
    assert [int(value) for value in row.values() if value is not None] == [2, 2**63]


def refusing(table, condition):
    """Let the destination take only rows of this condition from now on; what was there and is not so is gone."""
    columns = sql(
        f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}' ORDER BY column_index"
    )
    listed = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    sql(
        f"CREATE TABLE ds.other ({listed}, CHECK ({condition})); INSERT INTO ds.other FROM ds.{table} WHERE {condition}"
    )
    sql(f"DROP TABLE ds.{table}; ALTER TABLE ds.other RENAME TO {table}")


FAIL = ("NORMALIZE__ON_BAD_ROWS", "fail")  # a row that is turned away fails the load


@both
def test_c21_old_rows_stay_when_the_load_of_new_ones_fails(form, monkeypatch):
    load(form, [{"id": 1, "v": 1}, {"id": 2, "v": 2}], write_disposition="replace")
    refusing("t", "v < 10")
    loads = count("_dlt_loads")
    monkeypatch.setenv(*FAIL)
    with pytest.raises(StepFailed) as caught:
        load(form, [{"id": 3, "v": 3}, {"id": 4, "v": 1000}], write_disposition="replace")
    assert caught.value.step == "load"
    assert caught.value.table == "t"
    assert stored() == [{"id": 1, "v": 1}, {"id": 2, "v": 2}]
    assert count("_dlt_loads") == loads


@both
def test_c21_old_rows_stay_when_the_commit_fails(form):
    rows = [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": ["b"]}]
    load(form, rows, write_disposition="replace")
    before = {table: sql(f"SELECT * FROM ds.{table}") for table in tables()}
    refusing("_dlt_loads", "status > 0")
    with pytest.raises(StepFailed) as caught:
        load(form, [{"id": 3, "tags": ["c"]}], write_disposition="replace")
    assert caught.value.step == "load"
    assert {table: sql(f"SELECT * FROM ds.{table}") for table in tables()} == before
    sql("CREATE TABLE kept AS FROM ds._dlt_loads; DROP TABLE ds._dlt_loads; CREATE TABLE ds._dlt_loads AS FROM kept")
    pipeline().run()
    assert [row["id"] for row in stored()] == [3]
    assert count("_dlt_loads") == 1


@both
def test_c21_a_row_that_the_destination_turns_away_is_kept_aside(form):
    load(form, [{"id": 1, "v": 1}], write_disposition="replace")
    refusing("t", "v < 10")
    load(form, [{"id": 3, "v": 3}, {"id": 4, "v": 1000}], write_disposition="replace")
    assert stored() == [{"id": 3, "v": 3}]
    (entry,) = quarantined()
    assert (entry["table_name"], json.loads(entry["row"])) == ("t", {"id": 4, "v": 1000})
    assert "CHECK" in entry["detail"]


@both
def test_c22_a_failed_load_does_not_block_good_data(form, monkeypatch):
    load(form, [{"id": 1, "v": 1}], write_disposition="replace")
    refusing("t", "v < 10")
    monkeypatch.setenv(*FAIL)
    with pytest.raises(StepFailed):
        load(form, [{"id": 3, "v": 1000}], write_disposition="replace")
    for number in (5, 6):
        load(form, [{"id": number, "v": 5}], write_disposition="replace")
        assert stored() == [{"id": number, "v": 5}]
    failed = pipeline()
    (load_id,) = failed.list_failed_load_packages()
    assert not failed.has_pending_data
    assert "CHECK" in str(failed.get_load_package_state(load_id)["failures"])
    failed.abort_packages(load_id)
    assert pipeline().list_failed_load_packages() == []
    assert stored() == [{"id": 6, "v": 5}]


@both
@pytest.mark.parametrize("strategy", ["delete-insert", "upsert"])
def test_c23_a_row_that_deletes_needs_only_its_key(form, strategy):
    hints = {
        "write_disposition": {"disposition": "merge", "strategy": strategy},
        "primary_key": "id",
        "columns": {
            "name": {"data_type": "text", "nullable": False},
            "gone": {"data_type": "bool", "hard_delete": True},
        },
    }
    load(form, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], **hints)
    load(form, [{"id": 1, "gone": True}], **hints)
    assert [(row["id"], row["name"]) for row in stored()] == [(2, "b")]
    load(form, [{"id": 2, "gone": True}, {"id": 3, "name": "c"}], **hints)
    assert [(row["id"], row["name"]) for row in stored()] == [(3, "c")]


@both
def test_c24_a_table_that_was_dropped_by_hand_is_made_again(form):
    load(form, [{"id": 1, "v": "a"}])
    sql("DROP TABLE ds.t")
    load(form, [{"id": 2, "v": "b"}])
    assert stored() == [{"id": 2, "v": "b"}]


@both
def test_c24_a_column_that_was_dropped_by_hand_is_made_again(form):
    load(form, [{"id": 1, "v": "a", "w": 1}])
    sql("ALTER TABLE ds.t DROP COLUMN v")
    load(form, [{"id": 2, "v": "b", "w": 2}])
    rows = [{key: row[key] for key in ("id", "v", "w")} for row in stored()]
    assert rows == [{"id": 1, "v": None, "w": 1}, {"id": 2, "v": "b", "w": 2}]


@pytest.mark.parametrize("disposition", ["append", "replace", "merge"])
def test_c24_a_nested_table_that_was_dropped_by_hand_is_made_again(disposition):
    rows = [{"id": 1, "tags": ["a"]}]
    load("dict", rows, write_disposition=disposition, primary_key="id")
    sql("DROP TABLE ds.t__tags")
    load("dict", rows, write_disposition=disposition, primary_key="id")
    owners = 'SELECT p.id, c."value" FROM ds.t__tags AS c JOIN ds.t AS p ON c._dlt_parent_id = p._dlt_id'
    assert sql(owners) == [(1, "a")]


@pytest.mark.parametrize("table", ["_dlt_loads", "_dlt_version", "_dlt_pipeline_state"])
def test_c24_a_table_of_dlt_that_was_dropped_by_hand_is_made_again(table):
    load("dict", [{"id": 1, "v": "a"}])
    sql(f"DROP TABLE ds.{table}")
    load("dict", [{"id": 2, "v": "b", "w": 1}])
    assert [row["id"] for row in stored()] == [1, 2]
    assert count(table) == 1
    pipeline().drop()
    load("dict", [{"id": 3, "v": "c", "w": 2}])
    assert [row["id"] for row in stored()] == [1, 2, 3]


def test_c24_a_dataset_that_was_dropped_by_hand_is_made_again():
    load("dict", [{"id": 1, "tags": ["a"]}])
    sql("DROP SCHEMA ds CASCADE")
    load("dict", [{"id": 2, "tags": ["b"]}])
    assert stored() == [{"id": 2}]
    assert count("_dlt_loads") == 1


# ---- loads without rows


@both
def test_c25_a_merge_without_rows_after_a_replace_empties_nothing(form):
    rows = shaped(form, [{"id": 1, "v": "a", "tags": ["x"]}])
    pipeline().run(paged(rows, write_disposition="replace", primary_key="id"))
    before = {table: sql(f"SELECT * FROM ds.{table}") for table in tables()}
    for disposition in ("merge", "append"):
        for pages in ((), ([],)):
            pipeline().run(paged(*pages, write_disposition=disposition, primary_key="id"))
            assert {table: sql(f"SELECT * FROM ds.{table}") for table in tables()} == before
    pipeline().run(paged(write_disposition="replace", primary_key="id"))
    assert [count(table) for table in tables()] == [0] * len(before)


# ---- many writers


def orders(start, rows=1000):
    return [{"id": number, "who": start, "tags": [f"{number}"]} for number in range(start, start + rows)]


def of_both(first, second):
    assert count("t") == len(first) + len(second)
    assert sql("SELECT who, count(*), min(id), max(id) FROM ds.t GROUP BY who ORDER BY who") == [
        (part[0]["who"], len(part), part[0]["id"], part[-1]["id"]) for part in (first, second)
    ]


@both
def test_c26_two_pipelines_merge_with_interleaved_steps(form):
    first, second = orders(0), orders(5000)
    one, two = pipeline("one"), pipeline("two")
    hints = {"table_name": "t", "write_disposition": "merge", "primary_key": "id"}
    for _ in range(2):
        one.extract(shaped(form, first), **hints)
        two.extract(shaped(form, second), **hints)
        two.normalize()
        one.normalize()
        one.load()
        two.load()
        of_both(first, second)
    if form == "dict":
        assert count("t__tags") == count("t")


WRITER = """
import sys
import dlt
from dlt.errors import RetryableError, StepFailed

name, start = sys.argv[1], int(sys.argv[2])
rows = [{"id": number, "who": start, "tags": [f"{number}"]} for number in range(start, start + 1000)]
pipeline = dlt.pipeline(name, destination=dlt.destinations.duckdb("cases.duckdb"), dataset_name="ds")
pipeline.extract(rows, table_name="t", write_disposition="merge", primary_key="id")
pipeline.normalize()
print("ready", flush=True)
input()
while pipeline.has_pending_data:
    try:
        pipeline.load()
    except StepFailed as error:  # the other one may be writing for longer than a load waits
        if not isinstance(error.exception, RetryableError):
            raise
"""


def test_c26_two_processes_merge_at_once(database):
    database.close()
    script = Path("writer.py")
    script.write_text(WRITER)
    writers = [
        subprocess.Popen(
            [sys.executable, script, name, start], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for name, start in (("one", "0"), ("two", "5000"))
    ]
    try:
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in writers:
            writer.stdin.write("go\n")
            writer.stdin.flush()
        assert [writer.wait(300) for writer in writers] == [0, 0]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    of_both(orders(0), orders(5000))
    assert count("t__tags") == 2000


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_c27_a_merge_leaves_no_table_behind(strategy):
    key = Column("id", "bigint", nullable=False, primary_key=True)
    row_id = Column("_dlt_id", "text", nullable=False, unique=True, row_key=True)
    root_id = Column("_dlt_root_id", "text", nullable=False, root_key=True)
    parent_id = Column("_dlt_parent_id", "text", nullable=False, parent_key=True)
    window = [
        Column("since", "timestamp", extra={"x-valid-from": True}),
        Column("until", "timestamp", extra={"x-valid-to": True}),
    ]
    root = Table("t", {}, resource="t", write_disposition="merge").with_columns([key, *window, row_id])
    nested = Table("t__n", {}, parent="t").with_columns([root_id, parent_id, row_id])

    def scratch(table):
        return f"temp.scratch_{table.replace('#', '_')}"

    step = Merge((root, nested), strategy, "2024-01-01T00:00:00+00:00")
    statements = [one.sql for one in merge_sql(step, DUCKDB, lambda name: f"ds.{name}", scratch)]
    statements += [one.sql for one in replace_sql((root, nested), DUCKDB, lambda name: f"ds.{name}", scratch)]
    made = [one for one in statements if one.startswith("CREATE")]
    assert all(one.startswith("CREATE TEMPORARY TABLE temp.scratch_") for one in made)
    assert not [one for one in statements if one.startswith("DROP") and "temp.scratch_" not in one]
    assert any("INSERT INTO ds.t " in one for one in statements)


def test_c27_nothing_but_the_tables_of_the_user_is_there_after_merges():
    for _ in range(2):
        merge("dict", [{"id": 1, "tags": ["a"]}, {"id": 2, "tags": ["b"]}])
    found = sql("SELECT schema_name, table_name FROM duckdb_tables() ORDER BY ALL")
    assert {name for name, _ in found} == {DATASET}
    assert [name for _, name in found] == ["_dlt_loads", "_dlt_pipeline_state", "_dlt_version", "t", "t__tags"]


REPLACES = ["truncate-and-insert", "insert-from-staging", "staging-optimized"]


@both
def test_c28_the_replace_strategy_may_change(form, monkeypatch):
    for number, strategy in enumerate([*REPLACES, *REPLACES]):
        monkeypatch.setenv("DESTINATION__REPLACE_STRATEGY", strategy)
        rows = [{"id": number, "tags": [f"{number}"]}, {"id": number + 10, "tags": []}]
        load(form, rows, write_disposition="replace")
        assert [row["id"] for row in stored()] == [number, number + 10]
        if form == "dict":
            assert sql('SELECT "value" FROM ds.t__tags') == [(f"{number}",)]


@both
@pytest.mark.parametrize("disposition", ["merge", {"disposition": "merge", "strategy": "upsert"}])
def test_c29_a_merge_without_keys_is_an_error_before_anything_is_written(form, disposition):
    load(form, [{"id": 1, "v": "a"}])
    with pytest.raises(StepFailed) as caught:
        load(form, [{"id": 1, "v": "b"}], write_disposition=disposition)
    assert isinstance(caught.value.exception, PlanError)
    assert caught.value.table == "t"
    assert "primary_key" in str(caught.value)
    assert stored() == [{"id": 1, "v": "a"}]


# ---- files


def bucket(layout, **options):
    made = dlt.destinations.filesystem(bucket_url=str(Path("bucket").resolve()), layout=layout, **options)
    return dlt.pipeline("files", destination=made, dataset_name=DATASET)


def written(begin=""):
    files = (
        path.relative_to(Path("bucket") / DATASET).as_posix() for path in Path("bucket").rglob("*") if path.is_file()
    )
    return sorted(file for file in files if not file.startswith(("_dlt", "init")) and file.startswith(begin))


def lines(files):
    out = []
    for file in files:
        data = (Path("bucket") / DATASET / file).read_bytes()
        text = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        out += [json.loads(line)["id"] for line in text.decode().splitlines()]
    return sorted(out)


@both
def test_c30_a_layout_that_would_overwrite_appended_files_is_refused(form):
    rows = shaped(form, [{"id": 1}])
    with pytest.raises((StepFailed, ConfigError)) as caught:
        bucket("{table_name}.{ext}").run(rows, table_name="t", write_disposition="append")
    assert "layout" in str(caught.value)
    assert not Path("bucket").exists() or written() == []


@both
def test_c30_a_layout_with_a_unique_part_keeps_what_was_appended(form):
    for number in (1, 2):
        bucket("{table_name}/{load_id}.{file_id}.{ext}").run(
            shaped(form, [{"id": number}]), table_name="t", loader_file_format="jsonl"
        )
    assert len(written()) == 2
    assert lines(written()) == [1, 2]


def replaced(layout, name, number):
    rows = [{"id": number}]
    bucket(layout).run(rows, table_name=name, write_disposition="replace", loader_file_format="jsonl")


LAYOUTS = [
    "{table_name}.{load_id}.{file_id}.{ext}",
    "{table_name}/{file_id}.{ext}",
    "data/{table_name}-{load_id}.{file_id}.{ext}",
]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_c30b_replacing_a_table_leaves_one_whose_name_is_longer(layout):
    begin = layout.partition("{")[0]
    for number, name in enumerate(["events", "event_s", "event__x", "event", "event"]):
        replaced(layout, name, number)
    assert [lines(written(begin + name)) for name in ("events", "event_s", "event__x")] == [[0], [1], [2]]
    assert lines(written()) == [0, 1, 2, 4]


def test_c30b_a_layout_that_does_not_tell_tables_apart_loses_nothing():
    layout = "{table_name}{load_id}{file_id}.{ext}"
    with pytest.raises((StepFailed, ConfigError)) as caught:
        replaced(layout, "event", 1)
    assert "layout" in str(caught.value)


@pytest.mark.parametrize("value", ["raw", lambda *_args: "raw"])
def test_c30c_extra_placeholders_are_the_same_when_writing_and_when_replacing(value):
    for number in (1, 2):
        made = bucket("{table_name}/{area}/{load_id}.{file_id}.{ext}", extra_placeholders={"area": value})
        made.run([{"id": number}], table_name="t", write_disposition="replace", loader_file_format="jsonl")
    assert lines(written("t/raw/")) == [2]
    assert len(written()) == 1


def test_c30c_a_placeholder_for_the_schema_name():
    for number in (1, 2):
        made = bucket(
            "{schema_name}/{table_name}/{load_id}.{file_id}.{ext}", extra_placeholders={"schema_name": "mine"}
        )
        made.run([{"id": number}], table_name="t", write_disposition="replace", loader_file_format="jsonl")
    assert lines(written()) == [2]


@both
@pytest.mark.parametrize("strategy", REPLACES)
def test_c30d_a_replace_leaves_the_tables_of_dlt(form, strategy, monkeypatch):
    monkeypatch.setenv("DESTINATION__REPLACE_STRATEGY", strategy)

    @dlt.resource(name="t", write_disposition="replace")
    def numbers():
        seen = dlt.current.source_state()
        seen["runs"] = seen.get("runs", 0) + 1
        yield shaped(form, [{"id": seen["runs"]}])

    for runs in (1, 2, 3):
        pipeline().run(numbers())
        assert stored() == [{"id": runs}]
        assert count("_dlt_loads") == runs
        assert count("_dlt_pipeline_state") == runs
    pipeline().drop()
    pipeline().run(numbers())
    assert stored() == [{"id": 4}]


def test_c30d_an_unknown_strategy_is_refused_and_nothing_is_replaced(monkeypatch):
    load("dict", [{"id": 1}], write_disposition="replace")
    monkeypatch.setenv("DESTINATION__REPLACE_STRATEGY", "swap")
    with pytest.raises(PlanError, match="swap"):
        load("dict", [{"id": 2}], write_disposition="replace")
    assert stored() == [{"id": 1}]
    assert (count("_dlt_loads"), count("_dlt_pipeline_state")) == (1, 1)
