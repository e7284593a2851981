"""Listing files: BEHAVIOUR 11.5, and the case C83 of paths that lead out of a bucket."""

from __future__ import annotations

import bz2
import copy
import datetime as dt
import gzip
import json
import lzma
import os
import pickle
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pytest

import dlt
from dlt.config.credentials import (
    AwsCredentials,
    AzureCredentials,
    AzureServicePrincipalCredentials,
    GcpServiceAccountCredentials,
    HfCredentials,
    SFTPCredentials,
)
from dlt.errors import ConfigError, FatalError, MissingExtra, ResourceError
from dlt.sources.filesystem import (
    FileItemDict,
    filesystem,
    fsspec_filesystem,
    fsspec_from_resource,
    glob_files,
    read_jsonl,
    readers,
)
from dlt.sources.filesystem.access import arguments_of, scheme_of, url_of


def write(folder: Path, *names: str) -> None:
    """Small files of JSON lines, one second apart."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"file": "{name}"}}\n')
        os.utime(path, (1_700_000_000 + number, 1_700_000_000 + number))


def listed(*args: Any, **kwargs: Any) -> list[str]:
    return [file["relative_path"] for file in filesystem(*args, **kwargs)]


GLOBS = {
    "*": ["b.csv", "a.jsonl"],
    "*.csv": ["b.csv"],
    "**": ["b.csv", "a.jsonl", "sub/a.jsonl", "sub/deep/c.jsonl"],
    "**/*.jsonl": ["a.jsonl", "sub/a.jsonl", "sub/deep/c.jsonl"],
    "sub/*": ["sub/a.jsonl"],
    "sub/**": ["sub/a.jsonl", "sub/deep/c.jsonl"],
    "?.csv": ["b.csv"],
    "[ab].*": ["b.csv", "a.jsonl"],
    "a.jsonl": ["a.jsonl"],
    "nothing*": [],
    "nothing": [],
}


@pytest.mark.parametrize("glob", GLOBS)
@pytest.mark.parametrize("kind", ["path", "url", "memory"])
def test_globs(own_folder, glob, kind):
    names = ("b.csv", "a.jsonl", "sub/a.jsonl", "sub/deep/c.jsonl")
    write(own_folder / "data", *names)
    bucket: Any = {"path": "data", "url": (own_folder / "data").as_uri(), "memory": f"memory://{own_folder.name}"}[kind]
    if kind == "memory":
        fsspec.filesystem("memory").put(str(own_folder / "data"), f"/{own_folder.name}", recursive=True)

    assert listed(bucket, file_glob=glob) == sorted(GLOBS[glob])


def test_what_is_known_of_a_file(own_folder):
    write(own_folder / "data", "with space é.jsonl.gz")

    (file,) = filesystem("data")

    assert type(file) is FileItemDict
    assert dict(file) == {
        "file_name": "with space é.jsonl.gz",
        "relative_path": "with space é.jsonl.gz",
        "file_url": (own_folder / "data" / "with space é.jsonl.gz").as_uri(),
        "mime_type": "application/jsonl",
        "encoding": "gzip",
        "modification_date": dt.datetime.fromtimestamp(1_700_000_000, dt.UTC),
        "size_in_bytes": len('{"file": "with space é.jsonl.gz"}\n'.encode()),
    }


MIMES = {
    "a.csv": ("text/csv", None),
    "a.tsv": ("text/tab-separated-values", None),
    "a.jsonl": ("application/jsonl", None),
    "a.json": ("application/json", None),
    "a.parquet": ("application/parquet", None),
    "a.csv.gz": ("text/csv", "gzip"),
    "a.csv.zst": ("text/csv", "zstd"),
    "a.csv.bz2": ("text/csv", "bz2"),
    "a.unknown": ("application/octet-stream", None),
    "noending": ("application/octet-stream", None),
}


@pytest.mark.parametrize("name", MIMES)
def test_mime_types(own_folder, name):
    write(own_folder / "data", name)

    (file,) = filesystem("data")

    assert (file["mime_type"], file.get("encoding")) == MIMES[name]


PACKED = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(data[:10]) + gzip.compress(data[10:]),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pa.compress(data, "zstd", asbytes=True),
}


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("kind", PACKED)
def test_packed_files_are_known_by_their_first_bytes(own_folder, kind, held):
    data = json.dumps({"a": "x" * 100_000}).encode() + b"\n"
    (own_folder / "data").mkdir()
    (own_folder / "data" / "name_says_nothing.jsonl").write_bytes(PACKED[kind](data))

    (file,) = filesystem("data", extract_content=held)

    assert ("file_content" in file) is held
    with file.open() as opened:
        assert opened.read() == data
    with file.open("rt") as opened:
        assert opened.read() == data.decode()
    with file.open(compression="disable") as opened:
        assert opened.read() == PACKED[kind](data) == file.read_bytes()
    assert list(dlt.resource([[file]], name="files") | read_jsonl()) == [{"a": "x" * 100_000}]


def test_methods_of_a_file(own_folder):
    write(own_folder / "data", "a.jsonl.gz")
    (file,) = filesystem("data")

    assert file.local_file_path == str(own_folder / "data" / "a.jsonl.gz")
    assert file.fsspec.protocol == ("file", "local")
    for other in (file.copy(), copy.copy(file), copy.deepcopy(file), pickle.loads(pickle.dumps(file))):
        assert (type(other), other) == (FileItemDict, file)
        assert other.read_bytes() == file.read_bytes()
    assert FileItemDict(dict(file)).read_bytes() == b'{"file": "a.jsonl.gz"}\n'
    with file.open("r", encoding="utf-8") as opened:  # the name lies: it is not packed
        assert opened.read() == '{"file": "a.jsonl.gz"}\n'
    with pytest.raises(FatalError, match="Unknown compression 'gzip'"):
        file.open(compression="gzip")
    with pytest.raises(gzip.BadGzipFile), file.open(compression="enable") as opened:
        opened.read()
    fsspec.filesystem("memory").pipe("/elsewhere/x.csv", b"a\n")
    with pytest.raises(FatalError, match="not on this machine"):
        next(iter(filesystem("memory://elsewhere"))).local_file_path  # noqa: B018 - it raises


def test_a_file_can_be_written(own_folder):
    write(own_folder / "data", "a.txt")
    (file,) = filesystem("data")

    with file.open("wb") as opened:
        opened.write(b"new")

    assert file.read_bytes() == b"new"


@pytest.mark.parametrize("pages", [1, 2, 100])
def test_files_per_page(own_folder, pages):
    write(own_folder / "data", *"abcde")
    sizes: list[int] = []

    found = list(
        filesystem("data", files_per_page=pages) | dlt.transformer(lambda page: sizes.append(len(page)), name="t")
    )

    assert found == []
    assert sizes == {1: [1] * 5, 2: [2, 2, 1], 100: [5]}[pages]


def test_the_bucket_may_be_one_file(own_folder):
    write(own_folder / "data", "a.csv", "b.csv")

    assert listed("data/a.csv") == ["a.csv"]


# ---- paths that lead out


OUTSIDE = ["../*", "../data_evil/*", "sub/../../data_evil/x.csv", "/etc/*", "..", "a/..", "..\\x", "C:/x"]


@pytest.mark.parametrize("glob", OUTSIDE)
def test_c83_globs_that_lead_out_are_refused(own_folder, glob):
    write(own_folder / "data", "a.csv")
    write(own_folder / "data_evil", "x.csv")

    with pytest.raises(ConfigError, match="leads out of the bucket"):
        list(glob_files(fsspec.filesystem("file"), "data", glob))


def test_c83_a_common_beginning_is_not_the_same_folder(own_folder):
    """`/data_evil` begins as `/data` does."""
    write(own_folder / "data", "a.csv")
    write(own_folder / "data_evil", "x.csv")
    (own_folder / "data" / "link.csv").symlink_to(own_folder / "data_evil" / "x.csv")

    with pytest.raises(ConfigError, match="not in the bucket") as raised:
        listed("data")

    assert "link.csv" in str(raised.value)


def test_c83_links_within_the_bucket_are_followed(own_folder):
    write(own_folder / "real", "a.csv")
    (own_folder / "data").symlink_to(own_folder / "real")
    (own_folder / "real" / "b.csv").symlink_to("a.csv")

    assert listed("data") == ["a.csv", "b.csv"]


def test_c83_names_of_object_stores_cannot_climb(own_folder):
    class Store:
        protocol = "strange"

        def _strip_protocol(self, url):
            return url.partition("://")[2]

        def glob(self, _path, detail):
            assert detail
            return {"bucket/../secret": {"name": "bucket/../secret", "type": "file", "size": 1}}

    with pytest.raises(ConfigError, match="not in the bucket"):
        list(glob_files(Store(), "strange://bucket", "*"))


def test_signs_of_globs_in_the_folder_are_no_globs(own_folder):
    write(own_folder / "year[2024]", "a.csv")
    write(own_folder / "year2", "b.csv")

    assert listed("year[2024]") == ["a.csv"]


# ---- incremental


def run(name: str, data: Any, **hints: Any) -> list[Any]:
    """Names of the files that a run loads, in order."""
    info = dlt.pipeline(name, destination="duckdb").run(data, **hints)
    if not info.loads_ids:
        return []
    with duckdb.connect(f"{name}.duckdb") as connection:
        query = f"SELECT file_name FROM {name}_dataset.filesystem WHERE _dlt_load_id = ? ORDER BY rowid"
        return [row[0] for row in connection.execute(query, info.loads_ids).fetchall()]


@pytest.mark.parametrize("attach", ["argument", "hint"])
@pytest.mark.parametrize("cursor", ["modification_date", "file_name", "file_url", "relative_path"])
def test_incremental_files(own_folder, cursor, attach):
    write(own_folder / "data", "a", "b", "c")

    def source():
        cursor_of = dlt.sources.incremental(cursor)
        if attach == "argument":
            return filesystem("data", incremental=cursor_of)
        found = filesystem("data")
        found.apply_hints(incremental=cursor_of)
        return found

    assert run("p", source()) == ["a", "b", "c"]
    assert run("p", source()) == []
    (own_folder / "data" / "d").write_text("new")

    assert run("p", source()) == ["d"]


@pytest.mark.parametrize("change", ["newer", "same time, other file"])
def test_incremental_notices_changed_and_simultaneous_files(own_folder, change):
    write(own_folder / "data", "a", "b")
    source = lambda: filesystem("data", incremental=dlt.sources.incremental("modification_date"))  # noqa: E731
    assert run("p", source()) == ["a", "b"]

    if change == "newer":
        write(own_folder / "data", "x", "y", "a")
        (own_folder / "data" / "x").unlink()
        (own_folder / "data" / "y").unlink()
        assert run("p", source()) == ["a"]
    else:
        write(own_folder / "data", "first", "b2")
        (own_folder / "data" / "first").unlink()
        assert run("p", source()) == ["b2"]


@pytest.mark.parametrize(
    ("order", "expected"), [("asc", ["z", "m", "a"]), ("desc", ["a", "m", "z"]), (None, ["z", "m", "a"])]
)
def test_row_order_sorts_the_listing(own_folder, order, expected):
    write(own_folder / "data", "z", "m", "a")

    found = filesystem("data", incremental=dlt.sources.incremental("modification_date", row_order=order))

    assert [file["file_name"] for file in found] == expected


def test_row_order_of_something_that_files_do_not_have(own_folder):
    write(own_folder / "data", "z")

    with pytest.raises(ConfigError, match="cannot be sorted by 'nothing'"):
        list(filesystem("data", incremental=dlt.sources.incremental("nothing", row_order="asc")))


def test_files_as_rows(own_folder):
    write(own_folder / "data", "a.csv", "b.csv")

    pipeline = dlt.pipeline("p", destination="duckdb")
    pipeline.run(filesystem("data", extract_content=True), write_disposition="merge")
    pipeline.run(filesystem("data", extract_content=True), write_disposition="merge")

    with duckdb.connect("p.duckdb") as connection:
        rows = connection.execute(
            "SELECT file_name, mime_type, size_in_bytes, file_content FROM p_dataset.filesystem ORDER BY 1"
        ).fetchall()
    assert rows == [(f"{name}.csv", "text/csv", 18, f'{{"file": "{name}.csv"}}\n'.encode()) for name in "ab"]


# ---- configuration and credentials


def test_the_configuration_says_which_bucket(own_folder, monkeypatch):
    write(own_folder / "data", "a.csv", "b.jsonl")
    monkeypatch.setenv("SOURCES__FILESYSTEM__BUCKET_URL", "data")
    monkeypatch.setenv("SOURCES__FILESYSTEM__FILE_GLOB", "*.csv")

    assert listed() == ["a.csv"]
    assert listed(file_glob="*.jsonl") == ["b.jsonl"]


def test_a_missing_bucket_names_the_key():
    with pytest.raises(ConfigError, match="bucket_url"):
        list(filesystem())


GIVEN: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "s3": (
        "s3://b/x",
        AwsCredentials.from_value(
            {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "eu", "endpoint_url": "http://h"}
        ),
        {"key": "k", "secret": "s", "endpoint_url": "http://h", "client_kwargs": {"region_name": "eu"}},
    ),
    "s3 without": ("s3://b/x", None, {}),
    "s3 as a dict": ("s3://b", {"aws_access_key_id": "k", "aws_secret_access_key": "s"}, {"key": "k", "secret": "s"}),
    "azure": (
        "az://c/x",
        AzureCredentials.from_value({"azure_storage_account_name": "n", "azure_storage_account_key": "k"}),
        {"account_name": "n", "account_key": "k"},
    ),
    "azure principal": (
        "abfss://c@n.dfs.core.windows.net/x",
        AzureServicePrincipalCredentials.from_value(
            {
                "azure_storage_account_name": "n",
                "azure_tenant_id": "t",
                "azure_client_id": "i",
                "azure_client_secret": "s",
            }
        ),
        {"account_name": "n", "tenant_id": "t", "client_id": "i", "client_secret": "s"},
    ),
    "sftp": (
        "sftp://host/x",
        SFTPCredentials.from_value({"sftp_username": "u", "sftp_password": "p"}),
        {"host": "host", "username": "u", "password": "p", "port": 22},
    ),
    "sftp in the url": ("sftp://me@host:2222/x", None, {"host": "host", "username": "me", "port": 2222}),
    "hf": ("hf://datasets/x", HfCredentials.from_value({"hf_token": "t"}), {"token": "t"}),
}


@pytest.mark.parametrize("kind", GIVEN)
def test_credentials_become_arguments_of_fsspec(kind):
    url, credentials, expected = GIVEN[kind]

    found = arguments_of(scheme_of(url), url, credentials)

    assert expected.items() <= found.items()


def test_google_credentials_become_a_token():
    given = {"project_id": "p", "private_key": "k", "client_email": "e"}

    found = arguments_of("gs", "gs://b", GcpServiceAccountCredentials.from_value(given))

    assert found["project"] == "p"
    assert given.items() <= found["token"].items()


def test_credentials_are_looked_up_for_the_scheme(monkeypatch):
    monkeypatch.setenv("SOURCES__FILESYSTEM__CREDENTIALS__AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("SOURCES__FILESYSTEM__CREDENTIALS__AWS_SECRET_ACCESS_KEY", "s")
    made: list[Any] = []

    def filesystem_of(scheme, **arguments):
        made.append((scheme, arguments))
        return fsspec.implementations.memory.MemoryFileSystem()

    monkeypatch.setattr(fsspec, "filesystem", filesystem_of)
    list(filesystem("s3://bucket/x", kwargs={"anon": False}, client_kwargs={"verify": False}))

    assert made == [
        (
            "s3",
            {"use_listings_cache": False, "anon": False, "key": "k", "secret": "s", "client_kwargs": {"verify": False}},
        )
    ]


def test_credentials_may_be_a_file_system(own_folder):
    write(own_folder / "data", "a.csv")
    given = fsspec.filesystem("dir", path=str(own_folder / "data"), fs=fsspec.filesystem("file"))
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/{own_folder.name}/x.csv", b"a\n")

    (file,) = filesystem(f"memory://{own_folder.name}", credentials=memory)

    assert file.fsspec is memory
    assert fsspec_from_resource(filesystem(f"memory://{own_folder.name}", credentials=memory)) is memory
    assert fsspec_from_resource(filesystem("data")).protocol == ("file", "local")
    assert given.ls("") != []


MISSING = {"s3://b": "s3fs", "gs://b": "gcsfs", "az://b": "adlfs", "sftp://h/x": "paramiko"}


@pytest.mark.parametrize("url", MISSING)
def test_a_missing_package_is_named(url, monkeypatch):
    def absent(*_args, **_kwargs):
        raise ImportError("no")

    monkeypatch.setattr(fsspec, "filesystem", absent)

    with pytest.raises(MissingExtra, match=MISSING[url]):
        fsspec_filesystem(url)


def test_an_unknown_scheme():
    with pytest.raises(ConfigError, match="no file system for nonsense://"):
        list(filesystem("nonsense://x"))


def test_readers_is_a_source_of_all(own_folder):
    write(own_folder / "data", "a.jsonl")

    source = readers("data", file_glob="*.jsonl")

    assert (source.name, source.section) == ("readers", "filesystem")
    assert list(source.resources) == ["read_csv", "read_jsonl", "read_parquet", "read_csv_duckdb"]
    assert list(source.with_resources("read_jsonl")) == [{"file": "a.jsonl"}]


def test_names_of_tables(own_folder):
    write(own_folder / "data", "a.jsonl")
    reader = filesystem("data") | read_jsonl()

    assert (reader.name, reader.table_name) == ("_read_jsonl", "_read_jsonl")
    assert reader.with_name("orders").table_name == "orders"


def test_a_lost_file_is_named(own_folder):
    write(own_folder / "data", "a.jsonl")
    files = [list(filesystem("data"))]
    (own_folder / "data" / "a.jsonl").unlink()

    with pytest.raises(ResourceError, match=r"a\.jsonl cannot be read"):
        list(dlt.resource(files, name="files") | read_jsonl(on_bad_file="skip"))


def test_c83_a_folder_that_is_a_link_may_lead_out(own_folder):
    write(own_folder / "data", "a.csv")
    write(own_folder / "elsewhere", "sub/x.csv")
    (own_folder / "data" / "link").symlink_to(own_folder / "elsewhere", target_is_directory=True)

    assert listed("data", file_glob="*.csv") == ["a.csv"]
    with pytest.raises(ConfigError, match="not in the bucket"):
        listed("data", file_glob="link/sub/*")


@pytest.mark.parametrize("bucket", ["data", "nowhere", "memory://nowhere"])
def test_a_bucket_without_such_files_is_said(own_folder, bucket, caplog):
    write(own_folder / "data", "a.csv")

    assert listed(bucket, file_glob="*.parquet") == []

    assert caplog.messages == [f"filesystem: there is no file *.parquet in {bucket}."]


def test_nothing_new_is_no_warning(own_folder, caplog):
    write(own_folder / "data", "a")
    assert run("p", filesystem("data", incremental=dlt.sources.incremental("file_name"))) == ["a"]
    assert run("p", filesystem("data", incremental=dlt.sources.incremental("file_name"))) == []

    assert caplog.messages == []


URLS = {
    "s3://bucket/x": ("bucket/x/a.csv", "s3://bucket/x/a.csv"),
    "az://box/x": ("box/x/a.csv", "az://box/x/a.csv"),
    "sftp://host/x": ("/x/a.csv", "sftp://host/x/a.csv"),
    "memory://x": ("/x/a.csv", "memory:///x/a.csv"),
    "https://host/x": ("https://host/x/a.csv", "https://host/x/a.csv"),
    "/x": ("/x/a b.csv", "file:///x/a%20b.csv"),
}


@pytest.mark.parametrize("bucket", URLS)
def test_urls_of_files(bucket):
    class Store:
        host = "host"

    path, url = URLS[bucket]

    assert url_of(Store(), path, scheme_of(bucket)) == url


def test_pipes_are_no_files(own_folder, caplog):
    write(own_folder / "data", "a.jsonl")
    os.mkfifo(own_folder / "data" / "b.jsonl")

    assert listed("data") == ["a.jsonl"]
    assert "b.jsonl is left out: it is no file" in caplog.text
