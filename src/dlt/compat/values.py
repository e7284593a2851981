"""`dlt.common.utils`: small functions that scripts written for dlt 1.31 use."""

from __future__ import annotations

import base64
import decimal
import hashlib
import itertools
import os
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, MutableMapping, MutableSequence, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

Item = TypeVar("Item")
Key = TypeVar("Key")
Nested = TypeVar("Nested")

TRUE = ("yes", "true", "t", "y", "1")
FALSE = ("no", "false", "f", "n", "0")

__all__ = [
    "chunks",
    "create_load_id",
    "custom_environ",
    "digest128",
    "digest256",
    "escape_postgres_identifier",
    "flatten_list_of_str_or_dicts",
    "flatten_list_or_items",
    "map_nested_in_place",
    "map_nested_values_in_place",
    "numeric_default_context",
    "set_working_dir",
    "simple_repr",
    "str2bool",
    "uniq_id",
    "update_dict_nested",
    "without_none",
]


def uniq_id(len_: int = 16) -> str:
    """A random id: the hexadecimal digits of so many bytes."""
    return secrets.token_hex(len_)


def digest128(v: str, len_: int = 15) -> str:
    """A short digest of a text, in base64."""
    return base64.b64encode(hashlib.shake_128(v.encode()).digest(len_)).decode("ascii")


def digest256(v: str) -> str:
    """A long digest of a text, in base64."""
    return base64.b64encode(hashlib.sha3_256(v.encode()).digest()).decode("ascii")


def create_load_id() -> str:
    """A load id of this moment."""
    return str(time.time())


def chunks(iterable: Iterable[Item], n: int) -> Iterator[Sequence[Item]]:
    """Lists of `n` items at most."""
    left = iter(iterable)
    while part := list(itertools.islice(left, n)):
        yield part


def flatten_list_or_items(_iter: Iterable[Any]) -> Generator[Any]:
    """The items, those of lists among them one by one."""
    for item in _iter:
        if isinstance(item, list):
            yield from item
        else:
            yield item


def flatten_list_of_str_or_dicts(seq: Sequence[str | dict[str, Any]]) -> dict[str, Any]:
    """One dict: a text is a key without a value. KeyError for a key that is there twice."""
    made: dict[str, Any] = {}
    for item in seq:
        for key, value in (item if isinstance(item, dict) else {item: None}).items():
            if key in made:
                raise KeyError(f"The key {key!r} is there twice.")
            made[key] = value
    return made


def map_nested_values_in_place(func: Callable[..., Any], _nested: Nested, *args: Any, **kwargs: Any) -> Nested:
    """Put `func(value, ...)` in the place of each value within dicts and lists; returns what was given, changed."""
    places: Iterable[tuple[Any, Any]] = ()
    if isinstance(_nested, MutableMapping):
        places = list(_nested.items())
    elif isinstance(_nested, MutableSequence):
        places = list(enumerate(_nested))
    elif isinstance(_nested, tuple):
        return tuple(  # type: ignore[return-value]  # a tuple cannot be changed: another one
            map_nested_values_in_place(func, one, *args, **kwargs)
            if isinstance(one, (dict, list, tuple))
            else func(one, *args, **kwargs)
            for one in _nested
        )
    else:
        raise ValueError(f"{_nested!r:.100} is no dict and no list.")  # noqa: TRY004 - what dlt 1.31 raises
    for place, value in places:
        inner = isinstance(value, (MutableMapping, MutableSequence, tuple))
        _nested[place] = (  # type: ignore[index]  # a dict or a list
            map_nested_values_in_place(func, value, *args, **kwargs) if inner else func(value, *args, **kwargs)
        )
    return _nested


map_nested_in_place = map_nested_values_in_place


def without_none(d: Mapping[Key, Item | None]) -> dict[Key, Item]:
    """The entries that have a value."""
    return {key: value for key, value in d.items() if value is not None}


def update_dict_nested(dst: dict[str, Any], src: Mapping[str, Any], copy_src_dicts: bool = False) -> dict[str, Any]:
    """Put `src` into `dst`, dicts within it into those of the same key; returns `dst`."""
    for key, value in src.items():
        known = dst.get(key)
        if isinstance(value, Mapping) and isinstance(known, dict):
            update_dict_nested(known, value, copy_src_dicts)
        elif isinstance(value, Mapping) and copy_src_dicts:
            dst[key] = update_dict_nested({}, value, copy_src_dicts)
        else:
            dst[key] = value
    return dst


def str2bool(v: str) -> bool:
    """The truth of a word: yes, true, t, y, 1 or no, false, f, n, 0. ValueError for another one."""
    word = v.lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ValueError(f"{v!r} is no word for true or false.")


def simple_repr(object_name: str, **kwargs: Any) -> str:
    """How an object with these arguments is shown."""
    inner = ", ".join(f"{key}={value!r}" for key, value in kwargs.items())
    return f"<{object_name}({inner})>"


@contextmanager
def custom_environ(env: Mapping[str, str]) -> Iterator[None]:
    """Within the block these variables of the environment have these values."""
    before = {key: os.environ.get(key) for key in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def set_working_dir(path: str) -> Iterator[str]:
    """Within the block this is the current folder."""
    before = os.getcwd()  # noqa: PTH109 - as text
    if path:
        os.chdir(path)
    try:
        yield path
    finally:
        os.chdir(before)


@contextmanager
def numeric_default_context(precision: int = 38) -> Iterator[decimal.Context]:
    """Within the block decimals are computed with so many digits."""
    with decimal.localcontext(decimal.Context(prec=precision)) as context:
        yield context


def escape_postgres_identifier(v: str) -> str:
    """A name in double quotes."""
    return '"' + v.replace('"', '""') + '"'
