"""SqlSession: carries out the steps of a load in one transaction of a SQL database."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.errors import PlanError
from dlt.load.fit import folding, named
from dlt.load.steps import Add, Applied, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.schema.model import STATE, Column, Table
from dlt.schema.tables import DLT_TABLES
from dlt.sql import ddl
from dlt.sql.merge import Statement, merge_sql, replace_sql, roots_sql

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.load.session import Load
    from dlt.schema.capabilities import Capabilities
    from dlt.sql.dialect import Dialect
    from dlt.sql.drivers import Driver


class _Undone(Exception):
    pass


class _There(NamedTuple):
    """A table as it is at the destination: its columns, and their SQL types."""

    columns: dict[str, Column]
    types: dict[str, str]


class SqlSession:
    """A Session over a driver and a dialect. The transaction of a load begins when the session is first used and ends
    with Commit, so that a load sees one state of the database, and each table is looked up once.

    catalog: the database that the dataset is in, where names need it; unique, primary: make UNIQUE and PRIMARY KEY constraints.
    """

    def __init__(
        self,
        driver: Driver,
        dialect: Dialect,
        caps: Capabilities,
        dataset: str,
        load: Load | None = None,
        *,
        catalog: str = "",
        unique: bool = False,
        primary: bool = False,
    ) -> None:
        self.driver, self.dialect, self.caps, self.dataset, self.load = driver, dialect, caps, dataset, load
        self.catalog, self.unique, self.primary = catalog, unique, primary
        self._transaction = ExitStack()
        self._began = self._settled = False
        self._scratch: dict[str, None] = {}
        self._late: list[str] = []  # what is run when all rows are there
        self._known: dict[str, _There | None] = {}  # tables that were looked up; None: not there

    # ---- names

    def target(self, table: str) -> str:
        """The qualified name of a table."""
        return self.dialect.quoted(self.catalog, self.dataset, table)

    def scratch(self, table: str) -> str:
        """The name of a temporary table of this load; Commit removes it."""
        name = self.dialect.quoted(self.dialect.scratch_schema.format(dataset=self.dataset), self._bare(table))
        self._scratch[name] = None
        return name

    def _bare(self, table: str) -> str:
        name = f"_dlt_{self.load.load_id if self.load else 0}_{table}"
        if len(name.encode()) + 2 > self.caps.max_table_name:  # two: an index has a longer name
            name = f"_dlt_{hashlib.sha256(name.encode()).hexdigest()[:20]}"
        return name

    # ---- Session

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        """The tables that are there, of these names, with column names, types and nullability."""
        names = list(tables)
        self._look_up(names)
        found = {name: Table(name, dict(there.columns)) for name in names if (there := self._known[name]) is not None}
        if self.load is None:  # outside a transaction what is not there may come
            self._known = {name: there for name, there in self._known.items() if there is not None}
        return found

    def _look_up(self, names: Iterable[str]) -> None:
        """Ask once for all tables that are not known yet, and for dlt's own at the first time."""
        if all(name in self._known for name in names):
            return
        self._begin()
        fold = folding(self.caps)
        new = {fold(name): name for name in (*DLT_TABLES, *names) if name not in self._known}
        self._known.update(dict.fromkeys(new.values()))
        for table, column, kind in self.found(list(new.values())):
            if (name := new.get(fold(table))) is None:
                continue
            there = self._known[name]
            if there is None:
                there = self._known[name] = _There({}, {})
            there.columns[column.name] = column
            there.types[column.name] = kind

    def found(self, tables: Sequence[str]) -> Iterable[tuple[str, Column, str]]:
        """Table, column and SQL type, of all columns of those of these tables that are there."""
        literals = {self.dialect.literal(name.lower()) for name in tables}
        sql = self.dialect.columns.format(
            dataset=self.dialect.literal(self.dataset),
            schema=self.dialect.quoted(self.dataset),
            tables=", ".join(sorted(literals)),
        )
        for table, column, kind, nullable in self.driver.rows(sql):
            yield table, self.dialect.column(column, kind, nullable=nullable in ("YES", True)), kind

    def apply(self, step: Step) -> Applied:
        """Carry out one step."""
        self._begin()
        if not self.caps.ddl_transactions and not isinstance(step, (Create, Add)):
            self._settle(step)
        match step:
            case Create(table):
                self._create(table)
            case Add():
                self._add(step)
            case Truncate(name, drop):
                self._truncate(name, drop=drop)
            case Copy():
                return self._copy(step)
            case Merge(tables):
                return self._put(merge_sql(step, self.dialect, self.target, self.scratch), tables)
            case Replace(tables):
                return self._put(replace_sql(tables, self.dialect, self.target, self.scratch), tables)
            case Commit():
                self._commit(step)
        return Applied()

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:
        """The rows of a table in which columns equal the values of `where`; with `last` only the one row that is
        highest in this column. A table that is not there has no rows and no columns."""
        if not self.reflect([table]):
            import pyarrow as pa

            return pa.table({}).to_reader()
        quoted, literal = self.dialect.quoted, self.dialect.literal
        sql = f"SELECT * FROM {self.target(table)}"
        if where:
            sql += " WHERE " + " AND ".join(f"{quoted(name)} = {literal(value)}" for name, value in where.items())
        if last:
            sql = self.dialect.first.format(query=f"{sql} ORDER BY {quoted(last)} DESC")
        return self.query(sql, table)

    def query(self, sql: str, table: str) -> pa.RecordBatchReader:  # noqa: ARG002 - of use where values do not tell their type
        """The rows of a SELECT of all columns of a table."""
        return self.driver.query(sql)

    def close(self) -> None:
        """End the session; what was not committed is undone."""
        try:
            with suppress(_Undone):
                self._transaction.__exit__(_Undone, _Undone(), None)
        finally:
            self.driver.close()

    # ---- steps

    def _begin(self) -> None:
        if self.load is not None and not self._began:
            self._transaction.enter_context(self.driver.transaction())
            self._began = True

    def _settle(self, step: Step) -> None:
        """Before the first rows: make dlt's own tables, for DDL would commit the rows before it."""
        if self._settled or (isinstance(step, Truncate) and step.drop):
            return
        self._settled = True
        self._look_up(DLT_TABLES)
        for table in DLT_TABLES.values():
            self._complete(table)

    def _create(self, table: Table) -> None:
        if self.caps.has_dataset and self.dialect.create_dataset and not any(self._known.values()):
            name = self.dialect.quoted(self.catalog, self.dataset)
            self.driver.execute(self.dialect.create_dataset.format(dataset=name))
        name, late = self.target(table.name), self.dialect.add_unique
        if late and self.unique:
            self._late += [late.format(table=name, column=self.dialect.quoted(key)) for key in table.keys("unique")]
        self.driver.execute(
            ddl.create_sql(table, name, self.dialect, self.caps, unique=self.unique and not late, primary=self.primary)
        )
        self._known[table.name] = _There({}, {})
        self._note(table.name, table.columns.values())

    def _note(self, name: str, columns: Iterable[Column]) -> None:
        there = self._known[name]
        assert there is not None
        for column in columns:
            there.columns[column.name] = column
            there.types[column.name] = self.dialect.type_of(column, self.caps)

    def _add(self, step: Add) -> None:
        self._look_up([step.table.name])
        target, there = self.target(step.table.name), self._known[step.table.name]
        types = {
            column.name: (there and there.types.get(column.name)) or self.dialect.type_of(column, self.caps)
            for column in step.relaxed
        }
        for column in step.retyped:
            self._check_empty(step.table.name, column)
        statements = [
            *ddl.retype_sql(step.retyped, target, self.dialect, self.caps),
            *ddl.relax_sql(types, target, self.dialect),
        ]
        roots: list[str] = []
        new = step.columns
        if step.parent is not None and self.caps.ddl_transactions:
            roots = [roots_sql(step.table, step.parent, self.dialect, self.target)]
        elif step.parent is not None:
            new = tuple(column for column in new if not column.root_key)
            roots = self._root_key(step, step.parent)
        statements += [*ddl.add_sql(new, target, self.dialect, self.caps), *roots]
        for sql in statements:
            self.driver.execute(sql)
        self._note(step.table.name, (*step.retyped, *step.columns))

    def _root_key(self, step: Add, parent: Table) -> list[str]:
        """A new root key where DDL commits: it gets its name when it is filled, so that a load that is cut off before
        that does it again."""
        columns, target = dict(step.table.columns), self.target(step.table.name)
        key = columns.pop(step.table.keys("root_key")[0])
        made = key.with_(name=f"{key.name}#new", nullable=True)
        columns[made.name] = made
        there = self._known[step.table.name]
        known = there is not None and made.name in there.columns
        rename = "ALTER TABLE {} RENAME COLUMN {} TO {}"
        return [
            *([] if known else ddl.add_sql([made], target, self.dialect, self.caps)),
            roots_sql(step.table.with_(columns=columns), parent, self.dialect, self.target),
            rename.format(target, self.dialect.quoted(made.name), self.dialect.quoted(key.name)),
        ]

    def _check_empty(self, table: str, column: Column) -> None:
        sql = f"SELECT count({self.dialect.quoted(column.name)}) FROM {self.target(table)}"
        if self.driver.rows(sql)[0][0]:
            kind = named(column, self.caps)
            raise PlanError(
                f"The column is text at the destination and holds values, and the load brings {kind}.",
                table=table,
                column=column.name,
                at_destination="text",
                in_schema=kind,
                hint=f"declare the column as text, or change its type at the destination to {kind}",
            )

    def _truncate(self, name: str, *, drop: bool) -> None:
        if self.reflect([name]):
            if not drop:
                self._lock([name])
            sql = "DROP TABLE {table}" if drop else self.dialect.truncate
            self.driver.execute(sql.format(table=self.target(name)))
            if drop:
                self._known[name] = None

    def _lock(self, tables: Iterable[str]) -> None:
        """Where a statement sees what others committed a moment ago: nobody else writes until the end of this load."""
        if self.dialect.lock:
            for name in tables:
                self.driver.execute(self.dialect.lock.format(table=self.target(name)))

    def _copy(self, step: Copy) -> Applied:
        table = step.table
        types = {name: self.dialect.type_of(column, self.caps) for name, column in table.columns.items()}
        target = self.target(table.name)
        other: set[str] = set()
        if step.scratch:
            target = self.scratch(table.name)
            for sql in ddl.scratch_sql(table, target, self.dialect, self.caps, self._bare(table.name)):
                self.driver.execute(sql)
            other = self._retyped(table.name, types, target)
        else:
            self._look_up([table.name])
            there = self._known[table.name]
            other = {name for name in types if there is None or there.types.get(name) != types[name]}
        assert self.load is not None
        rows = self.driver.copy(target, types, other, step.files, Path(self.load.folder))
        return Applied(rows={table.name: rows})

    def _retyped(self, table: str, types: Mapping[str, str], scratch: str) -> set[str]:
        """Give columns of a scratch table the types that they have in the table, where these are others. Returns their names."""
        there = self._known.get(table)
        if self.dialect.implicit_casts or there is None:
            return set()
        odd = {name for name, kind in there.types.items() if name in types and kind != types[name]}
        for name in odd:
            column = self.dialect.quoted(name)
            self.driver.execute(self.dialect.alter_type.format(table=scratch, column=column, type=there.types[name]))
        return odd

    def _put(self, statements: list[Statement], tables: tuple[Table, ...]) -> Applied:
        """Run the statements of a merge or a replace and add up what they say of rows."""
        applied = Applied(
            rows=dict.fromkeys((t.name for t in tables), 0), merged=dict.fromkeys((t.name for t in tables), 0)
        )
        self._lock(table.name for table in tables)
        for statement in statements:
            changed = self.driver.execute(statement.sql)
            if statement.entry == "rows":
                applied.rows[statement.table] += changed
            elif statement.entry == "merged":
                applied.merged[statement.table] += changed
        return applied

    def _commit(self, step: Commit) -> None:
        self._look_up(step.rows)
        for name, rows in step.rows.items():
            if rows:
                self._insert(DLT_TABLES[name], rows)
        for pipeline in {row["pipeline_name"] for row in step.rows.get(STATE, ())}:
            self._prune_states(pipeline, step.keep_states)
        while self._late:
            self.driver.execute(self._late.pop(0))
        for name in self._scratch:
            self.driver.execute(self.dialect.drop_scratch.format(table=name))
        self._scratch.clear()
        self._transaction.close()
        self._began = self._settled = False
        self._known.clear()

    def _insert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        self._complete(table)
        names = list(dict.fromkeys(name for row in rows for name in row))
        literal, columns = self.dialect.literal, table.columns
        values = (
            "(" + ", ".join(literal(row.get(name), columns[name].data_type) for name in names) + ")" for row in rows
        )
        quoted = ", ".join(map(self.dialect.quoted, names))
        self.driver.execute(f"INSERT INTO {self.target(table.name)} ({quoted}) VALUES {', '.join(values)}")

    def _complete(self, table: Table) -> None:
        """Make one of dlt's own tables, or the columns that it lacks."""
        there = self._known[table.name]
        if there is None:
            self._create(table)
        elif new := tuple(c.with_(nullable=True) for name, c in table.columns.items() if name not in there.columns):
            self._add(Add(table, new))

    def _prune_states(self, pipeline: str, keep: int) -> None:
        quoted, target = self.dialect.quoted, self.target(STATE)
        of_pipeline = f"{quoted('pipeline_name')} = {self.dialect.literal(pipeline)}"
        order = quoted("_dlt_load_id")
        kept = self.driver.rows(f"SELECT {order} FROM {target} WHERE {of_pipeline} ORDER BY {order} DESC")
        if len(kept) > keep:
            last = self.dialect.literal(kept[keep - 1][0])
            self.driver.execute(f"DELETE FROM {target} WHERE {of_pipeline} AND {order} < {last}")
