"""The destinations: `dlt.destinations.duckdb(...)`. Each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.destinations._custom import sink as destination
    from dlt.destinations._duckdb import duckdb
    from dlt.destinations._dummy import dummy
    from dlt.destinations._filesystem import filesystem
    from dlt.destinations._memory import memory
    from dlt.destinations._postgres import postgres
    from dlt.destinations._sqlalchemy import sqlalchemy

__all__ = ["destination", "duckdb", "dummy", "filesystem", "memory", "postgres", "sqlalchemy"]


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    from dlt.destinations.registry import DESTINATIONS, PLANNED, load, unknown

    if name in DESTINATIONS:
        return load(name)
    if name in PLANNED:
        raise unknown(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
