"""The source over SQLite: reflection, keys, callbacks, columns, configuration, loaders (11.4)."""

from __future__ import annotations

import datetime as dt
import runpy
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, oracle, postgresql

import dlt
from dlt.errors import ConfigError, MissingExtra, NotBuilt, ResourceError, SchemaError
from dlt.sources.credentials import ConnectionStringCredentials
from dlt.sources.sql_database import (
    TableLoader,
    engine_from_credentials,
    get_table_loader_class,
    register_table_loader_backend,
    remove_nullability_adapter,
    sql_database,
    sql_table,
    unwrap_json_connector_x,
)
from dlt.sources.sql_database.load import TABLE_LOADER_REGISTRY
from dlt.sources.sql_database.reflect import get_table_references, table_to_columns, table_to_resource_hints

URL = "sqlite:///shop.db"
SQL = (
    "CREATE TABLE customers (id integer PRIMARY KEY, name varchar(10) NOT NULL, born date, extra json, paid numeric(10,2))",
    "CREATE TABLE orders (id integer PRIMARY KEY, customer_id integer REFERENCES customers(id), at datetime)",
    "CREATE TABLE vacant (id integer PRIMARY KEY)",
    "CREATE VIEW names AS SELECT id, name FROM customers",
    *(f"""INSERT INTO customers VALUES ({n}, 'n{n}', '2000-01-0{n}', '{{"n": {n}}}', {n}.5)""" for n in range(1, 6)),
    "INSERT INTO orders VALUES (1, 1, '2024-01-01 12:00:00.000000'), (2, 5, NULL)",
)


@pytest.fixture(autouse=True)
def shop(own_folder: Path) -> None:
    engine = sa.create_engine(URL, poolclass=sa.NullPool)
    with engine.begin() as connection:
        for one in SQL:
            connection.exec_driver_sql(one)


@pytest.fixture
def engine() -> Iterator[sa.Engine]:
    made = sa.create_engine(URL)
    yield made
    made.dispose()


def query(sql: str, file: str = "shop_pipeline.duckdb") -> Any:
    with duckdb.connect(file) as connection:
        return connection.sql(sql).fetchall()


def run(data: Any, **options: Any) -> dlt.Pipeline:
    pipeline = dlt.pipeline("shop_pipeline", destination="duckdb", dataset_name="d")
    pipeline.run(data, **options)
    return pipeline


# ---- the source


def test_tables_become_resources() -> None:
    source = sql_database(URL)
    assert (source.name, source.section) == ("sql_database", "sql_database")
    assert list(source.resources) == ["customers", "orders", "vacant"]
    assert list(sql_database(URL, include_views=True).resources) == ["customers", "orders", "vacant", "names"]
    assert list(sql_database(URL, table_names=["orders", "names"]).resources) == ["orders", "names"]
    assert [row["id"] for row in source.with_resources("orders")] == [1, 2]


def test_a_source_is_loaded() -> None:
    pipeline = run(sql_database(URL, resolve_foreign_keys=True).parallelize())
    assert query("SELECT id, name, born, extra, paid FROM d.customers ORDER BY id LIMIT 1") == [
        (1, "n1", dt.date(2000, 1, 1), '{"n": 1}', Decimal("1.5"))
    ]
    assert query('SELECT "at" FROM d.orders ORDER BY id') == [(dt.datetime(2024, 1, 1, 12),), (None,)]
    assert query("SELECT count(_dlt_id), count(_dlt_load_id) FROM d.customers") == [(5, 5)]
    assert pipeline.default_schema.tables["orders"]["references"] == [
        {"referenced_table": "customers", "referenced_columns": ["id"], "columns": ["customer_id"]}
    ]
    assert pipeline.default_schema_name == "sql_database"
    assert "vacant" not in pipeline.default_schema.tables  # as with rows: without any there is no table


@pytest.mark.parametrize("deferred", [False, True])
def test_one_table(deferred: bool) -> None:
    resource = sql_table(URL, "customers", defer_table_reflect=deferred)
    assert (resource.name, resource.write_disposition, bool(resource.columns)) == ("customers", "append", not deferred)
    pipeline = run(resource)
    columns = pipeline.default_schema.tables["customers"]["columns"]
    assert {name: column.get("data_type") for name, column in columns.items() if not name.startswith("_dlt")} == {
        "id": "bigint",
        "name": "text",
        "born": "date",
        "extra": "json",
        "paid": "decimal",
    }
    assert columns["id"]["primary_key"]
    assert columns["name"]["nullable"] is False


def test_a_deferred_table_keeps_the_hints_of_the_user() -> None:
    resource = sql_table(URL, "orders", defer_table_reflect=True, write_disposition="merge", primary_key="customer_id")
    resource.apply_hints(columns={"at": {"data_type": "text"}})
    pipeline = run(resource)
    table = pipeline.default_schema.tables["orders"]
    assert table["write_disposition"] == "merge"
    assert [name for name, column in table["columns"].items() if column.get("primary_key")] == ["customer_id"]
    assert query('SELECT "at" FROM d.orders ORDER BY id') == [("2024-01-01T12:00:00",), (None,)]


def test_hints_of_the_call() -> None:
    resource = sql_table(URL, "customers", write_disposition="merge", primary_key="name", merge_key="born")
    columns = resource.compute_table_schema()["columns"]
    assert resource.write_disposition == "merge"
    assert [name for name, column in columns.items() if column.get("primary_key")] == ["name"]
    assert [name for name, column in columns.items() if column.get("merge_key")] == ["born"]


WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("no table", lambda: sql_table(URL, "customer"), SchemaError, "did you mean 'customers'"),
    ("one of the tables", lambda: sql_database(URL, table_names=["orders", "nope"]), SchemaError, "'nope'"),
    ("deferred without names", lambda: sql_database(URL, defer_table_reflect=True), ConfigError, "table_names"),
    ("backend", lambda: sql_table(URL, "orders", backend="fast"), ConfigError, "connectorx"),
    ("level", lambda: sql_table(URL, "orders", reflection_level="deep"), ConfigError, "full_with_precision"),
    ("chunk", lambda: sql_table(URL, "orders", chunk_size=0), ConfigError, "chunk_size"),
    ("no URL", lambda: sql_table("shop.db", "orders"), ConfigError, "credentials"),
    ("dialect", lambda: sql_table("nosql://host/db", "orders"), MissingExtra, "nosql"),
    ("driver", lambda: sql_table("oracle+oracledb://host/db", "orders"), MissingExtra, "pip install oracledb"),
    ("column", lambda: sql_table(URL, "orders", included_columns=["when"]), SchemaError, "customer_id"),
    ("cursor", lambda: list(sql_table(URL, "orders", incremental=dlt.sources.incremental("when"))), ResourceError, "customer_id"),
    ("option", lambda: list(sql_table(URL, "orders", backend_kwargs={"tz": "UTC"})), NotBuilt, "partition_on"),
    ("part", lambda: list(sql_table(URL, "orders", backend_kwargs={"partition_on": "x"})), ConfigError, "customer_id"),
    ("parts by text", lambda: list(sql_table(URL, "customers", backend_kwargs={"partition_on": "name", "partition_num": 2})), NotBuilt, "whole numbers"),
    ("parts in order", lambda: list(sql_table(URL, "orders", incremental=dlt.sources.incremental("id", row_order="asc"), backend_kwargs={"partition_on": "id"})), ConfigError, "row_order"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "says"), [one[1:] for one in WRONG], ids=[one[0] for one in WRONG])
def test_what_is_wrong_is_said(call: Any, kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        call()


def test_the_configuration_names_database_and_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CREDENTIALS", URL)
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CUSTOMERS__INCLUDED_COLUMNS", '["id", "name"]')
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CUSTOMERS__INCREMENTAL__CURSOR_PATH", "id")
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CUSTOMERS__INCREMENTAL__INITIAL_VALUE", "4")
    rows = [{"id": 4, "name": "n4"}, {"id": 5, "name": "n5"}]
    assert list(sql_database().customers) == rows
    assert list(sql_table(table="customers")) == rows
    monkeypatch.setenv("SOURCES__SQL_DATABASE__TABLE", "orders")
    assert sql_table().name == "orders"
    monkeypatch.delenv("SOURCES__SQL_DATABASE__CREDENTIALS")
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CREDENTIALS__DRIVERNAME", "sqlite")
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CREDENTIALS__DATABASE", "shop.db")
    assert len(list(sql_table())) == 2


def test_credentials_of_all_kinds(engine: sa.Engine) -> None:
    for one in (
        URL,
        sa.make_url(URL),
        ConnectionStringCredentials(URL),
        {"drivername": "sqlite", "database": "shop.db"},
    ):
        made = engine_from_credentials(one)
        assert str(made.url) == URL
        made.dispose()
    assert engine_from_credentials(engine) is engine
    assert [row["id"] for row in sql_table(engine, "orders")] == [1, 2]
    assert sql_database(engine, engine_kwargs={"echo": True}).resources


def test_a_database_in_memory_stays(own_folder: Path) -> None:
    made = sa.create_engine("sqlite://", poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    with made.begin() as connection:
        for one in SQL:
            connection.exec_driver_sql(one)
    assert len(list(sql_table(made, "customers", chunk_size=2).add_limit(1))) == 2
    rows = iter(sql_table(made, "customers", chunk_size=2))
    next(rows)
    rows.close()  # type: ignore[attr-defined]  # a generator
    assert len(list(sql_table(made, "customers"))) == 5
    made.dispose()


# ---- columns and types


def test_included_and_excluded_columns() -> None:
    assert next(iter(sql_table(URL, "customers", included_columns=["name", "id"]))) == {"id": 1, "name": "n1"}
    found = sql_table(URL, "customers", excluded_columns=["extra", "born", "paid"])
    assert next(iter(found)) == {"id": 1, "name": "n1"}
    assert list(found.columns) == ["id", "name"]


TYPES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (sa.Integer(), {"data_type": "bigint"}, {}),
    (sa.SmallInteger(), {"data_type": "bigint"}, {"precision": 32}),
    (sa.BigInteger(), {"data_type": "bigint"}, {}),
    (sa.String(10), {"data_type": "text"}, {"precision": 10}),
    (sa.Text(), {"data_type": "text"}, {}),
    (sa.Numeric(), {"data_type": "decimal"}, {}),
    (sa.Numeric(12, 3), {"data_type": "decimal", "precision": 12, "scale": 3}, {}),
    (sa.Numeric(10, 2, asdecimal=False), {"data_type": "double"}, {}),
    (sa.Float(), {"data_type": "double"}, {}),
    (postgresql.DOUBLE_PRECISION(), {"data_type": "double"}, {}),
    (sa.Boolean(), {"data_type": "bool"}, {}),
    (sa.Date(), {"data_type": "date"}, {}),
    (sa.DateTime(), {"data_type": "timestamp", "timezone": False}, {}),
    (sa.DateTime(timezone=True), {"data_type": "timestamp", "timezone": True}, {}),
    (sa.Time(), {"data_type": "time"}, {}),
    (sa.JSON(), {"data_type": "json"}, {}),
    (postgresql.ARRAY(sa.Integer), {"data_type": "json"}, {}),
    (sa.Uuid(), {"data_type": "text"}, {}),
    (sa.LargeBinary(20), {"data_type": "binary"}, {"precision": 20}),
    (sa.Enum("a", "bc", name="e"), {"data_type": "text"}, {"precision": 2}),
    (sa.types.NullType(), {}, {}),
    (oracle.NUMBER(5, 0), {"data_type": "bigint"}, {}),
    (oracle.NUMBER(38, 0), {"data_type": "decimal", "precision": 38, "scale": 0}, {}),
    (oracle.NUMBER(10, 2), {"data_type": "decimal", "precision": 10, "scale": 2}, {}),
    (oracle.NUMBER(), {"data_type": "decimal"}, {}),
    (mysql.TINYINT(1), {"data_type": "bigint"}, {"precision": 32}),
]


@pytest.mark.parametrize(("kind", "full", "more"), TYPES, ids=[repr(one[0]) for one in TYPES])
def test_types_at_each_level(kind: Any, full: dict[str, Any], more: dict[str, Any]) -> None:
    """C47: whole numbers of Oracle are no doubles."""
    table = sa.Table(
        "t", sa.MetaData(), sa.Column("c", kind, comment="said"), sa.Column("k", sa.Integer, nullable=False)
    )
    names = {"name": "c", "nullable": True, "description": "said"}
    assert table_to_columns(table, "minimal")["c"] == names
    assert table_to_columns(table, "full")["c"] == {**names, **full}
    assert table_to_columns(table, "full_with_precision")["c"] == {**names, **full, **more}
    assert table_to_columns(table)["k"]["nullable"] is False


def test_minimal_leaves_types_to_the_data() -> None:
    resource = sql_table(URL, "customers", reflection_level="minimal")
    assert resource.columns == {
        name: {"name": name, "nullable": name != "name"} for name in ("id", "name", "born", "paid")
    }
    run(resource)
    assert query("SELECT id, extra__n FROM d.customers ORDER BY id LIMIT 1") == [(1, 1)]


def test_detect_precision_hints_is_the_old_name() -> None:
    resource = sql_table(URL, "customers", detect_precision_hints=True)
    assert resource.columns["name"]["precision"] == 10


def test_comments_become_descriptions(postgres: str) -> None:
    made = engine_from_credentials(postgres, may_dispose_after_use=True)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a int)")
        connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        connection.exec_driver_sql("COMMENT ON TABLE t IS 'all of them'")
        connection.exec_driver_sql("COMMENT ON COLUMN t.a IS 'one of them'")
    table = run(sql_table(postgres, "t")).default_schema.tables["t"]
    assert (table["description"], table["columns"]["a"]["description"]) == ("all of them", "one of them")


def test_references_of_several_columns() -> None:
    data = sa.MetaData()
    sa.Table(
        "p",
        data,
        sa.Column("a", sa.Integer, primary_key=True),
        sa.Column("b", sa.Integer, primary_key=True),
        schema="s",
    )
    child = sa.Table(
        "c",
        data,
        sa.Column("x", sa.Integer),
        sa.Column("y", sa.Integer),
        sa.ForeignKeyConstraint(["x", "y"], ["s.p.a", "s.p.b"]),
        schema="s",
    )
    assert get_table_references(child) == [
        {"referenced_table": "p", "referenced_columns": ["a", "b"], "columns": ["x", "y"]}
    ]
    assert "references" not in table_to_resource_hints(child)


def test_schema_and_metadata(engine: sa.Engine) -> None:
    data = sa.MetaData()
    assert list(sql_database(engine, schema="main", metadata=data).resources) == ["customers", "orders", "vacant"]
    assert set(data.tables) == {"main.customers", "main.vacant", "main.orders"}
    assert len(list(sql_table(engine, "orders", schema="main", metadata=data))) == 2


def test_tables_of_other_schemas_are_not_taken_along(postgres: str) -> None:
    made = engine_from_credentials(postgres, may_dispose_after_use=True)
    with made.begin() as connection:
        for one in (
            "CREATE SCHEMA other",
            "CREATE TABLE other.kinds (id int PRIMARY KEY)",
            "CREATE TABLE things (id int PRIMARY KEY, kind int REFERENCES other.kinds(id))",
        ):
            connection.exec_driver_sql(one)
    source = sql_database(postgres, resolve_foreign_keys=True)
    assert list(source.resources) == ["things"]
    assert source.things.compute_table_schema()["references"] == [
        {"referenced_table": "kinds", "referenced_columns": ["id"], "columns": ["kind"]}
    ]
    assert list(sql_database(postgres, schema="other").resources) == ["kinds"]
    assert list(sql_database(postgres, metadata=sa.MetaData(schema="other")).resources) == ["kinds"]


# ---- callbacks


def test_type_adapter() -> None:
    def adapt(kind: Any) -> Any:
        return sa.Float if isinstance(kind, sa.Numeric) else None if isinstance(kind, sa.Date) else kind

    resource = sql_table(URL, "customers", type_adapter_callback=adapt)
    assert resource.columns["paid"]["data_type"] == "double"
    assert "data_type" not in resource.columns["born"]
    run(resource)
    assert query("SELECT typeof(paid), typeof(born), paid FROM d.customers ORDER BY id LIMIT 1") == [
        ("DOUBLE", "DATE", 1.5)
    ]


def test_table_adapters() -> None:
    def narrowed(table: sa.Table) -> None:
        table._columns.remove(table.columns["extra"])  # type: ignore[attr-defined]  # as adapters do

    def computed(table: sa.Table) -> Any:
        return sa.select(table.c.id, (table.c.id * 2).label("double"))

    assert "extra" not in sql_table(URL, "customers", table_adapter_callback=narrowed).columns
    resource = sql_table(URL, "customers", table_adapter_callback=computed)
    assert resource.columns["double"] == {"name": "double", "data_type": "bigint"}
    assert list(resource)[:2] == [{"id": 1, "double": 2}, {"id": 2, "double": 4}]
    made = sql_table(URL, "customers", table_adapter_callback=lambda table: computed(table).subquery("t"))
    assert (made.name, len(list(made))) == ("customers", 5)
    nullable = sql_table(URL, "customers", table_adapter_callback=remove_nullability_adapter)
    assert nullable.columns["name"]["nullable"] is True


def test_included_columns_are_those_of_the_table_before_the_adapter() -> None:
    def computed(table: sa.Table) -> Any:
        return sa.select(table.c.id, (table.c.id * 2).label("double"))

    resource = sql_table(URL, "customers", included_columns=["id"], table_adapter_callback=computed)
    assert next(iter(resource)) == {"id": 1, "double": 2}


def test_a_query_that_is_a_text_has_the_types_of_its_values(postgres: str) -> None:
    made = engine_from_credentials(postgres, may_dispose_after_use=True)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (n numeric)")
    sql = """SELECT true AS ok, '{"a"\\:1}'::jsonb AS j, ARRAY[1,2] AS l, 1.5 AS n, DATE '2024-01-01' AS d"""
    resource = sql_table(postgres, "t", query_adapter_callback=lambda query, table: sa.text(sql))
    assert list(resource) == [{"ok": True, "j": {"a": 1}, "l": [1, 2], "n": Decimal("1.5"), "d": dt.date(2024, 1, 1)}]


def test_query_adapters() -> None:
    seen: list[Any] = []

    def two(query: Any, table: Any) -> Any:
        return query.where(table.c.id > 3)

    def four(query: Any, table: Any, incremental: Any, engine: Any) -> Any:
        seen.append((table.name, incremental.cursor_path, engine.dialect.name))
        return query

    def text(query: Any, table: Any) -> Any:
        return sa.text("SELECT id, born, extra FROM customers WHERE id = 2")

    assert [row["id"] for row in sql_table(URL, "customers", query_adapter_callback=two)] == [4, 5]
    cursor = dlt.sources.incremental("id", initial_value=5)
    assert len(list(sql_table(URL, "customers", query_adapter_callback=four, incremental=cursor))) == 1
    assert seen == [("customers", "id", "sqlite")]
    assert list(sql_table(URL, "customers", query_adapter_callback=text)) == [
        {"id": 2, "born": dt.date(2000, 1, 2), "extra": {"n": 2}}
    ]


def test_engine_adapter() -> None:
    def read_only(engine: sa.Engine) -> sa.Engine:
        return engine.execution_options(isolation_level="SERIALIZABLE")

    assert len(list(sql_table(URL, "orders", engine_adapter_callback=read_only))) == 2


# ---- items and loaders


def test_who_looks_at_rows_gets_pages_of_dicts() -> None:
    pages: list[Any] = []

    @dlt.transformer
    def seen(page: Any) -> Any:
        pages.append(page)
        yield page

    assert len(list(sql_table(URL, "customers", chunk_size=2) | seen)) == 5
    assert [(type(page), len(page)) for page in pages] == [(list, 2), (list, 2), (list, 1)]
    assert pages[0][0] == {
        "id": 1,
        "name": "n1",
        "born": dt.date(2000, 1, 1),
        "extra": {"n": 1},
        "paid": Decimal("1.5"),
    }
    resource = (
        sql_table(URL, "customers")
        .add_map(lambda row: {**row, "n": row["extra"]["n"]})
        .add_filter(lambda row: row["n"] > 4)
    )
    run(resource)
    assert query("SELECT id, n, extra FROM d.customers") == [(5, 5, '{"n":5}')]


def test_items_of_each_backend() -> None:
    kinds = {
        backend: type(next(iter(sql_table(URL, "orders", backend=backend)))).__name__
        for backend in TABLE_LOADER_REGISTRY
    }
    assert kinds == {"sqlalchemy": "dict", "pyarrow": "Table", "pandas": "DataFrame", "connectorx": "Table"}


def test_options_of_backends(postgres: str) -> None:
    found = next(iter(sql_table(URL, "orders", backend="pandas", backend_kwargs={"dtype_backend": "numpy_nullable"})))
    assert str(found["id"].dtype) == "Int64"
    made = engine_from_credentials(postgres, may_dispose_after_use=True)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t AS SELECT timestamptz '2024-01-01 00:00+00' AS at")
    table = next(iter(sql_table(postgres, "t", backend="pyarrow", backend_kwargs={"tz": "Europe/Berlin"})))
    assert table.schema.field("at").type == pa.timestamp("us", "Europe/Berlin")


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_parts_side_by_side(number: int) -> None:
    options = {"partition_on": "id", "partition_num": number}
    assert sorted(row["id"] for row in sql_table(URL, "customers", backend_kwargs=options)) == [1, 2, 3, 4, 5]
    by_day = {"partition_on": "at", "partition_num": number}
    assert sorted(row["id"] for row in sql_table(URL, "orders", backend_kwargs=by_day)) == [1, 2]
    assert list(sql_table(URL, "vacant", backend_kwargs=options)) == []


def test_an_error_in_a_part_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Any, query: Any) -> Any:
        yield from ()
        raise RuntimeError("the connection is gone")

    monkeypatch.setattr(TableLoader, "by_rows", broken)
    options = {"partition_on": "id", "partition_num": 3}
    with pytest.raises(ResourceError, match="the connection is gone"):
        list(sql_table(URL, "customers", backend_kwargs=options))


def test_loaders_of_users() -> None:
    class Late(TableLoader):
        def _make_query(self) -> Any:
            return super()._make_query().where(self.table.c.id > 3)

        def load_rows(self, backend_kwargs: dict[str, Any] | None = None) -> Iterator[Any]:
            for page in super().load_rows(backend_kwargs):
                assert type(page) is list
                yield [{**row, "by": self.backend} for row in page]

    rows = list(sql_table(URL, "orders", table_loader_class=Late))
    assert rows == []
    assert [row["by"] for row in sql_table(URL, "customers", table_loader_class=Late)] == ["sqlalchemy"] * 2
    register_table_loader_backend("late", Late)
    try:
        assert get_table_loader_class("late") is Late
        assert [row["by"] for row in sql_table(URL, "customers", backend="late")] == ["late"] * 2
    finally:
        del TABLE_LOADER_REGISTRY["late"]


def test_unwrap_json() -> None:
    table = pa.table({"a": ['{"x": [1, 2]}', None]})
    assert unwrap_json_connector_x("a")(table).to_pydict() == {"a": ['{"x":[1,2]}', None]}


def test_old_import_paths() -> None:
    from dlt.sources.sql_database.arrow_helpers import row_tuples_to_arrow  # noqa: F401
    from dlt.sources.sql_database.helpers import (  # noqa: F401
        BaseTableLoader,
        SelectAny,
        SelectClause,
        unwrap_json_connector_x,
    )
    from dlt.sources.sql_database.helpers import Table as OldTable
    from dlt.sources.sql_database.schema_types import get_primary_key, sqla_col_to_column_schema  # noqa: F401

    from dlt.sources.sql_database import Table, TableBackend  # noqa: F401

    assert OldTable is Table is sa.Table


def test_the_script_of_init_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CREDENTIALS", URL)
    monkeypatch.setenv("SOURCES__SQL_DATABASE__TABLES", '["orders", "customers"]')
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CURSOR", "born")
    for _ in range(2):
        runpy.run_path(str(files("dlt.cli.templates") / "sql_database.py"), run_name="__main__")
    counts = (
        "SELECT (SELECT count(*) FROM sql_database_data.orders), (SELECT count(*) FROM sql_database_data.customers)"
    )
    assert query(counts, "sql_database_pipeline.duckdb") == [(2, 5)]
