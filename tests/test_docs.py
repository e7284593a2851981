"""The documentation: its Python blocks run, its links lead somewhere, its tables say what the code says.

The blocks of a file are one program, run in an empty folder.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dlt.destinations.registry import PLANNED
from dlt.sources.http import client

sys.path.insert(0, str(Path(__file__).parent))

import reference

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ALL = [*FILES, *sorted(path for path in ROOT.glob("*.md") if path.name != "README.md")]
BLOCK = re.compile(r"^(?P<indent> *)```(?:python|py)\b[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]+))?\)")
CASE = re.compile(r"\bc\d\d[a-z]?\b")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def program(text: str) -> str:
    """The blocks as one program whose lines have the numbers they have in the file."""
    lines = [""] * text.count("\n")
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("code"))
        for number, line in enumerate(block["code"].splitlines()):
            lines[first + number] = line.removeprefix(block["indent"])
    return "\n".join(lines)


def test_program_keeps_line_numbers() -> None:
    text = "# Title\n\n```python\na = 1\n```\ntext\n- list\n\n  ```python\n  b = a\n  ```\n```sh\nls\n```\n"

    assert program(text).split("\n") == ["", "", "", "a = 1", "", "", "", "", "", "b = a", "", "", "", ""]


FIRST = ("README.md", "getting-started.md")  # pages that are run before each commit; the others by `make test`


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=() if path.name in FIRST else pytest.mark.slow) for path in FILES], ids=named
)
def test_blocks_run(path: Path, own_folder: Path, request: pytest.FixtureRequest) -> None:
    code = own_folder / "program.py"
    code.write_text(program(path.read_text()))
    compile(code.read_text(), str(path), "exec")
    database = {}
    if "dlt.sources.pg_replication" in code.read_text():
        database["SOURCES__PG_REPLICATION__CREDENTIALS"] = request.getfixturevalue("postgres")
    if 'destination="postgres"' in code.read_text():
        database["DESTINATION__POSTGRES__CREDENTIALS"] = request.getfixturevalue("postgres")

    done = subprocess.run(
        [sys.executable, "-W", "error", str(code)],
        cwd=own_folder,
        env={**os.environ, **database, "DLT_DATA_DIR": str(own_folder / "data")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, f"{named(path)}\n{done.stdout[-2000:]}\n{done.stderr}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_page_begins_with_code(path: Path) -> None:
    """A snippet that runs stands on the first screen."""
    text = path.read_text()
    first = BLOCK.search(text)

    assert first
    assert text.count("\n", 0, first.start()) < 20


# ---- links


@pytest.mark.parametrize("path", ALL, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    dead = []
    for link in LINK.finditer(path.read_text()):
        target = path.parent / link["path"] if link["path"] else path
        if not target.exists() or (link["anchor"] and link["anchor"] not in anchors(target)):
            dead.append(link[0])

    assert dead == []


def anchors(path: Path) -> set[str]:
    """The anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {(ROOT / link["path"]).resolve() for link in LINK.finditer((ROOT / "README.md").read_text())}

    assert {path for path in FILES[1:] if path not in linked} == set()


# ---- what the code says


@pytest.mark.parametrize("page", reference.TABLES)
def test_tables_are_those_of_the_code(page: str) -> None:
    """`python tests/reference.py` writes them."""
    there, wanted = reference.with_table(page)

    assert there == wanted


def test_every_setting_is_documented() -> None:
    code, documented = {}, reference.documented_settings()
    for key, default in reference.settings().items():
        general = re.sub(r"^data_writer\.", "normalize.data_writer.", key)  # the page says that both work
        code[
            re.sub(r"^destination\.(duckdb|dummy|filesystem|postgres|sqlalchemy)\.", "destination.<name>.", general)
        ] = default

    assert set(documented) == set(code) | reference.variables()

    code["destination.<name>.max_state_files"] = "100"  # 0 in the code: that of Commit
    arguments = inspect.signature(client.Client).parameters
    code |= {f"runtime.{name}": str(int(arguments[name].default)) for name in client.SETTINGS}
    different = {
        key: (documented[key], default) for key, default in code.items() if default not in (None, documented[key])
    }
    assert different == {}


def test_settings_are_found_in_the_code() -> None:
    """Those of which the key is put together, too."""
    found = reference.settings()

    assert found["normalize.on_bad_rows"] == "quarantine"
    assert found["pipelines.<name>.enable_runtime_trace"] == "true"
    assert found["data_writer.file_max_items"] == ""
    assert found["destination.<name>.timeout"] == "10"
    assert "destination.<name>.bucket_url" in found


def test_every_destination_is_named() -> None:
    text = (ROOT / "docs" / "destinations.md").read_text()

    assert [name for name in (*PLANNED, "duckdb", "filesystem", "memory", "dummy") if name not in text] == []


def test_differences_name_tests_that_exist() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests" / "cases").glob("test_*.py"))
    named_cases = set(CASE.findall((ROOT / "docs" / "differences.md").read_text()))

    assert named_cases
    assert {case for case in named_cases if f"def test_{case}_" not in tests} == set()
