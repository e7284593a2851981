"""Driver: raw input and output of one SQL database. Statements go in, Arrow and counts of rows come out."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dlt.config.settings import setting
from dlt.errors import ConfigError, DestinationRefused, DltError, LedgerError, RetryableError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from dlt.package.manifest import ShardFile

ROW_BYTES = 32 << 20  # the longest row of a JSON file, 8 times that of a CSV file
TEXT_BUFFERS = 160 << 20  # what a thread needs for it: two buffers of twice the longest row, and some more
WRITE_BUFFERS = 64 << 20  # what DuckDB needs to write a table
COLUMN_BUFFERS = 4 << 20  # for each column, when there are many
TEMPORARY = '"temp".'
UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
MAPPED_BYTES = 96 << 20  # of Arrow files that one statement reads: what is mapped counts as memory of the process
GZIP = b"\x1f\x8b"  # how a compressed file begins
FORMATS = ("arrow", "parquet", "jsonl", "csv", "insert_values")


class Driver(Protocol):
    """One connection. Errors of the database come out as RetryableError or DestinationRefused."""

    def execute(self, sql: str) -> int:
        """Run one statement; returns the rows it changed."""
        ...

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a small SELECT as Python values."""
        ...

    def query(self, sql: str) -> pa.RecordBatchReader:
        """The rows of a SELECT."""
        ...

    def copy(
        self, target: str, types: Mapping[str, str], other: AbstractSet[str], files: Sequence[ShardFile], folder: Path
    ) -> int:
        """Put the rows of files into a table; returns how many. A column that no file has stays null.

        types: SQL types of the columns by the schema; other: those whose type in the table is another one. That no row
        is lost and no value of these columns changes is checked: LedgerError.
        """
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Commits at the end, undoes all when the block raises."""
        ...

    def close(self) -> None:
        """Give the connection back."""
        ...


class DuckDBDriver:
    """A DuckDB connection, which it closes in the end.

    A copy is checked by the number of rows that DuckDB took. Where the types in the table are those of the file, no value
    can change on the way; where they are not, a checksum over the values of both is compared.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        close: Callable[[], None] | None = None,
        memory: Callable[[], int] = lambda: 0,
    ) -> None:
        """close: what closes the connection, when there is more to it. memory: bytes of the memory limit, when the driver
        may lower it at the moment, else 0."""
        self.connection = connection
        self._close = close or connection.close
        self._memory = memory
        self._before: dict[str, str] = {}  # settings as they were before a copy

    def execute(self, sql: str) -> int:
        rows = self.rows(sql)
        return rows[0][0] if rows and isinstance(rows[0][0], int) else 0

    def rows(self, sql: str, _dlt_file: pa.Table | None = None) -> list[tuple[Any, ...]]:
        """All rows of a statement: a result that is not read to its end blocks the connection.

        DuckDB finds `_dlt_file` by its name. A registered table would be kept, with its file, until the transaction ends.
        """
        with translated(sql):
            rows: list[tuple[Any, ...]] = self.connection.execute(sql).fetchall()
        return rows

    def query(self, sql: str) -> pa.RecordBatchReader:
        with translated(sql):
            return self.connection.sql(sql).to_arrow_table().to_reader()

    def copy(
        self, target: str, types: Mapping[str, str], other: AbstractSet[str], files: Sequence[ShardFile], folder: Path
    ) -> int:
        files = [file for file in files if file.rows]
        for file in files:
            if unknown := [name for name in file.columns if name not in types]:
                raise LedgerError(
                    "A file has a column that its table does not have.", table=file.table, column=unknown[0]
                )
        if target.startswith(TEMPORARY):
            self._memory = lambda: 0  # what a merge reads stays in memory, as far as there is room
        for group in _groups(files, folder):
            self._use_little(group, len(types))
            with translated("reading " + ", ".join(file.path for file in group[:3]), group[0].table):
                self._insert(target, types, other, group, folder)
            self._use_all()
        return sum(file.rows for file in files)

    def _use_little(self, files: Sequence[ShardFile], columns: int) -> None:
        """As many threads as there is memory for their buffers when they read text, and no memory for what is written
        already: DuckDB keeps it as long as there is room."""
        if files[0].format in ("jsonl", "csv"):
            [(threads, limit)] = self.rows("SELECT current_setting('threads'), current_setting('memory_limit')")
            self._set("threads", threads, max(1, int(_bytes(limit) // TEXT_BUFFERS)))
            return
        enough = max(WRITE_BUFFERS, columns * COLUMN_BUFFERS)
        if sum(file.bytes for file in files) > enough:
            self._set("memory_limit", self._memory(), enough)

    def _set(self, name: str, now: int, least: int) -> None:
        if least < now:
            unit = "B" if name == "memory_limit" else ""
            self._before[name] = f"'{now}{unit}'"
            self.rows(f"SET GLOBAL {name} = '{least}{unit}'")

    def _use_all(self) -> None:
        while self._before:
            self.rows("SET GLOBAL {} = {}".format(*self._before.popitem()))

    def _insert(
        self, target: str, types: Mapping[str, str], other: AbstractSet[str], files: Sequence[ShardFile], folder: Path
    ) -> None:
        """Insert files of the same form with one statement."""
        first, expected, sums = files[0], sum(file.rows for file in files), set[Any]()
        changing = [name for name in first.columns if name in other]
        last = self.rows(f"SELECT coalesce(max(rowid), -1) FROM {target}")[0][0] if changing else -1
        if first.format == "insert_values":
            taken = self._insert_statements(target, folder / first.path)
        else:
            source = _source(files, folder, types)
            names, values = ", ".join(map(_quoted, source.values)), ", ".join(source.values.values())
            statement = f"INSERT INTO {target} ({names}) SELECT {values} FROM {source.sql}"
            taken = self.rows(statement, source.data)[0][0]
            if changing:
                given = _checksum((source.values[name], types[name]) for name in changing)
                sums.add(self.rows(f"SELECT {given} FROM {source.sql}", source.data)[0][0])
        if changing:
            found = _checksum((_quoted(name), types[name]) for name in changing)
            sums.add(self.rows(f"SELECT {found} FROM {target} WHERE rowid > {last}")[0][0])
        if taken != expected or len(sums) > 1:
            raise LedgerError(
                "DuckDB does not hold the rows that it was given; nothing was committed.",
                table=first.table,
                columns=", ".join(changing) or None,
                file=", ".join(file.path for file in files),
                rows_in_file=expected,
                rows_in_table=taken,
                checksums=" / ".join(map(str, sums)) or None,
            )

    def _insert_statements(self, target: str, path: Path) -> int:
        data = path.read_bytes()
        if data.startswith(GZIP):
            data = zlib.decompress(data, 31)
        return self.execute(data.decode().replace("{}", target, 1))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self.rows("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            with translated("ROLLBACK"):
                self.connection.rollback()
            raise
        self.rows("COMMIT")

    def close(self) -> None:
        try:
            self._use_all()
        finally:
            with translated("closing the database"):
                self._close()


class _Source(NamedTuple):
    """What to select from, the expression of each column, and the table that `_dlt_file` stands for."""

    sql: str
    values: dict[str, str]
    data: pa.Table | None = None


def _groups(files: Sequence[ShardFile], folder: Path) -> list[list[ShardFile]]:
    """The files that one statement can read together: of one format, with the same columns, packed alike, not too large."""
    if len(files) < 2:
        return [list(files)] if files else []
    groups: dict[Any, list[ShardFile]] = {}
    for file in files:
        key = (file.format, file.columns, _form(file, folder / file.path))
        group = groups.get(key)
        if group and file.format == "arrow" and sum(one.bytes for one in group) + file.bytes > MAPPED_BYTES:
            groups[key, len(groups)] = groups.pop(key)
        groups.setdefault(key, []).append(file)
    return list(groups.values())


def _form(file: ShardFile, path: Path) -> Any:
    if file.format == "insert_values" or not file.columns:
        return path
    if file.format == "arrow":
        import pyarrow as pa

        return tuple(pa.ipc.open_file(pa.memory_map(str(path))).schema.types)
    return file.format in ("jsonl", "csv") and _is_gzip(path)


def _source(files: Sequence[ShardFile], folder: Path, types: Mapping[str, str]) -> _Source:
    file, paths = files[0], [folder / file.path for file in files]
    if not file.columns:
        return _Source(f"range({file.rows})", {next(iter(types)): "NULL"})
    plain = {name: _quoted(name) for name in file.columns}
    match file.format:
        case "arrow":
            return _Source("_dlt_file", plain, _arrow_table(paths))
        case "parquet":
            return _Source(f"read_parquet({_texts(paths)})", plain)
        case "jsonl":
            kinds = {name: types[name] if types[name] in _JSON_TYPES else "VARCHAR" for name in file.columns}
            read = _reader("read_json", paths, kinds, format="'newline_delimited'", maximum_object_size=ROW_BYTES)
            return _Source(
                read,
                {name: f"from_base64({value})" if types[name] == "BLOB" else value for name, value in plain.items()},
            )
        case "csv":
            header = setting("normalize.data_writer.include_header", "data_writer.include_header", default=True)
            delimiter = setting("normalize.data_writer.delimiter", "data_writer.delimiter", default=",")
            read = _reader(
                "read_csv",
                paths,
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


def _arrow_table(paths: Sequence[Path]) -> pa.Table:
    """Files of the same types as one table, not read into memory."""
    import pyarrow as pa

    return pa.concat_tables([pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths])


def _reader(function: str, paths: Sequence[Path], kinds: Mapping[str, str], **options: Any) -> str:
    """A call of one of DuckDB's readers. Files may be compressed whatever their name says."""
    options["compression"] = "'gzip'" if _is_gzip(paths[0]) else "'none'"
    columns = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in kinds.items())
    return f"{function}({_texts(paths)}, columns={{{columns}}}, {', '.join(f'{k}={v}' for k, v in options.items())})"


def _bytes(size: str) -> float:
    """The bytes of a size as DuckDB writes it: `244.1 MiB`."""
    number, unit = size.split()
    return float(number) * UNITS[unit]


def _is_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == GZIP


def _checksum(values: Iterable[tuple[str, str]]) -> str:
    """A sum over rows that does not depend on their order, of values as the types they have in the table."""
    return f"coalesce(sum(hash({', '.join(f'CAST({value} AS {kind})' for value, kind in values)})), 0)"


_JSON_TYPES = ("BOOLEAN", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "JSON", "VARCHAR")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _texts(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(_text(str(path)) for path in paths) + "]"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def shown(sql: str) -> str:
    """A statement as errors show it."""
    return sql if len(sql) < 500 else sql[:500] + " ..."


@contextmanager
def translated(sql: str, table: str | None = None) -> Iterator[None]:
    """Errors of DuckDB as ours: RetryableError for locks, conflicts and full disks, ConfigError for a file that is open in
    another way, DestinationRefused for the rest."""
    import duckdb

    try:
        yield
    except DltError as error:
        if table:
            error.context.setdefault("table", table)
        raise
    except duckdb.Error as error:
        text = str(error)
        statement = shown(sql)
        hint: str | None = None
        if "No space left on device" in text or "database has been invalidated" in text:
            hint = "free some space on the disk of the database, then run again: nothing of this load was committed"
            raise RetryableError(text, hint=hint, table=table, statement=statement) from error
        if isinstance(error, duckdb.IOException) and "lock" in text:
            raise RetryableError(text, hint="close the other program that has the database file open") from error
        if isinstance(error, (duckdb.TransactionException, duckdb.InterruptException)) or "Conflict" in text:
            raise RetryableError(text, table=table, statement=statement) from error
        if isinstance(error, duckdb.ConnectionException) and "different configuration" in text:
            hint = "this process has the file open read-only, or with other options: close that connection first"
            raise ConfigError(text, hint=hint, statement=statement) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            hint = "raise memory_limit, or give the disk of the database more room to spill to"
        elif isinstance(error, duckdb.IOException) and sql.startswith("opening "):
            hint = "check the path, and that this user may write to the folder and the file"
        raise DestinationRefused(text, hint=hint, table=table, statement=statement) from error
