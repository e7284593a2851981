"""The packages of one pipeline on disk: a folder each, in the folder of its stage; a rename is the only commit."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from dlt.errors import PackageError
from dlt.package.manifest import ABORTED, FAILED, LOADED, Manifest

NEW = "new"  # being written; what a killed process left there is worth nothing
PENDING = ("extracted", "normalized")


def write_atomic(path: Path, text: str) -> None:
    """Write a small file so that readers see the old text or the new one, nothing between."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


class Store:
    """The load packages below one folder: `new/`, `extracted/`, `normalized/`, `failed/`, `loaded/`."""

    def __init__(self, folder: Path, *, keep_files: bool = False) -> None:
        self.folder = folder
        self.keep_files = keep_files

    def new_load_id(self) -> str:
        """The next load id: seconds since 1970 with seven decimals, always higher than any before in this folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        memory = self.folder / "last_load_id"
        last = memory.read_text() if memory.exists() else ""
        now = time.time_ns() // 100
        if last:
            now = max(now, int(last.replace(".", "")) + 1)
        load_id = f"{now // 10_000_000}.{now % 10_000_000:07d}"
        write_atomic(memory, load_id)
        return load_id

    def create(self, load_id: str) -> Path:
        """An empty folder to write a package in."""
        path = self.folder / NEW / load_id
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True)
        return path

    def seal(self, manifest: Manifest) -> Manifest:
        """Make a written package appear in the folder of its stage, with its manifest."""
        work = self.folder / NEW / manifest.load_id
        write_atomic(work / "manifest.json", manifest.to_json())
        target = self.folder / manifest.stage / manifest.load_id
        target.parent.mkdir(exist_ok=True)
        os.rename(work, target)
        return manifest

    def discard_new(self, load_id: str | None = None) -> None:
        """Remove packages that were never sealed."""
        shutil.rmtree(self.folder / NEW / (load_id or ""), ignore_errors=True)

    def ids(self, stage: str) -> list[str]:
        """Load ids of the packages in a stage, oldest first."""
        try:
            return sorted(entry.name for entry in os.scandir(self.folder / stage) if entry.is_dir())
        except FileNotFoundError:
            return []

    def find(self, load_id: str) -> Path:
        """The folder of a sealed package."""
        for stage in (*reversed(PENDING), FAILED, LOADED):
            path = self.folder / stage / load_id
            if path.is_dir():
                return path
        raise PackageError(f"There is no load package {load_id}.", folder=str(self.folder))

    def read(self, load_id: str) -> Manifest:
        """The manifest of a sealed package."""
        path = self.find(load_id) / "manifest.json"
        try:
            return Manifest.from_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PackageError(f"The manifest of load package {load_id} cannot be read.", file=str(path)) from error

    def update(self, manifest: Manifest) -> Manifest:
        """Put a changed manifest in the place of the old one; the stage stays."""
        write_atomic(self.find(manifest.load_id) / "manifest.json", manifest.to_json())
        return manifest

    def finish(self, manifest: Manifest, stage: str, **changes: Any) -> Manifest:
        """Move a package to its last stage, loaded or aborted; its data files go unless they are to be kept."""
        source = self.find(manifest.load_id)
        manifest = self.update(manifest.with_(stage=stage, **changes))
        target = self.folder / LOADED / manifest.load_id
        target.parent.mkdir(exist_ok=True)
        os.rename(source, target)
        if not self.keep_files and stage in (LOADED, ABORTED):
            for file in manifest.files:
                (target / file.path).unlink(missing_ok=True)
        return manifest

    def writing(self, load_id: str) -> Path:
        """The folder of a package that is being written."""
        return self.folder / NEW / load_id

    def move(self, manifest: Manifest, stage: str) -> Manifest:
        """Put a sealed package with its files into another stage."""
        source = self.find(manifest.load_id)
        manifest = self.update(manifest.with_(stage=stage))
        target = self.folder / stage / manifest.load_id
        target.parent.mkdir(exist_ok=True)
        os.rename(source, target)
        return manifest

    def pending(self) -> list[str]:
        """Load ids of packages that wait to be normalised or loaded, oldest first."""
        return sorted({load_id for stage in PENDING for load_id in self.ids(stage)})

    def committed(self) -> list[str]:
        """Load ids of packages that were loaded, oldest first."""
        return [load_id for load_id in self.ids(LOADED) if self.read(load_id).stage == LOADED]

    def remove(self, load_id: str, stage: str) -> None:
        """Remove a package of this stage and all its files."""
        shutil.rmtree(self.folder / stage / load_id)
