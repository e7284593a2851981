"""Replace, for all of a source and for one run."""

import dlt

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run([{"id": 1, "kids": [1, 2]}, {"id": 2, "kids": [3]}], table_name="items", write_disposition="replace")
pipeline.run([{"id": 3, "kids": []}], table_name="items", write_disposition="replace")
pipeline.run([{"id": 4, "kids": [5]}], table_name="items", write_disposition="append")

# items 2, items__kids 1
