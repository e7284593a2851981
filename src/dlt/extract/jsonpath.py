"""JSON paths of cursors: the value of a row at a path, or that there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from dlt.errors import SchemaError


class Absent:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "<absent>"


ABSENT = Absent()
Part = tuple[str, Any]  # name, index, every, deep

_PART = re.compile(
    r"""(?P<deep>\.\.)|(?P<dot>\.)|\[\s*(?:(?P<index>-?\d+)|(?P<every>\*)|'(?P<single>[^']*)'|"(?P<double>[^"]*)")\s*\]"""
    r"""|'(?P<quoted>[^']*)'|"(?P<named>[^"]*)"|(?P<name>[^.\[\]*$'"()?@\s][^.\[\]*$'"()?@]*)|(?P<star>\*)"""
)


def is_simple(path: str) -> bool:
    """True when a path is the name of a key, at the top of a row."""
    return not set(path) & set(".[]*$") and path[:1] not in {"'", '"'}


@lru_cache(maxsize=256)
def getter(path: str) -> Callable[[Any], Any]:
    """A function of a row that gives the first value at the path, ABSENT if there is none.

    Names, quoted names, indexes, `*` and `..` are understood. SchemaError for anything else.
    """
    parts = _parts(path)
    if all(kind == "name" for kind, _ in parts):
        names = [value for _, value in parts]

        def direct(row: Any) -> Any:
            for name in names:
                row = _child(row, name)
                if row is ABSENT:
                    return ABSENT
            return row

        return direct
    return lambda row: next(_found(row, parts, 0), ABSENT)


def top_key(path: str) -> str | None:
    """The name of the key when a path means one at the top of a row, as `ts` or `$.ts`; else None."""
    parts = _parts(path)
    return str(parts[0][1]) if len(parts) == 1 and parts[0][0] == "name" else None


@lru_cache(maxsize=256)
def _parts(path: str) -> tuple[Part, ...]:
    if is_simple(path):
        return (("name", path),)
    parts: list[Part] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        found = _PART.match(path, at)
        if found is None:
            raise SchemaError(
                f"The cursor path {path!r} cannot be read at {path[at:]!r}.",
                hint="paths are made of names, ['quoted names'], [0], [*] and ..",
            )
        at = found.end()
        match found.lastgroup:
            case "deep":
                parts.append(("deep", None))
            case "index":
                parts.append(("index", int(found["index"])))
            case "every" | "star":
                parts.append(("every", None))
            case "single" | "double" | "quoted" | "named" | "name":
                parts.append(("name", found[found.lastgroup]))
            case _:
                pass
    return tuple(parts)


def _child(row: Any, name: str) -> Any:
    if isinstance(row, Mapping):
        return row.get(name, ABSENT)
    if isinstance(row, (str, bytes, int, float, list, tuple)) or row is None:
        return ABSENT
    return getattr(row, name, ABSENT)


def _children(row: Any) -> Iterator[Any]:
    if isinstance(row, Mapping):
        yield from row.values()
    elif isinstance(row, (list, tuple)):
        yield from row


def _found(row: Any, parts: Sequence[Part], at: int) -> Iterator[Any]:
    if at == len(parts):
        yield row
        return
    kind, value = parts[at]
    if kind == "name":
        child = _child(row, value)
        if child is not ABSENT:
            yield from _found(child, parts, at + 1)
    elif kind == "index":
        if isinstance(row, (list, tuple)) and -len(row) <= value < len(row):
            yield from _found(row[value], parts, at + 1)
    elif kind == "every":
        for child in _children(row):
            yield from _found(child, parts, at + 1)
    else:
        yield from _found(row, parts, at + 1)
        for child in _children(row):
            yield from _found(child, parts, at)


def every(path: str, row: Any) -> list[Any]:
    """All values of a row at a path. SchemaError for a path that is not understood."""
    return list(_found(row, _parts(path), 0))
