from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dlt.errors import DestinationRefused, RetryableError
from dlt.load.steps import Copy, Create, Truncate
from dlt.schema.model import Column

from .buckets import NESTED, NUMBERS, bucket, committing, files, replaced, rows_of, run
from .packages import Package, table


@pytest.fixture
def package(own_folder):
    return Package(own_folder, "1700000000.1")


@pytest.fixture
def second(own_folder):
    return Package(own_folder, "1700000001.5")


# ---- replace


def test_replace_removes_the_older_files_of_its_tables_only(package, second):
    destination = bucket()
    other = table("numbers2", {"a": "bigint"})
    steps = [Create(NUMBERS), Create(NESTED), Create(other)]
    steps += [
        Copy(of, (package.file(of, [{name: 1}], "jsonl"),))
        for of, name in ((NUMBERS, "a"), (NESTED, "b"), (other, "a"))
    ]
    run(destination, package, steps, NUMBERS, NESTED, other)
    run(destination, second, replaced(second, NUMBERS, [{"a": 2}], (NESTED, [])), NUMBERS, NESTED, other)
    assert rows_of(destination, "numbers") == [{"a": 2}]
    assert rows_of(destination, "numbers__items") == []
    assert rows_of(destination, "numbers2") == [{"a": 1}]
    assert Path("bucket/ds/numbers__items").is_dir()


def test_old_files_stay_until_the_new_ones_are_there(package, second, monkeypatch):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}])], NUMBERS)
    [old] = files()
    seen = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda path, **_: (seen.append(files()), unlink(path, **_)))
    with closing(destination.open("ds", second.load())) as session:
        for step in replaced(second, NUMBERS, [{"a": 2}]):
            session.apply(step)
            assert files() == [old]
        session.apply(committing(second, NUMBERS))
    assert [len(paths) for paths in seen] == [2]
    assert len(files()) == 1
    assert files() != [old]


def test_replace_reports_its_rows(package):
    applied = run(bucket(), package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}, {"a": 2}])], NUMBERS)
    assert applied[2].rows == {"numbers": 2}


def test_c25_a_load_without_rows_leaves_what_was_replaced_before(package, second):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}])], NUMBERS)
    run(destination, second, [], NUMBERS)
    assert rows_of(destination, "numbers") == [{"a": 1}]
    assert len(rows_of(destination, "_dlt_loads")) == 2


@pytest.mark.parametrize(
    "layout", ["{table_name}.{ext}", "{table_name}_{file_id}.{ext}", "{table_name}/{file_id}.{ext}"]
)
def test_c30b_tables_whose_names_begin_alike_are_kept_apart(package, second, layout):
    destination = bucket(layout=layout)
    tables = [table(name, {"a": "bigint"}) for name in ("event", "events", "event_x")]
    steps = [step for of in tables for step in [Create(of), *replaced(package, of, [{"a": 1}])]]
    run(destination, package, steps, *tables)
    run(destination, second, replaced(second, tables[0], [{"a": 2}]), *tables)
    assert [rows_of(destination, of.name) for of in tables] == [[{"a": 2}], [{"a": 1}], [{"a": 1}]]


@pytest.mark.parametrize(
    "layout", ["{schema_name}/{table_name}/{file_id}", "{schema_name}.{table_name}.{schema_name}.{file_id}"]
)
def test_c30c_replace_finds_the_files_of_another_schema_name(package, second, layout):
    destination = bucket(layout=layout, extra_placeholders={"schema_name": "Mine"})
    run(destination, package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}])], NUMBERS)
    run(destination, second, [*replaced(second, NUMBERS, [{"a": 2}])], NUMBERS)
    assert len(files()) == 1
    assert files()[0].startswith("Mine")
    assert rows_of(destination, "numbers") == [{"a": 2}]


def test_c30d_tables_of_dlt_are_never_replaced(package, second):
    destination = bucket()
    run(destination, package, [Create(NUMBERS)], NUMBERS)
    dropped = [Truncate(name, drop=True) for name in ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")]
    run(destination, second, dropped, NUMBERS)
    assert [row["load_id"] for row in rows_of(destination, "_dlt_loads")] == [package.load_id, second.load_id]


def test_files_written_with_an_older_layout_are_replaced_too(package, second):
    run(bucket(), package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}])], NUMBERS)
    destination = bucket(layout="{table_name}/{YYYY}/{file_id}.{ext}")
    run(destination, second, replaced(second, NUMBERS, [{"a": 2}]), NUMBERS)
    assert len(files()) == 1
    assert rows_of(destination, "numbers") == [{"a": 2}]


def test_truncate_and_drop(package, second):
    destination = bucket()
    of = table("dropped", {"a": "bigint"})
    steps = [
        step for one in (NUMBERS, of) for step in (Create(one), Copy(one, (package.file(one, [{"a": 1}], "jsonl"),)))
    ]
    run(destination, package, steps, NUMBERS, of)
    copy = Copy(NUMBERS, (second.file(NUMBERS, [{"a": 2}], "jsonl"),))
    run(
        destination,
        second,
        [Truncate("dropped", drop=True), Truncate("numbers"), Truncate("missing"), copy],
        NUMBERS,
        of,
    )
    assert rows_of(destination, "numbers") == [{"a": 2}]
    assert not Path("bucket/ds/dropped").exists()
    with closing(destination.open("ds", None)) as session:
        assert list(session.reflect(["numbers", "dropped", "_dlt_loads"])) == ["numbers", "_dlt_loads"]


def test_a_dropped_table_can_come_back_in_the_same_load(package, second):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    copy = Copy(NUMBERS, (second.file(NUMBERS, [{"a": 2}], "jsonl"),))
    run(destination, second, [Truncate("numbers", drop=True), Create(NUMBERS), copy], NUMBERS)
    assert rows_of(destination, "numbers") == [{"a": 2}]


def test_c24_a_folder_that_was_removed_is_no_table(package):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    with closing(destination.open("ds", package.load())) as session:
        assert session.reflect(["numbers"])["numbers"].columns == {"a": Column("a")}
        [path] = files()
        (Path("bucket/ds") / path).unlink()
        assert list(session.reflect(["numbers"])) == ["numbers"]
        Path("bucket/ds/numbers").rmdir()
        assert session.reflect(["numbers"]) == {}
        assert session.read("numbers").read_all().num_columns == 0


# ---- a full disk


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is full")
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(package, second):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    before = files()
    good, bad = second.file(NUMBERS, [{"a": 2}], "jsonl"), second.file(NUMBERS, [{"a": 3}], "jsonl")
    scratch = Path("bucket/ds/_dlt_scratch/pipeline__1700000001.5")
    scratch.mkdir(parents=True)
    (scratch / bad.path).symlink_to("/dev/full")
    with pytest.raises(RetryableError, match="disk is full") as caught:
        run(destination, second, [Copy(NUMBERS, (good, bad))], NUMBERS)
    assert "run the pipeline again" in str(caught.value)
    assert files() == before
    assert not scratch.exists()
    assert rows_of(destination, "numbers") == [{"a": 1}]
    run(destination, second, [Copy(NUMBERS, (good, bad))], NUMBERS)
    assert sorted(row["a"] for row in rows_of(destination, "numbers")) == [1, 2, 3]


def test_what_will_not_pass_is_refused_for_good(package):
    Path("bucket").write_text("a file")
    with pytest.raises(DestinationRefused, match="file system refused"):
        run(bucket(), package, [Create(NUMBERS)])


# ---- repeating


def test_a_commit_can_be_repeated_at_any_point(package, second, monkeypatch):
    """Copies are done and in the journal; Commit breaks off after each of its moves and is repeated in a new session."""
    destination = bucket(layout="{table_name}.{ext}")
    run(destination, package, [Create(NUMBERS), *replaced(package, NUMBERS, [{"a": 1}])], NUMBERS)
    copies = replaced(second, NUMBERS, [{"a": 2}], (NESTED, [{"b": 1}]))
    progress = {}
    load = replace(second.load(), progress=progress)
    with closing(destination.open("ds", load)) as session:
        for step in copies[:2]:
            session.apply(step)
    replace_file = Path.replace
    kept = json.loads(json.dumps(progress))
    for allowed in range(10):
        left = [allowed]

        def limited(path, target, left=left):
            if not left[0]:
                raise OSError(5, "broken")
            left[0] -= 1
            return replace_file(path, target)

        again = replace(load, progress=json.loads(json.dumps(kept)))
        with monkeypatch.context() as patch, closing(destination.open("ds", again)) as session:
            patch.setattr(Path, "replace", limited)
            try:
                session.apply(copies[2])
                session.apply(committing(second, NUMBERS, NESTED, at="2024-05-06T08:00:00+00:00"))
                break
            except RetryableError:
                continue
    assert allowed > 2
    assert rows_of(destination, "numbers") == [{"a": 2}]
    assert rows_of(destination, "numbers__items") == [{"b": 1}]
    assert len(rows_of(destination, "_dlt_loads")) == 2
    assert not Path("bucket/ds/_dlt_scratch").exists()


def test_scratch_of_loads_that_were_given_up_goes_with_the_next_one(package, second):
    for name in ("pipeline__1600000000.1", "pipeline__1900000000.1", "other__1600000000.1"):
        Path(f"bucket/ds/_dlt_scratch/{name}").mkdir(parents=True)
    run(bucket(), second, [], NUMBERS)
    assert sorted(path.name for path in Path("bucket/ds/_dlt_scratch").iterdir()) == [
        "other__1600000000.1",
        "pipeline__1900000000.1",
    ]
