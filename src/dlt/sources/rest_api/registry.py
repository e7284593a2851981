"""Paginators and authentication: made of what a configuration says, and the words for those of users."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from dlt.errors import SchemaError
from dlt.sources.rest_api.config import AUTHS, PAGINATORS

PLACES = {
    "cursor": "dlt.sources.http.paginators.JSONResponseCursorPaginator",
    "graphql_cursor": "dlt.sources.rest_api.graphql.GraphQLCursorPaginator",
    "header_cursor": "dlt.sources.http.paginators.HeaderCursorPaginator",
    "header_link": "dlt.sources.http.paginators.HeaderLinkPaginator",
    "json_link": "dlt.sources.http.paginators.JSONLinkPaginator",
    "json_response": "dlt.sources.http.paginators.JSONLinkPaginator",
    "offset": "dlt.sources.http.paginators.OffsetPaginator",
    "page_number": "dlt.sources.http.paginators.PageNumberPaginator",
    "single_page": "dlt.sources.http.paginators.SinglePagePaginator",
    "api_key": "dlt.sources.http.auth.APIKeyAuth",
    "bearer": "dlt.sources.http.auth.BearerTokenAuth",
    "http_basic": "dlt.sources.http.auth.HttpBasicAuth",
    "oauth2_client_credentials": "dlt.sources.http.auth.OAuth2ClientCredentials",
}


def register_paginator(paginator_name: str, paginator_class: type[Any]) -> None:
    """Let `paginator: paginator_name`, or `type: paginator_name` with arguments, stand for a class in configurations."""
    from dlt.sources.http.paginators import BasePaginator

    if not (isinstance(paginator_class, type) and issubclass(paginator_class, BasePaginator)):
        raise SchemaError(f"{paginator_class!r} is no paginator.", hint="derive it from BasePaginator")
    PAGINATORS[paginator_name] = paginator_class


def register_auth(auth_name: str, auth_class: type[Any]) -> None:
    """The same for a class that authenticates requests."""
    from dlt.sources.http.auth import AuthConfigBase

    if not (isinstance(auth_class, type) and issubclass(auth_class, AuthConfigBase)):
        raise SchemaError(f"{auth_class!r} cannot authenticate.", hint="derive it from AuthConfigBase")
    AUTHS[auth_name] = auth_class


def create_paginator(paginator_config: Any) -> Any:
    """A new paginator of a word, a dict or an instance, which is copied; None when the first response is to tell."""
    word, given = _told(paginator_config, "auto")
    if word is None:
        return copy.deepcopy(given)
    return None if word == "auto" else _class_of(word, PAGINATORS)(**given)


def create_auth(auth_config: Any, sections: Sequence[str] = ()) -> Any:
    """What authenticates requests, of a word, a dict or an instance; fields that are not given are looked up below
    `<sections>.credentials`. ConfigError when they are nowhere."""
    from dlt.config.report import error_of
    from dlt.config.spec import Configuration, Filling

    word, given = _told(auth_config, "bearer")
    made = given if word is None else _class_of(word, AUTHS)(**given)
    if not isinstance(made, Configuration) or made.is_resolved():
        return made
    filling = Filling()
    found = filling.filled(type(made), sections, ("credentials",), given=made if given else None)
    if filling.missing or filling.wrong:
        raise error_of(type(made).__name__, filling)
    return found


def _told(config: Any, usual: str) -> tuple[str | None, Any]:
    """The word and the arguments of a configuration; no word: an instance, or None."""
    if isinstance(config, str):
        return config, {}
    if isinstance(config, Mapping):
        given = dict(config)
        return given.pop("type", None) or usual, given
    return None, config


def _class_of(word: str, registered: Mapping[str, Any]) -> Any:
    if word in registered:
        return registered[word]
    module, _, name = PLACES[word].rpartition(".")
    return getattr(import_module(module), name)
