"""What a script says, read and not run: its pipelines, and the arguments of its functions that wait for values."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

DECORATORS = ("source", "resource", "transformer")
EXAMPLES: Mapping[str, Any] = {"int": 1, "float": 1.0, "bool": True, "list": [], "dict": {}}
PLACEHOLDER = "<configure me>"


class Wanted(NamedTuple):
    """An argument that waits for a value: its key, whether it is a secret, and a value to be replaced."""

    path: tuple[str, ...]
    secret: bool
    example: Any


def with_pipeline(text: str, destination: str, name: str | None = None) -> str:
    """The script with another destination in its calls of `dlt.pipeline`, and with other names when `name` is given."""
    changes: list[tuple[ast.expr, str]] = []
    for call in _calls(ast.parse(text), "pipeline"):
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        if call.args:
            given.setdefault("pipeline_name", call.args[0])
        if isinstance(given.get("destination"), ast.Constant):
            changes.append((given["destination"], destination))
        if name is not None:
            new = {"pipeline_name": f"{name}_pipeline", "dataset_name": f"{name}_data"}
            changes += [(given[key], value) for key, value in new.items() if isinstance(given.get(key), ast.Constant)]
    return _replaced(text, changes)


def wanted_by(text: str) -> list[Wanted]:
    """The arguments with the default `dlt.config.value` or `dlt.secrets.value` of sources and resources in a script."""
    found: dict[tuple[str, ...], Wanted] = {}
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef) or not (own := _name(function)):
            continue
        for argument, default in _defaults(function.args):
            kind = ast.unparse(default)
            if kind in ("dlt.config.value", "dlt.secrets.value"):
                path = ("sources", own, argument.arg)
                hint = ast.unparse(argument.annotation).partition("[")[0] if argument.annotation else "str"
                example = EXAMPLES.get(hint.partition(" ")[0], PLACEHOLDER)
                found.setdefault(path, Wanted(path, kind == "dlt.secrets.value", example))
    return list(found.values())


def _name(function: ast.FunctionDef) -> str | None:
    """The name of a source or resource that a function makes; None: it is another function."""
    for decorator in function.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if ast.unparse(call.func if call else decorator) in {f"dlt.{one}" for one in DECORATORS}:
            named = next((one.value for one in (call.keywords if call else ()) if one.arg == "name"), None)
            return str(named.value) if isinstance(named, ast.Constant) else function.name
    return None


def _defaults(arguments: ast.arguments) -> Iterator[tuple[ast.arg, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    if arguments.defaults:
        yield from zip(positional[-len(arguments.defaults) :], arguments.defaults, strict=True)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is not None:
            yield argument, default


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"dlt.{name}":
            yield node


def _replaced(text: str, changes: Sequence[tuple[ast.expr, str]]) -> str:
    """The text with other constants in the places of these."""
    lines = text.encode().split(b"\n")
    for node, value in sorted(changes, key=lambda one: (one[0].lineno, one[0].col_offset), reverse=True):
        if node.lineno == node.end_lineno:
            line, new = lines[node.lineno - 1], '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
            lines[node.lineno - 1] = line[: node.col_offset] + new.encode() + line[node.end_col_offset :]
    return b"\n".join(lines).decode()
