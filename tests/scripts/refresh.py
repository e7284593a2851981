"""Start a source anew."""

import dlt


@dlt.source
def numbers():
    @dlt.resource
    def counted():
        state = dlt.current.resource_state()
        state["n"] = state.get("n", 0) + 1
        yield {"n": state["n"]}

    return counted


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(numbers())
pipeline.run(numbers())
pipeline.run(numbers(), refresh="drop_sources")
pipeline.run(numbers())

# counted 2
