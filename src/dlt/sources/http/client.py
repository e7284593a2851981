"""Client: requests that are sent again when the trouble may pass."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any, TypeAlias

from requests import ConnectionError as NoConnection
from requests import PreparedRequest, Response, Timeout
from requests.exceptions import ChunkedEncodingError
from requests.utils import rewind_body

from dlt.config.settings import typed_setting
from dlt.sources.http.session import Adapter, Session, TRequestTimeout, seconds_of
from dlt.sources.http.urls import sanitize_url

logger = logging.getLogger("dlt")
RetryPredicate: TypeAlias = Callable[[Response | None, BaseException | None], bool]
DEFAULT_RETRY_STATUS = (429, *range(500, 600))
DEFAULT_RETRY_EXCEPTIONS = (NoConnection, Timeout, ChunkedEncodingError)
SETTINGS = ("request_timeout", "request_max_attempts", "request_backoff_factor", "request_max_retry_delay")


class Default(int):
    """A default of an argument, which a setting replaces."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Which answers are worth another attempt, how many there are, and how long to wait before each."""

    statuses: frozenset[int]
    exceptions: tuple[type[BaseException], ...]
    conditions: tuple[RetryPredicate, ...]
    max_attempts: int
    factor: float
    max_delay: float
    respect_retry_after: bool

    def again(self, response: Response | None, error: BaseException | None) -> bool:
        """Whether to send the request once more."""
        if isinstance(error, self.exceptions):
            return True
        if response is not None and response.status_code in self.statuses:
            return True
        return any(condition(response, error) for condition in self.conditions)

    def delay(self, attempt: int, response: Response | None) -> float:
        """Seconds to wait after an attempt, counted from 1: what the server asks for, else twice as long each time."""
        asked = response.headers.get("Retry-After") if response is not None and self.respect_retry_after else None
        exponent = min(attempt - 1, 64)
        return min((asked and _retry_after(asked)) or self.factor * 2.0**exponent, self.max_delay)


def _retry_after(text: str) -> float | None:
    """Seconds, of a number or a date of HTTP; None when it is neither or over."""
    if text.strip().isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


class RetryingSession(Session):
    """A session that sends a request again, as a policy says. Returns the last response, or raises the last error."""

    __attrs__ = [*Session.__attrs__, "policy"]  # noqa: RUF012 - copies have these

    def __init__(self, policy: Policy, timeout: TRequestTimeout, raise_for_status: bool) -> None:
        super().__init__(timeout, raise_for_status)
        self.policy = policy

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        """Send a request that is prepared, the body of the response included."""
        if kwargs.get("redirected"):
            return super().send(request, **kwargs)
        for attempt in count(1):
            failure: Exception | None = None
            response: Response | None = None
            try:
                response = super().send(request, **kwargs)
            except Exception as error:  # noqa: BLE001 - the policy says which ones matter; the others are raised below
                failure, response = error, getattr(error, "response", None)
            last = attempt >= self.policy.max_attempts or not _repeatable(request)
            if last or not self.policy.again(response, failure):
                break
            delay = self.policy.delay(attempt, response)
            logger.info(
                "%s %s: %s; attempt %d of %d in %.1f s",
                request.method, sanitize_url(request.url or ""), failure or (response is not None and response.status_code),
                attempt + 1, self.policy.max_attempts, delay,
            )  # fmt: skip
            if response is not None:
                response.close()
            time.sleep(delay)
            _rewind(request)
        if failure is not None:
            raise failure
        assert response is not None
        return response


def _repeatable(request: PreparedRequest) -> bool:
    """A body that is a generator is gone when it was sent."""
    return isinstance(request.body, str | bytes | None) or isinstance(_position(request), int)


def _rewind(request: PreparedRequest) -> None:
    if isinstance(_position(request), int):
        rewind_body(request)


def _position(request: PreparedRequest) -> Any:
    return getattr(request, "_body_position", None)


class Client:
    """Sessions, one for each thread, whose requests are repeated; `get`, `post` and others send one.

    request_timeout: seconds, or a pair for connecting and waiting; request_max_attempts counts the first one;
    request_backoff_factor: seconds before the second attempt, doubled before each after it, at most request_max_retry_delay;
    retry_condition: functions of response and exception that ask for another attempt; session_attrs: attributes of the sessions.
    The settings `runtime.request_*` replace the defaults.
    """

    def __init__(
        self,
        request_timeout: TRequestTimeout = Default(60),  # noqa: B008 - a number
        max_connections: int = 50,
        raise_for_status: bool = True,
        status_codes: Sequence[int] = DEFAULT_RETRY_STATUS,
        exceptions: Sequence[type[Exception]] = DEFAULT_RETRY_EXCEPTIONS,
        request_max_attempts: int = Default(5),
        retry_condition: RetryPredicate | Sequence[RetryPredicate] | None = None,
        request_backoff_factor: float = Default(1),
        request_max_retry_delay: float | timedelta = Default(300),  # noqa: B008 - a number
        respect_retry_after_header: bool = True,
        session_attrs: dict[str, Any] | None = None,
    ) -> None:
        self._adapter = Adapter(pool_maxsize=max_connections)
        self._given: dict[str, Any] = {
            "request_timeout": request_timeout,
            "request_max_attempts": request_max_attempts,
            "request_backoff_factor": request_backoff_factor,
            "request_max_retry_delay": request_max_retry_delay,
        }
        self._raise_for_status = raise_for_status
        self._statuses = frozenset(status_codes)
        self._exceptions = tuple(exceptions)
        conditions = (retry_condition,) if callable(retry_condition) else retry_condition
        self._conditions = tuple(conditions or ())
        self._respect_retry_after = respect_retry_after_header
        self._session_attrs = session_attrs or {}
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_local"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _local=threading.local())

    @property
    def session(self) -> Session:
        """The session of this thread."""
        found: Session | None = getattr(self._local, "session", None)
        if found is None:
            found = self._local.session = self._make_session()
        return found

    def _make_session(self) -> Session:
        settings = _settings() if any(isinstance(value, Default) for value in self._given.values()) else {}
        values: dict[str, Any] = {
            name: settings[name] if isinstance(value, Default) and settings[name] is not None else value
            for name, value in self._given.items()
        }
        policy = Policy(
            self._statuses, self._exceptions, self._conditions, max(int(values["request_max_attempts"]), 1),
            float(values["request_backoff_factor"]), float(seconds_of(values["request_max_retry_delay"])),
            self._respect_retry_after,
        )  # fmt: skip
        session = RetryingSession(policy, values["request_timeout"], self._raise_for_status)
        session.use(self._adapter)
        for name, value in self._session_attrs.items():
            setattr(session, name, value)
        return session

    def configure(self, config: Any = None) -> None:
        """Take time-out, attempts and waits from a RuntimeConfiguration, or read the settings again."""
        if config is None:
            self._local = threading.local()
        else:
            self.update_from_config(config)

    def update_from_config(self, config: Any) -> None:
        """Take time-out, attempts and waits from a RuntimeConfiguration."""
        self._given = {name: getattr(config, name) for name in SETTINGS}
        self._local = threading.local()

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        """Send a request; the arguments are those of requests."""
        return self.session.request(method, url, **kwargs)

    def get(self, url: str, params: Any = None, **kwargs: Any) -> Response:
        """Send a GET request."""
        return self.session.get(url, params=params, **kwargs)

    def options(self, url: str, **kwargs: Any) -> Response:
        """Send an OPTIONS request."""
        return self.session.options(url, **kwargs)

    def head(self, url: str, **kwargs: Any) -> Response:
        """Send a HEAD request; redirections are not followed."""
        return self.session.head(url, **kwargs)

    def post(self, url: str, data: Any = None, json: Any = None, **kwargs: Any) -> Response:
        """Send a POST request."""
        return self.session.post(url, data=data, json=json, **kwargs)

    def put(self, url: str, data: Any = None, **kwargs: Any) -> Response:
        """Send a PUT request."""
        return self.session.put(url, data=data, **kwargs)

    def patch(self, url: str, data: Any = None, **kwargs: Any) -> Response:
        """Send a PATCH request."""
        return self.session.patch(url, data=data, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> Response:
        """Send a DELETE request."""
        return self.session.delete(url, **kwargs)


def _settings() -> dict[str, float | None]:
    """What the configuration says instead of defaults."""
    return {
        "request_timeout": typed_setting("runtime.request_timeout", kind=float),
        "request_max_attempts": typed_setting("runtime.request_max_attempts", kind=int),
        "request_backoff_factor": typed_setting("runtime.request_backoff_factor", kind=float),
        "request_max_retry_delay": typed_setting("runtime.request_max_retry_delay", kind=float),
    }


client = Client()
