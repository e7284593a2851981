"""`dlt.common.jsonpath`: values at JSON paths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

from dlt.extract.jsonpath import every, is_simple

TJsonPath: TypeAlias = str
TAnyJsonPath: TypeAlias = str | Iterable[str]

__all__ = ["TAnyJsonPath", "TJsonPath", "compile_path", "compile_paths", "extract_simple_field_name", "find_values"]


def compile_path(s: str) -> str:
    """The path, checked. SchemaError when it is not understood."""
    every(s, {})
    return s


def compile_paths(p: str | Iterable[str]) -> list[str]:
    """The paths, checked."""
    return [compile_path(one) for one in ([p] if isinstance(p, str) else p)]


def find_values(path: str, data: Any) -> Sequence[Any]:
    """All values at a path."""
    return every(path, data)


def extract_simple_field_name(path: str) -> str | None:
    """The path when it is the name of a key, else None."""
    return path if is_simple(path) else None
