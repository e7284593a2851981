"""Change data capture from PostgreSQL: tables as they are, then every insert, update, delete and truncate, by logical
replication. Needs a server with `wal_level=logical` and a role with REPLICATION."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dlt.config.access import config, secrets
from dlt.config.credentials import ConnectionStringCredentials  # noqa: TC001 - its value is read from the annotation
from dlt.config.inject import with_config
from dlt.extract.decorators import resource, source
from dlt.extract.resource import DltResource  # noqa: TC001 - the annotations are read

__all__ = ["cleanup", "init_replication", "replication_resource", "replication_source"]

ALL_CHANGES = "insert, update, delete, truncate"


@source(name="pg_replication", section="pg_replication")
def replication_source(
    slot_name: str = config.value,
    pub_name: str = config.value,
    schema_name: str = "public",
    table_names: str | Sequence[str] | None = config.value,
    credentials: ConnectionStringCredentials = secrets.value,
    publish: str = ALL_CHANGES,
    include_columns: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Any] | None = None,
    target_batch_size: int = 1000,
    flush_slot: bool = True,
    max_changes: int | None = None,
) -> DltResource:
    """Tables of a schema, kept equal to the source: the first run loads them as they are, the later ones what has changed.

    Publication and slot are made when they are not there, and tables that are new in `table_names` are added. The arguments
    are those of `init_replication` and `replication_resource`.
    """
    made = schema_name, _names(table_names), publish
    return replication_resource(
        slot_name,
        pub_name,
        credentials,
        include_columns,
        columns,
        target_batch_size,
        flush_slot,
        snapshot=True,
        max_changes=max_changes,
        _make=made,
    )


def _name(arguments: Mapping[str, Any]) -> str:
    """The name of the resource, with which its state is kept: of slot and publication, wherever these come from."""
    given = [arguments.get(name) for name in ("slot_name", "pub_name")]
    found = [
        one if isinstance(one, str) else config.get(f"sources.pg_replication.{name}")
        for one, name in zip(given, ("slot_name", "pub_name"), strict=True)
    ]
    return "_".join(map(str, found))


@resource(name=_name, section="pg_replication")
def replication_resource(
    slot_name: str = config.value,
    pub_name: str = config.value,
    credentials: ConnectionStringCredentials = secrets.value,
    include_columns: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Any] | None = None,
    target_batch_size: int = 1000,
    flush_slot: bool = True,
    snapshot: bool = False,
    max_changes: int | None = None,
    _make: Any = None,
    _reset: bool = False,
) -> Iterator[Any]:
    """The changes since the last run, or since the slot was made: for each table of the publication a table of its name.

    Rows are merged by the primary key of their table. A column `lsn` says where in the log a row was, `deleted_ts` marks
    rows that are to be deleted. Tables without a key only take inserts.

    include_columns: of some tables only these columns, and the key. columns: hints for columns, by table. target_batch_size:
    about how many rows are handed on at once. flush_slot: let the server forget the changes that are loaded; False when
    somebody else reads the slot too. snapshot: load tables that come for the first time as they are, not only their changes.
    max_changes: end a run with the transaction that reaches so many changes; None: read all there is.
    """
    from dlt.sources.pg_replication.server import url_of
    from dlt.sources.pg_replication.stream import Asked, stream

    yield from stream(
        Asked(
            url=url_of(credentials),
            slot=slot_name,
            publication=pub_name,
            include_columns=include_columns or {},
            columns=columns or {},
            batch_rows=target_batch_size,
            flush=flush_slot,
            snapshot=snapshot,
            max_changes=max_changes,
            make=_make,
            reset=_reset,
        )
    )


@with_config(sections=("sources", "pg_replication"))  # type: ignore[untyped-decorator]  # it takes any function
def init_replication(
    slot_name: str = config.value,
    pub_name: str = config.value,
    schema_name: str = config.value,
    table_names: str | Sequence[str] | None = config.value,
    credentials: ConnectionStringCredentials = secrets.value,
    publish: str = "insert, update, delete",
    persist_snapshots: bool = False,
    include_columns: Mapping[str, Sequence[str]] | None = None,
    columns: Mapping[str, Any] | None = None,
    reset: bool = False,
) -> DltResource | list[DltResource] | None:
    """Make publication and slot, those that are not there, for `replication_resource`.

    table_names: one, some, or None for all tables of the schema, also those to come (that takes a superuser). publish: which
    changes are told. persist_snapshots: return a resource, in a list when `table_names` is not one name, that loads the
    tables as they are and then the changes since; run it before `replication_resource`, in the same pipeline. reset: drop
    slot and publication first; their place in the log is lost.
    """
    from dlt.sources.pg_replication.server import session, url_of
    from dlt.sources.pg_replication.stream import Asked, prepare

    url = url_of(credentials)
    made = schema_name, _names(table_names), publish
    with session(url) as server:
        if reset:
            server.drop(slot_name, pub_name)
        prepare(server, Asked(url, slot_name, pub_name, {}, {}, 0, flush=False, snapshot=False, make=made))
    if not persist_snapshots:
        return None
    snapshot = replication_resource(
        slot_name, pub_name, credentials, include_columns, columns, snapshot=True, _reset=reset
    )
    return snapshot if isinstance(table_names, str) else [snapshot]


@with_config(sections=("sources", "pg_replication"))  # type: ignore[untyped-decorator]  # it takes any function
def cleanup(
    slot_name: str = config.value,
    pub_name: str = config.value,
    credentials: ConnectionStringCredentials = secrets.value,
) -> None:
    """Drop slot and publication. A slot that nobody reads makes the server keep all of its log."""
    from dlt.sources.pg_replication.server import session, url_of

    with session(url_of(credentials)) as server:
        server.drop(slot_name, pub_name)


def _names(table_names: str | Sequence[str] | None) -> list[str] | None:
    if table_names is None:
        return None
    return [table_names] if isinstance(table_names, str) else list(table_names)
