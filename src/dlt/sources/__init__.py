"""What sources are made of: `dlt.sources.incremental`, and the classes of credentials in `dlt.sources.credentials`."""

from typing import Any, TypeAlias

from dlt.errors import UnknownSourceReference
from dlt.extract.factory import SourceFactory as AnySourceFactory
from dlt.extract.incremental import Incremental as incremental  # noqa: N813 - the public name
from dlt.extract.reference import SourceReference
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

TDataItem: TypeAlias = Any
TDataItems: TypeAlias = Any

__all__ = [
    "AnySourceFactory",
    "DltResource",
    "DltSource",
    "SourceReference",
    "TDataItem",
    "TDataItems",
    "UnknownSourceReference",
    "incremental",
]

MODULES = ("config", "credentials", "filesystem", "helpers", "pg_replication", "rest_api", "sql_database")


def __getattr__(name: str) -> Any:
    """The modules of sources, credentials and configuration, loaded when they are first used."""
    if name in MODULES:
        from importlib import import_module

        return import_module(f"dlt.sources.{name}")
    raise AttributeError(f"module 'dlt.sources' has no attribute {name!r}")
