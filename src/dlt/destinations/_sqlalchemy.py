"""Any database that SQLAlchemy knows: SQLite and MySQL, which are tested, and others by their URL."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from dlt.config.credentials import ConnectionStringCredentials
from dlt.config.settings import local_dir, setting, typed_setting
from dlt.config.spec import resolve_configuration
from dlt.destinations.registry import PUBLIC_CAPS, overridden
from dlt.errors import ConfigError, MissingExtra, NotBuilt, missing
from dlt.load.fit import wanted_replace_strategy
from dlt.load.session import Destination, Load

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

    from dlt.destinations._sqlalchemy_dialects import Kind
    from dlt.destinations._sqlalchemy_driver import SqlalchemySession
    from dlt.schema.capabilities import Capabilities


OLDEST = (3, 35)  # SQLite that drops columns
PACKAGES = {  # of drivers whose modules have other names
    "MySQLdb": "mysqlclient; or write mysql+pymysql://, and pip install pymysql",
    "psycopg2": "psycopg2-binary",
}
LOCKS: WeakKeyDictionary[Engine, AbstractContextManager[Any]] = WeakKeyDictionary()  # of the one connection in memory


class SqlalchemyCredentials(ConnectionStringCredentials):
    """A database, as the fields of a URL of SQLAlchemy."""


class sqlalchemy:  # noqa: N801 - the public name
    """A database by SQLAlchemy.

    credentials: a URL, its fields as a dict, or an Engine, which stays open. Default: the SQLite file `<pipeline_name>.db` in the
    current folder. create_unique_indexes, create_primary_keys: constraints for columns with these hints, in tables that a
    load makes. engine_kwargs: arguments of `sqlalchemy.create_engine`. Other arguments: `replace_strategy` (all of them are
    atomic here) and any capability by its name.
    """

    destination_type = "dlt.destinations.sqlalchemy"

    def __init__(
        self,
        credentials: Any = None,
        create_unique_indexes: bool = False,
        create_primary_keys: bool = False,
        destination_name: str | None = None,
        environment: str | None = None,
        engine_kwargs: Mapping[str, Any] | None = None,
        engine_args: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.credentials = credentials
        self.create_unique_indexes, self.create_primary_keys = create_unique_indexes, create_primary_keys
        self.destination_name, self.environment = destination_name or "sqlalchemy", environment
        self.engine_kwargs = engine_kwargs or engine_args
        self.replace_strategy = kwargs.pop("replace_strategy", None)
        kwargs.pop("destination_type", None)
        self.given = kwargs
        self._engines: dict[str, Engine] = {}

    def bind(
        self, pipeline_name: str | None = None, *, credentials: Any = None, working_dir: str | None = None
    ) -> Destination:
        """The destination for one pipeline."""
        del working_dir
        engine = self._engine(credentials if credentials is not None else self.credentials, pipeline_name)
        kind = kind_of(engine)
        caps = overridden(_adjusted(kind.caps, engine), self.given, "sqlalchemy")
        unique = self.create_unique_indexes or self._setting("create_unique_indexes", False)
        primary = self.create_primary_keys or self._setting("create_primary_keys", False)

        def open_session(dataset: str, load: Load | None) -> SqlalchemySession:
            from dlt.destinations._sqlalchemy_driver import SqlalchemyDriver, SqlalchemySession, translated

            with ExitStack() as stack, translated(f"connecting to {location}"):
                stack.enter_context(LOCKS.setdefault(engine, RLock()) if _in_memory(engine.url) else nullcontext())
                connection = stack.enter_context(engine.connect())
                connection = _with_dataset(connection, dataset, writes=load is not None)
                kind = kind_of(engine)
                for statement in kind.opening:
                    connection.exec_driver_sql(statement)
                driver = SqlalchemyDriver(connection, kind, caps, stack.pop_all().close)
            return SqlalchemySession(
                driver, _dialect(kind, engine), caps, dataset, load, unique=unique, primary=primary
            )

        location = engine.url.set(query={}).render_as_string(hide_password=True)
        fingerprint = f"{engine.url.host or ''}:{engine.url.port or ''}/{engine.url.database or ''}"
        strategy = wanted_replace_strategy(self.destination_name, self.replace_strategy, caps)
        config = {"replace_strategy": strategy, "environment": self.environment}
        return Destination(
            self.destination_name, self.destination_type, caps, open_session, location, fingerprint, config
        )

    def _setting(self, name: str, default: Any) -> Any:
        return setting(f"destination.{self.destination_name}.{name}", f"destination.sqlalchemy.{name}", default=default)

    def _engine(self, given: Any, pipeline_name: str | None) -> Engine:
        """The engine of a user, or one of ours for this URL, made once."""
        try:
            import sqlalchemy as sa
            from sqlalchemy.engine import Engine as AnyEngine
        except ImportError as error:
            raise missing("The destination sqlalchemy", "sqlalchemy") from error
        if isinstance(given, AnyEngine):
            if self.engine_kwargs:
                raise ConfigError(
                    "An Engine is given, and engine_kwargs.", hint="give them to sqlalchemy.create_engine"
                )
            return given
        try:
            url = self._url(given, pipeline_name)
            key = url.render_as_string(hide_password=False)
            if key not in self._engines:
                engine = self._engines[key] = sa.create_engine(url, **self._engine_options(url))
                weakref.finalize(self, engine.dispose)
        except sa.exc.NoSuchModuleError as error:
            raise ConfigError(
                f"SQLAlchemy does not know the dialect {url.drivername!r}.",
                key=f"destination.{self.destination_name}.credentials",
                hint="correct the beginning of the URL, or install the package that has the dialect",
            ) from error
        except sa.exc.ArgumentError as error:
            raise ConfigError(
                "The URL cannot be read.",
                key=f"destination.{self.destination_name}.credentials",
                hint="write dialect://user:password@host:port/database, as sqlite:///file.db",
            ) from error
        except ModuleNotFoundError as error:
            name = error.name or ""
            raise MissingExtra(
                f"The dialect {url.drivername} needs the package {name}.",
                hint=f"pip install {PACKAGES.get(name, name)}",
            ) from error
        return self._engines[key]

    def _engine_options(self, url: Any) -> dict[str, Any]:
        from sqlalchemy.pool import NullPool, StaticPool

        name = self.destination_name
        options = dict(
            self.engine_kwargs
            or typed_setting(f"destination.{name}.engine_kwargs", "destination.sqlalchemy.engine_kwargs", kind=dict)
            or typed_setting(f"destination.{name}.engine_args", "destination.sqlalchemy.engine_args", kind=dict)
            or {}
        )
        if not any(key.startswith("pool") for key in options):
            options["poolclass"] = NullPool
            if _in_memory(url):
                options |= {"poolclass": StaticPool, "pool_reset_on_return": None}
                options["connect_args"] = {"check_same_thread": False, **options.get("connect_args", {})}
        return options

    def _url(self, given: Any, pipeline_name: str | None) -> Any:
        from sqlalchemy.engine import make_url

        name = self.destination_name
        if given is None:
            given = typed_setting(f"destination.{name}.credentials", "destination.sqlalchemy.credentials", kind=Any)
        if given is None and self._setting("credentials.drivername", None):
            sections = ("destination", name if self._configured(name) else "sqlalchemy", "credentials")
            given = resolve_configuration(SqlalchemyCredentials(), sections=sections)
        if isinstance(given, Mapping):
            given = SqlalchemyCredentials(given)
        if isinstance(given, ConnectionStringCredentials):
            url = make_url(given.to_native_representation()).set(database=given.database or "")
        else:
            url = make_url("sqlite:///" if given is None else given)
        if url.get_backend_name() != "sqlite" or _in_memory(url) or (url.database or "").startswith("file:"):
            return url
        file = pipeline_name or "dlt" if name == "sqlalchemy" else name
        path = local_dir() / (url.database or f"{file}.db")
        path.parent.mkdir(parents=True, exist_ok=True)
        return url.set(database=str(path))

    def _configured(self, name: str) -> bool:
        return setting(f"destination.{name}.credentials.drivername", default=None) is not None

    def __repr__(self) -> str:
        return f"<sqlalchemy destination {self.destination_name}>"


# ---- dialects


def kind_of(engine: Engine) -> Kind:
    """What is known of the database of an engine."""
    from dlt.destinations._sqlalchemy_dialects import CAPS, KINDS, Kind

    name = engine.dialect.name
    if name == "mysql" and getattr(engine.dialect, "is_mariadb", False):
        name = "mariadb"
    return KINDS.get(name) or Kind(CAPS)


def _dialect(kind: Kind, engine: Engine) -> Any:
    from dlt.destinations._sqlalchemy_dialects import generic

    return kind.dialect or generic(engine.dialect.name, engine.dialect)


def _in_memory(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database in (None, ":memory:")


def _with_dataset(connection: Connection, dataset: str, *, writes: bool) -> Connection:
    """The connection, in which the dataset can be named."""
    if connection.dialect.name != "sqlite":
        connection.detach()  # what is set for it must not reach others of the pool
        return connection
    if dataset.lower() == "temp":
        raise ConfigError(
            "SQLite forgets what is in the schema temp.", dataset_name=dataset, hint="choose another name"
        )
    if (version := connection.dialect.dbapi.sqlite_version_info) < OLDEST:  # type: ignore[union-attr]  # of sqlite3
        raise ConfigError(
            "This SQLite is too old.", version=".".join(map(str, version)), hint="it must be 3.35 or newer"
        )
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    found = {name.lower(): path for _, name, path in connection.exec_driver_sql("PRAGMA database_list")}
    main = Path(found["main"]) if found["main"] else None
    if main is not None:
        connection.detach()
    if dataset.lower() not in found:
        file = main and main.with_name(f"{main.stem}__{dataset}{main.suffix}")
        path = str(file) if file and (writes or file.exists()) else ":memory:"
        quoted = '"' + dataset.replace('"', '""') + '"'
        connection.exec_driver_sql(f"ATTACH DATABASE ? AS {quoted}", (path,))
    return connection


# ---- capabilities of other dialects, given by users


class DialectCapabilities:
    """What a user knows of a dialect. Inherit, override `adjust_capabilities`, and register it."""

    def __init__(self, backend_name: str = "") -> None:
        self.backend_name = backend_name

    def adjust_capabilities(self, caps: Any, dialect: Any) -> None:
        """Set attributes of `caps`, which have the names of arguments of destinations, as `max_identifier_length`."""

    def type_mapper_class(self) -> Any:
        """Types of columns that are not those of SQLAlchemy: not built."""

    def adapt_table(self, table: Any, table_schema: Any) -> Any:
        """Tables that are not made as others: not built."""

    def is_undefined_relation(self, e: Exception) -> bool | None:
        """Whether an error says that a table is not there. Never asked: tables are looked up before they are used."""


REGISTERED: dict[str, type[DialectCapabilities]] = {}


def register_dialect_capabilities(dialect_name: str, caps_class: type[DialectCapabilities]) -> None:
    """Use a class of capabilities for all engines of a dialect. Raises NotBuilt for what it cannot change yet."""
    for name in ("type_mapper_class", "adapt_table"):
        if getattr(caps_class, name) is not getattr(DialectCapabilities, name):
            raise NotBuilt(
                f"{caps_class.__name__}.{name} is not used by this version.",
                hint="override adjust_capabilities, or make the tables before the first load",
            )
    REGISTERED[dialect_name] = caps_class


class _Changes:
    """Takes the attributes that `adjust_capabilities` sets."""

    def __init__(self, caps: Capabilities) -> None:
        vars(self)["_caps"] = caps

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_caps"], PUBLIC_CAPS.get(name, name))


def _adjusted(caps: Capabilities, engine: Engine) -> Capabilities:
    """The capabilities of a dialect, with its longest names and with what a user knows of it."""
    if engine.dialect.name not in ("sqlite", "mysql", "mariadb"):
        most = engine.dialect.max_identifier_length
        caps = replace(caps, max_table_name=most, max_column_name=most)
    if (made := REGISTERED.get(engine.dialect.name)) is None:
        return caps
    changes = _Changes(caps)
    made(engine.dialect.name).adjust_capabilities(changes, engine.dialect)
    return overridden(caps, {key: value for key, value in vars(changes).items() if key != "_caps"}, "sqlalchemy")
