"""The JSON of a response, parsed once, and what is in it at a path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from requests import Response

from dlt.errors import RestClientError, SchemaError
from dlt.extract.jsonpath import every
from dlt.sources.http.urls import sanitize_url

JsonPath: TypeAlias = Any  # a text, or a path that jsonpath_ng has compiled
PARSED = "_dlt_parsed"
CERTAIN = re.compile(r"""(?:\[?'[^']*'\]?|\[?"[^"]*"\]?|(?!\.\.)[^\[*'"`|&()\s])*""")  # of a path: names
LIKE_ASCII = ("ascii", "us-ascii", "utf-8", "utf8", "iso-8859", "latin", "windows-125", "cp125")


def json_of(response: Response) -> Any:
    """The value of the body; None when the status is 204. It is kept with the response until `forget`.

    RestClientError, with URL and beginning of the body, when it is no JSON.
    """
    if type(response) is not Response or "json" in vars(response):  # somebody else says what its JSON is
        return response.json()
    content = response.content or b""
    kept = vars(response).get(PARSED)
    if kept is None or kept[0] is not content:
        kept = content, _parsed(content, response)
        vars(response)[PARSED] = kept
    return kept[1]


def forget(response: Response) -> None:
    """Let the value go: rows of it are now the user's to change."""
    vars(response).pop(PARSED, None)


def _parsed(content: bytes, response: Response) -> Any:
    if not content and response.status_code == 204:
        return None
    try:
        return json.loads(_text(content, response.encoding))
    except (LookupError, ValueError) as error:  # LookupError: a charset that Python does not know
        kind = response.headers.get("Content-Type")
        raise RestClientError(
            f"The response is no JSON: {error}.",
            url=sanitize_url(response.url or ""),
            status=response.status_code,
            content_type=kind,
            body=repr(content[:80]) if content else "empty",
            hint="a whole body that is no JSON is another kind of answer, as a page that asks to log in: look at path and auth",
        ) from error


def _text(content: bytes, declared: str | None) -> str:
    """JSON is UTF-8; where it is not, the declared charset tells. One that cannot be mistaken for UTF-8 goes first."""
    if declared and not declared.lower().startswith(LIKE_ASCII):
        return content.decode(declared)
    try:
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        if not declared:
            raise
        return content.decode(declared)


def values_at(path: JsonPath, document: Any) -> list[Any]:
    """All values at a path. SchemaError when the path is not understood: those with filters need the package jsonpath-ng."""
    if hasattr(path, "find") and not isinstance(path, str):
        return [found.value for found in path.find(document)]
    try:
        return every(path, document)
    except SchemaError as error:
        compiled = _compiled(path)
        if compiled is None:
            raise SchemaError(
                f"The path {path!r} cannot be read.",
                hint=f"{error.hint}; with the package jsonpath-ng also filters",
            ) from error
        return [found.value for found in compiled.find(document)]


def is_missing(path: JsonPath, document: Any) -> bool:
    """Whether a document has not even the names with which a path begins; null is a value, and an empty document has nothing."""
    text = str(path)
    begin = CERTAIN.match(text)
    names = begin[0] if begin and text[begin.end() : begin.end() + 1] in ("", "[", "*", ".") else ""
    return bool(document) and not values_at(names.rstrip(".") or "$", document)


def _compiled(path: str) -> Any:
    try:
        from jsonpath_ng.ext.parser import parse
    except ModuleNotFoundError:
        return None
    try:
        return parse(path)
    except Exception:  # noqa: BLE001 - the parser's errors have no class in common
        return None


def first_at(path: JsonPath, document: Any) -> Any:
    """The first value at a path; None when there is none."""
    return next(iter(values_at(path, document)), None)


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """Set a value at a path of names, as `variables.after`; what is missing on the way is made."""
    *above, last = _names(path)
    for name in above:
        below = document.get(name)
        if not isinstance(below, dict):
            below = document[name] = {}
        document = below
    document[last] = value


def _names(path: str) -> Iterator[str]:
    for name in path.removeprefix("$.").split("."):
        if not name or set(name) & set("[]*$"):
            raise RestClientError(
                f"The path {path!r} is no place in a JSON body.", hint="write names with dots between"
            )
        yield name
