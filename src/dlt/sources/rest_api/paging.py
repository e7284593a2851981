"""How a list of an OpenAPI description is paged, told by its parameters and the schema of its response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Dict = dict[str, Any]
PAGE = ("page", "page_number", "page_num", "p")
OFFSET = ("offset", "skip", "start", "start_index", "start_at")
CURSOR = ("cursor", "page_token", "next_token", "after", "starting_after", "next_cursor", "page_cursor")
LIMIT = ("limit", "per_page", "page_size", "size", "count", "max_results", "top")
TOTAL = ("total", "total_count", "total_results")
PAGES = ("total_pages", "page_count", "last_page")
MORE = ("has_more", "has_next", "more")
NEXT_CURSOR = ("next_cursor", "next_page_token", "next_token", "end_cursor", "cursor", "next")
NEXT_LINK = ("next", "next_url", "next_link", "@odata.nextLink")
WRAPPERS = ["meta", "pagination", "paging", "pageinfo", "links", "cursors", "responsemetadata", "page", "next"]


def field_like(names: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first of the wanted names that is there, in whatever way it is written."""
    known = {_plain(name): name for name in reversed(list(names))}
    return next((known[_plain(one)] for one in wanted if one and _plain(one) in known), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").strip("[]")


def guessed_paging(
    params: Mapping[str, Mapping[str, Any]], response: Mapping[str, Any], headers: Iterable[str]
) -> tuple[Dict | None, Dict]:
    """The paginator, None when the description does not tell, and values for parameters that go with it."""
    find = _finder(response)
    numbers = [name for name, one in params.items() if _schema(one).get("type", "integer") in ("integer", "number")]
    limit = field_like(numbers, LIMIT)
    size = _size(params.get(limit or "", {}), "maximum")
    own = {limit: size} if limit and size else {}
    if (param := field_like(params, CURSOR)) and (path := find(NEXT_CURSOR, "string")):
        return _with_more({"type": "cursor", "cursor_param": param, "cursor_path": path}, find), own
    if "link" in headers:
        return {"type": "header_link"}, own
    if path := find(NEXT_LINK, "string") or find(("href",), "string", ("next",)):
        return {"type": "json_link", "next_url_path": path}, own
    if (param := field_like(numbers, OFFSET)) and limit:
        size = size or _size(params[limit], "default") or 100
        made = {"type": "offset", "limit": size, "offset_param": param, "limit_param": limit}
        return _with_more({**made, "total_path": find(TOTAL, "integer")}, find), {limit: None}
    if param := field_like(numbers, PAGE):
        schema = _schema(params[param])
        base = schema.get("default", schema.get("minimum", 1))
        made = {"type": "page_number", "page_param": param, "base_page": 0 if base == 0 else 1}
        return _with_more({**made, "total_path": find(PAGES, "integer")}, find), {param: None, **own}
    return None, own


def _schema(param: Mapping[str, Any]) -> Dict:
    """The schema of a parameter; in Swagger 2 the parameter itself has it."""
    return {**param, **param.get("schema", {})}


def _size(param: Mapping[str, Any], word: str) -> int | None:
    """How many rows a page may have at most, or has by default, as far as the API says so; no more than 1,000."""
    found = _schema(param).get(word)
    return min(found, 1000) if isinstance(found, int) else None


def _with_more(paginator: Dict, find: Callable[..., str | None]) -> Dict:
    more = find(MORE, "boolean")
    return {**paginator, "has_more_path": more} if more else paginator


def _finder(response: Mapping[str, Any]) -> Callable[..., str | None]:
    """A function that gives the path of the first of some names among the fields of a response that are of a type."""
    fields = dict(_fields(response, "", 0))

    def find(names: Iterable[str], kind: str, below: Iterable[str] = ()) -> str | None:
        wanted = {_plain(one): None for one in names}
        for name in wanted:
            for path, one in fields.items():
                above, _, last = path.rpartition(".")
                if _plain(last) == name and one in (kind, "") and (not below or above.rpartition(".")[2] in below):
                    return path
        return None

    return find


def _fields(schema: Mapping[str, Any], at: str, depth: int) -> Iterable[tuple[str, str]]:
    for name, one in schema.get("properties", {}).items():
        path = f"{at}.{name}" if at else name
        kind = one.get("type", "")
        kind = next((word for word in kind if word != "null"), "") if isinstance(kind, list) else kind
        if one.get("properties"):
            if depth < 2 and _plain(name) in WRAPPERS:
                yield from _fields(one, path, depth + 1)
        else:
            yield path, kind
