"""Small functions for steps of resources: `resource.add_filter(take_first(5))`, `resource.add_map(pivot("$.values"))`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from dlt.errors import ResourceError, missing
from dlt.extract.jsonpath import is_simple, top_key

__all__ = ["add_row_hash_to_table", "pivot", "skip_first", "take_first"]


def take_first(max_items: int) -> Callable[[Any], bool]:
    """For `add_filter`: lets the first items through."""
    numbers = count()
    return lambda _item: next(numbers) < max_items


def skip_first(max_items: int) -> Callable[[Any], bool]:
    """For `add_filter`: holds the first items back."""
    numbers = count()
    return lambda _item: next(numbers) >= max_items


def pivot(paths: str | Sequence[str] = "$", prefix: str = "col") -> Callable[[Any], Any]:
    """For `add_map`: lists of lists become lists of dicts with the keys `<prefix>0`, `<prefix>1` ...

    paths: JSON paths of the lists; "$" is the item itself.
    """
    wanted = [paths] if isinstance(paths, str) else list(paths)
    keys = [_keys(path) for path in wanted]

    def pivoted(item: Any) -> Any:
        for path, names in zip(wanted, keys, strict=True):
            item = _changed(item, names, path, prefix)
        return item

    return pivoted


def _keys(path: str) -> tuple[str, ...]:
    if path == "$":
        return ()
    parts = path.removeprefix("$.").split(".")
    if not all(is_simple(part) and top_key(part) == part for part in parts):
        raise ResourceError(f"The path {path!r} does not name one place.", hint="write $, or keys as in $.data.rows")
    return tuple(parts)


def _changed(item: Any, keys: Sequence[str], path: str, prefix: str) -> Any:
    """The item with the lists at a path changed; what is around them is copied."""
    if keys:
        if not isinstance(item, dict) or keys[0] not in item:
            return item
        return {**item, keys[0]: _changed(item[keys[0]], keys[1:], path, prefix)}
    if not isinstance(item, (list, tuple)):
        raise ResourceError(f"What is at {path!r} is no list of lists.", value=repr(item)[:200])
    for row in item:
        if not isinstance(row, (list, tuple)):
            raise ResourceError(f"The list at {path!r} holds something that is no list.", value=repr(row)[:200])
    return [{f"{prefix}{number}": value for number, value in enumerate(row)} for row in item]


def add_row_hash_to_table(row_hash_column_name: str) -> Any:
    """For `add_map`: adds a column with a hash of each row to Arrow tables, batches and pandas frames, as the row version of
    scd2. The hash of a row does not depend on the rows around it. Raises ResourceError for anything else."""

    def hashed(table: Any) -> Any:
        try:
            import pandas as pd
        except ImportError as absent:
            raise missing("add_row_hash_to_table", "pandas", "pandas") from absent
        if isinstance(table, pd.DataFrame):
            return table.assign(**{row_hash_column_name: _hashes(table)})
        import pyarrow as pa

        if not isinstance(table, (pa.Table, pa.RecordBatch)):
            raise ResourceError(
                f"Rows of a {type(table).__name__} cannot be hashed.", hint="use Arrow tables or pandas frames"
            )
        nullable = {
            pa.int64(): pd.Int64Dtype(),
            pa.int32(): pd.Int32Dtype(),
            pa.int16(): pd.Int16Dtype(),
            pa.int8(): pd.Int8Dtype(),
            pa.bool_(): pd.BooleanDtype(),
        }
        frame = table.to_pandas(types_mapper=nullable.get)
        return table.append_column(row_hash_column_name, pa.array(_hashes(frame)))

    return hashed


def _hashes(frame: Any) -> Any:
    from pandas.util import hash_pandas_object

    return hash_pandas_object(frame, index=False).astype("int64").to_numpy()
