"""4.1: the vaults of Airflow, Google and AWS, with objects in the place of their clients."""

from __future__ import annotations

import sys
import threading
import types
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import dlt
from dlt.config import vaults
from dlt.config.lookup import find, use_pipeline
from dlt.config.vaults import Vault
from dlt.errors import ConfigError, MissingExtra, NotBuilt

STORED = {
    "dlt_secrets_toml": 'a = 1\n[b]\nc = "five"',
    "pipe.dlt_secrets_toml": "[pipe.n]\nm = 5",
    "sources": "[sources.y]\nq = 2",
    "sources.x": '{"sources": {"x": {"z": 3}}}',
    "destination.pg": "destination:\n  pg:\n    credentials: u\n",
    "single": "v",
}
OPEN = {"only_secrets": False, "only_fragments": False}
CLOSED = {"only_secrets": True, "only_fragments": True}


def vault(**options: bool) -> tuple[Vault, list[str]]:
    asked: list[str] = []

    def fetch(path: tuple[str, ...]) -> str | None:
        asked.append(".".join(path))
        return STORED.get(asked[-1])

    return Vault("vault", fetch, **options), asked


@pytest.mark.parametrize(
    ("path", "value", "asked"),
    [
        ("sources.x.k", None, ["dlt_secrets_toml", "sources.dlt_secrets_toml", "sources", "sources.x", "sources.x.k"]),
        ("sources.x.z", 3, ["dlt_secrets_toml", "sources.dlt_secrets_toml", "sources", "sources.x"]),
        ("sources.y.q", 2, ["dlt_secrets_toml", "sources.dlt_secrets_toml", "sources", "sources.y"]),
        ("a", 1, ["dlt_secrets_toml"]),
        ("b.c", "five", ["dlt_secrets_toml", "b.dlt_secrets_toml"]),
        ("single", "v", ["dlt_secrets_toml", "single"]),
        ("pipe.n.m", 5, ["dlt_secrets_toml", "pipe.dlt_secrets_toml"]),
        ("destination.pg.credentials", "u", ["dlt_secrets_toml", "destination.dlt_secrets_toml", "destination", "destination.pg"]),
    ],
)  # fmt: skip
def test_section_4_1_fragments(path: str, value: Any, asked: list[str]) -> None:
    made, log = vault(**OPEN)

    assert made.get(tuple(path.split("."))) == value
    assert log == asked
    made.get(tuple(path.split(".")))
    assert log == asked  # each is fetched once


def test_section_4_1_only_fragments_and_only_secrets() -> None:
    made, asked = vault(**CLOSED)

    assert made.get(("single",)) is None
    assert made.for_config.get(("sources", "x", "z")) is None
    assert made.for_config.get(("a",)) == 1
    assert made.get(("sources", "x", "z")) == made.for_config.get(("sources", "x", "z")) == 3
    assert "single" not in asked
    assert made.for_config.name == "vault"
    assert vault(**OPEN)[0].for_config.get(("single",)) == "v"


def test_a_fragment_that_is_none_of_them_is_an_error_that_hides_it() -> None:
    made = Vault("vault", lambda _: "t0ken: [", **CLOSED)

    with pytest.raises(ConfigError, match="neither TOML nor JSON nor YAML") as caught:
        made.get(("a",))
    assert "t0ken" not in str(caught.value)


# ---- Airflow


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Variables of an Airflow that this process runs in."""
    variables: dict[str, str] = {}
    sdk, package = types.ModuleType("airflow.sdk"), types.ModuleType("airflow")
    sdk.Variable = types.SimpleNamespace(get=lambda key, default: variables.get(key, default))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow", package)
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    monkeypatch.setenv("AIRFLOW_HOME", "/opt/airflow")
    return variables


def test_airflow(airflow: dict[str, str], write: Any, caplog: pytest.LogCaptureFixture) -> None:
    airflow["dlt_secrets_toml"] = "[sources.s]\ntoken = 't'"
    airflow["sources.s.single"] = "one"

    assert [one.name for one in dlt.secrets.config_providers][2] == "Airflow Secrets TOML Provider"
    assert (dlt.secrets["sources.s.token"], dlt.config["sources.s.single"]) == ("t", "one")

    write(secrets="[sources.s]\ntoken = 'file'")
    assert dlt.secrets["sources.s.token"] == "file"

    write(config="[providers]\nenable_airflow_secrets = false")
    assert dlt.secrets.get("sources.s.single") is None
    assert not caplog.records


def test_airflow_without_the_variable_warns(airflow: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert dlt.secrets.get("k") is None
    assert dlt.secrets.get("k") is None

    assert [record.getMessage()[:42] for record in caplog.records] == ["Airflow has no variable dlt_secrets_toml: "]
    assert airflow == {}


def test_the_older_airflow(airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    models = types.ModuleType("airflow.models")
    models.Variable = types.SimpleNamespace(get=lambda key, default_var: {"k": "old"}.get(key, default_var))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "airflow.sdk", None)
    monkeypatch.setitem(sys.modules, "airflow.models", models)

    assert dlt.secrets["k"] == "old"
    assert airflow == {}


def test_outside_of_airflow_it_is_not_asked(airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    airflow["k"] = "v"
    monkeypatch.delenv("AIRFLOW_HOME")

    assert dlt.secrets.get("k") is None


def test_variables_of_airflow_cannot_be_listed(airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVIDERS__AIRFLOW_SECRETS__LIST_SECRETS", "true")

    for _ in range(2):
        with pytest.raises(NotBuilt, match="cannot be listed"):
            dlt.secrets.get("k")
    assert airflow == {}


# ---- Google


class Google:
    """A session that is logged in to a project with these secrets."""

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets, self.asked = secrets, []  # type: ignore[var-annotated]

    def get(self, url: str) -> Any:
        self.asked.append(url.removeprefix(f"{vaults.GOOGLE}/projects/p/secrets"))
        name = self.asked[-1].removeprefix("/").partition("/")[0]
        if name.startswith("?"):
            first, *others = sorted(self.secrets)
            names = others if "pageToken=more" in name else [first]
            more = {} if "pageToken" in name else {"nextPageToken": "more"}
            return answer(200, {"secrets": [{"name": f"projects/p/secrets/{one}"} for one in names], **more})
        if name in ("forbidden", "broken"):
            return answer({"forbidden": 403, "broken": 500}[name], {})
        if name not in self.secrets:
            return answer(404, {})
        return answer(200, {"payload": {"data": b64encode(self.secrets[name].encode()).decode()}})


def answer(status: int, body: Any) -> Any:
    return types.SimpleNamespace(status_code=status, json=lambda: body, text=str(body))


def test_google() -> None:
    session = Google({"sources-s": "[sources.s]\ntoken = 't'", "single-k": "v"})
    made = vaults.google_vault(session, "p", vaults.GoogleOptions(only_toml_fragments=False))

    assert made.get(("sources", "s", "token")) == "t"
    assert made.get(("single", "k")) == "v"
    assert made.get(("single", "a.b")) is None
    assert "/single-a_b/versions/latest:access" in session.asked


def test_google_lists_secrets() -> None:
    session = Google({"sources-s": "[sources.s]\ntoken = 't'", "x": "v"})
    made = vaults.google_vault(session, "p", vaults.GoogleOptions(list_secrets=True))

    assert made.get(("sources", "s", "token")) == "t"
    assert made.get(("sources", "other", "token")) is None
    assert session.asked == ["?pageSize=1000", "?pageSize=1000&pageToken=more", "/sources-s/versions/latest:access"]


def test_google_answers_with_errors(caplog: pytest.LogCaptureFixture) -> None:
    made = vaults.google_vault(Google({}), "p", vaults.GoogleOptions(only_toml_fragments=False))

    assert made.get(("forbidden",)) is None
    assert "no access to forbidden" in caplog.text
    with pytest.raises(ConfigError, match="answered 500"):
        made.get(("broken",))


@pytest.mark.parametrize(("name", "package"), [("google", "google.auth.transport.requests"), ("aws", "boto3")])
def test_vaults_without_their_package(name: str, package: str, monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    account = '{"project_id": "p", "private_key": "k", "client_email": "e"}'
    write(
        config=f"[providers]\nenable_{name}_secrets = true",
        secrets=f"[providers.google_secrets]\ncredentials = '{account}'",
    )

    for _ in range(2):
        with pytest.raises(MissingExtra, match="needs the package"):
            find([("k",)])


# ---- AWS


class Aws:
    """A client of Secrets Manager."""

    class exceptions:
        ResourceNotFoundException = type("ResourceNotFoundException", (Exception,), {})

    def __init__(self, secrets: dict[str, str]) -> None:
        self.secrets = secrets

    def get_secret_value(self, SecretId: str) -> dict[str, Any]:
        if SecretId not in self.secrets:
            raise self.exceptions.ResourceNotFoundException
        value = self.secrets[SecretId]
        return {"SecretBinary": value.encode()} if SecretId.endswith("binary") else {"SecretString": value}

    def get_paginator(self, name: str) -> Any:
        assert name == "list_secrets"
        return types.SimpleNamespace(paginate=lambda: [{"SecretList": [{"Name": one} for one in self.secrets]}])


@pytest.mark.parametrize("listed", [False, True])
def test_aws(listed: bool) -> None:
    client = Aws({"mine/sources/s": "[sources.s]\ntoken = 't'", "mine/k": "v", "mine/k/binary": "b", "k": "not ours"})
    options = vaults.AwsOptions(only_toml_fragments=False, secret_name_prefix="mine/", list_secrets=listed)
    made = vaults.aws_vault(client, options)

    assert [made.get(tuple(path.split("."))) for path in ("sources.s.token", "k", "k.binary", "no")] == [
        "t",
        "v",
        "b",
        None,
    ]


def test_threads_wait_for_the_vaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault that takes its time to log in is not left out meanwhile."""
    begun, go_on = threading.Event(), threading.Event()
    client = Aws({"dlt/k": "v"})

    def session(**_: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return types.SimpleNamespace(client=lambda *_, **__: client)

    boto3 = types.ModuleType("boto3")
    boto3.session = types.SimpleNamespace(Session=session)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setenv("PROVIDERS__ENABLE_AWS_SECRETS", "true")
    monkeypatch.setenv("PROVIDERS__AWS_SECRETS__ONLY_TOML_FRAGMENTS", "false")
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(dlt.secrets.get, "k") for _ in range(3)]
        assert begun.wait(10)
        go_on.set()

        assert [one.result(10) for one in waiting] == ["v", "v", "v"]


def test_section_4_1_order(airflow: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    boto3 = types.ModuleType("boto3")
    client = Aws({"dlt/k": "aws", "dlt/j": "aws", "dlt/pp/k": "pipeline"})
    boto3.session = types.SimpleNamespace(  # type: ignore[attr-defined]
        Session=lambda **_: types.SimpleNamespace(client=lambda *_, **__: client)
    )
    monkeypatch.setitem(sys.modules, "boto3", boto3)
    monkeypatch.setenv("PROVIDERS__ENABLE_AWS_SECRETS", "true")
    monkeypatch.setenv("PROVIDERS__AWS_SECRETS__ONLY_TOML_FRAGMENTS", "false")
    airflow |= {"k": "airflow", "dlt_secrets_toml": ""}
    dlt.config.register_provider(lambda: {"k": "own", "j": "own", "i": "own"})

    assert [dlt.secrets[key] for key in ("k", "j", "i")] == ["airflow", "aws", "own"]
    use_pipeline("pp")
    assert find([("k",)], secret=True).value == "pipeline"  # type: ignore[union-attr]
