"""Messages to Slack: `send_slack_message`, and the one after a load when `runtime.slack_incoming_hook` is set."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from dlt.config.settings import keys_mentioned, setting
from dlt.errors import ConfigError, RetryableError

if TYPE_CHECKING:
    from dlt.pipeline.infos import LoadInfo

SECONDS = 10
KEYS = frozenset({"slack_incoming_hook"})
logger = logging.getLogger("dlt")

__all__ = ["send_slack_message"]


def send_slack_message(incoming_hook: str, message: str, is_markdown: bool = True) -> None:
    """Send a message to an incoming webhook of Slack.

    Raises ConfigError when the webhook is no web address or Slack does not know it, RetryableError when it cannot be reached.
    """
    import urllib.error
    import urllib.request
    from urllib.parse import urlsplit

    where = urlsplit(incoming_hook)
    if where.scheme not in ("https", "http") or not where.netloc:
        raise ConfigError("The incoming webhook of Slack is no web address.", key="runtime.slack_incoming_hook")
    body = json.dumps({"text": message, "mrkdwn": is_markdown}).encode()
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        incoming_hook, body, {"Content-Type": "application/json; charset=utf-8"}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 - the scheme is checked above
            answer.read()
    except urllib.error.HTTPError as refused:
        with refused:
            text = f"Slack refused the message: {refused.code} {refused.read(200).decode(errors='replace')}"
        if refused.code >= 500 or refused.code == 429:
            raise RetryableError(text, host=where.netloc) from None
        raise ConfigError(text, host=where.netloc, hint="make a new incoming webhook") from None
    except OSError as trouble:
        raise RetryableError(f"Slack cannot be reached: {trouble}", host=where.netloc) from None


def tell_loaded(info: LoadInfo, pipeline_name: str) -> None:
    """Tell Slack of a load when the configuration names a webhook. A message that cannot be sent is only logged."""
    if not keys_mentioned(KEYS):
        return
    hook = setting("runtime.slack_incoming_hook", "slack_incoming_hook", default=None, pipeline=pipeline_name)
    if hook is None:
        return
    try:
        send_slack_message(hook, f"```{info}```")
    except (ConfigError, RetryableError) as trouble:
        logger.warning("Pipeline %s: %s", pipeline_name, trouble)
