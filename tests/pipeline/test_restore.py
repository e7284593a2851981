"""What is left when the work directory, the data set or a file of them is gone (C24, C72, C73, C74)."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import InvalidPipelineName, PackageError, StepFailed

both = pytest.mark.parametrize("kind", ["duckdb", "filesystem"])


def pipeline(kind: str = "duckdb", name: str = "p", dataset: str = "ds", **options: Any) -> dlt.Pipeline:
    """A new object, as in a new process."""
    place = {"duckdb": "restore.duckdb", "filesystem": "bucket"}[kind]
    made = getattr(dlt.destinations, kind)(place)
    return dlt.pipeline(name, destination=made, dataset_name=dataset, **options)


def numbers(until: int, **hints: Any) -> Any:
    @dlt.resource(name="t", **hints)
    def counted() -> Iterator[dict[str, Any]]:
        state = dlt.current.resource_state()
        for number in range(state.get("last", 0) + 1, until + 1):
            yield {"n": number, "parts": [{"m": number}]}
            state["last"] = number
            state["when"] = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)

    return counted()


def stored(made: dlt.Pipeline, table: str = "t", column: str = "n") -> list[Any]:
    with made.session() as session:
        found = session.read(table).read_all()
    return sorted(found[column].to_pylist()) if column in found.column_names else []


def remove_data(kind: str) -> None:
    if kind == "duckdb":
        for path in Path().glob("restore.duckdb*"):
            path.unlink()
    else:
        shutil.rmtree("bucket")


# ---- the work directory is gone


@both
def test_state_and_schemas_come_back_from_the_data_set(kind: str) -> None:
    first = pipeline(kind)
    first.run(numbers(3))
    first.run([{"x": 1}], table_name="other")
    shutil.rmtree(first.working_dir)

    made = pipeline(kind)
    assert made.first_run
    made.sync_destination()

    assert made.state["sources"] == first.state["sources"]
    assert made.default_schema.version_hash == first.default_schema.version_hash
    assert not made.first_run
    made.run(numbers(5))
    assert stored(made) == [1, 2, 3, 4, 5]
    assert stored(made, "t__parts", "m") == [1, 2, 3, 4, 5]
    assert pipeline(kind).state["sources"]["p"]["resources"]["t"]["when"] == dt.datetime(2024, 5, 6, tzinfo=dt.UTC)


def test_a_newer_schema_from_the_data_set_is_kept_on_disk() -> None:
    here, there = pipeline(pipelines_dir="here"), pipeline(pipelines_dir="there")
    here.run([{"n": 1}], table_name="t")
    there.run([dlt.resource([{"n": 2, "more": 1}], name="other"), numbers(1)])
    pipeline(pipelines_dir="here").run(numbers(2))

    again = pipeline(pipelines_dir="here")
    assert "more" in again.default_schema.tables["other"]["columns"]
    assert again.default_schema.stored_version_hash == again.default_schema.version_hash


@both
def test_nothing_is_restored_when_that_is_not_wanted(kind: str) -> None:
    pipeline(kind).run(numbers(2))
    shutil.rmtree(pipeline(kind).working_dir)

    made = pipeline(kind, restore_from_destination=False)
    made.run(numbers(2))

    assert stored(made) == [1, 1, 2, 2]


@both
def test_load_ids_are_higher_than_those_of_the_data_set_also_when_the_clock_steps_back(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()
    pipeline(kind).run(numbers(1))
    for days in (1, 2):
        shutil.rmtree(pipeline(kind).working_dir)
        monkeypatch.setattr(time, "time_ns", lambda days=days: now - days * 86_400 * 10**9)
        pipeline(kind).run(numbers(1 + days))

    made = pipeline(kind)
    assert stored(made) == [1, 2, 3]
    loads = stored(made, "_dlt_loads", "load_id")
    assert len(set(loads)) == 3
    with made.session() as session:
        found = session.read("t").read_all().to_pylist()
    assert [row["n"] for row in sorted(found, key=lambda row: row["_dlt_load_id"])] == [1, 2, 3]


def test_the_last_load_id_is_found_when_its_file_is_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    made = pipeline()
    made.run([{"n": 1}], table_name="t")
    packages = made.workdir.packages
    [first] = packages.ids("loaded")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    for text in ("", "\0\0\0\0", "what"):
        (packages.folder / "last_load_id").write_text(text)
        assert packages.new_load_id() > first
    (packages.folder / "last_load_id").unlink()
    assert packages.new_load_id() > first


# ---- the data set is gone


@pytest.mark.parametrize(
    ("kind", "hints"),
    [("duckdb", {}), ("filesystem", {}), ("duckdb", {"write_disposition": "merge", "primary_key": "n"})],
    ids=["append", "filesystem", "merge"],
)
def test_a_deleted_data_set_is_filled_again_from_the_start(
    kind: str, hints: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    made = pipeline(kind)
    made.run(numbers(3, **hints))
    made.set_local_state_val("mine", 7)
    remove_data(kind)

    with caplog.at_level(logging.WARNING, "dlt"):
        made = pipeline(kind)
        made.run(numbers(4, **hints))

    assert "starts anew" in caplog.text
    assert stored(made) == [1, 2, 3, 4]
    assert stored(made, "t__parts", "m") == [1, 2, 3, 4]
    assert made.get_local_state_val("mine") == 7
    assert len(stored(made, "_dlt_loads", "load_id")) == 1
    pipeline(kind).run(numbers(5, **hints))
    assert stored(made) == [1, 2, 3, 4, 5]


def test_the_types_of_a_deleted_data_set_are_forgotten() -> None:
    pipeline().run([{"n": 1}], table_name="t")
    remove_data("duckdb")
    made = pipeline()
    made.run([{"n": "text"}], table_name="t")

    assert stored(made) == ["text"]


def test_rows_that_wait_are_not_lost_when_the_data_set_is_deleted() -> None:
    made = pipeline()
    made.run(numbers(2))
    made.extract([{"x": 1}], table_name="pushed")
    made.extract(numbers(4))
    remove_data("duckdb")

    info = pipeline().run(numbers(5))

    assert info is not None
    made = pipeline()
    assert stored(made) == [1, 2, 3, 4, 5]
    assert stored(made, "pushed", "x") == [1]
    assert info.parked == made.list_failed_load_packages()
    [set_aside] = info.parked
    assert "not there any more" in str(made.get_load_package_state(set_aside)["failures"])
    made.run(numbers(6))
    assert stored(made) == [1, 2, 3, 4, 5, 6]


def test_a_package_is_not_loaded_alone_into_a_data_set_that_lost_the_rows_before_it() -> None:
    made = pipeline()
    made.run(numbers(2))
    made.extract(numbers(4))
    made.normalize()
    remove_data("duckdb")
    with pytest.raises(StepFailed, match="rows before these ones would be missing"):
        made.load()
    info = made.run(numbers(5))

    assert info is not None
    assert len(info.parked) == 1
    assert stored(made) == [1, 2, 3, 4, 5]


def test_rows_that_were_extracted_before_there_was_a_data_set_are_loaded_with_their_state() -> None:
    made = pipeline()
    made.extract(numbers(2))

    info = pipeline().run(numbers(3))

    assert info is not None
    assert info.parked == []
    assert stored(pipeline()) == [1, 2, 3]


def test_c24_a_table_or_column_dropped_by_hand_is_made_again() -> None:
    pipeline().run(numbers(1))
    for sql in ("DROP TABLE ds.t__parts", "ALTER TABLE ds.t DROP COLUMN n"):
        with duckdb.connect("restore.duckdb") as connection:
            connection.execute(sql)
        pipeline().run([{"n": 9, "parts": [{"m": 9}]}], table_name="t")

    made = pipeline()
    assert stored(made, "t__parts", "m") == [9, 9]
    with made.session() as session:
        assert session.read("t").read_all()["n"].to_pylist().count(9) == 1
    assert not made.has_pending_data


def test_c24_the_state_is_kept_when_only_its_table_was_dropped() -> None:
    pipeline().run(numbers(2))
    with duckdb.connect("restore.duckdb") as connection:
        connection.execute("DROP TABLE ds._dlt_pipeline_state")
    pipeline().run(numbers(4))
    pipeline().run(numbers(5))

    assert stored(pipeline()) == [1, 2, 3, 4, 5]
    shutil.rmtree(pipeline().working_dir)
    pipeline().run(numbers(6))
    assert stored(pipeline()) == [1, 2, 3, 4, 5, 6]


def test_c72_a_copied_data_set_goes_on_where_it_was() -> None:
    pipeline().run(numbers(2))
    with duckdb.connect("restore.duckdb") as connection:
        connection.execute("CREATE SCHEMA new")
        for table in ("t", "t__parts", "_dlt_loads", "_dlt_version", "_dlt_pipeline_state"):
            connection.execute(f"CREATE TABLE new.{table} AS FROM ds.{table}")
    shutil.rmtree(pipeline().working_dir)
    made = pipeline(dataset="new")
    made.run(numbers(4))

    assert (made.dataset_name, stored(made)) == ("new", [1, 2, 3, 4])
    assert stored(pipeline()) == [1, 2]
    attached = dlt.attach("p", destination=dlt.destinations.duckdb("restore.duckdb"))
    assert attached.dataset_name == "new"


# ---- files are damaged


@pytest.mark.parametrize("content", [b"", b"\0\0\0\0", b"{", b"[1]"])
def test_a_damaged_state_or_schema_says_what_to_remove_and_comes_back(content: bytes) -> None:
    made = pipeline()
    made.run(numbers(2))
    folder = made.workdir.path
    for path in (folder / "state.json", folder / "schemas" / "p.schema.json"):
        path.write_bytes(content)
        with pytest.raises(PackageError, match="cannot be read") as damaged:
            pipeline()
        assert path.name in str(damaged.value)
        assert "remove this file" in str(damaged.value)
        path.unlink()
        pipeline().run(numbers(3))

    assert stored(pipeline()) == [1, 2, 3]


def test_a_half_written_package_and_left_over_files_do_no_harm() -> None:
    made = pipeline()
    made.run(numbers(2))
    folder = made.workdir.path
    (folder / "packages" / "new" / "9.9").mkdir(parents=True)
    (folder / "packages" / "new" / "9.9" / "00001.arrow").write_bytes(b"half")
    (folder / "state.json.tmp").write_text("{")
    (folder / "lock").write_text("4194304")
    pipeline().run(numbers(3))

    assert stored(pipeline()) == [1, 2, 3]
    assert made.workdir.packages.ids("new") == []
    assert not (folder / "state.json.tmp").exists()


# ---- names


@both
@pytest.mark.parametrize("name", ["a.b", "a b", "a__b", "_dlt", "état", "a'b", "a%b", "name-1", "Name", "x" * 128])
def test_c74_names_with_odd_characters_keep_their_state(kind: str, name: str) -> None:
    other = "a" if name != "a" else "b"
    pipeline(kind, other).run(numbers(1))
    pipeline(kind, name).run(numbers(2))
    shutil.rmtree(pipeline(kind, name).working_dir)
    pipeline(kind, name).run(numbers(3))

    assert stored(pipeline(kind, name)) == [1, 1, 2, 3]


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", "a:b", "a\nb", "a\0b", "a*b", "\ud800", "x" * 129])
def test_c74_names_that_are_no_folder_are_refused(name: str) -> None:
    with pytest.raises(InvalidPipelineName, match="name of a folder"):
        pipeline(name=name) if name else dlt.Pipeline(name)


def test_the_work_directory_must_be_on_a_disk_with_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import fcntl

    def refused(*_args: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    made = pipeline()
    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(StepFailed, match="no locks") as failed:
        made.run([{"n": 1}], table_name="t")
    assert "pipelines_dir" in str(failed.value)
