"""Columns <-> text for the shard files that are text, a column at a time: values, quoting, rows, and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dlt.arrow.values import json_text
from dlt.errors import SchemaError

_encode = json.JSONEncoder(ensure_ascii=False).encode

# typed-jsonl: the character that goes before a text to say what it is
MARKS = {"decimal": "\uf026", "timestamp": "\uf027", "date": "\uf028", "binary": "\uf02b", "time": "\uf02d"}
BARE = ("bigint", "bool", "double", "json")  # kinds that JSON writes without quotes


def is_json(field: pa.Field) -> bool:
    """True for a column whose texts are JSON."""
    return (field.metadata or {}).get(b"dlt") == b"json"


def kind_of(field: pa.Field) -> str:
    """The data type of the values of an Arrow field."""
    types, kind = pa.types, field.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_string(kind) or types.is_large_string(kind):
        return "json" if is_json(field) else "text"
    checks: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
        (types.is_integer, "bigint"),
        (types.is_boolean, "bool"),
        (types.is_floating, "double"),
        (types.is_timestamp, "timestamp"),
        (types.is_date, "date"),
        (types.is_time, "time"),
        (types.is_decimal, "decimal"),
        (types.is_nested, "json"),
        (types.is_null, "text"),
    )
    return next((name for check, name in checks if check(kind)), "binary")


def plain(data: pa.Array) -> pa.Array:
    """The values of a dictionary-encoded array, nested values as JSON, any other array as it is."""
    if pa.types.is_dictionary(data.type):
        return data.dictionary_decode()
    if pa.types.is_nested(data.type):
        return pa.array([None if value is None else json_text(value) for value in data.to_pylist()], pa.string())
    return data


def join(parts: Iterable[Any], null: str | None = None) -> pa.Array:
    """Texts put together row by row. Null when one is null, or with `null` in the place of those."""
    given = [pa.scalar(part) if isinstance(part, str) else part for part in parts]
    if null is None:
        return pc.binary_join_element_wise(*given, pa.scalar(""))
    return pc.binary_join_element_wise(*given, pa.scalar(""), null_handling="replace", null_replacement=null)


def content(rows: pa.Array) -> pa.Buffer:
    """The texts of an array one after the other, without a copy."""
    size = pc.sum(pc.binary_length(rows)).as_py() or 0
    buffer = rows.buffers()[2]
    return buffer.slice(0, size) if size else pa.py_buffer(b"")


# ---- values -> texts


def texts(data: pa.Array, kind: str, *, between: str = "T", whole: str = ".0") -> pa.Array:
    """Values other than binary as texts, nulls stay null. between: stands between date and time; whole: goes after a
    double that would look like an int."""
    data = plain(data)
    match kind:
        case "double":
            return _doubles(data.cast(pa.float64()), whole)
        case "decimal":
            return _decimals(data)
        case "timestamp":
            return _timestamps(data, between)
        case "time":
            return _shorter(data, pa.time32("s")).cast(pa.string())
        case _:
            return data.cast(pa.string())


def _doubles(data: pa.Array, whole: str) -> pa.Array:
    text = data.cast(pa.string())
    pattern = "[.en]" if whole == ".0" else "[en]"
    bare = pc.invert(pc.match_substring_regex(text, pattern))
    return pc.if_else(bare, join((text, whole)), text) if pc.any(bare).as_py() else text


def _decimals(data: pa.Array) -> pa.Array:
    text = data.cast(pa.string())
    return _mend(text, pc.match_substring(text, "E"), data, lambda value: format(value, "f"))


def _timestamps(data: pa.Array, between: str) -> pa.Array:
    zone = data.type.tz
    data = _shorter(data, pa.timestamp("s", zone))
    text = data.cast(pa.timestamp(data.type.unit)).cast(pa.string())
    if between != " ":
        text = pc.replace_substring(text, " ", between, max_replacements=1)
    return join((text, "+00:00")) if zone else text


def _shorter(data: pa.Array, seconds: pa.DataType) -> pa.Array:
    """In seconds when all values are whole seconds."""
    try:
        return data.cast(seconds)
    except pa.ArrowInvalid:
        return data


def _mend(text: pa.Array, odd: pa.Array, values: pa.Array, convert: Callable[[Any], str]) -> pa.Array:
    """The texts with those marked as odd made anew, one by one, of their values."""
    odd = pc.fill_null(odd, False)
    if not pc.any(odd).as_py():
        return text
    made = pa.array([convert(value) for value in values.filter(odd).to_pylist()], pa.string())
    return pc.replace_with_mask(text, odd, made)


def _one_by_one(data: pa.Array, convert: Callable[[bytes], str]) -> pa.Array:
    return pa.array([None if value is None else convert(value) for value in data.to_pylist()], pa.string())


# ---- JSON


def json_rows(batch: pa.RecordBatch, end: str, *, marked: bool = False) -> pa.Array:
    """One JSON object per row, null values left out, each followed by `end`. marked: texts say their type (typed-jsonl)."""
    if not batch.num_columns:
        return pa.array(["{}" + end] * batch.num_rows, pa.string())
    anchor = next((place for place, data in enumerate(batch.columns) if not data.null_count), None)
    parts: list[Any] = ["{"]
    for place, (field, data) in enumerate(zip(batch.schema, batch.columns, strict=True)):
        comma_before = anchor is None or place > anchor
        comma_after = anchor is not None and place < anchor
        key = f"{',' if comma_before else ''}{_encode(field.name)}:"
        value = (key, *_json_value(field, data, marked=marked), "," if comma_after else "")
        parts += [join(value)] if data.null_count else value
    if anchor is not None:
        return join((*parts, "}", end), null="")
    return join(("{", pc.utf8_slice_codeunits(join(parts[1:], null=""), 1), "}", end))


def _json_value(field: pa.Field, data: pa.Array, *, marked: bool) -> tuple[Any, ...]:
    kind = kind_of(field)
    if kind == "json":
        return (_one_line(plain(data).cast(pa.string())),)
    if kind == "text":
        return '"', json_escaped(texts(data, kind)), '"'
    if kind == "double":
        return (_json_doubles(data),)
    text = _one_by_one(data, _base64) if kind == "binary" else texts(data, kind)
    return (text,) if kind in BARE else ('"' + (MARKS[kind] if marked else ""), text, '"')


def json_escaped(text: pa.Array) -> pa.Array:
    """Texts with what must not stand in a JSON string escaped."""
    odd = pc.match_substring_regex(text, r'["\\\x00-\x1f]')
    return _mend(text, odd, text, lambda value: _encode(value)[1:-1])


def _one_line(text: pa.Array) -> pa.Array:
    for sign in "\n\r":  # outside of its strings, JSON does not mind which white space it has
        if pc.any(pc.match_substring(text, sign)).as_py():
            text = pc.replace_substring(text, sign, " ")
    return text


def _json_doubles(data: pa.Array) -> pa.Array:
    """JSON has no NaN and no infinity: they are the texts "NaN", "Infinity" and "-Infinity"."""
    text = texts(data, "double")
    if pc.all(pc.is_finite(data)).as_py() is not False:
        return text
    for plain_text, quoted in (("nan", '"NaN"'), ("inf", '"Infinity"'), ("-inf", '"-Infinity"')):
        text = pc.if_else(pc.equal(text, plain_text), quoted, text)
    return text


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


# ---- CSV


def csv_rows(batch: pa.RecordBatch, delimiter: str, quoting: str, end: str) -> pa.Array:
    """One line of CSV per row. A null is nothing at all, an empty text is `""`, so that they can be told apart."""
    parts: list[Any] = []
    for field, data in zip(batch.schema, batch.columns, strict=True):
        parts += [csv_quoted(_csv_value(field, data), kind_of(field), delimiter, quoting, field.name), delimiter]
    return join((*parts[:-1], end), null="")


def _csv_value(field: pa.Field, data: pa.Array) -> pa.Array:
    kind = kind_of(field)
    if kind != "binary":
        return texts(data, kind, between=" ")
    try:
        return data.cast(pa.string())
    except pa.ArrowInvalid as error:
        raise SchemaError(
            "CSV is text, and a binary value is not UTF-8.", column=field.name, hint="use the format parquet or jsonl"
        ) from error


def csv_quoted(text: pa.Array, kind: str, delimiter: str, quoting: str, column: str | None = None) -> pa.Array:
    """CSV values in quotes, as far as the quoting style asks for it."""
    if quoting == "quote_needed" and kind in ("bigint", "bool", "double", "decimal"):
        return text
    quoted = join(('"', pc.replace_substring(text, '"', '""'), '"'))
    if quoting in ("quote_needed", "quote_all"):
        return quoted
    special = pc.or_(pc.match_substring_regex(text, r'["\r\n]'), pc.match_substring(text, delimiter))
    special = pc.or_(special, pc.equal(text, ""))
    if quoting == "quote_none" and pc.any(special).as_py():
        raise SchemaError(
            "Without quotes CSV cannot hold a text that is empty or has a delimiter, a quote or a line end in it.",
            column=column,
            value=text.filter(special)[0].as_py(),
            hint="use another csv quoting than quote_none",
        )
    return pc.if_else(special, quoted, text)


# ---- SQL literals


def sql_rows(batch: pa.RecordBatch) -> pa.Array:
    """One line `(…),` per row, with standard SQL literals: NULL, 'text', X'00ff', 1.5e0."""
    parts: list[Any] = []
    for field, data in zip(batch.schema, batch.columns, strict=True):
        parts += [_sql_value(field, data), ","]
    return join(("(", *parts[:-1], "),\n"), null="NULL")


def _sql_value(field: pa.Field, data: pa.Array) -> pa.Array:
    kind = kind_of(field)
    if kind == "binary":
        return _one_by_one(data, lambda value: f"X'{value.hex()}'")
    text = texts(data, kind, whole="e0")  # with an exponent it is read as a double, not as a decimal
    if kind == "double":
        return pc.if_else(pc.is_finite(data), text, join(("'", text, "'")))
    if kind in ("bigint", "bool", "decimal"):
        return text
    literal = join(("'", pc.replace_substring(text, "'", "''"), "'"))
    return _mend(literal, pc.match_substring(text, "\0"), text, _with_nul)


def _with_nul(text: str) -> str:
    return "(" + "||chr(0)||".join("'" + part.replace("'", "''") + "'" for part in text.split("\0")) + ")"


# ---- texts -> values


def value_type(kind: pa.DataType) -> pa.DataType:
    """The type itself, for a dictionary that of its values."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def parsed(text: pa.Array, field: pa.Field, binary: Callable[[str], bytes]) -> pa.Array:
    """Texts as values of the type of a field. binary: how bytes are written."""
    kind, target = kind_of(field), value_type(field.type)
    if kind not in ("text", "json", "binary"):
        text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    match kind:
        case "binary":
            return pa.array([None if value is None else binary(value) for value in text.to_pylist()], target)
        case "time":
            return join(("1970-01-01T", text)).cast(pa.timestamp(target.unit)).cast(target)
        case _:
            return text.cast(target)


def from_values(values: Sequence[Any], field: pa.Field) -> pa.Array:
    """Values as `json.loads` gives them as values of the type of a field."""
    kind, target = kind_of(field), value_type(field.type)
    if kind == "json":
        return pa.array([None if value is None else json_text(value) for value in values], pa.string())
    if kind in ("bigint", "bool"):
        return pa.array(values, target)
    if kind == "double":
        return pa.array([None if value is None else float(value) for value in values], target)
    return parsed(pa.array([None if v is None else str(v) for v in values], pa.string()), field, base64.b64decode)
