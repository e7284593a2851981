"""Driver and session over a SQLAlchemy connection: rows go in by executemany, and come out as Arrow by the columns."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.cast import arrow_type
from dlt.arrow.text import content, sql_rows
from dlt.destinations._read import batches_of, schema_of
from dlt.destinations._sqlalchemy_dialects import inspected
from dlt.errors import DestinationRefused, DltError, LedgerError, PlanError, RetryableError
from dlt.schema.model import Column, Table
from dlt.sql.drivers import shown
from dlt.sql.session import SqlSession

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

    from dlt.destinations._sqlalchemy_dialects import Kind
    from dlt.load.steps import Applied, Copy
    from dlt.package.manifest import ShardFile
    from dlt.schema.capabilities import Capabilities

ROWS = 10_000  # that one executemany gets, and that are fetched at once
MARKS = {"qmark": "?", "format": "%s", "pyformat": "%s", "numeric": ":{}", "numeric_dollar": "${}", "named": ":{}"}
LARGE = 1 << 20  # bytes of a statement with rows as text, unless one row is longer
END = ",\n"  # between two rows in it
EXACT_DIGITS = 15  # of a decimal number that a double gives back as they were
NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
LONG_NUMBER = r"^\s*[-+]?[\d.]{16,}|[eE]"
# MySQL: no or lost connection, deadlock, lock wait; too many connections, shut down; what another load made or changed
PASSING_CODES = {
    1020,
    1040,
    1050,
    1053,
    1060,
    1158,
    1159,
    1160,
    1161,
    1203,
    1205,
    1213,
    1927,
    2002,
    2003,
    2006,
    2013,
    2055,
}
PASSING_STATES = ("08", "40", "53", "55P03", "57P")  # SQLSTATE of the others
PASSING_SQLITE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_FULL", "SQLITE_PROTOCOL")


class SqlalchemyDriver:
    """One SQLAlchemy connection. table, there: what is copied next, and the SQL types of the columns at the destination.
    close: what closes the connection."""

    def __init__(self, connection: Connection, kind: Kind, caps: Capabilities, close: Callable[[], None]) -> None:
        self.kind, self.caps, self._close = kind, caps, close
        self.connection = connection.execution_options(no_parameters=True, preserve_rowcount=True)
        self.table = Table("", {})
        self.there: Mapping[str, str] = {}

    def execute(self, sql: str) -> int:
        with translated(sql):
            return max(self.connection.exec_driver_sql(sql).rowcount, 0)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with translated(sql):
            return [tuple(row) for row in self.connection.exec_driver_sql(sql)]

    def query(self, sql: str, columns: Mapping[str, Column] | None = None) -> pa.RecordBatchReader:
        """The rows of a SELECT. columns: those of which the type is known; of others the values tell it."""
        with translated(sql):
            result = self.connection.exec_driver_sql(sql)
            names = list(result.keys())
            known = [(columns or {}).get(name) for name in names]
            parts = [_arrays(part, known, self.caps) for part in result.partitions(ROWS)]
        if not parts:
            parts = [_arrays([], known, self.caps)]
        tables = [pa.Table.from_arrays(arrays, names=names) for arrays in parts]
        return pa.concat_tables(tables, promote_options="permissive").to_reader()

    def copy(
        self, target: str, types: Mapping[str, str], other: AbstractSet[str], files: Sequence[ShardFile], folder: Path
    ) -> int:
        counts = self.kind.values == "native"  # how many rows executemany took, these drivers do not all say
        before = self._count(target) if counts else 0
        taken = given = 0
        for file in files:
            if unknown := [name for name in file.columns if name not in types]:
                raise LedgerError(
                    "A file has a column that its table does not have.", table=file.table, column=unknown[0]
                )
            given += file.rows
            for batch in self._batches(file, types, folder):
                if self.kind.values == "text":
                    taken += self._insert_text(target, batch)
                else:
                    taken += self._insert_rows(target, batch, types, other)
        if counts:
            taken = self._count(target) - before
        if taken != given:
            raise LedgerError(
                "The database does not hold the rows that it was given; nothing was committed.",
                table=self.table.name,
                rows_in_files=given,
                rows_in_table=taken,
            )
        return taken

    def _count(self, target: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {target}")[0][0])

    def _batches(self, file: ShardFile, types: Mapping[str, str], folder: Path) -> Iterator[pa.RecordBatch]:
        if not file.columns:
            yield pa.record_batch({next(iter(types)): pa.nulls(file.rows, pa.string())})
            return
        table = Table(file.table, {name: self.table.columns[name] for name in file.columns})
        yield from batches_of(folder / file.path, file.format, schema_of(table, self.caps))

    def _insert_text(self, target: str, batch: pa.RecordBatch) -> int:
        """Insert rows as the text of statements, which drivers of MySQL would make value by value."""
        quoted = self.connection.dialect.identifier_preparer.quote_identifier
        names = ", ".join(quoted(name).replace("%%", "%") for name in batch.schema.names)
        head = f"INSERT INTO {target} ({names}) VALUES\n"
        texts = sql_rows(pa.record_batch(list(map(_escaped, batch.columns)), batch.schema.names))
        lengths, data = pc.binary_length(texts).to_pylist(), content(texts)
        self._check_packet(max(lengths, default=0) + len(head.encode()))
        taken = start = end = 0
        with translated(head, self.table.name):
            for length in (*lengths, LARGE):
                if end > start and end + length - start > LARGE:
                    rows = data.slice(start, end - start - len(END)).to_pybytes().decode()
                    taken += self.connection.exec_driver_sql(head + rows).rowcount
                    start = end
                end += length
        return taken

    def _check_packet(self, longest: int) -> None:
        """PlanError when a row is longer than a statement may be: the server would end the connection. No row for the
        quarantine, where it would be as long."""
        if longest > LARGE and longest > (most := self.rows("SELECT @@max_allowed_packet")[0][0]):
            raise PlanError(
                "A row is longer than the server takes: max_allowed_packet.",
                table=self.table.name,
                bytes=longest,
                hint=f"raise max_allowed_packet of the server, which is {most}",
            )

    def _insert_rows(
        self, target: str, batch: pa.RecordBatch, types: Mapping[str, str], other: AbstractSet[str]
    ) -> int:
        names, dialect = batch.schema.names, self.connection.dialect
        for name, data in zip(names, batch.columns, strict=True):
            column = self.table.columns[name]
            if self.kind.values == "sqlite" and (name in other or column.data_type == "double"):
                _check_sqlite(column, data, self.there.get(name, types[name]))
        rows = list(zip(*(_values(data, self.kind.values) for data in batch.columns), strict=True))
        mark = MARKS[dialect.paramstyle]
        if "%" in mark:  # quote_identifier doubles them, too
            target = target.replace("%", "%%")
        columns = ", ".join(map(dialect.identifier_preparer.quote_identifier, names))
        marks = ", ".join(mark.format(number) for number in range(1, len(names) + 1))
        sql = f"INSERT INTO {target} ({columns}) VALUES ({marks})"
        taken = 0
        for start in range(0, len(rows), ROWS):
            with translated(sql, self.table.name):
                try:
                    done = self.connection.exec_driver_sql(
                        sql, rows[start : start + ROWS], execution_options={"no_parameters": False}
                    )
                except (OverflowError, TypeError, ValueError) as error:
                    raise DestinationRefused(f"The driver does not take a value: {error}.", statement=sql) from error
            taken += done.rowcount
        return taken

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._end("COMMIT")  # of what came before
        if self.kind.values == "sqlite":  # Python's driver begins transactions when it thinks it should
            self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._end("ROLLBACK")
            raise
        self._end("COMMIT")

    def _end(self, how: str) -> None:
        with translated(how):
            if self.kind.values != "sqlite":
                self.connection.commit() if how == "COMMIT" else self.connection.rollback()
            elif self.connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]  # of sqlite3
                self.execute(how)

    def close(self) -> None:
        with translated("closing the connection"):
            self._close()


class SqlalchemySession(SqlSession):
    """A SqlSession that tells its driver what columns are, for values of databases do not tell it."""

    driver: SqlalchemyDriver

    def found(self, tables: Sequence[str]) -> Iterable[tuple[str, Column, str]]:
        if self.driver.kind.dialect is not None:
            return super().found(tables)
        with translated("reading the catalogue"):
            return list(inspected(self.driver.connection, self.dataset, list(tables)))

    def query(self, sql: str, table: str) -> pa.RecordBatchReader:
        return self.driver.query(sql, self.reflect([table])[table].columns)

    def _copy(self, step: Copy) -> Applied:
        there = None if step.scratch else self._known.get(step.table.name)
        self.driver.table, self.driver.there = step.table, there.types if there else {}
        return super()._copy(step)


# ---- values on their way in


def _values(data: pa.Array, how: str) -> list[Any]:
    """The values of a column as a driver takes them."""
    if how == "native" or data.null_count == len(data):
        return list(data.to_pylist())
    kind = data.type
    if pa.types.is_temporal(kind):
        return list(data.cast(pa.string()).to_pylist())
    return _numbers(data) if pa.types.is_decimal(kind) else list(data.to_pylist())


def _escaped(data: pa.Array) -> pa.Array:
    """Texts as MySQL reads them in a statement, but for the quotes."""
    if not pa.types.is_string(data.type):
        return data
    return pc.replace_substring(pc.replace_substring(data, "\\", "\\\\"), "\0", "\\0")


def _numbers(data: pa.Array) -> list[Any]:
    """Decimals for SQLite: as numbers when they come back exactly, else as texts. Equal ones are always the same."""
    if data.type.scale == 0:
        return [None if value is None else _whole(int(value)) for value in data.to_pylist()]
    short, texts = _short(data), data.cast(pa.string())
    if pc.all(short, min_count=0).as_py():
        return list(texts.cast(pa.float64()).to_pylist())
    pairs = zip(data.to_pylist(), short.to_pylist(), strict=True)
    return [None if value is None else float(value) if ok else format(value, "f") for value, ok in pairs]


def _whole(value: int) -> int | str:
    return value if -(2**63) <= value < 2**63 else str(value)


def _short(data: pa.Array) -> pa.Array:
    """Which decimals have so few digits, without zeros at both ends, that a double gives them back."""
    digits = pc.replace_substring_regex(data.cast(pa.string()), r"^-?0*\.?0*|\.", "")
    return pc.fill_null(pc.less_equal(pc.utf8_length(pc.utf8_rtrim(digits, "0")), EXACT_DIGITS), True)


def _check_sqlite(column: Column, data: pa.Array, sql_type: str) -> None:
    """DestinationRefused when SQLite would store another value than the one it is given."""
    bad = None
    if column.data_type == "double":
        bad = pc.is_nan(data)
    elif _is_numeric(sql_type):
        if pa.types.is_decimal(data.type):
            bad = pc.invert(_short(data))
        elif pa.types.is_string(data.type) and column.data_type in ("text", "json", None):
            bad = pc.match_substring_regex(data, NUMBER)
            if column.data_type == "json":
                bad = pc.and_(bad, pc.match_substring_regex(data, LONG_NUMBER))
    if bad is not None and pc.any(bad).as_py():
        value = data.filter(bad)[0].as_py()
        raise DestinationRefused(
            f"SQLite would change the value: the column is {sql_type}.",
            column=column.name,
            value=str(value)[:100],
            hint="load into another dataset or table: dlt makes columns that keep such values",
        )


def _is_numeric(sql_type: str) -> bool:
    """That SQLite makes numbers of texts in a column of this type."""
    name = sql_type.upper()
    if "INT" in name:
        return True
    return bool(name) and not any(word in name for word in ("CHAR", "CLOB", "TEXT", "BLOB"))


# ---- and on their way out


def _arrays(rows: Sequence[Any], known: Sequence[Column | None], caps: Capabilities) -> list[pa.Array]:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(known)
    return [_array(values, column, caps) for values, column in zip(columns, known, strict=True)]


def _array(values: Sequence[Any], column: Column | None, caps: Capabilities) -> pa.Array:
    """Values of a driver as Arrow, by the type of the column."""
    if column is None or column.data_type is None:
        try:
            return pa.array(list(map(_plain, values)))
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # SQLite: of several types
            return pa.array([None if value is None else _text(value) for value in values], pa.string())
    kind = arrow_type(column, caps)
    convert = _READERS.get(column.data_type)
    try:
        if convert is None:
            made = list(map(_plain, values))
            if pa.types.is_temporal(kind) and any(isinstance(value, str) for value in made):
                return pa.array([None if value is None else str(value) for value in made], pa.string()).cast(kind)
            return pa.array(made, kind)
        return pa.array([None if value is None else convert(value) for value in values], kind)
    except (pa.ArrowException, ArithmeticError, ValueError, TypeError) as error:
        raise DestinationRefused(
            f"A value in the database is no {column.data_type}: {error}", column=column.name
        ) from error


def _plain(value: Any) -> Any:
    if isinstance(value, dt.timedelta):  # how drivers of MySQL give a time
        return (dt.datetime(1, 1, 1) + value).time()  # noqa: DTZ001 - a time of day
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _text(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value.decode() if isinstance(value, bytes) else str(value)


def _time(value: Any) -> Any:
    return dt.time.fromisoformat(value) if isinstance(value, str) else _plain(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    "time": _time,
    "text": _text,
    "json": _text,
    "double": float,
    "bool": bool,
    "bigint": int,
    "binary": bytes,
    "decimal": lambda value: Decimal(str(value)),
    "wei": lambda value: Decimal(str(value)),
}


# ---- errors


@contextmanager
def translated(sql: str, table: str | None = None) -> Iterator[None]:
    """Errors of SQLAlchemy and its drivers as ours: RetryableError for locks, deadlocks and lost connections,
    DestinationRefused for the rest. None of them shows the login."""
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    try:
        yield
    except DltError as error:
        if table:
            error.context.setdefault("table", table)
        raise
    except SQLAlchemyError as error:
        statement = shown(sql)
        if not isinstance(error, DBAPIError):
            raise DestinationRefused(str(error), table=table, statement=statement) from error
        text, cause = str(error.orig), error.orig or error  # the cause shows no rows
        if _passes(error):
            raise RetryableError(text, table=table, statement=statement) from cause
        raise DestinationRefused(text, table=table, statement=statement) from cause


def _passes(error: DBAPIError) -> bool:
    """That the trouble may be gone the next time."""
    cause: Any = error.orig
    state = str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")
    code = cause.args[0] if cause is not None and cause.args else None
    return (
        error.connection_invalidated
        or (isinstance(code, int) and code in PASSING_CODES)
        or state.startswith(PASSING_STATES)
        or str(getattr(cause, "sqlite_errorname", "")).startswith(PASSING_SQLITE)
    )
