"""`dlt config`: where the values of the configuration come from."""

from __future__ import annotations

import re
import runpy
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.cli.command import Answer, Command, CommandError, table

if TYPE_CHECKING:
    from dlt.config.report import Explanation

HIDDEN = "***"


def explain(options: Namespace) -> Answer:
    """Values with their origin: of a section, of a function in a script, or all."""
    from dlt.config.access import config
    from dlt.config.lookup import use_pipeline
    from dlt.config.providers import CONFIG_TOML, SECRETS_TOML

    if options.pipeline:
        use_pipeline(options.pipeline)
    in_script = re.search(r"\.py(:|$)", options.what) is not None
    found: Explanation = config.explain(_object(options.what) if in_script else options.what)
    rows = [dict(row) for row in found]
    files = [
        {"file": str(place), "there": place.exists()}
        for one in (SECRETS_TOML, CONFIG_TOML)
        for place in reversed(one.places())
    ]
    return Answer(_text(options.what, rows, files), {"values": rows, "files": files})


def _text(what: str, rows: list[dict[str, Any]], files: list[dict[str, Any]]) -> str:
    lines = []
    if rows:
        lines.append(
            table(
                [
                    ("VALUE", "IS", "FROM", "KEY"),
                    *((row["name"], row["value"], row["provider"], row["key"]) for row in rows),
                ]
            )
        )
        if any(row["value"] == HIDDEN for row in rows):
            lines.append(f"\n{HIDDEN} stands for values of the environment and of secrets.toml: they may be secrets.")
    elif ".py:" in what:
        lines.append(f"{what} needs no values.")
    else:
        lines.append(f"No provider has a value{f' in the section {what}' if what else ''}.")
    lines.append("\nfiles, the first goes before the others:")
    lines += [f"  {one['file']}{'' if one['there'] else '  (not there)'}" for one in files]
    return "\n".join(lines)


def _object(place: str) -> Any:
    """What has a name in a script, `file.py:name`."""
    file, name = re.split(r"(?<=\.py):?", place, maxsplit=1)
    if not Path(file).exists():
        raise CommandError(f"There is no file {file}.", hint="write FILE.py:NAME, as shop_pipeline.py:shop")
    try:
        names = runpy.run_path(file, run_name="dlt_config")
    except Exception as error:
        raise CommandError(f"{file} cannot be imported: {type(error).__name__}: {error}") from error
    if name not in names:
        asks = sorted(key for key, value in names.items() if hasattr(value, "__dlt_asks__"))
        hint = (
            " or ".join(f"dlt config explain {file}:{one}" for one in asks)
            if asks
            else "it has no source and no resource"
        )
        raise CommandError(f"{file} has no {name!r}." if name else f"What of {file}?", hint=hint)
    return names[name]


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        default="",
        help="a section such as sources.github, or FILE.py:NAME of a source or resource; default: all",
    )
    parser.add_argument(
        "--pipeline", metavar="NAME", help="as this pipeline sees it, whose own values go before others"
    )


COMMAND = Command(
    "config",
    "say where values of the configuration come from",
    commands=(Command("explain", "say for each value where it comes from, and what is missing", explain, _arguments),),
)
