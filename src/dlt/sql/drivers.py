"""Driver: raw input and output of one SQL database. Statements go in, Arrow and counts of rows come out."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dlt.config.settings import setting
from dlt.errors import DestinationRefused, DltError, LedgerError, RetryableError
from dlt.package.manifest import ShardFile

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

ROW_BYTES = (
    32 << 20
)  # the longest row of a JSON file, 8 times that of a CSV file: DuckDB's buffers are a multiple of it
GZIP = b"\x1f\x8b"  # how a compressed file begins
FORMATS = ("arrow", "parquet", "jsonl", "csv", "insert_values")


class Copied(NamedTuple):
    """What went into a table: rows, and an order-free checksum over their values (None: the driver has none)."""

    rows: int
    checksum: int | None = None


class Driver(Protocol):
    """One connection. Errors of the database come out as RetryableError or DestinationRefused."""

    def execute(self, sql: str) -> int:
        """Run one statement; returns the rows it changed."""
        ...

    def query(self, sql: str) -> pa.RecordBatchReader:
        """The rows of a SELECT."""
        ...

    def copy(self, target: str, types: Mapping[str, str], files: Sequence[ShardFile], folder: Path) -> Copied:
        """Put the rows of files into a table. `types`: SQL types of its columns; a column no file has stays null.
        What went in is compared with the files as far as the database can: LedgerError."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commits at the end, undoes all when the block raises."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class DuckDBDriver:
    """A DuckDB connection, which it closes in the end."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def execute(self, sql: str) -> int:
        rows = self._run(sql)
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def query(self, sql: str) -> pa.RecordBatchReader:
        with translated(sql):
            return self.connection.sql(sql).to_arrow_table().to_reader()

    def copy(self, target: str, types: Mapping[str, str], files: Sequence[ShardFile], folder: Path) -> Copied:
        last = self._run(f"SELECT coalesce(max(rowid), -1) FROM {target}")[0][0]
        checksum = 0
        for file in files:
            if file.rows:
                with translated(f"reading {file.path}", file.table):
                    last, part = self._insert(target, types, file, folder / file.path, last)
                checksum += part
        return Copied(sum(file.rows for file in files), checksum % 2**63)

    def _insert(self, target: str, types: Mapping[str, str], file: ShardFile, path: Path, last: int) -> tuple[int, int]:
        """Insert a file and compare what is new in the table with it; returns the last rowid and the checksum."""
        sums: list[Any] = []
        names = list(file.columns)
        if file.format == "insert_values":
            self._insert_statements(target, path)
        else:
            source = _source(file, path, types)
            names = list(source.values)
            values = ", ".join(source.values.values())
            self._run(
                f"INSERT INTO {target} ({', '.join(map(_quoted, names))}) SELECT {values} FROM {source.sql}",
                source.data,
            )
            expected = _checksum((value, types[name]) for name, value in source.values.items())
            sums += self._run(f"SELECT {expected} FROM {source.sql}", source.data)[0]
        found = _checksum((_quoted(name), types[name]) for name in names)
        taken, newest, after = self._run(f"SELECT count(*), max(rowid), {found} FROM {target} WHERE rowid > {last}")[0]
        if taken != file.rows or {*sums, after} != {after}:
            raise LedgerError(
                "DuckDB does not hold the rows that it was given; nothing was committed.",
                table=file.table,
                file=file.path,
                rows_in_file=file.rows,
                rows_in_table=taken,
                checksums=" / ".join(map(str, (*sums, after))),
            )
        return newest, int(after)

    def _insert_statements(self, target: str, path: Path) -> None:
        data = path.read_bytes()
        if data.startswith(GZIP):
            data = zlib.decompress(data, 31)
        self._run(data.decode().replace("{}", target, 1))

    def _run(self, sql: str, _dlt_file: pa.Table | None = None) -> list[Any]:
        """All rows of a statement: a result that is not read to its end blocks the connection.

        DuckDB finds `_dlt_file` by its name. A registered table would be kept, with its file, until the transaction ends.
        """
        with translated(sql):
            rows: list[Any] = self.connection.execute(sql).fetchall()
        return rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._run("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            with translated("ROLLBACK"):
                self.connection.rollback()
            raise
        self._run("COMMIT")

    def close(self) -> None:
        self.connection.close()


class _Source(NamedTuple):
    """What to select from, the expression of each column, and the table that `_dlt_file` stands for."""

    sql: str
    values: dict[str, str]
    data: pa.Table | None = None


def _source(file: ShardFile, path: Path, types: Mapping[str, str]) -> _Source:
    if unknown := [name for name in file.columns if name not in types]:
        raise LedgerError("A file has a column that its table does not have.", table=file.table, column=unknown[0])
    if not file.columns:
        return _Source(f"range({file.rows})", {next(iter(types)): "NULL"})
    plain = {name: _quoted(name) for name in file.columns}
    match file.format:
        case "arrow":
            import pyarrow as pa

            return _Source("_dlt_file", plain, pa.ipc.open_file(pa.memory_map(str(path))).read_all())
        case "parquet":
            return _Source(f"read_parquet({_text(str(path))})", plain)
        case "jsonl":
            kinds = {name: types[name] if types[name] in _JSON_TYPES else "VARCHAR" for name in file.columns}
            read = _reader("read_json", path, kinds, format="'newline_delimited'", maximum_object_size=ROW_BYTES)
            return _Source(
                read,
                {name: f"from_base64({value})" if types[name] == "BLOB" else value for name, value in plain.items()},
            )
        case "csv":
            header = setting("normalize.data_writer.include_header", "data_writer.include_header", default=True)
            delimiter = setting("normalize.data_writer.delimiter", "data_writer.delimiter", default=",")
            read = _reader(
                "read_csv",
                path,
                dict.fromkeys(file.columns, "VARCHAR"),
                auto_detect="false",
                strict_mode="true",
                allow_quoted_nulls="false",
                nullstr="''",
                header=str(header).lower(),
                delim=_text(delimiter),
                quote="'\"'",
                escape="'\"'",
                max_line_size=ROW_BYTES // 8,
            )
            return _Source(read, plain)
    raise DestinationRefused(f"DuckDB does not take {file.format} files.", table=file.table, hint=", ".join(FORMATS))


def _reader(function: str, path: Path, kinds: Mapping[str, str], **options: Any) -> str:
    """A call of one of DuckDB's readers. Files may be compressed whatever their name says."""
    with path.open("rb") as file:
        options["compression"] = "'gzip'" if file.read(2) == GZIP else "'none'"
    columns = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in kinds.items())
    return f"{function}({_text(str(path))}, columns={{{columns}}}, {', '.join(f'{k}={v}' for k, v in options.items())})"


def _checksum(values: Iterable[tuple[str, str]]) -> str:
    """A sum over rows that does not depend on their order, of values as the types they have in the table."""
    return f"coalesce(sum(hash({', '.join(f'CAST({value} AS {kind})' for value, kind in values)})), 0)"


_JSON_TYPES = ("BOOLEAN", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "JSON", "VARCHAR")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def translated(sql: str, table: str | None = None) -> Iterator[None]:
    """Errors of DuckDB as ours: RetryableError for locks and conflicts, DestinationRefused for the rest."""
    import duckdb

    try:
        yield
    except DltError as error:
        if table:
            error.context.setdefault("table", table)
        raise
    except duckdb.Error as error:
        text = str(error)
        statement = sql if len(sql) < 500 else sql[:500] + " ..."
        if isinstance(error, (duckdb.TransactionException, duckdb.InterruptException)) or "Conflict" in text:
            raise RetryableError(text, table=table, statement=statement) from error
        if isinstance(error, duckdb.IOException) and "lock" in text:
            raise RetryableError(text, hint="close the other program that has the database file open") from error
        hint = None
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "raise memory_limit, or give the disk of the database more room to spill to"
        raise DestinationRefused(text, hint=hint, table=table, statement=statement) from error
