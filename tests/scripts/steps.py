"""Extract, normalise and load one after the other, and what they say."""

import dlt

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.extract([{"id": 1, "kids": [{"a": 1}]}], table_name="parents")
assert pipeline.has_pending_data
normalized = pipeline.normalize()
assert normalized.row_counts["parents"] == 1, normalized.row_counts
assert normalized.row_counts["parents__kids"] == 1, normalized.row_counts
info = pipeline.load()
assert not info.has_failed_jobs
info.raise_on_failed_jobs()
assert not pipeline.has_pending_data
assert info.dataset_name == "data"
assert len(info.loads_ids) == 1
assert pipeline.last_trace.last_normalize_info.row_counts["parents"] == 1
assert pipeline.default_schema.tables["parents"]["columns"]["id"]["data_type"] == "bigint"

# parents 1, parents__kids 1
