"""CSV files as Arrow: a first pass over the whole file decides the types, a second one reads it.

A column has a type only if each of its texts can be had back from the value: `007` and `1e5` stay text, ints of any size
stay exact. No type is guessed from a sample.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Container, Iterator
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

BLOCKS = (1 << 20, 1 << 26, 1 << 30)  # bytes that are parsed at once; a row must fit
WORDS = pa.array(["", "NA", "N/A", "n/a", "#N/A", "NULL", "null", "None"])  # no value, where all others are no texts
BOOLS = [
    pa.array(["true", "false"]),
    pa.array(["True", "False"]),
    pa.array(["TRUE", "FALSE"]),
]  # as one column spells them
TRUE, FALSE = (pa.array([pair[place].as_py() for pair in BOOLS]) for place in (0, 1))
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


def _bools(pair: pa.Array, _values: pa.Array, texts: pa.Array) -> bool:
    return bool(pc.all(pc.is_in(texts, pair, skip_nulls=True).filter(pc.is_valid(texts))).as_py())


def _match(texts: pa.Array, pattern: str) -> bool:
    return pc.all(pc.match_substring_regex(texts, pattern)).as_py() is not False


BIGINT = Kind("bigint", pa.int64(), _ints)
DECIMAL = Kind("decimal", pa.decimal128(38, 0), lambda _, texts: _match(texts, WHOLE))
DOUBLE = Kind("double", pa.float64(), _floats)
KINDS = (
    BIGINT,
    DECIMAL,
    DOUBLE,
    *(Kind("bool", pa.bool_(), partial(_bools, pair)) for pair in BOOLS),
    Kind("timestamp", pa.timestamp("us"), _instants),
    Kind("timestamp with time zone", pa.timestamp("us", "UTC"), _instants),
)


class Column:
    """What a column is, after the texts that were seen: the first of the types that holds for all of them."""

    def __init__(self, *, is_text: bool = False) -> None:
        self.kind: Kind | None = None
        self.is_text = is_text
        self.words = False  # texts that are no value
        self.longest = 0  # signs of the ints
        self.digits = False  # a number that is not only "nan" or "inf"
        self.padded = False  # a number such as 1.10
        self.fractions: set[int] = set()  # the lengths of the shortest and longest ones

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
        elif self.kind is DOUBLE:
            self.digits = self.digits or bool(pc.any(pc.match_substring_regex(texts, r"\d")).as_py())
            self._look_at_fractions(texts)

    def _look_at_fractions(self, texts: pa.Array) -> None:
        ends = texts.filter(pc.ends_with(texts, "0"))
        self.padded = self.padded or bool(pc.any(pc.match_substring_regex(ends, r"\.\d+0$")).as_py())
        points = pc.find_substring(texts, ".")
        lengths = pc.subtract(pc.binary_length(texts), points).filter(pc.greater_equal(points, 0))
        self.fractions |= {one for one in pc.min_max(lengths).as_py().values() if one is not None}

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
        nameless = self.kind is DOUBLE and not (self.digits or self.longest)
        versions = self.kind is DOUBLE and self.padded and len(self.fractions) > 1  # 1.1 and 1.10 are two
        if (self.kind is None and self.words) or nameless or versions:
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


def typed_batches(open_file: Open, delimiter: str = ",", texts: Container[str] = ()) -> Iterator[pa.RecordBatch]:
    """The rows of a CSV file; open_file opens it anew. texts: columns that are text whatever is in them. Raises
    pa.ArrowInvalid when it is none."""
    names, skip, last = header(open_file, delimiter)
    if last is not None:  # there is nothing but names
        _check_end(open_file, last)
        return
    for block in BLOCKS:
        try:
            columns, kept, last = _columns(
                rows_of(open_file, dict.fromkeys(names, pa.string()), skip, delimiter, block), names, texts
            )
            break
        except pa.ArrowInvalid as wrong:
            if "straddling" in str(wrong) and block != BLOCKS[-1]:
                continue
            line = _line_of(open_file, delimiter, len(names)) if " columns, got " in str(wrong) else None
            raise pa.ArrowInvalid(f"line {line}: {wrong}" if line else str(wrong)) from wrong
    _check_end(open_file, last)
    types = {name: column.parsed for name, column in zip(names, columns, strict=True)}
    for batch in rows_of(open_file, types, skip, delimiter, block) if kept is None else kept:
        arrays = [column.values(values) for column, values in zip(columns, batch.columns, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, names)


def _columns(
    batches: Iterator[pa.RecordBatch], names: list[str], texts: Container[str]
) -> tuple[list[Column], list[pa.RecordBatch] | None, str | None]:
    """What the columns are by all rows, these rows if they are few, and the last text."""
    columns = [Column(is_text=name in texts) for name in names]
    kept: list[pa.RecordBatch] | None = []
    size, last = 0, None
    for batch in batches:
        if batch.num_rows:
            last = batch.column(-1)[-1].as_py()
        size += batch.nbytes
        if kept is not None:
            kept.append(batch)
            kept = kept if size <= KEPT else None
        for column, values in zip(columns, batch.columns, strict=True):
            column.look(values)
    for column in columns:
        column.decide()
    return columns, kept, last


def _check_end(open_file: Open, last: str | None) -> None:
    """ArrowInvalid when the last text of a file is in quotes that are not closed: rows may be in it."""
    if last is None:
        return
    text = last.replace('"', '""').encode()
    with open_file() as file:
        if file.seekable():
            file.seek(0, 2)
            file.seek(max(0, file.tell() - len(text) - 8))
        elif "\n" not in last:
            return
        end = b""
        while data := file.read(1 << 20):
            end = (end + data)[-len(text) - 8 :]
    if end.endswith(b'"' + text) and not end.rstrip(b"\r\n").endswith(b'"' + text + b'"'):
        raise pa.ArrowInvalid(f"a quote is never closed; what follows it is {last[:60]!r}")


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


def header(open_file: Open, delimiter: str) -> tuple[list[str], int, str | None]:
    """The names of the columns, as pandas calls those that have none or one that was there before; how many rows end with
    theirs; the last name, as it is in the file, when there is nothing else."""
    with open_file() as file:
        lines = _lines(file)
        reader = csv.reader(lines, delimiter=delimiter)
        try:
            skip, found = next(((number, row) for number, row in enumerate(reader, 1) if row), (0, None))
        except csv.Error as wrong:
            cause = "its lines end in \\r only" if "new-line character" in str(wrong) else str(wrong)
            raise pa.ArrowInvalid(f"the names of its columns cannot be read: {cause}") from wrong
        is_all = not any(line.strip("\r\n") for line in lines)
    if found is None:
        raise pa.ArrowInvalid("it is empty")
    if is_all and found[0].lstrip().lower().startswith(("<html", "<!doctype")):
        raise pa.ArrowInvalid("it is an HTML page")
    return unique_names(found), skip, found[-1] if is_all else None


def unique_names(found: list[str]) -> list[str]:
    """Names of columns, each of them once."""
    names: dict[str, None] = {}
    for number, name in enumerate(found):
        wanted = unique = name or f"Unnamed: {number}"
        count = 0
        while unique in names or (count and unique in found):
            count += 1
            unique = f"{wanted}.{count}"
        names[unique] = None
    return list(names)


def _line_of(open_file: Open, delimiter: str, fields: int) -> int | None:
    """The line that ends the first row with another number of fields."""
    with open_file() as file:
        rows = csv.reader(_lines(file), delimiter=delimiter)
        try:
            return next((rows.line_num for row in rows if row and len(row) != fields), None)
        except csv.Error:  # a field before it is longer than Python takes
            return None


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
