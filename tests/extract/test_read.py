"""Items -> batches: rows of any kind, batches of bounded size, and the garbage collector is left as it was."""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest

from dlt.extract.read import Reader
from dlt.normalize import Normalizer
from dlt.package.ledger import Ledger
from dlt.quarantine import Quarantine
from dlt.schema.schema import Schema
from loads import CAPS, Loads, table


class Broken:
    def asdict(self) -> dict[str, Any]:
        raise RuntimeError("no fields")


def test_objects_as_rows():
    loads = Loads().load(Broken(), {"id": 1}, 5, None, [2, "x"], pd.Timestamp("2024-01-01"))

    assert loads["t"] == [
        {"id": 1},
        {"value": 5},
        {"value": 2},
        {"value__v_text": "x"},
        {"value__v_timestamp": dt.datetime(2024, 1, 1)},
    ]
    assert [row["detail"] for row in loads.turned_away] == ["RuntimeError: no fields"]


def reader_of(pages: Any) -> Iterator[Any]:
    ledger = Ledger()
    quarantine = Quarantine("1", ledger)
    normalizer = Normalizer(Schema("test"), CAPS, "1", ledger, quarantine)
    reader = Reader(normalizer.table_name, normalizer.shape, ledger, quarantine)
    place = ("t", table("t"), {}, None)
    return reader.read((place, page) for page in pages)


@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_rows_that_wait_are_kept_from_the_garbage_collector(size):
    frozen = []

    def pages() -> Iterator[Any]:
        for start in range(0, 10_000, size):
            if start % 1_500 == 0:  # counting takes long
                frozen.append(gc.get_freeze_count())
            rows = [{"id": number, "l": [{}]} for number in range(start, start + size)]
            yield rows[0] if size == 1 else rows

    counted = [(batch.tables[0].rows, gc.get_freeze_count(), gc.isenabled()) for batch in reader_of(pages())]

    assert sum(rows for rows, _, _ in counted) == 10_000
    assert {(count, enabled) for _, count, enabled in counted} == {(0, True)}
    assert gc.get_freeze_count() == 0
    assert size > 1_000 or max(frozen) > 0


def test_the_garbage_collector_is_as_before_after_an_error():
    def pages() -> Iterator[Any]:
        for number in range(5_000):
            yield {"id": number}
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        list(reader_of(pages()))

    assert gc.get_freeze_count() == 0


def test_what_a_user_froze_stays_frozen():
    gc.freeze()
    before = gc.get_freeze_count()
    try:
        list(reader_of([{"id": number}] for number in range(5_000)))
        assert 0 < gc.get_freeze_count() <= before
    finally:
        gc.unfreeze()


def test_batches_grow_but_stay_small(monkeypatch):
    small = [batch.tables[0].rows for batch in reader_of({"id": number} for number in range(100_000))]
    large = [batch.tables[0].rows for batch in reader_of({"id": "x" * 20_000} for _ in range(5_000))]

    assert small[0] < small[1] < small[2]
    assert sum(small) == 100_000
    assert sum(large) == 5_000
    assert max(large) * 20_000 < 20 << 20
