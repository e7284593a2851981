"""Packages that earlier runs left: taken up after a crash, finished, set aside, tried again or given up."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import ConfigError, MissingExtra, PackageError, RetryableError
from dlt.load.plan import root_of
from dlt.load.run import failure, found_committed
from dlt.package.manifest import ABORTED, EXTRACTED, FAILED, LOADED, NORMALIZED, Manifest
from dlt.package.store import ABORTING, BEFORE, BOOKS, read_text
from dlt.pipeline import state as states
from dlt.pipeline.stages import load, normalize_extracted, note_loaded, package_schema
from dlt.schema.schema import Schema

if TYPE_CHECKING:
    from dlt.package.store import Store
    from dlt.pipeline.pipeline import Pipeline

logger = logging.getLogger("dlt")

WAITING_IN_DLT = ("normalize/extracted", "load/normalized")  # folders of dlt 1.31 in the same work directory
LEFT = "sync"  # the step of a failure: the state that a package stands on was left

# troubles of this machine and its surroundings: they say nothing against a package
SURROUNDINGS = (RetryableError, ConfigError, MissingExtra, OSError, MemoryError)


# ---- after a crash


def take_up(pipeline: Pipeline) -> None:
    """Go on from where the last process ended, however it did. To be called first by who holds the lock."""
    _check_left_by_dlt(pipeline)
    packages = pipeline.workdir.packages
    packages.recover()
    if pipeline.workdir.changed:
        pipeline.reload()
    for load_id in reversed(packages.ids(ABORTING)):
        _give_up(pipeline, load_id)
    if packages.pending():
        pipeline.adopt_pending()
        pipeline.save(always=True)
    if pipeline.first_run and packages.committed():
        pipeline.state["_local"]["first_run"] = False
        pipeline.save()


def _check_left_by_dlt(pipeline: Pipeline) -> None:
    """Packages of dlt 1.31 are files of its own, but the state in this folder stands behind them: going on would leave
    out their rows."""
    for folder in WAITING_IN_DLT:
        with suppress(OSError):
            if waiting := os.listdir(pipeline.workdir.path / folder):  # noqa: PTH208 - a path object for each costs more
                raise PackageError(
                    "A load package that dlt 1.31 began waits in the work directory, and only dlt 1.31 can read it.",
                    folder=str(pipeline.workdir.path / folder / min(waiting)),
                    hint="finish it there: pip install dlt==1.31.0 in another environment, and pipeline.run() without data",
                )


# ---- finishing


def finish_pending(pipeline: Pipeline, *, before_others: bool) -> tuple[list[str], list[str]]:
    """Normalise and load all packages that wait, oldest first. Returns the load ids of those that were loaded, and of
    those that were set aside.

    before_others: new data comes next, so one that fails for good is set aside at once; otherwise see `each`.
    """
    packages = pipeline.workdir.packages

    def work(load_id: str) -> None:
        if load_id not in packages.ids(NORMALIZED):
            normalize_extracted(pipeline, load_id)
        load(pipeline, load_id, resumed=True)

    return each(pipeline, packages.pending(), work, before_others=before_others)


def each(
    pipeline: Pipeline, load_ids: Iterable[str], work: Callable[[str], object], *, before_others: bool = False
) -> tuple[list[str], list[str]]:
    """Work on packages, oldest first. Returns the load ids that went well, and those that were set aside: a package that
    fails for good raises, but it does not stand in the way for ever when it had failed before and others wait behind it."""
    packages = pipeline.workdir.packages
    done: list[str] = []
    aside: list[str] = []
    waiting = list(load_ids)
    for load_id in waiting:
        failures = _failures(packages, load_id)
        others = before_others or (load_id != waiting[-1] and bool(failures))
        try:
            work(load_id)
        except Exception as error:
            for_good = load_id in packages.pending() and not isinstance(error, SURROUNDINGS)
            if for_good and _failures(packages, load_id) == failures:
                with suppress(PackageError):  # a manifest that cannot be read is set aside as it is
                    packages.note(load_id, failure(error, "load"))
            if not for_good or not others:
                put_back(pipeline, aside)
                raise
            _set_aside(pipeline, load_id, f"{type(error).__name__}: {error}")
            aside.append(load_id)
        else:
            done.append(load_id)
    return done, aside


def _failures(packages: Store, load_id: str) -> tuple[object, ...]:
    try:
        return packages.read(load_id).failures
    except PackageError as error:
        return (error.message,)


def _set_aside(pipeline: Pipeline, load_id: str, why: str) -> None:
    packages = pipeline.workdir.packages
    packages.move(load_id, FAILED)
    pipeline.parked.append(load_id)
    logger.warning(
        "Load package %s of pipeline %s was set aside. pipeline.retry_package(%r) tries it again, "
        "pipeline.abort_packages(%r) gives it up. %s",
        load_id,
        pipeline.pipeline_name,
        load_id,
        load_id,
        why,
    )


def put_back(pipeline: Pipeline, load_ids: Iterable[str]) -> None:
    """Let packages that this run set aside wait again: it failed too, so perhaps it was not for them."""
    packages = pipeline.workdir.packages
    for load_id in load_ids:
        packages.move(load_id, _stage(packages, load_id))
        pipeline.parked.remove(load_id)


def _stage(packages: Store, load_id: str) -> str:
    """Where a package was before it was set aside."""
    raw = any(path.suffix == ".batch" or path.name == BOOKS for path in packages.find(load_id).iterdir())
    return EXTRACTED if raw else NORMALIZED


def detach(pipeline: Pipeline, why: str) -> None:
    """The state starts from another point than the packages here. Those that move the state of a source are set aside:
    their rows would come twice or leave a gap. The others are loaded, without their state."""
    packages = pipeline.workdir.packages
    for load_id in [*packages.pending(), *packages.ids(FAILED)]:
        waits = load_id in packages.pending()
        try:
            manifest = packages.read(load_id)
        except PackageError as error:
            if waits:
                _set_aside(pipeline, load_id, error.message)
            continue
        if manifest.state is None:
            continue
        before = _before(packages.find(load_id)).get("state.json", {})
        moves = manifest.state.get("sources") != before.get("sources")
        packages.update(manifest.with_(state=None))
        if moves:
            packages.note(load_id, failure(PackageError(why), LEFT))
            if waits:
                _set_aside(pipeline, load_id, why)


def retry(pipeline: Pipeline, load_id: str, *, anyway: bool) -> None:
    """Try a package that was set aside once more; it stays aside when it fails again."""
    packages = pipeline.workdir.packages
    if load_id not in packages.ids(FAILED):
        raise PackageError(
            f"Load package {load_id} was not set aside.",
            folder=str(packages.find(load_id)),
            hint="pipeline.list_failed_load_packages() lists those that were",
        )
    if not anyway:
        _check_order(packages, packages.read(load_id))
    packages.move(load_id, _stage(packages, load_id))
    try:
        if load_id in packages.ids(EXTRACTED):
            normalize_extracted(pipeline, load_id)
        load(pipeline, load_id, resumed=True)
    except BaseException:
        if load_id in packages.pending():
            packages.move(load_id, FAILED)
        raise


def _check_order(packages: Store, manifest: Manifest) -> None:
    """Rows that replace or update others must not come after newer ones, and none that may be there already."""
    hint = "give it up with pipeline.abort_packages and run the source again, or say retry_package(..., anyway=True)"
    for one in manifest.failures:
        if one["step"] == LEFT:
            raise PackageError(
                f"The rows of load package {manifest.load_id} may be there already: {one['error']}", hint=hint
            )
    tables = {table.name: table for table in package_schema(packages, manifest.load_id).all_tables}
    changed = {
        name
        for name in manifest.tables
        if name in tables and root_of(tables, name).write_disposition in ("replace", "merge")
    }
    for newer in packages.committed(after=manifest.load_id):
        if again := sorted(changed.intersection(packages.read(newer).tables)):
            raise PackageError(
                f"A newer load has changed the table since: load package {manifest.load_id} would bring old rows back.",
                table=again[0],
                newer_load=newer,
                hint=hint,
            )


def is_partial(packages: Store, load_id: str | None) -> bool:
    """Whether a load that failed has left something at a destination where nothing can be undone."""
    if load_id is None or load_id not in packages.pending():
        return False
    with suppress(PackageError):  # what cannot be read was not loaded
        return bool(packages.read(load_id).progress.get("steps"))
    return False


# ---- giving up


def abort(pipeline: Pipeline, load_ids: Iterable[str]) -> list[str]:
    """Give packages up, the newest first, so that each step leaves packages and state that belong together. Returns their
    load ids: those that turn out to be at the destination are not among them."""
    packages = pipeline.workdir.packages
    given_up: list[str] = []
    for load_id in sorted(load_ids, reverse=True):
        if _loaded_after_all(pipeline, load_id):
            continue
        packages.move(load_id, ABORTING)  # from here on it is given up, whatever happens
        _give_up(pipeline, load_id)
        given_up.insert(0, load_id)
    return given_up


def _loaded_after_all(pipeline: Pipeline, load_id: str) -> bool:
    """Whether the process died after the load was committed. Then all that was missing is done now."""
    packages, destination = pipeline.workdir.packages, pipeline.need_destination()
    try:
        manifest = packages.read(load_id)
    except PackageError:
        return False
    found = found_committed(manifest, destination, pipeline.dataset_name, pipeline.settings.max_load_tries)
    if found is None:
        return False
    logger.warning("Load package %s cannot be given up any more: it was loaded.", load_id)
    note_loaded(pipeline, packages.finish(found, LOADED))
    return True


def _give_up(pipeline: Pipeline, load_id: str) -> None:
    packages = pipeline.workdir.packages
    try:
        manifest = packages.read(load_id)
    except PackageError as error:
        _rewind(pipeline, load_id, None)
        packages.remove(load_id, ABORTING)
        logger.warning("Load package %s was removed: %s", load_id, error.message)
        return
    if manifest.stage != ABORTED:
        _rewind(pipeline, load_id, manifest.schema_name)
    packages.finish(manifest, ABORTED)


def _rewind(pipeline: Pipeline, load_id: str, schema_name: str | None) -> None:
    """Make the state what it was before a package, as far as nothing newer stands on it: all of it, or the part of the
    package's source when all newer packages are of other sources."""
    packages = pipeline.workdir.packages
    newer = [one for one in (*packages.pending(), *packages.ids(FAILED)) if one > load_id]
    newer += packages.committed(after=load_id)
    if newer and (schema_name is None or any(_schema_name(packages, one) in (schema_name, None) for one in newer)):
        logger.warning("Newer packages stand on %s, which was given up: the state stays as it is.", load_id)
        return
    before = _before(packages.find(load_id))
    state = states.decoded(before["state.json"]) if "state.json" in before else states.new_state(pipeline.pipeline_name)
    local = {key: value for key, value in pipeline.state["_local"].items() if key != "_last_extracted_hash"}
    if newer and schema_name is not None:
        sources = {**pipeline.state.get("sources", {})}
        sources.pop(schema_name, None)
        if schema_name in state.get("sources", {}):
            sources[schema_name] = state["sources"][schema_name]
        state = states.bumped({**pipeline.state, "sources": sources, "_local": local})
    else:
        last = state["_local"].get("_last_extracted_hash")
        state = {**state, "_local": local if last is None else {**local, "_last_extracted_hash": last}}
    schemas = [Schema.from_dict(stored) for name, stored in before.items() if name.endswith(".schema.json")]
    if schema_name is not None and not schemas:
        pipeline.schemas.pop(schema_name, None)
        pipeline.workdir.remove_schema(schema_name)
    pipeline.adopt(state, schemas, replace=True)


def _schema_name(packages: Store, load_id: str) -> str | None:
    try:
        return packages.read(load_id).schema_name
    except PackageError:
        return None


def _before(folder: Path) -> Mapping[str, Any]:
    """State and schema as they were before a package, by file name, in their stored form."""
    paths = folder.glob(BEFORE + "*")
    return {path.name.removeprefix(BEFORE): json.loads(read_text(path)) for path in paths}
