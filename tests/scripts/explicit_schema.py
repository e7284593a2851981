"""A schema that is made by hand, and nested hints."""

import dlt

schema = dlt.Schema("mine")
schema.update_table({"name": "docs", "columns": {"id": {"name": "id", "data_type": "text"}}})


@dlt.resource(nested_hints={"lines": dlt.mark.make_nested_hints(columns=[{"name": "price", "data_type": "double"}])})
def docs():
    yield {"id": 7, "lines": [{"price": 3}, {"price": 4}]}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(docs(), schema=schema)
assert pipeline.default_schema_name == "mine"
assert pipeline.schemas["mine"].tables["docs"]["columns"]["id"]["data_type"] == "text"

# docs 1, docs__lines 2
