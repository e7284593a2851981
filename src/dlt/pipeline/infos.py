"""What the steps of a run report: ExtractInfo, NormalizeInfo, LoadInfo, and the packages and jobs inside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import FatalError
from dlt.package.manifest import ABORTED, FAILED, LOADED, Manifest, ShardFile
from dlt.pipeline.metrics import JobFileInfo, Metrics, file_info
from dlt.schema.model import STATE

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.schema import Schema

SHOWN = 10  # notes that are printed
STATES = {LOADED: "completed_jobs", FAILED: "failed_jobs"}  # of the jobs of a package, by its stage


# ---- jobs


@dataclass(frozen=True)
class LoadJobInfo:
    """One file of a package: `state` is new_jobs, completed_jobs or failed_jobs; size in bytes, `elapsed` in seconds."""

    state: str
    file_path: str
    file_size: int
    created_at: datetime
    elapsed: float
    job_file_info: JobFileInfo
    failed_message: str | None = None
    rows: int = 0
    remote_url: str | None = None

    @property
    def table_name(self) -> str:
        """Name of the table it has rows for."""
        return self.job_file_info.table_name

    def asdict(self) -> dict[str, Any]:
        """Plain values."""
        out = {key: value for key, value in self.__dict__.items() if key != "job_file_info"}
        return {**out, **self.job_file_info.__dict__, "job_id": self.job_file_info.job_id()}

    def asstr(self, verbosity: int = 0) -> str:
        """What it is, with verbosity also its times."""
        about = self.job_file_info
        line = f"Job {about.job_id()} of table {about.table_name}: {self.rows} row(s), {self.file_size} bytes, {self.state}"
        if verbosity > 0:
            line += f", begun {self.created_at.isoformat()}, {self.elapsed:.2f} seconds until now or its end"
        return f"{line}. It failed: {self.failed_message}" if self.failed_message else line

    def __str__(self) -> str:
        return self.asstr()


# ---- packages


@dataclass(frozen=True)
class LoadPackageInfo:
    """One package: its stage, its jobs by state, the columns it added to the destination, its books."""

    load_id: str
    package_path: str
    state: str
    schema: Schema | None  # None when this was read from a trace
    schema_name: str
    schema_hash: str
    schema_update: Mapping[str, Mapping[str, Any]]  # tables with the columns that were added, by name
    completed_at: datetime | None
    jobs: Mapping[str, list[LoadJobInfo]]
    refresh: str | None
    dropped_tables: list[str]
    truncated_tables: list[str]
    ledger: Mapping[str, Mapping[str, int]]
    has_state: bool = False  # the state of the pipeline travels with it

    def asdict(self) -> dict[str, Any]:
        """Plain values that can be loaded as data: jobs, tables and books are lists."""
        left_out = ("schema", "schema_update", "jobs", "ledger")
        marks = {"schema_name": self.schema_name, "load_id": self.load_id}
        tables = []
        for name, table in self.schema_update.items():
            columns = [{**column, "table_name": name, **marks} for column in table["columns"].values()]
            tables.append({**table, "columns": columns, **marks})
        return {
            **{key: value for key, value in self.__dict__.items() if key not in left_out},
            "jobs": [job.asdict() for job in self.all_jobs],
            "schema_migrated": bool(self.schema_update),
            "tables": tables,
            "ledger": [{"table_name": name, **entries} for name, entries in self.ledger.items()],
        }

    @property
    def all_jobs(self) -> list[LoadJobInfo]:
        """All jobs."""
        return [job for group in self.jobs.values() for job in group]

    def asstr(self, verbosity: int = 0) -> str:
        """What happened to the package, with verbosity its jobs and books."""
        failed = len(self.jobs.get("failed_jobs", ()))
        outcome = f"{failed} FAILED job(s)!" if failed else "no failed jobs"
        open_end = "" if self.state in (LOADED, ABORTED) else " and NOT YET LOADED to the destination"
        lines = [f"Load package {self.load_id} is {self.state.upper()}{open_end} and contains {outcome}"]
        if verbosity > 0:
            tables = f"{len(self.schema_update)} table(s) got new columns" if self.schema_update else "no new columns"
            lines.append(f"\tSchema {self.schema_name}: {tables}")
            lines += [f"\t{name}: {_books(row)}" for name, row in self.ledger.items()]
            lines += ["\t" + job.asstr(verbosity - 1) for job in self.all_jobs]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.asstr()


def _books(row: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in row.items() if count)


def package_info(manifest: Manifest, folder: Path, schema: Schema) -> LoadPackageInfo:
    """The public description of a manifest."""
    result = manifest.result or {}
    done = datetime.fromisoformat(result["committed_at"]) if "committed_at" in result else None
    state = STATES.get(manifest.stage, "new_jobs")
    jobs = [_job(manifest, file, folder, state, done) for file in manifest.files]
    return LoadPackageInfo(
        manifest.load_id,
        str(folder),
        manifest.stage,
        schema,
        schema.name,
        schema.version_hash,
        {name: _added(schema, name, columns) for name, columns in (result.get("added") or {}).items()},
        done,
        {state: jobs} if jobs else {},
        manifest.refresh,
        list(manifest.dropped),
        list(manifest.truncated),
        manifest.ledger.to_dict(),
        manifest.state is not None,
    )


def _job(manifest: Manifest, file: ShardFile, folder: Path, state: str, done: datetime | None) -> LoadJobInfo:
    created = datetime.fromisoformat(manifest.created_at)
    failed = state != "completed_jobs" and manifest.failures
    return LoadJobInfo(
        state,
        str(folder / file.path),
        file.bytes,
        created,
        ((done or datetime.now(created.tzinfo)) - created).total_seconds(),
        file_info(manifest, file),
        manifest.failures[-1]["error"] if failed else None,
        file.rows,
        _urls(manifest).get(file.path),
    )


def _urls(manifest: Manifest) -> Mapping[str, str]:
    return (manifest.result or {}).get("files") or {}


def _added(schema: Schema, name: str, columns: Iterable[str]) -> dict[str, Any]:
    """A table as a dict, of its columns only these; of a table that is not in the schema just the names."""
    if schema.table(name) is None:
        return {"name": name, "columns": {column: {"name": column} for column in columns}}
    table = schema.get_table(name)
    known = table["columns"]
    return {**table, "columns": {column: known.get(column, {"name": column}) for column in columns}}


# ---- steps


@dataclass(frozen=True)
class StepInfo:
    """What all steps report. metrics: by load id, a list of what was measured; times are aware datetimes."""

    pipeline: Pipeline
    metrics: Mapping[str, list[Metrics]]
    loads_ids: list[str]
    load_packages: list[LoadPackageInfo]
    first_run: bool
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def asdict(self) -> dict[str, Any]:
        """Plain values that can be loaded as data."""
        out = {
            key: value for key, value in self.__dict__.items() if key not in ("pipeline", "load_packages", "metrics")
        }
        return {
            "pipeline": {"pipeline_name": self.pipeline.pipeline_name},
            **out,
            "load_packages": [package.asdict() for package in self.load_packages],
            **self.metrics_dict(),
        }

    def metrics_dict(self) -> dict[str, Any]:
        """The metrics as lists of plain values, each with its load id."""
        return {
            "job_metrics": self._listed("job_metrics", "job_id"),
            "table_metrics": self._listed("table_metrics", "table_name"),
        }

    def _listed(self, kind: str, key: str) -> list[dict[str, Any]]:
        return [
            {
                **_flat(asdict(one)),
                "load_id": load_id,
                key: name_of,
            }
            for load_id, items in self.metrics.items()
            for item in items
            for name_of, one in item.get(kind, {}).items()
        ]

    def asstr(self, verbosity: int = 0) -> str:
        """What a person wants to know."""
        return "\n".join(self._packages(verbosity))

    def _packages(self, verbosity: int) -> list[str]:
        return [package.asstr(verbosity) for package in self.load_packages]

    def __str__(self) -> str:
        return self.asstr()

    def __bool__(self) -> bool:
        return True


def _flat(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics that have a value; those of the user's steps and of incrementals beside the others."""
    custom = metrics.pop("custom_metrics", None) or {}
    return {**{name: value for name, value in metrics.items() if value is not None}, **custom}


@dataclass(frozen=True)
class ExtractInfo(StepInfo):
    """What `extract` did; `metrics` holds rows and bytes by job, table and resource, and how resources feed each other."""

    def metrics_dict(self) -> dict[str, Any]:
        """The metrics as lists of plain values, each with its load id."""
        pairs = [(load_id, item) for load_id, items in self.metrics.items() for item in items]
        return {
            **super().metrics_dict(),
            "resource_metrics": self._listed("resource_metrics", "resource_name"),
            "dag": [
                {"load_id": load_id, "parent_name": parent, "resource_name": name}
                for load_id, item in pairs
                for parent, name in item["dag"]
            ],
            "hints": [
                {"load_id": load_id, "resource_name": name, **hints}
                for load_id, item in pairs
                for name, hints in item["hints"].items()
            ],
        }


@dataclass(frozen=True)
class NormalizeInfo(StepInfo):
    """What `normalize` did."""

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows that the packages bring to the destination, by table."""
        counts: dict[str, int] = {}
        for package in self.load_packages:
            for table, row in package.ledger.items():
                counts[table] = counts.get(table, 0) + row.get("written", 0)
            if package.has_state:
                counts[STATE] = counts.get(STATE, 0) + 1
        return counts

    def asstr(self, verbosity: int = 0) -> str:
        """Rows by table, and the packages."""
        rows = [f"- {table}: {count} row(s)" for table, count in self.row_counts.items()]
        head = "Normalized data for the following tables:" if rows else "No data found to normalize"
        return "\n".join([head, *rows, "", *self._packages(verbosity)])


@dataclass(frozen=True)
class LoadInfo(StepInfo):
    """What `load` did: where the data is, which packages were loaded, what did not go as wished."""

    destination_type: str = ""
    destination_displayable_credentials: str = ""
    destination_name: str = ""
    destination_fingerprint: str = ""
    environment: str | None = None
    staging_type: str | None = None
    staging_name: str | None = None
    staging_displayable_credentials: str | None = None
    dataset_name: str | None = None
    parked: list[str] = field(default_factory=list)  # load ids of earlier packages that failed again and were set aside
    recognised: list[str] = field(default_factory=list)  # what a text that was given as data stands for

    @property
    def has_failed_jobs(self) -> bool:
        """True when a package of this load has failed jobs."""
        return any(package.jobs.get("failed_jobs") for package in self.load_packages)

    def raise_on_failed_jobs(self) -> None:
        """Raise when a package has failed jobs."""
        for package in self.load_packages:
            for job in package.jobs.get("failed_jobs", ()):
                raise FatalError(job.asstr(), load_id=package.load_id)

    @property
    def quarantined(self) -> dict[str, int]:
        """Rows that were turned away and kept in `_dlt_quarantine`, by table."""
        return self._counts("quarantined")

    @property
    def quarantined_values(self) -> dict[str, int]:
        """Values that were turned away and kept in `_dlt_quarantine`, by table; their rows were loaded without them."""
        return self._counts("values")

    def _counts(self, entry: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for package in self.load_packages:
            for table, row in package.ledger.items():
                if row.get(entry):
                    counts[table] = counts.get(table, 0) + row[entry]
        return counts

    def metrics_dict(self) -> dict[str, Any]:
        """The metrics as lists of plain values, each with its load id; rows that were quarantined, by table."""
        jobs = [{"dataset_name": self.dataset_name, **job} for job in self._listed("job_metrics", "job_id")]
        quarantined = [{"table_name": table, "rows": rows} for table, rows in self.quarantined.items()]
        return {"job_metrics": jobs, "quarantined": quarantined}

    def _head(self) -> str:
        seconds = 0.0
        if self.started_at and self.finished_at:
            seconds = (self.finished_at - self.started_at).total_seconds()
        return f"Pipeline {self.pipeline.pipeline_name} load step finished in {seconds:.2f} seconds"

    def asstr(self, verbosity: int = 0) -> str:
        """Where the data is, the packages, and what a person has to look after."""
        done = [package for package in self.load_packages if package.state != ABORTED]
        name, where = self.destination_name, self.destination_displayable_credentials
        lines = [
            self._head(),
            *(f"Recognised {note}" for note in self.recognised[:SHOWN]),
            *([f"Recognised {len(self.recognised) - SHOWN} more"] if len(self.recognised) > SHOWN else []),
            f"{len(done)} load package(s) were loaded to destination {name} and into dataset {self.dataset_name}",
            f"The {name} destination used {where} location to store data",
            *self._packages(verbosity),
        ]
        if quarantined := self.quarantined:
            counts = ", ".join(f"{table} {count}" for table, count in quarantined.items())
            lines.append(f"Rows kept in _dlt_quarantine instead of their table: {counts}")
        if values := self.quarantined_values:
            counts = ", ".join(f"{table} {count}" for table, count in values.items())
            lines.append(f"Values kept in _dlt_quarantine, their rows are loaded without them: {counts}")
        lines += [
            f"Load package {load_id} of an earlier run failed again and was set aside: "
            f'pipeline.retry_package("{load_id}") tries it again, pipeline.abort_packages("{load_id}") drops it'
            for load_id in self.parked
        ]
        return "\n".join(lines)
