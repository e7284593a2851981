from __future__ import annotations

import datetime as dt
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dlt.destinations import filesystem
from dlt.destinations.registry import create
from dlt.errors import ConfigError, DestinationRefused, LedgerError, NotBuilt, PackageError, PlanError
from dlt.load.session import Load
from dlt.load.steps import Commit, Copy, Create

from .buckets import NUMBERS, bucket, committing, files, names_in, replaced, rows_of, run
from .packages import NOW, Package, loads_row, table
from .test_duckdb import EVERY, ROW


@pytest.fixture
def package(own_folder):
    return Package(own_folder, "1700000000.1")


@pytest.fixture
def second(own_folder):
    return Package(own_folder, "1700000001.5")


# ---- files


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "insert_values"])
def test_every_type_in_every_format(package, kind):
    of = table("every", EVERY)
    empty = dict.fromkeys(EVERY)
    expected = [ROW, {**empty, "t": ""}, {**empty, "i": 1}]
    destination = bucket()
    applied = run(destination, package, [Create(of), Copy(of, (package.file(of, expected, kind),))], of)
    assert applied[1].rows == {"every": 3}
    assert rows_of(destination, "every") == expected


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "insert_values"])
def test_a_file_arrives_as_it_was_written(package, kind):
    file = package.file(NUMBERS, [{"a": 1}], kind)
    applied = run(bucket(), package, [Create(NUMBERS), Copy(NUMBERS, (file,))], NUMBERS)
    [path] = files()
    assert path.endswith(f".{kind}")
    data = (Path("bucket/ds") / path).read_bytes()
    assert data == (package.folder / file.path).read_bytes()
    assert applied[1].locations == {file.path: (Path("bucket/ds") / path).absolute().as_uri()}


def test_a_compressed_file_says_so_and_an_sql_file_has_its_format(package, own_folder):
    file = package.file(NUMBERS, [{"a": 1}], "insert_values")
    packed = replace(file, path="00002.sql.gz")
    (package.folder / file.path).rename(package.folder / packed.path)
    run(bucket(), package, [Create(NUMBERS), Copy(NUMBERS, (packed,))], NUMBERS)
    assert [path.partition(".")[2].split(".", 2)[2] for path in files()] == ["insert_values.gz"]


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "insert_values"])
def test_c50_nul_in_text_is_kept_in_every_format(package, kind):
    of = table("t", {"t": "text"})
    destination = bucket()
    rows = [{"t": "a\x00b"}, {"t": "\x00"}, {"t": "x"}]
    run(destination, package, [Create(of), Copy(of, (package.file(of, rows, kind),))], of)
    assert rows_of(destination, "t") == rows


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "insert_values"])
def test_c58_columns_are_matched_by_name(package, kind):
    of = table("t", {"a": "bigint", "b": "text", "c": "double"})
    first = package.file(of, pa.record_batch({"b": ["x"], "a": pa.array([1])}), kind)
    second = package.file(of, pa.record_batch({"c": [1.5], "a": pa.array([2]), "b": ["y"]}), kind)
    destination = bucket()
    run(destination, package, [Create(of), Copy(of, (first, second))], of)
    rows = sorted(rows_of(destination, "t"), key=lambda row: row["a"])
    assert rows == [{"a": 1, "b": "x", "c": None}, {"a": 2, "b": "y", "c": 1.5}]


def test_more_rows_than_one_batch_of_lines(package):
    destination = bucket()
    numbers = [{"a": n} for n in range(25_000)]
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, numbers, "jsonl"),))], NUMBERS)
    assert rows_of(destination, "numbers") == numbers


def test_a_file_that_changed_on_the_way_is_noticed(package):
    file = replace(package.file(NUMBERS, [{"a": 1}], "jsonl"), crc=1)
    with pytest.raises(LedgerError, match="changed on its way"):
        run(bucket(), package, [Create(NUMBERS), Copy(NUMBERS, (file,))], NUMBERS)
    assert files() == []


def test_a_damaged_file_is_named(package):
    destination = bucket()
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    [path] = files()
    (Path("bucket/ds") / path).write_text('{"a":')
    with pytest.raises(PackageError, match="damaged"):
        rows_of(destination, "numbers")


def test_sql_texts_with_everything_in_them(package):
    of = table("t", {"t": "text", "x": "binary"})
    texts = ["'", "''", "(1,2),\n(3);", "NULL", "X'00'", "a'||chr(0)||'b", "\0", "'\0'", "", "INSERT INTO {}"]
    rows = [{"t": text, "x": text.encode()} for text in texts]
    destination = bucket()
    run(destination, package, [Create(of), Copy(of, (package.file(of, rows, "insert_values"),))], of)
    assert rows_of(destination, "t") == rows


def test_sql_that_cannot_be_understood_is_no_row(package):
    """dlt 1.31 writes texts without quotes here."""
    destination = bucket()
    run(destination, package, [Create(NUMBERS)], NUMBERS)
    Path("bucket/ds/numbers/1.2.3.insert_values").write_text("INSERT INTO {}(a)\nVALUES\n(1795573795.2457428);")
    with pytest.raises(PackageError, match="damaged"):
        rows_of(destination, "numbers")


def test_files_of_an_unknown_format_cannot_be_read(package):
    destination = bucket()
    run(destination, package, [Create(NUMBERS)], NUMBERS)
    Path("bucket/ds/numbers/1.2.3.avro").write_text("x")
    with pytest.raises(NotBuilt, match="avro cannot be read"):
        rows_of(destination, "numbers")


def test_rows_can_be_chosen(package):
    destination = bucket()
    numbers = [{"a": 3}, {"a": 1}, {"a": 3}]
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, (package.file(NUMBERS, numbers, "jsonl"),))], NUMBERS)
    with closing(destination.open("ds", None)) as session:
        assert session.read("numbers", {"a": 3}).read_all().num_rows == 2
        assert session.read("numbers", last="a").read_all().to_pylist() == [{"a": 3}]
        assert session.read("missing").read_all().num_columns == 0


# ---- the tree


def test_the_tree_is_that_of_dlt(package):
    of = table("items", {"a": "bigint"})
    file = package.file(of, [{"a": 1}], "jsonl")
    state = {
        "version": 2,
        "engine_version": 4,
        "pipeline_name": "pipeline",
        "state": "eJyrVipOLS5OLS4pzcvMU7JSMFKqBQBPvgWd",
        "created_at": NOW,
        "version_hash": "IXyuvqvMvCJyD3t9ai7pd8vGRQ8N150W7t+0rqzVPoU=",
        "_dlt_load_id": package.load_id,
        "_dlt_id": "abc",
    }
    commit = committing(package, of)
    [version] = commit.rows["_dlt_version"]
    [load] = commit.rows["_dlt_loads"]
    version["version_hash"] = load["schema_version_hash"] = "rtYuauZr6iCcamiceIAFyVYv1Zuq0mf2jkRCkFydaD4="
    digits = "aed62e6ae66bea209c6a689c788005c9562fd59baad267f68e4442905c9d683e"
    commit.rows["_dlt_pipeline_state"] = [state]
    run(bucket(), package, [Create(of), Copy(of, (file,))], commit=commit)
    root = Path("bucket/ds")
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [
        "_dlt_loads/schema__1700000000.1.jsonl",
        f"_dlt_pipeline_state/pipeline__1700000000.1__{digits}.jsonl",
        f"_dlt_version/schema__1714979289.123456__{digits}.jsonl",
        "init",
        files()[0],
    ]
    assert (root / "init").read_text() == '{"initial_version":2,"current_version":2}'
    assert (root / "_dlt_loads/schema__1700000000.1.jsonl").read_text() == (
        '{"load_id":"1700000000.1","schema_name":"schema","status":0,"inserted_at":"2024-05-06T07:08:09.123456+00:00",'
        '"schema_version_hash":"rtYuauZr6iCcamiceIAFyVYv1Zuq0mf2jkRCkFydaD4="}'
    )
    assert (root / f"_dlt_pipeline_state/pipeline__1700000000.1__{digits}.jsonl").read_text() == (
        '{"version":2,"engine_version":4,"pipeline_name":"pipeline","state":"eJyrVipOLS5OLS4pzcvMU7JSMFKqBQBPvgWd",'
        '"created_at":"2024-05-06T07:08:09.123456+00:00","version_hash":"IXyuvqvMvCJyD3t9ai7pd8vGRQ8N150W7t+0rqzVPoU=",'
        '"_dlt_load_id":"1700000000.1"}'
    )
    stored = json.loads((root / f"_dlt_version/schema__1714979289.123456__{digits}.jsonl").read_text())
    assert list(stored) == ["version_hash", "schema_name", "version", "engine_version", "inserted_at", "schema"]
    assert json.loads(stored["schema"])["tables"]["items"]["columns"]["a"]["data_type"] == "bigint"


def test_default_names_of_files(package):
    file = package.file(NUMBERS, [{"a": 1}], "jsonl")
    run(bucket(), package, [Create(NUMBERS), Copy(NUMBERS, (file,))], NUMBERS)
    [path] = files()
    folder, name = path.split("/")
    assert folder == "numbers"
    assert name.startswith("1700000000.1.")
    assert len(name.removeprefix("1700000000.1.").removesuffix(".jsonl")) == 10


@pytest.mark.parametrize("where", ["bucket", "./bucket", "x/../bucket", "file", "path", "local"])
def test_a_bucket_is_a_path_or_a_file_url(own_folder, where, monkeypatch):
    url = {"file": (own_folder / "bu cket").as_uri().replace("bu%20cket", "bucket"), "path": own_folder / "bucket"}
    if where == "local":
        monkeypatch.setenv("DLT_LOCAL_DIR", str(own_folder / "sub"))
        assert create(filesystem("bucket")).location == (own_folder / "sub" / "bucket").as_uri()
    else:
        assert create(filesystem(url.get(where, where))).location == (own_folder / "bucket").as_uri()


def test_spaces_in_a_file_url(own_folder):
    assert create(filesystem(f"file://{own_folder}/bu%20cket")).location == (own_folder / "bu cket").as_uri()


@pytest.mark.parametrize(
    "url", ["s3://a/b", "gs://a", "az://a", "memory://x", "hf://datasets/x", "sftp://u:secret@h/x"]
)
def test_other_buckets_are_not_built_yet(url):
    with pytest.raises(NotBuilt, match="not part of this version") as caught:
        create(filesystem(url))
    assert "secret" not in str(caught.value)
    assert "local folder" in str(caught.value)


def test_a_url_with_a_computer_is_no_folder():
    with pytest.raises(ConfigError, match="names a computer"):
        create(filesystem("file://server/share"))


def test_settings_of_the_environment(own_folder, monkeypatch):
    with pytest.raises(ConfigError, match="needs a bucket_url") as caught:
        create("filesystem")
    assert "DESTINATION__FILESYSTEM__BUCKET_URL" in str(caught.value)
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", "here")
    assert create("filesystem").location == (own_folder / "here").as_uri()
    monkeypatch.setenv("DESTINATION__LAKE__BUCKET_URL", "lake")
    assert create("filesystem", destination_name="lake").location == (own_folder / "lake").as_uri()
    monkeypatch.setenv("DESTINATION__FILESYSTEM__LAYOUT", "{table_name}{nothing}")
    with pytest.raises(ConfigError, match="layout"):
        create("filesystem")


@pytest.mark.parametrize("option", ["credentials", "kwargs", "client_kwargs", "deltalake_storage_options"])
def test_options_of_other_buckets_are_not_built(option):
    with pytest.raises(NotBuilt, match="local folders"):
        filesystem("bucket", **{option: {"key": 1}})
    with pytest.raises(NotBuilt):
        create(filesystem("bucket"), credentials="x")


def test_open_table_formats_are_not_built(package):
    of = NUMBERS.with_(table_format="delta")
    with pytest.raises(NotBuilt, match="format: delta"):
        run(bucket(), package, [Create(of)])


def test_a_separator_that_names_may_have_is_noted(caplog):
    create(filesystem("bucket", layout="{table_name}_{file_id}.{ext}"))
    assert "may also stand in names of tables" in caplog.text
    caplog.clear()
    create(filesystem("bucket", layout="{table_name}_{file_id}.{ext}", warn_unsafe_layout_separators=False))
    create(filesystem("bucket", layout="{table_name}.{file_id}.{ext}"))
    assert caplog.text == ""


# ---- append


def test_append_adds_files(package, second):
    destination = bucket()
    for one in (package, second):
        run(destination, one, [Create(NUMBERS), Copy(NUMBERS, (one.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    assert len(files()) == 2
    assert rows_of(destination, "numbers") == [{"a": 1}, {"a": 1}]


@pytest.mark.parametrize("layout", ["{table_name}.{ext}", "{table_name}/{YYYY}/{MM}.{ext}", "{table_name}/{timestamp}"])
def test_c30_append_with_a_layout_that_is_not_unique_is_refused(package, layout):
    file = package.file(NUMBERS, [{"a": 1}], "jsonl")
    with pytest.raises(PlanError, match="would overwrite the files of earlier ones") as caught:
        run(bucket(layout=layout), package, [Create(NUMBERS), Copy(NUMBERS, (file,))], NUMBERS)
    assert "{load_id}" in str(caught.value)
    assert files() == []
    assert not Path("bucket/ds/_dlt_loads").exists()


def test_c30_such_a_layout_is_fine_for_replace(package, second):
    destination = bucket(layout="{table_name}.{ext}")
    for one, number in ((package, 1), (second, 2)):
        run(destination, one, [Create(NUMBERS), *replaced(one, NUMBERS, [{"a": number}])], NUMBERS)
    assert files() == ["numbers.jsonl"]
    assert rows_of(destination, "numbers") == [{"a": 2}]


def test_append_never_overwrites_what_others_wrote(package):
    destination = bucket(layout="{table_name}/{load_id}.{ext}")
    there = Path("bucket/ds/numbers/1700000000.1.jsonl")
    there.parent.mkdir(parents=True)
    there.write_text("mine")
    with pytest.raises(DestinationRefused, match="never overwrites"):
        run(destination, package, [Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    assert there.read_text() == "mine"


def test_append_does_not_overwrite_what_comes_between_copy_and_commit(package):
    destination = bucket(layout="{table_name}/{load_id}.{ext}")
    there = Path("bucket/ds/numbers/1700000000.1.jsonl")
    with closing(destination.open("ds", package.load())) as session:
        session.apply(Create(NUMBERS))
        session.apply(Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),)))
        there.write_text("mine")
        with pytest.raises(DestinationRefused, match="never overwrites"):
            session.apply(committing(package, NUMBERS))
    assert there.read_text() == "mine"


def test_two_files_of_a_load_do_not_get_one_name(package):
    both = (package.file(NUMBERS, [{"a": 1}], "jsonl"), package.file(NUMBERS, [{"a": 2}], "jsonl"))
    with pytest.raises(PlanError, match="two files of one load have the same name"):
        run(bucket(layout="{table_name}/{load_id}.{ext}"), package, [Create(NUMBERS), Copy(NUMBERS, both)], NUMBERS)
    assert files() == []
    destination = bucket(layout="{table_name}/{file_id}.{ext}")
    run(destination, package, [Create(NUMBERS), Copy(NUMBERS, both)], NUMBERS)
    assert sorted(row["a"] for row in rows_of(destination, "numbers")) == [1, 2]


def test_nothing_is_to_be_seen_before_the_commit(package):
    with closing(bucket().open("ds", package.load())) as session:
        session.apply(Create(NUMBERS))
        session.apply(Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),)))
        assert files() == []
    assert not Path("bucket/ds/_dlt_scratch").exists()
    assert rows_of(bucket(), "_dlt_loads") == []


# ---- times in names


def test_a_time_that_moves_gives_a_name_once(own_folder, package):
    """The name that a file gets is kept with the load: a repeated Commit does not ask for the time again."""
    times = iter([dt.datetime(2024, 1, 1), dt.datetime(2024, 2, 2)])
    destination = bucket(layout="{table_name}/{MM}/{file_id}.{ext}", current_datetime=lambda: next(times))
    load = package.load()
    with closing(destination.open("ds", load)) as session:
        session.apply(Create(NUMBERS))
        session.apply(Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),)))
    with closing(destination.open("ds", load)) as session:
        session.apply(committing(package, NUMBERS))
    assert [path.split("/")[1] for path in files()] == ["01"]


def test_the_time_in_names_is_that_of_the_package(package):
    destination = bucket(layout="{table_name}/{YYYY}{MM}{DD}/{file_id}.{ext}")
    run(destination, package, [Copy(NUMBERS, (package.file(NUMBERS, [{"a": 1}], "jsonl"),))], NUMBERS)
    assert files()[0].split("/")[1] == "20240506"


# ---- dlt's own tables


def state_row(load_id, version=1, pipeline="pipeline"):
    return {
        "version": version,
        "engine_version": 4,
        "pipeline_name": pipeline,
        "state": f"state {version}",
        "created_at": NOW,
        "version_hash": "aGFzaA==",
        "_dlt_load_id": load_id,
        "_dlt_id": "x",
    }


def with_state(package, pipeline="pipeline"):
    commit = committing(package, NUMBERS)
    commit.rows["_dlt_pipeline_state"] = [state_row(package.load_id, pipeline=pipeline)]
    return commit


def test_old_states_are_removed_for_each_pipeline(own_folder):
    destination = bucket(max_state_files=2)
    for number in range(4):
        one = Package(own_folder, f"170000000{number}.1")
        run(destination, one, [], commit=with_state(one))
    other = Package(own_folder, "1600000000.1")
    run(destination, other, [], commit=with_state(other, "another"))
    assert [name.split("__")[:2] for name in names_in("_dlt_pipeline_state")] == [
        ["another", "1600000000.1"],
        ["pipeline", "1700000002.1"],
        ["pipeline", "1700000003.1"],
    ]


def test_a_hundred_states_are_kept(own_folder):
    destination = bucket()
    for number in range(103):
        one = Package(own_folder, f"17000{number:05d}.1")
        run(destination, one, [], commit=with_state(one))
    assert len(names_in("_dlt_pipeline_state")) == 100
    assert names_in("_dlt_pipeline_state")[0].startswith("pipeline__1700000003.1__")


def test_c68_a_state_whose_load_was_not_completed_is_not_read(package, second):
    destination = bucket()
    run(destination, package, [], commit=with_state(package))
    commit = with_state(second)
    del commit.rows["_dlt_loads"]  # as it is when a load breaks off between the two
    run(destination, second, [], commit=commit)
    assert len(names_in("_dlt_pipeline_state")) == 2
    with closing(destination.open("ds", None)) as session:
        found = session.read("_dlt_pipeline_state", {"pipeline_name": "pipeline"}).read_all().to_pylist()
        assert [row["_dlt_load_id"] for row in found] == [package.load_id]
        newest = session.read("_dlt_pipeline_state", {"pipeline_name": "pipeline"}, "_dlt_load_id").read_all()
        assert newest["_dlt_load_id"].to_pylist() == [package.load_id]
        assert session.read("_dlt_loads", {"load_id": second.load_id}).read_all().num_rows == 0


def test_only_files_that_can_match_are_opened(package, second):
    destination = bucket()
    run(destination, package, [], commit=with_state(package))
    run(destination, second, [], commit=with_state(second))
    for path in Path("bucket/ds/_dlt_loads").glob(f"*{package.load_id}*"):
        path.write_text("damaged")
    with closing(destination.open("ds", None)) as session:
        assert session.read("_dlt_loads", {"load_id": second.load_id}).read_all().num_rows == 1
        with pytest.raises(PackageError, match="damaged"):
            session.read("_dlt_loads")


def test_times_of_dlt_tables_are_times(package):
    destination = bucket()
    run(destination, package, [], NUMBERS)
    with closing(destination.open("ds", None)) as session:
        found = session.read("_dlt_loads").read_all()
    assert found.schema.field("inserted_at").type == pa.timestamp("us", "UTC")
    assert found["inserted_at"][0].as_py() == dt.datetime.fromisoformat(NOW)


def test_a_load_is_an_unknown_one_in_another_dataset(package):
    destination = bucket()
    run(destination, package, [], commit=Commit(loads_row(package.load_id)))
    with closing(destination.open("other", None)) as session:
        assert session.read("_dlt_loads", {"load_id": package.load_id}).read_all().num_rows == 0


def test_merge_is_refused_by_the_plan():
    assert bucket().caps.merge_strategies == ()
    assert "arrow" not in bucket().caps.file_formats


def test_parquet_keeps_its_types(package):
    of = table("t", {"n": "decimal", "ts": "timestamp"})
    row = {"n": ROW["n"], "ts": ROW["ts"]}
    run(bucket(), package, [Create(of), Copy(of, (package.file(of, [row], "parquet"),))], of)
    assert pq.read_table(Path("bucket/ds") / files()[0]).to_pylist() == [row]


def test_sessions_say_what_they_serve():
    load = Load("1.1", "s", "p", "nowhere", NOW)
    with closing(bucket().open("ds", load)) as session:
        assert session.reflect(["numbers"]) == {}
    assert not Path("bucket").exists()
