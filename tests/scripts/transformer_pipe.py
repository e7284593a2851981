"""Details of each item by a transformer, with the pipe operator."""

import dlt


@dlt.resource
def pokemon():
    yield [{"name": "a"}, {"name": "b"}]
    yield {"name": "c"}


@dlt.transformer
def details(items):
    for item in items if isinstance(items, list) else [items]:
        yield {"name": item["name"], "length": len(item["name"])}


@dlt.transformer(table_name="upper")
def shout(item, mark: str = "!"):
    return {"text": item["name"].upper() + mark}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run([pokemon | details | shout(mark="?")])
pipeline.run(pokemon | details)

# upper 3, details 3
