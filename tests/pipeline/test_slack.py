"""Messages to Slack: those that scripts send, and those after loads. A server in the process stands for Slack."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError, RetryableError
from dlt.pipeline.slack import send_slack_message


@pytest.fixture
def slack() -> Iterator[Any]:
    """A server that takes messages: `url`, `got`, and the `status` that it answers with."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(server.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server: Any = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status, server.url = [], 200, f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_8_8_message(slack: Any) -> None:
    from dlt.common.runtime.slack import send_slack_message as old

    old(slack.url, "*done*", is_markdown=False)

    assert slack.got == [{"text": "*done*", "mrkdwn": False}]


@pytest.mark.parametrize(("status", "error"), [(404, ConfigError), (429, RetryableError), (500, RetryableError)])
def test_message_that_is_refused(slack: Any, status: int, error: type[Exception]) -> None:
    slack.status = status

    with pytest.raises(error, match=str(status)):
        send_slack_message(slack.url, "done")


def test_no_address() -> None:
    with pytest.raises(ConfigError, match="no web address"):
        send_slack_message("a channel", "done")


@pytest.mark.parametrize("status", [200, 500])
def test_8_8_load_is_told(slack: Any, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each load is told once; a message that is not taken changes nothing of the load."""
    slack.status = status
    monkeypatch.setenv("RUNTIME__SLACK_INCOMING_HOOK", slack.url)

    info = dlt.pipeline("told", destination="duckdb").run([{"id": 1}], table_name="items")

    assert info is not None
    assert len(slack.got) == 1
    assert info.loads_ids[0] in slack.got[0]["text"]
