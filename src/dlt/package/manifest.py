"""Manifest and ShardFile: the description of one load package, kept as JSON that a person can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from dlt.package.ledger import Ledger

EXTRACTED, NORMALIZED, FAILED, LOADED, ABORTED = "extracted", "normalized", "failed", "loaded", "aborted"


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One file of a package: rows of one table.

    path: file name in the package folder, independent of the table's name; crc: CRC-32 of the file's bytes;
    columns: names of the columns it holds, in order (a file may be narrower than its table).
    """

    table: str
    path: str
    format: str
    rows: int
    bytes: int
    crc: int
    columns: tuple[str, ...]

    @property
    def file_id(self) -> str:
        """The part of the name before the extension: unique in the package."""
        return self.path.split(".", 1)[0]


@dataclass(frozen=True, slots=True)
class Manifest:
    """One load package.

    state: the pipeline state that is written together with the data, or None when it did not change.
    tables: tables that take part in the load, also those without rows (a replaced resource that yielded nothing).
    failures: what went wrong at each try, newest last.
    instead: tables as this load treats them, by name, where that is not as the schema says (a replay updates rows by id).
    package_state: what code of the user keeps with this package, with typed values as marked texts.
    """

    load_id: str
    pipeline_name: str
    schema_name: str
    created_at: str
    stage: str
    files: tuple[ShardFile, ...] = ()
    tables: tuple[str, ...] = ()
    ledger: Ledger = field(default_factory=Ledger)
    state: Mapping[str, Any] | None = None
    dropped: tuple[str, ...] = ()
    truncated: tuple[str, ...] = ()
    refresh: str | None = None
    file_format: str | None = None
    progress: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[Mapping[str, Any], ...] = ()
    result: Mapping[str, Any] | None = None
    instead: Mapping[str, Any] = field(default_factory=dict)
    package_state: Mapping[str, Any] = field(default_factory=dict)

    def with_(self, **changes: Any) -> Manifest:
        """This manifest with some properties replaced."""
        return replace(self, **changes)

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps({**asdict(self), "ledger": self.ledger.to_dict()}, indent=1, ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The manifest of a text made by `to_json`."""
        data = json.loads(text)
        data["files"] = tuple(ShardFile(**{**item, "columns": tuple(item["columns"])}) for item in data["files"])
        for name in ("tables", "dropped", "truncated", "failures"):
            data[name] = tuple(data[name])
        data["ledger"] = Ledger.from_dict(data["ledger"])
        return cls(**data)
