"""What can be seen in the first response: where its rows are, and how it tells of the next page."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from dlt.sources.http.body import json_of
from dlt.sources.http.paginators import (
    BasePaginator,
    HeaderLinkPaginator,
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
    PageNumberPaginator,
    SinglePagePaginator,
    linked,
)

if TYPE_CHECKING:
    from requests import Response

logger = logging.getLogger("dlt")
Path: TypeAlias = tuple[str, ...]
Found: TypeAlias = tuple[BasePaginator | None, float]  # and how sure it is
Detector: TypeAlias = "Callable[[Response], Found]"
DEPTH = 3

RECORD_KEY_PATTERNS = frozenset(
    {"data", "items", "results", "entries", "records", "rows", "entities", "payload", "content", "objects", "values"}
)
NON_RECORD_KEY_PATTERNS = frozenset({"meta", "metadata", "pagination", "links", "extras", "headers"})
NEXT_PAGE_KEY_PATTERNS = frozenset({"next"})
NEXT_PAGE_DICT_KEY_PATTERNS = frozenset({"href", "url"})
TOTAL_PAGES_KEYS = frozenset({r"^total_pages$", r"^pages$", r"^totalpages$"})
CURRENT_PAGE = re.compile(r"(current|this)?_?page(_?(no|num|number|index))?|(current|this)", re.IGNORECASE)
PLACEHOLDER = re.compile(r"\{[^{}]+\}")


def single_entity_path(path: str) -> bool:
    """Whether a path ends in a placeholder, as `users/{id}`: then it is that of one thing."""
    last = urlsplit(path).path.rstrip("/").rpartition("/")[2]
    return PLACEHOLDER.search(last) is not None


def matches_any_pattern(key: str, patterns: Iterable[str]) -> bool:
    """Whether one of these expressions is found in a key; capitals do not matter."""
    return any(re.search(pattern, key, re.IGNORECASE) for pattern in patterns)


# ---- rows


def find_all_lists(
    dict_: dict[str, Any], path: Path = (), result: list[tuple[Path, list[Any]]] | None = None
) -> list[tuple[Path, list[Any]]]:
    """The lists of a document down to the third level, with their paths."""
    found = [] if result is None else result
    for key, value in dict_.items():
        if isinstance(value, list):
            found.append(((*path, key), value))
        elif isinstance(value, dict) and len(path) + 1 < DEPTH:
            find_all_lists(value, (*path, key), found)
    return found


def find_response_page_data(response: Any) -> tuple[Path, Any]:
    """The rows of a document and their path: the whole when it is a list, else a list of a usual name, else the first list that
    has rows, else the first list. The whole is one row when there is no list."""
    lists = find_all_lists(response) if isinstance(response, dict) else []
    named = (one for one in lists if matches_any_pattern(one[0][-1], (f"^{key}$" for key in RECORD_KEY_PATTERNS)))
    full = next((one for one in lists if one[1]), lists[0] if lists else (("$",), response))
    return next(named, full)


def path_text(path: Path) -> str:
    """A path as text; names are quoted where they must be."""
    return ".".join(key if key == "$" or re.fullmatch(r"\w+", key) else f"'{key}'" for key in path)


# ---- next pages


def _walk(document: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The values of nested objects, those above first in each."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield (*path, key), value
            yield from _walk(value, (*path, key))


def find_next_page_path(response: Any, path: Path = ()) -> tuple[Path, Any] | tuple[None, None]:
    """The path and value of what a document says of the next page: a URL or a cursor."""
    for found, value in _walk(response, path):
        if not matches_any_pattern(found[-1], NEXT_PAGE_KEY_PATTERNS):
            continue
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return found, value
        if isinstance(value, dict):
            for key in value:
                if key.lower() in NEXT_PAGE_DICT_KEY_PATTERNS and isinstance(value[key], str):
                    return (*found, key), value[key]
    return None, None


def find_total_pages_path(response: Any, path: Path = ()) -> tuple[Path, Any] | tuple[None, None]:
    """The path and value of the number of pages in a document."""
    for found, value in _walk(response, path):
        whole = isinstance(value, str | int) and str(value).strip().isdigit() and not isinstance(value, bool)
        if whole and matches_any_pattern(found[-1], TOTAL_PAGES_KEYS):
            return found, value
    return None, None


def header_links_detector(response: Response) -> Found:
    """A header Link with `next`."""
    return (HeaderLinkPaginator(), 1.0) if linked(response, "next") else (None, 0.0)


def json_links_detector(response: Response) -> Found:
    """A URL of the next page in the document."""
    path, value = find_next_page_path(json_of(response))
    return (JSONLinkPaginator(path_text(path)), 1.0) if path and _is_url(value) else (None, 0.0)


def cursor_paginator_detector(response: Response) -> Found:
    """Another value of the next page: taken for a cursor, though nobody knows the name of its parameter."""
    path, _ = find_next_page_path(json_of(response))
    return (JSONResponseCursorPaginator(path_text(path)), 0.5) if path else (None, 0.0)


def pages_number_paginator_detector(response: Response) -> Found:
    """The number of pages in the document. Where it says which one this is, this is the first number."""
    document = json_of(response)
    path, _ = find_total_pages_path(document)
    if not path:
        return None, 0.0
    numbers = [
        value
        for found, value in _walk(document)
        if CURRENT_PAGE.fullmatch(found[-1]) and type(value) is int and 0 <= value <= 1
    ]
    base = numbers[0] if numbers else 0
    return PageNumberPaginator(base_page=base, total_path=path_text(path)), 0.5


def single_page_detector(response: Response) -> Found:
    """Nothing of all that."""
    del response
    return SinglePagePaginator(), 0.0


def _is_url(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return bool(urlsplit(value).scheme in ("http", "https") or value.startswith(("/", "?")))


class PaginatorFactory:
    """Asks detectors, functions of a response, in their order; each gives a paginator and how sure it is, or None."""

    def __init__(self, detectors: Sequence[Detector] | None = None) -> None:
        self.detectors = list(detectors) if detectors else [
            header_links_detector,
            json_links_detector,
            pages_number_paginator_detector,
            cursor_paginator_detector,
            single_page_detector,
        ]  # fmt: skip

    def create_paginator(self, response: Response) -> Found:
        """The paginator of the first detector that finds one, and how sure it is."""
        for detector in self.detectors:
            paginator, score = detector(response)
            if paginator is not None:
                said = (detector.__doc__ or detector.__name__).strip().partition("\n")[0]
                logger.info("Detected the paginator %s: %s", paginator, said)
                return paginator, score
        return None, 0.0
