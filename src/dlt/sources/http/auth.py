"""Authentication for requests: configurations whose secrets are looked up, and that are given as `auth=`."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from requests import Session as AnySession  # noqa: TC002 - the type of a field
from requests.auth import AuthBase

from dlt.config.credentials import Credentials, OptionalSecret, Secret
from dlt.config.spec import NotResolved, configspec
from dlt.errors import ConfigError, MissingExtra, RestClientError
from dlt.sources.http.body import json_of
from dlt.sources.http.client import client
from dlt.sources.http.session import keep_home, raise_for_status
from dlt.sources.http.urls import OWN_PARAMS, sanitize_url

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

TApiKeyLocation: TypeAlias = Literal["header", "cookie", "query", "param"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MARGIN = 30.0  # seconds before its end that a token is not used any more, at most a tenth of its life
_ASKING = threading.Lock()


@configspec
class AuthConfigBase(AuthBase, Credentials):
    """What puts authentication into a request: derive a class with fields and `__call__`."""

    def __bool__(self) -> bool:
        return True

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with what lets it in."""
        raise NotImplementedError(f"{type(self).__name__} does not say how requests are authenticated: write __call__")


@configspec
class BearerTokenAuth(AuthConfigBase):
    """The header `Authorization: Bearer <token>`."""

    token: Secret = None  # type: ignore[assignment]  # required

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the token. ConfigError when it is no text."""
        self.token = _text(self, native_value)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with the header."""
        r.headers["Authorization"] = f"Bearer {_given(self, 'token', self.token)}"
        return r


@configspec
class APIKeyAuth(AuthConfigBase):
    """A key in a header, in a parameter of the URL (`query`, `param`) or in a cookie."""

    name: str = "Authorization"
    api_key: Secret = None  # type: ignore[assignment]  # required
    location: TApiKeyLocation = "header"

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the key. ConfigError when it is no text."""
        self.api_key = _text(self, native_value)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with the key."""
        key = _given(self, "api_key", self.api_key)
        if self.location == "header":
            r.headers[self.name] = key
            keep_home(r, [self.name])
        elif self.location in ("query", "param"):
            OWN_PARAMS.add(self.name.lower())
            r.prepare_url(r.url, {self.name: key})
        elif self.location == "cookie":
            before = r.headers.get("Cookie")
            r.headers["Cookie"] = f"{before}; {self.name}={key}" if before else f"{self.name}={key}"
        else:
            raise ConfigError(f"{self.location!r} is no place for a key.", hint="use header, query, param or cookie")
        return r


@configspec
class HttpBasicAuth(AuthConfigBase):
    """A name and a password, in the header Authorization."""

    username: str = None  # type: ignore[assignment]  # required
    password: Secret = None  # type: ignore[assignment]  # required

    def parse_native_representation(self, native_value: Any) -> None:
        """Take name and password of a pair. ConfigError when it is none."""
        pair = list(native_value) if isinstance(native_value, Iterable) and not isinstance(native_value, str) else []
        if len(pair) != 2:
            raise ConfigError("HttpBasicAuth is made of a name and a password.", hint="give both, as a pair")
        self.username, self.password = pair

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with the header."""
        pair = f"{_given(self, 'username', self.username)}:{self.password or ''}"
        r.headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return r


@configspec
class OAuth2AuthBase(AuthConfigBase):
    """An access token in the header Authorization."""

    access_token: Secret = None  # type: ignore[assignment]  # required

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the token. ConfigError when it is no text."""
        self.access_token = _text(self, native_value)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with the header."""
        r.headers["Authorization"] = f"Bearer {_given(self, 'access_token', self.access_token)}"
        return r


@configspec
class OAuth2ClientCredentials(OAuth2AuthBase):
    """A token that is fetched with the name and secret of a client, and again shortly before it is over.

    access_token_request_data: more fields of the form that is sent; default_token_expiration: seconds, when the server does not
    say. The methods may be overridden for servers that are different.
    """

    access_token: Annotated[OptionalSecret, NotResolved()] = None  # type: ignore[assignment]  # fetched
    access_token_url: str = None  # type: ignore[assignment]  # required
    client_id: Secret = None  # type: ignore[assignment]  # required
    client_secret: Secret = None  # type: ignore[assignment]  # required
    access_token_request_data: dict[str, Any] | None = None
    default_token_expiration: int = 3600
    session: Annotated[AnySession | None, NotResolved()] = None
    _usable_until = 0.0

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with a token that is valid."""
        with _ASKING:
            if self.access_token is None or self.is_token_expired():
                self.obtain_token()
        return super().__call__(r)

    def is_token_expired(self) -> bool:
        """Whether the token is over, or nearly."""
        return time.monotonic() >= self._usable_until

    def obtain_token(self) -> None:
        """Fetch a token. HTTPError when the server does not give one."""
        url = _given(self, "access_token_url", self.access_token_url)
        response = (self.session or client.session).post(url, **self.build_access_token_request())
        answer = _answer(response)
        lasts = self.parse_expiration_in_seconds(answer)
        token = self.parse_access_token(answer)
        self.access_token, self._usable_until = token, _usable_until(lasts)

    def build_access_token_request(self) -> dict[str, Any]:
        """The arguments of the POST request for a token."""
        form = {"grant_type": "client_credentials", **(self.access_token_request_data or {})}
        form = {"client_id": self.client_id, "client_secret": self.client_secret, **form}
        return {"headers": dict(FORM), "data": form}

    def parse_expiration_in_seconds(self, response_json: Any) -> int:
        """How long the token of an answer lives."""
        return _lasts(response_json, self.default_token_expiration)

    def parse_access_token(self, response_json: Any) -> str:
        """The token of an answer. RestClientError when it has none."""
        return _token(response_json)


@configspec
class OAuthJWTAuth(BearerTokenAuth):
    """A token that is fetched with a JWT, signed with a private key (RS256); needs the package cryptography.

    private_key: PEM; scopes: a text or a list; headers: of the request for a token.
    """

    token: Annotated[OptionalSecret, NotResolved()] = None  # type: ignore[assignment]  # fetched
    client_id: str = None  # type: ignore[assignment]  # required
    private_key: Secret = None  # type: ignore[assignment]  # required
    auth_endpoint: str = None  # type: ignore[assignment]  # required
    scopes: str | list[str] | None = None
    headers: dict[str, str] | None = None
    private_key_passphrase: OptionalSecret = None
    default_token_expiration: int = 3600
    session: Annotated[AnySession | None, NotResolved()] = None
    _usable_until = 0.0

    def __post_init__(self) -> None:
        self.scopes = self.scopes if self.scopes is None or isinstance(self.scopes, str) else " ".join(self.scopes)

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        """The request, with a token that is valid."""
        with _ASKING:
            if self.token is None or self.is_token_expired():
                self.obtain_token()
        return super().__call__(r)

    def is_token_expired(self) -> bool:
        """Whether the token is over, or nearly."""
        return time.monotonic() >= self._usable_until

    def obtain_token(self) -> None:
        """Fetch a token. HTTPError when the server does not give one."""
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": self._signed()}
        url = _given(self, "auth_endpoint", self.auth_endpoint)
        response = (self.session or client.session).post(url, headers={**FORM, **(self.headers or {})}, data=form)
        answer = _answer(response)
        self.token = _token(answer)
        self._usable_until = _usable_until(_lasts(answer, self.default_token_expiration))

    def create_jwt_payload(self) -> dict[str, str | int]:
        """What the JWT says."""
        now = int(time.time())
        scopes = self.scopes if isinstance(self.scopes, str) else " ".join(self.scopes or ())
        return {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.auth_endpoint,
            "exp": now + 3600,
            "iat": now,
            "scope": scopes,
        }

    def load_private_key(self) -> Any:
        """The key. ConfigError when it cannot be read, MissingExtra without the package cryptography."""
        try:
            from cryptography.hazmat.primitives.serialization import load_pem_private_key
        except ModuleNotFoundError:
            raise MissingExtra("OAuthJWTAuth", ["cryptography"]) from None
        key, phrase = _given(self, "private_key", self.private_key), self.private_key_passphrase
        try:
            return load_pem_private_key(key.encode(), phrase.encode() if phrase else None)
        except (TypeError, ValueError):
            raise ConfigError(
                "The private key of OAuthJWTAuth cannot be read.",
                key="private_key",
                hint="give PEM, and its passphrase",
            ) from None

    def _signed(self) -> str:
        key = self.load_private_key()
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        parts = ({"alg": "RS256", "typ": "JWT"}, self.create_jwt_payload())
        text = b".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
        return (text + b"." + _base64(key.sign(text, PKCS1v15(), SHA256()))).decode()


def _base64(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


def _lasts(answer: Any, default: int) -> int:
    found = answer.get("expires_in")
    return default if found is None else int(float(found))


def _usable_until(seconds: float) -> float:
    return time.monotonic() + seconds - min(MARGIN, seconds / 10)


def _answer(response: Response) -> Any:
    raise_for_status(response)
    answer = json_of(response)
    if not isinstance(answer, dict):
        raise RestClientError("The answer to a request for a token is no JSON object.", url=sanitize_url(response.url))
    return answer


def _token(answer: Any) -> str:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise RestClientError(
            "The answer to a request for a token has no access_token.",
            hint=f"it has the keys {', '.join(map(repr, answer))}: override parse_access_token",
        )
    return token


def _given(auth: Any, name: str, value: str | None) -> str:
    if value is None:
        raise ConfigError(
            f"A {type(auth).__name__} has no {name}.",
            key=name,
            hint=f"give {name}=, or let a source have it as an argument",
        )
    value = value.strip() if isinstance(value, str) else value  # a file that has the secret ends in a newline
    if any(one in str(value) for one in "\r\n") and name != "private_key":
        raise ConfigError(
            f"The {name} of a {type(auth).__name__} has several lines.", key=name, hint="give the secret alone"
        )
    return value


def _text(auth: Any, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"A {type(auth).__name__} is made of a text, not of {type(value).__name__}.")
    return value
