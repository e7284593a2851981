"""Sources by name: what is registered, where names are looked for, what a run makes of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.errors import UnknownSourceReference
from dlt.extract.source import sources_of
from dlt.sources import SourceReference

MODULE = """
import dlt

@dlt.source
def shop(count=2):
    return dlt.resource([{"n": number} for number in range(count)], name="orders")

@dlt.resource
def users(count=1):
    yield from ({"u": number} for number in range(count))

def plain():
    return []
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of sources that nobody has imported; returns its name."""
    (tmp_path / "shop_module.py").write_text(MODULE)
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "shop.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    known = dict(SourceReference.SOURCES)
    yield "shop_module"
    SourceReference.SOURCES.clear()
    SourceReference.SOURCES.update(known)
    for name in ("shop_module", "sources", "sources.shop"):
        sys.modules.pop(name, None)


FOUND = {
    "shop_module.shop": ("shop", ["orders"]),
    "shop_module.users": ("users", ["users"]),
    "shop": ("shop", ["orders"]),
    "shop.shop": ("shop", ["orders"]),
    "sources.shop.shop": ("shop", ["orders"]),
}


@pytest.mark.parametrize("ref", FOUND)
def test_2_1_find(module: str, ref: str) -> None:
    name, resources = FOUND[ref]

    source = SourceReference.from_reference(ref)

    assert (source.name, list(source.resources)) == (name, resources)
    assert SourceReference.find(ref)().name == name


@pytest.mark.parametrize("ref", ["shop_module.users", "shop_module.shop"])
def test_2_1_arguments_of_a_reference(module: str, ref: str) -> None:
    assert len(list(SourceReference.from_reference(ref, 3))) == 3
    assert len(list(SourceReference.from_reference(ref, count=4))) == 4


@pytest.mark.parametrize("ref", ["nothing", "shop_module.nothing", "shop_module.plain", "no.such.module"])
def test_2_1_unknown_names(module: str, ref: str) -> None:
    with pytest.raises(UnknownSourceReference, match="There is no source"):
        SourceReference.find(ref)


def test_2_1_only_what_is_at_the_top_of_a_module_is_registered(module: str) -> None:
    @dlt.source
    def inner() -> Any:
        return dlt.resource([1], name="rows")

    assert not [ref for ref in SourceReference.SOURCES if ref.endswith(("inner", "test_reference.rows"))]
    factory = __import__(module).shop
    assert SourceReference.SOURCES[factory.ref] is factory


def test_2_1_register() -> None:
    @dlt.source
    def mine() -> Any:
        return dlt.resource([1], name="rows")

    SourceReference.register(mine, "given.name")
    try:
        assert SourceReference.find("given.name") is mine
    finally:
        del SourceReference.SOURCES["given.name"]


def test_2_4_a_run_takes_a_name(module: str) -> None:
    (source,) = sources_of("shop_module.shop", schema_name="other", section=None)

    assert (source.name, list(source)) == ("shop", [{"n": 0}, {"n": 1}])
