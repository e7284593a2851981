from __future__ import annotations

import datetime as dt
import threading
from contextlib import closing
from decimal import Decimal

import duckdb
import pyarrow as pa
import pytest

import dlt
from dlt.destinations.registry import create
from dlt.errors import DestinationRefused, LedgerError, PlanError, RetryableError
from dlt.load.steps import Add, Commit, Copy, Create, Merge, Truncate
from dlt.schema.model import Column
from dlt.sql.drivers import DuckDBDriver

from .packages import NOW, Package, append, apply, loads_row, rows_of, table

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
ROW = {
    "t": 'it\'s "q" ,\n é',
    "i": -(2**62),
    "f": 0.1,
    "b": True,
    "ts": dt.datetime(2024, 1, 2, 3, 4, 5, 678901, dt.UTC),
    "d": dt.date(1969, 12, 31),
    "tm": dt.time(23, 59, 59, 999999),
    "x": b"abc",
    "j": '{"a":[1,"x"]}',
    "n": Decimal("-12345678901234567890.123456789"),
    "w": Decimal(10) ** 37,
}


@pytest.fixture
def database(tmp_path):
    return create("duckdb", credentials=str(tmp_path / "x.duckdb"))


@pytest.fixture
def package(tmp_path):
    return Package(tmp_path, "1700000000.1")


@pytest.mark.parametrize("form", ["arrow", "parquet", "jsonl", "csv", "insert_values"])
def test_every_type_in_every_format(database, package, form):
    of = table("every", EVERY)
    empty = dict.fromkeys(EVERY)
    file = package.file(of, [ROW, {**empty, "t": ""}, {**empty, "i": 1}], form)
    applied = apply(database, package, [Create(of), Copy(of, (file,))])
    assert applied[1].rows == {"every": 3}
    assert rows_of(database, "every") == [ROW, {**empty, "t": ""}, {**empty, "i": 1}]
    assert [row["load_id"] for row in rows_of(database, "_dlt_loads")] == [package.load_id]


@pytest.mark.parametrize("form", ["arrow", "parquet", "jsonl", "csv"])
def test_numbers_that_are_no_numbers_stay(database, package, form):
    of = table("t", {"f": "double"})
    file = package.file(of, [{"f": float("nan")}, {"f": float("inf")}, {"f": -float("inf")}, {"f": 1e308}], form)
    apply(database, package, [Create(of), Copy(of, (file,))])
    assert str([row["f"] for row in rows_of(database, "t")]) == "[nan, inf, -inf, 1e+308]"


def test_types_are_those_of_the_reference(tmp_path, package):
    columns = [
        Column("t64", "text", precision=64),
        *(Column(f"b{bits}", "bigint", precision=bits) for bits in (8, 16, 32, 64, 128)),
        Column("d", "decimal"),
        Column("d10", "decimal", precision=10, scale=2),
        Column("w", "wei"),
        Column("ts", "timestamp"),
        *(Column(f"n{digits}", "timestamp", precision=digits, timezone=False) for digits in (0, 3, 6, 9)),
        Column("n", "timestamp", timezone=False),
        Column("ts3", "timestamp", precision=3),
        Column("u", "bigint", nullable=False),
        Column("none"),
    ]
    of = table("types", {}).with_columns(columns)
    database = create("duckdb", credentials=f"duckdb:///{tmp_path}/x.duckdb")
    apply(database, package, [Create(of)])
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        found = dict(connection.execute("SELECT column_name, column_type FROM (DESCRIBE ds.types)").fetchall())
    assert list(found.values()) == [
        *("VARCHAR", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DECIMAL(38,9)", "DECIMAL(10,2)"),
        *("DECIMAL(38,0)", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS"),
        *("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "BIGINT", "VARCHAR"),
    ]
    with closing(database.open("ds", None)) as session:
        seen = session.reflect(["types", "missing"])
    assert list(seen) == ["types"]
    assert seen["types"].columns["n9"] == Column("n9", "timestamp", precision=9, timezone=False)
    assert seen["types"].columns["d10"] == Column("d10", "decimal", 10, 2)
    assert seen["types"].columns["u"] == Column("u", "bigint", nullable=False)


def test_files_may_be_narrower_than_the_table(database, package):
    of = table("t", {"a": "bigint", "b": "text", "c": "double"})
    files = (package.file(of, [{"b": "x"}]), package.file(of, [{"c": 1.5, "a": 1}]))
    applied = apply(database, package, [Create(of), Copy(of, files)])
    assert applied[1].rows == {"t": 2}
    assert rows_of(database, "t") == [{"a": None, "b": "x", "c": None}, {"a": 1, "b": None, "c": 1.5}]


def test_dictionaries_and_null_columns(database, package):
    of = table("t", {"a": "text", "b": "bigint"})
    batch = pa.record_batch({"a": pa.array(["x", "y", "x"]).dictionary_encode(), "b": pa.nulls(3)})
    applied = append(database, package, of, batch)
    assert applied[1].rows == {"t": 3}
    assert [row["a"] for row in rows_of(database, "t")] == ["x", "y", "x"]


def test_files_of_one_table_need_not_have_the_same_types(database, package):
    of = table("t", {"a": "text", "b": "bigint"})
    texts, ints = pa.array(["x", "y"]), pa.array([1, 2])
    batches = [
        pa.record_batch({"a": texts.dictionary_encode(), "b": ints}),
        pa.record_batch({"a": pa.array(["z", "x"]).dictionary_encode(), "b": pa.nulls(2)}),
        pa.record_batch({"a": texts, "b": ints.cast(pa.int8())}),
        pa.record_batch({"a": texts.cast(pa.large_string()), "b": ints}),
    ]
    files = tuple(package.file(of, batch) for batch in batches)
    assert apply(database, package, [Create(of), Copy(of, files)])[1].rows == {"t": 8}
    found = [(row["a"], row["b"]) for row in rows_of(database, "t")]
    assert sorted(found, key=repr) == [("x", 1)] * 3 + [("x", None)] + [("y", 2)] * 3 + [("z", None)]


@pytest.mark.parametrize("form", ["arrow", "parquet", "jsonl", "csv", "insert_values"])
def test_many_files_are_one_statement_where_one_can_read_them(database, package, form):
    of = table("t", {"a": "bigint", "b": "text"})
    files = [package.file(of, [{"a": number, "b": str(number)}], form) for number in range(5)]
    narrow = package.file(of, [{"b": "only"}], form)
    statements = run(database, package, [Create(of), Copy(of, (*files, narrow))])
    inserts = [sql for sql in statements if sql.startswith("INSERT INTO") and '"t"' in sql]
    assert len(inserts) == (6 if form == "insert_values" else 2)
    assert rows_of(database, "t") == [*({"a": n, "b": str(n)} for n in range(5)), {"a": None, "b": "only"}]


def run(database, package, steps):
    """Apply steps and Commit; returns the statements that ran."""
    with closing(database.open("ds", package.load())) as session:
        statements = counted(session)
        for step in [*steps, Commit(loads_row(package.load_id))]:
            session.apply(step)
    return statements


def counted(session):
    """The statements that run in a session, as they come."""
    found, before = [], session.driver.rows

    def rows(sql, *data):
        found.append(sql)
        return before(sql, *data)

    session.driver.rows = rows
    return found


def test_a_small_append_takes_few_statements(database, tmp_path):
    of = table("t", {"a": "bigint", "b": "text"})
    append(database, Package(tmp_path, "0"), of, [{"a": 0}])
    package = Package(tmp_path, "1")
    with closing(database.open("ds", package.load())) as session:
        statements = counted(session)
        assert set(session.reflect(["t", "t__nested", "_dlt_loads"])) == {"t", "_dlt_loads"}
        assert session.read("_dlt_loads", {"load_id": "0"}).read_all().num_rows == 1
        session.apply(Copy(of, (package.file(of, [{"a": 1, "b": "x"}, {"a": 2}]),)))
        session.apply(Commit(loads_row("1")))
    assert [sql.split()[0] for sql in statements] == ["BEGIN", "SELECT", "INSERT", "INSERT", "COMMIT"]


def test_a_small_merge_takes_few_statements(database, tmp_path):
    of = table("t", {"a": "bigint", "b": "text"}, keys={"a": {"primary_key": True, "nullable": False}})
    append(database, Package(tmp_path, "0"), of, [{"a": 0}])
    package = Package(tmp_path, "1")
    copies = package.scratch([(of, [{"a": 1, "b": "x"}, {"a": 2}])])
    statements = run(database, package, [*copies, Merge((of,), "delete-insert", NOW)])
    words = " ".join(sql.split()[0] for sql in statements)
    assert words == "BEGIN CREATE INSERT DELETE DELETE INSERT SELECT INSERT DROP COMMIT"


def test_a_changed_value_is_noticed(tmp_path, package):
    connection = duckdb.connect(str(tmp_path / "x.duckdb"))
    connection.execute("CREATE SCHEMA ds; CREATE TABLE ds.t (a INTEGER)")
    of = table("t", {"a": "double"})
    database = create("duckdb", credentials=connection)
    with pytest.raises(LedgerError, match="does not hold the rows"):
        apply(database, package, [Copy(of, (package.file(of, [{"a": 1.5}]),))])
    assert connection.execute("SELECT count(*) FROM ds.t").fetchone() == (0,)


def test_a_wider_type_at_the_destination_is_checked_by_value(tmp_path, package):
    connection = duckdb.connect(str(tmp_path / "x.duckdb"))
    connection.execute("CREATE SCHEMA ds; CREATE TABLE ds.t (n HUGEINT, d DECIMAL(38,20), j VARCHAR)")
    of = table("t", {"n": "bigint", "d": "decimal", "j": "json"})
    row = {"n": 7, "d": Decimal("1.5"), "j": "[1]"}
    applied = apply(create("duckdb", credentials=connection), package, [Copy(of, (package.file(of, [row, {}]),))])
    assert applied[0].rows == {"t": 2}
    assert connection.execute("SELECT n, d, j FROM ds.t ORDER BY n").fetchall()[0] == (7, Decimal("1.5"), "[1]")


def test_a_lost_row_is_noticed(database, package):
    of = table("t", {"a": "bigint"})
    from dataclasses import replace

    file = replace(package.file(of, [{"a": 1}]), rows=2)
    with pytest.raises(LedgerError, match="rows in file: 2"):
        apply(database, package, [Create(of), Copy(of, (file,))])
    assert rows_of(database, "t") == []


def test_nothing_is_left_without_commit(database, package):
    of = table("t", {"a": "bigint"})
    with closing(database.open("ds", package.load())) as session:
        session.apply(Create(of))
        session.apply(Copy(of, (package.file(of, [{"a": 1}]),)))
    with closing(database.open("ds", None)) as session:
        assert session.reflect(["t"]) == {}
        assert session.read("t").read_all().num_columns == 0


def test_old_rows_are_seen_until_the_commit(tmp_path, package):
    connection = duckdb.connect(str(tmp_path / "x.duckdb"))
    database = create("duckdb", credentials=connection)
    of = table("t", {"a": "bigint"})
    append(database, package, of, [{"a": 1}])
    with closing(database.open("ds", package.load())) as session:
        session.apply(Truncate("t"))
        session.apply(Copy(of, (package.file(of, [{"a": 2}]),)))
        assert connection.execute("SELECT a FROM ds.t").fetchall() == [(1,)]
        session.apply(Commit({}))
        assert connection.execute("SELECT a FROM ds.t").fetchall() == [(2,)]


def test_columns_are_added_and_null_columns_get_a_type(database, tmp_path):
    of = table("t", {"a": "bigint"}).with_columns([Column("later")])
    append(database, Package(tmp_path, "1"), of, [{"a": 1}])
    wide = of.with_columns([Column("later", "timestamp"), Column("new", "double")])
    package = Package(tmp_path, "2")
    step = Add(wide, (wide.columns["new"],), (wide.columns["later"],))
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    apply(database, package, [step, Copy(wide, (package.file(wide, [{"a": 2, "later": at, "new": 0.5}]),))])
    assert rows_of(database, "t") == [{"a": 1, "later": None, "new": None}, {"a": 2, "later": at, "new": 0.5}]


def test_a_column_with_values_is_not_retyped(database, package):
    of = table("t", {"a": "text"})
    append(database, package, of, [{"a": "x"}])
    wide = table("t", {"a": "bigint"})
    with pytest.raises(PlanError, match="holds values") as caught:
        apply(database, package, [Add(wide, (), (wide.columns["a"],))])
    assert (caught.value.table, caught.value.column) == ("t", "a")


def test_a_column_may_be_null_from_now_on(database, tmp_path):
    of = table("t", {"a": "bigint", "b": "text"}, keys={"a": {"nullable": False}, "b": {"unique": True}})
    append(database, Package(tmp_path, "1"), of, [{"a": 1}])
    package, now = Package(tmp_path, "2"), of.with_columns([Column("a", "bigint")])
    step = Add(now, (), (), (now.columns["a"],))
    apply(database, package, [step, Copy(now, (package.file(now, [{"b": "x"}]),))])
    assert rows_of(database, "t") == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_drop_and_truncate_of_what_is_not_there(database, package):
    apply(database, package, [Truncate("x"), Truncate("y", drop=True)])
    of = table("t", {"a": "bigint"})
    append(database, package, of, [{"a": 1}])
    apply(database, package, [Truncate("t", drop=True)])
    with closing(database.open("ds", None)) as session:
        assert session.reflect(["t"]) == {}


def test_dataset_named_like_the_file(tmp_path, package):
    database = create("duckdb", credentials=str(tmp_path / "chess.duckdb"))
    append(database, package, table("t", {"a": "bigint"}), [{"a": 1}], "chess")
    assert rows_of(database, "t", "chess") == [{"a": 1}]


def test_memory_is_shared_by_the_sessions_of_one_object(package):
    from dlt.destinations import duckdb as factory

    database = create(factory(":memory:"))
    append(database, package, table("t", {"a": "bigint"}), [{"a": 1}])
    assert rows_of(database, "t") == [{"a": 1}]
    assert rows_of(create("duckdb", credentials=":memory:"), "t") == []


def test_an_open_connection_stays_open_and_unchanged(tmp_path, package):
    connection = duckdb.connect(str(tmp_path / "mine.duckdb"))
    before = connection.execute("SELECT current_setting('memory_limit')").fetchone()
    append(create("duckdb", credentials=connection), package, table("t", {"a": "bigint"}), [{"a": 1}])
    assert connection.execute("SELECT a FROM ds.t").fetchall() == [(1,)]
    assert connection.execute("SELECT current_setting('memory_limit')").fetchone() == before


def test_memory_limit_is_half_of_the_budget(tmp_path, monkeypatch, package):
    monkeypatch.setenv("MEMORY_LIMIT", "200MB")
    database = create("duckdb", credentials=str(tmp_path / "x.duckdb"))
    with closing(database.open("ds", None)) as session:
        found = session.driver.query(
            "SELECT current_setting('memory_limit') m, current_setting('TimeZone') z"
        ).read_all()
    assert found.to_pylist() == [{"m": "95.3 MiB", "z": "UTC"}]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_text_files_are_read_with_the_threads_that_memory_is_there_for(tmp_path, package, form):
    of = table("t", {"a": "bigint", "b": "text"})
    database = create("duckdb", credentials=str(tmp_path / "x.duckdb"), global_config={"threads": 16})
    batch = pa.record_batch({"a": list(range(20_000)), "b": ["some text " * 10] * 20_000})
    steps = [Create(of), Copy(of, tuple(package.file(of, batch, form) for _ in range(16)))]
    with closing(database.open("ds", package.load())) as session:
        for step in steps:
            applied = session.apply(step)
        assert applied.rows == {"t": 320_000}
        assert session.driver.rows("SELECT current_setting('threads')") == [(16,)]


def test_a_text_file_that_fails_leaves_the_threads_as_they_were(tmp_path, package):
    of = table("t", {"a": "bigint"})
    connection = duckdb.connect(str(tmp_path / "x.duckdb"), config={"threads": 16, "memory_limit": "256MB"})
    database = create("duckdb", credentials=connection)
    file = package.file(of, [{"a": 1}], "jsonl")
    (package.folder / file.path).write_text("{no json")
    with pytest.raises(DestinationRefused):
        apply(database, package, [Create(of), Copy(of, (file,))])
    assert connection.execute("SELECT current_setting('threads')").fetchone() == (16,)


def test_default_file_is_named_after_the_pipeline(tmp_path, monkeypatch):
    monkeypatch.setenv("DLT_LOCAL_DIR", str(tmp_path))
    assert create("duckdb", pipeline_name="chess").location == str(tmp_path / "chess.duckdb")
    assert create("duckdb", pipeline_name="p", credentials="a/b.db").location == str(tmp_path / "a/b.db")
    assert create("duckdb", pipeline_name="p", credentials="duckdb:///b.db").location == str(tmp_path / "b.db")
    assert create("duckdb", pipeline_name="p", credentials="duckdb:////tmp/b.db").location == "/tmp/b.db"
    assert create("duckdb", pipeline_name="p", credentials=":pipeline:", working_dir="/w").location == "/w/p.duckdb"
    assert create("duckdb", pipeline_name="p", destination_name="mart").location == str(tmp_path / "mart.duckdb")
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", "other.duckdb")
    assert create("duckdb", pipeline_name="p").location == str(tmp_path / "other.duckdb")


@pytest.mark.parametrize("strategy", ["truncate-and-insert", "insert-from-staging", "staging-optimized"])
def test_replace_strategies_by_name(monkeypatch, strategy):
    assert create("duckdb", replace_strategy=strategy).config["replace_strategy"] == strategy
    monkeypatch.setenv("DESTINATION__REPLACE_STRATEGY", strategy)
    assert create("duckdb").config["replace_strategy"] == strategy
    assert create("memory").config["replace_strategy"] == strategy
    monkeypatch.setenv("DESTINATION__DUCKDB__REPLACE_STRATEGY", "swap")
    with pytest.raises(PlanError, match="Unknown replace strategy 'swap'"):
        create("duckdb")


def test_a_setting_that_fails_leaves_the_file_free(tmp_path):
    path = str(tmp_path / "x.duckdb")
    with pytest.raises(DestinationRefused, match="opening"):
        create("duckdb", credentials=path, global_config={"no_such_setting": 1}).open("ds", None)
    with duckdb.connect(path, read_only=True) as connection:  # would differ from a connection that is still open
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_settings_and_statements_of_the_user(tmp_path):
    options = {"local_config": {"TimeZone": "Europe/Oslo"}, "pragmas": ["enable_profiling='no_output'"]}
    statements = ["CREATE TABLE main.mine (a INTEGER); -- with a comment", "INSERT INTO main.mine VALUES (7)"]
    database = create("duckdb", credentials=str(tmp_path / "x.duckdb"), statements=statements, **options)
    with closing(database.open("ds", None)) as session:
        assert session.driver.rows("SELECT a, current_setting('TimeZone') FROM main.mine") == [(7, "Europe/Oslo")]


def test_a_locked_file_can_be_tried_again(tmp_path):
    import subprocess
    import sys

    path = str(tmp_path / "x.duckdb")
    code = f"import duckdb; c = duckdb.connect({path!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        with pytest.raises(RetryableError, match="lock"):
            create("duckdb", credentials=path).open("ds", None)
        other.communicate(b"\n")


def test_two_writers_conflict_is_retryable(tmp_path, package):
    connection = duckdb.connect(str(tmp_path / "x.duckdb"))
    database = create("duckdb", credentials=connection)
    of = table("t", {"a": "bigint"})
    append(database, package, of, [{"a": 1}])
    with closing(database.open("ds", package.load())) as one, closing(database.open("ds", package.load())) as two:
        one.apply(Truncate("t"))
        with pytest.raises(RetryableError):
            two.apply(Truncate("t"))


def test_a_refusal_names_the_table(database, package):
    of = table("t", {"a": "bigint"}, keys={"a": {"nullable": False}})
    with pytest.raises(DestinationRefused, match=r"NOT NULL constraint failed: t\.a") as caught:
        append(database, package, of, [{"a": None}])
    assert caught.value.table == "t"


def test_commit_keeps_the_last_states(database, tmp_path):
    for number in range(5):
        package = Package(tmp_path, f"{number}")
        row = {"version": number, "engine_version": 4, "pipeline_name": "p", "state": "x'y", "created_at": NOW}
        row |= {"version_hash": None, "_dlt_load_id": package.load_id, "_dlt_id": f"id{number}"}
        other = {**row, "pipeline_name": "other", "_dlt_id": f"other{number}"}
        rows = {"_dlt_pipeline_state": [row, other] if number == 0 else [row]}
        with closing(database.open("ds", package.load())) as session:
            session.apply(Commit({**loads_row(package.load_id), **rows}, keep_states=2))
    with closing(database.open("ds", None)) as session:
        kept = session.read("_dlt_pipeline_state").read_all().to_pylist()
        newest = session.read("_dlt_pipeline_state", {"pipeline_name": "p"}, last="version").read_all().to_pylist()
    assert sorted((row["pipeline_name"], row["version"]) for row in kept) == [("other", 0), ("p", 3), ("p", 4)]
    assert [row["version"] for row in newest] == [4]
    assert newest[0]["created_at"] == dt.datetime.fromisoformat(NOW)


def test_sessions_in_threads(tmp_path):
    database = create("duckdb", credentials=str(tmp_path / "x.duckdb"))
    of = table("t", {"a": "bigint"})
    append(database, Package(tmp_path, "0"), of, [{"a": 0}])

    def work(number: int) -> None:
        package = Package(tmp_path, f"{number}")
        apply(database, package, [Copy(of, (package.file(of, [{"a": number}]),))])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row["a"] for row in rows_of(database, "t")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("rows", "limits"), [(10, {"244.1 MiB"}), (600_000, {"64.0 MiB"})])
def test_what_is_written_is_not_kept_in_memory(monkeypatch, rows, limits):
    found, insert = set(), DuckDBDriver._insert

    def watched(self, *args):
        found.add(self.rows("SELECT current_setting('memory_limit')")[0][0])
        insert(self, *args)

    monkeypatch.setattr(DuckDBDriver, "_insert", watched)
    pipeline = dlt.pipeline("p", destination="duckdb", dataset_name="data")

    pipeline.run(pa.table({"a": range(rows), "b": [f"{i * 7919:<120}" for i in range(rows)]}), table_name="t")

    assert found == limits
    with pipeline.session() as session:
        assert session.driver.rows("SELECT current_setting('memory_limit')") == [("244.1 MiB",)]


def test_a_merge_keeps_its_memory(monkeypatch):
    found, execute = set(), DuckDBDriver.execute

    def watched(self, sql):
        found.add(self.rows("SELECT current_setting('memory_limit')")[0][0])
        return execute(self, sql)

    pipeline = dlt.pipeline("p", destination="duckdb", dataset_name="data")
    table = pa.table({"a": range(600_000), "b": [f"{i * 7919:<120}" for i in range(600_000)]})
    monkeypatch.setattr(DuckDBDriver, "execute", watched)

    pipeline.run(table, table_name="t", write_disposition="merge", primary_key="a")

    assert found == {"244.1 MiB"}
