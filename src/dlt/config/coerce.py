"""Values of the configuration become values of a type: text from the environment, plain values from TOML."""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

WORDS = {
    "true": True,
    "yes": True,
    "t": True,
    "y": True,
    "1": True,
    "false": False,
    "no": False,
    "f": False,
    "n": False,
    "0": False,
}
Moment = TypeVar("Moment", datetime, date, time)
UNIONS = (Union, types.UnionType)
SIMPLE = (bool, int, float, str, bytes, Decimal, date, datetime, time, Path)
LISTS = (list, set, frozenset, Sequence, Collection)
MAPPINGS = (dict, Mapping)


class Secret:
    """Marks a type: values come only from providers that may hold secrets, and are never shown."""

    def __repr__(self) -> str:
        return "secret"


SECRET = Secret()


class UnfitError(ValueError):
    """The value is not of the type."""


def is_spec(hint: Any) -> bool:
    """True for a class made with `configspec`."""
    return isinstance(hint, type) and getattr(hint, "__dlt_configspec__", False)


def without_secret(hint: Any) -> tuple[Any, bool]:
    """A type without the annotations, and whether it is a secret; credentials are."""
    secret = False
    if get_origin(hint) in UNIONS:
        return hint, any(without_secret(one)[1] for one in get_args(hint))
    while get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        secret = secret or any(isinstance(mark, Secret) or mark is Secret for mark in marks)
        hint = inner
    if isinstance(hint, typing.NewType):
        return without_secret(hint.__supertype__)
    return hint, secret or bool(is_spec(hint) and getattr(hint, "__credentials__", False))


def is_optional(hint: Any) -> bool:
    """True when None is a value of the type."""
    hint, _ = without_secret(hint)
    return hint is None or hint is type(None) or (get_origin(hint) in UNIONS and any(map(is_optional, get_args(hint))))


def members(hint: Any) -> list[Any]:
    """The types of a union without None; the type itself if it is none."""
    hint, _ = without_secret(hint)
    if get_origin(hint) not in UNIONS:
        return [hint]
    return [inner for one in get_args(hint) if one is not type(None) for inner in members(one)]


def is_known(hint: Any) -> bool:
    """True when values of the configuration can become values of this type."""
    return bool(members(hint)) and all(map(_is_known, members(hint)))


def _is_known(hint: Any) -> bool:
    origin = get_origin(hint) or hint
    if origin is Any or origin is Literal or is_spec(origin) or typing.is_typeddict(origin):
        return True
    if origin in (*SIMPLE, *LISTS, *MAPPINGS, tuple):
        return True
    return isinstance(origin, type) and issubclass(origin, Enum)


def is_secret_hint(hint: Any) -> bool:
    """True when values of the type are secrets: it is marked so, or is a class of credentials."""
    return without_secret(hint)[1]


def name_of(hint: Any) -> str:
    """A type in words."""
    return " or ".join(str(getattr(one, "__name__", one)).removeprefix("typing.") for one in members(hint)) or "None"


def coerced(value: Any, hint: Any) -> Any:
    """The value as one of the type. Raises UnfitError, without showing the value, which may be a secret."""
    kinds = members(hint)
    if len(kinds) > 1:
        return _one_of(value, kinds)
    return _coerced(value, kinds[0]) if kinds else None


def _one_of(value: Any, kinds: list[Any]) -> Any:
    for kind in kinds:
        origin = get_origin(kind) or kind
        if isinstance(origin, type) and origin is not Any and type(value) is origin:
            return value
    for kind in kinds:
        try:
            return _coerced(value, kind)
        except UnfitError:
            continue
    raise UnfitError(f"is {type(value).__name__} and no {' or '.join(map(name_of, kinds))}")


def _coerced(value: Any, hint: Any) -> Any:
    origin = get_origin(hint) or hint
    if origin is Any:
        return value
    if is_spec(origin):
        return value if isinstance(value, origin) else origin.from_value(value)
    if origin is Literal:
        return _literal(value, get_args(hint))
    if isinstance(origin, type) and issubclass(origin, Enum):
        return _enum(value, origin)
    if origin is tuple:
        return _tuple(value, get_args(hint))
    if origin in LISTS:
        made = [coerced(one, get_args(hint)[0]) for one in _list(value)] if get_args(hint) else _list(value)
        return made if origin in (Sequence, Collection) else origin(made)
    if origin in MAPPINGS or typing.is_typeddict(origin):
        return _dict(value)
    return _SIMPLE[origin](value) if origin in _SIMPLE else _unfit(value, hint)


def _unfit(value: Any, hint: Any) -> NoReturn:
    raise UnfitError(f"is {type(value).__name__} and no {name_of(hint)}")


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    found = WORDS.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    return found if found is not None else _unfit(value, bool)


def _int(value: Any) -> int:
    number = value
    if isinstance(value, str):
        text = value.strip()
        try:
            return int(text, 16) if text.lower().lstrip("+-").startswith("0x") else int(text)
        except ValueError:
            number = float(text) if FLOAT.fullmatch(text) else None
    if isinstance(number, (int, float)) and not isinstance(number, bool) and number == number // 1:
        return int(number)
    return _unfit(value, int)


def _float(value: Any) -> float:
    try:
        return (
            float(value)
            if not isinstance(value, bool) and isinstance(value, (int, float, str))
            else _unfit(value, float)
        )
    except ValueError:
        _unfit(value, float)


def _decimal(value: Any) -> Decimal:
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        _unfit(value, Decimal)


def _str(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float, Decimal)):
        return str(value)
    return value.isoformat() if isinstance(value, (date, time)) else _unfit(value, str)


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else _str(value).encode()


def _datetime(value: Any) -> datetime:
    if isinstance(value, str):
        return _iso(value, datetime)
    if isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day) if isinstance(value, date) else _unfit(value, datetime)  # noqa: DTZ001


def _date(value: Any) -> date:
    if isinstance(value, str):
        return _iso(value, date)
    return value if isinstance(value, date) and not isinstance(value, datetime) else _unfit(value, date)


def _time(value: Any) -> time:
    return _iso(value, time) if isinstance(value, str) else value if isinstance(value, time) else _unfit(value, time)


def _iso(text: str, kind: type[Moment]) -> Moment:
    try:
        return kind.fromisoformat(text.strip())
    except ValueError:
        _unfit(text, kind)


def _path(value: Any) -> Path:
    return value if isinstance(value, Path) else Path(_str(value))


_SIMPLE: dict[Any, Callable[[Any], Any]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
    Decimal: _decimal,
    datetime: _datetime,
    date: _date,
    time: _time,
    Path: _path,
}


def _json(text: str, kind: type) -> Any:
    try:
        found = json.loads(text)
    except ValueError:
        raise UnfitError(f"is no JSON of a {kind.__name__}") from None
    return found if isinstance(found, kind) else _unfit(found, kind)


def _list(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = _json(value, list)
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else _unfit(value, list)


def _dict(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        value = _json(value, dict)
    return dict(value) if isinstance(value, Mapping) else _unfit(value, dict)


def _tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    if isinstance(value, str):
        import ast

        try:
            value = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            raise UnfitError("is no Python tuple") from None
    if not isinstance(value, (list, tuple)):
        _unfit(value, tuple)
    if not kinds or (len(kinds) == 2 and kinds[1] is ...):
        return tuple(coerced(one, kinds[0]) if kinds else one for one in value)
    if len(kinds) != len(value):
        raise UnfitError(f"has {len(value)} values and not {len(kinds)}")
    return tuple(coerced(one, kind) for one, kind in zip(value, kinds, strict=True))


def _literal(value: Any, allowed: tuple[Any, ...]) -> Any:
    for one in allowed:
        if value == one and type(value) is type(one):
            return one
    for one in allowed:
        try:
            if _coerced(value, type(one)) == one:
                return one
        except (UnfitError, KeyError):
            continue
    raise UnfitError("is none of " + ", ".join(map(repr, allowed)))


def _enum(value: Any, kind: type[Enum]) -> Enum:
    for one in kind:
        if value is one or value in (one.value, one.name):
            return one
    raise UnfitError("is none of " + ", ".join(str(one.value) for one in kind))


INT = re.compile(r"0|-?[1-9][0-9]*")
FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][-+]?\d+)")


def guessed(value: Any) -> Any:
    """A text as what it looks like: true and false, int, float, a JSON list or dict; else the text. Other values stay, and
    so do texts such as 007 and 1_000, which would not be the same as a number."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if INT.fullmatch(text):
        return int(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except ValueError:
            return value
    return value
