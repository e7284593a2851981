"""What is compared of two data sets: a dict of small parts, with ids and times replaced by what they mean."""

from __future__ import annotations

import json
from typing import Any

Dump = dict[str, Any]

OWN = ("_dlt_version", "_dlt_loads", "_dlt_pipeline_state", "_dlt_quarantine")
IDS = ("_dlt_id", "_dlt_parent_id", "_dlt_root_id")
NEGATIVE = ("nullable", "timezone")  # hints that say something when they are false
NOTES = ("x-normalizer", "x-loader", "x-extractor", "description")


def parts(dump: Dump, *, exact_ids: bool = False) -> dict[str, Any]:
    """The parts of a data set by name: "t columns", "t rows", "t hints", "outcomes", "settings", "state", "loads"."""
    tables = {name: one for name, one in dump["tables"].items() if name not in OWN}
    schemas = {schema["name"]: schema for schema in dump["schemas"]}
    out: dict[str, Any] = {"outcomes": dump["outcomes"], "tables": sorted(tables)}
    for name, table in tables.items():
        out[f"{name} columns"] = table["columns"]
        out[f"{name} rows"] = sorted(rows(name, dump, exact_ids=exact_ids))
        out[f"{name} hints"] = next(
            (hints(schema["tables"][name]) for schema in schemas.values() if name in schema["tables"]), None
        )
    for name in OWN[:3]:
        if name in dump["tables"]:
            out[f"{name} columns"] = dump["tables"][name]["columns"]
    out["settings"] = {name: schema["settings"] for name, schema in schemas.items()}
    out["normalizers"] = {name: normalizers(schema["normalizers"]) for name, schema in schemas.items()}
    out["state"] = [
        _sorted({key: value for key, value in one.items() if key != "_version_hash"}) for one in dump["states"]
    ]
    loads = dump["tables"].get("_dlt_loads", {"rows": []})["rows"]
    out["loads"] = sorted([row["schema_name"], row["status"]] for row in loads)
    return out


def rows(name: str, dump: Dump, *, exact_ids: bool) -> list[str]:
    """The rows of a table as text: without ids, but with the row that each is nested in, and the number of its load."""
    table = dump["tables"][name]
    numbers = {load_id: number for number, load_id in enumerate(load_ids(dump))}
    parents = {
        row["_dlt_id"]: (other, row)
        for other, one in dump["tables"].items()
        for row in one["rows"]
        if other not in OWN and row.get("_dlt_id")
    }

    def text(row: dict[str, Any]) -> str:
        out = {key: value for key, value in row.items() if exact_ids or key not in IDS}
        if "_dlt_load_id" in out:
            out["_dlt_load_id"] = numbers.get(out["_dlt_load_id"], "unknown load")
        for key in ("_dlt_parent_id", "_dlt_root_id"):
            if key in row:
                above = parents.get(row[key])
                out[f"of {key}"] = f"{above[0]} {text(above[1])}" if above else "nothing"
        return json.dumps(_sorted(out), ensure_ascii=False)

    return [text(row) for row in table["rows"]]


def load_ids(dump: Dump) -> list[str]:
    """The ids of all loads, in order."""
    return sorted(row["load_id"] for row in dump["tables"].get("_dlt_loads", {"rows": []})["rows"])


def hints(table: dict[str, Any]) -> dict[str, Any]:
    """A stored table without what an implementation notes for itself, and without what is understood."""
    columns = {name: _said(column) for name, column in table["columns"].items()}
    return _sorted({**_said(table), "columns": columns})


def _said(hints: dict[str, Any]) -> dict[str, Any]:
    """Hints that say something: what is understood may be written or not."""
    understood = [("nullable", True), ("timezone", True)]
    return {
        key: value
        for key, value in hints.items()
        if key not in NOTES and (key, value) not in understood and (value not in (None, False) or key in NEGATIVE)
    }


def normalizers(stored: dict[str, Any]) -> dict[str, Any]:
    """The normalizers without the propagation of root keys, which one implementation notes and the other finds."""
    config = {key: value for key, value in stored["json"].get("config", {}).items() if key != "propagation"}
    return {**stored, "json": {"module": stored["json"]["module"], **({"config": config} if config else {})}}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
