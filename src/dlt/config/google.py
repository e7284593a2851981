"""Objects and tokens of Google for credentials; google-auth is imported when one is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from dlt.errors import ConfigError, RetryableError, missing

TOKENS = "https://oauth2.googleapis.com/token"
LOGIN = "https://accounts.google.com/o/oauth2/auth"


def service_account(fields: Mapping[str, Any]) -> Any:
    """google-auth's credentials of a service account. ConfigError when its key is none."""
    try:
        from google.oauth2.service_account import Credentials
    except ImportError:
        raise missing("Credentials of Google Cloud", "gcp", "google-auth") from None
    try:
        return Credentials.from_service_account_info(dict(fields))
    except ValueError as error:
        raise ConfigError(
            f"The private key of {fields.get('client_email')} cannot be used: {type(error).__name__}.",
            key="private_key",
            hint="give the text of the JSON file of the service account as it is",
        ) from None


def default_credentials() -> tuple[Any, str | None] | None:
    """The credentials of this machine and their project; None when it has none or google-auth is not installed."""
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError:
        return None
    try:
        found, project = google.auth.default()
    except DefaultCredentialsError:
        return None
    return found, project


def of_user(fields: Mapping[str, Any]) -> Any:
    """google-auth's credentials of a user who has given a refresh token."""
    try:
        from google.oauth2.credentials import Credentials
    except ImportError:
        raise missing("Credentials of Google Cloud", "gcp", "google-auth") from None
    names = ("refresh_token", "client_id", "client_secret", "scopes")
    return Credentials(fields["token"], token_uri=TOKENS, **{name: fields[name] for name in names})


def refreshed(fields: Mapping[str, Any]) -> str:
    """A new access token for a refresh token. ConfigError when Google turns it down."""
    body = {name: fields[name] for name in ("client_id", "client_secret", "refresh_token")}
    request = Request(TOKENS, urlencode({**body, "grant_type": "refresh_token"}).encode(), method="POST")
    try:
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - see above
            return str(json.load(answer)["access_token"])
    except HTTPError as error:
        raise ConfigError(
            f"Google gave no token: {error.code} {error.read()[:200].decode(errors='replace')}",
            key="refresh_token",
            hint="log in again: take the refresh token away and call auth()",
        ) from None
    except URLError as error:
        raise RetryableError(f"Google gave no token: {error.reason}.") from error


def ask_user(fields: Mapping[str, Any], redirect_url: str | None = None) -> tuple[str, str]:
    """Let the user log in with a browser on this machine. Returns refresh token and access token."""
    if not sys.stdin.isatty():
        raise ConfigError(
            "There is no refresh token, and nobody at a terminal who could log in.",
            key="refresh_token",
            hint="call auth() once at a terminal and keep the refresh_token",
        )
    try:
        from google_auth_oauthlib.flow import InstalledAppFlow
    except ImportError:
        raise missing("A login at Google", "gcp", "google-auth-oauthlib") from None
    client = {
        **{name: fields[name] for name in ("client_id", "client_secret", "project_id")},
        "auth_uri": LOGIN,
        "token_uri": TOKENS,
        "redirect_uris": [redirect_url or "http://localhost"],
    }
    flow = InstalledAppFlow.from_client_config({fields["client_type"]: client}, list(fields["scopes"] or []))
    made = flow.run_local_server(port=0)
    return str(made.refresh_token), str(made.token)
