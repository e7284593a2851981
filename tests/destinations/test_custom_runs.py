"""Whole pipelines into functions, and into the destination that fails when asked."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import dlt
from dlt.errors import DestinationRefused, PlanError, RetryableError, StepFailed


def pipeline(destination, name="sinks"):
    return dlt.pipeline(name, destination=destination, pipelines_dir="pipelines")


@pytest.fixture(autouse=True)
def no_waits(monkeypatch):
    monkeypatch.setattr("dlt.load.run.WAITS", (0.0,))


def collector(**options):
    taken = []

    @dlt.destination(**options)
    def collect(items, table):
        taken.append((table["name"], items))

    return collect, taken


def test_keys_and_nested_values_are_as_they_were():
    collect, taken = collector()
    pipeline(collect).run([{"Id": 1, "List": [{"Q": 1}], "Obj": {"X": {"y": [1]}}, "none": None}], table_name="My Tab")
    assert taken == [("My Tab", [{"Id": 1, "List": [{"Q": 1}], "Obj": {"X": {"y": [1]}}}])]


def test_nested_tables_when_they_are_wanted():
    collect, taken = collector(max_table_nesting=1, naming_convention="snake_case")
    pipeline(collect).run([{"Id": 1, "List": [{"Q": 1}]}], table_name="My Tab")
    assert taken == [("my_tab", [{"id": 1}]), ("my_tab__list", [{"q": 1}])]


@pytest.mark.parametrize("disposition", ["append", "replace", "merge"])
def test_the_function_is_told_the_write_disposition(disposition):
    told = []

    @dlt.destination
    def tell(items, table):
        told.append((items, table["write_disposition"], table["columns"]["a"].get("primary_key")))

    made = pipeline(tell)
    for _ in range(2):
        made.run([{"a": 1}, {"a": 2}], table_name="t", write_disposition=disposition, primary_key="a")
    assert told == [([{"a": 1}, {"a": 2}], disposition, True)] * 2


@pytest.mark.parametrize("rows", [[{"a": n} for n in range(25)], pa.table({"a": range(25)})])
def test_dicts_and_arrow_come_alike(rows):
    collect, taken = collector()
    pipeline(collect).run(rows, table_name="t")
    assert [len(items) for _, items in taken] == [10, 10, 5]
    assert [row["a"] for _, items in taken for row in items] == list(range(25))


def test_files_of_a_run():
    taken = []

    @dlt.destination(batch_size=0)
    def collect(items, table):
        taken.append((Path(items).name.partition(".")[2], json.loads(gzip.decompress(Path(items).read_bytes()))))

    pipeline(collect).run([{"a": Decimal("1.5")}], table_name="t")
    [(ending, [row])] = taken
    assert ending == "typed-jsonl.gz"
    assert row["a"].startswith("\uf026")


@pytest.mark.parametrize(("kind", "kept"), [("parquet", pa.RecordBatch), ("typed-jsonl", list)])
def test_the_format_of_a_run_decides(kind, kept):
    collect, taken = collector()
    pipeline(collect).run([{"a": 1}], table_name="t", loader_file_format=kind)
    assert type(taken[0][1]) is kept


def test_a_function_that_fails_is_tried_again_from_the_failed_batch_on():
    seen, failures = [], iter([None, ValueError("one"), None, ValueError("two"), ValueError("three")])

    @dlt.destination(batch_size=2)
    def shaky(items, table):
        if (error := next(failures, None)) is not None:
            raise error
        seen.extend(row["a"] for row in items)

    info = pipeline(shaky).run([{"a": n} for n in range(7)], table_name="t")
    assert info is not None
    assert seen == list(range(7))


def test_a_function_that_always_fails_leaves_a_load_that_the_next_run_finishes():
    seen, broken = [], [True]

    @dlt.destination(batch_size=2)
    def shaky(items, table):
        if broken[0] and items[0]["a"] >= 4:
            raise ValueError("boom")
        seen.extend(row["a"] for row in items)

    made = pipeline(shaky)
    with pytest.raises(StepFailed, match="boom") as caught:
        made.run([{"a": n} for n in range(7)], table_name="t")
    assert isinstance(caught.value.__cause__, RetryableError)
    assert made.has_pending_data
    broken[0] = False
    dlt.pipeline("sinks", destination=shaky, pipelines_dir="pipelines").run()
    assert seen == list(range(7))


def test_an_error_for_good_ends_the_load_at_once():
    calls = []

    @dlt.destination
    def strict(items, table):
        calls.append(items)
        raise DestinationRefused("never")

    with pytest.raises(StepFailed, match="never"):
        pipeline(strict).run([{"a": 1}], table_name="t")
    assert len(calls) == 1


def test_quarantined_rows_end_the_load_before_anything_is_sent():
    rows = [{"a": 1}, {"a": object()}]
    collect, taken = collector()
    with pytest.raises(StepFailed) as caught:
        pipeline(collect).run(rows, table_name="t")
    assert isinstance(caught.value.__cause__, PlanError)
    assert taken == []
    collect, taken = collector(skip_dlt_columns_and_tables=False)
    pipeline(collect, "other").run(rows, table_name="t")
    assert {"t", "_dlt_quarantine", "_dlt_pipeline_state"} <= {name for name, _ in taken}


def test_arguments_of_a_function_in_a_run():
    @dlt.destination
    def with_key(items, table, key):
        assert key == "k"

    with pytest.raises(dlt.errors.ConfigError, match="arguments that were not given: key"):
        pipeline(with_key)
    assert pipeline(with_key(key="k"), "other").run([{"a": 1}], table_name="t") is not None


def test_a_named_destination():
    made = pipeline(dlt.destination("mine", destination_type="duckdb"))
    made.run([{"a": 1}], table_name="t")
    assert Path("mine.duckdb").exists()
    assert made.state["destination_name"] == "mine"


def test_the_dummy_destination():
    made = dlt.pipeline("d", destination=dlt.destinations.dummy(completed_prob=1.0), pipelines_dir="pipelines")
    info = made.run([{"a": 1, "items": [1]}], table_name="t", write_disposition="merge", primary_key="a")
    assert "/dev/null" in str(info)
    with pytest.raises(StepFailed, match="option: fail_prob"):
        made.run([{"a": 1}], table_name="t", destination=dlt.destinations.dummy(fail_prob=1.0))
