"""Rows that are marked as deleted go away; the newest of a key wins."""

import dlt


@dlt.resource(
    primary_key="id",
    write_disposition="merge",
    columns={"deleted": {"hard_delete": True}, "seq": {"dedup_sort": "desc"}},
)
def changes(rows):
    yield rows


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(
    changes(
        [
            {"id": 1, "seq": 2, "v": "b", "deleted": False},
            {"id": 1, "seq": 1, "v": "a", "deleted": False},
            {"id": 2, "seq": 1, "v": "x", "deleted": None},
        ]
    )
)
pipeline.run(changes([{"id": 2, "seq": 3, "v": "x", "deleted": True}, {"id": 3, "seq": 4, "v": "z", "deleted": False}]))

# changes 2
