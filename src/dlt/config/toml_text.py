"""Values written into the text of a TOML file: comments and all that is not meant stay as they are."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from dlt.errors import ConfigError

Key = tuple[str, ...]
BARE = re.compile(r"[A-Za-z0-9_-]+")
WIDE = 100  # characters of a line


class Part(NamedTuple):
    """A header of a table or a line `key = value`, maybe over several lines; path: from the top."""

    path: Key
    first: int
    end: int
    is_header: bool
    is_list: bool = False  # [[of tables]]


def with_values(text: str, values: Mapping[str, Any]) -> str:
    """The text of a TOML file with these values, which may be nested. ConfigError when a value cannot stand in TOML, or
    when there is no place for it, as below a key that is a plain value."""
    wanted = tomllib.loads(text)
    for path, value in leaves(values):
        written(value)
        _put(wanted, path, value)
        text = _with_value(text, path, value)
    try:
        ok = _same(tomllib.loads(text), wanted)
    except tomllib.TOMLDecodeError:
        ok = False
    if not ok:
        names = ", ".join(".".join(path) for path, _ in leaves(values))
        raise ConfigError(f"The file has no place for {names}.", hint="write it with an editor")
    return text


def leaves(values: Mapping[str, Any], path: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The values that are no tables, with their paths; an empty table is a value."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


def written(value: Any) -> str:
    """A value as TOML. ConfigError when TOML has none of its type."""
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case str() | Path():
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
        case Decimal():
            return json.dumps(str(value))
        case datetime() | date() | time():
            return value.isoformat()
        case Mapping():
            return "{" + ", ".join(f"{spelled(str(key))} = {written(one)}" for key, one in value.items()) + "}"
        case list() | tuple() | set() | frozenset():
            line = f"[{', '.join(map(written, value))}]"
            return line if len(line) <= WIDE else "[\n" + "".join(f"  {written(one)},\n" for one in value) + "]"
    raise ConfigError(
        f"A TOML file cannot hold a {type(value).__name__}.", hint="use texts, numbers, bools, dates, lists or dicts"
    )


def spelled(*path: str) -> str:
    """A key as it stands in TOML: in quotes when it has dots or blanks."""
    return ".".join(one if BARE.fullmatch(one) else json.dumps(one, ensure_ascii=False) for one in path)


# ---- reading what is there


def parts_of(lines: list[str]) -> list[Part]:
    """The headers and values of a file, in order."""
    found: list[Part] = []
    table: Key = ()
    at = 0
    while at < len(lines):
        first, line = at, lines[at].strip()
        at += 1
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            table = _path_of(tomllib.loads(line))
            found.append(Part(table, first, at, is_header=True, is_list=line.startswith("[[")))
            continue
        while not _is_whole("\n".join(lines[first:at])) and at < len(lines):
            at += 1
        found.append(Part((*table, *_key_of(line)), first, at, is_header=False))
    return found


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _key_of(line: str) -> Key:
    """The key before the equals sign, which may also stand within a key in quotes."""
    for at, char in enumerate(line):
        if char == "=" and _is_whole(line[:at] + "= 0"):
            return _path_of(tomllib.loads(line[:at] + "= 0"))
    raise ConfigError("The line has no key.", line=line[:40])


def _path_of(document: Any) -> Key:
    path: Key = ()
    while document and isinstance(document, (dict, list)):
        if isinstance(document, list):
            document = document[0]
            continue
        (key, document) = next(iter(document.items()))
        path = (*path, key)
    return path


# ---- writing


def _with_value(text: str, path: Key, value: Any) -> str:
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    parts = parts_of(lines)
    for part in parts:
        if not part.is_header and part.path == path[: len(part.path)]:
            return _replaced(lines, part, path[len(part.path) :], value)
    table, key = path[:-1], path[-1]
    new = f"{spelled(key)} = {written(value)}"
    own = [one for one in parts if one.is_header and one.path == table and not one.is_list]
    if not table:
        _insert_at_the_top(lines, parts, new)
    elif own:
        start = own[0]
        inside = [one for one in parts if one.first >= start.first]
        end = start.end
        for one in inside[1:]:
            if one.is_header:
                break
            end = one.end
        lines.insert(end, _indent(lines[start.first]) + new)
    else:
        lines += [*([""] if lines else []), f"[{spelled(*table)}]", new]
    return "\n".join(lines) + "\n"


def _insert_at_the_top(lines: list[str], parts: list[Part], new: str) -> None:
    """Keys without a table stand before the first table, behind the others."""
    header = next((part.first for part in parts if part.is_header), len(lines))
    before = max((part.end for part in parts if part.end <= header), default=0)
    if not before:
        before = header
        while before and header < len(lines) and lines[before - 1].strip().startswith("#"):
            before -= 1
    lines[before:before] = [new] if before == len(lines) or not lines[before].strip() else [new, ""]


def _replaced(lines: list[str], part: Part, below: Key, value: Any) -> str:
    """The lines with another value for a key. below: the rest of the path, when the key is a table in one line."""
    statement = "\n".join(lines[part.first : part.end])
    if below:
        known = tomllib.loads(statement)
        for _ in range(len(_key_of(lines[part.first].strip()))):
            known = next(iter(known.values()))
        if not isinstance(known, dict):
            raise ConfigError(
                f"{'.'.join(part.path)} is a value, and nothing can be below it.", key=".".join((*part.path, *below))
            )
        _put(known, below, value)
        value = known
    key = spelled(*_key_of(lines[part.first].strip()))
    new = f"{_indent(lines[part.first])}{key} = {written(value)}{_comment(statement)}"
    return "\n".join([*lines[: part.first], new, *lines[part.end :]]) + "\n"


def _comment(statement: str) -> str:
    """The comment behind a value, with the blanks before it."""
    line = statement.rsplit("\n", maxsplit=1)[-1]
    head = statement[: len(statement) - len(line)]
    for at, char in enumerate(line):
        if char == "#" and _is_whole(head + line[:at]):
            value = line[:at].rstrip()
            return line[len(value) :]
    return ""


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _put(document: dict[str, Any], path: Key, value: Any) -> None:
    for key in path[:-1]:
        document = document.setdefault(key, {})
        if not isinstance(document, dict):
            raise ConfigError(f"{key} is a value, and nothing can be below it.", key=".".join(path))
    document[path[-1]] = value


def _same(one: Any, other: Any) -> bool:
    """Whether a document is what was wanted; values that TOML has no type for are texts in it."""
    if isinstance(one, dict) and isinstance(other, Mapping):
        return one.keys() == {str(key) for key in other} and all(
            _same(one[str(key)], value) for key, value in other.items()
        )
    if isinstance(one, list) and isinstance(other, (list, tuple, set, frozenset)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(other, (Decimal, Path)):
        return bool(one == str(other))
    return bool(one == other) or one != one  # noqa: PLR0124 - NaN is not equal to itself
