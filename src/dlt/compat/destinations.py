"""`dlt.common.destination`: what a destination can be given as, and the credentials of DuckDB."""

from __future__ import annotations

from typing import Any, TypeAlias

from dlt.destinations.registry import from_reference
from dlt.errors import NotBuilt

AnyDestination: TypeAlias = Any
TDestinationReferenceArg: TypeAlias = Any


class Destination:
    """A destination, as an annotation; made by `from_reference`, or a class of `dlt.destinations`."""

    @staticmethod
    def from_reference(ref: Any, credentials: Any = None, destination_name: str | None = None, **kwargs: Any) -> Any:
        """A destination from its name, a dotted path, a class or an object. ConfigError when it is none."""
        return from_reference(ref, credentials=credentials, destination_name=destination_name, **kwargs)


class DuckDbCredentials:
    """A DuckDB database, for `credentials=` of `dlt.destinations.duckdb`: a path or an open connection.

    Options are those of `dlt.destinations.duckdb`; NotBuilt when they are given here.
    """

    def __init__(self, conn_or_path: Any = None, **options: Any) -> None:
        if given := {key: value for key, value in options.items() if value not in (None, False)}:
            raise NotBuilt(
                "DuckDbCredentials takes a path or a connection only.",
                given=", ".join(given),
                hint="give these to dlt.destinations.duckdb(credentials, ...), or set destination.duckdb.credentials.<name>",
            )
        self.database = conn_or_path

    def __repr__(self) -> str:
        return f"DuckDbCredentials({self.database!r})"
