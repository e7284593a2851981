"""Data sets that are loaded in several turns, each from an empty work directory: by one implementation, or by two in turn.

Run by the Python of an implementation: `python -m compare.turns FOLDER TURN` carries out one turn of every data set below
FOLDER, or of those whose names follow.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
from compare.inputs import FILE, described, pipeline

Turn = Callable[[Any, int], object]  # a pipeline, the number of the turn from 0

TURNS: dict[str, Turn] = {}


def in_turns(function: Turn) -> Turn:
    """Make a data set known by the name of its function."""
    TURNS[function.__name__] = function
    return function


@in_turns
def appended(made: Any, turn: int) -> None:
    row: dict[str, Any] = {"Id": turn, "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "tags": ["a", "b"]}
    if turn > 1:
        row["New Column"] = 1.5
        row["deep"] = [{"list": [{"x": turn}]}]
    made.run([row], table_name="My Rows")


@in_turns
def unchanged(made: Any, turn: int) -> None:
    made.run([{"id": turn, "v": "a", "l": [1]}], table_name="t")


@in_turns
def declared(made: Any, turn: int) -> None:
    columns = {"amount": {"data_type": "decimal", "precision": 10, "scale": 2}, "code": {"data_type": "text"}}
    made.run([{"id": turn, "amount": "1.25"}], table_name="t", columns=columns)


@in_turns
def replaced(made: Any, turn: int) -> None:
    rows = [{"id": turn, "l": [turn, turn + 1]}, {"id": -turn}]
    made.run(rows, table_name="t", write_disposition="replace")


@in_turns
def variants(made: Any, turn: int) -> None:
    made.run([{"v": [1, "x", 2.5, True][turn]}], table_name="t")


@in_turns
def merged(made: Any, turn: int) -> None:
    rows = [{"id": id_, "v": f"{turn}", "l": [{"n": turn}, {"n": id_}]} for id_ in range(turn, turn + 3)]
    made.run(rows, table_name="t", write_disposition="merge", primary_key="id")


@in_turns
def upserted(made: Any, turn: int) -> None:
    def row(number: int) -> dict[str, Any]:
        key = {"Id": number, "day": dt.date(2024, 1, 2), "part": {"no": 1e-6}}
        return {**key, "v": f"{turn}", "l": [{"n": turn, "m": [1, 2]}, {"n": number}][: 1 + number % 2]}

    how: Any = {"disposition": "merge", "strategy": "upsert"}
    rows = [row(number) for number in range(turn, turn + 3)]
    made.run(rows, table_name="t", write_disposition=how, primary_key=["Id", "day", "part__no"])


@in_turns
def versioned(made: Any, turn: int) -> None:
    at = dt.datetime(2024, 1, 1, 2, 3, 4, 5000, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    stays = {"id": 1, "v": 1.5, "none": None, "day": dt.date(2024, 1, 2), "at": at, "l": [{"n": 1}]}
    changes = {"id": 2, "v": [0.5, 1e-7, 1e-7, 2.0][turn], "none": "x"}
    how: Any = {"disposition": "merge", "strategy": "scd2", "boundary_timestamp": f"2024-0{turn + 1}-01"}
    made.run([stays, changes], table_name="t", write_disposition=how)


@in_turns
def with_state(made: Any, turn: int) -> None:
    @dlt.resource(name="t")
    def rows() -> Iterator[Any]:
        state = dlt.current.resource_state()
        state["seen"] = [*state.get("seen", []), turn]
        state["day"] = dt.date(2024, 1, turn + 1)
        dlt.current.source_state()["last"] = dt.datetime(2024, 1, 1, turn, tzinfo=dt.UTC)
        yield {"turn": turn, "seen": len(state["seen"])}

    made.run(rows)


@in_turns
def since(made: Any, turn: int) -> None:
    def rows() -> Iterator[Any]:
        for number in range(3 * turn + 3):  # each value of the cursor has rows of two turns
            day = dt.datetime(2024, 1, 1 + (number + 1) // 3, tzinfo=dt.UTC)
            yield {"id": number, "at": day, "l": [1], "f": number / 2, "deep": {"n": number}}

    cursor = dlt.sources.incremental
    made.run(
        [
            dlt.resource(
                rows, name="by_row", incremental=cursor("at", initial_value=dt.datetime(2023, 1, 1, tzinfo=dt.UTC))
            ),
            dlt.resource(rows, name="by_key", incremental=cursor("at", primary_key="id")),
            dlt.resource(rows, name="by_path", incremental=cursor("deep.n", primary_key=("id", "at"))),
            dlt.resource(rows, name="opened", incremental=cursor("id", range_start="open")),
            dlt.resource(rows, name="lagging", incremental=cursor("at", lag=3600)),
        ]
    )


@in_turns
def two_schemas(made: Any, turn: int) -> None:
    @dlt.source
    def one() -> Any:
        return dlt.resource([{"id": turn}], name="a")

    @dlt.source(max_table_nesting=0)
    def two() -> Any:
        return dlt.resource([{"id": turn, "l": [turn]}], name="b", columns={"l": {"description": "a list"}})

    made.run([one(), two()])


@in_turns
def discarded(made: Any, turn: int) -> None:
    row = {"id": turn, **({"new": "x"} if turn % 2 else {})}
    made.run(
        [row, {"id": -turn}], table_name="t", schema_contract={"columns": "evolve" if turn < 1 else "discard_value"}
    )


def main() -> None:
    """Carry out one turn of every data set, and print what the data sets are then."""
    folder, turn = Path(sys.argv[1]), int(sys.argv[2])
    out = {}
    for name in sys.argv[3:] or TURNS:
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(own / "work", ignore_errors=True)
        TURNS[name](pipeline(own, f"p_{name}"), turn)
        out[name] = {"outcomes": [], **described(own / FILE)}
    print(json.dumps(out))


if __name__ == "__main__":
    main()
