"""Loads pages of a JSON API with the standard library; the token comes from .dlt/secrets.toml."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import dlt


@dlt.resource(primary_key="id", write_disposition="merge")
def records(api_url: str = dlt.config.value, api_token: str = dlt.secrets.value, page_size: int = 100) -> Iterator[Any]:
    """Yields a page after the other, until one is empty."""
    page = 1
    while True:
        url = f"{api_url}?{urlencode({'page': page, 'per_page': page_size})}"
        with urlopen(Request(url, headers={"Authorization": f"Bearer {api_token}"}), timeout=60) as answer:
            rows = json.load(answer)
        if not rows:
            return
        yield rows
        page += 1


if __name__ == "__main__":
    pipeline = dlt.pipeline("requests_pipeline", destination="duckdb", dataset_name="requests_data")
    print(pipeline.run(records()))
