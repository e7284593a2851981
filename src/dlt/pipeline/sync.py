"""What the pipeline and its data set know of each other: rows of dlt's own tables, and restoring state and schemas."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dlt.errors import CannotRestorePipeline
from dlt.pipeline import state as states
from dlt.schema.model import LOADS, STATE, VERSION
from dlt.schema.schema import Schema
from dlt.schema.stored import ENGINE_VERSION, from_storage_text, storage_text

if TYPE_CHECKING:
    from dlt.load.session import Session
    from dlt.package.manifest import Manifest
    from dlt.schema.capabilities import Capabilities

Rows = dict[str, list[dict[str, Any]]]


def commit_rows(session: Session, manifest: Manifest, schema: Schema, caps: Capabilities) -> Rows:
    """The rows of dlt's own tables that are committed together with the data of a package."""
    if not caps.keeps_state:
        return {}
    now = datetime.now(UTC).isoformat()
    rows: Rows = {}
    if not session.read(VERSION, {"version_hash": schema.version_hash}).read_all().num_rows:
        rows[VERSION] = [
            {
                "version": schema.version,
                "engine_version": ENGINE_VERSION,
                "inserted_at": now,
                "schema_name": schema.name,
                "version_hash": schema.version_hash,
                "schema": storage_text(schema.to_text(), caps.max_text),
            }
        ]
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


def stored_state(session: Session, pipeline_name: str) -> dict[str, Any] | None:
    """The newest state of a pipeline that was committed at the destination, without what is local; None: there is none."""
    rows = session.read(STATE, {"pipeline_name": pipeline_name}).read_all().to_pylist()
    rows.sort(key=lambda row: (str(row.get("_dlt_load_id") or ""), int(row["version"])), reverse=True)
    for row in rows:
        if session.read(LOADS, {"load_id": row["_dlt_load_id"], "status": 0}).read_all().num_rows:
            return states.from_row(row)
    return None


def stored_schema(session: Session, name: str) -> Schema | None:
    """The newest version of a schema at the destination; None: there is none."""
    rows = session.read(VERSION, {"schema_name": name}).read_all().to_pylist()
    if not rows:
        return None
    newest = max(rows, key=lambda row: (row["inserted_at"], row["version"]))
    return Schema.from_dict(from_storage_text(newest["schema"]))


def merged_state(local: Mapping[str, Any], remote: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The state to go on with when the one at the destination is newer than the local one; None: keep the local one."""
    if remote is None:
        return None
    if remote.get("pipeline_name") != local["pipeline_name"]:
        raise CannotRestorePipeline(
            "The state at the destination is of another pipeline.",
            pipeline=local["pipeline_name"],
            found=remote.get("pipeline_name"),
        )
    newer = remote["_state_version"] >= local["_state_version"]
    if not newer or remote.get("_version_hash") == local.get("_version_hash"):
        return None
    own = {**local["_local"], "_last_extracted_hash": remote["_version_hash"], "first_run": False}
    return {**remote, "_local": own}
