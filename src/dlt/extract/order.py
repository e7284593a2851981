"""In which order cursor values come: values of one kind become keys that can be compared, or are refused."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

NUMBERS = (int, float, Decimal)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_COMPACT_DAY = re.compile(r"\d{8}")
_WHOLE = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"[-+]?\d*(?:[.,]\d+)+|\+\d+")  # with more than one point a version
MISLEADING = {  # forms in which the order of texts is another one than that of what they say
    "dates that do not begin with the year": re.compile(
        r"\d{1,2}([./-])\d{1,2}\1\d{4}\b.*"
        r"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]*day)?,? (?:\d{1,2} [A-Z][a-z]+|[A-Z][a-z]+ +\d{1,2})\b.*\d{4}.*"
    ),
    "dates without leading zeros": re.compile(r"\d{4}([./-])(?:\d\1\d{1,2}|\d{2}\1\d)(?!\d).*"),
    "numbers with an exponent": re.compile(r"[-+]?(?:\d+[.,]\d+[eE][-+]?|\d+[eE][-+])\d+"),
}


ALIKE = "give the cursor a type, as dlt.sources.incremental[int](...), or make the values alike"
AS_INSTANTS = "make instants or numbers of them with add_map, or compare texts as such: dlt.sources.incremental[str]"
NO_LAG = "take lag= away, or use a cursor of numbers, dates or instants"


class OrderError(ValueError):
    """These values have no order that can be relied on. hint: what to do."""

    def __init__(self, message: str, hint: str = ALIKE) -> None:
        super().__init__(message)
        self.hint = hint


class Keys(NamedTuple):
    """Keys of values: `keys` is `values` itself when they can be compared as they are."""

    family: str  # number, instant, date, text, digits, or the name of a type
    keys: Sequence[Any]
    aware: bool = False  # instants with a time zone


def keys_of(values: Sequence[Any], declared: Any = None) -> Keys:
    """The keys of cursor values, of which there is at least one. declared: the type that the code names, which decides
    how texts are compared. Raises OrderError when the values are of several kinds."""
    kinds = set(map(type, values))
    if kinds in ({int}, {float}):
        return Keys("number", values)
    if kinds == {str}:
        return _texts(values, declared)
    if all(issubclass(kind, NUMBERS) for kind in kinds):
        return Keys("number", values)
    if all(issubclass(kind, dt.datetime) for kind in kinds):
        return _instants(values)
    if all(issubclass(kind, dt.date) and not issubclass(kind, dt.datetime) for kind in kinds):
        return Keys("date", values)
    if len(kinds) > 1:
        raise OrderError(f"the values are of several types: {', '.join(sorted(kind.__name__ for kind in kinds))}")
    return Keys(kinds.pop().__name__, values)


def _instants(values: Sequence[Any]) -> Keys:
    aware = {value.utcoffset() is not None for value in values}
    if len(aware) > 1:
        without = next(value for value in values if value.utcoffset() is None)
        raise OrderError(f"some instants have a time zone, others have not ({without})")
    return Keys("instant", values, aware.pop())


def _texts(values: Sequence[str], declared: Any) -> Keys:
    if declared is str:
        return Keys("text", values)
    if declared in NUMBERS:
        return Keys("number", [_number(value, declared) for value in values])
    if declared in (dt.datetime, dt.date):
        return _instants([_instant(value) for value in values])
    if (found := _dated(values)) is not None:
        return _instants(found)
    whole = [_WHOLE.fullmatch(value) is not None for value in values]
    if all(whole):
        return Keys("digits", [int(value) for value in values])
    if any(whole) and len(set(map(len, values))) > 1:
        raise OrderError("some texts are whole numbers and others are not, so neither order is right")
    _check_order_as_texts(values)
    return Keys("text", values)


def _check_order_as_texts(values: Sequence[str]) -> None:
    """OrderError for numbers and dates in forms whose order as texts is another one."""
    for name, form in MISLEADING.items():
        if (found := next(filter(form.fullmatch, values), None)) is not None:
            raise OrderError(f"the texts are {name} ({found!r}), whose order as texts is another one", AS_INSTANTS)
    if not any(map(_DECIMAL.fullmatch, values)):
        return
    shapes = {(len(value), *(place for place, one in enumerate(value) if one in ".,-+")) for value in values}
    if len(shapes) > 1 or (any(value[:1] == "-" for value in values) and len(set(values)) > 1):
        raise OrderError("the texts are numbers or versions of several lengths, whose order as texts is another one")


def _dated(values: Sequence[str]) -> list[dt.datetime] | None:
    """Texts as instants; None when none of them is one."""
    if not any(map(_DAY.match, values)):
        return None
    try:
        return [dt.datetime.fromisoformat(value) for value in values]
    except ValueError:
        pass
    good = [value for value in values if is_instant(value)]
    if not good:
        return None
    bad = next(value for value in values if not is_instant(value))
    raise OrderError(f"some texts are instants ({good[0]!r}) and others are not ({bad!r})")


def is_instant(value: str) -> bool:
    """True for a text that begins with a date and can be read as a date or an instant."""
    if not _DAY.match(value):
        return False
    try:
        dt.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _instant(value: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError:
        raise OrderError(f"{value!r} is no date or instant") from None


def _number(value: str, kind: Any) -> Any:
    try:
        return kind(value)
    except (ValueError, ArithmeticError):
        raise OrderError(f"{value!r} is no {kind.__name__}") from None


def bound_key(bound: Any, like: Keys, declared: Any, zone: dt.tzinfo) -> Any:
    """The key of a start or end value beside keys of rows. Instants follow the rows in having a time zone or not; those
    without are read in `zone`. Raises OrderError when the bound is of another kind."""
    family, keys, aware = keys_of([bound], declared)
    key = keys[0]
    if like.family == "instant" and family in ("instant", "date", "text"):
        if family == "text":
            raise OrderError(f"{bound!r} is no date or instant")
        if family == "date":
            return dt.datetime.combine(key, dt.time(), zone if like.aware else None)
        if aware == like.aware:
            return key
        return key.replace(tzinfo=zone) if like.aware else key.astimezone(zone).replace(tzinfo=None)
    if like.family == "date" and family == "instant":
        return key.date()
    if like.family == "date" and family == "digits" and _COMPACT_DAY.fullmatch(str(bound)):
        return dt.date.fromisoformat(bound)
    if {like.family, family} == {"number", "digits"}:
        return key
    if like.family == "text" and family == "digits" and {len(bound)} == set(map(len, like.keys)):
        return bound
    if like.family == family == "text" and declared is not str:
        _check_order_as_texts([bound, *like.keys])
    if {like.family, family} == {"text", "digits"}:
        raise OrderError(
            f"{bound!r} is a whole number, other texts are not, so neither order is right"
            if family == "digits"
            else f"{bound!r} is no whole number, as the values of the rows are"
        )
    if family != like.family:
        raise OrderError(f"{bound!r} is {type(bound).__name__} and the values of the rows are not")
    return key


def adapted(bound: Any, like: Keys) -> bool:
    """True when a time zone is given to a bound, or taken from it, to compare it with these rows."""
    if like.family != "instant" or not isinstance(bound, (str, dt.datetime)):
        return False
    value = bound
    if isinstance(value, str):
        if len(value) <= len("2024-01-01"):
            return False
        value = _instant(value)
    return (value.utcoffset() is not None) != like.aware


# ---- lag


def lagged(value: Any, lag: float, zone: dt.tzinfo, *, newest: bool, limit: Any = None, declared: Any = None) -> Any:
    """A value moved back by a lag: seconds of an instant, days of a date, else the number itself; texts keep their form.

    newest: the cursor goes up. limit: the value is not moved past it. Raises OrderError for values without distance.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, dt.date, str)):
        raise OrderError(f"lag needs numbers, dates or instants, not {type(value).__name__}: {value!r}", NO_LAG)
    try:
        moved = _moved(value, -lag if newest else lag, declared)
    except OverflowError:
        raise OrderError(f"{value!r} cannot be moved by a lag of {lag}: there is no such instant", NO_LAG) from None
    if limit is not None:
        like = keys_of([moved], declared)
        edge = bound_key(limit, like, declared, zone)
        if (like.keys[0] < edge) if newest else (like.keys[0] > edge):
            return limit
    return moved


def _moved(value: Any, by: float, declared: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value + (dt.timedelta(days=int(by)) if declared is dt.date else dt.timedelta(seconds=by))
    if isinstance(value, dt.date):
        return value + dt.timedelta(days=by)
    if isinstance(value, str):
        return _moved_text(value, by)
    if isinstance(value, Decimal):
        return value + Decimal(str(by))
    return value + (int(by) if isinstance(value, int) and float(by).is_integer() else by)


def _moved_text(text: str, by: float) -> str:
    compact = _COMPACT_DAY.fullmatch(text) is not None
    if not (is_instant(f"{text[:4]}-{text[4:6]}-{text[6:]}") if compact else is_instant(text)):
        raise OrderError(f"lag needs dates or instants as texts, not {text!r}", NO_LAG)
    if compact:
        return (dt.date.fromisoformat(text) + dt.timedelta(days=by)).strftime("%Y%m%d")
    if len(text) == len("2024-01-01"):
        return (dt.date.fromisoformat(text) + dt.timedelta(days=by)).isoformat()
    moved = dt.datetime.fromisoformat(text) + dt.timedelta(seconds=by)
    digits = re.search(r"\.(\d+)", text)
    spec = "milliseconds" if digits and len(digits[1]) <= 3 and not moved.microsecond % 1000 else "auto"
    if spec == "auto" and digits:
        spec = "microseconds"
    out = moved.isoformat(text[10], timespec=spec)
    if text.endswith(("Z", "z")):
        return out.replace("+00:00", text[-1])
    return out
