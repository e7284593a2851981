"""Vaults: secrets of Airflow, Google Secret Manager and AWS Secrets Manager, as fragments of TOML or as single values."""

from __future__ import annotations

import json
import logging
import re
import tomllib
from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote

from dlt.config.coerce import SECRET
from dlt.config.credentials import AwsCredentials, GcpServiceAccountCredentials  # noqa: TC001 - types of fields are looked up
from dlt.config.lookup import for_pipeline
from dlt.config.providers import Key, in_airflow, inside, merge
from dlt.config.spec import Configuration, configspec, resolve_configuration
from dlt.errors import ConfigError, NotBuilt, missing

FRAGMENT = "dlt_secrets_toml"
SECTIONS = ("sources", "destination")
GOOGLE = "https://secretmanager.googleapis.com/v1"
logger = logging.getLogger("dlt")


class Vault:
    """A provider that fetches texts by their path. Texts at `dlt_secrets_toml`, `<pipeline>.dlt_secrets_toml`, `sources`,
    `sources.<x>`, `destination` and `destination.<x>` are TOML, YAML or JSON with the whole path of each value."""

    secret = True

    def __init__(
        self,
        name: str,
        fetch: Callable[[Key], str | None],
        *,
        only_secrets: bool,
        only_fragments: bool,
        names: Callable[[], set[str]] | None = None,
        spelled: Callable[[Key], str] = ".".join,
    ) -> None:
        self.name, self.spelled = name, spelled
        self._fetch, self._names = fetch, names
        self._only_secrets, self._only_fragments = only_secrets, only_fragments
        self._texts: dict[Key, str | None] = {}
        self._known: set[str] | None = None
        self._document: dict[str, Any] = {}

    @property
    def for_config(self) -> Vault | Plain:
        """What is asked for values that are no secrets."""
        return Plain(self) if self._only_secrets else self

    def get(self, path: Key) -> Any:
        """The value at a path, from a fragment or on its own."""
        for fragment in _fragments(path):
            self._take(fragment)
        return self.known(path, single=not self._only_fragments)

    def known(self, path: Key, *, single: bool = False) -> Any:
        """The value at a path in the fragments that were fetched."""
        self._take((FRAGMENT,))
        found = inside(self._document, path)
        return self._text(path) if found is None and single else found

    def _take(self, fragment: Key) -> None:
        if fragment not in self._texts and (text := self._text(fragment)) is not None:
            merge(self._document, _parsed(text, f"{self.name}: {self.spelled(fragment)}"))

    def _text(self, path: Key) -> str | None:
        if path not in self._texts:
            if self._names is not None and self._known is None:
                self._known = self._names()
            there = self._known is None or self.spelled(path) in self._known
            self._texts[path] = self._fetch(path) if there else None
        return self._texts[path]


class Plain:
    """A vault with `only_secrets`, as it is asked for other values: it has what stands in its fragments."""

    secret = True

    def __init__(self, vault: Vault) -> None:
        self.vault, self.name = vault, vault.name

    def get(self, path: Key) -> Any:
        """The value at a path."""
        return self.vault.known(path)


def _fragments(path: Key) -> list[Key]:
    """The fragments that may have a path."""
    found: list[Key] = [(FRAGMENT,)]
    if len(path) > 1:
        found.append((path[0], FRAGMENT))
    if path[0] in SECTIONS:
        found += [path[:1], *([path[:2]] if len(path) > 2 else [])]
    return found


def _parsed(text: str, place: str) -> dict[str, Any]:
    """A fragment as TOML, JSON or YAML. ConfigError, which does not show it, when it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        wrong = f"{type(error).__name__}"
    try:
        found = json.loads(text)
    except ValueError:
        found = _yaml(text)
    if isinstance(found, dict):
        return found
    raise ConfigError(
        f"{place} is a fragment of configuration, but neither TOML nor JSON nor YAML of a dict.", cause=wrong
    )


def _yaml(text: str) -> Any:
    try:
        import yaml
    except ImportError:
        return None
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


# ---- which of them


@configspec
class Switches(Configuration):
    """`[providers]`: which vaults are asked."""

    enable_airflow_secrets: bool = True
    enable_google_secrets: bool = False
    enable_aws_secrets: bool = False


@configspec
class AirflowOptions(Configuration):
    """`[providers.airflow_secrets]`."""

    only_secrets: bool = False
    only_toml_fragments: bool = False
    list_secrets: bool = False


@configspec
class GoogleOptions(Configuration):
    """`[providers.google_secrets]`."""

    only_secrets: bool = True
    only_toml_fragments: bool = True
    list_secrets: bool = False
    credentials: Annotated[GcpServiceAccountCredentials, SECRET] = None  # type: ignore[assignment]  # required


@configspec
class AwsOptions(Configuration):
    """`[providers.aws_secrets]`."""

    only_secrets: bool = True
    only_toml_fragments: bool = True
    list_secrets: bool = False
    secret_name_prefix: str = "dlt/"  # noqa: S105 - the beginning of names
    credentials: AwsCredentials | None = None


def add_wanted(found: list[Any]) -> None:
    """Adds the vaults that the configuration wants to be asked to a list, in their order."""
    with for_pipeline(None):
        switches = resolve_configuration(Switches(), sections=("providers",))
        if switches.enable_airflow_secrets and in_airflow():
            found.append(airflow(resolve_configuration(AirflowOptions(), sections=("providers", "airflow_secrets"))))
        if switches.enable_google_secrets:
            found.append(google(resolve_configuration(GoogleOptions(), sections=("providers", "google_secrets"))))
        if switches.enable_aws_secrets:
            found.append(aws(resolve_configuration(AwsOptions(), sections=("providers", "aws_secrets"))))


# ---- Airflow


def airflow(options: AirflowOptions) -> Vault:
    """The variables of Airflow, `sources.github.token` or fragments."""
    if options.list_secrets:
        raise NotBuilt(
            "Variables of Airflow cannot be listed.", key="providers.airflow_secrets.list_secrets", hint="take it away"
        )
    return Vault(
        "Airflow Secrets TOML Provider",
        _airflow_variable,
        only_secrets=options.only_secrets,
        only_fragments=options.only_toml_fragments,
    )


def _airflow_variable(path: Key) -> str | None:
    try:
        from airflow.sdk import Variable
    except ImportError:
        from airflow.models import Variable

        found = Variable.get(".".join(path), default_var=None)
    else:
        found = Variable.get(".".join(path), default=None)
    if found is None and path == (FRAGMENT,):
        logger.warning("Airflow has no variable %s: secrets come from the other places.", FRAGMENT)
    return found if found is None else str(found)


# ---- Google


def google(options: GoogleOptions) -> Vault:
    """The secrets of a project of Google Cloud, newest versions: `sources-github-token` or fragments."""
    try:
        from google.auth.transport.requests import AuthorizedSession
    except ImportError:
        raise missing("Google Secret Manager", "gcp", "google-auth") from None
    credentials = options.credentials
    scoped = credentials.to_native_credentials().with_scopes(["https://www.googleapis.com/auth/cloud-platform"])
    return google_vault(AuthorizedSession(scoped), credentials.project_id, options)


def google_vault(session: Any, project: str, options: GoogleOptions) -> Vault:
    """The same with a session that is logged in: `get(url)` returns a response with status_code, json() and text."""

    def fetch(path: Key) -> str | None:
        answer = session.get(f"{GOOGLE}/projects/{project}/secrets/{_google_name(path)}/versions/latest:access")
        if answer.status_code == 404:
            return None
        if answer.status_code == 403:
            logger.warning("Google Secret Manager: no access to %s, or it is not there.", _google_name(path))
            return None
        return b64decode(_checked(answer)["payload"]["data"]).decode()

    def names() -> set[str]:
        found: set[str] = set()
        token = ""
        while True:
            more = f"&pageToken={quote(token)}" if token else ""
            page = _checked(session.get(f"{GOOGLE}/projects/{project}/secrets?pageSize=1000{more}"))
            found |= {one["name"].rpartition("/")[2] for one in page.get("secrets", ())}
            token = page.get("nextPageToken", "")
            if not token:
                return found

    return Vault(
        "Google Secrets",
        fetch,
        only_secrets=options.only_secrets,
        only_fragments=options.only_toml_fragments,
        names=names if options.list_secrets else None,
        spelled=_google_name,
    )


def _checked(answer: Any) -> Any:
    if answer.status_code != 200:
        raise ConfigError(
            f"Google Secret Manager answered {answer.status_code}: {answer.text[:300]}",
            hint="check providers.google_secrets.credentials, and that the API is enabled in the project",
        )
    return answer.json()


def _google_name(path: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", "-".join(path))


# ---- AWS


def aws(options: AwsOptions) -> Vault:
    """The secrets of AWS, `dlt/sources/github/token` or fragments."""
    try:
        import boto3
    except ImportError:
        raise missing("AWS Secrets Manager", "aws", "boto3") from None
    credentials = options.credentials
    session = boto3.session.Session(**(credentials.to_session_credentials() if credentials else {}))
    endpoint = credentials.endpoint_url if credentials else None
    return aws_vault(session.client("secretsmanager", endpoint_url=endpoint), options)


def aws_vault(client: Any, options: AwsOptions) -> Vault:
    """The same with a client of boto3."""

    def named(path: Key) -> str:
        return options.secret_name_prefix + "/".join(path)

    def fetch(path: Key) -> str | None:
        try:
            found = client.get_secret_value(SecretId=named(path))
        except client.exceptions.ResourceNotFoundException:
            return None
        text = found.get("SecretString")
        return found["SecretBinary"].decode() if text is None else str(text)

    def names() -> set[str]:
        pages = client.get_paginator("list_secrets").paginate()
        return {one["Name"] for page in pages for one in page["SecretList"]}

    return Vault(
        "AWS Secrets",
        fetch,
        only_secrets=options.only_secrets,
        only_fragments=options.only_toml_fragments,
        names=names if options.list_secrets else None,
        spelled=named,
    )
