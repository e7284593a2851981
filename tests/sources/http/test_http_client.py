"""11.1, requests: what is sent again and when, what the last answer is, bodies that are cut, settings, threads."""

from __future__ import annotations

import copy
import inspect
import io
import json
import pickle
import subprocess
import sys
import threading
import zlib
from datetime import timedelta
from types import SimpleNamespace

import pytest
import requests as plain
from dlt.common.configuration.specs import RuntimeConfiguration
from dlt.sources.helpers import requests
from dlt.sources.helpers.requests import Client, Session

from sources.naughty import Answer, Naughty

CUT = ["cut", "cut_chunked", "too_long", "gzip_cut"]
EVERY_TIME = [1, 2, 4, 8]


@pytest.mark.parametrize(
    ("query", "status", "expected"),
    [
        ("", 200, []),
        ("fault=500", 200, [1]),
        ("fault=503&times=3", 200, [1, 2, 4]),
        ("fault=503&times=0", 503, EVERY_TIME),
        ("fault=429", 200, [1]),  # as the server asks
        ("fault=429&times=4", 200, [1, 1, 1, 1]),
        ("fault=429_bare&times=2", 200, [1, 2]),
        ("fault=429_odd&times=2", 200, [1, 2]),
        ("fault=429_date", 200, [pytest.approx(7, abs=2)]),
        ("fault=404&times=0", 404, []),
        ("fault=400&times=0", 400, []),
        ("fault=chunked&times=0", 200, []),
        ("fault=slow&times=0", 200, []),
        ("fault=gzip&times=0", 200, []),
        *((f"fault={fault}", 200, [1]) for fault in [*CUT, "drop"]),
    ],
)
def test_11_1_attempts(server, waits, query, status, expected):
    response = Client(raise_for_status=False).get(f"{server.url}/rows?{query}")

    assert response.status_code == status
    assert waits == expected
    assert len(server.asked) == len(expected) + 1
    if status == 200:
        assert response.json() == server.rows


@pytest.mark.parametrize("fault", CUT)
def test_11_1_a_body_that_is_always_cut_is_an_error(server, waits, fault):
    with pytest.raises(requests.ChunkedEncodingError):
        requests.get(f"{server.url}/rows?fault={fault}&times=0")
    assert waits == EVERY_TIME


@pytest.mark.parametrize("fault", CUT)
def test_11_1_a_body_that_is_cut_is_noticed_while_it_is_streamed(server, fault):
    with (
        requests.get(f"{server.url}/rows?fault={fault}&times=0", stream=True) as response,
        pytest.raises(requests.ChunkedEncodingError),
    ):
        list(response.iter_content(100))


@pytest.mark.parametrize("fault", ["gzip", "chunked", "slow"])
def test_11_1_streaming(server, fault):
    with requests.get(f"{server.url}/rows?fault={fault}&times=0", stream=True) as response:
        assert b"".join(response.iter_content(7)) == plain.get(f"{server.url}/rows", timeout=5).content


def test_11_1_nothing_follows_the_end_of_an_archive(server):
    """Bytes after the end of an archive, and archives one after the other, are no cut body."""
    import gzip

    one, other = gzip.compress(b"[1,"), gzip.compress(b"2]")
    server.routes["two"] = lambda *_: Answer(one + other, headers={"Content-Encoding": "gzip"})
    server.routes["more"] = lambda *_: Answer(gzip.compress(b"[3]") + b"\0\0", headers={"Content-Encoding": "gzip"})
    server.routes["none"] = lambda *_: Answer(b"", headers={"Content-Encoding": "gzip"})

    assert requests.get(f"{server.url}/two").json() == [1, 2]
    assert requests.get(f"{server.url}/more").json() == [3]
    assert requests.get(f"{server.url}/none").content == b""
    assert requests.head(f"{server.url}/two").status_code == 200


@pytest.mark.parametrize("bits", [zlib.MAX_WBITS, -zlib.MAX_WBITS], ids=["zlib", "raw"])
def test_11_1_deflated_bodies(server, bits):
    packed = zlib.compress(json.dumps(server.rows).encode(), wbits=bits)
    server.routes["packed"] = lambda _, asked: Answer(
        packed[: int(asked.query["keep"])], headers={"Content-Encoding": "deflate"}
    )
    assert requests.get(f"{server.url}/packed?keep={len(packed)}").json() == server.rows
    with pytest.raises(requests.ChunkedEncodingError, match="has no end"):
        requests.get(f"{server.url}/packed?keep={len(packed) // 2}")


def test_11_1_what_is_too_long_does_not_reach_the_next_response(server):
    """More bytes than Content-Length says, on a connection that stays open."""
    server.routes["long"] = lambda *_: Answer(b"[1, 2]HTTP/1.1 200 OK", length=6)
    for _ in range(5):
        assert requests.get(f"{server.url}/long").json() == [1, 2]
        assert requests.get(f"{server.url}/rows").json() == server.rows


def test_11_1_the_last_error_is_raised(server, waits):
    with pytest.raises(requests.ConnectionError, match="Remote end closed"):
        requests.get(f"{server.url}/rows?fault=drop&times=0")
    assert waits == EVERY_TIME
    with pytest.raises(requests.HTTPError, match="503 Server Error") as caught:
        requests.get(f"{server.url}/rows?fault=503&times=0")
    assert caught.value.response.status_code == 503


def test_11_1_a_server_that_is_stuck(server, waits):
    assert requests.get(f"{server.url}/rows?fault=stuck", timeout=0.2).json() == server.rows
    assert waits == [1]
    with pytest.raises(requests.ConnectionError, match="timed out"):
        Client(request_timeout=0.1, request_max_attempts=1).get(f"{server.url}/rows?fault=stuck&times=0&again=1")


@pytest.mark.parametrize(
    ("header", "respect", "expected"),
    [
        ("1000", True, 300),
        ("7", True, 7),
        ("7", False, 1),
        ("0", True, 1),
        ("-3", True, 1),
        ("Wed, 21 Oct 2015 07:28:00 GMT", True, 1),
        ("", True, 1),
    ],
)
def test_11_1_retry_after(server, waits, header, respect, expected):
    server.routes["later"] = lambda _, asked: Answer({}, 503 if asked.number == 1 else 200, {"Retry-After": header})
    Client(respect_retry_after_header=respect).get(f"{server.url}/later")

    assert waits == [expected]


@pytest.mark.parametrize(
    ("options", "query", "expected"),
    [
        ({"request_max_attempts": 2}, "fault=500&times=0", [1]),
        ({"request_max_attempts": 1}, "fault=500&times=0", []),
        ({"request_backoff_factor": 0.5}, "fault=500&times=2", [0.5, 1]),
        ({"request_max_retry_delay": 3}, "fault=500&times=4", [1, 2, 3, 3]),
        ({"request_max_retry_delay": timedelta(seconds=1)}, "fault=500&times=2", [1, 1]),
        ({"status_codes": [404]}, "fault=404", [1]),
        ({"status_codes": [404]}, "fault=500", []),
        ({"exceptions": []}, "fault=drop", None),
        ({"retry_condition": lambda response, _: response.status_code == 400}, "fault=400", [1]),
        ({"retry_condition": [lambda *_: False, lambda response, _: response.status_code == 400]}, "fault=400", [1]),
        ({"exceptions": [], "retry_condition": lambda _, error: error is not None}, "fault=drop", [1]),
    ],
)
def test_11_1_arguments_of_a_client(server, waits, options, query, expected):
    client = Client(raise_for_status=False, **options)
    if expected is None:
        with pytest.raises(requests.ConnectionError):
            client.get(f"{server.url}/rows?{query}")
    else:
        client.get(f"{server.url}/rows?{query}")
        assert waits == expected


def test_11_1_defaults():
    found = {name: one.default for name, one in inspect.signature(Client).parameters.items()}

    assert found == {
        "request_timeout": 60,
        "max_connections": 50,
        "raise_for_status": True,
        "status_codes": (429, *range(500, 600)),
        "exceptions": (plain.ConnectionError, plain.Timeout, plain.exceptions.ChunkedEncodingError),
        "request_max_attempts": 5,
        "retry_condition": None,
        "request_backoff_factor": 1,
        "request_max_retry_delay": 300,
        "respect_retry_after_header": True,
        "session_attrs": None,
    }


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "head"])
def test_11_1_functions_like_those_of_requests(server, method):
    response = getattr(requests, method)(f"{server.url}/echo", params={"a": "1"}, headers={"X-Mine": "yes"})

    assert isinstance(response, requests.Response)
    assert server.asked[0].method == method.upper()
    assert server.asked[0].query == {"a": "1"}
    assert server.asked[0].headers["X-Mine"] == "yes"
    assert server.asked[0].headers["User-Agent"].startswith("dlt/")
    assert requests.request(method.upper(), f"{server.url}/echo").status_code == 200


def test_11_1_names():
    """Exceptions are those of requests, so that either name catches them."""
    for name in ("ChunkedEncodingError", "ConnectTimeout", "ConnectionError", "FileModeWarning", "HTTPError",
                 "ReadTimeout", "RequestException", "RetryError", "Timeout", "TooManyRedirects", "URLRequired"):  # fmt: skip
        assert getattr(requests, name) is getattr(plain.exceptions, name)
    assert (requests.Request, requests.Response) == (plain.Request, plain.Response)
    assert issubclass(Session, plain.Session)
    assert requests.retry.DEFAULT_RETRY_STATUS[:2] == (429, 500)


def test_11_1_a_session_alone_does_not_repeat(server, waits):
    with Session(timeout=timedelta(seconds=5)) as session:
        assert session.timeout == 5
        with pytest.raises(plain.HTTPError):
            session.get(f"{server.url}/rows?fault=500")
        with pytest.raises(plain.HTTPError):
            session.send(session.prepare_request(plain.Request("GET", f"{server.url}/status/404")))
    assert waits == []
    assert Session(timeout=(1, timedelta(seconds=2))).timeout == (1, 2)


def test_11_1_a_session_for_each_thread():
    client = Client(session_attrs={"verify": False})
    others = []
    thread = threading.Thread(target=lambda: others.append(client.session))
    thread.start()
    thread.join()

    assert client.session is client.session
    assert client.session is not others[0]
    assert client.session.verify is others[0].verify is False


def test_11_1_copies(server, waits):
    """Configurations with clients and sessions in them are copied."""
    client = Client(request_timeout=3, request_max_attempts=2)
    for one in (
        copy.deepcopy(client).session,
        copy.deepcopy(client.session),
        pickle.loads(pickle.dumps(client)).session,
    ):
        assert one.timeout == 3
        assert one.get(f"{server.url}/rows?fault=500&n={len(server.asked)}").json() == server.rows
    assert waits == [1, 1, 1]


def test_11_1_many_threads(server):
    client, found = Client(), []
    threads = [
        threading.Thread(target=lambda n=n: found.append(len(client.get(f"{server.url}/rows?fault=500&n={n}").json())))
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [len(server.rows)] * 20


def test_11_1_bodies_are_sent_again_from_their_beginning(server):
    file = io.BytesIO(b"skipped|the body")
    file.seek(8)
    assert requests.post(f"{server.url}/echo?fault=500&times=2", data=file).json()["body"] == "the body"
    assert [asked.body for asked in server.asked] == [b"the body"] * 3


def test_11_1_a_body_that_is_used_up_is_not_sent_again(server, waits):
    server.routes["chunks"] = lambda *_: Answer({}, 500)
    with pytest.raises(requests.HTTPError):
        requests.post(f"{server.url}/chunks", data=(part for part in (b"a", b"b")))
    assert waits == []


def test_11_1_a_redirection_is_part_of_its_request(server, waits):
    server.routes["moved"] = lambda *_: Answer({}, 302, {"Location": "/rows?fault=500&times=0"})
    with pytest.raises(requests.HTTPError):
        requests.get(f"{server.url}/moved")
    assert len(server.asked) == 10
    assert waits == EVERY_TIME


# ---- settings


SETTINGS = {
    "RUNTIME__REQUEST_MAX_ATTEMPTS": "3",
    "RUNTIME__REQUEST_BACKOFF_FACTOR": "0.25",
    "RUNTIME__REQUEST_MAX_RETRY_DELAY": "0.4",
    "RUNTIME__REQUEST_TIMEOUT": "2.5",
}


def test_11_1_settings(server, waits, monkeypatch):
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    requests.client.configure()
    with pytest.raises(requests.HTTPError):
        requests.get(f"{server.url}/rows?fault=500&times=0")

    assert waits == [0.25, 0.4]
    assert requests.client.session.timeout == 2.5
    assert Client().session.timeout == 2.5
    assert Client(request_timeout=60).session.timeout == 60  # what the code says goes first


def test_11_1_a_runtime_configuration(server, waits):
    config = RuntimeConfiguration(request_max_attempts=2, request_backoff_factor=3)
    client = Client(raise_for_status=False)
    client.configure(config)
    client.get(f"{server.url}/rows?fault=500&times=0")
    requests.init(SimpleNamespace(**{**vars(config), "request_timeout": 7}))

    assert waits == [3]
    assert requests.client.session.timeout == 7
    requests.init(RuntimeConfiguration())


# ---- errors


@pytest.mark.parametrize(
    ("path", "error"),
    [("status/404?api_key=s3cret&a=1", plain.HTTPError), ("rows?a=1&access_token=s3cret&fault=drop&times=0", OSError)],
)
def test_11_1_secrets_are_not_shown(server, path, error):
    with pytest.raises(error) as caught:
        requests.get(f"{server.url}/{path}")
    assert "s3cret" not in str(caught.value)


def test_11_1_secrets_are_not_shown_by_an_address_that_is_none():
    with Naughty() as gone:
        url = gone.url
    with pytest.raises(requests.ConnectionError, match=r"/rows\?a=1&token=\*\*\*") as caught:
        Client(request_max_attempts=1).get(f"{url}/rows?a=1&token=s3cret")
    assert "s3cret" not in str(caught.value)


def test_without_requests_it_says_what_to_install():
    code = """
import sys
sys.modules["requests"] = None
try:
    from dlt.sources.helpers.rest_client import RESTClient
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert 'pip install "dlt[rest_api]"' in done.stdout
