"""12.1: `dlt pipeline` shows what is known of pipelines, and mends them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import StepFailed


@dlt.source
def shop(broken: bool = False) -> Any:
    @dlt.resource(primary_key="id", write_disposition="merge")
    def orders() -> Any:
        dlt.current.resource_state()["seen"] = 1
        dlt.current.source_state()["page"] = {"last": 7, "first": 1}
        yield {"id": 1, "items": [{"sku": "tea"}]}

    @dlt.resource
    def customers() -> Any:
        dlt.current.resource_state()["seen"] = 2
        yield {"id": 1}
        if broken:
            raise ValueError("no more customers")

    return orders, customers


@pytest.fixture
def pipeline() -> dlt.Pipeline:
    """A pipeline that has loaded."""
    made = dlt.pipeline("shopping", destination="duckdb", dataset_name="data")
    made.run(shop())
    return made


def names(own_folder: Path) -> set[str]:
    with duckdb.connect(str(own_folder / "shopping.duckdb")) as connection:
        found = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    return {name for (name,) in found if not name.startswith("_dlt")}


def test_section_12_1_list(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    for flag in ("--list", "-l", "--list-pipelines"):
        found = dlt_("pipeline", flag, "--json").data
        assert [one["name"] for one in found["pipelines"]] == ["shopping"]
        assert found["pipelines_dir"] == pipeline.pipelines_dir
    text = dlt_("pipeline", "--list").out
    assert text.startswith(f"1 pipeline found in {pipeline.pipelines_dir}\n  shopping  last run ")


def test_the_newest_is_first_and_folders_of_others_are_left_out(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    dlt.pipeline("later", destination="duckdb").run([{"a": 1}], table_name="t")
    (Path(pipeline.pipelines_dir) / "no pipeline").mkdir()

    assert [one["name"] for one in dlt_("pipeline", "-l", "--json").data["pipelines"]] == ["later", "shopping"]


def test_section_12_1_another_folder(dlt_: Any) -> None:
    dlt.pipeline("elsewhere", pipelines_dir="work", destination="duckdb").run([{"a": 1}], table_name="t")

    assert dlt_("pipeline", "--list", "--json").data["pipelines"] == []
    assert dlt_("pipeline", "--pipelines-dir", "work", "-l", "--json").data["pipelines"][0]["name"] == "elsewhere"
    assert dlt_("pipeline", "--pipelines-dir", "work", "elsewhere", "info", "--json").data["first_run"] is False


def test_section_12_1_info(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    data = dlt_("pipeline", "shopping", "info", "--json").data

    assert (data["destination"], data["dataset_name"], data["working_dir"]) == ("duckdb", "data", pipeline.working_dir)
    assert data["schemas"] == {"shop": {"customers": ["customers"], "orders": ["orders", "orders__items"]}}
    assert data["state"]["sources"]["shop"]["page"] == {"last": 7, "first": 1}
    assert data["packages"] == {
        "extracted": [],
        "normalized": [],
        "failed": [],
        "completed": pipeline.list_completed_load_packages(),
    }
    text = dlt_("pipeline", "shopping", "info").out
    assert "orders: orders, orders__items" in text
    assert "state" not in text
    assert "first_run: False  (this machine only)" in dlt_("pipeline", "shopping", "info", "-v").out
    assert "'last': 7" in dlt_("pipeline", "shopping", "info", "-vv").out


def test_section_12_1_trace(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    text = dlt_("pipeline", "shopping", "trace").out
    data = dlt_("pipeline", "shopping", "trace", "--json").data

    assert pipeline.last_trace is not None
    assert text == str(pipeline.last_trace) + "\n"
    assert [step["step"] for step in data["steps"]] == ["extract", "normalize", "load"]
    assert data["transaction_id"] == pipeline.last_trace.transaction_id


@pytest.mark.parametrize(
    ("form", "beginning"),
    [("yaml", "version: "), ("json", "{"), ("dbml", ""), ("dot", "digraph"), ("mermaid", "erDiagram")],
)
def test_section_12_1_schema(form: str, beginning: str, pipeline: dlt.Pipeline, dlt_: Any) -> None:
    text = dlt_("pipeline", "shopping", "schema", "--format", form).out

    assert text.startswith(beginning)
    assert "orders__items" in text
    if form == "json":
        assert json.loads(text)["name"] == "shop"
    assert pipeline.default_schema_name == "shop"


def test_schemas_by_name(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    pipeline.run(dlt.source(lambda: [dlt.resource([{"a": 1}], name="t")], name="other")())

    assert dlt_("pipeline", "shopping", "schema", "--json").data["name"] == "shop"
    assert dlt_("pipeline", "shopping", "schema", "--schema", "other", "--json").data["name"] == "other"
    assert "there are other, shop" in dlt_("pipeline", "shopping", "schema", "--schema", "x", code=1).err


def test_a_run_that_failed(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    with pytest.raises(StepFailed):
        pipeline.run(shop(broken=True))

    assert "dlt pipeline shopping trace says what went wrong" in dlt_("pipeline", "shopping", "info").out
    assert "no more customers" in dlt_("pipeline", "shopping", "trace").out
    assert dlt_("pipeline", "shopping", "failed-jobs").out == "No failed jobs.\n"


def test_a_first_run_that_failed(dlt_: Any) -> None:
    with pytest.raises(StepFailed):
        dlt.pipeline("begun", destination="duckdb").run(shop(broken=True))

    assert [one["name"] for one in dlt_("pipeline", "-l", "--json").data["pipelines"]] == ["begun"]
    assert "dlt pipeline begun trace says what went wrong" in dlt_("pipeline", "begun", "info").out
    assert "no more customers" in dlt_("pipeline", "begun", "trace").out
    assert dlt_("pipeline", "begun", "failed-jobs").out == "No failed jobs.\n"


@pytest.fixture
def refused(pipeline: dlt.Pipeline, own_folder: Path) -> dlt.Pipeline:
    """The pipeline with a package that the destination turns down."""
    with duckdb.connect(str(own_folder / "shopping.duckdb")) as connection:
        connection.execute("DROP TABLE data.customers; CREATE VIEW data.customers AS SELECT 1 AS id")
    with pytest.raises(StepFailed):
        pipeline.run(shop())
    return pipeline


def test_section_12_1_failed_jobs(refused: dlt.Pipeline, dlt_: Any) -> None:
    waiting = refused.list_normalized_load_packages()
    assert waiting

    text = dlt_("pipeline", "shopping", "failed-jobs").out
    data = dlt_("pipeline", "shopping", "failed-jobs", "--json").data

    assert f"package {waiting[0]}, normalized\n  load failed" in text
    assert "{'" not in text
    assert "customers" in text
    assert [one["load_id"] for one in data["packages"]] == waiting
    assert data["packages"][0]["failures"]
    assert "drop-pending-packages gives it up" in dlt_("pipeline", "shopping", "info").out


def test_section_12_1_drop_pending_packages(refused: dlt.Pipeline, dlt_: Any) -> None:
    waiting = refused.list_normalized_load_packages()

    assert "Nobody can be asked" in dlt_("pipeline", "shopping", "drop-pending-packages", code=1).err
    assert refused.list_normalized_load_packages() == waiting
    assert dlt_("pipeline", "shopping", "drop-pending-packages", "-y", "--json").data == {"dropped": waiting}
    assert dlt.attach("shopping").has_pending_data is False
    assert dlt_("pipeline", "shopping", "drop-pending-packages").out == "No packages wait.\n"


def test_section_12_1_sync(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    pipeline.extract([{"x": 1}], table_name="waiting")

    assert "Go on? Nobody can be asked" in dlt_("pipeline", "shopping", "sync", code=1).err
    assert "schemas shop" in dlt_("pipeline", "shopping", "sync", "-y").out
    found = dlt.attach("shopping")
    assert not found.has_pending_data
    assert found.state["sources"]["shop"]["page"] == {"last": 7, "first": 1}


def test_section_12_1_sync_on_a_new_machine(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    pipeline.drop()

    assert "There is no pipeline 'shopping'" in dlt_("pipeline", "shopping", "sync", "-y", code=1).err
    words = ["pipeline", "shopping", "sync", "--destination", "duckdb", "--dataset-name", "data", "-y", "--json"]
    assert dlt_(*words).data == {"destination": "duckdb", "dataset_name": "data", "schemas": ["shop"]}
    assert dlt_("pipeline", "shopping", "info", "--json").data["dataset_name"] == "data"


# ---- drop


DROPS = {  # what is named -> tables that are left, resources that still have a state, keys of the source's state
    "one": (["orders"], {"customers"}, {"customers"}, {"last", "first"}),
    "a pattern": (["re:^cust"], {"orders", "orders__items"}, {"orders"}, {"last", "first"}),
    "all": (["--drop-all"], set(), set(), {"last", "first"}),
    "state only": (["orders", "--state-only"], {"orders", "orders__items", "customers"}, {"customers"}, {"last", "first"}),
    "a path": (["--state-paths", "page.last"], {"orders", "orders__items", "customers"}, {"orders", "customers"}, {"first"}),
    "both": (["orders", "--state-paths", "page.last", "page.first"], {"customers"}, {"customers"}, set()),
}  # fmt: skip


@pytest.mark.parametrize("name", DROPS)
def test_section_12_1_drop(name: str, pipeline: dlt.Pipeline, dlt_: Any, own_folder: Path) -> None:
    arguments, tables, with_state, keys = DROPS[name]
    before = {one.name: one for one in pipeline.schemas["shop"].all_tables}

    assert dlt_("pipeline", "shopping", "drop", *arguments, "-y", "--json").data["dropped"] is True

    for folder in (None, "fresh"):  # here, and as another machine finds it at the destination
        found = dlt.pipeline("shopping", destination="duckdb", dataset_name="data", pipelines_dir=folder)
        found.sync_destination()
        state = found.state.get("sources", {}).get("shop", {})
        assert set(found.schemas["shop"].data_table_names()) == tables
        assert set(state.get("resources", {})) == with_state
        assert set(state["page"]) == keys
        after = {one.name: one for one in found.schemas["shop"].all_tables}
        assert {table: after[table].write_disposition for table in tables} == {
            table: before[table].write_disposition for table in tables
        }
    assert names(own_folder) == tables

    pipeline = dlt.attach("shopping")
    pipeline.run(shop())
    assert names(own_folder) == {"orders", "orders__items", "customers"}


def test_drop_asks_first(pipeline: dlt.Pipeline, dlt_: Any, own_folder: Path) -> None:
    refused = dlt_("pipeline", "shopping", "drop", "orders", code=1)

    assert "orders, orders__items" in refused.err
    assert "Nobody can be asked" in refused.err
    assert "orders" in names(own_folder)
    assert pipeline.schemas["shop"].data_table_names()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Nothing is named"),
        (["order"], "the schema has the resources orders, customers"),
        (["--state-paths", "page.none"], "There is nothing like that"),
        (["re:("], "is no regular expression"),
        (["orders", "--schema", "none"], "has no schema 'none'"),
    ],
)
def test_what_cannot_be_dropped(arguments: list[str], message: str, pipeline: dlt.Pipeline, dlt_: Any) -> None:
    assert message in dlt_("pipeline", "shopping", "drop", *arguments, "-y", code=1).err
    assert pipeline.first_run is False


def test_drop_waits_for_packages(pipeline: dlt.Pipeline, dlt_: Any) -> None:
    pipeline.extract([{"x": 1}], table_name="waiting")

    assert "Packages wait to be loaded" in dlt_("pipeline", "shopping", "drop", "orders", "-y", code=1).err


# ---- names


@pytest.mark.parametrize(
    ("name", "hint"), [("shoping", "did you mean 'shopping'?"), ("shop", "did you mean 'shopping'?"), ("x", "--list")]
)
def test_a_pipeline_that_is_not_there(name: str, hint: str, pipeline: dlt.Pipeline, dlt_: Any) -> None:
    error = dlt_("pipeline", name, "info", code=1).err

    assert f"There is no pipeline {name!r} in {pipeline.pipelines_dir}." in error
    assert hint in error
    assert not (Path(pipeline.pipelines_dir) / name).exists()


def test_what_cannot_be_shown_of_a_new_pipeline(dlt_: Any) -> None:
    made = dlt.pipeline("new", destination="duckdb")
    made.set_local_state_val("k", 1)

    assert "has no trace" in dlt_("pipeline", "new", "trace", code=1).err
    assert "has no schema yet" in dlt_("pipeline", "new", "schema", code=1).err
    assert "loaded nothing yet" in dlt_("pipeline", "new", "info").out


# ---- dlt config explain


def test_section_4_4_explain(dlt_: Any, own_folder: Path) -> None:
    folder = own_folder / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text("[sources.shop]\npages = 7\n[mine.sources.shop]\npages = 8\n")
    (folder / "secrets.toml").write_text("[sources.shop]\ntoken = 't0ken'\n")
    (own_folder / "shop.py").write_text(
        "import dlt\n@dlt.source\ndef shop(pages: int = dlt.config.value, token: str = dlt.secrets.value, more=dlt.config.value): return []\n"
    )

    section = dlt_("config", "explain", "sources.shop", "--json").data
    assert {one["name"]: (one["value"], one["provider"]) for one in section["values"]} == {
        "sources.shop.pages": ("7", "config.toml"),
        "sources.shop.token": ("***", "secrets.toml"),
    }
    assert [one["there"] for one in section["files"]] == [True, False, True, False]
    text = dlt_("config", "explain", "shop.py:shop").out
    assert "t0ken" not in text
    assert "set SOURCES__SHOP__MORE" in text
    own = dlt_("config", "explain", "shop.py:shop", "--pipeline", "mine", "--json").data["values"]
    assert next(one["value"] for one in own if one["name"] == "pages") == "8"
    assert "No provider has a value in the section none" in dlt_("config", "explain", "none").out


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("none.py:x", "There is no file none.py"),
        ("shop.py:x", "dlt config explain shop.py:shop"),
        ("shop.py", "dlt config explain shop.py:shop"),
        ("broken.py", "broken.py cannot be imported"),
        ("none.py", "There is no file none.py"),
        ("broken.py:x", "broken.py cannot be imported: ZeroDivisionError"),
        ("shop.py:number", "asks for no values"),
    ],
)
def test_what_cannot_be_explained(place: str, message: str, dlt_: Any, own_folder: Path) -> None:
    (own_folder / "shop.py").write_text("import dlt\nnumber = 5\n@dlt.source\ndef shop(pages: int = 1): return []\n")
    (own_folder / "broken.py").write_text("1 / 0\n")

    assert message in dlt_("config", "explain", place, code=1).err
