"""Values become values of a type, or are refused without being shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, Optional

import pytest

from dlt.config.coerce import SECRET, UnfitError, coerced, guessed, is_known, is_optional, without_secret
from dlt.config.credentials import ConnectionStringCredentials


class Color(Enum):
    RED = "red"
    TWO = 2


Name = NewType("Name", str)


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        *((word, bool, True) for word in ("true", "Yes", "T", "y", "1", True, 1)),
        *((word, bool, False) for word in ("false", "No", "F", "n", "0", False, 0)),
        ("12", int, 12),
        (" -7 ", int, -7),
        ("0x1F", int, 31),
        ("5.0", int, 5),
        (5.0, int, 5),
        ("123456789012345678901234567890", int, 123456789012345678901234567890),
        ("1.5", float, 1.5),
        (2, float, 2.0),
        ("1.10", Decimal, Decimal("1.10")),
        (0.1, Decimal, Decimal("0.1")),
        (5, str, "5"),
        (True, str, "true"),
        (date(2024, 1, 2), str, "2024-01-02"),
        ("ab", bytes, b"ab"),
        ("2024-01-02", date, date(2024, 1, 2)),
        ("2024-01-02T03:04:05Z", datetime, datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)),
        (date(2024, 1, 2), datetime, datetime(2024, 1, 2)),
        ("03:04", time, time(3, 4)),
        ("a/b", Path, Path("a/b")),
        ("[1, 2]", list, [1, 2]),
        ('["1", 2]', list[int], [1, 2]),
        ((1, 2), Sequence[str], ["1", "2"]),
        ("[1]", set[int], {1}),
        ('{"a": 1}', dict[str, Any], {"a": 1}),
        ({"a": 1}, Mapping, {"a": 1}),
        ("(1, 'x')", tuple, (1, "x")),
        ([1, "2"], tuple[int, ...], (1, 2)),
        ("b", Literal["a", "b"], "b"),
        ("2", Literal[1, 2], 2),
        ("red", Color, Color.RED),
        ("RED", Color, Color.RED),
        (2, Color, Color.TWO),
        ("x", Name, "x"),
        ("x", Optional[str], "x"),  # noqa: UP045 - as users write it
        ("7", int | None, 7),
        ("7", str | int, "7"),
        ("7", int | list[int], 7),
        ("[7]", int | list[int], [7]),
        ("raw", Any, "raw"),
        ("x", Annotated[str, SECRET] | None, "x"),
    ],
)
def test_fits(value: Any, hint: Any, expected: Any) -> None:
    made = coerced(value, hint)

    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("perhaps", bool),
        (2, bool),
        (1.0, bool),
        ("1.5", int),
        ("nan", int),
        ("inf", int),
        (True, int),
        (True, float),
        ("x", float),
        ("1,5", Decimal),
        ([1], str),
        ({"a": 1}, str),
        ("today", date),
        (5, datetime),
        (datetime(2024, 1, 2), date),
        ("a, b", list),
        ('{"a": 1}', list),
        ("[1]", dict),
        ("[x]", list[int]),
        ("os.system()", tuple),
        ([1], tuple[int, int]),
        ("c", Literal["a", "b"]),
        ("green", Color),
        ("x", int | float),
    ],
)
def test_is_refused_and_not_shown(value: Any, hint: Any) -> None:
    with pytest.raises(UnfitError) as caught:
        coerced(value, hint)

    assert str(value) not in str(caught.value) or len(str(value)) < 4


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("[1]", [1]),
        ('{"a": 1}', {"a": 1}),
        ("[x", "[x"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("--5", "--5"),
        ("nan", "nan"),
        ("text", "text"),
        ("", ""),
        (5, 5),
    ],
)
def test_guesses_keep_what_a_number_would_lose(text: Any, value: Any) -> None:
    assert guessed(text) == value
    assert type(guessed(text)) is type(value)


@pytest.mark.parametrize(
    ("hint", "known"),
    [
        (int, True),
        (Any, True),
        (int | None, True),
        (object, False),
        (type, False),
        (int | object, False),
        (None, False),
    ],
)
def test_known_types(hint: Any, known: bool) -> None:
    assert is_known(hint) is known


@pytest.mark.parametrize(
    ("hint", "secret", "optional"),
    [
        (str, False, False),
        (Annotated[str, SECRET], True, False),
        (Annotated[str, SECRET] | None, True, True),
        (Annotated[str, "note"], False, False),
        (ConnectionStringCredentials, True, False),
        (ConnectionStringCredentials | None, True, True),
    ],
)
def test_secret_and_optional(hint: Any, secret: bool, optional: bool) -> None:
    assert without_secret(hint)[1] is secret
    assert is_optional(hint) is optional
