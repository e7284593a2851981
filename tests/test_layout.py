"""The layout of the package: which way imports point, cycles, names, sizes, the number of seams. Read from the source, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "dlt"

# The order of ARCHITECTURE.md: a module imports from its own rank and from those before it.
RANKS = [
    {"errors"},
    {"schema", "config"},
    {"arrow", "items"},
    {"extract", "normalize", "quarantine", "package"},
    {"load", "sql", "dataset"},
    {"pipeline"},
    {"__init__", "__main__", "cli", "compat", "testing"},
]
RANK = {part: number for number, parts in enumerate(RANKS) for part in parts}
RANK |= {"sources": RANK["extract"], "destinations": RANK["load"]}
FOUND_BY_REGISTRY = {"sources", "destinations"}  # others know only their registry

LINES, LINES_WITH_REASON = 600, 1000
REASONS: dict[str, str] = {
    "pipeline/pipeline.py": "a method for each name of the public Pipeline; the work is done elsewhere",
    "schema/schema.py": "a method for each name of the public Schema; the work is done elsewhere",
}  # file over 600 lines -> why it is one thing
FORBIDDEN = {"util", "utils", "helper", "helpers", "common", "base", "misc"}
PROTOCOLS = 12


class Import(NamedTuple):
    """A module of ours that a module imports."""

    source: str
    target: str
    line: int
    at_import: bool  # runs when the module is imported: not in a function, not for type checkers only


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text()) for name, path in FILES.items()}


def imports(name: str) -> Iterator[Import]:
    """What a module imports of ours, anywhere in it."""
    waiting = [(node, True) for node in TREES[name].body]
    while waiting:
        node, at_import = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            for target in targets(name, node):
                yield Import(name, target, node.lineno, at_import)
            continue
        lazy = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += [(child, False) for child in node.body] + [(child, at_import) for child in node.orelse]
            continue
        waiting += [(child, at_import and not lazy) for child in ast.iter_child_nodes(node)]


def targets(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """Modules of ours that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in FILES)
        return
    module = node.module or ""
    if node.level:
        package = name if FILES[name].name == "__init__.py" else name.rpartition(".")[0]
        up = package.split(".")[: len(package.split(".")) - node.level + 1]
        module = ".".join([*up, *([module] if module else [])])
    for alias in node.names:
        inner = f"{module}.{alias.name}"
        if inner in FILES or module in FILES:
            yield inner if inner in FILES else module


def part(name: str) -> str:
    """The folder or file right under the package."""
    return name.split(".")[1] if "." in name else "__init__"


def where(one: Import) -> str:
    return f"{FILES[one.source].relative_to(PACKAGE)}:{one.line} imports {one.target}"


IMPORTS = list(chain.from_iterable(imports(name) for name in FILES))


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 40
    assert len(IMPORTS) > 100


def test_every_part_has_a_rank() -> None:
    assert {part(name) for name in FILES} <= set(RANK)


def test_imports_point_one_way() -> None:
    wrong = [where(one) for one in IMPORTS if RANK[part(one.target)] > RANK[part(one.source)]]

    assert wrong == []


def test_sources_and_destinations_are_found_by_their_registry() -> None:
    wrong = [
        where(one)
        for one in IMPORTS
        if part(one.target) in FOUND_BY_REGISTRY
        and part(one.source) not in (part(one.target), "__init__", "testing")
        and not one.target.endswith(".registry")
        and not one.source.startswith("dlt.cli.templates.")  # scripts of users
    ]

    assert wrong == []


def test_no_cycle_at_import() -> None:
    """A name that is only imported in a function or for type checkers makes no cycle: it is not needed to load the module."""
    graph: dict[str, set[str]] = {name: set() for name in FILES}
    for one in IMPORTS:
        if one.at_import and one.target != one.source:
            graph[one.source].add(one.target)

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("name", FILES)
def test_file_size(name: str) -> None:
    lines = len(FILES[name].read_text().splitlines())
    path = str(FILES[name].relative_to(PACKAGE))

    assert lines <= (LINES_WITH_REASON if path in REASONS else LINES)


def test_reasons_are_needed() -> None:
    assert [path for path in REASONS if len((PACKAGE / path).read_text().splitlines()) <= LINES] == []


def test_names_say_something() -> None:
    folders = {parent for path in FILES.values() for parent in path.relative_to(PACKAGE).parents if parent.name}
    names = {path.stem for path in FILES.values()} | {folder.name for folder in folders}

    assert names & FORBIDDEN == set()


def test_two_folder_levels() -> None:
    assert [name for name, path in FILES.items() if len(path.relative_to(PACKAGE).parents) > 3] == []


def test_every_module_says_what_it_is() -> None:
    empty = [name for name, tree in TREES.items() if tree.body and not (ast.get_docstring(tree) or "").strip()]

    assert empty == []


def test_number_of_protocols() -> None:
    protocols = [
        f"{name}.{node.name}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(one).startswith(("Protocol", "typing.Protocol")) for one in node.bases)
    ]

    assert len(protocols) <= PROTOCOLS, protocols
    assert protocols
