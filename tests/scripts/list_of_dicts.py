"""A list of dicts becomes a table."""

import dlt

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
print(pipeline.run([{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}], table_name="people"))

# people 2
