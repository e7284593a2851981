"""A data set of dlt 1.31 is continued here, by dlt 1.31 again and so on, each time from an empty work directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from compare.turns import TURNS
from compare.views import parts

if TYPE_CHECKING:
    from compare.conftest import Turns

EXACT_IDS = ("upserted", "versioned")
# made here, a data set has from the start what dlt 1.31 does not make; the two are compared by what they hold
MADE_HERE = [name for name in TURNS if name != "versioned"]


def same(turns: Turns, alone: Turns, name: str, turn: int) -> None:
    exact = name in EXACT_IDS
    expected, found = parts(alone[name][turn], exact_ids=exact), parts(turns[name][turn], exact_ids=exact)
    for part in expected | found:
        assert found.get(part) == expected.get(part), part


@pytest.mark.parametrize("turn", range(1, 4))
@pytest.mark.parametrize("name", TURNS)
def test_a_data_set_of_dlt_is_continued(theirs_first: Turns, alone: Turns, name: str, turn: int) -> None:
    """It is what dlt alone would have made: the same tables, columns, rows, ids, states."""
    same(theirs_first, alone, name, turn)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("name", MADE_HERE)
def test_dlt_continues_a_data_set_of_ours(ours_first: Turns, alone: Turns, name: str, turn: int) -> None:
    same(ours_first, alone, name, turn)


def test_dlt_continues_scd2_of_ours(ours_first: Turns) -> None:
    """c17: an id here does not depend on keys without a value, so dlt takes such rows for changed, once; we do not."""
    rows = ours_first["versioned"][3]["tables"]["t"]["rows"]
    stays = sorted((row["_dlt_valid_from"], row["_dlt_valid_to"]) for row in rows if row["id"] == 1)
    changes = [row["v"] for row in rows if row["id"] == 2]
    active = [row["id"] for row in rows if row["_dlt_valid_to"] is None]

    first, second = "at 2024-01-01T00:00:00+00:00", "at 2024-02-01T00:00:00+00:00"
    assert stays == [(first, second), (second, None)]
    assert sorted(changes) == [1e-7, 0.5, 2.0]
    assert sorted(active) == [1, 2]


def versions(turns: Turns, name: str, turn: int) -> list[dict[str, Any]]:
    return sorted(turns[name][turn]["tables"]["_dlt_version"]["rows"], key=lambda row: row["inserted_at"])


@pytest.mark.parametrize("name", TURNS)
def test_versions_go_on(theirs_first: Turns, ours_first: Turns, name: str) -> None:
    for turns in (theirs_first, ours_first):
        rows = versions(turns, name, 3)
        for schema in {row["schema_name"] for row in rows}:
            numbers = [row["version"] for row in rows if row["schema_name"] == schema]
            assert numbers == sorted(numbers)
            assert len(set(numbers)) == len(numbers)
        assert len({row["version_hash"] for row in rows}) == len(rows)


def test_nothing_new_makes_no_version_after_each_has_had_a_turn(theirs_first: Turns) -> None:
    """What we note in the schema makes one version; after that it changes for neither."""
    counts = [len(versions(theirs_first, "unchanged", turn)) for turn in range(4)]

    assert counts == [1, 2, 2, 2]


def test_each_change_of_the_state_is_one_row(theirs_first: Turns) -> None:
    states = theirs_first["with_state"][3]["states"]

    assert sorted(state["_state_version"] for state in states) == [1, 2, 3, 4]
    last = max(states, key=lambda state: state["_state_version"])["sources"]["p_with_state"]
    assert last["resources"]["t"]["seen"] == [0, 1, 2, 3]
    assert {state["_state_version"] for state in theirs_first["unchanged"][3]["states"]} == {1}


def test_what_was_turned_away_here_does_not_disturb_dlt(theirs_first: Turns) -> None:
    tables = theirs_first["discarded"][3]["tables"]

    assert "new" not in [column for column, *_ in tables["t"]["columns"]]
    assert len(tables["t"]["rows"]) == 8
    assert [row["column_name"] for row in tables["_dlt_quarantine"]["rows"]] == ["new", "new"]
