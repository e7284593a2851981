"""A local HTTP server that takes its time: it prints its port, then answers each request after the given seconds.

With a number of pages it has as many of 100 rows, each with the URL of the next one.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROWS = 50  # of an answer


class Slow(BaseHTTPRequestHandler):
    """Answers with a page of rows as JSON, later."""

    protocol_version = "HTTP/1.1"
    wait = 0.1
    body = json.dumps([{"id": number, "name": f"name {number}"} for number in range(ROWS)]).encode()

    def do_GET(self) -> None:
        """Wait, then answer."""
        time.sleep(self.wait)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Paged(Slow):
    """Answers at once, with one of many pages."""

    disable_nagle_algorithm = True
    pages = 1
    rows = json.dumps(
        [
            {
                "page": 0,
                "id": number,
                "name": f"name {number}",
                "email": f"user-{number}@example.com",
                "score": number * 0.5,
                "active": number % 2 == 0,
                "created_at": f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}T00:00:00Z",
                "address": {"city": "Utrecht", "street": f"street {number}"},
                "country": None if number % 3 else "NL",
            }
            for number in range(100)
        ]
    )

    def do_GET(self) -> None:
        """The rows of the page, and the URL of the next one."""
        page = int(self.path.rpartition("=")[2] or 0) if "=" in self.path else 0
        following = f'"/rows?page={page + 1}"' if page + 1 < self.pages else "null"
        rows = self.rows.replace('"page": 0', f'"page": {page}')
        self.body = f'{{"data": {rows}, "next": {following}}}'.encode()
        super().do_GET()


if __name__ == "__main__":
    Slow.wait, Paged.pages = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Paged if Paged.pages else Slow)
    print(server.server_address[1], flush=True)
    server.serve_forever()
