"""`dlt.current.run_context()` and `workspace()`: the folders of a project (1.3, 4.8)."""

from __future__ import annotations

from pathlib import Path

import pytest

import dlt
from dlt.errors import ConfigError


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WORKSPACE__PROFILE", raising=False)
    (tmp_path / ".dlt").mkdir()
    return tmp_path


def test_section_1_3_a_project(project, monkeypatch):
    monkeypatch.setenv("DLT_DATA_DIR", str(project / "data"))
    context = dlt.current.run_context()

    found = {
        name: getattr(context, name) for name in ("name", "run_dir", "settings_dir", "data_dir", "global_dir", "uri")
    }
    assert found == {
        "name": "dlt",
        "run_dir": str(project),
        "settings_dir": str(project / ".dlt"),
        "data_dir": str(project / "data"),
        "global_dir": str(project / "data"),
        "uri": project.as_uri(),
    }
    assert context.get_setting("config.toml") == str(project / ".dlt" / "config.toml")
    assert context.get_data_entity("pipelines") == str(project / "data" / "pipelines")
    assert context.get_run_entity("sources") == str(project)
    with pytest.raises(ConfigError, match="no workspace"):
        dlt.current.workspace()


def test_section_1_3_a_workspace_and_its_profiles(project, monkeypatch):
    monkeypatch.delenv("DLT_DATA_DIR", raising=False)
    monkeypatch.delenv("DLT_LOCAL_DIR", raising=False)
    monkeypatch.setenv("WORKSPACE__PROFILE", "dev")
    (project / ".dlt" / ".workspace").touch()
    (project / ".dlt" / "config.toml").write_text("a = 1\n")
    (project / ".dlt" / "mine.config.toml").write_text("a = 2\n")
    workspace = dlt.current.workspace()

    assert (workspace.name, workspace.profile, workspace.default_profile) == (project.name, "dev", "dev")
    assert workspace.available_profiles() == ["access", "dev", "mine", "prod", "tests"]
    assert workspace.configured_profiles() == ["dev", "mine"]
    assert dlt.config["a"] == 1

    workspace.switch_profile("mine")

    assert dlt.config["a"] == 2
    assert Path(workspace.data_dir) == project / ".dlt" / "state" / "mine"
    assert workspace.uri == f"{project.as_uri()}?profile=mine"
    assert workspace.runtime_kwargs == {"profile": "mine"}


def test_section_4_9_values_set_in_code_are_forgotten_when_providers_are_made_anew(project):
    dlt.config["set"] = 1

    dlt.current.run_context().reload_providers()

    assert dlt.config.get("set") is None
