"""Rows as users yield them, for Hypothesis, and what of them cannot be told apart in tables."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

KEYS = st.one_of(
    st.sampled_from(
        ["a", "b", "A", "a_b", "a__b", "value", "list", "", " ", "_", "__", "1", "é", "a.b", "\\", "☃", "_dlt_x"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MOMENTS = st.datetimes(min_value=dt.datetime(1, 1, 2), max_value=dt.datetime(9999, 12, 30))
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    TEXTS,
    st.binary(max_size=4),
    st.dates(),
    st.times(),
    MOMENTS,
    MOMENTS.map(lambda value: value.replace(tzinfo=dt.UTC)),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=4),
)
VALUES = st.recursive(
    st.none() | SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=5), min_size=1, max_size=6)


def pruned(value: Any) -> Any:
    """The value without what tables do not tell apart from nothing: None, empty dicts and lists. Items of lists stay,
    those that hold nothing as None."""
    if isinstance(value, dict):
        made = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in made.items() if item is not None} or None
    if isinstance(value, list):
        return [pruned(item) for item in value] or None
    return value


def same(left: Any, right: Any) -> bool:
    """Equal, and of one type: True is not 1, and 1 is not 1.0."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return isinstance(left, Decimal) and isinstance(right, Decimal) and left == right
    return type(left) is type(right) and left == right
