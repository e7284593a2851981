"""Annotations for arguments of the configuration: what is a secret."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from dlt.config.coerce import SECRET

TSecretValue: TypeAlias = Annotated[Any, SECRET]
TSecretStrValue: TypeAlias = Annotated[str, SECRET]
TCredentials: TypeAlias = Annotated[Any, SECRET]
