"""Loads issues of a GitHub repository and their comments by a configuration; a token in .dlt/secrets.toml raises the limit of requests."""

import dlt
from dlt.sources.rest_api import rest_api_resources


@dlt.source
def github(
    repository: str = "python/typing",
    access_token: dlt.TSecretStrValue | None = None,
    since: str = "2025-01-01T00:00:00Z",
    api_url: str = "https://api.github.com",
):
    """Arguments with a default may also stand in .dlt/config.toml, secrets in .dlt/secrets.toml."""
    return rest_api_resources(
        {
            "client": {
                "base_url": f"{api_url}/repos/{repository}",
                "auth": {"token": access_token} if access_token else None,
                "paginator": "header_link",
            },
            "resource_defaults": {
                "primary_key": "id",
                "write_disposition": "merge",
                "endpoint": {"params": {"per_page": 100}},
            },
            "resources": [
                {
                    "name": "issues",
                    "endpoint": {
                        "params": {"state": "all", "sort": "updated", "direction": "asc"},
                        "incremental": {
                            "cursor_path": "updated_at",
                            "initial_value": since,
                            "start_param": "since",
                            "row_order": "asc",
                        },
                    },
                },
                {"name": "comments", "endpoint": "issues/{resources.issues.number}/comments"},
            ],
        }
    )


if __name__ == "__main__":
    pipeline = dlt.pipeline("rest_api_pipeline", destination="duckdb", dataset_name="rest_api_data")
    print(pipeline.run(github().add_limit(2)))
