"""Credentials: classes whose fields are looked up, for databases, buckets and services. None of them needs a package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from dlt.config.coerce import SECRET
from dlt.config.spec import Configuration, configspec
from dlt.errors import ConfigError

Secret = Annotated[str, SECRET]
OptionalSecret = Annotated[str, SECRET] | None


@configspec
class Credentials(Configuration):
    """What is needed to get in somewhere. Looked up in providers that may hold secrets."""

    __credentials__: ClassVar[bool] = True


class ConnectionString(str):
    """The URL of a database; shown without its password."""

    __slots__ = ()

    def render_as_string(self, hide_password: bool = True) -> str:
        """The text; with `hide_password` three stars stand for the password."""
        return _hidden(str.__str__(self)) if hide_password else str.__str__(self)

    def __repr__(self) -> str:
        return repr(_hidden(str.__str__(self)))


@configspec(init=False)
class ConnectionStringCredentials(Credentials):
    """A database: `drivername://username:password@host:port/database?query`."""

    drivername: str
    database: str | None = None
    password: OptionalSecret = None
    username: str | None = None
    host: str | None = None
    port: int | None = None
    query: dict[str, Any] | None = None

    def __init__(self, connection_string: str | Mapping[str, Any] | None = None, **fields: Any) -> None:
        made = type(self).from_value({})
        vars(self).update(vars(made))
        if isinstance(connection_string, Mapping):
            self.update(connection_string)
        elif connection_string is not None:
            self.parse_native_representation(connection_string)
        self.update(fields)

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the fields of a URL. Raises ConfigError, which does not show it, when it is none."""
        text = getattr(native_value, "render_as_string", lambda **_: native_value)(hide_password=False)
        if isinstance(text, str) and text.lstrip().startswith("{"):
            super().parse_native_representation(text)
            return
        try:
            parts = urlsplit(text if isinstance(text, str) else "")
            port = parts.port
        except ValueError as wrong:
            raise _no_url(type(self).__name__) from wrong
        if not parts.scheme or "://" not in text:
            raise _no_url(type(self).__name__)
        self.drivername = parts.scheme
        self.username = unquote(parts.username) if parts.username else None
        self.password = unquote(parts.password) if parts.password else None
        self.host, self.port = parts.hostname, port if port is not None else type(self).from_value({}).port
        self.database = unquote(parts.path[1:]) or None
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True)) or None

    def on_resolved(self) -> None:
        """A password has no blanks at its ends."""
        if self.password:
            self.password = self.password.strip()

    def to_url(self) -> ConnectionString:
        """The URL, with the password."""
        login = quote(self.username, safe="") if self.username else ""
        if self.password:
            login += ":" + quote(self.password, safe="")
        host = f"[{self.host}]" if self.host and ":" in self.host else self.host or ""
        place = f"{login}@{host}" if login else host
        if self.port is not None:
            place += f":{self.port}"
        query = "&".join(
            f"{quote_plus(str(key))}={quote_plus(str(value))}" for key, value in (self.query or {}).items()
        )
        path = "/" + quote(self.database, safe="/:\\~.-_") if self.database else ""
        return ConnectionString(f"{self.drivername}://{place}{path}" + ("?" + query if query else ""))

    def to_native_representation(self) -> str:
        """The URL, with the password."""
        return str(self.to_url().render_as_string(hide_password=False))

    def __str__(self) -> str:
        """The URL without password and query."""
        return _hidden(self.to_native_representation()).partition("?")[0]


def _hidden(url: str) -> str:
    head, mark, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    name, colon, _ = login.partition(":")
    return f"{head}{mark}{name}{':***' if colon else ''}{at}{place}"


def _no_url(kind: str) -> ConfigError:
    return ConfigError(
        f"The value is no connection string for {kind}.", hint="write drivername://username:password@host:port/database"
    )


@configspec
class OAuth2Credentials(Credentials):
    """A client of an OAuth 2.0 service."""

    client_id: str
    client_secret: Secret
    refresh_token: OptionalSecret = None
    scopes: list[str] | None = None
    token: OptionalSecret = None

    def auth(self, scopes: str | list[str] | None = None, redirect_url: str | None = None) -> None:
        """Get a token. Here nothing is known of the service: classes of services do it."""
        del scopes, redirect_url
        raise NotImplementedError(f"{type(self).__name__} does not know how its service hands out tokens: give token=")

    def add_scopes(self, scopes: str | list[str]) -> None:
        """Ask for more scopes."""
        more = [scopes] if isinstance(scopes, str) else scopes
        self.scopes = list(dict.fromkeys([*(self.scopes or []), *more]))


@configspec
class AwsCredentialsWithoutDefaults(Credentials):
    """Keys of AWS, or of another store with the same interface (`endpoint_url`)."""

    aws_access_key_id: str | None = None
    aws_secret_access_key: OptionalSecret = None
    aws_session_token: OptionalSecret = None
    profile_name: str | None = None
    region_name: str | None = None
    endpoint_url: str | None = None
    s3_url_style: str | None = None

    def to_s3fs_credentials(self) -> dict[str, Any]:
        """The arguments of an s3fs file system."""
        found = {
            "key": self.aws_access_key_id,
            "secret": self.aws_secret_access_key,
            "token": self.aws_session_token,
            "profile": self.profile_name,
            "endpoint_url": self.endpoint_url,
        }
        if self.region_name:
            found["client_kwargs"] = {"region_name": self.region_name}  # type: ignore[assignment]  # one nested value
        return {key: value for key, value in found.items() if value is not None}

    def to_object_store_rs_credentials(self) -> dict[str, str]:
        """The options of object stores in Rust, as deltalake takes them. ConfigError without a region for AWS itself."""
        if self.endpoint_url is None and self.region_name is None:
            raise ConfigError("Stores in Rust need the region of AWS.", key="region_name", hint="set region_name")
        found = {
            "aws_access_key_id": self.aws_access_key_id,
            "aws_secret_access_key": self.aws_secret_access_key,
            "aws_session_token": self.aws_session_token,
            "region": self.region_name,
            "endpoint_url": self.endpoint_url,
            "aws_allow_http": "true" if (self.endpoint_url or "").startswith("http://") else None,
        }
        return {key: value for key, value in found.items() if value is not None}

    def to_session_credentials(self) -> dict[str, Any]:
        """The arguments of a boto session."""
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "profile_name", "region_name")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@configspec
class AwsCredentials(AwsCredentialsWithoutDefaults):
    """The same; without keys those that the machine or the profile has are used."""

    aws_sts_token_expiration_hours: float = 24.0

    def has_default_credentials(self) -> bool:
        """True when there are no keys: the client looks for them itself."""
        return self.aws_access_key_id is None

    @classmethod
    def from_session(cls, botocore_session: Any) -> Self:
        """The keys, the profile and the region of a session of botocore or boto3, as they are now."""
        session = getattr(botocore_session, "_session", botocore_session)  # boto3's has one of botocore
        made = cls.from_value({"profile_name": session.profile, "region_name": session.get_config_variable("region")})
        if (found := session.get_credentials()) is not None:
            keys = found.get_frozen_credentials()
            made.aws_access_key_id, made.aws_secret_access_key = keys.access_key, keys.secret_key
            made.aws_session_token = keys.token
        return made

    def parse_native_representation(self, native_value: Any) -> None:
        """Take what a session of botocore or boto3 has."""
        if hasattr(getattr(native_value, "_session", native_value), "get_credentials"):
            self.update(dict(type(self).from_session(native_value)))
            return
        super().parse_native_representation(native_value)


@configspec
class AzureCredentialsWithoutDefaults(Credentials):
    """The key or token of a storage account."""

    azure_storage_account_name: str
    azure_account_host: str | None = None
    azure_storage_account_key: OptionalSecret = None
    azure_storage_sas_token: OptionalSecret = None
    azure_sas_token_permissions: str = "racwdl"  # noqa: S105 - letters for what it allows
    azure_sas_token_expiration_hours: float = 24.0

    def to_adlfs_credentials(self) -> dict[str, Any]:
        """The arguments of an adlfs file system."""
        return {
            "account_name": self.azure_storage_account_name,
            "account_key": self.azure_storage_account_key,
            "sas_token": self.azure_storage_sas_token,
            "account_host": self.azure_account_host,
        }

    def to_object_store_rs_credentials(self) -> dict[str, str]:
        """The options of object stores in Rust, as deltalake takes them."""
        found = self.to_adlfs_credentials()
        return {key: found[key] for key in ("account_name", "account_key", "sas_token") if found[key] is not None}


@configspec
class AzureCredentials(AzureCredentialsWithoutDefaults):
    """The same; without key and token those that the machine has are used."""

    def has_default_credentials(self) -> bool:
        """True when there is neither key nor token."""
        return self.azure_storage_account_key is None and self.azure_storage_sas_token is None


@configspec
class AzureServicePrincipalCredentials(Credentials):
    """A service principal that may use a storage account."""

    azure_storage_account_name: str
    azure_tenant_id: str
    azure_client_id: str
    azure_client_secret: Secret
    azure_account_host: str | None = None

    def to_adlfs_credentials(self) -> dict[str, Any]:
        """The arguments of an adlfs file system."""
        return {**self.to_object_store_rs_credentials(), "account_host": self.azure_account_host}

    def to_object_store_rs_credentials(self) -> dict[str, str]:
        """The options of object stores in Rust, as deltalake takes them."""
        return {
            "account_name": self.azure_storage_account_name,
            "tenant_id": self.azure_tenant_id,
            "client_id": self.azure_client_id,
            "client_secret": self.azure_client_secret,
        }


@configspec
class GcpServiceAccountCredentials(Credentials):
    """The key of a service account of Google Cloud: fields, or the text of its JSON file."""

    project_id: str
    private_key: Secret
    client_email: str
    private_key_id: str | None = None
    type: str = "service_account"
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
    auth_uri: str = "https://accounts.google.com/o/oauth2/auth"

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the fields of a service account file, whose other fields are not needed."""
        from dlt.config.coerce import UnfitError, coerced

        try:
            given = coerced(native_value, dict)
        except UnfitError:
            raise ConfigError("The value is no JSON of a service account.", hint="give the text of its file") from None
        self.update({key: value for key, value in given.items() if key in self.keys()})

    def on_resolved(self) -> None:
        """A private key ends with a line break; in variables these are often written as \\n."""
        if self.private_key:
            self.private_key = self.private_key.replace("\\n", "\n")
            self.private_key += "" if self.private_key.endswith("\n") else "\n"

    def on_partial(self) -> None:
        """Without a key those of this machine are used, if it has any: `has_default_credentials` is true then."""
        from dlt.config.google import default_credentials

        if self.private_key is None and self.client_email is None and (found := default_credentials()) is not None:
            vars(self)["_default"], project = found
            self.project_id = self.project_id or project
            vars(self)["__resolved__"] = True

    def has_default_credentials(self) -> bool:
        """True when there is no key and this machine has credentials: of the environment, of gcloud or of its service."""
        return "_default" in vars(self)

    def default_credentials(self) -> Any:
        """The credentials of this machine, an object of google-auth; None when the key is used."""
        return vars(self).get("_default")

    def to_native_credentials(self) -> Any:
        """An object of google-auth, as clients of Google Cloud take it."""
        from dlt.config.google import service_account

        return self.default_credentials() or service_account(dict(self))


@configspec
class SFTPCredentials(Credentials):
    """A server that files are on; all is optional, as keys may be in ~/.ssh."""

    sftp_port: int | None = 22
    sftp_username: str | None = None
    sftp_password: OptionalSecret = None
    sftp_key_filename: str | None = None
    sftp_key_passphrase: OptionalSecret = None
    sftp_timeout: float | None = None
    sftp_banner_timeout: float | None = None
    sftp_auth_timeout: float | None = None
    sftp_channel_timeout: float | None = None
    sftp_allow_agent: bool = True
    sftp_look_for_keys: bool = True
    sftp_compress: bool = False
    sftp_gss_auth: bool = False
    sftp_gss_kex: bool = False
    sftp_gss_deleg_creds: bool = True
    sftp_gss_host: str | None = None
    sftp_gss_trust_dns: bool = True


@configspec
class HfCredentials(Credentials):
    """Hugging Face."""

    hf_token: OptionalSecret = None
    hf_endpoint: str | None = None


@configspec
class GcpOAuthCredentials(OAuth2Credentials):
    """A user of Google Cloud: fields, or the text of the JSON file of an OAuth client."""

    project_id: str = None  # type: ignore[assignment]  # required: what comes before it has defaults
    client_type: str = "installed"

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the fields of a file of client secrets, or those of an object of google-auth."""
        from dlt.config.coerce import UnfitError, coerced

        if hasattr(native_value, "refresh_token") and hasattr(native_value, "client_id"):
            for name in ("client_id", "client_secret", "refresh_token", "token"):
                setattr(self, name, getattr(native_value, name, None))
            self.project_id = getattr(native_value, "quota_project_id", None) or self.project_id
            self.scopes = list(native_value.scopes or []) or None
            return
        try:
            given = coerced(native_value, dict)
        except UnfitError:
            raise ConfigError("The value is no JSON of an OAuth client.", hint="give the text of its file") from None
        kind = next((kind for kind in ("installed", "web") if isinstance(given.get(kind), Mapping)), None)
        if kind is not None:
            given = {**given[kind], "client_type": kind}
        self.update({key: value for key, value in given.items() if key in self.keys()})

    def auth(self, scopes: str | list[str] | None = None, redirect_url: str | None = None) -> None:
        """Get a token: with the refresh token, else from the user, in a browser on this machine."""
        from dlt.config.google import ask_user, refreshed

        if scopes:
            self.add_scopes(scopes)
        if self.refresh_token is None:
            self.refresh_token, self.token = ask_user(dict(self), redirect_url)
        else:
            self.token = refreshed(dict(self))

    def to_native_credentials(self) -> Any:
        """An object of google-auth, as clients of Google take it."""
        from dlt.config.google import of_user

        return of_user(dict(self))
