"""What is asked of the PostgreSQL server: slots, publications, the catalog, snapshots, and the log itself."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.config.credentials import ConnectionStringCredentials
from dlt.errors import ConfigError, FatalError, RetryableError, missing
from dlt.sources.pg_replication.decode import Field, Row, Value
from dlt.sources.pg_replication.values import SETTINGS

if TYPE_CHECKING:
    from psycopg import Connection, sql

PATIENCE = 10  # seconds
ATTEMPTS = 5  # to read tables that nobody rewrites meanwhile
BLOCK = 1_000  # messages that come at once
GENERATED = 180_000  # the version of the server from which publications have generated columns

HAS = f"""(coalesce(to_jsonb(p)->'attnames' ? a.attname::text, true)
  AND (a.attgenerated = '' OR current_setting('server_version_num')::int >= {GENERATED}))"""  # a publication has a column
TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname, p.member, c.relfilenode::bigint, pg_relation_filenode(c.oid)::bigint,
  to_jsonb(p)->>'rowfilter',
  ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = c.oid AND (CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END)
      AND array_position(i.indkey::int2[], a.attnum) < i.indnkeyatts
    ORDER BY array_position(i.indkey::int2[], a.attnum)),
  ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '' AND NOT a.attisdropped
    AND to_jsonb(p)->>'listed' = 'false' AND NOT {has} ORDER BY a.attnum),
  (WITH RECURSIVE part AS (
      SELECT c.oid AS root, c.oid, true AS born WHERE c.relkind = 'p'
    UNION ALL
      SELECT part.root, d.oid, i.xmin = y.xmin AND d.relfilenode IN (0, d.oid) FROM part JOIN pg_inherits i ON i.inhparent = part.oid
      JOIN pg_class d ON d.oid = i.inhrelid JOIN pg_type y ON y.oid = d.reltype)
    SELECT jsonb_agg(jsonb_build_array(coalesce(nullif(d.relfilenode, 0), d.oid)::bigint, born,
      d.relfilenode <> 0 AND d.relfilenode IS DISTINCT FROM pg_relation_filenode(d.oid)) ORDER BY d.oid)
    FROM part JOIN pg_class d USING (oid) WHERE d.oid <> root),
  (SELECT jsonb_agg(jsonb_build_array(a.attnum, a.attname, a.atttypid::bigint, a.atttypmod,
      a.atthasdef OR a.atthasmissing OR a.attidentity <> '' OR a.attgenerated <> '') ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND {has})
FROM {among} p JOIN pg_namespace n ON n.nspname = p.schemaname
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename ORDER BY 2, 3
"""
OF_PUBLICATION = """(SELECT t.*, concat_ws(' ', b.oid, b.xmin, r.version) AS member, coalesce(r.listed, false) AS listed
  FROM pg_publication_tables t JOIN pg_publication b USING (pubname) LEFT JOIN LATERAL (
    SELECT concat_ws(' ', m.oid, m.xmin) AS version, to_jsonb(m)->>'prattrs' IS NOT NULL AS listed
    FROM pg_publication_rel m JOIN pg_class d ON d.oid = m.prrelid JOIN pg_namespace e ON e.oid = d.relnamespace
    WHERE m.prpubid = b.oid AND (e.nspname, d.relname) = (t.schemaname, t.tablename)) r ON true
  WHERE pubname = %s)"""
OF_OID = """(SELECT k.nspname AS schemaname, r.relname AS tablename, '' AS member FROM pg_class r JOIN pg_namespace k
  ON k.oid = r.relnamespace WHERE r.oid = %s::bigint::oid)"""
SLOT = """
SELECT to_jsonb(s) || jsonb_build_object('here', s.database = current_database(),
  'flushed', (s.confirmed_flush_lsn - '0/0')::text,
  'behind', CASE WHEN pg_is_in_recovery() THEN 0 ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn) END)
FROM pg_replication_slots s WHERE slot_name = %s
"""
FLUSHED = """
SELECT ((CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END) - '0/0')::bigint
"""
PEEK = """
SELECT (lsn - '0/0')::bigint, data FROM pg_logical_slot_peek_binary_changes(%s, %s::pg_lsn, %s,
  'proto_version', '1', 'publication_names', %s)
"""
TYPES = """
SELECT oid::bigint, typbasetype::bigint, typtypmod,
  CASE WHEN typinput = 'array_in'::regproc AND typdelim = ',' THEN typelem ELSE 0 END::bigint
FROM pg_type WHERE typtype = 'd' OR typinput = 'array_in'::regproc
"""


class Published(NamedTuple):
    """A table of a publication as the catalog has it. member: the version of what the publication says of it; from one to the
    next changes may not have been told. rewritten: its file, or one of a partition, is another than in the snapshot that is looked at.
    unpublished: generated columns that the publication leaves out. parts: the files of its partitions at all levels, and
    whether each was made as a partition, without rows. columns: [number, name, type, modifier, whether old rows may have
    got a value when it was added]."""

    oid: int
    schema: str
    name: str
    member: str
    rewritten: bool
    filter: str | None
    key: tuple[str, ...]
    unpublished: list[str]
    parts: dict[int, bool]
    columns: list[list[Any]]

    @property
    def path(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(Field(name, oid, typmod, name in self.key) for _, name, oid, typmod, _ in self.columns)


class Actions(NamedTuple):
    """What a publication tells of."""

    insert: bool
    update: bool
    delete: bool
    truncate: bool


@dataclass(frozen=True, slots=True)
class Server:
    """A session on the server."""

    connection: Connection[Any]
    url: str

    # ---- the catalog

    def one(self, query: str, *values: Any) -> Any:
        row = self.connection.execute(query, values).fetchone()
        return row and row[0]

    def flushed(self) -> int:
        """The end of the log as far as it is on disk."""
        return int(self.one(FLUSHED))

    def slot(self, name: str) -> Mapping[str, Any] | None:
        """The row of pg_replication_slots, with `flushed`, up to where it was confirmed, and `behind`, bytes of log that the
        server keeps for it. Waits a little for one that is in use: the session of a process that was killed lives on."""
        until = time.monotonic() + PATIENCE
        while True:
            found: Mapping[str, Any] | None = self.one(SLOT, name)
            if found is None or not found["active"] or time.monotonic() > until:
                return found
            time.sleep(0.05)

    def actions(self, publication: str) -> Actions | None:
        query = "SELECT ARRAY[pubinsert, pubupdate, pubdelete, pubtruncate] FROM pg_publication WHERE pubname = %s"
        found = self.one(query, publication)
        return Actions(*found) if found else None

    def tables(self, publication: str) -> dict[str, Published]:
        """The tables of a publication, by `schema.name`."""
        return {table.path: table for table in self._tables(OF_PUBLICATION, publication)}

    def table(self, oid: int) -> Published | None:
        """A table, published or not; None: it was dropped."""
        return next(self._tables(OF_OID, oid), None)

    def _tables(self, among: str, value: Any) -> Iterator[Published]:
        query = TABLES.format(among=among, has=HAS)
        found = self.connection.execute(query, [value])
        for oid, schema, name, member, node, node_now, condition, key, unpublished, parts, columns in found:
            rewritten = (node_now is not None and node != node_now) or any(moved for *_, moved in parts or ())
            files = {file: born for file, born, _ in parts or ()}
            yield Published(
                oid, schema, name, member, rewritten, condition, tuple(key), unpublished, files, columns or []
            )

    def types(self) -> dict[int, tuple[int, int, int]]:
        """Domains and arrays, see `values.Types`."""
        return {oid: (base, typmod, element) for oid, base, typmod, element in self.connection.execute(TYPES)}

    # ---- making and dropping

    def publish(self, publication: str, schema: str, tables: Sequence[str] | None, publish: str) -> None:
        """Make the publication, or add the tables that it lacks. tables: None for all of the schema, none if it is there."""
        from psycopg import sql

        names = [sql.Identifier(schema, table) for table in tables or ()]
        if self.actions(publication) is None:
            if tables is not None and not tables:
                return
            what = sql.SQL("TABLE {}").format(sql.SQL(", ").join(names)) if tables is not None else None
            generated = self.connection.info.server_version >= GENERATED
            self.connection.execute(
                sql.SQL("CREATE PUBLICATION {} FOR {} WITH (publish = {}, publish_via_partition_root = true{})").format(
                    sql.Identifier(publication),
                    what or sql.SQL("TABLES IN SCHEMA {}").format(sql.Identifier(schema)),
                    sql.Literal(publish),
                    sql.SQL(", publish_generated_columns = stored" if generated else ""),
                )
            )
            return
        there = {table.name for table in self.tables(publication).values() if table.schema == schema}
        for table in tables or ():
            if table not in there:
                add = sql.SQL("ALTER PUBLICATION {} ADD TABLE {}")
                self.connection.execute(add.format(sql.Identifier(publication), sql.Identifier(schema, table)))

    def make_slot(self, name: str) -> None:
        from psycopg import Error

        try:
            self.connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [name])
        except Error as error:
            raise FatalError(
                f"The replication slot {name!r} cannot be made: {error}",
                hint="the server needs wal_level=logical and a free slot (max_replication_slots), the role REPLICATION",
            ) from error

    def drop(self, slot: str, publication: str) -> None:
        """Drop slot and publication, those that are there."""
        from psycopg import sql

        if self.slot(slot) is not None:
            self.connection.execute("SELECT pg_drop_replication_slot(%s)", [slot])
        self.connection.execute(sql.SQL("DROP PUBLICATION IF EXISTS {}").format(sql.Identifier(publication)))

    # ---- the log

    def advance(self, slot: str, lsn: int) -> None:
        """Let the server forget the log before a place."""
        with read_by_one(slot):
            self.connection.execute("SELECT pg_replication_slot_advance(%s, %s::pg_lsn)", [slot, lsn_text(lsn)])

    def peek(self, slot: str, publication: str, upto: int, most: int | None) -> Iterator[tuple[int, bytes]]:
        """The messages of all transactions that were committed before a place, with their places. They stay in the slot.
        most: stop with the transaction that reaches so many messages."""
        from psycopg import errors

        values = [slot, lsn_text(upto), most, publication]
        try:
            with read_by_one(slot), self.connection.cursor(binary=True) as cursor:
                yield from cursor.stream(PEEK, values, size=BLOCK if has_blocks() else 1)
        except errors.UndefinedObject as error:
            raise FatalError(
                f"The publication {publication!r} was made after the replication slot {slot!r}, or it was dropped for a time.",
                hint="drop both with cleanup(), and load the tables anew: pipeline.run(source, refresh='drop_resources')",
            ) from error
        except errors.ObjectNotInPrerequisiteState as error:
            raise lost(slot, str(error)) from error

    # ---- rows

    @contextmanager
    def snapshot(self, publication: str, wanted: Sequence[str]) -> Iterator[tuple[int, Server, list[Published]]]:
        """A session that sees the tables as they were at one place of the log, which comes first."""
        for _ in range(ATTEMPTS):
            with session(self.url) as other:
                with self._exported() as (lsn, name):
                    other.connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    other.connection.execute(f"SET TRANSACTION SNAPSHOT '{name}'")
                tables = [table for path, table in other.tables(publication).items() if path in wanted]
                for table in tables:
                    other.connection.execute(composed("LOCK TABLE {} IN ACCESS SHARE MODE", table))
                tables = [table for path, table in other.tables(publication).items() if path in wanted]
                if not any(table.rewritten for table in tables):
                    yield lsn, other, tables
                    return
        raise RetryableError("The tables are rewritten again and again while they are read.", tables=", ".join(wanted))

    @contextmanager
    def _exported(self) -> Iterator[tuple[int, str]]:
        """A place of the log, and the name of the snapshot that is exact for it: from a slot that is gone afterwards."""
        import psycopg

        try:
            connection: Connection[Any] = psycopg.connect(self.url, autocommit=True, replication="database")
        except psycopg.OperationalError as error:
            raise FatalError(
                f"The server gives no connection for replication: {error}",
                hint="connect to the server itself, not to a pooler, with a role that has REPLICATION",
            ) from error
        with closing(connection):
            made = f'CREATE_REPLICATION_SLOT "dlt_{uuid.uuid4().hex}" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT'
            result = connection.pgconn.exec_(made.encode())
            if result.error_message:
                raise FatalError(
                    f"There is no snapshot: {result.error_message.decode().strip()}",
                    hint="it takes a replication slot for a moment: see max_replication_slots and max_wal_senders",
                )
            place, name = ((result.get_value(0, number) or b"").decode() for number in (1, 2))
            yield lsn_of(place), name

    def rows(self, table: Published) -> Iterator[Row]:
        """All rows of a table, as texts."""
        condition = f" WHERE {table.filter}" if table.filter else ""
        query = composed(
            "COPY (SELECT {} FROM {}{}) TO STDOUT", [field.name for field in table.fields], table, condition
        )
        with self.connection.cursor() as cursor, cursor.copy(query) as copy:
            for row in copy.rows():
                yield list(row)

    def look_up(
        self, table: Published, keys: Sequence[Field], rows: Sequence[Sequence[Value]], columns: Sequence[str]
    ) -> dict[int, Row]:
        """What columns hold now in the rows with these keys, by their position; rows that are gone are left out."""
        from psycopg import sql

        names = [f"k{number}" for number in range(len(keys))]
        types = [self.one("SELECT format_type(%s, %s)", key.oid, key.typmod) for key in keys]
        same = " AND ".join(f"t.{{}} = w.{name}::{kind}" for name, kind in zip(names, types, strict=True))
        query = sql.SQL(
            "SELECT {} FROM unnest("
            + ", ".join("%s::text[]" for _ in keys)
            + f") WITH ORDINALITY AS w ({', '.join(names)}, n) JOIN {{}} t ON {same}"
        ).format(
            sql.SQL(", ").join(
                [sql.SQL("w.n"), *(sql.SQL("t.{}::text").format(sql.Identifier(one)) for one in columns)]
            ),
            sql.Identifier(table.schema, table.name),
            *(sql.Identifier(key.name) for key in keys),
        )
        values = [[row[number] for row in rows] for number in range(len(keys))]
        return {number - 1: list(found) for number, *found in self.connection.execute(query, values)}


def composed(text: str, *parts: Any) -> sql.Composed:
    """SQL with names of columns (a list), of tables, and texts as they are."""
    from psycopg import sql

    made: list[sql.Composable] = []
    for part in parts:
        if isinstance(part, list):
            made.append(sql.SQL(", ").join(map(sql.Identifier, part)))
        else:
            made.append(sql.Identifier(part.schema, part.name) if isinstance(part, Published) else sql.SQL(part))
    return sql.SQL(text).format(*made)


@contextmanager
def session(url: str) -> Iterator[Server]:
    """A session in which values are written as `values` reads them."""
    try:
        import psycopg
    except ImportError:
        raise missing("The source pg_replication", "pg_replication", "psycopg") from None

    with psycopg.connect(url, autocommit=True) as connection:
        for name, value in SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", [name, value])
        yield Server(connection, url)


def url_of(credentials: Any) -> str:
    """The URL for the driver. credentials: ConnectionStringCredentials, a URL, or a dict of its fields."""
    if not isinstance(credentials, ConnectionStringCredentials):
        credentials = ConnectionStringCredentials(credentials)
    scheme, _, rest = str(credentials.to_url()).partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres"):
        raise ConfigError(
            "The credentials are not those of a PostgreSQL server.",
            value=scheme,
            hint="postgresql://user:password@host:5432/database",
        )
    return "postgresql://" + rest


@contextmanager
def read_by_one(slot: str) -> Iterator[None]:
    from psycopg import errors

    try:
        yield
    except errors.ObjectInUse as error:
        raise RetryableError(
            f"The replication slot {slot!r} is in use: {error}", hint="one pipeline at a time reads a slot"
        ) from error


def has_blocks() -> bool:
    """Whether libpq hands out rows in blocks (from 17), not one by one."""
    import psycopg

    return bool(psycopg.capabilities.has_stream_chunked())


def lost(slot: str, why: str) -> FatalError:
    return FatalError(
        f"The replication slot {slot!r} is lost: {why}. Changes are missing from here on.",
        slot_name=slot,
        hint="drop it with cleanup(), and load the tables anew: pipeline.run(source, refresh='drop_resources'); "
        "max_slot_wal_keep_size on the server says how much log it keeps",
    )


def lsn_of(text: str) -> int:
    high, low = text.split("/")
    return int(high, 16) << 32 | int(low, 16)


def lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"
