"""Lines of JSON that Arrow reads make the tables that Python's objects make, or none."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlt.arrow.json_lines import JsonLines
from dlt.arrow.shred import Shape, shred

NUMBERS = Shape(is_number=lambda _table, _column: True)


def text(rows):
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def learned(*rows):
    reader = JsonLines()
    reader.learn(rows)
    return reader


def content(raws):
    """The values by table and column, without columns of nulls; whole numbers among others as those."""
    tables = {}
    for raw in raws:
        columns = {}
        for column in raw.columns:
            if column.kind is None:
                continue
            values = columns.setdefault(
                (column.path, "number" if column.kind in ("bigint", "double") else column.kind), {}
            )
            values |= {row: value for row, value in enumerate(column.data.to_pylist()) if value is not None}
            assert column.first == min(row for row, value in enumerate(column.data.to_pylist()) if value is not None)
        links = None if raw.parent is None else (raw.parent_row.to_pylist(), raw.list_idx.to_pylist())
        tables[raw.path] = (raw.rows, links, columns)
    return tables


def python(rows, shape=NUMBERS):
    raws, bad = shred(rows, shape)
    assert not bad
    return content(raws)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.sampled_from([0.5, 1.0, -0.0, 1e16, 1e300]),
    st.text(st.characters(codec="utf-8"), max_size=4),
    st.sampled_from(["2024-01-01", "2024-01-01T00:00:00Z", "1", "null", '"', "\\", "}\n{", "\x00", "} null"]),
)
keys = st.sampled_from(["a", "b", "c", "A", "a b", ""])
documents = st.dictionaries(
    keys,
    st.recursive(
        values,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
alike = st.builds(  # documents that are often as the ones before
    lambda a, b, c, d: {
        key: value for key, value in {"a": a, "b": b, "c": {"x": c, "y": {"z": a}}, "d": d}.items() if value != "away"
    },
    st.integers(0, 9) | st.sampled_from([None, "away"]),
    st.sampled_from(["x", "é", None, "away"]),
    st.sampled_from([0.5, 1.0, None, 2.0**53]) | st.integers(-9, 9),
    st.lists(
        st.builds(lambda k, v: {"k": k, "l": v}, st.integers(0, 3), st.lists(st.text(max_size=2), max_size=2)),
        max_size=3,
    )
    | st.none(),
)


@given(st.lists(documents, max_size=5), st.lists(documents, min_size=1, max_size=5))
def test_any_documents(before, rows):
    raws = learned(*before, *rows).read(text(rows), NUMBERS)
    assert raws is None or content(raws) == python(rows)


@given(st.lists(alike, min_size=3, max_size=9), st.lists(alike, min_size=1, max_size=9))
def test_documents_like_those_before(before, rows):
    raws = learned(*before).read(text(rows), NUMBERS)
    assert raws is None or content(raws) == python(rows)


def test_what_is_like_before_is_read_by_arrow():
    rows = [
        {"a": n, "b": {"c": n + 0.5, "d": [{"e": str(n)}, {"f": [[n], []]}]}, "g": n % 2 == 0, "h": None}
        for n in range(9)
    ]
    raws = learned(*rows[:2]).read(text(rows), Shape())

    assert raws is not None
    assert content(raws) == python(rows)
    assert [raw.path for raw in raws] == [(), ("b", "d"), ("b", "d", "f"), ("b", "d", "f", "list")]


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":1,"new":2}',
        b'{"a":1.0}',
        b'{"a":9223372036854775808}',
        b'{"a":true}',
        b'{"a":"1"}',
        b'{"a":1,"a":2}',
        b'{"u":{"x":1,"x":1}}',
        b'{"u":{"y":1}}',
        b'{"u":[1]}',
        b'{"l":[1,"x"]}',
        b'{"l":[null]}',
        b'{"f":9007199254740993}',
        b'{"f":1e400}',
        b'{"s":"\\ud800"}',
        b'{"s":"\xff"}',
        b'{"a":1} null',
        b'{"a":1}null {"a":2}',
        b'{"a":1}{"a":2}',
        b'{"a":1},{"a":2}',
        b'{"a":1} {"a":2}',
        b'{"a":\n1}',
        b'{"a":\n{"b":1}}',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":1',
        b"null",
        b"1",
        b"[1]",
        b"",
        b" ",
        b"\r",
        b"\xef\xbb\xbf{}",
    ],
)
@pytest.mark.parametrize("lines", [b"%b", b'{"a":1}\n%b', b'%b\n{"a":1}'])
def test_what_is_not_like_before_is_left_to_python(lines, line):
    reader = learned({"a": 1, "u": {"x": 1}, "l": ["x"], "f": 0.5, "s": "x"})

    assert reader.read(lines % line, NUMBERS) is None
    assert reader.read(b'{"a":1}', NUMBERS) is not None


def test_whole_numbers_among_doubles_need_a_column_of_numbers():
    reader = learned({"a": 0.5})

    assert reader.read(b'{"a":1.5}', Shape()) is not None
    assert reader.read(b'{"a":1.0}', Shape()) is None
    assert reader.read(b'{"a":1}', Shape()) is None
    assert content(reader.read(b'{"a":1}', NUMBERS)) == python([{"a": 1}])


def test_what_the_schema_keeps_as_json_or_wraps_is_left_to_python():
    reader = learned({"a": {"b": 1}, "c": "x"})

    assert reader.read(b'{"a":{"b":1}}', Shape(keeps_json=lambda _table, column: column == ("a",))) is None
    assert reader.read(b'{"a":{"b":1}}', Shape(max_nesting=0)) is None
    assert reader.read(b'{"c":"x"}', Shape(wraps=lambda _table, column, _lists: column == ("c",))) is None


def test_numbers_that_are_none():
    raws = learned({"a": 0.5}).read(b'{"a":NaN}\n{"a":0.25}', Shape())
    assert math.isnan(raws[0].columns[0].data[0].as_py())


def test_after_many_misses_python_reads_all():
    reader = learned({"a": 1})
    for _ in range(30):
        assert reader.read(b'{"a":"x"}', Shape()) is None
        reader.learn([{"a": 2}])
    assert reader.read(b'{"a":1}', Shape()) is None
