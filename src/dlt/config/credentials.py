"""Credentials: classes whose fields are looked up, for databases, buckets and services. None of them needs a package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from dlt.config.coerce import SECRET
from dlt.config.spec import Configuration, configspec
from dlt.errors import ConfigError, NotBuilt

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

    def auth(self, *_args: Any, **_kwargs: Any) -> None:
        """Get a token; not available yet."""
        raise NotBuilt("Getting tokens is not built yet.", hint="give token=")

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


@configspec
class AzureCredentialsWithoutDefaults(Credentials):
    """The key or token of a storage account."""

    azure_storage_account_name: str
    azure_account_host: str | None = None
    azure_storage_account_key: OptionalSecret = None
    azure_storage_sas_token: OptionalSecret = None
    azure_sas_token_permissions: str = "racwdl"  # noqa: S105 - letters for what it allows
    azure_sas_token_expiration_hours: float = 24.0


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

    def to_native_credentials(self) -> Any:
        """An object of the client library; not available yet."""
        raise NotBuilt("Clients of Google Cloud are not built yet.")


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


class GcpOAuthCredentials(Credentials):
    """Not available yet."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        raise NotBuilt("GcpOAuthCredentials is not built yet.", hint="use a service account")

    @classmethod
    def from_value(cls, value: Any) -> Self:  # noqa: ARG003 - see above
        """Not available yet."""
        raise NotBuilt("GcpOAuthCredentials is not built yet.", hint="use a service account")
