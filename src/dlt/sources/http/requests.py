"""`dlt.sources.helpers.requests`: functions like those of requests, that send again what failed in passing."""

from __future__ import annotations

from typing import Any

from requests import Request, Response
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,  # noqa: A004 - the public name
    ConnectTimeout,
    FileModeWarning,
    HTTPError,
    ReadTimeout,
    RequestException,
    RetryError,
    Timeout,
    TooManyRedirects,
    URLRequired,
)

from dlt.sources.http.client import Client, client
from dlt.sources.http.session import Session

__all__ = [
    "ChunkedEncodingError",
    "Client",
    "ConnectTimeout",
    "ConnectionError",
    "FileModeWarning",
    "HTTPError",
    "ReadTimeout",
    "Request",
    "RequestException",
    "Response",
    "RetryError",
    "Session",
    "Timeout",
    "TooManyRedirects",
    "URLRequired",
    "client",
    "delete",
    "get",
    "head",
    "init",
    "options",
    "patch",
    "post",
    "put",
    "request",
]

request, get, post, put = client.request, client.get, client.post, client.put
patch, delete, options, head = client.patch, client.delete, client.options, client.head


def init(config: Any) -> None:
    """Take the settings of the functions of this module from a RuntimeConfiguration."""
    client.update_from_config(config)
