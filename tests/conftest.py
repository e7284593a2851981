"""What all tests share: each runs in a folder of its own, with its own work directory and no settings of this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dlt.config.lookup import SEEN
from dlt.extract.state import activate_pipeline
from engines import mysql, mysql_server, postgres, postgres_server  # noqa: F401 - fixtures

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))

SERVERS = {"postgres_server", "mysql_server", "postgres", "postgresql", "mysql", "mariadb"}  # fixtures, and parameters
SETTING = re.compile(r"DLT_\w+|[A-Z0-9_]+__[A-Z0-9_]+")  # how settings are named in the environment


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder and the work directory of pipelines are this test's own, and there is no
    active pipeline. Returns the folder."""
    for name in list(os.environ):
        if SETTING.fullmatch(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DLT_DATA_DIR", str(tmp_path / ".dlt-data"))
    monkeypatch.chdir(tmp_path)
    SEEN.clear()
    activate_pipeline(None)
    return tmp_path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a server are marked. Slow tests first: with several workers the short ones then fill the gaps."""
    for item in items:
        call = getattr(item, "callspec", None)
        chosen = {value.lower() for value in call.params.values() if isinstance(value, str)} if call else set()
        if not SERVERS.isdisjoint(chosen | set(getattr(item, "fixturenames", ()))):
            item.add_marker(pytest.mark.server)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
