"""How incrementals come to the functions and rows of resources: by an argument, by hints, by a step."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from dlt.config.coerce import UnfitError, coerced, is_optional, members, without_secret
from dlt.config.lookup import find, paths_of
from dlt.errors import ConfigError
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


def argument_of(function: Any) -> Argument | None:
    """The argument of a function that is an incremental by its default or its type; None when there is none."""
    inner: Any = inspect.unwrap(getattr(function, "__func__", function)) if callable(function) else None
    if not hasattr(inner, "__code__"):
        return None
    values = (*(inner.__defaults__ or ()), *(inner.__kwdefaults__ or {}).values())
    if not any(isinstance(value, Incremental) for value in values) and not any(map(_may_be, _annotations(inner))):
        return None
    from dlt.config.inject import _hints  # the annotations, as far as they can be evaluated

    hints = _hints(inner)
    for one in inspect.signature(inner).parameters.values():
        kind, optional = _kind(hints.get(one.name))
        if isinstance(one.default, Incremental):
            return Argument(one.name, one.default, kind or type(one.default), optional)
        if kind is not None:
            return Argument(one.name, None, kind, optional or one.default is None)
    return None


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
    argument = argument_of(pipe.gen)
    return None if argument is None else _called(argument, pipe)[0]


def cursor_column(resource: DltResource) -> str | None:
    """The column that the cursor of a resource is; None for a path into nested values."""
    found = of_pipe(resource._pipe)  # noqa: SLF001
    return None if found is None else found.get_cursor_column_name()


def _called(argument: Argument, pipe: Pipe) -> tuple[Incremental[Any] | None, frozenset[str]]:
    """What the call of a function made of the default of its incremental, and the fields that it named."""
    default = argument.default
    if default is not None and default.declared is None and argument.kind.declared is not None:
        default = argument.kind(**default.as_dict_nondefault())
    given = None
    if pipe.args is not None:
        bound = bound_arguments(pipe.gen, int(pipe.is_transformer), pipe.args, pipe.kwargs)
        if argument.name in bound:
            given = bound[argument.name]
            if given is None and argument.optional:
                return None, frozenset(FIELDS)
    if getattr(type(given), "__dlt_config_value__", False):
        given = None
    if given is None:
        return default, frozenset()
    made = argument.kind.ensure_instance(given)
    return (made if default is None else default.merge(made)), frozenset(made.as_dict_nondefault())


def _configured(
    found: Incremental[Any] | None, argument: Argument, named: frozenset[str], sections: Sequence[str]
) -> Incremental[Any] | None:
    """The same with what the configuration says below the name of the argument."""
    if named == frozenset(FIELDS):
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
    if not values:
        return found
    return argument.kind(**values) if found is None else found.merge(argument.kind(**values))


def _typed(value: Any, hint: Any, key: str) -> Any:
    try:
        return coerced(value, hint)
    except UnfitError as wrong:
        raise ConfigError(f"The value of {key} {wrong}.", key=key) from None


def attach(node: Node, section: str | None, *, limited: bool) -> None:
    """Give a node the incremental of its pipe, bound to the state, as a step and to its function. section: of the source;
    limited: not all rows may be asked for. Raises ConfigError."""
    pipe = node.pipe
    argument = argument_of(pipe.gen)
    step = pipe.find("incremental")
    if argument is None and step is None:
        return
    found: Incremental[Any] | None = None
    if step is not None:
        found = step.call
    elif argument is not None:
        own = section or getattr(node.active.resource, "section", None) or ""
        found = _configured(*_called_with(argument, pipe), ("sources", own, pipe.name))
        if found is None and not argument.optional:
            raise ConfigError(
                f"The argument {argument.name!r} of the resource {pipe.name!r} is an incremental without a cursor.",
                key=f"{argument.name}.cursor_path",
                hint=f"call {pipe.name}({argument.name}=dlt.sources.incremental(...)), or put cursor_path into the configuration",
            )
    made = None if found is None else _bound(node, found, limited=limited)
    if argument is not None:
        _pass(node, argument.name, made)
    if made is None:
        return
    node.incremental = made
    _put_step(node, Step("incremental", made), step)


def _called_with(argument: Argument, pipe: Pipe) -> tuple[Incremental[Any] | None, Argument, frozenset[str]]:
    found, named = _called(argument, pipe)
    return found, argument, named


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
    at = names.index(name) - int(node.pipe.is_transformer)
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
    found = argument_of(function)
    return found is not None and found.name == name
