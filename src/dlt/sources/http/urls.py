"""URLs: joined with exactly one slash, and shown without secrets."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, quote_plus, urlsplit, urlunsplit

_WORDS = """
    access-key access-token access_key access_token accesskey accesstoken api-key api-token api_key api_token apikey apitoken app_id
    app_key appid appkey assertion auth auth_key auth_token authkey authorization authtoken awsaccesskeyid client_secret code
    credential credentials hash id_token jwt k key ocp-apim-subscription-key pass passphrase passwd password private_key pwd
    refresh_token secret secret_key sess session session_id session_token sessionid shared_secret sid sig sign signature
    subscription-key subscription_key token x-amz-credential x-amz-security-token x-amz-signature x-api-key x-auth-token
    x-goog-credential x-goog-signature x_api_key
"""
SENSITIVE_PARAMS = set(_WORDS.split())
OWN_PARAMS: set[str] = set()  # names that an authentication of this process was given
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def join_url(base_url: str, path: str) -> str:
    """The URL of a path below a base; a URL that is whole stays as it is."""
    if _ABSOLUTE.match(path):
        return path
    if not base_url:
        return path
    return base_url if not path else f"{base_url.rstrip('/')}/{path.lstrip('/')}"


def sanitize_url(url: str, sensitive: set[str] | None = None) -> str:
    """The URL with `***` for passwords and for parameters that are secret. sensitive: their names, in small letters."""
    parts = urlsplit(url)
    names = SENSITIVE_PARAMS | OWN_PARAMS if sensitive is None else sensitive
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = parts.query
    if any(name.lower() in names for name, _ in pairs):
        query = "&".join(
            f"{quote_plus(name)}={'***' if name.lower() in names else quote_plus(value)}" for name, value in pairs
        )
    login, at, host = parts.netloc.rpartition("@")
    if ":" in login:
        login = login.partition(":")[0] + ":***"
    return urlunsplit(parts._replace(netloc=f"{login}{at}{host}", query=query))
