"""The trace: what the last runs of a pipeline did, step by step, kept in its work directory."""

from __future__ import annotations

import json
import time
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dlt.errors import DltError, FatalError
from dlt.package.store import write_atomic
from dlt.pipeline.infos import ExtractInfo, LoadInfo, NormalizeInfo, StepInfo

MOST_STEPS = 100


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
        """Plain values."""
        return {**self.__dict__, "step_info": self.step_info.asdict() if self.step_info else None}

    def asstr(self, verbosity: int = 0) -> str:
        """What the step did."""
        end = self.finished_at or self.started_at
        seconds = (end - self.started_at).total_seconds()
        if self.step_exception:
            return f"Step {self.step} FAILED in {seconds:.2f} seconds.\n{self.step_exception}"
        about = "\n" + self.step_info.asstr(verbosity) if self.step_info else ""
        return f"Step {self.step} COMPLETED in {seconds:.2f} seconds.{about}"

    def __str__(self) -> str:
        return self.asstr()


@dataclass
class PipelineTrace:
    """The steps of one run. Values of secrets are never in it."""

    pipeline_name: str
    execution_context: dict[str, Any]
    started_at: datetime
    steps: list[PipelineStepTrace] = field(default_factory=list)
    finished_at: datetime | None = None
    resolved_config_values: list[dict[str, Any]] = field(default_factory=list)
    transaction_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    engine_version: int = 2

    @property
    def explicit(self) -> bool:
        """True when the steps were called one by one: the next one goes on with this trace."""
        return not any(step.step == "run" for step in self.steps)

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
        """Plain values."""
        return {**self.__dict__, "steps": [step.asdict() for step in self.steps]}

    def asstr(self, verbosity: int = 0) -> str:
        """The steps of the run, one after the other."""
        end = self.finished_at or datetime.now(UTC)
        seconds = (end - self.started_at).total_seconds()
        failed = any(step.step_exception for step in self.steps)
        head = f"Run started at {self.started_at.isoformat()} and {'FAILED' if failed else 'COMPLETED'} in {seconds:.2f} seconds."
        return "\n".join([head, *(step.asstr(verbosity) for step in self.steps)])

    def __str__(self) -> str:
        return self.asstr()

    def save(self, path: Path) -> None:
        """Write the trace as JSON."""
        write_atomic(path, json.dumps(self.asdict(), ensure_ascii=False, default=str))

    def begin(self, step: str) -> PipelineStepTrace:
        """A new step, started now."""
        trace = PipelineStepTrace(step, datetime.now(UTC))
        self.steps = [*self.steps[1 - MOST_STEPS :], trace]
        return trace


def exception_chain(error: BaseException) -> list[dict[str, Any]]:
    """An exception and its causes, outermost first, as plain values."""
    out: list[dict[str, Any]] = []
    current: BaseException | None = error
    while current is not None and len(out) < 10:
        context: Mapping[str, Any] = current.context if isinstance(current, DltError) else {}
        out.append(
            {
                "message": str(current),
                "exception_type": f"{type(current).__module__}.{type(current).__qualname__}",
                "stack_trace": traceback.format_tb(current.__traceback__)[-5:],
                "is_terminal": isinstance(current, FatalError),
                "exception_attrs": {key: str(value) for key, value in context.items()},
            }
        )
        current = current.__cause__ or current.__context__
    return out


def execution_context() -> dict[str, Any]:
    """Where the run takes place: Python, platform, CPUs, whether it is CI."""
    import os
    import platform
    import sys

    return {
        "python": sys.version.split()[0],
        "os": {"name": platform.system(), "version": platform.release()},
        "cpu": os.cpu_count(),
        "ci_run": bool(os.environ.get("CI")),
        "library": {"name": "dlt"},
        "at": time.time(),
    }
