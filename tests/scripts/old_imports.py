"""Imports of the verified sources."""

from typing import Any, Iterable, Iterator

from dlt.common import Decimal, json, logger, pendulum
from dlt.common.schema.typing import TColumnSchema, TTableSchemaColumns, TWriteDisposition
from dlt.common.time import ensure_pendulum_datetime
from dlt.common.typing import DictStrAny, StrAny, TAnyDateTime, TDataItem, TDataItems
from dlt.common.utils import digest128, uniq_id

import dlt
from dlt.extract import DltResource
from dlt.sources import DltSource, incremental

columns: TTableSchemaColumns = {"amount": {"name": "amount", "data_type": "decimal"}}
disposition: TWriteDisposition = "merge"


@dlt.resource(primary_key="id", write_disposition=disposition, columns=columns)
def charges(created: incremental[int] = incremental("created", initial_value=0)) -> Iterator[TDataItem]:
    logger.info("charges")
    document: DictStrAny = json.loads(json.dumps({"id": digest128("a"), "created": 3, "amount": "2.50"}))
    document["at"] = ensure_pendulum_datetime("2024-05-06T07:08:09Z")
    document["day"] = pendulum.date(2024, 5, 6)
    yield document


@dlt.source(name="stripe")
def stripe() -> Iterable[DltResource]:
    return [charges]


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
made: DltSource = stripe()
pipeline.run(made)
assert len(uniq_id()) > 10
assert Decimal("1.5") > 1

# charges 1
