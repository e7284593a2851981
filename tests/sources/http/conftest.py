"""A bad server, and clients that do not wait but say how long they would have."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from dlt.sources.http import client
from sources.naughty import Naughty


@pytest.fixture
def server() -> Iterator[Naughty]:
    with Naughty() as running:
        yield running


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that would have been waited, in order."""
    found: list[float] = []
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=found.append))
    client.client.configure()
    yield found
    client.client.configure()
