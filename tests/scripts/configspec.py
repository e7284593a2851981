"""A configuration class of one's own, by the old names."""

import os
from typing import Optional

from dlt.common.configuration import configspec
from dlt.common.configuration.inject import with_config
from dlt.common.configuration.specs import BaseConfiguration

import dlt


@configspec
class ApiConfiguration(BaseConfiguration):
    url: str = "http://localhost"
    retries: int = 3
    token: Optional[str] = None


os.environ["API__RETRIES"] = "5"


@with_config(spec=ApiConfiguration, sections=("api",))
def settings(url: str = dlt.config.value, retries: int = dlt.config.value, token: Optional[str] = None):
    return {"url": url, "retries": retries, "token": token or "none"}


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run([settings()], table_name="settings")

# settings 1
