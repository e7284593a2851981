"""`dlt init`: begins a project with a script, its settings and its requirements."""

from __future__ import annotations

import re
import tomllib
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from difflib import get_close_matches
from importlib.resources import files
from keyword import iskeyword
from pathlib import Path
from typing import Any, NamedTuple

from dlt.cli.command import Answer, Command, CommandError, confirmed, table
from dlt.cli.repository import Found, fetched
from dlt.cli.scripts import PLACEHOLDER, Wanted, wanted_by, with_pipeline
from dlt.errors import NotBuilt

PLANNED = ("context_rest_api",)  # sources of the public API that are not built
DEFAULT = "default"
MERGE, REPLACE = 'write_disposition="merge"', 'write_disposition="replace"'
NEEDS = {
    "dataframe": ["pandas"],
    "filesystem": ["fsspec>=2024.2"],
    "rest_api": ["requests>=2.31"],
    "sql_database": ["sqlalchemy>=2.0"],
}  # packages of templates
IGNORED = ("secrets.toml", "*.duckdb", "__pycache__/", ".venv/")
OF_DESTINATIONS: Mapping[str, Sequence[Wanted]] = {
    "filesystem": [Wanted(("destination", "filesystem", "bucket_url"), False, "data")],
    "postgres": [
        Wanted(("destination", "postgres", "credentials", name), True, PLACEHOLDER)
        for name in ("host", "database", "username", "password")
    ],
}


class Written(NamedTuple):
    """A file of the new project. old: what it was before, None: there was none."""

    path: Path
    text: str
    old: str | None

    @property
    def does(self) -> str:
        """What happens to the file."""
        return "new" if self.old is None else "stays" if self.old == self.text else "changes"


def init(options: Namespace) -> Answer:
    """Write the files of a new project, or the lists of what there is."""
    if options.list_destinations:
        return _destinations()
    if options.list_sources:
        return _sources(options)
    if not options.source or not options.destination:
        raise CommandError(
            "A source and a destination are needed.",
            hint="dlt init fruitshop duckdb; dlt init --list-sources and --list-destinations show what there is",
        )
    _check_destination(options.destination)
    with ExitStack() as stack:
        found, note = _found(options, stack)
        if not options.location and MERGE in found.script and not _can_merge(options.destination):
            note = f"{note} {options.destination} cannot merge: the script replaces its tables instead.".strip()
        if found.left_out:
            note = f"Left out, as they are links, large or no text: {', '.join(map(str, found.left_out))}."
        written = list(_project(found, options))
    overwritten = [one.path.name for one in written if one.does == "changes" and one.path.suffix == ".py"]
    if overwritten:
        confirmed(options, f"{', '.join(overwritten)} is here already and will be overwritten. Go on?")
    for one in written:
        if one.does != "stays":
            one.path.parent.mkdir(parents=True, exist_ok=True)
            one.path.write_text(one.text, encoding="utf-8")
            if one.path.name == "secrets.toml" and one.old is None:
                one.path.chmod(0o600)
    return _told(found, options, written, note)


def _check_destination(name: str) -> None:
    from dlt.destinations.registry import DESTINATIONS, unknown

    if name not in DESTINATIONS or name == "destination":
        raise unknown(name)


def _found(options: Namespace, stack: ExitStack) -> tuple[Found, str]:
    """The files of the source, and what has to be said of them."""
    source, location = options.source, options.location
    if not re.fullmatch(r"[A-Za-z_]\w*", source):
        raise CommandError(f"{source!r} cannot be the name of a script.", hint="use letters, digits and underscores")
    if location is not None:
        return stack.enter_context(fetched(location, source, options.branch)), ""
    if source in PLANNED:
        raise NotBuilt(f"The source {source} is not part of this version.", hint="begin with dlt init default duckdb")
    if source in _templates():
        return Found(source, _template(source), {}, NEEDS.get(source, [])), ""
    if near := get_close_matches(source, _templates(), 1, 0.8):
        raise CommandError(f"There is no template {source!r}.", hint=f"did you mean {near[0]!r}?")
    note = (
        f"There is no template {source!r}: this began with the template {DEFAULT!r}. "
        "A source of a repository is copied with --location URL."
    )
    return Found(source, _named_after(source), {}, []), note


def _templates() -> dict[str, str]:
    """The templates with what they show."""
    found = {}
    for one in sorted(files("dlt.cli.templates").iterdir(), key=lambda one: one.name):
        if one.name.endswith(".py") and one.name != "__init__.py":
            found[one.name.removesuffix(".py")] = (
                one.read_text(encoding="utf-8").partition('"""')[2].partition("\n")[0].rstrip('"')
            )
    return found


def _template(name: str) -> str:
    text = files("dlt.cli.templates").joinpath(f"{name}.py").read_text(encoding="utf-8")
    return re.sub(r" +# type: ignore.*", "", text)


def _named_after(source: str) -> str:
    """The default template, with its source named like the project unless that name has a meaning in the script."""
    text = _template(DEFAULT)
    if iskeyword(source) or re.search(rf"\b{source}\b", text):
        return text
    return re.sub(r"\bshop\(", f"{source}(", text)


# ---- the files


def _project(found: Found, options: Namespace) -> Sequence[Written]:
    script = Path(f"{found.name}_pipeline.py")
    name = None if options.location else found.name
    text = with_pipeline(found.script, options.destination, name)
    if not (options.location or _can_merge(options.destination)):
        text = text.replace(MERGE, REPLACE)
    wanted = [*wanted_by(text), *OF_DESTINATIONS.get(options.destination, ())]
    for path, content in found.files.items():
        if path.suffix == ".py":
            wanted += wanted_by(content)
    config = {one.path: one.example for one in wanted if not one.secret}
    secrets = {one.path: one.example for one in wanted if one.secret}
    return [
        _file(script, text),
        *(_file(path, content) for path, content in found.files.items()),
        _toml(Path(".dlt/config.toml"), _nested(config)),
        _toml(Path(".dlt/secrets.toml"), _nested(secrets)),
        _lines(Path(".gitignore"), IGNORED),
        *([] if Path("pyproject.toml").exists() else [_lines(Path("requirements.txt"), _requirements(found, options))]),
    ]


def _can_merge(destination: str) -> bool:
    from dlt.destinations.registry import load

    return bool(load(destination)().caps.merge_strategies)


def _requirements(found: Found, options: Namespace) -> list[str]:
    from dlt import __version__

    extra = f"[{options.destination}]" if options.destination in ("duckdb", "postgres", "sqlalchemy") else ""
    own = [one for one in found.requirements if not re.match(r"dlt\b", one)]
    return [f"dlt{extra}>={__version__}", *own]


def _file(path: Path, text: str) -> Written:
    return Written(path, text, path.read_text(encoding="utf-8") if path.exists() else None)


def _lines(path: Path, lines: Sequence[str]) -> Written:
    """A file with these lines behind those that it has."""
    old = path.read_text(encoding="utf-8") if path.exists() else None
    there = (old or "").splitlines()
    names = {re.split(r"[\[<>=~! ;]", one)[0] for one in there}
    new = [
        one for one in lines if one not in there and (one in IGNORED or re.split(r"[\[<>=~! ;]", one)[0] not in names)
    ]
    return Written(path, "\n".join([*there, *new]) + "\n" if new or there else "", old)


def _toml(path: Path, values: Mapping[str, Any]) -> Written:
    """A TOML file with these values where it has none."""
    from dlt.config.toml_text import leaves, with_values

    old = path.read_text(encoding="utf-8") if path.exists() else None
    text = old or (
        "# values that are no secrets\n" if path.stem == "config" else "# secrets: keep this file out of git\n"
    )
    try:
        known = dict(leaves(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{path} is not TOML: {error}.", hint="mend it first, or begin in another folder") from None
    new = {key: value for key, value in leaves(values) if key not in known}
    return Written(path, with_values(text, _nested(new)) if new else text, old)


def _nested(values: Mapping[tuple[str, ...], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in values.items():
        at = found
        for part in path[:-1]:
            at = at.setdefault(part, {})
        at[path[-1]] = value
    return found


# ---- what is said


def _told(found: Found, options: Namespace, written: Sequence[Written], note: str) -> Answer:
    script = f"{found.name}_pipeline.py"
    open_keys = {str(one.path): _open(one.text) for one in written if one.path.suffix == ".toml" and _open(one.text)}
    steps = []
    if Path("pyproject.toml").exists():
        needed = " ".join(f'"{one}"' for one in _requirements(found, options))
        steps.append(f"add to the dependencies in pyproject.toml: {needed}")
    elif len(_requirements(found, options)) > 1:
        steps.append("pip install -r requirements.txt")
    steps += [f"set {', '.join(keys)} in {file}" for file, keys in open_keys.items()]
    examples = _examples(written, options.destination)
    if examples:
        steps.append(f"look at {', '.join(examples)} in .dlt/: the values are examples")
    steps += [f"python {script}", f"dlt pipeline {_pipeline_name(written[0].text) or 'NAME'} info"]
    rows = [(one.path, one.does) for one in written]
    lines = [table(rows), *([f"\n{note}"] if note else []), "\nnext:", *(f"  {step}" for step in steps)]
    data = {
        "source": found.name,
        "destination": options.destination,
        "files": {str(one.path): one.does for one in written},
        "to_set": open_keys,
        "examples": examples,
        "note": note,
        "next": steps,
    }
    return Answer("\n".join(lines), data)


def _examples(written: Sequence[Written], destination: str) -> list[str]:
    """The keys that were written just now with a value that somebody made up."""
    from dlt.config.toml_text import leaves

    new = {path for one in written if one.path.suffix == ".toml" for path, _ in leaves(tomllib.loads(one.text))}
    old = {path for one in written if one.path.suffix == ".toml" for path, _ in leaves(tomllib.loads(one.old or ""))}
    scripts = [wanted_by(one.text) for one in written if one.path.suffix == ".py"]
    wanted = [one for some in (*scripts, OF_DESTINATIONS.get(destination, ())) for one in some]
    return [".".join(one.path) for one in wanted if one.example != PLACEHOLDER and one.path in new - old]


def _open(text: str) -> list[str]:
    """The keys that still have a placeholder."""
    from dlt.config.toml_text import leaves

    return [".".join(path) for path, value in leaves(tomllib.loads(text)) if value == PLACEHOLDER]


def _pipeline_name(script: str) -> str | None:
    found = re.search(r"""dlt\.pipeline\(\s*(?:pipeline_name\s*=\s*)?["']([^"']+)["']""", script)
    return found[1] if found else None


def _sources(options: Namespace) -> Answer:
    templates = _templates()
    lines = ["templates", table(list(templates.items()), "  ")]
    data: dict[str, Any] = {"templates": templates, "location": None, "sources": []}
    if options.location is not None:
        with fetched(options.location, None, options.branch) as found:
            data |= {"location": options.location, "sources": found.requirements}
        lines += [f"\nsources in {options.location}", *(f"  {name}" for name in found.requirements)]
    lines.append(f"\nnot part of this version: {', '.join(PLANNED)}")
    return Answer("\n".join(lines), data)


def _destinations() -> Answer:
    from dlt.destinations.registry import DESTINATIONS, PLANNED

    names = [name for name in DESTINATIONS if name != "destination"]
    text = "\n".join(
        ["destinations", *(f"  {one}" for one in names), f"\nnot part of this version: {', '.join(PLANNED)}"]
    )
    return Answer(text, {"destinations": names, "planned": list(PLANNED)})


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "source",
        nargs="?",
        metavar="SOURCE",
        help="a template, the name of a new script, or with --location a source there",
    )
    add("destination", nargs="?", metavar="DESTINATION", help="where to load to, such as duckdb")
    add("-l", "--list-sources", action="store_true", help="list the templates, with --location the sources there")
    add("--list-destinations", action="store_true", help="list the destinations")
    add("--location", metavar="URL", help="a git repository, or a folder, that has the source")
    add("--branch", metavar="NAME", help="a branch or tag of the repository")


COMMAND = Command("init", "begin a project: a script, its settings and its requirements", init, _arguments)
