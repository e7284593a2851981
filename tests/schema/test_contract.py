"""Schema contracts: each mode for tables, columns and data types, from dicts and Arrow, of root and nested tables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
import pytest

import dlt
from dlt.errors import ContractViolation, SchemaError, StepFailed

Rows = list[dict[str, Any]]
DISCARDS = ("discard_row", "discard_value")


class Place(NamedTuple):
    """A pipeline and the connection its tables are read with."""

    pipeline: dlt.Pipeline
    connection: duckdb.DuckDBPyConnection

    def run(self, rows: Any, table_name: str = "t", **hints: Any) -> Any:
        return self.pipeline.run(rows, table_name=table_name, **hints)

    def rows(self, table: str, *columns: str) -> list[tuple[Any, ...]]:
        names = ", ".join(columns)
        return self.connection.sql(f"SELECT {names} FROM data.{table} ORDER BY ALL").fetchall()

    def columns(self, table: str) -> list[str]:
        return [name for name in self.connection.sql(f"SELECT * FROM data.{table}").columns if name[:4] != "_dlt"]

    def tables(self) -> set[str]:
        found = self.connection.sql("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'data'").fetchall()
        return {name for (name,) in found if not name.startswith("_dlt")}

    def quarantine(self, *columns: str) -> list[tuple[Any, ...]]:
        return self.rows("_dlt_quarantine", *columns)

    @property
    def schema(self) -> dict[str, Any]:
        """The data tables of the schema, without what a contract itself leaves there."""
        tables = self.pipeline.default_schema.data_tables()
        return {table["name"]: {k: v for k, v in table.items() if k != "schema_contract"} for table in tables}


@pytest.fixture
def place() -> Place:
    connection = duckdb.connect()
    return Place(dlt.pipeline("p", destination=dlt.destinations.duckdb(connection), dataset_name="data"), connection)


def as_dicts(rows: Rows) -> Any:
    return rows


def as_arrow(rows: Rows) -> Any:
    return pa.Table.from_pylist(rows)


KNOWN = [{"id": 1, "v": 1, "kids": [{"a": 1}]}]
FLAT = [{"id": 1, "v": 1}]
EXTRA = {"columns": {"n": 9}, "data_type": {"v": "x"}}
NESTED_EXTRA = {"columns": {"n": 9}, "data_type": {"a": "x"}}


def loaded(mode: str, entity: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and rows of `t` after the good row 2 and the row 3 that brings something new."""
    good = [(1, 1), (2, 2)]
    match mode, entity:
        case "evolve", "columns":
            return ["id", "v", "n"], [(1, 1, None), (2, 2, None), (3, 3, 9)]
        case "evolve", "data_type":
            return ["id", "v", "v__v_text"], [(1, 1, None), (2, 2, None), (3, None, "x")]
        case "discard_row", _:
            return ["id", "v"], good
        case "discard_value", "columns":
            return ["id", "v"], [*good, (3, 3)]
    return ["id", "v"], [*good, (3, None)]


@pytest.mark.parametrize("make", [as_dicts, as_arrow])
@pytest.mark.parametrize("entity", ["columns", "data_type"])
@pytest.mark.parametrize("mode", ["evolve", *DISCARDS])
def test_root_table(place: Place, mode: str, entity: str, make: Callable[[Rows], Any]) -> None:
    place.run(make(FLAT))
    bad = {"id": 3, "v": 3, **EXTRA[entity]}
    new = make([bad]) if make is as_arrow else [{"id": 2, "v": 2}, bad]
    if make is as_arrow:
        place.run(make([{"id": 2, "v": 2}]), schema_contract={entity: mode})

    info = place.run(new, schema_contract={entity: mode})

    columns, rows = loaded(mode, entity)
    assert place.columns("t") == columns
    assert place.rows("t", *columns) == rows
    ledger = info.load_packages[0].ledger["t"]
    assert ledger["extracted"] == ledger.get("loaded", 0) + ledger.get("quarantined", 0)
    assert info.quarantined == ({"t": 1} if mode == "discard_row" else {})
    assert info.quarantined_values == ({"t": 1} if mode == "discard_value" else {})
    assert ("Values kept in _dlt_quarantine" in str(info)) is (mode == "discard_value")
    if mode == "evolve":
        assert "_dlt_quarantine" not in place.pipeline.default_schema.tables
    else:
        column = "n" if entity == "columns" else "v"
        whole = mode == "discard_row"
        position = 0 if make is as_arrow else 1
        [(*entry, row)] = place.quarantine(
            "table_name", "column_name", "reason", "whole_row", "position", "load_id", "row"
        )
        assert entry == ["t", column, f"contract_{entity}", whole, position, info.loads_ids[0]]
        assert json.loads(row) == bad


@pytest.mark.parametrize("entity", ["columns", "data_type"])
@pytest.mark.parametrize("mode", ["evolve", *DISCARDS])
def test_c82_nested_table(place: Place, mode: str, entity: str) -> None:
    """Only the nested row goes; its parent and the other nested rows stay, and all are counted."""
    place.run(KNOWN)
    bad = {"a": 3, **NESTED_EXTRA[entity]}

    info = place.run([{"id": 2, "v": 2, "kids": [{"a": 2}, bad, {"a": 4}]}], schema_contract={entity: mode})

    assert place.rows("t", "id", "v") == [(1, 1), (2, 2)]
    kept = {
        ("evolve", "columns"): [(1, 0), (2, 0), (3, 1), (4, 2)],
        ("evolve", "data_type"): [(1, 0), (2, 0), (4, 2), (None, 1)],
        ("discard_row", "columns"): [(1, 0), (2, 0), (4, 2)],
        ("discard_row", "data_type"): [(1, 0), (2, 0), (4, 2)],
        ("discard_value", "columns"): [(1, 0), (2, 0), (3, 1), (4, 2)],
        ("discard_value", "data_type"): [(1, 0), (2, 0), (4, 2), (None, 1)],
    }
    assert place.rows("t__kids", "a", "_dlt_list_idx") == kept[mode, entity]
    assert info.quarantined == ({"t__kids": 1} if mode == "discard_row" else {})
    assert info.load_packages[0].ledger["t__kids"]["extracted"] == 3
    assert (len(place.columns("t__kids")) == 1) is (mode != "evolve")
    if mode != "evolve":
        [(table, row, whole, parent, above, index)] = place.quarantine(
            "table_name", "row", "whole_row", "parent_table", "parent_id", "list_idx"
        )
        assert (table, json.loads(row), whole, parent, index) == ("t__kids", bad, mode == "discard_row", "t", 1)
        assert (above,) in place.rows("t", "_dlt_id")


@pytest.mark.parametrize("entity", ["columns", "data_type"])
def test_c82_a_row_takes_its_nested_rows_along(place: Place, entity: str) -> None:
    """The original that is kept holds them all, also those that would have been turned away themselves."""
    place.run(KNOWN)
    bad = {"id": 3, "v": 3, "kids": [{"a": 3}, {"a": 4, **NESTED_EXTRA[entity]}], **EXTRA[entity]}

    info = place.run([bad, {"id": 2, "v": 2, "kids": [{"a": 2}]}], schema_contract={entity: "discard_row"})

    assert place.rows("t", "id") == [(1,), (2,)]
    assert place.rows("t__kids", "a") == [(1,), (2,)]
    assert info.quarantined == {"t": 1, "t__kids": 2}
    [(table, row, position)] = place.quarantine("table_name", "row", "position")
    assert (table, json.loads(row), position) == ("t", bad, 0)


@pytest.mark.parametrize("make", [as_dicts, as_arrow])
@pytest.mark.parametrize("mode", ["evolve", *DISCARDS])
def test_new_table(place: Place, mode: str, make: Callable[[Rows], Any]) -> None:
    place.run(make(FLAT))
    before = place.schema

    info = place.run(make([{"b": 1}, {"b": 2}]), "u", schema_contract={"tables": mode})

    if mode == "evolve":
        assert place.rows("u", "b") == [(1,), (2,)]
        return
    assert place.tables() == {"t"}
    assert place.schema == before
    assert info.quarantined == {"u": 2}
    assert place.quarantine("table_name", "reason", "position", "row") == [
        ("u", "contract_tables", 0, '{"b":1}'),
        ("u", "contract_tables", 1, '{"b":2}'),
    ]


@pytest.mark.parametrize("mode", ["evolve", *DISCARDS])
def test_new_nested_tables(place: Place, mode: str) -> None:
    place.run(KNOWN)
    before = place.schema

    row = {"id": 2, "v": 2, "kids": [{"a": 2}], "more": [1, 2], "deep": [{"x": 1, "deeper": [5]}]}
    info = place.run([row], schema_contract={"tables": mode})

    assert place.rows("t", "id") == [(1,), (2,)]
    assert place.rows("t__kids", "a") == [(1,), (2,)]
    if mode == "evolve":
        assert place.tables() == {"t", "t__kids", "t__more", "t__deep", "t__deep__deeper"}
        return
    assert place.schema == before
    assert place.tables() == {"t", "t__kids"}
    assert info.quarantined == {"t__more": 2, "t__deep": 1, "t__deep__deeper": 1}
    assert place.quarantine("table_name", "row") == [
        ("t__deep", '{"x":1,"deeper":[5]}'),
        ("t__more", '{"value":1}'),
        ("t__more", '{"value":2}'),
    ]


def test_a_table_that_is_kept_out_stays_out_in_later_batches(place: Place) -> None:
    info = place.run([{"b": number} for number in range(9_000)], "u", schema_contract={"tables": "discard_row"})

    assert info.quarantined == {"u": 9_000}
    assert place.tables() == set()
    assert place.quarantine("max(position)", "count(*)") == [(8_999, 9_000)]


# ---- freeze

BROKEN = {
    "tables": ("u", None, [{"b": 1}], None),
    "columns": ("t", "n", [{"id": 2, "v": 2}, {"id": 3, "v": 3, "n": 9}], "9"),
    "data_type": ("t", "v", [{"id": 2, "v": 2}, {"id": 3, "v": "x"}], '"x"'),
    "nested tables": ("t__more", None, [{"id": 2, "more": [1]}], None),
    "nested columns": ("t__kids", "n", [{"id": 2}, {"id": 3, "kids": [{"a": 2}, {"a": 3, "n": 9}]}], "9"),
    "nested data_type": ("t__kids", "a", [{"id": 2}, {"id": 3, "kids": [{"a": 2}, {"a": "x"}]}], '"x"'),
}


@pytest.mark.parametrize("case", BROKEN)
def test_freeze(place: Place, case: str) -> None:
    """The error tells where and what; nothing is written, the schema stays, and the next run is not blocked."""
    place.run(KNOWN)
    before = place.pipeline.default_schema.version_hash
    table, column, rows, value = BROKEN[case]
    entity = case.rpartition(" ")[2]

    with pytest.raises(StepFailed) as failed:
        place.run(rows, "u" if table == "u" else "t", schema_contract={entity: "freeze"})

    violation = failed.value.exception
    assert isinstance(violation, ContractViolation)
    assert failed.value.step == "normalize"
    found = (violation.table_name, violation.context.get("column_name"), violation.context.get("value"))
    assert found == (table, column, value)
    assert violation.position == len(rows) - 1
    assert (violation.schema_entity, violation.contract_mode) == (entity, "freeze")
    assert "discard_row" in str(violation)
    assert place.rows("t", "id") == [(1,)]
    assert place.tables() == {"t", "t__kids"}
    assert place.pipeline.default_schema.version_hash == before
    assert not place.pipeline.has_pending_data
    place.run([{"id": 4, "v": 4, "kids": [{"a": 4}]}])
    assert place.rows("t", "id") == [(1,), (4,)]


def test_freeze_arrow(place: Place) -> None:
    place.run(as_arrow(FLAT))

    with pytest.raises(StepFailed) as failed:
        place.run(pa.table({"id": [2, 3], "v": [2, 3], "n": [None, 9]}), schema_contract="freeze")

    violation = failed.value.exception
    assert isinstance(violation, ContractViolation)
    assert (violation.column_name, violation.value, violation.position) == ("n", "9", 1)


def test_an_extracted_package_that_breaks_a_contract_does_not_block_the_next_run(place: Place) -> None:
    place.run(FLAT)
    place.pipeline.extract([{"id": 2, "n": 1}], table_name="t", schema_contract={"columns": "freeze"})
    with pytest.raises(StepFailed) as failed:
        place.pipeline.normalize()
    assert isinstance(failed.value.exception, ContractViolation)

    info = place.run([{"id": 3, "v": 3}])

    assert len(info.parked) == 1
    assert place.rows("t", "id") == [(1,), (3,)]


def test_a_new_table_that_is_frozen_fails_in_extract_already(place: Place) -> None:
    place.run(FLAT)

    with pytest.raises(StepFailed) as failed:
        place.pipeline.extract([{"b": 1}], table_name="u", schema_contract="freeze")

    assert isinstance(failed.value.exception, ContractViolation)
    assert not place.pipeline.has_pending_data


# ---- where a contract stands, and when it holds


@pytest.mark.parametrize("mode", DISCARDS)
def test_one_word_stands_for_all_entities(place: Place, mode: str) -> None:
    place.run(KNOWN)

    place.run([{"id": 2, "v": "x", "n": 1, "more": [1]}, {"id": 3, "v": 3}], schema_contract=mode)

    assert place.tables() == {"t", "t__kids"}
    assert place.columns("t") == ["id", "v"]
    assert place.rows("t", "id") == ([(1,), (3,)] if mode == "discard_row" else [(1,), (2,), (3,)])


@pytest.mark.parametrize("where", ["resource", "source", "run"])
def test_where_it_is_given(place: Place, where: str) -> None:
    contract = {"columns": "discard_value"}
    given = {key: contract if key == where else None for key in ("resource", "source", "run")}

    @dlt.source(schema_contract=given["source"])
    def source(rows: Rows) -> Any:
        return dlt.resource(rows, name="t", schema_contract=given["resource"])

    place.pipeline.run(source(FLAT))

    place.pipeline.run(source([{"id": 2, "v": 2, "n": 1}]), schema_contract=given["run"])

    assert place.columns("t") == ["id", "v"]
    assert place.rows("t", "id") == [(1,), (2,)]


def test_the_table_goes_before_the_source(place: Place) -> None:
    @dlt.source(schema_contract={"columns": "freeze", "data_type": "freeze"})
    def source(rows: Rows) -> Any:
        return dlt.resource(rows, name="t", schema_contract={"columns": "evolve"})

    place.pipeline.run(source(FLAT))
    place.pipeline.run(source([{"id": 2, "v": "x", "n": 1}]))

    assert place.columns("t") == ["id", "v", "v__v_text", "n"]


def test_run_goes_before_both(place: Place) -> None:
    @dlt.source(schema_contract="freeze")
    def source(rows: Rows) -> Any:
        return dlt.resource(rows, name="t", schema_contract="freeze")

    place.pipeline.run(source(FLAT), schema_contract="evolve")
    place.pipeline.run(source([{"id": 2, "n": 1}]), schema_contract="evolve")

    assert place.columns("t") == ["id", "v", "n"]


def test_a_nested_table_has_its_own(place: Place) -> None:
    def resource(rows: Rows, contract: Any) -> Any:
        made = dlt.resource(rows, name="t", schema_contract={"columns": "discard_value"})
        return made.apply_hints(nested_hints={"kids": {"schema_contract": contract}} if contract else {})

    place.pipeline.run(resource(KNOWN, {"columns": "evolve"}))
    place.pipeline.run(resource([{"id": 2, "n": 1, "kids": [{"a": 2, "m": 1}]}], {"columns": "evolve"}))

    assert (place.columns("t"), place.columns("t__kids")) == (["id", "v"], ["a", "m"])

    place.pipeline.run(resource([{"id": 3, "kids": [{"a": 3, "o": 1}]}], None))

    assert place.columns("t__kids") == ["a", "m"]


@pytest.mark.parametrize("where", ["resource", "source", "run"])
def test_a_contract_that_the_code_does_not_name_any_more_thaws(place: Place, where: str) -> None:
    def source(rows: Rows, contract: Any) -> Any:
        @dlt.source(name="s", schema_contract=contract if where == "source" else None)
        def made() -> Any:
            return dlt.resource(rows, name="t", schema_contract=contract if where == "resource" else None)

        return made()

    def run(rows: Rows, contract: Any) -> None:
        place.pipeline.run(source(rows, contract), schema_contract=contract if where == "run" else None)

    run(FLAT, {"columns": "freeze"})
    with pytest.raises(StepFailed):
        run([{"id": 2, "n": 1}], {"columns": "freeze"})

    run([{"id": 2, "n": 1}], None)

    assert place.rows("t", "id", "n") == [(1, None), (2, 1)]


def test_a_new_table_evolves_once(place: Place) -> None:
    """All through the run that makes it, whatever batches and resources it comes in; not in the next one."""
    rows = [{"id": number} for number in range(5_000)] + [{"id": 5_000, "v": 1}]
    again = dlt.resource([{"id": 5_001, "w": 1}], name="again", table_name="t", schema_contract={"columns": "freeze"})

    place.pipeline.run([dlt.resource(rows, name="t", schema_contract={"columns": "freeze"}), again])

    assert set(place.columns("t")) == {"id", "v", "w"}
    with pytest.raises(StepFailed):
        place.run([{"id": 5_002, "x": 1}], schema_contract={"columns": "freeze"})


def test_a_table_that_was_declared_only_evolves_once(place: Place) -> None:
    declared = {"columns": {"id": {"data_type": "bigint"}}, "schema_contract": {"columns": "freeze"}}
    place.run([], **declared)
    place.run([{"id": 1, "v": 1}], **declared)

    with pytest.raises(StepFailed):
        place.run([{"id": 2, "w": 1}], **declared)

    assert place.columns("t") == ["id", "v"]


def test_a_schema_that_the_code_brings_is_held_from_the_first_run_on(place: Place) -> None:
    schema = dlt.Schema("s")
    schema.update_table({"name": "t", "columns": {"id": {"name": "id", "data_type": "bigint"}}})

    place.pipeline.run(
        [{"id": 1, "n": 1}],
        table_name="t",
        schema=schema,
        schema_contract={"tables": "freeze", "columns": "discard_value"},
    )

    assert place.columns("t") == ["id"]


def test_extracted_apart_a_new_table_evolves_once_too(place: Place) -> None:
    columns = {"id": {"data_type": "bigint"}}
    place.pipeline.extract(
        [{"id": 1, "v": 1}], table_name="t", columns=columns, schema_contract={"columns": "discard_value"}
    )
    place.pipeline.normalize()
    place.pipeline.load()

    assert place.columns("t") == ["id", "v"]


def test_extracted_apart_a_table_that_is_kept_out_stays_out(place: Place) -> None:
    columns = {"b": {"data_type": "bigint"}}
    place.pipeline.extract([{"b": 1}], table_name="u", columns=columns, schema_contract={"tables": "discard_row"})
    place.pipeline.normalize()
    info = place.pipeline.load()

    assert info.quarantined == {"u": 1}
    assert place.tables() == set()


def test_columns_of_dlt_itself_are_exempt(place: Place) -> None:
    place.run(FLAT)

    place.run([{"id": 2, "v": 2, "_dlt_id": "own"}], schema_contract={"columns": "freeze", "data_type": "freeze"})

    assert ("own",) in place.rows("t", "_dlt_id")


def test_no_variant_column_is_left_by_a_row_that_is_turned_away(place: Place) -> None:
    """dlt 1.31 adds v__v_text to the schema though the only row that has it is dropped."""
    place.run(FLAT)
    before = place.schema

    place.run([{"id": 2, "v": "str", "newc": 5}], schema_contract={"columns": "discard_row"})

    assert place.rows("t", "id") == [(1,)]
    assert place.schema == before


def test_a_new_column_and_a_bad_row_in_one_batch(place: Place) -> None:
    place.run(FLAT)

    place.run([{"id": 2, "v": 2, "n": 1}, {"id": 3, "v": "x", "n": 2}], schema_contract={"data_type": "discard_row"})

    assert place.rows("t", "id", "v", "n") == [(1, 1, None), (2, 2, 1)]


def test_a_value_that_is_discarded_is_kept_once_when_other_rows_go(place: Place) -> None:
    place.run(FLAT)

    info = place.run(
        [{"id": 2, "v": 2, "n": 1}, {"id": 3, "v": "x", "n": 2}],
        schema_contract={"columns": "discard_value", "data_type": "discard_row"},
    )

    assert info.quarantined == {"t": 1}
    assert place.quarantine("whole_row", "position", "column_name") == [(False, 0, "n"), (True, 1, "v")]


def test_positions_count_all_rows_before(place: Place) -> None:
    place.run([{"id": number, "v": 1} for number in range(3)])
    rows = [{"id": number, "v": "x" if number % 1_000 == 7 else 1} for number in range(5_000)]
    rows[3]["v"] = object()

    place.run(rows, schema_contract={"data_type": "discard_row"})

    found = [position for (position,) in place.quarantine("position")]
    assert found == [3, 7, 1_007, 2_007, 3_007, 4_007]


def test_c12_null_is_compatible_with_a_nested_table(place: Place) -> None:
    place.run([{"id": 1, "v": 1, "kids": None}])
    place.run([{"id": 2, "v": 2, "kids": [{"a": 1}]}])
    before = place.schema

    info = place.run([{"id": 3, "v": 3, "kids": None}, {"id": 4, "v": 4, "kids": []}], schema_contract="freeze")

    assert info.quarantined == {}
    assert place.rows("t", "id") == [(1,), (2,), (3,), (4,)]
    assert place.schema == before


def test_null_in_a_new_column_breaks_no_contract(place: Place) -> None:
    place.run(FLAT)

    place.run([{"id": 2, "v": None, "n": None}], schema_contract="freeze")

    assert place.rows("t", "id", "v") == [(1, 1), (2, None)]
    assert place.columns("t") == ["id", "v"]


def test_an_unknown_mode_is_an_error(place: Place) -> None:
    with pytest.raises((StepFailed, SchemaError), match="contract"):
        place.run(FLAT, schema_contract={"columns": "ignore"})
