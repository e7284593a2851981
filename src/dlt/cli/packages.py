"""`dlt pipeline NAME load-package`: one load package, its files, what it changed, and how its books balance."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from dlt.cli.command import Answer, CommandError, table
from dlt.cli.pipelines import pipeline_of

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline

PARTS = ("info", "row-counts")


def load_package(options: Namespace) -> Answer:
    """A package: the one that is named, else the newest."""
    pipeline = pipeline_of(options)
    load_id, part = options.load_id, options.part
    if load_id in PARTS and part is None:  # `load-package row-counts` is about the newest one
        load_id, part = None, load_id
    found = pipeline.get_load_package_info(load_id or _newest(pipeline))
    if part == "row-counts":
        counts: dict[str, int] = {}
        for job in found.all_jobs:
            counts[job.table_name] = counts.get(job.table_name, 0) + job.rows
        lines = [
            f"Load package {found.load_id} is {found.state}, with",
            table(list(counts.items()), "  ") or "  no rows",
        ]
        books = {name: dict(entries) for name, entries in found.ledger.items()}
        data = {"load_id": found.load_id, "state": found.state, "rows": counts, "books": books}
        return Answer("\n".join(lines), data)
    return Answer(f"{found.asstr(options.verbose + 1)}\nin {found.package_path}", found.asdict())


def _newest(pipeline: Pipeline) -> str:
    every = [
        *pipeline.list_extracted_load_packages(),
        *pipeline.list_normalized_load_packages(),
        *pipeline.list_failed_load_packages(),
        *pipeline.list_completed_load_packages(),
    ]
    if not every:
        raise CommandError("The pipeline has no load packages.", hint="run it first")
    return max(every)


def arguments(parser: ArgumentParser) -> None:
    """The arguments of `load-package`."""
    parser.add_argument("load_id", nargs="?", metavar="LOAD_ID", help="default: the newest package")
    parser.add_argument("part", nargs="?", choices=PARTS, metavar="PART", help="info, the default, or row-counts")
