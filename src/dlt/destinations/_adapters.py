"""Adapters: hints for one destination, on a resource or on data that becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlt.errors import SchemaError
from dlt.extract.decorators import resource
from dlt.extract.resource import DltResource


def postgres_adapter(data: Any, geometry: str | Sequence[str] | None = None, srid: int | None = 4326) -> DltResource:
    """The resource with columns that PostGIS keeps as geometries. Raises SchemaError, a ValueError, when none is named.

    data: a resource, or data that becomes one named `content`. geometry: columns with WKT, EWKT or hexadecimal (E)WKB texts.
    srid: the reference system of those that do not say theirs.
    """
    if not geometry:
        raise SchemaError(
            "A value for `geometry` must be specified.", hint='postgres_adapter(data, geometry="location")'
        )
    names = [geometry] if isinstance(geometry, str) else geometry
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise SchemaError(
            "`geometry` must be a list of column names or a single column name as a string.", value=geometry
        )
    made = data if isinstance(data, DltResource) else resource(data, name="content")
    hints = {"data_type": "text", "x-postgres-geometry": True, "x-postgres-srid": srid}
    return made.apply_hints(columns={name: {"name": name, **hints} for name in names})
