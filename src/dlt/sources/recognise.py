"""One-line sources: `dlt.run("data/*.csv")`, `dlt.run("https://host/x.json")`, `dlt.run("sqlite:///x.db")`."""

from __future__ import annotations

import logging
import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from dlt.config.credentials import ConnectionString
from dlt.config.spec import resolve_configuration
from dlt.errors import ResourceError
from dlt.extract.decorators import resource
from dlt.sources.filesystem import read_csv, read_json, read_jsonl, read_parquet
from dlt.sources.filesystem.access import WEB, FilesystemConfiguration, file_system, fsspec_from_config, scheme_of
from dlt.sources.filesystem.items import HAS_GLOB, PACKED, FileItemDict, glob_files
from dlt.sources.filesystem.web import shown
from dlt.sources.registry import KNOWN

if TYPE_CHECKING:
    from dlt.extract.resource import DltResource

logger = logging.getLogger("dlt")

READERS = {
    "csv": read_csv,
    "tsv": read_csv,
    "json": read_json,
    "jsonl": read_jsonl,
    "ndjson": read_jsonl,
    "parquet": read_parquet,
}
BY_TYPE = {
    "text/csv": "csv",
    "application/json": "json",
    "application/x-ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/vnd.apache.parquet": "parquet",
}  # what a web server calls files whose name does not tell
SHOWN = 10  # tables that are named


def files(text: str) -> list[DltResource]:
    """A resource for each table: files of one name, whatever their folder, go to one table of that name. ResourceError when
    there is no file, or one that no reader knows."""
    found = _listed(text)
    if not found:
        raise ResourceError(f"No file is {text!r}.", folder=str(Path.cwd()), hint=f"a text may be {KNOWN}")
    groups: dict[tuple[str, str], list[FileItemDict]] = {}
    for file, known in found:
        table, ending = _split(file["file_name"])
        ending = ending if ending in READERS else known or ending
        if ending not in READERS:
            raise ResourceError(
                f"No reader is known for the file {shown(file['file_url'])}.",
                found_by=shown(text),
                hint=f"files may end in {', '.join(READERS)}, each packed or not; give a pattern that leaves others out",
            )
        groups.setdefault((table, ending), []).append(file)
    return [_resource(text, table, ending, group) for (table, ending), group in groups.items()]


def _listed(text: str) -> list[tuple[FileItemDict, str | None]]:
    """Files, and the endings that a server says they should have."""
    scheme = scheme_of(text)
    if scheme in WEB and "*" not in text:
        fs, _ = file_system(text)
        info = _info(fs, text)
        name = unquote(posixpath.basename(urlsplit(text).path.rstrip("/"))) or urlsplit(text).hostname or "data"
        (only,) = glob_files(fs, text, "")
        return [(FileItemDict({**only, "file_name": name}, fs), BY_TYPE.get(info.get("mimetype") or ""))]
    bucket, glob = _cut(text, local=scheme == "file")
    empty = FilesystemConfiguration.from_value({})
    known = {"bucket_url": bucket}
    fs, _ = fsspec_from_config(resolve_configuration(empty, sections=("sources", "filesystem"), explicit_value=known))
    items = [FileItemDict(item, fs) for item in glob_files(fs, bucket, glob)]
    found: list[tuple[FileItemDict, str | None]] = []
    for item in items:
        if HAS_GLOB.search(glob) and item["file_name"].startswith((".", "_")):
            logger.info("%s is left out: its name begins with %s.", item["file_url"], item["file_name"][0])
        else:
            found.append((item, None))
    return found


def _info(fs: Any, url: str) -> dict[str, Any]:
    """What a web server tells of a file. ResourceError without what may be secret in the URL."""
    try:
        found: dict[str, Any] = fs.info(url)
    except Exception as cause:  # noqa: BLE001 - it is told
        text = (str(cause) or type(cause).__name__).replace(url, shown(url))
        failed = ResourceError(f"{shown(url)} cannot be read: {text}", url=shown(url), hint="see whether it is there")
        raise failed from None
    return found


def _cut(text: str, *, local: bool) -> tuple[str, str]:
    """The folder of a path or URL, and the glob below it."""
    if local and (path := Path(text).expanduser()).exists():
        return text, "*" if path.is_dir() else ""
    parts = re.split(r"[\\/]" if local and os.sep == "\\" else "/", text)
    at = next((place for place, part in enumerate(parts) if HAS_GLOB.search(part)), len(parts) - 1)
    folder = "/".join(parts[:at])
    return folder if folder or at == 0 else "/", "/".join(parts[at:]) or "*"


def _split(name: str) -> tuple[str, str]:
    """The name of a file without its endings, and the one that says what it is."""
    stem, ending = posixpath.splitext(name)
    if ending.lower() in PACKED:
        stem, ending = posixpath.splitext(stem)
    return stem or name, ending[1:].lower()


def _resource(text: str, table: str, ending: str, group: list[FileItemDict]) -> DltResource:
    reader = READERS[ending]
    made: DltResource = resource([group], name="files", selected=False) | reader().with_name(table)
    count = f"{len(group)} file(s)" if len(group) > 1 else shown(group[0]["file_url"])
    note = f"{shown(text)!r}: {count}, {reader.name.removeprefix('_')} -> table {table}"
    logger.info("Recognised %s", note)
    return made.add_input({"kind": "filesystem", "recognised": note})


def database(url: str, tables: Sequence[str] | None) -> list[Any]:
    """The tables of a database."""
    hidden = str(ConnectionString(url).render_as_string()).partition("?")[0]
    scheme, _, path = url.partition("///")
    if scheme.startswith("sqlite") and path and path != ":memory:" and not Path(path.partition("?")[0]).exists():
        raise ResourceError(f"There is no database {hidden!r}.", folder=str(Path.cwd()), hint="check the path")
    from dlt.sources.sql_database import sql_database

    source = sql_database(url, table_names=None if tables is None else list(tables))
    names = list(source.resources)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    note = f"{hidden!r}: database, sql_database -> tables {', '.join(names[:SHOWN])}{more}"
    logger.info("Recognised %s", note)
    for one in source.resources.values():
        one.add_input({"kind": "sql_database", "recognised": note})
    return [source]
