"""4.6: credentials of Google, with modules in the place of google-auth and a local server in the place of Google."""

from __future__ import annotations

import json
import sys
import threading
import types
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

import dlt
from dlt.config import google
from dlt.config.credentials import GcpOAuthCredentials, GcpServiceAccountCredentials
from dlt.config.spec import resolve_configuration
from dlt.errors import ConfigError, MissingExtra, RetryableError

ACCOUNT = {"project_id": "p", "private_key": "k", "client_email": "e"}
USER = {"client_id": "c", "client_secret": "s", "project_id": "p"}


class Made:
    """What google-auth would make."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs

    @classmethod
    def from_service_account_info(cls, info: dict[str, Any]) -> Made:
        if info["private_key"] == "broken\n":
            raise ValueError("k3y")
        return cls(info)

    def with_scopes(self, scopes: list[str]) -> Made:
        return Made(*self.args, scopes=scopes)


class DefaultCredentialsError(Exception):
    pass


@pytest.fixture
def auth(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A google-auth that finds no credentials on this machine. Its module `google.auth`."""
    names = """google google.auth google.auth.exceptions google.oauth2 google.oauth2.service_account google.oauth2.credentials
        google.auth.transport google.auth.transport.requests google_auth_oauthlib google_auth_oauthlib.flow"""
    modules = {name: types.ModuleType(name) for name in names.split()}
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
        parent, _, own = name.rpartition(".")
        if parent:
            setattr(modules[parent], own, module)
    one: Any = modules
    one["google.auth.exceptions"].DefaultCredentialsError = DefaultCredentialsError
    one["google.oauth2.service_account"].Credentials = one["google.oauth2.credentials"].Credentials = Made
    one["google.auth.transport.requests"].AuthorizedSession = lambda made: types.SimpleNamespace(
        get=lambda url: answer(url, made)
    )
    one["google.auth"].default = no_credentials
    return modules["google.auth"]


def no_credentials() -> Any:
    raise DefaultCredentialsError


def answer(url: str, made: Made) -> Any:
    assert made.kwargs == {"scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
    found = url.endswith("/projects/p/secrets/dlt_secrets_toml/versions/latest:access")
    body = {"payload": {"data": "ayA9IDUK"}}  # k = 5
    return types.SimpleNamespace(status_code=200 if found else 404, json=lambda: body, text="")


def test_section_4_6_service_account(auth: Any) -> None:
    made = resolve_configuration(GcpServiceAccountCredentials.from_value(ACCOUNT))

    assert made.to_native_credentials().args[0]["client_email"] == "e"
    assert not made.has_default_credentials()
    with pytest.raises(ConfigError, match="private key of e cannot be used: ValueError") as caught:
        GcpServiceAccountCredentials(**{**ACCOUNT, "private_key": "broken\n"}).to_native_credentials()
    assert "k3y" not in str(caught.value)
    assert auth


def test_section_4_6_default_credentials(auth: Any) -> None:
    with pytest.raises(ConfigError, match="private_key"):
        resolve_configuration(GcpServiceAccountCredentials())

    auth.default = lambda: (Made("machine"), "mine")
    made = resolve_configuration(GcpServiceAccountCredentials())

    assert made.has_default_credentials()
    assert (made.project_id, made.to_native_credentials().args, made.is_partial()) == ("mine", ("machine",), False)


def test_the_vault_of_google(auth: Any, write: Any) -> None:
    write(
        config="[providers]\nenable_google_secrets = true",
        secrets=f"[providers.google_secrets]\ncredentials = '{json.dumps(ACCOUNT)}'",
    )

    assert dlt.secrets["k"] == 5
    assert dlt.secrets.get("j") is None
    assert auth


@pytest.mark.parametrize("kind", ["installed", "web"])
def test_section_4_6_client_secrets(kind: str) -> None:
    made = GcpOAuthCredentials.from_value(json.dumps({kind: {**USER, "redirect_uris": []}}))

    assert (made.client_id, made.project_id, made.client_type) == ("c", "p", kind)
    with pytest.raises(ConfigError, match="no JSON of an OAuth client"):
        GcpOAuthCredentials.from_value("c")


def test_section_4_6_of_an_object() -> None:
    given = types.SimpleNamespace(
        client_id="c", client_secret="s", refresh_token="r", token="t", scopes=["a"], quota_project_id="q"
    )

    made = GcpOAuthCredentials.from_value(given)

    assert (made.client_id, made.refresh_token, made.scopes, made.project_id) == ("c", "r", ["a"], "q")


def test_section_4_6_user(auth: Any) -> None:
    made = GcpOAuthCredentials(**USER, refresh_token="r", token="t")

    native = made.to_native_credentials()

    assert native.args == ("t",)
    assert native.kwargs["refresh_token"] == "r"
    assert auth


class Google(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        ok = asked == {
            "client_id": ["c"],
            "client_secret": ["s"],
            "refresh_token": ["good"],
            "grant_type": ["refresh_token"],
        }
        self.send_response(200 if ok else 400)
        self.end_headers()
        self.wfile.write(b'{"access_token": "new"}' if ok else b'{"error": "invalid_grant"}')

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = HTTPServer(("127.0.0.1", 0), Google)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(google, "TOKENS", f"http://127.0.0.1:{made.server_port}/token")
    yield
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.usefixtures("server")
def test_section_4_6_refresh() -> None:
    made = GcpOAuthCredentials(**USER, refresh_token="good")

    made.auth(["a"])

    assert (made.token, made.scopes) == ("new", ["a"])
    with pytest.raises(ConfigError, match=r"400.*invalid_grant"):
        GcpOAuthCredentials(**USER, refresh_token="bad").auth()


def test_google_cannot_be_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google, "TOKENS", "http://127.0.0.1:9/token")

    with pytest.raises(RetryableError, match="gave no token"):
        GcpOAuthCredentials(**USER, refresh_token="good").auth()


def test_section_4_6_login(auth: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    class Flow:
        @classmethod
        def from_client_config(cls, config: Any, scopes: Any) -> Any:
            asked.append((config["installed"]["client_id"], scopes))
            return types.SimpleNamespace(
                run_local_server=lambda port: types.SimpleNamespace(refresh_token="r", token=f"t{port}")
            )

    sys.modules["google_auth_oauthlib.flow"].InstalledAppFlow = Flow  # type: ignore[attr-defined]
    made = GcpOAuthCredentials(**USER)
    with pytest.raises(ConfigError, match="nobody at a terminal"):
        made.auth("a")

    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True))
    made.auth("b")

    assert (made.refresh_token, made.token, asked) == ("r", "t0", [("c", ["a", "b"])])
    assert auth


@pytest.mark.parametrize("made", [GcpServiceAccountCredentials(**ACCOUNT), GcpOAuthCredentials(**USER)])
def test_without_google_auth(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("google", "google.oauth2", "google.oauth2.service_account", "google.oauth2.credentials"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingExtra, match=r"google-auth") as caught:
        made.to_native_credentials()
    assert caught.value.hint == 'pip install "dlt[gcp]"'
