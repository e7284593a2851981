"""Kills real processes in the middle of runs, starts them again and compares what is there with an unbroken run.

A program of its own, so that the process that forks has no threads: libraries are imported once, each run is a forked
child. `python crash_script.py FOLDER append,replace calls 0 1` kills before every call that changes something, `... append calls
3 8` before every eighth from the fourth on, `... append lines 25 1` at 25 lines of our code that chance 1 chooses, and
`... append time 25 1` from outside at 25 moments. A last argument `12` kills in the first and in the second run.
"""

from __future__ import annotations

import builtins
import importlib
import io
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import duckdb

import dlt
from dlt.pipeline.sync import stored_state

PACKAGE = str(Path(dlt.__file__).parent)
READY = 5  # rows that the source has for each round
Row = dict[str, Any]


# ---- what the runs do


def numbers(until: int) -> Iterator[Row]:
    """New rows since the last run, by a cursor in the state of the resource."""
    state = dlt.current.resource_state()
    for number in range(state.get("last", 0) + 1, until + 1):
        yield {"number": number, "name": f"n{number}", "lines": [{"sku": f"s{n}"} for n in range(number % 3)]}
        state["last"] = number


def keyed(until: int) -> Iterator[Row]:
    """The same as changes of few keys, so that a merge has rows to update."""
    for row in numbers(until):
        yield {**row, "id": row["number"] % 4}


@dlt.source(name="books")
def source(until: int, disposition: Any, merges: bool) -> Any:
    """A resource with the disposition in question, and one that appends: they must never be seen apart."""
    made = dlt.resource(numbers, name="numbers", write_disposition="append")(until)
    hints: dict[str, Any] = {"primary_key": "id"} if merges else {}
    if disposition == "append":
        return [made]
    if merges:
        return [dlt.resource(keyed, name="keyed", write_disposition=disposition, **hints)(until), made]
    rows = [{"id": n % 7, "value": n, "lines": [{"sku": n}]} for n in range(until // 2, until)]
    return [dlt.resource(rows, name="snapshot", write_disposition=disposition), made]


def run(pipeline: dlt.Pipeline, until: int, disposition: Any = "append", *, merges: bool = False) -> None:
    pipeline.run(source(until, disposition, merges))


def run_scd2(pipeline: dlt.Pipeline, until: int) -> None:
    rows = [{"id": n, "value": until if n % 2 else 0, "lines": [{"sku": n}]} for n in range(until // 5, until // 5 + 4)]
    strategy = {"disposition": "merge", "strategy": "scd2"}
    pipeline.run(
        [
            dlt.resource(rows, name="history", write_disposition=strategy),
            dlt.resource(numbers, name="numbers", write_disposition="append")(until),
        ]
    )


def run_sources(pipeline: dlt.Pipeline, until: int) -> None:
    """Two sources: two packages, each with its own state."""

    @dlt.source(name="first")
    def first() -> Any:
        return dlt.resource(numbers, name="first_numbers")(until)

    @dlt.source(name="second")
    def second() -> Any:
        return dlt.resource(numbers, name="second_numbers")(until)

    pipeline.run([first(), second()])


def run_steps(pipeline: dlt.Pipeline, until: int) -> None:
    pipeline.extract(source(until, "append", False))
    pipeline.normalize()
    pipeline.load()


def run_after_abort(pipeline: dlt.Pipeline, until: int) -> None:
    """Packages that were given up leave no trace: their rows come again."""
    pipeline.abort_packages()
    pipeline.extract(source(until - 3, "append", False))
    pipeline.extract(source(until, "append", False))
    pipeline.normalize()
    pipeline.abort_packages()
    pipeline.run(source(until, "append", False))


@dataclass(frozen=True)
class Scenario:
    """A kind of run. atomic: each run is one load, which is seen as a whole or not at all."""

    work: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    merges: bool = False
    destination: str = "duckdb"
    atomic: bool = True

    def pipeline(self, folder: Path) -> dlt.Pipeline:
        place = folder / "bucket" if self.destination == "filesystem" else folder / "books.duckdb"
        made = getattr(dlt.destinations, self.destination)(str(place))
        return dlt.pipeline("books", pipelines_dir=folder / "pipelines", destination=made, dataset_name="data")

    def opened(self, folder: Path) -> Any:
        """Keeps the database open within a block, so that it is not read again for each session."""
        if self.destination != "duckdb":
            return nullcontext()
        return duckdb.connect(str(folder / "books.duckdb"))

    def run(self, folder: Path, turn: int) -> None:
        options = {"merges": True} if self.merges else {}
        self.work(self.pipeline(folder), turn * READY, *self.arguments, **options)


SCENARIOS = {
    "append": Scenario(run),
    "replace": Scenario(run, ("replace",)),
    "delete-insert": Scenario(run, ({"disposition": "merge", "strategy": "delete-insert"},), merges=True),
    "upsert": Scenario(run, ({"disposition": "merge", "strategy": "upsert"},), merges=True),
    "scd2": Scenario(run_scd2),
    "sources": Scenario(run_sources, atomic=False),
    "steps": Scenario(run_steps),
    "abort": Scenario(run_after_abort),
    "files-append": Scenario(run, destination="filesystem", atomic=False),
    "files-replace": Scenario(run, ("replace",), destination="filesystem", atomic=False),
}


# ---- what is there afterwards


def content(pipeline: dlt.Pipeline) -> dict[str, Any]:
    """The tables as sets of rows without what differs between runs: nested rows show their parent's key."""
    schemas = list(pipeline.schemas.values())
    tables: dict[str, list[Row]] = {}
    with pipeline.session() as session:
        for name in sorted({table.name for schema in schemas for table in schema.all_tables} | {"_dlt_loads"}):
            tables[name] = session.read(name).read_all().to_pylist()
    owner: dict[str, Row] = {row["_dlt_id"]: row for rows in tables.values() for row in rows if "_dlt_id" in row}
    loads = {row["load_id"] for row in tables["_dlt_loads"]}
    out: dict[str, Any] = {}
    for name, rows in tables.items():
        if name.startswith("_dlt"):
            continue
        shown: Counter[str] = Counter()
        for row in rows:
            kept = {key: value for key, value in row.items() if not key.startswith("_dlt") and value is not None}
            if "_dlt_parent_id" in row:
                parent = owner.get(row["_dlt_parent_id"], {"number": "no parent"})
                kept = {**kept, "of": parent.get("number", parent.get("id")), "at": row["_dlt_list_idx"]}
            if "_dlt_load_id" in row and row["_dlt_load_id"] not in loads:
                kept["of load"] = "unknown"
            if "_dlt_valid_from" in row:
                kept["open"] = row["_dlt_valid_to"] is None
            shown[json.dumps(kept, sort_keys=True, default=str)] += 1
        out[name] = dict(sorted(shown.items()))
    return {name: rows for name, rows in out.items() if rows}


def problems(pipeline: dlt.Pipeline) -> list[str]:
    """What is not as it has to be after a run that ended well."""
    found: list[str] = []
    with pipeline.session() as session:
        loads = [row["load_id"] for row in session.read("_dlt_loads").read_all().to_pylist()]
        stored = stored_state(session, "books")
        last = {name: session.read(name).read_all() for name in ("numbers", "first_numbers", "second_numbers")}
    remote = stored.state if stored else {}
    packages = pipeline.workdir.packages
    manifests = [packages.read(load_id) for load_id in pipeline.list_completed_load_packages()]
    loaded = [one for one in manifests if one.stage == "loaded"]
    if Counter(loads) != Counter(one.load_id for one in loaded):
        found.append(f"_dlt_loads has {sorted(loads)}, the packages are {[one.load_id for one in loaded]}")
    for one in loaded:
        for table, row in one.ledger.rows.items():
            if row["extracted"] != row["filtered"] + row["quarantined"] + row["written"]:
                found.append(f"books of {table}: {row}")
            if row["written"] != row["loaded"] + row["merged"]:
                found.append(f"books of {table}: {row}")
    if remote.get("sources") != pipeline.state.get("sources"):
        found.append(f"state here {pipeline.state.get('sources')}, there {remote.get('sources')}")
    for name, table in last.items():
        if table.num_rows:
            highest = max(table["number"].to_pylist())
            states = [s["resources"].get(name, {}).get("last") for s in remote.get("sources", {}).values()]
            if highest not in states:
                found.append(f"{name} goes to {highest}, the state says {states}")
    if pipeline.has_pending_data or pipeline.list_failed_load_packages():
        found.append("packages are left")
    if pipeline.first_run:
        found.append("first_run is still true")
    folder = packages.folder
    names = ("manifest.json", "schema.json")
    found += [f"left: {path}" for path in folder.glob("loaded/*/*") if path.name not in names]
    found += [f"left: {path}" for path in folder.glob("*/*") if path.parent.name != "loaded"]
    return found


# ---- where a process is killed


class Trap:
    """Kills this process at the n-th time that something is about to change. None: only counts."""

    def __init__(self, number: int | None) -> None:
        self.number, self.count, self.where = number, 0, ""

    def point(self, where: str) -> None:
        self.count += 1
        if self.count == self.number:
            os.write(2, f"killed at {where}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str, only: Callable[..., bool] = lambda *_a, **_k: True) -> None:
        call = getattr(owner, name)

        @wraps(call)
        def trapped(*args: Any, **kwargs: Any) -> Any:
            if not only(*args, **kwargs):
                return call(*args, **kwargs)
            what = f"{getattr(owner, '__name__', owner)}.{name}{args[:3]!r:.200}"
            self.point(what)
            return call(*args, **kwargs)

        setattr(owner, name, trapped)

    def calls(self) -> None:
        """Stop at calls that change files or the destination."""
        from dlt.sql.drivers import DuckDBDriver
        from dlt.sql.session import SqlSession

        for name in ("rename", "replace", "link", "unlink", "rmdir", "mkdir"):
            self.around(os, name)
        for owner in (builtins, io):
            self.around(owner, "open", lambda _f, mode="r", *_a, **_k: not set(mode).isdisjoint("wax+"))
        self.around(SqlSession, "apply")
        for name in ("execute", "query", "copy"):
            self.around(DuckDBDriver, name)

    def lines(self) -> None:
        """Stop at lines of our own code."""

        def line(frame: Any, event: str, _: Any) -> Any:
            if event == "line":
                self.point(f"{frame.f_code.co_filename[len(PACKAGE) :]}:{frame.f_lineno}")
            return line

        def call(frame: Any, _event: str, _: Any) -> Any:
            return line if frame.f_code.co_filename.startswith(PACKAGE) else None

        sys.settrace(call)


# ---- processes


def in_child(work: Callable[[], Any], kill_after: float | None = None) -> tuple[int, Any, str]:
    """Run work in a forked process. Returns its signal (0: it ended), its result, and its last words."""
    results, errors = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(errors[1], 2)
        for end in (*results, *errors):
            if end != results[1]:
                os.close(end)
        code = 0
        try:
            data = json.dumps(work()).encode()
            with os.fdopen(results[1], "wb") as out:
                out.write(data)
        except BaseException:
            os.write(2, traceback.format_exc().encode())
            code = 1
        os._exit(code)
    os.close(results[1])
    os.close(errors[1])
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(results[0], "rb") as out, os.fdopen(errors[0], "rb") as err:
        data, words = out.read(), err.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status), None, words.strip()
    if os.WEXITSTATUS(status):
        raise AssertionError(words)
    return 0, json.loads(data), words.strip()


def warm_up(scenario: Scenario, folder: Path) -> None:
    """Import in this process what a run imports, so that its children need not."""

    def work() -> list[str]:
        before = set(sys.modules)
        for turn in (1, 2):
            scenario.run(folder, turn)
        problems(scenario.pipeline(folder))
        return [name for name in sys.modules if name not in before]

    for name in in_child(work)[1]:
        importlib.import_module(name)
    shutil.rmtree(folder)


class Checker:
    """Kills the run of one turn in many places. turn 1: the first run ever; turn 2: one with data already there."""

    def __init__(self, scenario: Scenario, folder: Path, turn: int) -> None:
        self.scenario, self.turn = scenario, turn
        self.template, self.folder = folder / "template", folder / "run"
        self.template.mkdir(parents=True)
        for number in range(1, turn):
            self._child(lambda number=number: scenario.run(self.template, number))
        self.before = self._child(lambda: content(scenario.pipeline(self.template)))
        self._restore()
        self.seconds = self._child(lambda: self._timed(turn))
        self.after = self._child(lambda: content(scenario.pipeline(self.folder)))
        self.end = self._child(lambda: self._next(turn + 1))
        if self.end["problems"]:
            raise AssertionError(f"the unbroken run is not right: {self.end['problems']}")

    def _child(self, work: Callable[[], Any]) -> Any:
        return in_child(work)[1]

    def _restore(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.template, self.folder, copy_function=shutil.copyfile)

    def _timed(self, turn: int) -> float:
        started = time.perf_counter()
        self.scenario.run(self.folder, turn)
        return time.perf_counter() - started

    def _next(self, turn: int) -> dict[str, Any]:
        self.scenario.run(self.folder, turn)
        pipeline = self.scenario.pipeline(self.folder)
        return {"content": content(pipeline), "problems": problems(pipeline)}

    def _again(self) -> dict[str, Any]:
        """After the kill: what is seen at once, after the run was started again, and after one more run."""
        with self.scenario.opened(self.folder):
            seen = content(self.scenario.pipeline(self.folder)) if self.scenario.atomic else None
            self.scenario.run(self.folder, self.turn)
            pipeline = self.scenario.pipeline(self.folder)
            again = {"content": content(pipeline), "problems": problems(pipeline)}
            return {"seen": seen, "again": again, "end": self._next(self.turn + 1)}

    def kill(self, set_trap: Callable[[Trap], None], number: int | None) -> tuple[int, str, list[str]]:
        """Kill at one place. Returns how many places there were (0: it was killed), where it was, and what is wrong."""
        self._restore()

        def work() -> int:
            trap = Trap(number)
            set_trap(trap)
            self.scenario.run(self.folder, self.turn)
            sys.settrace(None)
            return trap.count

        signalled, count, where = in_child(work)
        return (0, where, self.check()) if signalled else (count, where, [])

    def kill_after(self, seconds: float) -> tuple[str, list[str]]:
        """Kill from outside at any moment."""
        self._restore()
        signalled, _, _ = in_child(lambda: self.scenario.run(self.folder, self.turn), seconds)
        return f"{'killed' if signalled else 'ended'} after {seconds:.4f} s", self.check()

    def check(self) -> list[str]:
        try:
            found = self._child(self._again)
        except AssertionError as error:
            return [str(error)]
        wrong = [*found["again"]["problems"], *found["end"]["problems"]]
        if self.scenario.atomic and found["seen"] not in (self.before, self.after):
            wrong.append(f"half a load was seen: {found['seen']}")
        for name, expected in (("again", self.after), ("end", self.end["content"])):
            if found[name]["content"] != expected:
                wrong.append(f"{name}: {found[name]['content']} instead of {expected}")
        return wrong


def places(checker: Checker, kind: str, first: int, step: int) -> Iterator[tuple[str, list[str]]]:
    """Kill at every `step`-th call from the `first` one on; or at `first` lines, or moments, chosen by chance."""
    chance = random.Random(step)
    if kind == "time":
        for _ in range(first):
            yield checker.kill_after(chance.uniform(0, checker.seconds * 1.2))
        return
    set_trap = Trap.calls if kind == "calls" else Trap.lines
    total, _, _ = checker.kill(set_trap, None)
    if kind == "calls":
        numbers = range(1 + first, total + 1, step)
    else:
        numbers = sorted(chance.sample(range(1, total + 1), first))
    for number in numbers:
        left, where, wrong = checker.kill(set_trap, number)
        if left:
            wrong = [f"the run ended unbroken before place {number} of {total}"]
        yield f"{number}/{total} {where}", wrong


def sabotage() -> None:
    """Break the library, to see that this program notices: a load that is there already is loaded again."""
    import dlt.load.run

    dlt.load.run._committed = lambda *_args: None


def main(folder: str, names: str, kind: str, first: str, step: str, turns: str = "12", mode: str = "") -> None:
    """Print as JSON how many processes were killed and what went wrong where."""
    killed, wrong = 0, []
    if mode == "sabotage":
        sabotage()
    for name in names.split(","):
        warm_up(SCENARIOS[name], Path(folder) / "first")
        for turn in map(int, turns):
            checker = Checker(SCENARIOS[name], Path(folder) / f"{name}-{kind}-{turn}", turn)
            for where, found in places(checker, kind, int(first), int(step)):
                killed += 1
                if found:
                    wrong.append({"scenario": name, "turn": turn, "where": where, "wrong": found})
    print(json.dumps({"killed": killed, "wrong": wrong}))


if __name__ == "__main__":
    main(*sys.argv[1:])
