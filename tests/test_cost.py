"""What a run costs in calls of our own Python functions. Calls are counted, not seconds: a count does not flake."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dlt

PACKAGE = str(Path(dlt.__file__).parent)
WARM_RUN = 3_000
MORE_ROWS = {"flat": 150, "nested": 260}  # calls that 10,000 more rows may cost: about one batch, nothing per row


def own_calls(work: Callable[[], object]) -> Counter[str]:
    """Calls of functions of the package while `work` runs, in all threads started by it, by function."""
    calls: Counter[str] = Counter()

    def profile(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            calls[f"{code.co_filename[len(PACKAGE) :]}:{code.co_qualname}"] += 1

    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
    return calls


def flat(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": number,
            "name": f"name {number}",
            "value": number * 0.5,
            "seen_at": "2024-05-06T07:08:09Z",
            "gone": None,
        }


def nested(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "id": number,
            "user": {"name": f"name {number}", "place": {"city": "Oslo"}},
            "lines": [{"sku": "a", "parts": [1, 2]}, {"sku": "b", "parts": []}],
        }


@pytest.fixture
def pipeline(own_folder: Path) -> dlt.Pipeline:
    return dlt.pipeline(
        "cost", destination=dlt.destinations.duckdb(str(own_folder / "cost.duckdb")), dataset_name="data"
    )


@pytest.mark.parametrize("hints", [{}, {"write_disposition": "merge", "primary_key": "id"}], ids=["append", "merge"])
def test_warm_run_of_two_rows(pipeline: dlt.Pipeline, hints: dict[str, Any]) -> None:
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]
    for _ in range(2):
        pipeline.run(rows, table_name="rows", **hints)

    calls = own_calls(lambda: pipeline.run(rows, table_name="rows", **hints))

    assert 0 < calls.total() <= WARM_RUN, calls.most_common(15)


@pytest.mark.parametrize("make", [flat, nested])
def test_more_rows_cost_no_calls(pipeline: dlt.Pipeline, make: Callable[[int], Iterator[dict[str, Any]]]) -> None:
    pipeline.run(make(100), table_name="rows")

    some = own_calls(lambda: pipeline.run(make(20_000), table_name="rows"))
    more = own_calls(lambda: pipeline.run(make(100_000), table_name="rows"))

    assert some.total() > 0
    assert (more.total() - some.total()) / 8 <= MORE_ROWS[make.__name__], (more - some).most_common(15)


def test_runs_do_not_grow_dearer(pipeline: dlt.Pipeline) -> None:
    """The tenth new table costs as many calls as the third: nothing goes over all tables of the schema again."""
    counts = [
        own_calls(lambda number=number: pipeline.run([{"id": 1}], table_name=f"table_{number}")).total()
        for number in range(10)
    ]

    assert counts[9] <= counts[2] * 1.3
