"""One database for all tests of this folder, emptied after each of them: to make and drop one costs more than most tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


@pytest.fixture(scope="session")
def database(postgres_server: str) -> str:
    """The URL of a database of this folder's own."""
    import psycopg

    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute("CREATE DATABASE replicated")
    return postgres_server.removesuffix("postgres") + "replicated"


@pytest.fixture
def postgres(database: str) -> Iterator[str]:
    """The URL of a database without slots, publications and tables."""
    import psycopg
    from psycopg import sql

    yield database
    with psycopg.connect(database, autocommit=True) as server:
        server.execute(OTHERS)
        for (slot,) in server.execute(SLOTS).fetchall():
            for _ in range(100):
                with suppress(psycopg.errors.ObjectInUse):
                    server.execute("SELECT pg_drop_replication_slot(%s)", [slot])
                    break
                time.sleep(0.05)
        for (name,) in server.execute("SELECT pubname FROM pg_publication").fetchall():
            server.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(name)))
        server.execute("SET client_min_messages = error")
        for (name,) in server.execute(SCHEMAS).fetchall():
            server.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))
        server.execute("CREATE SCHEMA public")
