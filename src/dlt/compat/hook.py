"""The import hook for old dotted names: makes the modules of the table `dlt.compat.names` when somebody imports them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "dlt."


class OldModule(ModuleType):
    """A module whose names are somewhere else."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        from dlt.compat import names

        if name == "__all__":
            return sorted(one for one in names.listed(self.__name__.removeprefix(PACKAGE)) if not one.startswith("_"))
        found = names.resolve(self.__name__.removeprefix(PACKAGE), name)
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        from dlt.compat import names

        return sorted({*super().__dir__(), *names.listed(self.__name__.removeprefix(PACKAGE))})


class OldNames:
    """Finds and makes old modules; asked after Python has not found a file."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """The spec of an old module; None when there is none of this name."""
        del path, target
        if not name.startswith(PACKAGE):
            return None
        from dlt.compat import names

        if not names.is_module(name.removeprefix(PACKAGE)):
            return None
        return ModuleSpec(name, self, origin="dlt.compat.names", is_package=True)  # type: ignore[arg-type]  # has what a loader needs

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """An empty module: its names come when they are asked for."""
        from dlt.compat import names

        names.check_built(spec.name.removeprefix(PACKAGE))
        return OldModule(spec.name, "An old import path of dlt; see docs/coming-from-dlt.md.")

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


def install() -> None:
    """Serve old names from now on."""
    if not any(isinstance(one, OldNames) for one in sys.meta_path):
        sys.meta_path.append(OldNames())


def old_module(name: str) -> ModuleType:
    """An old module by its name below `dlt`, as `common`. ImportError when there is none."""
    return import_module(PACKAGE + name)
