"""The work directory of a pipeline: its lock, its schemas and its state, all written atomically."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dlt.errors import InvalidPipelineName, PipelineLocked
from dlt.package.store import Store, write_atomic
from dlt.schema.schema import Schema

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # checked where it is used


def check_name(name: str) -> str:
    """A pipeline name that is also a folder name; raises InvalidPipelineName."""
    if not name or not name.strip() or name in (".", "..") or re.search(r'[/\\:*?"<>|\x00-\x1f]', name):
        raise InvalidPipelineName(
            f"{name!r} cannot be the name of a pipeline: it is also the name of a folder.",
            hint="use letters, digits, spaces, dots, dashes and underscores",
        )
    return name


class WorkDir:
    """`<pipelines_dir>/<pipeline_name>`: `state.json`, `schemas/`, `packages/`, `trace.json`, `lock`."""

    def __init__(self, path: Path, *, keep_files: bool = False) -> None:
        self.path = path
        self.packages = Store(path / "packages", keep_files=keep_files)

    @property
    def exists(self) -> bool:
        """True when the pipeline has run here."""
        return (self.path / "state.json").exists()

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold the pipeline alone; PipelineLocked when another process or thread holds it. Freed when a process dies."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as file:
            _lock(file, name, self.path)
            try:
                file.seek(0)
                file.truncate()
                file.write(str(os.getpid()))
                file.flush()
                self.packages.discard_new()
                yield
            finally:
                _unlock(file)

    def read_state(self) -> dict[str, Any] | None:
        """The state document, or None."""
        try:
            return json.loads((self.path / "state.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]  # a dict
        except FileNotFoundError:
            return None

    def write_state(self, document: dict[str, Any]) -> None:
        """Save the state document."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomic(self.path / "state.json", json.dumps(document, ensure_ascii=False))

    def read_schemas(self) -> dict[str, Schema]:
        """The schemas by name."""
        folder = self.path / "schemas"
        files = sorted(folder.glob("*.schema.json")) if folder.exists() else []
        schemas = [Schema.from_dict(json.loads(file.read_text(encoding="utf-8"))) for file in files]
        return {schema.name: schema for schema in schemas}

    def has_schema(self, name: str) -> bool:
        """True when there is a schema of this name."""
        return (self.path / "schemas" / f"{name}.schema.json").exists()

    def write_schema(self, schema: Schema) -> None:
        """Save a schema."""
        folder = self.path / "schemas"
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / f"{schema.name}.schema.json", schema.to_text())

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def wipe(self) -> None:
        """Remove everything but the lock."""
        if self.path.exists():
            for entry in self.path.iterdir():
                if entry.is_dir():
                    shutil.rmtree(entry)
                elif entry.name != "lock":
                    entry.unlink()


def _lock(file: Any, name: str, path: Path) -> None:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows only
    except OSError:
        file.seek(0)
        raise PipelineLocked(
            f"Pipeline {name!r} is running already.",
            process=file.read(20).strip() or None,
            work_directory=str(path),
            hint="wait until it has ended, or give this one another pipeline_name or pipelines_dir",
        ) from None


def _unlock(file: Any) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_UN)
    else:
        import msvcrt

        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)  # type: ignore[attr-defined]  # Windows only
