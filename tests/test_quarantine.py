"""The quarantine: what is turned away is kept with its original, its reason and its place, and every row is in one place."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import dlt
from dlt.errors import ContractViolation, SchemaError, StepFailed
from dlt.quarantine import packed, unpacked

Row = dict[str, Any]
MODES = ("evolve", "discard_row", "discard_value")


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.fixture
def pipeline(connection: duckdb.DuckDBPyConnection) -> dlt.Pipeline:
    return dlt.pipeline("p", destination=dlt.destinations.duckdb(connection), dataset_name="data")


def entries(connection: duckdb.DuckDBPyConnection, *columns: str) -> list[tuple[Any, ...]]:
    return connection.sql(f"SELECT {', '.join(columns)} FROM data._dlt_quarantine ORDER BY ALL").fetchall()


# ---- originals

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.decimals(allow_nan=False),
    st.datetimes(timezones=st.one_of(st.none(), st.just(dt.UTC))).map(lambda moment: moment.replace(fold=0)),
    st.dates(),
    st.times().map(lambda time: time.replace(fold=0)),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_an_original_comes_back_as_it_was(row: Row) -> None:
    text, types = packed(row)

    found = unpacked(text, types)

    assert found == row
    assert repr(found) == repr(row)
    assert json.loads(text).keys() == row.keys()


def test_an_original_is_readable_and_can_hold_anything() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "odd"

    deep: Any = []
    for _ in range(600):
        deep = [deep]
    row = {
        "a/b~c": decimal.Decimal("1.50"),
        "nan": float("nan"),
        "odd": Odd(),
        1: "text",
        "s": "a\ud800b",
        "deep": deep,
    }

    text, types = packed(row)

    assert text.startswith('{"a/b~c":"1.50","nan":"nan","odd":"odd","1":"text","s":"a\\ud800b","deep":[')
    found = unpacked(text, types)
    assert found["a/b~c"] == decimal.Decimal("1.50")
    assert found["nan"] != found["nan"]
    assert found["s"] == "a\ud800b"


# ---- what is kept, and when it is an error instead

BAD = {
    "invalid_unicode": {"id": 2, "v": "a\ud800b"},
    "unsupported_type": {"id": 2, "v": object()},
    "null_value": {"id": 2},
}


def bad_rows(reason: str) -> tuple[list[Row], dict[str, Any]]:
    hints = {"columns": {"v": {"nullable": False}}} if reason == "null_value" else {}
    return [{"id": 1, "v": "good"}, BAD[reason], {"id": 3, "v": "fine"}], hints


@pytest.mark.parametrize("reason", BAD)
def test_c51_only_the_bad_row_is_kept_aside(
    pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection, reason: str
) -> None:
    rows, hints = bad_rows(reason)

    info = pipeline.run(rows, table_name="t", **hints)

    assert info is not None
    assert info.quarantined == {"t": 1}
    assert "t 1" in str(info)
    assert connection.sql("SELECT id, v FROM data.t ORDER BY id").fetchall() == [(1, "good"), (3, "fine")]
    [(load_id, *place, whole, text)] = entries(
        connection, "load_id", "table_name", "column_name", "reason", "position", "whole_row", "row"
    )
    assert load_id == info.loads_ids[0]
    assert (*place, whole) == ("t", "v", reason, 1, True)
    assert json.loads(text)["id"] == 2


def test_the_table_is_made_only_when_it_is_needed(
    pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection
) -> None:
    pipeline.run([{"id": 1}], table_name="t")

    assert "_dlt_quarantine" not in pipeline.default_schema.tables
    assert ("_dlt_quarantine",) not in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()


@pytest.mark.parametrize("reason", BAD)
@pytest.mark.parametrize("where", ["setting", "hint"])
def test_a_bad_row_can_be_an_error(
    pipeline: dlt.Pipeline, reason: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, hints = bad_rows(reason)
    resource = dlt.resource(rows, name="t", **hints)
    if where == "setting":
        monkeypatch.setenv("NORMALIZE__ON_BAD_ROWS", "fail")
        pipeline = dlt.pipeline("q", destination=pipeline.destination, dataset_name="data")
    else:
        resource.apply_hints(additional_table_hints={"x-on-bad-rows": "fail"})

    with pytest.raises(StepFailed) as failed:
        pipeline.run(resource)

    error = failed.value.exception
    assert isinstance(error, SchemaError)
    assert (error.table, error.column, error.position) == ("t", "v", 1)
    assert '"id":2' in error.row
    assert not pipeline.has_pending_data


def test_the_hint_goes_before_the_setting(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NORMALIZE__ON_BAD_ROWS", "fail")
    pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb(connection), dataset_name="data")
    rows, _ = bad_rows("invalid_unicode")
    resource = dlt.resource(rows, name="t")
    resource.apply_hints(additional_table_hints={"x-on-bad-rows": "quarantine"})

    info = pipeline.run(resource)

    assert info is not None
    assert info.quarantined == {"t": 1}


def test_what_a_contract_sets_aside_is_no_error(connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code asked for it; those who want an error say freeze."""
    monkeypatch.setenv("NORMALIZE__ON_BAD_ROWS", "fail")
    pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb(connection), dataset_name="data")
    pipeline.run([{"id": 1}], table_name="t")

    info = pipeline.run([{"id": 2, "n": 1}], table_name="t", schema_contract={"columns": "discard_row"})

    assert info is not None
    assert info.quarantined == {"t": 1}


def test_an_unknown_word_is_an_error() -> None:
    with pytest.raises(SchemaError, match="x-on-bad-rows"):
        dlt.resource([], name="t").apply_hints(additional_table_hints={"x-on-bad-rows": "ignore"})


def test_a_row_that_is_extracted_apart_is_kept_too(
    pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection
) -> None:
    rows = [{"id": number, "v": "a\ud800" if number == 1 else number} for number in range(4)]
    rows.append({"id": 4, "v": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)})
    pipeline.run([{"id": 0, "v": 1}], table_name="t")
    pipeline.extract(rows, table_name="t", schema_contract={"data_type": "discard_value"})
    pipeline.normalize()
    info = pipeline.load()

    assert info.quarantined == {"t": 1}
    assert entries(connection, "position", "reason", "whole_row") == [
        (1, "invalid_unicode", True),
        (4, "contract_data_type", False),
    ]


# ---- models


class Person(BaseModel):
    id: int
    born: dt.date | None = None


MODEL_ROWS = [{"id": 1}, {"id": "x", "born": dt.date(2024, 5, 6)}, {"id": 3, "more": 1}, {"born": 7}, {"id": 5}]


@pytest.mark.parametrize("paged", [True, False])
@pytest.mark.parametrize("apart", [True, False])
def test_rows_that_do_not_fit_their_model(
    pipeline: dlt.Pipeline, connection: duckdb.DuckDBPyConnection, paged: bool, apart: bool
) -> None:
    rows = [MODEL_ROWS] if paged else MODEL_ROWS
    contract = {"data_type": "discard_row", "columns": "discard_row"}
    resource = dlt.resource(rows, name="t", columns=Person, schema_contract=contract)

    info: Any
    if apart:
        pipeline.extract(resource)
        pipeline.normalize()
        info = pipeline.load()
    else:
        info = pipeline.run(resource)

    assert info.quarantined == {"t": 3}
    assert info.load_packages[0].ledger["t"] == {"extracted": 5, "quarantined": 3, "written": 2, "loaded": 2}
    assert connection.sql("SELECT id FROM data.t ORDER BY id").fetchall() == [(1,), (5,)]
    assert entries(connection, "reason", "position", "column_name") == [
        ("model", 1, "id"),
        ("model", 2, "more"),
        ("model", 3, "id"),
    ]
    kept = [unpacked(row, types) for row, types in entries(connection, "row", "types")]
    assert sorted(map(str, kept)) == sorted(map(str, MODEL_ROWS[1:4]))
    pipeline.replay("model", fix=lambda row: {"id": 9, "born": row.get("born")} if row.get("id") == "x" else None)
    found = connection.sql("SELECT id, born FROM data.t WHERE id = 9").fetchall()
    assert found == [(9, dt.date(2024, 5, 6))]


def test_a_frozen_model_is_an_error(pipeline: dlt.Pipeline) -> None:
    with pytest.raises(StepFailed) as failed:
        pipeline.run(dlt.resource(MODEL_ROWS, name="t", columns=Person))

    error = failed.value.exception
    assert isinstance(error, ContractViolation)
    assert (error.column, error.position) == ("id", 1)
    assert not pipeline.has_pending_data


# ---- every row is in exactly one place

KINDS = st.one_of(
    st.integers(-5, 5),
    st.sampled_from(["7", "007", "x", "", "2024-01-01T00:00:00Z", "true"]),
    st.floats(-9, 9, allow_nan=False),
    st.booleans(),
    st.decimals(-9, 9, places=3),
    st.binary(max_size=3),
    st.just(dt.datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=dt.UTC)),
    st.just(dt.date(2024, 5, 6)),
    st.none(),
)
KID = st.fixed_dictionaries(
    {}, optional={"a": KINDS, "b": KINDS, "c": KINDS, "toys": st.lists(st.integers(0, 9), max_size=2)}
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "v": KINDS,
            "w": KINDS,
            "x": KINDS,
            "d": st.fixed_dictionaries({"e": KINDS}),
            "kids": st.lists(KID, max_size=3),
        },
    ),
    min_size=1,
    max_size=8,
)
CONTRACTS = st.fixed_dictionaries({entity: st.sampled_from(MODES) for entity in ("tables", "columns", "data_type")})
FIRST = {"n": -1, "v": 1, "w": "text", "kids": [{"k": -1, "a": 1, "b": "text"}]}


def scalars(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a row that are neither empty nor in a list."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from scalars(item, (*path, key))
        elif item is not None and not isinstance(item, list):
            yield (*path, key), item


def is_kept(value: Any, found: Any) -> bool:
    """Whether a value is what was loaded, or can be read off its text."""
    if isinstance(value, bool) or isinstance(found, bool):
        return value is found or str(value) == found
    if isinstance(value, decimal.Decimal) and isinstance(found, float):
        return decimal.Decimal(repr(found)) == value
    if isinstance(value, (float, str)) and isinstance(found, decimal.Decimal):
        return decimal.Decimal(str(value)) == found
    if isinstance(found, str) and not isinstance(value, str):
        return found in (str(value), repr(value), getattr(value, "isoformat", str)())
    if type(value) is dt.date and isinstance(found, dt.datetime):
        return found == dt.datetime(value.year, value.month, value.day, tzinfo=found.tzinfo)
    if isinstance(value, str) and isinstance(found, dt.datetime):
        return dt.datetime.fromisoformat(value) == found
    return bool(value == found) or str(found) == str(value)


@contextmanager
def loaded(rows: list[Row], contract: Row) -> Iterator[tuple[duckdb.DuckDBPyConnection, Any, dlt.Pipeline]]:
    connection = duckdb.connect()
    pipeline = dlt.pipeline("p", destination=dlt.destinations.duckdb(connection), dataset_name="data", dev_mode=True)
    pipeline.run([FIRST], table_name="t")
    connection.execute(f"SET search_path = '{pipeline.dataset_name}'")
    yield connection, pipeline.run(rows, table_name="t", schema_contract=contract), pipeline
    connection.close()


def table(connection: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    try:
        result = connection.sql(f"SELECT * FROM {name}")
    except duckdb.CatalogException:
        return []
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def numbered(rows: list[Row]) -> list[Row]:
    """The rows with a number for each, and for each nested row."""
    kids = [[{"k": 10 * n + k, **kid} for k, kid in enumerate(row.get("kids", []))] for n, row in enumerate(rows)]
    return [{"n": n, **row, "kids": mine} for n, (row, mine) in enumerate(zip(rows, kids, strict=True))]


@pytest.mark.slow
@given(ROWS, CONTRACTS)
def test_every_row_is_in_one_place_and_every_value_can_be_had_back(rows: list[Row], contract: Row) -> None:
    rows = numbered(rows)

    with loaded(rows, contract) as (connection, info, _):
        kept = table(connection, "_dlt_quarantine")
        there = {name: table(connection, name) for name in ("t", "t__kids", "t__kids__toys")}

    for row in info.load_packages[0].ledger.values():
        out = sum(row.get(entry, 0) for entry in ("loaded", "quarantined", "filtered", "merged"))
        assert row["extracted"] == out
    originals = [(entry, unpacked(entry["row"], entry["types"])) for entry in kept]
    whole = [(entry["table_name"], original) for entry, original in originals if entry["whole_row"]]
    lacking = {
        (entry["row_id"], entry["column_name"]): original for entry, original in originals if not entry["whole_row"]
    }
    inside = [("t__kids", kid) for name, original in whole if name == "t" for kid in original.get("kids", [])]
    for name, key, all_rows in (("t", "n", rows), ("t__kids", "k", [kid for row in rows for kid in row["kids"]])):
        aside = [original for at, original in (*whole, *inside) if at == name]
        found = [row for row in there[name] if row[key] >= 0]
        assert sorted(row[key] for row in [*aside, *found]) == [row[key] for row in all_rows]
        for row in all_rows:
            held = next((one for one in aside if one[key] == row[key]), None)
            if held is not None:
                assert dict(scalars(held)) == dict(scalars(row))
                continue
            [made] = [one for one in found if one[key] == row[key]]
            for path, value in scalars(row):
                column = "__".join(path)
                if (original := lacking.get((made["_dlt_id"], column))) is not None:
                    assert dict(scalars(original)) == dict(scalars(row))
                    continue
                values = [
                    v for at, v in made.items() if v is not None and (at == column or at.startswith(f"{column}__v_"))
                ]
                assert any(is_kept(value, one) for one in values), (column, value, made)


@pytest.mark.slow
@given(ROWS, CONTRACTS)
def test_a_replay_brings_everything_back(rows: list[Row], contract: Row) -> None:
    rows = numbered(rows)

    with loaded(rows, contract) as (connection, _, pipeline):
        pipeline.replay(schema_contract="evolve")
        assert pipeline.replay(schema_contract="evolve") is None
        there = {name: table(connection, name) for name in ("t", "t__kids", "t__kids__toys")}

    owners = {row["_dlt_id"]: row for rows_there in there.values() for row in rows_there}
    for name, key, all_rows in (("t", "n", rows), ("t__kids", "k", [kid for row in rows for kid in row["kids"]])):
        found = [row for row in there[name] if row[key] >= 0]
        assert sorted(row[key] for row in found) == [row[key] for row in all_rows]
        for row in all_rows:
            [made] = [one for one in found if one[key] == row[key]]
            for path, value in scalars(row):
                column = "__".join(path)
                values = [
                    v for at, v in made.items() if v is not None and (at == column or at.startswith(f"{column}__v_"))
                ]
                assert any(is_kept(value, one) for one in values), (column, value, made)
    for kid in [one for one in there["t__kids"] if one["k"] >= 0]:
        assert owners[kid["_dlt_parent_id"]]["n"] == kid["k"] // 10
        assert kid["_dlt_list_idx"] == kid["k"] % 10
    toys = [(owners[toy["_dlt_parent_id"]]["k"], toy["_dlt_list_idx"], toy["value"]) for toy in there["t__kids__toys"]]
    wanted = [(kid["k"], i, toy) for row in rows for kid in row["kids"] for i, toy in enumerate(kid.get("toys", []))]
    assert sorted(toys) == wanted
