"""Only what is new, by a cursor in the signature."""

import dlt

ROWS = [{"id": n, "updated_at": f"2024-01-0{n}T00:00:00Z"} for n in range(1, 6)]


@dlt.resource(primary_key="id")
def tickets(upto, updated_at=dlt.sources.incremental("updated_at", initial_value="2024-01-02T00:00:00Z")):
    yield [row for row in ROWS[:upto] if row["updated_at"] >= updated_at.last_value]


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(tickets(3))
pipeline.run(tickets(3))
pipeline.run(tickets(5))

# tickets 4
