"""The ledger: where every row of a load went. Per table, extracted = loaded + quarantined + filtered + merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dlt.errors import LedgerError

ENTRIES = ("extracted", "filtered", "quarantined", "values", "written", "loaded", "merged")


class Ledger:
    """Counts of rows per table.

    extracted: taken from the user's data (nested rows count for their own table); filtered: removed by the user's code or
    filters; quarantined: kept in `_dlt_quarantine` instead; values: single values kept there, of rows that are loaded without
    them (they are no rows of the equation); written: in the files of the package; loaded: in the
    destination; merged: left out by a rule of the user (duplicates by key, unchanged or deleted rows).
    """

    def __init__(self, rows: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self.rows: dict[str, dict[str, int]] = {table: dict(entries) for table, entries in (rows or {}).items()}

    def add(self, table: str, entry: str, rows: int) -> None:
        """Book some rows of a table."""
        entries = self.rows.get(table)
        if entries is None:
            entries = self.rows[table] = dict.fromkeys(ENTRIES, 0)
        entries[entry] += rows

    def of(self, table: str) -> dict[str, int]:
        """The entries of one table."""
        return self.rows.get(table) or dict.fromkeys(ENTRIES, 0)

    def check_written(self) -> None:
        """Every extracted row must be filtered, quarantined or in a file; otherwise LedgerError."""
        for table, row in self.rows.items():
            out = row["filtered"] + row["quarantined"] + row["written"]
            if row["extracted"] != out:
                self._fail(table, row["extracted"], out, "the files of the package", row)

    def check_loaded(self) -> None:
        """Every written row must be loaded or merged; otherwise LedgerError."""
        for table, row in self.rows.items():
            out = row["loaded"] + row["merged"]
            if row["written"] != out:
                self._fail(table, row["written"], out, "the destination", row)

    def _fail(self, table: str, expected: int, found: int, where: str, row: Mapping[str, int]) -> None:
        what = "lost" if found < expected else "doubled"
        raise LedgerError(
            f"{abs(expected - found)} row(s) were {what} on the way to {where}; nothing was committed.",
            table=table,
            books=", ".join(f"{name} {count}" for name, count in row.items() if count),
            hint="this is an error in dlt or in the destination, not in your data; please report it",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, zeros left out."""
        return {table: {name: n for name, n in row.items() if n} for table, row in self.rows.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, int]]) -> Ledger:
        """The ledger of `to_dict`."""
        return cls({table: {**dict.fromkeys(ENTRIES, 0), **row} for table, row in data.items()})
