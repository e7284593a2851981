"""The source `sql_database`: tables of any database that SQLAlchemy knows, with exact types, by the fastest exact way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from dlt.errors import ConfigError, missing

try:
    import sqlalchemy  # noqa: F401 - what the modules below need
except ImportError as absent:
    raise missing("The source sql_database", "sql_database", "sqlalchemy") from absent

from sqlalchemy import Engine, MetaData, Table

from dlt.config.credentials import ConnectionStringCredentials
from dlt.config.inject import CONFIG_VALUE, SECRET_VALUE
from dlt.extract import decorators
from dlt.extract.current import resource as current_resource
from dlt.extract.hints import make_hints
from dlt.extract.incremental import Incremental  # noqa: TC001 - found by its annotation
from dlt.extract.marks import DataItemWithMeta, HintsMeta
from dlt.extract.resource import DltResource  # noqa: TC001 - see above
from dlt.items import ArrowRows
from dlt.sources.sql_database.load import (
    BaseTableLoader,
    ConnectorXTableLoader,
    TableBackend,
    TableLoader,
    get_table_loader_class,
    register_table_loader_backend,
    unwrap_json_connector_x,
)
from dlt.sources.sql_database.query import QueryAdapter, most_rows
from dlt.sources.sql_database.reading import VARIANT
from dlt.sources.sql_database.reflect import (
    LEVELS,
    ReflectionLevel,
    TableAdapter,
    TypeAdapter,
    adapted,
    all_tables,
    default_engine_adapter_callback,
    default_table_adapter,
    engine_from_credentials,
    reflected,
    remove_nullability_adapter,
    table_to_resource_hints,
)
from dlt.sources.sql_database.settle import digits_of

logger = logging.getLogger("dlt")

__source_name__ = "sql_database"
__all__ = [
    "BaseTableLoader",
    "ConnectionStringCredentials",
    "ConnectorXTableLoader",
    "Engine",
    "MetaData",
    "ReflectionLevel",
    "Table",
    "TableBackend",
    "TableLoader",
    "engine_from_credentials",
    "get_table_loader_class",
    "register_table_loader_backend",
    "remove_nullability_adapter",
    "sql_database",
    "sql_table",
    "table_to_resource_hints",
    "unwrap_json_connector_x",
]

EngineAdapter = Callable[[Engine], Engine]


@dataclass(frozen=True)
class _Reader:
    """How the tables of one call are read."""

    engine: Engine
    metadata: MetaData
    schema: str | None
    chunk_size: int
    backend: str
    reflection_level: ReflectionLevel
    deferred: bool
    backend_kwargs: dict[str, Any] | None
    table_adapter: TableAdapter | None
    type_adapter: TypeAdapter | None
    query_adapter: QueryAdapter | None
    foreign_keys: bool
    loader_class: type[BaseTableLoader]

    def reflect(self, name: str) -> Any:
        return reflected(self.engine, self.metadata, name, self.schema, foreign_keys=self.foreign_keys)

    def prepared(self, table: Any, included: Sequence[str] | None, excluded: Sequence[str] | None) -> Any:
        """The table as the settings and the code of the user want it."""
        if included or excluded:
            default_table_adapter(table, included, excluded)
        return adapted(table, self.table_adapter)

    def hints(self, table: Any) -> dict[str, Any]:
        skip = self.backend == "sqlalchemy"
        return table_to_resource_hints(
            table, self.reflection_level, self.type_adapter, skip, self.foreign_keys, self.engine.dialect.name
        )

    def resource(
        self,
        table: Any,
        included: Sequence[str] | None = None,
        excluded: Sequence[str] | None = None,
        incremental: Any = None,
        **hints: Any,
    ) -> DltResource:
        """The resource of a table, or of the name of one that is looked at when it is read."""
        name = table if isinstance(table, str) else table.name
        if not isinstance(table, str):
            table = self.prepared(table, included, excluded)
            hints = {**self.hints(table), **{key: value for key, value in hints.items() if value is not None}}

        def table_rows(
            incremental: Incremental[Any] | None = None,
            included_columns: list[str] | None = included,  # type: ignore[assignment]  # any sequence will do
            excluded_columns: list[str] | None = excluded,  # type: ignore[assignment]  # see above
        ) -> Iterator[Any]:
            if not isinstance(table, str) and (included_columns, excluded_columns) == (included, excluded):
                included_columns = excluded_columns = None  # that is done
            yield from self.rows(table, incremental, included_columns, excluded_columns)

        hints.setdefault("write_disposition", "append")
        made: DltResource = decorators.resource(table_rows, name=name, section=__source_name__, **hints)
        if comment := getattr(table, "comment", None):
            made.merge_hints({"description": comment})
        return made(incremental=incremental) if incremental is not None else made

    def rows(self, table: Any, incremental: Incremental[Any] | None, included: Any, excluded: Any) -> Iterator[Any]:
        """The rows of a table as items of the backend; the first of them brings the hints that were not known before."""
        resource = current_resource()
        deferred = isinstance(table, str)
        if deferred:
            table = self.prepared(self.reflect(table), included, excluded)
        elif (included or excluded) and isinstance(table, Table):  # by the configuration
            default_table_adapter(table, [one for one in included or () if one in table.columns], excluded)
        hints = _without(self.hints(table), resource._hints)  # noqa: SLF001 - what the user gave goes first
        columns = hints["columns"]
        new = dict(hints) if deferred else {}
        limit = most_rows(resource._pipe, self.chunk_size)  # noqa: SLF001 - the limit is a step of it
        loader = self.loader_class(
            self.engine, self.backend, table, columns, self.chunk_size, incremental, self.query_adapter, limit
        )
        try:
            for item, batch in self.items(loader):
                if batch is not None and (found := _learned(columns, batch)):
                    new["columns"] = {**new.get("columns", {}), **found}
                yield DataItemWithMeta(HintsMeta(make_hints(**new)), item) if new else item
                new = {}
        finally:
            self.rest()

    def rest(self) -> None:
        """Close the connections of an engine that was made here."""
        if getattr(self.engine, "may_dispose_after_use", False):
            self.engine.dispose()

    def items(self, loader: BaseTableLoader) -> Iterator[tuple[Any, Any]]:
        """Items of the backend, with the record batch of those that are made of one. Rows for nobody stay Arrow."""
        kwargs = dict(self.backend_kwargs or {})
        if not isinstance(loader, TableLoader) or type(loader).load_rows is not TableLoader.load_rows:
            with closing(loader.load_rows(kwargs)) as found:  # type: ignore[type-var]  # a generator of the user
                for item in found:
                    yield item, None
            return
        convert = loader.converter(kwargs)
        if self.backend == "sqlalchemy" and self.reflection_level != "minimal":  # else nested values become tables

            def convert(batch: Any) -> Any:
                return ArrowRows(batch, self.chunk_size)

        with closing(loader.batches(kwargs)) as batches:
            for batch in batches:
                yield convert(batch), batch


def _without(hints: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The hints of the database but for those that the user gave."""
    columns = given.get("columns")
    mine = columns if isinstance(columns, Mapping) else {}
    out = {name: value for name, value in hints.items() if name == "columns" or not given.get(name)}
    out["columns"] = {name: {**column, **mine.get(name, {})} for name, column in hints["columns"].items()}
    return out


def _learned(columns: dict[str, Any], batch: Any) -> dict[str, Any]:
    """Hints that the values bring: columns for what does not fit, and the digits of decimals that the database does not
    limit, when the first of them have more than usual after the point."""
    found = {}
    for field, values in zip(batch.schema, batch.columns, strict=True):
        hint = columns.get(field.name)
        if hint is None and field.name.removesuffix(VARIANT) in columns:
            columns[field.name] = found[field.name] = {"name": field.name, "data_type": "text"}
        elif (
            hint and hint.get("data_type") == "decimal" and "precision" not in hint and values.null_count < len(values)
        ):
            columns[field.name] = hint | (digits := digits_of(values))
            if digits["precision"] is not None:
                found[field.name] = columns[field.name]
    return found


@decorators.source(section=__source_name__)
def sql_database(
    credentials: ConnectionStringCredentials | str = SECRET_VALUE,  # type: ignore[assignment]  # looked up
    schema: str | None = None,
    metadata: MetaData | None = None,
    table_names: list[str] | None = None,
    chunk_size: int = 50000,
    backend: str = "sqlalchemy",
    detect_precision_hints: bool | None = False,
    reflection_level: str | None = "full",
    defer_table_reflect: bool | None = None,
    table_adapter_callback: TableAdapter | None = None,
    backend_kwargs: dict[str, Any] | None = None,
    include_views: bool = False,
    type_adapter_callback: TypeAdapter | None = None,
    query_adapter_callback: QueryAdapter | None = None,
    resolve_foreign_keys: bool = False,
    engine_adapter_callback: EngineAdapter | None = None,
    engine_kwargs: dict[str, Any] | None = None,
    table_loader_class: type[BaseTableLoader] | None = None,
) -> Iterator[DltResource]:
    """The tables of a database, one resource for each.

    credentials: a URL, credentials, or a SQLAlchemy engine. schema: of the database; metadata: of SQLAlchemy, in which tables
    may be described already; table_names: the tables wanted, else all, with include_views the views too. chunk_size: rows
    read at once. backend: "sqlalchemy" yields rows, "pyarrow" and "connectorx" Arrow tables, "pandas" frames; the values
    are the same. reflection_level: "minimal" takes names, nulls and keys from the database, "full" types too,
    "full_with_precision" lengths as well. defer_table_reflect: look at the tables only when they are read. The callbacks
    change the engine, a table, a type, or a query before it is used. resolve_foreign_keys: foreign keys become references.
    backend_kwargs: options of the backend; partition_on and partition_num read parts of a table side by side.
    """
    read = _reader(locals())
    if not table_names:
        if read.deferred:
            raise ConfigError(
                "Tables that are looked at later must be named.",
                key="table_names",
                hint="give table_names=, or take defer_table_reflect= away",
            )
        tables = all_tables(read.engine, read.metadata, schema, views=include_views, foreign_keys=resolve_foreign_keys)
    else:
        tables = [name if read.deferred else read.reflect(name) for name in table_names]
    read.rest()
    for table in tables:
        yield read.resource(table)


def _table_of(given: Mapping[str, Any]) -> str:
    table = given.get("table")
    return table if isinstance(table, str) else "sql_table"


@decorators.resource(name=_table_of, section=__source_name__, standalone=True)
def sql_table(
    credentials: ConnectionStringCredentials | str = SECRET_VALUE,  # type: ignore[assignment]  # looked up
    table: str = CONFIG_VALUE,  # type: ignore[assignment]  # looked up
    schema: str | None = None,
    metadata: MetaData | None = None,
    incremental: Incremental[Any] | None = None,
    chunk_size: int = 50000,
    backend: str = "sqlalchemy",
    detect_precision_hints: bool | None = None,
    reflection_level: str | None = "full",
    defer_table_reflect: bool | None = None,
    table_adapter_callback: TableAdapter | None = None,
    backend_kwargs: dict[str, Any] | None = None,
    type_adapter_callback: TypeAdapter | None = None,
    included_columns: list[str] | None = None,
    excluded_columns: list[str] | None = None,
    query_adapter_callback: QueryAdapter | None = None,
    resolve_foreign_keys: bool = False,
    engine_adapter_callback: EngineAdapter | None = None,
    write_disposition: str | dict[str, Any] = "append",
    primary_key: str | list[str] | None = None,
    merge_key: str | list[str] | None = None,
    engine_kwargs: dict[str, Any] | None = None,
    table_loader_class: type[BaseTableLoader] | None = None,
) -> DltResource:
    """One table of a database; see `sql_database`.

    incremental: load only the rows that are new by a column. included_columns, excluded_columns: which columns to read.
    write_disposition, primary_key, merge_key: hints; without a key that of the database is taken.
    """
    read = _reader(locals())
    found = table if read.deferred else read.reflect(table)
    read.rest()
    return read.resource(
        found,
        included_columns,
        excluded_columns,
        incremental,
        write_disposition=write_disposition,
        primary_key=primary_key,
        merge_key=merge_key,
    )


def _reader(given: Mapping[str, Any]) -> _Reader:
    """The settings that both functions share. ConfigError for those that do not exist."""
    level: Any = given["reflection_level"] or "full"
    if given["detect_precision_hints"]:
        logger.warning('detect_precision_hints is old: use reflection_level="full_with_precision".')
        level = "full_with_precision"
    if level not in LEVELS:
        raise ConfigError(
            f"There is no reflection_level {level!r}.", key="reflection_level", hint="use " + ", ".join(LEVELS)
        )
    if given["chunk_size"] < 1:
        raise ConfigError(f"chunk_size is {given['chunk_size']}.", key="chunk_size", hint="use 1 or more")
    engine: Any = engine_from_credentials(
        given["credentials"], may_dispose_after_use=True, **(given["engine_kwargs"] or {})
    )
    if (adapt := given["engine_adapter_callback"]) is not None:
        engine = adapt(engine)
        engine.made_of_url = False  # whatever it does, another driver would not
    return _Reader(
        engine=default_engine_adapter_callback(engine),
        metadata=given["metadata"] if given["metadata"] is not None else MetaData(schema=given["schema"]),
        schema=given["schema"],
        chunk_size=given["chunk_size"],
        backend=given["backend"],
        reflection_level=level,
        deferred=bool(given["defer_table_reflect"]),
        backend_kwargs=given["backend_kwargs"],
        table_adapter=given["table_adapter_callback"],
        type_adapter=given["type_adapter_callback"],
        query_adapter=given["query_adapter_callback"],
        foreign_keys=given["resolve_foreign_keys"],
        loader_class=given["table_loader_class"] or get_table_loader_class(given["backend"]),
    )
