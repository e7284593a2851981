"""Loaders: the rows of a query in batches of Arrow, by the fastest way that is exact, and as what each backend yields."""

from __future__ import annotations

import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from queue import Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from dlt.errors import ConfigError, NotBuilt, missing
from dlt.items import ArrowRows
from dlt.sources.sql_database.query import QueryAdapter, adapted_query, parts, with_cursor
from dlt.sources.sql_database.reading import NATURAL, Reading, as_text, reading_of

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.extract.incremental import Incremental

logger = logging.getLogger("dlt")

TableBackend = Literal["sqlalchemy", "pyarrow", "pandas", "connectorx"]
SAMPLE = 200  # rows by whose size the number of rows of a page is found
MOST_BYTES = 64 << 20  # of the Python values of one page
ODD = "__dlt_odd"  # the end of the name of a column of texts that SQL made for values out of range
CONNECTORX = ("postgresql", "mysql", "mariadb")  # dialects whose texts of dates, times and decimals are known
FORMS = {  # of texts of PostgreSQL that its setting DateStyle does not change
    "date": "YYYY-MM-DD",
    "moment": "YYYY-MM-DD HH24:MI:SS.US",
    "instant": "YYYY-MM-DD HH24:MI:SS.US",
}
AS_TEXT = ("date", "time", "moment", "instant", "decimal")  # kinds that connectorx changes
Batches = Generator["pa.RecordBatch"]


class BaseTableLoader(ABC):
    """Makes the query for a table and reads it."""

    def __init__(
        self,
        engine: sa.Engine,
        backend: str,
        table: Any,
        columns: dict[str, Any],
        chunk_size: int = 1000,
        incremental: Incremental[Any] | None = None,
        query_adapter_callback: QueryAdapter | None = None,
        limit: int | None = None,
    ) -> None:
        """limit: so many rows are enough."""
        self.engine, self.backend, self.table, self.columns = engine, backend, table, columns
        self.chunk_size, self.incremental, self.limit = chunk_size, incremental, limit
        self.query_adapter_callback = query_adapter_callback
        name: Any = None if incremental is None else incremental.get_cursor_column_name()
        self.cursor_column = None if name is None else table.columns.get(name)
        self.last_value: Any = getattr(incremental, "start_value", None)
        self.end_value: Any = getattr(incremental, "end_value", None)
        self.row_order: str | None = getattr(incremental, "row_order", None)
        self.on_cursor_value_missing: str | None = getattr(incremental, "on_cursor_value_missing", None)
        self.range_start: str | None = getattr(incremental, "range_start", None)
        self.range_end: str | None = getattr(incremental, "range_end", None)

    def _make_query(self) -> Any:
        query = sa.select(self.table)
        if self.incremental is not None:
            query = with_cursor(query, self.table, self.incremental, self.engine.dialect.name)
        return query if self.limit is None else query.limit(self.limit)

    def make_query(self) -> Any:
        """The query, as the adapter of the user left it."""
        query = self._make_query()
        if self.query_adapter_callback is None:
            return query
        return adapted_query(self.query_adapter_callback, query, self.table, self.incremental, self.engine)

    def compile_query(self, query: Any) -> str:
        """The query as SQL with its values in it."""
        kind: Any = type(self.engine.dialect)
        made = kind(paramstyle="named")
        if hasattr(made, "_backslash_escapes"):
            made._backslash_escapes = self.engine.dialect._backslash_escapes  # type: ignore[attr-defined]  # noqa: SLF001 - known once connected
        return str(query.compile(dialect=made, compile_kwargs={"literal_binds": True}))

    def get_connection_url(self) -> str:
        """The URL of the database without the driver of Python."""
        name = self.engine.dialect.name
        return self.engine.url.set(drivername=name).render_as_string(hide_password=False)

    @abstractmethod
    def load_rows(self, backend_kwargs: dict[str, Any] | None = None) -> Iterator[Any]:
        """The rows of the query: pages of dicts, or tables."""


class TableLoader(BaseTableLoader):
    """Reads with the driver of the database: over a server-side cursor, or for PostgreSQL binary by ADBC."""

    known_kwargs: tuple[str, ...] = ("partition_on", "partition_num")

    def load_rows(self, backend_kwargs: dict[str, Any] | None = None) -> Iterator[Any]:
        """The rows in what the backend yields: lists of dicts, Arrow tables or frames."""
        convert = self.converter(dict(backend_kwargs or {}))
        with closing(self.batches(dict(backend_kwargs or {}))) as found:
            for batch in found:
                yield convert(batch)

    def converter(self, options: dict[str, Any]) -> Callable[[Any], Any]:
        """What makes an item of a record batch."""
        import pyarrow as pa

        from dlt.sources.sql_database.settle import in_zone

        match self.backend:
            case "pyarrow" if options.get("tz"):
                return lambda batch: in_zone(pa.Table.from_batches([batch]), options["tz"])
            case "pyarrow" | "connectorx":
                return lambda batch: pa.Table.from_batches([batch])
            case "pandas":
                return lambda batch: _frame(pa.Table.from_batches([batch]), options)
        return lambda batch: next(ArrowRows(batch, max(batch.num_rows, 1)).pages())

    def batches(self, options: dict[str, Any]) -> Batches:
        """The rows as record batches of at most `chunk_size` rows, each with the types that fit all its values."""
        self.check(options)
        query = self.make_query()
        column, number = options.pop("partition_on", None), options.pop("partition_num", 1)
        if column is None:
            return self.read(query, options)
        if self.row_order is not None or self.limit is not None:
            raise ConfigError(
                "Rows that are read in parts come in no order.",
                key="partition_on",
                hint="take row_order, add_limit or partition_on away",
            )
        with self.engine.connect() as connection:
            found = parts(connection, query, column, number)
        return _side_by_side([partial(self.read, one, options) for one in found])

    def check(self, options: dict[str, Any]) -> None:
        """NotBuilt for options that the backend does not know."""
        known = (*self.known_kwargs, *{"pyarrow": ("tz",), "pandas": ("dtype_backend",)}.get(self.backend, ()))
        if unknown := sorted(options.keys() - set(known)):
            raise NotBuilt(
                f"The backend {self.backend} has no option {unknown[0]!r} in backend_kwargs.",
                hint="there are " + ", ".join(known),
            )

    def read(self, query: Any, options: dict[str, Any]) -> Batches:
        """The rows of one query."""
        del options
        if self.engine.dialect.name == "postgresql" and _is_open(query) and self.by_url():
            text = self.text_of(self.shaped(query))
            found = None if text is None else _by_adbc(self.get_connection_url(), text)
            if found is not None:
                self.say("ADBC")
                return self.settled(found, query)
        self.say(f"{self.engine.dialect.driver}, over a server-side cursor")
        return self.by_rows(query)

    def by_url(self) -> bool:
        """Whether another driver may connect as the engine does."""
        return bool(getattr(self.engine, "made_of_url", False))

    def say(self, way: str) -> None:
        logger.info("The table %s is read with %s.", self.table.name, way)

    def text_of(self, query: Any) -> str | None:
        """The query as SQL, or None when one of its values cannot be written into it."""
        try:
            return self.compile_query(query)
        except (sa.exc.CompileError, NotImplementedError, AttributeError, TypeError) as cause:
            logger.info("The query for %s cannot be written with its values: %s", self.table.name, cause)
            return None

    # ---- columns

    def readings(self, query: Any) -> list[tuple[str, Any, Reading]]:
        """Name, column and reading of all columns of a select."""
        dialect = self.engine.dialect.name
        found = []
        for column in query.selected_columns:
            reading = reading_of(column.type, dialect)
            if isinstance(column.type, sa.types.NullType) and not isinstance(column, sa.Column):
                reading = NATURAL  # of a function: no type is known, so no text is wanted
            found.append((column.name, column, self.for_driver(reading)))
        return found

    def for_driver(self, reading: Reading) -> Reading:
        """The reading that suits what reads."""
        return reading

    def shaped(self, query: Any) -> Any:
        """The select with the SQL that reads each column exactly, and after those the values that are out of range."""
        plain, odd = [], []
        for name, column, reading in self.readings(query):
            plain.append(column if reading.select is None else reading.select(column).label(name))
            if reading.select_odd is not None:
                odd.append(reading.select_odd(column).label(name + ODD))
        return query.with_only_columns(*plain, *odd, maintain_column_froms=True)

    def settled(self, found: Batches, query: Any) -> Batches:
        """Batches of a reader of Arrow with one type for each kind."""
        from dlt.sources.sql_database.settle import Settled

        plan = self.readings(query)
        make = Settled([(name, reading) for name, _, reading in plan])
        with closing(found):
            for batch in _sized(found, self.chunk_size, exact=self.limit is not None):
                yield make.batch(batch.columns[: len(plan)], _odd_of(plan, batch.columns[len(plan) :]))

    # ---- rows

    def by_rows(self, query: Any) -> Batches:
        """The rows as the driver gives them, page by page, column by column."""
        from dlt.sources.sql_database.settle import Settled

        plan: list[tuple[str, Any, Reading]] | None = None
        if _is_open(query):
            plan, query = self.readings(query), self.shaped(query)
        with self.engine.connect() as raw:
            if self.engine.dialect.name == "postgresql":
                raw.exec_driver_sql("SET LOCAL extra_float_digits = 3")  # the server may be set to round
            connection = raw.execution_options(stream_results=True, max_row_buffer=1000)
            result = connection.execute(query)
            try:
                if plan is None:
                    kinds = {column.name: reading_of(column.type, "") for column in self.table.columns}
                    plan = [(name, None, _bare(kinds.get(name, NATURAL))) for name in result.keys()]  # noqa: SIM118 - no mapping
                make = Settled([(name, reading) for name, _, reading in plan])
                for rows in _pages(result.fetchmany, self.chunk_size):
                    columns = list(zip(*rows, strict=True))
                    del rows
                    yield make.batch(columns[: len(plan)], _odd_of(plan, columns[len(plan) :]))
            except GeneratorExit:
                if self.engine.dialect.name in ("mysql", "mariadb"):
                    _abandon(raw)
                raise


def _abandon(connection: sa.Connection) -> None:
    """Close a connection to MySQL without reading the rows that are left, as its drivers would."""
    pending: Any = getattr(connection.connection.dbapi_connection, "_result", None)
    if getattr(pending, "unbuffered_active", False):
        pending.unbuffered_active = False
    connection.invalidate()


def _is_open(query: Any) -> bool:
    """Whether a query is a select of columns, not of text."""
    return isinstance(query, sa.Select) and len(query.selected_columns) == len(list(query.inner_columns))


def _bare(reading: Reading) -> Reading:
    """For values that came by other SQL than the reading says."""
    return Reading(reading.kind, reading.precision, reading.scale, checked=False)


def _odd_of(plan: Sequence[tuple[str, Any, Reading]], columns: Sequence[Any]) -> dict[str, Any]:
    names = [name for name, _, reading in plan if reading.select_odd is not None]
    return dict(zip(names, columns, strict=False))


def _pages(fetch: Callable[[int], Sequence[Any]], most: int) -> Iterator[Sequence[Any]]:
    """Rows in pages of `most` rows, or of fewer when these are large."""
    size = most
    while rows := list(fetch(min(SAMPLE, most))):
        if len(rows) == min(SAMPLE, most) < most:
            weight = sum(map(sys.getsizeof, (value for row in rows[:SAMPLE] for value in row))) // len(rows)
            size = max(SAMPLE, min(most, MOST_BYTES // max(weight, 1)))
            rows += fetch(size - len(rows))
        yield rows


def _sized(found: Batches, most: int, *, exact: bool) -> Batches:
    """Batches of at most so many rows; exact: of just so many, but for the last."""
    import pyarrow as pa

    waiting: list[Any] = []
    for batch in found:
        rest = batch
        while exact and waiting and rest.num_rows:
            missing_rows = most - sum(one.num_rows for one in waiting)
            waiting.append(rest.slice(0, missing_rows))
            rest = rest.slice(missing_rows)
            if sum(one.num_rows for one in waiting) == most:
                yield pa.concat_batches(waiting)
                waiting = []
        for start in range(0, rest.num_rows, most):
            part = rest.slice(start, most)
            if exact and part.num_rows < most:
                waiting = [part]
            else:
                yield part
    if waiting:
        yield pa.concat_batches(waiting)


def _by_adbc(url: str, query: str) -> Batches | None:
    """Batches of a query of PostgreSQL; None when ADBC is not there or cannot connect as the engine does."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        return None
    try:
        connection = dbapi.connect(url)
    except dbapi.Error as cause:
        logger.info("ADBC cannot connect: %s", str(cause).splitlines()[0])
        return None

    def batches() -> Batches:
        with connection, connection.cursor() as cursor:
            cursor.execute(query)
            with cursor.fetch_record_batch() as reader:
                yield from reader

    return batches()


def _side_by_side(reads: Sequence[Callable[[], Batches]]) -> Batches:
    """The batches of several queries, read by a thread each, as they come."""
    found: Queue[Any] = Queue(len(reads))
    stopped = Event()

    def put(item: Any) -> bool:
        found.put(item)
        return not stopped.is_set()

    def work(read: Callable[[], Batches]) -> None:
        try:
            with closing(read()) as batches:
                for batch in batches:
                    if not put(batch):
                        return
            put(None)
        except BaseException as cause:  # noqa: BLE001 - raised where the batches are taken
            put(cause)

    threads = [Thread(target=work, args=(read,), daemon=True, name="dlt-sql") for read in reads]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            item = found.get()
            if item is None:
                left -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        stopped.set()
        while any(thread.is_alive() for thread in threads):
            while not found.empty():
                found.get_nowait()
            for thread in threads:
                thread.join(0.01)


def _frame(table: Any, options: dict[str, Any]) -> Any:
    """A frame with Arrow's types, or those of numpy where they are wanted."""
    try:
        import pandas as pd
    except ImportError as absent:
        raise missing("The backend pandas", "pandas") from absent
    backend = options.get("dtype_backend", "pyarrow")
    if backend == "pyarrow":
        return table.to_pandas(types_mapper=pd.ArrowDtype)
    frame = table.to_pandas()
    return frame.convert_dtypes(dtype_backend=backend) if backend == "numpy_nullable" else frame


class ConnectorXTableLoader(TableLoader):
    """Reads with connectorx, which gets as text what it would change; SQLite, which has no types, with its own driver."""

    known_kwargs = ("partition_on", "partition_num", "conn", "return_type", "protocol")

    def for_driver(self, reading: Reading) -> Reading:
        """Dates, times and decimals as text."""
        if self.engine.dialect.name not in CONNECTORX or reading.kind not in AS_TEXT:
            return reading
        inner = reading.select or (lambda column: column)
        form = FORMS.get(str(reading.kind)) if self.engine.dialect.name == "postgresql" else None

        def written(column: Any) -> Any:
            return as_text(inner(column)) if form is None else sa.func.to_char(inner(column), form)

        return replace(reading, select=written)

    def read(self, query: Any, options: dict[str, Any]) -> Batches:
        """The rows of one query, as a stream."""
        text = None
        if self.engine.dialect.name in CONNECTORX and _is_open(query):
            text = self.text_of(self.shaped(query))
        if text is None:
            self.say(f"{self.engine.dialect.driver} and not with connectorx, which would change values")
            return self.by_rows(query)
        try:
            import connectorx
        except ImportError as absent:
            raise missing("The backend connectorx", "connectorx") from absent
        chosen = {key: options[key] for key in ("protocol",) if key in options}
        url, size = options.get("conn") or self.get_connection_url(), min(self.chunk_size, 10_000)
        try:
            reader = connectorx.read_sql(url, text, return_type="arrow_stream", batch_size=size, **chosen)
        except BaseException as cause:
            if not isinstance(cause, Exception) and type(cause).__name__ != "PanicException":
                raise
            text = str(cause).replace(str(self.engine.url.password or url), "***").partition("\n")[0]
            self.say(f"{self.engine.dialect.driver}, as connectorx cannot: {text}")
            return self.by_rows(query)
        self.say("connectorx")
        return self.settled((batch for batch in reader), query)


def unwrap_json_connector_x(field: str) -> Any:
    """A map that reads the JSON texts in a column of an Arrow table: `add_map(unwrap_json_connector_x("doc"))`."""

    def unwrap(table: Any) -> Any:
        import pyarrow as pa

        from dlt.arrow.values import json_text

        place = table.column_names.index(field)
        texts = table.column(place).to_pylist()
        made = pa.array([None if text is None else json_text(json.loads(text)) for text in texts], pa.string())
        return table.set_column(place, field, made)

    return unwrap


TABLE_LOADER_REGISTRY: dict[str, type[BaseTableLoader]] = {
    "sqlalchemy": TableLoader,
    "pyarrow": TableLoader,
    "pandas": TableLoader,
    "connectorx": ConnectorXTableLoader,
}


def register_table_loader_backend(backend_name: str, loader_class: type[BaseTableLoader]) -> None:
    """Make a class of loaders a backend."""
    TABLE_LOADER_REGISTRY[backend_name] = loader_class


def get_table_loader_class(backend_name: str) -> type[BaseTableLoader]:
    """The loaders of a backend. ConfigError when there is none of this name."""
    if backend_name not in TABLE_LOADER_REGISTRY:
        raise ConfigError(
            f"There is no backend {backend_name!r}.", key="backend", hint="use " + ", ".join(TABLE_LOADER_REGISTRY)
        )
    return TABLE_LOADER_REGISTRY[backend_name]
