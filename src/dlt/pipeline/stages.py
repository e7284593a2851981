"""The stages of a run: data -> packages, extracted packages -> normalised ones, normalised packages -> destination."""

from __future__ import annotations

import copy
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.config.settings import setting
from dlt.errors import FatalError, PackageError
from dlt.extract.placing import placed
from dlt.extract.source import sources_of
from dlt.load.run import load_package
from dlt.package.manifest import ABORTED, EXTRACTED, FAILED, NORMALIZED, Manifest
from dlt.package.store import write_atomic
from dlt.pipeline import state as states
from dlt.pipeline.building import Builder, Built
from dlt.pipeline.refresh import Refreshed, refresh_source
from dlt.pipeline.sync import commit_rows
from dlt.schema.model import STATE
from dlt.schema.schema import Schema
from dlt.schema.settings import new_settings
from dlt.schema.tables import STATE_TABLE

if TYPE_CHECKING:
    from dlt.extract.source import DltSource
    from dlt.package.store import Store
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.capabilities import Capabilities

SCHEMA, BEFORE = "schema.json", "before."  # files of a package folder


@dataclass(frozen=True)
class Asked:
    """What a run asks for besides the data: a schema, hints for all resources, a file format, a refresh mode."""

    schema: Schema | None = None
    hints: Mapping[str, Any] | None = None
    file_format: str | None = None
    refresh: str | None = None


# ---- data -> packages


def build(pipeline: Pipeline, data: Any, asked: Asked, stage: str) -> list[Built]:
    """Take the data into one sealed package for each schema, as far as `stage`; nothing is kept when it fails."""
    caps = pipeline.need_destination().caps
    hints = {key: value for key, value in (asked.hints or {}).items() if value is not None}
    name = asked.schema.name if asked.schema else pipeline.default_schema_name or pipeline.schema_name_for_data
    sources = sources_of(data, schema_name=name, section=pipeline.pipeline_name, **hints)
    state = copy.deepcopy(pipeline.state)
    by_schema: dict[str, list[DltSource]] = {}
    for source in sorted(sources, key=lambda source: source.name):
        by_schema.setdefault(source.name, []).append(source)
    built: list[Built] = []
    packages = pipeline.workdir.packages
    try:
        for schema_name, group in by_schema.items():
            schema = work_schema(pipeline, group, asked.schema, caps)
            load_id = packages.new_load_id()
            pipeline.found["load_id"] = load_id
            builder = Builder(
                packages, schema, caps, pipeline.settings, pipeline.pipeline_name, load_id, asked.file_format
            )
            state["schema_names"] = list(dict.fromkeys([*state["schema_names"], schema_name]))
            built.append(_package(builder, group, state, asked.refresh, stage))
        return _seal_all(pipeline, built, _described(pipeline, state, by_schema))
    except BaseException:
        packages.discard_new()
        raise


def work_schema(pipeline: Pipeline, sources: list[DltSource], given: Schema | None, caps: Capabilities) -> Schema:
    """The schema of these sources as it is before their data: what is known of it, and what the code says."""
    name = sources[0].name
    known = pipeline.schemas.get(name) or pipeline.import_schema(name)
    schema = known.clone() if known else Schema(name)
    imported = schema.imported_version_hash is not None
    for code in [*([given] if given else []), *(source.schema for source in sources)]:
        if code.data_table_names(include_incomplete=True) or code.settings != new_settings():
            schema.update_schema(code)
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

    def items() -> Iterator[tuple[Any, Any]]:
        for source in sources:
            placing = placed(source, state)
            yield from placing
            replaced.update((builder.declare(raw_name, hints), None) for raw_name, hints, *_ in placing.empty)
            for raw_name, rows in placing.filtered.items():
                name = builder.normalizer.table_name(raw_name)
                builder.ledger.add(name, "extracted", rows)
                builder.ledger.add(name, "filtered", rows)

    built = builder.extract(items()) if stage == EXTRACTED else builder.normalize(items())
    replaced.update(dict.fromkeys(_replaced_before(builder.schema, sources)))
    tables = (*built.manifest.tables, *(name for name in replaced if name not in built.manifest.tables))
    built.manifest = _with_refresh(built.manifest.with_(tables=tables, refresh=refresh), refreshed)
    return built


def _replaced_before(schema: Schema, sources: list[DltSource]) -> Iterator[str]:
    """Tables that a resource filled in earlier runs and replaces in this one, whether it fills them again or not."""
    resources = {name for source in sources for name in source.selected_resources}
    for table in schema.all_tables:
        if table.resource in resources and table.write_disposition == "replace" and table.columns:
            yield table.name


def _with_refresh(manifest: Manifest, refreshed: Iterable[Refreshed]) -> Manifest:
    dropped = dict.fromkeys(name for one in refreshed for name in one.dropped)
    truncated = dict.fromkeys(name for one in refreshed for name in one.truncated)
    return manifest.with_(dropped=tuple(dropped), truncated=tuple(truncated))


def _described(pipeline: Pipeline, state: dict[str, Any], schemas: Iterable[str]) -> dict[str, Any]:
    """The state with what this pipeline is: destination, data set, schemas; with the next version if it changed."""
    destination = pipeline.need_destination()
    state["default_schema_name"] = state["default_schema_name"] or next(iter(schemas), None)
    state["destination_type"] = destination.type
    state["destination_name"] = destination.name
    state["dataset_name"] = pipeline.dataset_name
    return states.bumped(state)


def _seal_all(pipeline: Pipeline, built: list[Built], state: dict[str, Any]) -> list[Built]:
    """Seal the packages that have something to load; the state travels with the first of them."""
    packages = pipeline.workdir.packages
    worth = [one for one in built if one.manifest.tables or one.manifest.dropped or one.manifest.truncated]
    changed = state["_version_hash"] != state["_local"].get("_last_extracted_hash")
    if not worth and changed and state.get("sources") != pipeline.state.get("sources"):
        worth = built[:1]  # code of the user changed the state without any row
    for one in built:
        if one not in worth:
            packages.discard_new(one.manifest.load_id)
    if worth and changed:
        one = next((b for b in worth if b.schema.name == state["default_schema_name"]), worth[0])
        state["_local"]["_last_extracted_hash"] = state["_version_hash"]
        document = states.encoded({key: value for key, value in state.items() if key != "_local"})
        one.manifest = one.manifest.with_(state=document)
        one.schema.put(one.schema.table(STATE) or STATE_TABLE)
    pipeline.package_schemas = {one.manifest.load_id: one.schema for one in worth}
    for one in worth:
        _keep_before(pipeline.workdir.path, packages, one)
        seal(packages, one)
    if worth:
        pipeline.adopt(state, [one.schema for one in worth])
    return worth


def seal(packages: Store, built: Built) -> None:
    """Put the schema beside the files and make the package appear."""
    write_atomic(packages.writing(built.manifest.load_id) / SCHEMA, built.schema.to_text())
    packages.seal(built.manifest)


def _keep_before(workdir: Path, packages: Store, built: Built) -> None:
    """Keep state and schema as they were before this package, for those who abort it. Links cost nothing."""
    folder = packages.writing(built.manifest.load_id)
    for source in (workdir / "state.json", workdir / "schemas" / f"{built.schema.name}.schema.json"):
        if source.exists():
            target = folder / (BEFORE + source.name)
            try:
                os.link(source, target)
            except OSError:
                shutil.copy2(source, target)


def package_schema(packages: Store, load_id: str) -> Schema:
    """The schema of a sealed package."""
    path = packages.find(load_id) / SCHEMA
    try:
        return Schema.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise PackageError(f"The schema of load package {load_id} cannot be read.", file=str(path)) from error


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
        built = builder.normalize_extracted(folder, manifest)
    except BaseException:
        packages.discard_new(load_id)
        raise
    tables = tuple(dict.fromkeys([*built.manifest.tables, *manifest.tables]))
    kept = {key: getattr(manifest, key) for key in ("state", "dropped", "truncated", "refresh", "created_at")}
    built.manifest = built.manifest.with_(tables=tables, **kept)
    for path in folder.glob(BEFORE + "*"):
        os.link(path, packages.writing(load_id) / path.name)
    seal(packages, built)
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
    tables = {table.name: table for table in schema.all_tables}
    done = load_package(
        manifest,
        packages,
        destination,
        pipeline.dataset_name,
        tables,
        lambda session: commit_rows(session, manifest, schema, destination.caps),
        max_tries=pipeline.settings.max_load_tries,
        resumed=resumed,
    )
    if pipeline.first_run:
        pipeline.state["_local"]["first_run"] = False
        pipeline.save()
    return done


def finish_pending(pipeline: Pipeline, *, setting_aside: bool) -> tuple[list[str], list[str]]:
    """Normalise and load what earlier runs left. Returns the load ids that were loaded, and those that failed for good
    and were set aside, where they neither block nor get lost."""
    packages = pipeline.workdir.packages
    loaded: list[str] = []
    parked: list[str] = []
    for load_id in sorted({*packages.ids(EXTRACTED), *packages.ids(NORMALIZED)}):
        try:
            if load_id not in packages.ids(NORMALIZED):
                normalize_extracted(pipeline, load_id)
            load(pipeline, load_id, resumed=True)
            loaded.append(load_id)
        except FatalError as error:
            if not setting_aside:
                raise
            failure = {"error": f"{type(error).__name__}: {error}"}
            manifest = packages.read(load_id)
            packages.move(manifest.with_(failures=(*manifest.failures, failure)), FAILED)
            parked.append(load_id)
    return loaded, parked


# ---- giving up


def abort(pipeline: Pipeline, load_ids: list[str]) -> None:
    """Give packages up. When nothing newer was loaded, state and schemas become what they were before the oldest."""
    packages = pipeline.workdir.packages
    oldest = min(load_ids)
    folder = packages.find(oldest)
    rewinds = all(load_id < oldest or load_id in load_ids for load_id in packages.committed())
    rewinds = rewinds and all(load_id in load_ids or load_id < oldest for load_id in packages.pending())
    before = {path.name.removeprefix(BEFORE): path.read_text(encoding="utf-8") for path in folder.glob(BEFORE + "*")}
    schema_names = {packages.read(load_id).schema_name for load_id in load_ids}
    if rewinds:
        local = pipeline.state["_local"]
        state = states.loads(before["state.json"]) if "state.json" in before else None
        kept = [json.loads(text) for name, text in before.items() if name.endswith(".schema.json")]
        old = {one["name"]: Schema.from_dict(one) for one in kept}
        for name in schema_names:
            if name not in old:
                pipeline.schemas.pop(name, None)
                with suppress(FileNotFoundError):
                    (pipeline.workdir.path / "schemas" / f"{name}.schema.json").unlink()
        fresh = states.new_state(pipeline.pipeline_name)
        pipeline.adopt(state or {**fresh, "_local": {**local, **fresh["_local"]}}, list(old.values()), replace=True)
    for load_id in load_ids:
        packages.finish(packages.read(load_id), ABORTED)


