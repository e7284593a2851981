"""Files in a folder, read back with DuckDB."""

import duckdb

import dlt

bucket = dlt.destinations.filesystem("bucket")
pipeline = dlt.pipeline("out", destination=bucket, dataset_name="lake")
pipeline.run([{"id": 1, "tags": ["a"]}, {"id": 2, "tags": []}], table_name="docs", loader_file_format="parquet")
pipeline.run([{"id": 3, "tags": ["b", "c"]}], table_name="docs", loader_file_format="parquet")
rows = duckdb.sql("SELECT id FROM 'bucket/lake/docs/*.parquet' ORDER BY id").fetchall()
dlt.pipeline("script", destination="duckdb", dataset_name="data").run(
    [{"id": row[0]} for row in rows], table_name="read"
)

# read 3
