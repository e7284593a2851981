"""12.2: `dlt init` begins a project that runs; nothing of the user is lost on the way."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import duckdb
import pytest

from dlt.cli.init import PLANNED, _templates
from dlt.cli.scripts import wanted_by, with_pipeline
from dlt.destinations import registry

RUN_AT_ONCE = sorted(
    set(_templates()) - {"requests", "github_api", "rest_api", "sql_database", "filesystem"}
)  # these need a place


def tables(database: Path) -> set[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM information_schema.tables").fetchall()
    return {name for (name,) in names if not name.startswith("_dlt")}


@pytest.mark.parametrize("template", RUN_AT_ONCE)
def test_section_12_2_a_template_runs(template: str, dlt_: Any, script: Any, own_folder: Path) -> None:
    made = dlt_("init", template, "duckdb", "--json").data

    assert made["files"] == {
        f"{template}_pipeline.py": "new",
        ".dlt/config.toml": "new",
        ".dlt/secrets.toml": "new",
        ".gitignore": "new",
        "requirements.txt": "new",
    }
    assert (made["to_set"], made["note"]) == ({}, "")
    assert (
        f"were loaded to destination duckdb and into dataset {template}_data" in script(f"{template}_pipeline.py").out
    )
    assert tables(own_folder / f"{template}_pipeline.duckdb")
    assert dlt_("pipeline", f"{template}_pipeline", "info", "--json").data["dataset_name"] == f"{template}_data"


def test_section_12_2_a_name_of_its_own(dlt_: Any, script: Any, own_folder: Path) -> None:
    text = dlt_("init", "chess", "duckdb").out

    assert "There is no template 'chess': this began with the template 'default'." in text
    assert "python chess_pipeline.py" in text
    script("chess_pipeline.py")
    assert tables(own_folder / "chess_pipeline.duckdb") == {"orders", "orders__items"}
    assert (own_folder / "requirements.txt").read_text() == "dlt[duckdb]>=1.31.0\n"
    assert "secrets.toml" in (own_folder / ".gitignore").read_text().splitlines()
    assert (own_folder / ".dlt" / "secrets.toml").stat().st_mode & 0o777 == 0o600


def test_section_12_2_another_destination(dlt_: Any, script: Any, own_folder: Path) -> None:
    dlt_("init", "fruitshop", "filesystem")

    assert tomllib.loads((own_folder / ".dlt" / "config.toml").read_text()) == {
        "destination": {"filesystem": {"bucket_url": "data"}}
    }
    script("fruitshop_pipeline.py")
    assert {path.name for path in (own_folder / "data" / "fruitshop_data").iterdir()} >= {"customers", "inventory"}


# ---- a template with values to set, and a server that has what it loads


class Api(BaseHTTPRequestHandler):
    """Two pages: by their number until one is empty, and with links to the next one."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        self.send_response(200 if self.headers["Authorization"] == "Bearer t0ken" else 401)
        if parts.path.startswith("/repos") and page < 2:
            place = f"http://{self.headers['Host']}{parts.path}"
            self.send_header("Link", f'<{place}?page=1>; rel="prev", <{place}?page={page + 1}>; rel="next"')
        self.end_headers()
        self.wfile.write(json.dumps([{"id": page}] if page < 3 else []).encode())

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture
def api() -> Iterator[str]:
    made = HTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_section_12_2_values_to_set(dlt_: Any, script: Any, api: str, own_folder: Path) -> None:
    made = dlt_("init", "requests", "duckdb", "--json").data

    assert made["to_set"] == {
        ".dlt/config.toml": ["sources.records.api_url"],
        ".dlt/secrets.toml": ["sources.records.api_token"],
    }
    for name, value in (("config", f"{api}/records"), ("secrets", "t0ken")):
        file = own_folder / ".dlt" / f"{name}.toml"
        file.write_text(file.read_text().replace("<configure me>", value))
    explained = dlt_("config", "explain", "requests_pipeline.py:records", "--json").data["values"]
    assert {one["name"]: one["provider"] for one in explained} == {
        "api_token": "secrets.toml",
        "api_url": "config.toml",
        "page_size": "default",
    }
    assert "t0ken" not in json.dumps(explained)
    script("requests_pipeline.py")
    with duckdb.connect(str(own_folder / "requests_pipeline.duckdb")) as connection:
        assert connection.execute("SELECT id FROM requests_data.records ORDER BY 1").fetchall() == [(1,), (2,)]


def test_section_12_2_github(dlt_: Any, script: Any, api: str, own_folder: Path) -> None:
    assert dlt_("init", "github_api", "duckdb", "--json").data["to_set"] == {}

    script("github_api_pipeline.py", SOURCES__GITHUB__API_URL=api, SOURCES__GITHUB__ACCESS_TOKEN="t0ken")

    with duckdb.connect(str(own_folder / "github_api_pipeline.duckdb")) as connection:
        assert connection.execute("SELECT id FROM github_api_data.issues ORDER BY 1").fetchall() == [(1,), (2,)]


def test_section_12_2_files(dlt_: Any, script: Any, own_folder: Path) -> None:
    made = dlt_("init", "filesystem", "duckdb", "--json").data
    assert made["to_set"] == {".dlt/config.toml": ["sources.filesystem.bucket_url"]}
    (own_folder / "inbox").mkdir()
    (own_folder / "inbox" / "a.csv").write_text("id\n1\n2\n")
    config = own_folder / ".dlt" / "config.toml"
    config.write_text(config.read_text().replace("<configure me>", "inbox"))

    script("filesystem_pipeline.py")
    script("filesystem_pipeline.py")

    with duckdb.connect(str(own_folder / "filesystem_pipeline.duckdb")) as connection:
        assert connection.execute("SELECT id FROM filesystem_data.rows ORDER BY 1").fetchall() == [(1,), (2,)]


# ---- what is there already


def test_a_script_of_the_user_stays(dlt_: Any, own_folder: Path) -> None:
    script = own_folder / "fruitshop_pipeline.py"
    script.write_text("mine")

    refused = dlt_("init", "fruitshop", "duckdb", code=1)

    assert "fruitshop_pipeline.py is here already and will be overwritten" in refused.err
    assert [path.name for path in own_folder.iterdir()] == ["fruitshop_pipeline.py"]
    assert script.read_text() == "mine"

    dlt_("init", "fruitshop", "duckdb", "-y")
    assert script.read_text() != "mine"


def test_settings_of_the_user_stay(dlt_: Any, own_folder: Path) -> None:
    folder = own_folder / ".dlt"
    folder.mkdir()
    (folder / "config.toml").write_text('# mine\n[sources.records]\napi_url = "u" # kept\n')
    (own_folder / ".gitignore").write_text("*.log")
    (own_folder / "requirements.txt").write_text("dlt[duckdb]==1.31.0\npandas<4\n")

    made = dlt_("init", "requests", "duckdb", "--json").data

    assert made["files"][".dlt/config.toml"] == made["files"]["requirements.txt"] == "stays"
    assert (folder / "config.toml").read_text() == '# mine\n[sources.records]\napi_url = "u" # kept\n'
    assert (own_folder / ".gitignore").read_text().splitlines()[:2] == ["*.log", "secrets.toml"]
    assert (own_folder / "requirements.txt").read_text() == "dlt[duckdb]==1.31.0\npandas<4\n"

    again = dlt_("init", "requests", "duckdb", "--json").data
    assert set(again["files"].values()) == {"stays"}


def test_a_project_with_pyproject(dlt_: Any, own_folder: Path) -> None:
    (own_folder / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    text = dlt_("init", "dataframe", "duckdb").out

    assert 'add to the dependencies in pyproject.toml: "dlt[duckdb]>=1.31.0" "pandas"' in text
    assert not (own_folder / "requirements.txt").exists()


def test_settings_that_are_no_toml(dlt_: Any, own_folder: Path) -> None:
    (own_folder / ".dlt").mkdir()
    (own_folder / ".dlt" / "config.toml").write_text("a = = 1")

    assert "config.toml is not TOML" in dlt_("init", "default", "duckdb", code=1).err
    assert [path.name for path in own_folder.iterdir()] == [".dlt"]


# ---- a repository


SOURCE = """
import dlt
from .rows import ROWS

@dlt.source
def pokemon(limit: int = dlt.config.value, api_key: dlt.TSecretStrValue = dlt.secrets.value):
    return dlt.resource(ROWS[:limit], name="pokemon")
"""
FILES = {
    "sources/pokemon/__init__.py": SOURCE,
    "sources/pokemon/rows.py": "ROWS = [{'id': 1}, {'id': 2}]\n",
    "sources/pokemon/requirements.txt": "dlt>=1.0\nrequests>=2\n",
    "sources/pokemon_pipeline.py": (
        "import dlt\nfrom pokemon import pokemon\n\n"
        "pipeline = dlt.pipeline(pipeline_name='poké', destination='postgres', dataset_name='pd')\n"
        "if __name__ == '__main__':\n    print(pipeline.run(pokemon()))\n"
    ),
}


@pytest.fixture
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare git repository with a source."""
    work = tmp_path_factory.mktemp("work")
    for name, text in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text(text)
    who = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    for words in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        [*who, "commit", "-q", "-m", "first"],
        ["branch", "older"],
    ):
        subprocess.run(["git", *words], cwd=work, check=True, capture_output=True)
    bare = tmp_path_factory.mktemp("bare") / "sources.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True, capture_output=True)
    return bare


@pytest.mark.parametrize("kind", ["path", "url", "branch"])
def test_section_12_2_a_source_of_a_repository(
    kind: str, repository: Path, dlt_: Any, script: Any, own_folder: Path
) -> None:
    location = [f"file://{repository}" if kind == "url" else str(repository)]
    made = dlt_(
        "init",
        "pokemon",
        "duckdb",
        "--location",
        *location,
        *(["--branch", "older"] if kind == "branch" else []),
        "--json",
    ).data

    assert made["files"] == dict.fromkeys(
        (
            "pokemon_pipeline.py",
            "pokemon/__init__.py",
            "pokemon/rows.py",
            ".dlt/config.toml",
            ".dlt/secrets.toml",
            ".gitignore",
            "requirements.txt",
        ),
        "new",
    )
    assert made["to_set"] == {".dlt/secrets.toml": ["sources.pokemon.api_key"]}
    assert tomllib.loads((own_folder / ".dlt" / "config.toml").read_text()) == {"sources": {"pokemon": {"limit": 1}}}
    assert (own_folder / "requirements.txt").read_text() == "dlt[duckdb]>=1.31.0\nrequests>=2\n"
    script("pokemon_pipeline.py", SOURCES__POKEMON__API_KEY="k")
    assert tables(own_folder / "poké.duckdb") == {"pokemon"}


def test_section_12_2_sources_of_a_folder(repository: Path, dlt_: Any, tmp_path: Path) -> None:
    folder = tmp_path / "checked out"
    subprocess.run(["git", "clone", "-q", str(repository), str(folder)], check=True, capture_output=True)

    assert dlt_("init", "--list-sources", "--location", str(folder), "--json").data["sources"] == ["pokemon"]
    missing = dlt_("init", "pokemn", "duckdb", "--location", str(folder), code=1)
    assert "has no source 'pokemn'" in missing.err
    assert "there are pokemon" in missing.err


def test_a_repository_that_is_not_there(dlt_: Any, tmp_path: Path) -> None:
    assert "cannot be fetched" in dlt_("init", "x", "duckdb", "--location", f"file://{tmp_path}/none", code=1).err
    assert "is no location" in dlt_("init", "x", "duckdb", "--location=--upload-pack=x", code=1).err


def test_without_git(repository: Path, dlt_: Any, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()

    failed = dlt_("init", "pokemon", "duckdb", "--location", str(repository), code=1, PATH=str(empty))

    assert "git, which is not installed" in failed.err
    assert shutil.which("git")


def test_section_12_2_what_a_server_needs_waits_in_the_secrets(dlt_: Any, own_folder: Path) -> None:
    done = dlt_("init", "default", "postgres")

    secrets = tomllib.loads((own_folder / ".dlt" / "secrets.toml").read_text())
    assert set(secrets["destination"]["postgres"]["credentials"]) == {"host", "database", "username", "password"}
    assert "destination.postgres.credentials.password" in done.out
    assert (own_folder / "requirements.txt").read_text() == "dlt[postgres]>=1.31.0\n"


# ---- names


def test_lists(dlt_: Any) -> None:
    assert set(dlt_("init", "--list-sources", "--json").data["templates"]) == set(_templates())
    assert dlt_("init", "--list-destinations", "--json").data["planned"] == list(registry.PLANNED)
    assert "fruitshop" in dlt_("init", "-l").out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "A source and a destination are needed"),
        (["default"], "A source and a destination are needed"),
        (["default", "duckbd"], "did you mean 'duckdb'"),
        (["default", "snowflake"], "The destination 'snowflake' is not part of this version"),
        (["../up", "duckdb"], "cannot be the name of a script"),
        *[([name, "duckdb"], f"The source {name} is not part of this version") for name in PLANNED],
    ],
)
def test_what_cannot_be_begun(arguments: list[str], message: str, dlt_: Any, own_folder: Path) -> None:
    assert message in dlt_("init", *arguments, code=1).err
    assert not list(own_folder.iterdir())


# ---- scripts are read, not run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dlt.pipeline('a', destination='x')", 'dlt.pipeline("n_pipeline", destination="d")'),
        ("dlt.pipeline(pipeline_name='ä', dataset_name='y', destination='x')", 'dlt.pipeline(pipeline_name="n_pipeline", dataset_name="n_data", destination="d")'),
        ("dlt.pipeline('a', destination=dlt.destinations.duckdb('f'))", 'dlt.pipeline("n_pipeline", destination=dlt.destinations.duckdb(\'f\'))'),
        ("other.pipeline('a', destination='x')", "other.pipeline('a', destination='x')"),
        ("x = 'ü'; dlt.pipeline(\n    destination='x',\n)", "x = 'ü'; dlt.pipeline(\n    destination=\"d\",\n)"),
    ],
)  # fmt: skip
def test_names_in_a_script(text: str, expected: str) -> None:
    assert with_pipeline(text, "d", "n") == expected


def test_what_a_script_wants() -> None:
    text = """
@dlt.source(name="shop")
def source(a: int = dlt.config.value, *, b: list[str] = dlt.config.value, c=dlt.secrets.value, d=5, e: str | None = dlt.config.value):
    def inner(z=dlt.config.value): ...
@dlt.resource
def rows(x: bool = dlt.secrets.value): ...
@other
def no(y=dlt.config.value): ...
"""

    assert [(".".join(one.path), one.secret, one.example) for one in wanted_by(text)] == [
        ("sources.shop.a", False, 1),
        ("sources.shop.b", False, []),
        ("sources.shop.c", True, "<configure me>"),
        ("sources.shop.e", False, "<configure me>"),
        ("sources.rows.x", True, True),
    ]
