"""`dlt.sources.incremental`: load only the rows that are new since the last run, by a cursor that the state remembers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Generic, Literal, Self, TypeVar

from dlt.errors import ConfigError, ResourceError, SchemaError
from dlt.extract.interval import allowed_by_environment, as_cursor, interval_for, zone
from dlt.extract.jsonpath import getter, top_key
from dlt.extract.order import OrderError, bound_key, keys_of
from dlt.extract.tracking import Tracker

__path__: list[str] = []  # scripts of dlt 1.31 import modules below this one
Value = TypeVar("Value")
Missing = Literal["raise", "include", "exclude"]
Range = Literal["open", "closed"]
LastValueFunc = Callable[[Sequence[Any]], Any]

WORDS: dict[str, tuple[Any, ...]] = {
    "row_order": (None, "asc", "desc"),
    "on_cursor_value_missing": ("raise", "include", "exclude"),
    "range_start": ("open", "closed"),
    "range_end": ("open", "closed"),
}
USUAL: dict[str, Any] = {
    "cursor_path": None,
    "initial_value": None,
    "last_value_func": max,
    "primary_key": None,
    "end_value": None,
    "row_order": None,
    "allow_external_schedulers": None,
    "on_cursor_value_missing": "raise",
    "lag": None,
    "range_start": "closed",
    "range_end": "open",
}
FIELDS: dict[str, Any] = {
    "cursor_path": str,
    "initial_value": Any,
    "end_value": Any,
    "row_order": Literal["asc", "desc"],
    "allow_external_schedulers": bool,
    "on_cursor_value_missing": Missing,
    "lag": float,
    "range_start": Range,
    "range_end": Range,
}  # what the configuration may say, and as what


class Incremental(Generic[Value]):
    """Loads rows whose value at a path is not before the last one of the run before.

    cursor_path: the name of a column, or a JSON path. initial_value: where the first run starts. end_value: load only up
    to here, and remember nothing. last_value_func: max, min, or a function of one or two values. primary_key: columns that
    tell rows at the last value apart, else all; () loads them again. row_order: "asc" or "desc" when rows come in order,
    so that reading can stop early. lag: start so much earlier: seconds, days of dates, or a number. range_start, range_end:
    "open" leaves out the value itself. on_cursor_value_missing: "raise", "include" or "exclude" rows without a value.
    allow_external_schedulers: take start and end from the scheduler that runs this.

    In the function of a resource: `start_value`, `last_value`, `end_value` and what tells whether rows are out of range.
    """

    EMPTY: ClassVar[Any] = None  # takes the incremental of a resource away; set below
    declared: ClassVar[Any] = None
    placement_affinity: ClassVar[float] = 1

    def __init__(
        self,
        cursor_path: str | None = None,
        initial_value: Value | None = None,
        last_value_func: LastValueFunc | Literal["max", "min"] | None = max,
        primary_key: str | Iterable[str] | None = None,
        end_value: Value | None = None,
        row_order: Literal["asc", "desc"] | None = None,
        allow_external_schedulers: bool | None = None,
        on_cursor_value_missing: Missing = "raise",
        lag: float | None = None,
        range_start: Range = "closed",
        range_end: Range = "open",
    ) -> None:
        given = {name: value for name, value in locals().items() if name in USUAL}
        given["last_value_func"] = _function(last_value_func)
        _check(given)
        self._given = {
            name: value for name, value in given.items() if value is not USUAL[name] and value != USUAL[name]
        }
        self.cursor_path: str = cursor_path or ""
        self.initial_value: Any = initial_value
        self.last_value_func: LastValueFunc = given["last_value_func"]
        self.primary_key: Any = primary_key
        self.end_value: Any = end_value
        self.row_order = row_order
        self.allow_external_schedulers = allow_external_schedulers
        self.on_cursor_value_missing = on_cursor_value_missing
        self.lag = lag
        self.range_start, self.range_end = range_start, range_end
        self.resource_name: str | None = None
        self.watched = False  # code looked at what moves while rows come
        self.pulled: Sequence[Any] = ()  # rows of the page that is being collected
        self.comes_later = False  # other steps change the rows first
        self.tracker: Tracker | None = None
        self._tracked: Callable[[dict[str, Any] | None], Tracker] | None = None

    def __class_getitem__(cls, kind: Any) -> Any:
        """`incremental[int]`: the same for cursor values of a type, which says how texts are compared."""
        base: Any = cls
        return _typed(base, kind)

    @classmethod
    def ensure_instance(cls, value: Any) -> Self:
        """An incremental of one, of a dict of its arguments, or of an initial value."""
        if isinstance(value, Incremental):
            return value  # type: ignore[return-value]  # a kind of it
        return cls(**value) if isinstance(value, Mapping) else cls(initial_value=value)

    # ---- what was given

    @property
    def func_name(self) -> str:
        """max, min, or the name of the function."""
        for name, function in (("max", max), ("min", min)):
            if self.last_value_func is function:
                return name
        return "function " + str(getattr(self.last_value_func, "__name__", type(self.last_value_func).__name__))

    @property
    def cursor_type(self) -> Any:
        """The type that the code names in brackets, else None."""
        return self.declared

    def value_type(self) -> Any:
        """The type of the cursor values as far as the code tells it."""
        return self.declared or (None if self.initial_value is None else type(self.initial_value))

    get_incremental_value_type = value_type

    def merge(self, other: Incremental[Any]) -> Incremental[Any]:
        """A copy in which what the other one was given goes before what this one was given."""
        kind = other if other.declared is not None else self
        made: Incremental[Any] = type(kind)(**{**self._given, **other._given})
        return made

    def copy(self) -> Self:
        """A copy that has not run."""
        return type(self)(**self._given)

    def with_cursor(self, cursor: str) -> Self:
        """A copy for another cursor."""
        return type(self)(**{**self._given, "cursor_path": cursor})

    def to_dict(self) -> dict[str, Any]:
        """What was given, but functions and keys, by name."""
        return {name: getattr(self, name) for name in FIELDS}

    def as_dict_nondefault(self) -> dict[str, Any]:
        """What was given and is not the default, by name."""
        return dict(self._given)

    def get_cursor_column_name(self) -> str | None:
        """The column that the cursor is; None for a path into nested values."""
        return top_key(self.cursor_path) if self.cursor_path else None

    def __repr__(self) -> str:
        shown = {name: getattr(self, name) for name in USUAL if name in self._given}
        shown["last_value_func"] = self.func_name
        if self.resource_name:
            shown["resource_name"] = self.resource_name
        return f"<dlt.sources.incremental({', '.join(f'{name}={value!r}' for name, value in shown.items())})>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Incremental) and (self._given, self.declared) == (other._given, other.declared)

    __hash__ = object.__hash__

    # ---- in a run

    def joined(self) -> Self:
        """This, with the ends of a scheduler's interval when it takes part in one. Raises ConfigError."""
        allowed = self.allow_external_schedulers
        if allowed is False or (allowed is None and not allowed_by_environment()):
            return self
        interval = interval_for(self.cursor_path)
        kind = self.value_type()
        start, end = (as_cursor(one, kind, self.cursor_path) for one in interval)
        newest = self.func_name != "min"
        if not newest:
            start, end = end, start
        if self.initial_value is not None:
            start = (max if newest else min)(start, self._own(self.initial_value, start))
        if self.end_value is not None:
            end = (min if newest else max)(end, self._own(self.end_value, end))
        if (start > end) if newest else (start < end):
            start = end  # nothing of the interval is asked for
        return type(self)(**{**self._given, "initial_value": start, "end_value": end})

    def _own(self, value: Any, like: Any) -> Any:
        try:
            return bound_key(value, keys_of([like]), self.declared, zone())
        except OrderError as wrong:
            raise ConfigError(
                f"The cursor {self.cursor_path!r} cannot join the interval: {wrong}.", key="initial_value"
            ) from None

    def check(self, resource_name: str) -> None:
        """ConfigError when what was given does not go together."""
        where = {"resource": resource_name, "cursor": self.cursor_path or None}
        if not self.cursor_path:
            raise ConfigError(
                f"The incremental of the resource {resource_name!r} has no cursor.",
                key="cursor_path",
                hint='give the column, as dlt.sources.incremental("updated_at"), or cursor_path in the configuration',
                **where,
            )
        if self.end_value is None:
            return
        if self.initial_value is None:
            raise ConfigError(
                f"The cursor {self.cursor_path!r} has an end_value and no initial_value.",
                key="initial_value",
                hint="give initial_value= too",
                **where,
            )
        call = self.last_value_func
        try:
            first, last = self._bounds()
            wrong = call((last, first)) != last and last != first
        except (OrderError, TypeError) as cause:
            raise ConfigError(
                f"initial_value {self.initial_value!r} and end_value {self.end_value!r} cannot be compared: {cause}.",
                key="end_value",
                **where,
            ) from None
        if wrong:
            side = {"max": "higher", "min": "lower"}.get(self.func_name, "further")
            raise ConfigError(
                f"initial_value {self.initial_value!r} is {side} than end_value {self.end_value!r}.",
                key="end_value",
                hint="swap them, or use last_value_func=min for a cursor that goes down",
                **where,
            )

    def _bounds(self) -> tuple[Any, Any]:
        if self.func_name not in ("max", "min"):
            return self.initial_value, self.end_value
        like = keys_of([self.initial_value], self.declared)
        return like.keys[0], bound_key(self.end_value, like, self.declared, zone())

    def attached(
        self,
        resource_name: str,
        state: dict[str, Any] | None,
        *,
        keys: Sequence[str] | None = None,
        merges: bool = False,
        merged_by: Sequence[str] | None = None,
        limited: bool = False,
    ) -> Self:
        """A copy that follows the rows of a resource. state: of the resource; keys: the primary key of its table; merges:
        the destination tells rows apart, merged_by: by this key alone; limited: it may not be asked for all rows."""
        self.check(resource_name)
        made = self.copy()
        made.resource_name = resource_name
        own = (self.primary_key,) if isinstance(self.primary_key, str) else self.primary_key
        key = () if merges else None if own is None else tuple(own)
        made._tracked = lambda place: Tracker(  # noqa: SLF001 - a copy of this
            made,
            resource_name,
            place,
            zone(),
            key=key,
            key_before=keys,
            merged_by=None if own is not None and not tuple(own) else merged_by,
            limited=limited,
        )
        made.tracker = made._tracked(state)  # noqa: SLF001 - see above
        return made

    def bind(self, pipe: Any) -> Self:
        """Follow the rows of a resource that runs, and its state; returns this."""
        from dlt.extract.state import resource_state

        if self.tracker is None:
            self.tracker = self.attached(pipe.name, resource_state(pipe.name)).tracker
            self.resource_name = pipe.name
        return self

    def remember_in(self, place: dict[str, Any]) -> None:
        """Keep the cursor in a dict of the state that is not the one of the resource; before the first row."""
        assert self._tracked is not None
        self.tracker = self._tracked(place)

    @classmethod
    def from_existing_state(cls, resource_name: str, cursor_path: str) -> Self:
        """The incremental of a resource as its state has it."""
        from dlt.extract.state import resource_state

        state = resource_state(resource_name)
        known = (state.get("incremental") or {}).get(cursor_path)
        if known is None:
            raise ResourceError(
                f"The state of the resource {resource_name!r} has no cursor {cursor_path!r}.",
                resource=resource_name,
                hint="it has " + (", ".join(state.get("incremental") or ()) or "none"),
            )
        return cls(cursor_path, known["initial_value"]).attached(resource_name, state)

    @property
    def _tracker(self) -> Tracker:
        if self.tracker is None:
            raise ResourceError(
                f"The incremental {self.cursor_path!r} belongs to no resource that runs.",
                cursor=self.cursor_path,
                hint="ask for its values inside the function of the resource",
            )
        return self.tracker

    @property
    def _watched(self) -> Tracker:
        tracker = self._tracker
        self.watched |= self.comes_later or bool(self.pulled or tracker.metrics["unfiltered_batches_count"])
        return tracker.with_rows(self.pulled) if self.pulled else tracker

    @property
    def start_value(self) -> Value | None:
        """Where this run starts, with the lag."""
        found: Value | None = self._tracker.start
        return found

    @property
    def last_value(self) -> Value | None:
        """How far rows have come; at first where this run starts, so that a request from here gets what lag asks for."""
        tracker = self._watched
        begins = self.lag is not None and not tracker.metrics["unfiltered_batches_count"]
        found: Value | None = tracker.start if begins else tracker.last
        return found

    @property
    def start_out_of_range(self) -> bool:
        """True once a row came that is before the start."""
        return self._watched.start_out

    @property
    def end_out_of_range(self) -> bool:
        """True once a row came that is beyond the end."""
        return self._watched.end_out

    def can_close(self) -> bool:
        """True when no later row can be in the range, as they come in the order that was declared."""
        return self._watched.done

    def get_current_range(self) -> tuple[Value | None, Value | None]:
        """Start, and the end or how far rows have come; None where there is no limit."""
        tracker = self._watched
        seen = tracker.last if tracker.metrics["unfiltered_batches_count"] else None
        return tracker.start, seen if self.end_value is None else self.end_value

    def advance(self, last_value: Any) -> None:
        """Move the cursor on to a value, if it is not there already."""
        self._tracker.advance(last_value)

    def get_state(self) -> dict[str, Any]:
        """What the state has of this cursor, as far as rows have come."""
        tracker = self._tracker
        return {
            "initial_value": self.initial_value,
            "last_value": tracker.last,
            "unique_hashes": sorted(tracker.boundary),
            "start_value": tracker.start,
        }

    @property
    def custom_metrics(self) -> dict[str, int]:
        """What was counted of the rows that came."""
        return dict(self._tracker.metrics)

    @classmethod
    def get_resolvable_fields(cls) -> dict[str, Any]:
        """What the configuration may say, and as which type."""
        return dict(FIELDS)


def _function(given: Any) -> LastValueFunc:
    found: Any = {"max": max, "min": min, None: max}.get(given) if given is None or isinstance(given, str) else given
    if not callable(found):
        raise SchemaError(f"Unknown last_value_func {given!r}.", hint="use max, min or a function")
    return found  # type: ignore[no-any-return]  # it can be called


def _check(given: Mapping[str, Any]) -> None:
    """SchemaError for an argument that says nothing."""
    for name, words in WORDS.items():
        if given[name] not in words:
            raise SchemaError(f"Unknown {name} {given[name]!r}.", hint="use " + ", ".join(map(repr, words)))
    path, key, lag, function = (given[name] for name in ("cursor_path", "primary_key", "lag", "last_value_func"))
    if path is not None and not isinstance(path, str):
        raise SchemaError(f"The cursor_path {path!r} is no text.", hint="give a column or a JSON path")
    if path:
        getter(path)  # says what is wrong with a path
    if key is not None and not (isinstance(key, Collection) and all(isinstance(one, str) for one in key)):
        raise SchemaError(f"The primary_key {key!r} is no name or list of names.", hint="give columns")
    if lag is None:
        return
    if isinstance(lag, bool) or not isinstance(lag, (int, float)) or not lag >= 0:
        raise SchemaError(
            f"The lag {lag!r} is no number of zero or more.", hint="give seconds, days of dates, or a number"
        )
    if function is not max and function is not min and lag:
        raise SchemaError(
            "A lag says how far a cursor goes back, and a last_value_func of your own does not say in which direction that is.",
            hint="use max or min, or take lag= away",
        )


@lru_cache(maxsize=64)
def _typed(base: Any, kind: Any) -> Any:
    if isinstance(kind, TypeVar):
        return base
    declared = kind if isinstance(kind, type) else None
    name = f"{base.__name__}[{getattr(kind, '__name__', kind)}]"
    return type(name, (base,), {"declared": declared, "__module__": base.__module__})


Incremental.EMPTY = Incremental()
