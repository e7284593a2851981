"""Arguments of functions from the configuration: those that wait for a value, and those with a default."""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Annotated, Any, NamedTuple

from dlt.config.coerce import SECRET, is_known, is_optional, is_spec, without_secret
from dlt.config.lookup import for_pipeline
from dlt.config.report import error_of
from dlt.config.sections import ConfigSectionContext, merged
from dlt.config.spec import Configuration, Field, Filling, Origin, configspec, fields_of
from dlt.errors import ConfigError


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


def asked_by(function: Any, spec: Any = None, base: Any = None) -> Asked | None:
    """What a function asks for: its arguments with a default of a known type, or that wait for a value. None: nothing.

    spec: a configspec that describes them instead; base: one whose fields the function asks for as well."""
    if spec is not None:
        return _by_spec(function, spec, asked_by(function, base=base))
    if base is not None and getattr(base, "__dataclass_fields__", None):
        return _with_base(function, base, asked_by(function))
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
    function: Callable[..., Any],
    kwargs: Mapping[str, Any],
    sections: Sequence[str],
    owner: str,
    *,
    skip: int,
    spec: Any = None,
) -> dict[str, Any]:
    """The same for a function whose first arguments come with each call: the others by name."""
    asked = asked_by(function, spec)
    if asked is None:
        return dict(kwargs)
    filling = Filling()
    args, others = filled(asked, (), kwargs, sections, filling, skip=skip)
    if filling.missing or filling.wrong:
        raise error_of(owner, filling)
    return {**dict(zip(list(asked.signature.parameters)[skip:], args, strict=False)), **others}


def injected(
    function: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    sections: Sequence[str],
    owner: str,
    spec: Any = None,
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """The arguments of a call of a decorated function. owner: who it is in messages; spec: a configspec that describes
    them. Raises ConfigError."""
    asked = asked_by(function, spec)
    if asked is None:
        return args, kwargs
    filling = Filling()
    out = filled(asked, args, kwargs, sections, filling)
    if filling.missing or filling.wrong:
        raise error_of(owner, filling)
    return out


def explained(
    function: Callable[..., Any], sections: Sequence[str], filling: Filling, spec: Any = None
) -> dict[str, Any]:
    """The values that a call without arguments would get, by name."""
    asked = asked_by(function, spec)
    if asked is None:
        return {}
    return {field.name: filling.value(field, sections) for field in asked.fields}


# ---- with_config

EXTRA = "injection_kwargs"  # a function with ** of this name gets what `last_config` and `get_orig_args` read
LAST, ORIGINAL = "_dlt_config", "_dlt_orig_args"


class Wish(NamedTuple):
    """What a function made with `with_config` asks for, and where it is looked for."""

    asked: Asked | None
    sections: tuple[str, ...]
    section_argument: str
    merge: Callable[[ConfigSectionContext, ConfigSectionContext], None]
    of_pipeline: bool
    partial: bool
    owner: str

    def where(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
        """The pipeline and the sections of a call, which depend on its arguments and on `inject_section`."""
        assert self.asked is not None
        given = self.asked.signature.bind_partial(*args, **kwargs).arguments
        sections = self.sections
        if self.of_pipeline and (name := given.get("pipeline_name")):
            sections = ("pipelines", name, *sections)
        if self.section_argument and (more := given.get(self.section_argument)):
            sections = (*sections, more)
        return merged(sections, self.merge)


def with_config(
    func: Callable[..., Any] | None = None,
    /,
    spec: Any = None,
    sections: str | Sequence[str] = (),
    section_arg_name: str | None = None,
    sections_merge_style: Any = ConfigSectionContext.prefer_incoming,
    auto_pipeline_section: bool = False,
    include_defaults: bool = True,
    accept_partial: bool = False,
    initial_config: Any = None,
    base: Any = None,
    lock_context_on_injection: bool = True,  # noqa: ARG001 - there is no context to lock
) -> Any:
    """Makes a function take arguments from the configuration: those with the default `dlt.config.value` or
    `dlt.secrets.value`, and those with another default, which is used when there is no value.

    sections: where values are looked for; section_arg_name: an argument whose value is one more of them;
    sections_merge_style: how they go with those of `inject_section`, a function of ConfigSectionContext. spec: a
    configspec; an argument with its type gets an object of it, others the field of their name. base: a configspec whose
    fields the function asks for as well. initial_config: an object of a configspec whose values are the defaults.
    auto_pipeline_section: look in `pipelines.<pipeline_name>` when the function has an argument `pipeline_name`.
    accept_partial: values that are missing are None.

    A function with `**injection_kwargs` gets there what `last_config(**injection_kwargs)` reads.
    """
    place = (sections,) if isinstance(sections, str) else tuple(sections)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        asked = asked_by(function)
        described = spec if spec is not None else None if initial_config is None else type(initial_config)
        if described is not None:
            asked = _by_spec(function, described, asked)
        elif asked is not None and not include_defaults:
            asked = asked._replace(fields=tuple(one for one in asked.fields if one.required))
        if base is not None:
            asked = _with_base(function, base, asked)
        if asked is not None and initial_config is not None:
            asked = asked._replace(fields=tuple(_begun(one, initial_config) for one in asked.fields))
        owner = f"The function {_named(function)!r}"
        wish = Wish(
            asked, place, section_arg_name or "", sections_merge_style, auto_pipeline_section, accept_partial, owner
        )
        wants_more = any(
            one.kind is one.VAR_KEYWORD and one.name == EXTRA for one in inspect.signature(function).parameters.values()
        )

        @functools.wraps(function)
        def with_values(*args: Any, **kwargs: Any) -> Any:
            if wish.asked is None:
                return function(*args, **kwargs)
            pipeline, where = wish.where(args, kwargs)
            original = args, dict(kwargs)
            filling = Filling()
            with for_pipeline(pipeline) if pipeline else nullcontext():
                args, kwargs = filled(wish.asked, args, kwargs, where, filling)
            if filling.wrong or (filling.missing and not wish.partial):
                raise error_of(wish.owner, filling)
            if wants_more:
                kwargs |= {LAST: _as_config(described or _spec_of(function, asked), wish.asked, args, kwargs, where)}
                kwargs[ORIGINAL] = original
            return function(*args, **kwargs)

        with_values.__dlt_asks__ = lambda filling: (  # type: ignore[attr-defined]  # read by explain
            {one.name: filling.value(one, place) for one in asked.fields} if asked else {}
        )
        with_values.__dlt_spec__ = lambda: described or _spec_of(function, asked)  # type: ignore[attr-defined]  # read by get_fun_spec
        return with_values

    return decorate if func is None else decorate(func)


def last_config(**kwargs: Any) -> Any:
    """The configuration that a call was made with; to be called in the function with its `**injection_kwargs`."""
    return _extra(LAST, kwargs)


def get_orig_args(**kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that were passed in the call; to be called in the function with its `**injection_kwargs`."""
    found: tuple[tuple[Any, ...], dict[str, Any]] = _extra(ORIGINAL, kwargs)
    return found


def _extra(name: str, kwargs: Mapping[str, Any]) -> Any:
    if name not in kwargs:
        raise ConfigError(
            "There is no configuration of this call.", hint=f"give the function of with_config an argument **{EXTRA}"
        )
    return kwargs[name]


def get_fun_spec(function: Any) -> type[Configuration] | None:
    """The configspec class of what a decorated function asks for, `<FunctionName>Configuration`; None: nothing."""
    made = getattr(function, "__dlt_spec__", None)
    if made is not None:
        found: type[Configuration] | None = made()
        return found
    pipe = getattr(function, "_pipe", None)
    given = pipe.spec[0] if pipe is not None else getattr(function, "spec", None)
    if isinstance(given, type) and is_spec(given) and issubclass(given, Configuration):
        return given
    of_resource = getattr(pipe, "gen", None)
    inner = of_resource or inspect.unwrap(getattr(function, "__wrapped__", None) or function)
    return _spec_of(inner, asked_by(inner) if callable(inner) else None)


def _spec_of(function: Any, asked: Asked | None) -> type[Configuration] | None:
    if asked is None or not asked.fields:
        return None
    name = "".join(word[:1].upper() + word[1:] for word in _named(function).split("_")) + "Configuration"
    content: dict[str, Any] = {"__annotations__": {}, "__module__": getattr(function, "__module__", __name__)}
    for one in asked.fields:
        hint = one.hint if one.required or is_optional(one.hint) or one.default is not None else one.hint | None
        content["__annotations__"][one.name] = Annotated[hint, SECRET] if one.secret else hint
        content[one.name] = one.default
    made: type[Configuration] = configspec(type(name, (Configuration,), content))
    return made


def _as_config(kind: Any, asked: Asked, args: Sequence[Any], kwargs: Mapping[str, Any], sections: Sequence[str]) -> Any:
    """The arguments of a call as an object of the configspec class, with the other fields that the class has."""
    values = asked.signature.bind_partial(*args, **kwargs).arguments
    given = {
        one.name: values.get(one.name, one.default) for one in asked.fields if one.name in kind.get_resolvable_fields()
    }
    return Filling().filled(kind, sections, given={key: value for key, value in given.items() if value is not None})


def _begun(field: Field, initial: Any) -> Field:
    """A field whose default is the value of an object."""
    known = getattr(initial, field.name, None)
    return field if known is None else field._replace(default=known, required=False)


def _with_base(function: Callable[..., Any], base: type[Any], asked: Asked | None) -> Asked:
    """The arguments of a function and those that a configspec describes."""
    more = _by_spec(function, base, asked)
    own = tuple(one for one in (asked.fields if asked else ()) if one.name not in {field.name for field in more.fields})
    return more._replace(fields=(*more.fields, *own))


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
