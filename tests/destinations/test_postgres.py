"""PostgreSQL: settings, types, tables that are there already, rows that it refuses, errors by what happens next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import dlt
from dlt.destinations import _postgres_driver as driver
from dlt.destinations._postgres import PostgresCredentials
from dlt.errors import ConfigError, DestinationRefused, NotBuilt, PlanError, RetryableError, StepFailed

UTC = dt.UTC
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def sql(postgres: str) -> Iterator[Sql]:
    """Runs a statement in the database."""
    with psycopg.connect(postgres, autocommit=True) as connection:

        def run(statement: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = connection.execute(statement, values or None)  # type: ignore[call-overload]  # it wants a literal
            return cursor.fetchall() if cursor.description else []

        yield run


def pipeline(url: str, name: str = "p", **options: Any) -> dlt.Pipeline:
    return dlt.pipeline(name, destination=dlt.destinations.postgres(url, **options), dataset_name="ds")


def types_of(sql: Sql, table: str) -> dict[str, str]:
    return dict(
        sql(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = 'ds.{table}'::regclass AND attnum > 0 AND NOT attisdropped"
        )
    )


def cause(failed: pytest.ExceptionInfo[StepFailed]) -> Any:
    return failed.value.exception


# ---- settings


def test_a_url_in_the_settings(postgres: str, monkeypatch: pytest.MonkeyPatch, sql: Sql) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS", postgres)
    dlt.pipeline("p", destination="postgres", dataset_name="ds").run([{"id": 1}], table_name="t")

    assert sql("SELECT id FROM ds.t") == [(1,)]


@pytest.mark.parametrize("name", ["postgres", "warehouse"])
def test_parts_in_the_settings(postgres: str, monkeypatch: pytest.MonkeyPatch, sql: Sql, name: str) -> None:
    url = PostgresCredentials(postgres)
    for field in ("host", "port", "username", "database"):
        monkeypatch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS__{field.upper()}", str(getattr(url, field)))
    destination = dlt.destinations.postgres(destination_name=name)
    dlt.pipeline("p", destination=destination, dataset_name="ds").run([{"id": 1}], table_name="t")

    assert sql("SELECT id FROM ds.t") == [(1,)]


@pytest.mark.parametrize("kind", [dict, PostgresCredentials])
def test_parts_as_an_argument(postgres: str, sql: Sql, kind: Any) -> None:
    url = PostgresCredentials(postgres)
    parts = {field: getattr(url, field) for field in ("host", "port", "username", "database")}
    pipeline(kind(parts)).run([{"id": 1}], table_name="t")

    assert sql("SELECT id FROM ds.t") == [(1,)]


def test_what_an_argument_does_not_say_is_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__PASSWORD", "hush")
    for given in ("postgresql://u@h/db", {"username": "u", "host": "h", "database": "db"}):
        found = dlt.destinations.postgres(given)._credentials(given)

        assert (found.username, found.host, found.database, found.password) == ("u", "h", "db", "hush")


def test_all_that_is_missing_is_said_at_once_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION__POSTGRES__CREDENTIALS__HOST", "localhost")
    made = dlt.pipeline("p", destination="postgres", dataset_name="ds")

    with pytest.raises(StepFailed) as failed:
        made.run([{"id": 1}], table_name="t")

    assert isinstance(cause(failed), ConfigError)
    assert cause(failed).fields == ["credentials.database", "credentials.username"]


def test_options_of_the_connection() -> None:
    found = PostgresCredentials("postgresql://u:p@h/db?connect_timeout=3&sslmode=require&session_timezone=Asia/Tokyo")

    assert found.options() == {
        "host": "h", "port": 5432, "user": "u", "password": "p", "dbname": "db", "connect_timeout": 3, "sslmode": "require",
    }  # fmt: skip
    assert found.session_timezone == "Asia/Tokyo"
    assert PostgresCredentials("postgres://u@h/db").options()["connect_timeout"] == 15


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "unicode", None])
def test_encodings_that_are_taken(name: str | None) -> None:
    PostgresCredentials({"client_encoding": name}).options()


def test_an_encoding_that_is_not_taken() -> None:
    with pytest.raises(NotBuilt, match="UTF-8"):
        PostgresCredentials({"client_encoding": "latin1"}).options()


@pytest.mark.parametrize("url", ["mysql://u@h/db", "duckdb:///x.db"])
def test_a_url_of_another_database(url: str) -> None:
    with pytest.raises(ConfigError, match=r"no URL of PostgreSQL|no connection string"):
        dlt.destinations.postgres(url).bind("p")


@pytest.mark.parametrize(
    ("change", "kind", "said"),
    [
        (lambda url: url.replace("postgres@", "nobody_here@"), ConfigError, "nobody_here"),
        (lambda url: url.rpartition("/")[0] + "/nowhere", ConfigError, "nowhere"),
        (lambda url: url + "?sslmode=wrong", ConfigError, "sslmode"),
        (lambda url: url + "?no_option=1", ConfigError, "no_option"),
        (lambda _: "postgresql://u@127.0.0.1:1/db", RetryableError, "127.0.0.1:1"),
    ],
)
def test_connections_that_cannot_be_made(postgres: str, change: Any, kind: type[Exception], said: str) -> None:
    destination = dlt.destinations.postgres(change(postgres)).bind("p")

    with pytest.raises(kind, match=said):
        destination.open("ds", None)


def test_the_password_is_not_shown(postgres: str) -> None:
    destination = dlt.destinations.postgres(postgres.replace("postgres@", "postgres:hush@") + "?no_option=1").bind("p")

    with pytest.raises(ConfigError) as refused:
        destination.open("ds", None)

    assert "hush" not in f"{refused.value} {destination.location} {destination.fingerprint}"
    assert destination.location.startswith("postgresql://postgres:***@127.0.0.1:")


def test_the_time_zone_of_the_session(postgres: str) -> None:
    destination = dlt.destinations.postgres(f"{postgres}?session_timezone=Asia/Kolkata").bind("p")
    with closing(destination.open("ds", None)) as session:
        asked = "SELECT current_setting('TimeZone') AS zone, TIMESTAMPTZ '9999-12-31 23:00:00+00' AS late"
        [row] = session.driver.query(asked).read_all().to_pylist()

        assert row["late"] == dt.datetime(9999, 12, 31, 23, tzinfo=UTC)
        assert session.driver.rows("SELECT current_setting('TimeZone')") == [("Asia/Kolkata",)]


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"delimiter": ",", "include_header": True}, None),
        ({"delimiter": ";"}, NotBuilt),
        ({"on_error_continue": True}, NotBuilt),
        ({"on_error_continue": False}, None),
        ({"separator": ";"}, ConfigError),
    ],
)
def test_csv_format(given: dict[str, Any], error: type[Exception] | None) -> None:
    if error is None:
        dlt.destinations.postgres(csv_format=given)
        return
    with pytest.raises(error):
        dlt.destinations.postgres(csv_format=given)


# ---- an open connection


def test_an_open_connection_stays_open_and_keeps_its_settings(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        pipeline(connection).run([{"id": 1, "items": [1]}], table_name="t")

        assert connection.info.transaction_status == 0
        assert connection.execute("SELECT id FROM ds.t").fetchall() == [(1,)]
        assert connection.autocommit is False


def test_a_connection_within_a_transaction(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE TABLE mine (id integer)")

        with pytest.raises(StepFailed, match="is in a transaction") as failed:
            pipeline(connection).run([{"id": 1}], table_name="t")

    assert isinstance(cause(failed), ConfigError)


def test_a_connection_of_another_library() -> None:
    class Other:
        def cursor(self) -> None: ...

    with pytest.raises(ConfigError, match="no connection of psycopg 3"):
        dlt.destinations.postgres(Other()).bind("p").open("ds", None)


# ---- types


TYPES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "text": ({"data_type": "text"}, "a", "character varying"),
    "text_10": ({"data_type": "text", "precision": 10}, "a", "character varying(10)"),
    "bigint": ({"data_type": "bigint"}, 1, "bigint"),
    "smallint": ({"data_type": "bigint", "precision": 16}, 1, "smallint"),
    "integer": ({"data_type": "bigint", "precision": 32}, 1, "integer"),
    "double": ({"data_type": "double"}, 1.5, "double precision"),
    "bool": ({"data_type": "bool"}, True, "boolean"),
    "aware": ({"data_type": "timestamp"}, dt.datetime(2024, 1, 2, tzinfo=UTC), "timestamp with time zone"),
    "naive": (
        {"data_type": "timestamp", "timezone": False}, dt.datetime(2024, 1, 2), "timestamp without time zone",
    ),
    "date": ({"data_type": "date"}, dt.date(2024, 1, 2), "date"),
    "time": ({"data_type": "time"}, dt.time(1, 2), "time without time zone"),
    "binary": ({"data_type": "binary"}, b"\0\xff", "bytea"),
    "json": ({"data_type": "json"}, {"a": [1]}, "jsonb"),
    "decimal": ({"data_type": "decimal"}, Decimal("1.5"), "numeric(38,9)"),
    "decimal_76": ({"data_type": "decimal", "precision": 76, "scale": 20}, Decimal(10) ** 50, "numeric(76,20)"),
    "wei": ({"data_type": "wei"}, Decimal(2**250), "numeric(76,0)"),
}  # fmt: skip


@pytest.mark.parametrize("name", TYPES)
def test_types_of_columns(postgres: str, sql: Sql, name: str) -> None:
    hints, value, kind = TYPES[name]
    for _ in range(2):
        pipeline(postgres).run([{"v": value}], table_name="t", columns={"v": hints})

    assert types_of(sql, "t")["v"] == kind
    assert sql("SELECT v FROM ds.t") == [(value,)] * 2


def test_numbers_beyond_64_bits_and_38_digits(postgres: str, sql: Sql) -> None:
    rows = [{"i": 2**200, "d": Decimal("1" * 40 + "." + "5" * 20)}, {"i": -(2**64), "d": Decimal("0.1")}]
    pipeline(postgres).run(rows, table_name="t")

    assert sql("SELECT i, d FROM ds.t ORDER BY i DESC") == [(row["i"], row["d"]) for row in rows]


def test_unique_columns_have_a_constraint(postgres: str, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'ds.t'::regclass AND contype = 'u'"
    hints: Any = {"k": {"unique": True}}
    pipeline(postgres).run([{"k": 1}], table_name="t", columns=hints)
    assert sql(asked) == [(2,)]  # its own one, and that of _dlt_id

    sql("DROP SCHEMA ds CASCADE")
    pipeline(postgres, "other", create_indexes=False).run([{"k": 1}], table_name="t", columns=hints)
    assert sql(asked) == [(0,)]

    sql("DROP SCHEMA ds CASCADE")
    monkeypatch.setenv("DESTINATION__POSTGRES__CREATE_INDEXES", "false")
    pipeline(postgres, "third").run([{"k": 1}], table_name="t", columns=hints)
    assert sql(asked) == [(0,)]


def test_values_that_a_constraint_forbids_leave_nothing(postgres: str, sql: Sql) -> None:
    with pytest.raises(StepFailed, match="is duplicated") as failed:
        pipeline(postgres).run([{"k": 1}, {"k": 1}], table_name="t", columns={"k": {"unique": True}})

    assert cause(failed).context["table"] == "t"
    assert sql("SELECT to_regclass('ds.t')") == [(None,)]


def test_long_names_do_not_collide_in_a_merge(postgres: str, sql: Sql) -> None:
    table = "t" * 63
    rows = [{"id": 1, "items": [{"a": [1]}, {"a": [2]}]}]
    for _ in range(2):
        pipeline(postgres).run(rows, table_name=table, write_disposition="merge", primary_key="id")

    counts = {name: sql(f'SELECT count(*) FROM ds."{name}"')[0][0] for (name,) in sql(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'ds' AND tablename LIKE 't%'")}  # fmt: skip
    assert sorted(counts.values()) == [1, 2, 2]


# ---- tables that are there already


EXISTING: dict[str, tuple[str, dict[str, Any], Any, Any]] = {  # type there, hints, value, what is there then
    "text": ("text", {}, "a", "a"),
    "jsonb as text": ("text", {"data_type": "json"}, {"b": 1, "a": 2}, '{"b":1,"a":2}'),
    "json": ("json", {"data_type": "json"}, [1, 2], [1, 2]),
    "numeric": ("numeric", {"data_type": "decimal"}, Decimal("1.5"), Decimal("1.500000000")),
    "wider numeric": ("numeric(50,20)", {"data_type": "decimal"}, Decimal("1.5"), Decimal("1.50000000000000000000")),
    "wider integer": ("bigint", {"data_type": "bigint", "precision": 16}, 7, 7),
    "timestamp(3)": (
        "timestamp(3) with time zone", {"data_type": "timestamp", "precision": 3},
        dt.datetime(2024, 1, 1, 0, 0, 0, 123000, UTC), dt.datetime(2024, 1, 1, 0, 0, 0, 123000, UTC),
    ),
    "uuid": ("uuid", {}, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "inet": ("inet", {}, "10.0.0.1", "10.0.0.1/32"),
    "enum": ("mood", {}, "happy", "happy"),
    "array": ("integer[]", {}, "{1,2}", "{1,2}"),
    "vector of a list": ("vector(3)", {"data_type": "json"}, [1, 2, 3], "[1,2,3]"),
    "vector of a text": ("vector(3)", {}, "[1,2.5,3]", "[1,2.5,3]"),
}  # fmt: skip


@pytest.mark.parametrize("disposition", ["append", "replace", "merge"])
@pytest.mark.parametrize("name", EXISTING)
def test_columns_that_are_there_keep_their_type(postgres: str, sql: Sql, name: str, disposition: str) -> None:
    kind, hints, value, expected = EXISTING[name]
    sql("CREATE EXTENSION vector")
    sql("CREATE TYPE mood AS ENUM ('happy')")
    sql(f"CREATE SCHEMA ds; CREATE TABLE ds.t (id bigint, v {kind}, mine vector(2))")
    before = types_of(sql, "t")
    how: Any = {"primary_key": "id", "write_disposition": disposition, "columns": {"v": hints} if hints else None}
    for _ in range(2):
        pipeline(postgres).run([{"id": 1, "v": value}, {"id": 2, "v": None}], table_name="t", **how)

    found = sql("SELECT v::text FROM ds.t" if isinstance(expected, str) else "SELECT v FROM ds.t")
    assert sorted(found, key=repr) == sorted([(expected,), (None,)] * (2 if disposition == "append" else 1), key=repr)
    assert {key: types_of(sql, "t")[key] for key in before} == before


CHANGED: dict[str, tuple[str, dict[str, Any], Any]] = {  # type there, hints, a value that it does not hold
    "character": ("character(5)", {}, "ab "),
    "varchar, blanks": ("character varying(3)", {}, "abc "),
    "varchar": ("character varying(3)", {}, "abcd"),
    "timestamp(3)": (
        "timestamp(3) with time zone", {"data_type": "timestamp", "precision": 3},
        dt.datetime(2024, 1, 1, 0, 0, 0, 123456, UTC),
    ),
    "uuid": ("uuid", {}, "no uuid"),
    "vector": ("vector(3)", {"data_type": "json"}, [1, 2]),
    "enum": ("mood", {}, "angry"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_values_that_a_column_would_change_are_quarantined(postgres: str, sql: Sql, name: str) -> None:
    kind, hints, value = CHANGED[name]
    sql("CREATE EXTENSION vector")
    sql("CREATE TYPE mood AS ENUM ('happy')")
    sql(f"CREATE SCHEMA ds; CREATE TABLE ds.t (id bigint, v {kind})")
    rows = [{"id": number, "v": value if number == 5 else None} for number in range(20)]
    pipeline(postgres).run(rows, table_name="t", columns={"v": hints or {"data_type": "text"}})

    assert sql("SELECT count(*), count(v) FROM ds.t") == [(19, 0)]
    [(table, reason)] = sql("SELECT table_name, reason FROM ds._dlt_quarantine")
    assert (table, reason) == ("t", "destination")


@pytest.mark.parametrize(
    ("kind", "value"), [("numeric(10,2)", Decimal("1.5")), ("smallint", 1), ("real", 1.5), ("boolean", "x")]
)
def test_types_that_hold_less_are_said_before_anything_is_written(
    postgres: str, sql: Sql, kind: str, value: Any
) -> None:
    sql(f"CREATE SCHEMA ds; CREATE TABLE ds.t (id bigint, v {kind})")

    with pytest.raises(StepFailed) as failed:
        pipeline(postgres).run([{"id": 1, "v": value}], table_name="t")

    assert isinstance(cause(failed), PlanError)
    assert cause(failed).context["column"] == "v"


def test_generated_columns_and_defaults_are_left_alone(postgres: str, sql: Sql) -> None:
    sql("CREATE SCHEMA ds")
    sql("CREATE TABLE ds.t (n serial PRIMARY KEY, id bigint, twice bigint GENERATED ALWAYS AS (id * 2) STORED)")
    pipeline(postgres).run([{"id": 3}], table_name="t")

    assert sql("SELECT n, id, twice FROM ds.t") == [(1, 3, 6)]


# ---- rows that are refused


def test_rows_that_break_a_rule_of_the_table(postgres: str, sql: Sql) -> None:
    sql("CREATE SCHEMA ds; CREATE TABLE ds.t (id bigint CHECK (id <> 13))")
    pipeline(postgres).run([{"id": number} for number in range(100)], table_name="t")

    assert sql("SELECT count(*) FROM ds.t") == [(99,)]
    [(table, error)] = sql("SELECT table_name, detail FROM ds._dlt_quarantine")
    assert table == "t"
    assert "violates check constraint" in error


def test_zero_bytes_in_text_and_in_json(postgres: str, sql: Sql) -> None:
    rows = [{"id": 1, "v": "a\0b"}, {"id": 2, "j": {"k": "a\0b"}}, {"id": 3, "v": "ab", "j": {"k": "ab"}}]
    pipeline(postgres).run(rows, table_name="t", columns={"j": {"data_type": "json"}})

    assert sql("SELECT id FROM ds.t") == [(3,)]
    assert sql("SELECT count(*), min(table_name) FROM ds._dlt_quarantine") == [(2, "t")]


def test_a_refusal_names_table_column_and_row(postgres: str, sql: Sql) -> None:
    sql("CREATE SCHEMA ds; CREATE TABLE ds.t (id bigint, v jsonb)")
    rows = [{"id": number, "v": {"k": "\0" if number == 2 else ""}} for number in range(4)]

    with pytest.raises(StepFailed) as failed:
        pipeline(postgres).run(
            dlt.resource(rows, name="t", columns={"v": {"data_type": "json"}}).apply_hints(
                additional_table_hints={"x-on-bad-rows": "fail"}
            )
        )

    error = cause(failed)
    assert isinstance(error, DestinationRefused)
    assert (error.context["table"], error.context["column"]) == ("t", "v")
    assert '"id":2' in error.context["row"].replace(" ", "")


# ---- errors by what happens next


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("40001", RetryableError),  # serialization
        ("40P01", RetryableError),  # deadlock
        ("55P03", RetryableError),  # lock_timeout
        ("57P01", RetryableError),  # the server is shut down
        ("53300", RetryableError),  # too many connections
        ("53100", RetryableError),  # the disk is full
        ("08006", RetryableError),
        ("42P07", RetryableError),  # somebody made the table at the same time
        ("42501", DestinationRefused),  # no right
        ("23514", DestinationRefused),
        ("2BP01", DestinationRefused),
        ("22P02", DestinationRefused),
    ],
)
def test_errors_by_their_code(postgres: str, code: str, kind: type[Exception]) -> None:
    destination = dlt.destinations.postgres(postgres).bind("p")
    with closing(destination.open("ds", None)) as session, pytest.raises(kind) as raised:
        session.driver.execute(f"DO $$ BEGIN RAISE EXCEPTION 'told' USING ERRCODE = '{code}'; END $$")

    assert type(raised.value) is kind
    assert str(raised.value).startswith("told")


def test_without_the_rights(postgres: str, sql: Sql) -> None:
    sql("DROP ROLE IF EXISTS guest")
    sql("CREATE ROLE guest LOGIN")
    url = postgres.replace("postgres@", "guest@")
    try:
        with pytest.raises(StepFailed, match="permission denied for database") as failed:
            pipeline(url).run([{"id": 1}], table_name="t")
        assert "GRANT CREATE ON DATABASE" in cause(failed).hint

        sql("CREATE SCHEMA ds; GRANT USAGE, CREATE ON SCHEMA ds TO guest")  # no right to make schemas is needed then
        made = pipeline(url)
        made.abort_packages()
        made.run([{"id": 1}], table_name="t")
        assert sql("SELECT id FROM ds.t") == [(1,)]
    finally:
        sql("DROP OWNED BY guest CASCADE")
        sql("DROP ROLE guest")


def test_a_connection_that_is_lost_in_a_copy(postgres: str, sql: Sql, monkeypatch: pytest.MonkeyPatch) -> None:
    """The load is tried again; what the lost one had sent is not there."""
    real, lost = driver.chunks, []

    def chunks(*given: Any) -> Iterator[Any]:
        for number, chunk in enumerate(real(*given)):
            if number == 2 and not lost:
                lost.append(sql("SELECT count(*) FROM ds.t")[0][0])
                sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%'")
            yield chunk

    made = pipeline(postgres)
    made.run([{"id": -1}], table_name="t")
    monkeypatch.setattr(driver, "chunks", chunks)
    made.run(({"id": number} for number in range(60_000)), table_name="t")

    assert lost == [1]
    assert sql("SELECT count(*), count(DISTINCT id) FROM ds.t") == [(60_001, 60_001)]
    assert sql("SELECT count(*) FROM ds._dlt_loads") == [(2,)]


# ---- reading


READ: dict[str, Any] = {
    "true": True,
    "NULL::text": None,
    "''": "",
    "E'a\\nb,\"c'": 'a\nb,"c',
    "'NaN'::double precision": float("nan"),
    "'-Infinity'::double precision": float("-inf"),
    "1::numeric / 4": Decimal("0.25"),
    "sum(7)": 7,
    "12345.678::numeric(20,3)": Decimal("12345.678"),
    "'\\x00ff'::bytea": b"\0\xff",
    "DATE '0001-01-01'": dt.date(1, 1, 1),
    "TIME '23:59:59.999999'": dt.time(23, 59, 59, 999999),
    "TIMESTAMPTZ '0001-01-01 00:00:00+00'": dt.datetime(1, 1, 1, tzinfo=UTC),
    "TIMESTAMP '9999-12-31 23:59:59.5'": dt.datetime(9999, 12, 31, 23, 59, 59, 500_000),
    "'{\"a\": 1}'::jsonb": '{"a": 1}',
    "ARRAY[1, 2]": "{1,2}",
    "3::smallint": 3,
    "1.5::real": 1.5,
}


@pytest.mark.parametrize("expression", READ)
def test_values_of_a_query(postgres: str, expression: str) -> None:
    destination = dlt.destinations.postgres(postgres).bind("p")
    with closing(destination.open("ds", None)) as session:
        [row] = session.driver.query(f"SELECT {expression} AS v").read_all().to_pylist()

    assert repr(row["v"]) == repr(READ[expression]) or row["v"] == READ[expression]


def test_rows_of_any_length_are_read(postgres: str) -> None:
    destination = dlt.destinations.postgres(postgres).bind("p")
    asked = "SELECT g, repeat('x', CASE g WHEN 3 THEN 40000000 ELSE g % 900 END) AS v FROM generate_series(0, 9000) g"
    with closing(destination.open("ds", None)) as session:
        found = session.driver.query(asked).read_all()

    assert found["g"].to_pylist() == list(range(9_001))
    assert len(found["v"][3].as_py()) == 40_000_000
    assert all(len(text) == g % 900 for g, text in enumerate(found["v"].to_pylist()) if g != 3)


def test_a_query_without_rows_has_columns(postgres: str) -> None:
    destination = dlt.destinations.postgres(postgres).bind("p")
    with closing(destination.open("ds", None)) as session:
        found = session.driver.query("SELECT 1 AS a, 'x' AS b WHERE false").read_all()

    assert (found.column_names, found.num_rows) == (["a", "b"], 0)


@pytest.mark.parametrize("expression", ["'infinity'::timestamptz", "DATE '0044-03-15 BC'"])
def test_values_that_cannot_be_read(postgres: str, expression: str) -> None:
    destination = dlt.destinations.postgres(postgres).bind("p")
    with closing(destination.open("ds", None)) as session, pytest.raises(DestinationRefused) as refused:
        session.driver.query(f"SELECT {expression} AS v").read_all()

    assert refused.value.context["column"] == "v"


# ---- geometries


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("vector(3)", 'CAST("v" AS vector(3))'),
        (
            "geometry(Point,4326)",
            (
                'CASE WHEN ST_SRID(CAST("v" AS geometry)) = 0 THEN ST_SetSRID(CAST("v" AS geometry), 4326)'
                ' ELSE CAST("v" AS geometry) END'
            ),
        ),
        ("geometry", 'CAST("v" AS geometry)'),
        (
            "gis.geometry(Point,1)",
            (
                'CASE WHEN gis.ST_SRID(CAST("v" AS gis.geometry)) = 0 THEN gis.ST_SetSRID(CAST("v" AS gis.geometry), 1)'
                ' ELSE CAST("v" AS gis.geometry) END'
            ),
        ),
    ],
)
def test_how_texts_become_values_of_other_types(kind: str, expected: str) -> None:
    assert driver._cast_sql('"v"', kind) == expected


def test_geometries(postgres: str, sql: Sql) -> None:
    from dlt.destinations.adapters import postgres_adapter

    if not sql("SELECT 1 FROM pg_available_extensions WHERE name = 'postgis'"):
        pytest.skip("the server has no PostGIS")
    sql("CREATE EXTENSION postgis")
    texts = ("POINT(1 2)", "SRID=4326;POINT(1 2)", "0101000000000000000000F03F0000000000000040", "SRID=3857;POINT(1 2)")
    rows = [{"id": number, "at": text} for number, text in enumerate(texts)]
    for disposition in ("append", "merge", "replace"):
        places = dlt.resource(rows, name="t", primary_key="id", write_disposition=disposition)
        pipeline(postgres).run(postgres_adapter(places, geometry="at"))

        found = sql("SELECT id, ST_AsText(at), ST_SRID(at) FROM ds.t ORDER BY id")
        assert found == [(number, "POINT(1 2)", 4326) for number in range(3)]
    assert types_of(sql, "t")["at"] == "geometry(Geometry,4326)"


@pytest.mark.parametrize(("names", "hinted"), [("place", {"place"}), (["place", "area"], {"place", "area"})])
def test_geometry_columns_are_hints(names: Any, hinted: set[str]) -> None:
    from dlt.destinations.adapters import postgres_adapter

    made = postgres_adapter([{"id": 1}], geometry=names, srid=3857)
    columns = made.compute_table_schema()["columns"]

    assert made.name == "content"
    assert {name for name, column in columns.items() if column.get("x-postgres-geometry")} == hinted
    assert all(columns[name]["x-postgres-srid"] == 3857 for name in hinted)


@pytest.mark.parametrize("wrong", [None, [], 1, [1]])
def test_geometry_must_name_columns(wrong: Any) -> None:
    from dlt.destinations.adapters import postgres_adapter

    with pytest.raises(ValueError, match="geometry"):
        postgres_adapter([{"id": 1}], geometry=wrong)
