"""Loads a shop with customers, inventory and purchases: tables that share keys, each written in its own way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt


@dlt.source
def fruitshop() -> Any:
    """Three resources that are loaded together."""

    @dlt.resource(primary_key="id", write_disposition="merge")
    def customers() -> Iterator[dict[str, Any]]:
        """With merge, a customer who comes again is updated."""
        yield {"id": 1, "name": "Simon", "city": "Berlin"}
        yield {"id": 2, "name": "Violet", "city": "London"}

    @dlt.resource(primary_key="id", write_disposition="replace")
    def inventory() -> Iterator[dict[str, Any]]:
        """Replaced as a whole in each run."""
        yield {"id": 1, "name": "apple", "price": 1.5}
        yield {"id": 2, "name": "pear", "price": 1.7}

    @dlt.resource(primary_key="id", write_disposition="merge")
    def purchases() -> Iterator[dict[str, Any]]:
        """Each refers to a customer and to a fruit."""
        yield {"id": 1, "customer_id": 1, "inventory_id": 1, "quantity": 1, "date": "2024-07-01"}
        yield {"id": 2, "customer_id": 1, "inventory_id": 2, "quantity": 2, "date": "2024-07-02"}

    return customers, inventory, purchases


if __name__ == "__main__":
    pipeline = dlt.pipeline("fruitshop_pipeline", destination="duckdb", dataset_name="fruitshop_data")
    print(pipeline.run(fruitshop()))
