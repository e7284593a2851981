"""Rows of a merge at the last cursor value: those that the destination has as they are need not be merged again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dlt.extract.boundary import MOST_HASHES, hash_of
from dlt.extract.cursor import plain_rows

PLAIN = (None, "delete-insert", "upsert", "insert-only")  # strategies in which a row that is left out changes nothing


def merged_by(hints: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The key by which a table merges row by row; None when the rows of a load decide together, as with a merge key."""
    disposition: Any = hints.get("write_disposition")
    strategy = None
    if isinstance(disposition, Mapping):
        disposition, strategy = disposition.get("disposition"), disposition.get("strategy")
    key: Any = hints.get("primary_key")
    columns: Any = hints.get("columns") or {}
    if disposition != "merge" or strategy not in PLAIN or not key or callable(key) or hints.get("merge_key"):
        return None
    if callable(columns) or any(one.get("dedup_sort") or one.get("merge_key") for one in columns.values()):
        return None
    return (key,) if isinstance(key, str) else tuple(key)


class Versions:
    """What is known of the rows at the last value, by their key. known: hashes of rows as the last run left them."""

    def __init__(self, key: Sequence[str], known: Iterable[str]) -> None:
        self.key = key
        self.known = frozenset(known)
        self.changed: set[str] = set()  # keys of rows that passed at the value where the run started
        self.latest: dict[str, str] = {}  # of each key the row that came last, at the value where the cursor is
        self.too_many = False  # rows at that value, to remember them
        self.passed = False  # rows at the start
        self.moved = False

    def unchanged(self, page: Any, positions: Sequence[int]) -> set[int]:
        """The positions of rows, all at the start, that the destination has. One whose key brought another row in this
        run passes again: the last one wins."""
        found: set[int] = set()
        if not self.known:
            self.passed = True
            return found
        for row, position in zip(plain_rows(page, positions), positions, strict=True):
            key = self._key_of(row)
            if key not in self.changed and hash_of(row) in self.known:
                found.add(position)
            else:
                self.changed.add(key)
                self.passed = True
        return found

    def move(self) -> None:
        """The cursor moves on: rows that were at the last value are no longer."""
        self.latest, self.too_many, self.moved = {}, False, True

    def note(self, page: Any, positions: Sequence[int]) -> None:
        """Remember rows at the last value."""
        self.too_many |= len(self.latest) + len(positions) > 2 * MOST_HASHES
        if not self.too_many:
            self.latest.update((self._key_of(row), hash_of(row)) for row in plain_rows(page, positions))

    def kept(self, *, moves: bool) -> list[str]:
        """The hashes for the next run; none when there are too many, or when a run was cut short after rows had changed."""
        if not self.passed and not (moves and self.moved):
            return sorted(self.known)
        if not moves or self.too_many or len(self.latest) > MOST_HASHES:
            return []
        return sorted(set(self.latest.values()))

    def _key_of(self, row: Any) -> str:
        """The key as a value of a dict; rows without one have it in common, and then none of them is left out for long."""
        values = [row.get(name) if isinstance(row, Mapping) else getattr(row, name, None) for name in self.key]
        return hash_of(values)
