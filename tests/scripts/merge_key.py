"""A merge key replaces whole days."""

import dlt


@dlt.resource(write_disposition="merge", merge_key="day")
def days(rows):
    yield rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(days([{"day": "a", "n": 1}, {"day": "a", "n": 2}, {"day": "b", "n": 3}]))
pipeline.run(days([{"day": "a", "n": 4}]))

# days 2
