"""The folder of one data set: dlt's own files in it, as they are named and written, and the files below a path."""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from dlt.errors import PackageError
from dlt.schema.model import LOADS, STATE, VERSION
from dlt.schema.stored import from_storage_text
from dlt.schema.tables import DLT_TABLES

SYSTEM_TABLES = tuple(DLT_TABLES)
INIT = '{"initial_version":2,"current_version":2}'  # the version of this tree of files
SCRATCH = "_dlt_scratch"  # what loads under way have not made visible yet
NOT_STORED = ("_dlt_id",)  # columns of dlt's own tables that their files do not have
ORDER = {
    VERSION: ("version_hash", "schema_name", "version", "engine_version", "inserted_at", "schema"),
    LOADS: tuple(DLT_TABLES[LOADS].columns),
    STATE: tuple(name for name in DLT_TABLES[STATE].columns if name not in NOT_STORED),
}
NAMED = {VERSION: ("schema_name", "", "version_hash"), LOADS: ("schema_name", "load_id")}
NAMED[STATE] = ("pipeline_name", "_dlt_load_id", "")  # columns that stand in the names of files, in order
Row = dict[str, Any]


class Bucket:
    """One data set on disk. `root`: its folder, which need not be there."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def prepare(self, scratch: Path) -> None:
        """Make the data set, when it is not there."""
        self.root.mkdir(parents=True, exist_ok=True)
        if not (self.root / "init").is_file():
            self.move(self.write("init", INIT, scratch), "init")

    def write(self, name: str, text: str, scratch: Path) -> Path:
        """Write a small file into a scratch folder; returns its path."""
        scratch.mkdir(parents=True, exist_ok=True)
        path = scratch / name
        path.write_text(text, encoding="utf-8")
        return path

    def move(self, source: Path, path: str) -> None:
        """Put a file into the data set; readers see it whole or not at all."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source.replace(target)

    # ---- dlt's own tables

    def file_of(self, table: str, row: Mapping[str, Any], schema_hash: str = "") -> tuple[str, str]:
        """The name and the text of the file for a row of a table of dlt.

        schema_hash: what dlt 1.31 has in the names of files with state.
        """
        match table:
            case "_dlt_version":
                moment = datetime.fromisoformat(str(row["inserted_at"])).timestamp()
                name = f"{row['schema_name']}__{moment}__{_hex(row['version_hash'])}"
            case "_dlt_loads":
                name = f"{row['schema_name']}__{row['load_id']}"
            case _:
                name = f"{row['pipeline_name']}__{row['_dlt_load_id']}__{_hex(schema_hash or row['version_hash'])}"
        known = {key: row[key] for key in ORDER[table] if key in row}
        return f"{name}.jsonl", json.dumps(known, separators=(",", ":"), ensure_ascii=False)

    def rows(self, table: str, where: Mapping[str, Any] | None = None, last: str | None = None) -> list[Row]:
        """The rows of a table of dlt in which columns equal the values of `where`, oldest first; with `last` only the
        one that is highest in this column.

        What its name rules out is not opened. A state whose load was not completed is no row.
        """
        found: list[Row] = []
        by_name = last == NAMED[table][1]
        names = self._candidates(table, where or {})
        for name in reversed(names) if by_name else names:
            if table == STATE and not self._completed(name.rsplit("__", 2)[1]):
                continue
            with suppress(FileNotFoundError):  # removed by another load since it was listed
                row = _row(self.root / table / name)
                if all(row.get(key) == value for key, value in (where or {}).items()):
                    found.append(row)
                    if by_name:
                        break
        return [max(found, key=lambda row: row[last])] if last and found else found

    def _candidates(self, table: str, where: Mapping[str, Any]) -> list[str]:
        if table == LOADS and "load_id" in where:
            return self._completed(str(where["load_id"]))
        hashed = {key: _hex(value) if key == "version_hash" else str(value) for key, value in where.items()}
        found = []
        for name, parts in self._names(table):
            known = {key: part for key, part in zip(NAMED[table], parts, strict=True) if key in hashed}
            if all(hashed[key] == part for key, part in known.items()):
                found.append((parts[1], name))
        return [name for _, name in sorted(found)]

    def _completed(self, load_id: str) -> list[str]:
        """The file that says that a load was completed; looked up, not searched for, among the known schemas."""
        names = (f"{schema}__{load_id}.jsonl" for schema in self.schema_names())
        return [name for name in names if (self.root / LOADS / name).is_file()]

    def schema_names(self) -> list[str]:
        """Names of the schemas that the data set has."""
        return list(dict.fromkeys(parts[0] for _, parts in self._names(VERSION)))

    def _names(self, table: str) -> Iterator[tuple[str, list[str]]]:
        """The files of a table of dlt: their names, and the parts of those."""
        for entry in entries(self.root / table):
            parts = entry.removesuffix(".jsonl").rsplit("__", len(NAMED[table]) - 1)
            if entry.endswith(".jsonl") and len(parts) == len(NAMED[table]):
                yield entry, parts

    def prune_states(self, pipeline: str, keep: int) -> None:
        """Remove the oldest states of a pipeline beyond those to keep."""
        mine = [(parts[1], name) for name, parts in self._names(STATE) if parts[0] == pipeline]
        for _, name in sorted(mine)[:-keep]:
            (self.root / STATE / name).unlink(missing_ok=True)

    def schemas(self) -> dict[str, Row]:
        """The newest versions of all schemas, as they are stored, by their names."""
        newest: dict[str, tuple[float, str]] = {}
        for name, (schema, moment, _) in self._names(VERSION):
            newest[schema] = max(newest.get(schema, (0.0, "")), (_number(moment), name))
        return {
            schema: from_storage_text(_row(self.root / VERSION / name)["schema"])
            for schema, (_, name) in newest.items()
        }

    # ---- files

    def below(self, prefix: str) -> Iterator[str]:
        """The paths of all files that begin with a prefix, sorted: those in a folder for one that ends with "/"."""
        folder, _, start = prefix.rpartition("/")
        for name in entries(self.root / folder):
            if name.startswith(start):
                yield from self._walk(f"{folder}/{name}" if folder else name)

    def _walk(self, path: str) -> Iterator[str]:
        if not (self.root / path).is_dir():
            yield path
            return
        for name in entries(self.root / path):
            yield from self._walk(f"{path}/{name}")

    def remove_folder(self, path: str) -> None:
        """Remove a folder and the empty folders in it; one that holds a file stays."""
        for folder, _, _ in os.walk(self.root / path, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()

    def remove_scratch(self, name: str, *, older: bool = False) -> None:
        """Remove the scratch folder of a load; with `older` also those of loads of the same pipeline before it."""
        pipeline, _, load_id = name.rpartition("__")
        for folder in entries(self.root / SCRATCH):
            owner, _, load = folder.rpartition("__")
            if owner == pipeline and (load == load_id or (older and load < load_id)):
                shutil.rmtree(self.root / SCRATCH / folder, ignore_errors=True)  # it holds nothing that is needed
        with suppress(OSError):
            (self.root / SCRATCH).rmdir()


def entries(folder: Path) -> list[str]:
    """The names in a folder, sorted; none when it is not there."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _row(path: Path) -> Row:
    try:
        row: Row = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PackageError("A file of the data set is damaged.", file=str(path), cause=str(error)) from error
    return row


def _hex(text: str) -> str:
    """A hash as it stands in names: hexadecimal digits of what its base64 says."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except (ValueError, binascii.Error):
        return text.encode().hex()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
