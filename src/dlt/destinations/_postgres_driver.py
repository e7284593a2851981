"""A connection to PostgreSQL: statements, rows in by binary COPY, rows out as Arrow, errors sorted by what happens next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.text import parsed
from dlt.destinations._postgres_copy import HEAD, TAIL, chunks, is_direct
from dlt.destinations._read import batches_of, schema_of
from dlt.errors import ConfigError, DestinationRefused, DltError, LedgerError, RetryableError
from dlt.schema.model import Table
from dlt.sql.drivers import shown

if TYPE_CHECKING:
    import psycopg

    from dlt.package.manifest import ShardFile
    from dlt.schema.capabilities import Capabilities
    from dlt.sql.dialect import Dialect

SCRATCH = '"pg_temp"."_dlt#cast"'
READ_BYTES = 1 << 20
LONGEST = 1 << 30  # bytes of a row in CSV: no more than PostgreSQL has
# what makes values come out as they are read here, whatever the settings of the role and the database are
SETTINGS = "SET DateStyle = ISO; SET bytea_output = hex; SET extra_float_digits = 1; SET client_min_messages = warning"
MEMORY = 64 << 20  # bytes that a join or a sort may use: with less, merges of a million rows go to the disk
# a statement whose client was killed ends: it would keep the next load waiting (servers from version 14 on)
WATCH = "SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"
ENOUGH = (
    f"SELECT set_config('work_mem', '{MEMORY >> 10}kB', false)"
    f" WHERE pg_size_bytes(current_setting('work_mem')) < {MEMORY}"
)
TYPES = {  # by the number of a type
    16: pa.bool_(),
    17: pa.binary(),
    20: pa.int64(),
    21: pa.int16(),
    23: pa.int32(),
    700: pa.float32(),
    701: pa.float64(),
    1082: pa.date32(),
    1083: pa.time64("us"),
    1114: pa.timestamp("us"),
    1184: pa.timestamp("us", "UTC"),
}
NUMERIC, JSON = 1700, (114, 3802)
ANY_NUMERIC = pa.decimal256(76, 38)  # one without bounds
GEOMETRY = re.compile(r"(?:\S+\.)?geometry\([^,]+,(\d+)\)", re.IGNORECASE)
COLUMN_TYPES = (
    "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
    " WHERE attrelid = CAST({table} AS regclass) AND attnum > 0 AND NOT attisdropped"
)


class PostgresDriver:
    """A connection of psycopg, which it closes in the end if it is its own.

    Rows of files in any format are sent as binary COPY. Where the type in the table is one that this cannot write, the rows go
    through a temporary table and are cast there: values of types that dlt knows must come back from the cast as they were.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        dialect: Dialect,
        caps: Capabilities,
        timezone: str = "UTC",
        *,
        own: bool = True,
    ) -> None:
        self.connection, self.dialect, self.caps, self.timezone, self.own = connection, dialect, caps, timezone, own

    def execute(self, sql: str) -> int:
        changed: int = self._run(sql).rowcount
        return max(0, changed)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self._run(sql)
        return cursor.fetchall() if cursor.description else []

    def _run(self, sql: str) -> psycopg.Cursor[Any]:
        with translated(sql), self._transacted():
            return self.connection.execute(sql)

    def _transacted(self) -> Any:
        """A connection of the user's that does not commit by itself would begin a transaction that nobody ends."""
        return nullcontext() if self.connection.autocommit or self._is_busy() else self.connection.transaction()

    def _is_busy(self) -> bool:
        return bool(self.connection.info.transaction_status)

    def query(self, sql: str) -> pa.RecordBatchReader:
        fields = [
            pa.field(one.name, _type_of(one), metadata={"dlt": "json"} if one.type_code in JSON else None)
            for one in self._run(f"SELECT * FROM ({sql}) AS q LIMIT 0").description or ()
        ]
        schema = pa.schema(fields)
        return pa.RecordBatchReader.from_batches(schema, self._read(sql, schema))

    def _read(self, sql: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        from pyarrow import csv

        if self.timezone != "UTC":
            self.execute("SET TimeZone = 'UTC'")
        names = [str(place) for place in range(len(schema))]
        copied = f"COPY ({sql}) TO STDOUT (FORMAT csv)"
        with translated(sql), self._transacted(), self.connection.cursor() as cursor, cursor.copy(copied) as copy:
            stream = _Stream(iter(copy))
            if not stream.is_empty():
                reader = csv.open_csv(
                    stream,
                    read_options=csv.ReadOptions(column_names=names, block_size=LONGEST),
                    parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
                    convert_options=csv.ConvertOptions(
                        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True,
                        null_values=[""], quoted_strings_can_be_null=False,
                    ),
                )  # fmt: skip
                for batch in reader:
                    columns = [_value(text, field) for text, field in zip(batch.columns, schema, strict=True)]
                    yield pa.record_batch(columns, schema=schema)
        if self.timezone != "UTC":
            self.execute(f"SET TimeZone = {self.dialect.literal(self.timezone)}")

    # ---- copy

    def copy(
        self, target: str, types: Mapping[str, str], other: AbstractSet[str], files: Sequence[ShardFile], folder: Path
    ) -> int:
        taken = 0
        found = dict(types)
        if other:
            table = self.dialect.literal(target)
            found |= {name: kind for name, kind in self.rows(COLUMN_TYPES.format(table=table)) if name in types}
        for file in files:
            if unknown := [name for name in file.columns if name not in types]:
                raise LedgerError(
                    "A file has a column that its table does not have.", table=file.table, column=unknown[0]
                )
            names = file.columns or tuple(types)[:1]
            cast = [name for name in names if not is_direct(found[name])]
            kinds = {name: types[name] if name in cast else found[name] for name in names}
            if cast:
                taken += self._cast(target, kinds, {name: found[name] for name in cast}, types, file, folder)
            else:
                taken += self._send(target, kinds, types, file, folder)
        if target.startswith('"pg_temp"'):
            self.execute(f"ANALYZE {target}")  # else a merge is planned without knowing how much there is
        return taken

    def _send(
        self, target: str, kinds: Mapping[str, str], types: Mapping[str, str], file: ShardFile, folder: Path
    ) -> int:
        """Send the rows of a file. kinds: the SQL types that the columns have where the rows go."""
        names = ", ".join(map(self.dialect.quoted, kinds))
        columns = {name: self.dialect.column(name, types[name], nullable=True) for name in kinds}
        schema = schema_of(Table(file.table, columns), self.caps)
        sql = f"COPY {target} ({names}) FROM STDIN (FORMAT binary)"
        with translated(sql, file.table), self.connection.cursor() as cursor:
            with cursor.copy(sql) as copy:
                copy.write(HEAD)
                for batch in batches_of(folder / file.path, file.format, schema):
                    for chunk in chunks(batch, list(kinds.values())):
                        for start in range(0, len(chunk), READ_BYTES):
                            copy.write(chunk[start : start + READ_BYTES])
                copy.write(TAIL)
            _check(cursor.rowcount, file)
        return file.rows

    def _cast(
        self,
        target: str,
        kinds: Mapping[str, str],
        cast: Mapping[str, str],
        types: Mapping[str, str],
        file: ShardFile,
        folder: Path,
    ) -> int:
        """Send rows with values that the database must cast: text that becomes what it is in the table."""
        quoted = self.dialect.quoted
        sent = {name: "text" if kind == "jsonb" and name in cast else kind for name, kind in kinds.items()}
        sent = {name: kind if is_direct(kind) else "text" for name, kind in sent.items()}
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in sent.items())
        self.execute(f"CREATE TEMPORARY TABLE {SCRATCH} ({columns})")
        self._send(SCRATCH, sent, types, file, folder)
        for name, kind in cast.items():
            if self.dialect.column(name, kind, nullable=True).data_type is not None and sent[name] != "text":
                self._check_cast(file.table, name, sent[name], kind)
        values = ", ".join(_cast_sql(quoted(name), cast[name]) if name in cast else quoted(name) for name in sent)
        with translated("casting", file.table):
            _check(
                self.execute(f"INSERT INTO {target} ({', '.join(map(quoted, sent))}) SELECT {values} FROM {SCRATCH}"),
                file,
            )
        self.execute(f"DROP TABLE {SCRATCH}")
        return file.rows

    def _check_cast(self, table: str, name: str, sent: str, kind: str) -> None:
        """DestinationRefused when the type in the table would change a value."""
        column = self.dialect.quoted(name)
        changed = f"CAST(CAST({column} AS {kind}) AS {sent}) IS DISTINCT FROM {column}"
        if found := self.rows(f"SELECT CAST({column} AS text) FROM {SCRATCH} WHERE {changed} LIMIT 1"):
            raise DestinationRefused(
                f"The column is {kind} at the destination, which does not hold the value as it is.",
                table=table,
                column=name,
                value=found[0][0],
                hint=f"change the type of the column to {sent}, or make the values fit",
            )

    # ---- transaction

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._is_busy():
            raise ConfigError(
                "The connection that was given to the destination is in a transaction.",
                key="destination.postgres.credentials",
                hint="commit it before the pipeline runs, or give a connection of its own",
            )
        with translated("the transaction of the load"), self.connection.transaction():
            yield

    def close(self) -> None:
        if self.own:
            self.connection.close()


def connect(options: Mapping[str, Any], timezone: str, place: str) -> psycopg.Connection[Any]:
    """A new connection; place: what errors call it."""
    import psycopg

    zone = "'" + timezone.replace("'", "''") + "'"
    with translated(f"connecting to {place}"):
        connection = psycopg.connect(
            **{"application_name": "dlt", **options, "client_encoding": "utf8"}, autocommit=True
        )
        connection.prepare_threshold = None  # tables change between statements
        try:
            connection.execute(f"{SETTINGS}; {ENOUGH}; SET TimeZone = {zone}")
            with suppress(psycopg.errors.InvalidParameterValue):  # servers on Windows cannot
                connection.execute(WATCH)
        except BaseException:
            connection.close()
            raise
    return connection


def _check(taken: int, file: ShardFile) -> None:
    if taken != file.rows:
        raise LedgerError(
            "PostgreSQL does not hold the rows that it was given; nothing was committed.",
            table=file.table,
            file=file.path,
            rows_in_file=file.rows,
            rows_in_table=taken,
            hint="a trigger or a rule of the table may keep rows out",
        )


def _cast_sql(column: str, kind: str) -> str:
    """A text as a value of a type. A geometry without a reference system gets that of the column."""
    if (bounds := GEOMETRY.fullmatch(kind)) is None:
        return f"CAST({column} AS {kind})"
    bare = kind.partition("(")[0]  # it may be in a schema that is not looked through, with its functions
    place, shape = bare[: -len("geometry")], f"CAST({column} AS {bare})"
    return f"CASE WHEN {place}ST_SRID({shape}) = 0 THEN {place}ST_SetSRID({shape}, {bounds[1]}) ELSE {shape} END"


def _type_of(column: psycopg.Column) -> pa.DataType:
    if column.type_code != NUMERIC:
        return TYPES.get(column.type_code, pa.string())
    digits, scale = column.precision, column.scale
    if digits is None or scale is None or digits > 76 or not 0 <= scale <= digits:
        return ANY_NUMERIC
    return (pa.decimal128 if digits <= 38 else pa.decimal256)(digits, scale)


def _value(text: pa.Array, field: pa.Field) -> pa.Array:
    """The texts of a column as values."""
    try:
        if pa.types.is_boolean(field.type):
            return pc.equal(text, "t")
        return parsed(text, field, lambda value: bytes.fromhex(value[2:]))
    except pa.ArrowInvalid as error:
        raise DestinationRefused(
            f"A value of the table cannot be read as {field.type}: {error}",
            column=field.name,
            hint="cast the column in the query",
        ) from error


class _Stream:
    """What COPY sends, as a file to read from: whole rows each time, so that none is cut."""

    closed = False

    def __init__(self, rows: Iterator[Any]) -> None:
        self.rows = rows
        self.waiting = next(rows, b"")

    def is_empty(self) -> bool:
        return not self.waiting

    def read(self, size: int = LONGEST) -> bytes:  # noqa: ARG002 - never as much
        parts, length = [self.waiting], len(self.waiting)
        self.waiting = b""
        while length < READ_BYTES and (row := next(self.rows, None)) is not None:
            parts.append(row)
            length += len(row)
        return b"".join(parts)

    def close(self) -> None:
        """The copy is closed where it was opened."""


# ---- errors

LOST = ("08", "57P", "53")  # connections, shutdowns, no resources
AGAIN = ("40001", "40P01", "55P03", "55006", "25P03", "57014", "42P06", "42P07", "42701", "42710")
AT_ONCE = ("tuple concurrently", "could not open relation", "pg_namespace_", "pg_type_", "pg_class_", "pg_attribute_")
WRONG = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|does not exist|SSL|certificate|translate host name|invalid"
)
HINTS = {
    "42501": "let this user do it: GRANT CREATE ON DATABASE for new data sets, USAGE, CREATE ON SCHEMA and rights on its tables",
    "2BP01": "something depends on it, a view for example: drop that first, or do not use refresh for this table",
    "0A000": "a view may use the column: drop the view, run again, and make it anew",
    "25006": "the server or the session is read-only: connect to the primary server",
    "22P05": "json cannot hold the character \\u0000 in PostgreSQL",
}


@contextmanager
def translated(sql: str, table: str | None = None) -> Iterator[None]:
    """Errors of PostgreSQL as ours: RetryableError for lost connections, deadlocks, and what another load did at the same
    time; ConfigError for a connection that cannot be made; DestinationRefused for the rest."""
    import psycopg

    try:
        yield
    except DltError as error:
        if table:
            error.context.setdefault("table", table)
        raise
    except psycopg.Error as error:
        text, code, diag = str(error).strip(), error.sqlstate or "", error.diag
        if diag.message_primary:
            text = ". ".join(filter(None, (diag.message_primary, diag.message_detail)))
        if sql.startswith("connecting to "):
            _raise_unconnected(sql, text, code, error)
        statement = shown(sql)
        lost = not code and isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        at_once = code in ("23505", "XX000") and any(one in text for one in AT_ONCE)
        if lost or at_once or code in AGAIN or code.startswith(LOST):
            raise RetryableError(text, table=table, statement=statement) from error
        place = re.search(r"COPY .*?, line (\d+)(?:, column ([^:\n]+))?", diag.context or "")
        column = diag.column_name or (place[2] if place else None)
        raise DestinationRefused(
            text,
            hint=HINTS.get(code),
            table=table or diag.table_name,
            column=column,
            row=int(place[1]) if place else None,
            statement=statement,
        ) from error


def _raise_unconnected(sql: str, text: str, code: str, error: Exception) -> None:
    place = sql.removeprefix("connecting to ")
    if code[:2] in ("28", "3D", "22", "42") or (not code and WRONG.search(text)) or "option" in text:
        hint = "check destination.postgres.credentials: host, port, database, username, password, and the options of the URL"
        raise ConfigError(f"PostgreSQL at {place} cannot be used: {text}", hint=hint) from error
    raise RetryableError(f"PostgreSQL at {place} does not answer: {text}") from error
