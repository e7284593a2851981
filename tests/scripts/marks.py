"""Items that say which table they go to, and bring hints."""

import dlt


@dlt.resource
def mixed():
    yield dlt.mark.with_table_name({"id": 1}, "one")
    yield dlt.mark.with_table_name([{"id": 1}, {"id": 2}], "two")
    yield dlt.mark.with_hints(
        {"id": 7, "price": "2.50"},
        dlt.mark.make_hints(table_name="priced", columns=[{"name": "price", "data_type": "decimal"}]),
        create_table_variant=True,
    )
    yield {"id": 3}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(mixed())

# one 1, two 2, priced 1, mixed 1
