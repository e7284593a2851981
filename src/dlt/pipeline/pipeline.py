"""Pipeline: a name, a work directory, a destination, a data set, a state. `run` = extract + normalize + load."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from dlt.config.settings import RunSettings, data_dir, run_settings
from dlt.errors import FatalError, NotBuilt, StepFailed
from dlt.package.manifest import EXTRACTED, FAILED, LOADED, NORMALIZED
from dlt.pipeline import state as states
from dlt.pipeline.infos import ExtractInfo, LoadInfo, LoadJobInfo, LoadPackageInfo, NormalizeInfo, package_info
from dlt.pipeline.options import check_refresh, refuse
from dlt.pipeline.trace import PipelineTrace, exception_chain, execution_context
from dlt.pipeline.workdir import WorkDir, check_name

if TYPE_CHECKING:
    from dlt.load.session import Destination, Session
    from dlt.pipeline.building import Built
    from dlt.schema.naming import NamingConvention
    from dlt.schema.schema import Schema

DEFAULT_DESTINATION = "duckdb"


class Pipeline:
    """Moves data from sources to a destination. Made by `dlt.pipeline`."""

    def __init__(
        self,
        pipeline_name: str,
        *,
        pipelines_dir: str | os.PathLike[str] | None = None,
        pipeline_salt: str | None = None,
        destination: Any = None,
        staging: Any = None,
        dataset_name: str | None = None,
        import_schema_path: str | None = None,
        export_schema_path: str | None = None,
        dev_mode: bool = False,
        refresh: str | None = None,
        progress: Any = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        refuse(staging=staging, progress=progress)
        self.pipeline_name = check_name(pipeline_name)
        self.pipelines_dir = str(Path(pipelines_dir) if pipelines_dir else data_dir() / "pipelines")
        self.pipeline_salt = pipeline_salt
        self.import_schema_path, self.export_schema_path = import_schema_path, export_schema_path
        self.dev_mode, self.refresh = dev_mode, check_refresh(refresh)
        self.config = dict(config or {})
        self.settings: RunSettings = run_settings(pipeline_name, self.config)
        self.workdir = WorkDir(Path(self.pipelines_dir) / pipeline_name, keep_files=self.settings.keep_files)
        self.last_trace: PipelineTrace | None = None
        self.schemas: dict[str, Schema] = {}
        self.package_schemas: dict[str, Schema] = {}  # of the packages this run made, by load id
        self.found: dict[str, Any] = {}  # what the running step knows by now: load_id, info
        self._state: dict[str, Any] = {}
        self._given_destination: Any = destination
        self._destination: Destination | None = None
        self._wanted_dataset = dataset_name or None
        self._stamp = datetime.now(UTC).strftime("_%Y%m%d%H%M%S") if dev_mode else ""
        self._synced = False
        self._depth = 0
        self._open()
        if destination is not None:
            self.destination = destination

    # ---- what is in the work directory

    def _open(self) -> None:
        document = self.workdir.read_state()
        was_dev = bool(document and document.get("_local", {}).get("_dev_mode"))
        if document is not None and (self.dev_mode or was_dev):
            self.workdir.wipe()
            document = None
        self._state = states.decoded(document) if document else states.new_state(self.pipeline_name)
        if self.dev_mode:
            self._state["_local"]["_dev_mode"] = True
        self.schemas = self.workdir.read_schemas() if document else {}
        self._adopt_pending()

    def _adopt_pending(self) -> None:
        """A package that was sealed just before a crash holds the newest schema and state."""
        from dlt.pipeline.stages import package_schema

        packages = self.workdir.packages
        for load_id in packages.pending():
            manifest = packages.read(load_id)
            schema = package_schema(packages, load_id)
            known = self.schemas.get(schema.name)
            if known is None or schema.version > known.version:
                self.schemas[schema.name] = schema
            if manifest.state and manifest.state["_state_version"] > self._state["_state_version"]:
                state = states.decoded(dict(manifest.state))
                local = {**self._state["_local"], "_last_extracted_hash": state["_version_hash"]}
                self._state = {**state, "_local": local}

    def adopt(self, state: dict[str, Any], schemas: Sequence[Schema], *, replace: bool = False) -> None:
        """Go on with this state and these schemas. `replace`: they are older ones that are taken up again."""
        self._state = state
        for schema in schemas:
            self.schemas[schema.name] = schema
        self.save(always=replace)

    def save(self, *, always: bool = False) -> None:
        """Write state and changed schemas to the work directory."""
        for schema in self.schemas.values():
            if always or schema.is_modified or not self.workdir.has_schema(schema.name):
                schema.mark_saved()
                self.workdir.write_schema(schema)
                self._export_schema(schema)
        self.workdir.write_state(states.encoded(self._state))

    def _export_schema(self, schema: Schema) -> None:
        if self.export_schema_path:
            from dlt.config.settings import setting
            from dlt.schema.stored import export_schema

            kind = setting("schema.external_schema_format", default="yaml")
            slim = setting("schema.external_schema_format_remove_defaults", default=True)
            export_schema(schema, self.export_schema_path, kind, remove_defaults=slim)

    def import_schema(self, name: str) -> Schema | None:
        """The schema that the user keeps in `import_schema_path`, if it is there."""
        if not self.import_schema_path:
            return None
        from dlt.schema.schema import Schema
        from dlt.schema.stored import import_schema

        stored = import_schema(name, self.import_schema_path)
        if stored is None:
            return None
        schema = Schema.from_dict(stored)
        schema.imported_version_hash = stored["version_hash"]
        return schema

    # ---- properties

    @property
    def working_dir(self) -> str:
        """The work directory."""
        return str(self.workdir.path)

    @property
    def state(self) -> dict[str, Any]:
        """The state document."""
        return self._state

    @property
    def first_run(self) -> bool:
        """True until a load has succeeded."""
        return bool(self._state["_local"].get("first_run", True))

    @property
    def destination(self) -> Destination | None:
        """The destination; None when none was given and nothing was loaded yet."""
        return self._destination

    @destination.setter
    def destination(self, value: Any) -> None:
        self._bind(value)

    def _bind(self, value: Any, credentials: Any = None) -> None:
        from dlt.destinations.registry import create

        made = create(
            value, pipeline_name=self.pipeline_name, credentials=credentials, working_dir=str(self.workdir.path)
        )
        if self._destination is None or made.fingerprint != self._destination.fingerprint:
            self._synced = False
        self._given_destination, self._destination = value, made

    def need_destination(self) -> Destination:
        """The destination; when none was given, the one loaded to before, else an embedded DuckDB file."""
        if self._destination is None:
            kept = self._state.get("destination_name") or self._state.get("destination_type")
            self._bind(self.config.get("destination_type") or kept or DEFAULT_DESTINATION)
        assert self._destination is not None
        return self._destination

    @property
    def dataset_name(self) -> str:
        """The data set: the one asked for, the one loaded to before, or `<pipeline_name>_dataset`; normalised."""
        name = self._wanted_dataset or self._state.get("dataset_name") or f"{self.pipeline_name}_dataset"
        name = self.naming.normalize_table_identifier(name)
        if self._stamp and not name.endswith(self._stamp):
            name += self._stamp
        return name

    @dataset_name.setter
    def dataset_name(self, value: str | None) -> None:
        self._wanted_dataset, self._synced = value, False

    @property
    def naming(self) -> NamingConvention:
        """The naming convention of the destination."""
        from dlt.schema.naming import get_naming

        caps = self._destination.caps if self._destination else None
        return get_naming(caps.naming, caps.max_table_name) if caps else get_naming()

    @property
    def schema_name_for_data(self) -> str:
        """The name of the schema of data that comes without a source: the pipeline's name without `_pipeline`."""
        from dlt.schema.naming import get_naming

        name = get_naming("snake_case", 64).normalize_identifier(self.pipeline_name)
        return re.sub(r"\W", "_", name.removesuffix("_pipeline")) or "data"

    @property
    def default_schema_name(self) -> str | None:
        """Name of the schema of the first source that was extracted."""
        name = self._state.get("default_schema_name")
        return str(name) if name else None

    @property
    def default_schema(self) -> Schema:
        """The schema of the first source that was extracted; FatalError before that."""
        name = self.default_schema_name
        if name is None or name not in self.schemas:
            raise FatalError(
                "The pipeline has no schema yet.", pipeline_name=self.pipeline_name, hint="extract something first"
            )
        return self.schemas[name]

    @property
    def schema_names(self) -> list[str]:
        """Names of all schemas."""
        return list(self.schemas)

    @property
    def has_data(self) -> bool:
        """True when something was extracted or loaded by this pipeline here."""
        return bool(self.schemas) or self.has_pending_data

    @property
    def has_pending_data(self) -> bool:
        """True when packages wait to be normalised or loaded."""
        return bool(self.workdir.packages.pending())

    @property
    def is_active(self) -> bool:
        """True when this is the pipeline that `dlt.current.pipeline()` returns."""
        from dlt.extract.state import active_pipeline

        return active_pipeline() is self

    def activate(self) -> None:
        """Make this the pipeline that `dlt.current.pipeline()` returns."""
        from dlt.extract.state import activate_pipeline

        activate_pipeline(self)

    def deactivate(self) -> None:
        """Undo `activate`."""
        from dlt.extract.state import activate_pipeline

        activate_pipeline(None)

    # ---- steps

    @contextmanager
    def _step(self, name: str) -> Iterator[dict[str, Any]]:
        """Runs a step alone, under the pipeline's lock, and traces it. The body puts its info under "info"."""
        outer = self._depth == 0
        if outer:
            going_on = self.last_trace if name != "run" and self.last_trace and self.last_trace.explicit else None
            self.last_trace = going_on or PipelineTrace(self.pipeline_name, execution_context(), datetime.now(UTC))
        assert self.last_trace is not None
        trace = self.last_trace.begin(name)
        found: dict[str, Any] = {}
        self.found = found
        self._depth += 1
        self.activate()
        try:
            if outer:
                with self.workdir.lock(self.pipeline_name):
                    yield found
            else:
                yield found
        except Exception as error:
            trace.exception_traces = exception_chain(error)
            trace.step_exception = str(error)
            if isinstance(error, StepFailed):
                raise
            raise StepFailed(
                self,
                _blamed(name, error),
                error,
                load_id=self.found.get("load_id"),
                step_info=found.get("info"),
                has_pending_data=self.has_pending_data,
                is_package_partially_loaded=False,
            ) from error
        finally:
            self._depth -= 1
            trace.finished_at = datetime.now(UTC)
            trace.step_info = found.get("info")
            if outer:
                self.last_trace.finished_at = trace.finished_at
                if self.settings.enable_runtime_trace and self.workdir.path.exists():
                    self.last_trace.save(self.workdir.path / "trace.json")

    def run(
        self,
        data: Any = None,
        *,
        destination: Any = None,
        staging: Any = None,
        dataset_name: str | None = None,
        credentials: Any = None,
        table_name: str | None = None,
        write_disposition: Any = None,
        columns: Any = None,
        primary_key: Any = None,
        schema: Schema | None = None,
        loader_file_format: str | None = None,
        table_format: str | None = None,
        schema_contract: Any = None,
        refresh: str | None = None,
    ) -> LoadInfo | None:
        """Extract, normalise and load data; first what earlier runs left pending, then `data`.

        Returns a LoadInfo, or None when there was nothing to do. Raises StepFailed, whose cause is the error itself.
        """
        from dlt.pipeline.stages import Asked, finish_pending

        refuse(staging=staging)
        self._set_target(destination, dataset_name, credentials)
        hints = {
            "table_name": table_name,
            "write_disposition": write_disposition,
            "columns": columns,
            "primary_key": primary_key,
            "table_format": table_format,
            "schema_contract": schema_contract,
        }
        asked = Asked(schema, hints, loader_file_format, check_refresh(refresh) or self.refresh)
        with self._step("run"):
            self._sync_once()
            started = datetime.now(UTC)
            loaded: list[str] = []
            parked: list[str] = []
            if self.has_pending_data:
                with self._step("load"):
                    loaded, parked = finish_pending(self, setting_aside=data is not None)
            if data is None:
                return self._load_info(loaded, parked, started) if loaded else None
            built = self._extract(data, asked, NORMALIZED)
            with self._step("load") as found:
                info = self._load([one.manifest.load_id for one in built], fresh=True, before=loaded, parked=parked)
                found["info"] = info
            return info

    def extract(
        self,
        data: Any,
        *,
        table_name: str | None = None,
        parent_table_name: str | None = None,
        write_disposition: Any = None,
        columns: Any = None,
        primary_key: Any = None,
        schema: Schema | None = None,
        max_parallel_items: int | None = None,
        workers: int | None = None,
        table_format: str | None = None,
        schema_contract: Any = None,
        refresh: str | None = None,
        loader_file_format: str | None = None,
    ) -> ExtractInfo:
        """Take data from its sources into a package that waits to be normalised."""
        from dlt.pipeline.stages import Asked

        refuse(max_parallel_items=max_parallel_items, workers=workers)
        hints = {
            "table_name": table_name,
            "parent_table_name": parent_table_name,
            "write_disposition": write_disposition,
            "columns": columns,
            "primary_key": primary_key,
            "table_format": table_format,
            "schema_contract": schema_contract,
        }
        asked = Asked(schema, hints, loader_file_format, check_refresh(refresh) or self.refresh)
        built = self._extract(data, asked, EXTRACTED)
        info: ExtractInfo = self._info(ExtractInfo, built)
        return info

    def _extract(self, data: Any, asked: Any, stage: str) -> list[Built]:
        from dlt.pipeline.stages import build

        with self._step("extract") as found:
            built = build(self, data, asked, stage)
            found["info"] = self._info(ExtractInfo, built)
        if stage == NORMALIZED:
            with self._step("normalize") as found:
                found["info"] = self._info(NormalizeInfo, built)
        return built

    def normalize(self, workers: int = 1) -> NormalizeInfo | None:
        """Turn extracted packages into packages that can be loaded. None when the pipeline has no schema yet."""
        from dlt.pipeline.stages import normalize_extracted

        refuse(workers=None if workers == 1 else workers)
        with self._step("normalize") as found:
            if not self.has_data:
                return None
            built = [normalize_extracted(self, load_id) for load_id in self.workdir.packages.ids(EXTRACTED)]
            info: NormalizeInfo = self._info(NormalizeInfo, built)
            found["info"] = info
            return info

    def load(
        self,
        destination: Any = None,
        dataset_name: str | None = None,
        credentials: Any = None,
        *,
        workers: int = 20,
        raise_on_failed_jobs: bool = True,
    ) -> LoadInfo:
        """Load all normalised packages, oldest first."""
        refuse(workers=None if workers == 20 else workers, raise_on_failed_jobs=None if raise_on_failed_jobs else False)
        self._set_target(destination, dataset_name, credentials)
        with self._step("load") as found:
            info = self._load(self.workdir.packages.ids(NORMALIZED), fresh=False)
            found["info"] = info
            return info

    def _load(
        self, load_ids: Sequence[str], *, fresh: bool, before: Sequence[str] = (), parked: Sequence[str] = ()
    ) -> LoadInfo:
        from dlt.pipeline.stages import load

        started, first_run = datetime.now(UTC), self.first_run
        for load_id in load_ids:
            load(self, load_id, resumed=not fresh)
        return self._load_info([*before, *load_ids], parked, started, first_run=first_run)

    # ---- the data set and this machine

    def _set_target(self, destination: Any, dataset_name: str | None, credentials: Any) -> None:
        if destination is not None or credentials is not None:
            given = destination if destination is not None else self._given_destination
            self._bind(given if given is not None else DEFAULT_DESTINATION, credentials)
        if dataset_name:
            self.dataset_name = dataset_name

    @contextmanager
    def session(self) -> Iterator[Session]:
        """An open session of the destination and the data set, to read from."""
        with closing(self.need_destination().open(self.dataset_name, None)) as session:
            yield session

    def _sync_once(self) -> None:
        if not self._synced and self.settings.restore_from_destination and not self.dev_mode:
            self._sync()
        self._synced = True

    def _sync(self) -> None:
        """Take over the state and the schemas of the data set when they are newer than those here."""
        from dlt.pipeline.sync import merged_state, stored_schema, stored_state

        if not self.need_destination().caps.keeps_state:
            return
        with self.session() as session:
            state = merged_state(self._state, stored_state(session, self.pipeline_name))
            names = (state or self._state)["schema_names"]
            missing = [name for name in names if state is not None or name not in self.schemas]
            found = [schema for name in missing if (schema := stored_schema(session, name)) is not None]
        if state is not None or found:
            self.adopt(state or self._state, [schema for schema in found if self._is_newer(schema)])

    def _is_newer(self, schema: Schema) -> bool:
        known = self.schemas.get(schema.name)
        return known is None or (known.version_hash != schema.version_hash and schema.version >= known.version)

    def sync_destination(self, destination: Any = None, staging: Any = None, dataset_name: str | None = None) -> None:
        """Take over the state and the schemas that are at the destination, when they are newer than those here."""
        refuse(staging=staging)
        self._set_target(destination, dataset_name, None)
        with self._step("sync"):
            self._sync()
            self._synced = True

    def sync_schema(self, schema_name: str | None = None) -> NoReturn:
        """Create tables without loading anything; not available yet."""
        raise NotBuilt("Pipeline.sync_schema is not available in this version.", schema_name=schema_name)

    def drop(self, pipeline_name: str | None = None) -> Self:
        """Forget all that is in the work directory; the data set stays. Returns a new pipeline of this or another name."""
        self.deactivate()
        self.workdir.remove()
        made = type(self)(
            pipeline_name or self.pipeline_name,
            pipelines_dir=self.pipelines_dir,
            pipeline_salt=self.pipeline_salt,
            destination=self._given_destination,
            dataset_name=self._wanted_dataset,
            import_schema_path=self.import_schema_path,
            export_schema_path=self.export_schema_path,
            dev_mode=self.dev_mode,
            refresh=self.refresh,
            config=self.config,
        )
        made.activate()
        return made

    # ---- packages

    def list_extracted_load_packages(self) -> list[str]:
        """Load ids of packages that wait to be normalised, oldest first."""
        return self.workdir.packages.ids(EXTRACTED)

    def list_normalized_load_packages(self) -> list[str]:
        """Load ids of packages that wait to be loaded, oldest first."""
        return self.workdir.packages.ids(NORMALIZED)

    def list_failed_load_packages(self) -> list[str]:
        """Load ids of packages that failed twice and were set aside, oldest first."""
        return self.workdir.packages.ids(FAILED)

    def list_completed_load_packages(self) -> list[str]:
        """Load ids of packages that were loaded or aborted, oldest first."""
        return self.workdir.packages.ids(LOADED)

    def list_extracted_resources(self) -> list[str]:
        """The files of the packages that wait to be normalised."""
        packages = self.workdir.packages
        found = ((packages.find(load_id), packages.read(load_id)) for load_id in packages.ids(EXTRACTED))
        return [str(folder / file.path) for folder, manifest in found for file in manifest.files]

    def list_failed_jobs_in_package(self, load_id: str) -> list[LoadJobInfo]:
        """The files of a package that failed for good."""
        return list(self.get_load_package_info(load_id).jobs.get("failed_jobs", ()))

    def get_load_package_info(self, load_id: str) -> LoadPackageInfo:
        """What is known of a package: stage, files, books, failures. PackageError when there is none."""
        from dlt.pipeline.stages import package_schema

        packages = self.workdir.packages
        schema = self.package_schemas.get(load_id) or package_schema(packages, load_id)
        return package_info(packages.read(load_id), packages.find(load_id), schema)

    def get_load_package_state(self, load_id: str) -> dict[str, Any]:
        """The manifest of a package as plain values."""
        import json

        return json.loads(self.workdir.packages.read(load_id).to_json())  # type: ignore[no-any-return]  # a JSON object

    def drop_pending_packages(self, with_partial_loads: bool = True) -> None:
        """Give up all packages that wait, and go back to the state before them: `abort_packages()`."""
        refuse(with_partial_loads=None if with_partial_loads else False)
        self.abort_packages()

    def abort_packages(self, load_id: str | None = None, dry_run: bool = False) -> list[str]:
        """Give up one package, or all that wait or were set aside. State and schemas become what they were before,
        unless something newer was loaded since. Returns the load ids, with `dry_run` without doing anything."""
        from dlt.pipeline.stages import abort

        packages = self.workdir.packages
        with self.workdir.lock(self.pipeline_name):
            waiting = sorted([*packages.pending(), *packages.ids(FAILED)])
            if load_id is not None and load_id not in waiting:
                packages.find(load_id)
                raise FatalError("The load package is not waiting any more.", load_id=load_id)
            chosen = [load_id] if load_id else waiting
            if chosen and not dry_run:
                abort(self, chosen)
            return chosen

    def retry_package(self, load_id: str) -> LoadInfo:
        """Try a package that was set aside once more."""
        packages = self.workdir.packages
        with self._step("load") as found:
            manifest = packages.read(load_id)
            stage = EXTRACTED if any(file.format == "batch" for file in manifest.files) else NORMALIZED
            packages.move(manifest, stage)
            if stage == EXTRACTED:
                from dlt.pipeline.stages import normalize_extracted

                normalize_extracted(self, load_id)
            info = self._load([load_id], fresh=False)
            found["info"] = info
            return info

    # ---- state

    @contextmanager
    def managed_state(self, *, extract_state: bool = False) -> Iterator[dict[str, Any]]:
        """The state, to be changed within the block; saved at its end, as it was when the block raises."""
        import copy

        refuse(extract_state=extract_state or None)
        state = copy.deepcopy(self._state)
        yield state
        self.adopt(states.bumped(state), [])

    def get_local_state_val(self, key: str) -> Any:
        """A value that is kept on this machine only."""
        return self._state["_local"][key]

    def set_local_state_val(self, key: str, value: Any) -> None:
        """Keep a value on this machine only."""
        self._state["_local"][key] = value
        self.save()

    # ---- infos

    def _info(self, kind: Callable[..., Any], built: Sequence[Built]) -> Any:
        folder = self.workdir.packages.folder
        metrics = {one.manifest.load_id: [one.metrics] for one in built}
        described = [
            package_info(one.manifest, folder / one.manifest.stage / one.manifest.load_id, one.schema)
            for one in built
        ]
        started = built[0].metrics["started_at"] if built else datetime.now(UTC)
        return kind(self, metrics, list(metrics), described, self.first_run, started, datetime.now(UTC))

    def _load_info(
        self, load_ids: Sequence[str], parked: Sequence[str], started: datetime, *, first_run: bool | None = None
    ) -> LoadInfo:
        destination = self.need_destination()
        described = [self.get_load_package_info(load_id) for load_id in load_ids]
        metrics = {
            one.load_id: [{"started_at": started, "finished_at": datetime.now(UTC), "rows": dict(one.ledger)}]
            for one in described
        }
        return LoadInfo(
            self,
            metrics,
            list(load_ids),
            described,
            self.first_run if first_run is None else first_run,
            started,
            datetime.now(UTC),
            destination.type,
            destination.location,
            destination.name,
            destination.fingerprint,
            dataset_name=self.dataset_name,
            parked=list(parked),
        )

    def __repr__(self) -> str:
        where = self._destination.name if self._destination else None
        return f"<dlt.Pipeline(pipeline_name={self.pipeline_name!r}, destination={where!r}, dataset_name={self.dataset_name!r})>"


def _blamed(step: str, error: Exception) -> str:
    """The step that an error belongs to: items are normalised while they are extracted."""
    from dlt.errors import ContractViolation, LedgerError, SchemaError

    blames_data = isinstance(error, (ContractViolation, LedgerError)) or type(error) is SchemaError
    return "normalize" if step == "extract" and blames_data else step

