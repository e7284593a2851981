"""A REST API by configuration: pages, children with pages of their own, bodies, a cursor, steps."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import dlt
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source

USERS = [{"id": n, "name": f"user {n}", "team": {"id": n % 2}, "at": f"2024-05-0{n}"} for n in range(1, 6)]


class Api(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
        parts = url.path.strip("/").split("/")
        rows = [user for user in USERS if user["at"] >= query.get("since", "")]
        if parts[0] == "search":
            rows = [{"by": body["id"], "found": [user["name"] for user in USERS if user["id"] == body["id"]]}]
        elif len(parts) == 3:
            rows = [{"number": n, "tags": ["a", "b"]} for n in range(int(parts[1]))]
        elif len(parts) == 2:
            self.answer({"id": int(parts[1]), "detail": True}, 404 if parts[1] == "3" else 200)
            return
        start = int(query.get("offset", 0))
        self.answer({"data": rows[start : start + 2], "total": len(rows)})

    do_POST = do_GET

    def answer(self, value, status=200):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
threading.Thread(target=server.serve_forever, daemon=True).start()

config: RESTAPIConfig = {
    "client": {
        "base_url": f"http://127.0.0.1:{server.server_port}/",
        "paginator": {"type": "offset", "limit": 2},
        "auth": {"type": "bearer", "token": "t"},
    },
    "resource_defaults": {"primary_key": "id", "write_disposition": "merge", "endpoint": {"params": {"x": 1}}},
    "resources": [
        {
            "name": "users",
            "endpoint": {
                "path": "users",
                "incremental": {"cursor_path": "at", "initial_value": "2024-05-02", "start_param": "since"},
            },
            "processing_steps": [{"map": lambda row: {**row, "seen": True}}, {"filter": lambda row: row["id"] != 5}],
        },
        {
            "name": "posts",
            "primary_key": ["_users_id", "number"],
            "endpoint": "users/{resources.users.id}/posts",
            "include_from_parent": ["id", "team"],
        },
        {
            "name": "details",
            "endpoint": {
                "path": "users/{resources.users.id}",
                "response_actions": [{"status_code": 404, "action": "ignore"}],
            },
        },
        {
            "name": "searches",
            "write_disposition": "append",
            "primary_key": "by",
            "endpoint": {
                "path": "search",
                "method": "POST",
                "json": {"id": "{resources.users.id}"},
                "data_selector": "data",
                "paginator": "single_page",
            },
        },
    ],
}
pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run(rest_api_source(config))
pipeline.run(rest_api_source(config))

# users 3, posts 9, posts__tags 18, details 2, searches 3, searches__found 3
