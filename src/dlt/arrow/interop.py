"""Arrow tables, frames and anything that speaks the Arrow C stream interface -> raw tables."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import json_text
from dlt.items import Raw, RawColumn

MOST_ROWS = 122_880  # of one batch


def is_columnar(item: Any) -> bool:
    """True for Arrow tables and batches, pandas and polars frames, and what has `__arrow_c_stream__`."""
    return hasattr(item, "__arrow_c_stream__") or hasattr(item, "__arrow_c_array__") or _is_lazy_frame(item)


def _is_lazy_frame(item: Any) -> bool:
    kind = type(item)
    return kind.__name__ == "LazyFrame" and kind.__module__.startswith("polars")


def batches_of(item: Any) -> Iterator[pa.RecordBatch]:
    """The rows of a columnar item as record batches of bounded size, without copies where that is possible."""
    kind = type(item)
    module = kind.__module__.partition(".")[0]
    if isinstance(item, pa.RecordBatch):
        item = pa.Table.from_batches([item])
    elif module == "pandas":
        item = _from_pandas(item)
    elif _is_lazy_frame(item):
        item = pa.table(item.collect())
    elif not isinstance(item, (pa.Table, pa.RecordBatchReader)):
        item = pa.RecordBatchReader.from_stream(item)
    if isinstance(item, pa.Table):
        if item.num_rows == 0:
            yield pa.RecordBatch.from_arrays([pa.array([], f.type) for f in item.schema], schema=item.schema)
        yield from item.to_batches(max_chunksize=MOST_ROWS)
        return
    for batch in item:
        for start in range(0, batch.num_rows, MOST_ROWS):
            yield batch.slice(start, MOST_ROWS)


def _from_pandas(frame: Any) -> pa.Table:
    """A frame as Arrow: NaN in its columns means missing. An index that carries data is a column; floats that are only
    floats because a value is missing are ints again."""
    if type(frame).__name__ == "Series":
        frame = frame.to_frame()
    table = pa.Table.from_pandas(frame)
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_float64(field.type) and column.null_count and column.null_count < len(column):
            try:
                whole = column.cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(number, field.name, whole)
        elif field.name.startswith("__index_level_"):
            table = table.rename_columns([*table.column_names[:number], "index", *table.column_names[number + 1 :]])
    return table.replace_schema_metadata(None)


def raw_of(batch: pa.RecordBatch) -> list[Raw]:
    """A record batch as one raw table. Two columns of one name are an error of pyarrow's own."""
    columns = []
    for field, data in zip(batch.schema, batch.columns, strict=True):
        kind, plain = plain_array(data)
        if kind is not None and plain.null_count == len(plain) and len(plain):
            kind = kind if not pa.types.is_null(data.type) else None
        columns.append(RawColumn((field.name,), plain, kind, 0))
    return [Raw((), columns, batch.num_rows)]


def plain_array(data: pa.Array) -> tuple[str | None, pa.Array]:
    """The data type of an Arrow array and its values in one of the types that shards have. Nothing is rounded."""
    kind = data.type
    types = pa.types
    if isinstance(kind, pa.ExtensionType) or hasattr(data, "storage"):
        return _extension(data)
    if types.is_null(kind):
        return None, data
    if types.is_dictionary(kind):
        return plain_array(data.dictionary_decode())
    if types.is_run_end_encoded(kind):
        return plain_array(pc.run_end_decode(data))
    if types.is_boolean(kind):
        return "bool", data
    if types.is_integer(kind):
        return _integer(data)
    if types.is_floating(kind):
        return "double", data if types.is_float64(kind) else data.cast(pa.float64())
    if types.is_string(kind) or types.is_large_string(kind) or kind == pa.string_view():
        return "text", data if types.is_string(kind) else data.cast(pa.string())
    if types.is_timestamp(kind):
        return "timestamp", _timestamp(data)
    if types.is_date(kind):
        return ("date", data if types.is_date32(kind) else data.cast(pa.date32()))
    if types.is_time(kind):
        return "time", _coarser(data, pa.time64("us"))
    if types.is_decimal(kind):
        wide = pa.decimal128 if kind.precision <= 38 else pa.decimal256
        return "decimal", data.cast(wide(kind.precision, max(kind.scale, 0)))
    if types.is_duration(kind):
        return "bigint", _coarser(data, pa.duration("us")).cast(pa.int64())
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind) or kind == pa.binary_view():
        return "binary", data if types.is_binary(kind) else data.cast(pa.binary())
    return "json", pa.array([None if value is None else json_text(_plain(value)) for value in data.to_pylist()], pa.string())


def _integer(data: pa.Array) -> tuple[str, pa.Array]:
    """Signed ints as they are, unsigned ones in the next wider type, beyond 64 bits as decimals."""
    types, kind = pa.types, data.type
    if types.is_uint8(kind):
        return "bigint", data.cast(pa.int16())
    if types.is_uint16(kind):
        return "bigint", data.cast(pa.int32())
    if types.is_uint32(kind):
        return "bigint", data.cast(pa.int64())
    if types.is_uint64(kind):
        try:
            return "bigint", data.cast(pa.int64())
        except pa.ArrowInvalid:
            return "decimal", data.cast(pa.decimal128(20, 0))
    return "bigint", data


def _timestamp(data: pa.Array) -> pa.Array:
    zone = "UTC" if data.type.tz else None
    if data.type.unit == "ns":
        return _coarser(data.cast(pa.timestamp("ns", zone)), pa.timestamp("us", zone))
    return data.cast(pa.timestamp("us", zone))


def _coarser(data: pa.Array, target: pa.DataType) -> pa.Array:
    """In a coarser unit when that loses nothing, otherwise as it is."""
    try:
        return data.cast(target)
    except pa.ArrowInvalid:
        return data


def _extension(data: pa.Array) -> tuple[str | None, pa.Array]:
    name = str(getattr(data.type, "extension_name", ""))
    if name == "arrow.uuid":
        return "text", pa.array([None if value is None else str(value) for value in data.to_pylist()], pa.string())
    kind, plain = plain_array(data.storage)
    return ("json" if name == "arrow.json" and kind == "text" else kind), plain


def _plain(value: Any) -> Any:
    """Maps come as lists of pairs; everything else JSON can write, bytes as base64."""
    if isinstance(value, list) and value and all(isinstance(item, tuple) and len(item) == 2 for item in value):
        return {str(key): _plain(item) for key, item in value}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value
