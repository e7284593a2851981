"""Arrow -> binary COPY: whatever goes in comes out of PostgreSQL as it was."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal, localcontext
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from dlt.destinations._postgres_copy import HEAD, TAIL, chunks, is_direct
from dlt.errors import DestinationRefused

UTC = dt.UTC
SEED = random.Random(11)


def decimals(precision: int, scale: int) -> list[Decimal | None]:
    """The edges of a type, and numbers of all lengths."""
    with localcontext() as context:
        context.prec = 100
        most = 10**precision - 1
        wholes = [0, 1, -1, most, -most, 10_000, -9_999, 10**8]
        wholes += [SEED.choice((1, -1)) * SEED.randrange(10 ** SEED.randint(1, precision)) for _ in range(400)]
        return [None, *(Decimal(one).scaleb(-scale) for one in wholes if abs(one) <= most)]


def decimal_type(precision: int, scale: int) -> pa.DataType:
    return (pa.decimal128 if precision <= 38 else pa.decimal256)(precision, scale)


VALUES: dict[str, pa.Array] = {
    "smallint": pa.array([0, None, 2**15 - 1, -(2**15)], pa.int64()),
    "integer": pa.array([0, None, 2**31 - 1, -(2**31)], pa.int64()),
    "bigint": pa.array([0, None, 2**63 - 1, -(2**63)]),
    "double precision": pa.array([0.1, None, 5e-324, -1e308, float("inf"), float("-inf")]),
    "boolean": pa.array([True, None, False]),
    "timestamp with time zone": pa.array(
        [dt.datetime(1, 1, 1, tzinfo=UTC), None, dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)],
        pa.timestamp("us", "UTC"),
    ),
    "timestamp without time zone": pa.array(
        [dt.datetime(1, 1, 1), None, dt.datetime(2000, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)],
        pa.timestamp("us"),
    ),
    "date": pa.array([dt.date(1, 1, 1), None, dt.date(2000, 1, 1), dt.date(9999, 12, 31)]),
    "time without time zone": pa.array([dt.time(0), None, dt.time(23, 59, 59, 999999)], pa.time64("us")),
    "character varying": pa.array(["", None, "é漢🎈", "\\N", "x" * 70_000]),
    "character varying(3)": pa.array(["", None, "äöü"]),
    "text": pa.array(["a\r\nb", None, "\t"]),
    "bytea": pa.array([b"", None, bytes(range(256))]),
}


def through(url: str, kind: str, data: pa.Array) -> list[Any]:
    """The values of a column after a COPY."""
    batch = pa.record_batch([pa.array(range(len(data)), pa.int32()), data], names=["n", "v"])
    with psycopg.connect(url) as connection:
        connection.execute(f"CREATE TEMP TABLE t (n integer, v {kind})")
        with connection.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as copy:
            copy.write(HEAD)
            for chunk in chunks(batch, ["integer", kind]):
                copy.write(chunk)
            copy.write(TAIL)
        return [row[0] for row in connection.execute("SELECT v FROM t ORDER BY n").fetchall()]


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_every_type(postgres: str, kind: str) -> None:
    assert through(postgres, kind, VALUES[kind]) == VALUES[kind].to_pylist()


@pytest.mark.parametrize("kind", VALUES)
def test_a_slice_of_a_column(postgres: str, kind: str) -> None:
    assert through(postgres, kind, VALUES[kind].slice(1)) == VALUES[kind].to_pylist()[1:]


@pytest.mark.parametrize(
    ("precision", "scale"), [(38, 9), (38, 0), (10, 2), (5, 5), (38, 38), (76, 0), (76, 30), (76, 1), (76, 76)]
)
@pytest.mark.parametrize("bounds", [True, False])
def test_decimals(postgres: str, precision: int, scale: int, *, bounds: bool) -> None:
    data = pa.array(decimals(precision, scale), decimal_type(precision, scale))
    kind = f"numeric({precision},{scale})" if bounds else "numeric"

    found = through(postgres, kind, data)

    assert found == data.to_pylist()
    assert through(postgres, kind, data.slice(7)) == found[7:]


def test_nan_and_the_sign_of_zero(postgres: str) -> None:
    found = through(postgres, "double precision", pa.array([float("nan"), -0.0]))

    assert list(map(str, found)) == ["nan", "-0.0"]


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_json(postgres: str, kind: str) -> None:
    assert through(postgres, kind, pa.array(['{"a": [1, null]}', None, "[]"])) == [{"a": [1, None]}, None, []]


def test_rows_of_any_size_are_cut_into_chunks(postgres: str) -> None:
    data = pa.array([("x" * (number % 900)) + str(number) for number in range(50_000)])
    batch = pa.record_batch([data], names=["v"])

    assert len(list(chunks(batch, ["text"]))) > 5
    assert through(postgres, "text", data) == data.to_pylist()


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        ("smallint", pa.array([2**15]), "does not fit the type smallint"),
        ("integer", pa.array([2**31]), "does not fit the type integer"),
        ("timestamp with time zone", pa.array([-(2**63)], pa.timestamp("us", "UTC")), "does not fit"),
        ("character varying(3)", pa.array(["abc "]), "has 4 characters, its column takes 3"),
    ],
)
def test_what_does_not_fit_is_refused(kind: str, data: pa.Array, said: str) -> None:
    with pytest.raises(DestinationRefused, match=said) as refused:
        list(chunks(pa.record_batch([data], names=["v"]), [kind]))

    assert refused.value.context["column"] == "v"


@pytest.mark.parametrize(
    ("kind", "direct"),
    [
        *((kind, True) for kind in VALUES),
        ("numeric(3,1)", True),
        ("timestamp(3) with time zone", False),
        ("time(0) without time zone", False),
        ("character(3)", False),
        ("real", False),
        ("uuid", False),
        ("vector(3)", False),
        ("geometry(Point,4326)", False),
        ("integer[]", False),
    ],
)
def test_types_that_are_written_as_they_are(kind: str, *, direct: bool) -> None:
    assert is_direct(kind) is direct
