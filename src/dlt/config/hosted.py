"""Configuration that a host of notebooks or apps keeps: user data of Google Colab, secrets of Streamlit."""

from __future__ import annotations

import logging
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

from dlt.errors import ConfigError

logger = logging.getLogger("dlt")


def content(name: str) -> Mapping[str, Any]:
    """What stands in the place of a file, `secrets.toml` or `config.toml`, that is not there. Only what this process has
    imported is asked."""
    if "google.colab" in sys.modules and (text := _of_colab(name)) is not None:
        try:
            return tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            raise ConfigError(f"The user data {name} of Colab is not TOML.", hint="texts stand in quotes") from None
    if "streamlit" in sys.modules and name == "secrets.toml":
        return _of_streamlit()
    return {}


def _of_colab(name: str) -> str | None:
    from google.colab import userdata

    try:
        return str(userdata.get(name))
    except userdata.SecretNotFoundError:
        return None
    except userdata.NotebookAccessError:
        logger.warning("This notebook may not read the user data %s of Colab: allow it with the key symbol.", name)
        return None


def _of_streamlit() -> Mapping[str, Any]:
    import streamlit

    try:
        found: Mapping[str, Any] = streamlit.secrets.to_dict()
    except FileNotFoundError:  # there are none
        return {}
    return found
