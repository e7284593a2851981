"""The database of a test stays open while the test runs: opening it again then takes no time."""

from __future__ import annotations

import duckdb
import pytest

from .rows import DATABASE


@pytest.fixture(autouse=True)
def database(own_folder):
    """The connection that keeps it open."""
    with duckdb.connect(DATABASE) as connection:
        yield connection
