"""Pydantic models as hints: the columns of a model, and rows checked by it."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import logging
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from dlt.errors import ContractViolation, NotBuilt, SchemaError
from dlt.items import RefusedRows

logger = logging.getLogger("dlt")

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
ALLOWED = {"freeze": "forbid", "discard_row": "forbid", "evolve": "allow", "discard_value": "ignore"}
ASIDE = {"columns": '{"columns": "discard_row"}', "data_type": '{"data_type": "discard_row"}'}


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
    config = getattr(kind, "dlt_config", {})
    skip_nested = bool(config.get("skip_nested_types") or config.get("skip_complex_types"))
    found, *others = [_columns(one, skip_nested) for one in variants_of(kind)]
    return {
        name: {**column, "nullable": column["nullable"] or any(other[name]["nullable"] for other in others)}
        for name, column in found.items()
        if all(other.get(name, {}).get("data_type") == column["data_type"] for other in others)
    }


def variants_of(kind: Any) -> list[Any]:
    """The models that a row may be: of a RootModel those in its root, else the model itself."""
    if not _is_root(kind):
        return [kind]
    found = list(_models_in(kind.model_fields["root"].annotation))
    if not found:
        raise SchemaError(
            f"The root of the model {kind.__name__} is no model: its rows have no columns.",
            value=kind.__name__,
            hint="use a RootModel of one model, or of a union of models",
        )
    return found


def _is_root(kind: Any) -> bool:
    return bool(getattr(kind, "__pydantic_root_model__", False))


def _models_in(hint: Any) -> Iterator[Any]:
    if is_model_class(hint):
        yield from variants_of(hint)
    elif typing.get_origin(hint) is typing.Annotated:
        yield from _models_in(typing.get_args(hint)[0])
    elif typing.get_origin(hint) in (typing.Union, types.UnionType):
        for one in typing.get_args(hint):
            yield from _models_in(one)


def _columns(kind: Any, skip_nested: bool) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for field_name, given in kind.model_fields.items():
        name = given.serialization_alias or given.alias or field_name
        hint, nullable = _plain(given.annotation)
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
    """Checks rows by a pydantic model and turns them into dicts, or keeps the models.

    given: the model of the user; model: the same with the extra fields and types that the contract lets in.
    """

    given: Any
    contract: dict[str, str]
    keeps_models: bool
    grows: bool  # the columns of each kind of model that comes are declared, also those without values
    model: Any = field(compare=False)
    validate: Callable[[Any], list[Any]] = field(compare=False)

    @classmethod
    def of(cls, given: Any, contract: Any = None) -> Validator:
        """A validator for a model class. Its contract follows from `extra` of the model; one that is given goes before."""
        from pydantic import TypeAdapter

        config = getattr(given, "dlt_config", {})
        extras = {EXTRA.get(one.model_config.get("extra"), "discard_value") for one in variants_of(given)}
        own = {"tables": "evolve", "columns": extras.pop() if len(extras) == 1 else "discard_value"}
        own["data_type"] = "freeze"
        wanted = dict.fromkeys(own, contract) if isinstance(contract, str) else {**own, **(contract or {})}
        if wanted["data_type"] == "discard_value":
            raise NotBuilt(
                "A pydantic model cannot discard single values of a wrong type.",
                value=given.__name__,
                hint='use {"data_type": "discard_row"}, or pass an instance of the model as columns',
            )
        model, relaxed = given, wanted["data_type"] == "evolve"
        if relaxed or wanted["columns"] != own["columns"]:
            model = _adjusted(given, ALLOWED[wanted["columns"]], _tags(given) if relaxed else None, {})
        if wanted != own:
            logger.warning(
                "Model %s: the contract %s goes before what the model says, %s.", given.__name__, wanted, own
            )
        rows: Any = list[model]  # type: ignore[valid-type]  # a type that is made here
        validate = TypeAdapter(rows).validate_python
        grows = bool(config.get("is_authoritative_model"))
        return cls(given, wanted, bool(config.get("return_validated_models")), grows, model, validate)

    def __call__(self, rows: list[Any], start: int = 0) -> tuple[list[Any], RefusedRows | None]:
        """The models of the rows, and the rows that the model does not let in, if the contract is to set them aside.

        start: how many rows came before. ContractViolation, with the errors of pydantic as its cause, when it is to freeze.
        """
        from pydantic import ValidationError

        refused = None
        try:
            models = self.validate(rows)
        except ValidationError as failed:
            refused = self.refused(rows, start, failed)
            bad = {position - start for position, *_ in refused.why}
            models = self.validate([row for number, row in enumerate(rows) if number not in bad])
        return models, refused

    def rows(self, models: list[Any]) -> list[Any]:
        """What goes on of the models: plain rows, or the models."""
        if self.keeps_models:
            return [_inner(model) for model in models]
        return [model.model_dump(by_alias=True) for model in models]

    def columns(self, models: list[Any]) -> dict[str, dict[str, Any]]:
        """The columns of the kinds of these models; those that not all rows have may be null."""
        config = getattr(self.given, "dlt_config", {})
        skip_nested = bool(config.get("skip_nested_types") or config.get("skip_complex_types"))
        shared = columns_of(self.given)
        found: dict[str, dict[str, Any]] = {}
        for kind in dict.fromkeys(map(type, map(_inner, models))):
            for name, column in _columns(kind, skip_nested).items():
                found.setdefault(name, shared.get(name) or {**column, "nullable": True})
        return found

    def refused(self, rows: list[Any], start: int, failed: Any) -> RefusedRows:
        """The rows that pydantic found errors in; each with the first of them."""
        first: dict[int, tuple[int, str, str]] = {}
        for error in failed.errors(include_url=False):
            number, *path = error["loc"]
            if path and _is_root(self.given) and len(path) > 1:
                path = path[1:]  # which of the variants it is
            column = ".".join(map(str, path))
            entity = "columns" if error["type"] == "extra_forbidden" else "data_type"
            if self.contract[entity] == "freeze":
                raise ContractViolation(
                    f"A row does not fit the model {self.given.__name__}: {error['msg']}.",
                    column=column,
                    value=repr(rows[number])[:200],
                    position=start + number,
                    schema_entity=entity,
                    contract_mode="freeze",
                    hint="change the model or the data, or set such rows aside with schema_contract=" + ASIDE[entity],
                ) from failed
            first.setdefault(number, (start + number, column, error["msg"]))
        out = RefusedRows(rows[number] for number in sorted(first))
        out.why = [first[number] for number in sorted(first)]
        return out


def _inner(model: Any) -> Any:
    """What a root model holds; another model itself."""
    while _is_root(type(model)):
        model = model.root
    return model


def _tags(model: Any) -> frozenset[str]:
    """The fields that tell of which model in a RootModel a row is."""
    tag = model.model_fields["root"].discriminator if _is_root(model) else None
    return frozenset([tag] if isinstance(tag, str) else [])


def _adjusted(model: Any, extra: str, relaxed: frozenset[str] | None, made: dict[Any, Any]) -> Any:
    """A model like this one, and like those in its fields, that treats extra fields so; relaxed: and takes any type, but
    in these fields."""
    from pydantic import create_model

    if model in made:
        return made[model]
    config = {} if _is_root(model) else {"extra": extra}  # that of its variants counts
    base = type(model)(model.__name__, (model,), {"model_config": config, "__module__": model.__module__})
    made[model] = base  # what a model that holds itself finds
    fields: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        new = copy.copy(info)
        loose = relaxed is not None and name not in relaxed and not _is_root(model)
        new.annotation = Any if loose else _with_adjusted(info.annotation, extra, relaxed, made)
        if loose:
            new.metadata, new.discriminator = [], None
        fields[name] = (new.annotation, new)
    made[model] = create_model(model.__name__, __base__=base, __module__=model.__module__, **fields)
    return made[model]


def _with_adjusted(hint: Any, extra: str, relaxed: frozenset[str] | None, made: dict[Any, Any]) -> Any:
    """A type with the models in it adjusted."""
    if is_model_class(hint):
        return _adjusted(hint, extra, relaxed, made)
    args = typing.get_args(hint)
    if not any(map(_holds_model, args)):
        return hint
    new = tuple(_with_adjusted(arg, extra, relaxed, made) for arg in args)
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return typing.Union[new]  # noqa: UP007 - made of a tuple
    return typing.Annotated[new] if origin is typing.Annotated else origin[new]


def _holds_model(hint: Any) -> bool:
    return is_model_class(hint) or any(map(_holds_model, typing.get_args(hint)))
