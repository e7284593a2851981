"""CSV files as Arrow: a first pass over the whole file decides the types, a second one reads it.

A column has a type only if each of its texts can be had back from the value: `007` and `1e5` stay text, ints of any size
stay exact. No type is guessed from a sample.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

BLOCKS = (1 << 20, 1 << 26, 1 << 30)  # bytes that are parsed at once; a row must fit
WORDS = pa.array(["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None"])  # no value, where all others are no texts
BOOLS = pa.array(["true", "false", "True", "False", "TRUE", "FALSE"])
TRUE, FALSE = BOOLS[::2], BOOLS[1::2]
FLOAT = r"^((0|-?[1-9]\d*|-?(0|[1-9]\d*)\.\d+)([eE][+-]\d{2,3})?|-?inf|nan|NaN)$"
WHOLE = r"^(0|-?[1-9]\d{0,37})$"
SURE_DIGITS = 15  # that any double keeps
FEW = 64  # texts
KEPT = 32 << 20  # bytes of a file whose texts are kept between the passes
Open = Callable[[], Any]


class Kind(NamedTuple):
    """A type that a column may have. fits: whether values say what their texts say."""

    name: str
    type: pa.DataType
    fits: Callable[[pa.Array, pa.Array], bool]

    def holds(self, texts: pa.Array) -> bool:
        """Whether texts can be had back from values of this type. Arrow goes on to the end after the first text that does not fit,
        so a few are looked at first."""
        few = texts[: FEW * FEW].drop_null()[:FEW]
        if 0 < len(few) < len(texts) and not self.holds(few):
            return False
        try:
            return self.fits(self.values(texts), texts)
        except pa.ArrowInvalid:
            return False

    def values(self, texts: pa.Array) -> pa.Array:
        """The values of texts."""
        if pa.types.is_boolean(self.type):
            return pc.if_else(pc.is_valid(texts), pc.is_in(texts, TRUE), pa.scalar(None, pa.bool_()))
        return texts.cast(self.type)


def _ints(values: pa.Array, texts: pa.Array) -> bool:
    return pc.all(pc.equal(values.cast(pa.string()), texts)).as_py() is not False


def _floats(values: pa.Array, texts: pa.Array) -> bool:
    if not _match(texts, FLOAT):
        return False
    long = pc.greater(pc.binary_length(texts), SURE_DIGITS)
    return not pc.any(long).as_py() or _keep_digits(values.filter(long), texts.filter(long))


def _keep_digits(values: pa.Array, texts: pa.Array) -> bool:
    """Whether doubles have all digits of their texts."""
    odd = pc.not_equal(values.cast(pa.string()), texts)
    pairs = zip(values.filter(odd).to_pylist(), texts.filter(odd).to_pylist(), strict=True)
    return all(Decimal(repr(value)) == Decimal(text) for value, text in pairs)


def _instants(_values: pa.Array, texts: pa.Array) -> bool:
    return bool(pc.min(pc.binary_length(texts)).as_py() >= len("2024-01-01T00:00"))  # not only a date, or an hour


def _match(texts: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


BIGINT = Kind("bigint", pa.int64(), _ints)
DECIMAL = Kind("decimal", pa.decimal128(38, 0), lambda _, texts: _match(texts, WHOLE))
DOUBLE = Kind("double", pa.float64(), _floats)
KINDS = (
    BIGINT,
    DECIMAL,
    DOUBLE,
    Kind(
        "bool",
        pa.bool_(),
        lambda _, texts: pc.all(pc.is_in(texts, BOOLS, skip_nulls=True).filter(pc.is_valid(texts))).as_py(),
    ),
    Kind("timestamp", pa.timestamp("us"), _instants),
    Kind("timestamp with time zone", pa.timestamp("us", "UTC"), _instants),
)


class Column:
    """What a column is, after the texts that were seen: the first of the types that holds for all of them."""

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.is_text = False
        self.words = False  # texts that are no value
        self.longest = 0  # signs of the ints
        self.digits = False  # a number that is not only "nan" or "inf"

    def look(self, texts: pa.Array) -> None:
        """Take these texts into account."""
        if self.is_text or texts.null_count == len(texts):
            return
        if not self._fit(texts):
            bare = without_words(texts)
            if bare.null_count == texts.null_count or not self._fit(bare):
                self.is_text = True
                return
            self.words, texts = True, bare
        if self.kind is BIGINT:
            self.longest = max(self.longest, pc.max(pc.binary_length(texts)).as_py() or 0)
        elif self.kind is DOUBLE and not self.digits:
            self.digits = bool(pc.any(pc.match_substring_regex(texts, r"\d")).as_py())

    def _fit(self, texts: pa.Array) -> bool:
        """Whether there is a type for these texts and those before; it is the type from now on."""
        if texts.null_count == len(texts):
            return True
        for kind in self._candidates():
            if kind.holds(texts):
                self.kind = kind
                return True
        return False

    def _candidates(self) -> tuple[Kind, ...]:
        if self.kind is None:
            return KINDS
        if self.kind is not BIGINT:
            return (self.kind,)
        return (BIGINT, DECIMAL, DOUBLE) if self.longest <= SURE_DIGITS else (BIGINT, DECIMAL)

    def decide(self) -> None:
        """All texts were seen."""
        if (self.kind is None and self.words) or (self.kind is DOUBLE and not (self.digits or self.longest)):
            self.is_text = True

    @property
    def parsed(self) -> pa.DataType:
        """What the parser can make of the texts."""
        return pa.string() if self.is_text or self.words or self.kind is None else self.kind.type

    def values(self, texts: pa.Array) -> pa.Array:
        """Texts, or what the parser made of them already, as values of the type that was found."""
        if self.is_text or texts.type != pa.string():
            return texts
        if self.kind is None:
            return pa.nulls(len(texts))
        return self.kind.values(without_words(texts) if self.words else texts)


def without_words(texts: pa.Array) -> pa.Array:
    """Null in the place of texts that say that there is no value."""
    return pc.if_else(pc.is_in(texts, WORDS), pa.scalar(None, pa.string()), texts)


def typed_batches(open_file: Open, delimiter: str = ",") -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file; open_file opens it anew. Raises pa.ArrowInvalid when it is none."""
    names, skip = header(open_file, delimiter)
    for block in BLOCKS:
        try:
            columns, kept = _columns(
                rows_of(open_file, dict.fromkeys(names, pa.string()), skip, delimiter, block), names
            )
            break
        except pa.ArrowInvalid as wrong:
            if "straddling" in str(wrong) and block != BLOCKS[-1]:
                continue
            line = _line_of(open_file, delimiter, len(names)) if " columns, got " in str(wrong) else None
            raise pa.ArrowInvalid(f"line {line}: {wrong}" if line else str(wrong)) from wrong
    types = {name: column.parsed for name, column in zip(names, columns, strict=True)}
    for batch in rows_of(open_file, types, skip, delimiter, block) if kept is None else kept:
        arrays = [column.values(texts) for column, texts in zip(columns, batch.columns, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names)


def _columns(batches: Iterator[pa.RecordBatch], names: list[str]) -> tuple[list[Column], list[pa.RecordBatch] | None]:
    """What the columns are by all rows, and these rows if they are few."""
    columns = [Column() for _ in names]
    kept: list[pa.RecordBatch] | None = []
    size = 0
    for batch in batches:
        size += batch.nbytes
        if kept is not None:
            kept.append(batch)
            kept = kept if size <= KEPT else None
        for column, texts in zip(columns, batch.columns, strict=True):
            column.look(texts)
    for column in columns:
        column.decide()
    return columns, kept


def rows_of(
    open_file: Open, types: dict[str, pa.DataType], skip: int, delimiter: str, block: int
) -> Iterator[pa.RecordBatch]:
    """The rows with columns of these names and types; an empty field is null, an empty text in quotes is not."""
    read = arrow_csv.ReadOptions(column_names=list(types), skip_rows_after_names=skip, block_size=block)
    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    convert = arrow_csv.ConvertOptions(
        column_types=types,
        null_values=[""],
        true_values=TRUE.to_pylist(),
        false_values=FALSE.to_pylist(),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    with open_file() as file, arrow_csv.open_csv(file, read, parse, convert) as reader:
        yield from reader


def header(open_file: Open, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns, as pandas calls those that have none or one that was there before, and how many rows end
    with theirs."""
    with open_file() as file:
        rows = enumerate(csv.reader(_lines(file), delimiter=delimiter), 1)
        skip, found = next(((number, row) for number, row in rows if row), (0, None))
    if found is None:
        raise pa.ArrowInvalid("it is empty")
    names: dict[str, None] = {}
    for number, name in enumerate(found):
        wanted = unique = name or f"Unnamed: {number}"
        count = 0
        while unique in names or (count and unique in found):
            count += 1
            unique = f"{wanted}.{count}"
        names[unique] = None
    return list(names), skip


def _line_of(open_file: Open, delimiter: str, fields: int) -> int | None:
    """The line that ends the first row with another number of fields."""
    with open_file() as file:
        rows = csv.reader(_lines(file), delimiter=delimiter)
        return next((rows.line_num for row in rows if row and len(row) != fields), None)


def _lines(file: Any) -> Iterator[str]:
    """The lines of an Arrow or Python file, which is read piece by piece."""
    rest, encoding = b"", "utf-8-sig"
    while data := file.read(1 << 16):
        *lines, rest = re.split(rb"(?<=\n)", rest + data) if b"\n" in data else (rest + data,)
        for line in lines:
            yield line.decode(encoding)
            encoding = "utf-8"
    if rest:
        yield rest.decode(encoding)
