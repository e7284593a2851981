"""Pydantic models as hints: the columns of a model, and rows checked by it."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dlt.errors import ContractViolation, NotBuilt

TYPES: tuple[tuple[type, str], ...] = (
    (bool, "bool"),
    (int, "bigint"),
    (float, "double"),
    (decimal.Decimal, "decimal"),
    (dt.datetime, "timestamp"),
    (dt.date, "date"),
    (dt.time, "time"),
    (dt.timedelta, "bigint"),
    (str, "text"),
    (bytes, "binary"),
)
NESTED = (dict, list, tuple, set, frozenset)
EXTRA = {"forbid": "freeze", "allow": "evolve"}
RELAXED = "relaxing a pydantic model by a schema contract"


def is_model(value: Any) -> bool:
    """True for a pydantic model class or an instance of one; pydantic itself is not imported."""
    kind = value if isinstance(value, type) else type(value)
    return hasattr(kind, "model_fields")


def is_model_class(value: Any) -> bool:
    """True for a pydantic model class."""
    return isinstance(value, type) and hasattr(value, "model_fields")


def columns_of(model: Any) -> dict[str, dict[str, Any]]:
    """The columns of a model class or instance as dicts by name: alias or name, type, nullable.

    Nested models, dicts and lists become `json`, or, with `dlt_config = {"skip_nested_types": True}`, models become
    one column per field and the others none.
    """
    kind = model if isinstance(model, type) else type(model)
    if getattr(kind, "__pydantic_root_model__", False):
        raise NotBuilt("Columns from a pydantic RootModel are not built yet.", value=kind.__name__)
    config = getattr(kind, "dlt_config", {})
    return _columns(kind, bool(config.get("skip_nested_types") or config.get("skip_complex_types")))


def _columns(kind: Any, skip_nested: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for field_name, field in kind.model_fields.items():
        name = field.serialization_alias or field.alias or field_name
        hint, nullable = _plain(field.annotation)
        if hint is Any:
            continue
        if skip_nested and is_model_class(hint):
            for sub, column in _columns(hint, skip_nested).items():
                path = f"{name}__{sub}"
                found[path] = {**column, "name": path, "nullable": nullable or column["nullable"]}
            continue
        data_type = _data_type(hint)
        if not (skip_nested and data_type == "json"):
            found[name] = {"name": name, "data_type": data_type, "nullable": nullable}
    return found


def _plain(hint: Any) -> tuple[Any, bool]:
    """The type of a column and whether it may be null: a union counts as its first member."""
    nullable = False
    while True:
        origin = typing.get_origin(hint)
        if origin is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif origin in (typing.Union, types.UnionType):
            members = typing.get_args(hint)
            nullable = nullable or type(None) in members
            hint = next(member for member in members if member is not type(None))
        else:
            return hint, nullable


def _data_type(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        hint = type(typing.get_args(hint)[0])
    elif origin is not None:
        hint = origin
    if not isinstance(hint, type):
        return "text"
    if issubclass(hint, NESTED) or is_model_class(hint) or hint in (Mapping, Iterable):
        return "json"
    if issubclass(hint, enum.Enum) and not issubclass(hint, (int, str)):
        return "text"
    return next((data_type for kind, data_type in TYPES if issubclass(hint, kind)), "text")


@dataclass(frozen=True, slots=True)
class Validator:
    """Checks rows by a pydantic model and turns them into dicts, or keeps the models."""

    model: Any
    contract: dict[str, str]
    keeps_models: bool
    validate: Callable[[Any], list[Any]]

    @classmethod
    def of(cls, model: Any, contract: Any = None) -> Validator:
        """A validator for a model class; its contract follows from `extra` of the model."""
        from pydantic import TypeAdapter

        config = getattr(model, "dlt_config", {})
        if config.get("is_authoritative_model"):
            raise NotBuilt("is_authoritative_model is not built yet.", value=model.__name__)
        own = {"tables": "evolve", "columns": EXTRA.get(model.model_config.get("extra"), "discard_value")}
        own["data_type"] = "freeze"
        if contract and contract != own:
            raise NotBuilt(
                f"Not built yet: {RELAXED}.",
                value=contract,
                hint=f"leave schema_contract away (the model says {own}), or pass an instance of the model as columns",
            )
        return cls(model, own, bool(config.get("return_validated_models")), TypeAdapter(list[model]).validate_python)

    def __call__(self, rows: list[Any]) -> list[Any]:
        """The rows as the model sees them; ContractViolation, with the errors of pydantic as its cause."""
        from pydantic import ValidationError

        try:
            models = self.validate(rows)
        except ValidationError as failed:
            first = failed.errors()[0]
            row, *path = first["loc"]
            raise ContractViolation(
                f"A row does not fit the model {self.model.__name__}: {first['msg']}.",
                column=".".join(map(str, path)),
                value=repr(rows[int(row)])[:200],
                hint="change the model or the data",
            ) from failed
        if self.keeps_models:
            return models
        return [model.model_dump(by_alias=True) for model in models]
