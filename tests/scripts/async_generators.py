"""Async generators and coroutines."""

import asyncio

import dlt


@dlt.resource
async def pages():
    for number in range(3):
        await asyncio.sleep(0.01)
        yield [{"page": number, "row": row} for row in range(2)]


@dlt.transformer
async def doubled(rows):
    await asyncio.sleep(0.01)
    return [{"double": row["row"] * 2} for row in rows]


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(pages())
pipeline.run(pages | doubled)

# pages 6, doubled 6
