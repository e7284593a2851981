"""FilesystemSession: carries out the steps of a load in the folder of a data set.

There are no transactions. The files of a load wait in a scratch folder of the data set; Commit moves them into place,
removes what they replace, and writes the row of `_dlt_loads` last. Each step can be repeated after a crash.
"""

from __future__ import annotations

import errno
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.destinations._bucket import SCRATCH, SYSTEM_TABLES, Bucket
from dlt.destinations._layout import SYSTEM, SYSTEM_LAYOUT, Layout, Moment
from dlt.errors import DestinationRefused, LedgerError, NotBuilt, PlanError, RetryableError
from dlt.load.steps import Add, Applied, Commit, Copy, Create, Replace, Step, Truncate
from dlt.schema.model import LOADS, STATE, VERSION, Column, Table
from dlt.schema.stored import upgraded
from dlt.schema.tables import DLT_TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from dlt.load.session import Load
    from dlt.package.manifest import ShardFile
    from dlt.schema.capabilities import Capabilities

STORED = re.compile(r".*[./_-](jsonl|parquet|csv|insert_values)(?:\.gz)?(?![a-z])")  # the format in the path of a file
CHUNK = 4 << 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FOR_GOOD = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST)


@dataclass(frozen=True, slots=True)
class Placed:
    """A file of a load package, and under which name it goes into the data set. appends: beside the files of others."""

    path: str
    name: str
    bytes: int
    crc: int
    rows: int
    appends: bool


class FilesystemSession:
    """A Session over the folder of one data set.

    What Copy has put aside is kept in `load.progress`, with the journal of the load: for each table its files as
    `Placed`. So Commit knows what to do whatever was done before.
    """

    def __init__(
        self,
        root: Path,
        layout: Layout,
        caps: Capabilities,
        load: Load | None = None,
        moment: Moment | None = None,
        keep_states: int | None = None,
    ) -> None:
        self.bucket, self.root, self.layout, self.caps = Bucket(root), root, layout, caps
        self.load, self.moment, self.keep_states = load, moment, keep_states
        before = load.progress.get("placed", {}) if load else {}
        self.placed = {table: [Placed(**file) for file in files] for table, files in before.items()}
        self.cleared: dict[str, bool] = {}  # tables whose older files go, and whether the table goes too
        self._open = False
        self._schemas: dict[str, Any] | None = None

    # ---- Session

    def reflect(self, tables: Iterable[str]) -> dict[str, Table]:
        """The tables that have a folder or files, of these names. Files have no types, so columns have none."""
        with translated("reading the data set"):
            return {name: Table(name, self._columns(name)) for name in tables if self._is_there(name)}

    def apply(self, step: Step) -> Applied:
        """Carry out one step. Nothing of it is to be seen before Commit."""
        with translated("writing to the data set"):
            if not self._open:
                self.bucket.prepare(self._scratch)
                self._open = True
            match step:
                case Create(table):
                    self._check(table)
                    self._make_folder(table.name)
                case Add(table):
                    self._check(table)
                case Truncate(name, drop):
                    self.cleared[name] = drop or self.cleared.get(name, False)
                case Copy():
                    return self._copy(step)
                case Replace(tables):
                    self.cleared.update((table.name, False) for table in tables)
                    rows = {table.name: sum(file.rows for file in self.placed[table.name]) for table in tables}
                    return Applied(rows=rows)
                case Commit():
                    self._commit(step)
                case _:
                    raise PlanError("Files cannot be merged.", hint='use write_disposition="append" or "replace"')
        return Applied()

    def read(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> pa.RecordBatchReader:
        """The rows of a table, as in the protocol; of dlt's own tables only files that can match are opened."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from dlt.destinations._read import batches_of, rows_as_batch, schema_of

        if table in SYSTEM_TABLES:
            with translated("reading the data set", table):
                rows = self.bucket.rows(table, where, last)
                if not rows and not (self.root / table).is_dir():
                    return pa.table({}).to_reader()
                schema = schema_of(DLT_TABLES[table], self.caps)
                return pa.Table.from_batches([rows_as_batch(rows, schema)], schema).to_reader()
        with translated("reading the data set", table):
            if not self._is_there(table):
                return pa.table({}).to_reader()
            schema = schema_of(self._described(table), self.caps)
            files = [(self.root / path, _format(path)) for path in self._files_of(table)]

        def batches() -> Iterator[pa.RecordBatch]:
            for path, kind in files:
                with translated("reading a file", table):
                    for batch in batches_of(path, kind, schema):
                        rows = batch
                        for name, value in (where or {}).items():
                            rows = rows.filter(pc.equal(rows[name], pa.scalar(value, schema.field(name).type)))
                        yield rows

        reader = pa.RecordBatchReader.from_batches(schema, batches())
        if last is None:
            return reader
        found = reader.read_all()
        return found.take(pc.sort_indices(found, [(last, "descending")])[:1]).to_reader()

    def close(self) -> None:
        """Remove what was put aside and not committed; it is made again from the load package."""
        if self._open:
            self.bucket.remove_scratch(self._scratch.name)

    # ---- names

    @property
    def _scratch(self) -> Path:
        assert self.load is not None
        return self.root / SCRATCH / f"{self.load.pipeline_name}__{self.load.load_id}"

    @property
    def _stored(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The tables of the newest schemas of the data set: the name of the schema, and the table as it is stored."""
        if self._schemas is None:
            self._schemas = self.bucket.schemas()
        return {
            name: (schema, table)
            for schema, stored in self._schemas.items()
            for name, table in stored["tables"].items()
        }

    def _layout_of(self, table: str) -> tuple[Layout, str]:
        """The layout of a table and the name of its schema."""
        if table.startswith(SYSTEM):
            return SYSTEM_LAYOUT, ""
        if self.load is not None:
            return self.layout, self.load.schema_name
        return self.layout, self._stored[table][0] if table in self._stored else ""

    def _files_of(self, table: str) -> list[str]:
        """The paths of all files of a table, whichever load wrote them."""
        layout, schema = self._layout_of(table)
        paths = self.bucket.below(layout.prefix(schema, table))
        others = () if layout.has_folders else {*self._stored, *self.placed}
        return [path for path in paths if layout.owns(schema, table, path, others)]

    def _is_there(self, table: str) -> bool:
        layout, schema = self._layout_of(table)
        if layout.has_folders:
            return (self.root / layout.prefix(schema, table)).is_dir()
        return bool(self._files_of(table))

    def _columns(self, table: str) -> dict[str, Column]:
        names = (
            self._stored[table][1]["columns"] if table in self._stored else DLT_TABLES.get(table, Table(table)).columns
        )
        return {name: Column(name) for name in names}

    def _described(self, table: str) -> Table:
        if table not in self._stored:
            raise DestinationRefused(
                "The files of this table cannot be read: no schema of the data set knows it.",
                table=table,
                folder=self.root,
            )
        assert self._schemas is not None
        schema = upgraded(self._schemas[self._stored[table][0]])
        return Table.from_dict(schema["tables"][table])

    # ---- steps

    def _check(self, table: Table) -> None:
        """PlanError for a table that cannot be kept in files with this layout."""
        layout, schema = self._layout_of(table.name)
        layout.prefix(schema, table.name)
        if table.table_format not in (None, "native"):
            raise NotBuilt(
                "Tables of this format are not part of this version.", table=table.name, format=table.table_format
            )

    def _make_folder(self, table: str) -> None:
        layout, schema = self._layout_of(table)
        if layout.has_folders:
            (self.root / layout.prefix(schema, table)).mkdir(parents=True, exist_ok=True)

    def _copy(self, step: Copy) -> Applied:
        table, appends = step.table, not step.scratch
        self._check(table)
        layout, _ = self._layout_of(table.name)
        if appends and not layout.is_unique:
            raise PlanError(
                "With this layout a load would overwrite the files of earlier ones.",
                table=table.name,
                layout=layout.text,
                hint='put {load_id} and {file_id} into the layout, or use write_disposition="replace"',
            )
        files = [self._place(table.name, file, appends=appends) for file in step.files]
        names: set[str] = set()
        for file in files:
            if file.name in names:
                raise PlanError(
                    "With this layout two files of one load have the same name.",
                    table=table.name,
                    layout=layout.text,
                    name=file.name,
                    hint="put {file_id} into the layout",
                )
            names.add(file.name)
            if appends and (self.root / file.name).exists():
                raise _exists(table.name, file.name)
        for file in files:
            self._put_aside(table.name, file)
        assert self.load is not None
        self.placed[table.name] = files
        self.load.progress["placed"] = {name: [asdict(file) for file in them] for name, them in self.placed.items()}
        locations = {file.path: (self.root / file.name).as_uri() for file in files}
        return Applied(rows={table.name: sum(file.rows for file in files)}, locations=locations)

    def _place(self, table: str, file: ShardFile, *, appends: bool) -> Placed:
        assert self.load is not None
        assert self.moment is not None
        layout, schema = self._layout_of(table)
        ext = file.format + (".gz" if file.path.endswith(".gz") else "")
        name = layout.name(schema, table, self.load.load_id, file.path, ext, self.moment)
        return Placed(file.path, name, file.bytes, file.crc, file.rows, appends)

    def _put_aside(self, table: str, file: Placed) -> None:
        """Copy a file of the package into the scratch folder, and see that what arrived is what was written."""
        assert self.load is not None
        self._scratch.mkdir(parents=True, exist_ok=True)
        crc = size = 0
        with (
            (Path(self.load.folder) / file.path).open("rb") as source,
            (self._scratch / file.path).open("wb") as target,
        ):
            while data := source.read(CHUNK):
                target.write(data)
                crc, size = zlib.crc32(data, crc), size + len(data)
        if (size, crc) != (file.bytes, file.crc):
            raise LedgerError(
                "A file changed on its way to the bucket; nothing was committed.", table=table, file=file.path
            )

    def _commit(self, step: Commit) -> None:
        assert self.load is not None
        files = [(table, file) for table, files in self.placed.items() for file in files]
        for table, file in files:
            if not self._is_aside(file) and not self._is_in_place(file):
                self._put_aside(table, file)
        own = self._write_own(step)
        for table, file in files:
            if self._is_aside(file):
                self._publish(table, file)
        for table, dropped in self.cleared.items():
            self._remove_older(table, dropped=dropped)
        for path, name in own:
            self.bucket.move(path, name)
        for pipeline in {row["pipeline_name"] for row in step.rows.get(STATE, ())}:
            self.bucket.prune_states(pipeline, self.keep_states or step.keep_states)
        self.bucket.remove_scratch(self._scratch.name, older=True)
        self._open = False

    def _write_own(self, step: Commit) -> list[tuple[Path, str]]:
        """Write the files of dlt's own tables into the scratch folder. Returns where they are and where they go, in an
        order that tells: a load without a row in `_dlt_loads` was not completed."""
        hashes = [row["schema_version_hash"] for row in step.rows.get(LOADS, ())]
        made = []
        for table in (VERSION, STATE, LOADS):
            for row in step.rows.get(table, ()):
                name, text = self.bucket.file_of(table, row, hashes[0] if hashes else "")
                made.append((self.bucket.write(f"{table}.{name}", text, self._scratch), f"{table}/{name}"))
        return made

    def _is_aside(self, file: Placed) -> bool:
        path = self._scratch / file.path
        return path.is_file() and path.stat().st_size == file.bytes

    def _is_in_place(self, file: Placed) -> bool:
        """Whether a file of this load is where it belongs: the one that is there may be of another load."""
        path = self.root / file.name
        if not path.is_file() or path.stat().st_size != file.bytes:
            return False
        crc = 0
        with path.open("rb") as stream:
            while data := stream.read(CHUNK):
                crc = zlib.crc32(data, crc)
        return crc == file.crc

    def _publish(self, table: str, file: Placed) -> None:
        target = self.root / file.name
        if file.appends and target.exists():
            raise _exists(table, file.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._scratch / file.path).replace(target)

    def _remove_older(self, table: str, *, dropped: bool) -> None:
        if table in SYSTEM_TABLES:
            return
        mine = {file.name for file in self.placed.get(table, ())}
        for path in self._files_of(table):
            if path not in mine:
                (self.root / path).unlink(missing_ok=True)
        layout, schema = self._layout_of(table)
        if layout.has_folders:
            self.bucket.remove_folder(layout.prefix(schema, table))
            if not dropped:
                self._make_folder(table)


def _exists(table: str, name: str) -> DestinationRefused:
    return DestinationRefused(
        "A file of this name is there already, and append never overwrites.",
        table=table,
        file=name,
        hint="put {load_id} and {file_id} into the layout",
    )


def _format(path: str) -> str:
    found = STORED.match("/" + path)
    return found[1] if found else path.rpartition(".")[2]


@contextmanager
def translated(doing: str, table: str | None = None) -> Iterator[None]:
    """Errors of the file system as errors of ours: those that will not pass are DestinationRefused."""
    try:
        yield
    except OSError as error:
        context = {"table": table, "file": error.filename, "cause": error.strerror or str(error)}
        if error.errno in FULL:
            raise RetryableError(
                f"The disk is full: {doing} failed; nothing of this load is to be seen.",
                hint="free some space and run the pipeline again: it goes on with this load",
                **context,
            ) from error
        kind = DestinationRefused if error.errno in FOR_GOOD else RetryableError
        raise kind(
            f"The file system refused: {doing} failed.", hint="check the folder and its permissions", **context
        ) from error
