"""One DuckDB engine per process, to which a database file is attached only while a session uses it.

Making an engine costs several times what a small load does. Attaching and detaching a file costs next to nothing, and leaves
the file as closing does: with all in it, and free for other programs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TAKEN = "Unique file handle conflict"  # what DuckDB says of a file that this process has open on its own
RESERVED = {"memory", "system", "temp"}  # databases that every engine has


@dataclass(slots=True)
class _File:
    catalog: str
    users: int = 0


@dataclass(slots=True)
class _Engine:
    host: DuckDBPyConnection
    files: dict[str, _File] = field(default_factory=dict)
    spill: str = ""  # the folder for what does not fit into memory
    memory: int = 0  # bytes

    def attach(self, path: str, memory: int) -> str:
        """Attach a file, or use it once more; the name of its database."""
        if self.files:
            self.host.execute(f"SET GLOBAL memory_limit = '{self.memory}B'")  # it may be lowered for one that was alone
        elif (self.spill, self.memory) != (f"{path}.tmp", memory):
            self.spill, self.memory = f"{path}.tmp", memory
            self.host.execute(f"SET GLOBAL temp_directory = {_text(self.spill)}; SET GLOBAL memory_limit = '{memory}B'")
        if (file := self.files.get(path)) is None:
            file = _File(self._free_name(Path(path).stem))
            self.host.execute(f"ATTACH {_text(path)} AS {_quoted(file.catalog)}")
            self.files[path] = file
        file.users += 1
        return file.catalog

    def _free_name(self, stem: str) -> str:
        taken = RESERVED | {file.catalog.lower() for file in self.files.values()}
        names = (stem, *(f"{stem}_{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name.lower() not in taken)

    def detach(self, path: str) -> None:
        """Give a file back; it is detached when nobody uses it any more."""
        file = self.files[path]
        file.users -= 1
        if not file.users:
            del self.files[path]
            self.host.execute(f"DETACH {_quoted(file.catalog)}")

    def spare(self) -> int:
        """The bytes that the only session may do without for a while; 0 when there are several."""
        return self.memory if sum(file.users for file in self.files.values()) == 1 else 0

    @property
    def reusable(self) -> bool:
        """Not when it wrote to disk what did not fit into memory: only its end removes those files."""
        return bool(self.files) or not Path(self.spill).exists()


class _Process:
    """The engine of this process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.engine: _Engine | None = None
        self.inherited: list[
            _Engine
        ] = []  # those of a parent process: their threads are not here, so nothing can end them

    def discard(self, engine: _Engine) -> None:
        """Do not use an engine again. It ends now, or when the last of its sessions does."""
        if self.engine is engine:
            self.engine = None
        if not engine.files:
            with suppress(Exception):
                engine.host.close()

    def forked(self) -> None:
        """Begin anew in a child process."""
        self.lock = threading.RLock()
        if self.engine is not None:
            self.inherited.append(self.engine)
            self.engine = None


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.forked)


def connect(path: str, memory: int) -> tuple[DuckDBPyConnection, Callable[[], None], Callable[[], int]] | None:
    """A connection to a database file, what closes it, and what tells whether the memory limit may be lowered (see
    `_Engine.spare`); None when this process has the file open on its own.

    memory: bytes that the engine may take, if nothing else uses it at the moment. Raises duckdb.Error as duckdb.connect does.
    """
    import duckdb

    with _process.lock:
        engine = _process.engine = _process.engine or _Engine(duckdb.connect(":memory:"))
        try:
            catalog = engine.attach(path, memory)
        except duckdb.Error as error:
            if TAKEN in str(error):
                return None
            _process.discard(engine)
            raise
    connection = engine.host.cursor()
    close = partial(_close, engine, path, connection)
    try:
        connection.execute(f"USE {_quoted(catalog)}")
    except BaseException:
        close()
        raise
    return connection, close, engine.spare


def _close(engine: _Engine, path: str, connection: DuckDBPyConnection) -> None:
    connection.close()
    with _process.lock:
        try:
            engine.detach(path)
        except BaseException:
            _process.discard(engine)
            raise
        if not engine.reusable:
            _process.discard(engine)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
