"""Types of columns, by hints."""

import dlt


@dlt.resource(
    columns={
        "price": {"data_type": "decimal", "precision": 10, "scale": 2},
        "day": {"data_type": "date"},
        "raw": {"data_type": "json"},
        "empty": {"data_type": "bigint"},
    }
)
def prices():
    yield {"price": "12.50", "day": "2024-05-06", "raw": {"a": [1]}, "seen": "2024-05-06T07:08:09Z"}
    yield {"price": 3, "day": "2024-05-07", "raw": None}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(prices())

# prices 2
