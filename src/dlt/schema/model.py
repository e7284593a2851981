"""Column and Table: immutable descriptions, and their form as plain dicts (the stored schema's)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from dlt.errors import SchemaError

DataType = Literal["text", "double", "bool", "timestamp", "bigint", "binary", "json", "decimal", "wei", "date", "time"]
WriteDisposition = Literal["append", "replace", "merge", "skip"]
DATA_TYPES: tuple[str, ...] = get_args(DataType)
USUAL_NAMES = {  # of data types in Python and SQL, with the names here
    **dict.fromkeys(("str", "string", "varchar", "char"), "text"),
    **dict.fromkeys(("int", "integer", "long", "int64", "smallint"), "bigint"),
    **dict.fromkeys(("float", "float64", "real", "number"), "double"),
    **dict.fromkeys(("datetime", "timestamptz"), "timestamp"),
    **dict.fromkeys(("dict", "list", "object", "array", "struct"), "json"),
    **dict.fromkeys(("bytes", "blob"), "binary"),
    "boolean": "bool",
    "numeric": "decimal",
}
NOTHING: Mapping[Any, Any] = MappingProxyType({})

# names of the columns and tables that dlt adds itself
ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_IDX = "_dlt_id", "_dlt_load_id", "_dlt_parent_id", "_dlt_root_id", "_dlt_list_idx"
# columns that are only in files of a load that is merged, under names that no key becomes: the number of the root row; and
# for scd2 the id by which dlt 1.x knows a row, where that is another one
ROW, WAS = "_dlt#row", "_dlt#was"
SCRATCH_ONLY = (ROW, WAS)
LOADS, VERSION, STATE, QUARANTINE = "_dlt_loads", "_dlt_version", "_dlt_pipeline_state", "_dlt_quarantine"


def _nothing() -> Mapping[Any, Any]:
    return NOTHING


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type and hints.

    `data_type` is None while no value was seen ("incomplete"). `extra` holds the free hints, whose keys start
    with "x-". `timezone` and `nullable` are true unless said otherwise.
    """

    name: str
    data_type: str | None = None
    precision: int | None = None
    scale: int | None = None
    timezone: bool = True
    nullable: bool = True
    description: str | None = None
    primary_key: bool = False
    merge_key: bool = False
    row_key: bool = False
    parent_key: bool = False
    root_key: bool = False
    unique: bool = False
    sort: bool = False
    partition: bool = False
    cluster: bool = False
    hard_delete: bool = False
    dedup_sort: str | None = None
    variant: bool = False
    incremental: bool = False
    extra: Mapping[str, Any] = field(default_factory=_nothing)

    def with_(self, **changes: Any) -> Column:
        """This column with some properties replaced."""
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """The stored form: defaults are left out, free hints stand beside the others."""
        out = {name: value for name, default in COLUMN_DEFAULTS.items() if (value := getattr(self, name)) != default}
        return {"name": self.name, **out, **self.extra}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str | None = None) -> Column:
        """A column from its stored form; unknown hints that do not start with `x-` are a SchemaError."""
        given = {key: value for key, value in data.items() if value is not None}
        given["name"] = name = given.get("name") or name
        if not name:
            raise SchemaError("A column needs a name.", column=dict(data))
        if given.get("data_type") == "complex":
            given["data_type"] = "json"
        if (kind := given.get("data_type")) is not None and kind not in DATA_TYPES:
            raise SchemaError(f"Unknown data type {kind!r}.", column=name, hint=_type_hint(kind))
        extra = {key: given.pop(key) for key in list(given) if key not in COLUMN_FIELDS}
        if wrong := [key for key in extra if not key.startswith("x-")]:
            raise SchemaError(f"Unknown column hint {wrong[0]!r}.", column=name, hint=_known(wrong[0], COLUMN_FIELDS))
        return cls(**given, extra=extra or NOTHING)


COLUMN_DEFAULTS = {f.name: f.default for f in fields(Column) if f.name not in ("name", "extra")}
COLUMN_FIELDS = {"name", *COLUMN_DEFAULTS}


@dataclass(frozen=True, slots=True)
class Table:
    """One table: columns by name in order, and its hints. A nested table has a `parent`, a root table a `resource`.

    The same class describes part of a table: what a resource declares, what a batch brought, what a destination has.
    """

    name: str
    columns: Mapping[str, Column] = field(default_factory=_nothing)
    parent: str | None = None
    resource: str | None = None
    write_disposition: str | None = None
    description: str | None = None
    schema_contract: Any = None
    table_sealed: bool | None = None
    filters: Mapping[str, list[str]] | None = None
    table_format: str | None = None
    file_format: str | None = None
    variant_name: str | None = None
    references: tuple[Mapping[str, Any], ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=_nothing)

    def with_(self, **changes: Any) -> Table:
        """This table with some properties replaced."""
        return replace(self, **changes)

    def with_columns(self, columns: Iterable[Column]) -> Table:
        """This table with these columns put in the place of those of the same name, new ones at the end."""
        return replace(self, columns={**self.columns, **{column.name: column for column in columns}})

    def keys(self, hint: str) -> tuple[str, ...]:
        """Names of the columns that carry a hint: `keys("primary_key")`."""
        return tuple(name for name, column in self.columns.items() if getattr(column, hint))

    @property
    def typed(self) -> dict[str, Column]:
        """The columns that have a type."""
        return {name: column for name, column in self.columns.items() if column.data_type}

    @property
    def is_dlt(self) -> bool:
        """True for the tables that dlt keeps for itself."""
        return self.name.startswith("_dlt")

    def to_dict(self) -> dict[str, Any]:
        """The stored form."""
        out: dict[str, Any] = {"name": self.name}
        for key in TABLE_FIELDS:
            if key != "columns" and (value := getattr(self, key)) is not None:
                out[key] = [dict(item) for item in value] if key == "references" else value
        out["columns"] = {name: column.to_dict() for name, column in self.columns.items()}
        return {**out, **self.extra}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str | None = None) -> Table:
        """A table from its stored form; `columns` may be a dict by name or a list."""
        given = {key: value for key, value in data.items() if value is not None}
        given["name"] = name = given.get("name") or name
        if not name:
            raise SchemaError("A table needs a name.", table=dict(data))
        extra = {key: given.pop(key) for key in list(given) if key not in TABLE_FIELDS and key != "name"}
        if wrong := [key for key in extra if not key.startswith("x-")]:
            raise SchemaError(f"Unknown table hint {wrong[0]!r}.", table=name, hint=_known(wrong[0], TABLE_FIELDS))
        columns = given.pop("columns", {})
        pairs = columns.items() if isinstance(columns, Mapping) else ((None, column) for column in columns)
        made = [column if isinstance(column, Column) else Column.from_dict(column, key) for key, column in pairs]
        if "references" in given:
            given["references"] = tuple(given["references"])
        return cls(**given, columns={column.name: column for column in made}, extra=extra or NOTHING)


TABLE_FIELDS = tuple(f.name for f in fields(Table) if f.name not in ("name", "extra"))


def _type_hint(wrong: Any) -> str:
    """What to write for a data type that is not known."""
    meant = USUAL_NAMES.get(str(wrong).lower())
    return f"did you mean {meant!r}? There are " * bool(meant) + "use one of " * (not meant) + ", ".join(DATA_TYPES)


def _known(wrong: str, names: Iterable[str]) -> str:
    """What to do about a hint that is not known."""
    from difflib import get_close_matches

    near = get_close_matches(wrong, names, 1)
    return f"did you mean {near[0]}?" if near else "free hints start with x-"
