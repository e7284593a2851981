"""Old import paths: each name that scripts of dlt 1.31 import is there, or says that it is not built and what to do."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt import errors
from dlt.compat.hook import OldModule
from dlt.compat.names import OldNameNotBuilt, is_module, listed, old, resolve
from dlt.compat.table import MODULES, NOT_BUILT
from dlt.destinations.registry import PLANNED

NAMES = Path(__file__).with_name("old_names.txt").read_text().split()
PACKAGES = {"dlt.common.libs.deltalake.DeltaTable": "deltalake", "dlt.common.libs.sql_alchemy.Table": "sqlalchemy"}
NOT_INSTALLED = {name for name, package in PACKAGES.items() if find_spec(package) is None}
GONE = {  # names that only dlt's own tests import, below modules that are files here
    "dlt.load.Load",
    "dlt.normalize.exceptions.NormalizeJobFailed",
    "dlt.normalize.items_normalizers.JsonLItemsNormalizer",
}


@pytest.fixture(autouse=True, scope="module")
def _names_of_dlt() -> Iterator[None]:
    """Importing a module below `dlt` sets its name there: of what is not built it must not stay for other tests."""
    before = set(vars(dlt))
    yield
    for name in set(vars(dlt)) - before:
        if isinstance(vars(dlt)[name], OldModule):
            delattr(dlt, name)


def imported(name: str) -> Any:
    """What `from a.b import c` gives, or `import a.b.c`."""
    module, _, attribute = name.rpartition(".")
    if not module:
        return importlib.import_module(name)
    space: dict[str, Any] = {}
    exec(f"from {module} import {attribute} as found", space)
    return space["found"]


def is_planned(name: str) -> bool:
    return name in {f"dlt.destinations.{one}" for one in PLANNED}


def is_not_built(name: str) -> bool:
    parts = name.removeprefix("dlt.").split(".")
    above = [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
    return any(one in NOT_BUILT for one in above) or parts[-1] in old(".".join(parts[:-1])).planned


@pytest.mark.parametrize("name", NAMES)
def test_1_7_every_name(name: str) -> None:
    if name in NOT_INSTALLED:
        with pytest.raises(errors.MissingExtra, match=r"pip install"):
            imported(name)
    elif name in GONE:
        with pytest.raises(ImportError):
            imported(name)
    elif is_planned(name):
        with pytest.raises(errors.ConfigError, match="not part of this version"):
            imported(name)
    else:
        found: Any = None
        try:
            found = imported(name)
        except OldNameNotBuilt as error:
            found = error
        if isinstance(found, OldNameNotBuilt):
            assert is_not_built(name)
            assert found.hint
        else:
            assert found is not None or name.endswith("NoneType")


def test_1_7_names_are_all_there() -> None:
    assert len(NAMES) > 380
    assert sum(is_not_built(name) for name in NAMES) < len(NAMES) / 2


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_the_table_is_somewhere(module: str) -> None:
    """What the table says of a module leads to something; of packages that are not installed it says so."""
    for name in old(module).places:
        try:
            resolve(module, name)
        except errors.MissingExtra:
            assert module.startswith("common.libs.")


def test_an_import_that_is_not_built_is_an_import_error() -> None:
    """Scripts guard optional imports with `except ImportError`."""
    with pytest.raises(ImportError, match=r"dlt\.helpers.*\n.*fix: ") as caught:
        imported("dlt.helpers.airflow_helper.PipelineTasksGroup")
    assert isinstance(caught.value, errors.NotBuilt)


def test_a_name_that_never_was() -> None:
    with pytest.raises(ImportError, match="Nonsense"):
        imported("dlt.common.typing.Nonsense")
    with pytest.raises(ModuleNotFoundError):
        imported("dlt.common.nonsense.Thing")
    assert not is_module("nonsense")


def test_names_can_be_listed() -> None:
    common = importlib.import_module("dlt.common")
    assert {"json", "logger", "pendulum", "Decimal"} <= set(dir(common))
    assert {"TDataItem", "DictStrAny"} <= set(listed("common.typing"))


def test_common_is_there_without_an_import_of_its_own() -> None:
    assert dlt.common.json.loads("[1]") == [1]
    assert dlt.common.utils.uniq_id


def test_modules_that_are_also_objects() -> None:
    """`dlt.common.json`, `pendulum` and `logger` are the same whichever import came first."""
    code = """
from dlt.common.json import json as inner
from dlt.common.pendulum import pendulum as clock
from dlt.common import json, logger, pendulum
assert json.dumps({"a": 1}) == inner.dumps({"a": 1}) == '{"a":1}'
assert pendulum.date(2024, 5, 6) == clock.date(2024, 5, 6)
logger.info("well")
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_hook_loads_nothing_of_its_own() -> None:
    code = "import sys, dlt; print(*(name for name in sys.modules if name.startswith('dlt.compat')))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["dlt.compat", "dlt.compat.hook"]


SAME = {  # 14, exceptions tree: old name -> the error that is raised here
    "dlt.common.exceptions.DltException": errors.DltError,
    "dlt.common.exceptions.MissingDependencyException": errors.MissingExtra,
    "dlt.common.exceptions.TerminalException": errors.FatalError,
    "dlt.common.exceptions.TransientException": errors.RetryableError,
    "dlt.common.configuration.exceptions.ConfigFieldMissingException": errors.ConfigError,
    "dlt.common.configuration.exceptions.ConfigurationValueError": errors.ConfigError,
    "dlt.common.destination.exceptions.DestinationTerminalException": errors.DestinationRefused,
    "dlt.common.destination.exceptions.DestinationTransientException": errors.RetryableError,
    "dlt.common.schema.exceptions.DataValidationError": errors.ContractViolation,
    "dlt.destinations.exceptions.DatabaseTerminalException": errors.DestinationRefused,
    "dlt.destinations.exceptions.InvalidFilesystemLayout": errors.ConfigError,
    "dlt.extract.exceptions.ResourceExtractionError": errors.ResourceError,
    "dlt.pipeline.exceptions.CannotRestorePipelineException": errors.CannotRestorePipeline,
    "dlt.pipeline.exceptions.InvalidPipelineName": errors.InvalidPipelineName,
    "dlt.pipeline.exceptions.PipelineStepFailed": errors.StepFailed,
}


@pytest.mark.parametrize(("name", "error"), SAME.items(), ids=list(SAME))
def test_14_old_exceptions_catch_ours(name: str, error: type[Exception]) -> None:
    kind = imported(name)
    assert inspect.isclass(kind)
    assert issubclass(error, kind)


def test_14_a_failing_run_is_caught_by_its_old_name() -> None:
    from dlt.common.schema.exceptions import DataValidationError
    from dlt.pipeline.exceptions import PipelineStepFailed

    pipeline = dlt.pipeline("old_errors", destination="memory")
    pipeline.run([{"a": 1}], table_name="t")
    with pytest.raises(PipelineStepFailed) as caught:
        pipeline.run([{"a": 1, "b": 2}], table_name="t", schema_contract="freeze")
    assert isinstance(caught.value.__cause__, DataValidationError)
    assert caught.value.step == "normalize"


def test_14_missing_dependency_is_raised_as_scripts_do() -> None:
    from dlt.common.exceptions import MissingDependencyException

    with pytest.raises(
        ImportError, match=r'my source needs stripe, x\. Extra words\.\n  fix: pip install "stripe" "x"'
    ):
        raise MissingDependencyException("my source", ["stripe", "x"], "Extra words.")


def test_14_missing_dependency_catches_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.common.exceptions import MissingDependencyException

    monkeypatch.setitem(sys.modules, "pendulum", None)
    from dlt.common.time import ensure_pendulum_datetime

    with pytest.raises(MissingDependencyException, match=r'pip install "dlt\[pendulum\]"'):
        ensure_pendulum_datetime("2024-05-06")
