"""Providers of the user with the interface of dlt 1.31: a class to derive from, and one of a nested dict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dlt.config.providers import Document, inside
from dlt.errors import ConfigError


class ConfigProvider(ABC):
    """A place that values come from. Derive from it, say `name`, and return values in `get_value`."""

    name: str = ""

    @abstractmethod
    def get_value(self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        """The value of a key in these sections, or None; and the key in full."""

    def set_value(self, key: str, value: Any, pipeline_name: str | None, *sections: str) -> None:
        """Set a value, where that can be done."""
        del value, pipeline_name
        raise ConfigError(f"Values of the provider {self.name} cannot be set.", key=".".join((*sections, key)))

    @property
    def supports_secrets(self) -> bool:
        """Whether it may hold secrets."""
        return False

    @property
    def supports_sections(self) -> bool:
        """Whether keys are in sections."""
        return True

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing; then it is not asked."""
        return False

    @property
    def is_writable(self) -> bool:
        """Whether values can be set."""
        return False

    @property
    def locations(self) -> Sequence[str]:
        """Where its values come from, for messages."""
        return []

    @property
    def present_locations(self) -> Sequence[str]:
        """Those of the locations that are there."""
        return self.locations


class CustomLoaderDocProvider(ConfigProvider):
    """A provider of a nested dict, which a function returns once, at the first look-up."""

    def __init__(
        self,
        name: str,
        loader: Callable[[], Mapping[str, Any]],
        supports_secrets: bool = True,
        locations: Sequence[str] = (),
    ) -> None:
        self.name, self._secret, self._locations = name, supports_secrets, list(locations)
        self._document = Document(name, loader, supports_secrets, tuple(locations))

    @property
    def supports_secrets(self) -> bool:
        """Whether it may hold secrets."""
        return self._secret

    @property
    def is_empty(self) -> bool:
        """Whether the function returned nothing."""
        return not self._document.document()

    @property
    def locations(self) -> Sequence[str]:
        """Where its values come from, for messages."""
        return self._locations

    def get_value(self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
        """The value of a key in these sections, or None; and the key in full."""
        del hint
        path = (*((pipeline_name,) if pipeline_name else ()), *sections, key)
        return inside(self._document.document(), path), ".".join(path)

    def to_dict(self) -> dict[str, Any]:
        """All that it has."""
        return dict(self._document.document())
