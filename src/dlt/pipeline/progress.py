"""Progress of a run (`dlt.progress`): collectors get counters of the steps extract, normalize and load and show them."""

from __future__ import annotations

import logging
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

from dlt.errors import missing

if TYPE_CHECKING:
    from dlt.items import Batch
    from dlt.load.steps import Applied, Step
    from dlt.package.manifest import Manifest

__all__ = [
    "NULL_COLLECTOR",
    "AliveCollector",
    "Collector",
    "DictCollector",
    "EnlightenCollector",
    "LogCollector",
    "NullCollector",
    "RichCollector",
    "TqdmCollector",
    "alive_progress",
    "enlighten",
    "log",
    "rich",
    "tqdm",
]

WIDTH = 80


class Collector(ABC):
    """Gets the counters of a step. A collector of your own has `update`, and `_start(step)` and `_stop()` if it needs them.

    `update` is called for each batch of rows and each loaded file, never for a single row.
    """

    step = ""

    @abstractmethod
    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        """Add to a counter. total: where it will end, at its first update; inc_total: how much later that is now."""

    def _start(self, step: str) -> None:  # noqa: B027 - may be left as it is
        """A step begins."""

    def _stop(self) -> None:  # noqa: B027 - may be left as it is
        """The step has ended."""

    def __call__(self, step: str) -> Self:
        """For `with collector("Extract"):`."""
        self.step = step
        return self

    def __enter__(self) -> Self:
        self._start(self.step)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


class NullCollector(Collector):
    """Shows nothing."""

    def update(self, name: str, inc: int = 1, total: int | None = None, inc_total: int | None = None,
               message: str | None = None, label: str | None = None) -> None:  # fmt: skip
        """Nothing."""


NULL_COLLECTOR = NullCollector()


@dataclass
class Counter:
    """A counter with what it said last."""

    name: str
    total: int | None
    started: float
    count: int = 0
    message: str | None = None

    def line(self, now: float) -> str:
        """The counter as text."""
        share = f"/{self.total} ({self.count / self.total:.1%})" if self.total else " "
        took = now - self.started
        rate = self.count / took if took > 0 else 0.0
        said = f" | {self.message}" if self.message else ""
        return f"{self.name}: {self.count}{share} | Time: {took:.2f}s | Rate: {rate:.2f}/s{said}"


class _Counting(Collector):
    """Keeps counters by name and tells `_shown` of each that changed."""

    counters: dict[str, Counter]

    def _start(self, step: str) -> None:
        self.step, self.counters = step, {}

    def update(
        self,
        name: str,
        inc: int = 1,
        total: int | None = None,
        inc_total: int | None = None,
        message: str | None = None,
        label: str | None = None,
    ) -> None:
        """Add to a counter; one with a label is a counter of its own."""
        key = f"{name}_{label}" if label else name
        counter = self.counters.get(key)
        if counter is None:
            shown = f"{name} ({label})" if label else name
            counter = self.counters[key] = Counter(shown, total, time.monotonic())
        if inc_total:
            counter.total = (counter.total or 0) + inc_total
        counter.count += inc
        counter.message = message or counter.message
        self._shown(key, counter, inc)

    @abstractmethod
    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        """A counter has moved."""


class DictCollector(_Counting):
    """Keeps the counters of each step in a dict, for tests: step -> name -> count."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, int]] = {}

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        del inc
        self.steps.setdefault(self.step, {})[key] = counter.count


class LogCollector(_Counting):
    """Writes a block of text about the running step each `log_period` seconds, and when the step ends."""

    def __init__(
        self,
        log_period: float = 1.0,
        logger: logging.Logger | TextIO | str | None = "stdout",
        log_level: int = logging.INFO,
        dump_system_stats: bool = True,
    ) -> None:
        if isinstance(logger, str) and logger not in ("stdout", "dlt_logger"):
            raise ValueError(f"{logger!r} is no place for a log: give 'stdout', 'dlt_logger', a Logger or a file")
        self.log_period, self.log_level, self.dump_system_stats = log_period, log_level, dump_system_stats
        self.logger = logging.getLogger("dlt") if logger == "dlt_logger" else logger
        self.counters = {}
        self._last, self._system = 0.0, _System()

    def _start(self, step: str) -> None:
        super()._start(step)
        self._last = time.monotonic()

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        del key, counter, inc
        if time.monotonic() - self._last >= self.log_period:
            self.dump()

    def dump(self) -> None:
        """Write the block now."""
        now = self._last = time.monotonic()
        lines = [f" {self.step} ".center(WIDTH, "-"), *(one.line(now) for one in self.counters.values())]
        if self.dump_system_stats:
            lines.append(self._system.line())
        text = "\n".join(lines) + "\n"
        if isinstance(self.logger, logging.Logger):
            self.logger.log(self.log_level, text)
        else:
            stream: Any = sys.stdout if self.logger in (None, "stdout") else self.logger
            print(text, file=stream, flush=True)

    def _stop(self) -> None:
        self.dump()


class _System:
    """Memory and CPU of this process, the CPU since the last look."""

    def __init__(self) -> None:
        self.at, self.used = time.monotonic(), time.process_time()

    def line(self) -> str:
        """Both as text."""
        at, used = time.monotonic(), time.process_time()
        busy = (used - self.used) / max(at - self.at, 1e-9)
        self.at, self.used = at, used
        size = _resident()
        return f"Memory usage: {size / 1e6:.2f} MB{_share(size)} | CPU usage: {busy:.2%}"


def _share(size: int) -> str:
    """How much of the memory of the machine that is."""
    try:
        return f" ({size / (os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')):.2%})"
    except (AttributeError, ValueError):  # not known there
        return ""


def _resident() -> int:
    """Bytes of memory that this process has."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux: the most there was
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


class _Bars(_Counting):
    """A bar for each counter, or for the first one only."""

    def __init__(self, single_bar: bool = False, **options: Any) -> None:
        self.single_bar, self.options = single_bar, options
        self.counters = {}
        self.bars: dict[str, Any] = {}

    def _is_seen(self, key: str) -> bool:
        return not self.single_bar or key == next(iter(self.counters))


class TqdmCollector(_Bars):
    """Bars of the package tqdm. options: arguments of `tqdm.tqdm`."""

    def __init__(self, single_bar: bool = False, **options: Any) -> None:
        if not find_spec("tqdm"):
            raise missing('progress="tqdm"', "progress", "tqdm")
        super().__init__(single_bar, **options)

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        if not self._is_seen(key):
            return
        from tqdm.auto import tqdm

        bar = self.bars.get(key)
        if bar is None:
            name = f"{self.step}: {counter.name}" if self.single_bar else counter.name
            bar = self.bars[key] = tqdm(desc=name, total=counter.total, **{"leave": False, **self.options})
        bar.total = counter.total
        if counter.message:
            bar.set_postfix_str(counter.message)
        bar.update(inc)

    def _start(self, step: str) -> None:
        super()._start(step)
        self.bars = {}

    def _stop(self) -> None:
        for bar in self.bars.values():
            bar.close()


class EnlightenCollector(_Bars):
    """Bars of the package enlighten, with logs above them. options: arguments of `enlighten.get_manager`."""

    def __init__(self, single_bar: bool = False, **options: Any) -> None:
        if not find_spec("enlighten"):
            raise missing('progress="enlighten"', "progress", "enlighten")
        super().__init__(single_bar, **options)
        self.manager: Any = None

    def _start(self, step: str) -> None:
        import enlighten

        super()._start(step)
        self.bars, self.manager = {}, enlighten.get_manager(**self.options)
        self.manager.status_bar(step, leave=False, justify=enlighten.Justify.CENTER, fill="-")

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        if not self._is_seen(key):
            return
        bar = self.bars.get(key)
        if bar is None:
            bar = self.bars[key] = self.manager.counter(desc=counter.name, total=counter.total, leave=False)
        bar.total = counter.total
        bar.update(inc)

    def _stop(self) -> None:
        self.manager.stop()


class AliveCollector(_Bars):
    """The bar of the package alive-progress. single_bar: it counts the first counter; else all of them together.

    options: arguments of `alive_progress.alive_bar`.
    """

    def __init__(self, single_bar: bool = True, **options: Any) -> None:
        if not find_spec("alive_progress"):
            raise missing('progress="alive_progress"', "progress", "alive-progress")
        super().__init__(single_bar, **options)
        self._opened: Any = None
        self._bar: Any = None

    def _start(self, step: str) -> None:
        from alive_progress import alive_bar

        super()._start(step)
        self._opened = alive_bar(**{"title": step, "file": sys.stdout, **self.options})
        self._bar = self._opened.__enter__()

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        del counter
        if self._is_seen(key) and inc:
            self._bar(inc)
        self._bar.text(" | ".join(f"{one.name}: {one.count}" for one in self.counters.values()))

    def _stop(self) -> None:
        self._opened.__exit__(None, None, None)


class RichCollector(_Bars):
    """Bars of the package rich; what a terminal shows when rich is installed. options: arguments of `rich.progress.Progress`."""

    def __init__(self, single_bar: bool = False, **options: Any) -> None:
        if not find_spec("rich"):
            raise missing('progress="rich"', "progress", "rich")
        super().__init__(single_bar, **options)
        self._view: Any = None

    def _start(self, step: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        super()._start(step)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        options = {"transient": True, "console": Console(stderr=True), **self.options}
        self.bars, self._view = {}, Progress(*columns, **options)
        self._view.start()

    def _shown(self, key: str, counter: Counter, inc: int) -> None:
        if not self._is_seen(key):
            return
        if key not in self.bars:
            self.bars[key] = self._view.add_task(f"{self.step}: {counter.name}", total=counter.total)
        self._view.update(self.bars[key], advance=inc, total=counter.total)

    def _stop(self) -> None:
        self._view.stop()


tqdm, log, enlighten, alive_progress, rich = (
    TqdmCollector,
    LogCollector,
    EnlightenCollector,
    AliveCollector,
    RichCollector,
)
BY_NAME: dict[str, type[Collector]] = {
    "tqdm": TqdmCollector,
    "log": LogCollector,
    "enlighten": EnlightenCollector,
    "alive_progress": AliveCollector,
    "rich": RichCollector,
}


def collector_of(progress: Any) -> Collector | None:
    """The collector that a user means: by name, as an object, or None: bars of rich in a terminal, else nothing.

    ValueError for an unknown name, TypeError for another object.
    """
    if progress is None:
        return RichCollector() if sys.stderr is not None and sys.stderr.isatty() and find_spec("rich") else None
    if isinstance(progress, str):
        if progress not in BY_NAME:
            raise ValueError(f"{progress!r} is no progress collector: use one of {', '.join(BY_NAME)}")
        return BY_NAME[progress]()
    if type(progress) is NullCollector:
        return None
    if not callable(getattr(progress, "update", None)):
        raise TypeError(f"{progress!r} is no progress collector: derive it from dlt.progress.Collector")
    found: Collector = progress
    return found


# ---- what a pipeline tells a collector


def counted(batches: Iterator[Batch], count: Callable[[str, int], None]) -> Iterator[Batch]:
    """The batches; `count` is told the table and the rows of each."""
    for batch in batches:
        if batch.tables and batch.tables[0].rows:
            count(batch.table, batch.tables[0].rows)
        yield batch


def counter(collector: Collector | None) -> Callable[[str, int], None] | None:
    """What takes the rows of batches; None when nobody watches."""
    return collector.update if collector is not None else None


def show_files(collector: Collector | None, manifests: Sequence[Manifest]) -> None:
    """The files of packages that were normalised while they were extracted, and the rows in them."""
    if collector is None:
        return
    files = [file for manifest in manifests for file in manifest.files]
    collector.update("Files", 0, total=len(files))
    for file in files:
        collector.update("Files")
        collector.update(file.table, file.rows)


def _ignore(_step: Step, _applied: Applied) -> None:
    """Nobody watches."""


def step_counter(collector: Collector | None, manifest: Manifest) -> Callable[[Step, Applied], None]:
    """What is told of each step of a load."""
    if collector is None:
        return _ignore
    from dlt.load.steps import Copy

    collector.update("Jobs", 0, total=len(manifest.files))

    def count(step: Step, applied: Applied) -> None:
        if isinstance(step, Copy):
            collector.update("Jobs", len(step.files))
        for table, rows in applied.rows.items():
            collector.update(table, rows)

    return count
