"""Sources by name: `"module.source"`, and the short names of those that come with the library or the project."""

from __future__ import annotations

import importlib
import importlib.util
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from dlt.errors import UnknownSourceReference
from dlt.extract.factory import SourceFactory
from dlt.extract.resource import DltResource

if TYPE_CHECKING:
    from dlt.extract.source import DltSource

PLACES = ("sources", "dlt.sources")  # where short names are looked for


class SourceReference:
    """Finds sources and resources that were decorated at the top of a module."""

    SOURCES: ClassVar[dict[str, Any]] = {}  # by module and name: a factory, or a resource

    @classmethod
    def register(cls, factory: Any, ref: str) -> None:
        """Make a source known under a name."""
        cls.SOURCES[ref] = factory

    @classmethod
    def expand_shorthand_ref(cls, ref: str) -> list[str]:
        """The full names that a name may stand for, in the order in which they are tried."""
        parts = ref.split(".")
        if len(parts) == 1:
            return [ref, *(f"{place}.{ref}.{ref}" for place in PLACES)]
        return [ref, *(f"{place}.{ref}" for place in PLACES)] if len(parts) == 2 else [ref]

    @classmethod
    def find(cls, ref: str) -> SourceFactory:
        """The factory of a source by name. UnknownSourceReference when there is none."""
        tried = cls.expand_shorthand_ref(ref)
        for name in tried:
            if name in cls.SOURCES:
                return as_factory(cls.SOURCES[name])
        for name in tried:
            found = _imported(name)
            if found is not None:
                cls.SOURCES[name] = found
                return as_factory(found)
        from dlt.sources.registry import KNOWN

        raise UnknownSourceReference(
            f"There is no source {ref!r}.",
            looked_for=", ".join(tried),
            hint=f"a text may be {KNOWN}; rows go into a list: [{{...}}]",
        )

    @classmethod
    def from_reference(cls, ref: str, *args: Any, **kwargs: Any) -> DltSource:
        """A source by name, made with these arguments."""
        return cls.find(ref)(*args, **kwargs)


def as_factory(found: Any) -> SourceFactory:
    """A factory of sources: itself, or one that makes a source of a resource."""
    if isinstance(found, SourceFactory):
        return found
    resource: DltResource = found

    def single(*args: Any, **kwargs: Any) -> DltResource:
        return resource(*args, **kwargs) if args or kwargs else resource

    return SourceFactory(single, name=resource.name, section=resource.section)


def register(found: Any, function: Any) -> None:
    """Make what was decorated known, unless its function is inside another one."""
    if isinstance(function, FunctionType) and "." not in (name := function.__qualname__) and "<" not in name:
        SourceReference.SOURCES[f"{function.__module__}.{name}"] = found


def _imported(name: str) -> Any:
    """What a module has under a name, if it is a source or a resource; None if there is no such module."""
    module, _, attribute = name.rpartition(".")
    if not module:
        return None
    try:
        if importlib.util.find_spec(module) is None:
            return None
    except (ImportError, ValueError):
        return None
    found = getattr(importlib.import_module(module), attribute, None)
    return found if isinstance(found, (SourceFactory, DltResource)) else None
