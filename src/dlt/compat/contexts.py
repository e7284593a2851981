"""Contexts that scripts written for dlt 1.31 ask `Container()` for: the active pipeline, sections, state, folders, providers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from dlt.config import providers as places
from dlt.config.run_context import RunContext, run_context
from dlt.config.sections import CURRENT, ConfigSectionContext, inject_section
from dlt.config.settings import data_dir
from dlt.errors import ConfigError
from dlt.extract.state import Active, activate_pipeline, activated, active_pipeline

DOT_DLT = ".dlt"
EnvironProvider = places.Environment
INJECTED: ContextVar[dict[type, Any] | None] = ContextVar("dlt_injected", default=None)


class PipelineContext:
    """The active pipeline."""

    def pipeline(self) -> Any:
        """The active pipeline; one named after the script when there is none."""
        from dlt.pipeline.factory import pipeline

        return active_pipeline() or pipeline()

    def is_active(self) -> bool:
        """Whether there is one."""
        return active_pipeline() is not None

    def activate(self, pipeline: Any) -> None:
        """Make this the active pipeline."""
        activate_pipeline(pipeline)

    def deactivate(self) -> None:
        """Have no active pipeline."""
        activate_pipeline(None)


@dataclass
class StateInjectableContext:
    """A state that code of sources sees within a block."""

    state: dict[str, Any] = field(default_factory=dict)


RunContextBase = RunContext


class PluggableRunContext:
    """Holds the context of the project."""

    def __init__(self) -> None:
        self.context = run_context()


@dataclass
class RuntimeConfiguration:
    """What holds for a whole process."""

    log_level: str = "WARNING"
    log_format: str | None = None
    request_timeout: float = 60
    request_max_attempts: int = 5
    request_backoff_factor: float = 1
    request_max_retry_delay: float = 300
    http_show_error_body: bool = False
    http_max_error_body_length: int = 8192


class ConfigProvidersContainer:
    """The providers of values."""

    @property
    def providers(self) -> list[Any]:
        """All of them, in the order they are asked."""
        return places.providers(secret=True)

    def add_provider(self, provider: Any) -> None:
        """Ask one more after all others."""
        from dlt.config.access import config

        config.register_provider(provider)

    def get_provider(self, provider_name: str) -> Any:
        """One by its name. ConfigError when there is none."""
        for provider in self.providers:
            if provider.name == provider_name:
                return provider
        raise ConfigError(f"There is no provider {provider_name!r}.", key=provider_name)


def ConfigTomlProvider(*_: Any, **__: Any) -> Any:  # noqa: N802 - the public name
    """The provider of `config.toml`."""
    return places.CONFIG_TOML


def SecretsTomlProvider(*_: Any, **__: Any) -> Any:  # noqa: N802 - the public name
    """The provider of `secrets.toml`."""
    return places.SECRETS_TOML


def get_dlt_data_dir() -> str:
    """The folder of this user."""
    return str(data_dir())


def get_dlt_pipelines_dir() -> str:
    """Where pipelines keep their work."""
    return str(data_dir() / "pipelines")


class Container:
    """Contexts by their class: `Container()[PipelineContext]`."""

    def __getitem__(self, spec: type[Any]) -> Any:
        """The context of this class. KeyError for one without a default that nobody injected."""
        injected = (INJECTED.get() or {}).get(spec)
        if injected is not None:
            return injected
        if spec is ConfigSectionContext:
            return CURRENT.get() or ConfigSectionContext()
        if spec is StateInjectableContext:
            pipeline = active_pipeline()
            if pipeline is None:
                raise KeyError(spec)
            return StateInjectableContext(pipeline.state)
        if spec in (PipelineContext, PluggableRunContext, ConfigProvidersContainer):
            return spec()
        raise KeyError(spec)

    def __contains__(self, spec: type[Any]) -> bool:
        try:
            self[spec]
        except KeyError:
            return False
        return True

    @contextmanager
    def injectable_context(self, config: Any, *, lock_context: bool = False) -> Iterator[Any]:
        """Within the block this is the context of its class. lock_context: blocks of other threads never see this one."""
        del lock_context
        token = INJECTED.set({**(INJECTED.get() or {}), type(config): config})
        try:
            with ExitStack() as stack:
                if (block := _block(config)) is not None:
                    stack.enter_context(block)
                yield config
        finally:
            INJECTED.reset(token)


def _block(config: Any) -> AbstractContextManager[Any] | None:
    """What else a context changes while it holds."""
    if isinstance(config, ConfigSectionContext):
        return inject_section(config)
    if isinstance(config, StateInjectableContext):
        around = CURRENT.get()
        name = (around.source_state_key if around else None) or getattr(active_pipeline(), "default_schema_name", None)
        return activated(Active(name or "dlt", config.state))
    return None
