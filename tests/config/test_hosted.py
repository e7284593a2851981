"""4.1: user data of Colab and secrets of Streamlit take the place of files that are not there."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError

Data = dict[str, Any]


class NotFound(Exception):
    pass


class NoAccess(Exception):
    pass


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> Data:
    data: Data = {}

    def get(name: str) -> str:
        if isinstance(data.get(name, NotFound()), Exception):
            raise data.get(name, NotFound())
        return str(data[name])

    userdata = types.SimpleNamespace(get=get, SecretNotFoundError=NotFound, NotebookAccessError=NoAccess)
    google, found = types.ModuleType("google"), types.ModuleType("google.colab")
    found.userdata = userdata  # type: ignore[attr-defined]  # a stand-in
    google.colab = found  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "google", google)
    monkeypatch.setitem(sys.modules, "google.colab", found)
    return data


@pytest.fixture
def streamlit(monkeypatch: pytest.MonkeyPatch) -> Data:
    data: Data = {}

    def to_dict() -> Data:
        if not data:
            raise FileNotFoundError("No secrets found.")
        return data

    found = types.ModuleType("streamlit")
    found.secrets = types.SimpleNamespace(to_dict=to_dict)  # type: ignore[attr-defined]  # a stand-in
    monkeypatch.setitem(sys.modules, "streamlit", found)
    return data


def test_section_4_1_colab(colab: Data) -> None:
    colab["secrets.toml"] = '[sources.shop]\ntoken = "t"'
    colab["config.toml"] = "[sources.shop]\npages = 7"

    assert dlt.secrets["sources.shop.token"] == "t"
    assert dlt.config["sources.shop.pages"] == 7
    assert "sources.shop.pages" not in dlt.secrets


def test_section_4_1_colab_without_them(colab: Data, caplog: pytest.LogCaptureFixture) -> None:
    colab["secrets.toml"] = NoAccess()

    assert dlt.secrets.get("sources.shop.token") is None
    assert dlt.config.get("sources.shop.pages") is None
    assert "may not read the user data secrets.toml" in caplog.text


def test_what_is_no_toml_is_an_error_that_does_not_show_it(colab: Data) -> None:
    colab["secrets.toml"] = "token = s3cret"

    with pytest.raises(ConfigError, match=r"The user data secrets.toml of Colab is not TOML") as raised:
        dlt.secrets.get("token")
    assert "s3cret" not in str(raised.value)


def test_section_4_1_streamlit(streamlit: Data) -> None:
    assert dlt.secrets.get("sources.shop.token") is None


def test_section_4_1_streamlit_with_secrets(streamlit: Data) -> None:
    streamlit["sources"] = {"shop": {"token": "t"}}

    assert dlt.secrets["sources.shop.token"] == "t"


def test_files_take_their_place(colab: Data, write: Any) -> None:
    colab["secrets.toml"] = "a = 1\nb = 2"
    write(secrets="a = 3")

    assert dlt.secrets["a"] == 3
    assert dlt.secrets.get("b") is None
