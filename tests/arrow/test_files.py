"""Shard files: what is written in a format is what is read, value by value, and the book-keeping of the file is right."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import math
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow import files
from dlt.arrow.files import COMPRESSED, FORMATS, WriterSettings, open_writer
from dlt.destinations._read import batches_of
from dlt.errors import ConfigError, NotBuilt, SchemaError

UTC = dt.UTC
PLAIN = WriterSettings()
TYPES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "ints": (pa.int64(), [0, -(2**63), 2**63 - 1, None]),
    "tiny": (pa.int8(), [-128, 127, None, 0]),
    "double": (pa.float64(), [1.5, -0.0, 1e300, 5e-324]),
    "odd": (pa.float64(), [math.nan, math.inf, -math.inf, 3.0]),
    "bool": (pa.bool_(), [True, False, None, True]),
    "text": (pa.string(), ["", None, "a\"b\\c'd,e;f\tg", "line\nbreak\r\n\x00\x01\u2028é☃🙂"]),
    "null word": (pa.string(), ["NULL", "null", "nan", "\\N"]),
    "marks": (pa.string(), ["\uf026x", "\uf027", "'||chr(0)||'", "{}"]),
    "json": (pa.string(), ['{"a":[1,null,"\\n"]}', "[]", None, '"text"']),
    "timestamp": (
        pa.timestamp("us", "UTC"),
        [
            dt.datetime(1, 1, 1, tzinfo=UTC),
            dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
            None,
            dt.datetime(2024, 1, 1, tzinfo=UTC),
        ],
    ),
    "naive": (
        pa.timestamp("us"),
        [dt.datetime(2024, 1, 1), dt.datetime(2024, 1, 1, 0, 0, 0, 1), None, dt.datetime(1969, 12, 31)],
    ),
    "fine": (pa.timestamp("ns"), [1, -1, None, 1_704_067_200_123_456_789]),
    "date": (pa.date32(), [dt.date(1, 1, 1), dt.date(9999, 12, 31), None, dt.date(2024, 2, 29)]),
    "time": (pa.time64("us"), [dt.time(0), dt.time(23, 59, 59, 999999), None, dt.time(1, 2, 3)]),
    "decimal": (pa.decimal128(38, 9), [Decimal("0.000000001"), Decimal(-(10**28)), None, Decimal("1.5")]),
    "wide": (pa.decimal256(76, 0), [Decimal(10**75), Decimal(0), None, Decimal(-1)]),
    "wei": (pa.decimal128(38, 0), [Decimal(10**37), Decimal(2**64), None, Decimal(1)]),
    "nulls": (pa.string(), [None, None, None, None]),
}
BINARY = {"binary": (pa.binary(), [b"", b"\x00\xff'\"\\", None, b"a,b\n"])}  # CSV holds only what is UTF-8


def batch(types: dict[str, tuple[pa.DataType, list[Any]]]) -> pa.RecordBatch:
    fields = [pa.field(n, kind, metadata={"dlt": "json"} if n == "json" else None) for n, (kind, _) in types.items()]
    return pa.record_batch([pa.array(values, kind) for kind, values in types.values()], schema=pa.schema(fields))


def write(path: Path, kind: str, *batches: pa.RecordBatch, settings: WriterSettings = PLAIN) -> tuple[int, int, int]:
    writer = open_writer(path, kind, batches[0].schema, settings)
    try:
        for one in batches:
            writer.write(one)
    except SchemaError:
        writer.abort()
        raise
    return writer.close()


def read(path: Path, kind: str, schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches(list(batches_of(path, kind, schema)), schema)


def texts(table: pa.Table) -> list[Any]:
    """The values so that NaN equals NaN."""
    return [repr(list(map(str, column.to_pylist()))) for column in table.cast(without_ns(table.schema)).columns]


def without_ns(schema: pa.Schema) -> pa.Schema:
    return pa.schema([f.with_type(pa.int64()) if f.type == pa.timestamp("ns") else f for f in schema])


@pytest.fixture(params=FORMATS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_type(kind, tmp_path):
    rows = batch(TYPES if kind == "csv" else TYPES | BINARY)
    path = tmp_path / "file"
    count, size, crc = write(path, kind, rows, rows.slice(1, 2))

    back = read(path, kind, rows.schema)
    assert texts(back) == texts(pa.Table.from_batches([rows, rows.slice(1, 2)]))
    data = path.read_bytes()
    assert (count, size, crc) == (6, len(data), zlib.crc32(data))


VALUES = {
    "i": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "f": (pa.float64(), st.floats()),
    "b": (pa.bool_(), st.booleans()),
    "s": (pa.string(), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)),
    "t": (pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(UTC))),
    "n": (pa.timestamp("us"), st.datetimes()),
    "d": (pa.date32(), st.dates()),
    "h": (pa.time64("us"), st.times()),
    "x": (pa.decimal128(20, 4), st.decimals(-(10**15), 10**15, places=4)),
    "y": (pa.binary(), st.binary(max_size=10)),
}


@st.composite
def batches(draw: st.DrawFn, *, binary: bool = True) -> pa.RecordBatch:
    names = draw(st.lists(st.sampled_from([*VALUES][: 10 if binary else 9]), min_size=1, unique=True))
    rows = draw(st.integers(1, 5))
    columns = [draw(st.lists(st.none() | VALUES[name][1], min_size=rows, max_size=rows)) for name in names]
    return pa.record_batch([pa.array(c, VALUES[n][0]) for n, c in zip(names, columns, strict=True)], names=names)


@pytest.mark.parametrize("kind", [one for one in FORMATS if one != "csv"])
@given(data=st.data())
def test_any_values(kind, data):
    check(kind, data.draw(batches()), data.draw(st.booleans()))


@given(data=st.data())
def test_any_values_in_csv(data):
    check("csv", data.draw(batches(binary=False)), data.draw(st.booleans()))


def check(kind: str, rows: pa.RecordBatch, packed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write(path, kind, rows, settings=replace(PLAIN, disable_compression=not packed))
        assert texts(read(path, kind, rows.schema)) == texts(pa.Table.from_batches([rows]))


def test_c50_nul_in_text(kind, tmp_path):
    rows = pa.record_batch({"v": ["a\x00b", "\x00", ""]})
    write(tmp_path / "file", kind, rows)

    assert read(tmp_path / "file", kind, rows.schema)["v"].to_pylist() == ["a\x00b", "\x00", ""]


def test_odd_column_names(kind, tmp_path):
    rows = pa.record_batch([pa.array([1]), pa.array(["x"])], names=['a"b', "c,d é"])
    write(tmp_path / "file", kind, rows)

    assert read(tmp_path / "file", kind, rows.schema).to_pylist() == [{'a"b': 1, "c,d é": "x"}]


def test_columns_are_read_by_name_and_may_be_missing(kind, tmp_path):
    rows = pa.record_batch({"a": [1], "b": ["x"]})
    write(tmp_path / "file", kind, rows)

    wanted = pa.schema([("b", pa.string()), ("new", pa.int64()), ("a", pa.int64())])
    assert read(tmp_path / "file", kind, wanted).to_pylist() == [{"b": "x", "new": None, "a": 1}]


def test_dictionaries_are_values(kind, tmp_path):
    rows = pa.record_batch({"v": pa.array(["a", "b", None, "a"]).dictionary_encode()})
    write(tmp_path / "file", kind, rows)

    assert read(tmp_path / "file", kind, pa.schema([("v", pa.string())]))["v"].to_pylist() == ["a", "b", None, "a"]


def test_compression(kind, tmp_path):
    rows = pa.record_batch({"v": ["a long text, again and again"] * 1000})
    _, packed, _ = write(tmp_path / "packed", kind, rows)
    _, plain, _ = write(tmp_path / "plain", kind, rows, settings=replace(PLAIN, disable_compression=True))

    assert (packed < plain / 10) is (kind in COMPRESSED)
    if kind in COMPRESSED:
        assert gzip.decompress((tmp_path / "packed").read_bytes()) == (tmp_path / "plain").read_bytes()


def test_the_size_grows_while_a_file_is_written(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ARROW_BUFFER", 1)
    rows = pa.record_batch({"v": [f"text {number}" for number in range(5_000)]})
    writer = open_writer(tmp_path / "file", kind, rows.schema, PLAIN)
    writer.write(rows)
    first = writer.size
    writer.write(rows)

    assert 0 < first < writer.size
    assert writer.rows == 10_000
    writer.close()


def test_large_batches_are_written_in_parts(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "GROUP", 70)
    monkeypatch.setattr(files, "TEXT_BYTES", 500)
    rows = pa.record_batch({"i": range(300), "s": [str(number) for number in range(300)]})
    write(tmp_path / "file", kind, rows)

    assert read(tmp_path / "file", kind, rows.schema).to_pydict() == rows.to_pydict()


def test_no_rows(kind, tmp_path):
    rows = pa.record_batch({"a": pa.array([], pa.int64())})
    count, _, _ = write(tmp_path / "file", kind, rows)

    assert count == 0
    if kind != "insert_values":  # a statement without rows is none
        assert read(tmp_path / "file", kind, rows.schema).num_rows == 0


def test_rows_without_columns(kind, tmp_path):
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    if kind in ("arrow", "jsonl", "typed-jsonl"):
        assert write(tmp_path / "file", kind, rows)[0] == 3
    else:
        with pytest.raises(SchemaError, match="without columns"):
            open_writer(tmp_path / "file", kind, rows.schema, PLAIN)


def lines(path: Path) -> Iterator[str]:
    return iter(path.read_text().splitlines())


def written(tmp_path: Path, kind: str, rows: pa.RecordBatch, **settings: Any) -> str:
    write(tmp_path / "file", kind, rows, settings=WriterSettings(disable_compression=True, **settings))
    return (tmp_path / "file").read_bytes().decode()


SOME = pa.record_batch(
    {
        "a": [1, None],
        "b": ['x"y', "it's"],
        "c": pa.array([Decimal("1.50"), None]),
        "d": pa.array([dt.datetime(2024, 1, 2, tzinfo=UTC), dt.datetime(2024, 1, 2, 3, 4, 5, 6, UTC)]),
        "e": [b"\x01", None],
        "f": [1.0, math.nan],
    }
)


def test_jsonl(tmp_path):
    assert written(tmp_path, "jsonl", SOME).splitlines() == [
        '{"a":1,"b":"x\\"y","c":"1.50","d":"2024-01-02T00:00:00.000000+00:00","e":"AQ==","f":1.0}',
        '{"b":"it\'s","d":"2024-01-02T03:04:05.000006+00:00","f":"NaN"}',
    ]


def test_typed_jsonl_marks_types_outside_of_texts(tmp_path):
    [rows] = [json.loads(line) for line in written(tmp_path, "typed-jsonl", SOME.slice(0, 1)).splitlines()]

    assert rows == [
        {"a": 1, "b": 'x"y', "c": "\uf0261.50", "d": "\uf0272024-01-02T00:00:00+00:00", "e": "\uf02bAQ==", "f": 1.0}
    ]


def test_insert_values(tmp_path):
    assert written(tmp_path, "insert_values", SOME) == (
        'INSERT INTO {}("a","b","c","d","e","f")\n'
        "VALUES\n"
        "(1,'x\"y',1.50,'2024-01-02T00:00:00.000000+00:00',X'01',1e0),\n"
        "(NULL,'it''s',NULL,'2024-01-02T03:04:05.000006+00:00',NULL,'nan');"
    )


def test_csv(tmp_path):
    rows = SOME.select(["a", "b", "d"])

    assert written(tmp_path, "csv", rows).splitlines() == [
        '"a","b","d"',
        '1,"x""y","2024-01-02 00:00:00.000000+00:00"',
        ',"it\'s","2024-01-02 03:04:05.000006+00:00"',
    ]
    assert written(
        tmp_path,
        "csv",
        rows.slice(1),
        quoting="quote_minimal",
        delimiter=";",
        include_header=False,
        lineterminator="\r\n",
    ) == (";it's;2024-01-02 03:04:05.000006+00:00\r\n")
    assert written(tmp_path, "csv", rows.slice(0, 1), quoting="quote_all", include_header=False) == (
        '"1","x""y","2024-01-02 00:00:00+00:00"\n'
    )


def test_csv_that_cannot_hold_a_value(tmp_path):
    with pytest.raises(SchemaError, match=r"(?s)quote_none.*"):
        written(tmp_path, "csv", SOME.select(["b"]), quoting="quote_none")
    with pytest.raises(SchemaError, match="not UTF-8"):
        written(tmp_path, "csv", pa.record_batch({"e": [b"\xff"]}))


def test_csv_in_another_encoding(tmp_path):
    write(
        tmp_path / "file",
        "csv",
        pa.record_batch({"a": ["é"]}),
        settings=WriterSettings(disable_compression=True, encoding="latin-1"),
    )

    assert (tmp_path / "file").read_bytes() == b'"a"\n"\xe9"\n'


def test_parquet_settings(tmp_path):
    rows = pa.record_batch(
        {"t": pa.array([dt.datetime(2024, 1, 1, tzinfo=UTC)]), "n": pa.array([dt.datetime(2024, 1, 1)]), "i": [1]}
    )
    settings = WriterSettings(compression="zstd", timestamp_timezone="Europe/Oslo", row_group_size=1)
    write(tmp_path / "file", "parquet", rows, rows, settings=settings)

    with pq.ParquetFile(tmp_path / "file") as file:
        assert file.schema_arrow.field("t").type == pa.timestamp("us", "Europe/Oslo")
        assert file.schema_arrow.field("n").type == pa.timestamp("us")
        assert file.num_row_groups == 2
        assert file.metadata.row_group(0).column(0).compression == "ZSTD"


def test_c43_parquet_does_not_cut_nanoseconds(tmp_path):
    rows = pa.record_batch({"t": pa.array([1], pa.timestamp("ns"))})

    with pytest.raises(SchemaError, match=r"2\.4 cannot hold"):
        write(tmp_path / "file", "parquet", rows, settings=WriterSettings(version="2.4"))


@pytest.mark.parametrize(
    "settings",
    [
        {"file_max_items": 0},
        {"file_max_bytes": -1},
        {"delimiter": "ab"},
        {"delimiter": '"'},
        {"delimiter": "1"},
        {"quoting": "always"},
        {"lineterminator": "|"},
        {"encoding": "no-such"},
    ],
)
def test_settings_that_make_no_sense(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        WriterSettings(**settings)


def test_settings_that_are_unknown_or_not_built():
    with pytest.raises(ConfigError, match="colour"):
        WriterSettings.of({"colour": 1})
    with pytest.raises(NotBuilt):
        WriterSettings(on_error_continue=True)
    with pytest.raises(NotBuilt, match="xml"):
        open_writer("file", "xml", SOME.schema, PLAIN)


def test_a_file_that_is_given_up(kind, tmp_path):
    writer = open_writer(tmp_path / "file", kind, SOME.schema, PLAIN)
    writer.write(SOME.slice(0, 1) if kind != "csv" else SOME.slice(0, 0))
    writer.abort()

    assert writer._sink.closed
