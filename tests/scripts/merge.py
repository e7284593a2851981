"""Merge by a primary key, with child tables."""

import dlt


@dlt.resource(primary_key="id", write_disposition="merge")
def docs(rows):
    yield rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(docs([{"id": 1, "v": "old", "tags": ["a", "b"]}, {"id": 2, "v": "kept", "tags": ["c"]}]))
pipeline.run(docs([{"id": 1, "v": "new", "tags": ["d"]}, {"id": 3, "v": "more", "tags": []}]))

# docs 3, docs__tags 2
