"""Hints of resources: a plain dict as the user gave it, and the partial Table it declares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from dlt.errors import SchemaError
from dlt.extract.validate import Validator, columns_of, is_model, is_model_class
from dlt.schema.model import Column, Table

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource

Hints = dict[str, Any]
Path = tuple[str, ...]

DISPOSITIONS = ("append", "replace", "merge", "skip")
MODES = ("evolve", "freeze", "discard_row", "discard_value")
UPSERT = ("source_filter", "skip_unchanged_rows", "row_version_column_name")
SCD2 = ("validity_column_names", "active_record_timestamp", "boundary_timestamp", "row_version_column_name")
STRATEGIES: dict[str, tuple[str, ...]] = {
    "delete-insert": ("deduplicated", "source_filter", "destination_scope"),
    "upsert": UPSERT,
    "cdc": (*UPSERT, "destination_scope"),
    "scd2": (*SCD2, "source_filter", "destination_scope"),
    "insert-only": (),
}
TABLE_OPTIONS = {
    "deduplicated": "x-stage-data-deduplicated",
    "source_filter": "x-merge-source-filter",
    "destination_scope": "x-merge-destination-scope",
    "skip_unchanged_rows": "x-merge-skip-unchanged-rows",
    "boundary_timestamp": "x-boundary-timestamp",
}
TABLE_FORMATS = ("iceberg", "delta", "hive", "native")
PLAIN_HINTS = ("table_format", "file_format", "schema_contract", "references", "description")


def make_hints(
    table_name: Any = None,
    parent_table_name: Any = None,
    write_disposition: Any = None,
    columns: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
    table_format: Any = None,
    file_format: Any = None,
    additional_table_hints: dict[str, Any] | None = None,
    references: Any = None,
    incremental: Any = None,
    nested_hints: Any = None,
) -> Hints:
    """Hints for a resource as a dict, without those that are None or empty. Raises SchemaError on hints that no data
    could make right. Each may be a function of the item."""
    return merge_hints({}, locals())


def make_nested_hints(**hints: Any) -> Hints:
    """Hints for a nested table as a dict: the arguments of `make_hints` that make sense there."""
    known = {"parent_table_name", "columns", "primary_key", "merge_key", "write_disposition", *PLAIN_HINTS}
    if unknown := sorted(hints.keys() - known):
        raise TypeError(f"make_nested_hints() got an unexpected keyword argument {unknown[0]!r}")
    return merge_hints({}, hints)


def merge_hints(old: Hints, new: Mapping[str, Any]) -> Hints:
    """The old hints with the new ones in their place. None keeps, an empty value removes; columns are merged by name,
    unless either side is a function."""
    out = dict(old)
    for key, value in new.items():
        if value is None:
            continue
        if not callable(value) and isinstance(value, (str, Sequence, Mapping)) and not value:
            out.pop(key, None)
        elif key == "columns":
            _put_columns(out, value)
        elif key == "incremental":
            _put_incremental(out, value)
        elif key == "additional_table_hints":
            out[key] = {**out.get(key, {}), **value}
        else:
            out[key] = value
    _check(out)
    if (validator := out.get("validator")) is not None:
        given = out.get("schema_contract")
        if given != validator.contract:
            out["validator"] = validator = Validator.of(validator.given, given)
        out["schema_contract"] = validator.contract
    return out


def _put_columns(out: Hints, columns: Any) -> None:
    if is_model_class(columns):
        if "validator" in out and out.get("schema_contract") == out["validator"].contract:
            out.pop("schema_contract")  # it was that of another model
        out["validator"] = Validator.of(columns)
    if callable(columns) and not is_model(columns):
        out["columns"] = columns
        return
    known = out.get("columns")
    made = dict(known) if isinstance(known, dict) else {}
    for name, column in column_dicts(columns).items():
        made[name] = {**made.get(name, {}), **column}
    out["columns"] = made


def _put_incremental(out: Hints, value: Any) -> None:
    from dlt.extract.incremental import Incremental

    if value is Incremental.EMPTY:
        out.pop("incremental", None)
    else:
        out["incremental"] = Incremental.ensure_instance(value)


def _check(hints: Hints) -> None:
    table_name = hints.get("table_name")
    if is_dynamic(hints) and not callable(table_name):
        raise SchemaError(
            "Hints that are functions of the item need a table name that is one too.",
            table=table_name,
            hint="give table_name=lambda item: ...",
        )
    if (disposition := hints.get("write_disposition")) is not None and not callable(disposition):
        disposition_hints(disposition)
    if (contract := hints.get("schema_contract")) is not None and not callable(contract):
        check_contract(contract)
    table_format = hints.get("table_format")
    if table_format not in (None, *TABLE_FORMATS) and not callable(table_format):
        raise SchemaError(f"Unknown table format {table_format!r}.", hint="use one of " + ", ".join(TABLE_FORMATS))
    on_bad_rows = (hints.get("additional_table_hints") or {}).get("x-on-bad-rows")
    if on_bad_rows not in (None, "quarantine", "fail") and not callable(on_bad_rows):
        raise SchemaError(f"{on_bad_rows!r} is no value of x-on-bad-rows.", hint="use quarantine or fail")
    references = hints.get("references")
    for reference in references if isinstance(references, (list, tuple)) else ():
        if len(reference["columns"]) != len(reference["referenced_columns"]):
            raise SchemaError("A reference needs as many columns as it refers to.", value=dict(reference))


def check_contract(contract: Any) -> None:
    """SchemaError unless this is a contract mode, or a dict of modes for tables, columns, data_type."""
    given = contract if isinstance(contract, Mapping) else {"tables": contract}
    for entity, mode in given.items():
        if entity not in ("tables", "columns", "data_type") or mode not in MODES:
            raise SchemaError(f"Unknown schema contract {contract!r}.", hint="modes: " + ", ".join(MODES))


def is_dynamic(hints: Hints) -> bool:
    """True when a hint other than the table name is a function of the item."""
    return any(True for _ in functions_of(hints))


def functions_of(hints: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[Any], Any]]]:
    """The hints that are functions of the item, but the table name; additional hints as one function."""
    for key, value in hints.items():
        if callable(value):
            if key not in ("table_name", "validator"):
                yield key, value
        elif key == "additional_table_hints" and any(map(callable, value.values())):
            yield key, partial(_resolved, value)


def _resolved(hints: Mapping[str, Any], item: Any) -> dict[str, Any]:
    return {key: value(item) if callable(value) else value for key, value in hints.items()}


def column_dicts(columns: Any) -> dict[str, dict[str, Any]]:
    """Columns by name as dicts, from a dict, a list of dicts or Columns, or a pydantic model."""
    if is_model(columns):
        return columns_of(columns)
    pairs: Iterable[tuple[str | None, Any]]
    if isinstance(columns, Mapping):
        pairs = columns.items()
    elif isinstance(columns, Sequence) and not isinstance(columns, str):
        pairs = ((None, column) for column in columns)
    else:
        raise SchemaError(
            f"Columns cannot be of type {type(columns).__name__}.",
            hint="give a dict of name to hints, a list of dicts with a name, or a pydantic model",
        )
    made = {}
    for key, column in pairs:
        if not isinstance(column, (Column, Mapping)):
            raise SchemaError(
                "A column is described by a dict of hints.",
                column=key,
                value=repr(column)[:200],
                hint='for example {"id": {"data_type": "bigint"}}, or in a list {"name": "id", "data_type": "bigint"}',
            )
        given = column.to_dict() if isinstance(column, Column) else dict(column)
        name = key or given.get("name")
        if not name:
            raise SchemaError("A column needs a name.", value=given)
        made[name] = {**given, "name": name}
    return made


def disposition_hints(value: Any) -> tuple[str, dict[str, Any], list[Column]]:
    """What a write disposition, a word or a dict, says: its name, hints of the table, columns that must be there.
    Raises SchemaError, a ValueError, on an unknown disposition, strategy or option."""
    if isinstance(value, str):
        value = {"disposition": value}
    options = dict(value)
    disposition, strategy = options.pop("disposition", None), options.pop("strategy", None)
    if disposition not in DISPOSITIONS:
        raise SchemaError(f"Unknown write disposition {disposition!r}.", hint="use one of " + ", ".join(DISPOSITIONS))
    if disposition != "merge":
        if strategy or options:
            raise SchemaError(
                f"The write disposition {disposition!r} takes no {'strategy' if strategy else next(iter(options))!r}.",
                value=value,
                hint="the replace strategy is a setting of the destination",
            )
        return disposition, {}, []
    allowed = STRATEGIES.get(strategy or "delete-insert")
    if allowed is None:
        raise SchemaError(f"Unknown merge strategy {strategy!r}.", hint="use one of " + ", ".join(STRATEGIES))
    if wrong := [key for key in options if key not in allowed]:
        raise SchemaError(
            f"The merge strategy {strategy or 'delete-insert'!r} has no option {wrong[0]!r}.",
            hint="it takes " + (", ".join(allowed) or "none"),
        )
    table = {TABLE_OPTIONS[key]: options[key] for key in options if key in TABLE_OPTIONS and options[key]}
    if strategy:
        table["x-merge-strategy"] = strategy
    if "x-boundary-timestamp" in table:
        table["x-boundary-timestamp"] = _timestamp("boundary_timestamp", table["x-boundary-timestamp"])
    columns = _validity(options) if strategy == "scd2" else []
    version = options.get("row_version_column_name") or ("_dlt_id" if strategy == "scd2" else None)
    if version:
        columns.append(Column(version, nullable=False, extra={"x-row-version": True}))
    return disposition, table, columns


def _validity(options: Mapping[str, Any]) -> list[Column]:
    names = options.get("validity_column_names") or ("_dlt_valid_from", "_dlt_valid_to")
    if len(names) != 2:
        raise SchemaError("validity_column_names needs two names: valid from, valid to.", value=names)
    ends: dict[str, Any] = {"x-valid-to": True}
    if active := options.get("active_record_timestamp"):
        ends["x-active-record-timestamp"] = _timestamp("active_record_timestamp", active)
    return [Column(names[0], "timestamp", extra={"x-valid-from": True}), Column(names[1], "timestamp", extra=ends)]


def _timestamp(option: str, value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    try:
        dt.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise SchemaError(f"{option} is not a timestamp.", value=value, hint="use ISO 8601, as 9999-12-31") from None
    return str(value)


def table_of(hints: Hints, name: str, resource: str | None, item: Any = None) -> Table:
    """The part of a table that the hints declare; hints that are functions are called with the item.

    Names are as the user wrote them. With `parent_table_name` the table is nested and has no resource.
    """
    if is_dynamic(hints):
        hints = {**hints, **{key: function(item) for key, function in functions_of(hints)}}
        _check({**hints, "table_name": None})
    disposition, extra, required = disposition_hints(hints.get("write_disposition") or "append")
    columns = _columns(hints, required)
    extra.update(hints.get("additional_table_hints") or {})
    if (depth := hints.get("max_table_nesting")) is not None:
        extra["x-normalizer"] = {"max_nesting": depth}
    parent = hints.get("parent_table_name")
    fields = {key: hints[key] for key in PLAIN_HINTS if hints.get(key)}
    return Table.from_dict(
        {
            **fields,
            **extra,
            "columns": columns,
            "parent": parent,
            "resource": None if parent else resource,
            "write_disposition": disposition,
        },
        name,
    )


def with_cursor(table: Table, resource: DltResource) -> Table:
    """The table, in which the column that is the cursor of the resource says so."""
    from dlt.extract.attach import cursor_column

    name = cursor_column(resource)
    if name is None:
        return table
    column = table.columns.get(name, Column(name)).with_(incremental=True)
    return table.with_(columns={**table.columns, name: column})


def _columns(hints: Hints, required: Iterable[Column]) -> list[Column]:
    given = hints.get("columns") or {}
    made = {name: Column.from_dict(column, name) for name, column in column_dicts(given).items()} if given else {}
    for column in required:
        old = made.get(column.name)
        made[column.name] = column if old is None else _over(old, column)
    for hint in ("primary_key", "merge_key"):
        if keys := hints.get(hint):
            _mark_keys(made, hint, (keys,) if isinstance(keys, str) else keys)
    return list(made.values())


def _over(old: Column, new: Column) -> Column:
    return old.with_(
        data_type=new.data_type or old.data_type,
        nullable=old.nullable and new.nullable,
        extra={**old.extra, **new.extra},
    )


def _mark_keys(columns: dict[str, Column], hint: str, keys: Iterable[str]) -> None:
    for name, column in columns.items():
        if getattr(column, hint):
            columns[name] = column.with_(**{hint: False})
    for name in keys:
        columns[name] = columns.get(name, Column(name)).with_(**{hint: True, "nullable": False})


def nested_tables(hints: Hints, root: str, resource: str, item: Any = None) -> list[tuple[Path, Table]]:
    """The tables that nested hints declare, with their path of keys from the root; parents before children.

    One with a primary or merge key is a table of its own, with a resource; the others have a parent.
    """
    nested = hints.get("nested_hints")
    if callable(nested):
        nested = nested(item)
    found = []
    for key, given in (nested or {}).items():
        path: Path = (key,) if isinstance(key, str) else tuple(key)
        given = merge_hints({}, given)  # noqa: PLW2901  # also checks it
        parent = given.pop("parent_table_name", None) or "__".join((root, *path[:-1]))
        table = table_of(given, "__".join((root, *path)), resource, item)
        if "write_disposition" not in given:
            table = table.with_(write_disposition=None)
        if not (given.get("primary_key") or given.get("merge_key")):
            table = table.with_(parent=parent, resource=None)
        found.append((path, table))
    return sorted(found, key=lambda pair: len(pair[0]))


def named_nested_hints(hints: Hints, root: str, naming: Any, item: Any = None) -> Iterator[tuple[str, str, Hints]]:
    """Normalised name of each table that nested hints declare, that of its parent, and the hints."""
    nested = hints.get("nested_hints")
    for key, given in ((nested(item) if callable(nested) else nested) or {}).items():
        path: Path = (key,) if isinstance(key, str) else tuple(key)
        own = naming.normalize_tables_path("__".join((root, *path)))
        yield own, naming.normalize_tables_path("__".join((root, *path[:-1]))), given


NameOf = str | Callable[[Any], str]
