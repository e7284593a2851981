"""Where values come from and in which order: the environment, files for secrets, TOML files, providers of the user."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import dlt
from dlt.config import providers
from dlt.config.custom import ConfigProvider, CustomLoaderDocProvider
from dlt.config.lookup import find, for_pipeline, paths_of, tried, use_pipeline
from dlt.config.report import shortest
from dlt.config.settings import data_dir, local_dir, mentioned, run_settings, setting, typed_setting
from dlt.errors import ConfigError

SOURCE = ("sources", "mysec", "mysrc")


def names(paths: list[tuple[str, ...]]) -> list[str]:
    return [".".join(path) for path in paths]


@pytest.mark.parametrize(
    ("sections", "tail", "expected"),
    [
        (SOURCE, ("k",), ["sources.mysec.mysrc.k", "sources.mysec.k", "sources.mysrc.k", "sources.k", "k"]),
        (("sources", "same", "same"), ("k",), ["sources.same.same.k", "sources.same.k", "sources.k", "k"]),
        (("sources", "", "r"), ("k",), ["sources.r.k", "sources.k", "k"]),
        (("sources", "_hidden", "r"), ("k",), ["sources.r.k", "sources.k", "k"]),
        (
            ("destination", "pg"),
            ("credentials", "password"),
            ["destination.pg.credentials.password", "destination.credentials.password", "credentials.password"],
        ),
        (
            SOURCE,
            ("creds", "host"),
            [
                "sources.mysec.mysrc.creds.host",
                "sources.mysec.creds.host",
                "sources.mysrc.creds.host",
                "sources.creds.host",
                "creds.host",
            ],
        ),
        ((), ("k",), ["k"]),
    ],
)
def test_paths(sections: tuple[str, ...], tail: tuple[str, ...], expected: list[str]) -> None:
    assert names(paths_of(sections, *tail)) == expected


@pytest.mark.parametrize(
    ("sections", "tail", "expected"),
    [
        (SOURCE, ("k",), "sources.mysrc.k"),
        (SOURCE, ("creds", "host"), "sources.mysrc.creds.host"),
        (("sources", "same", "same"), ("k",), "sources.same.k"),
        (("sources", "", "r"), ("k",), "sources.r.k"),
        (("sources", "", "r"), ("creds", "host"), "sources.r.creds.host"),
        (("destination", "pg"), ("k",), "destination.pg.k"),
        ((), ("k",), "k"),
    ],
)
def test_the_key_to_set(sections: tuple[str, ...], tail: tuple[str, ...], expected: str) -> None:
    assert ".".join(shortest(paths_of(sections, *tail))) == expected


def test_the_section_of_a_script_is_its_file(own_folder: Path) -> None:
    script = own_folder / "loading.py"
    script.write_text("import dlt\n@dlt.resource\ndef rows(k=dlt.config.value): yield k\nprint(list(rows))")
    env = {**os.environ, "SOURCES__LOADING__K": "right"}

    done = subprocess.run([sys.executable, str(script)], check=True, capture_output=True, text=True, env=env)

    assert done.stdout == "['right']\n"


def test_the_name_of_the_pipeline_goes_first_for_all_providers() -> None:
    use_pipeline("pp")

    order = tried(paths_of(("sources",), "k"))

    assert order[:4] == [
        ("environment", "PP__SOURCES__K"),
        ("environment", "PP__K"),
        ("secrets.toml", "pp.sources.k"),
        ("secrets.toml", "pp.k"),
    ]
    assert order[6:8] == [("environment", "SOURCES__K"), ("environment", "K")]


LAYERS = {  # each goes before those above it
    "global config": lambda write, home, _: write(home, config='k = "global config"'),
    "config": lambda write, *_: write(config='k = "config"'),
    "global secrets": lambda write, home, _: write(home, secrets='k = "global secrets"'),
    "secrets": lambda write, *_: write(secrets='k = "secrets"'),
    "environment": lambda _write, _home, set_: set_("K", "environment"),
    "pipeline config": lambda write, *_: write(config='k = "config"\n[pp]\nk = "pipeline config"'),
    "pipeline environment": lambda _write, _home, set_: set_("PP__K", "pipeline environment"),
}


@pytest.mark.parametrize("count", range(1, len(LAYERS) + 1))
def test_what_goes_before_what(count: int, write: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_pipeline("pp")
    for layer in list(LAYERS)[:count]:
        LAYERS[layer](write, own_folder / ".dlt-data", monkeypatch.setenv)

    found = find([("k",)])

    assert found is not None
    assert found.value == list(LAYERS)[count - 1]


def test_tables_of_global_and_project_files_are_merged(write: Any, own_folder: Path) -> None:
    write(own_folder / ".dlt-data", config="[a]\nx = 1\ny = 1")
    write(config="[a]\ny = 2")

    assert (setting("a.x", default=0), setting("a.y", default=0)) == (1, 2)


def test_project_and_settings_folder_can_be_elsewhere(
    write: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(own_folder / "other" / "conf", config="k = 5")
    monkeypatch.setenv("DLT_PROJECT_DIR", str(own_folder / "other"))
    monkeypatch.setenv("DLT_CONFIG_FOLDER", "conf")

    assert setting("k", default=0) == 5


def test_files_of_the_profile_of_a_workspace(write: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(config="k = 1", dev__config="k = 2", prod__config="k = 3", tests__config="k = 4")
    assert setting("k", default=0) == 1

    (own_folder / ".dlt" / ".workspace").touch()
    assert setting("k", default=0) == 2

    (own_folder / ".dlt" / "profile-name").write_text("prod\n")
    assert setting("k", default=0) == 3

    monkeypatch.setenv("WORKSPACE__PROFILE", "tests")
    assert setting("k", default=0) == 4


def test_files_are_read_once_and_again_when_they_change(
    write: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    original = providers._read

    def counted(path: Path) -> dict[str, Any]:
        read.append(path)
        return original(path)

    monkeypatch.setattr(providers, "_read", counted)
    write(config="k = 1")
    assert [setting("k", default=0) for _ in range(3)] == [1, 1, 1]
    assert read.count(own_folder / ".dlt" / "config.toml") == 1

    write(config="k = 22")
    assert setting("k", default=0) == 22
    (own_folder / ".dlt" / "config.toml").unlink()
    assert setting("k", default=0) == 0


def test_a_file_that_is_no_toml_is_named(write: Any) -> None:
    write(config="k = yes please")

    with pytest.raises(ConfigError, match=r"not TOML") as caught:
        setting("k", default=0)
    assert caught.value.file.endswith("config.toml")


@pytest.mark.parametrize("place", ["sources--token", "sources--token/sources--token"])
def test_files_for_secrets_go_before_variables(place: str, own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = own_folder / "run" / place
    file.parent.mkdir(parents=True)
    file.write_text(" from the file \n")
    monkeypatch.setattr(providers, "SECRET_FILES", own_folder / "run")
    monkeypatch.setenv("SOURCES__TOKEN", "from the variable")
    path = [("sources", "token")]

    assert find(path, secret=True).value == "from the file"  # type: ignore[union-attr]
    assert find(path).value == "from the variable"  # type: ignore[union-attr]
    assert os.environ["SOURCES__TOKEN"] == "from the variable"  # not handed on to other processes


def test_secrets_are_not_taken_from_config_toml(write: Any) -> None:
    write(config='token = "a"')
    assert find([("token",)], secret=True) is None

    write(secrets='token = "b"')
    assert find([("token",)], secret=True).value == "b"  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["PATH", "HOME", "USER"])
def test_variables_of_the_system_are_no_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "of the system")
    assert find([(name.lower(),)]) is None

    monkeypatch.setenv(f"SOURCES__{name}", "ours")
    assert find([("sources", name.lower())]).value == "ours"  # type: ignore[union-attr]


class Vault:
    name, secret = "vault", True

    def get(self, path: tuple[str, ...]) -> Any:
        return {("a", "b"): "vaulted"}.get(path)


def test_a_provider_of_the_user_is_asked_last(write: Any) -> None:
    dlt.config.register_provider(Vault())
    assert dlt.config["a.b"] == dlt.secrets["a.b"] == "vaulted"

    write(config='[a]\nb = "file"')
    assert dlt.config["a.b"] == "file"

    with pytest.raises(ConfigError, match="already"):
        dlt.config.register_provider(Vault())
    with pytest.raises(ConfigError, match="no name"):
        dlt.config.register_provider(5)


def test_a_function_is_a_provider_and_called_once() -> None:
    calls = []

    def project() -> dict[str, Any]:
        calls.append(1)
        return {"a": {"b": 7}}

    dlt.config.register_provider(project)

    assert dlt.config["a.b"] == dlt.config.get("a.b", int) == 7
    assert len(calls) == 1
    assert [one.name for one in dlt.config.config_providers][-1] == "project"


def test_a_provider_of_dlt_1_31() -> None:
    class Old:
        name, supports_secrets, supports_sections = "old", False, True

        def get_value(self, key: str, hint: Any, pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
            full = ".".join((*sections, key))
            return {"a.b": 5}.get(full), full

    dlt.config.register_provider(Old())

    assert dlt.config["a.b"] == 5
    assert dlt.secrets.get("a.b") is None


def test_the_pipeline_of_a_block(write: Any) -> None:
    write(config="k = 1\n[own]\nk = 2\n[active]\nk = 3")
    use_pipeline("active")

    with for_pipeline("own"):
        assert setting("k", default=0) == 2
    assert setting("k", default=0) == 3


def test_a_provider_without_secrets_is_not_asked_for_them() -> None:
    dlt.config.register_provider(providers.Document("plain", lambda: {"k": 1}, supports_secrets=False))

    assert dlt.config.get("k") == 1
    assert dlt.secrets.get("k") is None


# ---- settings


def test_settings_come_from_files(write: Any) -> None:
    write(
        config='memory_limit = "1GB"\n[normalize]\non_bad_rows = "fail"\n[load]\nraise_on_max_retries = 2\n[mine.load]\nraise_on_max_retries = 3'
    )

    assert run_settings("other").fail_on_bad_rows
    assert run_settings("other").memory_limit == 10**9
    assert run_settings("other").max_load_tries == 2
    assert run_settings("mine").max_load_tries == 3


@pytest.mark.parametrize(("text", "default"), [('"x"', 5), ('"perhaps"', True), ("[1]", "text"), ("1.5", 5)])
def test_a_setting_of_the_wrong_type(text: str, default: Any, write: Any) -> None:
    write(config=f"[a]\nk = {text}")

    with pytest.raises(ConfigError, match=f"is no {type(default).__name__}") as caught:
        setting("a.k", default=default)
    assert (caught.value.key, caught.value.variable, caught.value.place) == ("a.k", "A__K", "config.toml")


def test_options_have_any_type(write: Any) -> None:
    write(config='[a]\nnames = ["x", "y"]\n[a.more]\nz = 1')

    assert typed_setting("a.names", kind=list[str]) == ["x", "y"]
    assert typed_setting("a.more", kind=dict) == {"z": 1}
    assert typed_setting("a.none", kind=dict) is None
    with pytest.raises(ConfigError, match=r"a\.names"):
        typed_setting("a.names", kind=int)


def test_what_is_mentioned(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not mentioned("data_writer")

    write(config="[normalize.data_writer]\nfile_max_items = 5")
    assert mentioned("data_writer")

    write(config="")
    monkeypatch.setenv("DATA_WRITER__FILE_MAX_ITEMS", "5")
    assert mentioned("data_writer")


def test_importing_reads_no_file() -> None:
    code = "import sys, dlt; dlt.config; dlt.secrets.value; dlt.TSecretValue; print('tomllib' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


# ---- providers of dlt 1.31


def test_section_4_1_custom_document() -> None:
    calls = []

    def loader() -> dict[str, Any]:
        calls.append(1)
        return {"a": {"b": 7}}

    made = CustomLoaderDocProvider("mine", loader, supports_secrets=False, locations=["here"])
    dlt.config.register_provider(made)

    assert (dlt.config["a.b"], dlt.secrets.get("a.b"), calls) == (7, None, [1])
    assert (made.locations, made.present_locations, made.is_empty, made.to_dict()) == (
        ["here"],
        ["here"],
        False,
        {"a": {"b": 7}},
    )
    assert made.get_value("b", Any, "a") == (7, "a.b")


def test_section_4_1_custom_class() -> None:
    class Mine(ConfigProvider):
        name = "mine"
        supports_secrets = True

        def get_value(self, key: str, hint: Any, pipeline_name: str | None, *sections: str) -> tuple[Any, str]:
            return ("v" if (*sections, key) == ("a", "b") else None), key

    dlt.config.register_provider(Mine())

    assert dlt.secrets["a.b"] == "v"
    with pytest.raises(ConfigError, match="cannot be set"):
        Mine().set_value("k", 1, None)
    assert (Mine().is_writable, Mine().supports_sections) == (False, True)


# ---- profiles


@pytest.mark.parametrize(
    ("pinned", "chosen", "expected"),
    [(None, None, "dev"), ("prod", None, "prod"), ("prod", "tests", "tests"), (None, "access", "access")],
)
def test_section_4_8_profiles(
    pinned: str | None, chosen: str | None, expected: str, write: Any, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(config='[a]\nk = "all"\nj = 1', **{f"{expected}__config": '[a]\nk = "profile"'})
    settings = own_folder / ".dlt"
    (settings / ".workspace").touch()
    if pinned:
        (settings / "profile-name").write_text(f"{pinned}\n")
    if chosen:
        monkeypatch.setenv("WORKSPACE__PROFILE", chosen)
    monkeypatch.delenv("DLT_DATA_DIR")

    assert (dlt.config["a.k"], dlt.config["a.j"]) == ("profile", 1)
    pipeline = dlt.pipeline("pp", destination="duckdb")
    pipeline.run([{"a": 1}], table_name="t")
    assert Path(pipeline.working_dir) == settings / "state" / expected / "pipelines" / "pp"
    assert (settings / "data" / expected / "pp.duckdb").exists()


def test_section_4_8_variables_go_before_the_profile(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (own_folder / ".dlt").mkdir()
    (own_folder / ".dlt" / ".workspace").touch()
    monkeypatch.setenv("DLT_LOCAL_DIR", str(own_folder / "local"))

    assert data_dir() == own_folder / ".dlt-data"
    assert local_dir() == own_folder / "local"
