"""`dlt pipeline`: what is known of pipelines on this machine, and what can be mended."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

from dlt.cli import schemas
from dlt.cli.command import Answer, Command, CommandError, confirmed, table

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.schema import Schema

STATE, TRACE = "state.json", "trace.json"  # of which a work directory has one at least


def folder_of(options: Namespace) -> Path:
    """The folder of the work directories."""
    from dlt.config.settings import data_dir

    return Path(options.pipelines_dir) if options.pipelines_dir else data_dir() / "pipelines"


def pipeline_of(options: Namespace) -> Pipeline:
    """The pipeline that is named. CommandError when it has never run here."""
    from difflib import get_close_matches

    from dlt.pipeline.factory import attach, pipeline

    folder, name = folder_of(options), options.pipeline_name
    known = [one["name"] for one in _known(folder)]
    if name is None:
        raise CommandError("Which pipeline?", hint="dlt pipeline NAME ...; dlt pipeline --list shows them")
    if name not in known and getattr(options, "destination", None) is None:
        near = [one for one in known if one.startswith(name)][:1] or get_close_matches(name, known, 1, 0.6)
        hint = f"did you mean {near[0]!r}?" if near else "dlt pipeline --list shows those that are there"
        raise CommandError(f"There is no pipeline {name!r} in {folder}.", hint=hint)
    if not (folder / name / STATE).exists() and name in known:  # nothing but the trace of a run that failed
        return pipeline(name, pipelines_dir=str(folder), _keep=True)
    return attach(
        name,
        pipelines_dir=str(folder),
        destination=getattr(options, "destination", None),
        dataset_name=getattr(options, "dataset_name", None),
    )


# ---- all of them


def overview(options: Namespace) -> Answer:
    """The list of pipelines; without --list and without a name the help."""
    if not options.list_pipelines:
        if options.pipeline_name is not None:
            return info(options)
        raise CommandError("Which pipeline?", hint="dlt pipeline --list shows them; then dlt pipeline NAME info")
    folder = folder_of(options)
    found = _known(folder)
    count = f"{len(found)} pipeline{'' if len(found) == 1 else 's'}"
    lines = [f"{count} found in {folder}"]
    if found:
        lines.append(table([(one["name"], f"last run {_ago(one['last_run'])}") for one in found], "  "))
    return Answer("\n".join(lines), {"pipelines_dir": str(folder), "pipelines": found})


def _known(folder: Path) -> list[dict[str, Any]]:
    """Names and last runs, the newest first."""
    found = []
    for path in folder.iterdir() if folder.exists() else ():
        if any((path / name).exists() for name in (STATE, TRACE)):
            last = max((file.stat().st_mtime for file in path.glob("*.json")), default=0.0)
            found.append((last, path.name))
    return [
        {"name": name, "last_run": datetime.fromtimestamp(last, UTC).isoformat(timespec="seconds")}
        for last, name in sorted(found, reverse=True)
    ]


def _ago(moment: str) -> str:
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds())
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if (count := seconds // size) > 0:
            return f"{count} {word}{'' if count == 1 else 's'} ago, {moment}"
    return f"just now, {moment}"


# ---- one of them


def info(options: Namespace) -> Answer:
    """State, schemas, packages that wait, and what to do next."""
    pipeline = pipeline_of(options)
    state = pipeline.state
    failed, completed = pipeline.list_failed_load_packages(), pipeline.list_completed_load_packages()
    schemas = {name: _tables(schema) for name, schema in pipeline.schemas.items()}
    trace = pipeline.last_trace
    data = {
        "pipeline_name": pipeline.pipeline_name,
        "working_dir": pipeline.working_dir,
        "destination": state.get("destination_name")
        or (state.get("destination_type") or "").rpartition(".")[2]
        or None,
        "dataset_name": state.get("dataset_name"),
        "first_run": pipeline.first_run,
        "state": {key: value for key, value in state.items() if key != "_local"},
        "local_state": state["_local"],
        "schemas": schemas,
        "packages": {
            "extracted": pipeline.list_extracted_load_packages(),
            "normalized": pipeline.list_normalized_load_packages(),
            "failed": failed,
            "completed": completed,
        },
        "last_run_failed": bool(trace and any(step.step_exception for step in trace.steps)),
    }
    return Answer(_info_text(data, options.verbose), data)


def _tables(schema: Schema) -> dict[str, list[str]]:
    """The tables of a schema by resource."""
    found: dict[str, list[str]] = {}
    by_name = {table.name: table for table in schema.all_tables}
    for name in schema.data_table_names():
        root = by_name[name]
        while root.parent in by_name:
            root = by_name[root.parent]
        found.setdefault(root.resource or root.name, []).append(name)
    return found


def _info_text(data: dict[str, Any], verbose: int) -> str:
    name, packages = data["pipeline_name"], data["packages"]
    pending = [*packages["extracted"], *packages["normalized"]]
    head = [
        ("pipeline", name),
        ("work directory", data["working_dir"]),
        ("destination", data["destination"] or "none yet"),
        ("data set", data["dataset_name"] or "none yet"),
        ("loaded packages", f"{len(packages['completed'])}{_last(packages['completed'])}"),
        ("waiting packages", f"{len(pending)}{_last(pending)}"),
        ("failed packages", f"{len(packages['failed'])}{_last(packages['failed'])}"),
        (
            "last run",
            "failed" if data["last_run_failed"] else "went well" if not data["first_run"] else "loaded nothing yet",
        ),
    ]
    lines = [table(head)]
    for schema, resources in data["schemas"].items():
        lines.append(f"\nschema {schema}")
        lines += [f"  {resource}: {', '.join(tables)}" for resource, tables in resources.items()] or ["  no tables yet"]
    if verbose:
        lines.append("\nstate")
        lines += [f"  {key}: {value}" for key, value in data["state"].items() if verbose > 1 or key != "sources"]
        lines += [f"  {key}: {value}  (this machine only)" for key, value in data["local_state"].items()]
    if pending:
        lines.append(f"\nThe next run loads what waits; dlt pipeline {name} drop-pending-packages gives it up.")
    if packages["failed"]:
        lines.append(f"\ndlt pipeline {name} failed-jobs says why packages failed.")
    elif data["last_run_failed"]:
        lines.append(f"\ndlt pipeline {name} trace says what went wrong.")
    return "\n".join(lines)


def _last(load_ids: list[str]) -> str:
    return f", the last is {load_ids[-1]}" if load_ids else ""


def trace(options: Namespace) -> Answer:
    """What the last run did."""
    pipeline = pipeline_of(options)
    found = pipeline.last_trace
    if found is None:
        raise CommandError(
            f"The pipeline {pipeline.pipeline_name!r} has no trace.",
            hint="it is written by the next run, unless enable_runtime_trace is off",
        )
    return Answer(found.asstr(options.verbose), found.asdict())


def schema(options: Namespace) -> Answer:
    """A schema, in one of the formats."""
    pipeline = pipeline_of(options)
    name = options.schema_name or pipeline.default_schema_name
    if name not in pipeline.schemas:
        known = ", ".join(pipeline.schemas)
        raise CommandError(
            f"The pipeline has no schema {name!r}." if name else "The pipeline has no schema yet.",
            hint=f"there are {known}" if known else "run it first",
        )
    return schemas.shown(pipeline.schemas[name], options)


def failed_jobs(options: Namespace) -> Answer:
    """The packages that failed, with what failed in them."""
    pipeline = pipeline_of(options)
    waiting = [*pipeline.list_extracted_load_packages(), *pipeline.list_normalized_load_packages()]
    found = []
    for load_id in [*pipeline.list_failed_load_packages(), *waiting, *pipeline.list_completed_load_packages()]:
        failures = pipeline.get_load_package_state(load_id).get("failures", [])
        jobs = [
            {"table": job.table_name, "file": job.file_path, "message": job.failed_message}
            for job in pipeline.list_failed_jobs_in_package(load_id)
        ]
        stage = pipeline.get_load_package_info(load_id).state
        if jobs or (failures and stage not in ("loaded", "aborted")):
            found.append({"load_id": load_id, "state": stage, "failures": failures, "jobs": jobs})
    lines = [] if found else ["No failed jobs."]
    for one in found:
        lines.append(f"package {one['load_id']}, {one['state']}")
        lines += [indent(_failure(failure), "  ") for failure in one["failures"][-1:]]
        known = {failure.get("error") for failure in one["failures"]}
        for job in one["jobs"]:
            why = "failed" if job["message"] is None or job["message"] in known else job["message"]
            lines.append(indent(f"{job['table']}: {why}\n  {job['file']}", "  "))
    if found:
        lines.append(f"\nIn Python, dlt.attach({pipeline.pipeline_name!r}).retry_package(load_id) tries one again;")
        lines.append(f"dlt pipeline {pipeline.pipeline_name} drop-pending-packages gives all of them up.")
    return Answer("\n".join(lines), {"packages": found})


def _failure(failure: Mapping[str, Any]) -> str:
    tries = failure.get("tries") or 1
    return f"{failure.get('step')} failed{f' {tries} times' if tries > 1 else ''}: {failure.get('error')}"


def _load_package(options: Namespace) -> Answer:
    from dlt.cli.packages import load_package

    return load_package(options)


# ---- mending


def drop_pending_packages(options: Namespace) -> Answer:
    """Give up what waits or has failed."""
    pipeline = pipeline_of(options)
    chosen = pipeline.abort_packages(dry_run=True)
    if not chosen:
        return Answer("No packages wait.", {"dropped": []})
    confirmed(
        options,
        f"{len(chosen)} package{'' if len(chosen) == 1 else 's'} of {pipeline.pipeline_name} and their rows are given up: "
        f"{', '.join(chosen)}. Go on?",
    )
    done = pipeline.abort_packages()
    return Answer(f"Given up: {', '.join(done)}. State and schemas are as they were before.", {"dropped": done})


def sync(options: Namespace) -> Answer:
    """Forget what is here and take state and schemas from the destination, when it has them."""
    here = options.pipeline_name in {one["name"] for one in _known(folder_of(options))}
    pipeline = pipeline_of(options)
    destination, dataset = pipeline.need_destination(), pipeline.dataset_name
    if here:
        _check_there(pipeline)
        confirmed(
            options,
            f"State, schemas and waiting packages of {pipeline.pipeline_name} on this machine are replaced by what "
            f"{destination.name} has in {dataset}. Go on?",
        )
        pipeline = pipeline.drop()
        pipeline.sync_destination(destination, dataset_name=dataset)
    text = f"Taken over from {destination.name}, data set {dataset}: schemas {', '.join(pipeline.schemas)}."
    return Answer(text, {"destination": destination.name, "dataset_name": dataset, "schemas": list(pipeline.schemas)})


def _check_there(pipeline: Pipeline) -> None:
    """CommandError when the destination has no state of a pipeline: what is here is all there is of it."""
    from dlt.pipeline.sync import stored_state

    destination = pipeline.need_destination()
    with pipeline.session() as session:
        found = destination.caps.keeps_state and stored_state(session, pipeline.pipeline_name)
    if not found:
        raise CommandError(
            f"{destination.name} has nothing of {pipeline.pipeline_name!r} in the data set {pipeline.dataset_name}; "
            "nothing was changed.",
            hint=f"it looked at {destination.location}; give --destination or --dataset-name, or run it where it ran before",
        )


def drop(options: Namespace) -> Answer:
    """Drop tables and state of resources."""
    from dlt.pipeline.dropping import drop_resources, to_drop

    pipeline = pipeline_of(options)
    if not (options.resources or options.drop_all or options.state_paths):
        raise CommandError("Nothing is named that should be dropped.", hint="name resources, or give --drop-all")
    if pipeline.has_pending_data:
        raise CommandError(
            "Packages wait to be loaded.",
            hint=f"run the pipeline, or dlt pipeline {pipeline.pipeline_name} drop-pending-packages",
        )
    chosen = to_drop(
        pipeline,
        options.resources,
        schema_name=options.schema_name,
        drop_all=options.drop_all,
        state_paths=options.state_paths or (),
        state_only=options.state_only,
    )
    data = {
        "schema": chosen.schema_name,
        "resources": list(chosen.resources),
        "tables": list(chosen.tables),
        "state_of": list(chosen.with_state),
        "state_paths": list(chosen.state_paths),
        "dataset_name": pipeline.dataset_name,
    }
    if chosen.is_empty:
        known = ", ".join(chosen.known) or "none"
        raise CommandError("There is nothing like that to drop.", hint=f"the schema has the resources {known}")
    rows = [
        ("data set", f"{pipeline.dataset_name} in {pipeline.need_destination().name}"),
        ("resources", ", ".join(chosen.resources) or "none"),
        ("tables", ", ".join(chosen.tables) or "none"),
        ("state of", ", ".join(chosen.with_state) or "none"),
        ("state paths", ", ".join(chosen.state_paths) or "none"),
    ]
    confirmed(options, f"{table(rows)}\nAll of this is dropped. Go on?")
    drop_resources(pipeline, chosen)
    return Answer(f"{table(rows)}\nDropped." if options.yes else "Dropped.", {**data, "dropped": True})


# ---- arguments


def _of_schema(parser: ArgumentParser) -> None:
    schemas.arguments(parser)
    parser.add_argument("--schema", dest="schema_name", metavar="NAME", help="default: that of the first source")


def _of_load_package(parser: ArgumentParser) -> None:
    from dlt.cli.packages import arguments

    arguments(parser)


def _from_destination(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--destination", metavar="NAME", help="where the pipeline has loaded to, when it is not known here"
    )
    parser.add_argument("--dataset-name", metavar="NAME", help="the data set it has loaded to")


def _of_drop(parser: ArgumentParser) -> None:
    parser.add_argument("resources", nargs="*", metavar="RESOURCE", help="a name, or re: and a regular expression")
    parser.add_argument("--drop-all", action="store_true", help="all resources of the schema")
    parser.add_argument("--state-paths", nargs="+", metavar="PATH", help="keys in the state of the source, with dots")
    parser.add_argument("--schema", dest="schema_name", metavar="NAME", help="default: that of the first source")
    parser.add_argument("--state-only", action="store_true", help="reset the state, keep the tables")
    _from_destination(parser)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--list", "--list-pipelines", "-l", dest="list_pipelines", action="store_true", help="list all pipelines"
    )
    parser.add_argument("--pipelines-dir", metavar="DIR", help="the folder of the pipelines; stands before NAME")
    parser.add_argument("pipeline_name", metavar="NAME", nargs="?", help="the name of the pipeline")


COMMAND = Command(
    "pipeline",
    "look at pipelines that have run on this machine, and mend them",
    overview,
    _arguments,
    (
        Command("info", "show state, schemas and packages", info),
        Command("trace", "show what the last run did", trace),
        Command("schema", "print a schema", schema, _of_schema),
        Command("failed-jobs", "show which packages failed, and why", failed_jobs),
        Command("drop", "drop tables and state of resources, here and at the destination", drop, _of_drop),
        Command("drop-pending-packages", "give up packages that wait or have failed", drop_pending_packages),
        Command("abort-packages", "the same, by its newer name", drop_pending_packages),
        Command("load-package", "show one load package, the newest if none is named", _load_package, _of_load_package),
        Command("sync", "replace what is here by what the destination has", sync, _from_destination),
    ),
)
