"""What the pipeline and its data set know of each other: rows of dlt's own tables, and restoring state and schemas."""

from __future__ import annotations

import logging
import uuid
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.errors import CannotRestorePipeline, PackageError, SchemaError
from dlt.load.plan import shape
from dlt.load.run import patiently
from dlt.load.session import Load
from dlt.load.steps import Add, Commit, Create
from dlt.pipeline import state as states
from dlt.schema.model import LOADS, STATE, VERSION
from dlt.schema.schema import Schema
from dlt.schema.stored import ENGINE_VERSION, from_storage_text, storage_text

if TYPE_CHECKING:
    from dlt.load.session import Session
    from dlt.package.manifest import Manifest
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.capabilities import Capabilities

logger = logging.getLogger("dlt")

LOADED_VERSION = "_loaded_version"  # what the destination looked like after the last load
LOADED_STATE = "_loaded"  # in the local part of the state: load id of the newest state that the data set has of us
Rows = dict[str, list[dict[str, Any]]]


def version_rows(session: Session, schema: Schema, caps: Capabilities, at: str) -> Rows:
    """The row of `_dlt_version` for a schema, unless it is there."""
    if session.read(VERSION, {"version_hash": schema.version_hash}).read_all().num_rows:
        return {}
    row = {
        "version": schema.version,
        "engine_version": ENGINE_VERSION,
        "inserted_at": at,
        "schema_name": schema.name,
        "version_hash": schema.version_hash,
        "schema": storage_text(schema.to_text(), caps.max_text),
    }
    return {VERSION: [row]}


def commit_rows(session: Session, manifest: Manifest, schema: Schema, caps: Capabilities) -> Rows:
    """The rows of dlt's own tables that are committed together with the data of a package."""
    if not caps.keeps_state:
        return {}
    now = datetime.now(UTC).isoformat()
    # a package that is tried again later does not bring the newest schema
    rows = version_rows(session, schema, caps, manifest.created_at)
    if manifest.state is not None:
        rows[STATE] = [states.to_row(states.decoded(manifest.state), manifest.load_id, uuid.uuid4().hex[:14], now)]
    rows[LOADS] = [
        {
            "load_id": manifest.load_id,
            "schema_name": schema.name,
            "status": 0,
            "inserted_at": now,
            "schema_version_hash": schema.version_hash,
        }
    ]
    return rows


class Stored(NamedTuple):
    """A state that is at the destination, without what is local, and the load it came with."""

    load_id: str
    state: dict[str, Any]


def stored_state(session: Session, pipeline_name: str, loaded: str | None = None) -> Stored | None:
    """The newest state of a pipeline that was committed at the destination; None: there is none.

    loaded: a load that is known to be committed.
    """
    mine = {"pipeline_name": pipeline_name}
    rows = session.read(STATE, mine, last="_dlt_load_id").read_all().to_pylist()
    newest = rows[0]["_dlt_load_id"] if rows else None
    if newest not in (None, loaded) and not _is_loaded(
        session, newest
    ):  # a load that did not end, where nothing is undone
        rows = session.read(STATE, mine).read_all().to_pylist()
        rows.sort(key=lambda row: (str(row.get("_dlt_load_id") or ""), int(row["version"])), reverse=True)
        rows = [row for row in rows if _is_loaded(session, row["_dlt_load_id"])]
    return Stored(rows[0]["_dlt_load_id"], states.from_row(rows[0])) if rows else None


def _is_loaded(session: Session, load_id: str) -> bool:
    return bool(session.read(LOADS, {"load_id": load_id, "status": 0}).read_all().num_rows)


def stored_schema(session: Session, name: str) -> Schema | None:
    """The newest version of a schema at the destination; None: there is none."""
    rows = session.read(VERSION, {"schema_name": name}).read_all().to_pylist()
    if not rows:
        return None
    newest = max(rows, key=lambda row: (row["inserted_at"], row["version"]))
    return Schema.from_dict(from_storage_text(newest["schema"]))


# ---- which state to go on with


def unchanged(pipeline: Pipeline) -> bool:
    """Whether nobody has written to the destination since this pipeline did: there is nothing to take over."""
    version = seen_version(pipeline)
    known = all(name in pipeline.schemas for name in pipeline.state["schema_names"])
    return known and version is not None and version == pipeline.state["_local"].get(LOADED_VERSION)


def seen_version(pipeline: Pipeline) -> str | None:
    """What the destination looks like; None when it cannot tell."""
    destination = pipeline.need_destination()
    version = destination.version()
    return version and f"{destination.fingerprint} {pipeline.dataset_name} {version}"


def take_over(pipeline: Pipeline) -> None:
    """Bring the state and schemas here in line with those of the data set.

    The state here is kept when the newest one in the data set is of a load of this work directory: what is here is that
    state or stands on it. A state of another place or another life of the pipeline wins. When this pipeline has loaded,
    and the data set has nothing of it (it was deleted, or it is another one), the pipeline starts anew: a cursor that
    points behind rows that are gone would leave a gap. Packages that wait and stand on a state that is left are set
    aside.
    """
    if not pipeline.need_destination().caps.keeps_state:
        return
    last = pipeline.state["_local"].get(LOADED_STATE)

    def look(_tries: int) -> tuple[Stored | None, bool, list[Schema]]:
        with pipeline.session() as session:
            found = stored_state(session, pipeline.pipeline_name, last)
            keep = _is_ours(pipeline, found) if found else not last or _is_loaded(session, last)
            names = pipeline.state["schema_names"] if keep or found is None else found.state["schema_names"]
            names = [name for name in names if name not in pipeline.schemas or not keep] if keep or found else []
            return found, keep, [schema for name in names if (schema := stored_schema(session, name)) is not None]

    found, keep, schemas = patiently(look, pipeline.settings.max_load_tries)
    if found is not None:
        pipeline.workdir.packages.follow(found.load_id)
    if keep:
        if found is None and last:  # its table was dropped: the next package brings the state again
            pipeline.state["_local"].pop("_last_extracted_hash", None)
        if schemas:
            pipeline.adopt(pipeline.state, schemas, replace=True)
    elif found is not None:
        _adopt(pipeline, found, schemas)
    else:
        _start_anew(pipeline)


def _is_ours(pipeline: Pipeline, found: Stored) -> bool:
    """Whether the state here is the newest one at the destination or stands on it. A load is also ours when the process
    died before it could note that it was committed."""
    last = pipeline.state["_local"].get(LOADED_STATE, "")
    if found.load_id == last:
        return True
    stands_on = found.state["_state_version"] <= pipeline.state["_state_version"]
    return bool(found.load_id > last and stands_on and pipeline.workdir.packages.has(found.load_id))


def check_alone(pipeline: Pipeline, session: Session, manifest: Manifest) -> None:
    """PackageError when the data set got another state, or lost its own, after the rows of this package were extracted:
    they would be there twice, or others would be left out."""
    restores = pipeline.settings.restore_from_destination and not pipeline.dev_mode
    if manifest.state is None or not restores or not pipeline.need_destination().caps.keeps_state:
        return
    found, last = stored_state(session, pipeline.pipeline_name), pipeline.state["_local"].get(LOADED_STATE)
    if _is_ours(pipeline, found) if found else not last or _is_loaded(session, last):
        return
    pipeline.forget_sync()
    what = (
        "Another process has loaded with this pipeline, from another work directory, since these rows were extracted: "
        "they may be there already."
    )
    gone = (
        "The data set has nothing of this pipeline, which has loaded before: rows before these ones would be missing."
    )
    raise PackageError(
        what if found else gone,
        pipeline=pipeline.pipeline_name,
        dataset=pipeline.dataset_name,
        other_load=found.load_id if found else None,
        hint="run again: the run starts from the state of the data set, and this package is set aside",
    )


def _adopt(pipeline: Pipeline, found: Stored, schemas: list[Schema]) -> None:
    if found.state.get("pipeline_name") != pipeline.pipeline_name:
        raise CannotRestorePipeline(
            "The state at the destination is of another pipeline.",
            pipeline=pipeline.pipeline_name,
            found=found.state.get("pipeline_name"),
        )
    local, dataset = pipeline.state["_local"], pipeline.dataset_name
    if found.state["_version_hash"] != pipeline.state.get("_version_hash"):
        pipeline.detach("The data set holds a newer state, from another place, than the one these rows stand on.")
    own = {"_last_extracted_hash": found.state["_version_hash"], LOADED_STATE: found.load_id, "first_run": False}
    state = {**found.state, "dataset_name": dataset, "_local": {**local, **own}}
    pipeline.adopt(state, schemas, replace=True)


def _start_anew(pipeline: Pipeline) -> None:
    logger.warning(
        "The data set %s at %s has nothing of pipeline %s, which has loaded before: the pipeline starts anew, its "
        "schemas and the state of its sources are forgotten.",
        pipeline.dataset_name,
        pipeline.need_destination().location,
        pipeline.pipeline_name,
    )
    pipeline.detach("The data set that these rows were extracted for is not there any more.")
    local = {
        key: value
        for key, value in pipeline.state["_local"].items()
        if key not in ("_last_extracted_hash", LOADED_STATE)
    }
    fresh = states.new_state(pipeline.pipeline_name)
    for name in pipeline.schemas:
        pipeline.workdir.remove_schema(name)
    pipeline.schemas.clear()
    pipeline.adopt({**fresh, "_local": {**local, **fresh["_local"]}}, [], replace=True)


def schema_named(pipeline: Pipeline, name: str | None) -> Schema:
    """A schema of a pipeline, the default one without a name."""
    if name is None:
        return pipeline.default_schema
    if name not in pipeline.schemas:
        known = ", ".join(pipeline.schemas) or "none"
        raise SchemaError(f"The pipeline has no schema {name!r}.", pipeline=pipeline.pipeline_name, schemas=known)
    return pipeline.schemas[name]


def migrate(pipeline: Pipeline, schema: Schema) -> dict[str, Any]:
    """Make the tables of a data set what a schema says, and note its version there. Returns the tables that were made or
    got columns, by name, with these columns."""
    destination = pipeline.need_destination()
    caps, at = destination.caps, datetime.now(UTC).isoformat()
    load_id = pipeline.workdir.packages.new_load_id()
    tables = {table.name: table for table in schema.all_tables if any(c.data_type for c in table.columns.values())}
    about = Load(load_id, schema.name, pipeline.pipeline_name, str(pipeline.workdir.path), at)
    with closing(destination.open(pipeline.dataset_name, about)) as session:
        steps = shape(tables, session.reflect(tables), caps)
        rows = version_rows(session, schema, caps, at) if caps.keeps_state else {}
        if steps or rows:
            for step in (*steps, Commit(rows)):
                session.apply(step)
    changed = [step.table for step in steps if isinstance(step, Create)]
    changed += [step.table.with_(columns={c.name: c for c in step.columns}) for step in steps if isinstance(step, Add)]
    return {table.name: table.to_dict() for table in changed}
