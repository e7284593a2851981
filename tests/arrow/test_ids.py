"""Row ids made of keys and rows are those of dlt 1.31: a data set can be continued by either."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest

from dlt.arrow.ids import CHARS, key_ids, nested_ids, random_ids, row_ids, typed_text

HOURS_2 = dt.timezone(dt.timedelta(hours=2))

# what dlt 1.31.0 made of {"id": 1, "v": value} with the strategy scd2, and of the key {"v": value} with upsert
SEEN = [
    (1, "LUMPmT/OVz+TPg", "9QfnUcXoU0Ek+g"),
    (1.5, "U6yWgGN+5zcFWQ", "8DwBQEwlt3gQ5Q"),
    (2.0, "4W8u86LoAf/dyA", "nLgtfE7i8llO5g"),
    (1e22, "n1CBomAPssOikw", "j8kVwb2QOdpwWA"),
    (1e-7, "D/pHO2BSHSOUdA", "U0BZb38s/vTjMQ"),
    ('é\u2028"\\\n', "MIZ1swQ7uzs7HA", "1SiFQk6bCzw5BA"),
    ("", "ajSGHtvskti5Nw", "7ugvXQ5AOLHnKA"),
    (True, "TdCgmA43aTxbKg", "jUFTSOSvLzee9g"),
    (dt.date(2024, 1, 2), "UvtS5cknb2Qz1A", "LtZlwO/SIzzjaA"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), "5A/nAawCt+Jbwg", "eJc7EV30wkMMlw"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=dt.UTC), "NJgoAz3zSMegjQ", "L8EjH9Y6sv49Yw"),
    (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=HOURS_2), "4LLq9izh0HCOFg", "D843A04e+SHZdw"),
    (dt.datetime(2024, 1, 2, 3, 4, 5), "POMyKZIzBUoJJA", "PTPpKO7DtIjBLA"),
    (Decimal("1.50"), "HtNc9cto7MMOpQ", "OOBdQ4Segga2EQ"),
    (dt.time(1, 2, 3), "bzVV2mpNooL8yg", "8OJ7qb4lXDtYDw"),
    (dt.time(1, 2, 3, 40), "SxZNWaOMrHKEWg", "95v3cgATttivvg"),
    (b"\x00\xff", "1lxyTpNbFLgh1A", "lRdoDZ6x7p9ASw"),
]
ONLY_ROWS = [
    (UUID(int=7), "6SaM9VLmUXRPXg"),
    (Decimal("1E+3"), "UQBG1TNBXuuOvQ"),
    ([1, None, "a"], "oGblYKYIeXSHvQ"),
    ({"z": 1, "a": None, "b": [{"d": 1, "c": 2}]}, "Ohf/T1tiT1ah4w"),
    ({"d": dt.date(2024, 1, 2)}, "NVfaP9ch2ODBhA"),
    ([], "mFB2fZEQHpxVuA"),
    ({}, "zinbIplbS0VJIw"),
    ((1, 2), "UB1b087vDBEcNQ"),
    (1e-5, "TIQuEv2iHDatlQ"),
    (1.5e-5, "0JHXL45+z0ECuQ"),
    (1e-6, "NxlhKVesiPaWhQ"),
    (1.234e-7, "V/gD1fjq+hzKjg"),
    (5e-324, "POsIINLYCe6WZg"),
    (-0.0, "yWukTWndd+6BbA"),
]


@pytest.mark.parametrize(("value", "of_row", "of_key"), SEEN, ids=lambda value: repr(value)[:20])
def test_ids_of_rows_and_keys(value, of_row, of_key):
    assert row_ids([{"id": 1, "v": value}]).to_pylist() == [of_row]
    assert key_ids(["v"], [pa.array([value])]).to_pylist() == [of_key]


@pytest.mark.parametrize(("value", "of_row"), ONLY_ROWS, ids=lambda value: repr(value)[:20])
def test_ids_of_rows(value, of_row):
    assert row_ids([{"id": 1, "v": value}]).to_pylist() == [of_row]


def test_a_key_of_two_columns_is_sorted_by_name():
    ids = key_ids(["b", "a"], [pa.array([1]), pa.array([2])])

    assert ids.to_pylist() == ["HL8qpOAtnnFVYQ"]


def test_keys_that_are_no_texts():
    assert row_ids([{"id": 1, "d": {dt.date(2024, 1, 1): 4}}]).to_pylist() == ["cxs2J4Mge56OwQ"]
    assert row_ids([{"id": 1, 3: 4}]).to_pylist() == ["zUODOO7j7//VSQ"]


def test_dlt_s_own_columns_do_not_count():
    assert row_ids([{"id": 1, "_dlt_load_id": "x", "_dlt_x": 1}]).to_pylist() == row_ids([{"id": 1}]).to_pylist()


def test_a_key_without_a_value_is_as_no_key():
    assert row_ids([{"id": 1, "v": None}]).to_pylist() == row_ids([{"id": 1}]).to_pylist()


def test_a_text_that_looks_like_a_small_float_stays():
    assert (
        typed_text({"v": "1e-07", "f": [1e-07, {"a": float("inf")}], "t": "\n"})
        == r'{"f":[1e-7,{"a":null}],"t":"\n","v":"1e-07"}'
    )


def test_ids_of_nested_rows():
    assert nested_ids(pa.array(["z5jIxXIbUnmbKw"]), "t__l", pa.array([0])).to_pylist() == ["6rVOW0pbUSjaAg"]


def test_random_ids():
    ids = random_ids(1000).to_pylist()

    assert len(set(ids)) == 1000
    assert {len(one) for one in ids} == {CHARS}
