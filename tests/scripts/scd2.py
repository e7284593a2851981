"""Slowly changing dimension: what changes is retired, not overwritten."""

import dlt


@dlt.resource(write_disposition={"disposition": "merge", "strategy": "scd2"})
def customers(rows):
    yield rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(customers([{"id": 1, "city": "Oslo"}, {"id": 2, "city": "Rome"}]))
pipeline.run(customers([{"id": 1, "city": "Bergen"}, {"id": 2, "city": "Rome"}]))

# customers 3
