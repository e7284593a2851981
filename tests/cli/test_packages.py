"""12.1: load packages one by one, giving them up, and schemas in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.cli.main import main


@pytest.fixture
def pipeline() -> dlt.Pipeline:
    """One loaded package and one that waits."""
    made = dlt.pipeline("shop", destination="duckdb", dataset_name="data", export_schema_path="schemas")
    made.run([{"id": 1, "items": [1, 2]}, {"id": 2}], table_name="orders")
    made.extract([{"id": 3}], table_name="orders")
    made.deactivate()
    return made


def test_section_12_1_load_package(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    waiting, loaded = pipeline.list_extracted_load_packages()[0], pipeline.list_completed_load_packages()[0]

    assert f"Load package {waiting} is EXTRACTED" in dlt_("pipeline", "shop", "load-package").out
    text = dlt_("pipeline", "shop", "load-package", loaded).out
    assert f"Load package {loaded} is LOADED" in text
    assert "of table orders__items: 2 row(s)" in text
    data = dlt_("pipeline", "shop", "load-package", loaded, "info", "--json").data
    assert (data["load_id"], data["state"], data["schema_migrated"]) == (loaded, "loaded", True)


def test_section_12_1_load_package_row_counts(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    loaded = pipeline.list_completed_load_packages()[0]

    newest = dlt_("pipeline", "shop", "load-package", "row-counts", "--json").data
    older = dlt_("pipeline", "shop", "load-package", loaded, "row-counts", "--json").data

    assert (newest["state"], newest["rows"]) == ("extracted", {"orders": 1})
    assert (older["state"], older["rows"]) == ("loaded", {"orders": 2, "orders__items": 2})
    assert older["books"]["orders"]["written"] == 2
    assert "orders__items  2" in dlt_("pipeline", "shop", "load-package", loaded, "row-counts").out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [(["12"], 1, "There is no load package 12"), (["12", "nothing"], 2, "invalid choice: 'nothing'")],
)
def test_a_package_that_is_not_there(words: list[str], code: int, message: str, pipeline: Any, dlt_: Any) -> None:
    assert message in dlt_("pipeline", "shop", "load-package", *words, code=code).err


@pytest.mark.parametrize("operation", ["abort-packages", "drop-pending-packages"])
def test_section_12_1_giving_up(operation: str, pipeline: dlt.Pipeline, dlt_: Any) -> None:
    waiting = pipeline.list_extracted_load_packages()

    assert "Nobody can be asked" in dlt_("pipeline", "shop", operation, code=1).err
    assert dlt_("pipeline", "shop", operation, "-y", "--json").data == {"dropped": waiting}


# ---- schema files


@pytest.mark.parametrize(
    ("ending", "form", "beginning"),
    [("yaml", [], "version: "), ("yaml", ["--format", "json"], "{"), ("json", ["--format", "mermaid"], "erDiagram")],
)
def test_section_12_1_schema_of_a_file(
    ending: str, form: list[str], beginning: str, pipeline: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path("schemas", f"shop.schema.{ending}")
    if ending == "json":
        path.write_text(pipeline.default_schema.to_pretty_json())

    assert main(["schema", str(path), *form]) == 0

    text = capsys.readouterr().out
    assert text.startswith(beginning)
    assert "orders__items" in text


def test_section_12_1_schema_without_defaults(pipeline: Any, dlt_: Any) -> None:
    found = [
        dlt_("schema", "schemas/shop.schema.yaml", "--json", *more).data["tables"]["orders"]
        for more in ([], ["--remove-defaults"])
    ]

    assert "write_disposition" in found[0]
    assert len(json.dumps(found[1])) < len(json.dumps(found[0]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.json", None, "There is no file x.json"),
        ("x.txt", "a", "is no schema file"),
        ("x.json", "{", "is not JSON"),
        ("x.yaml", "a: [", "is not YAML"),
        ("x.json", "[1]", "is no schema"),
        ("x.json", '{"a": 1}', "needs `name` and `tables`"),
    ],
)
def test_what_is_no_schema(
    name: str, content: str | None, message: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (own_folder / name).write_text(content)

    assert main(["schema", name]) == 1
    assert message in capsys.readouterr().err
