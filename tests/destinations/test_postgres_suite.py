"""PostgreSQL: what every destination must do."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import dlt
from dlt.testing import DestinationSuite

SERVER: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _database(postgres: str) -> None:
    SERVER["url"] = postgres


class TestPostgres(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.postgres(SERVER["url"])


class TestPostgresOpenConnection(DestinationSuite):
    """A connection of the user's, who has to commit what is not the pipeline's; no constraints, other time zone."""

    def make_destination(self, tmp_path: Any) -> Any:
        connection = psycopg.connect(SERVER["url"], options="-c TimeZone=Asia/Kolkata")
        return dlt.destinations.postgres(connection, create_indexes=False)
