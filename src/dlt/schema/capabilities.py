"""What a destination can do, as data: files, types, names, writes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Capabilities of one destination. The normaliser reads files, types and names; the planner reads writes."""

    # files: formats of the shard files it takes (first = default; "arrow" is the internal one), size to rotate at
    file_formats: tuple[str, ...] = ("arrow",)
    file_bytes: int | None = None
    # types
    decimal: tuple[int, int] = (38, 9)  # the default precision and scale
    decimal_digits: int = 38  # the highest precision
    int_bits: int = 64
    timestamp_digits: int = 6  # fractional digits of a timestamp with zone
    naive_digits: int = 9  # fractional digits of a timestamp without zone
    aware_timestamps: bool = True
    naive_timestamps: bool = True
    non_finite: bool = True  # keeps NaN and infinity in double columns
    nul_in_text: bool = True  # keeps \x00 in text
    nested_types: bool = False  # keeps struct and list columns as they are
    max_text: int | None = None
    # names
    naming: str = "snake_case"
    max_table_name: int = 255
    max_column_name: int = 255
    case_sensitive: bool = False
    max_table_nesting: int | None = None
    # writes
    merge_strategies: tuple[str, ...] = ()
    replace_strategies: tuple[str, ...] = ("truncate-and-insert",)
    transactions: bool = False  # steps of a load commit together
    ddl_transactions: bool = True  # DDL too; False: it commits at once, so it comes before the rows
    alter_type: bool = False  # an all-null column can get another type
    keeps_state: bool = True  # has _dlt_loads, _dlt_version and _dlt_pipeline_state
    has_dataset: bool = True  # needs a dataset name
    parallel_copies: int = 1
    dlt_columns: bool = True  # False: _dlt columns and tables are left out (custom sinks)
