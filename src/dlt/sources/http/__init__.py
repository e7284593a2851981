"""HTTP for sources: requests that are repeated, a client that goes through the pages of an API, paginators and authentication."""

from __future__ import annotations

from dlt.errors import missing

try:
    import requests as _requests  # noqa: F401 - what all modules here are made of
except ModuleNotFoundError as error:
    raise missing("HTTP in dlt.sources", "rest_api", "requests") from error
