"""Looking a value up: which keys are tried in which order, and what was found where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from dlt.config.providers import Key, Readers, providers, readers, variable

ACTIVE: list[str] = []  # the name of the active pipeline, whose own values go before others

SEEN: dict[Key, tuple[Any, str, bool]] = {}  # what was found in this process: value, provider, whether it is a secret

OWN: ContextVar[str | None] = ContextVar("dlt_config_pipeline", default=None)  # instead of it, for a block

UNSHOWN = ("secrets.toml", "Airflow Secrets TOML Provider", "Google Secrets", "AWS Secrets")  # providers
TELLING = re.compile(r"secret|passw|pwd|token|credential|private|api_?key|auth|dsn|hook", re.IGNORECASE)  # in keys


class Found(NamedTuple):
    """A value, and where it comes from."""

    value: Any
    provider: str
    path: Key

    @property
    def key(self) -> str:
        """The key as the provider spells it."""
        return spelled(self.provider, self.path)


def spelled(provider: str, path: Key) -> str:
    """A path as a provider spells it."""
    return variable(path) if provider == "environment" else ".".join(path)


def use_pipeline(name: str | None) -> None:
    """The name that look-ups begin with, before they are tried without it."""
    ACTIVE[:] = [name] if name else []


@contextmanager
def for_pipeline(name: str | None) -> Iterator[None]:
    """Within the block, and in this thread only, look-ups begin with this name."""
    token = OWN.set(name)
    try:
        yield
    finally:
        OWN.reset(token)


def paths_of(sections: Sequence[str], *tail: str) -> list[Key]:
    """The paths of a key: below all sections, then below one less, until it stands alone. `tail`: what is kept together,
    the key last. A source or resource is also found as `sources.<name>`. Sections that begin with _ do not count."""
    used = [one for one in sections if one and not one.startswith("_")]
    found: list[Key] = [(*used[:count], *tail) for count in range(len(used), -1, -1)]
    if len(used) == 3 and used[0] == "sources":
        found.insert(2, ("sources", used[2], *tail))
    return list(dict.fromkeys(found))


def find(
    paths: Sequence[Key], *, secret: bool = False, pipeline: str | None = None, asked: Readers | None = None
) -> Found | None:
    """The first value for one of these paths. Each provider is asked for all of them, with the name of the pipeline in
    front; then all providers again without it. asked: what `readers` returned a moment ago."""
    name = pipeline or OWN.get() or (ACTIVE[0] if ACTIVE else None)
    asked = readers(secret=secret) if asked is None else asked
    for prefix in ((name,), ()) if name else ((),):
        for provider, get in asked:
            for path in paths:
                value = get((*prefix, *path))
                if value is not None:
                    SEEN[(*prefix, *path)] = (None if secret else value, provider, secret)
                    return Found(value, provider, (*prefix, *path))
    return None


def resolved() -> list[dict[str, Any]]:
    """What was found in this process, by key; without the values of secrets, and of what may be one."""
    return [
        {
            "key": path[-1],
            "value": None if secret or provider in UNSHOWN or TELLING.search(".".join(path)) else _plain(value),
            "is_secret_hint": secret,
            "sections": list(path[:-1]),
            "provider_name": provider,
        }
        for path, (value, provider, secret) in SEEN.items()
    ]


def _plain(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) else None


def tried(paths: Sequence[Key], *, secret: bool = False) -> list[tuple[str, str]]:
    """The pairs of provider and key that `find` asks for, in order."""
    prefixes: list[Key] = [(ACTIVE[0],), ()] if ACTIVE else [()]
    return [
        (provider.name, spelled(provider.name, (*prefix, *path)))
        for prefix in prefixes
        for provider in providers(secret=secret)
        for path in paths
    ]
