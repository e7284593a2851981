"""A data set that dlt 1.31 loaded into PostgreSQL is continued here, and the other way: the tables are those of dlt alone."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compare.environment import run

if TYPE_CHECKING:
    from compare.conftest import Both

NAMES = ("appended", "declared", "replaced", "variants", "merged", "upserted", "with_state", "unchanged")
OWN = re.compile(r"_dlt_(?!list_idx)\w+")
URL = re.compile(r"//postgres@")


def loaded(order: list[Path], folder: Path, url: str) -> list[dict[str, Any]]:
    """What the data sets are after each turn."""
    out = []
    for turn, python in enumerate(order):
        # dlt 1.31 wants a password, the server does not ask for one
        run(python, "in_postgres", str(folder), URL.sub("//postgres:any@", url), str(turn), *NAMES, folder=folder)
        out.append({name: described(url, name) for name in NAMES})
    return out


def described(url: str, dataset: str) -> dict[str, Any]:
    """Columns with their types, and rows without ids, of all tables; and how many loads there were."""
    import psycopg

    kinds = (
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind = 'r' AND a.attnum > 0 ORDER BY c.relname, a.attname"
    )
    out: dict[str, Any] = {}
    with psycopg.connect(url) as connection:
        for table, *column in connection.execute(kinds, [dataset]).fetchall():
            out.setdefault(table, {"columns": [], "rows": []})["columns"].append(column)
        for table, found in out.items():
            names = ", ".join(f'"{name}"' for name, *_ in found["columns"] if not OWN.fullmatch(name))
            if not table.startswith("_dlt"):
                rows = connection.execute(f"SELECT {names} FROM {dataset}.{table}").fetchall()  # type: ignore[call-overload]  # it wants a literal
                found["rows"] = sorted(map(repr, rows))
        [out["loads"]] = connection.execute(f"SELECT count(*) FROM {dataset}._dlt_loads").fetchall()  # type: ignore[call-overload]
    return out


@pytest.fixture
def orders(python: Both) -> dict[str, list[Path]]:
    """Who carries out which turn."""
    found = subprocess.run([python.theirs, "-c", "import psycopg2"], check=False, capture_output=True)
    if found.returncode:
        pytest.skip("the environment of dlt 1.31 has no psycopg2: pip install psycopg2-binary")
    theirs, ours = python
    return {"alone": [theirs] * 4, "theirs first": [theirs, ours] * 2, "ours first": [ours, theirs] * 2}


def test_data_sets_by_turns(orders: dict[str, list[Path]], postgres: str, tmp_path: Path) -> None:
    import psycopg

    found: dict[str, Any] = {}
    for order, turns in orders.items():
        found[order] = loaded(turns, tmp_path / order, postgres)
        with psycopg.connect(postgres, autocommit=True) as connection:
            for name in NAMES:
                connection.execute(f"DROP SCHEMA {name} CASCADE")  # type: ignore[call-overload]  # it wants a literal

    for order in ("theirs first", "ours first"):
        for turn, expected in enumerate(found["alone"]):
            for name in NAMES:
                tables = found[order][turn][name]
                for table in expected[name] | tables:
                    assert tables.get(table) == expected[name].get(table), (order, turn, name, table)
