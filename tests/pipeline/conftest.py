"""A destination that can be made to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dlt.load.steps import Copy
from dlt.sql.session import SqlSession

if TYPE_CHECKING:
    from .runs import Broken


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    """Tables that nothing can be copied to, with the error of it."""
    tables: Broken = {}
    apply = SqlSession.apply

    def failing(self: SqlSession, step: Any) -> Any:
        if isinstance(step, Copy) and step.table.name in tables:
            raise tables[step.table.name]
        return apply(self, step)

    monkeypatch.setattr(SqlSession, "apply", failing)
    return tables
