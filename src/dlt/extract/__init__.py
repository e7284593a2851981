"""From user code to batches of rows: sources, resources, pipes, incremental loading, state."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.extract.decorators import defer, transformer
    from dlt.extract.factory import SourceFactory
    from dlt.extract.hints import make_hints, make_nested_hints
    from dlt.extract.incremental import Incremental
    from dlt.extract.marks import with_file_import, with_hints, with_table_name
    from dlt.extract.reference import SourceReference
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource

# name -> where it is; loaded when it is first used
_LATER = {
    "DltResource": "resource",
    "DltSource": "source",
    "Incremental": "incremental",
    "SourceFactory": "factory",
    "SourceReference": "reference",
    "defer": "decorators",
    "make_hints": "hints",
    "make_nested_hints": "hints",
    "transformer": "decorators",
    "with_file_import": "marks",
    "with_hints": "marks",
    "with_table_name": "marks",
}

__all__ = [
    "DltResource",
    "DltSource",
    "Incremental",
    "SourceFactory",
    "SourceReference",
    "defer",
    "make_hints",
    "make_nested_hints",
    "transformer",
    "with_file_import",
    "with_hints",
    "with_table_name",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
