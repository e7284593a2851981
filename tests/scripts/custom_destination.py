"""A function as destination; what it got is loaded again."""

import dlt

got = []


@dlt.destination(batch_size=2)
def sink(items, table):
    got.append({"table": table["name"], "rows": len(items)})


dlt.pipeline("out", destination=sink).run([{"id": n} for n in range(5)], table_name="things")
pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(got, table_name="batches")

# batches 3
