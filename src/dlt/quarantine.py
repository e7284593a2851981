"""The quarantine: rows and values that could not be kept as they are, with the reason and the original."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dlt.arrow.ids import random_ids
from dlt.arrow.values import json_text
from dlt.errors import SchemaError
from dlt.items import Shard
from dlt.schema.model import QUARANTINE, Column, Table

if TYPE_CHECKING:
    from dlt.package.ledger import Ledger

logger = logging.getLogger("dlt")

# reason codes
REASONS = {
    "unsupported_type": "no column can hold a value of this type",
    "invalid_unicode": "the text is not valid Unicode",
    "invalid_value": "the value cannot be stored",
    "null_value": "the column must not be null",
    "contract_tables": "the contract does not let this table in",
    "contract_columns": "the contract does not let this column in",
    "contract_data_type": "the contract does not let a value of this type in",
    "no_type": "the destination has no type for this value",
    "destination": "the destination turned the row away",
    "replayed": "the row named in `detail` was loaded again",
}
TABLE = Table(
    QUARANTINE,
    {
        name: Column(name, kind, nullable=name not in ("load_id", "table_name", "reason", "_dlt_id"))
        for name, kind in (
            ("load_id", "text"),
            ("table_name", "text"),
            ("column_name", "text"),
            ("reason", "text"),
            ("detail", "text"),
            ("position", "bigint"),
            ("whole_row", "bool"),
            ("row", "text"),
            ("_dlt_id", "text"),
        )
    },
    write_disposition="append",
    description="Rows and values that could not be loaded as they are. Created by dlt when needed.",
)


class Quarantine:
    """Collects what one load turns away; `shard` makes rows of the table `_dlt_quarantine` of it.

    fail: raise a SchemaError for the first bad row or value instead.
    """

    def __init__(self, load_id: str, ledger: Ledger, *, fail: bool = False) -> None:
        self.load_id, self.ledger, self.fail = load_id, ledger, fail
        self.entries: list[dict[str, Any]] = []
        self.counts: dict[tuple[str, str | None, str], int] = {}

    def add(
        self,
        table: str,
        column: str | None,
        reason: str,
        rows: Sequence[Mapping[str, Any]],
        positions: Sequence[int],
        detail: str | None = None,
        *,
        whole_row: bool = True,
    ) -> None:
        """Keep these rows (as they were yielded). With `whole_row` they are not loaded at all, otherwise only the value
        of `column` is missing in the loaded row. The ledger is the caller's to book."""
        if not rows:
            return
        if self.fail:
            raise SchemaError(
                f"{REASONS[reason][0].upper()}{REASONS[reason][1:]}.",
                table=table,
                column=column,
                row=json_text(rows[0])[:500],
                position=positions[0],
                detail=detail,
                hint="mend the data, or set normalize.on_bad_rows to quarantine",
            )
        key = (table, column, reason)
        if key not in self.counts:
            logger.warning(
                "Quarantined: table %s%s: %s%s. The original rows are kept in %s.",
                table,
                f", column {column}" if column else "",
                REASONS[reason],
                f" ({detail})" if detail else "",
                QUARANTINE,
            )
        self.counts[key] = self.counts.get(key, 0) + len(rows)
        self.entries += [
            {
                "load_id": self.load_id,
                "table_name": table,
                "column_name": column,
                "reason": reason,
                "detail": detail,
                "position": position,
                "whole_row": whole_row,
                "row": json_text(row).encode("utf-8", "backslashreplace").decode(),
            }
            for row, position in zip(rows, positions, strict=True)
        ]

    def shard(self) -> Shard | None:
        """The rows collected since the last call; None when there are none."""
        if not self.entries:
            return None
        schema = pa.schema([(name, _TYPES[str(column.data_type)]) for name, column in TABLE.columns.items()])
        ids = random_ids(len(self.entries)).to_pylist()
        data = pa.RecordBatch.from_pylist(
            [{**entry, "_dlt_id": row_id} for entry, row_id in zip(self.entries, ids, strict=True)], schema
        )
        self.ledger.add(QUARANTINE, "extracted", len(self.entries))
        self.entries = []
        return Shard(QUARANTINE, None, data)


_TYPES = {"text": pa.string(), "bigint": pa.int64(), "bool": pa.bool_()}
