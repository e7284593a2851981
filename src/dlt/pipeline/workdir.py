"""The work directory of a pipeline: its lock, its schemas and its state, all written atomically."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dlt.errors import ConfigError, FatalError, InvalidPipelineName, PackageError, PipelineLocked
from dlt.package.store import Store, on_disk, read_text, write_atomic
from dlt.schema.schema import Schema

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # checked where it is used

_HELD: set[Any] = set()  # open lock files of this process


def _leave_to_parent() -> None:
    """In a forked process: the locks are the parent's. A child that outlives it must not hold them."""
    for file in _HELD:
        file.close()
    _HELD.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)

LONGEST = 128  # bytes of a name: file names end at 255 bytes, and those of states have the load id and a hash besides


def check_name(name: str) -> str:
    """A pipeline name that is also a folder name; raises InvalidPipelineName."""
    fix = "use letters, digits, spaces, dots, dashes and underscores"
    if not name or not name.strip() or name in (".", "..") or re.search(r'[/\\:*?"<>|\x00-\x1f\ud800-\udfff]', name):
        raise InvalidPipelineName(
            f"{name!r} cannot be the name of a pipeline: it is also the name of a folder.", hint=fix
        )
    if len(name.encode()) > LONGEST:
        raise InvalidPipelineName(
            f"The name of the pipeline has {len(name.encode())} bytes; it is also the name of a folder.",
            name=name,
            hint=f"use at most {LONGEST}",
        )
    return name


class WorkDir:
    """`<pipelines_dir>/<pipeline_name>`: `state.json`, `schemas/`, `packages/`, `trace.json`, `lock`."""

    def __init__(self, path: Path, *, keep_files: bool = False) -> None:
        self.path = path
        self.packages = Store(path / "packages", keep_files=keep_files)
        self._thread = threading.RLock()
        self._held = False
        self._seen: tuple[int, ...] = ()

    @property
    def exists(self) -> bool:
        """True when the pipeline has run here."""
        return (self.path / "state.json").exists()

    # ---- the lock

    @contextmanager
    def lock(self, name: str) -> Iterator[bool]:
        """Hold the pipeline alone; gives False when this thread holds it already. Freed when a process dies.

        PipelineLocked when another process or thread holds it.
        """
        if not self._thread.acquire(blocking=False):
            raise _locked(name, self.path, f"{os.getpid()}, another thread of this process")
        try:
            if self._held:
                yield False
                return
            file = self._locked_file(name)
            try:
                _HELD.add(file)
                self._held = True
                yield True
            finally:
                self._held = False
                _HELD.discard(file)
                if not file.closed:
                    _unlock(file)
                    file.close()
        finally:
            self._thread.release()

    def _locked_file(self, name: str) -> Any:
        """The open lock file, locked. When the folder was removed and made again meanwhile, the new one."""
        path = self.path / "lock"
        while True:
            try:
                with on_disk(path):
                    self.path.mkdir(parents=True, exist_ok=True)
                    file = path.open("a+")
            except OSError as error:
                raise ConfigError(
                    f"The work directory of the pipeline cannot be written: {os.strerror(error.errno or 0)}.",
                    key="pipelines_dir",
                    work_directory=str(self.path),
                    hint="give a folder that this user may write to: pipelines_dir=... or DLT_DATA_DIR",
                ) from error
            try:
                _lock(file, name, self.path)
                if _same_file(file, path):
                    with on_disk(path):
                        file.seek(0)
                        file.truncate()
                        file.write(str(os.getpid()))
                        file.flush()
                    return file
            except BaseException:
                file.close()
                raise
            file.close()

    # ---- state and schemas

    @property
    def changed(self) -> bool:
        """Whether another process or object has written the state since it was read or written here."""
        return self._stamp() != self._seen

    def _stamp(self) -> tuple[int, ...]:
        try:
            found = (self.path / "state.json").stat()
        except FileNotFoundError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read_state(self) -> dict[str, Any] | None:
        """The state document, or None."""
        path = self.path / "state.json"
        self._seen = self._stamp()
        try:
            document = json.loads(read_text(path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise _damaged(path, "the state is taken from the destination at the next run") from error
        if not isinstance(document, dict):
            raise _damaged(path, "the state is taken from the destination at the next run")
        return document

    def write_state(self, document: dict[str, Any]) -> None:
        """Save the state document."""
        with on_disk(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path / "state.json", json.dumps(document, ensure_ascii=False))
        self._seen = self._stamp()

    def read_schemas(self) -> dict[str, Schema]:
        """The schemas by name."""
        folder = self.path / "schemas"
        schemas = []
        for path in sorted(folder.glob("*.schema.json")) if folder.exists() else []:
            try:
                schemas.append(Schema.from_dict(json.loads(read_text(path))))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise _damaged(path, "the schema is taken from the destination at the next run") from error
        return {schema.name: schema for schema in schemas}

    def schema_path(self, name: str) -> Path:
        """Where a schema is kept."""
        return self.path / "schemas" / f"{name}.schema.json"

    def has_schema(self, name: str) -> bool:
        """True when there is a schema of this name."""
        return self.schema_path(name).exists()

    def write_schema(self, schema: Schema) -> None:
        """Save a schema."""
        path = self.schema_path(schema.name)
        with on_disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, schema.to_text())

    def remove_schema(self, name: str) -> None:
        """Remove a schema, if there is one."""
        self.schema_path(name).unlink(missing_ok=True)

    # ---- removing

    def remove(self, name: str) -> None:
        """Remove the folder with all that is in it; PipelineLocked when the pipeline is running."""
        if not self.path.exists():
            return
        with self.lock(name):
            self.wipe()
            with suppress(PermissionError):  # Windows does not remove what is open: an empty folder stays
                (self.path / "lock").unlink(missing_ok=True)
        with suppress(OSError):  # somebody has begun to run, or has put something into it
            self.path.rmdir()

    def wipe(self) -> None:
        """Remove everything but the lock. The state goes first: it must not outlive the packages that it stands for."""
        if not self.path.exists():
            return
        for entry in sorted(self.path.iterdir(), key=lambda entry: entry.name != "state.json"):
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.name != "lock":
                entry.unlink()
        self._seen = self._stamp()


def _damaged(path: Path, then: str) -> PackageError:
    return PackageError(
        f"{path} cannot be read: it was changed by hand, or the machine lost power.",
        file=str(path),
        hint=f"remove this file; {then}",
    )


def _locked(name: str, path: Path, process: str | None) -> PipelineLocked:
    return PipelineLocked(
        f"Pipeline {name!r} is running already.",
        process=process or None,
        work_directory=str(path),
        hint="wait until it has ended, or give this one another pipeline_name or pipelines_dir",
    )


def _same_file(file: Any, path: Path) -> bool:
    """Whether an open file is the one that is there under its name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: Any, name: str, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            raise FatalError(
                f"The work directory is on a file system that has no locks ({os.strerror(error.errno or 0)}).",
                work_directory=str(path),
                hint="move it with pipelines_dir=... or DLT_DATA_DIR to a local disk",
            ) from error
        file.seek(0)
        raise _locked(name, path, file.read(20).strip()) from None


def _unlock(file: Any) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_UN)
    else:
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
