"""What is said of the configuration: one error for all missing values, and where each value comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from dlt.config.lookup import spelled, tried
from dlt.config.providers import CONFIG_TOML, REGISTERED, SECRETS_TOML, VAULTS, Key, providers, variable
from dlt.errors import ConfigError

if TYPE_CHECKING:
    from dlt.config.spec import Filling, Missing

HIDDEN = "***"


def error_of(owner: str, filling: Filling) -> ConfigError:
    """The error for the values that are missing or wrong. owner: what needs them, as `source 'github'`."""
    lines = []
    if filling.missing:
        names = ", ".join(f"{one.name}{' (secret)' if one.secret else ''}" for one in filling.missing)
        count = len(filling.missing)
        verb = "need" if owner.startswith("The resources ") else "needs"
        lines.append(f"{owner} {verb} {count} {'value that is' if count == 1 else 'values that are'} not set: {names}.")
        used = {origin.key for origin in filling.origins.values()}
        others = [row for row in _of_section(()) if row["key"] not in used]
        lines += [line for one in filling.missing for line in (*_wanted(one), *_nearly(one, others))]
        lines += _toml(filling.missing)
        lines.append("  looked at: " + ", ".join(_places()))
    if filling.wrong:
        lines += [f"{owner} got values that it cannot use.", *(f"  {one}" for one in filling.wrong)]
    if not filling.missing:
        return ConfigError("\n".join(lines))
    fields = [one.name for one in filling.missing]
    error = ConfigError("\n".join(lines))
    error.fields = fields  # type: ignore[attr-defined]  # for code that reads it; the text has it already
    error.traces = {  # type: ignore[attr-defined]  # see above
        one.name: tried(one.paths, secret=one.secret) for one in filling.missing
    }
    return error


def shortest(paths: Sequence[Key]) -> Key:
    """The shortest path that means this value only: `sources.<name>.<key>`, or the one with all sections."""
    full, alone = paths[0], paths[-1]
    with_name = ("sources", *full[2:])
    return with_name if len(full) - len(alone) == 3 and with_name in paths else full


def _wanted(one: Missing) -> list[str]:
    path = shortest(one.paths)
    parts = f" to one value such as a connection string, or set {', '.join(one.parts)} below it" if one.parts else ""
    lines = [f"  {one.name}: set the variable {variable(path)}{parts}"]
    if one.secret and (found := next((path for path in one.paths if CONFIG_TOML.get(path) is not None), None)):
        lines.append(f"    config.toml has {'.'.join(found)}, but this is a secret: move it to secrets.toml")
    return lines


def _nearly(one: Missing, others: Iterable[Mapping[str, Any]]) -> list[str]:
    """A key that is there, that nobody asked for, and that is nearly the one that is missing."""
    names = {row["name"]: row for row in others}
    near = get_close_matches(".".join(shortest(one.paths)), names, 1, 0.85)
    return [f"    {names[name]['provider']} has {names[name]['key']}: is it misspelt?" for name in near]


def _toml(missing: Sequence[Missing]) -> list[str]:
    """The lines to write into the TOML files."""
    lines = []
    for secret, files in ((True, SECRETS_TOML), (False, CONFIG_TOML)):
        tables: dict[Key, list[str]] = {}
        for one in missing:
            path = shortest(one.paths)
            if one.secret is secret:
                tables.setdefault(path[:-1], []).append(path[-1])
        if tables:
            lines.append(f"  or write in {files.places()[1]}:")
        for table, keys in tables.items():
            lines += [f"    [{'.'.join(table)}]"] if table else []
            lines += [f'    {key} = "..."' for key in keys]
    return lines


def _places() -> list[str]:
    """What was looked at; whether a file is there."""
    found = ["environment"]
    for files in (SECRETS_TOML, CONFIG_TOML):
        found += [f"{place}{'' if place.exists() else ' (not there)'}" for place in reversed(files.places())]
    return found + [one.name for one in (*VAULTS.find(), *REGISTERED)]


# ---- explain


class Explanation(tuple[dict[str, Any], ...]):
    """Where values come from: rows with name, value, provider, key. Print it to read it; secrets are not shown."""

    __slots__ = ()

    def __str__(self) -> str:
        rows = [(row["name"], f"{row['value']}", row["provider"], row["key"]) for row in self]
        widths = [max((len(row[at]) for row in rows), default=0) for at in range(4)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join(lines) or "no values"

    __repr__ = __str__


def explain(what: Any = "") -> Explanation:
    """Where values come from: for a section, as "sources.github", or "" for all, what the providers have of it, and for
    a source, resource or configspec class what each of its arguments or fields would get in a call.

    Values of the environment and of secrets.toml are shown as *** unless they are known to be no secrets.
    """
    from dlt.config.coerce import is_spec
    from dlt.config.spec import Filling

    if isinstance(what, str):
        return Explanation(_of_section(tuple(what.split(".")) if what else ()))
    filling = Filling()
    if is_spec(what):
        made = filling.filled(what, ())
        return _rows(filling, dict(made))
    asks = getattr(what, "__dlt_asks__", None)
    if asks is None:
        raise ConfigError(
            f"A {type(what).__name__} asks for no values.",
            hint="give a section, a source, a resource, or a function made with with_config",
        )
    return _rows(filling, asks(filling))


def _rows(filling: Filling, values: Mapping[str, Any]) -> Explanation:
    rows = []
    missing = {one.name: one for one in filling.missing}
    for name, origin in filling.origins.items():
        if name not in missing:
            value = HIDDEN if origin.secret else repr(values.get(name, HIDDEN))
            rows.append({"name": name, "value": value, "provider": origin.provider, "key": origin.key})
    for name, one in missing.items():
        key = variable(shortest(one.paths))
        rows.append({"name": name, "value": "", "provider": "missing", "key": f"set {key}"})
    return Explanation(sorted(rows, key=lambda row: row["name"]))


def _of_section(section: Key) -> list[dict[str, Any]]:
    import os

    found: dict[str, dict[str, Any]] = {}
    start = variable(section) + "__" if section else ""
    for name in sorted(os.environ):
        if name.startswith(start) and "__" in name and not name.startswith("__"):
            row = {"name": name.lower().replace("__", "."), "value": HIDDEN, "provider": "environment", "key": name}
            found[row["name"]] = row
    for provider in providers(secret=False)[1:]:
        for path, value in _leaves(provider.get(section) if section else _whole(provider), section):
            shown = HIDDEN if provider.secret else repr(value)
            row = {
                "name": ".".join(path),
                "value": shown,
                "provider": provider.name,
                "key": spelled(provider.name, path),
            }
            found.setdefault(row["name"].lower(), row)
    return [found[name] for name in sorted(found)]


def _whole(provider: Any) -> Any:
    document = getattr(provider, "document", None)
    return document() if document is not None else None


def _leaves(value: Any, path: Key) -> list[tuple[Key, Any]]:
    if isinstance(value, Mapping):
        return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, str(key)))]
    return [] if value is None else [(path, value)]
