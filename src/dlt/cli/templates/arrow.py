"""Loads Arrow tables: the types of their columns are kept, and no row passes through Python."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

import dlt


@dlt.resource(primary_key="id", write_disposition="append")
def measurements(batches: int = 3) -> Iterator[pa.Table]:
    """A resource may yield tables instead of rows, one after the other."""
    for batch in range(batches):
        ids = range(batch * 1000, (batch + 1) * 1000)
        yield pa.table({"id": pa.array(ids), "value": pa.array([number / 7 for number in ids])})


if __name__ == "__main__":
    pipeline = dlt.pipeline("arrow_pipeline", destination="duckdb", dataset_name="arrow_data")
    print(pipeline.run(measurements()))
