"""Files of several kinds: those that are new since the last run, as tables."""

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import dlt
from dlt.sources.filesystem import filesystem, read_csv, read_jsonl, read_parquet

folder = Path("inbox/sub")
folder.mkdir(parents=True)
folder.joinpath("people.csv").write_text(
    "id,name,score,at,active\n1,Ada,1.5,2024-01-02T03:04:05Z,True\n2,Bob,2,,False\n"
)
folder.joinpath("more.csv.gz").write_bytes(gzip.compress(b"id,name,score\n3,Cy,2.25\n"))
rows = [{"id": 1, "tags": ["a", "b"], "user": {"name": "x"}}, {"id": 2, "tags": [], "big": 2**40}]
folder.joinpath("events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
table = pa.table(
    {"id": [1, 2], "items": [[{"sku": "a"}], []], "small": pa.array([1, 2], pa.int64()), "text": ["x", None]}
)
pq.write_table(table, folder / "orders.parquet")
for path in folder.iterdir():
    os.utime(path, (1_700_000_000, 1_700_000_000))

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")


def load():
    people = filesystem("inbox", file_glob="**/people.csv", incremental=dlt.sources.incremental("modification_date"))
    reader = (people | read_csv()).with_name("people")
    reader.apply_hints(write_disposition="merge", primary_key="id")
    pipeline.run(reader)
    pipeline.run((filesystem("inbox", file_glob="**/*.jsonl") | read_jsonl()).with_name("events"))
    pipeline.run((filesystem("inbox", file_glob="sub/*.parquet") | read_parquet()).with_name("orders"))
    more = (filesystem("inbox", file_glob="**/*.csv.gz") | read_csv()).with_name("more")
    pipeline.run(more.add_map(lambda row: {**row, "double": row["score"] * 2}))


load()
load()

# people 2, events 4, events__tags 4, orders 4, orders__items 2, more 2
