"""4.9: what the configuration says of a pipeline, `[pipelines.<name>]`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.errors import ConfigError, NotBuilt

VALUES = {  # key -> value, and what the pipeline has then
    "pipelines_dir": ("work", lambda one: Path(one.working_dir) == Path("work/pp")),
    "pipeline_salt": ("salt", lambda one: one.pipeline_salt == "salt"),
    "dataset_name": ("data", lambda one: one.dataset_name == "data"),
    "dataset_name_layout": ("x_%s", lambda one: one.dataset_name == "x_pp_dataset"),
    "import_schema_path": ("in", lambda one: one.import_schema_path == "in"),
    "export_schema_path": ("out", lambda one: one.export_schema_path == "out"),
    "refresh": ("drop_data", lambda one: one.refresh == "drop_data"),
    "dev_mode": ("true", lambda one: one.dev_mode and one.dataset_name.startswith("pp_dataset_2")),
    "destination_type": ("memory", lambda one: "destination='memory'" in repr(one)),
    "restore_from_destination": ("no", lambda one: not one.settings.restore_from_destination),
    "enable_runtime_trace": ("0", lambda one: not one.settings.enable_runtime_trace),
}


@pytest.mark.parametrize("place", ["PIPELINES__PP__", "", "PP__", "PP__PIPELINES__PP__"])
@pytest.mark.parametrize("key", VALUES)
def test_section_4_9_pipelines(key: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, holds = VALUES[key]
    monkeypatch.setenv(f"{place}{key.upper()}", value)

    assert holds(dlt.pipeline("pp"))
    if place == "PIPELINES__PP__":
        assert not holds(dlt.pipeline("other"))


def test_an_argument_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "DATASET_NAME": "cfg",
        "DEV_MODE": "true",
        "DESTINATION_TYPE": "nothing",
        "REFRESH": "no",
    }.items():
        monkeypatch.setenv(key, value)

    made = dlt.pipeline("pp", destination="memory", dataset_name="mine", dev_mode=False, refresh="drop_data")

    assert (made.dataset_name, made.dev_mode, made.refresh) == ("mine", False, "drop_data")


def test_a_destination_by_its_name(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_folder / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text(
        '[pipelines.pp]\ndestination_name = "shop"\n[destination.shop]\ndestination_type = "duckdb"\ncredentials = "s.duckdb"'
    )

    info = dlt.pipeline("pp").run([{"a": 1}], table_name="t")

    assert (own_folder / "s.duckdb").exists()
    assert (info.destination_name, dlt.pipeline("pp").destination.name) == ("shop", "shop")
    monkeypatch.setenv("PIPELINES__PP__DESTINATION_TYPE", "memory")
    assert "memory" in dlt.pipeline("pp").destination.type


def test_a_layout_is_applied_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATASET_NAME_LAYOUT", "x_%s")
    dlt.pipeline("pp", destination="duckdb").run([{"a": 1}], table_name="t")

    assert dlt.pipeline("pp").dataset_name == "x_pp_dataset"
    assert dlt.pipeline("pp", dataset_name="y").dataset_name == "x_y"


@pytest.mark.parametrize(
    ("key", "value", "error", "message"),
    [
        ("DATASET_NAME_LAYOUT", "fixed", ConfigError, "must have %s once"),
        ("REFRESH", "all", ConfigError, "Unknown refresh mode 'all'"),
        ("DEV_MODE", "perhaps", ConfigError, "is no bool"),
        ("DESTINATION_TYPE", "duckbd", ConfigError, "There is no destination 'duckbd'"),
        ("STAGING_TYPE", "filesystem", NotBuilt, "staging destination"),
        ("USE_SINGLE_DATASET", "false", NotBuilt, "A data set for each schema"),
    ],
)
def test_wrong_values(key: str, value: str, error: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"PIPELINES__PP__{key}", value)

    with pytest.raises(error, match=message):
        dlt.pipeline("pp")


# ---- what a trace says of it


@dlt.source
def shop(token: str = dlt.secrets.value, pages: int = dlt.config.value, password_file: str = "none") -> Any:
    return dlt.resource([{"pages": pages}], name="rows")


def test_section_8_7_resolved_values(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = own_folder / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text("[sources.shop]\npages = 7\npassword_file = 'hidden-one'")
    monkeypatch.setenv("SOURCES__SHOP__TOKEN", "hidden-two")
    monkeypatch.setenv("PIPELINES__PP__DATASET_NAME", "data")

    dlt.pipeline("pp", destination="duckdb").run(shop())
    read = dlt.attach("pp").last_trace

    assert read is not None
    rows = {".".join([*row["sections"], row["key"]]): row for row in read.resolved_config_values}
    assert rows["sources.shop.pages"] | {"sections": []} == {
        "key": "pages", "value": 7, "is_secret_hint": False, "sections": [], "provider_name": "config.toml"
    }  # fmt: skip
    assert (rows["sources.shop.token"]["value"], rows["sources.shop.token"]["is_secret_hint"]) == (None, True)
    assert rows["sources.shop.password_file"]["value"] is None
    assert rows["pipelines.pp.dataset_name"]["provider_name"] == "environment"
    assert "`sources.shop.token` = <secret> from `environment`" in read.asstr(1)
    texts = [path.read_text(errors="replace") for path in (own_folder / ".dlt-data").rglob("*.json")]
    assert texts
    assert not [text for text in texts if "hidden" in text]
