"""Placeholders in paths, parameters, headers and bodies: `{resources.posts.id}`, `{incremental.start_value}`.

`{{` and `}}` are braces in a text with placeholders, and in one that could have some. A text whose braces mean something
else, as a GraphQL query, stays as it is but for the placeholders in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote

from dlt.errors import SchemaError
from dlt.extract.jsonpath import ABSENT, getter
from dlt.sources.rest_api.validate import nearest

CURSOR_VALUES = ("start_value", "last_value", "end_value", "initial_value")
ROOTS = ("resources", "incremental")
TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
NAME = re.compile(r"(?:resources|incremental)\.\S.*|[A-Za-z_][\w.\-\[\]]*")  # a query of GraphQL has blanks
IN_PATH, IN_QUERY = "!$&'()*+,;=:@~/", "!$'()*,;:@~/"  # what a value may have there as it is
KNOWN = re.compile(r"\{((?:resources|incremental)\.[^{}\s]+)\}")


class Placeholder(NamedTuple):
    """Stands for a value: root is `resources`, `incremental` or another word, as the name of a parameter of the path."""

    root: str
    name: str = ""  # of the parent, or of the cursor value
    path: str = ""  # of the field of the parent

    def __str__(self) -> str:
        return ".".join(filter(None, (self.root, self.name, self.path)))


Parts = tuple["str | Placeholder", ...]


@lru_cache(maxsize=1024)
def parts_of(text: str) -> Parts:
    """A text cut at its placeholders."""
    parts: list[str | Placeholder] = []
    at = 0
    for token in TOKEN.finditer(text):
        inner = token[1]
        if inner is None and token[0] in ("{{", "}}"):
            parts.append(text[at : token.start()] + token[0][0])
        elif inner is not None and NAME.fullmatch(inner):
            parts += [text[at : token.start()], _placeholder(inner)]
        else:
            return tuple(_parts_of_query(text))
        at = token.end()
    return _joined([*parts, text[at:]])


def _parts_of_query(text: str) -> Iterator[str | Placeholder]:
    at = 0
    for token in KNOWN.finditer(text):
        yield text[at : token.start()]
        yield _placeholder(token[1])
        at = token.end()
    yield text[at:]


def _joined(parts: list[str | Placeholder]) -> Parts:
    made: list[str | Placeholder] = []
    for one in parts:
        if isinstance(one, str) and made and isinstance(made[-1], str):
            made[-1] += one
        elif one:
            made.append(one)
    return tuple(made)


def _placeholder(inner: str) -> Placeholder:
    root, _, rest = inner.partition(".")
    if root != "resources":
        return Placeholder(root, rest)
    name, _, path = rest.partition(".")
    return Placeholder(root, name, path)


def placeholders_in(value: Any, path: str) -> Iterator[tuple[Placeholder, str]]:
    """The placeholders in a text, and in all texts of a dict or list, each with its place in the configuration."""
    if isinstance(value, str):
        yield from ((one, path) for one in parts_of(value) if isinstance(one, Placeholder))
    elif isinstance(value, Mapping):
        for key, element in value.items():
            yield from placeholders_in(element, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for at, element in enumerate(value):
            yield from placeholders_in(element, f"{path}[{at}]")


def problem_of(one: Placeholder, *, incremental: bool) -> str | None:
    """What is wrong with a placeholder, but for the name of the resource."""
    if one.root == "incremental":
        if not incremental:
            return f"{{{one}}} stands for a value of a cursor, and there is no incremental here"
        return (
            None
            if one.name in CURSOR_VALUES
            else f"{{{one}}} is no value of a cursor, {nearest(one.name, CURSOR_VALUES)}"
        )
    if one.root == "resources":
        return None if one.name and one.path else f"{{{one}}} needs a resource and a field: {{resources.posts.id}}"
    return f"{{{one}}} is no placeholder, {nearest(one.root, ROOTS)} Braces are written {{{{{one}}}}}"


@dataclass(frozen=True, slots=True)
class Values:
    """What placeholders stand for in one series of requests."""

    resource: str
    parent: str = ""
    row: Any = None  # of the parent
    cursor: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)  # that the path takes up

    def of(self, one: Placeholder) -> Any:
        """The value of a placeholder. SchemaError, a ValueError, when the parent has no such field."""
        if one.root == "resources":
            return self.field(one.path, f"the placeholder {{{one}}}")
        return self.cursor.get(one.name) if one.root == "incremental" else self.params[str(one)]

    def field(self, path: str, wanted_by: str) -> Any:
        """A field of the row of the parent."""
        value = getter(path)(self.row)
        if value is ABSENT:
            known = ", ".join(map(str, self.row)) if isinstance(self.row, Mapping) else type(self.row).__name__
            raise SchemaError(
                f"A row of {self.parent!r} has no field {path!r}, and {wanted_by} of {self.resource!r} needs it.",
                resource=self.resource,
                parent=self.parent,
                fields=known,
                hint="name a field that all rows of the parent have, or drop rows without it by a filter of the parent",
            )
        return value


def filled(value: Any, values: Values) -> Any:
    """A copy with values for the placeholders. A text that is nothing but a placeholder becomes the value itself."""
    if isinstance(value, str):
        parts = parts_of(value)
        if len(parts) == 1 and isinstance(parts[0], Placeholder):
            return values.of(parts[0])
        return "".join(one if isinstance(one, str) else _text(values.of(one), one, values) for one in parts)
    if isinstance(value, Mapping):
        return {key: filled(element, values) for key, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(element, values) for element in value]
    return value


def filled_path(path: str, values: Values) -> str:
    """A path with values for the placeholders. A value that is not the whole path is quoted, but for its slashes: `owner/name` are
    two steps. SchemaError, a ValueError, when a step is empty or dots, which would make it another path."""
    parts = parts_of(path)
    made, places = "", []
    for one in parts:
        text = one if isinstance(one, str) else _text(values.of(one), one, values)
        if isinstance(one, Placeholder):
            if "?" not in made:
                places.append((len(made), one))
            if len(parts) > 1:
                text = quote(text, IN_QUERY if "?" in made else IN_PATH)
        made += text
    for at, one in places:
        begin = made.rfind("/", 0, at) + 1
        first = re.split(r"[/?#]", made[begin:], maxsplit=1)[0]
        others = str(values.of(one)).split("/")[1:]
        wrong = next((step for step in (first, *others) if step in ("", ".", "..")), None)
        if wrong is not None and not (len(parts) == 1 and made):
            raise _cannot_stand(one, repr(wrong), "in a path", values)
    return made


def _text(value: Any, one: Placeholder, values: Values) -> str:
    if value is None or isinstance(value, (dict, list)):
        raise _cannot_stand(one, "None" if value is None else f"a {type(value).__name__}", "in a text", values)
    return str(value)


def _cannot_stand(one: Placeholder, what: str, where: str, values: Values) -> SchemaError:
    hints = {"resources": "filter such rows of the parent out", "incremental": "give initial_value"}
    return SchemaError(
        f"The placeholder {{{one}}} of {values.resource!r} is {what}, which cannot stand {where}.",
        resource=values.resource,
        row=repr(values.row)[:200] if one.root == "resources" else None,
        hint=hints.get(one.root, "give another value in params"),
    )
