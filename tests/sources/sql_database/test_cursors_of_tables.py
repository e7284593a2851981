"""Incremental reads: the SQL that asks only for what is new, and the rows that come of it (3, C66)."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import dlt
from dlt.sources.sql_database import engine_from_credentials, sql_table

ENGINES = ("sqlite", "postgres", "mysql")
FIRST = [(1, 1, "2024-01-01 00:00:00"), (2, 2, "2024-01-02 00:00:00"), (3, None, None), (4, 3, "2024-01-03 12:00:00")]


@pytest.fixture(params=ENGINES)
def url(request: pytest.FixtureRequest) -> str:
    found: str = "sqlite:///t.db" if request.param == "sqlite" else request.getfixturevalue(request.param)
    kind = {"postgres": "timestamp"}.get(request.param, "datetime")
    execute(found, f"CREATE TABLE t (id int PRIMARY KEY, n int, at {kind})")
    add(found, *FIRST)
    return found


def execute(url: str, *statements: str) -> None:
    engine = engine_from_credentials(url, may_dispose_after_use=True)
    with engine.begin() as connection:
        for one in statements:
            connection.exec_driver_sql(one)


def add(url: str, *rows: tuple[Any, ...]) -> None:
    values = ", ".join(
        f"({i}, {'NULL' if n is None else n}, {'NULL' if at is None else repr(at)})" for i, n, at in rows
    )
    execute(url, f"INSERT INTO t VALUES {values}")


CONDITIONS: list[tuple[dict[str, Any], str, list[int]]] = [
    ({"initial_value": 2}, "WHERE t.n >= 2", [2, 4]),
    ({"initial_value": 2, "range_start": "open"}, "WHERE t.n > 2", [4]),
    ({"initial_value": 1, "end_value": 3}, "WHERE t.n >= 1 AND t.n < 3", [1, 2]),
    ({"initial_value": 1, "end_value": 3, "range_end": "closed"}, "WHERE t.n >= 1 AND t.n <= 3", [1, 2, 4]),
    ({"initial_value": 2, "last_value_func": min}, "WHERE t.n <= 2", [1, 2]),
    ({"initial_value": 3, "end_value": 1, "last_value_func": min}, "WHERE t.n <= 3 AND t.n > 1", [2, 4]),
    ({"initial_value": 2, "on_cursor_value_missing": "include"}, "WHERE t.n >= 2 OR t.n IS NULL", [2, 3, 4]),
    ({"on_cursor_value_missing": "include"}, "", [1, 2, 3, 4]),
    ({"on_cursor_value_missing": "exclude"}, "WHERE t.n IS NOT NULL", [1, 2, 4]),
    ({"initial_value": 2, "on_cursor_value_missing": "exclude"}, "WHERE t.n >= 2 AND t.n IS NOT NULL", [2, 4]),
    ({"initial_value": 1, "row_order": "asc"}, "WHERE t.n >= 1 ORDER BY t.n ASC", [1, 2, 4]),
    ({"initial_value": 1, "row_order": "desc"}, "WHERE t.n >= 1 ORDER BY t.n DESC", [1, 2, 4]),
    (
        {"initial_value": 2, "last_value_func": lambda values: max(values), "on_cursor_value_missing": "exclude"},
        "",
        [2, 4],
    ),
]


def read(resource: Any) -> list[dict[str, Any]]:
    """The rows of a resource, whatever its items are."""
    rows: list[dict[str, Any]] = []
    for item in resource:
        table = item if isinstance(item, dict | pa.Table) else pa.Table.from_pandas(item)
        rows += [table] if isinstance(table, dict) else table.to_pylist()
    return rows


def test_c66_conditions(url: str) -> None:
    found: list[str] = []

    def note(query: Any, table: Any, incremental: Any, engine: Any) -> Any:
        text = str(query.compile(compile_kwargs={"literal_binds": True}))
        found.append(" ".join(text.partition("FROM t")[2].split()))
        return query

    for options, sql, ids in CONDITIONS:
        own = options.get("last_value_func", max) not in (max, min)  # is called with values of rows, not of tables
        for backend in ("sqlalchemy",) if own else ("sqlalchemy", "pyarrow"):
            cursor = dlt.sources.incremental("n", **options)
            rows = read(sql_table(url, "t", backend=backend, incremental=cursor, query_adapter_callback=note))
            assert (found.pop(), sorted(row["id"] for row in rows)) == (sql, ids), (options, backend)


def loaded(url: str, cursor: Any, **options: Any) -> list[int]:
    """Load what is new; the ids of all rows that are there."""
    pipeline = dlt.pipeline("cursors", destination="duckdb", dataset_name="d")
    pipeline.run(sql_table(url, "t", incremental=cursor, **options))
    with duckdb.connect("cursors.duckdb") as connection:
        return [row[0] for row in connection.sql("SELECT id FROM d.t ORDER BY id").fetchall()]


@pytest.mark.parametrize("way", ["sqlalchemy", "rows", "pyarrow", "pandas", "connectorx"])
@pytest.mark.parametrize("column", ["n", "at"])
def test_runs_load_only_what_is_new(column: str, way: str, url: str) -> None:
    cursor = dlt.sources.incremental(column, on_cursor_value_missing="exclude", primary_key="id")

    def all_rows() -> list[int]:
        pipeline = dlt.pipeline("cursors", destination="duckdb", dataset_name="d")
        resource = sql_table(url, "t", backend="sqlalchemy" if way == "rows" else way, incremental=cursor)
        pipeline.run(resource.add_map(lambda row: row) if way == "rows" else resource)
        with duckdb.connect("cursors.duckdb") as connection:
            return [row[0] for row in connection.sql("SELECT id FROM d.t ORDER BY id").fetchall()]

    assert all_rows() == [1, 2, 4]
    add(
        url,
        (5, 3, "2024-01-03 12:00:00"),
        (6, 4, "2024-01-03 12:00:00.5" if "mysql" not in url else "2024-01-03 12:00:01"),
    )
    assert all_rows() == [1, 2, 4, 5, 6]
    assert all_rows() == [1, 2, 4, 5, 6]
    add(url, (7, 1, "2024-01-01 00:00:00"))
    assert all_rows() == [1, 2, 4, 5, 6]


def test_starts_in_time(url: str) -> None:
    moment = dt.datetime(2024, 1, 2)
    for start in (moment, moment.replace(tzinfo=dt.UTC), "2024-01-02T00:00:00", "2024-01-02"):
        cursor = dlt.sources.incremental("at", initial_value=start, on_cursor_value_missing="exclude")
        assert sorted(row["id"] for row in sql_table(url, "t", incremental=cursor)) == [2, 4], start


def test_back_fill_of_a_range(url: str) -> None:
    cursor = dlt.sources.incremental(
        "at",
        initial_value=dt.datetime(2024, 1, 1),
        end_value=dt.datetime(2024, 1, 3),
        on_cursor_value_missing="exclude",
    )
    assert loaded(url, cursor) == [1, 2]


def test_lag_reads_again(url: str) -> None:
    cursor = dlt.sources.incremental("at", lag=86400 * 2, on_cursor_value_missing="exclude")
    options = {"write_disposition": "merge", "primary_key": "id"}
    assert loaded(url, cursor, **options) == [1, 2, 4]
    add(url, (5, 2, "2024-01-02 06:00:00"), (6, 2, "2024-01-01 06:00:00"))
    assert loaded(url, cursor, **options) == [1, 2, 4, 5]


LIMITS: list[tuple[dict[str, Any], str, int]] = [
    ({"max_items": 1}, "LIMIT 2", 2),
    ({"max_items": 2}, "LIMIT 4", 4),
    ({"max_items": 3, "count_rows": True}, "LIMIT 3", 3),
]


def test_limits_are_limits_of_sql(url: str) -> None:
    found: list[str] = []

    def note(query: Any, table: Any) -> Any:
        text = str(query.compile(compile_kwargs={"literal_binds": True}))
        found.append(" ".join(text.partition("FROM t")[2].split()))
        return query

    for limit, sql, rows in LIMITS:
        for backend in ("sqlalchemy", "pyarrow", "pandas", "connectorx"):
            resource = sql_table(url, "t", backend=backend, chunk_size=2, query_adapter_callback=note)
            assert (len(read(resource.add_limit(**limit))), found.pop()) == (rows, sql), (limit, backend)


def test_a_limit_of_rows_behind_a_filter_is_none_of_sql(url: str) -> None:
    resource = sql_table(url, "t", chunk_size=1).add_filter(lambda row: row["id"] > 2).add_limit(2, count_rows=True)
    assert [row["id"] for row in resource] == [3, 4]
