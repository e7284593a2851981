"""Arguments of the public API that this version does not have yet, or that have to be one of a few words."""

from __future__ import annotations

from typing import Any

from dlt.errors import ConfigError, NotBuilt

REFRESH = ("drop_sources", "drop_resources", "drop_data")


PLANNED = {  # attributes of Pipeline that are not built yet, with what to do instead
    "dataset": ": read the tables with the tools of the destination, as duckdb.connect(...)",
    "sql_client": ": use the driver of the destination, as duckdb.connect(...)",
    "destination_client": "",
    "_fs_client": "",
    "fail_pending_job": ": see Pipeline.abort_packages",
    "retry_failed_job": ": see Pipeline.retry_package",
    "list_pending_retry_jobs_in_package": ": see Pipeline.get_load_package_info",
}


def refuse(**arguments: Any) -> None:
    """NotBuilt when one of these arguments was given: nothing is accepted and then ignored."""
    for name, value in arguments.items():
        if value is not None:
            raise NotBuilt(
                f"The argument {name} is not available in this version.", value=value, hint=f"leave {name}= away"
            )


def check_refresh(refresh: str | None) -> str | None:
    """The refresh mode, if it is one; ConfigError otherwise."""
    if refresh is not None and refresh not in REFRESH:
        raise ConfigError(f"Unknown refresh mode {refresh!r}.", key="refresh", hint="use one of " + ", ".join(REFRESH))
    return refresh
