"""Loads one value of each type: to see what becomes of it at a destination."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import dlt


@dlt.resource
def all_types() -> Iterator[dict[str, Any]]:
    """Types that columns can have."""
    yield {
        "text": "Ünïcode ☃",
        "int": 2**53 + 1,
        "float": 0.1,
        "bool": True,
        "decimal": Decimal("12.3400"),
        "date": date(2024, 2, 29),
        "time": time(12, 34, 56, 789),
        "timestamp": datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC),
        "uuid": uuid.uuid4(),
        "binary": b"\x00\xff",
        "nested": {"object": {"deep": 1}, "list": [1, 2, 3]},
    }


if __name__ == "__main__":
    pipeline = dlt.pipeline("debug_pipeline", destination="duckdb", dataset_name="debug_data")
    print(pipeline.run(all_types()))
