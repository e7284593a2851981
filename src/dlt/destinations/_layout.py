"""Where the files of a table go in a bucket: one object names them and finds them again."""

from __future__ import annotations

import datetime as dt
import hashlib
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from dlt.errors import ConfigError, PlanError

DEFAULT_LAYOUT = "{table_name}/{load_id}.{file_id}.{ext}"
OWN = ("schema_name", "table_name", "load_id", "file_id", "ext")
MOMENTS = ("curr_date", "timestamp", "timestamp_ms", "load_package_timestamp", "load_package_timestamp_ms")
UNIQUE = {"load_id", "file_id", "timestamp_ms", "load_package_timestamp_ms"}  # what makes names of loads differ
MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
DATE_PARTS: dict[str, Callable[[dt.datetime], str]] = {
    "YYYY": lambda at: f"{at.year:04d}",
    "YY": lambda at: f"{at.year % 100:02d}",
    "Y": lambda at: f"{at.year}",
    "MMMM": lambda at: MONTHS[at.month - 1],
    "MMM": lambda at: MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02d}",
    "M": lambda at: f"{at.month}",
    "DD": lambda at: f"{at.day:02d}",
    "D": lambda at: f"{at.day}",
    "HH": lambda at: f"{at.hour:02d}",
    "H": lambda at: f"{at.hour}",
    "mm": lambda at: f"{at.minute:02d}",
    "m": lambda at: f"{at.minute}",
    "ss": lambda at: f"{at.second:02d}",
    "s": lambda at: f"{at.second}",
    "SSSS": lambda at: f"{at.microsecond:06d}"[:4],
    "SSS": lambda at: f"{at.microsecond:06d}"[:3],
    "SS": lambda at: f"{at.microsecond:06d}"[:2],
    "S": lambda at: f"{at.microsecond:06d}"[:1],
    "dddd": lambda at: DAYS[at.isoweekday() % 7],
    "ddd": lambda at: DAYS[at.isoweekday() % 7][:3],
    "dd": lambda at: DAYS[at.isoweekday() % 7][:2],
    "d": lambda at: f"{at.isoweekday() % 7}",
    "Q": lambda at: f"{(at.month + 2) // 3}",
}
KNOWN = (*OWN, *MOMENTS, *DATE_PARTS)
WORDS = ("MMMM", "MMM", "dddd", "ddd", "dd")  # parts of a date that are no numbers
PATTERNS = {
    "load_id": r"[0-9.]+",
    "file_id": r"[0-9a-f]{10}",
    "ext": r"[^/]+",
    "curr_date": r"\d{4}-\d\d-\d\d",
    **dict.fromkeys(WORDS, "[a-z]+"),
}
RESERVED = re.compile(r"init|_dlt.*", re.DOTALL)  # what stands first in the path of dlt's own files
SYSTEM = "_dlt"


def as_moment(value: Any, what: str = "current_datetime") -> dt.datetime:
    """A date and time with zone, of a datetime or of ISO 8601 text; one without a zone is in UTC."""
    try:
        made = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        made = None
    if not isinstance(made, dt.datetime):
        raise ConfigError(
            f"{value!r} is no date and time.", key=what, hint="give a datetime, or a function returning one"
        )
    return made if made.tzinfo else made.replace(tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Moment:
    """When a load is: the time its names are made of, and that of its package."""

    now: dt.datetime
    package: dt.datetime

    def values(self) -> dict[str, str]:
        """The values of all placeholders that are times."""
        values = {"curr_date": f"{self.now:%Y-%m-%d}"}
        for name, at in (("timestamp", self.now), ("load_package_timestamp", self.package)):
            ms = (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
            values |= {name: str(ms // 1000), f"{name}_ms": str(ms)}
        return values | {name: part(self.now) for name, part in DATE_PARTS.items()}


@dataclass(frozen=True)
class Layout:
    """A checked layout. Paths are relative to the data set, with "/" between their parts."""

    text: str = DEFAULT_LAYOUT
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str, extra: Mapping[str, Any] | None = None) -> Layout:
        """The layout of a text, with `.{ext}` at its end when that is missing. Raises ConfigError."""
        try:
            parts = list(Formatter().parse(text))
        except ValueError as error:
            raise _wrong(text, str(error)) from None
        names = [name for _, name, _, _ in parts if name is not None]
        extra = dict(extra or {})
        if "ext" not in names:
            text += ".{ext}"
        _check_placeholders(text, parts, {*KNOWN, *extra})
        _check_prefix(text, names, extra)
        return cls(text, extra)

    @property
    def names(self) -> list[str]:
        """The placeholders, in order."""
        return [name for _, name, _, _ in Formatter().parse(self.text) if name]

    @property
    def is_unique(self) -> bool:
        """Whether files of different loads get different names."""
        made_by_user = {name for name, value in self.extra.items() if callable(value)}
        fixed = self.extra.keys() - made_by_user
        return bool(set(self.names) & ((UNIQUE - fixed) | made_by_user))

    @property
    def has_folders(self) -> bool:
        """Whether each table has a folder of its own."""
        return self.separator == "/"

    @property
    def separator(self) -> str:
        """The character that follows the name of the table."""
        return self.text.partition("{table_name}")[2][0]

    # ---- names

    def name(self, schema: str, table: str, load_id: str, path: str, ext: str, moment: Moment) -> str:
        """The path of one file of a load. path: its name in the load package."""
        own = {
            "schema_name": schema,
            "table_name": table,
            "load_id": load_id,
            "file_id": file_id(load_id, path),
            "ext": ext,
        }
        used = {key: value for key, value in self.extra.items() if key in self.names}
        extra = {key: value(*own.values()) if callable(value) else value for key, value in used.items()}
        made = self.prefix(schema, table) + self._rest.format(**{**own, **moment.values(), **extra})
        if ".." in made.split("/"):
            raise PlanError("A placeholder leads out of the data set.", table=table, path=made)
        return posixpath.normpath(made)

    def prefix(self, schema: str, table: str) -> str:
        """What the paths of all files of a table begin with, up to the separator. Raises PlanError for a name that
        cannot be kept apart from others."""
        if "/" in table or "\\" in table or "\0" in table or table in ("", ".", ".."):
            raise PlanError("A table of this name cannot have files.", table=table, hint="rename the table")
        before = self.text.partition("{table_name}")[0]
        made = before.format(schema_name=self.extra.get("schema_name", schema)) + table + self.separator
        if RESERVED.fullmatch(made.partition("/")[0]) and not table.startswith(SYSTEM):
            raise PlanError(
                "The files of this table would stand among those of dlt itself.",
                table=table,
                path=made,
                hint='rename the table, or give a layout such as "data/{table_name}/{load_id}.{file_id}.{ext}"',
            )
        return made

    @property
    def _rest(self) -> str:
        return self.text.partition("{table_name}")[2][1:]

    # ---- finding

    def owns(self, schema: str, table: str, path: str, others: Iterable[str] = ()) -> bool:
        """Whether a file, whose path begins with the prefix of a table, belongs to it and not to another table.

        In a folder of the table all files are its own; without folders the path must be one that this layout makes,
        and no table of `others` may have a longer prefix of it.
        """
        prefix = self.prefix(schema, table)
        if not path.startswith(prefix):
            return False
        if self.has_folders:
            return True
        if not self._pattern(schema, table).fullmatch(path):
            return False
        longer = (self.prefix(schema, name) for name in others if name.startswith(table) and name != table)
        return not any(path.startswith(other) for other in longer)

    def _pattern(self, schema: str, table: str) -> re.Pattern[str]:
        out = [re.escape(self.prefix(schema, table))]
        fixed = {"schema_name": re.escape(schema), "table_name": re.escape(table)}
        patterns = {**PATTERNS, **fixed, **dict.fromkeys(self.extra, ".+")}
        for literal, name, _, _ in Formatter().parse(self._rest):
            out.append(re.escape(literal))
            if name:
                out.append(patterns.get(name, r"\d+"))
        return re.compile("".join(out))


SYSTEM_LAYOUT = Layout()


def file_id(load_id: str, path: str) -> str:
    """Ten hexadecimal digits: the same for the same file of the same load, another one for any other."""
    return hashlib.blake2b(f"{load_id}/{path}".encode(), digest_size=5).hexdigest()


def _wrong(text: str, why: str, hint: str | None = None) -> ConfigError:
    return ConfigError(
        f"The layout {text!r} cannot be used: {why}.", key="layout", hint=hint or f"for example {DEFAULT_LAYOUT}"
    )


def _check_placeholders(text: str, parts: Iterable[tuple[Any, ...]], known: Iterable[str]) -> None:
    if "{{" in text or "}}" in text:
        raise _wrong(text, "braces only stand around placeholders")
    unknown = [name for _, name, _, _ in parts if name is not None and name not in known]
    if unknown:
        hint = "placeholders are " + ", ".join(sorted(known)) + "; others can be given as extra_placeholders"
        raise _wrong(text, f"unknown placeholder {', '.join(map(repr, unknown))}", hint)
    if any(spec or conversion for _, _, spec, conversion in parts):
        raise _wrong(text, "placeholders have no format")
    if "\\" in text or {"", "..", "."} & set(text.split("/")):
        raise _wrong(text, "it must be a path in the data set", 'use a relative path, with "/" between its parts')


def _check_prefix(text: str, names: list[str], extra: Mapping[str, Any]) -> None:
    if "table_name" not in names:
        raise _wrong(text, "it needs {table_name}, or files of different tables could not be told apart")
    if "table_name" in extra:
        raise _wrong(text, "{table_name} cannot be an extra placeholder")
    before = names[: names.index("table_name")]
    if any(name != "schema_name" for name in before):
        raise _wrong(text, f"only {{schema_name}} may stand before {{table_name}}, not {', '.join(before)}")
    if before and not _is_one_name(extra.get("schema_name", "any")):
        raise _wrong(text, "{schema_name} before {table_name} must be one name, not a function or a path")
    after = text.partition("{table_name}")[2]
    if not after or after[0] == "{" or after[0].isalnum():
        raise _wrong(text, "a separator must follow {table_name}, or names of tables would run into other parts")
    if RESERVED.fullmatch(text.partition("/")[0]) and "/" in text:
        raise _wrong(text, "its first folder is one of dlt's own")


def _is_one_name(value: Any) -> bool:
    return not callable(value) and not {"/", "\\"} & set(str(value)) and str(value) not in ("", ".", "..")
