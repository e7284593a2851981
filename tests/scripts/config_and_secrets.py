"""Arguments from the configuration, the environment and secrets."""

import os
from pathlib import Path

import dlt

Path(".dlt").mkdir(exist_ok=True)
Path(".dlt/config.toml").write_text('[sources.shop]\npage_size = 3\nregions = ["eu", "us"]\n')
Path(".dlt/secrets.toml").write_text('[sources]\napi_key = "s3cret"\n')
os.environ["SOURCES__SHOP__ORDERS__START"] = "7"


@dlt.source(section="shop")
def shop(api_key: str = dlt.secrets.value, page_size: int = dlt.config.value, regions: list = dlt.config.value):
    @dlt.resource
    def orders(start: int = dlt.config.value):
        for region in regions:
            yield [{"id": start + n, "region": region, "key_length": len(api_key)} for n in range(page_size)]

    return orders


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(shop())
assert dlt.secrets["sources.api_key"] == "s3cret"
assert dlt.config.get("sources.shop.page_size", int) == 3

# orders 6
