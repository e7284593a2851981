"""dlt, the data load tool: from any Python data to typed, related tables, fast and without losing a row."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING
from typing import Any as _Any

from dlt.compat import hook as _hook
from dlt.config.access import config, secrets  # these stand in the place of the package of the name, too
from dlt.pipeline.factory import attach, pipeline, run  # the function stands in the place of the package of its name

if TYPE_CHECKING:
    from dlt import destinations, sources
    from dlt.config.names import TCredentials, TSecretStrValue, TSecretValue
    from dlt.destinations._custom import destination
    from dlt.extract import current
    from dlt.extract import marks as mark
    from dlt.extract.decorators import defer, resource, source, transformer
    from dlt.pipeline import progress
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.schema import Schema

__version__ = "1.31.0"
_hook.install()

# name -> where it is; loaded when it is first used
_LATER = {
    "Pipeline": "dlt.pipeline.pipeline:Pipeline",
    "Schema": "dlt.schema.schema:Schema",
    "TCredentials": "dlt.config.names:TCredentials",
    "TSecretStrValue": "dlt.config.names:TSecretStrValue",
    "TSecretValue": "dlt.config.names:TSecretValue",
    "current": "dlt.extract.current",
    "defer": "dlt.extract.decorators:defer",
    "destination": "dlt.destinations._custom:destination",
    "destinations": "dlt.destinations",
    "mark": "dlt.extract.marks",
    "progress": "dlt.pipeline.progress",
    "resource": "dlt.extract.decorators:resource",
    "source": "dlt.extract.decorators:source",
    "sources": "dlt.sources",
    "transformer": "dlt.extract.decorators:transformer",
}

__all__ = [
    "Pipeline",
    "Schema",
    "TCredentials",
    "TSecretStrValue",
    "TSecretValue",
    "__version__",
    "attach",
    "config",
    "current",
    "defer",
    "destination",
    "destinations",
    "mark",
    "pipeline",
    "progress",
    "resource",
    "run",
    "secrets",
    "source",
    "sources",
    "transformer",
]


# names of the public API that are not built yet, with what to do instead
_PLANNED = {
    "Dataset": "",
    "Relation": "",
    "dataset": ": read the tables with the tools of the destination, as duckdb.connect(...)",
    "dbt": "",
    "hub": "",
}
# packages that scripts reach as attributes without importing them
_PACKAGES = frozenset({"common", "extract", "load", "normalize", "version"})


def __getattr__(name: str) -> _Any:
    place = _LATER.get(name)
    if place is None and name in _PLANNED:
        raise AttributeError(f"dlt.{name} is not built yet{_PLANNED[name]}")
    if place is None and name in _PACKAGES:
        return _import_module(f"dlt.{name}")
    if place is None:
        raise AttributeError(f"module 'dlt' has no attribute {name!r}")
    module, _, attribute = place.partition(":")
    found: _Any = _import_module(module)
    if attribute:
        found = getattr(found, attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
