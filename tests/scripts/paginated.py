"""Pages from a function that asks again and again, with a source that takes credentials."""

import os

import dlt
from dlt.sources.credentials import ConnectionStringCredentials

os.environ["SOURCES__SCRIPT__PAGED__CREDENTIALS"] = "postgres://ada:pw@localhost:5432/db"
PAGES = {None: ([1, 2], "b"), "b": ([3], "c"), "c": ([], None)}


def get(token):
    return PAGES[token]


@dlt.source(section="script")
def paged(credentials: ConnectionStringCredentials = dlt.secrets.value):
    @dlt.resource(write_disposition="append")
    def items():
        token = None
        while True:
            rows, token = get(token)
            yield [{"id": row, "host": credentials.host, "user": credentials.username} for row in rows]
            if token is None:
                break

    return items


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(paged())

# items 3
