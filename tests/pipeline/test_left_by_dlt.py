"""A work directory that dlt 1.31 has used: what waits in it is not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlt.errors import PackageError, StepFailed

from .runs import pipeline, stored


@pytest.mark.parametrize("folder", ["normalize/extracted", "load/normalized"])
def test_packages_that_wait_are_an_error(folder: str) -> None:
    waiting = Path(pipeline().working_dir) / folder / "1795600973.5960703"
    waiting.mkdir(parents=True)

    with pytest.raises(StepFailed, match=r"dlt 1\.31 began waits") as caught:
        pipeline().run([{"n": 1}], table_name="t")

    assert isinstance(caught.value.exception, PackageError)
    assert caught.value.folder == str(waiting)
    waiting.rmdir()
    pipeline().run([{"n": 1}], table_name="t")
    assert stored() == [(1,)]


def test_packages_that_were_loaded_are_none() -> None:
    (Path(pipeline().working_dir) / "load" / "loaded" / "1795600973.5960703").mkdir(parents=True)
    (Path(pipeline().working_dir) / "load" / "normalized").mkdir()

    pipeline().run([{"n": 1}], table_name="t")

    assert stored() == [(1,)]
