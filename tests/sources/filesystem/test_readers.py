"""Readers of JSON lines, JSON and Parquet, and files of web servers."""

from __future__ import annotations

import datetime as dt
import gzip
import http.server
import json
import threading
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

import dlt
from dlt.errors import ConfigError, MissingExtra, ResourceError, StepFailed
from dlt.sources.filesystem import filesystem, read_csv, read_csv_duckdb, read_json, read_jsonl, read_parquet
from dlt.sources.filesystem.rows import PIECE


def write(name: str, data: str | bytes | pa.Table, **options: Any) -> Path:
    path = Path("data") / name
    path.parent.mkdir(exist_ok=True)
    if isinstance(data, pa.Table):
        pq.write_table(data, path, **options)
    else:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def tables() -> dict[str, list[tuple[Any, ...]]]:
    """The rows of all tables that were loaded, without the columns of dlt."""
    with duckdb.connect("p.duckdb") as connection:
        names = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'p_dataset' AND table_name NOT LIKE '\\_dlt%' ESCAPE '\\'"
        ).fetchall()
        return {
            name: connection.execute(
                f"SELECT COLUMNS(lambda c: NOT starts_with(c, '_dlt')) FROM p_dataset.{name}"
            ).fetchall()
            for (name,) in names
        }


def load(data: Any, **hints: Any) -> dict[str, list[tuple[Any, ...]]]:
    dlt.pipeline("p", destination="duckdb").run(data, **{"table_name": "t", **hints})
    return tables()


# ---- JSON


LINES: dict[str, tuple[str | bytes, list[Any]]] = {
    "plain": ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "no line break at the end": ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
    "blank lines": ('\n{"a": 1}\n\n  \n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
    "windows": ('{"a": 1}\r\n{"a": 2}\r\n', [{"a": 1}, {"a": 2}]),
    "mark of byte order": ("\ufeff" + '{"a": 1}\n', [{"a": 1}]),
    "ints of any size": (f'{{"a": {2**70}}}\n', [{"a": 2**70}]),
    "unicode": ('{"a": "é\u2028x"}\n', [{"a": "é\u2028x"}]),
    "packed": (gzip.compress(b'{"a": 1}\n'), [{"a": 1}]),
    "nothing": ("", []),
}


@pytest.mark.parametrize("kind", LINES)
def test_json_lines(own_folder, kind):
    data, rows = LINES[kind]
    write("a.jsonl", data)

    assert list(filesystem("data") | read_jsonl()) == rows


def test_pages_of_json_lines(own_folder):
    write("a.jsonl", '{"a": 1}\n' * 25)
    sizes: list[int] = []

    list(
        filesystem("data") | read_jsonl(chunksize=10) | dlt.transformer(lambda page: sizes.append(len(page)), name="t")
    )

    assert sizes == [10, 10, 5]


def test_nested_json_makes_tables(own_folder):
    write("a.jsonl", '{"id": 1, "tags": ["x", "y"], "user": {"name": "n"}}\n')

    assert load(filesystem("data") | read_jsonl()) == {"t": [(1, "n")], "t__tags": [("x",), ("y",)]}


def test_a_broken_line_is_named(own_folder):
    write("a.jsonl", '{"a": 1}\n\n{"a": 2\n')

    with pytest.raises(ResourceError, match=r"a\.jsonl cannot be read as JSON lines: line 3: .*'\{\"a\": 2"):
        list(filesystem("data") | read_jsonl())


def test_a_broken_line_keeps_the_whole_file_out(own_folder):
    write("a.jsonl", '{"a": 1}\n{"a": 2\n')
    write("b.jsonl", '{"a": 3}\n')

    assert load(filesystem("data") | read_jsonl(on_bad_file="skip")) == {"t": [(3,)]}


DOCUMENTS: dict[str, tuple[str, dict[str, Any], list[Any]]] = {
    "list": ('[{"a": 1}, {"a": 2}]', {}, [{"a": 1}, {"a": 2}]),
    "document": ('{"a": 1, "b": [1]}', {}, [{"a": 1, "b": [1]}]),
    "list within": ('{"n": 1, "rows": [{"a": 1}, {"a": 2}]}', {"data_path": "rows"}, [{"a": 1}, {"a": 2}]),
    "deep within": ('{"x": {"rows": [{"a": 1}]}}', {"data_path": "$.x.rows"}, [{"a": 1}]),
    "every one": ('{"rows": [{"v": {"a": 1}}, {"v": {"a": 2}}]}', {"data_path": "rows[*].v"}, [{"a": 1}, {"a": 2}]),
    "big int": (f'[{{"a": {2**80}}}]', {}, [{"a": 2**80}]),
    "a document a line": ('{"a": 1}\n{"a": 2}\n', {}, [{"a": 1}, {"a": 2}]),
    "empty list": ("[]", {}, []),
    "empty list within": ('{"rows": []}', {"data_path": "rows"}, []),
    "no list within": ('{"rows": null}', {"data_path": "rows"}, []),
    "nothing to go through": ('{"x": []}', {"data_path": "x[*].rows"}, []),
    "one list": ('{"x": [{"rows": [{"a": 1}]}]}', {"data_path": "x[*].rows"}, [{"a": 1}]),
    "two lists": (
        '{"x": [{"rows": [{"a": 1}]}, {"rows": [{"a": 2}]}]}',
        {"data_path": "x[*].rows"},
        [{"a": 1}, {"a": 2}],
    ),
}


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_json_documents(own_folder, kind):
    text, options, rows = DOCUMENTS[kind]
    write("a.json", text)

    assert list(filesystem("data") | read_json(**options)) == rows


@pytest.mark.parametrize("path", ["row", "$.x.row", "row[*].v", "x[*].v"])
def test_a_path_where_nothing_is(own_folder, path):
    write("a.json", '{"x": [{"rows": []}], "rows": [{"v": 1}]}')

    with pytest.raises(ResourceError, match=r"a\.json .*there is nothing at the path"):
        list(filesystem("data") | read_json(data_path=path))


def test_a_line_that_is_too_deep_is_named(own_folder):
    write("a.jsonl", '{"a": 1}\n' + "[" * 200_000 + "\n")

    with pytest.raises(ResourceError, match=r"a\.jsonl cannot be read as JSON lines"):
        list(filesystem("data") | read_jsonl())


SIZES = [
    (read_csv, "chunksize"),
    (read_csv_duckdb, "chunk_size"),
    (read_json, "chunksize"),
    (read_jsonl, "chunksize"),
    (read_parquet, "chunksize"),
]


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize(("reader", "name"), SIZES)
def test_pages_have_a_size(own_folder, reader, name, size):
    write("a.x", "a\n1\n")

    with pytest.raises(ConfigError, match=f"{name}={size} is no number of one or more"):
        list(filesystem("data") | reader(on_bad_file="skip", **{name: size}))


def test_an_archive_is_told(own_folder):
    write("a.tar.gz", gzip.compress(b"a\n1\n"))

    with pytest.raises(ResourceError, match=r"a\.tar\.gz cannot be read as CSV: it is an archive"):
        list(filesystem("data") | read_csv())


@pytest.mark.parametrize("use_pyarrow", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_parquet_columns_of_one_name(own_folder, nested, use_pyarrow):
    columns = [pa.array([1]), pa.array([2]), pa.array([[1]] if nested else [3])]
    write("a.parquet", pa.Table.from_arrays(columns, ["a", "a", "l"]))

    found = list(filesystem("data") | read_parquet(use_pyarrow=use_pyarrow))

    rows = found[0].to_pylist() if use_pyarrow else found
    assert rows == [{"a": 1, "a.1": 2, "l": [1] if nested else 3}]


@pytest.mark.parametrize("text", ['{"a": 1', '{"a": 1}\n{"a"', "", "nonsense"])
def test_broken_documents_are_named(own_folder, text):
    write("a.json", text)

    with pytest.raises(ResourceError, match=r"a\.json cannot be read as JSON"):
        list(filesystem("data") | read_json())


# ---- Parquet


FLAT = pa.table(
    {
        "small": pa.array([1, None], pa.int32()),
        "large": pa.array([2**60, 1], pa.int64()),
        "huge": pa.array([2**64 - 1, 1], pa.uint64()),
        "float": pa.array([0.5, 1.5], pa.float32()),
        "text": pa.array(["x", "007"]),
        "at": pa.array([dt.datetime(2024, 1, 2, tzinfo=dt.UTC)] * 2, pa.timestamp("us", "UTC")),
        "day": pa.array([dt.date(2024, 1, 2)] * 2),
        "amount": pa.array([Decimal("1.10"), None], pa.decimal128(10, 2)),
        "flag": pa.array([True, False]),
        "raw": pa.array([b"\x00", b"x"]),
    }
)


def test_parquet_rows(own_folder):
    write("a.parquet", FLAT)

    assert list(filesystem("data") | read_parquet()) == FLAT.to_pylist()


@pytest.mark.parametrize("use_pyarrow", [False, True])
def test_parquet_is_loaded_exactly(own_folder, use_pyarrow):
    write("a.parquet", FLAT)

    (found,) = load(filesystem("data") | read_parquet(use_pyarrow=use_pyarrow)).values()

    assert found == [tuple(row.values()) for row in FLAT.to_pylist()]


def test_nested_parquet_makes_tables(own_folder):
    nested = pa.table({"id": [1], "tags": [["x", "y"]], "user": [{"name": "n"}]})
    write("a.parquet", nested)

    assert load(filesystem("data") | read_parquet()) == {"t": [(1, "n")], "t__tags": [("x",), ("y",)]}


def test_nested_parquet_stays_in_its_column_with_pyarrow(own_folder):
    write("a.parquet", pa.table({"id": [1], "tags": [["x", "y"]]}))

    assert load(filesystem("data") | read_parquet(use_pyarrow=True)) == {"t": [(1, '["x","y"]')]}


@pytest.mark.parametrize("use_pyarrow", [False, True])
def test_pieces_of_parquet(own_folder, use_pyarrow):
    write("a.parquet", pa.table({"a": range(2500)}), row_group_size=1200)
    sizes: list[int] = []

    def note(page):
        sizes.append(page.num_rows if use_pyarrow else len(page))

    list(filesystem("data") | read_parquet(chunksize=500, use_pyarrow=use_pyarrow) | dlt.transformer(note, name="t"))

    assert sizes == [500, 500, 200, 500, 500, 200, 100]


def test_pieces_are_bounded(own_folder):
    write("a.parquet", pa.table({"a": ["x" * 1000 for _ in range(20_000)]}), compression="none", use_dictionary=False)
    (file,) = filesystem("data")

    from dlt.sources.filesystem.rows import parquet_rows

    sizes = [rows.data.nbytes for rows in parquet_rows(file, 100, use_pyarrow=False)]

    assert sum(sizes) > 20 * 10**6
    assert max(sizes) < 2 * PIECE


@pytest.mark.parametrize("where", ["memory", "packed"])
def test_parquet_elsewhere(own_folder, where):
    path = write("a.parquet", FLAT)
    url: Any = "data"
    if where == "memory":
        import fsspec

        url = f"memory://{own_folder.name}"
        fsspec.filesystem("memory").put("data", f"/{own_folder.name}", recursive=True)
    else:
        path.write_bytes(gzip.compress(path.read_bytes()))

    assert list(filesystem(url) | read_parquet()) == FLAT.to_pylist()


def test_a_damaged_row_group_is_named(own_folder):
    path = write(
        "a.parquet", pa.table({"a": [f"{n:050}" for n in range(3000)]}), row_group_size=1000, compression="none"
    )
    data = bytearray(path.read_bytes())
    middle = pq.read_metadata(path).row_group(1).column(0)
    start = middle.dictionary_page_offset or middle.data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)

    with pytest.raises(ResourceError, match=r"a\.parquet cannot be read as Parquet: row group 1"):
        list(filesystem("data") | read_parquet())

    write("b.parquet", pa.table({"a": ["good"]}))
    assert load(filesystem("data") | read_parquet(on_bad_file="skip")) == {"t": [("good",)]}


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no parquet at all"])
def test_no_parquet(own_folder, data):
    write("a.parquet", data)

    with pytest.raises(StepFailed, match=r"a\.parquet cannot be read as Parquet"):
        load(filesystem("data") | read_parquet())


class Bucket(MemoryFileSystem):
    """Files that are fetched piece by piece, as those of object stores."""

    store: ClassVar[dict[str, Any]] = {}

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        if mode != "rb":
            return super().open(path, mode, **kwargs)
        return Pieces(self, self._strip_protocol(path), size=self.info(path)["size"], block_size=100)


class Pieces(AbstractBufferedFile):
    def _fetch_range(self, start: int, end: int) -> bytes:
        return self.fs.store[self.path].getvalue()[start:end]


FORMATS: dict[str, tuple[Any, Any]] = {
    "csv": (read_csv, b"a,b\n" + b"1,x\n" * 500),
    "csv, pandas": (lambda: read_csv(sep=","), b"a,b\n" + b"1,x\n" * 500),
    "csv, duckdb": (read_csv_duckdb, b"a,b\n" + b"1,x\n" * 500),
    "csv, packed": (read_csv, gzip.compress(b"a,b\n" + b"1,x\n" * 500)),
    "jsonl": (read_jsonl, b'{"a": 1, "b": "x"}\n' * 500),
    "jsonl, packed": (read_jsonl, gzip.compress(b'{"a": 1, "b": "x"}\n' * 500)),
    "json": (read_json, json.dumps([{"a": 1, "b": "x"}] * 500).encode()),
    "parquet": (read_parquet, None),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("small", [True, False])
def test_object_stores(own_folder, kind, small, monkeypatch):
    monkeypatch.setattr("dlt.sources.filesystem.rows.SMALL", 1 << 20 if small else 0)
    reader, data = FORMATS[kind]
    bucket = Bucket(skip_instance_cache=True)
    bucket.pipe("/b/file", parquet_bytes(pa.table({"a": [1] * 500, "b": ["x"] * 500})) if data is None else data)

    assert list(filesystem("memory://b", credentials=bucket) | reader()) == [{"a": 1, "b": "x"}] * 500


# ---- readers of users


def test_a_reader_is_a_transformer(own_folder):
    write("a.txt", "one\ntwo\n")

    @dlt.transformer
    def read_lines(items):
        for file in items:
            with file.open("rt") as lines:
                yield [{"file": file["file_name"], "line": line.strip()} for line in lines]

    assert load(filesystem("data") | read_lines()) == {"t": [("a.txt", "one"), ("a.txt", "two")]}


def test_a_reader_takes_single_files(own_folder):
    write("a.jsonl", '{"a": 1}\n')

    assert list(dlt.resource(list(filesystem("data")), name="files") | read_jsonl()) == [{"a": 1}]


# ---- the web


class Server(http.server.BaseHTTPRequestHandler):
    """Files in memory; `cut` ends the answer before it is whole."""

    files: ClassVar[dict[str, tuple[str, bytes]]] = {}
    heads = True
    failing: ClassVar[list[int]] = []
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.asked.append(self.path)
        if (code := self.failing.pop(0) if self.failing else None) is not None:
            self.send_error(code)
            return
        found = self.files.get(self.path)
        if found is None or (not body and not self.heads):
            self.send_error(404 if found is None else 405)
            return
        kind, data = found
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Last-Modified", "Tue, 02 Jan 2024 03:04:05 GMT")
        self.end_headers()
        if body:
            self.wfile.write(data[:-5] if "cut" in self.path else data)

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def web(monkeypatch) -> Iterator[str]:
    monkeypatch.setattr(Server, "files", {})
    monkeypatch.setattr(Server, "heads", True)
    monkeypatch.setattr(Server, "failing", [])
    monkeypatch.setattr(Server, "asked", [])
    monkeypatch.setattr("dlt.sources.filesystem.web.WAITS", (0.0, 0.0))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("heads", [True, False])
def test_files_of_a_web_server(web, heads):
    Server.heads = heads
    Server.files["/x/a.csv?key=1"] = ("text/csv", b"a,b\n1,x\n")
    Server.files["/x/a.csv"] = ("text/csv", b"a,b\n2,y\n")
    Server.files["/x/a.parquet"] = ("application/octet-stream", parquet_bytes(FLAT))

    (file,) = filesystem(f"{web}/x", file_glob="a.csv")

    assert (file["file_url"], file["size_in_bytes"]) == (f"{web}/x/a.csv", 8)
    assert file["modification_date"] == dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    assert list(filesystem(f"{web}/x/a.csv", file_glob="") | read_csv()) == [{"a": 2, "b": "y"}]
    assert list(filesystem(f"{web}/x", file_glob="a.parquet") | read_parquet()) == FLAT.to_pylist()
    assert list(filesystem(f"{web}/x", file_glob="nothing.csv")) == []


def parquet_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def test_an_answer_that_ends_too_early(web):
    Server.files["/cut.jsonl"] = ("text/plain", b'{"a": 1}\n{"a": 2}\n')

    with pytest.raises(ResourceError, match=r"ended after 13 of 18 bytes"):
        list(filesystem(web, file_glob="cut.jsonl") | read_jsonl(on_bad_file="skip"))


def test_a_web_server_cannot_be_searched(web):
    with pytest.raises(MissingExtra, match="aiohttp"):
        list(filesystem(web, file_glob="*.csv"))


def test_json_of_a_web_server(web):
    Server.files["/items"] = ("application/json; charset=utf-8", json.dumps([{"a": 1}]).encode())

    info = dlt.pipeline("p", destination="duckdb").run(f"{web}/items")

    assert tables() == {"items": [(1,)]}
    assert f"Recognised '{web}/items': {web}/items, read_json -> table items" in str(info)


def test_a_single_file_of_a_web_server(web):
    Server.files["/a.csv?token=hidden"] = ("text/csv", b"a\n1\n")

    assert list(filesystem(f"{web}/a.csv?token=hidden") | read_csv()) == [{"a": 1}]


def test_a_server_that_fails_is_asked_again(web):
    Server.files["/a.csv"] = ("text/csv", b"a\n1\n")
    Server.failing[:] = [500, 503]

    assert list(filesystem(f"{web}/a.csv") | read_csv()) == [{"a": 1}]


@pytest.mark.parametrize("code", [403, 404, 500])
@pytest.mark.parametrize("how", ["one line", "source", "while reading"])
def test_what_is_secret_in_a_url_is_not_told(web, code, how, caplog):
    url = f"{web}/a.csv?sig=hidden"
    Server.files["/a.csv?sig=hidden"] = ("text/csv", b"a\n1\n")
    if how == "while reading":
        (data,) = (dlt.resource([list(filesystem(url))], name="files") | read_csv(on_bad_file="skip"),)
    else:
        data = url if how == "one line" else filesystem(url) | read_csv()
    Server.failing[:] = [code] * 50
    if (how, code) == ("source", 404):
        dlt.pipeline("p", destination="duckdb").run(data)
        assert "a.csv" in caplog.text  # nothing is listed, which is a warning
        assert "hidden" not in caplog.text
        return

    with pytest.raises(Exception, match=r"a\.csv\?\*\*\*") as raised:
        dlt.pipeline("p", destination="duckdb").run(data)

    assert "hidden" not in "".join(traceback.format_exception(raised.value))
    assert str(code) in str(raised.value)


def test_the_quarantine_has_no_secrets_of_urls(web):
    Server.files["/a.csv?sig=hidden"] = ("text/csv", b"a,b\n1\n")

    dlt.pipeline("p", destination="duckdb").run(
        filesystem(f"{web}/a.csv?sig=hidden") | read_csv(on_bad_file="skip"), table_name="t"
    )

    with duckdb.connect("p.duckdb") as connection:
        (entry,) = connection.execute("SELECT detail, row FROM p_dataset._dlt_quarantine").fetchall()
    assert "a.csv?***" in entry[0]
    assert "hidden" not in str(entry)
