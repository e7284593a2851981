"""Types and values of the source and of the copy."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from pg_replication.mirrors import at_destination, at_source, connected, pipeline, source

TYPES = {  # declaration, values -> data type at the destination, values there; None: those that psycopg gives
    "bool": ("bool", ["true", "NULL"], "bool", None),
    "int2": ("int2", ["-32768"], "bigint", None),
    "int8": ("int8", ["9223372036854775807"], "bigint", None),
    "float4": ("float4", ["0.1"], "double", None),
    "float8": ("float8", ["0.1", "'Infinity'"], "double", None),
    "numeric_10_3": ("numeric(10, 3)", ["1.5", "-0.001"], "decimal", None),
    "numeric_38": ("numeric(38, 10)", ["1234567890123456789012345678.0123456789"], "decimal", None),
    "free_numeric": ("numeric", ["1.123456789", "12345678901234567890"], "decimal", None),
    "text": ("text", ["''", r"E'\t\n\\x é'"], "text", None),
    "varchar": ("varchar(5)", ["'ab'"], "text", None),
    "char": ("char(4)", ["'ab'"], "text", None),
    "date": ("date", ["'2024-02-29'", "'0001-01-01'"], "date", None),
    "time": ("time", ["'23:59:59.999999'"], "time", None),
    "timetz": ("timetz", ["'10:00+02'"], "text", ["10:00:00+02"]),
    "interval": ("interval", ["'1 day 02:00'"], "text", ["1 day 02:00:00"]),
    "ts": ("timestamp", ["'2024-01-02 03:04:05.000001'"], "timestamp", None),
    "tstz": ("timestamptz", ["'2024-01-02 03:04:05+02'"], "timestamp", None),
    "bytes": ("bytea", [r"'\x00ff'", "''"], "binary", None),
    "json": ("json", ["""'{"b": 1, "a": [1, null]}'"""], "json", None),
    "jsonb": ("jsonb", ["""'{"b": "é"}'""", "'[]'"], "json", None),
    "uuid": ("uuid", ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"], "text", None),
    "ints": ("int[]", ["'{1,null}'", "'{{1},{2}}'", "'{}'"], "json", None),
    "texts": ("text[]", ["""ARRAY['a,b', '"', NULL, 'NULL']"""], "json", None),
    "enum": ("mood", ["'fine'"], "text", None),
    "domain": ("price", ["1.25"], "decimal", None),
    "inet": ("inet", ["'10.0.0.1/8'"], "text", ["10.0.0.1/8"]),
    "point": ("point", ["'(1,2)'"], "text", ["(1,2)"]),
    "oid": ("oid", ["4000000000"], "bigint", None),
}


@pytest.mark.parametrize("way", ["snapshot", "log"])
def test_types(postgres, way):
    """The same from a snapshot as from the log, all types in one table."""
    with connected(postgres) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('fine'); CREATE DOMAIN price AS numeric(8, 2)")
        columns = ", ".join(f"c_{name} {kind}" for name, (kind, *_) in TYPES.items())
        connection.execute(f"CREATE TABLE a (id int PRIMARY KEY, {columns})")
        if way == "log":
            pipeline().run(source(postgres, ["a"]))
        for number in range(3):
            values = {name: given[number] for name, (_, given, *_) in TYPES.items() if number < len(given)}
            names = ", ".join(f"c_{name}" for name in values)
            connection.execute(f"INSERT INTO a (id, {names}) VALUES ({number}, {', '.join(values.values())})")
    follower = pipeline()
    follower.run(source(postgres, ["a"]))

    known = follower.default_schema.get_table("a")["columns"]
    there, here = at_source(postgres, "a"), at_destination("a")
    assert {name: known[f"c_{name}"]["data_type"] for name in TYPES} == {
        name: kind for name, (*_, kind, _) in TYPES.items()
    }
    assert not [name for name in here[0] if "__v_" in name]
    for name, (_, given, _, expected) in TYPES.items():
        column = f"c_{name}"
        wanted = {row["id"]: row[column] for row in there}
        if expected is not None:
            wanted |= dict(enumerate(expected))
        assert {row["id"]: row[column] for row in here} == wanted, (name, given)


@pytest.mark.slow
def test_types_are_those_of_the_source_sql_database(postgres):
    from dlt.sources.sql_database import sql_database

    unknown = ("domain", "point")  # to SQLAlchemy
    others = [name for name in TYPES if name not in unknown]
    with connected(postgres) as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('fine')")
        connection.execute(
            f"CREATE TABLE a (id int PRIMARY KEY, {', '.join(f'c_{name} {TYPES[name][0]}' for name in others)})"
        )
        values = ", ".join(TYPES[name][1][0] for name in others)
        connection.execute(f"INSERT INTO a VALUES (1, {values})")
    mine, theirs = pipeline(), pipeline(name="reader")
    mine.run(source(postgres, ["a"]))
    theirs.run(sql_database(postgres.replace("://", "+psycopg://"), table_names=["a"]))

    about = ("data_type", "precision", "scale", "timezone")
    one, other = (made.default_schema.get_table("a")["columns"] for made in (mine, theirs))
    for name in others:
        column = f"c_{name}"
        assert [one[column].get(key) for key in about] == [other[column].get(key) for key in about], name
    assert at_destination("a") == at_destination("a", ["id", *(f"c_{name}" for name in others)], "reader.duckdb")


def test_values_that_the_type_of_their_column_does_not_have(postgres):
    """They keep what they are in a column beside."""
    with connected(postgres) as connection:
        connection.execute(
            "CREATE TABLE a (id int PRIMARY KEY, d date, n numeric(5, 2), t timestamptz, x numeric, f float8)"
        )
        connection.execute(
            "INSERT INTO a VALUES (1, 'infinity', 'NaN', '20000-01-01', 'Infinity', 'NaN'),"
            " (2, '2024-01-01', 1.5, '2024-01-01', 1.1234567890123, 1)"
        )
    pipeline().run(source(postgres, ["a"]))

    first, second = sorted(at_destination("a"), key=lambda row: row["id"])
    assert (first["d"], first["n"], first["t"]) == (None, None, None)
    assert math.isnan(first["f"])
    assert (first["x"], first["x__v_text"]) == (None, "Infinity")
    assert (first["d__v_text"], first["n__v_text"], first["t__v_text"]) == (
        "infinity",
        "NaN",
        "20000-01-01 00:00:00+00",
    )
    assert (second["d"], second["n"], second["t"]) == (
        dt.date(2024, 1, 1),
        Decimal("1.5"),
        dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
    )


def test_hints_and_columns_of_the_user(postgres):
    with connected(postgres) as connection:
        connection.execute("CREATE TABLE a (id int PRIMARY KEY, n numeric, d date, secret text)")
        connection.execute("INSERT INTO a VALUES (1, 'NaN', 'infinity', 'x')")
        wanted = {
            "columns": {"a": {"n": {"data_type": "text", "description": "as it is"}, "d": {"data_type": "text"}}},
            "include_columns": {"a": ["n", "d"]},
        }
        follower = pipeline()
        follower.run(source(postgres, ["a"], **wanted))
        connection.execute("INSERT INTO a VALUES (2, 1.50, '2024-01-01', 'y')")
        follower.run(source(postgres, ["a"], **wanted))

    assert at_destination("a") == [{"id": 1, "n": "NaN", "d": "infinity"}, {"id": 2, "n": "1.50", "d": "2024-01-01"}]
    assert follower.default_schema.get_table("a")["columns"]["n"]["description"] == "as it is"
