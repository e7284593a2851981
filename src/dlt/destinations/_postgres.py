"""PostgreSQL: one transaction per load, rows by binary COPY."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from dlt.config.credentials import ConnectionStringCredentials
from dlt.config.report import error_of
from dlt.config.spec import Configuration, Filling, configspec, fields_of, resolve_configuration
from dlt.destinations.registry import overridden
from dlt.errors import ConfigError, NotBuilt, missing
from dlt.load.fit import wanted_replace_strategy
from dlt.load.session import Destination, Load
from dlt.schema.capabilities import Capabilities
from dlt.sql.dialect import Dialect

if TYPE_CHECKING:
    from dlt.sql.session import SqlSession

CAPS = Capabilities(
    file_formats=("arrow", "insert_values", "csv", "parquet", "jsonl"),
    file_bytes=96 << 20,
    decimal_digits=76,
    naive_digits=6,
    nul_in_text=False,
    max_text=(1 << 30) - 64,
    max_table_name=63,
    max_column_name=63,
    case_sensitive=True,
    merge_strategies=("delete-insert", "upsert", "scd2", "insert-only", "cdc"),
    replace_strategies=("truncate-and-insert", "insert-from-staging", "staging-optimized"),
    transactions=True,
    alter_type=True,
)
DIALECT = Dialect(
    name="postgres",
    types={
        "text": "character varying",
        "bigint": "bigint",
        "double": "double precision",
        "bool": "boolean",
        "timestamp": "timestamp with time zone",
        "date": "date",
        "time": "time without time zone",
        "binary": "bytea",
        "json": "jsonb",
    },
    found={
        "CHARACTER VARYING": {"data_type": "text"},
        "TEXT": {"data_type": "text"},
        "CHARACTER": {"data_type": "text"},
        "SMALLINT": {"data_type": "bigint", "precision": 16},
        "INTEGER": {"data_type": "bigint", "precision": 32},
        "BIGINT": {"data_type": "bigint"},
        "DOUBLE PRECISION": {"data_type": "double"},
        "REAL": {"data_type": "double", "precision": 24},
        "BOOLEAN": {"data_type": "bool"},
        "TIMESTAMP WITH TIME ZONE": {"data_type": "timestamp"},
        "TIMESTAMP WITHOUT TIME ZONE": {"data_type": "timestamp", "timezone": False},
        "DATE": {"data_type": "date"},
        "TIME WITHOUT TIME ZONE": {"data_type": "time"},
        "BYTEA": {"data_type": "binary"},
        "JSON": {"data_type": "json"},
        "JSONB": {"data_type": "json"},
        "NUMERIC": {"data_type": "decimal", "precision": 147_455, "scale": 16_383},  # without bounds
    },
    integers=((16, "smallint"), (32, "integer"), (64, "bigint")),
    naive_timestamps=((6, "timestamp without time zone"),),
    implicit_casts=False,
    hinted={"x-postgres-geometry": "geometry(Geometry,{x-postgres-srid})"},
    decimal="numeric({precision},{scale})",
    text="character varying({precision})",
    blob="'\\x{hex}'::bytea",
    same="ARRAY[{a}] = ARRAY[{b}]",  # nulls are equal in it, and unlike IS NOT DISTINCT FROM it can be hashed
    not_in="NOT EXISTS (SELECT 1 FROM ({query}) AS others (id) WHERE others.id = {value})",  # NOT IN is not joined
    scratch_schema="pg_temp",
    lock="LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE",
    add_unique="ALTER TABLE {table} ADD UNIQUE ({column})",  # a third of the time that rows one by one take
    create_dataset=(  # IF NOT EXISTS alone wants the right to make schemas even where there is nothing to make
        "DO $do$ BEGIN IF to_regnamespace($name${dataset}$name$) IS NULL"
        " THEN CREATE SCHEMA IF NOT EXISTS {dataset}; END IF; END $do$"
    ),
    columns=(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = {dataset} AND lower(c.relname) IN ({tables}) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum"
    ),
)
DRIVERS = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2")
UTF8 = ("utf8", "unicode")


@configspec(init=False)
class PostgresCredentials(ConnectionStringCredentials):
    """A database of PostgreSQL: a URL such as `postgresql://user:password@host:5432/database`, or its parts. What is in the
    query of the URL goes to libpq: `?sslmode=require`."""

    drivername: str = "postgresql"
    database: str = None  # type: ignore[assignment]  # required: what comes before it has a default
    username: str = None  # type: ignore[assignment]  # see above
    host: str = None  # type: ignore[assignment]  # see above
    port: int = 5432
    connect_timeout: int = 15
    client_encoding: str | None = None
    session_timezone: str | None = None

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the fields of a URL; options of the connection may be in its query."""
        super().parse_native_representation(native_value)
        if self.drivername not in DRIVERS:
            raise ConfigError(
                f"{self.drivername}:// is no URL of PostgreSQL.",
                hint="write postgresql://user:password@host:5432/database",
            )
        query = dict(self.query or {})
        for name, kind in (("connect_timeout", int), ("client_encoding", str), ("session_timezone", str)):
            if name in query:
                setattr(self, name, kind(query.pop(name)))
        self.query = query or None

    def options(self) -> dict[str, Any]:
        """The arguments of psycopg.connect. NotBuilt for an encoding other than UTF-8."""
        if self.client_encoding and self.client_encoding.lower().replace("-", "") not in UTF8:
            raise NotBuilt(
                "Text is sent as UTF-8.",
                client_encoding=self.client_encoding,
                hint="leave client_encoding out: the server turns text into the encoding of the database",
            )
        given = {
            "host": self.host,
            "port": self.port,
            "user": self.username,
            "password": self.password,
            "dbname": self.database,
            "connect_timeout": self.connect_timeout,
        }
        return {**{key: value for key, value in given.items() if value is not None}, **(self.query or {})}


@configspec
class PostgresConfiguration(Configuration):
    """What the settings below `destination.postgres` say."""

    credentials: PostgresCredentials
    create_indexes: bool = True


class postgres:  # noqa: N801 - the public name
    """A PostgreSQL destination.

    credentials: a URL, a mapping of its parts, `PostgresCredentials`, or an open connection of psycopg, which stays open.
    create_indexes: UNIQUE constraints for columns with that hint. csv_format: as `data_writer` has it, NotBuilt else.
    replace_strategy: with `truncate-and-insert` tables are emptied by TRUNCATE, which is quick and lets readers wait until
    the load commits; else by DELETE, and readers see the old rows until then. Any capability can be given by its name.
    """

    destination_type = "dlt.destinations.postgres"

    def __init__(
        self, credentials: Any = None, create_indexes: bool = True, csv_format: Any = None, **kwargs: Any
    ) -> None:
        self.credentials, self.create_indexes = credentials, create_indexes
        self.destination_name = kwargs.pop("destination_name", None) or "postgres"
        self.environment = kwargs.pop("environment", None)
        self.replace_strategy = kwargs.pop("replace_strategy", None)
        kwargs.pop("destination_type", None)
        self.caps = overridden(CAPS, kwargs, "postgres")
        if csv_format is not None:
            _check_csv_format(csv_format)

    def bind(
        self,
        pipeline_name: str | None = None,  # noqa: ARG002 - all destinations are given it
        *,
        credentials: Any = None,
        working_dir: str | None = None,  # noqa: ARG002 - see above
    ) -> Destination:
        """The destination for one pipeline. Credentials that are missing are an error when it is opened first."""
        name = self.destination_name
        given = credentials if credentials is not None else self.credentials
        opened = hasattr(given, "cursor")
        found = given if opened else self._credentials(given, partial=True)
        options = resolve_configuration(
            PostgresConfiguration.from_value({}), sections=("destination", name), accept_partial=True
        )
        unique = self.create_indexes and options.create_indexes
        strategy = wanted_replace_strategy(name, self.replace_strategy, self.caps)
        quickly = strategy == "truncate-and-insert"
        dialect = replace(DIALECT, truncate="TRUNCATE TABLE {table}") if quickly else DIALECT

        def open_session(dataset: str, load: Load | None) -> SqlSession:
            from dlt.sql.session import SqlSession

            driver = self._driver(given, found, dialect)
            return SqlSession(driver, dialect, self.caps, dataset, load, unique=unique)

        place, shown = ("open connection",) * 2 if opened else (_place(found), str(found))
        config = {"replace_strategy": strategy, "environment": self.environment}
        return Destination(name, self.destination_type, self.caps, open_session, shown, place, config)

    def _credentials(self, given: Any, *, partial: bool = False) -> PostgresCredentials:
        """What was given, and from the settings what it does not say. ConfigError for what is missing, unless `partial`."""
        filling = Filling()
        field = next(one for one in fields_of(PostgresConfiguration) if one.name == "credentials")
        made = filling.value(field, ("destination", self.destination_name), given=given)
        if filling.wrong or (filling.missing and not partial):
            raise error_of(f"The destination {self.destination_name!r}", filling)
        return made or PostgresCredentials()

    def _driver(self, given: Any, found: Any, dialect: Dialect) -> Any:
        try:
            import psycopg
        except ImportError as error:
            raise missing("The PostgreSQL destination", "postgres", "psycopg") from error
        from dlt.destinations._postgres_driver import PostgresDriver, connect

        if isinstance(found, PostgresCredentials):
            if not (found.host and found.database and found.username):
                found = self._credentials(given)
            zone = found.session_timezone or "UTC"
            return PostgresDriver(connect(found.options(), zone, _place(found)), dialect, self.caps, zone)
        if not isinstance(found, psycopg.Connection):
            raise ConfigError(
                f"A {type(found).__module__}.{type(found).__name__} is no connection of psycopg 3.",
                key=f"destination.{self.destination_name}.credentials",
                hint="give psycopg.connect(...), or a URL",
            )
        zone = found.info.parameter_status("TimeZone") or "UTC"
        return PostgresDriver(found, dialect, self.caps, zone, own=False)

    def __repr__(self) -> str:
        return f"<postgres destination {self.destination_name}>"


def _place(found: PostgresCredentials) -> str:
    """Where a database is, without who may use it."""
    return f"{found.host or '?'}:{found.port}/{found.database or '?'}"


def _check_csv_format(given: Any) -> None:
    """NotBuilt for options that are not the usual ones: files are written, and read again, as `data_writer` says."""
    from dlt.arrow.files import WriterSettings

    usual = asdict(WriterSettings())
    for name, value in (dict(given) if isinstance(given, Mapping) else vars(given)).items():
        if name not in usual:
            raise ConfigError(
                f"Unknown csv_format option {name!r}.", hint="delimiter, include_header, quoting, encoding"
            )
        if value not in (None, usual[name]):
            raise NotBuilt(
                "The form of csv files is up to data_writer.", csv_format=name, hint=f"set data_writer.{name}"
            )
