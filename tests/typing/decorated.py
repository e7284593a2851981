"""Sources, resources and transformers made by decorators, with settings and an incremental cursor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources import DltResource, DltSource


@dlt.resource
def plain() -> Iterator[dict[str, Any]]:
    """Rows."""
    yield {"id": 1}


@dlt.resource(name="users", write_disposition="merge", primary_key="id")
def users(
    since: dlt.sources.incremental[str] = dlt.sources.incremental("at", initial_value="2024-01-01"),
    token: str = dlt.secrets.value,
) -> Iterator[list[dict[str, Any]]]:
    """Users that changed."""
    yield [{"id": 1, "at": since.last_value, "token": token}]


@dlt.transformer(data_from=users)
def details(user: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """More of each user."""
    yield {"user_id": user["id"]}


@dlt.source(name="shop")
def shop(page_size: int = dlt.config.value) -> Iterator[DltResource]:
    """All of it."""
    yield users.with_name(f"users_{page_size}")
    yield plain
    yield users | details


def load() -> None:
    """Load a part of it."""
    data: DltSource = shop(page_size=10)
    pipeline = dlt.pipeline("shop", destination=dlt.destinations.duckdb("shop.duckdb"), progress="log")
    info = pipeline.run(data.with_resources("users"))
    if info is not None:
        info.raise_on_failed_jobs()
    print(pipeline.last_trace, dlt.current.pipeline())
