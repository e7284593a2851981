"""Functions over items: map, filter, yield_map, limit."""

import dlt


def masked(row):
    row["name"] = row["name"][0] + "***"
    return row


def twice(row):
    yield {**row, "copy": 1}
    yield {**row, "copy": 2}


@dlt.resource
def people():
    for number in range(10):
        yield {"id": number, "name": f"person {number}"}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(people().add_map(masked).add_filter(lambda row: row["id"] % 2 == 0).add_yield_map(twice))
limited = people().add_limit(3)
limited.table_name = "limited"
pipeline.run(limited)

# people 10, limited 3
