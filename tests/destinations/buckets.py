"""Loads into a folder by hand, and what is in it afterwards."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from dlt.destinations import filesystem
from dlt.destinations.registry import create
from dlt.load.steps import Commit, Copy, Replace
from dlt.schema.schema import Schema

from .packages import NOW, table

NUMBERS = table("numbers", {"a": "bigint"})
NESTED = table("numbers__items", {"b": "bigint"}, parent="numbers")


def bucket(**options):
    return create(filesystem("bucket", **options))


def files(dataset="ds", folder="bucket"):
    """All files of a data set but those of dlt."""
    root = Path(folder) / dataset
    paths = (path.relative_to(root).as_posix() for path in sorted(root.rglob("*")) if path.is_file())
    return [path for path in paths if not path.startswith(("_dlt", "init"))]


def names_in(kind):
    """The files of a table of dlt."""
    return sorted(path.name for path in (Path("bucket") / "ds" / kind).iterdir())


def committing(package, *tables, at=NOW):
    """What Commit writes for a first load: the schema, and the row of the load."""
    schema = Schema("schema")
    for one in tables:
        schema.update_table(one)
    version = {
        "version": 1,
        "engine_version": 11,
        "inserted_at": at,
        "schema_name": "schema",
        "version_hash": schema.version_hash,
        "schema": schema.to_text(),
    }
    load = {
        "load_id": package.load_id,
        "schema_name": "schema",
        "status": 0,
        "inserted_at": NOW,
        "schema_version_hash": schema.version_hash,
    }
    return Commit({"_dlt_version": [version], "_dlt_loads": [load]})


def run(destination, package, steps, *tables, commit=None):
    """Apply steps and a Commit, as a load of `package` would."""
    with closing(destination.open("ds", package.load())) as session:
        return [session.apply(step) for step in [*steps, commit or committing(package, *tables)]]


def rows_of(destination, name):
    with closing(destination.open("ds", None)) as session:
        return session.read(name).read_all().to_pylist()


def replaced(package, of, rows, *nested):
    chain = [(of, rows), *nested]
    copies = [Copy(one, (package.file(one, some, "jsonl"),) if some else (), scratch=True) for one, some in chain]
    return [*copies, Replace(tuple(one for one, _ in chain))]
