"""A source with two resources, one of which returns a list."""

import dlt


@dlt.resource(primary_key="id", write_disposition="merge")
def users():
    yield {"id": 1, "name": "Ada"}
    yield {"id": 2, "name": "Bo"}


@dlt.resource
def cities():
    return [{"city": "London"}, {"city": "Oslo"}]


@dlt.source
def places(limit: int = 10):
    return users, cities().add_limit(limit)


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(places())
pipeline.run(places(limit=1))

# users 2, cities 3
