"""The source `rest_api`: tables of a REST API by a configuration, without code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dlt.config.inject import CONFIG_VALUE
from dlt.extract.decorators import source
from dlt.extract.factory import SourceFactory
from dlt.sources.rest_api.build import check_connection, resources_of
from dlt.sources.rest_api.config import (
    ClientConfig,
    Endpoint,
    EndpointResource,
    EndpointResourceBase,
    RESTAPIConfig,
)
from dlt.sources.rest_api.openapi import from_openapi
from dlt.sources.rest_api.registry import register_auth, register_paginator

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource
    from dlt.schema.schema import Schema

__all__ = [
    "ClientConfig",
    "Endpoint",
    "EndpointResource",
    "EndpointResourceBase",
    "RESTAPIConfig",
    "check_connection",
    "from_openapi",
    "register_auth",
    "register_paginator",
    "rest_api",
    "rest_api_resources",
    "rest_api_source",
]


@source
def rest_api(
    client: ClientConfig = cast("Any", CONFIG_VALUE),  # noqa: B008 - marks what the configuration gives
    resources: list[str | EndpointResource | DltResource] = cast("Any", CONFIG_VALUE),  # noqa: B008 - see above
    resource_defaults: EndpointResourceBase | None = None,
) -> list[DltResource]:
    """The resources of a REST API; `client` and `resources` may stand in the configuration, below `sources.rest_api`."""
    return resources_of({"client": client, "resources": resources, "resource_defaults": resource_defaults})


def rest_api_source(
    config: RESTAPIConfig,
    name: str | None = None,
    section: str | None = None,
    max_table_nesting: int | None = None,
    root_key: bool | None = None,
    schema: Schema | None = None,
    schema_contract: Any = None,
    parallelized: bool = False,
) -> DltSource:
    """A source of a configuration; the other arguments are those of `dlt.source`, the name is `rest_api` by default.

    Raises SchemaError, a ValueError, that tells everything that is wrong with the configuration, and where.
    """
    made = SourceFactory(
        resources_of,
        name=name or (None if schema is not None else "rest_api"),
        section=section or "rest_api",
        max_table_nesting=max_table_nesting,
        root_key=root_key,
        schema=schema,
        schema_contract=schema_contract,
        parallelized=parallelized,
    )
    return made(config)


def rest_api_resources(config: RESTAPIConfig) -> list[DltResource]:
    """The resources of a configuration, for a source of your own. Raises SchemaError as `rest_api_source` does."""
    return resources_of(config)
