"""A local HTTP server that takes its time: it prints its port, then answers each request after the given seconds."""

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


if __name__ == "__main__":
    Slow.wait = float(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    print(server.server_address[1], flush=True)
    server.serve_forever()
