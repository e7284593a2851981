"""What collectors get and show of a real run."""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import MissingExtra, StepFailed
from dlt.pipeline import progress


def rows() -> Iterator[list[dict[str, Any]]]:
    for page in range(3):
        yield [{"id": page * 10 + number, "tags": ["a", "b"]} for number in range(10)]


def loaded(collector: Any, name: str = "seen") -> dlt.Pipeline:
    pipeline = dlt.pipeline(name, destination="duckdb", progress=collector)
    pipeline.run(rows(), table_name="items")
    return pipeline


def test_counters_of_a_run() -> None:
    collector = progress.DictCollector()

    loaded(collector)

    assert list(collector.steps) == ["Extract seen", "Normalize seen", "Load seen"]
    assert collector.steps["Extract seen"] == {"items": 30}
    normalized, load = collector.steps["Normalize seen"], collector.steps["Load seen"]
    assert {name: normalized[name] for name in ("items", "items__tags")} == {"items": 30, "items__tags": 60}
    assert {name: load[name] for name in ("items", "items__tags")} == {"items": 30, "items__tags": 60}
    assert normalized["Files"] == load["Jobs"] >= 2


def test_counters_of_single_steps() -> None:
    collector = progress.DictCollector()
    pipeline = dlt.pipeline("steps", destination="duckdb", progress=collector)

    pipeline.extract(rows(), table_name="items")
    pipeline.normalize()
    pipeline.load()

    assert [step.partition(" ")[0] for step in collector.steps] == ["Extract", "Normalize", "Load"]
    assert [counts["items"] for counts in collector.steps.values()] == [30, 30, 30]


class Calls(progress.Collector):
    """Notes its calls."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def update(self, name: str, inc: int = 1, total: int | None = None, *_: Any) -> None:
        self.calls.append((name, inc, total))

    def _start(self, step: str) -> None:
        self.calls.append(("start", step))

    def _stop(self) -> None:
        self.calls.append("stop")


def test_collector_of_a_user() -> None:
    """Each step is begun and ended; a batch is one call, however many rows it has."""
    collector = Calls()

    loaded(collector)

    assert [call[1] for call in collector.calls if call[0] == "start"] == [
        "Extract seen",
        "Normalize seen",
        "Load seen",
    ]
    assert collector.calls.count("stop") == 3
    assert ("Jobs", 0, 2) in collector.calls
    assert collector.calls[1] == ("items", 30, None)


def test_step_that_fails_is_ended() -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield {"id": 1}
        raise ZeroDivisionError

    collector = Calls()

    with pytest.raises(StepFailed):
        dlt.pipeline("failing", destination="duckdb", progress=collector).run(failing(), table_name="items")

    assert collector.calls[0] == ("start", "Extract failing")
    assert collector.calls[-1] == "stop"


# ---- log

BLOCK = re.compile(
    r"-+ Extract seen -+\n"
    r"items: 30  \| Time: \d+\.\d\ds \| Rate: \d+\.\d\d/s\n"
    r"Memory usage: \d+\.\d\d MB \(\d+\.\d\d%\) \| CPU usage: \d+\.\d\d%\n\n"
)


def test_log_writes_blocks() -> None:
    out = io.StringIO()

    loaded(dlt.progress.log(0, out))

    text = out.getvalue()
    assert BLOCK.search(text)
    assert re.search(r"-+ Load seen -+\nJobs: 2/2 \(100\.0%\) \| Time", text)
    assert {len(line) for line in text.splitlines() if line.startswith("---")} == {progress.WIDTH}


def test_log_is_quiet_between_periods() -> None:
    """With a long period there is one block for each step, at its end."""
    out = io.StringIO()

    loaded(dlt.progress.log(3600, out))

    assert len(re.findall(r"^---", out.getvalue(), re.MULTILINE)) == 3


def test_log_to_a_logger(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("of a user")

    with caplog.at_level(logging.INFO, logger.name):
        loaded(dlt.progress.log(3600, logger, dump_system_stats=False))

    assert [record.levelno for record in caplog.records if record.name == logger.name] == [logging.INFO] * 3
    assert "Memory usage" not in caplog.text


def test_log_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    loaded("log")

    assert "Extract seen" in capsys.readouterr().out


def test_log_to_nowhere() -> None:
    with pytest.raises(ValueError, match="'attic' is no place for a log"):
        dlt.progress.log(logger="attic")


# ---- bars of other packages


@pytest.mark.parametrize("name", ["tqdm", "alive_progress", "rich", "enlighten"])
@pytest.mark.parametrize("single_bar", [True, False])
def test_bars(name: str, single_bar: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Each runs through; what is shown depends on the terminal, but the counters do not."""
    made = getattr(dlt.progress, name)(single_bar=single_bar)
    seen: list[tuple[str, int]] = []
    shown = made._shown
    made._shown = lambda key, counter, inc: (seen.append((key, counter.count)), shown(key, counter, inc))

    loaded(made, name)

    assert max(count for key, count in seen if key == "items") == 30
    if name in ("tqdm", "alive_progress"):
        shown_text = "".join(capsys.readouterr())
        assert f"Load {name}" in shown_text or "Jobs" in shown_text


def test_rich_shows_bars_in_a_terminal() -> None:
    from rich.console import Console

    out = io.StringIO()

    loaded(dlt.progress.rich(console=Console(file=out, force_terminal=True, width=120), transient=False))

    assert re.search(r"Extract seen: items.*30", out.getvalue())


@pytest.mark.parametrize("terminal", [True, False])
def test_rich_by_default_in_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)

    assert isinstance(dlt.pipeline("default").collector, progress.RichCollector) is terminal


@pytest.mark.parametrize(
    ("name", "extra"),
    [("tqdm", "tqdm"), ("enlighten", "enlighten"), ("alive_progress", "alive-progress"), ("rich", "rich")],
)
def test_missing_package(name: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "find_spec", lambda _: None)

    with pytest.raises(MissingExtra, match=rf'needs the package {extra}.\n.*pip install "dlt\[progress\]"'):
        dlt.pipeline("missing", progress=name)


# ---- which


def test_from_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROGRESS", "log")

    assert isinstance(dlt.pipeline("configured").collector, progress.LogCollector)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="'spinner' is no progress collector: use one of tqdm, log"):
        dlt.pipeline("unknown", progress="spinner")


def test_object_that_is_none() -> None:
    with pytest.raises(TypeError, match="is no progress collector"):
        dlt.pipeline("unknown", progress=object())


def test_nothing_is_off() -> None:
    assert dlt.pipeline("quiet", progress=progress.NULL_COLLECTOR).collector is None
