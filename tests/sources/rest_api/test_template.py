"""The script that `dlt init rest_api` writes."""

from __future__ import annotations

from typing import Any

import dlt
from dlt.cli.templates.rest_api import github
from sources.naughty import Answer, Asked, Naughty

ISSUES = [{"id": 100 + n, "number": n, "updated_at": f"2025-02-{n:02}T00:00:00Z"} for n in range(1, 6)]


def repos(server: Naughty, asked: Asked) -> Any:
    """Issues in pages of two, with links; each has as many comments as its number says."""
    if asked.headers.get("Authorization") != "Bearer t0ken":
        return Answer({"message": "Bad credentials"}, 401)
    if asked.path.endswith("/comments"):
        return [{"id": f"{asked.parts[-2]}-{n}"} for n in range(int(asked.parts[-2]))]
    issues = [one for one in ISSUES if one["updated_at"] >= asked.query["since"]]
    page = int(asked.query.get("page", 1))
    link = f'<{server.url}{asked.path}?since={asked.query["since"]}&page={page + 1}>; rel="next"'
    return Answer(issues[page * 2 - 2 : page * 2], headers={"Link": link} if page * 2 < len(issues) else {})


def test_it_loads_all_and_then_only_what_is_new() -> None:
    pipeline = dlt.pipeline("github", destination="duckdb")
    with Naughty() as server:
        server.routes["repos"] = repos
        source = github(access_token="t0ken", api_url=server.url)

        pipeline.run(source)
        first: Any = pipeline.last_trace
        server.asked.clear()
        pipeline.run(github(access_token="t0ken", api_url=server.url))

        assert (first.last_normalize_info.row_counts["issues"], first.last_normalize_info.row_counts["comments"]) == (
            5,
            15,
        )
        assert server.asked[0].query["since"] == "2025-02-05T00:00:00Z"
        assert server.asked[0].query["per_page"] == "100"
