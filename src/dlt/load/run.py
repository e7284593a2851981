"""Carry out the plan of one package: verify files, apply steps, keep the journal, balance the books, retry."""

from __future__ import annotations

import mmap
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from dlt.errors import LedgerError, PackageError, RetryableError
from dlt.load.executor import Executor, Serial, Threads
from dlt.load.plan import plan
from dlt.load.session import Destination, Load, Session
from dlt.load.steps import Applied, Commit, Copy, Merge, Replace, Step
from dlt.package.ledger import Ledger
from dlt.package.manifest import LOADED, Manifest, ShardFile
from dlt.package.store import Store
from dlt.schema.model import LOADS, Table

WAITS = (0.2, 0.5, 1.0, 2.0)  # seconds between tries


def load_package(
    manifest: Manifest,
    store: Store,
    destination: Destination,
    dataset: str,
    tables: Mapping[str, Table],
    commit: Callable[[Session], Mapping[str, list[dict[str, Any]]]],
    *,
    max_tries: int = 5,
    resumed: bool = False,
    on_step: Callable[[Step, Applied], None] = lambda _step, _applied: None,
) -> Manifest:
    """Load one normalised package and move it to `loaded`. Returns its last manifest, with the ledger and the results.

    commit: makes the rows of dlt's own tables, given the open session. A RetryableError is tried again up to `max_tries`
    times; every other error leaves the package where it is, with the failure noted, and the destination as it was.
    """
    if manifest.ledger.rows:
        manifest.ledger.check_written()
    tries = 0
    while True:
        tries += 1
        try:
            result = _try(manifest, store, destination, dataset, tables, commit, resumed or tries > 1, on_step)
            return store.finish(result, LOADED)
        except Exception as error:
            failure = {"at": _now(), "error": f"{type(error).__name__}: {error}", "try": tries}
            manifest = store.update(store.read(manifest.load_id).with_(failures=(*manifest.failures, failure)))
            if not isinstance(error, RetryableError) or tries >= max_tries:
                raise
            time.sleep(WAITS[min(tries, len(WAITS)) - 1])


def _try(
    manifest: Manifest,
    store: Store,
    destination: Destination,
    dataset: str,
    tables: Mapping[str, Table],
    commit: Callable[[Session], Mapping[str, list[dict[str, Any]]]],
    resumed: bool,
    on_step: Callable[[Step, Applied], None],
) -> Manifest:
    folder = store.find(manifest.load_id)
    progress = dict(manifest.progress)
    about = Load(
        manifest.load_id, manifest.schema_name, manifest.pipeline_name, str(folder), manifest.created_at, progress
    )
    caps = destination.caps
    with closing(destination.open(dataset, about)) as session:
        if resumed and caps.keeps_state and _committed(session, manifest.load_id):
            return manifest.with_(result={**(manifest.result or {}), "found": "already committed"})
        names = dict.fromkeys([*tables, *manifest.dropped, *manifest.truncated])
        existing = session.reflect([name for name in names if _touched(name, manifest, tables)])
        steps = plan(manifest, tables, existing, caps, commit(session), manifest.created_at)
        ledger = Ledger(manifest.ledger.rows)
        for row in ledger.rows.values():
            row["loaded"] = row["merged"] = 0
        result: dict[str, Any] = {"dataset": dataset, "destination": destination.name, "files": {}, "tables": {}}
        journal = {} if caps.transactions else dict(progress.get("steps") or {})
        runner = _Runner(session, folder, journal)
        executor: Executor = Threads() if caps.parallel_copies > 1 else Serial()
        for is_copy, group in groupby(steps, lambda step: isinstance(step, Copy)):
            if not is_copy:
                for step in group:
                    if isinstance(step, Commit):
                        _balance(ledger, caps.keeps_state)
                    _book(ledger, step, applied := runner(step))
                    on_step(step, applied)
                continue
            copies = list(group)
            for step, applied in zip(copies, executor.map(runner, copies, limit=caps.parallel_copies), strict=True):
                _book(ledger, step, applied)
                on_step(step, applied)
                result["files"].update(applied.locations)
                if not caps.transactions:
                    progress["steps"] = runner.journal
                    store.update(manifest.with_(progress=progress))
        result["steps"] = [type(step).__name__.lower() for step in steps]
        result["added"] = _added(steps)
        result["committed_at"] = _now()
    return manifest.with_(ledger=ledger, result=result, progress={})


def _touched(name: str, manifest: Manifest, tables: Mapping[str, Table]) -> bool:
    """Whether the load may read or write a table: it or the table it is nested in takes part."""
    if name in manifest.dropped or name in manifest.truncated or name in manifest.tables:
        return True
    while name in tables:
        if name in manifest.tables:
            return True
        name = tables[name].parent or ""
    return False


class _Runner:
    """Applies one step, unless the journal says that it is done."""

    def __init__(self, session: Session, folder: Path, journal: dict[str, Any]) -> None:
        self.session, self.folder, self.journal = session, folder, journal

    def __call__(self, step: Step) -> Applied:
        if not isinstance(step, Copy):
            return self.session.apply(step)
        key = f"copy {step.table.name}"
        if key in self.journal:
            return Applied(**self.journal[key])
        for file in step.files:
            verify(self.folder / file.path, file)
        applied = self.session.apply(step)
        expected = sum(file.rows for file in step.files)
        if applied.rows.get(step.table.name, 0) != expected:
            raise LedgerError(
                "The destination did not take the rows that were handed to it; nothing was committed.",
                table=step.table.name,
                handed=expected,
                taken=applied.rows.get(step.table.name, 0),
            )
        self.journal[key] = asdict(applied)
        return applied


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


def _book(ledger: Ledger, step: Step, applied: Applied) -> None:
    if isinstance(step, (Merge, Replace)) or (isinstance(step, Copy) and not step.scratch):
        for table, rows in applied.rows.items():
            ledger.add(table, "loaded", rows)
        for table, rows in applied.merged.items():
            ledger.add(table, "merged", rows)


def _balance(ledger: Ledger, keeps_state: bool) -> None:
    if keeps_state:
        ledger.check_loaded()


def _committed(session: Session, load_id: str) -> bool:
    return bool(session.read(LOADS, {"load_id": load_id}).read_all().num_rows)


def _added(steps: list[Step]) -> dict[str, list[str]]:
    added: dict[str, list[str]] = {}
    for step in steps:
        match type(step).__name__:
            case "Create":
                added[step.table.name] = list(step.table.columns)  # type: ignore[union-attr]  # Create has a table
            case "Add":
                added[step.table.name] = [column.name for column in step.columns]  # type: ignore[union-attr]  # Add too
    return added


def _now() -> str:
    return datetime.now(UTC).isoformat()
