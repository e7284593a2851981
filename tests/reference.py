"""What the documentation says of the code and can be read from it: tables of capabilities and reasons, names of settings.

`python tests/reference.py` writes the tables between their markers in docs/.
"""

from __future__ import annotations

import ast
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import dlt
from dlt.arrow.files import WriterSettings
from dlt.cli.main import COMMANDS, parser_of
from dlt.compat.names import old
from dlt.compat.table import MODULES, NOT_BUILT
from dlt.destinations._dummy import Behaviour
from dlt.destinations.registry import create
from dlt.quarantine import REASONS
from dlt.schema.capabilities import Capabilities

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "dlt"
FIELDS: dict[str, type] = {
    "_dummy.py": Behaviour,
    "building.py": WriterSettings,
}  # whose `one.name` a setting is named after

UNSET = ast.Constant(None)

MEANINGS = {
    "file_formats": "formats of the files it takes, the first is used unless you say otherwise",
    "file_bytes": "a new file is begun at so many bytes",
    "decimal": "digits and scale of a decimal of which nothing is known",
    "decimal_digits": "digits that a decimal can have",
    "int_bits": "bits of the largest int; larger ones become decimal, then text",
    "timestamp_digits": "digits of a second in a timestamp",
    "naive_digits": "the same in a timestamp without zone",
    "aware_timestamps": "has timestamps with zone",
    "naive_timestamps": "has timestamps without zone",
    "non_finite": "keeps NaN and infinity",
    "nul_in_text": "keeps the character `\\x00` in text",
    "nested_types": "keeps structs and lists in columns of their own type",
    "max_text": "longest text",
    "naming": "naming convention, unless you say otherwise",
    "max_table_name": "longest name of a table",
    "max_column_name": "longest name of a column",
    "case_sensitive": "tells names apart that differ only by case",
    "max_table_nesting": "levels of nested lists that become tables",
    "merge_strategies": "merge strategies",
    "replace_strategies": "replace strategies",
    "transactions": "a load is one transaction",
    "ddl_transactions": "new tables and columns are part of it; else they come before it",
    "alter_type": "a column that has only nulls can get another type",
    "keeps_state": "has the tables `_dlt_loads`, `_dlt_version`, `_dlt_pipeline_state`",
    "has_dataset": "has data sets",
    "parallel_copies": "tables that are copied at once",
    "dlt_columns": "gets the columns and tables of dlt",
}


def destinations() -> dict[str, Capabilities]:
    """The capabilities of all destinations by name."""

    @dlt.destination
    def function(items: Any, table: Any) -> None:
        """The smallest."""

    made = {
        "duckdb": dlt.destinations.duckdb(":memory:"),
        "filesystem": dlt.destinations.filesystem("data"),
        "postgres": dlt.destinations.postgres("postgresql://user@host/database"),
        "sqlite": dlt.destinations.sqlalchemy("sqlite://"),
        "mysql": dlt.destinations.sqlalchemy("mysql+pymysql://localhost"),
        "memory": dlt.destinations.memory(),
        "`@dlt.destination`": function,
        "dummy": dlt.destinations.dummy(),
    }
    return {name: create(factory, pipeline_name="reference").caps for name, factory in made.items()}


def capabilities() -> str:
    """The matrix: a row for each capability, a column for each destination."""
    caps = destinations()
    lines = [f"| | | {' | '.join(caps)} |", "|---" * (len(caps) + 2) + "|"]
    for one in fields(Capabilities):
        cells = (shown(getattr(of, one.name)) for of in caps.values())
        lines.append(f"| `{one.name}` | {MEANINGS[one.name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def shown(value: Any) -> str:
    """A value in a cell of the matrix."""
    match value:
        case None | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case tuple():
            return ", ".join(map(str, value))
        case int():
            return f"{value >> 20} MiB" if value >= 1 << 20 else f"{value}"
    return str(value)


def reasons() -> str:
    """The reason codes of the quarantine."""
    return "\n".join(["| reason | means |", "|---|---|", *(f"| `{code}` | {text} |" for code, text in REASONS.items())])


def commands() -> str:
    """The commands of the command line, with their own arguments."""
    parser = parser_of(COMMANDS)
    shared = {option for action in parser._actions for option in action.option_strings}
    lines = ["| command | | arguments |", "|---|---|---|"]
    for command in COMMANDS:
        for one in (command, *command.commands):
            words = ["dlt", command.name, *([one.name] if one is not command else [])]
            if command.name == "pipeline" and one is not command:
                words.insert(2, "NAME")
            lines.append(f"| `{' '.join(words)}` | {one.help} | {', '.join(arguments_of(one, shared))} |")
    return "\n".join(lines)


def arguments_of(command: Any, shared: set[str]) -> list[str]:
    """The arguments that a command has besides those of all commands."""
    parser = ArgumentParser(add_help=False)
    if command.arguments is not None:
        command.arguments(parser)
    shown = (" ".join([*one.option_strings[:1], str(one.metavar or "")]).strip() for one in parser._actions)
    return [f"`{text}`" for text in shown if text not in shared]


def not_built() -> str:
    """The old import paths that nothing stands behind: whole modules with what to do instead, then names of others."""
    lines = ["| import | instead |", "|---|---|"]
    lines += [f"| `dlt.{module}` | {what} |" for module, what in sorted(NOT_BUILT.items())]
    lines += ["", "| module | names |", "|---|---|"]
    for module in sorted(MODULES):
        if planned := sorted(old(module).planned):
            lines.append(f"| `dlt.{module}` | {', '.join(f'`{name}`' for name in planned)} |")
    return "\n".join(lines)


TABLES = {
    "destinations.md": ("capabilities", capabilities),
    "contracts.md": ("reasons", reasons),
    "command-line.md": ("commands", commands),
    "coming-from-dlt.md": ("not built", not_built),
}


def with_table(name: str) -> tuple[str, str]:
    """The text of a page of docs/ as it is, and with its table as it should be."""
    marker, make = TABLES[name]
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    begin, end = f"<!-- {marker} -->\n", f"<!-- end of {marker} -->"
    before, found, rest = text.partition(begin)
    assert found, f"{name} has no line {begin!r}"
    return text, before + begin + "\n" + make() + "\n\n" + end + rest.partition(end)[2]


# ---- settings, as the code asks for them


def settings() -> dict[str, str | None]:
    """The settings by key, with what stands for their default in the documentation; None: it is not a constant."""
    found: dict[str, str | None] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for scope in functions(tree):
            for call in (*calls_of(scope, "setting"), *calls_of(scope, "typed_setting")):
                keywords = {keyword.arg: keyword.value for keyword in call.keywords}
                for key in (key for argument in call.args for key in keys_of(argument, scope)):
                    found.update(expanded(key, keywords.get("default", UNSET), scope, tree, path.name))
    return found


def variables() -> set[str]:
    """The variables of the environment that are asked for by name."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "os.environ.get"
                and isinstance(node.args[0], ast.Constant)
            ):
                names.add(str(node.args[0].value))
    return names


def functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def calls_of(scope: ast.AST, name: str) -> Iterator[ast.Call]:
    """The calls of a function or method, but not those in functions inside of this one."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def keys_of(node: ast.expr, scope: ast.FunctionDef) -> list[str]:
    """The key that an argument is, with the expressions of f-strings in braces."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.JoinedStr):
        parts = (
            part.value if isinstance(part, ast.Constant) else f"{{{ast.unparse(part.value)}}}" for part in node.values
        )  # type: ignore[attr-defined]
        return ["".join(map(str, parts))]
    name = ast.unparse(node)
    if name in {argument.arg for argument in scope.args.args}:
        return [f"{{{name}}}"]
    assigned = [n.value for n in ast.walk(scope) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == name]
    return [key for value in assigned for key in keys_of(value, scope)]


def expanded(
    key: str, default: ast.expr, scope: ast.FunctionDef, tree: ast.Module, file: str
) -> Iterator[tuple[str, str | None]]:
    """The keys that a key with braces stands for: of each call with a name as a constant, of each field of a class."""
    parameters = [argument.arg for argument in scope.args.args if argument.arg != "self"]
    wanted = {parameters[0]} & set(re.findall(r"{(\w+)}", key)) if parameters else set()
    calls = (
        [call for outer in [tree, *functions(tree)] for call in calls_of(outer, scope.name) if call.args]
        if wanted
        else []
    )
    if any(isinstance(call.args[0], ast.Constant) or ast.unparse(call.args[0]) == "one.name" for call in calls):
        for call in calls:
            given = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
            name = call.args[0].value if isinstance(call.args[0], ast.Constant) else f"{{{ast.unparse(call.args[0])}}}"
            own = given[0] if given else default
            yield from expanded(
                key.replace(f"{{{parameters[0]}}}", str(name)), own, ast.parse("def f(): ...").body[0], tree, file
            )  # type: ignore[arg-type]
    elif "{one.name}" in key:
        for one in fields(FIELDS[file]):  # type: ignore[arg-type]
            usual = "" if one.default is MISSING else text_of(one.default)
            yield key.replace("{one.name}", one.name).replace("{self.destination_name}", "<name>"), usual
    else:
        yield re.sub(r"{[\w.]+}", "<name>", key), text_of(default.value) if isinstance(default, ast.Constant) else None


def text_of(default: Any) -> str:
    """A default as it stands in the documentation."""
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else repr(default)[1:-1] if isinstance(default, str) else f"{default:g}"


def documented_settings() -> dict[str, str]:
    """The settings of docs/settings.md by key, with their defaults."""
    rows = re.findall(
        r"^\| (`[^|]*`) \|([^|]*)\|", (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    return {key: default.strip().strip("`") for keys, default in rows for key in re.findall(r"`([^`]+)`", keys)}


def main() -> None:
    """Write the tables."""
    for name in TABLES:
        (ROOT / "docs" / name).write_text(with_table(name)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
