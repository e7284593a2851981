"""SqlSession: carries out the steps of a load in one transaction of a SQL database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import DestinationRefused
from dlt.load.session import Load
from dlt.load.steps import Add, Applied, Commit, Copy, Create, Merge, Replace, Step, Truncate
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import STATE, Column, Table
from dlt.schema.tables import DLT_TABLES
from dlt.sql import ddl
from dlt.sql.dialect import Dialect
from dlt.sql.drivers import Driver
from dlt.sql.merge import Statement, merge_sql, replace_sql

if TYPE_CHECKING:
    import pyarrow as pa


class _Undone(Exception):  # noqa: N818 - no error: it ends a transaction that was not committed
    pass


class SqlSession:
    """A Session over a driver and a dialect. The transaction begins with the first step and ends with Commit.

    catalog: the database that the dataset is in, where names need it; unique: make UNIQUE constraints.
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
    ) -> None:
        self.driver, self.dialect, self.caps, self.dataset, self.load = driver, dialect, caps, dataset, load
        self.catalog, self.unique = catalog, unique
        self._transaction = ExitStack()
        self._began = False
        self._scratch: dict[str, None] = {}

    # ---- names

    def target(self, table: str) -> str:
        """The qualified name of a table."""
        return self.dialect.quoted(self.catalog, self.dataset, table)

    def scratch(self, table: str) -> str:
        """The name of a temporary table of this load; Commit removes it."""
        load_id = self.load.load_id if self.load else "0"
        name = self.dialect.quoted(self.dialect.scratch_schema, f"_dlt_{load_id}_{table}")
        self._scratch[name] = None
        return name

    # ---- Session

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        """The tables that are there, of these names, with column names, types and nullability."""
        wanted = {name.lower(): name for name in tables}
        if not wanted:
            return {}
        literal = self.dialect.literal
        sql = self.dialect.columns.format(dataset=literal(self.dataset), tables=", ".join(map(literal, wanted)))
        found: dict[str, dict[str, Column]] = {}
        for row in self.driver.query(sql).read_all().to_pylist():
            name, column, kind, nullable = row.values()
            table = found.setdefault(wanted[name.lower()], {})
            table[column] = self.dialect.column(column, kind, nullable=nullable == "YES")
        return {name: Table(name, columns) for name, columns in found.items()}

    def apply(self, step: Step) -> Applied:
        """Carry out one step."""
        self._begin()
        match step:
            case Create(table):
                self.driver.execute(
                    ddl.create_sql(table, self.target(table.name), self.dialect, self.caps, unique=self.unique)
                )
            case Add(table, columns, retyped):
                self._add(table.name, columns, retyped)
            case Truncate(name, drop):
                if self.reflect([name]):
                    self.driver.execute(f"{'DROP TABLE' if drop else 'DELETE FROM'} {self.target(name)}")
            case Copy():
                return self._copy(step)
            case Merge():
                return self._put(merge_sql(step, self.dialect, self.target, self.scratch), step.tables)
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
            sql += f" ORDER BY {quoted(last)} DESC LIMIT 1"
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
        if not self._began:
            self._transaction.enter_context(self.driver.transaction())
            self._began = True
            if self.caps.has_dataset:
                name = self.dialect.quoted(self.catalog, self.dataset)
                self.driver.execute(self.dialect.create_dataset.format(dataset=name))

    def _add(self, name: str, columns: Iterable[Column], retyped: tuple[Column, ...] = ()) -> None:
        target = self.target(name)
        for column in retyped:
            self._check_empty(name, column)
        for sql in ddl.retype_sql(retyped, target, self.dialect, self.caps):
            self.driver.execute(sql)
        for sql in ddl.add_sql(columns, target, self.dialect, self.caps):
            self.driver.execute(sql)

    def _check_empty(self, table: str, column: Column) -> None:
        sql = f"SELECT count({self.dialect.quoted(column.name)}) FROM {self.target(table)}"
        if self.driver.query(sql).read_all()[0][0].as_py():
            raise DestinationRefused(
                f"The column is text at the destination and holds values, the schema says {column.data_type}.",
                table=table,
                column=column.name,
                hint=f"declare the column as text, or change its type at the destination to {column.data_type}",
            )

    def _copy(self, step: Copy) -> Applied:
        table = step.table
        types = {name: self.dialect.type_of(column, self.caps) for name, column in table.columns.items()}
        target = self.target(table.name)
        if step.scratch:
            target = self.scratch(table.name)
            self.driver.execute(ddl.scratch_sql(table, target, self.dialect, self.caps))
        assert self.load is not None
        copied = self.driver.copy(target, types, step.files, Path(self.load.folder))
        sums = {} if copied.checksum is None else {table.name: copied.checksum}
        return Applied(rows={table.name: copied.rows}, checksums=sums)

    def _put(self, statements: list[Statement], tables: tuple[Table, ...]) -> Applied:
        """Run the statements of a merge or a replace and add up what they say of rows."""
        applied = Applied(
            rows=dict.fromkeys((t.name for t in tables), 0), merged=dict.fromkeys((t.name for t in tables), 0)
        )
        for statement in statements:
            changed = self.driver.execute(statement.sql)
            if statement.entry == "rows":
                applied.rows[statement.table] += changed
            elif statement.entry == "merged":
                applied.merged[statement.table] += changed
        return applied

    def _commit(self, step: Commit) -> None:
        there = self.reflect(step.rows)
        for name, rows in step.rows.items():
            self._insert(name, rows, there.get(name))
        for pipeline in {row["pipeline_name"] for row in step.rows.get(STATE, ())}:
            self._prune_states(pipeline, step.keep_states)
        for name in self._scratch:
            self.driver.execute(f"DROP TABLE IF EXISTS {name}")
        self._scratch.clear()
        self._transaction.close()
        self._began = False

    def _insert(self, name: str, rows: list[dict[str, Any]], there: Table | None) -> None:
        table = DLT_TABLES[name]
        if there is None:
            self.driver.execute(ddl.create_sql(table, self.target(name), self.dialect, self.caps, unique=self.unique))
        else:
            new = [column.with_(nullable=True) for key, column in table.columns.items() if key not in there.columns]
            self._add(name, new)
        for row in rows:
            names = ", ".join(self.dialect.quoted(key) for key in row)
            values = ", ".join(self.dialect.literal(value, table.columns[key].data_type) for key, value in row.items())
            self.driver.execute(f"INSERT INTO {self.target(name)} ({names}) VALUES ({values})")

    def _prune_states(self, pipeline: str, keep: int) -> None:
        quoted, target = self.dialect.quoted, self.target(STATE)
        of_pipeline = f"{quoted('pipeline_name')} = {self.dialect.literal(pipeline)}"
        order = quoted("_dlt_load_id")
        self.driver.execute(
            f"DELETE FROM {target} WHERE {of_pipeline} AND {order} NOT IN (SELECT {order} FROM {target}"
            f" WHERE {of_pipeline} ORDER BY {order} DESC LIMIT {keep})"
        )
