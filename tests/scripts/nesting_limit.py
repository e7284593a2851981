"""Nested data is kept as json below a level."""

import dlt


@dlt.source(max_table_nesting=1)
def deep():
    @dlt.resource
    def trees():
        yield {"id": 1, "kids": [{"name": "a", "kids": [{"name": "b", "kids": []}]}]}

    @dlt.resource(max_table_nesting=0)
    def flat():
        yield {"id": 1, "kids": [1, 2, 3], "more": {"x": {"y": 1}}}

    return trees, flat


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(deep())

# trees 1, trees__kids 1, flat 1
