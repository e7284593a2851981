"""Both implementations load the same inputs once, for all tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compare.environment import other, ours, run
from compare.inputs import FILE, INPUTS
from compare.turns import TURNS


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of this folder run only when they are asked for: they need dlt 1.31, and minutes."""
    mine = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in mine:
        item.add_marker(pytest.mark.compare)
    if "compare" not in config.option.markexpr:
        items[:] = [item for item in items if item not in mine]
        config.hook.pytest_deselected(items=mine)


class Both(NamedTuple):
    """What the two made of the same."""

    theirs: Any
    ours: Any


@pytest.fixture(scope="session")
def python() -> Both:
    return Both(other(), ours())


@pytest.fixture(scope="session")
def dumps(python: Both, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """By name of input, what each made of it."""
    folders = [tmp_path_factory.mktemp(name) for name in ("theirs", "ours")]
    return Both(
        *(run(one, "inputs", str(folder), *INPUTS, folder=folder) for one, folder in zip(python, folders, strict=True))
    )


Turns = dict[str, list[Any]]  # by name of data set, what it was after each turn


def in_turns(order: list[Path], folder: Path) -> Turns:
    """Carry out as many turns as there are implementations in `order`, each by its own."""
    import duckdb

    for name in TURNS:
        (folder / name).mkdir(parents=True)
        # what the older DuckDB of the other one can open
        duckdb.connect(str(folder / name / FILE), config={"storage_compatibility_version": "v1.2.0"}).close()
    out: Turns = {name: [] for name in TURNS}
    for turn, one in enumerate(order):
        for name, dump in run(one, "turns", str(folder), str(turn), folder=folder).items():
            out[name].append(dump)
    return out


@pytest.fixture(scope="session")
def alone(python: Both, tmp_path_factory: pytest.TempPathFactory) -> Turns:
    """Four turns of dlt 1.31."""
    return in_turns([python.theirs] * 4, tmp_path_factory.mktemp("alone"))


@pytest.fixture(scope="session")
def theirs_first(python: Both, tmp_path_factory: pytest.TempPathFactory) -> Turns:
    """Four turns, dlt 1.31 first, then by turns."""
    return in_turns([python.theirs, python.ours] * 2, tmp_path_factory.mktemp("theirs-first"))


@pytest.fixture(scope="session")
def ours_first(python: Both, tmp_path_factory: pytest.TempPathFactory) -> Turns:
    """Four turns, ours first, then by turns."""
    return in_turns([python.ours, python.theirs] * 2, tmp_path_factory.mktemp("ours-first"))
