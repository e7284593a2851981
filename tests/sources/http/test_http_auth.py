"""11.2, authentication: what each kind puts into a request, tokens that are fetched and renewed, secrets from the configuration."""

from __future__ import annotations

import base64
import copy
import json
import sys
import threading
from urllib.parse import parse_qsl

import pytest
from dlt.common.configuration import configspec, resolve_configuration
from dlt.sources.helpers.requests import HTTPError
from dlt.sources.helpers.rest_client import AuthConfigBase, RESTClient
from dlt.sources.helpers.rest_client.auth import (
    APIKeyAuth,
    BearerTokenAuth,
    HttpBasicAuth,
    OAuth2AuthBase,
    OAuth2ClientCredentials,
    OAuthJWTAuth,
)
from requests import Request
from requests.auth import AuthBase

import dlt
from dlt.errors import ConfigError, MissingExtra, RestClientError
from dlt.sources.http import auth as module
from sources.naughty import ROWS, Answer


def applied(auth, **more):
    """URL and headers of a request with this authentication."""
    ready = Request("GET", "http://h/x?y=1", auth=auth, **more).prepare()
    return ready.url, dict(ready.headers)


@pytest.mark.parametrize(
    ("auth", "url", "headers"),
    [
        (BearerTokenAuth("t"), "http://h/x?y=1", {"Authorization": "Bearer t"}),
        (APIKeyAuth(api_key="k"), "http://h/x?y=1", {"Authorization": "k"}),
        (APIKeyAuth("X-Key", "k"), "http://h/x?y=1", {"X-Key": "k"}),
        (APIKeyAuth("key", "v&w", "query"), "http://h/x?y=1&key=v%26w", {}),
        (APIKeyAuth("key", "v", "param"), "http://h/x?y=1&key=v", {}),
        (APIKeyAuth("key", "v", "cookie"), "http://h/x?y=1", {"Cookie": "key=v"}),
        (HttpBasicAuth("ü", "p:é"), "http://h/x?y=1", {"Authorization": "Basic w7w6cDrDqQ=="}),
        (OAuth2AuthBase("a"), "http://h/x?y=1", {"Authorization": "Bearer a"}),
    ],
)
def test_11_2_what_is_sent(auth, url, headers):
    assert isinstance(auth, AuthBase)
    assert applied(auth) == (url, headers)


def test_11_2_a_cookie_beside_others():
    assert applied(APIKeyAuth("k", "v", "cookie"), cookies={"a": "b"})[1] == {"Cookie": "a=b; k=v"}


@pytest.mark.parametrize(
    ("kind", "native", "fields"),
    [
        (BearerTokenAuth, "t", {"token": "t"}),
        (APIKeyAuth, "k", {"name": "Authorization", "api_key": "k", "location": "header"}),
        (HttpBasicAuth, ("u", "p"), {"username": "u", "password": "p"}),
        (HttpBasicAuth, ["u", "p"], {"username": "u", "password": "p"}),
        (OAuth2AuthBase, "a", {"access_token": "a"}),
    ],
)
def test_11_2_made_of_one_value(kind, native, fields):
    made = kind()
    made.parse_native_representation(native)
    assert dict(made) == fields


@pytest.mark.parametrize(
    ("kind", "native"),
    [
        (BearerTokenAuth, 5),
        (APIKeyAuth, None),
        (HttpBasicAuth, "up"),
        (HttpBasicAuth, ["u", "p", "x"]),
        (OAuth2AuthBase, {}),
    ],
)
def test_11_2_made_of_a_wrong_value(kind, native):
    with pytest.raises(ConfigError):
        kind().parse_native_representation(native)


@pytest.mark.parametrize(
    "auth",
    [BearerTokenAuth(), APIKeyAuth(), HttpBasicAuth(), OAuth2AuthBase(), OAuth2ClientCredentials(), OAuthJWTAuth()],
    ids=lambda auth: type(auth).__name__,
)
def test_a_secret_that_is_missing_is_not_sent_as_none(auth):
    """An object without fields is no missing one: `if auth` is how requests asks."""
    assert auth
    with pytest.raises((ConfigError, MissingExtra)):
        applied(auth)


def test_a_place_that_is_none():
    with pytest.raises(ConfigError, match="no place for a key"):
        applied(APIKeyAuth("k", "v", "body"))


def test_secrets_are_not_shown():
    for one in (BearerTokenAuth("s3cret"), APIKeyAuth(api_key="s3cret"), HttpBasicAuth("u", "s3cret")):
        assert "s3cret" not in repr(one)


# ---- from the configuration


def test_11_2_secrets_of_the_configuration(monkeypatch, server):
    monkeypatch.setenv("SOURCES__SHOP__AUTH__API_KEY", "from the environment")

    @dlt.source(section="shop")
    def shop(auth: APIKeyAuth = dlt.secrets.value):
        return dlt.resource(RESTClient(server.url, auth=auth).paginate("/echo"), name="r")

    assert next(iter(shop()))["headers"]["Authorization"] == "from the environment"


def test_11_2_classes_of_ones_own(monkeypatch, server):
    @configspec
    class Signed(AuthConfigBase):
        key: dlt.TSecretStrValue = None
        prefix: str = "S"

        def __call__(self, request):
            request.headers["X-Signed"] = f"{self.prefix}:{self.key}"
            return request

    monkeypatch.setenv("SIGNED__KEY", "k")
    auth = resolve_configuration(Signed(), sections=("signed",))
    assert applied(auth)[1] == {"X-Signed": "S:k"}

    @configspec
    class Nothing(AuthConfigBase):
        """No fields."""

    with pytest.raises(NotImplementedError, match="__call__"):
        RESTClient(server.url, auth=Nothing()).get("/echo")


# ---- OAuth: tokens of a client


def client_credentials(server, path="/token", **more):
    return OAuth2ClientCredentials(access_token_url=server.url + path, client_id="i&", client_secret="s", **more)


def asked_for_tokens(server):
    return [dict(parse_qsl(asked.body.decode())) for asked in server.asked if asked.path == "/token"]


def test_11_2_oauth_a_token_serves_a_series(server):
    auth = client_credentials(server, access_token_request_data={"scope": "x"})
    pages = RESTClient(server.url, auth=auth).paginate("/private")

    assert sum(map(len, pages)) == ROWS
    form = {"client_id": "i&", "client_secret": "s", "grant_type": "client_credentials", "scope": "x"}
    assert asked_for_tokens(server) == [form]
    token = next(asked for asked in server.asked if asked.path == "/token")
    assert (token.method, token.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")


def test_11_2_oauth_a_token_is_renewed_before_it_is_over(server, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    auth = client_credentials(server, "/token?expires=3600")
    client = RESTClient(server.url, auth=auth)
    lasts = []
    for seconds in (0, 3000, 569, 2, 3000):
        now[0] += seconds
        assert client.get("/private").status_code == 200
        lasts.append(server.tokens)
    assert lasts == [1, 1, 1, 2, 2]


def test_11_2_oauth_many_threads_share_a_token(server):
    auth = client_credentials(server)
    client, found = RESTClient(server.url, auth=auth), []
    threads = [threading.Thread(target=lambda: found.append(client.get("/private").status_code)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [200] * 8
    assert server.tokens == 1


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        ({"token": "x"}, RestClientError, "no access_token"),
        ({"access_token": None}, RestClientError, "no access_token"),
        ([1], RestClientError, "no JSON object"),
        (Answer({}, 401), HTTPError, "401 Client Error"),
    ],
)
def test_11_2_oauth_no_token_is_an_error(server, answer, error, said):
    server.routes["none"] = lambda *_: answer
    with pytest.raises(error, match=said):
        applied(client_credentials(server, "/none"))


def test_11_2_oauth_of_other_servers(server):
    """Requests, tokens and lives that are different are methods to override."""

    @configspec
    class Zoom(OAuth2ClientCredentials):
        def build_access_token_request(self):
            login = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
            return {"headers": {"Authorization": f"Basic {login}"}, "data": {"grant_type": "account"}}

        def parse_access_token(self, response_json):
            return response_json["data"]["key"]

        def parse_expiration_in_seconds(self, response_json):
            return response_json["data"]["lives"]

    server.routes["zoom"] = lambda *_: {"data": {"key": "zz", "lives": 0}}
    auth = Zoom(access_token_url=f"{server.url}/zoom", client_id="i", client_secret="s")
    assert [applied(auth)[1] for _ in range(2)] == [{"Authorization": "Bearer zz"}] * 2
    assert [asked.body for asked in server.asked] == [b"grant_type=account"] * 2  # over at once
    assert server.asked[0].headers["Authorization"] == "Basic aTpz"


def test_11_2_oauth_default_life_and_session(server):
    from dlt.sources.helpers.requests import Client

    server.routes["short"] = lambda *_: {"access_token": "t"}
    session = Client(session_attrs={"headers": {"X-Mine": "yes"}}).session
    auth = client_credentials(server, "/short", default_token_expiration=0, session=session)
    assert applied(auth) == applied(auth)
    assert [asked.headers["X-Mine"] for asked in server.asked] == ["yes", "yes"]
    assert not auth.is_resolved() or auth.access_token == "t"
    assert copy.deepcopy(client_credentials(server)).client_id == "i&"


def test_11_2_oauth_from_the_configuration(server, monkeypatch):
    monkeypatch.setenv("O__ACCESS_TOKEN_URL", f"{server.url}/token")
    monkeypatch.setenv("O__CLIENT_ID", "me")
    monkeypatch.setenv("O__CLIENT_SECRET", "s")
    monkeypatch.setenv("O__ACCESS_TOKEN_REQUEST_DATA", '{"scope": "all"}')
    auth = resolve_configuration(OAuth2ClientCredentials(), sections=("o",))

    assert applied(auth)[1] == {"Authorization": "Bearer token-1"}
    assert asked_for_tokens(server)[0] == {
        "client_id": "me", "client_secret": "s", "grant_type": "client_credentials", "scope": "all",
    }  # fmt: skip


# ---- OAuth: JWT


def test_11_2_jwt(server):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    key = rsa.generate_private_key(65537, 2048)
    lock = serialization.BestAvailableEncryption(b"open")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock).decode()
    auth = OAuthJWTAuth(
        client_id="me", private_key=pem, auth_endpoint=f"{server.url}/token", scopes=["a", "b"],
        headers={"X": "y"}, private_key_passphrase="open",
    )  # fmt: skip
    assert [applied(auth)[1] for _ in range(2)] == [{"Authorization": "Bearer token-1"}] * 2
    (form,) = asked_for_tokens(server)
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert server.asked[0].headers["X"] == "y"
    head, said, signature = form["assertion"].split(".")
    plain = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (head, said)]
    assert plain[0] == {"alg": "RS256", "typ": "JWT"}
    assert plain[1] == {**plain[1], "iss": "me", "sub": "me", "aud": f"{server.url}/token", "scope": "a b"}
    assert plain[1]["exp"] - plain[1]["iat"] == 3600
    key.public_key().verify(base64.urlsafe_b64decode(signature + "=="), f"{head}.{said}".encode(), PKCS1v15(), SHA256())

    for wrong in ({"private_key_passphrase": "wrong"}, {"private_key": "none"}, {"private_key_passphrase": None}):
        with pytest.raises(ConfigError, match="private key"):
            applied(OAuthJWTAuth(**{**dict(auth), "client_id": "me", **wrong}))


def test_11_2_jwt_needs_a_package(server, monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)
    with pytest.raises(MissingExtra, match=r'pip install "cryptography"'):
        applied(OAuthJWTAuth(client_id="me", private_key="k", auth_endpoint=f"{server.url}/token"))
