"""What tests of the configuration share: no pipeline is active, nothing was set in code, files of the project are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dlt.config import providers
from dlt.config.lookup import use_pipeline

Write = Callable[..., None]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    use_pipeline(None)
    yield
    use_pipeline(None)
    providers.REGISTERED.clear()
    providers.VAULTS.forget()
    for files in (providers.CONFIG_TOML, providers.SECRETS_TOML):
        files.restore({})


@pytest.fixture
def write(own_folder: Path) -> Write:
    """Write files of `.dlt`: `write(config="a = 1", secrets=...)`; `folder=` is another one."""

    def files(folder: Path | None = None, **contents: str) -> None:
        place = folder or own_folder / ".dlt"
        place.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (place / f"{name.replace('__', '.')}.toml").write_text(content)

    return files
