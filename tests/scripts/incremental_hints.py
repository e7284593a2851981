"""A cursor that is attached with apply_hints, and a minimum as the last value."""

import dlt


@dlt.resource
def readings(rows):
    yield from rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
for rows in ([{"t": 5}, {"t": 7}], [{"t": 9}, {"t": 4}, {"t": 6}]):
    resource = readings(rows)
    resource.apply_hints(incremental=dlt.sources.incremental("t", last_value_func=min))
    pipeline.run(resource)

# readings 3
