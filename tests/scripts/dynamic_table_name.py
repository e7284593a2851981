"""The table name is a function of the row."""

import dlt

events = [{"type": "Push", "id": 1}, {"type": "Fork", "id": 2}, {"type": "Push", "id": 3}]


@dlt.resource(table_name=lambda event: event["type"], write_disposition="append")
def event_stream():
    yield events
    yield {"type": "watch", "id": 4}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(event_stream)

# push 2, fork 1, watch 1
