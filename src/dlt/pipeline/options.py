"""Arguments of the public API that this version does not have yet, or that have to be one of a few words."""

from __future__ import annotations

from typing import Any

from dlt.errors import ConfigError, NotBuilt

REFRESH = ("drop_sources", "drop_resources", "drop_data")


def refuse(**arguments: Any) -> None:
    """NotBuilt when one of these arguments was given: nothing is accepted and then ignored."""
    for name, value in arguments.items():
        if value is not None:
            raise NotBuilt(f"The argument {name} is not available in this version.", value=value)


def check_refresh(refresh: str | None) -> str | None:
    """The refresh mode, if it is one; ConfigError otherwise."""
    if refresh is not None and refresh not in REFRESH:
        raise ConfigError(f"Unknown refresh mode {refresh!r}.", key="refresh", hint="use one of " + ", ".join(REFRESH))
    return refresh
