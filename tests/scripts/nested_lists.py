"""Lists in rows become child tables, dicts become columns."""

import dlt

orders = [
    {
        "id": 1,
        "customer": {"name": "Ada", "address": {"city": "London"}},
        "lines": [{"sku": "a", "tags": ["x", "y"]}, {"sku": "b", "tags": []}],
    },
    {"id": 2, "customer": {"name": "Bo", "address": None}, "lines": [{"sku": "c", "tags": ["z"], "price": 2.5}]},
    {"id": 3, "customer": None, "lines": []},
]
pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(orders, table_name="orders")

# orders 3, orders__lines 3, orders__lines__tags 3
