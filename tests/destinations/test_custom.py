from __future__ import annotations

import datetime as dt
import gzip
import json
import threading
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt.destinations._custom import destination
from dlt.destinations.registry import create, from_reference
from dlt.errors import ConfigError, DestinationRefused, PlanError, RetryableError
from dlt.load.steps import Commit, Copy, Create, Merge, Replace
from dlt.schema.model import Column

from .packages import NOW, Package, numbered, table
from .test_duckdb import EVERY, ROW

NUMBERS = table("Numbers", {"a": "bigint", "_dlt_load_id": "text", "_dlt_id": "text"})


@pytest.fixture
def package(own_folder):
    return Package(own_folder, "1700000000.1")


def rows(count):
    return [{"a": n, "_dlt_load_id": "1700000000.1", "_dlt_id": f"id{n}"} for n in range(count)]


def apply(made, package, *steps, progress=None):
    load = replace(package.load(), progress=progress or {})
    with closing(create(made).open("", load)) as session:
        return [session.apply(step) for step in steps]


def recorder(**options):
    """A destination that notes what it is given, and the notes."""
    seen = []

    @destination(**options)
    def record(items, table):
        seen.append((items, table))

    return record, seen


# ---- what the function is given


def test_rows_come_in_batches_as_python_values(package):
    of = table("every", EVERY)
    record, seen = recorder(batch_size=2)
    file = package.file(of, [ROW, {"t": ""}, {"i": 1}])
    [applied] = apply(record, package, Copy(of, (file,)))
    assert applied.rows == {"every": 3}
    assert [items for items, _ in seen] == [[{**ROW, "j": {"a": [1, "x"]}}, {"t": ""}], [{"i": 1}]]


@pytest.mark.parametrize("kind", ["arrow", "typed-jsonl"])
def test_both_formats_of_rows_give_the_same(package, kind):
    of = table("every", EVERY)
    record, seen = recorder()
    apply(record, package, Copy(of, (package.file(of, [ROW], kind),)))
    assert seen[0][0] == [{**ROW, "j": {"a": [1, "x"]}}]
    assert {name: type(value) for name, value in seen[0][0][0].items()} == {
        name: dict if name == "j" else type(value) for name, value in ROW.items()
    }


@pytest.mark.parametrize(("value", "text"), [("1.50", "1.5"), ("100", "100"), ("0", "0"), ("-0.000000001", "-1E-9")])
def test_decimals_have_no_zeros_of_their_column(package, value, text):
    of = table("t", {"n": "decimal"})
    record, seen = recorder()
    apply(record, package, Copy(of, (package.file(of, [{"n": Decimal(value)}]),)))
    assert str(seen[0][0][0]["n"]) == text


def test_columns_and_tables_of_dlt_are_left_out(package):
    record, seen = recorder()
    apply(record, package, Copy(NUMBERS, (package.file(NUMBERS, rows(1)),)))
    assert seen[0][0] == [{"a": 0}]
    assert list(seen[0][1]["columns"]) == ["a"]


def test_columns_of_dlt_can_be_kept(package):
    record, seen = recorder(skip_dlt_columns_and_tables=False)
    apply(record, package, Copy(NUMBERS, (package.file(NUMBERS, rows(1)),)))
    assert seen[0][0] == rows(1)
    assert list(seen[0][1]["columns"]) == ["a", "_dlt_load_id", "_dlt_id"]


def test_the_table_is_a_dict_of_its_schema(package):
    of = NUMBERS.with_columns([Column("a", "bigint", primary_key=True, nullable=False), Column("never seen")])
    record, seen = recorder(batch_size=1)
    apply(record, package, Copy(of, (package.file(of, rows(2)),)))
    assert seen[0][1] == {
        "name": "Numbers",
        "columns": {"a": {"name": "a", "data_type": "bigint", "nullable": False, "primary_key": True}},
        "resource": "Numbers",
    }
    assert seen[0][1] is not seen[1][1]


def test_arrow_batches(package):
    record, seen = recorder(loader_file_format="parquet", batch_size=2)
    apply(record, package, Copy(NUMBERS, (package.file(NUMBERS, rows(3)),)))
    assert [type(items) for items, _ in seen] == [pa.RecordBatch, pa.RecordBatch]
    assert [items.to_pylist() for items, _ in seen] == [[{"a": 0}, {"a": 1}], [{"a": 2}]]


def test_a_parquet_file_is_given_as_arrow_whatever_was_asked_for(package):
    record, seen = recorder()
    apply(record, package, Copy(NUMBERS, (package.file(NUMBERS, rows(1), "parquet"),)))
    assert seen[0][0].to_pylist() == [{"a": 0}]


def test_batch_size_0_gives_the_path_of_a_file(package):
    record, seen = recorder(batch_size=0)
    assert create(record).caps.file_formats == ("typed-jsonl", "parquet")
    file = package.file(NUMBERS, rows(2), "typed-jsonl")
    apply(record, package, Copy(NUMBERS, (file,)))
    [(path, _)] = seen
    assert path == str(package.folder / file.path)
    assert create(recorder(batch_size=0, loader_file_format="parquet")[0]).caps.file_formats[0] == "parquet"


@pytest.mark.parametrize("kind", ["typed-jsonl", "parquet"])
def test_a_file_of_a_merge_has_no_column_more(package, kind):
    record, seen = recorder(batch_size=0, loader_file_format=kind)

    of = numbered(NUMBERS)
    file = package.file(of, [{**row, "_dlt_row": n} for n, row in enumerate(rows(2))], kind)
    contents = []
    made = record.function

    def read(items, table):
        made(items, table)
        data = Path(items).read_bytes()
        contents.append(pq.read_table(items).to_pylist() if kind == "parquet" else json.loads(gzip.decompress(data)))

    applied = apply(
        destination(read, batch_size=0), package, Copy(of, (file,), scratch=True), Merge((NUMBERS,), "upsert", NOW)
    )
    assert contents == [rows(2)]
    assert applied[1].rows == {"Numbers": 2}
    apply(record, package, Commit({}))
    assert [path.name for path in package.folder.iterdir()] == [file.path]
    assert "_dlt_row" not in seen[0][1]["columns"]


@pytest.mark.parametrize("skips", [True, False])
def test_rows_of_a_merge_have_no_column_more(package, skips):
    record, seen = recorder(skip_dlt_columns_and_tables=skips)
    of = numbered(NUMBERS)
    file = package.file(of, [{**row, "_dlt_row": n} for n, row in enumerate(rows(1))])
    apply(record, package, Copy(of, (file,), scratch=True))
    assert seen[0][0] == ([{"a": 0}] if skips else rows(1))


def test_replace_and_merge_count_what_was_sent(package):
    record, _ = recorder()
    copy = Copy(NUMBERS, (package.file(NUMBERS, rows(3)),), scratch=True)
    assert apply(record, package, copy, Replace((NUMBERS,)))[1].rows == {"Numbers": 3}
    progress = {"steps": {"copy Numbers": {"rows": {"Numbers": 3}}}}
    assert apply(record, package, Replace((NUMBERS,)), progress=progress)[0].rows == {"Numbers": 3}


def test_pipeline_state_is_sent_when_tables_of_dlt_are_wanted(package):
    state = {"version": 1, "pipeline_name": "p", "created_at": NOW, "_dlt_load_id": "1"}
    commit = Commit({"_dlt_pipeline_state": [state], "_dlt_loads": [{"load_id": "1"}]})
    record, seen = recorder(skip_dlt_columns_and_tables=False)
    apply(record, package, commit)
    [(items, of)] = seen
    assert items == [{**state, "created_at": dt.datetime.fromisoformat(NOW)}]
    assert of["name"] == "_dlt_pipeline_state"
    assert create(record).caps.keeps_state

    record, seen = recorder(skip_dlt_columns_and_tables=False, batch_size=0, loader_file_format="parquet")
    read = []
    apply(destination(lambda items, table: read.append(pq.read_table(items).to_pylist()), batch_size=0,
                      loader_file_format="parquet", skip_dlt_columns_and_tables=False, name="x"), package, commit)  # fmt: skip
    assert read[0][0]["pipeline_name"] == "p"

    record, seen = recorder()
    apply(record, package, commit)
    assert seen == []
    assert not create(record).caps.keeps_state


def test_quarantined_rows_are_not_lost(package):
    of = table("_dlt_quarantine", {"reason": "text"})
    record, seen = recorder()
    with pytest.raises(PlanError, match="Rows were quarantined") as caught:
        apply(record, package, Create(NUMBERS), Create(of))
    assert "skip_dlt_columns_and_tables=False" in str(caught.value)
    assert seen == []
    record, seen = recorder(skip_dlt_columns_and_tables=False)
    apply(record, package, Create(of), Copy(of, (package.file(of, [{"reason": "x"}]),)))
    assert seen[0][0] == [{"reason": "x"}]


# ---- failing and going on


class Failing:
    """A function that fails once at the call with this number."""

    __name__ = "failing"

    def __init__(self, at, error):
        self.at, self.error, self.calls, self.taken = at, error, 0, []

    def __call__(self, items, table):
        self.calls += 1
        if self.calls == self.at:
            raise self.error
        self.taken += items


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", ["arrow", "typed-jsonl"])
def test_the_next_try_goes_on_with_the_batch_that_failed(package, at, kind):
    failing = Failing(at, ValueError("boom"))
    made = destination(failing, batch_size=3)
    copy = Copy(NUMBERS, (package.file(NUMBERS, rows(7), kind), package.file(NUMBERS, rows(2), kind)))
    with pytest.raises(RetryableError, match="ValueError: boom") as caught:
        apply(made, package, copy)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.table == "Numbers"
    apply(made, package, copy)
    assert [row["a"] for row in failing.taken] == [0, 1, 2, 3, 4, 5, 6, 0, 1]
    apply(made, package, copy)
    assert len(failing.taken) == 9
    apply(made, package, Commit({}))
    assert [path.suffix for path in package.folder.iterdir() if path.suffix == ".sent"] == []


def test_a_changed_batch_size_goes_on_at_the_same_row(package):
    failing = Failing(2, ValueError("boom"))
    copy = Copy(NUMBERS, (package.file(NUMBERS, rows(7)),))
    with pytest.raises(RetryableError):
        apply(destination(failing, batch_size=2), package, copy)
    apply(destination(failing, batch_size=4), package, copy)
    assert [row["a"] for row in failing.taken] == [0, 1, 2, 3, 4, 5, 6]


def test_a_file_path_is_given_once(package):
    calls = []
    made = destination(lambda items, table: calls.append(items), batch_size=0, name="x")
    copy = Copy(NUMBERS, (package.file(NUMBERS, rows(1), "typed-jsonl"),))
    apply(made, package, copy)
    apply(made, package, copy)
    assert len(calls) == 1


def test_a_killed_process_sends_only_the_batch_again_that_was_under_way(package):
    """KeyboardInterrupt is not caught by anything: like a kill it leaves everything as it is."""
    failing = Failing(3, KeyboardInterrupt())
    made = destination(failing, batch_size=2)
    copy = Copy(NUMBERS, (package.file(NUMBERS, rows(6)),))
    with pytest.raises(KeyboardInterrupt):
        apply(made, package, copy)
    apply(made, package, copy)
    assert [row["a"] for row in failing.taken] == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("error", [DestinationRefused("no"), RetryableError("later")])
def test_errors_of_ours_are_what_they_are(package, error):
    with pytest.raises(type(error)) as caught:
        apply(destination(Failing(1, error)), package, Copy(NUMBERS, (package.file(NUMBERS, rows(1)),)))
    assert caught.value is error


# ---- at once


@pytest.mark.parametrize(
    ("options", "copies", "most"),
    [
        ({}, 1, 1),
        ({"max_parallel_load_jobs": 1}, 1, 1),
        ({"max_parallel_load_jobs": 3}, 3, 3),
        ({"max_parallel_load_jobs": 3, "loader_parallelism_strategy": "table-sequential"}, 3, 1),
        ({"max_parallel_load_jobs": 3, "loader_parallelism_strategy": "sequential"}, 1, 1),
        ({"loader_parallelism_strategy": "parallel"}, 20, 4),
    ],
)
def test_how_many_calls_there_are_at_once(package, options, copies, most):
    """most: calls at once for four files of one table."""
    lock, running, highest = threading.Lock(), [0], [0]
    together = threading.Event()

    def work(items, table):
        with lock:
            running[0] += 1
            highest[0] = max(highest[0], running[0])
        if highest[0] == most:
            together.set()
        together.wait(5)
        with lock:
            running[0] -= 1

    made = destination(work, **options)
    assert create(made).caps.parallel_copies == copies
    apply(made, package, Copy(NUMBERS, tuple(package.file(NUMBERS, rows(1)) for _ in range(4))))
    assert highest[0] == most


# ---- making one


def test_forms_of_the_decorator():
    @destination
    def first(items, table):
        """Says something."""

    @destination(name="other", batch_size=5)
    def second(items, table): ...

    assert (first.destination_name, first.batch_size, first.__doc__) == ("first", 10, "Says something.")
    assert (second.destination_name, second.batch_size) == ("other", 5)
    assert create(first).type == "dlt.destinations.destination"
    assert create(first).caps.naming == "direct"
    assert create(first).caps.max_table_nesting == 0
    assert (
        create(destination(naming_convention="snake_case", max_table_nesting=2)(first.function)).caps.naming
        == "snake_case"
    )
    assert first().destination_name == "first"
    assert second().batch_size == 5
    assert from_reference(first) is first


def test_arguments_of_the_function():
    given = []

    @destination(batch_size=1, key="from the decorator")
    def work(items, table, key, *, port, other=3):
        given.append((key, port, other))

    with pytest.raises(ConfigError, match="arguments that were not given: port") as caught:
        create(work)
    assert "destination.work.port" in str(caught.value)
    assert create(work(port=1)).name == "work"
    session = create(work(port=1, key="from the call")).open("", None)
    session._call([], NUMBERS, 0)
    assert given == [("from the call", 1, 3)]


def test_a_function_with_any_arguments():
    given = []
    made = destination(lambda items, table, **more: given.append(more), name="x", color="red")
    create(made(size=2)).open("", None)._call([], NUMBERS, 0)
    assert given == [{"color": "red", "size": 2}]


def test_a_capability_by_its_name(caplog):
    made = destination(lambda items, table: None, name="x", recommended_file_size=1000, nonsense=1)
    assert create(made).caps.file_bytes == 1000
    assert "nonsense is not known" in caplog.text


@pytest.mark.parametrize("function", [lambda: None, lambda items: None])
def test_a_function_needs_two_arguments(function):
    with pytest.raises(ConfigError, match="at least two arguments"):
        destination(function)


def test_a_function_by_its_name():
    made = create("destination", destination_callable="shutil.copyfile", destination_name="j", follow_symlinks=False)
    assert made.name == "j"
    with pytest.raises(ConfigError, match=r"no function 'json\.nothing'"):
        create("destination", destination_callable="json.nothing")
    with pytest.raises(ConfigError, match="needs a function"):
        create("destination")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"batch_size": -1}, ConfigError),
        ({"loader_file_format": "csv"}, ConfigError),
        ({"loader_parallelism_strategy": "wild"}, ConfigError),
        ({"max_parallel_load_jobs": -1}, ConfigError),
        ({"spec": dict}, ConfigError),
    ],
)
def test_wrong_options(options, error):
    with pytest.raises(error):
        destination(lambda items, table: None, **options)


def test_named_destinations(own_folder, monkeypatch):
    made = create(destination("mine", destination_type="duckdb", credentials="x.duckdb"))
    assert (made.name, made.type) == ("mine", "dlt.destinations.duckdb")
    assert made.location.endswith("x.duckdb")
    assert create(destination("lake", destination_type="filesystem", bucket_url="b")).name == "lake"
    assert create(destination("memory")).type == "dlt.destinations.memory"
    with pytest.raises(ConfigError, match="not known what kind") as caught:
        destination("mine")
    assert "DESTINATION__MINE__DESTINATION_TYPE" in str(caught.value)
    monkeypatch.setenv("DESTINATION__MINE__DESTINATION_TYPE", "dlt.destinations.duckdb")
    assert create(destination("mine")).type == "dlt.destinations.duckdb"
    with pytest.raises(ConfigError, match="made of a function"):
        destination("mine", batch_size=3)
