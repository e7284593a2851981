"""`dlt.config` and `dlt.secrets`: values by their key, what arguments wait for, and providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.config.lookup import Found
from dlt.config.providers import CONFIG_TOML, SECRETS_TOML, Adapted, Document, Key, Provider, providers, register
from dlt.errors import ConfigError

if TYPE_CHECKING:
    from dlt.config.report import Explanation


class Accessor:
    """Values of the configuration by key: `dlt.config["sources.github.org"]`; keys are taken as they are.

    As a default of an argument, `dlt.config.value` means that the argument comes from the configuration.
    """

    def __init__(self, name: str, *, secret: bool) -> None:
        self._name, self._secret = name, secret

    @property
    def value(self) -> Any:
        """The default of an argument that is looked up when the function is called."""
        from dlt.config import inject

        return inject.SECRET_VALUE if self._secret else inject.CONFIG_VALUE

    def __getitem__(self, key: str) -> Any:
        """The value; a text as the bool, number or JSON it looks like. Raises ConfigError when nobody has it."""
        from dlt.config.coerce import guessed

        found = self._find(key)
        if found is None:
            from dlt.config.report import error_of
            from dlt.config.spec import Filling, Missing

            filling = Filling()
            filling.missing.append(Missing(key, (_path(key),), self._secret))
            raise error_of(f"dlt.{self._name}[{key!r}]", filling)
        return guessed(found.value)

    def get(self, field: str, expected_type: Any = None) -> Any:
        """The value as it is, or as one of a type, which may be a credentials class; None when nobody has it."""
        from dlt.config.coerce import UnfitError, coerced, is_spec, members

        if expected_type is not None and is_spec(members(expected_type)[0]):
            return _spec(field, members(expected_type)[0])
        found = self._find(field)
        if found is None or expected_type is None:
            return None if found is None else found.value
        try:
            return coerced(found.value, expected_type)
        except UnfitError as wrong:
            raise ConfigError(f"The value of {found.key} ({found.provider}) {wrong}.", key=field) from None

    def __contains__(self, key: str) -> bool:
        return self._find(key) is not None

    def _find(self, key: str) -> Found | None:
        path = _path(key)
        for provider in providers(secret=self._secret):
            value = provider.get(path)
            if value is not None:
                return Found(value, provider.name, path)
        return None

    def __setitem__(self, key: str, value: Any) -> None:
        """Have this value until the process ends, as if it stood in `config.toml` or `secrets.toml`. `write` keeps it there."""
        (SECRETS_TOML if self._secret else CONFIG_TOML).set(_path(key), value)

    @contextmanager
    def values(self, values: Mapping[str, Any]) -> Iterator[None]:
        """Have these values, by key, until the block ends."""
        from copy import deepcopy

        files = SECRETS_TOML if self._secret else CONFIG_TOML
        before = deepcopy(files.changes)
        try:
            for key, value in values.items():
                self[key] = value
            yield
        finally:
            files.restore(before)

    @property
    def config_providers(self) -> list[Provider]:
        """The providers in the order they are asked."""
        return providers(secret=self._secret)

    @property
    def writable_provider(self) -> Provider:
        """The provider that values set here belong to."""
        return SECRETS_TOML if self._secret else CONFIG_TOML

    def write(self) -> Path | None:
        """Write what was set in code into `config.toml` or `secrets.toml` of the project, whose comments stay. Returns the
        file; None when nothing was set."""
        return (SECRETS_TOML if self._secret else CONFIG_TOML).write_toml()

    def register_provider(self, provider: Any) -> None:
        """Ask this provider after all others: an object with name, secret and get(path), one with name, supports_secrets
        and get_value as in dlt 1.31, or a function that returns a nested dict, which is called once."""
        if hasattr(provider, "get_value"):
            provider = Adapted(provider)
        elif not hasattr(provider, "get") and callable(provider):
            provider = Document(getattr(provider, "__name__", type(provider).__name__), provider)
        register(provider)

    def explain(self, what: Any = "") -> Explanation:
        """Where values come from, for a section, a source, a resource, a function or a configspec class. Print it."""
        from dlt.config.report import explain

        return explain(what)

    def __repr__(self) -> str:
        return f"<dlt.{self._name}>"


def _spec(key: str, kind: Any) -> Any:
    """An object of a configspec class from the value or the fields at a key; None when there are none."""
    from dlt.config.report import error_of
    from dlt.config.spec import Filling, touched

    filling = Filling()
    made = filling.filled(kind, (), _path(key))
    if not touched(filling):
        return None
    if filling.missing or filling.wrong:
        raise error_of(kind.__name__, filling)
    return made


def _path(key: str) -> Key:
    return tuple(key.split("."))


config = Accessor("config", secret=False)
secrets = Accessor("secrets", secret=True)
