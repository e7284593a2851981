"""12: the command itself: its help, its version, its exit codes, and errors."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.cli import main as command
from dlt.cli.command import CommandError, confirmed, table
from dlt.cli.main import COMMANDS, MOVED, main

HELP = [(), *((one.name,) for one in COMMANDS), *((one.name, two.name) for one in COMMANDS for two in one.commands)]


@pytest.mark.parametrize("words", HELP, ids=" ".join)
def test_section_12_help(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("pipeline", "NAME", *words[1:]) if words[:1] == ("pipeline",) and len(words) > 1 else words

    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])

    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert out.startswith("usage: dlt")
    assert "--json" in out


def test_section_12_version_and_entry_points(dlt_: Any) -> None:
    assert dlt_("--version").out == f"dlt {dlt.__version__}\n"
    assert "COMMAND" in dlt_().out

    own = Path(sys.executable).with_name("dlt")
    if own.exists():  # there once the package is installed with this entry point
        done = subprocess.run([own, "--version"], check=True, capture_output=True, text=True)
        assert done.stdout == f"dlt {dlt.__version__}\n"


@pytest.mark.parametrize("arguments", [["nothing"], ["pipeline", "x", "nothing"], ["init", "--nothing"]])
def test_wrong_arguments_end_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.parametrize("name", MOVED)
def test_commands_that_are_not_there_say_so(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name])

    assert ended.value.code == 2
    assert f"the command {name} is not part of this version" in capsys.readouterr().err


def test_errors_go_to_stderr_or_into_json(dlt_: Any) -> None:
    plain = dlt_("pipeline", "none", "info", code=1)
    as_json = dlt_("pipeline", "none", "info", "--json", code=1)

    assert (plain.out, as_json.err) == ("", "")
    assert plain.err.startswith("error: There is no pipeline 'none' in ")
    assert "fix: dlt pipeline --list" in plain.err
    assert as_json.data["error"]["type"] == "CommandError"
    assert as_json.data["error"]["fix"] == "dlt pipeline --list shows those that are there"


def test_debug_shows_where(dlt_: Any) -> None:
    assert "Traceback" not in dlt_("pipeline", "none", "info", code=1).err
    assert "Traceback" in dlt_("--debug", "pipeline", "none", "info", code=1).err


@pytest.mark.parametrize("before", [True, False])
def test_options_stand_before_and_behind(before: bool, dlt_: Any) -> None:
    words = ["pipeline", "--list"]

    assert dlt_(*(["--json", *words] if before else [*words, "--json"])).data["pipelines"] == []


def test_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "COMMANDS", (COMMANDS[0]._replace(does=stopped),))

    assert main(["init"]) == 130


# ---- questions


def options(**given: bool) -> Any:
    return types.SimpleNamespace(**{"yes": False, "json": False, "non_interactive": False, **given})


@pytest.mark.parametrize("given", [{}, {"json": True}, {"non_interactive": True}])
def test_without_a_terminal_nobody_is_asked(given: dict[str, bool], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = bool(given)
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: terminal))

    with pytest.raises(CommandError, match="Nobody can be asked"):
        confirmed(options(**given), "Go on?")
    confirmed(options(**given, yes=True), "Go on?")


@pytest.mark.parametrize(
    ("said", "goes_on"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_at_a_terminal(
    said: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True, readline=lambda: said))

    if goes_on:
        confirmed(options(), "Go on?")
    else:
        with pytest.raises(CommandError, match="Nothing was done"):
            confirmed(options(), "Go on?")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Go on? [y/N] ")


def test_tables_have_columns() -> None:
    assert table([("a", "bbb"), ("cc", 1)], "  ") == "  a   bbb\n  cc  1"
