"""DltSource: resources that share one schema; and which sources come of what a pipeline is given."""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from dlt.errors import ResourceError
from dlt.extract.pipe import kind_of, rows_in
from dlt.extract.resource import DltResource
from dlt.extract.resources import ResourceDict, share_memo

if TYPE_CHECKING:
    from dlt.schema.schema import Schema

logger = logging.getLogger("dlt")
NAMELESS = "data"  # the table of a frame that has no name


class DltSource:
    """Resources by name, and the schema of the tables they are loaded to. Made by `dlt.source`.

    Each resource is also an attribute. Iterate it to get the items of all selected resources.
    """

    def __init__(self, schema: Schema, section: str | None = None, resources: Iterable[DltResource] = ()) -> None:
        vars(self).update(
            section=section or schema.name,
            _schema=schema,
            _resources=ResourceDict(schema.name, section),
        )
        self._resources.add(*resources)

    section: str
    gathered: bool = False  # of resources that a pipeline was given without a source: they keep their own sections
    _schema: Schema
    _resources: ResourceDict

    @classmethod
    def from_data(cls, schema: Schema, section: str | None, data: Any) -> Self:
        """A source of what a source function returned: a resource, several of them, or a function or generator."""
        return cls(schema, section, _resources_of(data, section))

    # ---- what it is

    @property
    def name(self) -> str:
        """The name, which is that of the schema too."""
        return self._schema.name

    @property
    def schema(self) -> Schema:
        """The schema."""
        return self._schema

    @schema.setter
    def schema(self, value: Schema) -> None:
        vars(self)["_schema"] = value
        self._resources.source_name = value.name
        for resource in self._resources.values():
            resource.source_name = value.name

    @property
    def resources(self) -> ResourceDict:
        """All resources by name."""
        return self._resources

    @property
    def selected_resources(self) -> dict[str, DltResource]:
        """The resources whose items are loaded, by name."""
        return self._resources.selected

    @property
    def max_table_nesting(self) -> int | None:
        """How many levels of nested lists become tables; None: all."""
        return self._schema.max_nesting

    @max_table_nesting.setter
    def max_table_nesting(self, value: int | None) -> None:
        self._schema.max_nesting = value

    @property
    def root_key(self) -> bool | None:
        """Whether nested tables carry the id of their root row; None: where it is needed."""
        return self._schema.root_key

    @root_key.setter
    def root_key(self, value: bool | None) -> None:
        self._schema.root_key = value

    @property
    def schema_contract(self) -> Any:
        """What may happen to tables, columns and types that are not known yet."""
        return self._schema.settings.get("schema_contract")

    @schema_contract.setter
    def schema_contract(self, value: Any) -> None:
        self._schema.set_schema_contract(value)

    @property
    def exhausted(self) -> bool:
        """True when a selected resource can be had only once and was asked for."""
        return any(resource.exhausted for resource in self.selected_resources.values())

    @property
    def state(self) -> dict[str, Any]:
        """The state of this source in the active pipeline."""
        from dlt.extract.state import state_of_source

        return state_of_source(self.name)

    # ---- others made of it

    def clone(self, with_name: str | None = None) -> Self:
        """A copy with a copy of the schema and of each resource; under another name it is another source."""
        made = type(self)(self._schema.clone(with_name=with_name), self.section)
        made.gathered = self.gathered
        made._resources.add(*share_memo(self._resources.values()))  # noqa: SLF001
        return made

    def with_resources(self, *resource_names: str) -> Self:
        """A copy in which only these resources are selected. ResourceError when one is not known."""
        made = self.clone()
        made._resources.select(*resource_names)  # noqa: SLF001
        return made

    def decompose(self, strategy: str = "none") -> list[Self]:
        """Sources that can be run apart: "scc": one for each group of resources that feed each other; "none": this one."""
        if strategy == "none":
            return [self]
        if strategy != "scc":
            raise ValueError(f"Unknown strategy {strategy!r}: use 'none' or 'scc'.")
        groups: dict[Any, list[str]] = {}
        for name, resource in self.selected_resources.items():
            root = resource._pipe  # noqa: SLF001
            while root.parent is not None:
                root = root.parent
            groups.setdefault(root, []).append(name)
        return [self.with_resources(*names) for names in groups.values()]

    def add_limit(self, max_items: int | None = None, max_time: float | None = None, count_rows: bool = False) -> Self:
        """Limit each selected resource, see `DltResource.add_limit`."""
        for resource in self.selected_resources.values():
            if not resource.is_transformer:
                resource.add_limit(max_items, max_time, count_rows)
        return self

    def parallelize(self) -> Self:
        """Run the generators and transformers in threads; resources of data that is there stay as they are."""
        for resource in self._resources.values():
            if resource.can_be_parallel:
                resource.parallelize()
        return self

    def discover_schema(self, item: Any = None, meta: Any = None) -> Schema:
        """A copy of the schema with the tables that the hints declare; tables whose name needs an item only with `item`."""
        schema = self._schema.clone()
        for resource in self.selected_resources.values():
            if item is None and (callable(resource.table_name) or resource.has_dynamic_hints):
                continue
            table = resource.compute_table_schema(item, meta)
            name = table["name"]
            table = schema.update_table(table)
            for nested in resource.compute_nested_table_schemas(name, schema.naming, item, meta):
                schema.update_table(nested)
        return schema

    @property
    def run(self) -> Callable[..., Any]:
        """`run` of the active pipeline with this source."""
        from dlt.extract.current import pipeline

        run: Callable[..., Any] = partial(pipeline().run, self)
        return run

    # ---- items and attributes

    def __iter__(self) -> Iterator[Any]:
        """The items of all selected resources one by one. ResourceError when they can be had only once and were."""
        from dlt.extract.evaluate import items_one_by_one

        self.check_fresh()
        return items_one_by_one(list(self.selected_resources.values()), self)

    def check_fresh(self) -> None:
        """ResourceError when a selected resource can be had only once and was asked for before."""
        for name, resource in self.selected_resources.items():
            if resource.exhausted:
                raise ResourceError(
                    f"The items of the resource {name!r} can be had only once, and they were asked for before.",
                    source=self.name,
                    resource=name,
                    hint="give the resource the generator function instead of a generator, or make the source again",
                )

    def __getattr__(self, name: str) -> DltResource:
        resources = vars(self).get("_resources")
        if resources is not None and name in resources:
            return resources[name]  # type: ignore[no-any-return]  # vars() are of any type
        raise AttributeError(
            f"{type(self).__name__} {self.name!r} has no attribute and no resource {name!r}. "
            f"Resources: {', '.join(resources) or 'none'}."
            if resources is not None
            else name
        )

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, DltResource):
            self._resources[name] = value
        else:
            super().__setattr__(name, value)

    def _repr_html_(self) -> str:
        """A table of the resources for notebooks: name, whether it is loaded, what feeds it, table, write disposition."""
        rows = []
        for name, resource in self._resources.items():
            parent = resource._pipe.parent  # noqa: SLF001
            table = "by item" if callable(resource.table_name) else resource.table_name
            cells = (name, "yes" if resource.selected else "no", parent.name if parent else "", table)
            rows.append((*cells, _word(resource.write_disposition)))
        head = "".join(f"<th>{one}</th>" for one in ("resource", "loaded", "fed by", "table", "write disposition"))
        body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
        return f"<p>source <b>{html.escape(self.name)}</b></p><table><tr>{head}</tr>{body}</table>"

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._resources]

    def __repr__(self) -> str:
        names = [
            f"{name}{'' if resource.selected else ' (not selected)'}" for name, resource in self._resources.items()
        ]
        return f"<dlt.{type(self).__name__}(name={self.name!r}, section={self.section!r}, resources={names})>"


def _word(disposition: Any) -> str:
    if isinstance(disposition, dict):
        return " ".join(str(disposition[key]) for key in ("disposition", "strategy") if disposition.get(key))
    return "by item" if callable(disposition) else str(disposition)


def _resources_of(data: Any, section: str | None) -> Iterator[DltResource]:
    """The resources that a source function may return."""
    if isinstance(data, DltResource):
        yield data.resolved()
    elif isinstance(data, DltSource):
        yield from data.resources.values()
    elif isinstance(data, (list, tuple)) and (not data or any(isinstance(one, DltResource) for one in data)):
        for one in data:
            yield one.resolved() if isinstance(one, DltResource) else DltResource.from_data(one, section=section)
    elif isinstance(data, Iterator):
        yield from _of_iterator(data, section)
    else:
        yield DltResource.from_data(data, section=section)


def _of_iterator(data: Iterator[Any], section: str | None) -> Iterator[DltResource]:
    """A generator yields resources, or it is the data of one."""
    from itertools import chain

    name = getattr(data, "__name__", None)
    first = next(data, None)
    if isinstance(first, DltResource):
        for one in chain([first], data):
            yield one.resolved() if isinstance(one, DltResource) else DltResource.from_data(one, section=section)
    elif first is not None:
        yield DltResource.from_data(chain([first], data), name=name, section=section)


def sources_of(
    data: Any,
    *,
    schema_name: str,
    section: str | None,
    table_name: Any = None,
    schema: Schema | None = None,
    tables: Sequence[str] | None = None,
    **hints: Any,
) -> list[DltSource]:
    """The sources that come of what `run` and `extract` accept.

    Sources, source factories and resources, alone or in a list, are copied, so that hints do not change those of the
    user. Anything else is the data of one resource named `table_name` in a source named `schema_name`. The hints
    (`write_disposition`, `columns` ...) are applied to every selected resource; `schema` takes the place of theirs. A text
    is the name of a source, files or a database, of which `tables` are wanted.
    """
    hints = {"table_name": table_name, **hints}
    sources = list(_sources(data, schema_name, section, table_name, schema, tables))
    cursors: set[tuple[str, str]] = set()
    for source in sources:
        source.check_fresh()
        _check_cursors(source, cursors)
        if schema is not None and source.schema is not schema:
            source.schema = schema
        if hints.get("schema_contract") is not None:
            source.schema_contract = hints["schema_contract"]
        if any(value is not None for value in hints.values()):
            for resource in source.selected_resources.values():
                resource.merge_hints(hints)
    return sources


def _check_cursors(source: DltSource, known: set[tuple[str, str]]) -> None:
    """Warn when two resources of one run have one cursor: the second begins where the first one ended."""
    for resource in source.selected_resources.values():
        key = (source.name, resource.name)
        if key in known and (found := resource.incremental) is not None and found.end_value is None:
            logger.warning(
                "%s comes more than once in this run, and its cursor %s is one: rows that are not after those of the first are "
                "left out. Name them apart with resource.with_name(...).",
                resource.name,
                found.cursor_path,
            )
        known.add(key)


def _sources(
    data: Any,
    schema_name: str,
    section: str | None,
    table_name: Any,
    schema: Schema | None,
    tables: Sequence[str] | None,
) -> Iterator[DltSource]:
    group: list[DltResource] = []

    def grouped() -> Iterator[DltSource]:
        """One source for all resources; those whose name is taken go to a second one, and so on."""
        waiting = share_memo(group)
        if not any(resource.selected for resource in waiting):
            for resource in waiting:
                resource.selected = True  # who passes nothing but resources that their source leaves out wants them
        while waiting:
            by_name: dict[str, DltResource] = {}
            for resource in waiting:
                by_name.setdefault(resource.name, resource)
            taken = set(map(id, by_name.values()))
            waiting = [resource for resource in waiting if id(resource) not in taken]
            made = DltSource(schema or _new_schema(schema_name), section, by_name.values())
            made.gathered = True
            yield made

    for one in _opened(data, tables):
        if isinstance(one, DltSource):
            yield one.clone()
        elif isinstance(one, DltResource):
            group.append(one.resolved())
        elif getattr(type(one), "__dlt_source_factory__", False):
            yield one()
        else:
            name = table_name if isinstance(table_name, str) else None
            nameless = table_name is None and not callable(one) and kind_of(type(one)) == "table"
            group.append(_frame(one, section) if nameless else DltResource.from_data(one, name=name, section=section))
    yield from grouped()


def _frame(data: Any, section: str | None) -> DltResource:
    """A resource of a frame or Arrow table that nobody gave a name."""
    made = DltResource.from_data(data, name=NAMELESS, section=section)
    kind = f"{type(data).__module__.partition('.')[0]} {type(data).__name__}"
    size = f" of {rows_in(data)} rows" if hasattr(data, "num_rows") or hasattr(data, "__len__") else ""
    return made.add_input({"kind": "frame", "recognised": f"{kind}{size} -> table {NAMELESS}"})


def _new_schema(name: str) -> Schema:
    from dlt.schema.schema import Schema

    return Schema(name)


def _is_ours(value: Any) -> bool:
    return isinstance(value, (DltSource, DltResource)) or getattr(type(value), "__dlt_source_factory__", False)


def _opened(data: Any, tables: Sequence[str] | None) -> list[Any]:
    """The parts of a list of sources and resources; anything else is one part."""
    if isinstance(data, (list, tuple)) and data and _is_ours(data[0]):
        for one in data:
            if not _is_ours(one):
                raise ResourceError(
                    f"A list that begins with a source or resource holds a {type(one).__name__}.",
                    value=repr(one)[:200],
                    hint="make a resource of it: dlt.resource(data, name=...)",
                )
        return list(data)
    if isinstance(data, str):
        from dlt.sources.registry import found_in_text

        return found_in_text(data, tables)
    if tables is not None:
        raise ResourceError("tables= is for the URL of a database.", value=repr(data)[:200], hint="select resources")
    if not _is_ours(data) and kind_of(type(data)) == "row" and not isinstance(data, Iterable) and not callable(data):
        raise ResourceError(
            f"Data cannot be one {type(data).__name__}.", value=repr(data)[:200], hint="put it into a list: [data]"
        )
    return [data]
