"""Loads a pandas frame: one table, replaced in each run."""

from __future__ import annotations

import pandas as pd

import dlt


@dlt.resource(write_disposition="replace")
def cities() -> pd.DataFrame:
    """A frame from anywhere: pd.read_csv, pd.read_excel, a notebook."""
    return pd.DataFrame(
        {"city": ["Oslo", "Lima", "Nairobi"], "founded": pd.to_datetime(["1048-01-01", "1535-01-18", "1899-05-30"])}
    )


if __name__ == "__main__":
    pipeline = dlt.pipeline("dataframe_pipeline", destination="duckdb", dataset_name="dataframe_data")
    print(pipeline.run(cities()))
