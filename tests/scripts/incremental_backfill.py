"""A backfill of a closed range keeps the cursor of the daily runs as it is."""

import dlt


@dlt.resource(primary_key="id")
def events(created=dlt.sources.incremental("created", initial_value=10)):
    yield [{"id": n, "created": n} for n in range(20)]


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(events())
pipeline.run(events(created=dlt.sources.incremental("created", initial_value=3, end_value=6)))
pipeline.run(events())

# events 13
