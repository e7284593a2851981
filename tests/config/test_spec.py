"""configspec classes and credentials: fields, native values, what is shown of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Annotated, Any, ClassVar, Final

import pytest

import dlt
from dlt.config import credentials as known
from dlt.config.credentials import ConnectionStringCredentials, GcpServiceAccountCredentials
from dlt.config.spec import (
    Configuration,
    NotResolved,
    configspec,
    fields_of,
    initialize_credentials,
    resolve_configuration,
    resolve_type,
)
from dlt.errors import ConfigError


@configspec
class Api(Configuration):
    url: str = None  # type: ignore[assignment]  # as users write required fields
    token: dlt.TSecretStrValue = None  # type: ignore[assignment]  # see above
    pages: int = 5
    tags: list[str] = ["a"]  # noqa: RUF012 - each object gets its own
    place: str | None = None
    kind: Final[str] = "api"
    made: Annotated[Any, NotResolved()] = None
    _hidden: int = 0


@configspec
class Outer:
    api: Api
    creds: ConnectionStringCredentials | None = None
    __section__: ClassVar[str] = "outer"


def test_fields() -> None:
    assert list(Api.get_resolvable_fields()) == ["url", "token", "pages", "tags", "place"]
    assert [one.name for one in fields_of(Api) if one.required] == ["url", "token"]
    assert [one.name for one in fields_of(Api) if one.secret] == ["token"]
    assert Api().tags is not Api().tags


def test_it_is_a_mapping_and_hides_secrets() -> None:
    made = Api(url="u", token="t0ken")

    assert dict(made)["token"] == made["token"] == "t0ken"
    assert len(made) == 7
    assert "t0ken" not in repr(made) + str(made)
    assert made.copy() == made
    with pytest.raises(KeyError):
        made["none"]
    with pytest.raises(ConfigError, match="no field 'none'"):
        made.update({"none": 1})


def test_filled_from_providers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTER__API__URL", "u")
    monkeypatch.setenv("OUTER__API__TOKEN", "t")
    monkeypatch.setenv("MY__OUTER__API__PAGES", "7")

    made = resolve_configuration(Outer(), sections=("my",))

    assert (made.api.url, made.api.token, made.api.pages, made.creds) == ("u", "t", 7, None)


def test_what_code_gives_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", "environment")
    monkeypatch.setenv("TOKEN", "environment")

    made = resolve_configuration(Api(), explicit_value={"url": "code"})

    assert (made.url, made.token) == ("code", "environment")


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(ConfigError, match=r"needs 2 values that are not set: url, token \(secret\)") as caught:
        resolve_configuration(Api(), sections=("my",))

    assert caught.value.fields == ["url", "token"]
    assert resolve_configuration(Api(), accept_partial=True).is_partial()


def test_on_partial_can_end_it() -> None:
    @configspec
    class Own(Configuration):
        key: str = None  # type: ignore[assignment]  # as users write required fields

        def on_partial(self) -> None:
            self.key = "of the machine"
            self.resolve()

    assert resolve_configuration(Own()).key == "of the machine"


@pytest.mark.parametrize(
    ("content", "message"),
    [({"__annotations__": {"a": object}}, "object"), ({"a": 5}, "has no type")],
)
def test_fields_that_cannot_be(content: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fields_of(configspec(type("Wrong", (Configuration,), content)))


def test_the_first_of_a_union_that_can_be_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    @configspec
    class Key(Configuration):
        key: str = None  # type: ignore[assignment]  # as users write required fields

    @configspec
    class Login(Configuration):
        user: str = None  # type: ignore[assignment]  # see above
        word: dlt.TSecretStrValue = None  # type: ignore[assignment]  # see above

    @configspec
    class Both(Configuration):
        auth: Login | Key = None  # type: ignore[assignment]  # see above

    globals().update(Key=Key, Login=Login)
    monkeypatch.setenv("AUTH__KEY", "k")
    assert resolve_configuration(Both()).auth == Key(key="k")

    monkeypatch.setenv("AUTH__USER", "u")
    monkeypatch.setenv("AUTH__WORD", "w")
    assert resolve_configuration(Both()).auth == Login(user="u", word="w")


# ---- credentials

URLS = [
    "postgres://u:p@h:5432/db",
    "postgres://h/db",
    "sqlite:///folder/file.db",
    "mssql://u%40x:p%2F%3A@h:1433/db?driver=ODBC+18&x=",
    "postgres://u@[::1]:5432/db",
    "md:///my_db",
]


@pytest.mark.parametrize("url", URLS)
def test_urls_come_back(url: str) -> None:
    made = ConnectionStringCredentials(url)

    assert made.to_native_representation() == url
    assert ConnectionStringCredentials(made.to_url()) == made


def test_fields_of_a_url() -> None:
    made = ConnectionStringCredentials("pg://u%40x:p%3A%20q@H:5/d?a=1", port=6)

    assert dict(made) == {
        "drivername": "pg",
        "database": "d",
        "password": "p: q",
        "username": "u@x",
        "host": "h",
        "port": 6,
        "query": {"a": "1"},
    }


def test_passwords_are_not_shown() -> None:
    made = ConnectionStringCredentials("pg://u:s3cret@h/d?key=s3cret")

    assert ":s3cret" not in repr(made) + str(made) + repr(made.to_url())
    assert str(made) == "pg://u:***@h/d"
    assert made.to_url().render_as_string() == "pg://u:***@h/d?key=s3cret"


@pytest.mark.parametrize("value", ["s3cret", "pg://h:s3cret/db", "", 5, ["s3cret"]])
def test_what_is_no_url_is_refused_and_not_shown(value: Any) -> None:
    with pytest.raises(ConfigError, match="no connection string") as caught:
        ConnectionStringCredentials(value)

    assert "s3cret" not in str(caught.value)


def test_url_and_password_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    @dlt.resource(section="db")
    def rows(creds: ConnectionStringCredentials = dlt.secrets.value) -> Any:
        yield {"url": creds.to_native_representation()}

    monkeypatch.setenv("SOURCES__DB__CREDS", "pg://u@h/d")
    monkeypatch.setenv("SOURCES__DB__CREDS__PASSWORD", " p ")
    assert list(rows()) == [{"url": "pg://u:p@h/d"}]


def test_fields_that_are_no_secret_may_stand_in_config_toml(write: Any) -> None:
    write(config='[creds]\ndrivername = "pg"\nhost = "h"', secrets='[creds]\npassword = "p"')

    assert dlt.secrets.get("creds", ConnectionStringCredentials).password == "p"
    assert dlt.secrets.get("none", ConnectionStringCredentials) is None

    @configspec
    class Db(Configuration):
        creds: ConnectionStringCredentials = None  # type: ignore[assignment]  # as users write required fields

    made = resolve_configuration(Db()).creds
    assert (made.drivername, made.host, made.password) == ("pg", "h", "p")


def test_service_account_of_a_file() -> None:
    text = '{"project_id": "p", "private_key": "a\\\\nb", "client_email": "e", "client_id": "not ours"}'

    made = GcpServiceAccountCredentials.from_value(text)
    made.on_resolved()

    assert (made.project_id, made.private_key, made.type) == ("p", "a\nb\n", "service_account")


CLASSES = [one for one in vars(known).values() if isinstance(one, type) and getattr(one, "__credentials__", False)]


@pytest.mark.parametrize("kind", CLASSES)
def test_credentials_are_secret(kind: Any) -> None:
    made = kind.from_value({})

    assert len(made) == len(dict(made))
    assert [one for one in fields_of(kind) if "secret" in one.name and not one.secret] == []


def test_aws_and_oauth() -> None:
    made = known.AwsCredentials(aws_access_key_id="k", aws_secret_access_key="s", region_name="r")
    assert made.to_s3fs_credentials() == {"key": "k", "secret": "s", "client_kwargs": {"region_name": "r"}}
    assert made.to_session_credentials()["region_name"] == "r"
    assert (made.has_default_credentials(), known.AwsCredentials().has_default_credentials()) == (False, True)
    assert known.AzureCredentials(azure_storage_account_name="a").has_default_credentials()

    client = known.OAuth2Credentials(client_id="c", client_secret="s", scopes=["a"])
    client.add_scopes(["a", "b"])
    assert client.scopes == ["a", "b"]
    with pytest.raises(NotImplementedError, match="give token="):
        client.auth()


# ---- types that depend on other fields


@configspec
class KeyOf(known.Credentials):
    key: str = None  # type: ignore[assignment]  # required


@configspec
class TokenOf(known.Credentials):
    token: str = None  # type: ignore[assignment]  # required


@configspec
class Place(Configuration):
    credentials: known.Credentials = None  # type: ignore[assignment]  # required
    url: str = None  # type: ignore[assignment]  # required

    @resolve_type("credentials")
    def type_of_credentials(self) -> Any:
        return KeyOf if self.url.startswith("s3:") else TokenOf | None


def test_section_4_5_resolve_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("URL", "s3://bucket")
    monkeypatch.setenv("CREDENTIALS__KEY", "k")
    assert resolve_configuration(Place()).credentials == KeyOf(key="k")

    monkeypatch.setenv("URL", "https://host")
    assert resolve_configuration(Place()).credentials is None

    monkeypatch.setenv("CREDENTIALS__TOKEN", "t")
    assert resolve_configuration(Place()).credentials == TokenOf(token="t")

    monkeypatch.delenv("URL")
    with pytest.raises(ConfigError, match="url"):
        resolve_configuration(Place())


def test_section_4_5_resolve_type_of_no_field() -> None:
    with pytest.raises(ConfigError, match="Bad has a method for the type of 'other', but no such field"):

        @configspec
        class Bad(Configuration):
            a: str = "x"

            @resolve_type("other")
            def of(self) -> Any:
                return str


def test_section_4_3_initialize_credentials() -> None:
    made = initialize_credentials(known.ConnectionStringCredentials, "pg://u:p@h/d")

    assert (made.username, made.host) == ("u", "h")
    assert initialize_credentials(known.ConnectionStringCredentials, made) is made
    assert initialize_credentials(KeyOf | TokenOf, {"token": "t"}) == TokenOf(token="t")
    with pytest.raises(ConfigError, match="no field 'x'"):
        initialize_credentials(KeyOf | TokenOf, {"x": "t"})
    with pytest.raises(ConfigError, match="no class of credentials"):
        initialize_credentials(str, "x")


def test_section_4_6_aws() -> None:
    keys = SimpleNamespace(access_key="k", secret_key="s", token=None)
    session = SimpleNamespace(
        get_credentials=lambda: SimpleNamespace(get_frozen_credentials=lambda: keys),
        get_config_variable=lambda _: "r",
        profile="p",
    )

    made = known.AwsCredentials.from_session(session)

    assert (made.aws_access_key_id, made.profile_name) == ("k", "p")
    assert made.to_object_store_rs_credentials() == {
        "aws_access_key_id": "k",
        "aws_secret_access_key": "s",
        "region": "r",
    }
    made.endpoint_url = "http://x"
    assert made.to_object_store_rs_credentials()["aws_allow_http"] == "true"
