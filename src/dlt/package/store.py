"""The packages of one pipeline on disk: a folder each, in the folder of its stage; a rename is the only commit."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dlt.errors import PackageError, RetryableError
from dlt.package.manifest import ABORTED, EXTRACTED, FAILED, LOADED, NORMALIZED, Manifest, ShardFile

NEW = "new"  # being written; what a killed process left there is worth nothing
ABORTING = "aborting"  # given up, and what this means for the state is not yet done
PENDING = (EXTRACTED, NORMALIZED)
MANIFEST, SCHEMA, BOOKS, BEFORE = "manifest.json", "schema.json", "books.json", "before."  # files of a package folder
KEPT_PACKAGES, KEPT_FAILURES = 100, 20
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def on_disk(path: Path) -> Iterator[None]:
    """Within the block a file is written. When the disk has no room for it: RetryableError with the file and the fix."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RetryableError(
            f"The disk has no room: {path} could not be written ({os.strerror(error.errno)}).",
            file=str(path),
            hint="free some space there, or move the work directory to another disk with pipelines_dir=... or "
            "DLT_DATA_DIR; then run again: what was loaded and what waits to be loaded is as it was",
        ) from error


def write_atomic(path: Path, text: str) -> None:
    """Write a small file so that readers see the old text or the new one, nothing between."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with on_disk(path):
            temporary.write_bytes(text.encode("utf-8", "surrogatepass"))
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def read_text(path: Path) -> str:
    """The text of a file written by `write_atomic`."""
    return path.read_bytes().decode("utf-8", "surrogatepass")


class Store:
    """The load packages below one folder: `new/`, `extracted/`, `normalized/`, `failed/`, `aborting/`, `loaded/`."""

    def __init__(self, folder: Path, *, keep_files: bool = False) -> None:
        self.folder = folder
        self.keep_files = keep_files

    # ---- load ids

    def new_load_id(self) -> str:
        """The next load id: seconds since 1970 with seven decimals, always higher than any before in this folder."""
        now = max(time.time_ns() // 100, _ticks(self._last_load_id()) + 1)
        load_id = f"{now // 10_000_000}.{now % 10_000_000:07d}"
        self.follow(load_id)
        return load_id

    def follow(self, load_id: str) -> None:
        """Make all load ids from now on higher than this one."""
        if _ticks(load_id) > _ticks(self._last_load_id()):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self.folder / "last_load_id", load_id)

    def _last_load_id(self) -> str:
        with suppress(OSError):
            text = read_text(self.folder / "last_load_id")
            if _ticks(text):
                return text
        stages = (*PENDING, FAILED, ABORTING, LOADED)
        return max((load_id for stage in stages for load_id in self.ids(stage)), default="")

    # ---- writing

    def create(self, load_id: str) -> Path:
        """An empty folder to write a package in."""
        path = self.folder / NEW / load_id
        if path.exists():
            shutil.rmtree(path)
        with on_disk(path):
            path.mkdir(parents=True)
        return path

    def writing(self, load_id: str) -> Path:
        """The folder of a package that is being written."""
        return self.folder / NEW / load_id

    def seal(self, manifest: Manifest) -> Manifest:
        """Make a written package appear in the folder of its stage, with its manifest."""
        work = self.folder / NEW / manifest.load_id
        write_atomic(work / MANIFEST, manifest.to_json())
        self._rename(work, manifest.stage)
        return manifest

    def discard_new(self, load_id: str | None = None) -> None:
        """Remove packages that were never sealed."""
        shutil.rmtree(self.folder / NEW / (load_id or ""), ignore_errors=True)

    # ---- reading

    def ids(self, stage: str) -> list[str]:
        """Load ids of the packages in a stage, oldest first."""
        try:
            return sorted([entry.name for entry in os.scandir(self.folder / stage) if entry.is_dir()])
        except FileNotFoundError:
            return []

    def pending(self) -> list[str]:
        """Load ids of packages that wait to be normalised or loaded, oldest first."""
        return sorted({load_id for stage in PENDING for load_id in self.ids(stage)})

    def committed(self, after: str = "") -> list[str]:
        """Load ids of packages later than `after` that were loaded, oldest first."""
        return [load_id for load_id in self.ids(LOADED) if load_id > after and self.read(load_id).stage == LOADED]

    def has(self, load_id: str) -> bool:
        """Whether there is a sealed package with this id that was not given up."""
        folder = self._folder(load_id)
        if folder is None or folder.parent.name != LOADED:
            return folder is not None and folder.parent.name != ABORTING
        return self.read(load_id).stage == LOADED

    def find(self, load_id: str) -> Path:
        """The folder of a sealed package."""
        path = self._folder(load_id)
        if path is None:
            raise PackageError(
                f"There is no load package {load_id}.",
                folder=str(self.folder),
                hint="pipeline.list_completed_load_packages() has those that are loaded",
            )
        return path

    def _folder(self, load_id: str) -> Path | None:
        paths = (self.folder / stage / load_id for stage in (NORMALIZED, EXTRACTED, FAILED, ABORTING, LOADED))
        return next((path for path in paths if path.is_dir()), None)

    def read(self, load_id: str) -> Manifest:
        """The manifest of a sealed package."""
        path = self.find(load_id) / MANIFEST
        try:
            return Manifest.from_json(read_text(path))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PackageError(
                f"The manifest of load package {load_id} cannot be read.",
                file=str(path),
                hint=f'give the package up with pipeline.abort_packages("{load_id}") and extract again',
            ) from error

    # ---- changing

    def update(self, manifest: Manifest) -> Manifest:
        """Put a changed manifest in the place of the old one; the stage stays."""
        write_atomic(self.find(manifest.load_id) / MANIFEST, manifest.to_json())
        return manifest

    def note(self, load_id: str, failure: Mapping[str, Any]) -> Manifest:
        """Add a failure to the manifest of a package; the newest ones are kept."""
        manifest = self.read(load_id)
        return self.update(manifest.with_(failures=(*manifest.failures, failure)[-KEPT_FAILURES:]))

    def finish(self, manifest: Manifest, stage: str, **changes: Any) -> Manifest:
        """Move a package to its last stage, loaded or aborted; its data files go unless they are to be kept."""
        manifest = self.update(manifest.with_(stage=stage, **changes))
        self._put_away(manifest.load_id)
        return manifest

    def _put_away(self, load_id: str) -> None:
        folder = self.find(load_id)
        for path in list(folder.iterdir()):
            if path.name.startswith(BEFORE) or (path.name not in (MANIFEST, SCHEMA) and not self.keep_files):
                path.unlink(missing_ok=True)
        self._rename(folder, LOADED)

    def move(self, load_id: str, stage: str) -> None:
        """Put a sealed package into another stage. The folder says which one it is in; the manifest says it to people."""
        if stage != ABORTING:
            with suppress(PackageError):  # what cannot be read can be moved
                self.update(self.read(load_id).with_(stage=stage))
        self._rename(self.find(load_id), stage)

    def _rename(self, folder: Path, stage: str) -> None:
        target = self.folder / stage / folder.name
        with on_disk(target):
            target.parent.mkdir(exist_ok=True)
            folder.rename(target)

    def remove(self, load_id: str, stage: str) -> None:
        """Remove a package of this stage and all its files, at once for those who look."""
        self.discard_new(load_id)
        self._rename(self.folder / stage / load_id, NEW)
        self.discard_new(load_id)

    def recover(self) -> None:
        """Bring to its end what a killed process left half done, and forget the oldest of the loaded packages.

        Only for who holds the pipeline's lock. Packages in `aborting/` are left to those who know the state.
        """
        self.discard_new()
        for load_id in self.ids(EXTRACTED):
            if any((self.folder / stage / load_id).is_dir() for stage in (NORMALIZED, FAILED, ABORTING, LOADED)):
                self.remove(load_id, EXTRACTED)
        for load_id in self.ids(NORMALIZED):
            with suppress(PackageError):  # it is set aside when it cannot be loaded
                if self.read(load_id).stage in (LOADED, ABORTED):
                    self._put_away(load_id)
        if not self.keep_files:
            for load_id in self.ids(LOADED)[:-KEPT_PACKAGES]:
                self.remove(load_id, LOADED)


def _ticks(load_id: str) -> int:
    """A load id in units of 100 ns; 0 when it is none."""
    seconds, _, part = load_id.strip().partition(".")
    try:
        return int(seconds) * 10_000_000 + int(f"{part:0<7}"[:7])
    except ValueError:
        return 0


def verify(path: Path, file: ShardFile) -> None:
    """Check that a file of a package is what was written: its size and CRC-32. Raises PackageError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            crc = zlib.crc32(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)) if size else 0
    except OSError as error:
        raise PackageError("A file of the load package cannot be read.", file=str(path), table=file.table) from error
    if (size, crc) != (file.bytes, file.crc):
        raise PackageError(
            "A file of the load package was changed after it was written.",
            file=str(path),
            table=file.table,
            hint="drop the package with pipeline.abort_packages() and extract again",
        )
