"""Upsert, given as a dict."""

import dlt

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
for rows in ([{"id": 1, "v": 1}, {"id": 2, "v": 2}], [{"id": 2, "v": 22}, {"id": 3, "v": 3}]):
    pipeline.run(
        rows,
        table_name="things",
        write_disposition={"disposition": "merge", "strategy": "upsert"},
        primary_key="id",
    )

# things 3
