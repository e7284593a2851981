"""Collectors of users that follow traces: `on_start_trace`, `on_start_trace_step`, `on_end_trace_step`, `on_end_trace`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline
    from dlt.pipeline.trace import PipelineStepTrace, PipelineTrace

logger = logging.getLogger("dlt")


def tell_begun(pipeline: Pipeline, trace: PipelineTrace, step: str, *, outer: bool) -> None:
    """A step begins, and with the outer one the trace."""
    if outer:
        _tell(pipeline, "on_start_trace", trace, step, pipeline)
    _tell(pipeline, "on_start_trace_step", trace, step, pipeline)


def tell_ended(pipeline: Pipeline, trace: PipelineTrace, step: PipelineStepTrace, *, outer: bool) -> None:
    """A step has ended, and with the outer one the trace; nothing is sent anywhere."""
    _tell(pipeline, "on_end_trace_step", trace, step, pipeline, step.step_info, False)
    if outer:
        _tell(pipeline, "on_end_trace", trace, pipeline, False)


def _tell(pipeline: Pipeline, event: str, *what: Any) -> None:
    method = getattr(pipeline.collector, event, None)
    if method is None:
        return
    try:
        method(*what)
    except Exception:  # what only looks on must not end a run, nor hide how it ended
        logger.exception("%s of the collector of pipeline %s failed.", event, pipeline.pipeline_name)
