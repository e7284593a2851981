"""The public surface: what `dlt` exports, and that importing it costs nothing."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

import dlt

PACKAGE = Path(dlt.__file__).parent


def python(code: str) -> list[str]:
    """What a fresh interpreter prints, in words."""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_all_is_sorted_and_has_no_doubles() -> None:
    assert dlt.__all__ == sorted(set(dlt.__all__))


def test_all_names_everything_public() -> None:
    """Each name of `__all__` can be had; and nothing else that is public, except the folders and files of the package."""
    for name in dlt.__all__:
        getattr(dlt, name)

    public = {name for name in vars(dlt) if not name.startswith("_")} - {"annotations", "TYPE_CHECKING"}
    assert {name for name in public - set(dlt.__all__) if not is_part(name)} == set()


def is_part(name: str) -> bool:
    value = vars(dlt)[name]
    return isinstance(value, types.ModuleType) and value.__name__ == f"dlt.{name}"


def test_import_star_gives_all() -> None:
    names = python("from dlt import *; print(*[name for name in dir() if name[:2] != '__'])")

    assert set(names) == {name for name in dlt.__all__ if not name.startswith("__")}


def test_dir_lists_what_is_loaded_later() -> None:
    assert set(dlt.__all__) <= set(dir(dlt))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        dlt.no_such_name  # noqa: B018


def test_import_loads_no_third_party_module() -> None:
    code = """
        import sys
        before = set(sys.modules)
        import dlt
        new = {name: str(getattr(sys.modules[name], "__file__", "")) for name in set(sys.modules) - before}
        print(*(name for name, file in new.items() if "-packages" in file and name.partition(".")[0] != "dlt"))
    """

    assert python(textwrap.dedent(code)) == []


def test_making_a_pipeline_loads_no_driver() -> None:
    """Drivers and data libraries are loaded by the first data, not by `dlt.pipeline`."""
    code = "import sys, dlt; dlt.pipeline('quiet', destination='duckdb'); print(*sys.modules)"

    assert {"duckdb", "pyarrow", "pandas", "polars", "numpy"} & set(python(code)) == set()


@pytest.mark.parametrize("name", [name for name in dlt.__all__ if not name.startswith("_")])
def test_public_things_say_what_they_are(name: str) -> None:
    value = getattr(dlt, name)
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value):
        assert (inspect.getdoc(value) or "").strip()


def test_typed() -> None:
    """Type checkers see the annotations, and the names that are loaded later."""
    assert (PACKAGE / "py.typed").exists()

    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    seen = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    annotated = {
        node.target.id for node in tree.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert set(dlt.__all__) <= seen | defined | assigned | annotated
