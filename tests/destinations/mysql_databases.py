"""Removes the databases that a test makes on the MySQL server, where each dataset is one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa


@contextmanager
def databases_removed(url: str) -> Iterator[str]:
    """Drops, at the end, the databases that were not there at the beginning."""
    engine = sa.create_engine(url)

    def found(connection: sa.Connection) -> set[str]:
        return {name for (name,) in connection.exec_driver_sql("SHOW DATABASES")}

    with engine.connect() as connection:
        before = found(connection)
    try:
        yield url
    finally:
        with engine.connect() as connection:
            for name in found(connection) - before:
                connection.exec_driver_sql(f"DROP DATABASE `{name}`")
        engine.dispose()
