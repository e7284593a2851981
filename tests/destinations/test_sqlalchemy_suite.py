"""The suite for destinations on the databases of the destination sqlalchemy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.testing import DestinationSuite

from .mysql_databases import databases_removed


class TestSqliteFile(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.sqlalchemy(f"sqlite:///{tmp_path}/data.db")


class TestSqliteInMemory(DestinationSuite):
    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.sqlalchemy("sqlite://", create_unique_indexes=True)

    def test_killed_at_any_step_and_started_again(self) -> None:
        pytest.skip("it makes more data sets than the ten databases that a connection of SQLite can have")


class TestMariaDB(DestinationSuite):
    @pytest.fixture(autouse=True)
    def _address(self, mysql: str) -> Iterator[None]:
        with databases_removed(mysql) as self.url:
            yield

    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.sqlalchemy(self.url)


class TestPostgresByTheTypesOfSqlalchemy(DestinationSuite):
    @pytest.fixture(autouse=True)
    def _address(self, postgres: str) -> None:
        self.url = postgres.replace("postgresql:", "postgresql+psycopg:")

    def make_destination(self, tmp_path: Any) -> Any:
        return dlt.destinations.sqlalchemy(self.url)
