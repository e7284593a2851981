"""CSV files: types that hold for the whole file and from which every text can be had back."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import fsspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dlt
from dlt.errors import ConfigError, ResourceError, StepFailed
from dlt.items import ArrowRows
from dlt.sources.filesystem import csv_files, filesystem, read_csv, read_csv_duckdb

UTC = dt.UTC


def typed(text: str | bytes, delimiter: str = ",") -> pa.Table:
    data = text.encode() if isinstance(text, str) else text
    return pa.Table.from_batches(csv_files.typed_batches(lambda: io.BytesIO(data), delimiter))


def column(*texts: str) -> tuple[str, list[Any]]:
    """The type and the values of a column with these texts, next to one of numbers."""
    table = typed("".join(f"{text},{number}\n" for number, text in enumerate(("name", *texts))))
    found = table.column(0)
    return str(found.type), found.to_pylist()


COLUMNS: dict[str, tuple[tuple[str, ...], str, list[Any]]] = {
    "ints": (("1", "-2", "0"), "int64", [1, -2, 0]),
    "leading zero": (("007", "8"), "string", ["007", "8"]),
    "zip codes": (("01234", "98765"), "string", ["01234", "98765"]),
    "plus sign": (("+1", "2"), "string", ["+1", "2"]),
    "minus zero": (("-0", "2"), "string", ["-0", "2"]),
    "blanks around": ((" 1", "2"), "string", [" 1", "2"]),
    "underscore": (("1_000",), "string", ["1_000"]),
    "thousands": (('"1,000"',), "string", ["1,000"]),
    "largest int": (("9223372036854775807",), "int64", [2**63 - 1]),
    "beyond 64 bits": (("9223372036854775808", "1"), "decimal128(38, 0)", [Decimal(2**63), Decimal(1)]),
    "38 digits": (("9" * 38,), "decimal128(38, 0)", [Decimal("9" * 38)]),
    "more digits": (("9" * 39,), "string", ["9" * 39]),
    "floats": (("1.5", "2"), "double", [1.5, 2.0]),
    "ints, then floats": (("2", "1.5"), "double", [2.0, 1.5]),
    "big ints, then floats": (("9007199254740993", "1.5"), "string", ["9007199254740993", "1.5"]),
    "prices": (("12.50", "0.99"), "double", [12.5, 0.99]),
    "fractions of one length": (("12.50", "0.99", "7"), "double", [12.5, 0.99, 7.0]),
    "as Python writes floats": (("12.0", "0.125"), "double", [12.0, 0.125]),
    "versions": (("1.1", "1.10"), "string", ["1.1", "1.10"]),
    "17 digits of a double": (("0.30000000000000004",), "double", [0.1 + 0.2]),
    "more digits than a double": (("0.1234567890123456789",), "string", ["0.1234567890123456789"]),
    "as a double is written": (("1.5e-07", "2.5"), "double", [1.5e-07, 2.5]),
    "looks like an exponent": (("12e4", "5E10"), "string", ["12e4", "5E10"]),
    "leading zero of a float": (("007.5",), "string", ["007.5"]),
    "no digit before the point": ((".5",), "string", [".5"]),
    "version numbers": (("1.2.3",), "string", ["1.2.3"]),
    "infinity": (("1.5", "inf"), "double", [1.5, float("inf")]),
    "a name": (("nan",), "string", ["nan"]),
    "booleans": (("TRUE", "FALSE"), "bool", [True, False]),
    "booleans spelt in several ways": (("true", "False", "TRUE"), "string", None),
    "yes": (("yes", "no"), "string", ["yes", "no"]),
    "0 and true": (("0", "true"), "string", ["0", "true"]),
    "instants": (("2024-01-02T03:04:05Z",), "timestamp[us, tz=UTC]", [dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)]),
    "offsets": (
        ("2024-01-02 03:04:05+01:00",),
        "timestamp[us, tz=UTC]",
        [dt.datetime(2024, 1, 2, 2, 4, 5, tzinfo=UTC)],
    ),
    "naive": (("2024-01-02T03:04:05.123456",), "timestamp[us]", [dt.datetime(2024, 1, 2, 3, 4, 5, 123456)]),
    "nanoseconds": (("2024-01-02T03:04:05.123456789",), "string", ["2024-01-02T03:04:05.123456789"]),
    "with and without zone": (("2024-01-02T03:04:05Z", "2024-01-02T03:04:05"), "string", None),
    "no such day": (("2024-02-30T00:00:00",), "string", ["2024-02-30T00:00:00"]),
    "days": (("2024-01-02", "2024-01-03"), "string", ["2024-01-02", "2024-01-03"]),
    "nothing": (("", ""), "null", [None, None]),
    "nothing at first": (("", "1"), "int64", [None, 1]),
    "words among numbers": (("1", "NA", "null", '""'), "int64", [1, None, None, None]),
    "words among floats": (("1.5", "N/A"), "double", [1.5, None]),
    "words among booleans": (("true", "None"), "bool", [True, None]),
    "words among texts": (("NA", "x", "null"), "string", ["NA", "x", "null"]),
    "only words": (("NA", "NA"), "string", ["NA", "NA"]),
    "empty in quotes": (("x", '""', ""), "string", ["x", "", None]),
    "line break in quotes": (('"a\nb"',), "string", ["a\nb"]),
    "quotes in quotes": (('"a""b"',), "string", ['a"b']),
    "unicode": (("é", "東京"), "string", ["é", "東京"]),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_types(kind):
    texts, expected, values = COLUMNS[kind]

    found, got = column(*texts)

    assert found == expected
    assert got == (list(texts) if values is None else values)


LATE = {
    "text": (["1"], "x", "string"),
    "leading zero": (["1"], "007", "string"),
    "big int": (["1"], str(2**70), "decimal128(38, 0)"),
    "float": (["1"], "1.5", "double"),
    "float after big ints": ([str(2**60)], "1.5", "string"),
    "word": (["1"], "NA", "int64"),
    "text after floats": (["1.5"], "x", "string"),
    "text after instants": (["2024-01-01T00:00:00Z"], "soon", "string"),
    "text after booleans": (["true"], "maybe", "string"),
    "number after nothing": ([""], "5", "int64"),
    "text after words": (["NA"], "x", "string"),
    "number after words": (["NA"], "5", "int64"),
    "booleans of another spelling": (["true"], "FALSE", "string"),
    "a longer fraction": (["1.1"], "1.10", "string"),
}


@pytest.mark.parametrize("kept", [0, 1 << 30])
@pytest.mark.parametrize("kind", LATE)
def test_the_last_row_counts_as_the_first(kind, kept, monkeypatch):
    """However far down: nothing is decided by a sample."""
    monkeypatch.setattr(csv_files, "BLOCKS", (1 << 12, 1 << 20))
    monkeypatch.setattr(csv_files, "KEPT", kept)
    (first,), last, expected = LATE[kind]

    table = typed("a,b\n" + f"{first},y\n" * 5000 + f"{last},z\n")

    assert str(table.schema.field("a").type) == expected
    assert table.num_rows == 5001
    if expected == "string":
        assert table["a"].to_pylist() == [first or None] * 5000 + [last]


CELLS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5),
    st.sampled_from(["007", "1e5", "NA", "true", "2024-01-01T00:00:00Z", "2024-01-01", "1.50", "-0", "0", "+1", "nan"]),
)
NO_VALUE = {"", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None"}


@given(st.lists(CELLS, min_size=1, max_size=6))
def test_every_text_can_be_had_back(texts):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [["a", "b"], *([text, "x"] for text in texts)]
    )

    table = typed(out.getvalue())

    assert table["b"].to_pylist() == ["x"] * len(texts)
    for text, value in zip(texts, table["a"].to_pylist(), strict=True):
        assert (value is None and text in NO_VALUE) or same(text, value)


def same(text: str, value: Any) -> bool:
    match value:
        case str():
            return value == text
        case bool():
            return text.lower() == str(value).lower()
        case int():
            return text == str(value)
        case dt.datetime():
            return dt.datetime.fromisoformat(text) == value
        case _:
            return text == str(value) or Decimal(text) == Decimal(repr(value) if isinstance(value, float) else value)


HEADERS = {
    "twice": ("a,a,b\n1,2,3\n", ["a", "a.1", "b"]),
    "three times": ("a,a,a\n1,2,3\n", ["a", "a.1", "a.2"]),
    "taken already": ("a,a,a.1\n1,2,3\n", ["a", "a.2", "a.1"]),
    "none": (",a\n1,2\n", ["Unnamed: 0", "a"]),
    "mark of byte order": ("\ufeffa,b\n1,2\n", ["a", "b"]),
    "line break": ('"a\nb",c\n1,2\n', ["a\nb", "c"]),
    "windows": ("a,b\r\n1,2\r\n", ["a", "b"]),
    "blank lines first": ("\n\na,b\n1,2\n", ["a", "b"]),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_headers(kind):
    text, names = HEADERS[kind]

    table = typed(text)

    assert table.column_names == names
    assert [column.to_pylist() for column in table.columns] == [[number] for number in range(1, len(names) + 1)]


def test_a_row_longer_than_a_block(monkeypatch):
    monkeypatch.setattr(csv_files, "BLOCKS", (1 << 12, 1 << 20))

    table = typed("a,b\n1,x\n2," + "y" * 100_000 + "\n")

    assert table["a"].to_pylist() == [1, 2]
    assert table["b"].to_pylist() == ["x", "y" * 100_000]


CLOSED = ['1,"x"', '1,"x"\n', '1,""', '1,""\n', '1,""""', '1,"a""b"\n\n', '1,x"\n', '1,a"b', '1,"x\n"\r\n', "1,\n"]


@pytest.mark.parametrize("row", CLOSED)
def test_quotes_that_are_closed(row):
    assert typed(f"a,b\n{row}").to_pylist() == [
        {"a": 1, "b": text or (None if '"' not in row else "")}
        for _, text in [next(csv.reader(io.StringIO(row, newline="")))]
    ]


# ---- the resource


def write(name: str, data: str | bytes) -> Path:
    path = Path("data") / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def table_of(pipeline: str, table: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(f"{pipeline}.duckdb") as connection:
        return connection.execute(
            f"SELECT * EXCLUDE (_dlt_load_id, _dlt_id) FROM {pipeline}_dataset.{table}"
        ).fetchall()


def test_rows_are_arrow_until_somebody_looks(own_folder):
    write("a.csv", "id,name\n1,x\n2,y\n")
    seen: list[Any] = []

    reader = filesystem("data") | read_csv()
    assert list(reader) == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]

    mapped = (filesystem("data") | read_csv()).add_map(lambda row: seen.append(row) or {**row, "more": row["id"] * 2})
    dlt.pipeline("p", destination="duckdb").run(mapped, table_name="t")

    assert seen == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]
    assert table_of("p", "t") == [(1, "x", 2), (2, "y", 4)]


@pytest.mark.parametrize("step", ["none", "filter", "yield_map", "transformer", "table_name", "limit", "columns"])
def test_steps_after_a_reader(own_folder, step):
    write("a.csv", "id,name\n1,x\n2,y\n3,z\n")
    reader = filesystem("data") | read_csv()
    hints: dict[str, Any] = {"table_name": "t"}
    expected = [(1, "x"), (2, "y"), (3, "z")]
    match step:
        case "filter":
            reader.add_filter(lambda row: row["id"] > 1)
            expected = expected[1:]
        case "yield_map":
            reader.add_yield_map(lambda row: [row, row])
            expected = [row for row in expected for _ in range(2)]
        case "transformer":
            reader = reader | dlt.transformer(lambda page: [row for row in page if row["id"] != 2], name="other")
            expected = [expected[0], expected[2]]
        case "table_name":
            hints = {"table_name": lambda row: "t" if row["id"] < 3 else "rest"}
            expected = expected[:2]
        case "columns":
            reader.apply_hints(columns={"id": {"data_type": "text"}})
            expected = [(str(number), name) for number, name in expected]

    dlt.pipeline("p", destination="duckdb").run(reader, **hints)

    assert table_of("p", "t") == expected


def test_chunksize_is_the_size_of_pages(own_folder):
    write("a.csv", "id\n" + "".join(f"{number}\n" for number in range(25)))
    sizes: list[int] = []

    list(filesystem("data") | read_csv(chunksize=10) | dlt.transformer(lambda page: sizes.append(len(page)), name="t"))

    assert sizes == [10, 10, 5]


@pytest.mark.parametrize(
    "reader", [read_csv, read_csv_duckdb, lambda: read_csv(sep=",")], ids=["own", "duckdb", "pandas"]
)
def test_reading_may_end_early(own_folder, reader):
    write("a.csv", "a\n" + "1\n" * 200_000)
    write("b.csv", "a\n" + "2\n" * 200_000)

    rows = iter(filesystem("data") | reader())
    assert [next(rows) for _ in range(3)] == [{"a": 1}] * 3
    rows.close()


def test_incremental_on_rows(own_folder):
    def load():
        reader = (filesystem("data") | read_csv()).with_name("rows")
        reader.apply_hints(incremental=dlt.sources.incremental("id"))
        dlt.pipeline("p", destination="duckdb").run(reader)
        return [row[0] for row in table_of("p", "rows")]

    write("a.csv", "id,name\n1,x\n2,y\n")
    assert load() == [1, 2]
    write("a.csv", "id,name\n1,x\n2,y\n3,z\n")
    assert load() == [1, 2, 3]


def test_files_with_other_types_share_a_table_without_loss(own_folder):
    write("a.csv", "id,v\n1,1\n2,2\n")
    write("b.csv", "id,v\n3,x\n4,007\n")

    dlt.pipeline("p", destination="duckdb").run(filesystem("data") | read_csv(), table_name="t")

    assert sorted(table_of("p", "t")) == [(1, 1, None), (2, 2, None), (3, None, "x"), (4, None, "007")]


def test_packed_and_tab_separated(own_folder):
    write("a.csv.gz", gzip.compress(b"id,name\n1,x\n"))
    write("b.tsv", "id\tname\n2\ty\n")

    assert list(filesystem("data") | read_csv()) == [{"id": 1, "name": "x"}, {"id": 2, "name": "y"}]


PANDAS: dict[str, tuple[dict[str, Any], str, list[dict[str, Any]]]] = {
    "sep": ({"sep": ";"}, "a;b\n1;x\n", [{"a": 1, "b": "x"}]),
    "dtype": ({"dtype": str}, "a,b\n007,x\n", [{"a": "007", "b": "x"}]),
    "usecols": ({"usecols": ["b"]}, "a,b\n1,x\n", [{"b": "x"}]),
    "names": ({"header": None, "names": ["p", "q"]}, "1,x\n", [{"p": 1, "q": "x"}]),
    "na_values": ({"na_values": ["?"]}, "a,b\n1,?\n2,y\n", [{"a": 1, "b": None}, {"a": 2, "b": "y"}]),
    "parse_dates": ({"parse_dates": ["a"]}, "a\n2024-01-02\n", [{"a": dt.datetime(2024, 1, 2)}]),
    "encoding": ({"encoding": "latin-1"}, "a\né\n", [{"a": "Ã©"}]),
    "short rows": ({"sep": ","}, "a,b\n1\n", [{"a": 1, "b": None}]),
    "decimal": ({"decimal": ",", "sep": ";"}, "a;b\n1,5;x\n", [{"a": 1.5, "b": "x"}]),
}


@pytest.mark.parametrize("kind", PANDAS)
def test_options_of_pandas(own_folder, kind):
    options, text, expected = PANDAS[kind]
    write("a.csv", text)

    assert list(filesystem("data") | read_csv(**options)) == expected


def test_pandas_reads_in_chunks(own_folder):
    write("a.csv", "a;b\n" + "1;x\n" * 25)
    sizes: list[int] = []

    list(
        filesystem("data")
        | read_csv(chunksize=10, sep=";")
        | dlt.transformer(lambda page: sizes.append(len(page)), name="t")
    )

    assert sizes == [10, 10, 5]


# ---- DuckDB


def test_c77_more_files_than_a_page_with_duckdb(own_folder):
    """Every file is read to its end, whatever the number of files and of rows."""
    for number in range(105):
        write(f"{number:03}.csv", "file,row\n" + "".join(f"{number},{row}\n" for row in range(30)))

    dlt.pipeline("p", destination="duckdb").run(filesystem("data") | read_csv_duckdb(chunk_size=7), table_name="t")

    assert table_of("p", "t") == [(number, row) for number in range(105) for row in range(30)]


@pytest.mark.parametrize("names", [["a.csv", "b.csv"], ["a[1].csv", "a1.csv"], ["a.csv.gz", "b.csv"]])
@pytest.mark.parametrize("bucket", ["local", "memory"])
def test_duckdb_reads_that_file_and_no_other(own_folder, bucket, names):
    for number, name in enumerate(sorted(names)):
        data = f"a,b\n{number},007\n".encode()
        write(name, gzip.compress(data) if name.endswith("gz") else data)
    url = "data"
    if bucket == "memory":
        url = f"memory://{own_folder.name}"
        fsspec.filesystem("memory").put("data", f"/{own_folder.name}", recursive=True)

    found = list(filesystem(url) | read_csv_duckdb(filename=True))

    assert [(row["a"], row["filename"].rpartition("/")[2]) for row in found] == [
        (number, Path(name).as_posix().replace("[", "%5B").replace("]", "%5D") if bucket == "local" else name)
        for number, name in enumerate(sorted(names))
    ]


def test_options_of_duckdb(own_folder):
    write("a.csv", "1;x\n" * 3)

    batches = list(
        filesystem("data") | read_csv_duckdb(chunk_size=2, use_pyarrow=True, header=False, sep=";", names=["n", "t"])
    )

    assert all(isinstance(batch, pa.RecordBatch) for batch in batches)
    assert pa.Table.from_batches(batches).to_pylist() == [{"n": 1, "t": "x"}] * 3


# ---- what goes wrong


BROKEN: dict[str, tuple[bytes, str]] = {
    "quote that is not closed": (b'a,b\n1,"x\n2,y\n3,z\n', "a quote is never closed"),
    "quote at the end": (b'a,b\n1,"', "a quote is never closed"),
    "quote in the names": (b'"a,b\n1,2\n', "a quote is never closed"),
    "packed, a quote that is not closed": (gzip.compress(b'a,b\n1,"x\n2,y\n'), "a quote is never closed"),
    "HTML": (b"<!DOCTYPE html><html></html>", "it is an HTML page"),
    "old line ends": (b"a,b\r1,2\r", r"its lines end in \\r only"),
    "long field beside a bad row": (b"a,b\n1," + b"x" * 140_000 + b"\n3,4,5\n", "Expected 2 columns, got 3"),
    "other encoding": ("a,b\né,1\n".encode("latin-1"), r"encoding='latin-1'"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), r"'utf-16'"),
    "short row": (b"a,b\n1,2\n3\n", "line 3: .*Expected 2 columns, got 1"),
    "long row": (b'a,b\n"1\n",2\n3,4,5\n', "line 4: .*Expected 2 columns, got 3"),
    "empty": (b"", "it is empty"),
    "not UTF-8": (b"a,b\n\xff\xfe,1\n", "UTF8|utf-8"),
    "cut off gzip": (gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-40], "end-of-stream|Compressed"),
    "damaged gzip": (gzip.compress(b"a,b\n" + b"1,2\n" * 10_000)[:-8] + b"\0" * 8, "CRC"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_named(own_folder, kind):
    data, cause = BROKEN[kind]
    write("good.csv", "a,b\n1,2\n")
    path = write("later.csv", data)

    with pytest.raises(StepFailed, match=cause) as raised:
        dlt.pipeline("p", destination="duckdb").run(filesystem("data") | read_csv(), table_name="t")

    assert path.absolute().as_uri() in str(raised.value)
    assert "on_bad_file='skip'" in str(raised.value)


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_can_go_to_the_quarantine(own_folder, kind):
    data, _ = BROKEN[kind]
    write("good.csv", "a,b\n1,2\n")
    path = write("later.csv", data)
    write("last.csv", "a,b\n5,6\n")

    pipeline = dlt.pipeline("p", destination="duckdb")
    info = pipeline.run(filesystem("data") | read_csv(on_bad_file="skip"), table_name="t")

    assert table_of("p", "t") == [(1, 2), (5, 6)]
    assert info.quarantined == {"t": 1}
    with duckdb.connect("p.duckdb") as connection:
        (entry,) = connection.execute("SELECT reason, detail, row FROM p_dataset._dlt_quarantine").fetchall()
    assert entry[0] == "file"
    assert path.absolute().as_uri() in entry[1]
    assert path.absolute().as_uri() in entry[2]
    assert pipeline.replay() is None


def test_a_word_that_is_no_policy(own_folder):
    write("a.csv", "a\n1\n")

    with pytest.raises(ConfigError, match="Unknown on_bad_file 'ignore'"):
        list(filesystem("data") | read_csv(on_bad_file="ignore"))


@pytest.mark.parametrize("how", ["more rows", "written anew", "since it was listed"])
def test_a_file_that_changes_is_noticed(own_folder, how):
    path = write("a.csv", "a\n" + "1\n" * 30_000)

    def change(page):
        if how == "more rows":
            with path.open("a") as file:
                file.write("2\n")
        else:
            os.utime(path, (5, 5))
        return page

    if how == "since it was listed":
        source = filesystem("data").add_map(change) | read_csv()
    else:
        source = (filesystem("data") | read_csv()).add_map(change)

    with pytest.raises(ResourceError, match="changed since it was listed") as raised:
        list(source)
    assert path.absolute().as_uri() in str(raised.value)


@pytest.mark.parametrize(("later", "noticed"), [(0.4, False), (2, True)])
def test_a_store_may_tell_whole_seconds(own_folder, later, noticed):
    """Where a listing has fractions of seconds and asking for the file has not, nothing has changed."""
    fs = fsspec.filesystem("memory")
    fs.pipe(f"/{own_folder.name}/a.csv", b"a\n1\n")
    (file,) = filesystem(f"memory://{own_folder.name}")
    file["modification_date"] += dt.timedelta(seconds=later)
    reader = dlt.resource([[file]], name="files") | read_csv()

    if noticed:
        with pytest.raises(ResourceError, match="changed since it was listed"):
            list(reader)
    else:
        assert list(reader) == [{"a": 1}]


def test_a_wrong_option_is_no_broken_file(own_folder):
    write("a.csv", "a\n1\n")

    with pytest.raises(ResourceError, match="unexpected keyword argument 'seperator'"):
        list(filesystem("data") | read_csv(seperator=";", on_bad_file="skip"))


def test_several_files_at_once(own_folder):
    for number in range(12):
        write(f"{number:02}.csv", "file,row\n" + "".join(f"{number},{row}\n" for row in range(2000)))

    reader = filesystem("data", files_per_page=1) | read_csv()
    dlt.pipeline("p", destination="duckdb").run(reader.parallelize(), table_name="t")

    rows = table_of("p", "t")
    assert sorted(rows) == [(number, row) for number in range(12) for row in range(2000)]
    for number in range(12):  # in each file the order is kept
        assert [row for file, row in rows if file == number] == list(range(2000))


def test_memory_does_not_grow_with_the_file(own_folder):
    """Batches of a bounded size leave the reader while it still reads."""
    path = Path("data")
    path.mkdir()
    with (path / "a.csv").open("w") as file:
        file.write("a,b\n")
        for number in range(600_000):
            file.write(f"{number},{'x' * 60}\n")

    before = pa.total_allocated_bytes()
    peak = sizes = 0
    (item,) = filesystem("data")
    for rows in csv_files.typed_batches(lambda: pa.OSFile(item.local_file_path)):
        peak = max(peak, pa.total_allocated_bytes() - before)
        sizes += ArrowRows(rows, 1).num_rows
    assert sizes == 600_000
    assert peak < (path / "a.csv").stat().st_size
