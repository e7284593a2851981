"""Hashes of schemas and states are made in the same way: neither takes what the other wrote for changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compare.environment import run
from dlt.pipeline import state as states
from dlt.schema.schema import Schema
from dlt.schema.stored import version_hash

if TYPE_CHECKING:
    from compare.conftest import Both


def schemas(dumps: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema for dump in dumps.values() for schema in dump["schemas"]]


def test_their_schemas_keep_their_hash_here(dumps: Both) -> None:
    found = schemas(dumps.theirs)

    for stored in found:
        schema = Schema.from_dict(stored)
        assert version_hash(stored) == schema.version_hash == stored["version_hash"]
        assert not schema.is_modified
        assert schema.to_dict() == json.loads(schema.to_text())
        assert schema.to_dict()["tables"] == stored["tables"]
    assert len(found) > 30


def test_our_schemas_keep_their_hash_there(dumps: Both, python: Both, tmp_path: Path) -> None:
    found = schemas(dumps.ours)
    (tmp_path / "schemas.json").write_text(json.dumps(found), encoding="utf-8")
    there = run(python.theirs, "read", str(tmp_path / "schemas.json"), folder=tmp_path)

    assert there["schemas"] == [[one["version"], one["version_hash"]] for one in found]
    assert any(one["tables"]["t"].get("x-normalizer", {}).get("names") for one in found if "t" in one["tables"])


def test_states_keep_their_hash(dumps: Both) -> None:
    found = [state for dump in dumps.theirs.values() for state in dump["states"]]

    for state in found:
        assert states.state_hash(states.decoded(state)) == state["_version_hash"]
    assert len(found) > 30


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_schema_files_have_the_same_hash(python: Both, tmp_path: Path, kind: str) -> None:
    """A file that one of them wrote or imported is not taken for a changed one by the other."""
    written = run(python.theirs, "read", "--files", kind, folder=tmp_path / "theirs")
    ours = run(python.ours, "read", "--imported", kind, str(tmp_path / "theirs"), folder=tmp_path / "ours")
    back = run(python.theirs, "read", "--imported", kind, str(tmp_path / "theirs"), folder=tmp_path / "back")

    assert ours["imported"] == back["imported"] == written["imported"]
    assert ours["columns"] == back["columns"]
