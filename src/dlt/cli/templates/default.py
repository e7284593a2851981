"""Loads rows of a Python generator: two related tables, each row once however often it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt

ORDERS = [
    {"id": 1, "customer": "Ada", "total": 20.5, "items": [{"sku": "tea", "count": 2}, {"sku": "cup", "count": 1}]},
    {"id": 2, "customer": "Alan", "total": 7.0, "items": [{"sku": "tea", "count": 1}]},
]


@dlt.source
def shop(first_id: int = 1) -> Any:
    """A source is a function that returns resources; `first_id` may also stand in .dlt/config.toml."""

    @dlt.resource(primary_key="id", write_disposition="merge")
    def orders() -> Iterator[dict[str, Any]]:
        """A resource is a generator of rows; lists in them, as `items`, become tables of their own."""
        yield from (order for order in ORDERS if order["id"] >= first_id)  # type: ignore[operator]  # ids are numbers

    return orders


if __name__ == "__main__":
    pipeline = dlt.pipeline("shop_pipeline", destination="duckdb", dataset_name="shop_data")
    print(pipeline.run(shop()))
