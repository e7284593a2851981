"""configspec: classes whose fields are values of the configuration, and how one of them is filled."""

from __future__ import annotations

import copy
import dataclasses
import logging
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar, get_origin, overload

from dlt.config.coerce import UnfitError, coerced, is_known, is_optional, is_spec, members, name_of, without_secret
from dlt.config.lookup import Found, find, paths_of
from dlt.config.providers import readers
from dlt.errors import ConfigError

if typing.TYPE_CHECKING:
    from dlt.config.providers import Key, Readers

Spec = TypeVar("Spec")
HIDDEN = "***"
PLACEHOLDER = "<configure me>"  # in files that a template made
logger = logging.getLogger("dlt")


class Field(NamedTuple):
    """A value that is asked for."""

    name: str
    hint: Any
    default: Any
    secret: bool
    required: bool


class Missing(NamedTuple):
    """A required value that nobody has: the names from the outside in, and the paths it was looked for at. parts: of
    credentials, the fields that would do as well."""

    name: str
    paths: tuple[Key, ...]
    secret: bool
    parts: tuple[str, ...] = ()


class Origin(NamedTuple):
    """Where the value of a field comes from: a provider and its key, `argument` or `default`."""

    provider: str
    key: str
    secret: bool


class NotResolved:
    """`Annotated[..., NotResolved()]`: the field is set by code and not looked up."""


Method = TypeVar("Method", bound=Callable[..., Any])


def resolve_type(name: str) -> Callable[[Method], Method]:
    """Marks a method of a configspec that returns the type of a field, from the values of the fields without such a method."""

    def mark(method: Method) -> Method:
        method.__dlt_type_of__ = name  # type: ignore[attr-defined]  # read by _types_of
        return method

    return mark


class Configuration:
    """What `configspec` adds to a class: fields are looked up, and the object is also a mapping of them."""

    __dlt_configspec__: ClassVar[bool] = True
    __credentials__: ClassVar[bool] = False
    __section__: ClassVar[str | None] = None
    __origins__: ClassVar[Mapping[str, Origin]] = {}
    __partial__: ClassVar[bool] = False

    # ---- what classes may say

    def on_resolved(self) -> None:
        """Called when all fields are set: check them, or make others of them."""

    def on_partial(self) -> None:
        """Called when fields are missing; when `resolve()` is called here they are not."""

    def parse_native_representation(self, native_value: Any) -> None:
        """Take the fields from one value, as a connection string. Here: from the text of a JSON object."""
        try:
            given = coerced(native_value, dict)
        except UnfitError:
            kind = type(self).__name__
            raise ConfigError(
                f"A {kind} cannot be made of this {type(native_value).__name__}.",
                hint="give its fields: " + ", ".join(one.name for one in fields_of(type(self))),
            ) from None
        self.update(given)

    def to_native_representation(self) -> Any:
        """The fields as one value."""
        return dict(self)

    # ---- what is known of it

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """An object of this class from a mapping of its fields or from a native value."""
        made = cls.__new__(cls)
        for one in dataclasses.fields(typing.cast("Any", cls)):
            made.__dict__[one.name] = _default_of(one)
        if isinstance(value, Mapping):
            made.update(value)
        else:
            made.parse_native_representation(value)
        return made

    @classmethod
    def get_resolvable_fields(cls) -> dict[str, Any]:
        """The types of the fields that are looked up, by name."""
        return {one.name: one.hint for one in fields_of(cls)}

    def is_resolved(self) -> bool:
        """True when no required field is missing."""
        return not self.is_partial()

    def is_partial(self) -> bool:
        """True when a required field is missing."""
        if vars(self).get("__resolved__"):
            return False
        return any(one.required and getattr(self, one.name) is None for one in fields_of(type(self)))

    def resolve(self) -> None:
        """Say that nothing is missing, and check it."""
        self.on_resolved()
        vars(self)["__resolved__"] = True

    def copy(self) -> Self:
        """A copy, with copies of the values."""
        return copy.deepcopy(self)

    # ---- a mapping

    def __getitem__(self, name: str) -> Any:
        if name not in _names(type(self)):
            raise KeyError(name)
        return getattr(self, name)

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in _names(type(self)):
            raise KeyError(name)
        setattr(self, name, value)

    def __iter__(self) -> Iterator[str]:
        return iter(_names(type(self)))

    def __len__(self) -> int:
        return len(_names(type(self)))

    def keys(self) -> list[str]:
        """The names of the fields."""
        return _names(type(self))

    def values(self) -> list[Any]:
        """The values of the fields."""
        return [getattr(self, name) for name in self]

    def items(self) -> list[tuple[str, Any]]:
        """The fields: names and values."""
        return [(name, getattr(self, name)) for name in self]

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a field; the default when there is no such field."""
        return getattr(self, name) if name in _names(type(self)) else default

    def update(self, other: Mapping[str, Any]) -> None:
        """Set fields. ConfigError when there is no such field."""
        known = {one.name: one for one in fields_of(type(self))}
        for name, value in other.items():
            if name not in _names(type(self)):
                raise ConfigError(
                    f"A {type(self).__name__} has no field {name!r}.", hint="there are " + ", ".join(self.keys())
                )
            try:
                setattr(self, name, value if value is None or name not in known else coerced(value, known[name].hint))
            except UnfitError as wrong:
                raise ConfigError(f"The field {name!r} of a {type(self).__name__} {wrong}.", key=name) from None

    def __repr__(self) -> str:
        secret = {one.name for one in fields_of(type(self)) if one.secret}
        values = ((name, getattr(self, name)) for name in self.keys())
        shown = (f"{name}={HIDDEN if name in secret and value is not None else repr(value)}" for name, value in values)
        return f"{type(self).__name__}({', '.join(shown)})"

    __str__ = __repr__


@overload
def configspec(cls: type[Spec], /) -> type[Spec]: ...
@overload
def configspec(cls: None = ..., /, *, init: bool = ...) -> Callable[[type[Spec]], type[Spec]]: ...
@typing.dataclass_transform(field_specifiers=(dataclasses.field,))
def configspec(cls: Any = None, /, *, init: bool = True) -> Any:
    """Makes a class a configuration: each annotated attribute is a value that is looked up; one without default is
    required. ConfigError when an attribute has no type, or one that no value can have."""

    def made(kind: Any) -> Any:
        if not issubclass(kind, Configuration):
            content = {key: value for key, value in vars(kind).items() if key not in ("__dict__", "__weakref__")}
            kind = type(kind.__name__, (*(one for one in kind.__bases__ if one is not object), Configuration), content)
        annotations = vars(kind).get("__annotations__", {})
        for name, value in list(vars(kind).items()):
            plain = not (name.startswith("_") or callable(value) or hasattr(value, "__get__"))
            if plain and name not in annotations and not hasattr(Configuration, name):
                raise ConfigError(
                    f"The attribute {name!r} of {kind.__name__} has no type.", hint=f"write {name}: str = ..."
                )
            if isinstance(value, (list, dict, set, Configuration)) and name in annotations:
                setattr(kind, name, dataclasses.field(default_factory=_copier(value)))
        for name in _types_of(kind):
            if name not in annotations and not hasattr(kind, name):
                raise ConfigError(
                    f"{kind.__name__} has a method for the type of {name!r}, but no such field.",
                    hint=f"write {name}: Configuration = None, or take the method away",
                )
        for name, hint in annotations.items():
            if name not in vars(kind) and not str(hint).replace("typing.", "").startswith("ClassVar"):
                setattr(kind, name, None)
        return dataclasses.dataclass(init=init, repr=False, eq=init)(kind)

    return made if cls is None else made(cls)


def _copier(value: Any) -> Callable[[], Any]:
    return lambda: copy.deepcopy(value)


def _default_of(one: dataclasses.Field[Any]) -> Any:
    return one.default_factory() if one.default_factory is not dataclasses.MISSING else copy.copy(one.default)


def _types_of(kind: type) -> dict[str, Callable[[Any], Any]]:
    """The methods that return the type of a field, by the name of the field."""
    known: dict[str, Callable[[Any], Any]] | None = vars(kind).get("__types__")
    if known is None:
        methods = (method for one in reversed(kind.__mro__) for method in vars(one).values())
        known = {name: method for method in methods if (name := getattr(method, "__dlt_type_of__", None))}
        kind.__types__ = known  # type: ignore[attr-defined]  # kept with the class
    return known


def _names(kind: type) -> list[str]:
    return [one.name for one in dataclasses.fields(typing.cast("Any", kind)) if not one.name.startswith("_")]


def fields_of(kind: type) -> tuple[Field, ...]:
    """The fields that are looked up, in order."""
    known: tuple[Field, ...] | None = vars(kind).get("__fields__")
    if known is None:
        known = tuple(_fields(kind))
        kind.__fields__ = known  # type: ignore[attr-defined]  # kept with the class
    return known


def _fields(kind: type) -> Iterator[Field]:
    hints = typing.get_type_hints(kind, include_extras=True)
    for one in dataclasses.fields(typing.cast("Any", kind)):
        hint = hints[one.name]
        set_by_code = any(
            isinstance(mark, NotResolved) or mark is NotResolved for mark in getattr(hint, "__metadata__", ())
        )
        if one.name.startswith("_") or set_by_code or get_origin(hint) is Final or hint is Final:
            continue
        if not is_known(hint):
            raise ConfigError(
                f"The field {one.name!r} of {kind.__name__} has the type {name_of(hint)}, which no value can have.",
                hint="use str, int, float, bool, dates, list, dict, Literal, a configspec, or Any",
            )
        default = _default_of(one)
        plain, secret = without_secret(hint)
        yield Field(one.name, plain, default, secret, default is None and not is_optional(plain))


# ---- filling


class Filling:
    """The values of one call that are looked up: what is missing, and where the others came from."""

    def __init__(self, asked: dict[bool, Readers] | None = None) -> None:
        self._asked: dict[bool, Readers] = {} if asked is None else asked  # files are looked at once for all values
        self.missing: list[Missing] = []
        self.origins: dict[str, Origin] = {}
        self.wrong: list[str] = []

    def _find(self, paths: Sequence[Key], *, secret: bool) -> Found | None:
        if secret not in self._asked:
            self._asked[secret] = readers(secret=secret)
        return find(paths, secret=secret, asked=self._asked[secret])

    def value(self, field: Field, sections: Sequence[str], tail: Sequence[str] = (), *, given: Any = None) -> Any:
        """The value of a field: what was given, else what a provider has, else the default. None when it is missing."""
        name = ".".join((*tail, field.name))
        specs = [one for one in members(field.hint) if is_spec(one)]
        if specs and not (given is not None and not is_spec(type(given)) and len(members(field.hint)) > len(specs)):
            return self._spec(field, specs, sections, tail, given)
        if given is not None:
            self.origins[name] = Origin("argument", "", field.secret)
            return given
        paths = paths_of(sections, *tail, field.name)
        found = self._find(paths, secret=field.secret)
        if found is None:
            if field.required:
                self.missing.append(Missing(name, tuple(paths), field.secret))
            self.origins.setdefault(name, Origin("default", "", field.secret))
            return field.default
        return self._typed(field, name, found)

    def _typed(self, field: Field, name: str, found: Found) -> Any:
        self.origins[name] = Origin(found.provider, found.key, field.secret)
        if isinstance(found.value, str) and found.value.strip() == PLACEHOLDER:
            logger.warning("%s in %s is still %s; put a value there.", found.key, found.provider, PLACEHOLDER)
        try:
            return coerced(found.value, field.hint)
        except UnfitError as wrong:
            shown = "" if field.secret or found.provider != "environment" else f" ({str(found.value)[:80]!r})"
            self.wrong.append(f"{name}: the value of {found.key} ({found.provider}) {wrong}{shown}")
            return field.default

    def _spec(self, field: Field, kinds: list[Any], sections: Sequence[str], tail: Sequence[str], given: Any) -> Any:
        """An object of the first of these classes that can be filled; else what the first one misses."""
        first: Filling | None = None
        for kind in kinds:
            if given is not None and is_spec(type(given)) and not isinstance(given, kind):
                continue
            trial = Filling(self._asked)
            try:
                made = trial.filled(kind, sections, (*tail, field.name), given=given, default=field.default)
            except ConfigError:
                if kind is kinds[-1] and first is None:
                    raise
                continue
            if not trial.missing and not trial.wrong:
                self.origins.update(trial.origins)
                return made
            first = first or trial
        if first is None:
            raise ConfigError(f"A {type(given).__name__} is no {name_of(field.hint)}.", key=field.name)
        if given is None and not first.wrong and not touched(first):
            if not field.required:
                return field.default
            if (whole := _whole(field, kinds[0], sections, tail, first)) is not None:
                self.missing.append(whole)
                return None
        self.missing += first.missing
        self.wrong += first.wrong
        return None

    def filled(
        self, kind: Any, sections: Sequence[str], tail: Sequence[str] = (), *, given: Any = None, default: Any = None
    ) -> Any:
        """An object of a configspec class. given: an object, a mapping of fields or a native value; what it has stays."""
        explicit: set[str] = set()
        if isinstance(given, kind):
            made = given
            explicit = set(_names(kind)) if made.is_resolved() else _changed(made)
        elif given is not None:
            made = kind.from_value(given)
            explicit = set(given) if isinstance(given, Mapping) else _changed(made)
        else:
            made = default.copy() if isinstance(default, kind) else kind.from_value({})
            native = self._find(paths_of(sections, *tail), secret=kind.__credentials__) if tail else None
            if native is not None and not isinstance(native.value, Mapping):
                try:
                    made.parse_native_representation(native.value)
                except ConfigError as wrong:  # it does not know where the value comes from
                    raise ConfigError(
                        wrong.message,
                        **{**wrong.context, "key": native.key, "found_in": native.provider},
                        hint=wrong.hint,
                    ) from None
                self.origins[".".join(tail)] = Origin(native.provider, native.key, kind.__credentials__)
        own = (kind.__section__,) if kind.__section__ and not tail else ()
        before = len(self.missing)
        types = _types_of(kind)
        for one in sorted(fields_of(kind), key=lambda one: one.name in types) if types else fields_of(kind):
            if one.name in types and one.name not in explicit:
                if len(self.missing) > before:  # its method needs the others
                    continue
                plain, secret = without_secret(types[one.name](made))
                needed = one.required and not is_optional(plain)
                one = one._replace(hint=plain, secret=one.secret or secret, required=needed)  # noqa: PLW2901 - the same field
            if one.name in explicit:
                self.origins[".".join((*tail, one.name))] = Origin("argument", "", one.secret)
                continue
            known = getattr(made, one.name)
            field = one._replace(default=known, required=one.required and known is None)
            setattr(made, one.name, self.value(field, sections, (*own, *tail)))
        if len(self.missing) > before:
            made.on_partial()
            if made.is_resolved():
                del self.missing[before:]
        elif not self.wrong:
            made.on_resolved()
        return made


def _whole(field: Field, kind: Any, sections: Sequence[str], tail: Sequence[str], of: Filling) -> Missing | None:
    """What to say when nothing is there of an object that can be given as one value."""
    if kind.parse_native_representation is Configuration.parse_native_representation:
        return None
    paths = paths_of(sections, *tail, field.name)
    return Missing(".".join((*tail, field.name)), tuple(paths), field.secret, tuple(one.name for one in of.missing))


def touched(filling: Filling) -> bool:
    """True when a provider had any of the values."""
    return any(origin.provider not in ("default", "argument") for origin in filling.origins.values())


def _changed(made: Any) -> set[str]:
    return {
        one.name
        for one in dataclasses.fields(made)
        if getattr(made, one.name) is not None and getattr(made, one.name) != _default_of(one)
    }


def resolve_configuration(
    config: Any, *, sections: Sequence[str] = (), explicit_value: Any = None, accept_partial: bool = False
) -> Any:
    """Fill a configspec object, in place, from the providers; `explicit_value` goes before them. Returns it.

    Raises ConfigError that names all missing values, unless `accept_partial`.
    """
    from dlt.config.report import error_of

    filling = Filling()
    if explicit_value is not None:
        if isinstance(explicit_value, Mapping):
            config.update(explicit_value)
        else:
            config.parse_native_representation(explicit_value)
    made = filling.filled(type(config), sections, given=config if explicit_value is not None else None, default=config)
    if (filling.missing and not accept_partial) or filling.wrong:
        raise error_of(type(config).__name__, filling)
    vars(config).update(vars(made))
    return config


def initialize_credentials(hint: Any, initial_value: Any) -> Any:
    """An object of a class of credentials, or of the first one of a union that can be made of a value: a mapping of fields, a
    native value such as a connection string, an object of the class, which stays what it is, or None. Nothing is looked up.

    Raises ConfigError when none of them can be made.
    """
    kinds = [one for one in members(hint) if is_spec(one)]
    failure = ConfigError(f"{name_of(hint)} is no class of credentials.")
    for kind in kinds:
        if isinstance(initial_value, kind):
            return initial_value
        try:
            return kind.from_value({} if initial_value is None else initial_value)
        except ConfigError as error:
            failure = error
    raise failure
