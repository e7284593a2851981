"""Buckets: what a URL, credentials and arguments make an fsspec file system of."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dlt.config.credentials import (
    AwsCredentials,
    AwsCredentialsWithoutDefaults,
    AzureCredentials,
    AzureCredentialsWithoutDefaults,
    AzureServicePrincipalCredentials,
    Credentials,
    GcpOAuthCredentials,
    GcpServiceAccountCredentials,
    HfCredentials,
    SFTPCredentials,
)
from dlt.config.spec import Configuration, configspec, initialize_credentials, resolve_type
from dlt.errors import ConfigError, MissingExtra, missing
from dlt.sources.filesystem.web import WebFiles

AZURE = ("az", "abfs", "abfss", "adl", "azure")
GOOGLE = ("gs", "gcs")
AMAZON = ("s3", "s3a")
WEB = ("http", "https")
CREDENTIALS: dict[str, Any] = {
    **dict.fromkeys(AMAZON, AwsCredentials),
    **dict.fromkeys(AZURE, AzureCredentials | AzureServicePrincipalCredentials),
    **dict.fromkeys(GOOGLE, GcpServiceAccountCredentials | GcpOAuthCredentials),
    "gdrive": GcpServiceAccountCredentials | GcpOAuthCredentials,
    "sftp": SFTPCredentials,
    "hf": HfCredentials,
}  # scheme -> what is looked up for it
EXTRAS = {
    **dict.fromkeys(AMAZON, ("s3", "s3fs")),
    **dict.fromkeys(AZURE, ("az", "adlfs")),
    **dict.fromkeys(GOOGLE, ("gs", "gcsfs")),
    "sftp": ("sftp", "paramiko"),
}
LISTING = {"use_listings_cache": False}  # what is listed is what is there now


@configspec
class FilesystemConfiguration(Configuration):
    """A bucket: its URL, the credentials that belong to the scheme of the URL, and arguments of fsspec."""

    bucket_url: str
    credentials: Any = None
    read_only: bool = False
    kwargs: dict[str, Any] | None = None
    client_kwargs: dict[str, Any] | None = None
    config_kwargs: dict[str, Any] | None = None

    @property
    def protocol(self) -> str:
        """The scheme of the URL; `file` for a path."""
        return scheme_of(self.bucket_url)

    @property
    def is_local_filesystem(self) -> bool:
        """Whether the URL is that of a folder of this machine."""
        return self.protocol == "file"

    @resolve_type("credentials")
    def resolve_credentials_type(self) -> Any:
        """The class of the credentials for the scheme."""
        return CREDENTIALS.get(self.protocol) or Any | None


def scheme_of(url: str) -> str:
    """The scheme of a URL; `file` for a path, also one that begins with a drive."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    return scheme.lower() if len(scheme) > 1 else "file"


def local_path(url: str) -> str:
    """The absolute path of a path or a `file://` URL."""
    if url.startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise ConfigError(f"{url!r} names a computer, not a folder.", key="bucket_url", hint="file:///path")
        path = unquote(parts.path)
        url = path[1:] if re.match(r"/[A-Za-z]:", path) else path
    return os.path.abspath(os.path.expanduser(url))  # noqa: PTH100, PTH111 - keeps `..` of links as a shell does


def fsspec_filesystem(
    protocol: str,
    credentials: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    client_kwargs: Mapping[str, Any] | None = None,
    config_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Any, str]:
    """The fsspec file system for a scheme such as `s3`, or for a URL, and the path of the URL in it; see `file_system`."""
    is_url = "://" in protocol or "/" in protocol or os.sep in protocol
    url = protocol if is_url else f"{protocol}://"
    return file_system(url, credentials, kwargs, client_kwargs, config_kwargs)


def file_system(
    url: str,
    credentials: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    client_kwargs: Mapping[str, Any] | None = None,
    config_kwargs: Mapping[str, Any] | None = None,
) -> tuple[Any, str]:
    """The fsspec file system for a URL or path, and the path in it.

    credentials: one of the classes of credentials, or a file system, which is taken as it is. Raises MissingExtra when
    the package for the scheme is not installed.
    """
    scheme = scheme_of(url)
    fs = credentials if hasattr(credentials, "_strip_protocol") else None
    if fs is None:
        arguments: dict[str, Any] = {**LISTING, **(kwargs or {}), **arguments_of(scheme, url, credentials)}
        for name, more in (("client_kwargs", client_kwargs), ("config_kwargs", config_kwargs)):
            if more:
                arguments[name] = {**arguments.get(name, {}), **more}
        fs = _made(scheme, arguments)
    path = local_path(url) if scheme == "file" else fs._strip_protocol(url)  # noqa: SLF001 - fsspec's own way
    return fs, str(path)


def _made(scheme: str, arguments: dict[str, Any]) -> Any:
    try:
        import fsspec
    except ImportError as absent:
        raise missing("Reading files", "filesystem", "fsspec") from absent
    if scheme in WEB and find_spec("aiohttp") is None:
        return WebFiles(**{key: value for key, value in arguments.items() if key in ("headers", "timeout")})
    try:
        return fsspec.filesystem("http" if scheme == "https" else scheme, **arguments)
    except ImportError as absent:
        extra, package = EXTRAS.get(scheme, ("", ""))
        if not extra:
            raise MissingExtra(f"Reading {scheme}:// needs a package that is not installed: {absent}") from absent
        raise missing(f"Reading {scheme}://", extra, package) from absent
    except ValueError as unknown:
        raise ConfigError(
            f"There is no file system for {scheme}://: {unknown}",
            key="bucket_url",
            hint="s3, gs, az, sftp, https, file",
        ) from unknown


def arguments_of(scheme: str, url: str, credentials: Any) -> dict[str, Any]:
    """The arguments of the file system that say who asks and where."""
    made: Any = credentials
    if scheme in CREDENTIALS and not isinstance(credentials, Credentials):
        made = initialize_credentials(CREDENTIALS[scheme], credentials) if credentials is not None else None
    if scheme == "sftp":
        parts = urlsplit(url)
        given = {key.removeprefix("sftp_"): value for key, value in dict(made or {}).items() if value is not None}
        login = {"username": parts.username, "password": parts.password, "port": parts.port}
        named = {key: value for key, value in login.items() if value is not None}
        return {"host": parts.hostname or "", **given, **named}
    if isinstance(made, AwsCredentialsWithoutDefaults):
        return made.to_s3fs_credentials()
    if isinstance(made, (AzureCredentialsWithoutDefaults, AzureServicePrincipalCredentials)):
        return {key: value for key, value in made.to_adlfs_credentials().items() if value is not None}
    if isinstance(made, GcpServiceAccountCredentials):
        return {"project": made.project_id, "token": made.default_credentials() or dict(made)}
    if isinstance(made, GcpOAuthCredentials):
        return {"project": made.project_id, "token": made.to_native_credentials()}
    if isinstance(made, HfCredentials):
        return {key.removeprefix("hf_"): value for key, value in dict(made).items() if value is not None}
    return dict(credentials) if isinstance(credentials, Mapping) else {}


def fsspec_from_config(config: FilesystemConfiguration) -> tuple[Any, str]:
    """The file system of a configuration, and the path of its URL."""
    return file_system(config.bucket_url, config.credentials, config.kwargs, config.client_kwargs, config.config_kwargs)


def url_of(fs: Any, path: str, scheme: str) -> str:
    """The URL of a path of a file system that was made for a scheme."""
    if scheme == "file":
        return Path(path).as_uri()
    if "://" in path:
        return path
    return f"{scheme}://{getattr(fs, 'host', '') if scheme == 'sftp' else ''}{path}"


def is_local(fs: Any) -> bool:
    """Whether a file system is that of this machine."""
    kinds = fs.protocol if isinstance(fs.protocol, (tuple, list)) else (fs.protocol,)
    return "file" in kinds
