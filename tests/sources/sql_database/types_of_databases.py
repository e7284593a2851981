"""Types of PostgreSQL, MySQL (MariaDB) and SQLite: values of each, and what comes of them whatever the backend.

`python tests/sources/sql_database/types_of_databases.py` writes the table in docs/sql-database.md.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D
from pathlib import Path
from typing import Any, NamedTuple

DOCS = Path(__file__).resolve().parents[3] / "docs" / "sql-database.md"
MARKS = "<!-- types of databases -->\n", "<!-- end -->\n"
UTC = dt.UTC
NAN, INFINITY = float("nan"), float("inf")


class Odd(NamedTuple):
    """A value that the type of its column cannot hold: it is in the column `<name>__v_text`."""

    text: str


class Type(NamedTuple):
    """A type of a database, the SQL of values of it with what comes of them, and the type of the column to come."""

    sql: str
    becomes: str
    values: tuple[tuple[str, Any], ...]
    note: str = ""
    connectorx: bool = True  # it can read this


def one(sql: str, becomes: str, *values: Any, note: str = "", connectorx: bool = True) -> Type:
    return Type(sql, becomes, tuple(zip(values[::2], values[1::2], strict=True)), note, connectorx)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=UTC)


LAST = (9999, 12, 31, 23, 59, 59, 999999)
OUT_OF_RANGE = "infinity and what is not in the years 1 to 9999"
POSTGRES = [
    one("smallint", "bigint", "-32768", -32768, "32767", 32767),
    one("integer", "bigint", "2147483647", 2147483647),
    one("bigint", "bigint", "-9223372036854775808", -(2**63), "9223372036854775807", 2**63 - 1),
    one("oid", "bigint", "4294967295", 4294967295),
    one("real", "double", "1.1", 1.1, "3.4028235e38", 3.4028235e38, "1e-45", 1e-45, "'NaN'", NAN, note="the shortest number that is the same in single precision"),
    one("double precision", "double", "0.1", 0.1, "1e308", 1e308, "'-Infinity'", -INFINITY, "'NaN'", NAN),
    one("numeric(12,3)", "decimal(12,3)", "123456789.125", D("123456789.125"), "-0.001", D("-0.001"), "'NaN'", Odd("NaN")),
    one("numeric(20,0)", "decimal(20,0)", "12345678901234567890", D(12345678901234567890)),
    one("numeric", "decimal", "1.5", D("1.5"), "0.000000001", D("0.000000001"), "'Infinity'", Odd("Infinity"), note="9 digits after the point, or as many as the first values have"),
    one("numeric(50,20)", "decimal", "123456789012345678901234567890.12345678901234567890", D("123456789012345678901234567890.12345678901234567890"), note="what has more than 38 digits is in `__v_decimal`"),
    one("numeric(5,-2)", "decimal", "12345", D(12300)),
    one("boolean", "bool", "true", True, "false", False),
    one("date", "date", "'2024-02-29'", dt.date(2024, 2, 29), "'0001-01-01'", dt.date(1, 1, 1), "'9999-12-31'", dt.date(9999, 12, 31), "'infinity'", Odd("infinity"), "'10000-01-01'", Odd("10000-01-01"), note=OUT_OF_RANGE),
    one("timestamp", "timestamp, no zone", "'2024-02-29 23:59:59.999999'", dt.datetime(2024, 2, 29, 23, 59, 59, 999999), "'0001-01-01'", dt.datetime(1, 1, 1), "'9999-12-31 23:59:59.999999'", dt.datetime(*LAST), "'infinity'", Odd("infinity"), "'-infinity'", Odd("-infinity"), "'0044-03-15 BC'", Odd("0044-03-15 00:00:00 BC"), note=OUT_OF_RANGE),
    one("timestamp(3)", "timestamp, no zone", "'2024-01-01 00:00:00.123'", dt.datetime(2024, 1, 1, 0, 0, 0, 123000)),
    one("timestamptz", "timestamp", "'2024-02-29 23:59:59.999999+02'", utc(2024, 2, 29, 21, 59, 59, 999999), "'0001-01-01 00:00:00+00'", utc(1, 1, 1), "'9999-12-31 23:59:59.999999+00'", utc(*LAST), "'infinity'", Odd("infinity"), note=OUT_OF_RANGE),
    one("time", "time", "'23:59:59.999999'", dt.time(23, 59, 59, 999999), "'24:00'", Odd("24:00:00"), note="24:00"),
    one("timetz", "text", "'12:00:00+02'", "12:00:00+02"),
    one("interval", "text", "'1 year 2 mons 3 days 04:05:06.789'", "1 year 2 mons 3 days 04:05:06.789", "'-1 second'", "-00:00:01"),
    one("json", "json", """'{"a": 1.50, "b": [1, null]}'""", '{"a": 1.50, "b": [1, null]}', "'null'", "null"),
    one("jsonb", "json", """'{"a": [1, 2.0]}'""", '{"a": [1, 2.0]}', """'"text"'""", '"text"', "'[]'", "[]"),
    one("integer[]", "json", "'{1,NULL,3}'", "[1,null,3]", "'{}'", "[]", "'{{1},{2}}'", "[[1],[2]]"),
    one("text[]", "json", """'{"b,c",NULL,""}'""", '["b,c",null,""]'),
    one("numeric[]", "json", "'{1.50,NaN}'", '[1.50,"NaN"]'),
    one("uuid", "text", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    one("text", "text", "E'h\\u00e9\\n\"\\'\\\\x%s'", "hé\n\"'\\x%s", "''", ""),
    one("varchar(5)", "text", "'abcde'", "abcde"),
    one("char(4)", "text", "'ab'", "ab  "),
    one("citext", "text", "'CiText'", "CiText"),
    one("mood", "text", "'happy'", "happy", note="enum"),
    one("positive", "bigint", "5", 5, note="domain: as what it is made of"),
    one("bytea", "binary", r"'\x00ff10'", b"\x00\xff\x10", "''", b""),
    one("bit(4)", "text", "B'1010'", "1010"),
    one("bit varying", "text", "B'101'", "101"),
    one("inet", "text", "'192.168.0.1/24'", "192.168.0.1/24"),
    one("macaddr", "text", "'08:00:2b:01:02:03'", "08:00:2b:01:02:03"),
    one("money", "text", "12.34", "$12.34"),
    one("int4range", "text", "'[1,5)'", "[1,5)"),
    one("tsvector", "text", "'a b'", "'a' 'b'"),
    one("point", "text", "'(1,2)'", "(1,2)"),
    one("hstore", "text", """'"a"=>"1"'""", '"a"=>"1"'),
    one("vector(3)", "text", "'[1,2,3]'", "[1,2,3]"),
    one("name", "text", "'nm'", "nm"),
    one("pair", "text", "'(1,x)'", "(1,x)", note="composite type"),
]  # fmt: skip
POSTGRES_SETUP = (
    "CREATE TYPE mood AS ENUM ('sad', 'happy')",
    "CREATE DOMAIN positive AS int CHECK (value > 0)",
    "CREATE TYPE pair AS (a int, b text)",
    "CREATE EXTENSION vector",
    "CREATE EXTENSION hstore",
    "CREATE EXTENSION citext",
)

NO_DAY = "days that no calendar has"
MYSQL = [
    one("tinyint", "bigint", "-128", -128),
    one("tinyint(1)", "bigint", "1", 1, "2", 2),
    one("smallint", "bigint", "-32768", -32768),
    one("mediumint unsigned", "bigint", "16777215", 16777215),
    one("int unsigned", "bigint", "4294967295", 4294967295),
    one("bigint", "bigint", "9223372036854775807", 2**63 - 1),
    one("bigint unsigned", "bigint", "18446744073709551615", 2**64 - 1, "1", 1, note="what has more than 63 bits is in `__v_decimal`"),
    one("float", "double", "1.1", 1.1, "16777216", 16777216.0, note="the shortest number that is the same in single precision"),
    one("double", "double", "0.1", 0.1, "1.7976931348623157e308", 1.7976931348623157e308),
    one("decimal(10,2)", "decimal(10,2)", "12345678.91", D("12345678.91"), "-0.01", D("-0.01")),
    one("decimal(20,0)", "decimal(20,0)", "12345678901234567890", D(12345678901234567890)),
    one("decimal(65,30)", "decimal", "12345678901234567890123456789012345.123456789012345678901234567890", D("12345678901234567890123456789012345.123456789012345678901234567890"), note="what has more than 38 digits is in `__v_decimal`"),
    one("bit(1)", "bigint", "1", 1, "0", 0),
    one("bit(8)", "bigint", "170", 170),
    one("year", "bigint", "2024", 2024),
    one("date", "date", "'2024-02-29'", dt.date(2024, 2, 29), "'0001-01-01'", dt.date(1, 1, 1), "'0000-00-00'", Odd("0000-00-00"), "'2024-00-00'", Odd("2024-00-00"), note=NO_DAY),
    one("datetime", "timestamp, no zone", "'2024-02-29 23:59:59'", dt.datetime(2024, 2, 29, 23, 59, 59), "'2918-01-01 00:00:00'", dt.datetime(2918, 1, 1), "'0000-00-00 00:00:00'", Odd("0000-00-00 00:00:00"), note=NO_DAY),
    one("datetime(6)", "timestamp, no zone", "'9999-12-31 23:59:59.999999'", dt.datetime(*LAST), "'0001-01-01 00:00:00'", dt.datetime(1, 1, 1)),
    one("timestamp null", "timestamp, no zone", "'2024-02-29 23:59:59'", dt.datetime(2024, 2, 29, 23, 59, 59), note="in the time zone of the session"),
    one("time", "time", "'23:59:59'", dt.time(23, 59, 59), "'-838:59:59'", Odd("-838:59:59"), "'24:00:00'", Odd("24:00:00"), note="what is no time of a day"),
    one("time(6)", "time", "'23:59:59.999999'", dt.time(23, 59, 59, 999999)),
    one("char(3)", "text", "'ab'", "ab"),
    one("varchar(10)", "text", "'hé😀'", "hé😀", "''", ""),
    one("text", "text", r"""'a\nb''"\\%'""", "a\nb'\"\\%"),
    one("longtext", "text", "'x'", "x"),
    one("binary(3)", "binary", "x'00ff'", b"\x00\xff\x00"),
    one("varbinary(5)", "binary", "x'00ff'", b"\x00\xff", "''", b""),
    one("blob", "binary", "x'00ff10'", b"\x00\xff\x10"),
    one("enum('a','b')", "text", "'a'", "a"),
    one("set('a','b','c')", "text", "'a,c'", "a,c"),
    one("json", "text", """'{"a": 1.50}'""", '{"a": 1.50}', note="in MySQL json; MariaDB has texts"),
    one("uuid", "text", "'123e4567-e89b-12d3-a456-426655440000'", "123e4567-e89b-12d3-a456-426655440000"),
    one("point", "", "point(1, 2)", bytes.fromhex("00000000010100000000000000" + "0000f03f0000000000000040"), note="binary, as the database keeps it", connectorx=False),
]  # fmt: skip

SQLITE = [
    one("integer", "bigint", "9223372036854775807", 2**63 - 1, "'abc'", Odd("abc"), "1.5", Odd("1.5"), note="SQLite lets in any value"),
    one("real", "double", "0.1", 0.1, "'x'", Odd("x")),
    one("numeric", "decimal", "1.5", D("1.5"), "'x'", Odd("x")),
    one("decimal(10,2)", "decimal", "12.25", D("12.25"), note="SQLite keeps no digits: they are found in the data"),
    one("boolean", "bool", "1", True, "0", False, "7", Odd("7")),
    one("date", "date", "'2024-02-29'", dt.date(2024, 2, 29), "'soon'", Odd("soon")),
    one("datetime", "timestamp, no zone", "'2024-02-29 23:59:59.999999'", dt.datetime(2024, 2, 29, 23, 59, 59, 999999), "'2024-02-29T12:00:00'", dt.datetime(2024, 2, 29, 12), "'2024-02-29 12:00:00+02:00'", Odd("2024-02-29 12:00:00+02:00")),
    one("time", "time", "'23:59:59.999999'", dt.time(23, 59, 59, 999999)),
    one("json", "json", """'{"a": 1.50}'""", '{"a": 1.50}', "'{broken'", Odd("{broken")),
    one("text", "text", "'hé'", "hé", "''", ""),
    one("varchar(5)", "text", "'longer than 5'", "longer than 5"),
    one("blob", "binary", "x'00ff10'", b"\x00\xff\x10", "'text'", Odd("text")),
]  # fmt: skip

DATABASES = {"PostgreSQL": POSTGRES, "MySQL": MYSQL, "SQLite": SQLITE}


def column(number: int) -> str:
    return f"c{number}"


def statements(types: list[Type]) -> list[str]:
    """SQL that makes the table `everything`: a row for each value, the last without any."""
    rows = max(len(one.values) for one in types)
    columns = ", ".join(f"{column(number)} {one.sql}" for number, one in enumerate(types))
    out = [f"CREATE TABLE everything (id integer PRIMARY KEY, {columns})"]
    for row in range(rows):
        there = [(number, one.values[row][0]) for number, one in enumerate(types) if row < len(one.values)]
        names = "".join(f", {column(number)}" for number, _ in there)
        out.append(f"INSERT INTO everything (id{names}) VALUES ({row}{''.join(', ' + sql for _, sql in there)})")
    return [*out, f"INSERT INTO everything (id) VALUES ({rows})"]


def expected(one: Type, rows: int) -> tuple[list[Any], list[str | None]]:
    """The values of the column in the order of the rows, and those in the column for what it cannot hold."""
    values = [value for _, value in one.values]
    values += [None] * (rows - len(values))
    return (
        [None if isinstance(value, Odd) else value for value in values],
        [value.text if isinstance(value, Odd) else None for value in values],
    )


def table() -> str:
    """What comes of which type, as Markdown."""
    lines = ["| database | type | becomes | remarks |", "|---|---|---|---|"]
    for database, types in DATABASES.items():
        for one in types:
            odd = [f"`{value.text}`" for _, value in one.values if isinstance(value, Odd)]
            remarks = [one.note] if one.note else []
            remarks += [f"in `__v_text`: {', '.join(odd)}"] if odd else []
            lines.append(f"| {database} | `{one.sql}` | {one.becomes or 'binary'} | {'; '.join(remarks)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    before, _, rest = DOCS.read_text().partition(MARKS[0])
    DOCS.write_text(before + MARKS[0] + table() + MARKS[1] + rest.partition(MARKS[1])[2])
