"""Loads tables of a database, those with a column `changed_at` only where they are new; its URL is in .dlt/secrets.toml."""

import dlt
from dlt.sources.sql_database import sql_database


@dlt.source(name="sql_database", section="sql_database")
def database(
    credentials: dlt.TSecretStrValue = dlt.secrets.value, tables: list[str] | None = None, cursor: str = "changed_at"
):
    """Arguments with a default may also stand in .dlt/config.toml, secrets in .dlt/secrets.toml."""
    source = sql_database(credentials, table_names=tables)
    for table in source.resources.values():
        if cursor in table.columns:
            table.apply_hints(incremental=dlt.sources.incremental(cursor), write_disposition="merge")
        else:
            table.apply_hints(write_disposition="replace")
    return source


if __name__ == "__main__":
    pipeline = dlt.pipeline("sql_database_pipeline", destination="duckdb", dataset_name="sql_database_data")
    print(pipeline.run(database()))
