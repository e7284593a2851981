"""Annotations for arguments of the configuration: what is a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NewType, TypeAlias

from dlt.config.coerce import SECRET

if TYPE_CHECKING:
    AnyValue: TypeAlias = Any
else:
    AnyValue = NewType("AnyValue", Any)  # can be called: TSecretValue("text") is the text

TSecretValue: TypeAlias = Annotated[AnyValue, SECRET]
TSecretStrValue: TypeAlias = Annotated[str, SECRET]
TCredentials: TypeAlias = Annotated[Any, SECRET]
