"""The state comes back from the destination when the working directory is gone."""

import dlt


@dlt.resource
def counter():
    state = dlt.current.resource_state()
    state["runs"] = state.get("runs", 0) + 1
    yield {"run": state["runs"]}


dlt.pipeline("script", destination="duckdb", dataset_name="data").run(counter())
dlt.pipeline("script", destination="duckdb", dataset_name="data").drop()
dlt.pipeline("script", destination="duckdb", dataset_name="data").run(counter())

# counter 2
