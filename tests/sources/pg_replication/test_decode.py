"""Messages of pgoutput, byte by byte, and values as PostgreSQL writes them."""

from __future__ import annotations

import datetime as dt
import json
import struct
from decimal import Decimal

import pytest

from dlt.errors import FatalError
from dlt.sources.pg_replication.decode import (
    UNCHANGED,
    Begin,
    Change,
    Commit,
    Field,
    Relation,
    Truncated,
    decode,
)
from dlt.sources.pg_replication.values import Types

AT = 820_540_800_000_000  # 2026-01-01, in microseconds from 2000-01-01


def row(*values: str | object | None) -> bytes:
    """A row as the log has it; `UNCHANGED` as it is."""
    out = struct.pack(">H", len(values))
    for value in values:
        if isinstance(value, str):
            out += b"t" + struct.pack(">I", len(value.encode())) + value.encode()
        else:
            out += b"n" if value is None else b"u"
    return out


def column(name: str, oid: int, typmod: int = -1, key: bool = False) -> bytes:
    return bytes([key]) + name.encode() + b"\0" + struct.pack(">Ii", oid, typmod)


OID = struct.pack(">I", 7)
MESSAGES = {
    "begin": (b"B" + struct.pack(">QqI", 256, AT, 5), Begin(256, AT + 946_684_800_000_000)),
    "commit": (b"C" + struct.pack(">BQQq", 0, 256, 300, AT), Commit(300)),
    "insert": (b"I" + OID + b"N" + row("1", None, "é"), Change(7, None, ["1", None, "é"])),
    "insert of an empty text": (b"I" + OID + b"N" + row(""), Change(7, None, [""])),
    "update": (b"U" + OID + b"N" + row("1", UNCHANGED), Change(7, None, ["1", UNCHANGED])),
    "update of the key": (
        b"U" + OID + b"K" + row("1", None) + b"N" + row("2", "x"),
        Change(7, ["1", None], ["2", "x"], keys_only=True),
    ),
    "update with the old row": (
        b"U" + OID + b"O" + row("1", "large", None) + b"N" + row("1", UNCHANGED, "n"),
        Change(7, ["1", "large", None], ["1", "large", "n"]),
    ),
    "delete": (b"D" + OID + b"K" + row("1", None), Change(7, ["1", None], None, keys_only=True)),
    "delete with the old row": (b"D" + OID + b"O" + row("1", "x"), Change(7, ["1", "x"], None)),
    "truncate": (b"T" + struct.pack(">IBII", 2, 1, 7, 9), Truncated((7, 9))),
    "relation": (
        b"R"
        + OID
        + "public\0Ünï t\0d".encode()
        + struct.pack(">H", 2)
        + column("id", 23, key=True)
        + column("n", 1700, 655366),
        Relation(7, "public", "Ünï t", "d", (Field("id", 23, -1, True), Field("n", 1700, 655366))),
    ),
    "relation without columns": (
        b"R" + OID + b"s\0t\0f" + struct.pack(">H", 0),
        Relation(7, "s", "t", "f", ()),
    ),
    "type": (b"Y" + OID + b"public\0mood\0", None),
    "origin": (b"O" + struct.pack(">Q", 1) + b"name\0", None),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name):
    data, message = MESSAGES[name]

    assert decode(data) == message


def test_time_of_a_commit():
    assert dt.datetime.fromtimestamp(decode(MESSAGES["begin"][0]).at / 1e6, dt.UTC) == dt.datetime(
        2026, 1, 1, tzinfo=dt.UTC
    )


def test_other_plugins_are_refused():
    with pytest.raises(FatalError, match="pgoutput"):
        decode(b'{"action": "I"}')


# ---- values

ARRAYS = {1007: 23, 1009: 25, 1000: 16, 1022: 701, 3807: 3802, 1231: 1700, 1185: 1184, 1001: 17, 9007: 9001}
TYPES = Types(
    {**{oid: (0, -1, element) for oid, element in ARRAYS.items()}, 9001: (1700, 655366, 0), 9002: (9001, -1, 0)}
)
UTC = dt.UTC
VALUES = {
    # oid, modifier, texts -> data type, precision, scale, timezone; values
    "bool": (16, -1, ["t", "f", None], {"data_type": "bool"}, [True, False, None]),
    "int8": (20, -1, ["9223372036854775807", "-1"], {"data_type": "bigint"}, [2**63 - 1, -1]),
    "float8": (701, -1, ["0.1", "1e+300", "-Infinity"], {"data_type": "double"}, [0.1, 1e300, float("-inf")]),
    "numeric(10,2)": (1700, 655366, ["1.50", "-0.01"], {"data_type": "decimal", "precision": 10, "scale": 2}, [Decimal("1.50"), Decimal("-0.01")]),
    "numeric(2,-3)": (1700, 133121, ["12000"], {"data_type": "decimal", "precision": 5, "scale": 0}, [Decimal(12000)]),
    "numeric(60,4)": (1700, 60 << 16 | 8, ["1" * 50 + ".5000"], {"data_type": "decimal", "precision": 60, "scale": 4}, [Decimal("1" * 50 + ".5")]),
    "numeric(99,2)": (1700, 99 << 16 | 6, ["1.00"], {"data_type": "text"}, ["1.00"]),
    "numeric": (1700, -1, ["1.5", "12345678901234567890.123456789"], {"data_type": "decimal"}, [Decimal("1.5"), Decimal("12345678901234567890.123456789")]),
    "numeric that is infinite": (1700, -1, ["1.1234567890123", "Infinity", None], {"data_type": "decimal"}, ["1.1234567890123", "Infinity", None]),
    "numeric that is no number": (1700, 655366, ["1.50", "NaN"], {"data_type": "decimal", "precision": 10, "scale": 2}, ["1.50", "NaN"]),
    "domain": (9001, -1, ["1.50"], {"data_type": "decimal", "precision": 10, "scale": 2}, [Decimal("1.50")]),
    "domain of a domain": (9002, -1, ["1.50"], {"data_type": "decimal", "precision": 10, "scale": 2}, [Decimal("1.50")]),
    "date": (1082, -1, ["2024-02-29", None], {"data_type": "date"}, [dt.date(2024, 2, 29), None]),
    "date that never is": (1082, -1, ["2024-02-29", "infinity"], {"data_type": "date"}, ["2024-02-29", "infinity"]),
    "date before Christ": (1082, -1, ["0044-03-15 BC"], {"data_type": "date"}, ["0044-03-15 BC"]),
    "time": (1083, -1, ["23:59:59.999999", "00:00:00"], {"data_type": "time"}, [dt.time(23, 59, 59, 999999), dt.time(0)]),
    "end of the day": (1083, -1, ["24:00:00"], {"data_type": "time"}, ["24:00:00"]),
    "timestamp": (1114, -1, ["2024-01-02 03:04:05.6"], {"data_type": "timestamp", "timezone": False}, [dt.datetime(2024, 1, 2, 3, 4, 5, 600000)]),
    "timestamptz": (1184, -1, ["2024-01-02 03:04:05.000001+00"], {"data_type": "timestamp"}, [dt.datetime(2024, 1, 2, 3, 4, 5, 1, UTC)]),
    "timestamp of year 10000": (1114, -1, ["10000-01-02 03:04:05"], {"data_type": "timestamp", "timezone": False}, ["10000-01-02 03:04:05"]),
    "bytea": (17, -1, ["\\x0061ff", "\\x"], {"data_type": "binary"}, [b"\0a\xff", b""]),
    "text": (25, -1, ["é\n", ""], {"data_type": "text"}, ["é\n", ""]),
    "uuid": (2950, -1, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], {"data_type": "text"}, ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    "unknown": (99999, -1, ["(1,2)"], {"data_type": "text"}, ["(1,2)"]),
    "jsonb": (3802, -1, ['{"a": 1.10}'], {"data_type": "json"}, ['{"a": 1.10}']),
    "int4[]": (1007, -1, ["{1,NULL,3}", "{}", "[0:1]={1,2}", "{{1,2},{3,4}}", None], {"data_type": "json"}, ["[1,null,3]", "[]", "[1,2]", "[[1,2],[3,4]]", None]),
    "text[]": (1009, -1, ['{a,"b,c","d\\"\\\\e","NULL",NULL,"",é}'], {"data_type": "json"}, [json.dumps(["a", "b,c", 'd"\\e', "NULL", None, "", "é"], ensure_ascii=False, separators=(",", ":"))]),
    "bool[]": (1000, -1, ["{t,f}"], {"data_type": "json"}, ["[true,false]"]),
    "float8[]": (1022, -1, ["{1,0.1,NaN}"], {"data_type": "json"}, ['[1.0,0.1,"nan"]']),
    "jsonb[]": (3807, -1, ['{"{\\"a\\": 1}",1.10}'], {"data_type": "json"}, ['[{"a": 1},1.10]']),
    "numeric[]": (1231, -1, ["{1.50}"], {"data_type": "json"}, ['["1.50"]']),
    "timestamptz[]": (1185, -1, ['{"2024-01-02 03:04:05+00"}'], {"data_type": "json"}, ['["2024-01-02T03:04:05+00:00"]']),
    "bytea[]": (1001, -1, ['{"\\\\x6162"}'], {"data_type": "json"}, ['["YWI="]']),
    "domain[]": (9007, -1, ["{1.50}"], {"data_type": "json"}, ['["1.50"]']),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values(name):
    oid, typmod, texts, hints, values = VALUES[name]
    column = Field("c", oid, typmod)

    assert TYPES.hints(column) == hints
    assert TYPES.array(texts, column).to_pylist() == values
