"""SourceFactory: what `dlt.source` makes of a function; call it to get a DltSource."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from dlt.config.settings import script_name
from dlt.errors import ResourceError
from dlt.extract.source import DltSource
from dlt.extract.state import Active, activated, active_pipeline

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

OPTIONS = (
    "name",
    "section",
    "max_table_nesting",
    "root_key",
    "schema",
    "schema_contract",
    "spec",
    "parallelized",
    "_impl_cls",
)


class SourceFactory:
    """Makes sources of a decorated function. Its attributes are what the decorator was given."""

    __dlt_source_factory__: ClassVar[bool] = True

    def __init__(self, function: Callable[..., Any], **options: Any) -> None:
        self.name: str = ""
        self.section: str = ""
        self.max_table_nesting: int | None = None
        self.root_key: bool | None = None
        self.schema: Schema | None = None
        self.schema_contract: Any = None
        self.spec: Any = None
        self.parallelized: bool = False
        self._impl_cls: type[DltSource] = DltSource
        self._limit: tuple[Any, ...] | None = None
        self._after: tuple[Callable[[DltSource], Any], ...] = ()
        self._given: dict[str, Any] = {}
        self.bind(function)
        self._take(options)

    def bind(self, f: Callable[..., Any]) -> Self:
        """Make the sources of this function."""
        if isinstance(f, type):
            raise ResourceError(f"A source must be a function, and {f.__name__} is a class.")
        if not callable(f):
            raise ResourceError(f"A source must be a function, not {type(f).__name__}.")
        self._function = f
        functools.update_wrapper(self, f)
        return self

    def _take(self, options: dict[str, Any]) -> Self:
        if unknown := sorted(options.keys() - set(OPTIONS)):
            raise TypeError(f"A source has no option {unknown[0]!r}.")
        self._given.update({key: value for key, value in options.items() if value is not None})
        given = self._given
        schema = given.get("schema")
        if schema is not None and given.get("name") not in (None, schema.name):
            raise ResourceError(
                f"The source is named {given['name']!r} and its schema {schema.name!r}.", hint="give name= or schema="
            )
        for key, value in given.items():
            setattr(self, key, value)
        self.name = given.get("name") or (schema.name if schema is not None else self._function.__name__)
        self.section = given.get("section") or section_of(self._function)
        return self

    def clone(self, **options: Any) -> Self:
        """A copy with other options, those of `dlt.source`; None keeps what was given."""
        made = type(self)(self._function, **self._given)
        made._limit, made._after = self._limit, self._after  # noqa: SLF001
        return made._take(options)  # noqa: SLF001

    with_args = clone

    def add_limit(self, max_items: int | None = None, max_time: float | None = None, count_rows: bool = False) -> Self:
        """Limit each selected resource of the sources to come, see `DltResource.add_limit`."""
        self._limit = (max_items, max_time, count_rows)
        return self

    def add_postprocessor(self, func: Callable[[DltSource], Any]) -> Self:
        """Call a function, which may be async, with each source to come; what it returns is the source."""
        self._after = (*self._after, func)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> DltSource:
        """A source of what the function returns for these arguments."""
        from dlt.schema.settings import checked_name

        checked_name(self.name)
        args, kwargs = self._with_config(args, kwargs)
        schema = self._schema()
        pipeline = active_pipeline()
        active = Active(self.name, getattr(pipeline, "state", None), schema, section=self.section)
        with activated(active):
            made = self._function(*args, **kwargs)
            if inspect.iscoroutine(made):
                made = _awaited(made)
            if made is None:
                raise ResourceError(
                    f"The function of the source {self.name!r} returned None.",
                    source=self.name,
                    hint="return resources, or yield them",
                )
            source = made if isinstance(made, DltSource) else self._impl_cls.from_data(schema, self.section, made)
        return self._finished(source)

    def _with_config(self, args: Any, kwargs: Any) -> tuple[Any, Any]:
        """The arguments of a call, with those that come from the configuration."""
        from dlt.config.inject import has_defaults, injected

        if self.spec is None and not has_defaults(self._function):
            return args, kwargs
        sections = ("sources", self.section, self.name)
        return injected(self._function, args, kwargs, sections, f"The source {self.name!r}", self.spec)

    def __dlt_asks__(self, filling: Any) -> dict[str, Any]:
        from dlt.config.inject import explained

        return explained(self._function, ("sources", self.section, self.name), filling, self.spec)

    def _schema(self) -> Schema:
        from dlt.schema.schema import Schema

        if self.schema is not None:
            return self.schema.clone()
        return _schema_beside(self._function, self.name) or Schema(self.name)

    def _finished(self, source: DltSource) -> DltSource:
        if self.max_table_nesting is not None:
            source.max_table_nesting = self.max_table_nesting
        if self.root_key is not None:
            source.root_key = self.root_key
        if self.schema_contract is not None:
            source.schema_contract = self.schema_contract
        if self.parallelized:
            source.parallelize()
        if self._limit is not None:
            source.add_limit(*self._limit)
        for after in self._after:
            found = after(source)
            if inspect.iscoroutine(found):
                found = _awaited(found)
            if not isinstance(found, DltSource):
                raise ResourceError(
                    f"The function {getattr(after, '__name__', after)!r} after the source {self.name!r} must return a source.",
                    source=self.name,
                    value=repr(found)[:200],
                )
            source = found
        return source

    @property
    def ref(self) -> str:
        """The name by which `dlt.sources.SourceReference` finds this."""
        return f"{self._function.__module__}.{self._function.__qualname__}"

    def __repr__(self) -> str:
        return f"<dlt.source {self.name!r} of {self._function.__module__}.{self._function.__qualname__}>"


def section_of(function: Any) -> str:
    """The section of the configuration: `__source_name__` of the module of a function, or the last part of its name; of
    a script the name of its file."""
    module = getattr(function, "__module__", None) or ""
    named = getattr(sys.modules.get(module), "__source_name__", None)
    name = str(named or module.rpartition(".")[2])
    return script_name() or name if name == "__main__" else name


def _awaited(coroutine: Any) -> Any:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context

    with ThreadPoolExecutor(1, "dlt-source") as thread:  # one loop cannot run inside another one
        return thread.submit(copy_context().run, asyncio.run, coroutine).result()


def _schema_beside(function: Any, name: str) -> Schema | None:
    """The schema in a file `<name>.schema.json` or `.yaml` next to the module of the function."""
    file = getattr(sys.modules.get(getattr(function, "__module__", "")), "__file__", None)
    if file is None:
        return None
    folder = Path(file).parent
    from dlt.schema.schema import Schema

    path = folder / f"{name}.schema.json"
    if path.exists():
        import json

        return Schema.from_dict(json.loads(path.read_text(encoding="utf-8")))
    path = folder / f"{name}.schema.yaml"
    if path.exists():
        try:
            import yaml
        except ImportError as absent:
            from dlt.errors import missing

            raise missing(f"The schema file {path.name}", "yaml", "pyyaml") from absent
        return Schema.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    return None
