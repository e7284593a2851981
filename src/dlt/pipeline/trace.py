"""The trace: what the last runs of a pipeline did, step by step, kept in its work directory."""

from __future__ import annotations

import json
import logging
import re
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.config.lookup import resolved
from dlt.errors import DltError, FatalError, StepFailed
from dlt.package.store import write_atomic
from dlt.pipeline.infos import ExtractInfo, LoadInfo, LoadJobInfo, LoadPackageInfo, NormalizeInfo, StepInfo
from dlt.pipeline.metrics import DataWriterMetrics, JobFileInfo, LoadJobMetrics

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline

logger = logging.getLogger("dlt")

MOST_STEPS = 100
ENGINE = 2
COMMON = ("pipeline", "loads_ids", "load_packages", "first_run", "started_at", "finished_at")  # of all infos
PASSWORD = re.compile(r"(?<=://)([^\s:/@]+):[^\s@]+@")


@dataclass
class PipelineStepTrace:
    """One step: extract, normalize, load, sync or run; with its info, or with the exception that ended it."""

    step: str
    started_at: datetime
    finished_at: datetime | None = None
    step_info: StepInfo | None = None
    step_exception: str | None = None
    exception_traces: list[dict[str, Any]] = field(default_factory=list)
    span_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def asdict(self) -> dict[str, Any]:
        """Plain values: what all infos have is `step_info`, what only this one has is `<step>_info`."""
        out = {**self.__dict__, "step_info": None}
        if self.step_info is not None:
            info = self.step_info.asdict()
            out["step_info"] = {key: info.pop(key) for key in COMMON}
            out[f"{self.step}_info"] = info
        return out

    def asstr(self, verbosity: int = 0) -> str:
        """What the step did."""
        end = self.finished_at or self.started_at
        seconds = (end - self.started_at).total_seconds()
        if self.step_exception:
            return f"Step {self.step} FAILED in {seconds:.2f} seconds.\nFailed due to: {self.step_exception}"
        lines = [f"Step {self.step} COMPLETED in {seconds:.2f} seconds."]
        if self.step_info:
            lines.append(self.step_info.asstr(verbosity))
        if verbosity > 0:
            lines.append(f"span id: {self.span_id}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.asstr()


@dataclass
class PipelineTrace:
    """The steps of one run, or those that were called one by one. Values of secrets are never in it."""

    pipeline_name: str
    execution_context: dict[str, Any]
    started_at: datetime
    steps: list[PipelineStepTrace] = field(default_factory=list)
    finished_at: datetime | None = None
    resolved_config_values: list[dict[str, Any]] = field(default_factory=list)
    transaction_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    engine_version: int = ENGINE

    def last_pipeline_step_trace(self, step: str) -> PipelineStepTrace | None:
        """The newest trace of a step."""
        return next((trace for trace in reversed(self.steps) if trace.step == step), None)

    def _last_info(self, step: str) -> Any:
        trace = self.last_pipeline_step_trace(step)
        return trace.step_info if trace else None

    @property
    def last_extract_info(self) -> ExtractInfo | None:
        """The newest ExtractInfo."""
        return self._last_info("extract")  # type: ignore[no-any-return]  # by step

    @property
    def last_normalize_info(self) -> NormalizeInfo | None:
        """The newest NormalizeInfo."""
        return self._last_info("normalize")  # type: ignore[no-any-return]  # by step

    @property
    def last_load_info(self) -> LoadInfo | None:
        """The newest LoadInfo."""
        return self._last_info("load")  # type: ignore[no-any-return]  # by step

    def asdict(self) -> dict[str, Any]:
        """Plain values; a run is its steps."""
        return {**self.__dict__, "steps": [step.asdict() for step in self.steps if step.step != "run"]}

    def asstr(self, verbosity: int = 0) -> str:
        """The steps of the run, one after the other."""
        end = self.finished_at or datetime.now(UTC)
        seconds = (end - self.started_at).total_seconds()
        failed = any(step.step_exception for step in self.steps)
        outcome = "FAILED" if failed else "COMPLETED"
        begun = self.started_at.isoformat(" ")
        lines = [f"Run started at {begun} and {outcome} in {seconds:.2f} seconds with {len(self.steps)} steps."]
        if self.resolved_config_values and verbosity > 0:
            lines += ["Following config and secret values were resolved:", *map(_resolved, self.resolved_config_values)]
        return "\n\n".join(["\n".join(lines), *(step.asstr(verbosity) for step in self.steps)])

    def __str__(self) -> str:
        return self.asstr()

    def begin(self, step: str) -> PipelineStepTrace:
        """A new step, started now; it is put among the steps when it ends."""
        self.finished_at = None
        return PipelineStepTrace(step, datetime.now(UTC))

    def end(self, trace: PipelineStepTrace, info: StepInfo | None, error: BaseException | None) -> None:
        """Take a step in that has ended."""
        trace.finished_at = self.finished_at = datetime.now(UTC)
        trace.step_info = info
        if error is not None:
            trace.step_exception = _redacted(str(error)) or type(error).__name__
            trace.exception_traces = exception_chain(error)
        self.resolved_config_values = resolved()
        self.steps = [*self.steps[1 - MOST_STEPS :], trace]

    def save(self, path: Path) -> None:
        """Write the trace as JSON."""
        write_atomic(path, json.dumps(self, ensure_ascii=False, default=_written, separators=(",", ":")))

    @classmethod
    def read(cls, path: Path, pipeline: Pipeline) -> PipelineTrace | None:
        """The trace that `save` wrote; None when there is none, or one that this version cannot read."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"), object_hook=_Reading(pipeline))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("The trace in %s cannot be read: %s", path, error)
            return None
        return found if isinstance(found, cls) else None


def _resolved(value: Mapping[str, Any]) -> str:
    key = ".".join([*(value.get("sections") or ()), str(value.get("key"))])
    hidden = value.get("is_secret_hint") or value.get("value") is None
    shown = "<secret>" if hidden else value.get("value")
    return f"`{key}` = {shown} from `{value.get('provider_name')}`"


# ---- on disk: a value of one of these classes is an object with the name of its class under KIND

KIND = "\0kind"
CLASSES: dict[str, type] = {
    one.__name__: one
    for one in (
        DataWriterMetrics,
        ExtractInfo,
        JobFileInfo,
        LoadInfo,
        LoadJobInfo,
        LoadJobMetrics,
        LoadPackageInfo,
        NormalizeInfo,
        PipelineStepTrace,
        PipelineTrace,
    )
}


def _written(value: Any) -> Any:
    name = type(value).__name__
    if isinstance(value, datetime):
        return {KIND: "datetime", "at": value.isoformat()}
    if CLASSES.get(name) is not type(value):
        return str(value)
    out = {KIND: name, **value.__dict__}
    if isinstance(value, StepInfo):
        del out["pipeline"]
    elif isinstance(value, LoadPackageInfo):
        out["schema"] = None
    elif isinstance(value, PipelineStepTrace) and value.step == "run":
        out["step_info"] = None  # that of the load before it
    return out


class _Reading:
    """Makes objects of the dicts that `_written` made."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.load_info: LoadInfo | None = None

    def __call__(self, data: dict[str, Any]) -> Any:
        kind = data.pop(KIND, None)
        if kind is None:
            return data
        if kind == "datetime":
            return datetime.fromisoformat(data["at"])
        made_of = CLASSES[kind]
        if issubclass(made_of, StepInfo):
            data["pipeline"] = self.pipeline
        made = made_of(**data)
        if isinstance(made, PipelineStepTrace):
            if isinstance(made.step_info, LoadInfo):
                self.load_info = made.step_info
            elif made.step == "run" and not made.step_exception:
                made.step_info = self.load_info
        return made


# ---- exceptions and surroundings


def exception_chain(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, outermost first, as plain values."""
    out: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(out) < 10:
        out.append(_exception(current))
        current = current.__cause__ or current.__context__
    return out


def _exception(error: BaseException) -> dict[str, Any]:
    context: Mapping[str, Any] = error.context if isinstance(error, DltError) else {}
    module = type(error).__module__
    about = {
        "message": _redacted(str(error)),
        "exception_type": type(error).__qualname__ if module == "builtins" else f"{module}.{type(error).__qualname__}",
        "docstring": (type(error).__doc__ or "").strip().partition("\n")[0] or None,
        "stack_trace": [_redacted(line) for line in traceback.format_tb(error.__traceback__)[-5:]],
        "is_terminal": isinstance(error, FatalError),
        "exception_attrs": _redacted(str({key: str(value) for key, value in context.items()})) if context else None,
        "load_id": context.get("load_id"),
        "pipeline_name": getattr(error.pipeline, "pipeline_name", None) if isinstance(error, StepFailed) else None,
        "source_name": context.get("source"),
        "resource_name": context.get("resource"),
    }
    return {key: value for key, value in about.items() if value is not None}


def _redacted(text: str) -> str:
    """The text without passwords in URLs."""
    return PASSWORD.sub(r"\1:***@", text)


def execution_context() -> dict[str, Any]:
    """Where the run takes place: Python, platform, CPUs, whether it is CI, the version of this library."""
    return dict(_surroundings())


@cache
def _surroundings() -> Mapping[str, Any]:
    import os
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError, version

    try:
        own: str | None = version("dlt")
    except PackageNotFoundError:  # run from its source
        own = None
    return {
        "ci_run": bool(os.environ.get("CI")),
        "python": sys.version.split()[0],
        "cpu": os.cpu_count(),
        "os": {"name": platform.system(), "version": platform.release()},
        "library": {"name": "dlt", "version": own},
        "run_context": {"name": "dlt"},
    }
