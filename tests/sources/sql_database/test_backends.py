"""One meaning for all backends: types, values and nulls of PostgreSQL, MySQL and SQLite, item by item and in DuckDB."""

from __future__ import annotations

import datetime as dt
import json
import math
from contextlib import suppress
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa

import dlt
from dlt.sources.sql_database import engine_from_credentials, sql_table

from types_of_databases import DATABASES, DOCS, MARKS, POSTGRES_SETUP, column, expected, statements, table  # isort: skip

WAYS = ("sqlalchemy", "rows", "pyarrow", "pandas", "connectorx")  # rows: with code that looks at them
BACKENDS = {"rows": "sqlalchemy"}
FIXTURES = {"PostgreSQL": "postgres", "MySQL": "mysql"}


def execute(url: str, *statements: str) -> None:
    """Run SQL in one transaction."""
    engine = engine_from_credentials(url, may_dispose_after_use=True)
    with engine.begin() as connection:
        for one in statements:
            connection.exec_driver_sql(one if url.startswith("sqlite") else one.replace("%", "%%"))


@pytest.fixture(params=list(DATABASES))
def database(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A database with the table `everything`: its name and URL."""
    name = request.param
    url = request.getfixturevalue(FIXTURES[name]) if name in FIXTURES else "sqlite:///source.db"
    before = {"PostgreSQL": POSTGRES_SETUP, "MySQL": ("SET sql_mode = ''",)}.get(name, ())
    execute(url, *before, *statements(DATABASES[name]))
    return name, url


def wanted(way: str, name: str) -> dict[str, Any]:
    """Arguments of sql_table for a way to read."""
    left = [column(number) for number, one in enumerate(DATABASES[name]) if way == "connectorx" and not one.connectorx]
    return {"backend": BACKENDS.get(way, way), "excluded_columns": left or None}


def plain(value: Any) -> Any:
    """The value so that NaN is like NaN."""
    return "NaN" if isinstance(value, float) and math.isnan(value) else value


def meant(row: tuple[Any, ...]) -> list[Any]:
    """A row with its JSON as what it says."""
    out = list(row)
    for place, value in enumerate(row):
        if isinstance(value, str) and value[:1] in ("{", "["):
            with suppress(ValueError):
                out[place] = json.loads(value)
    return out


def columns_of(items: Any) -> dict[str, list[Any]]:
    """The values by column, whatever the items are."""
    out: dict[str, list[Any]] = {}
    rows: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, dict):
            rows.append(item)
        else:
            rows += (item if isinstance(item, pa.Table) else pa.Table.from_pandas(item)).to_pylist()
    for name in dict.fromkeys(name for row in rows for name in row):
        out[name] = [plain(row.get(name)) for row in rows]
    return out


@pytest.mark.parametrize("way", ["pyarrow", "pandas", "connectorx"])
def test_items_have_the_values_of_the_table(way: str, database: tuple[str, str]) -> None:
    name, url = database
    found = columns_of(sql_table(url, "everything", **wanted(way, name)))
    rows = len(found["id"])
    for number, one in enumerate(DATABASES[name]):
        if way == "connectorx" and not one.connectorx:
            continue
        values, odd = expected(one, rows)
        assert found[column(number)] == [plain(value) for value in values], one.sql
        assert found.get(column(number) + "__v_text", [None] * rows) == odd, one.sql


def test_rows_hold_what_json_says(postgres: str) -> None:
    execute(
        postgres,
        "CREATE TABLE docs (a jsonb, b int[], c jsonb)",
        """INSERT INTO docs VALUES ('{"x": [1]}', '{1,NULL}', '"text"')""",
    )
    assert list(sql_table(postgres, "docs")) == [{"a": {"x": [1]}, "b": [1, None], "c": '"text"'}]


def loaded(url: str, way: str, name: str) -> tuple[dict[str, str], list[tuple[Any, ...]], dict[str, Any]]:
    """Types, rows and schema in DuckDB."""
    resource = sql_table(url, "everything", **wanted(way, name))
    if way == "rows":
        resource.add_map(lambda row: row)
    pipeline = dlt.pipeline(f"via_{way}", destination=dlt.destinations.duckdb(f"{way}.duckdb"), dataset_name="d")
    pipeline.run(resource)
    names = [one for one in pipeline.default_schema.tables["everything"]["columns"] if not one.startswith("_dlt")]
    with duckdb.connect(f"{way}.duckdb") as connection:
        listed = ", ".join(sorted(names))
        found = connection.sql(f"SELECT {listed} FROM d.everything ORDER BY id")
        kinds = dict(zip(sorted(names), map(str, found.types), strict=True))
        rows = [tuple(plain(value) for value in row) for row in found.fetchall()]
    return kinds, rows, pipeline.default_schema.tables["everything"]["columns"]


def test_duckdb_has_the_same_by_all_ways(database: tuple[str, str]) -> None:
    """C46, C47, C48, C49: timestamps, whole numbers, decimals without precision, dates that no calendar has."""
    name, url = database
    first, *others = [loaded(url, way, name) for way in WAYS if way != "connectorx" or name != "MySQL"]
    for way, found in zip(WAYS[1:], others, strict=False):
        assert found[0] == first[0], way
        assert [meant(row) for row in found[1]] == [meant(row) for row in first[1]], way
    columns = first[2]
    for number, one in enumerate(DATABASES[name]):
        said = columns[column(number)]
        text = said["data_type"]
        if text == "decimal" and "precision" in said:
            text += f"({said['precision']},{said['scale']})"
        if text == "timestamp" and said.get("timezone") is False:
            text += ", no zone"
        assert text == (one.becomes or "binary"), one.sql


def test_the_table_of_the_documentation_is_current() -> None:
    found = DOCS.read_text().partition(MARKS[0])[2].partition(MARKS[1])[0]
    assert found == table(), "run python tests/sources/sql_database/types_of_databases.py"


@pytest.mark.parametrize("way", WAYS)
def test_c48_decimals_without_precision_take_their_digits_from_the_data(way: str, postgres: str) -> None:
    execute(
        postgres,
        "CREATE TABLE amounts (id int, n numeric)",
        "INSERT INTO amounts VALUES (1, 1.5), (2, 0.123456789012345), (3, 12345678901234)",
    )
    resource = sql_table(postgres, "amounts", backend=BACKENDS.get(way, way))
    if way == "rows":
        resource.add_map(lambda row: row)
    pipeline = dlt.pipeline("amounts", destination="duckdb", dataset_name="d")
    for _ in range(2):
        pipeline.run(resource, write_disposition="replace")
        with duckdb.connect("amounts.duckdb") as connection:
            found = connection.sql("SELECT n FROM d.amounts ORDER BY id").fetchall()
        assert found == [(Decimal("1.5"),), (Decimal("0.123456789012345"),), (Decimal(12345678901234),)]
    execute(
        postgres,
        "DELETE FROM amounts WHERE id = 2",
    )
    pipeline.run(resource, write_disposition="append")  # the column stays as it is
    with duckdb.connect("amounts.duckdb") as connection:
        assert connection.sql("SELECT count(*), sum(n), any_value(typeof(n)) FROM d.amounts").fetchall() == [
            (5, Decimal("24691357802471.123456789012345"), "DECIMAL(38,15)")
        ]


@pytest.mark.parametrize("deferred", [False, True])
def test_digits_that_the_user_gives_hold(deferred: bool, postgres: str) -> None:
    execute(postgres, "CREATE TABLE amounts AS SELECT 0.123456789012345 AS n")
    resource = sql_table(postgres, "amounts", defer_table_reflect=deferred)
    resource.apply_hints(columns={"n": {"data_type": "decimal", "precision": 30, "scale": 20}})
    dlt.pipeline("amounts", destination="duckdb", dataset_name="d").run(resource)
    with duckdb.connect("amounts.duckdb") as connection:
        assert connection.sql("SELECT n, typeof(n) FROM d.amounts").fetchall() == [
            (Decimal("0.123456789012345"), "DECIMAL(30,20)")
        ]


@pytest.mark.parametrize("way", WAYS)
def test_c57_a_first_batch_without_values(way: str, postgres: str) -> None:
    execute(
        postgres,
        "CREATE TABLE late (id int PRIMARY KEY, a numeric, b timestamptz, c jsonb, d text)",
        "INSERT INTO late SELECT g FROM generate_series(1, 10) g",
        """INSERT INTO late VALUES (11, 1.5, '2024-01-01 00:00+00', '{"a": 1}', 'x')""",
    )
    resource = sql_table(postgres, "late", backend=BACKENDS.get(way, way), chunk_size=4)
    if way == "rows":
        resource.add_map(lambda row: row)
    dlt.pipeline("late", destination="duckdb", dataset_name="d").run(resource)
    with duckdb.connect("late.duckdb") as connection:
        found = connection.sql("SELECT count(*), max(a), max(epoch(b)), max(c::text), max(d) FROM d.late").fetchall()
    assert found == [(11, Decimal("1.5"), 1704067200.0, '{"a": 1}' if way != "rows" else '{"a":1}', "x")]


@pytest.mark.parametrize("way", WAYS)
def test_settings_of_the_server_change_no_value(way: str, postgres: str) -> None:
    name = postgres.rpartition("/")[2]
    execute(
        postgres,
        "CREATE TABLE t AS SELECT date '2024-02-01' AS d, timestamp '2024-02-01 12:00:00.5' AS m, time '12:00' AS t, "
        "timestamptz '2024-02-01 12:00:00+00' AS z, interval '1 month' AS i, 0.1::float8 AS f, 1.1::real AS r",
        f"ALTER DATABASE {name} SET datestyle TO 'German'",
        f"ALTER DATABASE {name} SET timezone TO 'America/New_York'",
        f"ALTER DATABASE {name} SET extra_float_digits TO -10",
    )
    cursor = dlt.sources.incremental("z", initial_value="2024-02-01T11:00:00Z")
    source = engine_from_credentials(postgres, poolclass=sa.NullPool) if way == "rows" else postgres
    found = columns_of(sql_table(source, "t", backend=BACKENDS.get(way, way), incremental=cursor))
    assert found == {
        "d": [dt.date(2024, 2, 1)],
        "m": [dt.datetime(2024, 2, 1, 12, 0, 0, 500000)],
        "t": [dt.time(12)],
        "z": [dt.datetime(2024, 2, 1, 12, tzinfo=dt.UTC)],
        "i": ["1 mon"],
        "f": [0.1],
        "r": [1.1],
    }


def test_c58_columns_in_another_order(postgres: str) -> None:
    execute(
        postgres,
        "CREATE TABLE t (a int, b text)",
        "INSERT INTO t VALUES (1, 'x')",
    )
    pipeline = dlt.pipeline("order", destination="duckdb", dataset_name="d")
    pipeline.run(sql_table(postgres, "t", backend="pyarrow"))
    execute(
        postgres,
        "DROP TABLE t",
        "CREATE TABLE t (b text, c int, a int)",
        "INSERT INTO t VALUES ('y', 3, 2)",
    )
    pipeline.run(sql_table(postgres, "t", backend="pyarrow"))
    with duckdb.connect("order.duckdb") as connection:
        assert connection.sql("SELECT a, b, c FROM d.t ORDER BY a").fetchall() == [(1, "x", None), (2, "y", 3)]


def test_the_log_says_by_which_way(postgres: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "dlt")
    execute(
        postgres,
        "CREATE TABLE t (a int)",
        "INSERT INTO t VALUES (1)",
    )
    found = {}
    for name, source, backend in (
        ("url", postgres, "sqlalchemy"),
        ("engine", engine_from_credentials(postgres, poolclass=sa.NullPool), "pyarrow"),
        ("connectorx", postgres, "connectorx"),
    ):
        caplog.clear()
        assert columns_of(sql_table(source, "t", backend=backend)) == {"a": [1]}
        found[name] = caplog.messages[-1].rpartition(" with ")[2]
    assert found == {
        "url": "ADBC.",
        "engine": "psycopg, over a server-side cursor.",
        "connectorx": "connectorx.",
    }


@pytest.mark.parametrize("backend", ["sqlalchemy", "pyarrow"])
def test_c84_large_tables_are_read_in_pages(backend: str, mysql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Descending too: rows come page by page, and what is not wanted is not read."""
    execute(
        mysql,
        "CREATE TABLE t (id int PRIMARY KEY, text longtext)",
        "INSERT INTO t SELECT seq, repeat('x', 1000) FROM seq_1_to_20000",
    )
    buffered: list[int] = []
    monkeypatch.setattr(
        "dlt.sources.sql_database.load._pages",
        lambda fetch, most: iter(lambda: _noted(buffered, fetch(most)), []),
    )
    cursor = dlt.sources.incremental("id", initial_value=1, row_order="desc")
    resource = sql_table(mysql, "t", backend=backend, chunk_size=500, incremental=cursor)
    items = iter(resource)
    next(items)
    assert buffered == [500]
    items.close()  # type: ignore[attr-defined]  # a generator
    assert len(columns_of(sql_table(mysql, "t", backend=backend, chunk_size=500))["id"]) == 20000
    assert max(buffered) == 500


def _noted(buffered: list[int], rows: Any) -> list[Any]:
    buffered.append(len(rows))
    return list(rows)


def test_pages_of_large_values_are_smaller() -> None:
    from dlt.sources.sql_database.load import MOST_BYTES, _pages

    rows = [("x" * 1_000_000,)] * 2
    left = iter(rows * 200)
    sizes = [
        len(page) for page in _pages(lambda most: [one for _, one in zip(range(most), left, strict=False)], 50_000)
    ]
    assert sum(sizes) == 400
    assert max(sizes) <= max(MOST_BYTES // 1_000_000, 200)
