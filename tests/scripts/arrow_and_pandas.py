"""Frames and Arrow tables, with a cursor over them."""

import pandas as pd
import pyarrow as pa

import dlt


@dlt.resource(primary_key="id")
def measured(upto, cursor=dlt.sources.incremental("t")):
    yield pa.table({"id": list(range(upto)), "t": list(range(upto))})


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]}), table_name="frame")
pipeline.run(measured(3))
pipeline.run(measured(5))

# frame 3, measured 5
