"""Rows of one table on their way from the log to Arrow: typed, marked as deleted, completed where the log left values out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dlt.errors import ConfigError, FatalError
from dlt.extract.hints import column_dicts, make_hints
from dlt.extract.marks import materialize_table_schema, with_hints
from dlt.sources.pg_replication.decode import UNCHANGED, Change, Relation, Row

if TYPE_CHECKING:
    from dlt.schema.schema import Schema
    from dlt.sources.pg_replication.server import Published, Server
    from dlt.sources.pg_replication.values import Types

logger = logging.getLogger("dlt")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user wants of tables. include: columns to load, by table; columns: hints, by table; merge: rows are put in the
    place of those with their key, otherwise all are appended."""

    include: Mapping[str, Sequence[str]]
    columns: Mapping[str, Any]
    merge: bool

    def hinted(self, table: str) -> dict[str, dict[str, Any]]:
        return column_dicts(self.columns[table]) if table in self.columns else {}

    def included(self, table: str) -> list[str]:
        named = self.include.get(table) or ()
        return [named] if isinstance(named, str) else list(named)

    def check(self, tables: Iterable[Published], loaded: Schema | None) -> None:
        """Raises ConfigError for a table or column that is not there. loaded: by earlier runs; what it has may be gone."""
        there = {table.name: table for table in tables}
        for argument, named in (("include_columns", self.include), ("columns", self.columns)):
            for name in named:
                found = there.get(name)
                if found is None and not _had(loaded, name):
                    raise _unknown(f"The publication has no table {name!r}, which {argument} names.", name, there)
                if found is None:
                    continue
                columns = [one.name for one in found.fields]
                for column in self.included(name) if named is self.include else self.hinted(name):
                    if column in found.unpublished:
                        raise _unpublished(argument, name, column)
                    if column not in columns and not _had(loaded, name, column):
                        what = (
                            f"The table {name!r} has no column {column!r} in the publication, which {argument} names."
                        )
                        raise _unknown(what, column, columns)


def _had(loaded: Schema | None, table: str, column: str | None = None) -> bool:
    """Whether a schema has a table, or a column of it, under names of the source."""
    if loaded is None:
        return False
    found = loaded.tables.get(loaded.naming.normalize_table_identifier(table), {}).get("columns", {})
    return bool(found) if column is None else loaded.naming.normalize_identifier(column) in found


def _unknown(what: str, name: str, there: Iterable[str]) -> ConfigError:
    near = get_close_matches(name, names := list(there), 1)
    return ConfigError(what, hint=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(names) or 'none'}")


def _unpublished(argument: str, table: str, column: str) -> ConfigError:
    return ConfigError(
        f"The generated column {column!r} of the table {table!r}, which {argument} names, is not in the publication.",
        hint="ALTER PUBLICATION ... SET (publish_generated_columns = stored), from PostgreSQL 18 and not for virtual columns",
    )


@dataclass(slots=True)
class Rows:
    """Rows of a table that wait, with their place in the log, and when they were deleted. table: as the catalog has it now;
    None: it is not in the publication."""

    relation: Relation
    wanted: Wanted
    types: Types
    table: Published | None
    rows: list[tuple[Row, int, int | None]] = field(default_factory=list)
    key: list[int] = field(init=False)
    kept: list[int] = field(init=False)
    hints: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        fields, name = self.relation.fields, self.relation.name
        said = self.wanted.hinted(name)
        key = [column for column, hint in said.items() if hint.get("primary_key")]
        if not key and self.relation.identity not in "fn":
            key = [one.name for one in fields if one.key]
        key = key or list(self.table.key if self.table else ())
        places = {one.name: place for place, one in enumerate(fields)}
        if absent := [column for column in key if column not in places]:
            raise FatalError(
                "A column of the key is not in the publication.",
                table=name,
                column=absent[0],
                hint="it has " + ", ".join(places),
            )
        self.key = [places[column] for column in key]
        included = set(self.wanted.included(name) or places) | set(key)
        self.kept = [place for column, place in places.items() if column in included]
        columns = {one.name: self.types.hints(one) for one in map(fields.__getitem__, self.kept)}
        columns |= {column: {**columns.get(column, {}), **hint} for column, hint in said.items() if column in columns}
        columns[self.own("lsn")] = {"data_type": "bigint"}
        merge = self.wanted.merge and bool(key)
        if merge:
            columns[self.own("deleted_ts")] = {"data_type": "timestamp", "hard_delete": True}
        self.hints = make_hints(
            table_name=name,
            write_disposition="merge" if merge else "append",
            columns=columns,
            primary_key=key or None,
        )

    def own(self, name: str) -> str:
        """The name of a column of ours, which no column of the table has."""
        return f"replication_{name}" if any(one.name == name for one in self.relation.fields) else name

    # ---- taking in

    def add(self, row: Row, lsn: int, deleted: int | None = None) -> None:
        self.rows.append((row, lsn, deleted))

    def change(self, change: Change, lsn: int, at: int) -> None:
        """Take a change in: a row whose key changes is deleted under the old one."""
        before, after = change.before, change.after
        if before is not None:
            self._check_key(change)
            if after is not None:  # a key as large as that is in the old row
                for place in self.key:
                    after[place] = before[place] if after[place] is UNCHANGED else after[place]
            if after is None or any(before[place] != after[place] for place in self.key):
                self.add(before, lsn, at)
        if after is not None:
            self.add(after, lsn)

    def _check_key(self, change: Change) -> None:
        fields = self.relation.fields
        if not self.key:
            raise FatalError(
                f"The table {self.relation.name!r} has no primary key, so the row that was changed cannot be found.",
                table=self.relation.name,
                hint="add one with ALTER TABLE; or say what identifies a row: "
                f"columns={{{self.relation.name!r}: {{'<column>': {{'primary_key': True}}}}}}; "
                "or take the table out of the publication",
            )
        if change.keys_only and not all(fields[place].key for place in self.key):
            raise FatalError(
                "The log does not say the key of the row that was changed.",
                table=self.relation.name,
                column=", ".join(fields[place].name for place in self.key),
                hint=f"ALTER TABLE {self.relation.schema}.{self.relation.name} REPLICA IDENTITY FULL",
            )

    # ---- handing out

    def nothing(self) -> Any:
        """An item that makes the table without rows."""
        return with_hints(materialize_table_schema(), self.hints, create_table_variant=True)

    def take(self, server: Server) -> Iterator[Any]:
        """The rows that wait as an item for the engine."""
        import pyarrow as pa

        self._complete(server)
        rows, self.rows = self.rows, []
        if not rows:
            return
        columns = list(zip(*(row for row, *_ in rows), strict=True))
        made: dict[str, pa.Array] = {}
        for place in self.kept:
            column = self.relation.fields[place]
            wanted = self.hints["columns"][column.name].get("data_type")
            plain = wanted != self.types.hints(column)["data_type"]  # the user wants another type, made of the texts
            texts = columns[place]
            made[column.name] = pa.array(texts, pa.string()) if plain else self.types.array(texts, column)
        made[self.own("lsn")] = pa.array([lsn for _, lsn, _ in rows], pa.int64())
        if (name := self.own("deleted_ts")) in self.hints["columns"]:
            made[name] = pa.array([deleted for *_, deleted in rows], pa.timestamp("us", "UTC"))
        yield with_hints(pa.table(made), self.hints, create_table_variant=True)

    def _complete(self, server: Server) -> None:
        """Put in the values that the log left out because an update did not change them.

        They are as they are now in the source: either so, or newer, and then the log says so further on. Where the row is
        gone from the source, which the log says further on too, the update is left out: what it changed is to be deleted.
        """
        lacking = [number for number, (row, *_) in enumerate(self.rows) if UNCHANGED in row]
        if not lacking:
            return
        fields = self.relation.fields
        absent = [self.rows[number][0] for number in lacking]
        places = [place for place in range(len(fields)) if any(row[place] is UNCHANGED for row in absent)]
        table = self.table or server.table(self.relation.oid)  # it has another name now, or is not published any more
        there = {column.name for column in table.fields} if table else set()
        if table and (dropped := [fields[place].name for place in places if fields[place].name not in there]):
            logger.warning(
                "Table %s: column %s was dropped at the source; values in it that updates did not change are null from now on. "
                "ALTER TABLE ... REPLICA IDENTITY FULL keeps them in the log.",
                self.relation.name,
                ", ".join(dropped),
            )
        places = [place for place in places if fields[place].name in there]
        found: dict[int, Row] = {}
        if table:
            keys = [[row[place] for place in self.key] for row in absent]
            names = [fields[place].name for place in places]
            found = server.look_up(table, [fields[place] for place in self.key], keys, names)
        gone = set()
        for position, number in enumerate(lacking):
            row = self.rows[number][0]
            if position in found:
                for place, value in zip(places, found[position], strict=True):
                    row[place] = value if row[place] is UNCHANGED else row[place]
                row[:] = [None if value is UNCHANGED else value for value in row]
            else:
                gone.add(number)
        self.rows = [one for number, one in enumerate(self.rows) if number not in gone]
