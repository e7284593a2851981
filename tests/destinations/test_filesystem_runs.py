"""Whole pipelines into a folder, and folders that dlt 1.31 wrote."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dlt
from dlt.errors import PlanError, RetryableError, StepFailed
from dlt.testing import DestinationSuite

from .buckets import files

# written by dlt 1.31: a state in which the resource `items` of the source `pp` has {"x": 1}, and a schema (shortened)
STATE_FILE = "pp__1795573794.8544478__aed62e6ae66bea209c6a689c788005c9562fd59baad267f68e4442905c9d683e.jsonl"
STATE_TEXT = (
    '{"version":1,"engine_version":4,"pipeline_name":"pp","state":"eNpdkG9rwkAMxr9L3q6IokMt7JWDobCxCbrBkCPYaA+u17NJD6'
    "vsu++u/qF4L8LxS/LkSc6gWFBIeapYlxbSQXJDZPfadjKjBHibU4HKYkEM6S84B5sEnHZkYmnkkEaaQEY7rI2oTss9hYJMcmMZt+Us2qKESUoa13"
    "IjvQ7m3k4b4oaFioeGi5CtjQnmr35VjpwHlflPU/uDf/ezRfM6lCnqscsm/m35NfkYPPe/x/LUrw6n9We5egmyXNbVNi53jl5DrKiDdJjdfo7hUH"
    '/x/QMSJXG4","created_at":"2026-11-25T02:29:54.870099+00:00","version_hash":"IXyuvqvMvCJyD3t9ai7pd8vGRQ8N150W7t+0rq'
    'zVPoU=","_dlt_load_id":"1795573794.8544478"}'
)
LOADS_FILE = "pp__1795573794.8544478.jsonl"
LOADS_TEXT = (
    '{"load_id":"1795573794.8544478","schema_name":"pp","status":0,"inserted_at":"2026-11-25T02:29:54.940637+00:00",'
    '"schema_version_hash":"rtYuauZr6iCcamiceIAFyVYv1Zuq0mf2jkRCkFydaD4="}'
)
VERSION_FILE = "pp__1795573794.9318938__aed62e6ae66bea209c6a689c788005c9562fd59baad267f68e4442905c9d683e.jsonl"
COLUMNS = '"id":{"name":"id","data_type":"bigint","nullable":true},"t":{"name":"t","data_type":"text","nullable":true}'
KEYS = (
    '"_dlt_load_id":{"name":"_dlt_load_id","data_type":"text","nullable":false},"_dlt_id":{"name":"_dlt_id",'
    '"data_type":"text","nullable":false,"unique":true,"row_key":true}'
)
SCHEMA = (
    '{"version":2,"version_hash":"rtYuauZr6iCcamiceIAFyVYv1Zuq0mf2jkRCkFydaD4=","engine_version":11,"name":"pp",'
    '"tables":{"items":{"columns":{' + COLUMNS + "," + KEYS + '},"name":"items","write_disposition":"append",'
    '"resource":"items","x-normalizer":{"seen-data":true}}},"settings":{"detections":["iso_timestamp"]},'
    '"previous_hashes":[],"normalizers":{"names":"snake_case","json":{"module":"dlt.common.normalizers.json.relational"}}}'
)
ROW = '{"id":1,"t":"é","_dlt_load_id":"1795573794.8544478","_dlt_id":"e2BNN5w1lvI84g"}\n'


def pipeline(name="pp", folder="pipelines", **options):
    bucket = dlt.destinations.filesystem("bucket", **options)
    return dlt.pipeline(name, destination=bucket, dataset_name="ds", pipelines_dir=folder)


def rows(made, table, *columns):
    with made.session() as session:
        found = session.read(table).read_all().to_pylist()
    return [tuple(row[column] for column in columns) for row in found]


@pytest.fixture
def written_by_dlt(own_folder):
    root = own_folder / "bucket" / "ds"
    version = {
        "version_hash": "rtYuauZr6iCcamiceIAFyVYv1Zuq0mf2jkRCkFydaD4=",
        "schema_name": "pp",
        "version": 2,
        "engine_version": 11,
        "inserted_at": "2026-11-25T02:29:54.931972+00:00",
        "schema": SCHEMA,
    }
    texts = {
        "init": '{"initial_version":2,"current_version":2}',
        f"_dlt_pipeline_state/{STATE_FILE}": STATE_TEXT,
        f"_dlt_loads/{LOADS_FILE}": LOADS_TEXT,
        f"_dlt_version/{VERSION_FILE}": json.dumps(version, separators=(",", ":")),
        "items/1795573794.8544478.50e6b847c3.jsonl.gz": ROW,
    }
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        data = text.encode()
        (root / path).write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    return root


@dlt.resource
def items():
    state = dlt.current.resource_state()
    state["x"] = state.get("x", 0) + 1
    yield {"id": state["x"], "t": "ours"}


def test_a_folder_that_dlt_wrote_goes_on_with_its_state_and_schema(written_by_dlt):
    made = pipeline()
    made.sync_destination()
    assert made.state["sources"] == {"pp": {"resources": {"items": {"x": 1}}}}
    assert made.default_schema.version_hash
    assert made.default_schema.tables["items"]["columns"]["id"]["data_type"] == "bigint"
    made.run(items())
    assert sorted(rows(made, "items", "id", "t")) == [(1, "é"), (2, "ours")]
    assert pipeline(folder="elsewhere").run(items()) is not None
    assert sorted(rows(made, "items", "id")) == [(1,), (2,), (3,)]


def test_replace_removes_files_that_dlt_wrote(written_by_dlt):
    made = pipeline()
    made.run([{"id": 7}], table_name="items", write_disposition="replace")
    assert rows(made, "items", "id") == [(7,)]
    assert len(files()) == 1


class TestFilesystem(DestinationSuite):
    def make_destination(self, tmp_path):
        return dlt.destinations.filesystem(tmp_path / "bucket")


# ---- runs


def test_a_first_run():
    made = pipeline()
    info = made.run([{"a": 1, "items": [{"b": 2}]}], table_name="t")
    assert [path.split("/")[0] for path in files()] == ["t", "t__items"]
    assert all(path.endswith(".jsonl.gz") for path in files())
    assert rows(made, "t__items", "b") == [(2,)]
    assert str(info).count((Path.cwd() / "bucket").as_uri()) == 1


@pytest.mark.parametrize(
    ("kind", "ending"),
    [("jsonl", "jsonl.gz"), ("csv", "csv.gz"), ("parquet", "parquet"), ("insert_values", "insert_values.gz")],
)
def test_formats_of_a_run(kind, ending):
    pipeline().run([{"a": 1}], table_name="t", loader_file_format=kind)
    [path] = files()
    assert path.split(".", 3)[-1] == ending


def test_the_format_of_the_library_itself_is_not_for_a_bucket():
    with pytest.raises(StepFailed) as caught:
        pipeline().run([{"a": 1}], table_name="t", loader_file_format="arrow")
    assert isinstance(caught.value.__cause__, PlanError)
    assert files() == [] if Path("bucket").exists() else True


def test_c30_append_twice_with_one_name():
    with pytest.raises(StepFailed, match="would overwrite the files of earlier ones"):
        pipeline(layout="{table_name}.{ext}").run([{"a": 1}], table_name="t")
    assert files() == []


def test_merge_is_refused_and_nothing_is_written():
    with pytest.raises(StepFailed) as caught:
        pipeline().run([{"a": 1}], table_name="t", write_disposition="merge", primary_key="a")
    assert isinstance(caught.value.__cause__, PlanError)
    assert 'write_disposition="append"' in str(caught.value)


def test_c24_a_folder_that_was_removed_is_made_again():
    made = pipeline()
    made.run([{"a": 1}], table_name="t")
    [path] = files()
    (Path("bucket/ds") / path).unlink()
    Path("bucket/ds/t").rmdir()
    made.run([{"a": 2}], table_name="t")
    assert rows(made, "t", "a") == [(2,)]


def test_c25_no_new_rows_after_a_replace():
    made = pipeline()
    made.run([{"a": 1}, {"a": 2}], table_name="t", write_disposition="replace")
    made.run([], table_name="t", write_disposition="append")
    made.run([{"b": 1}], table_name="other")
    assert rows(made, "t", "a") == [(1,), (2,)]


def test_replace_by_nothing_leaves_no_rows_in_nested_tables_either():
    @dlt.resource(write_disposition="replace")
    def t(full):
        if full:
            yield {"a": 1, "items": [{"b": 2}]}

    made = pipeline()
    made.run(t(True))
    assert rows(made, "t__items", "b") == [(2,)]
    made.run(t(False))
    assert files() == []
    assert rows(made, "t", "a") == rows(made, "t__items", "b") == []


def test_c68_state_and_data_are_visible_together(monkeypatch):
    """The write of the state fails: the next run goes on with the load, rows are there once, and so is the state."""
    made = pipeline()
    replace = Path.replace

    def failing(path, target):
        if "_dlt_pipeline_state" in str(target):
            raise OSError(5, "broken")
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", failing)
        patch.setattr("dlt.load.run.WAITS", (0.0,))
        with pytest.raises(StepFailed) as caught:
            made.run(items())
    assert isinstance(caught.value.__cause__, RetryableError)
    assert not Path("bucket/ds/_dlt_loads").exists()
    assert pipeline(folder="elsewhere").state["_state_version"] == 0
    made.run()
    assert rows(made, "items", "id") == [(1,)]
    assert rows(made, "_dlt_loads", "status") == [(0,)]
    made = pipeline(folder="elsewhere")
    made.run(items())
    assert sorted(rows(made, "items", "id")) == [(1,), (2,)]


def test_refresh_drops_the_tables_of_a_source():
    made = pipeline()
    made.run([{"a": 1, "items": [1]}], table_name="t")
    made.run([{"z": 1}], table_name="kept")

    @dlt.source(name="pp")
    def source():
        return dlt.resource([{"b": 1}], name="t")

    made.run(source(), refresh="drop_resources")
    assert [path.split("/")[0] for path in files()] == ["kept", "t"]
    assert rows(made, "t", "b") == [(1,)]
    assert "a" not in made.default_schema.tables["t"]["columns"]


def test_extra_placeholders_and_layouts_of_a_run():
    made = pipeline(
        layout="{schema_name}/{table_name}/{owner}/{YYYY}/{load_id}.{file_id}.{ext}", extra_placeholders={"owner": "me"}
    )
    made.run([{"a": 1}], table_name="t", write_disposition="replace")
    made.run([{"a": 2}], table_name="t", write_disposition="replace")
    [path] = files()
    assert path.split("/")[:3] == ["pp", "t", "me"]
    assert rows(made, "t", "a") == [(2,)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked")
@pytest.mark.parametrize(
    ("layout", "every"),
    [
        ("{table_name}/{load_id}.{file_id}.{ext}", 5),
        pytest.param("{table_name}/{load_id}.{file_id}.{ext}", 1, marks=pytest.mark.slow),
        pytest.param("{table_name}.{ext}", 1, marks=pytest.mark.slow),
    ],
)
def test_c69_a_load_that_is_killed_anywhere_ends_like_an_unbroken_one(layout, every):
    script = Path(__file__).with_name("kill_filesystem.py")
    done = subprocess.run([sys.executable, str(script), layout, str(every)], capture_output=True, text=True, check=True)
    tries = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tries) > 30 / every
    assert {one["code"] for one in tries[:-1]} == {9}
    assert tries[-1]["code"] == 0
    unbroken = tries[-1]["outcome"]
    assert unbroken["replaced"] == [2]
    assert unbroken["replaced__items"] == [2, 2]
    assert unbroken["loads"] == 2
    assert unbroken["added"][-1] == 2
    for number, one in enumerate(tries):
        assert one["again"] == 0, (number, done.stderr[-2000:])
        assert one["outcome"] == unbroken, number
