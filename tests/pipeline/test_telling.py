"""BEHAVIOUR 13: collectors of users that follow traces."""

from __future__ import annotations

from typing import Any

import pytest

import dlt
from dlt.errors import StepFailed
from dlt.pipeline.progress import NullCollector


class Follower(NullCollector):
    """Notes what it is told."""

    def __init__(self, broken: str = "") -> None:
        self.told: list[str] = []
        self.broken = broken

    def note(self, event: str, what: str) -> None:
        self.told.append(f"{event} {what}".strip())
        if event == self.broken:
            raise ValueError("broken")

    def on_start_trace(self, trace: Any, step: str, pipeline: Any) -> None:
        self.note("start", pipeline.pipeline_name)

    def on_start_trace_step(self, trace: Any, step: str, pipeline: Any) -> None:
        self.note("begin", step)

    def on_end_trace_step(self, trace: Any, step: Any, pipeline: Any, step_info: Any, send_state: bool) -> None:
        self.note("end", f"{step.step} {type(step_info).__name__}")

    def on_end_trace(self, trace: Any, pipeline: Any, send_state: bool) -> None:
        self.note("done", "")


RUN = [
    "start told",
    "begin run",
    "begin extract",
    "end extract ExtractInfo",
    "begin normalize",
    "end normalize NormalizeInfo",
    "begin load",
    "end load LoadInfo",
    "end run LoadInfo",
    "done",
]


def run(follower: Follower, data: Any) -> None:
    dlt.pipeline("told", destination=dlt.destinations.memory(), progress=follower).run(data, table_name="t")


def test_section_13_a_run() -> None:
    follower = Follower()

    run(follower, [{"a": 1}])

    assert follower.told == RUN


def test_section_13_a_run_that_fails() -> None:
    follower = Follower()

    with pytest.raises(StepFailed):
        run(follower, map(int, ["x"]))

    assert follower.told == [*RUN[:3], "end extract NoneType", "end run NoneType", "done"]


@pytest.mark.parametrize("event", ["start", "begin", "end", "done"])
def test_section_13_a_collector_that_fails_is_logged(event: str, caplog: pytest.LogCaptureFixture) -> None:
    follower = Follower(broken=event)

    run(follower, [{"a": 1}])

    assert follower.told == RUN
    assert "of the collector of pipeline told failed" in caplog.text
    assert "broken" in caplog.text
