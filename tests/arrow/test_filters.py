"""Filters of a table: columns, nested rows and whole branches that are left out by name."""

from __future__ import annotations

import duckdb
import pytest

import dlt

ROWS = [
    {
        "id": 1,
        "meta": {"a": 1, "b": {"c": 2}},
        "items": [{"sku": "x", "q": 1, "tags": [{"z": 1}]}, {"q": 2}],
        "only": [{"k": 1, "sub": [{"m": 1}]}],
    },
    {"id": 2},
]
ALL = {
    "t": (["id", "meta__a", "meta__b__c"], 2),
    "t__items": (["sku", "q"], 2),
    "t__items__tags": (["z"], 1),
    "t__only": (["k"], 1),
    "t__only__sub": (["m"], 1),
}
NO_ITEMS = {name: found for name, found in ALL.items() if "items" not in name}
CASES = {
    "a column": ({"excludes": ["meta__a"]}, {**ALL, "t": (["id", "meta__b__c"], 2)}),
    "a branch of columns": ({"excludes": ["re:^meta"]}, {**ALL, "t": (["id"], 2)}),
    "a branch of tables": ({"excludes": ["re:^items"]}, NO_ITEMS),
    "all columns by name, the rows stay": ({"excludes": ["items__sku", "items__q"]}, {**ALL, "t__items": ([], 2)}),
    "all but one": (
        {"excludes": ["re:^items"], "includes": ["items__sku"]},
        {**NO_ITEMS, "t__items": (["sku"], 1)},
    ),
    "what is included below an excluded row goes with it": (
        {"excludes": ["re:^items"], "includes": ["re:^items__tags"]},
        NO_ITEMS,
    ),
    "everything but": (
        {"excludes": ["re:.*"], "includes": ["id", "re:^meta__b"]},
        {"t": (["id", "meta__b__c"], 2)},
    ),
    "a name that is not there": ({"excludes": ["t__meta"]}, ALL),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_left(case):
    filters, expected = CASES[case]
    schema = dlt.Schema("filtered")
    schema.update_table({"name": "t", "columns": {}, "write_disposition": "append", "filters": filters})
    pipeline = dlt.pipeline("filtered", destination="duckdb", dataset_name="data")
    info = pipeline.run(ROWS, table_name="t", schema=schema)

    found = {}
    with duckdb.connect("filtered.duckdb") as connection:
        names = [name for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        for name in sorted(name for name in names if not name.startswith("_dlt")):
            columns = [row[0] for row in connection.execute(f"DESCRIBE data.{name}").fetchall()]
            rows = connection.execute(f"SELECT count(*) FROM data.{name}").fetchall()[0][0]
            found[name] = ([column for column in columns if not column.startswith("_dlt")], rows)
    assert found == expected

    for table, (_, rows) in ALL.items():
        books = info.load_packages[0].ledger[table]
        assert books["extracted"] == rows
        assert books.get("filtered", 0) == rows - expected.get(table, ([], 0))[1]
