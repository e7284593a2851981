"""DltResource: a named pipe of steps that makes items, and the hints of the tables they go to."""

from __future__ import annotations

import copy
import html
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from dlt.errors import ResourceError, SchemaError
from dlt.extract import hints as hinting
from dlt.extract.data import check_data, name_of_callable
from dlt.extract.hints import Hints, merge_hints, nested_tables, table_of
from dlt.extract.marks import HintsMeta, TableNameMeta
from dlt.extract.pipe import Limit, Pipe, Step, StepKind, kind_of, takes_meta
from dlt.extract.signatures import bound_arguments, has_meta, is_generator

if TYPE_CHECKING:
    from dlt.schema.model import Table

logger = logging.getLogger("dlt")

NameOf = Callable[[dict[str, Any]], str]  # of the arguments a function is bound to


class DltResource:
    """A named source of items, or a transformer of those of another one, with hints for the tables the items go to.

    Made by `dlt.resource` and `dlt.transformer`. Iterate it to get the items one by one.
    """

    def __init__(
        self,
        pipe: Pipe,
        hints: Hints | None = None,
        selected: bool = True,
        *,
        section: str | None = None,
        name_of: NameOf | None = None,
        section_of: NameOf | None = None,
    ) -> None:
        self._pipe = pipe
        self._hints: Hints = {}
        self._variants: dict[str, Hints] = {}
        self._name_of, self._section_of = name_of, section_of
        self.selected = selected
        self.section = section
        self.source_name: str | None = None  # the source this belongs to
        self.filtered = 0  # rows that code of the user dropped in the last evaluation
        self._inputs: tuple[dict[str, Any], ...] = ()
        if hints:
            self.merge_hints(hints)

    @classmethod
    def from_data(
        cls,
        data: Any,
        name: str | NameOf | None = None,
        section: str | NameOf | None = None,
        hints: Hints | None = None,
        selected: bool = True,
        data_from: Any = None,
        *,
        transformer: bool = False,
    ) -> Self:
        """A resource of a function, a generator, or anything that can be iterated or has `__arrow_c_stream__`.

        With `data_from`, or as `transformer`, `data` is a function that is called with each item of another resource.
        ResourceError when no items can come of this, or without a name.
        """
        name_of = name if callable(name) else None
        section_of = section if callable(section) else None
        own = None if callable(name) else name
        own = own or name_of_callable(data)
        if not own:
            raise ResourceError(
                f"A resource of {type(data).__name__} needs a name.",
                hint="give name=, or with pipeline.run: table_name=",
            )
        transformer = transformer or data_from is not None
        check_data(data, own, transformer=transformer)
        kind: StepKind = "transform" if transformer else "generator"
        if kind_of(type(data)) == "table":
            data = [data]
        made = cls(
            Pipe(own, [Step(kind, data, with_meta=transformer and has_meta(data))]),
            hints,
            selected,
            section=None if callable(section) else section,
            name_of=name_of,
            section_of=section_of,
        )
        if data_from is not None:
            made.pipe_data_from(data_from)
        return made

    # ---- name and arguments

    @property
    def name(self) -> str:
        """The name: of the table too, unless the hints say otherwise."""
        return self._pipe.name

    def with_name(self, new_name: str, new_section: str | None = None) -> Self:
        """A copy with another name, and so with a state of its own; what feeds it is copied and renamed too."""

        def renamed(pipe: Pipe) -> str:
            if pipe is self._pipe:
                return new_name
            return pipe.name.replace(self.name, new_name) if self.name in pipe.name else f"{pipe.name}_{new_name}"

        return self._with(self._pipe.clone({}, renamed), section=new_section)

    def _with(self, pipe: Pipe, *, section: str | None = None) -> Self:
        """A copy of this resource with another pipe, which belongs to no source."""
        made = type(self)(pipe, selected=self.selected, section=section or self.section)
        made._hints, made._variants = self._hints, self._variants  # noqa: SLF001 - replaced as a whole, never changed
        made._name_of, made._section_of = self._name_of, self._section_of  # noqa: SLF001
        made._inputs = self._inputs  # noqa: SLF001
        return made

    def _clone(self, memo: dict[Pipe, Pipe] | None = None) -> Self:
        """A copy; pipes in `memo` were copied before."""
        return self._with(self._pipe.clone({} if memo is None else memo))

    @property
    def is_transformer(self) -> bool:
        """True when this is fed by another resource."""
        return self._pipe.is_transformer

    @property
    def requires_args(self) -> bool:
        """True when the function must be called with arguments first."""
        return not self.args_bound and bool(self._pipe.missing)

    @property
    def args_bound(self) -> bool:
        """True once arguments were given, or when the data is no function."""
        return self._pipe.args is not None or not callable(self._pipe.gen)

    @property
    def explicit_args(self) -> Mapping[str, Any]:
        """The arguments of the call by name; TypeError before it."""
        if self._pipe.args is None:
            raise TypeError(f"The resource {self.name!r} was not called with arguments yet.")
        return self._bound(self._pipe.args, self._pipe.kwargs)

    def _bound(self, args: Any, kwargs: Any) -> dict[str, Any]:
        pipe = self._pipe
        return bound_arguments(pipe.gen, pipe.is_transformer, args, kwargs, partial=pipe.spec[0] is not None)

    def bind(self, *args: Any, **kwargs: Any) -> Self:
        """Give the function its arguments, in place. TypeError when they do not fit, or the second time."""
        if not callable(self._pipe.gen):
            raise TypeError(
                f"The resource {self.name!r} is no function but {type(self._pipe.gen).__name__}: it takes no arguments."
            )
        if self._pipe.args is not None:
            raise TypeError(f"The resource {self.name!r} was called before; arguments can be given only once.")
        bound = self._bound(args, kwargs)
        self._pipe.args, self._pipe.kwargs = args, kwargs
        if self._name_of is not None:
            self._pipe.name = self._name_of(bound)
        if self._section_of is not None:
            self.section = self._section_of(bound)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> DltResource:
        """A copy of this resource whose function has these arguments; what feeds it is shared. A function with the
        annotation `-> DltResource` is called at once: what it returns takes the place of this resource."""
        parent = self._pipe.parent
        pipe = self._pipe.clone({} if parent is None else {parent: parent})
        return self._with(pipe).bind(*args, **kwargs).resolved()

    def resolved(self) -> DltResource:
        """This resource, or the one that its function makes when it says so by its annotation and has its arguments."""
        pipe = self._pipe
        if self.is_transformer or self.requires_args or not _returns_resource(pipe.gen):
            return self
        from dlt.config.inject import injected

        sections = ("sources", self.section or "", self.name)
        args, kwargs = injected(
            pipe.gen, pipe.args or (), pipe.kwargs, sections, f"The resource {self.name!r}", pipe.spec[0]
        )
        made = pipe.gen(*args, **kwargs)
        if not isinstance(made, DltResource):
            raise ResourceError(
                f"The function of the resource {self.name!r} returned {type(made).__name__}, not the resource it promises.",
                resource=self.name,
                hint="take the annotation -> DltResource away",
            )
        return made

    # ---- steps

    def add_map(self, item_map: Callable[..., Any], insert_at: int | None = None) -> Self:
        """Call a function with each item, or with item and mark; what it returns takes the place of the item."""
        return self._add("map", item_map, insert_at)

    def add_filter(self, item_filter: Callable[..., Any], insert_at: int | None = None) -> Self:
        """Keep the items for which a function of the item, or of item and mark, returns true."""
        return self._add("filter", item_filter, insert_at)

    def add_yield_map(self, item_map: Callable[..., Iterator[Any]], insert_at: int | None = None) -> Self:
        """Call a generator function with each item; all that it yields takes the place of the item."""
        return self._add("yield_map", item_map, insert_at)

    def add_metrics(self, metrics_f: Callable[[Any, Any, dict[str, Any]], None], insert_at: int | None = None) -> Self:
        """Call a function with what passes (an item or a page), its mark, and a dict for your figures."""
        self._pipe.add(Step("metrics", metrics_f), insert_at)
        return self

    def add_step(self, item_transform: Any, insert_at: int | None = None) -> Self:
        """Call an object with what passes (an item or a page) and its mark, or without the mark if it takes one argument.
        An incremental lets pass what is new."""
        from dlt.extract.incremental import Incremental

        if isinstance(item_transform, Incremental):
            if (known := self.incremental) is not None:
                raise ResourceError(
                    f"The resource {self.name!r} has the incremental {known.cursor_path!r}, and its rows can follow only one cursor.",
                    resource=self.name,
                    cursor=item_transform.cursor_path,
                    hint="apply_hints(incremental=...) puts another one in its place",
                )
            self.set_incremental(item_transform)
            if insert_at is not None:
                self._pipe.remove("incremental")
                self._pipe.add(Step("incremental", item_transform), insert_at)
            return self
        return self._add("raw", item_transform, insert_at)

    def _add(self, kind: StepKind, call: Any, insert_at: int | None) -> Self:
        if not callable(call):
            raise TypeError(f"A step of the resource {self.name!r} must be a function, not {type(call).__name__}.")
        self._pipe.add(Step(kind, call, takes_meta(call)), insert_at)
        return self

    def add_limit(self, max_items: int | None = None, max_time: float | None = None, count_rows: bool = False) -> Self:
        """Stop after so many yielded items (a page counts as one) or, with `count_rows`, rows, or after `max_time`
        seconds. The page that crosses the limit is kept whole. 0 items: only the table; None or -1: no limit."""
        if self.is_transformer:
            logger.warning("A limit on the transformer %s has no effect; limit what feeds it.", self.name)
            return self
        if max_items is not None and max_items < 0:
            max_items = None
        self._pipe.remove("limit")
        if max_items is not None or max_time is not None:
            self._pipe.add(Step("limit", Limit(max_items, max_time, count_rows)))
        return self

    def parallelize(self) -> Self:
        """Run the generator, or the transformer, in a thread while others run. ResourceError for data that is there."""
        if not self.can_be_parallel:
            raise ResourceError(
                f"The resource {self.name!r} cannot run in a thread: it is a {type(self._pipe.gen).__name__}.",
                resource=self.name,
                hint="only generators, generator functions and transformers are parallel",
            )
        self._pipe.parallel = True
        return self

    @property
    def can_be_parallel(self) -> bool:
        """Whether `parallelize` is of use: for transformers and for generators."""
        return self.is_transformer or is_generator(self._pipe.gen)

    def select_tables(self, *table_names: str) -> Self:
        """Keep only the items that go to these tables: by their mark, or by a table name that is a function."""
        wanted = frozenset(table_names)

        def select(item: Any, meta: Any) -> Any:
            if isinstance(meta, TableNameMeta):
                return item if meta.table_name in wanted else None
            if isinstance(meta, HintsMeta) and isinstance(name := meta.hints.get("table_name"), str):
                return item if name in wanted else None
            name = self.table_name
            if not callable(name):
                return item if name in wanted else None
            if type(item) is list:
                return [value for value in item if name(value) in wanted]
            return item if name(item) in wanted else None

        self._pipe.add(Step("tables", select, with_meta=True))
        return self

    @property
    def incremental(self) -> Any:
        """By which cursor this loads only what is new, as the code says; None when it loads everything."""
        from dlt.extract.attach import of_pipe

        return of_pipe(self._pipe)

    def set_incremental(self, new_incremental: Any) -> Self:
        """Load only what is new by this cursor, whatever the function says; None or `Incremental.EMPTY` takes away what was
        set here."""
        from dlt.extract.incremental import Incremental

        if new_incremental is None:
            new_incremental = Incremental.EMPTY
        return self.merge_hints({"incremental": new_incremental})

    @property
    def limit(self) -> Limit | None:
        """What `add_limit` set."""
        step = self._pipe.find("limit")
        return step.call if step else None

    @property
    def validator(self) -> Any:
        """What checks the rows by a pydantic model, or None."""
        step = self._pipe.find("validate")
        return step.call if step else None

    @validator.setter
    def validator(self, validator: Any) -> None:
        self._pipe.remove("validate")
        if validator is not None:
            self._pipe.add(Step("validate", validator))

    def pipe_data_from(self, data_from: Any) -> Self:
        """Feed this transformer the items of another resource, or of a function or iterable."""
        if not self.is_transformer:
            raise ResourceError(
                f"The resource {self.name!r} makes its own items and cannot be fed.",
                resource=self.name,
                hint="decorate it with dlt.transformer",
            )
        if isinstance(data_from, Pipe):
            self._pipe.parent = data_from
            return self
        if not isinstance(data_from, DltResource):
            name = name_of_callable(data_from) or f"{self.name}_data"
            data_from = DltResource.from_data(data_from, name=name, section=self.section, selected=False)
        self._pipe.parent = data_from._pipe  # noqa: SLF001
        return self

    def __or__(self, other: Any) -> DltResource:
        """`resource | transformer` feeds the transformer and returns it; a function becomes a step of this resource."""
        if isinstance(other, DltResource):
            other.pipe_data_from(self)
            return other
        if not callable(other):
            raise TypeError(f"{self.name!r} | {other!r}: expected a transformer or a function.")
        return self.add_yield_map(other) if inspect.isgeneratorfunction(other) else self.add_map(other)

    def __ror__(self, data: Any) -> Self:
        """`[1, 2] | transformer` feeds it the items of anything that can be iterated."""
        return self.pipe_data_from(data)

    __rshift__, __rrshift__ = __or__, __ror__

    # ---- hints

    def apply_hints(
        self,
        table_name: Any = None,
        parent_table_name: Any = None,
        write_disposition: Any = None,
        columns: Any = None,
        primary_key: Any = None,
        merge_key: Any = None,
        incremental: Any = None,
        schema_contract: Any = None,
        additional_table_hints: dict[str, Any] | None = None,
        table_format: Any = None,
        file_format: Any = None,
        references: Any = None,
        create_table_variant: bool = False,
        nested_hints: Any = None,
    ) -> Self:
        """Put hints in the place of those this resource has. None keeps a hint, an empty value removes it, columns are
        merged by name. As a table variant they hold only for the table they name.

        additional_table_hints: hints whose names begin with `x-`. `{"x-on-bad-rows": "fail"}` makes the first row that
        cannot be kept as it is (a type, a null, the destination) an error; with "quarantine" such rows go to
        `_dlt_quarantine`. It goes before the setting `normalize.on_bad_rows`.
        """
        given = {key: value for key, value in locals().items() if key not in ("self", "create_table_variant")}
        return self.merge_hints(given, create_table_variant)

    def merge_hints(self, hints_template: Mapping[str, Any], create_table_variant: bool = False) -> Self:
        """`apply_hints` with the hints as a dict, as `dlt.mark.make_hints` gives it."""
        if create_table_variant:
            name = hints_template.get("table_name")
            if not isinstance(name, str) or not name:
                raise SchemaError(
                    "Hints for a table variant must name the table.", resource=self.name, hint="give table_name="
                )
            if hints_template.get("incremental") is not None:
                raise SchemaError(
                    "An incremental is that of a resource, not of one of its tables.",
                    resource=self.name,
                    table=name,
                    hint="take create_table_variant= or incremental= away",
                )
            self._variants = {**self._variants, name: merge_hints(self.hints_for(name), hints_template)}
            return self
        before, self._hints = self._hints, merge_hints(self._hints, hints_template)
        if (validator := self._hints.get("validator")) is not before.get("validator"):
            self.validator = validator
        if hints_template.get("incremental") is not None:
            self._pipe.remove("incremental")
            if (found := self._hints.get("incremental")) is not None:
                self._pipe.add(Step("incremental", found))
        return self

    def declare(self, columns: Mapping[str, Any]) -> None:
        """Add columns to the hints, if they are not there yet."""
        known = self.columns
        if not callable(known) and (new := {key: value for key, value in columns.items() if key not in known}):
            self.merge_hints({"columns": new})

    def hints_for(self, table_name: str) -> Hints:
        """The hints for a table of this resource: of its variant, or those of the resource."""
        return self._variants.get(table_name) or self._hints

    @property
    def has_dynamic_hints(self) -> bool:
        """True when a hint, other than the table name, is a function of the item."""
        return hinting.is_dynamic(self._hints)

    @property
    def table_name(self) -> Any:
        """The table the items go to, or the function that tells it."""
        return self._hints.get("table_name") or self.name

    @table_name.setter
    def table_name(self, value: Any) -> None:
        self.apply_hints(table_name=value)

    @property
    def parent_table_name(self) -> Any:
        """The table this one is nested in."""
        return self._hints.get("parent_table_name")

    @property
    def write_disposition(self) -> Any:
        """What happens to the rows that are there: append, replace, merge (or a dict), skip."""
        return self._hints.get("write_disposition") or "append"

    @write_disposition.setter
    def write_disposition(self, value: Any) -> None:
        self.apply_hints(write_disposition=value)

    @property
    def columns(self) -> Any:
        """The declared columns by name, or a function of the item."""
        return self._hints.get("columns") or {}

    @property
    def schema_contract(self) -> Any:
        """What may happen to tables, columns and types that are not known yet."""
        return self._hints.get("schema_contract")

    @schema_contract.setter
    def schema_contract(self, value: Any) -> None:
        self.apply_hints(schema_contract=value)

    @property
    def table_format(self) -> Any:
        """The table format: delta, iceberg, native ..."""
        return self._hints.get("table_format")

    @property
    def nested_hints(self) -> Any:
        """Hints for nested tables by key, or path of keys."""
        return self._hints.get("nested_hints")

    @property
    def max_table_nesting(self) -> int | None:
        """How many levels of nested lists become tables; None: as the source says."""
        return self._hints.get("max_table_nesting")

    @max_table_nesting.setter
    def max_table_nesting(self, value: int | None) -> None:
        rest = {key: hint for key, hint in self._hints.items() if key != "max_table_nesting"}
        self._hints = rest if value is None else {**rest, "max_table_nesting": value}

    def compute_table_schema(self, item: Any = None, meta: Any = None) -> dict[str, Any]:
        """What the hints declare of the table, as a dict; `item` is needed when hints are functions of it."""
        return copy.deepcopy(self._table(item, meta)[0].to_dict())

    def compute_nested_table_schemas(
        self, root_table_name: str, naming: Any = None, item: Any = None, meta: Any = None
    ) -> list[dict[str, Any]]:
        """What the hints declare of nested tables, as dicts; with a naming convention their names are normalised."""
        from dlt.schema.tables import normalized

        hints = self._table(item, meta)[1]
        tables = nested_tables(hints, root_table_name, self.name, item)
        found = [copy.deepcopy(table.to_dict()) for _, table in tables]
        return [normalized(table, naming) for table in found] if naming is not None else found

    def compute_tables(self, naming: Any, item: Any = None, meta: Any = None) -> list[dict[str, Any]]:
        """What the hints declare of the table and the tables nested in it, as dicts; parents come first."""
        table = self.compute_table_schema(item, meta)
        return [table, *self.compute_nested_table_schemas(table["name"], naming, item, meta)]

    def get_nested_hints(
        self, root_table_name: str, naming: Any, item: Any = None, meta: Any = None
    ) -> Iterator[tuple[str, str, Hints]]:
        """Name of each table for which there are nested hints, name of its parent, and the hints."""
        return hinting.named_nested_hints(self._table(item, meta)[1], root_table_name, naming, item)

    def _table(self, item: Any, meta: Any) -> tuple[Table, Hints]:
        name, hints = self.table_name, self._hints
        if isinstance(meta, TableNameMeta):
            name = meta.table_name
        elif isinstance(meta, HintsMeta):
            hints = merge_hints(hints, meta.hints)
            name = hints.get("table_name") or name
        if item is None and (callable(name) or hinting.is_dynamic(hints)):
            raise ResourceError("Hints that are functions need an item.", resource=self.name, hint="give item=")
        if callable(name):
            name = name(item)
        hints = self._variants.get(name) or hints
        table = hinting.with_cursor(table_of(hints, name, self.name, item), self)
        return (table.with_(variant_name=name) if name in self._variants else table), hints

    # ---- running

    def __dlt_asks__(self, filling: Any) -> dict[str, Any]:
        from dlt.config.inject import explained

        return explained(self._pipe.gen, ("sources", self.section or "", self.name), filling, self._pipe.spec[0])

    def __iter__(self) -> Iterator[Any]:
        """The items one by one: rows, Arrow tables, frames; pages are opened. Iterators give their items only once."""
        from dlt.extract.evaluate import items_one_by_one

        return items_one_by_one([self.resolved()])

    @property
    def exhausted(self) -> bool:
        """True when the items can be had only once and were asked for."""
        return self._pipe.exhausted

    @property
    def state(self) -> dict[str, Any]:
        """The state of this resource in the active pipeline."""
        from dlt.extract.state import state_of_source

        found: dict[str, Any] = state_of_source(self.source_name).setdefault("resources", {}).setdefault(self.name, {})
        return found

    @property
    def custom_metrics(self) -> dict[str, Any]:
        """The figures that `add_metrics` and `dlt.current.resource_metrics` collected."""
        return self._pipe.metrics

    def add_input(self, location: Mapping[str, Any], replace: bool = False) -> Self:
        """Note where the items come from, for the trace: a dict with the `kind` of place, which is the name of the source by
        default, and what else there is to say. replace: forget what was noted before."""
        if not isinstance(location, Mapping):
            raise TypeError(f"A location must be a dict, not {type(location).__name__}.")
        kind = location.get("kind") or self.source_name
        if not kind:
            raise ResourceError(
                f"The resource {self.name!r} is in no source, and the location does not say its kind.",
                resource=self.name,
                hint='add "kind" to the location',
            )
        self._inputs = (*(() if replace else self._inputs), {**location, "kind": kind})
        return self

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The locations that were noted by `add_input`."""
        return [dict(one) for one in self._inputs]

    def __repr__(self) -> str:
        kind = "transformer" if self.is_transformer else "resource"
        return f"<dlt.{type(self).__name__}(name={self.name!r}, {kind}, table_name={self.table_name!r}, selected={self.selected})>"

    def _repr_html_(self) -> str:
        rows = {"name": self.name, "section": self.section, "fed by": self._pipe.parent and self._pipe.parent.name}
        rows |= {key: value for key, value in self._hints.items() if key != "validator"}
        lines = (
            f"<tr><td>{html.escape(key)}</td><td>{html.escape(str(value))}</td></tr>"
            for key, value in rows.items()
            if value
        )
        return f"<table>{''.join(lines)}</table>"


def _returns_resource(function: Any) -> bool:
    """True when a function says by its annotation that it makes a resource."""
    kind = getattr(function, "__annotations__", {}).get("return")
    if isinstance(kind, str):
        return kind.rpartition(".")[2].strip() == "DltResource"
    return isinstance(kind, type) and issubclass(kind, DltResource)
