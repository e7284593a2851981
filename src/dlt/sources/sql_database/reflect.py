"""Engines of credentials, tables as the database describes them, and what that says of the tables to come."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from threading import Lock
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, oracle

from dlt.config.credentials import ConnectionStringCredentials
from dlt.errors import ConfigError, MissingExtra, SchemaError
from dlt.sources.sql_database.reading import Reading, reading_of
from dlt.sources.sql_database.settle import DATA_TYPES, MOST_DIGITS

logger = logging.getLogger("dlt")

ReflectionLevel = Literal["minimal", "full", "full_with_precision"]
LEVELS = ("minimal", "full", "full_with_precision")
TypeAdapter = Callable[[Any], Any]
TableAdapter = Callable[[sa.Table], Any]
DRIVERS = {  # of a URL that names none: the first that is installed
    "postgres": (("psycopg", "postgresql+psycopg"), ("psycopg2", "postgresql+psycopg2")),
    "postgresql": (("psycopg", "postgresql+psycopg"), ("psycopg2", "postgresql+psycopg2")),
    "mysql": (("MySQLdb", "mysql"), ("pymysql", "mysql+pymysql")),
    "mariadb": (("MySQLdb", "mariadb"), ("pymysql", "mariadb+pymysql")),
}
LOCK = Lock()  # tables of one MetaData are not reflected by two threads at once


# ---- engines


def engine_from_credentials(credentials: Any, may_dispose_after_use: bool = False, **engine_kwargs: Any) -> sa.Engine:
    """A SQLAlchemy engine of a URL, of credentials, or the engine itself. may_dispose_after_use: it is closed when a table
    has been read; other arguments are those of `sqlalchemy.create_engine`."""
    if isinstance(credentials, sa.Engine):
        return credentials
    if isinstance(credentials, Mapping) and not isinstance(credentials, ConnectionStringCredentials):
        credentials = ConnectionStringCredentials(credentials)
    if isinstance(credentials, ConnectionStringCredentials):
        credentials = credentials.to_native_representation()
    try:
        url = sa.make_url(credentials)
    except sa.exc.ArgumentError:
        raise ConfigError(
            "The credentials are no URL of a database.",
            key="credentials",
            hint="write drivername://username:password@host:port/database",
        ) from None
    for module, drivername in DRIVERS.get(url.drivername, ()):
        if find_spec(module) is not None:
            url = url.set(drivername=drivername)
            break
    alone = {"poolclass": sa.NullPool} if may_dispose_after_use and not engine_kwargs else {}
    try:
        engine = sa.create_engine(url, **alone, **engine_kwargs)
    except sa.exc.NoSuchModuleError:
        raise MissingExtra(
            f"SQLAlchemy does not know the dialect {url.drivername!r}.", hint="install the package of its dialect"
        ) from None
    except ModuleNotFoundError as absent:
        raise MissingExtra(
            f"{url.drivername} needs the package {absent.name}.", hint=f"pip install {absent.name}"
        ) from absent
    vars(engine)["may_dispose_after_use"] = may_dispose_after_use
    vars(engine)["made_of_url"] = not engine_kwargs  # then other drivers may connect by the URL too
    return engine


def default_engine_adapter_callback(engine: sa.Engine) -> sa.Engine:
    """The engine as it is; for Oracle numbers stay decimals."""
    if engine.dialect.name == "oracle":
        engine.dialect.coerce_to_decimal = True  # type: ignore[attr-defined]  # of that dialect
    return engine


# ---- tables


@contextmanager
def _reflecting() -> Iterator[None]:
    """One after the other; of types that SQLAlchemy does not know our own log tells."""
    with LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Did not recognize type", sa.exc.SAWarning)
        yield


def reflected(
    engine: sa.Engine, metadata: sa.MetaData, name: str, schema: str | None, *, foreign_keys: bool
) -> sa.Table:
    """A table as the database describes it. SchemaError when there is none of this name."""
    with _reflecting():
        try:
            return sa.Table(
                name, metadata, schema=schema, autoload_with=engine, resolve_fks=foreign_keys, extend_existing=True
            )
        except sa.exc.NoSuchTableError:
            inspector = sa.inspect(engine)
            names = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
    from difflib import get_close_matches

    near = get_close_matches(name, names, 1)
    raise SchemaError(
        f"The database has no table {name!r}.",
        table=name,
        schema=schema,
        hint=f"did you mean {near[0]!r}?" if near else "there are " + (", ".join(sorted(names)[:20]) or "none"),
    )


def all_tables(engine: sa.Engine, metadata: sa.MetaData, schema: str | None, *, views: bool, foreign_keys: bool) -> Any:
    """All tables of a schema, with its views if they are wanted."""
    described = set() if schema else set(metadata.tables)  # by the user
    own = schema or metadata.schema
    with _reflecting():
        metadata.reflect(bind=engine, schema=schema, views=views, resolve_fks=foreign_keys)
    return [table for key, table in metadata.tables.items() if key in described or table.schema == own]


def default_table_adapter(table: sa.Table, included_columns: Any, excluded_columns: Any = None) -> None:
    """Take the columns away that are not wanted. SchemaError when one is wanted that is not there."""
    known = set(table.columns.keys())
    if unknown := sorted(set(included_columns or ()) - known):
        raise SchemaError(
            f"The table {table.name!r} has no column {unknown[0]!r}.",
            table=table.name,
            column=unknown[0],
            hint="it has " + ", ".join(table.columns.keys()),
        )
    if unknown := sorted(set(excluded_columns or ()) - known):
        logger.warning("The table %s has no column %s that could be excluded.", table.name, ", ".join(unknown))
    for name, column in list(table.columns.items()):
        wanted = (not included_columns or name in included_columns) and name not in (excluded_columns or ())
        if not wanted:
            table._columns.remove(column)  # noqa: SLF001 - SQLAlchemy has no other way


def remove_nullability_adapter(table: sa.Table) -> sa.Table:
    """A table adapter: all columns may be null."""
    for column in table.columns:
        column.nullable = True
    return table


def adapted(table: sa.Table, adapter: TableAdapter | None) -> Any:
    """The table, or what the adapter makes of it: a select becomes a subquery of the same name."""
    made = adapter(table) if adapter else None
    if made is None:
        return table
    return made.subquery(table.name) if isinstance(made, (sa.Select, sa.CompoundSelect)) else made


# ---- hints


def get_primary_key(table: Any) -> list[str] | None:
    """The names of the columns of the primary key, or None."""
    return [column.name for column in table.primary_key if column.name in table.columns] or None


def get_table_references(table: Any) -> list[dict[str, Any]] | None:
    """The foreign keys of a table as references."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for constraint in getattr(table, "foreign_key_constraints", ()):
        elements = [element.target_fullname.rpartition(".") for element in constraint.elements]
        names = [element.parent.name for element in constraint.elements]
        if all(name in table.columns for name in names):
            found[tuple(names)] = {
                "referenced_table": elements[0][0].rpartition(".")[2],
                "referenced_columns": [column for _, _, column in elements],
                "columns": names,
            }
    return [found[names] for names in sorted(found)] or None


def sqla_col_to_column_schema(
    sql_col: Any,
    reflection_level: ReflectionLevel,
    type_adapter_callback: TypeAdapter | None = None,
    skip_nested_columns_on_minimal: bool = False,
    dialect: str = "",
) -> dict[str, Any] | None:
    """What a column of the database says of the column to come. None: it is left to the data."""
    column: dict[str, Any] = {"name": sql_col.name}
    if (nullable := getattr(sql_col, "nullable", None)) is not None:
        column["nullable"] = nullable
    if comment := getattr(sql_col, "comment", None):
        column["description"] = comment
    if reflection_level == "minimal":
        nested = skip_nested_columns_on_minimal and isinstance(sql_col.type, (sa.JSON, sa.ARRAY))
        return None if nested else column
    kind, reading = sql_col.type, None
    if type_adapter_callback is not None:
        kind = type_adapter_callback(kind)
        kind = kind() if isinstance(kind, type) else kind
    if kind is not None:
        reading = reading_of(kind, dialect)
    if reading is None or reading.kind is None:
        logger.warning(
            "The column %s of %s has the type %s, which says nothing of its values: their type is found in the data.",
            sql_col.name,
            getattr(getattr(sql_col, "table", None), "name", None),
            sql_col.type.__class__.__name__,
        )
        return column
    return column | _typed(kind, reading, precise=reflection_level == "full_with_precision")


def _typed(kind: Any, reading: Reading, *, precise: bool) -> dict[str, Any]:
    """Data type, and what belongs to it."""
    name = str(reading.kind)
    out: dict[str, Any] = {"data_type": DATA_TYPES.get(name, name)}
    if isinstance(kind, (sa.Numeric, sa.Float)) and name == "decimal":
        if not kind.asdecimal and not isinstance(kind, oracle.NUMBER):
            return {"data_type": "double"}
        if reading.precision is None or reading.precision > MOST_DIGITS:
            return out  # values that are longer than destinations allow are kept beside
        return out | {"precision": reading.precision, "scale": reading.scale}
    if name in ("moment", "instant"):
        return out | {"timezone": name == "instant"}
    if precise and name == "int" and isinstance(kind, (sa.SmallInteger, mysql.TINYINT)):
        return out | {"precision": 32}
    length = getattr(kind, "length", None)
    if precise and length and name in ("text", "binary") and not isinstance(kind, mysql.BIT):
        return out | {"precision": length}
    return out


def table_to_columns(
    table: Any,
    reflection_level: ReflectionLevel = "full",
    type_conversion_fallback: TypeAdapter | None = None,
    skip_nested_columns_on_minimal: bool = False,
    dialect: str = "",
) -> dict[str, dict[str, Any]]:
    """What a table of the database says of the columns to come, by name."""
    found = (
        sqla_col_to_column_schema(
            column, reflection_level, type_conversion_fallback, skip_nested_columns_on_minimal, dialect
        )
        for column in table.columns
    )
    return {column["name"]: column for column in found if column is not None}


def table_to_resource_hints(
    table: Any,
    reflection_level: ReflectionLevel = "full",
    type_conversion_fallback: TypeAdapter | None = None,
    skip_nested_columns_on_minimal: bool = False,
    resolve_foreign_keys: bool = False,
    dialect: str = "",
) -> dict[str, Any]:
    """Hints for the resource of a table: columns, primary key and, if they are wanted, references."""
    hints: dict[str, Any] = {
        "columns": table_to_columns(
            table, reflection_level, type_conversion_fallback, skip_nested_columns_on_minimal, dialect
        ),
        "primary_key": get_primary_key(table),
    }
    if resolve_foreign_keys:
        hints["references"] = get_table_references(table)
    return {name: value for name, value in hints.items() if value is not None}
