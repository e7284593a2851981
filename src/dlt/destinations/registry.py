"""The destinations by name, and how what a user gives becomes one."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from dlt.config.lookup import for_pipeline
from dlt.errors import ConfigError
from dlt.load.session import Destination
from dlt.schema.capabilities import Capabilities

logger = logging.getLogger("dlt")

# name -> module:attribute, in alphabetical order; the modules are private so that they do not hide the names
DESTINATIONS = {
    "destination": "dlt.destinations._custom:sink",
    "duckdb": "dlt.destinations._duckdb:duckdb",
    "dummy": "dlt.destinations._dummy:dummy",
    "filesystem": "dlt.destinations._filesystem:filesystem",
    "memory": "dlt.destinations._memory:memory",
    "postgres": "dlt.destinations._postgres:postgres",
    "sqlalchemy": "dlt.destinations._sqlalchemy:sqlalchemy",
}
# capabilities that have another name in the public API
PUBLIC_CAPS = {
    "naming_convention": "naming",
    "recommended_file_size": "file_bytes",
    "max_identifier_length": "max_table_name",
    "max_column_identifier_length": "max_column_name",
    "has_case_sensitive_identifiers": "case_sensitive",
}
# names of the public API that are not built yet
PLANNED = (
    "athena",
    "bigquery",
    "clickhouse",
    "databricks",
    "dremio",
    "ducklake",
    "fabric",
    "lance",
    "lancedb",
    "motherduck",
    "mssql",
    "qdrant",
    "redshift",
    "snowflake",
    "synapse",
    "weaviate",
)


def load(name: str) -> Any:
    """The factory class of a destination, by its name or by a dotted path. Raises ConfigError."""
    name = name.strip()
    short = name.removeprefix("dlt.destinations.")
    path = DESTINATIONS.get(short)
    if path is None and "." in short:
        path = ":".join(name.rsplit(".", 1))
    if path is None:
        raise unknown(short)
    module, _, attribute = path.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"There is no destination {name!r}: {error}.",
            key="destination",
            hint="give one of " + ", ".join(DESTINATIONS) + ", or the dotted path of a class",
        ) from error


def unknown(name: str) -> ConfigError:
    """The error for a name that is no destination."""
    if name in PLANNED:
        text, near = f"The destination {name!r} is not part of this version.", []
    else:
        text, near = f"There is no destination {name!r}.", get_close_matches(name.lower(), DESTINATIONS, 3, 0.5)
    known = ", ".join(one for one in DESTINATIONS if one != "destination")
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are {known}, and functions of your own"
    return ConfigError(text, key="destination", value=name, hint=hint)


def overridden(caps: Capabilities, given: Mapping[str, Any], name: str) -> Capabilities:
    """The capabilities with those that a user gives by name; what is unknown is noted in the log."""
    known = {field.name for field in fields(Capabilities)}
    named = {PUBLIC_CAPS.get(key, key): value for key, value in given.items() if value is not None}
    for key in [key for key in named if key not in known]:
        logger.warning("%s: the argument %s is not known and does nothing.", name, key)
        del named[key]
    return replace(caps, **named)


def from_reference(reference: Any, **options: Any) -> Any:
    """A factory from a name, a dotted path, a class or an instance; a Destination stays what it is.

    options: arguments for the class, where there is something to make.
    """
    if isinstance(reference, str):
        reference = load(reference)
    if isinstance(reference, type) or (callable(reference) and not hasattr(reference, "bind")):
        reference = reference(**{key: value for key, value in options.items() if value is not None})
    if not isinstance(reference, Destination) and not hasattr(reference, "bind"):
        raise ConfigError(
            f"{reference!r} is no destination.",
            key="destination",
            hint="give a name such as 'duckdb', or an object from dlt.destinations",
        )
    return reference


def create(
    reference: Any,
    *,
    pipeline_name: str | None = None,
    credentials: Any = None,
    working_dir: str | None = None,
    **options: Any,
) -> Destination:
    """The destination of a pipeline from what the user gave. Raises ConfigError when that is no destination."""
    factory = from_reference(reference, **options)
    if isinstance(factory, Destination):
        return factory
    with for_pipeline(pipeline_name):
        destination: Destination = factory.bind(pipeline_name, credentials=credentials, working_dir=working_dir)
    return destination
