"""Each documented case has a test whose name begins with its id."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

NUMBERS = (*range(1, 79), 82, 83, 84)
IDS = [*(f"c{number:02d}" for number in NUMBERS), "c30b", "c30c", "c30d"]
TESTS = Path(__file__).parents[1]


@cache
def ids_of_tests():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob("test_*.py")]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {found[1] for name in names if (found := re.match(r"test_(c\d\d[a-z]?)_", name))}


@pytest.mark.parametrize("case", IDS)
def test_every_case_has_a_test(case):
    assert case in ids_of_tests()


def test_no_test_has_an_id_that_is_not_on_the_list():
    assert ids_of_tests() <= set(IDS)
