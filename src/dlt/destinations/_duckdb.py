"""DuckDB: a database in one file, in memory, or behind a connection that is open already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.config.settings import data_dir, local_dir, mentioned, run_settings, setting, typed_setting
from dlt.destinations.registry import overridden
from dlt.errors import ConfigError, missing
from dlt.load.fit import wanted_replace_strategy
from dlt.load.session import Destination, Load
from dlt.schema.capabilities import Capabilities

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from dlt.sql.session import SqlSession

CAPS = Capabilities(
    file_formats=("arrow", "insert_values", "parquet", "jsonl", "csv"),
    file_bytes=96 << 20,
    max_table_name=65536,
    max_column_name=65536,
    merge_strategies=("delete-insert", "upsert", "scd2", "insert-only", "cdc"),
    replace_strategies=("truncate-and-insert", "insert-from-staging", "staging-optimized"),
    transactions=True,
    alter_type=True,
)
CONFIG: dict[str, Any] = {
    "read_only": bool,
    "extensions": list[str],
    "global_config": dict,
    "pragmas": list[str],
    "statements": list[str],
    "local_config": dict,
    "session_timezone": str,
}
OF_ENGINE = ("read_only", "extensions", "global_config", "pragmas")  # options that hold for more than one connection


class duckdb:  # noqa: N801 - the public name
    """A DuckDB destination.

    credentials: a path, `duckdb:///path`, `:memory:` (one database as long as this object lives), `:pipeline:` (in the
    work directory of the pipeline) or an open connection, which stays open. Default: `<pipeline_name>.duckdb` in the
    current folder. create_indexes: UNIQUE constraints for columns with that hint. Options: `read_only, extensions,
    global_config, pragmas, statements, local_config, session_timezone, replace_strategy` (all of them are atomic here)
    and any capability by its name.
    """

    destination_type = "dlt.destinations.duckdb"

    def __init__(self, credentials: Any = None, create_indexes: bool = False, **kwargs: Any) -> None:
        self.credentials, self.create_indexes = credentials, create_indexes
        self.options = {key: kwargs.pop(key) for key in CONFIG if key in kwargs}
        self.destination_name = kwargs.pop("destination_name", None) or "duckdb"
        self.environment = kwargs.pop("environment", None)
        self.replace_strategy = kwargs.pop("replace_strategy", None)
        kwargs.pop("destination_type", None)
        self.caps = overridden(CAPS, kwargs, "duckdb")
        self._memory: DuckDBPyConnection | None = None

    def bind(
        self, pipeline_name: str | None = None, *, credentials: Any = None, working_dir: str | None = None
    ) -> Destination:
        """The destination for one pipeline."""
        given = credentials if credentials is not None else self.credentials
        place = self._place(given, pipeline_name, working_dir)
        options = {**self._configured(), **self.options} if isinstance(place, str) else self.options
        unique = self.create_indexes or self._create_indexes()
        memory = run_settings(pipeline_name or "").memory_limit // 2
        ours = isinstance(place, str) and place != ":memory:" and "memory_limit" not in options.get("global_config", ())

        def open_session(dataset: str, load: Load | None) -> SqlSession:
            from dlt.sql.dialect import DUCKDB
            from dlt.sql.drivers import DuckDBDriver
            from dlt.sql.session import SqlSession

            connection, catalog, close, spare = self._connect(place, memory, options)
            driver = DuckDBDriver(connection, close, spare if ours else lambda: 0)
            return SqlSession(driver, DUCKDB, self.caps, dataset, load, catalog=catalog, unique=unique)

        location = place if isinstance(place, str) else "open connection"
        name = self.destination_name
        strategy = wanted_replace_strategy(name, self.replace_strategy, self.caps)
        config = {"replace_strategy": strategy, "environment": self.environment}
        version = partial(_version, place)
        return Destination(name, self.destination_type, self.caps, open_session, location, location, config, version)

    def _create_indexes(self) -> bool:
        name = self.destination_name
        return setting(f"destination.{name}.create_indexes", "destination.duckdb.create_indexes", default=False)

    def _configured(self) -> dict[str, Any]:
        """The options of connections that the configuration has."""
        if not mentioned("credentials"):
            return {}
        name = self.destination_name
        found = {
            key: typed_setting(
                f"destination.{name}.credentials.{key}", f"destination.duckdb.credentials.{key}", kind=CONFIG[key]
            )
            for key in CONFIG
        }
        return {key: value for key, value in found.items() if value is not None}

    def _place(self, given: Any, pipeline_name: str | None, working_dir: str | None) -> Any:
        """An absolute path, `:memory:` or an open connection."""
        name = self.destination_name
        if given is None:
            given = typed_setting(f"destination.{name}.credentials", "destination.duckdb.credentials", kind=Any)
        file = f"{pipeline_name or 'dlt'}.duckdb" if name == "duckdb" else f"{name}.duckdb"
        if isinstance(given, Mapping):
            given = given.get("database")
        if given is None:
            given = setting(
                f"destination.{name}.credentials.database", "destination.duckdb.credentials.database", default=None
            )
        if given is None:
            return str(local_dir() / file)
        if isinstance(given, Path):
            given = str(given)
        if not isinstance(given, str):
            given = getattr(given, "database", given)
        if not isinstance(given, str):
            if not hasattr(given, "cursor"):
                raise ConfigError(
                    f"A {type(given).__name__} says nothing of a DuckDB database.",
                    key=f"destination.{name}.credentials",
                    hint="give a path, duckdb:///path, :memory:, :pipeline: or an open connection",
                )
            return given
        path = given.removeprefix("duckdb:///").removeprefix("duckdb://").removeprefix("duckdb:")
        if path == ":memory:":
            return path
        if path == ":pipeline:":
            folder = Path(working_dir) if working_dir else data_dir() / "pipelines" / (pipeline_name or "dlt")
            return str(folder / file)
        return str(local_dir() / path) if path else str(local_dir() / file)

    def _connect(
        self, place: Any, memory: int, options: Mapping[str, Any]
    ) -> tuple[DuckDBPyConnection, str, Callable[[], None], Callable[[], int]]:
        """A connection for one session, the name of its database, what closes it, and by which bytes, now, the memory
        limit could be lowered."""
        try:
            import duckdb as module
        except ImportError as error:
            raise missing("The DuckDB destination", "duckdb") from error
        from dlt.destinations._duckdb_engine import connect
        from dlt.sql.drivers import translated

        whole = {"memory_limit": f"{memory}B"}

        def spare() -> int:
            return memory

        with translated(f"opening {place}"):
            if not isinstance(place, str):
                connection, whole = place.cursor(), {}
                close = connection.close
            elif place == ":memory:":
                self._memory = self._memory or module.connect(place)
                connection = self._memory.cursor()
                close = connection.close
            else:
                _make_folder(Path(place))
                opened = None if any(options.get(name) for name in OF_ENGINE) else connect(place, memory)
                if opened:
                    (connection, close, spare), whole = opened, {}
                else:
                    connection = module.connect(place, read_only=bool(options.get("read_only")))
                    close = connection.close
            try:
                [(catalog,)] = connection.execute(_settings(whole, options)).fetchall()
            except BaseException:
                close()
                raise
        return connection, catalog, close, spare

    def __repr__(self) -> str:
        return f"<duckdb destination {self.destination_name}>"


def _version(place: Any) -> str | None:
    """What a database file looks like from outside; None when there is none, or some of its data is in its log still."""
    if not isinstance(place, str) or place == ":memory:" or Path(f"{place}.wal").exists():
        return None
    with suppress(OSError):
        found = Path(place).stat()
        return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"
    return None


def _settings(whole: Mapping[str, Any], options: Mapping[str, Any]) -> str:
    """What is set on each connection; whole: on the database."""
    whole = {**whole, **(options.get("global_config") or {})}
    local = {"TimeZone": options.get("session_timezone", "UTC"), **(options.get("local_config") or {})}
    statements = [
        *(f"LOAD {name}" for name in options.get("extensions") or ()),
        *(f"SET GLOBAL {key} = {_value(value)}" for key, value in whole.items()),
        *(f"PRAGMA {pragma}" for pragma in options.get("pragmas") or ()),
        *(f"SET SESSION {key} = {_value(value)}" for key, value in local.items() if value is not None),
        *(options.get("statements") or ()),
        "SELECT current_database()",
    ]
    return ";\n".join(statements)


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, (bool, int, float)) else "'" + str(value).replace("'", "''") + "'"


def _make_folder(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"The folder of the database cannot be made: {error.strerror}.",
            file=str(file),
            hint="give another path, as dlt.destinations.duckdb(path), or make the folder",
        ) from error
