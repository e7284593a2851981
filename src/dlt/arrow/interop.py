"""Arrow tables, frames and anything that speaks the Arrow C stream interface -> raw tables."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import json_text
from dlt.errors import SchemaError
from dlt.items import JSON_FIELD, Raw, RawColumn

MOST_ROWS = 122_880  # of one batch
MOST_BYTES = 32 << 20


def is_columnar(item: Any) -> bool:
    """True for Arrow tables and batches, pandas and polars frames, and what has `__arrow_c_stream__`."""
    return hasattr(item, "__arrow_c_stream__") or hasattr(item, "__arrow_c_array__") or _is_lazy_frame(item)


def _is_lazy_frame(item: Any) -> bool:
    kind = type(item)
    return kind.__name__ == "LazyFrame" and kind.__module__.startswith("polars")


# ---- items -> batches


def batches_of(item: Any) -> Iterator[pa.RecordBatch]:
    """The rows of a columnar item as record batches of bounded size, without copies where that is possible. An item without
    rows is one batch without rows."""
    source = _source(item)
    found = False
    for batch in source:
        for part in _parts(batch):
            found = True
            yield part
    if not found:
        yield pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in source.schema], schema=source.schema)


def _source(item: Any) -> pa.RecordBatchReader:
    kind = type(item)
    module = kind.__module__.partition(".")[0]
    if isinstance(item, pa.RecordBatchReader):
        return item
    if isinstance(item, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(item.schema, [item])
    if isinstance(item, pa.Table):
        return item.to_reader()
    if module == "pandas":
        return _from_pandas(item).to_reader()
    if module == "polars":
        if kind.__name__ == "Series":
            item = item.to_frame(item.name or "value")
        elif _is_lazy_frame(item):
            if hasattr(item, "collect_batches"):  # piece by piece
                return pa.RecordBatchReader.from_stream(item.collect_batches())
            item = item.collect()
        return pa.table(item).to_reader()
    if isinstance(item, (pa.Array, pa.ChunkedArray)):
        if not pa.types.is_struct(item.type):
            return pa.table({"value": item}).to_reader()
        chunks = item.chunks if isinstance(item, pa.ChunkedArray) else [item]
        return pa.Table.from_batches(
            map(pa.RecordBatch.from_struct_array, chunks), pa.schema(list(item.type))
        ).to_reader()
    return (
        pa.RecordBatchReader.from_stream(item)
        if hasattr(item, "__arrow_c_stream__")
        else _source(pa.record_batch(item))
    )


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if not batch.num_rows:
        return
    size = batch.nbytes
    rows = min(MOST_ROWS, max(batch.num_rows * MOST_BYTES // max(size, 1), 1_000))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def _from_pandas(frame: Any) -> pa.Table:
    """A frame as Arrow: NaN in its columns means missing. An index that carries data is a column; floats that are only
    floats because a value is missing are ints again."""
    if type(frame).__name__ == "Series":
        frame = frame.to_frame(frame.name if frame.name is not None else "value")
    if not all(isinstance(name, str) for name in frame.columns):
        frame = frame.rename(columns=str)
    for place, kind in enumerate(frame.dtypes):
        if kind.kind == "O" and str(kind).startswith(("period", "interval")):
            frame = frame.copy(deep=False)
            frame.isetitem(place, frame.iloc[:, place].astype(str).where(frame.iloc[:, place].notna()))
    try:
        table = pa.Table.from_pandas(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise SchemaError(
            f"A pandas frame cannot be made Arrow: {error}",
            columns=", ".join(map(str, frame.columns)),
            hint="give each column one type and a name of its own, or yield frame.to_dict('records')",
        ) from error
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_float64(field.type) and column.null_count:
            table = table.set_column(number, field.name, _whole(column))
    return table.rename_columns(_index_names(table.column_names)).replace_schema_metadata(None)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as ints if they are whole; without any value they have no type."""
    if column.null_count == len(column):
        return pa.chunked_array([pa.nulls(len(column))])
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column


def _index_names(names: list[str]) -> list[str]:
    """The names with those of an unnamed index as pandas calls them in a column."""
    unnamed = [name for name in names if name.startswith("__index_level_")]
    new = {}
    for name in unnamed:
        new[name] = "index" if len(unnamed) == 1 else "level_" + name.removeprefix("__index_level_").rstrip("_")
        while new[name] in names:
            new[name] = "_" + new[name]
    return [new.get(name, name) for name in names]


# ---- batches -> raw tables


def raw_of(batch: pa.RecordBatch) -> list[Raw]:
    """A record batch as one raw table. SchemaError when two columns have one name."""
    names = batch.schema.names
    if len(set(names)) < len(names):
        raise SchemaError(
            "Two columns of an Arrow table have the same name.",
            column=next(name for name in names if names.count(name) > 1),
            hint="rename one of them",
        )
    columns = []
    for name, field, data in zip(names, batch.schema, batch.columns, strict=True):
        kind, plain = plain_array(data)
        if kind == "text" and field.metadata == JSON_FIELD:
            kind = "json"
        columns.append(RawColumn((name,), plain, kind, 0))
    return [Raw((), columns, batch.num_rows)]


def plain_array(data: pa.Array) -> tuple[str | None, pa.Array]:
    """The data type of an Arrow array and its values in one of the types that shards have. Nothing is rounded."""
    kind = data.type
    types = pa.types
    if isinstance(kind, pa.BaseExtensionType):
        return _extension(data)
    if types.is_null(kind):
        return None, data
    if types.is_dictionary(kind):
        of, values = plain_array(data.dictionary)
        return of, values.take(data.indices)
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
        return _date(data)
    if types.is_time(kind):
        return _time(data)
    if types.is_decimal(kind):
        precision, scale = kind.precision - min(kind.scale, 0), max(kind.scale, 0)
        return "decimal", data.cast((pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale))
    if types.is_duration(kind):
        return _duration(data)
    if (
        types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or kind == pa.binary_view()
    ):
        return "binary", data if types.is_binary(kind) else data.cast(pa.binary())
    return "json", json_texts(data)


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


def _date(data: pa.Array) -> tuple[str, pa.Array]:
    """Days; a date64 that is not at midnight is a timestamp."""
    try:
        return "date", data.cast(pa.date32())
    except pa.ArrowInvalid:
        return "timestamp", data.cast(pa.int64()).cast(pa.timestamp("ms")).cast(pa.timestamp("us"))


def _time(data: pa.Array) -> tuple[str, pa.Array]:
    """Microseconds; with finer digits text, because no column type has those."""
    out = _coarser(data, pa.time64("us"))
    return ("text", out.cast(pa.string())) if out.type.unit == "ns" else ("time", out)


def _duration(data: pa.Array) -> tuple[str, pa.Array]:
    """Microseconds; what is finer or beyond 64 bits as decimals."""
    try:
        return "bigint", data.cast(pa.duration("us")).cast(pa.int64())
    except pa.ArrowInvalid:
        factor = decimal.Decimal({"s": "1e6", "ms": "1e3", "ns": "0.001"}[data.type.unit])
        numbers = data.cast(pa.int64()).to_pylist()
        return "decimal", pa.array([None if n is None else n * factor for n in numbers], pa.decimal128(38, 3))


def _coarser(data: pa.Array, target: pa.DataType) -> pa.Array:
    """In a coarser unit when that loses nothing, otherwise as it is."""
    try:
        return data.cast(target)
    except pa.ArrowInvalid:
        return data


def _extension(data: pa.Array) -> tuple[str | None, pa.Array]:
    name = str(data.type.extension_name)
    if name == "arrow.uuid":
        return "text", pa.array([None if value is None else str(value) for value in data.to_pylist()], pa.string())
    if name == "arrow.bool8":
        return "bool", data.storage.cast(pa.bool_())
    kind, plain = plain_array(data.storage)
    return ("json" if name == "arrow.json" and kind == "text" else kind), plain


# ---- nested values


def json_texts(data: pa.Array) -> pa.Array:
    """Structs, lists, maps and what else has no column type as JSON. Bytes are base64."""
    plain = data.cast(target) if (target := _with_texts(data.type)) != data.type else data
    try:
        values = plain.to_pylist(maps_as_pydicts="strict")
    except KeyError:
        values = [_pairs(value) for value in plain]
    return pa.array([None if value is None else json_text(value) for value in values], pa.string())


def _pairs(value: pa.Scalar) -> Any:
    """The value with its maps as dicts, or when a map has a key twice, all maps as lists of pairs."""
    try:
        return value.as_py(maps_as_pydicts="strict")
    except KeyError:
        return value.as_py()


def _with_texts(kind: pa.DataType) -> pa.DataType:
    """The type with texts in the place of nanoseconds, which Python does not have."""
    types = pa.types
    if types.is_struct(kind):
        return pa.struct([field.with_type(_with_texts(field.type)) for field in kind])
    if types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_with_texts(kind.value_type)))
    if types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_with_texts(kind.value_type)))
    if types.is_map(kind):
        return pa.map_(_with_texts(kind.key_type), _with_texts(kind.item_type))
    return pa.string() if types.is_temporal(kind) and getattr(kind, "unit", "") == "ns" else kind
