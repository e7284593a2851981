"""Some resources of a source, one of them renamed, one changed by hand."""

import dlt


@dlt.source
def shop():
    for name in ("orders", "returns", "goods"):
        yield dlt.resource([{"id": 1, "of": name}], name=name)


source = shop().with_resources("orders", "goods")
assert list(source.selected_resources) == ["orders", "goods"], list(source.selected_resources)
assert sorted(source.resources) == ["goods", "orders", "returns"]
source.goods.add_map(lambda row: {**row, "new": True})
source.orders.apply_hints(table_name="all_orders", write_disposition="replace")
pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(source)
pipeline.run(source.resources["returns"].with_name("back"))

# all_orders 1, goods 1, back 1
