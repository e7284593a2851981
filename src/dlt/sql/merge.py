"""Merges as SQL: the scratch tables of a load are cleaned of what a rule keeps out, then put into their targets.

Two rows have the same key when all its columns are equal, one by one; a null equals a null. Among rows of one load with
the same primary key the last one stays, or the first by `dedup_sort`. What is nested in a row goes where the row goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.errors import PlanError
from dlt.load.keys import parent_key, row_key, validity
from dlt.schema.model import LOAD_ID, ROW, WAS, Table

if TYPE_CHECKING:
    from dlt.load.steps import Merge
    from dlt.sql.dialect import Dialect

Name = Callable[[str], str]


class Statement(NamedTuple):
    """One statement. Rows that it changes are booked: entry `rows`: they are in the target; `merged`: a rule removed them."""

    sql: str
    table: str = ""
    entry: str = ""


def merge_sql(step: Merge, dialect: Dialect, target: Name, scratch: Name) -> list[Statement]:
    """The statements of a merge, to be run in this order in one transaction. Raises PlanError when a key is missing.

    target, scratch: the qualified name of a table and of its scratch table.
    """
    return list(STRATEGIES[step.strategy](_Merge(step.tables, dialect, target, scratch, step.now, step.was)))


def replace_sql(tables: Sequence[Table], dialect: Dialect, target: Name, scratch: Name) -> list[Statement]:
    """The statements that put scratch tables in the place of all rows of their targets."""
    merge = _Merge(tuple(tables), dialect, target, scratch)
    return [*(Statement(f"DELETE FROM {target(table.name)}") for table in tables), *merge.insert()]


def roots_sql(table: Table, parent: Table, dialect: Dialect, target: Name) -> str:
    """The statement that fills the root key of a nested table from the table it is nested in."""
    own, root = target(table.name), dialect.quoted(*table.keys("root_key"))
    link = dialect.quoted(parent_key(table))
    if parent.parent is None:  # the parent is the root
        return f"UPDATE {own} SET {root} = {link} WHERE {root} IS NULL"
    found, key = dialect.quoted(*parent.keys("root_key")), dialect.quoted(row_key(parent))
    return dialect.update.format(
        table=own,
        values=dialect.assign.format(table=own, column=root, value=f"p.{found}"),
        source=target(parent.name),
        alias="p",
        condition=f"{own}.{root} IS NULL AND p.{key} = {own}.{link}",
    )


@dataclass(frozen=True, slots=True)
class _Merge:
    tables: tuple[Table, ...]
    dialect: Dialect
    target: Name
    scratch: Name
    now: str = ""
    was: bool = False

    # ---- parts of statements

    @property
    def root(self) -> Table:
        return self.tables[0]

    @property
    def primary(self) -> tuple[str, ...]:
        return self.root.keys("primary_key")

    @property
    def nested(self) -> list[tuple[Table, Table]]:
        """The nested tables with their parents, parents first."""
        known = {table.name: table for table in self.tables}
        return [(table, known[table.parent or ""]) for table in self.tables[1:]]

    def quoted(self, *names: str) -> str:
        return ", ".join(map(self.dialect.quoted, names))

    def match(self, a: str, b: str, names: Iterable[str]) -> str:
        """That the key is the same in two tables, column by column."""
        return " AND ".join(
            ("{a} = {b}" if not self.root.columns[name].nullable else self.dialect.same).format(
                a=f"{a}.{self.quoted(name)}", b=f"{b}.{self.quoted(name)}"
            )
            for name in names
        )

    def exists(self, table: str, other: str, names: Iterable[str], condition: str = "") -> str:
        """That a row of `table` has its key in `other`."""
        extra = f" AND {condition}" if condition else ""
        return f"EXISTS (SELECT 1 FROM {other} AS o WHERE {self.match('o', table, names)}{extra})"

    def option(self, name: str) -> Any:
        return self.root.extra.get(f"x-{name}")

    def outside(self, value: str, query: str) -> str:
        """That a value is not among those of a query, which has no nulls."""
        return self.dialect.not_in.format(value=value, query=query)

    def scope(self, scratch: str) -> str | None:
        """The condition of `destination_scope`. Raises PlanError when it is not well made."""
        given = self.option("merge-destination-scope")
        if not given:
            return None
        names = {"table": self.target(self.root.name), "staging_table": scratch}
        try:
            return f"({str(given).format_map(names)})"
        except (KeyError, ValueError, IndexError, AttributeError) as error:
            raise PlanError(
                f"The destination_scope of a merge cannot be read: {error!r}.",
                table=self.root.name,
                value=given,
                hint="it takes {table} and {staging_table}; write other braces twice: {{ and }}",
            ) from error

    def retired(self, keys: Sequence[str]) -> tuple[list[Statement], str]:
        """The condition of rows that a snapshot retires: their keys are not in it, and they are in the scope, else their
        merge key is in the snapshot. With the statements that come before it."""
        target, merge_key = self.target(self.root.name), self.root.keys("merge_key")
        absent = f"NOT {self.exists(target, self.scratch(self.root.name), keys)}"
        if not merge_key and not self.option("merge-destination-scope"):
            return [], absent
        statements, twin = self.twin()
        return statements, f"{absent} AND {self.scope(twin) or self.exists(target, twin, merge_key)}"

    def twin(self) -> tuple[list[Statement], str]:
        """Another name for the scratch table of the root, where a statement may name it only once, and what makes it."""
        place, dialect = self.scratch(self.root.name), self.dialect
        if not dialect.twin:
            return [], place
        twin = self.scratch(f"{self.root.name}#twin")
        made = (dialect.drop_scratch, dialect.twin, "INSERT INTO {table} SELECT * FROM {source}")
        return [Statement(one.format(table=twin, source=place)) for one in made], twin

    def deleted(self, table: str = "") -> str | None:
        """That a row says its record is deleted."""
        for name in self.root.keys("hard_delete"):
            place = f"{table}.{self.quoted(name)}" if table else self.quoted(name)
            return f"{place} = TRUE" if self.root.columns[name].data_type == "bool" else f"{place} IS NOT NULL"
        return None

    def deletion(self, table: str, condition: str) -> str:
        return self.dialect.delete.format(table=table, condition=condition)

    def kept(self, query: str) -> tuple[list[Statement], str]:
        """Statements that put the ids that a query finds into a temporary table, and the query for them."""
        place, dialect = self.scratch(f"{self.root.name}#keys"), self.dialect
        drop = dialect.drop_scratch.format(table=place)
        return [Statement(drop), Statement(dialect.scratch_select.format(table=place, query=query))], (
            f"SELECT id FROM {place}"
        )

    # ---- statements that clean the scratch tables

    def drop(self, table: Table, condition: str) -> Statement:
        """Take rows out of the scratch table of `table`, by a rule of the user."""
        return Statement(self.deletion(self.scratch(table.name), condition), table.name, "merged")

    def filter(self) -> Iterator[Statement]:
        if condition := self.option("merge-source-filter"):
            yield self.drop(self.root, f"({condition}) IS NOT TRUE")

    def deduplicate(self) -> Iterator[Statement]:
        """Of rows with the same primary key one stays."""
        if not self.primary or self.option("stage-data-deduplicated"):
            return
        row, place, keys = self.quoted(ROW), self.scratch(self.root.name), self.quoted(*self.primary)
        sort = [
            (self.dialect.order.get(column.data_type or "", "{a}").format(a=self.quoted(name)), column.dedup_sort)
            for name, column in self.root.columns.items()
            if column.dedup_sort
        ]
        if sort:
            order = ", ".join(f"{name} IS NULL, {name} {direction}" for name, direction in sort)
            numbered = (
                f"SELECT {row}, ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {order}, {row} DESC) AS n FROM {place}"
            )
            test, chosen, rest = "IN", row, f"FROM ({numbered}) AS numbered WHERE n > 1"
        else:
            test, chosen, rest = "NOT IN", f"max({row})", f"FROM {place} GROUP BY {keys}"
        if self.dialect.hash_joins:
            query = f"SELECT {chosen} {rest}"
            yield self.drop(self.root, f"{row} IN ({query})" if sort else self.outside(row, query))
            return
        statements, ids = self.kept(f"SELECT {chosen} AS id {rest}")
        yield from statements
        yield self.drop(self.root, f"{row} {test} ({ids})")

    def drop_found(self, entry: str, changed: str = "") -> Iterator[Statement]:
        """Rows whose key is in the target are booked as `entry` and go. changed: only where none of the rows that have
        it (o) is changed."""
        place, target, row = self.scratch(self.root.name), self.target(self.root.name), self.quoted(ROW)
        if self.dialect.hash_joins:
            condition = self.exists(place, target, self.primary)
            if changed:
                condition += f" AND NOT {self.exists(place, target, self.primary, f'({changed})')}"
        else:
            query = (
                f"SELECT {place}.{row} AS id FROM {target} AS o JOIN {place} ON {self.match('o', place, self.primary)}"
            )
            if changed:
                query += f" GROUP BY {place}.{row} HAVING max(CASE WHEN {changed} THEN 1 ELSE 0 END) = 0"
            statements, ids = self.kept(query)
            yield from statements
            condition = f"{row} IN ({ids})"
        yield Statement(self.deletion(place, condition), self.root.name, entry)

    def drop_deleted(self) -> Iterator[Statement]:
        if condition := self.deleted():
            yield self.drop(self.root, condition)

    def drop_nested(self, rows: str = "") -> Iterator[Statement]:
        """Nested rows go with the row of the load they belong to. rows: a query for the rows that keep theirs."""
        row = self.quoted(ROW)
        rows = rows or f"SELECT {row} FROM {self.scratch(self.root.name)}"
        for table, _ in self.nested:
            yield self.drop(table, self.outside(row, rows))

    def drop_orphans(self) -> Iterator[Statement]:
        """Nested rows whose parent is neither in the load nor in the target."""
        for table, parent in self.nested:
            own, key = f"{self.scratch(table.name)}.{self.quoted(parent_key(table))}", self.quoted(row_key(parent))
            places = (self.scratch(parent.name), self.target(parent.name))
            absent = [f"NOT EXISTS (SELECT 1 FROM {place} AS p WHERE p.{key} = {own})" for place in places]
            if not self.dialect.hash_joins:
                absent = [f"{own} NOT IN (SELECT {key} FROM {place} WHERE {key} IS NOT NULL)" for place in places]
            yield self.drop(table, " AND ".join(absent))

    def drop_known(self) -> Iterator[Statement]:
        """Nested rows that are in the target already."""
        for table, _ in self.nested:
            key, place = self.quoted(row_key(table)), self.scratch(table.name)
            known = f"EXISTS (SELECT 1 FROM {self.target(table.name)} AS t WHERE t.{key} = {place}.{key})"
            if not self.dialect.hash_joins:
                known = f"{key} IN (SELECT {key} FROM {self.target(table.name)})"
            yield self.drop(table, known)

    # ---- statements that change the targets

    def delete(self, condition: str, *, nested_only: bool = False) -> Iterator[Statement]:
        """Remove rows of the root target and what is nested in them, leaves first."""
        root = self.target(self.root.name)
        if self.nested:
            query = f"SELECT {self.quoted(row_key(self.root))} AS id FROM {root} WHERE {condition}"
            statements, keys = self.kept(query)
            yield from statements
            inside = {self.root.name: keys}
            deletes = []
            for table, parent in self.nested:
                place, below = self.target(table.name), f"{self.quoted(parent_key(table))} IN ({inside[parent.name]})"
                if any(other.parent == table.name for other in self.tables):
                    inside[table.name] = f"SELECT {self.quoted(row_key(table))} FROM {place} WHERE {below}"
                deletes.append(Statement(self.deletion(place, below)))
            yield from reversed(deletes)
        if not nested_only:
            yield Statement(self.deletion(root, condition))

    def insert(self, root_values: dict[str, str] | None = None) -> Iterator[Statement]:
        """Put all that is left in the scratch tables into the targets."""
        for table in self.tables:
            given = (root_values or {}) if table is self.root else {}
            values = ", ".join(given.get(name) or self.quoted(name) for name in table.columns)
            yield Statement(
                f"INSERT INTO {self.target(table.name)} ({self.quoted(*table.columns)})"
                f" SELECT {values} FROM {self.scratch(table.name)}",
                table.name,
                "rows",
            )


def _delete_insert(merge: _Merge) -> Iterator[Statement]:
    target, scratch = merge.target(merge.root.name), merge.scratch(merge.root.name)
    keys = [names for names in (merge.primary, merge.root.keys("merge_key")) if names]
    yield from merge.filter()
    scope = merge.scope(scratch)
    for condition in [scope] if scope else [merge.exists(target, scratch, names) for names in keys]:
        yield from merge.delete(condition)
    yield from merge.deduplicate()
    yield from merge.drop_deleted()
    yield from merge.drop_nested()
    yield from merge.insert()


def _upsert(merge: _Merge, *, snapshot: bool = False) -> Iterator[Statement]:
    root, key = merge.root, merge.primary
    target, scratch = merge.target(root.name), merge.scratch(root.name)
    yield from merge.filter()
    yield from merge.deduplicate()
    if snapshot:
        statements, retired = merge.retired(key)
        yield from statements
        yield from merge.delete(retired)
    if merge.nested:
        yield from merge.delete(merge.exists(target, scratch, key), nested_only=True)
    if condition := merge.deleted("o"):
        yield Statement(merge.deletion(target, merge.exists(target, scratch, key, condition)))
    yield from merge.drop_deleted()
    yield from merge.drop_nested()
    if merge.option("merge-skip-unchanged-rows"):
        yield from merge.drop_found("merged", _changed(merge, scratch))
    others = [merge.quoted(name) for name in root.columns if name not in key]
    if others:
        update, assign = merge.dialect.update, merge.dialect.assign
        values = ", ".join(assign.format(table=target, column=name, value=f"s.{name}") for name in others)
        condition = merge.match("s", target, key)
        yield Statement(update.format(table=target, values=values, source=scratch, alias="s", condition=condition))
    yield from merge.drop_found("rows")
    yield from merge.insert()


def _changed(merge: _Merge, scratch: str) -> str:
    """That a row of the target (o) differs: in the row version, else in any column that is not dlt's own."""
    root = merge.root
    own = (LOAD_ID, *root.keys("row_key"))
    names = [name for name, column in root.columns.items() if column.extra.get("x-row-version")]
    names = names or [name for name in root.columns if name not in merge.primary and name not in own]
    if merge.nested:  # an unchanged row must be the parent of the rows that are put in
        names.append(row_key(root))
    same = (
        merge.dialect.same.format(a=f"o.{merge.quoted(name)}", b=f"{scratch}.{merge.quoted(name)}") for name in names
    )
    return " OR ".join(f"NOT ({condition})" for condition in same) or "FALSE"


def _cdc(merge: _Merge) -> Iterator[Statement]:
    return _upsert(merge, snapshot=True)


def _insert_only(merge: _Merge) -> Iterator[Statement]:
    yield from merge.filter()
    yield from merge.deduplicate()
    yield from merge.drop_deleted()
    yield from merge.drop_nested()
    yield from merge.drop_found("merged")
    yield from merge.drop_known()  # a longer list adds to the one that is there
    yield from merge.drop_orphans()
    yield from merge.insert()


def _scd2(merge: _Merge) -> Iterator[Statement]:
    root, dialect = merge.root, merge.dialect
    version, start, end = validity(root)
    target, scratch = merge.target(root.name), merge.scratch(root.name)
    boundary = dialect.literal(merge.option("boundary-timestamp") or merge.now, "timestamp")
    forever = dialect.literal(root.columns[end].extra.get("x-active-record-timestamp"), "timestamp")
    to, hashed = merge.quoted(end), merge.quoted(version)
    active = f"{to} IS NULL" if forever == "NULL" else f"({to} IS NULL OR {to} = {forever})"
    yield from merge.filter()
    known = f"SELECT {hashed} FROM {target} WHERE {active}"
    if merge.was:
        was = merge.quoted(WAS)
        yield Statement(f"UPDATE {scratch} SET {hashed} = {was} WHERE {was} IN ({known})")
    statements, retired = merge.retired([version])
    yield from statements
    yield Statement(f"UPDATE {target} SET {to} = {boundary} WHERE {active} AND {retired}")
    yield merge.drop(root, f"{hashed} IN ({known})")
    if merge.nested:  # rows that are equal in all have one key, and so one set of nested rows
        row = merge.quoted(ROW)
        yield from merge.drop_nested(f"SELECT max({row}) FROM {scratch} GROUP BY {merge.quoted(row_key(root))}")
        yield from merge.drop_known()
    yield from merge.insert({start: boundary, end: forever})


STRATEGIES: dict[str, Callable[[_Merge], Iterator[Statement]]] = {
    "delete-insert": _delete_insert,
    "upsert": _upsert,
    "insert-only": _insert_only,
    "scd2": _scd2,
    "cdc": _cdc,
}
