"""Where a project has its files, and in which profile a workspace is, as `dlt.current.run_context()` tells it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dlt.config import providers as places
from dlt.config.settings import data_dir, global_dir, local_dir
from dlt.errors import ConfigError

DEFAULT_PROFILE = "dev"
PROFILES = ("access", "dev", "prod", "tests")  # those that need no file of their own


class RunContext:
    """The folders of a project."""

    module = None  # projects are no packages

    @property
    def name(self) -> str:
        """`dlt`; of a workspace the name of its folder."""
        return "dlt"

    @property
    def run_dir(self) -> str:
        """The folder of the project: `$DLT_PROJECT_DIR`, else the current one."""
        return os.environ.get("DLT_PROJECT_DIR") or str(Path.cwd())

    @property
    def settings_dir(self) -> str:
        """The folder with `config.toml` and `secrets.toml`."""
        return str(places.settings_dir())

    @property
    def global_dir(self) -> str:
        """The folder of this user."""
        return str(global_dir())

    @property
    def data_dir(self) -> str:
        """Where pipelines keep their work."""
        return str(data_dir())

    @property
    def local_dir(self) -> str:
        """What relative paths of databases begin from."""
        return str(local_dir())

    @property
    def uri(self) -> str:
        """The folder of the project as a URI."""
        return Path(self.run_dir).absolute().as_uri()

    @property
    def runtime_kwargs(self) -> dict[str, Any] | None:
        """The profile of a workspace; else None."""
        return None

    def get_setting(self, setting_path: str) -> str:
        """The path of a file beside `config.toml`."""
        return str(Path(self.settings_dir) / setting_path)

    def get_data_entity(self, entity: str) -> str:
        """The folder of one kind of things, as pipelines."""
        return str(Path(self.data_dir) / entity)

    def get_run_entity(self, entity: str) -> str:
        """The folder of one kind of things of the project: that of the project itself."""
        del entity
        return self.run_dir

    def reload_providers(self) -> None:
        """Forget what code has set and what vaults have said; files are read again."""
        for one in (places.SECRETS_TOML, places.CONFIG_TOML):
            one.restore({})
        places.VAULTS.forget()

    reload = reload_providers

    def __repr__(self) -> str:
        return f"<{type(self).__name__}(run_dir={self.run_dir!r})>"


class WorkspaceRunContext(RunContext):
    """The folders of a workspace, a project with the file `.dlt/.workspace`, and its profiles."""

    default_profile = DEFAULT_PROFILE

    @property
    def name(self) -> str:
        """The name of the folder."""
        return Path(self.run_dir).absolute().name

    @property
    def profile(self) -> str:
        """The profile that is used."""
        return places.profile() or DEFAULT_PROFILE

    @property
    def uri(self) -> str:
        """The folder of the project as a URI, with the profile."""
        return f"{super().uri}?profile={self.profile}"

    @property
    def runtime_kwargs(self) -> dict[str, Any] | None:
        """The profile."""
        return {"profile": self.profile}

    def configured_profiles(self) -> list[str]:
        """The profiles that have files of their own, and the one that is used."""
        files = Path(self.settings_dir).glob("*.*.toml")
        return sorted({self.profile, *(file.name.split(".")[0] for file in files)})

    def available_profiles(self) -> list[str]:
        """The profiles that may be used."""
        return sorted({*PROFILES, *self.configured_profiles()})

    def switch_profile(self, profile: str) -> WorkspaceRunContext:
        """Use another profile for the rest of the process."""
        os.environ["WORKSPACE__PROFILE"] = profile
        return self


def run_context() -> RunContext:
    """The context of this project."""
    return RunContext() if places.profile() is None else WorkspaceRunContext()


def workspace() -> WorkspaceRunContext:
    """The workspace. ConfigError when the project is none."""
    found = run_context()
    if not isinstance(found, WorkspaceRunContext):
        raise ConfigError(
            f"The project in {found.run_dir} is no workspace.",
            key=".workspace",
            hint=f"make an empty file {found.get_setting('.workspace')}",
        )
    return found
