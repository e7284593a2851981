"""Random loads of nested rows: DuckDB and the memory destination must hold the same tables after each."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dlt.destinations import duckdb, memory
from dlt.load.steps import Copy, Create, Merge, Replace, Step, Truncate
from dlt.schema.model import Column, Table

from .packages import Package, apply, rows_of

KEYED = ("upsert", "insert-only", "cdc", "scd2")


def digest(*parts: Any) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:14]


items = st.lists(
    st.fixed_dictionaries({"value": st.integers(0, 2), "sub": st.lists(st.integers(0, 1), max_size=2)}), max_size=2
)
record = st.fixed_dictionaries(
    {
        "a": st.sampled_from([None, 1, 12]),
        "b": st.sampled_from([None, "3", "23"]),
        "g": st.sampled_from([None, "x", "y"]),
        "v": st.sampled_from([None, 1, 2]),
        "gone": st.sampled_from([None, None, False, True]),
        "items": items,
    }
)
option = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["append", "replace", "staged", "delete-insert", *KEYED]),
        "skip": st.booleans(),
        "rows": st.lists(record, max_size=5),
        "files": st.integers(1, 2),
    }
)


@st.composite
def sequences(draw: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    chosen = {
        "primary": draw(st.booleans()),
        "merge": draw(st.booleans()),
        "compound": draw(st.booleans()),
        "sort": draw(st.sampled_from([None, None, "asc", "desc"])),
        "delete": draw(st.sampled_from([None, "gone", "v"])),
        "forever": draw(st.sampled_from([None, "9999-12-31"])),
    }
    return chosen, draw(st.lists(option, min_size=1, max_size=4))


def tables(chosen: dict[str, Any], load: dict[str, Any]) -> tuple[Table, Table, Table]:
    kind = load["kind"]
    primary = ("a", "b") if chosen["compound"] else ("a",)
    wants_primary = chosen["primary"] or kind in ("upsert", "insert-only", "cdc") or not chosen["merge"]
    columns = [
        Column("valid_from", "timestamp", extra={"x-valid-from": True}),
        Column("valid_to", "timestamp", extra={"x-valid-to": True, "x-active-record-timestamp": chosen["forever"]}),
        Column("a", "bigint"),
        Column("b", "text"),
        Column("g", "text", merge_key=chosen["merge"]),
        Column("v", "bigint", dedup_sort=chosen["sort"]),
        Column("gone", "bool"),
        Column("_dlt_load_id", "text", nullable=False),
        Column(
            "_dlt_id", "text", nullable=False, row_key=True, extra={"x-row-version": True} if kind == "scd2" else {}
        ),
    ]
    columns = [
        c.with_(primary_key=wants_primary and c.name in primary, hard_delete=c.name == chosen["delete"])
        for c in columns
    ]
    link = [
        Column("_dlt_parent_id", "text", nullable=False, parent_key=True),
        Column("_dlt_list_idx", "bigint", nullable=False),
        Column("_dlt_id", "text", nullable=False, row_key=True, unique=True),
    ]
    root = Table("t", {c.name: c for c in columns}, resource="t", extra={"x-merge-skip-unchanged-rows": load["skip"]})
    child = Table("t__items", {c.name: c for c in (Column("value", "bigint"), *link)}, parent="t")
    leaf = Table("t__items__sub", {c.name: c for c in (Column("value", "bigint"), *link)}, parent="t__items")
    return root, child, leaf


def shred(root: Table, load: dict[str, Any], load_id: str) -> tuple[list[dict], list[dict], list[dict]]:
    keys, keyed, out = root.keys("primary_key"), load["kind"] in KEYED, ([], [], [])
    for number, row in enumerate(load["rows"]):
        own = {key: value for key, value in row.items() if key != "items"}
        row_id = digest(load_id, number)
        if load["kind"] == "scd2":
            row_id = digest(sorted(row.items(), key=str))
        elif keyed:
            row_id = digest([own[key] for key in keys])
        out[0].append({**own, "_dlt_load_id": load_id, "_dlt_id": row_id})
        for place, item in enumerate(row["items"]):
            item_id = digest(row_id, "items", place)
            out[1].append(
                {"value": item["value"], "_dlt_parent_id": row_id, "_dlt_list_idx": place, "_dlt_id": item_id}
            )
            for index, value in enumerate(item["sub"]):
                sub_id = digest(item_id, "sub", index)
                out[2].append({"value": value, "_dlt_parent_id": item_id, "_dlt_list_idx": index, "_dlt_id": sub_id})
    return out


def steps(chain: tuple[Table, ...], rows: Any, load: dict[str, Any], package: Package) -> list[Step]:
    files = {}
    for table, mine in zip(chain, rows, strict=True):
        half = len(mine) // load["files"]
        parts = [mine[:half], mine[half:]] if load["files"] == 2 else [mine]
        files[table.name] = tuple(package.file(table, part) for part in parts if part)
    scratch = [Copy(table, files[table.name], scratch=True) for table in chain]
    copies = [Copy(table, files[table.name]) for table in chain if files[table.name]]
    match load["kind"]:
        case "append":
            return copies
        case "replace":
            return [*(Truncate(table.name) for table in chain), *copies]
        case "staged":
            return [*scratch, Replace(chain)]
        case strategy:
            at = f"2024-01-{int(package.load_id) + 1:02d}T00:00:00+00:00"
            return [*scratch, Merge(chain, strategy, at)]


def content(destination: Any, name: str) -> Counter[Any]:
    return Counter(
        repr(sorted(row.items())).replace("zoneinfo.ZoneInfo(key='UTC')", "UTC") for row in rows_of(destination, name)
    )


@settings(max_examples=150, deadline=None)
@given(sequences())
def test_duckdb_holds_what_memory_holds(sequence: Any) -> None:
    chosen, loads = sequence
    one, two = duckdb(":memory:").bind("p"), memory().bind()
    with tempfile.TemporaryDirectory() as folder:
        for number, load in enumerate(loads):
            chain = tables(chosen, load)
            package = Package(Path(folder), str(number))
            rows = shred(chain[0], load, package.load_id)
            todo = [Create(table) for table in chain] if number == 0 else []
            todo += steps(chain, rows, load, package)
            applied, expected = apply(one, package, todo), apply(two, package, todo)
            for step, mine, other in zip(todo, applied, expected, strict=False):
                assert (mine.rows, mine.merged) == (other.rows, other.merged), step
                if isinstance(step, (Merge, Replace)):
                    balance(chain, rows, mine)
            for table in chain:
                assert content(one, table.name) == content(two, table.name), table.name


def balance(chain: tuple[Table, ...], rows: Any, applied: Any) -> None:
    for table, mine in zip(chain, rows, strict=True):
        assert applied.rows[table.name] + applied.merged[table.name] == len(mine)
