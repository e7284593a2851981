"""A function as a destination: `@dlt.destination` makes it take the rows of each table, batch by batch."""

from __future__ import annotations

import copy
import inspect
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dlt.config.coerce import is_spec
from dlt.config.settings import setting
from dlt.destinations.registry import DESTINATIONS, load, overridden
from dlt.errors import ConfigError, DltError, NotBuilt, PlanError, RetryableError
from dlt.load.executor import Serial, Threads
from dlt.load.session import Destination, Load
from dlt.load.steps import Applied, Commit, Copy, Create, Merge, Replace, Step
from dlt.schema.capabilities import Capabilities
from dlt.schema.model import ROW, SCRATCH_ONLY, STATE, Table
from dlt.schema.stored import table_dict
from dlt.schema.tables import DLT_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.package.manifest import ShardFile

FORMATS = ("typed-jsonl", "parquet")
STRATEGIES = ("parallel", "table-sequential", "sequential")
WORKERS = 20  # when a strategy is asked for, but no number
DLT = "_dlt"  # how names of tables and columns of dlt begin
MERGES = ("delete-insert", "upsert", "scd2", "insert-only", "cdc")
REPLACES = ("truncate-and-insert", "insert-from-staging", "staging-optimized")


def destination(
    func_or_name: Callable[..., Any] | str | None = None,
    /,
    *,
    loader_file_format: str | None = None,
    batch_size: int = 10,
    name: str | None = None,
    naming_convention: str = "direct",
    skip_dlt_columns_and_tables: bool = True,
    max_table_nesting: int | None = 0,
    spec: Any = None,
    max_parallel_load_jobs: int | None = None,
    loader_parallelism_strategy: str | None = None,
    **kwargs: Any,
) -> Any:
    """Make a destination of a function, or with a text, a named destination of a built-in type.

    The function is called as `f(items, table, ...)`: items are at most `batch_size` rows as dicts, with the file format
    parquet a RecordBatch, with batch_size=0 the path of a file; table is the schema of the table as a dict. Its further
    arguments come from `kwargs`, from a call of the result (`f(key=...)`), or, if they have a default such as
    `dlt.config.value`, from the configuration: `destination.<name>.<argument>`. When it raises, the load is
    tried again from this batch on; DestinationRefused ends the load. `destination("mine", destination_type="duckdb", ...)`
    is a DuckDB destination that is called "mine".
    """
    options = {
        "loader_file_format": loader_file_format,
        "batch_size": batch_size,
        "naming_convention": naming_convention,
        "skip_dlt_columns_and_tables": skip_dlt_columns_and_tables,
        "max_table_nesting": max_table_nesting,
        "spec": spec,
        "max_parallel_load_jobs": max_parallel_load_jobs,
        "loader_parallelism_strategy": loader_parallelism_strategy,
    }
    if isinstance(func_or_name, str):
        usual = inspect.signature(destination).parameters
        changed = {key: value for key, value in {**options, "name": name}.items() if value != usual[key].default}
        if "name" in changed or (changed and "destination_callable" not in kwargs):
            raise ConfigError("Only a destination made of a function has this option.", key=", ".join(changed))
        return _named(func_or_name, {**changed, **kwargs})

    def made(function: Callable[..., Any]) -> sink:
        return sink(function, name, **options, **kwargs)

    return made if func_or_name is None else made(func_or_name)


def _named(name: str, options: Mapping[str, Any]) -> Any:
    key = f"destination.{name}.destination_type"
    usual = "destination" if "destination_callable" in options else name if name in DESTINATIONS else None
    kind = options.get("destination_type") or setting(key, default=None) or usual
    if kind is None:
        raise ConfigError(
            f"It is not known what kind of destination {name!r} is.",
            key=key,
            variable=key.upper().replace(".", "__"),
            hint=f'dlt.destination({name!r}, destination_type="duckdb"); there are ' + ", ".join(DESTINATIONS),
        )
    return load(kind)(destination_name=name, **{k: v for k, v in options.items() if k != "destination_type"})


class sink:  # noqa: N801 - the public name of it is `destination`
    """A destination made of a function, see `dlt.destination`. Called with arguments, one that has these too."""

    destination_type = "dlt.destinations.destination"

    def __init__(
        self,
        destination_callable: Callable[..., Any] | str | None = None,
        destination_name: str | None = None,
        environment: str | None = None,
        loader_file_format: str | None = None,
        batch_size: int = 10,
        naming_convention: str = "direct",
        spec: Any = None,
        *,
        skip_dlt_columns_and_tables: bool = True,
        max_table_nesting: int | None = 0,
        max_parallel_load_jobs: int | None = None,
        loader_parallelism_strategy: str | None = None,
        **kwargs: Any,
    ) -> None:
        if spec is not None and not is_spec(spec):
            raise ConfigError(f"{spec!r} is no configspec.", key="spec")
        self.spec = spec
        self._options = {
            "spec": spec,
            "environment": environment,
            "loader_file_format": loader_file_format,
            "batch_size": batch_size,
            "naming_convention": naming_convention,
            "skip_dlt_columns_and_tables": skip_dlt_columns_and_tables,
            "max_table_nesting": max_table_nesting,
            "max_parallel_load_jobs": max_parallel_load_jobs,
            "loader_parallelism_strategy": loader_parallelism_strategy,
        }
        self.function = _function(destination_callable)
        self.parameters = _parameters(self.function)
        self.destination_name = destination_name or self.function.__name__.strip("<>")
        self.__name__, self.__doc__ = self.destination_name, self.function.__doc__
        open_ended = any(one.kind is one.VAR_KEYWORD for one in self.parameters)
        names = {one.name for one in self.parameters}
        self.arguments = {key: value for key, value in kwargs.items() if open_ended or key in names}
        self._others = {key: value for key, value in kwargs.items() if key not in self.arguments}
        if batch_size < 0:
            raise ConfigError("batch_size cannot be below 0.", key="batch_size", value=batch_size)
        self.batch_size, self.skips, self.format = batch_size, skip_dlt_columns_and_tables, _format(loader_file_format)
        self.workers, self.by_table = _workers(max_parallel_load_jobs, loader_parallelism_strategy)
        self.caps = overridden(self._caps(naming_convention, max_table_nesting), self._others, self.destination_name)

    def __call__(self, **changes: Any) -> Self:
        """A destination of the same function, with other options or with arguments for the function."""
        name = changes.pop("destination_name", None) or self.destination_name
        return type(self)(self.function, name, **{**self._options, **self._others, **self.arguments, **changes})

    def _caps(self, naming: str, max_table_nesting: int | None) -> Capabilities:
        other = next(kind for kind in FORMATS if kind != self.format)
        return Capabilities(
            file_formats=("arrow", *FORMATS) if self.batch_size else (self.format, other),
            naming=naming,
            max_table_name=65536,
            max_column_name=65536,
            case_sensitive=True,
            max_table_nesting=max_table_nesting,
            merge_strategies=MERGES,
            replace_strategies=REPLACES,
            keeps_state=not self.skips,
            has_dataset=False,
            parallel_copies=self.workers,
            dlt_columns=not self.skips,
        )

    def bind(self, *_: Any, credentials: Any = None, **__: Any) -> Destination:
        """The destination for one pipeline. Raises ConfigError when the function needs arguments that nobody gave."""
        if credentials is not None:
            raise NotBuilt(
                "A function has no credentials of its own.", option="credentials", hint="give them as arguments"
            )
        name = self.destination_name
        missing = [
            one.name
            for one in self.parameters
            if one.default is one.empty
            and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            and one.name not in self.arguments
        ]
        if missing:
            raise ConfigError(
                f"The function of the destination {name} needs arguments that were not given: {', '.join(missing)}.",
                key=", ".join(f"destination.{name}.{one}" for one in missing),
                hint=f"pass {name}({missing[0]}=...) as the destination, or give them a default",
            )

        from dlt.config.inject import named

        bound = copy.copy(self)
        bound.arguments = named(
            self.function, self.arguments, ("destination", name), f"The destination {name!r}", skip=2, spec=self.spec
        )

        def open_session(_dataset: str, load: Load | None) -> SinkSession:
            return SinkSession(bound, load)

        return Destination(name, self.destination_type, self.caps, open_session, name, f"{name} {id(self.function):x}")

    def __repr__(self) -> str:
        return f"<custom destination {self.destination_name}>"


def _function(given: Any) -> Callable[..., Any]:
    if isinstance(given, str):
        module, _, attribute = given.rpartition(".")
        try:
            given = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"There is no function {given!r}.", key="destination_callable", cause=str(error)
            ) from error
    if isinstance(given, sink):
        return given.function
    if not callable(given):
        raise ConfigError(
            "A custom destination needs a function.",
            key="destination_callable",
            value=given,
            hint="@dlt.destination\ndef mine(items, table): ...",
        )
    function: Callable[..., Any] = given
    return function


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters after items and table."""
    found = list(inspect.signature(function).parameters.values())
    positional = [one for one in found if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    if len(positional) < 2 and not any(one.kind is one.VAR_POSITIONAL for one in found):
        raise ConfigError(
            "The function of a destination takes at least two arguments: the items and their table.",
            key="destination_callable",
            value=getattr(function, "__name__", repr(function)),
            hint="def mine(items, table): ...",
        )
    return [one for one in found if one not in positional[:2]]


def _format(given: str | None) -> str:
    if given is not None and given not in FORMATS:
        raise ConfigError(
            f"A function does not take {given} files.", key="loader_file_format", hint="use " + " or ".join(FORMATS)
        )
    return given or FORMATS[0]


def _workers(most: int | None, strategy: str | None) -> tuple[int, bool]:
    """How many calls there may be at once, and whether those of one table come one after the other."""
    if strategy is not None and strategy not in STRATEGIES:
        raise ConfigError(
            f"Unknown strategy {strategy!r}.",
            key="loader_parallelism_strategy",
            hint="use one of " + ", ".join(STRATEGIES),
        )
    if most is not None and most < 0:
        raise ConfigError("max_parallel_load_jobs cannot be below 0.", key="max_parallel_load_jobs", value=most)
    if strategy == "sequential" or (strategy is None and not most):
        return 1, True
    return most or WORKERS, strategy == "table-sequential"


class SinkSession:
    """A Session that hands the rows of files to a function.

    How many rows of a file were handed over is kept in a small file beside it, written after each call, because a batch
    may be ten rows: what is behind is not sent again. It goes with the Commit.
    """

    def __init__(self, of: sink, load: Load | None) -> None:
        self.sink, self.load = of, load
        self.slots = threading.BoundedSemaphore(of.workers)
        self.rows: dict[str, int] = {}

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:  # noqa: ARG002 - the protocol's
        """What a function does with tables is not known."""
        return {}

    def apply(self, step: Step) -> Applied:
        """Carry out one step. Rows go out with Copy, whatever the write disposition; the function is told it."""
        match step:
            case Create(table) if table.name.startswith(DLT) and self.sink.skips:
                raise PlanError(
                    "Rows were quarantined, and this destination takes no tables of dlt. Nothing was sent.",
                    table=table.name,
                    hint="mend the data, or let the function have them with skip_dlt_columns_and_tables=False",
                )
            case Copy(table, files):
                executor = Serial() if self.sink.by_table or self.sink.workers < 2 else Threads()
                list(executor.map(lambda file: self._send_file(table, file), files, limit=self.sink.workers))
                self.rows[table.name] = sum(file.rows for file in files)
                return Applied(rows={table.name: self.rows[table.name]})
            case Merge(tables) | Replace(tables):
                return Applied(rows={table.name: self._copied(table.name) for table in tables})
            case Commit():
                self._commit(step)
        return Applied()

    def _copied(self, table: str) -> int:
        """The rows of a table that were handed over in this try or an earlier one."""
        assert self.load is not None
        before = self.load.progress.get("steps", {}).get(f"copy {table}", {}).get("rows", {})
        return int(self.rows.get(table, before.get(table, 0)))

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:  # noqa: ARG002 - the protocol's
        """A function gives nothing back."""
        import pyarrow as pa

        return pa.table({}).to_reader()

    def close(self) -> None:
        """There is nothing to end."""

    # ---- handing over

    def _folder(self) -> Path:
        assert self.load is not None
        return Path(self.load.folder)

    def _send_file(self, table: Table, file: ShardFile) -> None:
        from dlt.destinations._read import batches_of, schema_of

        path = self._folder() / file.path
        if not self.sink.batch_size:
            self._send_path(table, file)
            return
        known = {name: table.columns[name] for name in file.columns if name in self._visible(table).columns}
        schema = schema_of(Table(table.name, known), self.sink.caps)
        as_rows = file.format == "typed-jsonl" or (file.format == "arrow" and self.sink.format == "typed-jsonl")
        self._send(table, file.path, batches_of(path, file.format, schema), as_rows=as_rows)

    def _send_path(self, table: Table, file: ShardFile) -> None:
        path = self._folder() / file.path
        if ROW in file.columns:
            from dlt.destinations._read import batches_of, schema_of

            known = Table(table.name, {name: table.columns[name] for name in file.columns if name not in SCRATCH_ONLY})
            schema = schema_of(known, self.sink.caps)
            path = path.with_name("sent-" + path.name)
            _write(path, file.format, schema, batches_of(self._folder() / file.path, file.format, schema))
        with self._progress(file.path) as progress:
            if not progress.rows:
                self._call(str(path), table, file.rows)
                progress.rows = max(1, file.rows)

    def _send(self, table: Table, key: str, batches: Iterable[pa.RecordBatch], *, as_rows: bool) -> None:
        start = 0
        with self._progress(key) as progress:
            for batch in batches:
                done = max(0, progress.rows - start)
                for offset in range(done, batch.num_rows, self.sink.batch_size):
                    part = batch.slice(offset, self.sink.batch_size)
                    self._call(rows_of(part) if as_rows else part, table, start + offset)
                    progress.rows = start + offset + part.num_rows
                start += batch.num_rows

    def _call(self, items: Any, table: Table, row: int) -> None:
        try:
            with self.slots:
                self.sink.function(items, self._public(table), **self.sink.arguments)
        except DltError:
            raise
        except Exception as error:
            raise RetryableError(
                f"The function of the destination {self.sink.destination_name} failed: {type(error).__name__}: {error}",
                table=table.name,
                rows_before=row,
                hint="the next try goes on with the same batch; raise dlt.errors.DestinationRefused to end the load at once",
            ) from error

    def _visible(self, table: Table) -> Table:
        """The table with the columns that the function is told of."""
        skips = self.sink.skips
        columns = {
            name: one
            for name, one in table.typed.items()
            if name not in SCRATCH_ONLY and not (skips and name.startswith(DLT))
        }
        return table.with_(columns=columns)

    def _public(self, table: Table) -> dict[str, Any]:
        return copy.deepcopy(table_dict(self._visible(table)))

    def _progress(self, key: str) -> _Progress:
        return _Progress(self._folder() / f"{key}.sent")

    # ---- commit

    def _commit(self, step: Commit) -> None:
        from dlt.destinations._read import rows_as_batch, schema_of

        table = DLT_TABLES[STATE]
        rows = () if self.sink.skips else step.rows.get(STATE, ())
        if rows:
            schema = schema_of(table, self.sink.caps)
            batch = rows_as_batch([dict(row) for row in rows], schema)
            if self.sink.batch_size:
                self._send(table, STATE, [batch], as_rows=self.sink.format == "typed-jsonl")
            else:
                path = self._folder() / f"{STATE}.{self.sink.format}{'.gz' if self.sink.format != 'parquet' else ''}"
                _write(path, self.sink.format, schema, [batch])
                self._call(str(path), table, len(rows))
                path.unlink()
        for path in [*self._folder().glob("*.sent"), *self._folder().glob("sent-*")]:
            path.unlink()


class _Progress:
    """How many rows of a file were handed over, kept in a file."""

    def __init__(self, path: Path) -> None:
        self.path, self._rows = path, 0

    def __enter__(self) -> Self:
        text = self.path.read_text() if self.path.exists() else ""
        self._rows = int(text or 0)
        self.file = self.path.open("r+b" if text else "wb", buffering=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    @property
    def rows(self) -> int:
        return self._rows

    @rows.setter
    def rows(self, value: int) -> None:
        self.file.seek(0)
        self.file.write(b"%020d" % value)
        self._rows = value


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The rows of a batch as dicts of Python values, without those that are null; json columns as what they say."""
    import pyarrow as pa

    from dlt.arrow.text import is_json

    columns = []
    for field, data in zip(batch.schema, batch.columns, strict=True):
        values = data.to_pylist()
        if is_json(field):
            values = [None if value is None else json.loads(value) for value in values]
        elif pa.types.is_decimal(field.type):
            values = [None if value is None else _shortest(value) for value in values]
        columns.append(values)
    names = batch.schema.names
    if not names:
        return [{} for _ in range(batch.num_rows)]
    return [
        {name: value for name, value in zip(names, row, strict=True) if value is not None}
        for row in zip(*columns, strict=True)
    ]


def _shortest(value: Decimal) -> Decimal:
    """The same number without the zeros that the scale of its column adds."""
    return Decimal(format(value, "f").rstrip("0").rstrip(".")) if value.as_tuple().exponent else value


def _write(path: Path, kind: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    from dlt.arrow.files import WriterSettings, open_writer

    writer = open_writer(path, kind, schema, WriterSettings())
    for batch in batches:
        writer.write(batch)
    writer.close()
