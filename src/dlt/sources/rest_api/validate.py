"""What is wrong with a configuration: the annotations of its typed dicts are walked, and all problems are told at once."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, Required, Union, get_args, get_origin, is_typeddict

from dlt.errors import SchemaError
from dlt.sources.rest_api import config
from dlt.sources.rest_api.config import Registry

HIDDEN = "***"
SECRETS = re.compile(
    r"auth|header|token|secret|passw|pwd|key|client_id|user_?name|credential|session|cookie|signature", re.IGNORECASE
)
WORDS = {str: "a text", int: "an int", float: "a number", bool: "True or False", types.NoneType: "None"}


class Problem(NamedTuple):
    """Something wrong at a place of the configuration, as `resources[2].endpoint.paginator.type`."""

    path: str
    message: str


Problems = list[Problem]


def raise_for(problems: Sequence[Problem], what: str = "The configuration of the REST API") -> None:
    """SchemaError, a ValueError, that tells all problems; nothing when there are none."""
    if problems:
        lines = [f"  {one.path or 'config'}: {one.message}" for one in problems]
        count = "a problem" if len(lines) == 1 else f"{len(lines)} problems"
        raise SchemaError("\n".join([f"{what} has {count}:", *lines]))


def problems_of(value: Any, hint: Any, path: str = "") -> Problems:
    """What keeps a value from being what a type says."""
    found: Problems = []
    _check(value, hint, path, found)
    return found


def nearest(word: Any, known: Iterable[str]) -> str:
    """Which of the known words is meant, or which there are."""
    known = sorted(set(known))
    near = get_close_matches(word, known, 1, 0.6) if isinstance(word, str) else []
    return f"did you mean {near[0]!r}?" if near else "use " + ", ".join(map(repr, known)) if known else "there are none"


def shown(value: Any, path: str) -> str:
    """A value in a message: no secret, no long text; of dicts and lists only the type."""
    if isinstance(value, (Mapping, list, tuple)) or callable(value):
        return f"a {type(value).__name__}"
    last = path.rpartition(".")[2]
    if last not in ("type", "location") and SECRETS.search(path):
        return HIDDEN
    return re.sub(r"//[^/@\s]*@", f"//{HIDDEN}@", repr(value)[:80])


@lru_cache(maxsize=64)
def hints_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """The keys of a typed dict: type, and whether the key is required."""
    found = {}
    for name, hint in typing.get_type_hints(kind, localns=_names(), include_extras=True).items():
        required = get_origin(hint) is Required
        found[name] = (get_args(hint)[0] if required else hint, required)
    return found


def _names() -> dict[str, Any]:
    """Classes that the annotations name, and that are only loaded when a configuration is made."""
    from requests import Session
    from requests.auth import AuthBase

    from dlt.sources.http.auth import AuthConfigBase
    from dlt.sources.http.paginators import BasePaginator

    return {**vars(config), **{one.__name__: one for one in (Session, AuthBase, AuthConfigBase, BasePaginator)}}


# ---- walking


def _check(value: Any, hint: Any, path: str, found: Problems) -> None:
    members = _members(hint)
    registry: Mapping[str, Any] = next((one for one in members if isinstance(one, Registry)), {})
    dicts = [one for one in members if is_typeddict(one)]
    if registry and _is_registered(value, registry, path, found):
        return
    if dicts and isinstance(value, Mapping):
        _check_dict(value, dicts, [*members, *registry], path, found)
    elif not any(_fits(value, one) for one in members):
        literals = [word for one in members for word in _literals(one)]
        if literals and isinstance(value, str):
            found.append(Problem(path, f"{shown(value, path)} is unknown, {nearest(value, [*literals, *registry])}"))
        else:
            found.append(Problem(path, f"expected {_expected(members)}, not {shown(value, path)}"))
    else:
        _check_inside(value, members, path, found)


def _check_inside(value: Any, members: Sequence[Any], path: str, found: Problems) -> None:
    """The elements of a list, the values of a dict."""
    for one in members:
        origin, arguments = get_origin(one), get_args(one)
        if isinstance(value, (list, tuple)) and origin in (list, Sequence):
            for at, element in enumerate(value):
                _check(element, arguments[0], f"{path}[{at}]", found)
            return
        if isinstance(value, Mapping) and origin in (dict, Mapping):
            for key, element in value.items():
                _check(element, arguments[1], below(path, key), found)
            return


def _check_dict(value: Mapping[str, Any], dicts: list[Any], members: list[Any], path: str, found: Problems) -> None:
    """A dict as one of several typed dicts; the key `type` says as which one, when there are several."""
    kind = dicts[0] if len(dicts) == 1 else None
    if kind is None or "type" in hints_of(kind):
        word = value.get("type")
        kind = next((one for one in dicts if _says(one, word)), None)
        if kind is None:
            if Any in members:
                return
            words = [word for one in dicts for word in _literals(hints_of(one)["type"][0])]
            words += [one for one in members if isinstance(one, str)]
            text = "is missing" if word is None else f"{shown(word, below(path, 'type'))} is unknown"
            found.append(Problem(below(path, "type"), f"{text}, {nearest(word, words)}"))
            return
    hints = hints_of(kind)
    for key, element in value.items():
        if key not in hints:
            found.append(Problem(below(path, key), _unknown_key(key, hints, dicts, value)))
        else:
            _check(element, hints[key][0], below(path, key), found)
    for key, (hint, required) in hints.items():
        if required and key not in value:
            found.append(Problem(below(path, key), f"is missing, give {_expected(_members(hint))}"))


def _unknown_key(key: Any, hints: Mapping[str, Any], dicts: Sequence[Any], value: Mapping[str, Any]) -> str:
    if "type" in hints and "type" not in value:
        others = [word for one in dicts if key in hints_of(one) for word in _literals(hints_of(one)["type"][0])]
        if others:
            return "belongs to another type, add type: " + " or ".join(map(repr, others))
    return f"there is no such key, {nearest(key, hints)}"


def _is_registered(value: Any, registry: Mapping[str, Any], path: str, found: Problems) -> bool:
    """Whether a value is, or is described as, one of a class that a user registered."""
    word = value.get("type") if isinstance(value, Mapping) else value
    if not isinstance(word, str) or word not in registry:
        return False
    if isinstance(value, Mapping):
        known = arguments_of(registry[word])
        for key in value:
            if known is not None and key not in ("type", *known):
                found.append(Problem(below(path, key), f"{word} takes no such argument, {nearest(key, known)}"))
    return True


def arguments_of(kind: Callable[..., Any]) -> list[str] | None:
    """The names of the arguments that a class takes; None: any."""
    parameters = inspect.signature(kind).parameters.values()
    return None if any(one.kind is one.VAR_KEYWORD for one in parameters) else [one.name for one in parameters]


def below(path: str, key: Any) -> str:
    """The path of a key."""
    return f"{path}.{key}" if path else str(key)


def _members(hint: Any) -> list[Any]:
    """The members of a union, and the registry that an annotation brings."""
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        return [*_members(inner), *marks]
    if get_origin(hint) in (Union, types.UnionType):
        return [member for one in get_args(hint) for member in _members(one)]
    return [hint]


def _says(kind: Any, word: Any) -> bool:
    hint, required = hints_of(kind)["type"]
    return word in _literals(hint) or (word is None and not required)


def _literals(hint: Any) -> list[str]:
    return [word for one in _members(hint) if get_origin(one) is Literal for word in get_args(one)]


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a type, as far as can be seen without looking inside."""
    origin = get_origin(hint) or hint
    if origin is Any:
        return True
    if origin is Literal:
        return value in get_args(hint)
    if origin is Callable or origin is typing.get_origin(Callable):
        return callable(value)
    if origin is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if origin in (list, Sequence):
        return isinstance(value, (list, tuple))
    if origin in (dict, Mapping):
        return isinstance(value, Mapping)
    return isinstance(origin, type) and not is_typeddict(origin) and isinstance(value, origin)


def _expected(members: Sequence[Any]) -> str:
    """What may stand somewhere, in words."""
    words = []
    for one in members:
        origin = get_origin(one) or one
        if isinstance(one, Registry) or one is types.NoneType:
            continue
        if origin is Literal:
            words.append("one of " + ", ".join(map(repr, get_args(one))))
        elif is_typeddict(origin) or origin in (dict, Mapping):
            words.append("a dict")
        elif origin in (list, Sequence):
            words.append("a list")
        elif origin is typing.get_origin(Callable[..., Any]):
            words.append("a function")
        else:
            words.append(WORDS.get(origin) or f"a {getattr(origin, '__name__', origin)}")
    return " or ".join(dict.fromkeys(words))
