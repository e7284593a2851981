"""Where values of the configuration come from: the environment, secret files, TOML files, and providers of the user."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from dlt.errors import ConfigError

Key = tuple[str, ...]  # sections, then the name of the value

PLACES = ("DLT_PROJECT_DIR", "DLT_CONFIG_FOLDER", "DLT_DATA_DIR", "XDG_DATA_HOME", "HOME", "WORKSPACE__PROFILE")
HOSTS = frozenset({"google.colab", "streamlit"})  # whose secrets stand in the place of files that are not there
SECRET_FILES = Path("/run/secrets")  # where Docker and Kubernetes put secrets
VAULT_VARIABLES = tuple(f"PROVIDERS__ENABLE_{name}_SECRETS" for name in ("AIRFLOW", "GOOGLE", "AWS"))
# one word without section in the environment of every process: never meant for an argument of that name
OF_THE_SYSTEM = frozenset(
    {"CI", "COLUMNS", "DISPLAY", "EDITOR", "HOME", "HOST", "HOSTNAME", "LANG", "LANGUAGE", "LINES", "LOGNAME"}
    | {
        "MAIL",
        "NAME",
        "OLDPWD",
        "OS",
        "PAGER",
        "PATH",
        "PWD",
        "PYTHONPATH",
        "SHELL",
        "SHLVL",
        "TEMP",
        "TERM",
        "TMP",
        "TMPDIR",
    }
    | {"TZ", "USER", "USERNAME", "VISUAL"}
)


class Provider(Protocol):
    """A place that may have a value. `secret`: it may hold secrets, and is asked for them."""

    name: str
    secret: bool

    def get(self, path: Key) -> Any:
        """The value at a path, or None."""


def variable(path: Key) -> str:
    """The variable of the environment for a path."""
    return "__".join(path).upper()


class Environment:
    """Variables: `sources.github.org` is `SOURCES__GITHUB__ORG`."""

    name, secret = "environment", True

    def get(self, path: Key) -> Any:
        """The text of the variable. Those that every process has, as PATH, are none of ours."""
        if len(path) == 1 and path[0].upper() in OF_THE_SYSTEM:
            return None
        return os.environ.get(variable(path))


class SecretEnvironment(Environment):
    """The same for secrets: a file in /run/secrets goes before the variable. It has dashes: `sources--github--token`."""

    def get(self, path: Key) -> Any:
        """The text of the file or variable."""
        name = variable(path).lower().replace("_", "-")
        for place in (SECRET_FILES / name, SECRET_FILES / name / name):
            try:
                return place.read_text(encoding="utf-8").strip()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                continue
        return super().get(path)


class Document:
    """A provider of a nested mapping, which a function returns once. `locations`: where it comes from, for messages."""

    def __init__(
        self,
        name: str,
        loader: Callable[[], Mapping[str, Any]],
        supports_secrets: bool = True,
        locations: tuple[str, ...] = (),
    ) -> None:
        self.name, self.secret, self.locations = name, supports_secrets, locations
        self._loader = loader
        self._loaded: Mapping[str, Any] | None = None

    def get(self, path: Key) -> Any:
        """The value or mapping at a path."""
        return inside(self.document(), path)

    def document(self) -> Mapping[str, Any]:
        """All that it has."""
        if self._loaded is None:
            loaded = self._loader()
            if not isinstance(loaded, Mapping):
                raise ConfigError(f"The provider {self.name} must load a dict, not {type(loaded).__name__}.")
            self._loaded = loaded
        return self._loaded


class Adapted:
    """A provider with the interface of dlt 1.31: `get_value(key, hint, pipeline_name, *sections)`."""

    def __init__(self, provider: Any) -> None:
        self.name, self.secret = str(provider.name), bool(getattr(provider, "supports_secrets", True))
        self._provider = provider

    def get(self, path: Key) -> Any:
        """The value, of the pair of value and key that it returns."""
        value, _ = self._provider.get_value(path[-1], Any, None, *path[:-1])
        return value


class TomlFiles:
    """`secrets.toml` or `config.toml`: that of the profile over that of the project over the global one of this user.

    A file is read once, and again when its time or size has changed. Values set in code lie over them.
    """

    def __init__(self, kind: str) -> None:
        self.kind, self.name, self.secret = kind, f"{kind}.toml", kind == "secrets"
        self.changes: dict[str, Any] = {}
        self._surroundings: tuple[Any, ...] = ()
        self._places: list[Path] = []
        self._stamps: list[Any] | None = None
        self._document: dict[str, Any] = {}

    def get(self, path: Key) -> Any:
        """The value or table at a path."""
        document = self.document()
        return inside(document, path) if document else None

    def places(self) -> list[Path]:
        """The files that are read, those that go before others last. They need not be there."""
        from dlt.config.settings import global_dir

        folder = settings_dir()
        found = [global_dir() / self.name, folder / self.name]
        if (name := profile()) is not None:
            found.append(folder / f"{name}.{self.name}")
        return found

    def document(self) -> dict[str, Any]:
        """All files and changes as one."""
        surroundings = _surroundings()
        if surroundings != self._surroundings:
            self._surroundings, self._places, self._stamps = surroundings, self.places(), None
        stamps = list(map(_stamp, self._places))
        if stamps != self._stamps:
            document: dict[str, Any] = {}
            for place in self._places:
                merge(document, _read(place))
            if not (any(stamps) or HOSTS.isdisjoint(sys.modules)):
                from dlt.config.hosted import content

                merge(document, content(self.name))
            merge(document, self.changes)
            self._document, self._stamps = document, stamps
        return self._document

    def set(self, path: Key, value: Any) -> None:
        """Have this value for the rest of the process; the file stays as it is."""
        at = self.changes
        for part in path[:-1]:
            below = at.setdefault(part, {})
            if not isinstance(below, dict):
                below = at[part] = {}
            at = below
        at[path[-1]] = value
        self._stamps = None

    def write_toml(self) -> Path | None:
        """Write what was set in code into the file of the project, whose comments stay. Returns it; None: nothing was set."""
        from dlt.config.toml_text import with_values

        if not self.changes:
            return None
        place = settings_dir() / self.name
        _read(place)  # raises when it cannot be read
        text = place.read_text(encoding="utf-8") if place.exists() else ""
        _write(place, with_values(text, self.changes), secret=self.secret)
        self.restore({})
        return place

    def restore(self, changes: dict[str, Any]) -> None:
        """Take back what was set since `changes` was copied."""
        self.changes, self._stamps = changes, None


def _surroundings() -> tuple[Any, ...]:
    """All that says where the files are; when it is the same, so are they."""
    values = tuple(map(os.environ.get, PLACES))
    folder = f"{values[0] or os.getcwd()}/{values[1] or '.dlt'}"  # noqa: PTH109 - asked for again and again
    return (*values, folder, *map(_stamp, (f"{folder}/.workspace", f"{folder}/profile-name")))


def settings_dir() -> Path:
    """The folder of the settings of this project: `.dlt` in `$DLT_PROJECT_DIR` or in the current folder."""
    project = Path(os.environ.get("DLT_PROJECT_DIR") or Path.cwd())
    return project / (os.environ.get("DLT_CONFIG_FOLDER") or ".dlt")


def profile() -> str | None:
    """The profile of a workspace, which is a project with the file `.dlt/.workspace`; None elsewhere."""
    folder = settings_dir()
    if not (folder / ".workspace").exists():
        return None
    pinned = folder / "profile-name"
    return os.environ.get("WORKSPACE__PROFILE") or (pinned.read_text().strip() if pinned.exists() else "") or "dev"


def inside(document: Any, path: Key) -> Any:
    """What a nested mapping has at a path, or None."""
    for part in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(part)
    return document


def _stamp(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for again and again
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: Path) -> dict[str, Any]:
    """The content of a TOML file; nothing when there is none. Raises ConfigError when it cannot be read."""
    if _stamp(path) is None:
        return {}
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file is not TOML: {error}.", file=str(path), hint="[sections] stand alone in a line, texts in quotes"
        ) from None
    except OSError as error:
        raise ConfigError(f"The file cannot be read: {error.strerror}.", file=str(path)) from error


def _write(path: Path, text: str, *, secret: bool) -> None:
    """Write a file as a whole; one with secrets is for its owner only, unless it is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600 if secret else 0o644
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        new.chmod(mode)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ConfigError(f"The file cannot be written: {error.strerror}.", file=str(path)) from error


def merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    """Lay a nested mapping over another one."""
    for key, value in other.items():
        known = into.get(key)
        if isinstance(value, Mapping) and isinstance(known, dict):
            merge(known, value)
        else:
            into[key] = deepcopy(value)


# ---- the chain

ENVIRONMENT, SECRET_ENVIRONMENT = Environment(), SecretEnvironment()
SECRETS_TOML, CONFIG_TOML = TomlFiles("secrets"), TomlFiles("config")
REGISTERED: list[Provider] = []  # of the user, in the order they were registered
IN_AIRFLOW = ("AIRFLOW_CTX_DAG_ID", "AIRFLOW_HOME")  # one of them is set in processes of Airflow


Documents = tuple[dict[str, Any], dict[str, Any]]  # of secrets.toml and config.toml


class Vaults:
    """The vaults that the configuration wants to be asked; looked up again when it has changed."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._seen: tuple[Any, ...] = ()
        self._found: list[Any] = []
        self._begun: list[Any] | None = None  # what they need themselves is asked of those before them

    def forget(self) -> None:
        """Make them anew at the next look-up, and fetch what they have again."""
        self._seen, self._found = (), []

    def find(self, documents: Documents | None = None) -> list[Any]:
        """The vaults, in the order they are asked. documents: of the files, when they are at hand."""
        documents = documents or (SECRETS_TOML.document(), CONFIG_TOML.document())
        seen = (*map(os.environ.get, VAULT_VARIABLES), in_airflow(), *documents)
        if seen == self._seen:
            return self._found
        with self._lock:
            if self._begun is not None:
                return self._begun
            if seen != self._seen:
                self._begun = []
                try:
                    if any(seen[:-2]) or any("providers" in one for one in documents):
                        from dlt.config.vaults import add_wanted

                        add_wanted(self._begun)
                    self._found, self._seen = self._begun, seen
                finally:
                    self._begun = None
            return self._found


def in_airflow() -> bool:
    """Whether this is a process of Airflow: it has loaded it, and was started by it."""
    return "airflow" in sys.modules and any(name in os.environ for name in IN_AIRFLOW)


VAULTS = Vaults()


def providers(*, secret: bool, documents: Documents | None = None) -> list[Provider]:
    """The providers in the order they are asked; for a secret those that may hold one."""
    vaults = VAULTS.find(documents)
    if secret:
        return [SECRET_ENVIRONMENT, SECRETS_TOML, *vaults, *(one for one in REGISTERED if one.secret)]
    return [ENVIRONMENT, SECRETS_TOML, CONFIG_TOML, *(one.for_config for one in vaults), *REGISTERED]


Readers = list[tuple[str, Callable[[Key], Any]]]


def readers(*, secret: bool) -> Readers:
    """What to ask for one look-up: the names of the providers and how they are asked. Files without content are left out."""
    found: Readers = []
    secrets, config = SECRETS_TOML.document(), CONFIG_TOML.document()
    for one in providers(secret=secret, documents=(secrets, config)):
        if not isinstance(one, TomlFiles):
            found.append((one.name, one.get))
        elif document := secrets if one.secret else config:
            found.append((one.name, partial(inside, document)))
    return found


def register(provider: Provider) -> None:
    """Ask this provider after all others. Raises ConfigError when there is one of its name."""
    for attribute in ("name", "secret", "get"):
        if not hasattr(provider, attribute):
            raise ConfigError(
                f"A {type(provider).__name__} is no provider of configuration: it has no {attribute}.",
                hint="it has name, secret (may it hold secrets?) and get(path), which returns a value or None",
            )
    known = [one.name for one in providers(secret=False)]
    if provider.name in known:
        raise ConfigError(f"There is a provider {provider.name!r} already.", providers=", ".join(known))
    REGISTERED.append(provider)
