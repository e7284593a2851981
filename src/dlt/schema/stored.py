"""The stored form of a schema, engine version 11: hash, older versions, JSON and YAML, files, text in `_dlt_version`."""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.errors import SchemaError, missing

if TYPE_CHECKING:
    from dlt.schema.model import Column, Table
    from dlt.schema.schema import Schema

Stored = dict[str, Any]

ENGINE_VERSION = 11
OLDEST_ENGINE = 5
VERSION_KEYS = ("version", "version_hash", "previous_hashes", "imported_version_hash")
PROCESSING_HINTS = ("x-normalizer", "x-loader", "x-extractor")
KEYS = {*VERSION_KEYS, "engine_version", "name", "description", "settings", "tables", "normalizers"}
EDITABLE = ("yaml", "json")  # formats of schema files that can be read
FORMATS = (*EDITABLE, "dbml")


# ---- dicts


def column_dict(column: Column) -> dict[str, Any]:
    """The stored form of a column; of one with a type it says whether it is nullable."""
    out = column.to_dict()
    if column.data_type is None or not column.nullable:
        return out
    return {**{key: out.pop(key) for key in ("name", "data_type")}, "nullable": True, **out}


def table_dict(table: Table) -> dict[str, Any]:
    """The stored form of a table, not shared with it."""
    out = copy.deepcopy(table.to_dict())
    columns = {name: copy.deepcopy(column_dict(column)) for name, column in table.columns.items()}
    return {
        "name": out.pop("name"),
        "columns": columns,
        **{key: value for key, value in out.items() if key != "columns"},
    }


class TableTexts(NamedTuple):
    """A table as JSON: in stored order, with sorted keys, and the names that the hash of a schema covers by themselves.

    Tables are frozen, so these are made once; what a schema of many tables costs does not grow with its changes.
    """

    table: Table
    stored: str
    ordered: str
    names: str

    @classmethod
    def of(cls, table: Table, content: Mapping[str, Any]) -> TableTexts:
        """The texts of a table whose stored form is `content`."""
        return cls(table, compact(content), compact(content, sort=True), "".join((table.name, *table.columns)))


def compact(value: Any, *, sort: bool = False) -> str:
    """JSON without spaces."""
    return json.dumps(value, sort_keys=sort, separators=(",", ":"), ensure_ascii=False)


def version_hash(stored: Mapping[str, Any]) -> str:
    """The hash of a stored schema: of its content, and of the names of its tables and columns in their order."""
    content = {key: value for key, value in stored.items() if key not in (*VERSION_KEYS, "tables")}
    tables = stored["tables"]
    texts = {name: compact(table, sort=True) for name, table in tables.items()}
    return content_hash(content, texts, {name: "".join((name, *tables[name]["columns"])) for name in tables})


def content_hash(content: Mapping[str, Any], tables: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The same of parts: all but the tables, and by name of table its JSON with sorted keys and its names."""
    text = compact({**content, "tables": {}}, sort=True)
    inner = ",".join(f"{compact(name)}:{tables[name]}" for name in sorted(tables))
    digest = hashlib.sha3_256(f"{text[:-2]}{inner}}}}}".encode("utf-8", "surrogatepass"))
    digest.update("".join(names[name] for name in sorted(names)).encode("utf-8", "surrogatepass"))
    return base64.b64encode(digest.digest()).decode("ascii")


def without_defaults(stored: Mapping[str, Any]) -> Stored:
    """The stored schema without what is understood: the names inside tables and columns."""

    def slim(named: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in named.items() if key != "name"}

    out = dict(stored)
    out["tables"] = {
        name: {**slim(table), "columns": {key: slim(column) for key, column in table["columns"].items()}}
        for name, table in stored["tables"].items()
    }
    return out


def without_processing_hints(stored: Mapping[str, Any]) -> Stored:
    """The stored schema without the hints in which a run keeps what it has learned."""

    def kept(hints: Mapping[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in hints.items() if key not in PROCESSING_HINTS}

    out = dict(stored)
    out["tables"] = {
        name: {**kept(table), "columns": {key: kept(column) for key, column in table["columns"].items()}}
        for name, table in stored["tables"].items()
    }
    return out


# ---- reading


def upgraded(stored: Mapping[str, Any]) -> Stored:
    """A copy of a stored schema in the form of today's engine version, with the names and hints that may be left out.

    Raises SchemaError when it is no schema, or of an engine version that cannot be read.
    """
    out = _checked(copy.deepcopy(dict(stored)))
    engine = out["engine_version"]
    if engine < 9:
        for table in out["tables"].values():
            if table["columns"]:
                table.setdefault("x-normalizer", {})["seen-data"] = True
    if engine < 10:
        _upgrade_types_and_keys(out)
    if engine < 11:
        out["normalizers"].setdefault("use_break_path_on_normalize", False)
    out["engine_version"] = ENGINE_VERSION
    for name, table in out["tables"].items():
        table.setdefault("name", name)
        for key, column in table["columns"].items():
            column.setdefault("name", key)
        if not table.get("parent"):
            table["write_disposition"] = table.get("write_disposition") or "append"
            table["resource"] = table.get("resource") or name
    return out


def _checked(out: Stored) -> Stored:
    name = out.get("name")
    if not isinstance(name, str) or not isinstance(out.get("tables"), dict):
        raise SchemaError("This is no stored schema: it needs `name` and `tables`.", keys=", ".join(map(str, out)))
    engine = out.setdefault("engine_version", ENGINE_VERSION)
    if not isinstance(engine, int) or not OLDEST_ENGINE <= engine <= ENGINE_VERSION:
        newer = isinstance(engine, int) and engine > ENGINE_VERSION
        raise SchemaError(
            f"The schema is of engine version {engine}; versions {OLDEST_ENGINE} to {ENGINE_VERSION} can be read.",
            schema_name=name,
            hint="upgrade dlt" if newer else "load and save it once with dlt 1.x",
        )
    for key in [key for key in out if key not in KEYS]:
        if not key.startswith("x-"):
            raise SchemaError(f"A stored schema has no key {key!r}.", schema_name=name)
        del out[key]
    for table in out["tables"].values():
        table.setdefault("columns", {})
    out["settings"] = out.get("settings") or {}
    out["normalizers"] = out.get("normalizers") or {}
    return out


def _upgrade_types_and_keys(out: Stored) -> None:
    for table in out["tables"].values():
        for name, column in table["columns"].items():
            if column.get("data_type") == "complex":
                column["data_type"] = "json"
            column.pop("foreign_key", None)
            if name == "_dlt_parent_id":
                column["parent_key"] = True
            if name == "_dlt_id":
                column["row_key"] = True
    preferred = out["settings"].get("preferred_types") or {}
    preferred.update((key, "json") for key, value in preferred.items() if value == "complex")
    hints = out["settings"].get("default_hints")
    if hints is not None:
        hints.pop("foreign_key", None)
        hints.update(parent_key=["_dlt_parent_id"], row_key=["_dlt_id"])


# ---- text and files


def to_json(stored: Mapping[str, Any]) -> str:
    """Readable JSON."""
    return json.dumps(stored, indent=2, ensure_ascii=False)


def to_yaml(stored: Mapping[str, Any]) -> str:
    """YAML; MissingExtra without pyyaml."""
    return str(_yaml().dump(copy.deepcopy(dict(stored)), allow_unicode=True, default_flow_style=False, sort_keys=False))


def _from_yaml(text: str) -> Any:
    yaml = _yaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise missing("A schema file in YAML", "yaml", "pyyaml") from None
    return yaml


def check_format(kind: str) -> str:
    """The format of schema files, if it can be written; SchemaError or MissingExtra otherwise."""
    if kind not in FORMATS:
        raise SchemaError(f"A schema cannot be written as {kind!r}.", hint="use one of " + ", ".join(FORMATS))
    if kind == "yaml":
        _yaml()
    return kind


def file_name(name: str, kind: str = "json") -> str:
    """`<name>.schema.json`, `.yaml` or `.dbml`."""
    return f"{name}.schema.{check_format(kind)}"


def export_schema(
    schema: Schema,
    folder: str | Path,
    format: str = "yaml",  # noqa: A002 - the field's word
    *,
    remove_defaults: bool = True,
    remove_processing_hints: bool = False,
) -> Path:
    """Write a schema for people and version control. Returns the path of the file; a file that has the same text is
    left alone."""
    path = Path(folder) / file_name(schema.name, format)
    if format == "dbml":
        text = schema.to_dbml()
    else:
        stored = schema.to_dict(remove_defaults=remove_defaults, remove_processing_hints=remove_processing_hints)
        text = to_yaml(stored) if format == "yaml" else to_json(stored)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


def import_schema(schema_name: str, folder: str | Path) -> Stored | None:
    """The schema that a user keeps in `folder`, for `Schema.from_dict`; None when there is none. Its `version_hash` is
    that of the content, whatever the file says."""
    readers: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": _from_yaml}
    for kind, read in readers.items():
        path = Path(folder) / f"{schema_name}.schema.{kind}"
        if path.exists():
            try:
                stored = upgraded(read(path.read_text(encoding="utf-8")))
            except (ValueError, TypeError) as error:
                raise SchemaError("The schema file cannot be read.", file=path, cause=error) from error
            stored["version_hash"] = version_hash(stored)
            return stored
    return None


def storage_text(text: str, max_text: int | None = None) -> str:
    """What goes into `_dlt_version.schema`: JSON, or when that is longer than `max_text` bytes, compressed as base64."""
    data = text.encode("utf-8", "surrogatepass")
    if max_text is None or len(data) <= max_text:
        return text
    return base64.b64encode(zlib.compress(data, level=9)).decode("ascii")


def from_storage_text(text: str) -> Stored:
    """The stored schema that `storage_text` was made of; SchemaError when the text is damaged."""
    try:
        if not text.lstrip().startswith("{"):
            text = zlib.decompress(base64.b64decode(text, validate=True)).decode("utf-8", "surrogatepass")
        stored: Stored = json.loads(text)
    except (ValueError, binascii.Error, zlib.error) as error:
        raise SchemaError("The schema in the destination is damaged.", cause=error) from error
    return stored
