"""What a command is: its name, its arguments and the function that does it and returns what to print."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dlt.errors import FatalError


class CommandError(FatalError):
    """The command cannot be done as it was given."""


class Answer(NamedTuple):
    """What a command prints: the text, or with --json the data."""

    text: str
    data: Mapping[str, Any]


class Command(NamedTuple):
    """A command, or with `commands` a group of them."""

    name: str
    help: str
    does: Callable[[Namespace], Answer] | None = None
    arguments: Callable[[ArgumentParser], None] | None = None
    commands: Sequence[Command] = ()


def confirmed(options: Namespace, question: str) -> None:
    """Goes on when the user says yes, at the terminal or with -y. CommandError otherwise, and where nobody can be asked."""
    if options.yes:
        return
    if options.non_interactive or options.json or not sys.stdin.isatty():
        raise CommandError(f"{question} Nobody can be asked here.", hint="add -y to say yes")
    sys.stderr.write(f"{question} [y/N] ")  # not into what a pipe reads
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was done.")


def table(rows: Sequence[Sequence[object]], indent: str = "") -> str:
    """Rows as lines whose cells stand below each other."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(indent + line.rstrip() for line in lines)
