"""Carry out the plan of one package: verify files, apply steps, keep the journal, balance the books, retry."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from dlt.errors import DltError, LedgerError, RetryableError
from dlt.load.executor import Executor, Serial, Threads
from dlt.load.plan import plan
from dlt.load.session import Destination, Load, Session
from dlt.load.steps import Applied, Commit, Copy, Merge, Replace, Step
from dlt.package.ledger import Ledger
from dlt.package.manifest import LOADED, Manifest
from dlt.package.store import Store, verify
from dlt.schema.model import LOADS, Table

logger = logging.getLogger("dlt")
Result = TypeVar("Result")

WAITS = (0.2, 0.7, 2.0, 6.0)  # seconds between tries, about: processes that wait for each other shall not keep step
PASSING = (RetryableError, ConnectionError, TimeoutError)
KEPT_TEXT = 4_000  # characters of an error in the manifest


def patiently(
    work: Callable[[int], Result], max_tries: int, note: Callable[[Exception, int], None] | None = None
) -> Result:
    """Do work, given the number of the try, and again after a pause when the trouble may pass. note: told each failure."""
    tries = 1
    while True:
        try:
            return work(tries)
        except Exception as error:
            if note is not None:
                note(error, tries)
            if not isinstance(error, PASSING) or tries >= max_tries:
                raise
            wait = WAITS[min(tries, len(WAITS)) - 1] * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
            logger.info("Try %s of %s failed, the next is in %.1f s: %s", tries, max_tries, wait, error)
            time.sleep(wait)
            tries += 1


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
    described: Callable[[Manifest], Manifest] = lambda manifest: manifest,
) -> Manifest:
    """Load one normalised package and move it to `loaded`. Returns its last manifest, with the ledger and the results.

    commit: makes the rows of dlt's own tables, given the open session. described: adds to the manifest, whenever it is
    written, what code of the user keeps with the package. Passing troubles (RetryableError, lost connections)
    are tried again up to `max_tries` times; every other error leaves the package where it is and the destination as it
    was. Each failure is noted in the manifest.
    """
    if manifest.ledger.rows:
        manifest.ledger.check_written()
    load_id = manifest.load_id

    def work(tries: int) -> Manifest:
        now = manifest if tries == 1 else store.read(load_id)
        return _try(now, store, destination, dataset, tables, commit, resumed or tries > 1, on_step, described)

    def note(error: Exception, tries: int) -> None:
        try:
            store.note(load_id, failure(error, "load", tries=tries))
        except (OSError, DltError) as trouble:
            error.add_note(f"This could not be noted in the manifest of load package {load_id}: {trouble}")

    return store.finish(described(patiently(work, max_tries, note)), LOADED)


def failure(error: BaseException, step: str, **more: Any) -> dict[str, Any]:
    """What the manifest of a package keeps of an error."""
    return {"at": _now(), "step": step, **more, "error": f"{type(error).__name__}: {error}"[:KEPT_TEXT]}


def _try(
    manifest: Manifest,
    store: Store,
    destination: Destination,
    dataset: str,
    tables: Mapping[str, Table],
    commit: Callable[[Session], Mapping[str, list[dict[str, Any]]]],
    resumed: bool,
    on_step: Callable[[Step, Applied], None],
    described: Callable[[Manifest], Manifest],
) -> Manifest:
    folder = store.find(manifest.load_id)
    progress = dict(manifest.progress)
    about = Load(
        manifest.load_id, manifest.schema_name, manifest.pipeline_name, str(folder), manifest.created_at, progress
    )
    caps = destination.caps
    with closing(destination.open(dataset, about)) as session:
        if resumed and caps.keeps_state and (found := _committed(session, manifest)):
            return found
        names = dict.fromkeys([*tables, *manifest.dropped, *manifest.truncated])
        existing = session.reflect([name for name in names if _touched(name, manifest, tables)])
        steps = plan(manifest, tables, existing, caps, commit(session), manifest.created_at)
        ledger = Ledger(manifest.ledger.rows)
        for row in ledger.rows.values():
            row["loaded"] = row["merged"] = 0
        result: dict[str, Any] = {"dataset": dataset, "destination": destination.name, "files": {}, "tables": {}}
        journal = {} if caps.transactions else dict(progress.get("steps") or {})
        result["steps"] = [type(step).__name__.lower() for step in steps]
        result["added"] = _added(steps)
        runner = _Runner(session, folder, journal)
        executor: Executor = Threads() if caps.parallel_copies > 1 else Serial()
        for is_copy, group in groupby(steps, lambda step: isinstance(step, Copy)):
            if not is_copy:
                for step in group:
                    if isinstance(step, Commit):
                        _balance(ledger, caps.keeps_state)
                        # who finds the load committed after a crash finds its books too
                        store.update(described(manifest.with_(ledger=ledger, result=result, progress=progress)))
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
                    store.update(described(manifest.with_(progress=progress)))
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


def _book(ledger: Ledger, step: Step, applied: Applied) -> None:
    if isinstance(step, (Merge, Replace)) or (isinstance(step, Copy) and not step.scratch):
        for table, rows in applied.rows.items():
            ledger.add(table, "loaded", rows)
        for table, rows in applied.merged.items():
            ledger.add(table, "merged", rows)


def _balance(ledger: Ledger, keeps_state: bool) -> None:
    if keeps_state:
        ledger.check_loaded()


def found_committed(manifest: Manifest, destination: Destination, dataset: str, max_tries: int) -> Manifest | None:
    """The manifest of a package whose load was cut off, if it is at the destination all the same."""
    if manifest.result is None or not destination.caps.keeps_state:
        return None

    def look(_tries: int) -> Manifest | None:
        with closing(destination.open(dataset, None)) as session:
            return _committed(session, manifest)

    return patiently(look, max_tries)


def _committed(session: Session, manifest: Manifest) -> Manifest | None:
    """The manifest when the load is in `_dlt_loads`: with the same schema, for another pipeline may have the same id."""
    for row in session.read(LOADS, {"load_id": manifest.load_id}).read_all().to_pylist():
        if row.get("schema_name") == manifest.schema_name:
            at = row["inserted_at"]
            at = at if at.tzinfo else at.replace(tzinfo=UTC)  # not all destinations know zones
            result = {"committed_at": str(at), "found": "already committed"}
            return manifest.with_(result={**(manifest.result or {}), **result}, progress={})
    return None


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
