"""Loads issues of a GitHub repository, page by page; a token in .dlt/secrets.toml raises the limit of requests."""

import json
from urllib.request import Request, urlopen

import dlt


@dlt.source
def github(
    repository: str = "python/typing",
    access_token: dlt.TSecretStrValue | None = None,
    pages: int = 2,
    api_url: str = "https://api.github.com",
):
    """Arguments with a default may also stand in .dlt/config.toml, secrets in .dlt/secrets.toml."""

    @dlt.resource(primary_key="id", write_disposition="merge")
    def issues():
        url = f"{api_url}/repos/{repository}/issues?per_page=100&state=all"
        for _ in range(pages):
            headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
            with urlopen(Request(url, headers=headers), timeout=60) as answer:
                yield json.load(answer)
                url = next_page(answer.headers.get("Link", ""))
            if url is None:
                return

    return issues


def next_page(links: str) -> str | None:
    """The URL of the next page in a Link header."""
    for link in links.split(","):
        place, _, relation = link.partition(";")
        if 'rel="next"' in relation:
            return place.strip(" <>")
    return None


if __name__ == "__main__":
    pipeline = dlt.pipeline("github_api_pipeline", destination="duckdb", dataset_name="github_api_data")
    print(pipeline.run(github()))
