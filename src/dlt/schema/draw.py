"""Drawings of a schema: Mermaid, DBML and Graphviz."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dlt.schema.references import references, root_of

if TYPE_CHECKING:
    from dlt.schema.model import Column, Table
    from dlt.schema.schema import Schema

Reference = dict[str, Any]

MERMAID_ENDS = {"one": ("||", "||"), "many": ("}|", "|{")}
DBML_SIGNS = {"one_to_one": "-", "one_to_many": "<", "many_to_one": ">", "many_to_many": "<>"}
DOT_ARROWS = {"one": "none", "many": "crow"}
INTERNAL = ("_dlt_load", "_dlt_schema_version", "_dlt_schema_name")


class Shown(NamedTuple):
    """What a drawing shows."""

    dlt_tables: bool = True
    internal_references: bool = True
    parent_references: bool = True
    root_references: bool = True
    by_resource: bool = False


def to_mermaid(
    schema: Schema, hide_columns: bool = False, hide_descriptions: bool = False, include_dlt_tables: bool = True
) -> str:
    """A Mermaid entity relationship diagram."""
    shown = Shown(dlt_tables=include_dlt_tables)
    lines = ["erDiagram"]
    for table in _tables(schema, shown):
        lines.append(f"    {_mermaid_word(table.name)} {{")
        if not hide_columns:
            lines += [f"        {_mermaid_column(column, hide_descriptions)}" for column in table.columns.values()]
        lines.append("    }")
    for reference in _references(schema, shown):
        left, right = _cardinality(reference)
        ends = f"{MERMAID_ENDS[left][0]}--{MERMAID_ENDS[right][1]}"
        pair = f"{_mermaid_word(reference['table'])} {ends} {_mermaid_word(reference['referenced_table'])}"
        lines.append(f'    {pair} : "{_mermaid_text(reference.get("label") or "")}"')
    return "\n".join(lines) + "\n"


def _mermaid_column(column: Column, hide_descriptions: bool) -> str:
    key = (
        "PK" if column.primary_key else "FK" if column.parent_key or column.root_key else "UK" if column.unique else ""
    )
    note = f'"{_mermaid_text(column.description)}"' if column.description and not hide_descriptions else ""
    return " ".join(
        part for part in (column.data_type or "unknown", _mermaid_word(column.name, quote=False), key, note) if part
    )


def _mermaid_word(name: str, *, quote: bool = True) -> str:
    """A name as Mermaid takes it: names of entities can be quoted, names of attributes cannot."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        return name
    return f'"{_mermaid_text(name)}"' if quote else re.sub(r"^(?=\d)|[^A-Za-z0-9_]", "_", name)


def _mermaid_text(text: str) -> str:
    return " ".join(text.replace('"', "'").split())


def to_dbml(schema: Schema, shown: Shown = Shown()) -> str:  # noqa: B008 - immutable
    """The tables, references and, by resource, groups in DBML."""
    blocks = [_dbml_table(table) for table in _tables(schema, shown)]
    for reference in _references(schema, shown):
        sign = DBML_SIGNS[_full_cardinality(reference)]
        left = _dbml_end(reference["table"], reference["columns"])
        right = _dbml_end(reference["referenced_table"], reference["referenced_columns"])
        label = reference.get("label")
        name = f" {_dbml_name(label)}" if label and label not in (*INTERNAL, "_dlt_parent", "_dlt_root") else ""
        blocks.append(f"Ref{name} {{\n    {left} {sign} {right}\n}}")
    if shown.by_resource:
        for resource, tables in _groups(schema, shown).items():
            names = "\n".join(f"    {_dbml_name(name)}" for name in tables)
            blocks.append(f"TableGroup {_dbml_name(resource)} {{\n{names}\n}}")
    return "\n\n".join(blocks) + "\n"


def _dbml_table(table: Table) -> str:
    lines = [f"Table {_dbml_name(table.name)} {{"]
    lines += [f"    {_dbml_column(column)}" for column in table.columns.values()]
    if table.description:
        lines.append(f"    Note: {_dbml_text(table.description)}")
    return "\n".join([*lines, "}"])


def _dbml_column(column: Column) -> str:
    digits = ",".join(str(value) for value in (column.precision, column.scale) if value is not None)
    kind = (column.data_type or "unknown") + (f"({digits})" if digits else "")
    flags = ["pk"] if column.primary_key else []
    flags += ["unique"] if column.unique else []
    flags += [] if column.nullable else ["not null"]
    flags += [f"note: {_dbml_text(column.description)}"] if column.description else []
    return f"{_dbml_name(column.name)} {kind}" + (f" [{', '.join(flags)}]" if flags else "")


def _dbml_end(table: str, columns: list[str]) -> str:
    names = ", ".join(_dbml_name(column) for column in columns)
    return f"{_dbml_name(table)}.{names if len(columns) == 1 else f'({names})'}"


def _dbml_name(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _dbml_text(text: str) -> str:
    text = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'''{text}'''" if "\n" in text else f"'{text}'"


def to_dot(schema: Schema, shown: Shown = Shown()) -> str:  # noqa: B008 - immutable
    """The tables and references as a Graphviz digraph, with a cluster for each resource when asked for."""
    lines = [f"digraph {json.dumps(schema.name)} {{", "    rankdir=LR", "    node [shape=plain]"]
    groups = _groups(schema, shown) if shown.by_resource else {"": [table.name for table in _tables(schema, shown)]}
    for number, (resource, names) in enumerate(groups.items()):
        nodes = [_dot_table(table) for name in names if (table := schema.table(name)) is not None]
        if shown.by_resource:
            lines += [f"    subgraph cluster_{number} {{", f"    label={_dot_text(resource)}", *nodes, "    }"]
        else:
            lines += nodes
    lines += [_dot_edge(schema, reference) for reference in _references(schema, shown)]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_table(table: Table) -> str:
    rows = [f'<tr><td colspan="2" bgcolor="lightgrey"><b>{html.escape(table.name)}</b></td></tr>']
    for number, column in enumerate(table.columns.values()):
        name = html.escape(column.name) if column.nullable else f"<b>{html.escape(column.name)}</b>"
        kind = column.data_type or "unknown"
        rows.append(
            f'<tr><td align="left" port="l{number}">{name}</td><td align="right" port="r{number}">{kind}</td></tr>'
        )
    return f'    {_dot_text(table.name)} [label=<<table border="0" cellborder="1" cellspacing="0">{"".join(rows)}</table>>]'


def _dot_edge(schema: Schema, reference: Reference) -> str:
    left, right = _cardinality(reference)
    tail = _dot_port(schema, reference["table"], reference["columns"], "r")
    head = _dot_port(schema, reference["referenced_table"], reference["referenced_columns"], "l")
    label = _dot_text(reference.get("label") or "")
    arrows = f"dir=both arrowtail={DOT_ARROWS[left]} arrowhead={DOT_ARROWS[right]}"
    return f"    {tail} -> {head} [{arrows} label={label}]"


def _dot_port(schema: Schema, name: str, columns: list[str], side: str) -> str:
    table = schema.table(name)
    places = {column: number for number, column in enumerate(table.columns if table else ())}
    place = places.get(columns[0]) if columns else None
    return _dot_text(name) if place is None else f"{_dot_text(name)}:{side}{place}"


def _dot_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _tables(schema: Schema, shown: Shown) -> Iterator[Table]:
    for name in schema.names:
        table = schema.table(name)
        if table is not None and (shown.dlt_tables or not table.is_dlt):
            yield table


def _references(schema: Schema, shown: Shown) -> Iterator[Reference]:
    tables = {table.name for table in _tables(schema, shown)}
    hidden: tuple[str, ...] = () if shown.internal_references else INTERNAL
    hidden += () if shown.parent_references else ("_dlt_parent",)
    hidden += () if shown.root_references else ("_dlt_root",)
    for reference in references(schema):
        if reference.get("label") not in hidden and {reference["table"], reference["referenced_table"]} <= tables:
            yield reference


def _groups(schema: Schema, shown: Shown) -> dict[str, list[str]]:
    """Names of tables by resource; nested tables go with their root."""
    groups: dict[str, list[str]] = {}
    for table in _tables(schema, shown):
        root = root_of(schema, table)
        group = "_dlt" if table.is_dlt else root.resource or root.name
        groups.setdefault(group, []).append(table.name)
    return groups


def _full_cardinality(reference: Reference) -> str:
    given = reference.get("cardinality")
    return given if given in DBML_SIGNS else "one_to_many"


def _cardinality(reference: Reference) -> tuple[str, str]:
    left, right = _full_cardinality(reference).split("_to_")
    return left, right
