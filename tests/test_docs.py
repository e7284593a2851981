"""Every Python block of README.md and docs/ runs. The blocks of a file are one program, run in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^(?P<indent> *)```(?:python|py)\b[^\n]*\n(?P<code>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)(?P<path>[^)#\s]+)")


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


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run(path: Path, own_folder: Path) -> None:
    code = own_folder / "program.py"
    code.write_text(program(path.read_text()))
    compile(code.read_text(), str(path), "exec")

    done = subprocess.run(
        [sys.executable, "-W", "error", str(code)],
        cwd=own_folder,
        env={**os.environ, "DLT_DATA_DIR": str(own_folder / "data")},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, f"{path.relative_to(ROOT)}\n{done.stderr}"


@pytest.mark.parametrize("path", [*FILES, *sorted(ROOT.glob("*.md"))], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    dead = [link["path"] for link in LINK.finditer(path.read_text()) if not (path.parent / link["path"]).exists()]

    assert dead == []


def test_readme_shows_code() -> None:
    assert program((ROOT / "README.md").read_text()).strip()
