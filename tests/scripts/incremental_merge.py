"""A cursor with merge: changed rows come again and replace the old ones."""

import dlt


@dlt.resource(primary_key="id", write_disposition="merge")
def issues(rows, updated_at=dlt.sources.incremental("meta.updated", initial_value=0)):
    yield rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(issues([{"id": 1, "meta": {"updated": 5}}, {"id": 2, "meta": {"updated": 7}}]))
pipeline.run(
    issues([{"id": 1, "meta": {"updated": 9}}, {"id": 2, "meta": {"updated": 7}}, {"id": 3, "meta": {"updated": 3}}])
)
state = pipeline.state["sources"]["script"]["resources"]["issues"]["incremental"]["meta.updated"]
assert state["last_value"] == 9, state

# issues 2
