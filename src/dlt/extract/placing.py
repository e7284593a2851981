"""Items -> places: to which table each item goes, and with which hints."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from dlt.errors import ResourceError
from dlt.extract.evaluate import evaluate
from dlt.extract.hints import Hints, Path, functions_of, is_dynamic, merge_hints, nested_tables, table_of, with_cursor
from dlt.extract.marks import DataItemWithMeta, HintsMeta, MadeBefore, MaterializedEmptyList, TableNameMeta
from dlt.extract.nodes import line_of
from dlt.extract.pipe import kind_of, rows_in
from dlt.items import PagedRows, RefusedRows
from dlt.schema.model import Table

if TYPE_CHECKING:
    from dlt.extract.read import Place
    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource
    from dlt.extract.state import State
    from dlt.extract.validate import Validator

MOST_VARIATIONS = 100  # places of one table whose hints are functions of the item that are kept for reuse

Placed = Iterator[tuple["Place", Any]]


class Placing:
    """The items of a source with their places; iterate it once, then ask it what happened.

    A place is `(table name, Table, nested hints by path, max nesting)`, names as the user wrote them. While the hints of
    a table are the same, its place is the same object. An item is a row, a list of rows, an Arrow table or batch, or a
    frame; at the end an empty list comes for each table that must exist, or be emptied, though it got no rows.
    """

    def __init__(self, source: DltSource, items: Iterator[tuple[DltResource, Any]]) -> None:
        self.source = source
        self.resources = list(source.selected_resources.values())
        self.rows: dict[tuple[str, str], int] = {}  # (resource, table) -> rows that went there; 0: reached without rows
        self.empty: list[Place] = []  # the places for which an empty list came
        self._items = items
        self._homes = {id(resource): _Home(resource, source.max_table_nesting) for resource in self.resources}

    def __iter__(self) -> Placed:
        home: _Home | None = None
        place_key = ("", "")
        place: Place | None = None
        try:
            for resource, item in self._items:
                kind = type(item)
                if place is not None and home is not None and kind in (dict, list) and home.holds(resource):
                    self.rows[place_key] += 1 if kind is dict else len(item)
                    yield place, item
                    continue
                home, place = self._homes[id(resource)], None
                meta = None
                if kind is DataItemWithMeta:
                    item, meta = item.data, item.meta  # noqa: PLW2901
                for here, part in home.places_of(item, meta):
                    for rows, piece in _counted(part):
                        key = (resource.name, here[0])
                        self.rows[key] = self.rows.get(key, 0) + rows
                        yield here, piece
                        place_key = key
                    place = here if meta is None and home.fixed else None
        finally:
            if (close := getattr(self._items, "close", None)) is not None:
                close()
        for home in self._homes.values():
            for place in home.without_rows(self.rows):
                self.rows.setdefault((home.resource.name, place[0]), 0)
                self.empty.append(place)
                yield place, []

    @property
    def replaced(self) -> set[str]:
        """The resources whose write disposition is replace: those of their tables that got no rows are to be emptied."""
        return {resource.name for resource in self.resources if _replaces(resource.write_disposition)}

    @property
    def filtered(self) -> dict[str, int]:
        """How many rows code of the user dropped (filters, limits, None), by table name; if that is a function of the
        item, by the name of the resource."""
        found: dict[str, int] = {}
        for resource in self.resources:
            if resource.filtered:
                name = resource.name if callable(resource.table_name) else resource.table_name
                found[name] = found.get(name, 0) + resource.filtered
        return found


def placed(
    source: DltSource, state: State | None = None, *, mode: Literal["round_robin", "fifo"] | None = None
) -> Placing:
    """Evaluate the selected resources of a source: an iterable of (place, item), see `Placing`.

    `state` is the state of the pipeline, which the code of the user reads and changes; `mode` goes before the setting.
    """
    resources = list(source.selected_resources.values())
    return Placing(source, evaluate(resources, state=state, source=source, mode=mode))


def _replaces(disposition: Any) -> bool:
    return disposition == "replace" or (
        isinstance(disposition, Mapping) and disposition.get("disposition") == "replace"
    )


def _counted(item: Any) -> Iterator[tuple[int, Any]]:
    """The item with its number of rows; what does not tell it comes in batches that do."""
    if isinstance(item, RefusedRows):
        yield 0, item
        return
    if kind_of(type(item)) != "table" or isinstance(item, PagedRows):
        yield rows_in(item), item
        return
    from dlt.arrow.interop import batches_of

    for batch in batches_of(item):
        yield batch.num_rows, batch


class _Home:
    """The places of one resource."""

    def __init__(self, resource: DltResource, max_nesting: int | None) -> None:
        self.resource = resource
        self.max_nesting = max_nesting
        self.hints: Hints = {}  # those of the resource; replaced as a whole when the code of the user changes them
        self.dynamic = False
        self.stepped = resource.validator is not None  # rows are checked by the model of the resource before they come
        self.checked = 0  # rows that were checked here
        self.incremental = resource._hints.get("incremental")  # noqa: SLF001
        self.places: dict[str, tuple[Hints, Place]] = {}  # with the hints they were made of
        self.varying: dict[str, list[tuple[list[Any], Place]]] = {}
        self.materialized: dict[str, Place] = {}

    def places_of(self, item: Any, meta: Any) -> Placed:
        """The item, or its parts, with their places."""
        name: Any = None
        if isinstance(meta, TableNameMeta):
            name = meta.table_name
        elif isinstance(meta, HintsMeta):
            name = self.marked(meta)
        self.use(meta.hints if isinstance(meta, MadeBefore) else self.resource._hints)  # noqa: SLF001
        name = name or self.table_name
        if type(item) is list and not item:  # it only brought hints
            return
        if isinstance(item, RefusedRows):
            yield from self.refused(item, name)
        elif isinstance(item, MaterializedEmptyList):
            place = self.materialized_place(name)
            self.materialized[place[0]] = place
        elif (model := self.model_for(name, meta)) is not None and kind_of(type(item)) != "table":
            yield from self.checked_by(model, item, name)
        else:
            yield from self.to_table(item, name)

    def refused(self, rows: RefusedRows, name: Any) -> Placed:
        """Rows that their model refuses go to the table of the resource; where that depends on the row, to its name."""
        if callable(name) or (self.dynamic and name not in self.variants):
            yield (self.resource.name, Table(self.resource.name), {}, None), rows
        else:
            yield self.place(name), rows

    def holds(self, resource: DltResource) -> bool:
        """Whether an item of this resource goes where the last one went."""
        return resource is self.resource and resource._hints is self.hints  # noqa: SLF001

    @property
    def fixed(self) -> bool:
        """Whether items without mark all go to one place, as long as the hints are the same."""
        late = not self.stepped and self.hints.get("validator") is not None
        return not (late or self.dynamic or callable(self.table_name) or self.table_name in self.variants)

    def use(self, hints: Hints) -> None:
        """Make places of these hints from now on."""
        if self.hints is not hints:
            if hints.get("incremental") != self.incremental:
                raise ResourceError(
                    f"The incremental of the resource {self.resource.name!r} cannot change while its rows are made.",
                    resource=self.resource.name,
                    hint="give it to the resource before it runs",
                )
            self.hints = hints
            self.dynamic = is_dynamic(hints)
            self.varying.clear()

    def model_for(self, name: Any, meta: Any) -> Validator | None:
        """The model that has yet to look at rows for a table: it came while items were made, or is that of a variant."""
        hints = (self.variants.get(name) if isinstance(name, str) else None) or self.hints
        wanted: Validator | None = hints.get("validator")
        brought = isinstance(meta, HintsMeta) and "validator" in meta.hints
        done = self.hints.get("validator") if self.stepped and not brought else None
        return None if wanted == done else wanted

    def checked_by(self, model: Validator, item: Any, name: Any) -> Placed:
        """Rows as the model sees them, and those it refuses, with their places."""
        rows = item if isinstance(item, list) else [item]
        models, refused = model(rows, self.checked)
        self.checked += len(rows)
        if model.grows:
            self.resource.declare(model.columns(models))
            self.use(self.resource._hints)  # noqa: SLF001
        good = model.rows(models)
        if refused is not None:
            yield from self.refused(refused, name)
        if good:
            yield from self.to_table(good if isinstance(item, list) else good[0], name)

    def to_table(self, item: Any, name: Any) -> Placed:
        if callable(name) or (self.dynamic and name not in self.variants):
            for part in item.pages() if isinstance(item, PagedRows) else (item,):
                yield from self.dispatched(part, name)
        else:
            yield self.place(name), item

    @property
    def table_name(self) -> Any:
        return self.hints.get("table_name") or self.resource.name

    @property
    def variants(self) -> dict[str, Hints]:
        return self.resource._variants  # noqa: SLF001

    def marked(self, meta: HintsMeta) -> str | None:
        """Take the hints of a mark over; returns the table it names, if it is for that table only."""
        resource = self.resource
        if not meta.create_table_variant:
            known = resource._hints  # noqa: SLF001
            if merge_hints(known, meta.hints) != known:
                resource.merge_hints(meta.hints)
            return None
        name = meta.hints.get("table_name")
        variant = self.variants.get(name) if isinstance(name, str) else None
        if variant is None or merge_hints(variant, meta.hints) != variant:
            resource.merge_hints(meta.hints, create_table_variant=True)
        return str(name)

    def materialized_place(self, name: Any) -> Place:
        if callable(name):
            raise ResourceError(
                "Which table is to be made? Its name is a function of the item.",
                resource=self.resource.name,
                hint="mark it: dlt.mark.with_table_name(dlt.mark.materialize_table_schema(), name)",
            )
        return self.place(name)

    def place(self, name: str) -> Place:
        """The place of a table whose hints are the same for all items."""
        hints = self.variants.get(name) or self.hints
        found = self.places.get(name)
        if found is None or found[0] is not hints:
            found = self.places[name] = hints, self.make(name, hints)
        return found[1]

    def make(self, name: str, hints: Hints, item: Any = None) -> Place:
        table = with_cursor(table_of(hints, name, self.resource.name, item), self.resource)
        if table.parent is not None:
            raise ResourceError(
                f"The rows of the resource {self.resource.name!r} cannot be nested in the table {table.parent!r}.",
                resource=self.resource.name,
                table=name,
                hint="take parent_table_name away, and declare lists inside of rows with nested_hints",
            )
        if name in self.variants:
            table = table.with_(variant_name=name)
        nested: dict[Path, Table] = dict(nested_tables(hints, name, self.resource.name, item))
        depth = hints.get("max_table_nesting")
        return name, table, nested, self.max_nesting if depth is None else depth

    def dispatched(self, item: Any, name: Any) -> Placed:
        """Items whose table or hints depend on them: rows of a page that belong together stay together."""
        if type(item) is not list:
            yield self.varied(item, name), item
        elif not self.dynamic:
            by_name: dict[str, list[Any]] = {}
            for row, table in zip(item, self.names(item, name), strict=True):
                by_name.setdefault(table, []).append(row)
            yield from ((self.place(table), rows) for table, rows in by_name.items())
        else:
            groups: dict[int, tuple[Place, list[Any]]] = {}
            for row in item:
                place = self.varied(row, name)
                groups.setdefault(id(place), (place, []))[1].append(row)
            yield from groups.values()

    def names(self, rows: list[Any], name: Callable[[Any], Any]) -> list[str]:
        try:
            found = [name(row) for row in rows]
        except Exception as cause:
            raise self.failed("table_name", cause) from cause
        for row, one in zip(rows, found, strict=True):
            if not isinstance(one, str) or not one:
                raise ResourceError(
                    "The function for the table name must return a text.",
                    resource=self.resource.name,
                    value=repr(one),
                    item=repr(row)[:200],
                )
        return found

    def varied(self, item: Any, name: Any) -> Place:
        """The place for one item; the same one as before when the functions give the same."""
        table = self.names([item], name)[0] if callable(name) else name
        if table in self.variants or not self.dynamic:
            return self.place(table)
        functions = dict(functions_of(self.hints))
        values = []
        for key, function in functions.items():
            try:
                values.append(function(item))
            except Exception as cause:
                raise self.failed(key, cause) from cause
        known = self.varying.setdefault(table, [])
        for before, place in known:
            if before == values:
                return place
        plain = merge_hints({}, {**self.hints, **dict(zip(functions, values, strict=True)), "table_name": table})
        place = self.make(table, plain, item)
        known.append((values, place))
        del known[:-MOST_VARIATIONS]
        return place

    def failed(self, hint: str, cause: Exception) -> ResourceError:
        return ResourceError(
            f"In resource {self.resource.name!r} the function for the hint {hint!r} raised {type(cause).__name__}: {cause}",
            resource=self.resource.name,
            line=line_of(cause),
        )

    def without_rows(self, rows: Mapping[tuple[str, str], int]) -> Iterator[Place]:
        """The places of tables that must be there though no row came."""
        found = dict(self.materialized)
        self.use(self.resource._hints)  # noqa: SLF001
        name = self.table_name
        if not callable(name) and not self.dynamic and _replaces(self.hints.get("write_disposition")):
            found.setdefault(name, self.place(name))
        for variant, hints in self.variants.items():
            if _replaces(hints.get("write_disposition")):
                found.setdefault(variant, self.place(variant))
        yield from (place for table, place in found.items() if not rows.get((self.resource.name, table)))
