"""Arguments of functions from the configuration: those that wait for a value, and those with a default."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dlt.config.coerce import is_known, is_optional, is_spec, without_secret
from dlt.config.report import error_of
from dlt.config.spec import Configuration, Field, Filling, Origin, fields_of
from dlt.errors import ConfigError, NotBuilt


class Waiting:
    """The default of an argument that is looked up: `dlt.config.value`, `dlt.secrets.value`."""

    __dlt_config_value__ = True

    def __init__(self, name: str, *, secret: bool) -> None:
        self.name, self.secret = name, secret

    def __repr__(self) -> str:
        return f"dlt.{self.name}.value"

    def __reduce__(self) -> str:
        return "SECRET_VALUE" if self.secret else "CONFIG_VALUE"


CONFIG_VALUE, SECRET_VALUE = Waiting("config", secret=False), Waiting("secrets", secret=True)


class Asked(NamedTuple):
    """A function as far as the configuration knows it."""

    signature: inspect.Signature
    fields: tuple[Field, ...]


def has_defaults(function: Any) -> bool:
    """False when no argument of a function can come from the configuration; quick."""
    inner = getattr(function, "__func__", function)
    if not hasattr(inner, "__code__") or hasattr(inner, "__wrapped__"):
        return callable(function)
    return bool(inner.__defaults__ or inner.__kwdefaults__)


def asked_by(function: Any) -> Asked | None:
    """What a function asks for: its arguments with a default of a known type, or that wait for a value. None: nothing."""
    if not has_defaults(function):
        return None
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    hints: dict[str, Any] | None = None
    fields = []
    given = function.keywords if isinstance(function, functools.partial) else {}
    for one in signature.parameters.values():
        if (
            one.default is one.empty
            or one.kind not in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
            or one.name in ("meta", *given)
        ):
            continue
        if hints is None:
            hints = _hints(function)
        field = _field(one, hints.get(one.name), function)
        if field is not None:
            fields.append(field)
    return Asked(signature, tuple(fields)) if fields else None


def _field(one: inspect.Parameter, hint: Any, function: Any) -> Field | None:
    waits = getattr(type(one.default), "__dlt_config_value__", False)
    if hint is None:
        hint = Any if waits or one.default is None else type(one.default)
    elif isinstance(hint, str):  # names something that cannot be seen from here
        hint = Any if waits else None
    if hint is None or not is_known(hint):
        if not waits:
            return None
        raise ConfigError(
            f"The argument {one.name!r} of {_named(function)} waits for a value, but no value can be a {hint}.",
            hint="use str, int, float, bool, dates, list, dict, Literal, a configspec, or Any",
        )
    plain, secret = without_secret(hint)
    default = None if waits else one.default
    return Field(one.name, plain, default, secret or (waits and one.default.secret), waits and not is_optional(plain))


def _hints(function: Any) -> dict[str, Any]:
    """The annotations; those that cannot be evaluated stay texts."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    try:
        return typing.get_type_hints(inner, include_extras=True)
    except Exception:  # noqa: BLE001 - code in annotations can raise anything; one by one then
        found = {}
        names = {**getattr(inner, "__globals__", {}), **_closure(inner)}
        for name, hint in getattr(inner, "__annotations__", {}).items():
            holder = type("holder", (), {"__annotations__": {name: hint}})
            try:
                found[name] = typing.get_type_hints(holder, names, include_extras=True)[name]
            except Exception:  # noqa: BLE001 - see above
                found[name] = hint if isinstance(hint, str) else str(hint)
        return found


def _closure(function: Any) -> dict[str, Any]:
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None) or ()
    return dict(zip(code.co_freevars, (cell.cell_contents for cell in cells), strict=True)) if code else {}


def _named(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def filled(
    asked: Asked,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    sections: Sequence[str],
    filling: Filling,
    *,
    skip: int = 0,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with values of the configuration for those that were not given, and None for those that
    are missing. None that was given for a required one counts as not given. skip: so many arguments come later."""
    bound = asked.signature.bind_partial(*(None,) * skip, *args, **kwargs)
    values = bound.arguments
    for field in asked.fields:
        given = values.get(field.name)
        if field.name in values and (given is None and not field.required):
            filling.origins[field.name] = Origin("argument", "", field.secret)
            continue
        value = filling.value(field, sections, given=given)
        usual = asked.signature.parameters[field.name].default
        if not (usual is field.default and filling.origins.get(field.name) == Origin("default", "", field.secret)):
            values[field.name] = value
    ordered = inspect.BoundArguments(
        asked.signature,
        {name: values[name] for name in asked.signature.parameters if name in values},
    )
    return ordered.args[skip:], ordered.kwargs


class Call(NamedTuple):
    """A call of a decorated function that is about to be made."""

    name: str
    asked: Asked
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    sections: Sequence[str]
    skip: int = 0


def fill(calls: Sequence[Call]) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The arguments of calls of resources, each with what it takes from the configuration. Raises one ConfigError for
    all that is missing in any of them."""
    every, out, owners = Filling(), [], []
    for call in calls:
        filling = Filling()
        out.append(filled(call.asked, call.args, call.kwargs, call.sections, filling, skip=call.skip))
        if filling.missing or filling.wrong:
            owners.append(call.name)
            every.missing += filling.missing
            every.wrong += filling.wrong
    if owners:
        names = " and ".join(map(repr, owners))
        raise error_of(f"The resource {names}" if len(owners) == 1 else f"The resources {names}", every)
    return out


def named(
    function: Callable[..., Any], kwargs: Mapping[str, Any], sections: Sequence[str], owner: str, *, skip: int
) -> dict[str, Any]:
    """The same for a function whose first arguments come with each call: the others by name."""
    asked = asked_by(function)
    if asked is None:
        return dict(kwargs)
    filling = Filling()
    args, others = filled(asked, (), kwargs, sections, filling, skip=skip)
    if filling.missing or filling.wrong:
        raise error_of(owner, filling)
    return {**dict(zip(list(asked.signature.parameters)[skip:], args, strict=False)), **others}


def injected(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], sections: Sequence[str], owner: str
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of a call of a decorated function. owner: who it is in messages. Raises ConfigError."""
    asked = asked_by(function)
    if asked is None:
        return args, kwargs
    filling = Filling()
    out = filled(asked, args, kwargs, sections, filling)
    if filling.missing or filling.wrong:
        raise error_of(owner, filling)
    return out


def explained(function: Callable[..., Any], sections: Sequence[str], filling: Filling) -> dict[str, Any]:
    """The values that a call without arguments would get, by name."""
    asked = asked_by(function)
    if asked is None:
        return {}
    return {field.name: filling.value(field, sections) for field in asked.fields}


# ---- with_config


def with_config(
    func: Callable[..., Any] | None = None,
    /,
    spec: Any = None,
    sections: str | Sequence[str] = (),
    section_arg_name: str | None = None,
    sections_merge_style: Any = None,
    auto_pipeline_section: bool = False,
    include_defaults: bool = True,
    accept_partial: bool = False,
    initial_config: Any = None,
    base: Any = None,
    lock_context_on_injection: bool = True,  # noqa: ARG001 - there is no context to lock
) -> Any:
    """Makes a function take arguments from the configuration: those with the default `dlt.config.value` or
    `dlt.secrets.value`, and those with another default, which is used when there is no value.

    sections: where values are looked for; section_arg_name: an argument whose value is one more of them. spec: a
    configspec; an argument with its type gets an object of it, others the field of their name. accept_partial: values
    that are missing are None.
    """
    _refuse(
        sections_merge_style=sections_merge_style,
        auto_pipeline_section=auto_pipeline_section or None,
        initial_config=initial_config,
        base=base,
    )
    place = (sections,) if isinstance(sections, str) else tuple(sections)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        asked = asked_by(function)
        if spec is not None:
            asked = _by_spec(function, spec, asked)
        elif asked is not None and not include_defaults:
            asked = asked._replace(fields=tuple(one for one in asked.fields if one.required))
        owner = f"The function {_named(function)!r}"

        @functools.wraps(function)
        def with_values(*args: Any, **kwargs: Any) -> Any:
            if asked is None:
                return function(*args, **kwargs)
            given = asked.signature.bind_partial(*args, **kwargs).arguments.get(section_arg_name or "")
            filling = Filling()
            where = (*place, given) if given else place
            args, kwargs = filled(asked, args, kwargs, where, filling)
            if filling.wrong or (filling.missing and not accept_partial):
                raise error_of(owner, filling)
            return function(*args, **kwargs)

        with_values.__dlt_asks__ = lambda filling: (  # type: ignore[attr-defined]  # read by explain
            {one.name: filling.value(one, place) for one in asked.fields} if asked else {}
        )
        return with_values

    return decorate if func is None else decorate(func)


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise NotBuilt(f"The option {name} of with_config is not built yet.", hint=f"take {name}= away")


def _by_spec(function: Callable[..., Any], spec: type[Any], asked: Asked | None) -> Asked:
    """The arguments that a configspec describes."""
    if not (is_spec(spec) and issubclass(spec, Configuration)):
        raise ConfigError(f"{spec!r} is no configspec.", key="spec")
    signature = asked.signature if asked else inspect.signature(function)
    known = {one.name: one for one in fields_of(spec)}
    hints = _hints(function)
    fields = []
    for name in signature.parameters:
        if name in known:
            fields.append(known[name])
        elif hints.get(name) is spec:
            fields.append(Field(name, spec, None, spec.__credentials__, required=True))
    return Asked(signature, tuple(fields))
