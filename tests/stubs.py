"""Stub files for the old import paths, which only an import hook makes: `python tests/stubs.py` writes `src/dlt-stubs`.

They are made from the table in `dlt.compat.table`. A type checker reads them besides the package itself (PEP 561).
"""

from __future__ import annotations

from pathlib import Path

import dlt
from dlt.compat.names import old
from dlt.compat.table import MODULES

FOLDER = Path(dlt.__file__).parent.with_name("dlt-stubs")
PACKAGE = Path(dlt.__file__).parent


def is_real(module: str) -> bool:
    """Whether there is a file for a module; it has its annotations itself."""
    path = PACKAGE.joinpath(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def lines_of(name: str, place: str, attribute: str) -> list[str]:
    """The import of one name. `import x as y` does not export y, so another name is assigned."""
    package, _, last = place.rpartition(".")
    where, what = (place, attribute) if attribute != "." else (package, last)
    if what == name:
        return [f"from {where} import {what} as {what}" if where else f"import {what} as {what}"]
    return [f"from {where} import {what} as _{what}" if where else f"import {what} as _{what}", f"{name} = _{what}"]


def text_of(module: str) -> str:
    """The stub file of a module."""
    one = old(module)
    lines = {line for name, place in one.places.items() for line in lines_of(name, *place)}
    if one.rest:
        lines.add(f"from {one.rest} import *")
    return "".join(f"{line}\n" for line in sorted(lines, key=lambda line: (" = " in line, line)))


def stubs() -> dict[Path, str]:
    """All stub files with their text, below `FOLDER`."""
    virtual = {module for module in MODULES if not is_real(module)}
    above = {".".join(parts[:end]) for parts in (one.split(".") for one in virtual) for end in range(1, len(parts))}
    packages = {one for one in above if not is_real(one)}
    files = {Path("py.typed"): "partial\n"}
    for module in sorted(virtual | packages):
        path = Path(*module.split("."))
        files[path / "__init__.pyi" if module in packages else path.with_suffix(".pyi")] = text_of(module)
    return files


def written() -> dict[Path, str]:
    """The stub files as they are on disk."""
    found = [path for path in FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(FOLDER): path.read_text() for path in found}


def write() -> None:
    """Bring the files up to date."""
    wanted = stubs()
    for path in written().keys() - wanted.keys():
        (FOLDER / path).unlink()
    for path, text in wanted.items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text)


if __name__ == "__main__":
    write()
