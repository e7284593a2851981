"""Drawings show the same tables, columns and references as those of dlt 1.31; how they look is our own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compare.environment import run

if TYPE_CHECKING:
    from compare.conftest import Both

Drawings = dict[str, list[Any]]


@pytest.fixture(scope="module")
def drawn(dumps: Both, python: Both, tmp_path_factory: pytest.TempPathFactory) -> list[Drawings]:
    """The last schema of each data set of dlt 1.31, as both draw it: by format."""
    found: list[dict[str, Any]] = [dump["schemas"][-1] for dump in dumps.theirs.values()]
    file = tmp_path_factory.mktemp("drawings") / "schemas.json"
    file.write_text(json.dumps(found), encoding="utf-8")
    return [run(one, "read", "--drawn", str(file), folder=Path(file.parent)) for one in python]


def test_mermaid(drawn: list[Drawings]) -> None:
    def lines(text: str) -> list[str]:
        """Without what is only written in another way: spaces, quotes, that a column is a foreign key."""
        parts = [re.sub(r"\s+", " ", line).strip().removesuffix(" FK") for line in text.splitlines()]
        return [re.sub(r" (?={)|\"", "", line).replace(" ", "_") for line in parts if line]

    theirs, ours = (one["mermaid"] for one in drawn)
    assert [lines(text) for text in ours] == [lines(text) for text in theirs]
    assert any("_dlt_parent" in text for text in ours)


def test_graphviz(drawn: list[Drawings]) -> None:
    def edges(text: str, first: int) -> list[tuple[str, int, str, int]]:
        found = re.findall(r'"?([\w]+)"?:[fr](\d+)(?::_)? -> "?([\w]+)"?:[fl](\d+)', text)
        return sorted((tail, int(a) - first, head, int(b) - first) for tail, a, head, b in found)

    pairs = [(theirs, ours) for theirs, ours in zip(*(one["dot"] for one in drawn), strict=True) if theirs]
    assert [edges(ours, 0) for _, ours in pairs] == [edges(theirs, 1) for theirs, _ in pairs]
    assert len(pairs) > 30
    assert sum(len(edges(ours, 0)) for _, ours in pairs) > 50
