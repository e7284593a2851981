"""Every error of the library, sorted by what happens next.

DltError
├── FatalError                 stop: repeating it gives the same result
│   ├── SchemaError            names, types and hints that cannot be brought together
│   │   └── ContractViolation  data broke a schema contract whose mode is "freeze"
│   ├── PlanError              what was asked cannot be done by this destination; nothing was written
│   ├── LedgerError            the books do not balance; nothing was committed
│   ├── ResourceError          code of a source, resource or transformer failed
│   │   └── UnknownSourceReference  there is no source of this name
│   ├── ConfigError            values are missing or wrong; lists all of them at once
│   ├── MissingExtra           an optional package is needed; says which pip install mends it
│   ├── NotBuilt               a part of the public API that this version does not have yet
│   ├── RestClientError        pages of an API cannot be gone through: a wrong paginator, a loop, a body that is none
│   │   └── IgnoreResponse      raised by hooks: the series of requests ends here, and that is right
│   ├── InvalidPipelineName    the name cannot be that of a folder
│   ├── CannotRestorePipeline  the pipeline is neither on this machine nor at the destination
│   ├── PackageError           a load package is missing, damaged or in the wrong state
│   └── DestinationRefused     the destination turned data or a statement down for good
├── RetryableError             try again: a lock, a dropped connection, a time-out
│   └── PipelineLocked         another process or thread runs this pipeline
└── StepFailed                 what `run`, `extract`, `normalize` and `load` raise; wraps the cause

Rows that cannot be kept as they are do not raise: they are quarantined (`_dlt_quarantine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SAID = ("resource", "pipe", "kind", "step")  # what messages about code of the user name in their first line


class DltError(Exception):
    """Something in dlt failed."""

    def __init__(self, message: str | None = None, *, hint: str | None = None, **context: Any) -> None:
        self.message = message or (self.__doc__ or "").strip()
        self.hint = hint
        self.context = {key: value for key, value in context.items() if value is not None}
        super().__init__(self.message)

    def __str__(self) -> str:
        lines = [self.message]
        lines += [f"  {key.replace('_', ' ')}: {value}" for key, value in self.context.items() if not self._says(key)]
        if self.hint:
            lines.append(f"  fix: {self.hint}")
        return "\n".join(lines)

    def _says(self, key: str) -> bool:
        """Whether the message has it already."""
        return key in SAID and (repr(self.context[key]) in self.message or f" the {self.context[key]} " in self.message)

    def __getattr__(self, name: str) -> Any:
        context = self.__dict__.get("context", {})
        if name in context:
            return context[name]
        raise AttributeError(name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.context)


def _rebuild(kind: type[DltError], message: str, hint: str | None, context: dict[str, Any]) -> DltError:
    return kind(message, hint=hint, **context)


class FatalError(DltError):
    """The step cannot succeed by being repeated."""


class SchemaError(FatalError, ValueError):
    """The schema does not allow this."""


class ContractViolation(SchemaError):
    """Data broke the schema contract."""


class PlanError(FatalError, ValueError):
    """The destination cannot do what was asked."""


class LedgerError(FatalError):
    """Rows were lost, doubled or changed on the way; nothing was committed."""


class ResourceError(FatalError):
    """The code of a resource failed."""


class UnknownSourceReference(ResourceError, KeyError):
    """There is no source of this name."""

    __str__ = ResourceError.__str__


class ConfigError(FatalError, KeyError):
    """A configuration value is missing or wrong."""

    __str__ = DltError.__str__


class MissingExtra(FatalError, ImportError):
    """An optional package is not installed."""

    def __init__(
        self,
        message: str | None = None,
        dependencies: Sequence[str] = (),
        appendix: str = "",
        *,
        hint: str | None = None,
        **context: Any,
    ) -> None:
        if dependencies:  # then `message` says who needs them
            message = f"{message} needs {', '.join(dependencies)}. {appendix}".strip()
            hint = hint or "pip install " + " ".join(f'"{one}"' for one in dependencies)
        super().__init__(message, hint=hint, **context)


class NotBuilt(FatalError, NotImplementedError):
    """This part of the public API is not available in this version."""


class RestClientError(FatalError, ValueError):
    """The pages of an API cannot be gone through."""


class IgnoreResponse(RestClientError):
    """No more pages: the response is none."""


class PackageError(FatalError):
    """A load package is missing, damaged or in the wrong state."""


class InvalidPipelineName(FatalError, ValueError):
    """The name cannot be used."""


class CannotRestorePipeline(FatalError):
    """The pipeline is neither on this machine nor at the destination."""


class DestinationRefused(FatalError):
    """The destination turned this down."""


class RetryableError(DltError):
    """A passing trouble; the same step may succeed later."""


class PipelineLocked(RetryableError):
    """Another process or thread is running this pipeline."""


class StepFailed(DltError):
    """A pipeline step failed; its cause is the error itself.

    pipeline, step, load_id, exception, step_info, has_pending_data, is_package_partially_loaded: what is known of it.
    """

    def __init__(
        self,
        pipeline: Any,
        step: str,
        exception: BaseException,
        *,
        load_id: str | None = None,
        step_info: Any = None,
        has_pending_data: bool = False,
        is_package_partially_loaded: bool = False,
    ) -> None:
        known = exception if isinstance(exception, DltError) else None
        cause = known.message if known else f"{type(exception).__name__}: {exception}"
        name = getattr(pipeline, "pipeline_name", pipeline)
        super().__init__(
            f"Pipeline {name!r} failed in the step {step}: {cause}",
            hint=known.hint if known else None,
            **{**(known.context if known else {}), "load_id": load_id},
        )
        self.pipeline, self.step, self.exception, self.load_id = pipeline, step, exception, load_id
        self.step_info, self.has_pending_data = step_info, has_pending_data
        self.is_package_partially_loaded = is_package_partially_loaded

    def __reduce__(self) -> tuple[Any, ...]:
        name = getattr(self.pipeline, "pipeline_name", self.pipeline)
        flags = self.has_pending_data, self.is_package_partially_loaded
        return _rebuild_step, (name, self.step, self.message, self.hint, self.context, *flags)


def _rebuild_step(
    name: Any, step: str, message: str, hint: str | None, context: dict[str, Any], pending: bool, partial: bool
) -> StepFailed:
    """What came of another process: the pipeline by its name, and the cause in words only."""
    made = StepFailed(name, step, DltError(message, hint=hint, **context))
    made.message, made.args = message, (message,)
    made.context, made.load_id = context, context.get("load_id")
    made.has_pending_data, made.is_package_partially_loaded = pending, partial
    return made


def missing(what: str, extra: str, packages: str | None = None) -> MissingExtra:
    """The error for an optional package that is not installed.

    what: what the user tried to use; extra: the name in `pip install "dlt[extra]"`.
    """
    needs = packages or extra
    return MissingExtra(f"{what} needs the package {needs}.", hint=f'pip install "dlt[{extra}]"')
