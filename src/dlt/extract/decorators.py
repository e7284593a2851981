"""`dlt.source`, `dlt.resource`, `dlt.transformer`, `dlt.defer`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from dlt.errors import ResourceError
from dlt.extract.factory import SourceFactory, section_of
from dlt.extract.hints import make_hints
from dlt.extract.reference import register
from dlt.extract.resource import DltResource
from dlt.extract.source import DltSource

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")

__all__ = ["defer", "resource", "source", "transformer"]

Text = str | Callable[[Any], str] | None


class _Empty:
    """The default where None means something."""

    def __repr__(self) -> str:
        return "<Empty>"


EMPTY = _Empty()


@overload
def source(func: Callable[..., Any], /) -> SourceFactory: ...
@overload
def source(
    func: None = ...,
    /,
    name: str | None = ...,
    section: str | None = ...,
    max_table_nesting: int | None = ...,
    root_key: bool | None = ...,
    schema: Schema | None = ...,
    schema_contract: Any = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    _impl_cls: type[DltSource] = ...,
) -> Callable[[Callable[..., Any]], SourceFactory]: ...
@overload
def source(
    func: Callable[..., Any] | None,
    /,
    name: str | None = ...,
    section: str | None = ...,
    max_table_nesting: int | None = ...,
    root_key: bool | None = ...,
    schema: Schema | None = ...,
    schema_contract: Any = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    _impl_cls: type[DltSource] = ...,
) -> Any: ...
def source(
    func: Callable[..., Any] | None = None,
    /,
    name: str | None = None,
    section: str | None = None,
    max_table_nesting: int | None = None,
    root_key: bool | None = None,
    schema: Schema | None = None,
    schema_contract: Any = None,
    spec: Any = None,
    parallelized: bool = False,
    _impl_cls: type[DltSource] = DltSource,
) -> Any:
    """Makes a function a source: call it to get the resources that it returns or yields, with one schema.

    name: of the source and its schema, else that of the function; section: of the configuration, else the module.
    max_table_nesting: how many levels of nested lists become tables; root_key: whether all nested tables carry the id of
    their root row; schema: its tables and settings; schema_contract: what may happen to tables, columns and types that
    are not known yet.
    """
    if name is not None and schema is not None:
        raise ResourceError("The name of a source with a schema is that of the schema.", hint="give name= or schema=")
    options = {
        "name": name,
        "section": section,
        "max_table_nesting": max_table_nesting,
        "root_key": root_key,
        "schema": schema,
        "schema_contract": schema_contract,
        "spec": spec,
        "parallelized": parallelized,
        "_impl_cls": _impl_cls,
    }

    def decorate(function: Callable[..., Any]) -> SourceFactory:
        made = SourceFactory(function, **options)
        register(made, function)
        return made

    return decorate if func is None else decorate(func)


def _made(resource: DltResource, function: Any, spec: Any, base: Any, *, parallelized: bool) -> DltResource:
    """The resource with what concerns how it runs; it can be found by name."""
    register(resource, function)
    resource._pipe.spec = spec, base  # noqa: SLF001
    return resource.parallelize() if parallelized else resource


@overload
def resource(
    *,
    name: Text = ...,
    table_name: Any = ...,
    max_table_nesting: int | None = ...,
    write_disposition: Any = ...,
    columns: Any = ...,
    primary_key: Any = ...,
    merge_key: Any = ...,
    schema_contract: Any = ...,
    table_format: Any = ...,
    file_format: Any = ...,
    references: Any = ...,
    nested_hints: Any = ...,
    selected: bool = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    incremental: Any = ...,
    _impl_cls: type[DltResource] = ...,
    section: Text = ...,
    _base_spec: Any = ...,
    standalone: bool | None = ...,
    data_from: Any = ...,
) -> Callable[[Callable[..., Any]], DltResource]: ...
@overload
def resource(
    data: Any,
    /,
    name: Text = ...,
    table_name: Any = ...,
    max_table_nesting: int | None = ...,
    write_disposition: Any = ...,
    columns: Any = ...,
    primary_key: Any = ...,
    merge_key: Any = ...,
    schema_contract: Any = ...,
    table_format: Any = ...,
    file_format: Any = ...,
    references: Any = ...,
    nested_hints: Any = ...,
    selected: bool = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    incremental: Any = ...,
    _impl_cls: type[DltResource] = ...,
    section: Text = ...,
    _base_spec: Any = ...,
    standalone: bool | None = ...,
    data_from: Any = ...,
) -> DltResource: ...
def resource(
    data: Any = None,
    /,
    name: Text = None,
    table_name: Any = None,
    max_table_nesting: int | None = None,
    write_disposition: Any = None,
    columns: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
    table_format: Any = None,
    file_format: Any = None,
    references: Any = None,
    nested_hints: Any = None,
    selected: bool = True,
    spec: Any = None,
    parallelized: bool = False,
    incremental: Any = None,
    _impl_cls: type[DltResource] = DltResource,
    section: Text = None,
    _base_spec: Any = None,
    standalone: bool | None = None,  # noqa: ARG001 - every resource stands alone
    data_from: Any = None,
) -> Any:
    """Makes a function, a generator, or anything that can be iterated a resource: items with a name, and hints for the
    table they go to. Without `data` a decorator.

    Each hint may be a function of the item; then `table_name` must be one too. `name` and `section` may be functions of
    the arguments the decorated function is called with. With `data_from` the function is a transformer.
    """
    if isinstance(data, DltResource):
        given = (name, table_name, write_disposition, columns, primary_key, merge_key, schema_contract, nested_hints)
        if any(value is not None for value in given):
            logger.warning(
                "The resource %s is made already: the arguments of dlt.resource() change nothing. Use %s.apply_hints(...).",
                data.name,
                data.name,
            )
        return data
    hints = make_hints(
        table_name,
        None,
        write_disposition,
        columns,
        primary_key,
        merge_key,
        schema_contract,
        table_format,
        file_format,
        references=references,
        incremental=incremental,
        nested_hints=nested_hints,
    )
    if max_table_nesting is not None:
        hints["max_table_nesting"] = max_table_nesting

    def decorate(function: Any) -> DltResource:
        place = section or (section_of(function) if callable(function) else None)
        made = _impl_cls.from_data(function, name, place, hints, selected, data_from)
        return _made(made, function, spec, _base_spec, parallelized=parallelized)

    return decorate if data is None else decorate(data)


@overload
def transformer(
    *,
    data_from: Any = ...,
    name: Text = ...,
    table_name: Any = ...,
    max_table_nesting: int | None = ...,
    write_disposition: Any = ...,
    columns: Any = ...,
    primary_key: Any = ...,
    merge_key: Any = ...,
    schema_contract: Any = ...,
    table_format: Any = ...,
    file_format: Any = ...,
    references: Any = ...,
    nested_hints: Any = ...,
    selected: bool = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    section: Text = ...,
    standalone: bool | None = ...,
    _impl_cls: type[DltResource] = ...,
) -> Callable[[Callable[..., Any]], DltResource]: ...
@overload
def transformer(
    f: Any,
    /,
    data_from: Any = ...,
    name: Text = ...,
    table_name: Any = ...,
    max_table_nesting: int | None = ...,
    write_disposition: Any = ...,
    columns: Any = ...,
    primary_key: Any = ...,
    merge_key: Any = ...,
    schema_contract: Any = ...,
    table_format: Any = ...,
    file_format: Any = ...,
    references: Any = ...,
    nested_hints: Any = ...,
    selected: bool = ...,
    spec: Any = ...,
    parallelized: bool = ...,
    section: Text = ...,
    standalone: bool | None = ...,
    _impl_cls: type[DltResource] = ...,
) -> DltResource: ...
def transformer(
    f: Any = None,
    /,
    data_from: Any = EMPTY,
    name: Text = None,
    table_name: Any = None,
    max_table_nesting: int | None = None,
    write_disposition: Any = None,
    columns: Any = None,
    primary_key: Any = None,
    merge_key: Any = None,
    schema_contract: Any = None,
    table_format: Any = None,
    file_format: Any = None,
    references: Any = None,
    nested_hints: Any = None,
    selected: bool = True,
    spec: Any = None,
    parallelized: bool = False,
    section: Text = None,
    standalone: bool | None = None,  # noqa: ARG001 - every transformer stands alone
    _impl_cls: type[DltResource] = DltResource,
) -> Any:
    """Makes a function a transformer: it is called with each item (or page) of the resource that feeds it, `data_from` or
    `resource | transformer`, and what it returns or yields are its items. Without `f` a decorator. See `dlt.resource`.
    """
    if isinstance(f, DltResource) or (f is not None and not callable(f)):
        raise ValueError("The data of a transformer must be given by name: dlt.transformer(data_from=...).")
    hints = make_hints(
        table_name,
        None,
        write_disposition,
        columns,
        primary_key,
        merge_key,
        schema_contract,
        table_format,
        file_format,
        references=references,
        nested_hints=nested_hints,
    )
    if max_table_nesting is not None:
        hints["max_table_nesting"] = max_table_nesting

    def decorate(function: Any) -> DltResource:
        feed = None if data_from is EMPTY else data_from
        made = _impl_cls.from_data(
            function, name, section or section_of(function), hints, selected, feed, transformer=True
        )
        return _made(made, function, spec, None, parallelized=parallelized)

    return decorate if f is None else decorate(f)


def defer(f: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """Makes a function return what is to be called later, while other items are made: yield that as an item."""

    @functools.wraps(f)
    def deferred(*args: Any, **kwargs: Any) -> Callable[[], Any]:
        return functools.partial(f, *args, **kwargs)

    return deferred
