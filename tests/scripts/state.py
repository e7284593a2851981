"""State of a resource and of a source."""

import dlt


@dlt.source
def counted():
    @dlt.resource
    def counter():
        state = dlt.current.resource_state()
        seen = state.setdefault("seen", [])
        seen.append(len(seen))
        shared = dlt.current.source_state().setdefault("total", {"n": 0})
        shared["n"] += 10
        yield {"runs": len(seen), "total": shared["n"]}

    return counter


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
for _ in range(3):
    pipeline.run(counted())

# counter 3
