"""Inputs that two implementations load with the same code, and what they make of them, as JSON.

Run by the Python of an implementation: `python -m compare.inputs FOLDER NAME...` loads each named input in a folder of its own
below FOLDER and prints one JSON object: name -> what came of it.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pyarrow as pa

import dlt

Load = Callable[..., str]
Input = Callable[[Load], object]

INPUTS: dict[str, Input] = {}
FILE, DATASET = "box.duckdb", "kept"
OFFSET = dt.timezone(dt.timedelta(hours=2))


def given(function: Input) -> Input:
    """Make an input known by the name of its function."""
    INPUTS[function.__name__] = function
    return function


# ---- types and names


@given
def types(load: Load) -> None:
    row = {
        "ID": 1,
        "Name": "a",
        "big": 2**62,
        "d": dt.date(2024, 5, 6),
        "ts": dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=OFFSET),
        "dec": Decimal("12.345"),
        "u": UUID(int=7),
        "b": b"\x00\xff",
        "t": dt.time(1, 2, 3),
        "f": 1.5,
        "boo": True,
    }
    load([row, {"ID": 2, "Name": None, "f": 2.0}], table_name="My Table")


@given
def iso_texts(load: Load) -> None:
    texts = {
        "full": "2024-01-01T00:00:00",
        "spaced": "2024-01-01 10:00",
        "compact": "20240101T101010Z",
        "offset": "2024-01-01T10:00:00.5+02:00",
        "day": "2024-05-06",
        "clock": "12:30",
        "year": "2024",
        "week": "2024-W01",
        "span": "P1D",
        "truth": "true",
        "hex": "0x10",
        "empty": "",
    }
    load([texts], table_name="t")


@given
def nested(load: Load) -> None:
    row = {
        "id": 1,
        "nested": {"x": 1, "y": {"Zed": 1.5}},
        "tags": ["a", "b"],
        "items": [{"sku": "x", "parts": [{"n": 1}, {"n": 2}]}, {"sku": "y", "parts": []}],
        "matrix": [[1, 2], [3]],
        "emptyd": {},
        "emptyl": [],
        "after": "z",
    }
    load([row, {"id": 2, "nested": {"y": {"more": "m"}}, "items": [{"sku": "z", "note": "n"}]}], table_name="t")


@given
def nested_dicts_keep_their_place(load: Load) -> None:
    load([{"a": {"x": 1, "y": {"z": 2}}, "b": 3, "c": {"w": 4}, "d": 5}], table_name="t")


@given
def only_nulls(load: Load) -> None:
    load([{"id": 1, "none": None, "empty": [], "nothing": {}}], table_name="t")


@given
def mixed_list(load: Load) -> None:
    load([{"id": 1, "l": [1, {"a": 2}, [3, 4], "x"]}], table_name="t")


@given
def keys(load: Load) -> None:
    names = ["UserName", "userID", "HTTPResponse", "__a", "1abc", "abc_", "abc__", "a+b", "a-b*c", "a@b|c", "A B"]
    names += ["camelCase2Snake", "x1Y2", "c.d", "a__b", "%%"]
    load([{name: number for number, name in enumerate(names)}], table_name="My-Table.Name")


@given
def keys_that_collide(load: Load) -> None:
    load([{"User Name": 1, "user_name": 2, "userName": 3}], table_name="t")


@given
def variants(load: Load) -> None:
    load([{"id": 1, "v": 1, "at": "2024-01-01T00:00:00Z", "f": 1.5}], table_name="t")
    load([{"id": "xyz", "v": 1.5, "at": "x", "f": 3}], table_name="t")
    load([{"id": 3, "v": {"a": 1}, "at": [1]}], table_name="t")


@given
def texts_take_anything(load: Load) -> None:
    load([{"t": "a", "f": 0.5}, {"t": 7, "f": "12.5"}], table_name="t")


@given
def coercions(load: Load) -> None:
    load([{"n": 1, "b": True, "f": 0.5}], table_name="t")
    load([{"n": "1_000", "b": 2, "f": "007"}], table_name="t")


@given
def scalars_and_none(load: Load) -> None:
    @dlt.resource
    def numbers() -> Iterator[Any]:
        yield [1, 2]
        yield None
        yield 3

    load(numbers)


# ---- hints


@given
def declared_columns(load: Load) -> None:
    columns = {
        "amount": {"data_type": "decimal", "precision": 10, "scale": 2},
        "code": {"data_type": "text", "precision": 10, "nullable": False},
        "unseen": {"data_type": "timestamp", "timezone": False},
        "payload": {"data_type": "json"},
        "small": {"data_type": "bigint", "precision": 16},
    }
    rows = [{"id": 1, "code": "x", "amount": Decimal("1.25"), "payload": {"a": [1]}, "small": 3}]
    load(rows, table_name="t", columns=columns)


@given
def hints_of_a_resource(load: Load) -> None:
    @dlt.resource(name="Rows", primary_key="Id", columns={"when": {"data_type": "timestamp", "x-mine": "yes"}})
    def rows() -> Iterator[Any]:
        yield [{"Id": 1, "when": "2024-01-01T00:00:00Z", "group": "a"}]

    rows.apply_hints(additional_table_hints={"x-note": "n"}, table_name="rows_of")
    load(rows)


@given
def tables_by_row(load: Load) -> None:
    @dlt.resource(table_name=lambda row: "kind_" + row["kind"])
    def events() -> Iterator[Any]:
        yield [{"kind": "a", "v": 1}, {"kind": "b", "w": "x"}]
        yield {"kind": "a", "v": 2}

    load(events)


@given
def max_nesting_0(load: Load) -> None:
    load(dlt.resource([{"id": 1, "o": {"a": 1}, "l": [1]}], name="t", max_table_nesting=0))


@given
def max_nesting_1(load: Load) -> None:
    rows = [{"a": {"b": {"c": [1, 2]}}, "l": [{"m": [1]}]}]
    load(dlt.resource(rows, name="mn", max_table_nesting=1))


@given
def max_nesting_2(load: Load) -> None:
    rows = [{"a": {"b": {"c": [1, 2]}}, "l": [{"m": [1]}]}]
    load(dlt.resource(rows, name="mn", max_table_nesting=2))


@given
def root_key(load: Load) -> None:
    @dlt.source(root_key=True)
    def deep() -> Any:
        return dlt.resource([{"id": 1, "a": [{"b": [{"c": 1}]}]}], name="t")

    load(deep())


# ---- writing


@given
def append_twice(load: Load) -> None:
    load([{"id": 1, "tags": ["a"]}], table_name="t")
    load([{"id": 1, "tags": ["b"], "more": "m"}], table_name="t")


@given
def replaced(load: Load) -> None:
    load([{"id": 1, "tags": ["a"]}, {"id": 2, "other": [1]}], table_name="t", write_disposition="replace")
    load([{"id": 3, "tags": ["b", "c"]}], table_name="t", write_disposition="replace")


@given
def merge_by_key(load: Load) -> None:
    merge = {"table_name": "t", "write_disposition": "merge", "primary_key": "id"}
    load([{"id": 1, "v": "a", "l": [{"n": 1}, {"n": 2}]}, {"id": 2, "v": "b", "l": [{"n": 3}]}], **merge)
    load([{"id": 2, "v": "c", "l": [{"n": 4}]}, {"id": 3, "v": "d"}], **merge)


@given
def merge_by_merge_key(load: Load) -> None:
    hints: Any = {"write_disposition": "merge", "merge_key": "day"}
    load(dlt.resource([{"day": "m", "v": 1}, {"day": "m", "v": 2}, {"day": "t", "v": 3}], name="t", **hints))
    load(dlt.resource([{"day": "m", "v": 4}], name="t", **hints))


@given
def merge_with_deletes_and_order(load: Load) -> None:
    columns = {"gone": {"hard_delete": True}, "at": {"dedup_sort": "desc"}}
    merge = {"table_name": "t", "write_disposition": "merge", "primary_key": "id", "columns": columns}
    load([{"id": 1, "at": 1, "gone": False}, {"id": 2, "at": 1, "gone": False}], **merge)
    load(
        [{"id": 1, "at": 3, "gone": False}, {"id": 1, "at": 2, "gone": False}, {"id": 2, "at": 2, "gone": True}],
        **merge,
    )


@given
def upsert(load: Load) -> None:
    how = {"disposition": "merge", "strategy": "upsert"}
    merge = {"table_name": "t", "write_disposition": how, "primary_key": ["id", "day"]}
    load([{"id": 1, "day": dt.date(2024, 1, 2), "v": "a", "l": [{"n": 1}, {"n": 2}]}], **merge)
    rows = [
        {"id": 1, "day": dt.date(2024, 1, 2), "v": "b", "l": [{"n": 3}]},
        {"id": 2, "day": dt.date(2024, 1, 2), "v": "c"},
    ]
    load(rows, **merge)


@given
def insert_only(load: Load) -> None:
    how = {"disposition": "merge", "strategy": "insert-only"}
    merge = {"table_name": "t", "write_disposition": how, "primary_key": "id"}
    load([{"id": 1, "v": "a", "l": [1]}], **merge)
    load([{"id": 1, "v": "b", "l": [2]}, {"id": 2, "v": "c", "l": [3]}], **merge)


@given
def scd2(load: Load) -> None:
    def how(day: str) -> Any:
        return {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": day}

    rows = [{"id": 1, "v": "a", "l": [{"n": 1}]}, {"id": 2, "v": 1.5, "at": dt.date(2024, 1, 2)}]
    load(rows, table_name="t", write_disposition=how("2024-01-01"))
    load([{"id": 1, "v": "a2", "l": [{"n": 1}]}, rows[1]], table_name="t", write_disposition=how("2024-02-01"))
    load([rows[0]], table_name="t", write_disposition=how("2024-03-01"))


# ---- contracts, naming, sources, state


@given
def contracts(load: Load) -> None:
    load([{"id": 1, "v": 1}], table_name="t")
    load(
        [{"id": 2, "v": 2, "new": "x"}, {"id": 3, "v": 3}], table_name="t", schema_contract={"columns": "discard_value"}
    )
    load([{"id": 4, "new": "x"}, {"id": 5}], table_name="t", schema_contract={"columns": "discard_row"})
    load([{"id": 6, "v": "y"}, {"id": 7, "v": 7}], table_name="t", schema_contract={"data_type": "discard_value"})
    load([{"id": 8}], table_name="other", schema_contract={"tables": "discard_row"})


@given
def contract_freezes(load: Load) -> None:
    load([{"id": 1}], table_name="t")
    load([{"id": 2, "new": 1}], table_name="t", schema_contract="freeze")


@given
def naming_direct(load: Load) -> None:
    os.environ["SCHEMA__NAMING"] = "direct"
    load([{"Id": 1, "User Name": "a", "L": [{"N": 1}]}], table_name="My Table")


@given
def naming_sql_cs(load: Load) -> None:
    os.environ["SCHEMA__NAMING"] = "sql_cs_v1"
    load([{"Id": 1, "User Name": "a", "9x": 2, "L_": [{"N": 1}]}], table_name="MyTable")


@given
def two_sources(load: Load) -> None:
    @dlt.source
    def one() -> Any:
        return dlt.resource([{"id": 1}], name="a")

    @dlt.source(schema=dlt.Schema("other"), max_table_nesting=1)
    def two() -> Any:
        return dlt.resource([{"id": 1, "l": [{"m": [1]}]}], name="b")

    load([one(), two()])


@given
def resource_state(load: Load) -> None:
    @dlt.resource(name="t")
    def rows() -> Iterator[Any]:
        state = dlt.current.resource_state()
        state["last"] = state.get("last", 0) + 1
        state["day"] = dt.date(2024, 1, state["last"])
        state["at"] = dt.datetime(2024, 1, 1, 2, 3, tzinfo=dt.UTC)
        state["price"] = Decimal("1.50")
        state["id"] = UUID(int=state["last"])
        yield {"id": state["last"]}

    load(rows)
    load(rows)


@given
def arrow(load: Load) -> None:
    table = pa.table(
        {
            "Id": pa.array([1, 2], pa.int32()),
            "name": ["a", None],
            "at": pa.array([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)] * 2, pa.timestamp("us", "UTC")),
            "dec": pa.array([Decimal("1.25"), None], pa.decimal128(8, 2)),
            "day": pa.array([dt.date(2024, 1, 1)] * 2),
        }
    )
    load(table, table_name="t")


# ---- loading, and what came of it


def pipeline(folder: Path, name: str) -> Any:
    """A pipeline of this folder, which loads into its DuckDB file."""
    return dlt.pipeline(
        name,
        pipelines_dir=str(folder / "work"),
        destination=dlt.destinations.duckdb(str(folder / FILE)),
        dataset_name=DATASET,
    )


def loaded(name: str, folder: Path) -> dict[str, Any]:
    """Load an input and describe the data set."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pipeline(folder, f"p_{name}")
    outcomes: list[str] = []

    def load(data: Any, **hints: Any) -> str:
        try:
            made.run(data, **hints)
            outcomes.append("loaded")
        except Exception as error:
            outcomes.append(f"failed in {getattr(error, 'step', type(error).__name__)}")
            made.drop_pending_packages()
        return outcomes[-1]

    before = dict(os.environ)
    try:
        INPUTS[name](load)
    finally:
        os.environ.clear()
        os.environ.update(before)
    return {"outcomes": outcomes, **described(folder / FILE)}


def described(path: Path, dataset: str = DATASET) -> dict[str, Any]:
    """The tables of a data set with columns and rows, and dlt's own tables in readable form."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns "
            "WHERE table_schema = ? ORDER BY table_name, ordinal_position",
            [dataset],
        ).fetchall()
        tables: dict[str, dict[str, Any]] = {}
        for table, column, kind, nullable in found:
            tables.setdefault(table, {"columns": [], "rows": []})["columns"].append([column, kind, nullable])
        for table, one in tables.items():
            rows = connection.execute(f'SELECT * FROM "{dataset}"."{table}"').fetchall()
            names = [column for column, *_ in one["columns"]]
            one["rows"] = [dict(zip(names, map(plain, row), strict=True)) for row in rows]
    versions = sorted(_rows(tables, "_dlt_version"), key=lambda row: row["inserted_at"])
    states = sorted(_rows(tables, "_dlt_pipeline_state"), key=lambda row: row["_dlt_load_id"])
    return {
        "tables": tables,
        "schemas": [json.loads(row["schema"]) for row in versions],
        "states": [json.loads(zlib.decompress(base64.b64decode(row["state"]))) for row in states],
    }


def _rows(tables: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return tables[name]["rows"] if name in tables else []


def plain(value: Any) -> Any:
    """A value as JSON has it; others as text that says what they are."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return "at " + value.astimezone(dt.UTC).isoformat()
    return f"{type(value).__name__} {value}"


def main() -> None:
    """Load the inputs that the arguments name, and print what came of them."""
    folder, *names = sys.argv[1:]
    print(json.dumps({name: loaded(name, Path(folder) / name) for name in names}))


if __name__ == "__main__":
    main()
