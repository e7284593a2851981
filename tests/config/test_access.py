"""`dlt.config`, `dlt.secrets`: values by key, values set in code, and where values come from."""

from __future__ import annotations

from typing import Any

import pytest

import dlt
from dlt.config.credentials import ConnectionStringCredentials
from dlt.config.inject import with_config
from dlt.config.spec import Configuration, configspec
from dlt.errors import ConfigError


def test_values_by_key(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config='[a]\nn = 1\nt = "12"', secrets='[a]\ns = "x"')
    monkeypatch.setenv("A__E", "[1, 2]")

    assert (dlt.config["a.n"], dlt.config["a.t"], dlt.config["a.e"], dlt.config["a.s"]) == (1, 12, [1, 2], "x")
    assert (dlt.config.get("a.t"), dlt.config.get("a.t", int), dlt.config.get("a.e", list)) == ("12", 12, [1, 2])
    assert dlt.config["a"] == {"n": 1, "t": "12", "s": "x"} or dlt.config["a"] == {"s": "x"}
    assert "a.n" in dlt.config
    assert "a.x" not in dlt.config
    assert dlt.config.get("a.x") is None


def test_secrets_ask_only_where_secrets_may_be(write: Any) -> None:
    write(config="k = 1")

    assert dlt.config["k"] == 1
    assert "k" not in dlt.secrets
    with pytest.raises(ConfigError, match=r"config\.toml has k, but this is a secret"):
        dlt.secrets["k"]


def test_keys_are_taken_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "1")

    assert dlt.config.get("sources.k") is None
    with pytest.raises(KeyError) as caught:
        dlt.config["sources.k"]
    assert "set the variable SOURCES__K" in str(caught.value)


def test_a_wrong_type_is_an_error_that_hides_the_value(write: Any) -> None:
    write(secrets='k = "t0ken"')

    with pytest.raises(ConfigError, match="is str and no int") as caught:
        dlt.secrets.get("k", int)
    assert "t0ken" not in str(caught.value)


def test_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB__CREDS__DRIVERNAME", "pg")
    assert dlt.secrets.get("db.creds", ConnectionStringCredentials).drivername == "pg"

    monkeypatch.setenv("DB__URL", "pg://h/d")
    assert dlt.secrets.get("db.url", ConnectionStringCredentials).host == "h"


def test_values_set_in_code(write: Any, own_folder: Any) -> None:
    write(config="[a]\nk = 1\nj = 1")

    dlt.config["a.k"] = 2
    dlt.secrets["a.s"] = "x"
    assert (dlt.config["a.k"], dlt.config["a.j"], dlt.secrets["a.s"]) == (2, 1, "x")
    assert (own_folder / ".dlt" / "config.toml").read_text() == "[a]\nk = 1\nj = 1"

    with dlt.config.values({"a.k": 3, "b": 4}):
        assert (dlt.config["a.k"], dlt.config["b"]) == (3, 4)
    assert (dlt.config["a.k"], dlt.config.get("b")) == (2, None)
    assert dlt.config.writable_provider.name == "config.toml"


# ---- explain


@dlt.source(name="src", section="sec")
def source(
    org: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5, more: int = dlt.config.value
) -> Any:
    return []


def test_explain_says_where_each_argument_comes_from(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__ORG", "o")
    write(secrets='[sources.src]\ntoken = "t0ken"')

    text = str(dlt.config.explain(source))

    assert [line.split() for line in text.splitlines()] == [
        ["more", "missing", "set", "SOURCES__SRC__MORE"],
        ["org", "'o'", "environment", "SOURCES__ORG"],
        ["pages", "5", "default"],
        ["token", "***", "secrets.toml", "sources.src.token"],
    ]


def test_explain_a_section(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A__K", "e")
    write(config="[a]\nk = 1\nj = 2\n[a.deep]\nx = 3\n[b]\ny = 1", secrets='[a]\ns = "t0ken"')

    rows = {row["name"]: (row["value"], row["provider"]) for row in dlt.config.explain("a")}

    assert rows == {
        "a.k": ("***", "environment"),
        "a.j": ("2", "config.toml"),
        "a.deep.x": ("3", "config.toml"),
        "a.s": ("***", "secrets.toml"),
    }
    assert {"a.k", "b.y"} <= {row["name"] for row in dlt.config.explain()}
    assert str(dlt.config.explain("none")) == "no values"


@configspec
class Spec(Configuration):
    host: str = "h"
    word: dlt.TSecretStrValue | None = None


def test_explain_other_things(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "t0ken")

    @dlt.resource
    def rows(n: int = 1) -> Any:
        yield n

    @with_config(sections="x")
    def function(n: int = 2) -> None: ...

    assert [row["provider"] for row in dlt.config.explain(Spec)] == ["default", "environment"]
    assert "t0ken" not in str(dlt.config.explain(Spec))
    assert dlt.config.explain(rows)[0]["value"] == "1"
    assert dlt.config.explain(function)[0]["value"] == "2"
    with pytest.raises(ConfigError, match="asks for no values"):
        dlt.config.explain(5)
