"""What an error says of a value that is missing or wrong, where somebody has nearly set it."""

from __future__ import annotations

from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError
from dlt.sources.credentials import ConnectionStringCredentials  # noqa: TC001 - read when the source is made


@dlt.source
def shop(url: str = dlt.config.value, token: str = dlt.secrets.value, pages: int = 5) -> Any:
    return dlt.resource([{"url": url, "token": token, "pages": pages}], name="orders")


@dlt.source
def crm(db: ConnectionStringCredentials = dlt.secrets.value) -> Any:
    return dlt.resource([{"db": str(db)}], name="orders")


def said(source: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        source()
    return str(caught.value)


@pytest.mark.parametrize(
    ("config", "secrets", "line"),
    [
        ('[source.shop]\nurl = "v4lue"', "", "config.toml has source.shop.url: is it misspelt?"),
        ('[sources.shop]\nulr = "v4lue"', "", "config.toml has sources.shop.ulr: is it misspelt?"),
        ("", '[sources.shop]\ntokn = "v4lue"', "secrets.toml has sources.shop.tokn: is it misspelt?"),
    ],
)
def test_a_key_that_is_nearly_right(config: str, secrets: str, line: str, write: Any) -> None:
    write(config=config, secrets=secrets)

    text = said(shop)

    assert f"    {line}" in text.splitlines()
    assert "v4lue" not in text


def test_a_variable_that_is_nearly_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SHOP__TOKNE", "v4lue")

    text = said(shop)

    assert "environment has SOURCES__SHOP__TOKNE: is it misspelt?" in text
    assert "v4lue" not in text


def test_a_key_that_is_used_is_not_taken_for_a_slip(write: Any) -> None:
    write(config='[sources.shop]\nurl = "x"\npages = 3')

    assert "misspelt" not in said(shop)


def test_a_native_value_that_does_not_fit_says_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__CRM__DB", "s3cr3t")

    text = said(crm)

    assert "key: SOURCES__CRM__DB" in text
    assert "fix: write drivername://" in text
    assert "s3cr3t" not in text
