"""The destination sqlalchemy: what is its own with SQLite and MySQL, credentials and capabilities."""

from __future__ import annotations

import datetime as dt
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

import dlt
from dlt.destinations._sqlalchemy import REGISTERED, DialectCapabilities, register_dialect_capabilities
from dlt.destinations._sqlalchemy_dialects import KINDS, column_of
from dlt.destinations._sqlalchemy_driver import _array, _numbers, _passes
from dlt.errors import ConfigError, DestinationRefused, MissingExtra, NotBuilt, PlanError, RetryableError, StepFailed
from dlt.load.steps import Add, Copy, Create, Merge
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Column
from dlt.sql.merge import merge_sql

from .mysql_databases import databases_removed
from .packages import NOW, Package, append, apply, rows_of, table

EVERY = {
    "t": "text",
    "i": "bigint",
    "f": "double",
    "b": "bool",
    "ts": "timestamp",
    "d": "date",
    "tm": "time",
    "x": "binary",
    "j": "json",
    "n": "decimal",
    "w": "wei",
}


@pytest.fixture
def server(mysql: str) -> Iterator[str]:
    with databases_removed(mysql) as url:
        yield url


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return Package(tmp_path, "1700000000.1")


def place(credentials: Any, **options: Any) -> Any:
    return dlt.destinations.sqlalchemy(credentials, **options).bind("p")


def pipeline(credentials: Any, name: str = "p", **options: Any) -> Any:
    return dlt.pipeline(name, destination=dlt.destinations.sqlalchemy(credentials, **options), dataset_name="ds")


def fetched(file: str, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def asked(url: str, sql: str) -> list[Any]:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.exec_driver_sql(sql)]
    engine.dispose()
    return found


# ---- where the data is


def test_each_dataset_of_sqlite_is_a_file_next_to_the_main_one():
    pipeline("sqlite:///data/main.sqlite").run([{"id": 1}], table_name="t")
    assert fetched("data/main__ds.sqlite", "SELECT id FROM t") == [(1,)]
    assert sorted(path.name for path in Path("data").iterdir()) == ["main.sqlite", "main__ds.sqlite"]


@pytest.mark.parametrize("credentials", [None, "sqlite:///", {"drivername": "sqlite"}])
def test_the_default_is_a_file_with_the_name_of_the_pipeline(credentials):
    pipeline(credentials, "orders").run([{"id": 1}], table_name="t")
    assert fetched("orders__ds.db", "SELECT id FROM t") == [(1,)]


def test_a_named_destination_has_a_file_of_its_name():
    pipeline(None, destination_name="archive").run([{"id": 1}], table_name="t")
    assert fetched("archive__ds.db", "SELECT id FROM t") == [(1,)]


@pytest.mark.parametrize(
    "settings",
    [
        {"DESTINATION__SQLALCHEMY__CREDENTIALS": "sqlite:///set.db"},
        {
            "DESTINATION__SQLALCHEMY__CREDENTIALS__DRIVERNAME": "sqlite",
            "DESTINATION__SQLALCHEMY__CREDENTIALS__DATABASE": "set.db",
        },
    ],
)
def test_credentials_from_the_configuration(monkeypatch, settings):
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    dlt.pipeline("p", destination="sqlalchemy", dataset_name="ds").run([{"id": 1}], table_name="t")
    assert fetched("set__ds.db", "SELECT id FROM t") == [(1,)]


def test_an_engine_stays_open_and_as_it_was(server):
    engine = sa.create_engine(server)
    mode = "SELECT @@sql_mode, @@time_zone"
    with engine.connect() as connection:
        before = connection.exec_driver_sql(mode).fetchall()
    pipeline(engine).run([{"id": 1}], table_name="t")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM ds.t").fetchall() == [(1,)]
        assert connection.exec_driver_sql(mode).fetchall() == before
    engine.dispose()


def test_a_database_in_memory_lives_as_long_as_the_engine():
    engine = sa.create_engine("sqlite://")
    pipeline(engine).run([{"id": 1}], table_name="t")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM ds.t").fetchall() == [(1,)]
    engine.dispose()


def test_pipelines_in_threads_share_a_database_in_memory():
    target = dlt.destinations.sqlalchemy("sqlite://")

    def load(number: int) -> None:
        dlt.pipeline(f"p{number}", destination=target, dataset_name="ds").run([{"id": number}], table_name=f"t{number}")

    threads = [threading.Thread(target=load, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rows_of(target.bind("p"), f"t{number}")[0]["id"] for number in range(4)] == [0, 1, 2, 3]


def test_looking_does_not_make_files():
    assert rows_of(place("sqlite:///x.db"), "t") == []
    assert not Path("x__ds.db").exists()


def test_engine_kwargs_are_used():
    with closing(sqlite3.connect("x__ds.db")) as other:
        other.execute("CREATE TABLE t (a)")
        other.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(RetryableError, match="locked"),
            closing(
                place("sqlite:///x.db", engine_kwargs={"connect_args": {"timeout": 0.01}}).open(
                    "ds", Package(Path(), "1").load()
                )
            ) as session,
        ):
            session.reflect(["t"])


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("no url", ConfigError, "cannot be read"),
        ("nothing://host/db", ConfigError, "does not know the dialect 'nothing'"),
        ("oracle+oracledb://host/db", MissingExtra, "pip install oracledb"),
        ("mysql://host/db", MissingExtra, "pip install pymysql"),
    ],
)
def test_urls_that_lead_nowhere(url, error, text):
    with pytest.raises(error, match=text):
        place(url)


def test_what_would_have_no_effect_is_an_error():
    engine = sa.create_engine("sqlite:///x.db")
    with pytest.raises(ConfigError, match="engine_kwargs"):
        place(engine, engine_kwargs={"echo": True})
    with pytest.raises(ConfigError, match="schema temp"):
        place(engine).open("temp", None)


def test_an_old_sqlite_is_said_to_be_too_old(monkeypatch):
    monkeypatch.setattr("dlt.destinations._sqlalchemy.OLDEST", (99, 0))
    with pytest.raises(ConfigError, match="too old"):
        place("sqlite:///x.db").open("ds", None)


def test_the_password_is_not_shown(server):
    url = sa.engine.make_url(server).set(username="somebody", password="hidden")
    target = dlt.destinations.sqlalchemy(url)
    assert "hidden" not in target.bind("p").location
    with pytest.raises(StepFailed) as caught:
        dlt.pipeline("p", destination=target, dataset_name="ds").run([{"id": 1}], table_name="t")
    assert "Access denied" in str(caught.value)
    assert "hidden" not in str(caught.value)


# ---- types


def test_types_of_sqlite(package):
    sized = [Column("t20", "text", precision=20), Column("i16", "bigint", precision=16), Column("none")]
    of = table("t", EVERY).with_columns([*sized, Column("n10", "decimal", 10, 2, nullable=False)])
    target = place("sqlite:///x.db")
    apply(target, package, [Create(of)])
    types = [kind for _, _, kind, *_ in fetched("x__ds.db", "PRAGMA table_info(t)")]
    assert types[:6] == ["TEXT", "BIGINT", "DOUBLE", "BOOLEAN", "DATETIME", "DATE"]
    assert types[6:11] == ["TIME", "BLOB", "JSON TEXT", "DECIMAL BLOB(38,9)", "DECIMAL BLOB(38,0)"]
    assert types[11:] == ["VARCHAR(20)", "SMALLINT", "TEXT", "DECIMAL BLOB(10,2)"]
    with closing(target.open("ds", None)) as session:
        found = session.reflect(["t"])["t"].columns
    assert found["n10"] == Column("n10", "decimal", 10, 2, nullable=False)
    assert found["ts"] == Column("ts", "timestamp", timezone=False)


def test_types_of_mysql(server, package):
    of = table("t", EVERY, keys={"i": {"primary_key": True, "nullable": False}, "t": {"unique": True}})
    of = of.with_columns([Column("t20", "text", precision=20), Column("id", "text", row_key=True)])
    target = place(server, create_primary_keys=True, create_unique_indexes=True)
    apply(target, package, [Create(of)])
    columns = "FROM information_schema.columns WHERE table_schema = 'ds' AND table_name = 't' ORDER BY ordinal_position"
    types = [kind for (kind,) in asked(server, f"SELECT column_type {columns}")]
    assert types[:7] == ["varchar(255)", "bigint(20)", "double", "tinyint(1)", "datetime(6)", "date", "time(6)"]
    assert types[7:] == ["longblob", "longtext", "decimal(38,9)", "decimal(38,0)", "varchar(20)", "varchar(255)"]
    assert set(asked(server, f"SELECT collation_name {columns}")) == {("utf8mb4_nopad_bin",), (None,)}
    assert set(asked(server, f"SELECT column_key {columns}")) == {("PRI",), ("UNI",), ("",)}


def test_primary_keys_of_sqlite_refuse_a_row_that_is_there(package, tmp_path):
    of = table("t", {"id": "bigint"}, keys={"id": {"primary_key": True, "nullable": False}})
    target = place("sqlite:///x.db", create_primary_keys=True)
    append(target, package, of, [{"id": 1}])
    other = Package(tmp_path, "2")
    with pytest.raises(DestinationRefused, match="UNIQUE constraint failed"):
        apply(target, other, [Copy(of, (other.file(of, [{"id": 1}]),))])
    assert rows_of(target, "t") == [{"id": 1}]


@given(
    st.lists(
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=9, max_value=10**28, min_value=-(10**28))
    )
)
def test_decimals_of_sqlite_come_back_whatever_is_next_to_them(values):
    data = pa.array(values, pa.decimal128(38, 9))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute('CREATE TABLE t (v "DECIMAL BLOB(38,9)")')
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in _numbers(data)])
        stored = [value for (value,) in connection.execute("SELECT v FROM t ORDER BY rowid")]
    assert _array(stored, Column("v", "decimal"), Capabilities()).equals(data)
    assert stored == [_numbers(pa.array([value], data.type))[0] for value in values]


def test_decimals_of_usual_size_are_numbers_in_sqlite():
    pipeline("sqlite:///x.db").run([{"price": Decimal("1234567.25")}, {"price": Decimal("9.5")}], table_name="t")
    assert fetched("x__ds.db", "SELECT price FROM t WHERE price > 10") == [(1234567.25,)]


def test_a_column_in_which_sqlite_would_change_a_value_turns_the_row_away():
    with closing(sqlite3.connect("x__ds.db")) as connection:
        connection.execute("CREATE TABLE t (id BIGINT, v NUMERIC(38,9), j JSON)")
    long = Decimal("12345678901234567890.123456789")
    rows = [{"id": 1, "v": Decimal("1.5"), "j": "[1]"}, {"id": 2, "v": long}, {"id": 3, "j": str(2**70)}]
    hints: Any = {"v": {"data_type": "decimal"}, "j": {"data_type": "json"}}
    pipeline("sqlite:///x.db").run(rows, table_name="t", columns=hints)
    assert fetched("x__ds.db", "SELECT id, v, j FROM t") == [(1, 1.5, "[1]")]
    kept = fetched("x__ds.db", "SELECT detail, row FROM _dlt_quarantine ORDER BY row")
    assert len(kept) == 2
    assert all("SQLite would change the value" in text for text, _ in kept)


def test_c3_what_is_no_number_is_not_null_in_sqlite(package):
    of = table("t", {"f": "double"})
    with pytest.raises(DestinationRefused, match="SQLite would change the value"):
        append(place("sqlite:///x.db"), package, of, [{"f": float("nan")}])


@pytest.mark.parametrize("naive", [True, False])
def test_timestamps_are_in_utc_and_those_without_zone_as_they_are(naive):
    moment = dt.datetime(2024, 7, 1, 12, tzinfo=None if naive else dt.timezone(dt.timedelta(hours=2)))
    pipeline("sqlite:///x.db").run([{"v": moment}], table_name="t")
    hour = 12 if naive else 10
    assert fetched("x__ds.db", "SELECT v FROM t") == [(f"2024-07-01 {hour}:00:00.000000",)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (sa.BigInteger(), Column("c", "bigint")),
        (sa.Integer(), Column("c", "bigint", precision=32)),
        (sa.REAL(), Column("c", "double", precision=24)),
        (sa.Double(), Column("c", "double")),
        (sa.Numeric(10, 2), Column("c", "decimal", 10, 2)),
        (sa.String(5), Column("c", "text", precision=5)),
        (sa.DateTime(), Column("c", "timestamp", timezone=False)),
        (sa.DateTime(timezone=True), Column("c", "timestamp")),
        (sa.Boolean(), Column("c", "bool")),
        (sa.LargeBinary(), Column("c", "binary")),
        (sa.JSON(), Column("c", "json")),
        (sa.Interval(), Column("c")),
    ],
    ids=str,
)
def test_types_of_other_dialects_are_found_by_sqlalchemy(kind, expected):
    assert column_of("c", kind, nullable=True) == expected


# ---- tables that change


def test_not_null_is_dropped_in_sqlite(package, tmp_path):
    of = table("t", {"id": "bigint", "v": "text"}, keys={"v": {"nullable": False}})
    target = place("sqlite:///x.db")
    append(target, package, of, [{"id": 1, "v": "a"}])
    free = table("t", {"id": "bigint", "v": "text"})
    other = Package(tmp_path, "2")
    apply(target, other, [Add(free, (), relaxed=(free.columns["v"],)), Copy(free, (other.file(free, [{"id": 2}]),))])
    assert rows_of(target, "t") == [{"id": 1, "v": "a"}, {"id": 2, "v": None}]


def test_not_null_is_dropped_in_mysql(server):
    target = pipeline(server)
    target.run([{"id": 1, "v": "a"}], table_name="t", columns={"v": {"nullable": False}})
    target.run([{"id": 2, "v": None}], table_name="t", columns={"v": {"nullable": True}})
    assert asked(server, "SELECT id, v FROM ds.t ORDER BY id") == [(1, "a"), (2, None)]


# ---- MySQL


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only", "cdc"])
def test_keys_that_a_collation_takes_for_one_stay_apart(server, strategy):
    keys = ["a", "A", "á", "a ", "ß", "ss"]
    how: Any = {"disposition": "merge", "strategy": strategy}
    target = pipeline(server)
    with closing(place(server).open("ds", None)) as session:
        session.driver.execute("CREATE DATABASE ds CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
        session.driver.execute("CREATE TABLE ds.theirs (k LONGTEXT, v BIGINT, _dlt_load_id TEXT, _dlt_id TEXT)")
    for name in ("ours", "theirs"):
        for number in range(2):
            rows = [{"k": key, "v": number} for key in keys]
            target.run(rows, table_name=name, primary_key="k", write_disposition=how)
        found = asked(server, f"SELECT k, v FROM ds.{name}")
        assert sorted(found) == sorted((key, 0 if strategy == "insert-only" else 1) for key in keys)


@pytest.mark.parametrize("strategy", ["delete-insert", "upsert", "insert-only", "scd2", "cdc"])
@pytest.mark.parametrize("scope", [None, "{table}.v IN (SELECT v FROM {staging_table})"])
@pytest.mark.parametrize("sort", [None, "asc"])
def test_no_statement_for_mysql_names_a_temporary_table_twice(strategy, scope, sort):
    """MySQL cannot read one twice; MariaDB can."""
    keys: Any = {"id": {"primary_key": True}, "g": {"merge_key": True}, "v": {"dedup_sort": sort}}
    extra = {"x-merge-destination-scope": scope, "x-merge-skip-unchanged-rows": True, "x-merge-source-filter": "v > 0"}
    root = table("t", {"id": "text", "g": "text", "v": "bigint"}, keys=keys, extra=extra)
    root = root.with_columns(
        [
            Column("_dlt_id", "text", row_key=True, extra={"x-row-version": strategy == "scd2"}),
            Column("start", "timestamp", extra={"x-valid-from": True}),
            Column("end", "timestamp", extra={"x-valid-to": True}),
        ]
    )
    links: Any = {"p": {"parent_key": True}, "r": {"root_key": True}, "i": {"row_key": True}}
    chain = [root, *(table(name, dict.fromkeys("pri", "text"), keys=links, parent=name[:-1]) for name in ("tc", "tcc"))]
    step = Merge(tuple(chain), strategy, NOW, was=True)
    statements = merge_sql(step, KINDS["mysql"].dialect, "`{}`".format, "`#{}`".format)
    for one in statements:
        names = re.findall(r"(?:FROM|JOIN|USING|UPDATE|, |INTO|LIKE|TABLE) (`#\w+(?:#\w+)?`)", one.sql)
        deleted = re.match(r"DELETE FROM (\S+) USING", one.sql)
        assert len(names) - bool(deleted and deleted[1] in names) == len(set(names)), one.sql
    assert sum("USING `#t`" in one.sql for one in statements) >= 2


def test_rows_that_mysql_refuses_are_in_the_quarantine(server):
    with closing(place(server).open("ds", None)) as session:
        session.driver.execute("CREATE DATABASE ds")
        session.driver.execute("CREATE TABLE ds.t (id BIGINT, v VARCHAR(3), items INT)")
    rows = [{"id": number, "v": "toolong" if number == 3 else "ok", "children": [{"n": number}]} for number in range(5)]
    pipeline(server).run(rows, table_name="t")
    assert asked(server, "SELECT id FROM ds.t ORDER BY id") == [(0,), (1,), (2,), (4,)]
    assert asked(server, "SELECT n FROM ds.t__children ORDER BY n") == [(0,), (1,), (2,), (4,)]
    [(error, row)] = asked(server, "SELECT detail, row FROM ds._dlt_quarantine")
    assert "Data too long for column 'v'" in error
    assert json.loads(row)["children"] == [{"n": 3}]


@pytest.mark.parametrize(
    ("text", "fits"), [("x" * (15 << 20), True), ("x" * (17 << 20), False), ("'" * (9 << 20), False)]
)
def test_a_row_that_is_longer_than_a_statement_may_be_is_an_error(server, package, text, fits):
    of = table("t", {"v": "text"})
    if fits:
        append(place(server), package, of, [{"v": text}])
        assert asked(server, "SELECT length(v) FROM ds.t") == [(len(text),)]
        return
    with pytest.raises(PlanError, match="max_allowed_packet"):
        append(place(server), package, of, [{"v": text}])


def test_a_connection_that_breaks_in_a_copy_is_tried_again(server, monkeypatch):
    from dlt.destinations._sqlalchemy_driver import SqlalchemyDriver

    insert, broken = SqlalchemyDriver._insert_text, []

    def breaking(self, *args):
        taken = insert(self, *args)
        if not broken:
            [(number,)] = self.rows("SELECT connection_id()")
            broken.append(number)
            engine = sa.create_engine(server)
            with engine.connect() as connection:
                connection.exec_driver_sql(f"KILL {number}")
            engine.dispose()
        return taken

    monkeypatch.setattr(SqlalchemyDriver, "_insert_text", breaking)
    monkeypatch.setattr("dlt.load.run.WAITS", (0,))
    pipeline(server).run([{"id": number, "items": [number]} for number in range(10)], table_name="t")
    assert broken
    assert asked(server, "SELECT count(*), count(DISTINCT id) FROM ds.t") == [(10, 10)]
    assert asked(server, "SELECT count(*) FROM ds.t__items") == [(10,)]
    assert asked(server, "SELECT count(*) FROM ds._dlt_loads") == [(1,)]


@pytest.mark.parametrize("url", ["sqlite:///x.db", "mysql"])
def test_pipelines_that_merge_into_one_table_at_once(request, url):
    url = request.getfixturevalue("server") if url == "mysql" else url
    errors = []

    def load(number: int) -> None:
        how: Any = {"disposition": "merge", "strategy": "upsert" if number else "delete-insert"}
        try:
            for _ in range(3):
                rows = [{"id": key, "v": number, "items": [key]} for key in range(number * 50, number * 50 + 100)]
                pipeline(url, f"p{number}").run(rows, table_name="t", primary_key="id", write_disposition=how)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=load, args=[number]) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roots, items = rows_of(place(url), "t"), rows_of(place(url), "t__items")
    assert errors == []
    assert sorted(row["id"] for row in roots) == list(range(200))
    assert sorted(row["value"] for row in items) == list(range(200))
    assert {row["_dlt_parent_id"] for row in items} == {row["_dlt_id"] for row in roots}


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (Exception(1213, "Deadlock found"), True),
        (Exception(1205, "Lock wait timeout"), True),
        (Exception(1406, "Data too long"), False),
        (SimpleNamespace(args=(), sqlstate="40001"), True),
        (SimpleNamespace(args=(), sqlstate="42P01"), False),
        (SimpleNamespace(args=(), sqlite_errorname="SQLITE_BUSY_SNAPSHOT"), True),
        (SimpleNamespace(args=(), sqlite_errorname="SQLITE_CONSTRAINT"), False),
    ],
    ids=str,
)
def test_what_may_pass(cause, passes):
    assert _passes(SimpleNamespace(orig=cause, connection_invalidated=False)) is passes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "every"),
    [
        ("sqlite:///x.db", 11),
        ("mysql", 9),
        pytest.param("sqlite:///x.db", 1, marks=pytest.mark.slow),
        pytest.param("mysql", 1, marks=pytest.mark.slow),
    ],
)
def test_c69_a_load_that_is_killed_anywhere_ends_like_an_unbroken_one(request, url, every):
    url = request.getfixturevalue("server") if url == "mysql" else url
    script = Path(__file__).with_name("kill_sqlalchemy.py")
    done = subprocess.run([sys.executable, str(script), url, str(every)], capture_output=True, text=True, check=True)
    tries = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tries) > 30 / every
    assert {one["code"] for one in tries[:-1]} == {-signal.SIGKILL}
    assert tries[-1]["code"] == 0
    unbroken = tries[-1]["outcome"]
    assert [len(unbroken[name]) for name in ("added", "replaced", "merged", "merged__items", "lost")] == [4, 2, 3, 6, 0]
    assert unbroken["loads"] == 2
    for number, one in enumerate(tries):
        assert one["again"] == 0, (number, done.stderr[-2000:])
        assert {**one["outcome"], "state": 0} == {**unbroken, "state": 0}, number
        assert one["outcome"]["state"]["data"]["resources"]["added"] == {"last": 2}


# ---- capabilities that users register


@pytest.fixture
def registered() -> Iterator[None]:
    yield
    REGISTERED.clear()


@pytest.mark.usefixtures("registered")
def test_capabilities_of_a_dialect_are_adjusted():
    class Short(DialectCapabilities):
        def adjust_capabilities(self, caps: Any, dialect: Any) -> None:
            assert (self.backend_name, dialect.name, caps.max_identifier_length) == ("sqlite", "sqlite", 9999)
            caps.max_identifier_length = 30

    register_dialect_capabilities("sqlite", Short)
    assert place("sqlite:///x.db").caps.max_table_name == 30
    assert place("sqlite:///x.db", max_identifier_length=40).caps.max_table_name == 40


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("name", ["adapt_table", "type_mapper_class"])
def test_what_a_dialect_cannot_change_is_said(name):
    made = type("Mine", (DialectCapabilities,), {name: lambda *_: None})
    with pytest.raises(NotBuilt, match=name):
        register_dialect_capabilities("sqlite", made)
