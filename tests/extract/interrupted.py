"""Runs a pipeline whose resources never end, until a signal comes: `python interrupted.py KIND`."""

import asyncio
import sys
import time

import dlt
from dlt.extract import crew

kind = sys.argv[1]
if kind == "stubborn loop":
    crew.PATIENCE = 25.0


def busy():
    try:
        yield {"n": 0}
        print("busy", flush=True)
        while True:
            time.sleep(30 if kind in ("thread", "deferred", "stubborn") else 0.005)
            yield {"n": 1}
    finally:
        print("closed", flush=True)


async def waiting():
    try:
        yield {"n": 0}
        print("busy", flush=True)
        await asyncio.sleep(30)
        yield {"n": 1}
    finally:
        print("closed", flush=True)
        if kind == "stubborn loop":
            time.sleep(30)  # noqa: ASYNC251 - it does not let itself be cancelled


@dlt.defer
def deferred():
    print("busy", flush=True)
    time.sleep(30)


resources = {
    "sync": lambda: dlt.resource(busy, name="rows"),
    "thread": lambda: dlt.resource(busy, name="rows", parallelized=True),
    "deferred": lambda: dlt.resource([deferred()], name="rows"),
    "loop": lambda: dlt.resource(waiting, name="rows"),
    "stubborn loop": lambda: dlt.resource(waiting, name="rows"),
}

pipeline = dlt.pipeline("interrupted", destination="duckdb", dataset_name="data")
pipeline.run([{"n": 7}], table_name="before")
try:
    pipeline.run(resources[kind]())
except BaseException as error:
    print(type(error.__cause__ or error).__name__, flush=True)
    pipeline.run([{"n": 8}], table_name="after")
    raise SystemExit(0) from error
