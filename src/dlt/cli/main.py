"""The command `dlt`: reads its arguments, runs one command, prints its answer and returns the exit code."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from dlt.cli import configuration, init, pipelines, schemas
from dlt.errors import DltError

if TYPE_CHECKING:
    from dlt.cli.command import Answer, Command

DONE, FAILED, INTERRUPTED = 0, 1, 130  # exit codes; argparse ends with 2 for wrong arguments
COMMANDS = (init.COMMAND, pipelines.COMMAND, schemas.COMMAND, configuration.COMMAND)
MOVED = {  # commands of dlt 1.31 that are not there, with what to do instead
    "telemetry": "there is no telemetry",
    "deploy": "it is not built yet",
    "dashboard": "it is not built yet",
    "ai": "it is not built yet",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns 0 when it was done, 1 when it failed; wrong arguments end the process with 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names may have characters that the terminal has not
            stream.reconfigure(errors="backslashreplace")
    parser = parser_of(COMMANDS, as_json="--json" in arguments)
    _check_moved(parser, arguments)
    options = parser.parse_args(_with_info(arguments))
    if not options.no_pwd and os.getcwd() not in sys.path:  # noqa: PTH109 - as Python puts it there
        sys.path.insert(0, os.getcwd())  # noqa: PTH109 - see above
    if options.does is None:
        options.parser.print_help()
        return DONE
    try:
        answer: Answer = options.does(options)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        return INTERRUPTED
    except (DltError, OSError) as error:
        if options.debug:
            raise
        _print_error(error, as_json=options.json)
        return FAILED
    return _print(json.dumps(answer.data, indent=2, default=str) if options.json else answer.text)


def _print(text: str) -> int:
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _print_error(error: Exception, *, as_json: bool) -> None:
    if as_json:
        about: dict[str, Any] = {"type": type(error).__name__, "message": str(error)}
        if isinstance(error, DltError):
            about |= {"message": error.message, "fix": error.hint}
        _print(json.dumps({"error": about}, indent=2, default=str))
        return
    name = "" if isinstance(error, DltError) else f"{type(error).__name__}: "
    sys.stderr.write(f"{_red('error')}: {name}{error}\n")


def _red(text: str) -> str:
    return f"\x1b[31m{text}\x1b[0m" if sys.stderr.isatty() and not os.environ.get("NO_COLOR") else text


# ---- arguments


class Parser(argparse.ArgumentParser):
    """A parser whose errors are JSON when the answer would be."""

    as_json = False

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with 2."""
        message = re.sub(r"argument COMMAND: invalid choice: ('[^']*')", r"there is no command \1", message)
        if self.as_json:
            about = {"type": "UsageError", "message": message, "fix": f"{self.prog} -h"}
            _print(json.dumps({"error": about}, indent=2))
        else:
            sys.stderr.write(f"{_red('error')}: {message}\n  fix: {self.prog} -h shows how it is written\n")
        raise SystemExit(2)


def parser_of(commands: Sequence[Command], *, as_json: bool = False) -> Parser:
    """The parser of the whole command line."""
    from dlt import __version__

    shared = Parser(add_help=False)
    _shared(shared, again=True)
    parser = Parser(
        prog="dlt", description="Makes, inspects and mends data pipelines.", epilog="dlt COMMAND -h says more."
    )
    parser.as_json = as_json
    _shared(parser, again=False)
    version = json.dumps({"dlt": __version__}) if as_json else f"dlt {__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.set_defaults(does=None, parser=parser)
    _add(parser, commands, shared)
    return parser


def _shared(parser: argparse.ArgumentParser, *, again: bool) -> None:
    """Options that may stand before and behind the name of a command."""

    def default(value: Any) -> Any:
        return argparse.SUPPRESS if again else value

    add = parser.add_argument
    add("--json", action="store_true", default=default(False), help="print JSON, errors too")
    add("-v", "--verbose", action="count", default=default(0), help="say more; -vv says all")
    add("-y", "--yes", action="store_true", default=default(False), help="say yes to all questions")
    add(
        "--non-interactive",
        action="store_true",
        default=default(False),
        help="ask nothing; so it is without a terminal",
    )
    add("--debug", action="store_true", default=default(False), help="show where in the code an error comes from")
    add("--no-pwd", action="store_true", default=default(False), help="import nothing from the current folder")


def _add(parser: Parser, commands: Sequence[Command], shared: Parser) -> None:
    below = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in commands:
        own = below.add_parser(command.name, help=command.help, description=_sentence(command.help), parents=[shared])
        own.as_json = parser.as_json
        own.set_defaults(does=command.does, parser=own)
        if command.arguments is not None:
            command.arguments(own)
        if command.commands:
            _add(own, command.commands, shared)


def _with_info(arguments: Sequence[str]) -> list[str]:
    """The arguments, in which `pipeline NAME` alone means `pipeline NAME info`, and NAME stands next to the command."""
    words = [at for at, word in enumerate(arguments) if not word.startswith("-")]
    if not words or arguments[words[0]] != pipelines.COMMAND.name:
        return list(arguments)
    own = [at for at in words[1:] if arguments[at - 1] != "--pipelines-dir"]
    if not own or arguments[own[0]] in {one.name for one in pipelines.COMMAND.commands}:
        return list(arguments)
    name, rest = arguments[own[0]], arguments[own[0] + 1 :]
    options = rest if len(own) == 1 else rest[: own[1] - own[0] - 1]
    rest = rest[len(options) :] or ["info"]
    return [*arguments[: own[0]], *options, name, *rest]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _check_moved(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> None:
    """Commands of dlt 1.31 that are not there say so."""
    name = next((one for one in arguments if not one.startswith("-")), "")
    if name in MOVED:
        parser.error(f"the command {name} is not part of this version: {MOVED[name]}")
