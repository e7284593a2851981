"""A script as users write it, with the annotations of dlt 1.31."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dlt
from dlt.common import json, logger, pendulum
from dlt.common.configuration.specs import BaseConfiguration, ConnectionStringCredentials
from dlt.common.pipeline import LoadInfo
from dlt.common.schema.typing import TTableSchemaColumns
from dlt.common.typing import DictStrAny, StrAny, TDataItem, TDataItems
from dlt.common.utils import chunks, uniq_id
from dlt.extract.items import DataItemWithMeta
from dlt.pipeline.exceptions import PipelineStepFailed
from dlt.pipeline.helpers import retry_load
from dlt.sources import DltResource, DltSource
from dlt.sources.credentials import AwsCredentials

COLUMNS: TTableSchemaColumns = {"id": {"name": "id", "data_type": "bigint", "nullable": False}}


def rows(since: str, credentials: ConnectionStringCredentials) -> Iterator[TDataItems]:
    """Rows of a made-up database."""
    moment = pendulum.from_format(since, "YYYY-MM-DD").isoformat()
    for page in chunks(range(10), 4):
        yield [{"id": number, "at": moment, "host": credentials.host, "key": uniq_id(8)} for number in page]


def marked(item: TDataItem) -> DataItemWithMeta:
    """The item for a table of its own."""
    return dlt.mark.with_table_name(item, "other")


def main(
    options: StrAny, more: DictStrAny, config: type[BaseConfiguration], aws: type[AwsCredentials]
) -> LoadInfo | None:
    """Load it."""
    pipeline: dlt.Pipeline = dlt.pipeline("typed", destination="duckdb", dataset_name="typed_data", dev_mode=True)
    resource: DltResource = dlt.resource([{"id": 1}], name="typed", columns=COLUMNS)
    kept: dict[str, Any] = {**options, **more, "config": config.__name__, "aws": aws.__name__}
    try:
        info = pipeline.run(resource, write_disposition="append")
    except PipelineStepFailed as error:
        logger.error("%s", error.step)
        if retry_load(("load",))(error):
            return pipeline.run(resource)
        raise
    logger.info("%s %s", json.dumps(kept), info)
    return info


def names_of(source: DltSource) -> list[str]:
    """The names of the resources."""
    return list(source.resources)


if __name__ == "__main__":
    main({}, {}, BaseConfiguration, AwsCredentials)
