"""Random loads of nested rows, planned as a run plans them: a database and the memory destination must take the same steps
and hold the same tables after each."""

from __future__ import annotations

import datetime as dt
import hashlib
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dlt
from dlt.destinations import duckdb, memory
from dlt.load.plan import plan
from dlt.load.steps import Applied, Copy, Merge, Replace, Step, Truncate
from dlt.package.manifest import NORMALIZED, Manifest
from dlt.schema.model import ROW, WAS, Column, Table

from .packages import Package, loads_row, numbered

if TYPE_CHECKING:
    from dlt.load.session import Destination

KEYED = ("upsert", "insert-only", "cdc")
STRATEGIES = ("delete-insert", "scd2", *KEYED)
NAMES = ("t", "t__items", "t__items__sub")


def digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:14]


items = st.lists(
    st.fixed_dictionaries({"value": st.integers(0, 2), "sub": st.lists(st.integers(0, 1), max_size=2)}), max_size=2
)
record = st.fixed_dictionaries(
    {
        "a": st.sampled_from([1, 12, None]),
        "b": st.sampled_from([None, "3", "23"]),
        "g": st.sampled_from([None, "x", "y"]),
        "v": st.sampled_from([None, 1, 2]),
        "n": st.integers(0, 2),
        "late": st.sampled_from([None, None, "z"]),
        "gone": st.sampled_from([None, None, False, True]),
        "items": items,
    }
)
load_of = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["append", "replace", *STRATEGIES]),
        "skip": st.booleans(),
        "sorted": st.sampled_from([None, None, "asc", "desc"]),
        "version": st.sampled_from([None, None, "n"]),
        "forever": st.sampled_from([None, "9999-12-31"]),
        "nulls": st.booleans(),  # that nulls count for the row ids of scd2, as they once did
        "said": st.booleans(),  # that the table takes part, with or without rows
        "before": st.sampled_from([None, None, None, "dropped", "truncated"]),
        "rows": st.lists(record, max_size=6),
        "files": st.integers(1, 3),
    }
)
sequences = st.tuples(
    st.fixed_dictionaries(
        {
            "primary": st.booleans(),
            "merge": st.booleans(),
            "compound": st.booleans(),
            "unique": st.booleans(),
            "delete": st.sampled_from([None, "gone", "v"]),
        }
    ),
    st.lists(load_of, min_size=1, max_size=5),
)


def root_table(chosen: dict[str, Any], load: dict[str, Any], known: Table | None) -> Table:
    kind = load["kind"]
    merged = kind not in ("append", "replace")
    primary = ("a", "b") if chosen["compound"] else ("a",)
    wants_primary = chosen["primary"] or kind in KEYED or not chosen["merge"]
    version = (load["version"] or ("_dlt_id" if kind == "scd2" else None)) if merged else None
    columns = [
        Column("valid_from", "timestamp", extra={"x-valid-from": True}),
        Column("valid_to", "timestamp", extra={"x-valid-to": True, "x-active-record-timestamp": load["forever"]}),
        Column("a", "bigint"),
        Column("b", "text"),
        Column("g", "text", merge_key=chosen["merge"]),
        Column("v", "bigint", dedup_sort=load["sorted"]),
        Column("n", "bigint", nullable=False),
        Column("gone", "bool"),
        Column("_dlt_load_id", "text", nullable=False),
        Column("_dlt_id", "text", nullable=False, row_key=True),
    ]
    if any(row["late"] for row in load["rows"]) or (known and "late" in known.columns):
        columns.append(
            Column("late", "text" if any(row["late"] for row in load["rows"]) else known.columns["late"].data_type)
        )
    elif load["said"]:
        columns.append(Column("late"))
    columns = [
        c.with_(
            primary_key=wants_primary and c.name in primary,
            hard_delete=c.name == chosen["delete"],
            extra={**c.extra, "x-row-version": True} if c.name == version else c.extra,
        )
        for c in columns
    ]
    extra = {"x-merge-skip-unchanged-rows": load["skip"]}
    if merged:
        extra["x-merge-strategy"] = kind
    if kind == "delete-insert":
        extra["x-stage-data-deduplicated"] = chosen["unique"]
    disposition = "merge" if merged else kind
    return Table("t", {c.name: c for c in columns}, resource="t", write_disposition=disposition, extra=extra)


def tables(chosen: dict[str, Any], load: dict[str, Any], known: dict[str, Table]) -> dict[str, Table]:
    """The schema at one load: nested tables get a root key when the root is merged, and keep it."""
    root = root_table(chosen, load, known.get("t"))
    keeps_root = root.write_disposition == "merge" or any("_dlt_root_id" in table.columns for table in known.values())
    link = [
        *([Column("_dlt_root_id", "text", nullable=False, root_key=True)] if keeps_root else []),
        Column("_dlt_parent_id", "text", nullable=False, parent_key=True),
        Column("_dlt_list_idx", "bigint", nullable=False),
        Column("_dlt_id", "text", nullable=False, row_key=True, unique=True),
    ]
    columns = {column.name: column for column in (Column("value", "bigint"), *link)}
    return {
        "t": root,
        "t__items": Table("t__items", columns, parent="t"),
        "t__items__sub": Table("t__items__sub", columns, parent="t__items"),
    }


def shred(root: Table, load: dict[str, Any], load_id: str) -> tuple[list[dict], list[dict], list[dict]]:
    keys, out = root.keys("primary_key"), ([], [], [])
    for number, row in enumerate(load["rows"]):
        own = {key: value for key, value in row.items() if key != "items" and key in root.columns}
        row_id = digest(load_id, number)
        if load["kind"] == "scd2" and load["version"] is None:
            row_id = digest(sorted((key, value) for key, value in row.items() if value is not None or load["nulls"]))
            own[WAS] = digest(sorted(row.items()))
        elif load["kind"] in KEYED:
            row_id = digest([own[key] for key in keys])
        if load["kind"] in KEYED and own["gone"] and root.columns["gone"].hard_delete:
            own["n"] = None  # a row that deletes needs only its key
        if load["kind"] == "append" or load["kind"] == "replace" or own["v"] is not None:
            own = {key: value for key, value in own.items() if key != "late" or value is not None}
        out[0].append({ROW: number, **own, "_dlt_load_id": load_id, "_dlt_id": row_id})
        for place, item in enumerate(row["items"]):
            item_id = digest(row_id, "items", place)
            link = {ROW: number, "_dlt_root_id": row_id}
            out[1].append(
                {**link, "value": item["value"], "_dlt_parent_id": row_id, "_dlt_list_idx": place, "_dlt_id": item_id}
            )
            for index, value in enumerate(item["sub"]):
                sub_id = digest(item_id, "sub", index)
                out[2].append(
                    {**link, "value": value, "_dlt_parent_id": item_id, "_dlt_list_idx": index, "_dlt_id": sub_id}
                )
    return out


def manifest_of(schema: dict[str, Table], rows: Any, load: dict[str, Any], package: Package) -> Manifest:
    files = []
    for table, mine in zip(schema.values(), rows, strict=True):
        merged = schema["t"].write_disposition == "merge"
        shape = numbered(table, WAS) if merged else table
        size = -(-len(mine) // load["files"]) or 1
        for start in range(0, len(mine), size):
            part = [{key: row[key] for key in shape.columns if key in row} for row in mine[start : start + size]]
            files.append(package.file(shape, part))
    touched = dict.fromkeys([file.table for file in files] + (["t"] if load["said"] else []))
    before = {load["before"]: NAMES} if load["before"] else {}
    return Manifest(package.load_id, "p", "s", at(package), NORMALIZED, tuple(files), tuple(touched), **before)


def at(package: Package) -> str:
    return f"2024-01-{int(package.load_id) + 1:02d}T00:00:00+00:00"


def run(destination: Any, manifest: Manifest, schema: dict[str, Table], package: Package) -> list[tuple[Step, Applied]]:
    with closing(destination.open("ds", package.load())) as session:
        steps = plan(
            manifest, schema, session.reflect(NAMES), destination.caps, loads_row(package.load_id), at(package)
        )
        return [(step, session.apply(step)) for step in steps]


def content(destination: Any) -> tuple[dict[str, list[str]], dict[str, list[dict[str, Any]]]]:
    """The names of the columns of all tables, and their rows, in an order of their own."""
    with closing(destination.open("ds", None)) as session:
        found = session.reflect(NAMES)
        rows = {name: session.read(name).read_all().to_pylist() for name in found}
    columns = {name: list(table.columns) for name, table in found.items()}
    return columns, {name: sorted(mine, key=lambda row: repr(sorted(row.items()))) for name, mine in rows.items()}


def check_links(schema: dict[str, Table], rows: dict[str, list[dict[str, Any]]]) -> None:
    """Every nested row has its parent and its root."""
    ids = {name: {row["_dlt_id"] for row in mine} for name, mine in rows.items()}
    for name in rows.keys() - {"t"}:
        assert {row["_dlt_parent_id"] for row in rows[name]} <= ids[schema[name].parent or ""]
        assert {row["_dlt_root_id"] for row in rows[name] if "_dlt_root_id" in row} <= ids["t"]


def balance(load: dict[str, Any], done: list[tuple[Step, Applied]], rows: Any) -> None:
    """Every row of the load is in the target, or a rule of the user kept it out."""
    put: Counter[str] = Counter()
    for step, applied in done:
        if isinstance(step, (Merge, Replace)) or (isinstance(step, Copy) and not step.scratch):
            put.update(applied.rows)
            put.update(applied.merged)
    assert [put[name] for name in NAMES] == [len(mine) for mine in rows]


def in_postgres(url: str) -> Callable[[], Destination]:
    import psycopg

    def empty() -> Destination:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA IF EXISTS ds CASCADE")
        return dlt.destinations.postgres(url).bind("p")

    return empty


def by_sqlalchemy(url: str) -> Callable[[], Destination]:
    """Each time another database."""
    import sqlalchemy

    numbers = count()

    def empty() -> Destination:
        if url.startswith("sqlite"):
            return dlt.destinations.sqlalchemy(f"{url}/{next(numbers)}.db").bind("p")
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP DATABASE IF EXISTS ds")
        engine.dispose()
        return dlt.destinations.sqlalchemy(url).bind("p")

    return empty


@pytest.fixture(params=["duckdb", "postgres", "sqlite", "mysql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Destination]:
    """Makes a destination that has nothing in it."""
    name = request.param
    if name == "duckdb":
        return lambda: duckdb(":memory:").bind("p")
    if name == "postgres":
        return in_postgres(request.getfixturevalue("postgres"))
    return by_sqlalchemy(f"sqlite:///{tmp_path}" if name == "sqlite" else request.getfixturevalue("mysql"))


def in_order(done: list[tuple[Step, Applied]], of: Destination) -> list[tuple[Step, Applied]]:
    """Steps in an order that does not say when tables are emptied, where DDL comes first."""
    return done if of.caps.ddl_transactions else sorted(done, key=lambda pair: isinstance(pair[0], Truncate))


def alike(columns: dict[str, list[str]], held: dict[str, list[dict[str, Any]]], of: Destination) -> Any:
    """Columns and rows without what a destination by SQLAlchemy does not keep: zones, the place of columns that got a type."""
    if of.type != "dlt.destinations.sqlalchemy":
        return columns, held
    rows = {name: sorted(repr(sorted(map(zoneless, row.items()))) for row in mine) for name, mine in held.items()}
    return {name: sorted(mine) for name, mine in columns.items()}, rows


def zoneless(pair: tuple[str, Any]) -> tuple[str, Any]:
    name, value = pair
    return name, value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


@pytest.mark.slow
@settings(
    max_examples=max(150, settings.default.max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sequences)
def test_a_database_holds_what_memory_holds(empty: Callable[[], Destination], sequence: Any) -> None:
    chosen, loads = sequence
    one, two = empty(), memory().bind()
    schema: dict[str, Table] = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, load in enumerate(loads):
            if load["kind"] in STRATEGIES and load["kind"] not in one.caps.merge_strategies:
                continue
            package = Package(Path(folder), str(number))
            schema = tables(chosen, load, schema)
            rows = shred(schema["t"], load, package.load_id)
            manifest = manifest_of(schema, rows, load, package)
            done, expected = run(one, manifest, schema, package), run(two, manifest, schema, package)
            assert in_order(done, one) == in_order(expected, one)
            balance(load, done, rows)
            columns, held = content(one)
            assert alike(columns, held, one) == alike(*content(two), one)
            check_links(schema, held)
