"""Naming conventions: how keys and table names of users become identifiers."""

from __future__ import annotations

import base64
import hashlib
import importlib
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dlt.errors import ConfigError
from dlt.schema.model import (
    ID,
    LIST_IDX,
    LOAD_ID,
    LOADS,
    NOTHING,
    PARENT_ID,
    QUARANTINE,
    ROOT_ID,
    STATE,
    VERSION,
)

if TYPE_CHECKING:
    from dlt.schema.model import Table
    from dlt.schema.schema import Schema

SYSTEM_COLUMNS = (ID, LOAD_ID, PARENT_ID, ROOT_ID, LIST_IDX)
SYSTEM_TABLES = (LOADS, VERSION, STATE, QUARANTINE)

LONGEST = 65536
EMPTY = "_empty"  # the name for blank text
NON_WORD = re.compile(r"[^A-Za-z\d_]+")
UNDERSCORES = re.compile(r"__+")
CAPITALISED = re.compile(r"([^_])([A-Z][a-z]+)")
HUMP = re.compile(r"([a-z0-9])([A-Z])")
SIGNS = str.maketrans("+-*@|", "x_xal")


class NamingConvention:
    """Turns any text into an identifier. A convention of your own derives from this one and is named by its module."""

    PATH_SEPARATOR = "__"
    is_case_sensitive: bool = True  # whether `a` and `A` are two names

    def __init__(self, max_length: int | None = None) -> None:
        self.max_length = LONGEST if max_length is None else max_length

    def normalize_identifier(self, identifier: str) -> str:
        """The text as one identifier, without surrounding white space; ValueError when nothing is left."""
        if identifier is None or not (identifier := str(identifier).strip()):
            raise ValueError(f"{identifier!r} cannot be made a name.")
        return identifier

    def normalize_table_identifier(self, identifier: str) -> str:
        """The text as the name of a table."""
        return self.normalize_identifier(identifier)

    def normalize_path(self, path: str) -> str:
        """The text as an identifier made of parts. Only separators are taken as one part, blank text is `_empty`."""
        parts = [self.normalize_identifier(part) for part in self.break_path(path)]
        joined = self.make_path(*parts) or self.normalize_identifier(path.strip() or EMPTY)
        return self.shorten_identifier(joined, path, self.max_length)

    def normalize_tables_path(self, path: str) -> str:
        """The text as the name of a table, made of parts."""
        parts = [self.normalize_table_identifier(part) for part in self.break_path(path)]
        joined = self.make_path(*parts) or self.normalize_table_identifier(path.strip() or EMPTY)
        return self.shorten_identifier(joined, path, self.max_length)

    def make_path(self, *identifiers: str) -> str:
        """The parts joined; empty ones are left out."""
        return self.PATH_SEPARATOR.join(part for part in identifiers if part.strip())

    def break_path(self, path: str) -> Sequence[str]:
        """The parts that are not empty."""
        return [part for part in path.split(self.PATH_SEPARATOR) if part.strip()]

    def shorten_fragments(self, *normalized_idents: str) -> str:
        """Parts joined and shortened to what fits."""
        joined = self.make_path(*normalized_idents)
        return self.shorten_identifier(joined, joined, self.max_length)

    @classmethod
    def name(cls) -> str:
        """The name to refer to this convention by."""
        return CONVENTION_NAMES.get(cls) or cls.__module__

    @staticmethod
    def shorten_identifier(
        normalized_ident: str, identifier: str, max_length: int | None, collision_prob: float = 0.001
    ) -> str:
        """`normalized_ident` cut to `max_length`: a tag made of `identifier` takes the place of its middle."""
        if not max_length or len(normalized_ident) <= max_length:
            return normalized_ident
        tag = _tag(identifier, collision_prob)
        rest = max_length - len(tag)
        if rest <= 0:
            return tag[:max_length]
        tail = rest // 2
        return normalized_ident[: rest - tail] + tag + normalized_ident[len(normalized_ident) - tail :]

    def __str__(self) -> str:
        return f"{self.name()}_{'cs' if self.is_case_sensitive else 'ci'}_{self.max_length}"


def _tag(text: str, collision_prob: float) -> str:
    size = int(3 * math.log2(1 / collision_prob) // 8 + 1)
    digest = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(size)
    return base64.b64encode(digest).decode().rstrip("=").translate(str.maketrans("/+", "ab")).lower()


class SnakeCase(NamingConvention):
    """`UserName` -> `user_name`; lower case letters, digits and underscores."""

    is_case_sensitive = False

    def normalize_identifier(self, identifier: str) -> str:
        original = super().normalize_identifier(identifier)
        text = NON_WORD.sub("_", original.translate(SIGNS))
        text = HUMP.sub(r"\1_\2", CAPITALISED.sub(r"\1_\2", text)).lower()
        if text[0].isdigit():
            text = "_" + text
        stem = text.rstrip("_")
        text = UNDERSCORES.sub("_", stem + "x" * (len(text) - len(stem)))
        return self.shorten_identifier(text, original, self.max_length)


class S3Tables(SnakeCase):
    """Snake case whose table names do not start with an underscore."""

    def __init__(self, max_length: int | None = None) -> None:
        super().__init__(255 if max_length is None else min(max_length, 255))

    def normalize_table_identifier(self, identifier: str) -> str:
        return super().normalize_table_identifier(identifier).lstrip("_")


class DuckCase(NamingConvention):
    """Everything but line breaks and double quotes stays as it is."""

    is_case_sensitive = True
    CLEANED = re.compile(r'[\n\r"]+')

    def normalize_identifier(self, identifier: str) -> str:
        original = super().normalize_identifier(identifier)
        text = UNDERSCORES.sub("_", self.CLEANED.sub("_", original))
        return self.shorten_identifier(text, original, self.max_length)


class Direct(NamingConvention):
    """Everything but line breaks, quotes and the path separator stays as it is."""

    PATH_SEPARATOR = "▶"
    is_case_sensitive = True
    CLEANED = re.compile(r"[\n\r'\"▶]")

    def normalize_identifier(self, identifier: str) -> str:
        original = super().normalize_identifier(identifier)
        return self.shorten_identifier(self.CLEANED.sub("_", original), original, self.max_length)


class SqlCs(NamingConvention):
    """Letters of both cases, digits and underscores."""

    is_case_sensitive = True

    def normalize_identifier(self, identifier: str) -> str:
        original = super().normalize_identifier(identifier)
        text = NON_WORD.sub("_", original)
        if text[0].isdigit():
            text = "_" + text
        text = UNDERSCORES.sub("_", text.rstrip("_")) or "_"
        return self.shorten_identifier(text, original, self.max_length)


class SqlCi(SqlCs):
    """Lower case letters, digits and underscores; words are not parted."""

    is_case_sensitive = False

    def normalize_identifier(self, identifier: str) -> str:
        return super().normalize_identifier(identifier).lower()


CONVENTIONS: dict[str, type[NamingConvention]] = {
    "snake_case": SnakeCase,
    "duck_case": DuckCase,
    "direct": Direct,
    "sql_cs_v1": SqlCs,
    "sql_ci_v1": SqlCi,
    "s3_tables": S3Tables,
}
CONVENTION_NAMES = {convention: name for name, convention in CONVENTIONS.items()}
OFFICIAL = "dlt.common.normalizers.naming."

NamingReference = str | type[NamingConvention] | ModuleType


def get_naming(
    ref: NamingReference | NamingConvention = "snake_case", max_length: int | None = None
) -> NamingConvention:
    """A naming convention by its name, the path of its module or class, its module or its class.

    Raises ConfigError when there is none.
    """
    if isinstance(ref, NamingConvention):
        return ref
    return _naming(ref, max_length)  # type: ignore[arg-type]  # modules are hashable


@lru_cache(maxsize=256)
def _naming(ref: NamingReference, max_length: int | None) -> NamingConvention:
    return _convention(ref)(max_length)


def naming_reference(naming: NamingReference | NamingConvention) -> str:
    """The text to store for a convention, which `get_naming` understands."""
    if isinstance(naming, str):
        return naming
    if isinstance(naming, ModuleType):
        return naming.__name__
    kind = naming if isinstance(naming, type) else type(naming)
    return CONVENTION_NAMES.get(kind) or f"{kind.__module__}.{kind.__qualname__}"


def _convention(ref: NamingReference) -> type[NamingConvention]:
    if isinstance(ref, type) and issubclass(ref, NamingConvention):
        return ref
    if isinstance(ref, str):
        if (known := CONVENTIONS.get(ref.removeprefix(OFFICIAL))) is not None:
            return known
        found: Any = _imported(ref)
    else:
        found = ref
    if isinstance(found, ModuleType):
        found = getattr(found, "NamingConvention", None)
    if isinstance(found, type) and issubclass(found, NamingConvention):
        return found
    raise ConfigError(
        f"{ref!r} is no naming convention.",
        hint="use one of " + ", ".join(CONVENTIONS) + ", or the path of a module with a class NamingConvention",
    )


def _imported(path: str) -> Any:
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and not path.startswith(error.name):
            raise
        module, _, attribute = path.rpartition(".")
        try:
            return getattr(importlib.import_module(module), attribute, None) if module else None
        except ModuleNotFoundError:
            return None


Path = tuple[str, ...]


def path_text(path: Path) -> str:
    """A path of keys as one text, different for different paths: a key alone is itself, keys are joined by dots. Half
    characters, which no file takes, are written as `\\ud800`."""
    if len(path) == 1 and "." not in path[0] and "\\" not in path[0]:
        text = path[0]
    else:
        text = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def text_path(text: str) -> Path:
    """The path of `path_text`."""
    if "." not in text and "\\" not in text:
        return (text,)
    return tuple(re.sub(r"\\([.\\])", r"\1", part) for part in re.findall(r"(?:[^.\\]|\\.)+", text))


VARIANT = "\\v"  # ends the text of no path: there a backslash is followed by a dot, a `u` or another one


def _variant_text(name: str) -> str:
    return path_text((name,)) + VARIANT


class NameMap:
    """Names of the columns of one table, or of the tables of one schema, by the path of keys they come from.

    No two paths get one name: the later one gets a suffix made of its path, and a text in `collisions` says so.
    `taken` are the names that exist, with the text of the path each belongs to; None: to the first path that asks.
    `recorded` is what `to_record` returned earlier. With `fold`, names that differ only by case are the same; with `whole_keys`, path separators in
    keys are no separators.
    """

    __slots__ = (
        "_fold",
        "_names",
        "_naming",
        "_of_tables",
        "_owned",
        "_record",
        "_snapshot",
        "_suffixed",
        "_variants",
        "_wants",
        "_whole_keys",
        "collisions",
    )

    def __init__(
        self,
        naming: NamingConvention,
        taken: Mapping[str, str | None],
        recorded: Mapping[str, str | None] = NOTHING,
        *,
        fold: bool = False,
        of_tables: bool = False,
        whole_keys: bool = False,
    ) -> None:
        self._naming, self._fold, self._of_tables, self._whole_keys = naming, fold, of_tables, whole_keys
        self.collisions: list[str] = []
        self._names: dict[Path, str] = {}
        self._variants: dict[tuple[Path, str], str] = {}
        self._suffixed: dict[Path, str] = {}
        self._wants: dict[Path, str] = {}  # what `_wanted` found; what has a suffix changes it
        self._snapshot: dict[str, str | None] | None = None
        self._record = {**dict.fromkeys(name for name, owner in taken.items() if owner is None), **recorded}
        self._owned: dict[str, tuple[str, str | None]] = {}  # by folded name: the name, the text of its path
        for name, owner in taken.items():
            self._own(name, owner)
        for text, recorded_name in recorded.items():
            self._own(recorded_name or text, recorded_name and text)

    @classmethod
    def of_columns(cls, schema: Schema, table: Table, *, fold: bool) -> NameMap:
        """The names of the columns of a table; knows those of earlier runs by the hint `x-normalizer.names`, and by
        `x-normalizer.columns` how many there were: others, that somebody else has added since, have no path yet."""
        naming = schema.naming
        noted = table.extra.get("x-normalizer") or NOTHING
        record = noted.get("names")
        ours = 0 if record is None else noted.get("columns", len(table.columns))
        taken: dict[str, str | None] = dict.fromkeys(table.columns)
        for place, (name, column) in enumerate(table.columns.items()):
            if column.variant:
                taken[name] = _variant_text(name)
            elif place < ours:
                taken[name] = _usual(naming, name)
        taken.update((name, name) for name in SYSTEM_COLUMNS)
        return cls(naming, taken, record or NOTHING, fold=fold, whole_keys=schema.whole_keys)

    @classmethod
    def of_tables(cls, schema: Schema, *, fold: bool) -> NameMap:
        """The names of the tables of a schema; knows those of earlier runs by the hint `x-normalizer.source`."""
        taken: dict[str, str | None] = {}
        for name in schema.names:
            table = schema.table(name)
            noted = (table and table.extra.get("x-normalizer")) or NOTHING
            taken[name] = noted.get("source") or (_usual(schema.naming, name) if "names" in noted else None)
        taken.update((name, name) for name in SYSTEM_TABLES)
        recorded = {text: name for name, text in taken.items() if text is not None}
        return cls(schema.naming, taken, recorded, fold=fold, of_tables=True, whole_keys=schema.whole_keys)

    @property
    def given(self) -> set[str]:
        """The names of the paths that asked so far."""
        return set(self._names.values())

    def column(self, path: Path) -> str:
        """The name for a path of keys."""
        name = self._names.get(path)
        if name is None:
            wanted = self._wanted(path)
            name = self._claimed(path_text(path), wanted, _usual(self._naming, wanted))
            if name != wanted:
                self._suffixed[path] = name
                self._wants.clear()
            self._names[path] = name
        return name

    def known(self, path: Path) -> str | None:
        """The name that a path has, or would take over from nobody; None: it has none yet. Claims nothing."""
        if (name := self._names.get(path)) is not None:
            return name
        text = path_text(path)
        if (recorded := self._record.get(text)) is not None:
            return recorded
        name, owner = self._owned.get(self._folded(self._wanted(path)), (None, None))
        return name if owner in (None, text) else None

    def variant(self, path: Path, kind: str) -> str:
        """The name of the column for values of a path that have another type than the path's own column."""
        name = self._variants.get((path, kind))
        if name is None:
            wanted = self._naming.shorten_fragments(self.column(path), f"v_{kind}")
            text = _variant_text(wanted)
            self._variants[path, kind] = name = self._claimed(text, wanted, text)
        return name

    def hinted(self, key: str) -> str:
        """The name that a hint means, which may be written like the key or like the name. A new name is not given to the
        hint but left to the first path that asks for it."""
        if (recorded := self._record.get(path_text((key,)))) is not None:
            return recorded
        wanted = self._wanted((key,))
        for name in (key, wanted):
            if (known := self._owned.get(self._folded(name))) is not None:
                return known[0]
        self._own(wanted, None)
        self._record[wanted] = self._snapshot = None
        return wanted

    def to_record(self) -> dict[str, str | None]:
        """What must be remembered for the next run: the text of each path that its name does not tell, with the name;
        and with None the names that no path has asked for yet."""
        if self._snapshot is None:
            self._snapshot = dict(self._record)
        return self._snapshot

    def _folded(self, name: str) -> str:
        return name.lower() if self._fold else name

    def _own(self, name: str, text: str | None) -> None:
        self._owned[self._folded(name)] = (name, text)

    def _wanted(self, path: Path) -> str:
        """The name by the naming convention alone, under the name of the nearest path above that has a suffix."""
        if (known := self._wants.get(path)) is not None:
            return known
        whole = path
        parts: list[str] = []
        if self._suffixed:
            near = next((path[:end] for end in range(len(path) - 1, 0, -1) if path[:end] in self._suffixed), None)
            if near is not None:
                parts, path = [self._suffixed[near]], path[len(near) :]
        if self._of_tables and not parts:
            parts, path = [self._naming.normalize_tables_path(_whole(path[0]))], path[1:]
        parts += [self._part(key) for key in path]
        name = self._wants[whole] = parts[0] if len(parts) == 1 else self._naming.shorten_fragments(*parts)
        return name

    def _part(self, key: str) -> str:
        key = _whole(key)
        if self._whole_keys:
            return self._naming.normalize_identifier(key.strip() or EMPTY)
        return self._naming.normalize_path(key)

    def _claimed(self, text: str, wanted: str, usual: str) -> str:
        """The name that belongs to this text from now on; `usual` is the text that `wanted` stands for unless recorded."""
        if (recorded := self._record.get(text)) is not None:
            return recorded
        name, owner = self._owned.get(self._folded(wanted), (wanted, None))
        if owner is not None and owner != text:
            name = self._distinct(wanted, text)
            self.collisions.append(f"{text!r} is kept as {name!r}, because {wanted!r} is the name of {owner!r} already")
        self._own(name, text)
        if self._record.get(name, text) is None:
            del self._record[name]
            self._snapshot = None
        if text != usual or name != wanted:
            self._record[text] = name
            self._snapshot = None
        return name

    def _distinct(self, wanted: str, text: str) -> str:
        """`wanted` with a suffix made of `text`, which no other path has."""
        for attempt in count():
            seed = f"{text}{attempt or ''}".encode("utf-8", "surrogatepass")
            suffix = "_" + hashlib.blake2b(seed, digest_size=4).hexdigest()
            name = wanted[: max(self._naming.max_length - len(suffix), 1)].rstrip("_") + suffix
            if self._owned.get(self._folded(name), (name, text))[1] in (text, None):
                return name
        raise AssertionError


def _whole(key: str) -> str:
    """The key with question marks in the place of half characters."""
    return key if key.isascii() else key.encode("utf-8", "replace").decode()


def _usual(naming: NamingConvention, name: str) -> str:
    """The text of the path that a name without a record comes from."""
    return path_text(tuple(naming.break_path(name)))
