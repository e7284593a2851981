"""Names of columns and tables as they come."""

import dlt

pipeline = dlt.pipeline("My Script 1", destination=dlt.destinations.duckdb("script.duckdb"), dataset_name="data")
pipeline.run(
    [{"Customer ID": 1, "camelCase": 2, "with-dash": 3, "ÄÖ": 4, "9lives": 5, "select": 6, "a__b": 7, "": 8}],
    table_name="Big Table!",
)

# big_tablex 1
