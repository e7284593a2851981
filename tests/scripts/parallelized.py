"""Resources that are evaluated in threads, and deferred items."""

import threading

import dlt


@dlt.resource(parallelized=True)
def first():
    for number in range(20):
        yield {"id": number, "main": threading.current_thread() is threading.main_thread()}


@dlt.transformer
def looked_up(item):
    @dlt.defer
    def get():
        return {"id": item["id"], "found": item["id"] * 3}

    return get()


@dlt.source
def both():
    return first, first | looked_up


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(both())

# first 20, looked_up 20
