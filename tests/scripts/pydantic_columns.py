"""A pydantic model as columns."""

from typing import List, Optional

from pydantic import BaseModel

import dlt


class Address(BaseModel):
    city: str
    zip: Optional[str] = None


class User(BaseModel):
    id: int
    name: str
    address: Address
    tags: List[str] = []


@dlt.resource(columns=User, primary_key="id", write_disposition="merge")
def users():
    yield {"id": "1", "name": "Ada", "address": {"city": "London"}, "tags": ["x"]}
    yield User(id=2, name="Bo", address=Address(city="Oslo", zip="0150"))


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(users())

# users 2
