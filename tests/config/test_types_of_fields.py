"""4.5: fields whose type a method says; 4.3 and 4.6: credentials from values, and in the forms that clients take."""

from __future__ import annotations

import subprocess
import sys
import types
from typing import Any

import pytest

from dlt.config.credentials import (
    AwsCredentials,
    AzureCredentials,
    AzureServicePrincipalCredentials,
    ConnectionStringCredentials,
    GcpServiceAccountCredentials,
)
from dlt.config.spec import Configuration, configspec, initialize_credentials, resolve_configuration, resolve_type
from dlt.errors import ConfigError


@configspec
class Local(Configuration):
    path: str


@configspec
class Bucket(Configuration):
    url: str
    key: str | None = None


@configspec
class Place(Configuration):
    inner: Configuration = None  # type: ignore[assignment]  # required; it stands before the field that decides
    kind: str = "local"

    @resolve_type("inner")
    def type_of_inner(self) -> Any:
        return Bucket if self.kind == "bucket" else Local


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"INNER__PATH": "a"}, Local.from_value({"path": "a"})),
        ({"KIND": "bucket", "INNER__URL": "u"}, Bucket.from_value({"url": "u"})),
        ({"KIND": "bucket", "INNER__URL": "u", "INNER__KEY": "k"}, Bucket.from_value({"url": "u", "key": "k"})),
    ],
)
def test_section_4_5_resolve_type(variables: dict[str, str], expected: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    made = resolve_configuration(Place()).inner

    assert type(made) is type(expected)
    assert dict(made) == dict(expected)


def test_what_is_missing_is_of_the_type_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIND", "bucket")

    with pytest.raises(ConfigError) as raised:
        resolve_configuration(Place())
    assert raised.value.fields == ["inner.url"]


def test_a_method_for_a_field_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="has a method for the type of 'nothing', but no such field"):

        @configspec
        class Wrong(Configuration):
            @resolve_type("nothing")
            def kind(self) -> Any:
                return str


def test_it_has_what_mappings_have() -> None:
    made = Bucket.from_value({"url": "u"})

    assert (made.items(), made.values()) == ([("url", "u"), ("key", None)], ["u", None])
    assert (made.get("url"), made.get("nothing"), made.get("nothing", 1)) == ("u", None, 1)


# ---- from values

POSTGRES = "postgres://u:p@h/db"


@pytest.mark.parametrize(
    ("hint", "value", "url"),
    [
        (ConnectionStringCredentials, POSTGRES, POSTGRES),
        (ConnectionStringCredentials, {"drivername": "a", "host": "h"}, "a://h"),
        (ConnectionStringCredentials, ConnectionStringCredentials(POSTGRES), POSTGRES),
        (GcpServiceAccountCredentials | ConnectionStringCredentials, POSTGRES, POSTGRES),
    ],
)
def test_section_4_3_initialize_credentials(hint: Any, value: Any, url: str) -> None:
    assert initialize_credentials(hint, value).to_native_representation() == url


def test_section_4_3_initialize_credentials_without_a_value() -> None:
    assert initialize_credentials(ConnectionStringCredentials, None).is_partial()


@pytest.mark.parametrize("hint", [ConnectionStringCredentials, str])
def test_what_cannot_be_credentials(hint: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        initialize_credentials(hint, "s3cret")
    assert "s3cret" not in str(raised.value)


# ---- in the forms of clients

KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "s"}
AZURE = {"azure_storage_account_name": "acc"}
FORMS = {
    "a store of its own": (
        AwsCredentials,
        {**KEYS, "endpoint_url": "http://x:1"},
        {**KEYS, "endpoint_url": "http://x:1", "aws_allow_http": "true"},
    ),
    "AWS": (
        AwsCredentials,
        {**KEYS, "aws_session_token": "t", "region_name": "eu"},
        {**KEYS, "aws_session_token": "t", "region": "eu"},
    ),
    "a key of Azure": (
        AzureCredentials,
        {**AZURE, "azure_storage_account_key": "k"},
        {"account_name": "acc", "account_key": "k"},
    ),
    "a token of Azure": (
        AzureCredentials,
        {**AZURE, "azure_storage_sas_token": "t"},
        {"account_name": "acc", "sas_token": "t"},
    ),
    "a principal of Azure": (
        AzureServicePrincipalCredentials,
        {**AZURE, "azure_tenant_id": "t", "azure_client_id": "c", "azure_client_secret": "x"},
        {"account_name": "acc", "tenant_id": "t", "client_id": "c", "client_secret": "x"},
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_section_4_6_object_stores(name: str) -> None:
    kind, fields, expected = FORMS[name]

    assert kind.from_value(fields).to_object_store_rs_credentials() == expected


def test_section_4_6_object_stores_need_a_region() -> None:
    with pytest.raises(ConfigError, match="need the region of AWS"):
        AwsCredentials.from_value(KEYS).to_object_store_rs_credentials()


def test_section_4_6_adlfs() -> None:
    assert AzureCredentials.from_value({**AZURE, "azure_storage_account_key": "k"}).to_adlfs_credentials() == {
        "account_name": "acc",
        "account_key": "k",
        "sas_token": None,
        "account_host": None,
    }


@pytest.mark.parametrize("of_boto3", [False, True])
@pytest.mark.parametrize("way", [AwsCredentials.from_session, AwsCredentials.from_value])
def test_section_4_6_from_session(way: Any, of_boto3: bool) -> None:
    frozen = types.SimpleNamespace(access_key="a", secret_key="s", token="t")
    session = types.SimpleNamespace(
        profile="p",
        get_config_variable=lambda name: {"region": "eu"}[name],
        get_credentials=lambda: types.SimpleNamespace(get_frozen_credentials=lambda: frozen),
    )

    made = way(types.SimpleNamespace(_session=session) if of_boto3 else session)

    assert made.to_session_credentials() == {
        "aws_access_key_id": "a",
        "aws_secret_access_key": "s",
        "aws_session_token": "t",
        "profile_name": "p",
        "region_name": "eu",
    }


def test_section_4_6_credentials_are_an_attribute_of_sources() -> None:
    code = "import dlt; print(dlt.sources.credentials.ConnectionStringCredentials('a://b'))"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "a://b\n"
