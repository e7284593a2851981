"""The same code gives the same data set as dlt 1.31, except where we differ on purpose: each difference has its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from compare.inputs import INPUTS
from compare.views import load_ids, parts

if TYPE_CHECKING:
    from compare.conftest import Both

EXACT_IDS = ("upsert", "insert_only", "scd2")  # ids are made of keys and rows, and so the same

NAIVE = "c36: timestamps without zone stay so"
NULLS = "c11: a column that has only nulls exists"
INJECTIVE = "c01: no two keys become one column"
ROUND_TRIP = "c31, c33: a value takes another type only if it can be recovered"
BATCH = "the columns of a batch are added together, dlt's own after them"
LINKED = "c19: nested rows of scd2 have the key of their root"
KEPT = "rows that a contract turns away are kept in _dlt_quarantine, which is a load of its own"
TYPED = "a UUID in the state comes back as a UUID"

# input -> part -> why it differs. What is not here is the same.
DIFFERENCES: dict[str, dict[str, str]] = {
    "iso_texts": dict.fromkeys(("t columns", "t hints", "t rows"), NAIVE),
    "only_nulls": dict.fromkeys(("t columns", "t hints", "t rows"), NULLS),
    "keys_that_collide": dict.fromkeys(("t columns", "t hints", "t rows"), INJECTIVE),
    "coercions": dict.fromkeys(("t columns", "t hints", "t rows"), ROUND_TRIP),
    "nested": dict.fromkeys(("t columns", "t__items columns"), BATCH),
    "mixed_list": {"t__l columns": BATCH},
    "scd2": {"t columns": BATCH, **dict.fromkeys(("t__l columns", "t__l hints", "t__l rows"), LINKED)},
    "contracts": {"loads": KEPT, "settings": KEPT},
    "resource_state": {"state": TYPED},
}


def both_parts(dumps: Both, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    exact = name in EXACT_IDS
    return parts(dumps.theirs[name], exact_ids=exact), parts(dumps.ours[name], exact_ids=exact)


@pytest.mark.parametrize("name", INPUTS)
def test_the_data_set_is_the_same(dumps: Both, name: str) -> None:
    theirs, ours = both_parts(dumps, name)
    expected = DIFFERENCES.get(name, {})
    different = {part for part in theirs | ours if theirs.get(part) != ours.get(part)}

    for part in sorted(different - expected.keys()):
        assert ours.get(part) == theirs.get(part), part
    assert different == expected.keys(), "a difference is gone: take it off the list"
    assert theirs["outcomes"]


def test_columns_of_a_batch_are_only_in_another_order(dumps: Both) -> None:
    moved = [(name, part) for name, parts_ in DIFFERENCES.items() for part, why in parts_.items() if why is BATCH]

    for name, part in moved:
        theirs, ours = both_parts(dumps, name)
        assert sorted(theirs[part]) == sorted(ours[part])
    assert moved


def test_scd2_differs_in_nothing_but_the_key_of_the_root(dumps: Both) -> None:
    theirs, ours = both_parts(dumps, "scd2")

    assert [column for column in ours["t__l columns"] if column not in theirs["t__l columns"]] == [
        ["_dlt_root_id", "VARCHAR", "NO"]
    ]
    exact = {"t__l columns", "t__l hints", "t__l rows", "t columns"}
    assert {part for part in ours if part not in exact and ours[part] != theirs[part]} == set()
    rows = [
        [
            {key: row[key] for key in ("n", "_dlt_id", "_dlt_parent_id")}
            for row in dump["scd2"]["tables"]["t__l"]["rows"]
        ]
        for dump in dumps
    ]
    assert sorted(rows[0], key=str) == sorted(rows[1], key=str)


def test_formats_of_dlt_s_own_tables(dumps: Both) -> None:
    """Load ids, hashes, the row that says which schema a load used."""
    for name in INPUTS:
        tables = dumps.ours[name]["tables"]
        versions = {row["version_hash"]: row for row in tables["_dlt_version"]["rows"]}
        for load in tables["_dlt_loads"]["rows"]:
            assert re.fullmatch(r"\d{10}\.\d{6,7}", load["load_id"])
            assert versions[load["schema_version_hash"]]["schema_name"] == load["schema_name"]
        for row in tables["_dlt_pipeline_state"]["rows"]:
            assert (row["engine_version"], len(row["_dlt_id"])) == (4, 14)
            assert row["_dlt_load_id"] in load_ids(dumps.ours[name])
        assert {row["engine_version"] for row in versions.values()} == {11}
