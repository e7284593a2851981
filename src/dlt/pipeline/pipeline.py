"""Pipeline: a name, a work directory, a destination, a data set, a state. `run` = extract + normalize + load."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

from dlt.config.settings import RunSettings, data_dir, run_settings
from dlt.errors import DltError, FatalError, PackageError, StepFailed
from dlt.package.manifest import EXTRACTED, FAILED, LOADED, NORMALIZED
from dlt.pipeline import state as states
from dlt.pipeline.configured import salt_of
from dlt.pipeline.infos import ExtractInfo, LoadInfo, LoadJobInfo, LoadPackageInfo, NormalizeInfo, package_info
from dlt.pipeline.logs import configure
from dlt.pipeline.metrics import extract_metrics, load_metrics, normalize_metrics
from dlt.pipeline.options import PLANNED, check_refresh, refuse
from dlt.pipeline.progress import collector_of, show_files
from dlt.pipeline.slack import tell_loaded
from dlt.pipeline.telling import tell_begun, tell_ended
from dlt.pipeline.trace import PipelineTrace, execution_context
from dlt.pipeline.tracebacks import brief
from dlt.pipeline.workdir import WorkDir, check_name

if TYPE_CHECKING:
    from dlt.load.session import Destination, Session
    from dlt.pipeline.building import Built
    from dlt.pipeline.schema_files import SchemaFiles
    from dlt.schema.naming import NamingConvention
    from dlt.schema.schema import Schema

DEFAULT_DESTINATION = "duckdb"
SHOWN = ("extract", "normalize", "load")
logger = logging.getLogger("dlt")


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
        keep: bool = False,
    ) -> None:
        refuse(staging=staging)
        self.pipeline_name = check_name(pipeline_name)
        configure(pipeline_name)
        self.collector = collector_of(progress)
        self.pipelines_dir = str(Path(pipelines_dir) if pipelines_dir else data_dir() / "pipelines")
        self.pipeline_salt = pipeline_salt or salt_of(pipeline_name)
        self.import_schema_path, self.export_schema_path = import_schema_path, export_schema_path
        if import_schema_path or export_schema_path:
            self.schema_files.check()
        self.dev_mode, self.refresh = dev_mode, check_refresh(refresh)
        self.config = dict(config or {})
        self.settings: RunSettings = run_settings(pipeline_name, self.config)
        self.workdir = WorkDir(Path(self.pipelines_dir) / pipeline_name, keep_files=self.settings.keep_files)
        self._trace: PipelineTrace | None = None
        self.schemas: dict[str, Schema] = {}
        self.package_schemas: dict[str, Schema] = {}  # of the packages this run made, by load id
        self.found: dict[str, Any] = {}  # what the running step knows by now: load_id, info
        self._state: dict[str, Any] = {}
        self._given_destination: Any = destination
        self._destination: Destination | None = None
        self._wanted_dataset = dataset_name or None
        self._stamp = datetime.now(UTC).strftime("_%Y%m%d%H%M%S") if dev_mode else ""
        self._synced = False
        self.parked: list[str] = []  # load ids of the packages that this run set aside
        self.recognised: list[str] = []  # what a text that was given to the run stands for
        self._open(keep=keep)
        if destination is not None:
            self.destination = destination
        elif self.config.get("destination_type"):
            self.need_destination()

    # ---- what is in the work directory

    def _open(self, *, keep: bool) -> None:
        """keep: leave what runs in dev_mode have left, which otherwise nothing goes on with."""
        document = self.workdir.read_state()
        was_dev = bool(document and document.get("_local", {}).get("_dev_mode"))
        if document is not None and (self.dev_mode or was_dev) and not keep:
            with self.workdir.lock(self.pipeline_name):
                self.workdir.wipe()
        self.reload()
        self.adopt_pending()

    def reload(self) -> None:
        """Take state and schemas from the work directory, where another process may have left newer ones."""
        document = self.workdir.read_state()
        self._state = states.decoded(document) if document else states.new_state(self.pipeline_name)
        if self.dev_mode:
            self._state["_local"]["_dev_mode"] = True
        self.schemas = self.workdir.read_schemas() if document else {}
        self.package_schemas = {}
        self._synced = False

    def adopt_pending(self) -> None:
        """A package that was sealed just before a crash holds the newest schema and state."""
        packages = self.workdir.packages
        for load_id in packages.pending():
            from dlt.pipeline.stages import package_schema

            with suppress(PackageError):  # damaged, or just moved by another process: the next step deals with it
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
            if self.export_schema_path:
                self.schema_files.export(schema)
        self.workdir.write_state(states.encoded(self._state))

    # ---- properties

    @property
    def schema_files(self) -> SchemaFiles:
        """The schema files that the user edits and keeps."""
        from dlt.pipeline.schema_files import SchemaFiles

        return SchemaFiles(self.import_schema_path, self.export_schema_path)

    @property
    def working_dir(self) -> str:
        """The work directory."""
        return str(self.workdir.path)

    @property
    def state(self) -> dict[str, Any]:
        """The state document."""
        return self._state

    @property
    def last_trace(self) -> PipelineTrace | None:
        """What the last run did, or the last steps that were called one by one; None: nothing yet."""
        if self._trace is None:
            self._trace = PipelineTrace.read(self.workdir.path / "trace.json", self)
        return self._trace

    @property
    def first_run(self) -> bool:
        """True until a load has succeeded."""
        return bool(self._state["_local"].get("first_run", True))

    @property
    def destination(self) -> Destination | None:
        """The destination; None when none was given and nothing was loaded yet."""
        if self._destination is None and self._state.get("destination_type"):
            return self.need_destination()
        return self._destination

    @destination.setter
    def destination(self, value: Any) -> None:
        self._bind(value)

    def _bind(self, value: Any, credentials: Any = None, **options: Any) -> None:
        from dlt.destinations.registry import create

        made = create(
            value,
            pipeline_name=self.pipeline_name,
            credentials=credentials,
            working_dir=str(self.workdir.path),
            **options,
        )
        if self._destination is None or made.fingerprint != self._destination.fingerprint:
            self._synced = False
        self._given_destination, self._destination = value, made

    def need_destination(self) -> Destination:
        """The destination; when none was given, the one loaded to before, else an embedded DuckDB file."""
        if self._destination is None:
            known = self.config if self.config.get("destination_type") else self._state
            self._bind(
                known.get("destination_type") or DEFAULT_DESTINATION, destination_name=known.get("destination_name")
            )
        assert self._destination is not None
        return self._destination

    @property
    def dataset_name(self) -> str:
        """The data set: the one asked for, the one loaded to before, or `<pipeline_name>_dataset`; normalised."""
        wanted, known = self._wanted_dataset, self._state.get("dataset_name")
        name = wanted or known or f"{self.pipeline_name}_dataset"
        if (layout := self.config.get("dataset_name_layout")) and (wanted or not known):
            name = layout % name
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
    def _alone(self, name: str) -> Iterator[bool]:
        """Holds the pipeline alone; gives whether this is a step of its own, not one within another."""
        with ExitStack() as stack:
            try:
                outer = stack.enter_context(self.workdir.lock(self.pipeline_name))
            except (DltError, OSError) as error:
                raise StepFailed(self, name, error) from error
            yield outer

    @contextmanager
    def _step(self, name: str, target: tuple[Any, str | None, Any] | None = None) -> Iterator[dict[str, Any]]:
        """Runs a step alone, under the pipeline's lock, and traces it. The body puts its info under "info".

        target: destination, data set and credentials that are asked for.
        """
        with self._alone(name) as outer:
            if target is not None:
                self._set_target(*target)
            with self._traced(name, outer=outer) as found:
                yield found

    @contextmanager
    def _traced(self, name: str, *, outer: bool) -> Iterator[dict[str, Any]]:
        if outer:
            going_on = None if name == "run" else self.last_trace
            self._trace = going_on or PipelineTrace(self.pipeline_name, execution_context(), datetime.now(UTC))
            self.parked, self.recognised = [], []
        assert self._trace is not None
        step = self._trace.begin(name)
        if self.collector is not None:
            tell_begun(self, self._trace, name, outer=outer)
        found: dict[str, Any] = {}
        self.found = found
        self.activate()
        failure: BaseException | None = None
        try:
            if outer:
                from dlt.pipeline.pending import take_up

                take_up(self)
            with self._shown(name):
                yield found
        except StepFailed as error:
            failure = error
            raise
        except Exception as error:
            failure = StepFailed(
                self,
                _blamed(name, error),
                error,
                load_id=self.found.get("load_id"),
                step_info=found.get("info"),
                has_pending_data=self.has_pending_data,
                is_package_partially_loaded=self._is_partial(),
            )
            raise failure from error
        except BaseException as error:
            failure = error
            raise
        finally:
            self._trace.end(step, found.get("info"), failure)
            if self.collector is not None:
                tell_ended(self, self._trace, step, outer=outer)
            if outer and self.settings.enable_runtime_trace and self.workdir.path.exists():
                with self._only_logged("The trace"):
                    self._trace.save(self.workdir.path / "trace.json")

    @contextmanager
    def _shown(self, step: str) -> Iterator[None]:
        """The collector shows this step."""
        if self.collector is None or step not in SHOWN:
            yield
            return
        with self.collector(f"{step.capitalize()} {self.pipeline_name}"):
            yield

    def _is_partial(self) -> bool:
        from dlt.pipeline.pending import is_partial

        return is_partial(self.workdir.packages, self.found.get("load_id"))

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Holds the pipeline alone, with what other processes left in the work directory. PipelineLocked."""
        from dlt.pipeline.pending import take_up

        with self.workdir.lock(self.pipeline_name) as outer:
            if outer:
                take_up(self)
            yield

    @contextmanager
    def _only_logged(self, what: str) -> Iterator[None]:
        """For what is written about a run: a full disk must not hide how the run itself ended."""
        try:
            yield
        except (DltError, OSError) as error:
            logger.warning("%s of pipeline %s could not be written: %s", what, self.pipeline_name, error)

    @brief
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
        tables: Sequence[str] | None = None,
    ) -> LoadInfo | None:
        """Extract, normalise and load data; first what earlier runs left pending, then `data`.

        Before that the newest state of the data set is taken over, unless the one here stands on it. When the data set
        has nothing any more of a pipeline that has loaded before, the pipeline starts anew, with all rows. A pending
        package that fails for good is set aside and named in `LoadInfo.parked`.

        A text is the name of a source, files such as "data/*.csv", or the URL of a database, of which `tables` are loaded.
        Returns a LoadInfo, or None when there was nothing to do. Raises StepFailed, whose cause is the error itself.
        """
        from dlt.pipeline.stages import Asked

        refuse(staging=staging)
        hints = {
            "table_name": table_name,
            "write_disposition": write_disposition,
            "columns": columns,
            "primary_key": primary_key,
            "table_format": table_format,
            "schema_contract": schema_contract,
            "tables": tables,
        }
        asked = Asked(schema, hints, loader_file_format, check_refresh(refresh) or self.refresh)
        with self._step("run", (destination, dataset_name, credentials)) as ran:
            self._sync_once()
            started = datetime.now(UTC)
            loaded, aside = self._finish_pending(before_others=data is not None)
            if data is None:
                if loaded or self.parked:
                    ran["info"] = self._load_info(loaded, started)
                return ran.get("info")
            with self._parking(aside):
                built = self._extract(data, asked, NORMALIZED)
                with self._step("load") as found:
                    info = self._load([one.manifest.load_id for one in built], fresh=True, before=loaded)
                    found["info"] = ran["info"] = info
            tell_loaded(info, self.pipeline_name)
            return info

    def _finish_pending(self, *, before_others: bool) -> tuple[list[str], list[str]]:
        """Load what earlier runs left; returns the load ids, and those that were set aside."""
        if not self.has_pending_data:
            return [], []
        from dlt.pipeline.pending import finish_pending

        with self._step("load") as found:
            started = datetime.now(UTC)
            loaded, aside = finish_pending(self, before_others=before_others)
            found["info"] = self._load_info(loaded, started)
            return loaded, aside

    @contextmanager
    def _parking(self, load_ids: Sequence[str]) -> Iterator[None]:
        """When the block fails too, packages that were set aside before it wait again: perhaps it was not for them."""
        try:
            yield
        except BaseException:
            if load_ids:
                from dlt.pipeline.pending import put_back

                put_back(self, load_ids)
            raise

    @brief
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
        tables: Sequence[str] | None = None,
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
            "tables": tables,
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
                show_files(self.collector, [one.manifest for one in built])
                found["info"] = self._info(NormalizeInfo, built)
        return built

    @brief
    def normalize(self, workers: int = 1) -> NormalizeInfo | None:
        """Turn extracted packages into packages that can be loaded. None when the pipeline has no schema yet."""
        from dlt.pipeline.pending import each
        from dlt.pipeline.stages import normalize_extracted

        refuse(workers=None if workers == 1 else workers)
        with self._step("normalize") as found:
            if not self.has_data:
                return None
            built: list[Built] = []
            each(self, self.workdir.packages.ids(EXTRACTED), lambda one: built.append(normalize_extracted(self, one)))
            info: NormalizeInfo = self._info(NormalizeInfo, built)
            found["info"] = info
            return info

    @brief
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
        with self._step("load", (destination, dataset_name, credentials)) as found:
            info = self._load(self.workdir.packages.ids(NORMALIZED), fresh=False)
            found["info"] = info
        tell_loaded(info, self.pipeline_name)
        return info

    def _load(self, load_ids: Sequence[str], *, fresh: bool, before: Sequence[str] = ()) -> LoadInfo:
        from dlt.pipeline.stages import load

        started, first_run = datetime.now(UTC), self.first_run
        if fresh:
            for load_id in load_ids:
                load(self, load_id, resumed=False)
        else:
            from dlt.pipeline.pending import each

            load_ids, _ = each(self, load_ids, lambda one: load(self, one, resumed=True))
        return self._load_info([*before, *load_ids], started, first_run=first_run)

    def replay(
        self,
        reason: str | None = None,
        *,
        table: str | None = None,
        column: str | None = None,
        load_id: str | None = None,
        fix: Callable[[dict[str, Any]], dict[str, Any] | None] | None = None,
        schema_contract: Any = None,
    ) -> LoadInfo | None:
        """Load rows again that were turned away and kept in `_dlt_quarantine`: those with this reason, table, column and
        load id, as far as they are given.

        fix: gets each original row, returns it mended, or None to leave it in the quarantine. Whole rows are appended or
        merged like other rows of their table (replace becomes append); rows that were loaded without a value are updated.
        schema_contract: holds for this replay, in the place of what the last run said. What is turned away again stays in
        the quarantine. Returns None when there is nothing to load.
        """
        from dlt.pipeline.replay import Choice, build

        with self._step("run"):
            self._sync_once()
            started = datetime.now(UTC)
            loaded, aside = self._finish_pending(before_others=True)
            with self._parking(aside):
                with self._step("extract") as found:
                    built = build(self, Choice(reason, table, column, load_id), fix, schema_contract)
                    found["info"] = self._info(ExtractInfo, built)
                if not built:
                    return self._load_info(loaded, started) if loaded or self.parked else None
                with self._step("load") as found:
                    info = self._load([one.manifest.load_id for one in built], fresh=True, before=loaded)
                    found["info"] = info
            return info

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
        from dlt.pipeline.sync import unchanged

        if not (self._synced or self.dev_mode or not self.settings.restore_from_destination or unchanged(self)):
            self._sync()
        self._synced = True

    def _sync(self) -> None:
        from dlt.pipeline.sync import take_over

        take_over(self)

    def forget_sync(self) -> None:
        """Look at the state in the data set again before the next run."""
        self._synced = False

    def detach(self, why: str) -> None:
        """Set aside the packages that wait and stand on a state that is left now."""
        from dlt.pipeline.pending import detach

        detach(self, why)

    def sync_destination(self, destination: Any = None, staging: Any = None, dataset_name: str | None = None) -> None:
        """Take over the state and the schemas that are at the destination, unless what is here stands on them.

        When this pipeline has loaded before and the data set has nothing of it any more, the pipeline starts anew.
        """
        refuse(staging=staging)
        with self._step("sync", (destination, dataset_name, None)):
            self._sync()
            self._synced = True

    def sync_schema(self, schema_name: str | None = None) -> dict[str, Any]:
        """Make the tables of the data set what a schema says, the default one or another, without loading anything.

        Returns the tables that were made or got columns, by name, as in `schema.tables` but with the new columns only.
        """
        from dlt.pipeline.sync import migrate, schema_named

        schema = schema_named(self, schema_name)
        with self._step("sync", (None, None, None)):
            return migrate(self, schema)

    def drop(self, pipeline_name: str | None = None) -> Self:
        """Forget all that is in the work directory; the data set stays. Returns a new pipeline of this or another name."""
        self.workdir.remove(self.pipeline_name)
        self.deactivate()
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
        unless something newer stands on them. Returns the load ids, with `dry_run` without doing anything."""
        from dlt.pipeline.pending import abort

        packages = self.workdir.packages
        with self._held():
            waiting = sorted([*packages.pending(), *packages.ids(FAILED)])
            if load_id is not None and load_id not in waiting:
                packages.find(load_id)
                raise FatalError("The load package is not waiting any more.", load_id=load_id)
            chosen = [load_id] if load_id else waiting
            return chosen if dry_run or not chosen else abort(self, chosen)

    def retry_package(self, load_id: str, *, anyway: bool = False) -> LoadInfo:
        """Try a package that was set aside once more.

        PackageError, unless `anyway`, when it replaces or merges a table that newer loads have changed since, or when its
        rows may have come from another work directory meanwhile.
        """
        from dlt.pipeline.pending import retry

        with self._step("load") as found:
            started = datetime.now(UTC)
            retry(self, load_id, anyway=anyway)
            info = found["info"] = self._load_info([load_id], started)
            return info

    # ---- state

    @contextmanager
    def managed_state(self, *, extract_state: bool = False) -> Iterator[dict[str, Any]]:
        """The state, to be changed within the block; saved at its end, as it was when the block raises."""
        import copy

        refuse(extract_state=extract_state or None)
        with self._held():
            state = copy.deepcopy(self._state)
            yield state
            self.adopt(states.bumped(state), [])

    def get_local_state_val(self, key: str) -> Any:
        """A value that is kept on this machine only."""
        return self._state["_local"][key]

    def set_local_state_val(self, key: str, value: Any) -> None:
        """Keep a value on this machine only."""
        with self._held():
            self._state["_local"][key] = value
            self.save()

    # ---- infos

    def _info(self, kind: type[Any], built: Sequence[Built]) -> Any:
        folder, now = self.workdir.packages.folder, datetime.now(UTC)
        measure = extract_metrics if kind is ExtractInfo else normalize_metrics
        stage = EXTRACTED if kind is ExtractInfo else NORMALIZED  # a run goes through both at once
        metrics = {one.manifest.load_id: [measure(one.manifest, one.schema, one.noted)] for one in built}
        described = [
            package_info(
                one.manifest.with_(stage=stage), folder / one.manifest.stage / one.manifest.load_id, one.schema
            )
            for one in built
        ]
        started = built[0].noted["started_at"] if built else now
        return kind(self, metrics, list(metrics), described, self.first_run, started, now)

    def _load_info(self, load_ids: Sequence[str], started: datetime, *, first_run: bool | None = None) -> LoadInfo:
        destination, dataset, now = self.need_destination(), self.dataset_name, datetime.now(UTC)
        described = [self.get_load_package_info(load_id) for load_id in load_ids]
        return LoadInfo(
            self,
            {one.load_id: [load_metrics(one, dataset, started, now)] for one in described},
            list(load_ids),
            described,
            self.first_run if first_run is None else first_run,
            started,
            now,
            destination.type,
            destination.location,
            destination.name,
            destination.fingerprint,
            environment=destination.config.get("environment"),
            dataset_name=dataset,
            parked=list(self.parked),
            recognised=list(self.recognised),
        )

    if not TYPE_CHECKING:  # type checkers know what is there

        def __getattr__(self, name: str) -> NoReturn:
            more = PLANNED.get(name)
            what = f"Pipeline has no attribute {name!r}" if more is None else f"Pipeline.{name} is not built yet{more}"
            raise AttributeError(what, name=name, obj=self)

    def __repr__(self) -> str:
        where = self._destination.name if self._destination else None
        return f"<dlt.Pipeline(pipeline_name={self.pipeline_name!r}, destination={where!r}, dataset_name={self.dataset_name!r})>"


def _blamed(step: str, error: Exception) -> str:
    """The step that an error belongs to: items are normalised while they are extracted."""
    from dlt.errors import ContractViolation, LedgerError, SchemaError

    blames_row = type(error) is SchemaError and "position" in error.context  # not hints that the code gives
    blames_data = isinstance(error, (ContractViolation, LedgerError)) or blames_row
    return "normalize" if step == "extract" and blames_data else step
