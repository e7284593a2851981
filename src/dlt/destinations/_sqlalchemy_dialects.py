"""What dlt knows of SQLAlchemy's dialects, as data: SQLite and MySQL by hand, all others by SQLAlchemy's own types."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dlt.schema.capabilities import Capabilities
from dlt.schema.model import Column
from dlt.sql.dialect import Dialect

if TYPE_CHECKING:
    from sqlalchemy import Dialect as Engine
    from sqlalchemy.types import TypeEngine

FORMATS = ("arrow", "parquet", "typed-jsonl", "jsonl", "csv", "insert_values")
MERGES = ("delete-insert", "upsert", "scd2", "insert-only", "cdc")
REPLACES = ("truncate-and-insert", "insert-from-staging", "staging-optimized")
NAIVE = {"data_type": "timestamp", "timezone": False}
MADE_AGAIN = (
    "ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} ADD COLUMN {column} {type}"  # it has only nulls
)
INTEGERS = ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT"))
FOUND: dict[str, dict[str, Any]] = {
    "TINYINT": {"data_type": "bigint", "precision": 8},
    "SMALLINT": {"data_type": "bigint", "precision": 16},
    "INTEGER": {"data_type": "bigint", "precision": 32},
    "INT": {"data_type": "bigint", "precision": 32},
    "BIGINT": {"data_type": "bigint"},
    "DOUBLE": {"data_type": "double"},
    "BOOLEAN": {"data_type": "bool"},
    "DATE": {"data_type": "date"},
    "TEXT": {"data_type": "text"},
    "VARCHAR": {"data_type": "text"},
    "BLOB": {"data_type": "binary"},
    "JSON": {"data_type": "json"},
    "DECIMAL": {"data_type": "decimal"},
    "NUMERIC": {"data_type": "decimal"},
}

CAPS = Capabilities(
    file_formats=FORMATS,
    file_bytes=96 << 20,
    naive_digits=6,
    replace_strategies=REPLACES,
    transactions=True,
    ddl_transactions=False,
    alter_type=True,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of one database. values: how values go to the driver; opening: statements for each connection."""

    caps: Capabilities
    dialect: Dialect | None = None  # None: by the types of SQLAlchemy
    values: str = "native"  # native: as Python objects; text: in the statement; sqlite: as it stores them
    opening: tuple[str, ...] = ()


# ---- SQLite: types are words that say how values are stored. DECIMAL BLOB keeps numbers and texts as they come

SQLITE = Dialect(
    name="sqlite",
    types={
        "text": "TEXT",
        "bigint": "BIGINT",
        "double": "DOUBLE",
        "bool": "BOOLEAN",
        "timestamp": "DATETIME",
        "date": "DATE",
        "time": "TIME",
        "binary": "BLOB",
        "json": "JSON TEXT",
    },
    integers=INTEGERS,
    decimal="DECIMAL BLOB({precision},{scale})",
    text="VARCHAR({precision})",
    found={
        **FOUND,
        "JSON TEXT": {"data_type": "json"},
        "DECIMAL BLOB": {"data_type": "decimal"},
        "DATETIME": NAIVE,
        "TIMESTAMP": NAIVE,
        "TIME": {"data_type": "time"},
        "REAL": {"data_type": "double"},
        "FLOAT": {"data_type": "double"},
    },
    cast="{text}",
    zones=False,
    order={"decimal": "CAST({a} AS REAL)", "wei": "CAST({a} AS REAL)"},
    same="{a} IS {b}",
    hash_joins=False,
    scratch_schema="temp",
    scratch_index="CREATE INDEX temp.{index} ON {table} ({columns})",
    create_dataset="",
    alter_type=MADE_AGAIN,
    drop_not_null=(
        "ALTER TABLE {table} ADD COLUMN {other} {type}; UPDATE {table} SET {other} = {column};"
        " ALTER TABLE {table} DROP COLUMN {column}; ALTER TABLE {table} RENAME COLUMN {other} TO {column}"
    ),
    columns=(
        'SELECT t.name, c.name, c.type, NOT c."notnull" FROM (SELECT DISTINCT name FROM {schema}.sqlite_master'
        " WHERE type IN ('table', 'view') AND lower(name) IN ({tables})) AS t"
        " JOIN pragma_table_info(t.name, {dataset}) AS c ORDER BY t.name, c.cid"
    ),
)
SQLITE_CAPS = replace(
    CAPS,
    max_table_name=9999,
    max_column_name=9999,
    aware_timestamps=False,
    non_finite=False,
    merge_strategies=MERGES,
    ddl_transactions=True,
)

# ---- MySQL: a dataset is a database. DDL commits, temporary tables do not


def _mysql(collation: str) -> Dialect:
    """MySQL with a collation that tells all texts apart, by case, accents and blanks at the end."""
    of = f" CHARACTER SET utf8mb4 COLLATE {collation}"
    return Dialect(
        name="mysql",
        types={
            "text": "LONGTEXT",
            "bigint": "BIGINT",
            "double": "DOUBLE",
            "bool": "TINYINT(1)",
            "timestamp": "DATETIME(6)",
            "date": "DATE",
            "time": "TIME(6)",
            "binary": "LONGBLOB",
            "json": "LONGTEXT",
        },
        integers=((8, "TINYINT"), (16, "SMALLINT"), (32, "INT"), (64, "BIGINT")),
        text="VARCHAR({precision})",
        key_text="VARCHAR(255)",
        found={
            **FOUND,
            "TINYINT(1)": {"data_type": "bool"},
            "FLOAT": {"data_type": "double", "precision": 24},
            **{f"DATETIME({n})": {**NAIVE, "precision": n} for n in range(1, 6)},
            **{f"TIMESTAMP({n})": {**NAIVE, "precision": n} for n in range(1, 6)},
            **dict.fromkeys(("DATETIME(6)", "TIMESTAMP(6)"), NAIVE),
            **{name: {**NAIVE, "precision": 0} for name in ("DATETIME", "TIMESTAMP")},
            **{f"TIME({n})": {"data_type": "time", "precision": n} for n in range(1, 6)},
            "TIME(6)": {"data_type": "time"},
            "TIME": {"data_type": "time", "precision": 0},
            **{f"{size}TEXT": {"data_type": "text"} for size in ("TINY", "MEDIUM", "LONG")},
            **{f"{size}BLOB": {"data_type": "binary"} for size in ("TINY", "MEDIUM", "LONG")},
            "VARBINARY": {"data_type": "binary"},
        },
        quote="`",
        escapes=(("\\", "\\\\"),),
        cast="{text}",
        zones=False,
        same="{a} <=> {b}",
        hash_joins=False,
        delete="DELETE FROM {table} USING {table} WHERE {condition}",  # only this one plans its subqueries
        update="UPDATE {table}, {source} AS {alias} SET {values} WHERE {condition}",
        assign="{table}.{column} = {value}",
        scratch_schema="{dataset}",
        scratch="CREATE TEMPORARY TABLE {table} ({columns}) ENGINE=InnoDB DEFAULT" + of,
        twin="CREATE TEMPORARY TABLE {table} LIKE {source}",
        scratch_index="INDEX ({columns})",
        index_text="{column}(191)",
        drop_scratch="DROP TEMPORARY TABLE IF EXISTS {table}",
        create_dataset="CREATE DATABASE IF NOT EXISTS {dataset}" + of,
        create_table="CREATE TABLE {table} ({columns}) ENGINE=InnoDB DEFAULT" + of,
        alter_type="ALTER TABLE {table} MODIFY COLUMN {column} {type} NULL",
        drop_not_null="ALTER TABLE {table} MODIFY COLUMN {column} {type} NULL",
        columns=(
            "SELECT table_name, column_name, upper(column_type), is_nullable FROM information_schema.columns"
            " WHERE table_schema = {dataset} AND lower(table_name) IN ({tables}) ORDER BY table_name, ordinal_position"
        ),
    )


MYSQL_CAPS = replace(
    CAPS,
    max_table_name=64,
    max_column_name=64,
    aware_timestamps=False,
    non_finite=False,
    merge_strategies=MERGES,
)
# strict: what does not fit is an error; UTC for TIMESTAMP columns that others made
MYSQL_OPENING = ("SET SESSION sql_mode = CONCAT_WS(',', @@sql_mode, 'STRICT_ALL_TABLES'), time_zone = '+00:00'",)
KINDS = {
    "sqlite": Kind(SQLITE_CAPS, SQLITE, "sqlite"),
    "mysql": Kind(MYSQL_CAPS, _mysql("utf8mb4_0900_bin"), "text", MYSQL_OPENING),
    "mariadb": Kind(
        MYSQL_CAPS, _mysql("utf8mb4_nopad_bin"), "text", (*MYSQL_OPENING, "SET SESSION join_cache_level = 4")
    ),
    "postgresql": Kind(replace(CAPS, nul_in_text=False, merge_strategies=MERGES, ddl_transactions=True)),
}


# ---- all others


def generic(name: str, engine: Engine) -> Dialect:
    """A dialect from the types of a SQLAlchemy dialect."""
    import sqlalchemy as sa

    def named(kind: TypeEngine[Any]) -> str:
        return str(kind.compile(dialect=engine))

    types: dict[str, Any] = {
        "text": sa.Text(),
        "bigint": sa.BigInteger(),
        "double": sa.Double(),
        "bool": sa.Boolean(),
        "timestamp": sa.DateTime(timezone=True),
        "date": sa.Date(),
        "time": sa.Time(),
        "binary": sa.LargeBinary(),
        "json": sa.Text(),
    }
    quote = engine.identifier_preparer.initial_quote
    numeric = named(sa.Numeric(38, 9))
    return Dialect(
        name=name,
        types={key: named(kind) for key, kind in types.items()},
        found={},
        integers=((16, named(sa.SmallInteger())), (32, named(sa.Integer())), (64, named(sa.BigInteger()))),
        naive_timestamps=((6, named(sa.DateTime())),),
        decimal=numeric.replace("38", "{precision}").replace("9", "{scale}"),
        text=named(sa.String(77)).replace("77", "{precision}"),
        quote='"' if quote == "[" else quote,
        first="{query} OFFSET 0 ROWS FETCH NEXT 1 ROWS ONLY",
        alter_type=MADE_AGAIN,
    )


def column_of(name: str, kind: TypeEngine[Any], *, nullable: bool) -> Column:
    """The column that SQLAlchemy found with this type. A type that no data type stands for is left out."""
    import sqlalchemy as sa

    types: tuple[tuple[Any, Callable[[Any], Mapping[str, Any]]], ...] = (
        (sa.Boolean, lambda _: {"data_type": "bool"}),
        (sa.BigInteger, lambda _: {"data_type": "bigint"}),
        (sa.SmallInteger, lambda _: {"data_type": "bigint", "precision": 16}),
        (sa.Integer, lambda _: {"data_type": "bigint", "precision": 32}),
        (sa.REAL, lambda _: {"data_type": "double", "precision": 24}),
        (sa.Float, lambda _: {"data_type": "double"}),
        (sa.Numeric, lambda of: {"data_type": "decimal", "precision": of.precision, "scale": of.scale}),
        (sa.JSON, lambda _: {"data_type": "json"}),
        (sa.String, lambda of: {"data_type": "text", "precision": of.length}),
        (sa.DateTime, lambda of: {"data_type": "timestamp", "timezone": of.timezone}),
        (sa.Date, lambda _: {"data_type": "date"}),
        (sa.Time, lambda _: {"data_type": "time"}),
        (sa.LargeBinary, lambda _: {"data_type": "binary"}),
    )
    hints = next((made(kind) for known, made in types if isinstance(kind, known)), {})
    return Column(name, nullable=nullable, **hints)


def inspected(connection: Any, dataset: str, tables: list[str]) -> Iterator[tuple[str, Column, str]]:
    """Table, column and SQL type of the columns of those of these tables that are there."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    for table in tables:
        if inspector.has_table(table, schema=dataset):
            for one in inspector.get_columns(table, schema=dataset):
                kind = one["type"]
                column = column_of(one["name"], kind, nullable=bool(one["nullable"]))
                yield table, column, str(kind.compile(dialect=connection.dialect))
