"""Sources in a git repository or a folder: `<name>/` with `<name>_pipeline.py`, at the top or in `sources/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

from dlt.cli.command import CommandError

SECONDS = 300  # that a clone may take
LARGEST = 1 << 20  # bytes of a file that is copied
SKIPPED = ("__pycache__", ".git", "tests", "test")


class Found(NamedTuple):
    """A source: its name, the text of its script, other files by their path, and packages that it needs. left_out: files
    that are not copied."""

    name: str
    script: str
    files: Mapping[Path, str]
    requirements: Sequence[str]
    left_out: Sequence[Path] = ()


@contextmanager
def fetched(location: str, source: str | None, branch: str | None = None) -> Iterator[Found]:
    """A source of a repository or folder; without a name the list of those that are there, as requirements."""
    with tempfile.TemporaryDirectory(prefix="dlt-init-") as folder:
        if Path(location).is_dir() and branch is None and not _is_bare(Path(location)):
            place = Path(location)
        else:
            place = Path(folder) / "repository"
            _clone(location, place, branch)
        roots = [one for one in (place / "sources", place) if one.is_dir()]
        names = list(dict.fromkeys(name for root in roots for name in _names(root)))
        if source is None:
            yield Found("", "", {}, names)
            return
        root = next((one for one in roots if source in _names(one)), None)
        if root is None:
            near = get_close_matches(source, names, 3, 0.5) or names[:20]
            raise CommandError(
                f"{location} has no source {source!r}.",
                hint=f"there are {', '.join(near)}"
                if near
                else "a source is a script <name>_pipeline.py with a folder <name>",
            )
        yield _source(root, source)


def _is_bare(folder: Path) -> bool:
    return (folder / "HEAD").exists() and (folder / "objects").is_dir()


def _clone(location: str, target: Path, branch: str | None) -> None:
    git = shutil.which("git")
    if git is None:
        raise CommandError(
            "Sources of a repository are fetched with git, which is not installed.",
            hint="install git, or download the repository and give its folder: --location FOLDER",
        )
    if location.startswith("-"):
        raise CommandError(f"{location!r} is no location.")
    which = ["--branch", branch] if branch else []
    command = [git, "clone", "--quiet", "--depth", "1", *which, "--", location, str(target)]
    try:
        done = subprocess.run(  # noqa: S603 - git, with a location that the user gave
            command,
            check=False,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{location} was not fetched in {SECONDS} seconds.") from None
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:]
        raise CommandError(
            f"{location} cannot be fetched: {''.join(last) or f'git ended with {done.returncode}'}",
            hint="check the location, and that git can read it without asking for a password",
        )


def _names(root: Path) -> list[str]:
    """Sources are scripts `<name>_pipeline.py`, and folders with an `__init__.py`."""
    scripts = {path.name.removesuffix("_pipeline.py") for path in root.glob("*_pipeline.py")}
    return sorted(
        scripts | {path.parent.name for path in root.glob("*/__init__.py") if path.parent.name not in SKIPPED}
    )


def _source(root: Path, name: str) -> Found:
    script, folder = root / f"{name}_pipeline.py", root / name
    if script.is_symlink() or not script.exists():
        raise CommandError(f"The source {name!r} has no script {script.name}.", hint="copy the folder by hand")
    found: dict[Path, str] = {}
    left_out = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        relative = path.relative_to(root)
        if set(relative.parts) & set(SKIPPED) or (path.is_dir() and not path.is_symlink()):
            continue
        text = _text(path)
        if text is None:
            left_out.append(relative)
        else:
            found[relative] = text
    listed = found.pop(Path(name) / "requirements.txt", "")
    needs = [line.strip() for line in listed.splitlines() if line.strip() and not line.startswith("#")]
    return Found(name, script.read_text(encoding="utf-8"), found, needs, left_out)


def _text(path: Path) -> str | None:
    """The text of a file; None for links, which may lead out of the repository, for large files and for those of bytes."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST:
        return None
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
