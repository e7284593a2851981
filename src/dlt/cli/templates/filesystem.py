"""Loads CSV files of a folder or bucket, each file once; where they are stands in .dlt/config.toml, credentials in .dlt/secrets.toml."""

import dlt
from dlt.sources.filesystem import filesystem, read_csv


@dlt.source(name="filesystem", section="filesystem")
def files(bucket_url: str = dlt.config.value, file_glob: str = "**/*.csv"):
    """A path, or a URL such as s3://bucket/folder; there are read_jsonl, read_json and read_parquet too."""
    new = filesystem(bucket_url, file_glob=file_glob, incremental=dlt.sources.incremental("modification_date"))
    return (new | read_csv()).with_name("rows")


if __name__ == "__main__":
    pipeline = dlt.pipeline("filesystem_pipeline", destination="duckdb", dataset_name="filesystem_data")
    print(pipeline.run(files()))
