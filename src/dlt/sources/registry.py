"""Sources by what a user gives as text: the name of one, files, a URL. Others find the sources here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlt.errors import ResourceError, UnknownSourceReference

DATABASES = re.compile(
    r"(?:postgres(?:ql)?|mysql|mariadb|sqlite|mssql|oracle|duckdb|redshift|snowflake|bigquery|cockroachdb|clickhouse)(?:\+\w+)?://"
)
FILES = re.compile(
    r"[a-z0-9]+://|.*[\\/*?\[]|.*\.(?:csv|tsv|jsonl?|ndjson|parquet)(?:\.(?:gz|bz2|xz|zstd?))?$", re.IGNORECASE
)
KNOWN = (
    'files ("data/*.csv", "s3://bucket/x.parquet", "https://host/x.json": csv, tsv, jsonl, ndjson, json, parquet), '
    'a database ("postgresql://user@host/db", "sqlite:///x.db"), or the name of a source ("module.function")'
)


def found_in_text(text: str, tables: Sequence[str] | None = None) -> list[Any]:
    """The sources and resources that a text stands for. tables: of a database. UnknownSourceReference or ResourceError when
    it is nothing known."""
    if DATABASES.match(text):
        from dlt.sources.recognise import database

        return database(text, tables)
    if tables is not None:
        raise ResourceError(
            "tables= is for databases.", value=text[:200], hint='dlt.run("postgresql://...", tables=["orders"])'
        )
    if not FILES.match(text):
        from dlt.extract.reference import SourceReference

        try:
            return [SourceReference.find(text)]
        except UnknownSourceReference:
            if not (text and Path(text).is_dir()):
                raise
    from dlt.sources.recognise import files

    return [*files(text)]
