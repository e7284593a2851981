"""What a resource can be made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dlt.errors import ResourceError
from dlt.extract.pipe import kind_of
from dlt.extract.signatures import takes_item
from dlt.extract.validate import is_model


def name_of_callable(data: Any) -> str | None:
    """The name of a function or generator, the class of another callable; None for data."""
    name = getattr(data, "__name__", None) or (type(data).__name__ if callable(data) else None)
    return name if isinstance(name, str) else None


def check_data(data: Any, name: str, *, transformer: bool) -> None:
    """ResourceError when no items can be made of this."""
    if transformer:
        if not callable(data) or isinstance(data, type):
            raise ResourceError(
                f"The transformer {name!r} must be a function, not {type(data).__name__}.", resource=name
            )
        if not takes_item(data):
            raise ResourceError(
                f"The transformer {name!r} has no positional argument.",
                resource=name,
                hint="its first argument is the item",
            )
    if isinstance(data, (Mapping, str, bytes, bytearray)) or is_model(data):
        raise ResourceError(
            f"The resource {name!r} cannot be one {type(data).__name__}.",
            resource=name,
            value=repr(data)[:200],
            hint="put it into a list: [data]",
        )
    makes_items = isinstance(data, Iterable) or hasattr(data, "__aiter__") or kind_of(type(data)) == "async"
    if isinstance(data, type) or not (callable(data) or makes_items or kind_of(type(data)) == "table"):
        raise ResourceError(
            f"The resource {name!r} cannot be made of {type(data).__name__}.",
            resource=name,
            value=repr(data)[:200],
            hint="give a function, a generator, a list, or anything that can be iterated; one item goes into a list",
        )
