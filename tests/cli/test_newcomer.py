"""What a newcomer types: commands that are left unfinished, names that are nearly right, destinations that cannot merge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.cli.init import MERGE, _template
from dlt.cli.main import main

pytestmark = pytest.mark.slow  # each is a process, or several


def loaded(name: str = "shop", **given: Any) -> dlt.Pipeline:
    pipeline = dlt.pipeline(name, destination="duckdb", dataset_name="data", **given)
    pipeline.run([{"id": 1}], table_name="orders")
    return pipeline


@pytest.mark.parametrize(
    "words",
    [
        ["shop"],
        ["shop", "info"],
        ["--pipelines-dir", "there", "shop"],
        ["shop", "--json"],
        ["-v", "shop"],
        ["shop", "-v", "info"],
        ["shop", "--pipelines-dir", "there", "info"],
        ["shop", "--json", "-v"],
    ],
)
def test_a_pipeline_without_more_is_its_info(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    loaded(pipelines_dir="there" if "there" in words else None)
    capsys.readouterr()

    assert main(["pipeline", *words]) == 0
    assert "orders" in capsys.readouterr().out


@pytest.mark.parametrize(
    "operation", ["info", "trace", "schema", "failed-jobs", "drop", "drop-pending-packages", "sync"]
)
def test_an_operation_without_a_name(operation: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pipeline", operation]) == 1
    assert "Which pipeline?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["nothing"], ["pipeline", "x", "nothing"], ["init", "--nothing"]])
def test_wrong_arguments_as_json(words: list[str], dlt_: Any) -> None:
    ended = dlt_(*words, "--json", code=2)

    assert ended.err == ""
    assert ended.data["error"]["type"] == "UsageError"


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["pipelines"], "error: there is no command 'pipelines'"),
        (["pipeline", "x", "nothing"], "error: there is no command 'nothing'"),
        (["init", "--nothing"], "error: unrecognized arguments: --nothing"),
        (["telemetry"], "error: the command telemetry is not part of this version"),
    ],
)
def test_the_first_line_is_the_cause(words: list[str], first: str, dlt_: Any) -> None:
    lines = dlt_(*words, code=2).err.splitlines()

    assert lines[0].startswith(first)
    assert lines[1].startswith("  fix: dlt")


def test_a_source_that_asks_for_nothing(dlt_: Any, own_folder: Path) -> None:
    (own_folder / "shop.py").write_text("import dlt\n@dlt.source\ndef shop(): return []\n")

    assert "shop.py:shop needs no values." in dlt_("config", "explain", "shop.py:shop").out


def test_version_as_json(dlt_: Any) -> None:
    assert dlt_("--version", "--json").data == {"dlt": dlt.__version__}


def test_looking_at_a_pipeline_in_dev_mode_takes_nothing_away(dlt_: Any) -> None:
    pipeline = loaded(dev_mode=True)
    pipeline.extract([{"id": 2}], table_name="orders")
    waiting = pipeline.list_extracted_load_packages()

    found = dlt_("pipeline", "shop", "info", "--json").data

    assert found["packages"]["extracted"] == waiting
    assert found["dataset_name"] == pipeline.dataset_name
    assert Path(pipeline.working_dir, "state.json").exists()


@pytest.mark.parametrize("template", ["default", "fruitshop"])
def test_templates_that_merge_run_where_nothing_can_be_merged(template: str, script: Any, own_folder: Path) -> None:
    assert MERGE in _template(template)
    assert main(["init", template, "filesystem"]) == 0

    assert MERGE not in (own_folder / f"{template}_pipeline.py").read_text()
    for _ in range(2):
        assert "LOADED" in script(f"{template}_pipeline.py").out


@pytest.mark.parametrize("name", ["frutshop", "dataframes", "defaults"])
def test_a_name_that_is_nearly_a_template(name: str, own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", name, "duckdb"]) == 1

    assert "did you mean" in capsys.readouterr().err
    assert not list(own_folder.glob("*.py"))


def test_sync_does_not_forget_what_is_nowhere_else(dlt_: Any, own_folder: Path) -> None:
    loaded().deactivate()
    (own_folder / "shop.duckdb").rename(own_folder / "other.duckdb")

    ended = dlt_("pipeline", "shop", "sync", "--yes", code=1)

    assert "nothing was changed" in ended.err
    assert "shop.duckdb" in ended.err
    assert dlt_("pipeline", "shop", "info", "--json").data["schemas"] == {"shop": {"orders": ["orders"]}}


def test_sync_takes_up_a_pipeline_of_another_machine(dlt_: Any) -> None:
    loaded().deactivate()
    elsewhere = ("pipeline", "--pipelines-dir", "elsewhere")
    where = ("--destination", "duckdb", "--dataset-name", "data")

    assert dlt_(*elsewhere, "shop", "sync", *where, "--json").data["schemas"] == ["shop"]
    assert dlt_(*elsewhere, "--list", "--json").data["pipelines"][0]["name"] == "shop"


def test_a_drop_that_fails_leaves_all_as_it_was(dlt_: Any, own_folder: Path) -> None:
    pipeline = loaded()
    before = Path(pipeline.working_dir, "schemas", "shop.schema.json").read_text()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import duckdb; c = duckdb.connect('shop.duckdb'); print('open', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        ended = dlt_("pipeline", "shop", "drop", "orders", "-y", code=1, LOAD__RAISE_ON_MAX_RETRIES="1")
    finally:
        holder.communicate("\n")

    assert "close the other program" in ended.err
    found = dlt_("pipeline", "shop", "--json").data
    assert found["schemas"] == {"shop": {"orders": ["orders"]}}
    assert found["packages"]["normalized"] == []
    assert json.loads(before)["tables"].keys() == dlt.attach("shop").default_schema.tables.keys()


def test_names_that_the_terminal_cannot_show(dlt_: Any) -> None:
    loaded("caf\u00e9 \u2192")

    assert "caf\\xe9 \\u2192" in dlt_("pipeline", "--list", PYTHONIOENCODING="ascii").out


def test_a_schema_without_pyyaml(dlt_: Any, own_folder: Path) -> None:
    loaded()
    (own_folder / "yaml.py").write_text("raise ImportError")
    without = {"PYTHONPATH": str(own_folder)}

    assert json.loads(dlt_("pipeline", "shop", "schema", **without).out)["name"] == "shop"
    assert 'pip install "dlt[yaml]"' in dlt_("pipeline", "shop", "schema", "--format", "yaml", code=1, **without).err


def test_what_is_not_copied_and_what_is_made_up_is_said(own_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = own_folder / "there" / "weather"
    source.mkdir(parents=True)
    (source / "__init__.py").write_text("import dlt\n@dlt.source\ndef weather(days: int = dlt.config.value): ...\n")
    (source / "icon.bin").write_bytes(b"\xff\xfe\x00")
    (source / "keys.py").symlink_to("/etc/hostname")
    (own_folder / "there" / "weather_pipeline.py").write_text('import dlt\ndlt.pipeline("w", destination="x")\n')

    assert main(["init", "weather", "filesystem", "--location", "there", "--json"]) == 0

    made = json.loads(capsys.readouterr().out)
    assert made["note"] == "Left out, as they are links, large or no text: weather/icon.bin, weather/keys.py."
    assert made["examples"] == ["sources.weather.days", "destination.filesystem.bucket_url"]
    assert "look at sources.weather.days" in " ".join(made["next"])
    assert not (own_folder / "weather" / "keys.py").exists()
    assert main(["init", "weather", "filesystem", "--location", "there", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["examples"] == []  # they are there already


@pytest.mark.parametrize(
    ("name", "source"), [("weather", "weather"), ("orders", "shop"), ("dlt", "shop"), ("class", "shop")]
)
def test_the_source_has_the_name_of_the_project(
    name: str, source: str, script: Any, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", name, "duckdb"]) == 0
    script(f"{name}_pipeline.py")
    capsys.readouterr()

    assert main(["pipeline", f"{name}_pipeline", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["schemas"]) == [source]
