"""The stages of a run: data -> packages, extracted packages -> normalised ones, normalised packages -> destination."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dlt.config.settings import setting
from dlt.errors import DestinationRefused, PackageError
from dlt.extract.package_state import emptied_tables, package_at_work
from dlt.extract.placing import placed
from dlt.extract.source import sources_of
from dlt.load.refused import without_refused
from dlt.load.run import failure, load_package
from dlt.package.manifest import EXTRACTED, Manifest
from dlt.package.store import BEFORE, SCHEMA, on_disk, read_text, write_atomic
from dlt.pipeline import state as states
from dlt.pipeline.building import Builder, Built
from dlt.pipeline.metrics import noted_of
from dlt.pipeline.progress import counter, step_counter
from dlt.pipeline.refresh import Refreshed, refresh_source
from dlt.pipeline.sync import LOADED_STATE, LOADED_VERSION, check_alone, commit_rows, seen_version
from dlt.quarantine import TABLE as QUARANTINE_TABLE
from dlt.schema.evolve import declare, instructions
from dlt.schema.model import STATE, Table
from dlt.schema.schema import Schema
from dlt.schema.settings import new_settings
from dlt.schema.tables import STATE_TABLE

if TYPE_CHECKING:
    from dlt.extract.source import DltSource
    from dlt.load.session import Session
    from dlt.package.store import Store
    from dlt.pipeline.pipeline import Pipeline
    from dlt.pipeline.sync import Rows
    from dlt.schema.capabilities import Capabilities

VERSIONS = ("_state_version", "_version_hash")


@dataclass(frozen=True)
class Asked:
    """What a run asks for besides the data: a schema, hints for all resources, a file format, a refresh mode."""

    schema: Schema | None = None
    hints: Mapping[str, Any] | None = None
    file_format: str | None = None
    refresh: str | None = None


# ---- data -> packages


def build(pipeline: Pipeline, data: Any, asked: Asked, stage: str) -> list[Built]:
    """Take the data into one sealed package for each schema, as far as `stage`. When it fails nothing is kept, except
    packages that are complete when another one cannot be sealed."""
    caps = pipeline.need_destination().caps
    hints = {key: value for key, value in (asked.hints or {}).items() if value is not None}
    name = asked.schema.name if asked.schema else pipeline.default_schema_name or pipeline.schema_name_for_data
    sources = sources_of(data, schema_name=name, section=pipeline.pipeline_name, **hints)
    resources = [resource for source in sources for resource in source.selected_resources.values()]
    notes = (one.get("recognised") for resource in resources for one in resource.inputs)
    pipeline.recognised = list(dict.fromkeys(filter(None, notes)))
    state = copy.deepcopy(pipeline.state)
    by_schema: dict[str, list[DltSource]] = {}
    for source in sorted(sources, key=lambda source: source.name):
        by_schema.setdefault(source.name, []).append(source)
    state["schema_names"] = list(dict.fromkeys([*state["schema_names"], *by_schema]))
    built: list[Built] = []
    packages = pipeline.workdir.packages
    try:
        for schema_name, group in by_schema.items():
            schema = work_schema(pipeline, group, asked.schema, caps)
            before = schema.clone() if pipeline.schema_files.lacks(schema_name) else None
            load_id = packages.new_load_id()
            pipeline.found["load_id"] = load_id
            builder = Builder(
                packages, schema, caps, pipeline.settings, pipeline.pipeline_name, load_id, asked.file_format
            )
            builder.count = counter(pipeline.collector)
            with package_at_work(load_id, {}) as kept:
                one = _package(builder, group, state, asked.refresh, stage)
            one.manifest = one.manifest.with_(package_state=states.encoded(kept))
            if before is not None:
                pipeline.schema_files.start(builder.declared_schema(before), schema)
            one.state = copy.deepcopy(state) if len(by_schema) > 1 else state
            built.append(one)
        for one in built:
            _describe(pipeline, one.state or state, by_schema)
        return seal_all(pipeline, built, state)
    except BaseException:
        packages.discard_new()
        raise


def work_schema(pipeline: Pipeline, sources: list[DltSource], given: Schema | None, caps: Capabilities) -> Schema:
    """The schema of these sources as it is before their data: what is known of it, and what the code says."""
    name = sources[0].name
    known = pipeline.schema_files.current(name, pipeline.schemas.get(name))
    schema = known.clone() if known else Schema(name)
    imported = schema.imported_version_hash is not None
    if not pipeline.import_schema_path:
        schema.instructed = {}  # those of a schema that was given to an earlier run
    for code in [*([given] if given else []), *(source.schema for source in sources)]:
        if code.data_table_names(include_incomplete=True) or code.settings != new_settings():
            schema.update_schema(code)
            schema.instructed = {**schema.instructed, **instructions(code)}
        if code.root_key is not None or not imported:
            schema.root_key = code.root_key
        if code.max_nesting is not None or not imported:
            schema.max_nesting = code.max_nesting
        contract = code.settings.get("schema_contract")
        if contract != schema.settings.get("schema_contract") and (contract or not imported):
            schema.set_schema_contract(contract)
    code = given or sources[0].schema
    wanted: Any = setting(f"sources.{name}.schema.naming", "schema.naming", default=None)
    if wanted is None and known is None:
        wanted = code.naming if type(code.naming).name() != "snake_case" else caps.naming
    schema.configure_naming(wanted, min(caps.max_table_name, caps.max_column_name))
    return schema


def _package(
    builder: Builder, sources: list[DltSource], state: dict[str, Any], refresh: str | None, stage: str
) -> Built:
    refreshed = [refresh_source(builder.schema, source, state, refresh) for source in sources]
    replaced: dict[str, None] = {}
    replacing: set[str] = set()

    def items() -> Iterator[tuple[Any, Any]]:
        for source in sources:
            placing = placed(source, state)
            yield from placing
            replacing.update(placing.replaced)
            replaced.update((builder.declare(raw_name, hints), None) for raw_name, hints, *_ in placing.empty)
            for raw_name, rows in placing.filtered.items():
                name = builder.normalizer.table_name(raw_name)
                builder.ledger.add(name, "extracted", rows)
                builder.ledger.add(name, "filtered", rows)

    built = builder.extract(items()) if stage == EXTRACTED else builder.normalize(items())
    replaced.update(dict.fromkeys(_replaced_before(builder.schema, replacing)))
    tables = (*built.manifest.tables, *(name for name in replaced if name not in built.manifest.tables))
    refreshed.append(Refreshed(truncated=tuple(map(builder.normalizer.table_name, emptied_tables()))))
    built.manifest = _with_refresh(built.manifest.with_(tables=tables, refresh=refresh), refreshed)
    built.noted |= noted_of(sources)
    return built


def _replaced_before(schema: Schema, resources: set[str]) -> Iterator[str]:
    """Tables that these resources, which replace in this run, filled in earlier ones, whether they do it again or not."""
    for table in schema.all_tables:
        if table.resource in resources and table.write_disposition == "replace" and table.columns:
            yield table.name


def _with_refresh(manifest: Manifest, refreshed: Iterable[Refreshed]) -> Manifest:
    dropped = dict.fromkeys(name for one in refreshed for name in one.dropped)
    truncated = dict.fromkeys(name for one in refreshed for name in one.truncated)
    return manifest.with_(dropped=tuple(dropped), truncated=tuple(truncated))


def _describe(pipeline: Pipeline, state: dict[str, Any], schemas: Iterable[str]) -> None:
    """Put into the state what this pipeline is: destination, data set, schemas."""
    destination = pipeline.need_destination()
    state["default_schema_name"] = state["default_schema_name"] or next(iter(schemas), None)
    state["destination_type"] = destination.type
    named = destination.name != destination.type.rpartition(".")[2]
    state["destination_name"] = destination.name if named else None
    state["dataset_name"] = pipeline.dataset_name


def seal_all(pipeline: Pipeline, built: list[Built], state: dict[str, Any]) -> list[Built]:
    """Seal the packages that have something to load, each with the state as it is after its rows: what is loaded and
    what the state says go together, also when the process dies between two of them.

    state: for packages that have none of their own.
    """
    packages = pipeline.workdir.packages
    pipeline.package_schemas = {}
    worth: list[Built] = []
    for one in built:
        manifest, before = one.manifest, pipeline.state
        after = _following(before, one.state or state)
        moved = after.get("sources") != before.get("sources")  # perhaps without any row
        if not (manifest.tables or manifest.dropped or manifest.truncated or moved):
            packages.discard_new(manifest.load_id)
            continue
        if after["_version_hash"] != before["_local"].get("_last_extracted_hash"):
            after["_local"]["_last_extracted_hash"] = after["_version_hash"]
            document = states.encoded({key: value for key, value in after.items() if key != "_local"})
            one.manifest = manifest.with_(state=document)
            one.schema.put(one.schema.table(STATE) or STATE_TABLE)
        _keep_before(pipeline, one)
        seal(packages, one)
        pipeline.package_schemas[manifest.load_id] = one.schema
        pipeline.adopt(after, [one.schema])
        worth.append(one)
    return worth


def _following(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The state of a package as the one that comes after `before`, which may be that of the package sealed last."""
    own = {"_local": dict(before["_local"]), **{key: before[key] for key in VERSIONS if key in before}}
    return states.bumped({**after, **own})


def seal(packages: Store, built: Built) -> None:
    """Put the schema beside the files and make the package appear."""
    write_atomic(packages.writing(built.manifest.load_id) / SCHEMA, built.schema.to_text())
    packages.seal(built.manifest)


def _keep_before(pipeline: Pipeline, built: Built) -> None:
    """Keep state and schema as they were before this package, for those who give it up. Links cost nothing."""
    workdir, folder = pipeline.workdir, pipeline.workdir.packages.writing(built.manifest.load_id)
    for source in (workdir.path / "state.json", workdir.schema_path(built.schema.name)):
        if source.exists():
            _link(source, folder / (BEFORE + source.name))


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        with on_disk(target):
            shutil.copyfile(source, target)


def package_schema(packages: Store, load_id: str) -> Schema:
    """The schema of a sealed package."""
    path = packages.find(load_id) / SCHEMA
    try:
        return Schema.from_dict(json.loads(read_text(path)))
    except (OSError, ValueError) as error:
        raise PackageError(
            f"The schema of load package {load_id} cannot be read.",
            file=str(path),
            hint=f'give the package up with pipeline.abort_packages("{load_id}") and extract again',
        ) from error


# ---- extracted -> normalised


def normalize_extracted(pipeline: Pipeline, load_id: str) -> Built:
    """Turn one extracted package into one that can be loaded; the same load id, which nobody sees twice."""
    packages = pipeline.workdir.packages
    manifest = packages.read(load_id)
    folder = packages.find(load_id)
    schema = package_schema(packages, load_id)
    newest = pipeline.schemas.get(schema.name)
    if newest is not None and newest.version > schema.version:
        schema = newest.clone()
    caps = pipeline.need_destination().caps
    pipeline.found["load_id"] = load_id
    try:
        builder = Builder(
            packages, schema, caps, pipeline.settings, pipeline.pipeline_name, load_id, manifest.file_format
        )
        builder.count = counter(pipeline.collector)
        built = builder.normalize_extracted(folder, manifest)
    except BaseException as error:
        packages.discard_new(load_id)
        if isinstance(error, Exception):
            packages.note(load_id, failure(error, "normalize"))
        raise
    tables = tuple(dict.fromkeys([*built.manifest.tables, *manifest.tables]))
    kept = {
        key: getattr(manifest, key)
        for key in ("state", "dropped", "truncated", "refresh", "created_at", "failures", "package_state")
    }
    built.manifest = built.manifest.with_(tables=tables, **kept)
    for path in folder.glob(BEFORE + "*"):
        _link(path, packages.writing(load_id) / path.name)
    seal(packages, built)
    pipeline.package_schemas[load_id] = schema
    packages.remove(load_id, EXTRACTED)
    pipeline.adopt(pipeline.state, [schema])
    return built


# ---- normalised -> destination


def load(pipeline: Pipeline, load_id: str, *, resumed: bool) -> Manifest:
    """Load one normalised package."""
    packages = pipeline.workdir.packages
    destination = pipeline.need_destination()
    manifest = packages.read(load_id)
    schema = pipeline.package_schemas.get(load_id) or package_schema(packages, load_id)
    pipeline.found["load_id"] = load_id

    def commit(session: Session) -> Rows:
        check_alone(pipeline, session, manifest)
        return commit_rows(session, manifest, schema, destination.caps)

    pa.default_memory_pool().release_unused()  # what the batches took; the destination needs it now

    def attempt(manifest: Manifest) -> Manifest:
        tables = {table.name: table for table in schema.all_tables}
        tables |= {name: Table.from_dict(table) for name, table in manifest.instead.items()}
        place = (packages, destination, pipeline.dataset_name, tables)
        tries = pipeline.settings.max_load_tries
        try:
            on_step = step_counter(pipeline.collector, manifest)
            return load_package(
                manifest, *place, commit, max_tries=tries, resumed=resumed, on_step=on_step, described=described
            )
        except DestinationRefused as error:
            fail = pipeline.settings.fail_on_bad_rows
            found = without_refused(manifest, *place, schema, error, fail=fail)
            if found is None:
                raise
        _repair(pipeline, manifest, found, schema)
        return attempt(found)

    with package_at_work(load_id, states.decoded(manifest.package_state)) as kept:

        def described(manifest: Manifest) -> Manifest:
            return manifest.with_(package_state=states.encoded(kept))

        try:
            done = attempt(manifest)
        except BaseException:
            packages.update(described(packages.read(load_id)))
            raise
    note_loaded(pipeline, done)
    return done


def note_loaded(pipeline: Pipeline, manifest: Manifest) -> None:
    """Remember that the data set has data of this pipeline, and which state."""
    local = pipeline.state["_local"]
    newest = manifest.state is not None and manifest.load_id > local.get(LOADED_STATE, "")
    version = seen_version(pipeline)
    if newest or pipeline.first_run or version != local.get(LOADED_VERSION):
        local["first_run"], local[LOADED_VERSION] = False, version
        if newest:
            local[LOADED_STATE] = manifest.load_id
        pipeline.save()


def _repair(pipeline: Pipeline, manifest: Manifest, found: Manifest, schema: Schema) -> None:
    """Put a package without the rows that the destination refused in the place of the one with them."""
    packages = pipeline.workdir.packages
    folder = packages.find(manifest.load_id)
    declare(schema, QUARANTINE_TABLE)
    write_atomic(folder / SCHEMA, schema.to_text())
    packages.update(found.with_(failures=packages.read(manifest.load_id).failures))
    pipeline.adopt(pipeline.state, [schema])
    for path in {file.path for file in manifest.files} - {file.path for file in found.files}:
        (folder / path).unlink()
