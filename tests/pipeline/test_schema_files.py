"""Schema files of the user: `import_schema_path` is read and made, `export_schema_path` is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

import dlt
from dlt.errors import SchemaError, StepFailed

IMPORT, EXPORT = Path("import"), Path("export")
ROWS = [{"Id": 1, "price": "1.5", "tags": ["a"]}]


def pipeline(**options: Any) -> dlt.Pipeline:
    paths = {"import_schema_path": str(IMPORT), "export_schema_path": str(EXPORT)}
    return dlt.pipeline("shop", destination="duckdb", dataset_name="data", **{**paths, **options})


def fetch(sql: str) -> list[Any]:
    with duckdb.connect("shop.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def types(table: str) -> dict[str, str]:
    sql = f"SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{table}'"
    return dict(fetch(sql))


def read(folder: Path, kind: str = "yaml") -> dict[str, Any]:
    text = (folder / f"shop.schema.{kind}").read_text(encoding="utf-8")
    return yaml.safe_load(text) if kind == "yaml" else json.loads(text)


def edit(**tables: Any) -> None:
    """Put columns into tables of the import file."""
    stored = read(IMPORT)
    for name, columns in tables.items():
        stored["tables"].setdefault(name, {"columns": {}})["columns"].update(columns)
    (IMPORT / "shop.schema.yaml").write_text(yaml.safe_dump(stored, sort_keys=False), encoding="utf-8")


# ---- the file that is made


def test_the_first_schema_becomes_the_file_to_edit():
    """It has what the code says, not what the data brought, and nothing that a run has learned."""
    made = pipeline()
    made.run(ROWS, table_name="t", primary_key="Id", columns={"code": {"data_type": "text"}})
    stored = read(IMPORT)

    assert list(stored["tables"]) == ["_dlt_version", "_dlt_loads", "t"]
    assert stored["tables"]["t"] == {
        "columns": {"code": {"data_type": "text", "nullable": True}, "id": {"nullable": False, "primary_key": True}},
        "resource": "t",
        "write_disposition": "append",
    }
    assert stored["version_hash"] == made.default_schema.imported_version_hash
    assert "price" in made.default_schema.get_table_columns("t")


def test_the_file_stays_as_it_was_made():
    pipeline().run(ROWS, table_name="t")
    before = (IMPORT / "shop.schema.yaml").read_text(encoding="utf-8")
    made = pipeline()
    made.run([{"id": 2, "new": 1}], table_name="t")
    made.run([{"id": 2}], table_name="other")

    assert (IMPORT / "shop.schema.yaml").read_text(encoding="utf-8") == before
    assert made.default_schema.get_table_columns("t").keys() > {"price", "new"}
    assert made.default_schema.version == 3


def test_a_pipeline_that_ran_before_gets_its_file_too():
    pipeline(import_schema_path=None).run(ROWS, table_name="t")
    assert not IMPORT.exists()
    made = pipeline()
    made.run(ROWS, table_name="t")

    assert "price" in read(IMPORT)["tables"]["t"]["columns"]
    assert "x-normalizer" not in read(IMPORT)["tables"]["t"]
    assert made.default_schema.imported_version_hash == read(IMPORT)["version_hash"]


# ---- the file that is read


def test_a_file_is_the_first_schema():
    schema = dlt.Schema("shop")
    schema.update_table({"name": "t", "columns": {"price": {"data_type": "decimal", "precision": 10, "scale": 2}}})
    schema.update_preferred_types({"re:_at$": "text"})
    schema.set_schema_contract({"data_type": "freeze"})
    IMPORT.mkdir()
    (IMPORT / "shop.schema.json").write_text(schema.to_pretty_json(), encoding="utf-8")
    made = pipeline()
    made.run([{**ROWS[0], "made_at": "2024-01-01T00:00:00Z"}], table_name="t")

    assert types("t")["price"] == "DECIMAL(10,2)"
    assert types("t")["made_at"] == "VARCHAR"
    assert fetch("SELECT price FROM data.t")[0][0] == 1.5
    assert list(made.default_schema.get_table_columns("t"))[:2] == ["price", "id"]
    with pytest.raises(StepFailed, match="contract"):
        made.run([{"Id": "x"}], table_name="t")


def test_a_file_that_has_changed_takes_the_place_of_what_is_known():
    made = pipeline()
    made.run([{"id": 1, "v": 1, "gone": "x"}], table_name="t")
    first = made.default_schema
    edit(t={"price": {"data_type": "decimal", "description": "in euros"}})
    made = pipeline()
    made.run([{"id": 2, "price": "1.5"}], table_name="t")
    schema = made.default_schema

    assert list(schema.get_table_columns("t")) == ["price", "id", "_dlt_load_id", "_dlt_id"]
    assert schema.get_table_columns("t")["price"]["description"] == "in euros"
    assert types("t")["price"].startswith("DECIMAL")
    assert fetch("SELECT id, v, gone, price FROM data.t ORDER BY id") == [(1, 1, "x", None), (2, None, None, 1.5)]
    assert (schema.version, schema.previous_hashes[0]) == (first.version + 1, first.version_hash)
    made.run([{"id": 3, "v": 3}], table_name="t")
    assert "v" in made.default_schema.get_table_columns("t")
    assert made.default_schema.version == schema.version + 1


def test_a_change_counts_once_also_in_a_new_process():
    pipeline().run(ROWS, table_name="t")
    edit(other={"x": {"data_type": "bigint"}})
    pipeline().run(ROWS, table_name="t")
    versions = [pipeline().default_schema.version]
    for _ in range(2):
        made = pipeline()
        made.run(ROWS, table_name="t")
        versions.append(made.default_schema.version)

    assert versions == [2, 2, 2]
    assert "x" in made.default_schema.get_table_columns("other")


def test_the_remembered_file_comes_back_from_the_data_set():
    pipeline().run(ROWS, table_name="t")
    edit(t={"more": {"data_type": "decimal"}})
    pipeline().run(ROWS, table_name="t")
    pipeline().drop()
    made = pipeline()
    made.run(ROWS, table_name="t")

    assert made.default_schema.version == 2
    assert fetch("SELECT count(*) FROM data._dlt_version") == [(2,)]


def test_hints_of_the_file_hold_where_the_code_says_nothing():
    rows = [{"id": 1, "v": "a", "w": 1}, {"id": 1, "v": "b", "w": 2}]
    made = pipeline()
    made.run(rows, table_name="t", write_disposition="merge", primary_key="id")
    edit(t={"v": {"description": "a letter", "x-mine": 1}, "w": {"dedup_sort": "asc", "description": "a number"}})
    for _ in range(2):
        made = pipeline()
        made.run(rows, table_name="t", write_disposition="merge", columns={"w": {"description": "of the code"}})
        columns = made.default_schema.get_table_columns("t")

        assert fetch("SELECT id, v, w FROM data.t") == [(1, "a", 1)]
        assert (columns["v"]["description"], columns["v"]["x-mine"]) == ("a letter", 1)
        assert (columns["w"]["description"], columns["w"]["dedup_sort"]) == ("of the code", "asc")
        assert columns["id"]["primary_key"] is True


def test_a_type_that_the_data_set_does_not_have_is_an_error():
    pipeline().run(ROWS, table_name="t")
    edit(t={"price": {"data_type": "decimal"}})

    with pytest.raises(StepFailed, match="text at the destination"):
        pipeline().run(ROWS, table_name="t")
    assert fetch("SELECT price FROM data.t") == [("1.5",)]


@pytest.mark.parametrize("text", ["{", "tables: 1", "- a"])
def test_a_file_that_cannot_be_read_is_an_error(text):
    pipeline().run(ROWS, table_name="t")
    (IMPORT / "shop.schema.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(StepFailed) as failed:
        pipeline().run(ROWS, table_name="t")
    assert isinstance(failed.value.exception, SchemaError)
    assert fetch("SELECT count(*) FROM data.t") == [(1,)]


# ---- the file that is written


@pytest.mark.parametrize("kind", ["yaml", "json"])
def test_every_schema_is_exported(monkeypatch, kind):
    monkeypatch.setenv("SCHEMA__EXTERNAL_SCHEMA_FORMAT", kind)
    made = pipeline(import_schema_path=None)
    made.run(ROWS, table_name="t")
    made.run([{"id": 2, "new": 1}], table_name="t")
    stored = read(EXPORT, kind)

    assert dlt.Schema.from_dict(stored).version_hash == stored["version_hash"] == made.default_schema.version_hash
    assert stored["tables"]["t"]["columns"]["new"] == {"data_type": "bigint", "nullable": True}
    assert [file.name for file in EXPORT.iterdir()] == [f"shop.schema.{kind}"]


def test_an_export_that_was_deleted_is_written_again():
    made = pipeline(import_schema_path=None)
    made.run(ROWS, table_name="t")
    (EXPORT / "shop.schema.yaml").unlink()
    made.run(ROWS, table_name="t")

    assert read(EXPORT)["version"] == 1


def test_names_can_be_written_out(monkeypatch):
    monkeypatch.setenv("SCHEMA__EXTERNAL_SCHEMA_FORMAT_REMOVE_DEFAULTS", "false")
    pipeline().run(ROWS, table_name="t")

    assert read(EXPORT)["tables"]["t"]["columns"]["price"]["name"] == "price"
    assert read(IMPORT)["tables"]["t"]["name"] == "t"


def test_a_drawing_can_be_exported_while_the_file_to_edit_is_yaml(monkeypatch):
    monkeypatch.setenv("SCHEMA__EXTERNAL_SCHEMA_FORMAT", "dbml")
    pipeline().run(ROWS, table_name="t")

    assert 'Table "t" {' in (EXPORT / "shop.schema.dbml").read_text(encoding="utf-8")
    assert read(IMPORT)["name"] == "shop"


def test_an_unknown_format_is_an_error_before_anything_is_loaded(monkeypatch):
    monkeypatch.setenv("SCHEMA__EXTERNAL_SCHEMA_FORMAT", "toml")

    with pytest.raises(SchemaError, match="'toml'"):
        pipeline()


def test_two_schemas_have_a_file_each():
    made = pipeline()
    made.run(ROWS, table_name="t")
    made.run(ROWS, table_name="u", schema=dlt.Schema("second"))

    for folder in (IMPORT, EXPORT):
        assert sorted(file.name for file in folder.iterdir()) == ["second.schema.yaml", "shop.schema.yaml"]


def test_a_merge_key_of_the_file_keeps_rows_of_its_group_that_an_incremental_has_seen():
    @dlt.resource(name="t", primary_key="id", write_disposition="merge")
    def rows(found, at=dlt.sources.incremental("at")):  # noqa: B008
        yield found

    def run(value):
        made = dlt.pipeline("grouped", destination="duckdb", dataset_name="data", import_schema_path="import")
        made.run(rows([{"id": 1, "at": 1, "v": "a", "g": "G"}, {"id": 2, "at": 1, "v": value, "g": "G"}]))
        with made.session() as session:
            return sorted(session.read("t").read_all().column("v").to_pylist())

    run("b")
    (file,) = Path("import").glob("*.yaml")
    text = yaml.safe_load(file.read_text())
    text["tables"]["t"]["columns"]["g"] = {"merge_key": True}
    file.write_text(yaml.safe_dump(text))

    assert run("changed") == ["a", "changed"]
