"""How incrementals come to the functions and rows of resources: by an argument, by hints, by a step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from dlt.config.coerce import UnfitError, coerced, is_optional, members, without_secret
from dlt.config.lookup import find, paths_of
from dlt.errors import ConfigError, ResourceError
from dlt.extract.incremental import FIELDS, Incremental
from dlt.extract.pipe import Step
from dlt.extract.signatures import bound_arguments
from dlt.extract.state import Active, active_pipeline, resource_state_of, source_state_of
from dlt.extract.versions import merged_by

if TYPE_CHECKING:
    from dlt.extract.nodes import Node
    from dlt.extract.pipe import Pipe
    from dlt.extract.resource import DltResource


class Argument(NamedTuple):
    """The argument of a function that is an incremental."""

    name: str
    default: Incremental[Any] | None
    kind: type[Incremental[Any]]
    optional: bool


class Called(NamedTuple):
    """The incremental that a call gives an argument, the fields that the call itself named, and whether it is turned off."""

    incremental: Incremental[Any] | None
    named: frozenset[str] = frozenset()
    off: bool = False


def arguments_of(function: Any) -> list[Argument]:
    """The arguments of a function that are incrementals by their default or their type."""
    inner, bound = _code_of(function)
    if inner is None:
        return []
    values = (*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values(), *bound)
    if not any(isinstance(value, Incremental) for value in values) and not any(map(_may_be, _annotations(inner))):
        return []
    from dlt.config.inject import _hints  # the annotations, as far as they can be evaluated

    hints = _hints(inner)
    found = []
    for one in inspect.signature(function).parameters.values():
        kind, optional = _kind(hints.get(one.name))
        if isinstance(one.default, Incremental):
            found.append(Argument(one.name, one.default, kind or type(one.default), optional))
        elif kind is not None:
            found.append(Argument(one.name, None, kind, optional or one.default is None))
    return found


def _code_of(function: Any) -> tuple[Any, tuple[Any, ...]]:
    """The function with the code, and values that were given before it is called; None for what is not callable."""
    bound: tuple[Any, ...] = ()
    if not callable(function) or isinstance(function, type):
        return None, bound
    while isinstance(function, partial):
        function, bound = function.func, (*bound, *function.keywords.values())
    if not hasattr(function, "__code__") and not hasattr(function, "__func__"):
        function = type(function).__call__  # an object that can be called
    inner: Any = inspect.unwrap(getattr(function, "__func__", function))
    return (inner if hasattr(inner, "__code__") else None), bound


def arguments_in(pipe: Pipe) -> list[Argument]:
    """The same of the function of a pipe, with those that are one only because the call gives one."""
    found = arguments_of(pipe.gen)
    values = (*(pipe.args or ()), *pipe.kwargs.values())
    if any(isinstance(value, Incremental) for value in values):
        known = {one.name for one in found}
        found += [
            Argument(name, None, type(value), optional=False)
            for name, value in _given(pipe).items()
            if name not in known and isinstance(value, Incremental)
        ]
    return found


def _given(pipe: Pipe) -> dict[str, Any]:
    """What the function was called with, by name."""
    return {**bound_arguments(pipe.gen, int(pipe.is_transformer), pipe.args, pipe.kwargs), **pipe.kwargs}


def _annotations(function: Any) -> Sequence[Any]:
    return tuple(getattr(function, "__annotations__", {}).values())


def _may_be(hint: Any) -> bool:
    """Whether an annotation may be an incremental; quick for texts."""
    return "ncremental" in hint if isinstance(hint, str) else _kind(hint)[0] is not None


def _kind(hint: Any) -> tuple[type[Incremental[Any]] | None, bool]:
    if hint is None or isinstance(hint, str):
        return None, False
    plain, _ = without_secret(hint)
    for one in members(plain):
        bare = get_args(one)[0] if hasattr(one, "__metadata__") else one
        if isinstance(bare, type) and issubclass(bare, Incremental):
            return bare, is_optional(plain)
    return None, False


def of_pipe(pipe: Pipe) -> Incremental[Any] | None:
    """The incremental of a pipe, as the code says: that of a step goes before that of an argument."""
    if (step := pipe.find("incremental")) is not None:
        found: Incremental[Any] = step.call
        return found
    calls = (_called(argument, pipe).incremental for argument in arguments_in(pipe))
    return next((one for one in calls if one is not None), None)


def cursor_column(resource: DltResource) -> str | None:
    """The column that the cursor of a resource is; None for a path into nested values."""
    found = of_pipe(resource._pipe)  # noqa: SLF001
    return None if found is None else found.get_cursor_column_name()


def _called(argument: Argument, pipe: Pipe) -> Called:
    """What the call of a function made of the default of its incremental."""
    default = argument.default
    if default is not None and default.declared is None and argument.kind.declared is not None:
        default = argument.kind(**default.as_dict_nondefault())
    given = None
    if pipe.args is not None:
        bound = _given(pipe)
        given = bound.get(argument.name)
        if given is None and argument.optional and argument.name in bound:
            return Called(None, off=True)
    if given is None or getattr(type(given), "__dlt_config_value__", False):
        return Called(default)
    made = argument.kind.ensure_instance(given)
    return Called(made if default is None else default.merge(made), frozenset(made.as_dict_nondefault()))


def _resolved(argument: Argument, pipe: Pipe, sections: Sequence[str]) -> Incremental[Any] | None:
    """The incremental of an argument with what the configuration says below its name; None when there is none."""
    found, named, off = _called(argument, pipe)
    if off:
        return None
    values: dict[str, Any] = {}
    kind = argument.kind.declared or (found.value_type() if found is not None else None) or Any
    whole = find(paths_of(sections, argument.name))
    if whole is not None and not isinstance(whole.value, Mapping) and "initial_value" not in named:
        values["initial_value"] = _typed(whole.value, kind, argument.name)
    for name, hint in FIELDS.items():
        if name in named:
            continue
        value = find(paths_of(sections, argument.name, name))
        if value is not None:
            values[name] = _typed(value.value, kind if name.endswith("_value") else hint, f"{argument.name}.{name}")
    if isinstance(lag := values.get("lag"), float) and lag.is_integer():
        values["lag"] = int(lag)
    if values:
        found = argument.kind(**values) if found is None else found.merge(argument.kind(**values))
    if found is None and not argument.optional:
        raise ConfigError(
            f"The argument {argument.name!r} of the resource {pipe.name!r} is an incremental without a cursor.",
            key=f"{argument.name}.cursor_path",
            hint=f"call {pipe.name}({argument.name}=dlt.sources.incremental(...)), or put cursor_path into the configuration",
        )
    return found


def _typed(value: Any, hint: Any, key: str) -> Any:
    try:
        return coerced(value, hint)
    except UnfitError as wrong:
        raise ConfigError(f"The value of {key} {wrong}.", key=key) from None


def attach(node: Node, section: str | None, *, limited: bool) -> None:
    """Give a node the incremental of its pipe, bound to the state, as a step and to its function. section: of the source;
    limited: not all rows may be asked for. Raises ConfigError."""
    pipe = node.pipe
    arguments, step = arguments_in(pipe), pipe.find("incremental")
    if not arguments and step is None:
        return
    sections = ("sources", section or getattr(node.active.resource, "section", None) or "", pipe.name)
    wanted: dict[str, Incremental[Any]] = {}
    if step is not None:  # it goes to the first argument
        wanted[arguments[0].name if arguments else ""] = step.call
    for argument in arguments:
        if argument.name not in wanted and (found := _resolved(argument, pipe, sections)) is not None:
            wanted[argument.name] = found
    if len(wanted) > 1:
        raise ResourceError(
            f"The resource {pipe.name!r} has several incrementals, and its rows can follow only one cursor.",
            resource=pipe.name,
            arguments=", ".join(name for name in wanted if name),
            hint="keep one; an argument of the type Optional[dlt.sources.incremental] is off when it is None",
        )
    made = None
    for one in wanted.values():
        made = node.incremental = _bound(node, one, limited=limited)
        _put_step(node, Step("incremental", made), step)
    for argument in arguments:
        _pass(node, argument.name, made if argument.name in wanted else None)


def _bound(node: Node, found: Incremental[Any], *, limited: bool) -> Incremental[Any]:
    active = node.active
    hints: Mapping[str, Any] = active.resource._hints if active.resource is not None else {}  # noqa: SLF001
    keys = hints.get("primary_key")
    keys = None if not keys or callable(keys) else (keys,) if isinstance(keys, str) else tuple(keys)
    disposition = hints.get("write_disposition")
    if isinstance(disposition, Mapping):
        disposition = disposition.get("disposition")
    found = found.joined()
    state = None
    if found.end_value is None:
        whole = active.state if active.state is not None else {}
        state = resource_state_of(source_state_of(whole, active.source_name), node.pipe.name)
    return found.attached(
        node.pipe.name,
        state,
        keys=keys,
        merges=disposition == "merge",
        merged_by=merged_by(hints) if _hints_say_all(active) else None,
        limited=limited,
    )


def _hints_say_all(active: Active) -> bool:
    """Whether the table is what the hints of its resource say: no variants, no schema of the user that may say more."""
    schema = active.schema or getattr(active.source, "schema", None)
    told = schema is not None and schema.data_table_names(include_incomplete=True)
    imported = getattr(active_pipeline(), "import_schema_path", None)
    return active.resource is not None and not (active.resource._variants or told or imported)  # noqa: SLF001


def _pass(node: Node, name: str, made: Incremental[Any] | None) -> None:
    """Let the function have the incremental, in the place of what it was called with."""
    names = list(inspect.signature(node.pipe.gen).parameters)
    at = names.index(name) - int(node.pipe.is_transformer) if name in names else -1  # -1: one of **kwargs
    if 0 <= at < len(node.args):
        node.args = [*node.args[:at], made, *node.args[at + 1 :]]
    else:
        node.kwargs = {**node.kwargs, name: made}


def _put_step(node: Node, step: Step, old: Step | None) -> None:
    if old is not None:
        node.steps = [step if one is old else one for one in node.steps if one.kind != "incremental" or one is old]
        step.call.comes_later = node.steps[0] is not step
        return
    at = len(node.steps)
    while at and node.steps[at - 1].affinity > step.affinity:
        at -= 1
    node.steps.insert(at, step)
    step.call.comes_later = at > 0


def asks_for(function: Callable[..., Any], name: str) -> bool:
    """Whether an argument of a function is an incremental, which need not be given."""
    return any(one.name == name for one in arguments_of(function))
