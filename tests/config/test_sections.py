"""Tables of section 4 that are not tested with the code they are about: fields of credentials, folders, errors, priorities."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.config import credentials as known
from dlt.config import settings
from dlt.config.settings import data_dir, local_dir
from dlt.config.spec import Configuration, configspec, fields_of, resolve_configuration
from dlt.errors import ConfigError, FatalError

REQUIRED = object()
FIELDS: dict[str, dict[str, Any]] = {
    "ConnectionStringCredentials": {
        "drivername": REQUIRED,
        **dict.fromkeys(["database", "password", "username", "host", "port", "query"]),
    },
    "OAuth2Credentials": {
        "client_id": REQUIRED,
        "client_secret": REQUIRED,
        **dict.fromkeys(["refresh_token", "scopes", "token"]),
    },
    "AwsCredentialsWithoutDefaults": {
        **dict.fromkeys(["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "profile_name"]),
        **dict.fromkeys(["region_name", "endpoint_url", "s3_url_style"]),
    },
    "AwsCredentials": {"aws_sts_token_expiration_hours": 24.0},
    "AzureCredentials": {
        "azure_storage_account_name": REQUIRED,
        **dict.fromkeys(["azure_account_host", "azure_storage_account_key", "azure_storage_sas_token"]),
        "azure_sas_token_permissions": "racwdl",
        "azure_sas_token_expiration_hours": 24.0,
    },
    "AzureServicePrincipalCredentials": dict.fromkeys(
        ["azure_storage_account_name", "azure_tenant_id", "azure_client_id", "azure_client_secret"], REQUIRED
    ),
    "GcpServiceAccountCredentials": {
        "project_id": REQUIRED,
        "private_key": REQUIRED,
        "client_email": REQUIRED,
        "private_key_id": None,
        "type": "service_account",
        "token_uri": "https://oauth2.googleapis.com/token",
    },
    "GcpOAuthCredentials": {
        "client_id": REQUIRED,
        "client_secret": REQUIRED,
        "project_id": REQUIRED,
        "refresh_token": None,
        "client_type": "installed",
    },
    "SFTPCredentials": {
        "sftp_port": 22,
        **dict.fromkeys(["sftp_username", "sftp_password", "sftp_key_filename", "sftp_key_passphrase", "sftp_timeout"]),
        **dict.fromkeys(["sftp_banner_timeout", "sftp_auth_timeout", "sftp_channel_timeout"]),
        "sftp_allow_agent": True,
        "sftp_look_for_keys": True,
        "sftp_compress": False,
    },
    "HfCredentials": dict.fromkeys(["hf_token", "hf_endpoint"]),
}  # fmt: skip
SECRETS = {"password", "client_secret", "refresh_token", "token", "aws_secret_access_key", "aws_session_token"} | {
    "azure_storage_account_key", "azure_storage_sas_token", "azure_client_secret", "private_key", "sftp_password"
} | {"sftp_key_passphrase", "hf_token"}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_section_4_6_fields(name: str) -> None:
    fields = {one.name: one for one in fields_of(getattr(known, name))}

    for field, default in FIELDS[name].items():
        assert (fields[field].default, fields[field].required) == (
            (None, True) if default is REQUIRED else (default, False)
        )
        assert fields[field].secret == (field in SECRETS), field


# ---- 4.8: folders

HOME = "the home"
FOLDERS: dict[str, tuple[dict[str, str], bool, bool, str]] = {  # variables, root, home can be written -> folder
    "a variable": ({"DLT_DATA_DIR": "/given"}, False, True, "/given"),
    "a variable, root": ({"DLT_DATA_DIR": "/given"}, True, True, "/given"),
    "root": ({}, True, True, "/var/dlt"),
    "home": ({}, False, True, f"{HOME}/.dlt"),
    "xdg": ({"XDG_DATA_HOME": "/xdg"}, False, True, "/xdg/dlt"),
    "home cannot be written": ({}, False, False, "/tmp/dlt"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_section_4_8_folders(name: str, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, root, writable, expected = FOLDERS[name]
    home = own_folder / HOME
    home.mkdir()
    for key in ("DLT_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(key, raising=False)
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(settings.os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(settings.os, "access", lambda *_: writable)
    monkeypatch.setattr(settings.tempfile, "gettempdir", lambda: "/tmp")
    monkeypatch.setattr(Path, "home", lambda: home)

    assert data_dir() == Path(expected.replace(HOME, str(home)))


def test_section_4_8_a_home_with_dlt_goes_before_xdg(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_folder / ".dlt").mkdir()
    monkeypatch.delenv("DLT_DATA_DIR")
    monkeypatch.setenv("XDG_DATA_HOME", "/xdg")
    monkeypatch.setattr(settings.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(Path, "home", lambda: own_folder)

    assert data_dir() == own_folder / ".dlt"


def test_section_4_8_local_and_project(own_folder: Path, write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_dir() == Path.cwd()
    monkeypatch.setenv("DLT_LOCAL_DIR", "/local")
    assert local_dir() == Path("/local")

    write(own_folder / "project" / "settings", config="k = 5")
    monkeypatch.setenv("DLT_PROJECT_DIR", str(own_folder / "project"))
    monkeypatch.setenv("DLT_CONFIG_FOLDER", "settings")
    assert dlt.config["k"] == 5


# ---- 4.7: errors


@configspec
class Inner(known.Credentials):
    host: str = None  # type: ignore[assignment]  # required
    word: dlt.TSecretStrValue = None  # type: ignore[assignment]  # see above


@configspec
class Outer(Configuration):
    url: str = None  # type: ignore[assignment]  # required
    inner: Inner = None  # type: ignore[assignment]  # see above
    given: int = None  # type: ignore[assignment]  # see above


def test_section_4_7_all_that_is_missing(write: Any) -> None:
    write(config="[a]\ngiven = 5")

    with pytest.raises(KeyError) as caught:
        resolve_configuration(Outer(), sections=("a",))

    error: Any = caught.value
    assert isinstance(error, ConfigError)
    assert isinstance(error, FatalError)
    assert error.fields == ["url", "inner.host", "inner.word"]
    assert error.traces["url"] == [
        ("environment", "A__URL"),
        ("environment", "URL"),
        ("secrets.toml", "a.url"),
        ("secrets.toml", "url"),
        ("config.toml", "a.url"),
        ("config.toml", "url"),
    ]
    text = str(error)
    assert text.splitlines()[0] == "Outer needs 3 values that are not set: url, inner.host, inner.word (secret)."
    assert "set the variable A__INNER__WORD" in text
    assert "secrets.toml (not there)" in text
    assert len(text.splitlines()) < 20


# ---- 4.1: who goes before whom

PRIORITIES = ["environment", "secrets.toml", "config.toml", "own"]


@pytest.mark.parametrize("prefixed", PRIORITIES)
@pytest.mark.parametrize("plain", PRIORITIES)
def test_section_4_1_a_key_of_the_pipeline_goes_before_all_others(
    prefixed: str, plain: str, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever has it: all providers are tried with the name of the pipeline before any is without."""
    contents = {name: [] for name in PRIORITIES}  # type: ignore[var-annotated]
    contents[plain].append("plain")
    contents[prefixed].append("prefixed")
    toml = {"plain": 'k = "plain"\n', "prefixed": '[pp]\nk = "prefixed"\n'}
    write(
        **{
            kind: "".join(toml[one] for one in ("plain", "prefixed") if one in contents[f"{kind}.toml"])
            for kind in ("secrets", "config")
        }
    )
    for one in contents["environment"]:
        monkeypatch.setenv("PP__K" if one == "prefixed" else "K", one)
    own = {"k": "plain"} if "plain" in contents["own"] else {}
    dlt.config.register_provider(lambda: own | ({"pp": {"k": "prefixed"}} if "prefixed" in contents["own"] else {}))

    @dlt.resource
    def rows(k: str = dlt.config.value) -> Any:
        yield k

    dlt.pipeline("pp")
    assert list(rows()) == ["prefixed"]
    dlt.pipeline("other")
    assert list(rows()) == ["plain"]


def test_variables_are_not_changed_by_a_look_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "1")
    before = dict(os.environ)

    assert dlt.secrets["k"] == 1
    assert dict(os.environ) == before
