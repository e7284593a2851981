"""A schema in a format that was asked for; and `dlt schema`, which shows one that is in a file."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.cli.command import Answer, Command, CommandError
from dlt.errors import MissingExtra, missing

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

FORMATS = ("yaml", "json", "dbml", "dot", "mermaid")


def shown(found: Schema, options: Namespace) -> Answer:
    """The schema in the format of the options; as data in the form it is stored in."""
    return Answer(_text(found, options), found.to_dict(remove_defaults=options.remove_defaults))


def _text(found: Schema, options: Namespace) -> str:
    match options.format:
        case "json":
            return found.to_pretty_json(remove_defaults=options.remove_defaults)
        case "dbml":
            return found.to_dbml()
        case "dot":
            return found.to_dot()
        case "mermaid":
            return found.to_mermaid()
    try:
        return found.to_pretty_yaml(remove_defaults=options.remove_defaults)
    except MissingExtra:
        if options.format is not None:
            raise
        return found.to_pretty_json(remove_defaults=options.remove_defaults)


def arguments(parser: ArgumentParser) -> None:
    """The format."""
    parser.add_argument(
        "--format", choices=FORMATS, help="default: yaml, json without pyyaml; --json prints the stored form"
    )
    parser.add_argument("--remove-defaults", action="store_true", help="leave out what is the default")


def of_file(options: Namespace) -> Answer:
    """The schema of a file, as this version stores it."""
    from dlt.errors import SchemaError
    from dlt.schema.schema import Schema

    path = Path(options.file)
    try:
        found = Schema.from_dict(_document(path))
    except (SchemaError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"{path} is no schema: {type(error).__name__}: {error}") from error
    return shown(found, options)


def _document(path: Path) -> Any:
    """What a JSON or YAML file has."""
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise CommandError(f"{path} is no schema file.", hint="give a file that ends in .yaml or .json")
    if not path.exists():
        raise CommandError(f"There is no file {path}.", hint="export_schema_path= of a pipeline writes schema files")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{path} is no text.") from None
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise CommandError(f"{path} is not JSON: {error}.") from None
    try:
        import yaml
    except ImportError:
        raise missing("Reading YAML", "yaml", "pyyaml") from None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise CommandError(f"{path} is not YAML: {error}.") from None


def _of_file(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="a schema as .yaml or .json")
    arguments(parser)


COMMAND = Command("schema", "show a schema that is in a file, in another format too", of_file, _of_file)
