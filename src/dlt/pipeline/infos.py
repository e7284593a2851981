"""What the steps of a run report: ExtractInfo, NormalizeInfo, LoadInfo, and the packages and jobs inside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlt.errors import FatalError
from dlt.package.manifest import ABORTED, FAILED, LOADED, Manifest, ShardFile

if TYPE_CHECKING:
    from dlt.pipeline.pipeline import Pipeline
    from dlt.schema.schema import Schema


@dataclass(frozen=True)
class LoadJobInfo:
    """One file of a package: `state` is new_jobs, completed_jobs or failed_jobs; `elapsed` and sizes in seconds, bytes."""

    state: str
    file_path: str
    file_size: int
    table_name: str
    rows: int
    file_format: str
    remote_url: str | None = None
    failed_message: str | None = None

    def asdict(self) -> dict[str, Any]:
        """Plain values."""
        return dict(self.__dict__)

    def asstr(self, verbosity: int = 0) -> str:  # noqa: ARG002 - the public signature
        """One line."""
        failed = f" because of: {self.failed_message}" if self.failed_message else ""
        return f"Job {Path(self.file_path).name} of table {self.table_name} with {self.rows} rows is {self.state}{failed}"


@dataclass(frozen=True)
class LoadPackageInfo:
    """One package: its stage, its jobs by state, the columns it added to the destination, its books."""

    load_id: str
    package_path: str
    state: str
    schema: Schema | None
    schema_update: Mapping[str, Any]
    completed_at: datetime | None
    jobs: Mapping[str, list[LoadJobInfo]]
    refresh: str | None
    dropped_tables: list[str]
    truncated_tables: list[str]
    ledger: Mapping[str, Mapping[str, int]]

    @property
    def schema_name(self) -> str:
        """Name of the package's schema."""
        return self.schema.name if self.schema else ""

    @property
    def schema_hash(self) -> str:
        """Version hash of the package's schema."""
        return self.schema.version_hash if self.schema else ""

    def asdict(self) -> dict[str, Any]:
        """Plain values; the jobs as one list."""
        jobs = [job.asdict() for group in self.jobs.values() for job in group]
        left_out = ("schema", "jobs")
        return {
            **{key: value for key, value in self.__dict__.items() if key not in left_out},
            "schema_name": self.schema_name,
            "schema_hash": self.schema_hash,
            "jobs": jobs,
        }

    def asstr(self, verbosity: int = 0) -> str:
        """What happened to the package, with verbosity its jobs and books."""
        failed = len(self.jobs.get("failed_jobs", ()))
        outcome = f"{failed} FAILED job(s)!" if failed else "no failed jobs"
        lines = [f"Load package {self.load_id} is {self.state.upper()} and contains {outcome}"]
        if verbosity > 0:
            lines += [f"\t{name}: {_books(row)}" for name, row in self.ledger.items()]
            lines += ["\t" + job.asstr() for group in self.jobs.values() for job in group]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.asstr()


def _books(row: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in row.items() if count)


def package_info(manifest: Manifest, folder: Path, schema: Schema | None) -> LoadPackageInfo:
    """The public description of a manifest."""
    result = manifest.result or {}
    state = {LOADED: "completed_jobs", FAILED: "failed_jobs"}.get(manifest.stage, "new_jobs")
    message = manifest.failures[-1]["error"] if manifest.failures and manifest.stage != LOADED else None
    urls = result.get("files") or {}

    def job(file: ShardFile) -> LoadJobInfo:
        return LoadJobInfo(
            state, str(folder / file.path), file.bytes, file.table, file.rows, file.format, urls.get(file.path), message
        )

    jobs: dict[str, list[LoadJobInfo]] = {}
    for file in manifest.files:
        jobs.setdefault((made := job(file)).state, []).append(made)
    done = result.get("committed_at")
    return LoadPackageInfo(
        manifest.load_id,
        str(folder),
        manifest.stage,
        schema,
        result.get("added") or {},
        datetime.fromisoformat(done) if done else None,
        jobs,
        manifest.refresh,
        list(manifest.dropped),
        list(manifest.truncated),
        manifest.ledger.to_dict(),
    )


@dataclass(frozen=True)
class StepInfo:
    """What all steps report. metrics: by load id, a list of what was measured; times are aware datetimes."""

    pipeline: Pipeline
    metrics: Mapping[str, list[dict[str, Any]]]
    loads_ids: list[str]
    load_packages: list[LoadPackageInfo]
    first_run: bool
    started_at: datetime | None = None
    finished_at: datetime | None = None

    def asdict(self) -> dict[str, Any]:
        """Plain values that can be loaded as data."""
        out = {key: value for key, value in self.__dict__.items() if key not in ("pipeline", "load_packages", "metrics")}
        return {
            **out,
            "pipeline": {"pipeline_name": self.pipeline.pipeline_name},
            "load_packages": [package.asdict() for package in self.load_packages],
            "metrics": [{"load_id": load_id, **item} for load_id, items in self.metrics.items() for item in items],
        }

    def _head(self, step: str) -> str:
        seconds = 0.0
        if self.started_at and self.finished_at:
            seconds = (self.finished_at - self.started_at).total_seconds()
        return f"Pipeline {self.pipeline.pipeline_name} {step} step finished in {seconds:.2f} seconds"

    def asstr(self, verbosity: int = 0) -> str:
        """What a person wants to know."""
        return "\n".join([self._head(type(self).__name__.removesuffix("Info").lower()), *self._packages(verbosity)])

    def _packages(self, verbosity: int) -> list[str]:
        return [package.asstr(verbosity) for package in self.load_packages]

    def __str__(self) -> str:
        return self.asstr()

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class ExtractInfo(StepInfo):
    """What `extract` did; `metrics` holds rows and bytes per table."""


@dataclass(frozen=True)
class NormalizeInfo(StepInfo):
    """What `normalize` did."""

    @property
    def row_counts(self) -> dict[str, int]:
        """Rows in the files of the packages, by table."""
        counts: dict[str, int] = {}
        for package in self.load_packages:
            for table, row in package.ledger.items():
                counts[table] = counts.get(table, 0) + row.get("written", 0)
        return counts

    def asstr(self, verbosity: int = 0) -> str:
        rows = [f"- {table}: {count} row(s)" for table, count in self.row_counts.items()]
        head = "Normalized data for the following tables:" if rows else "No data found to normalize"
        return "\n".join([self._head("normalize"), head, *rows, "", *self._packages(verbosity)])


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
        counts: dict[str, int] = {}
        for package in self.load_packages:
            for table, row in package.ledger.items():
                if row.get("quarantined"):
                    counts[table] = counts.get(table, 0) + row["quarantined"]
        return counts

    def asstr(self, verbosity: int = 0) -> str:
        done = [package for package in self.load_packages if package.state != ABORTED]
        lines = [
            self._head("load"),
            f"{len(done)} load package(s) were loaded to destination {self.destination_name} "
            f"and into dataset {self.dataset_name}",
            f"The {self.destination_name} destination used {self.destination_displayable_credentials} location to store data",
            *self._packages(verbosity),
        ]
        if quarantined := self.quarantined:
            counts = ", ".join(f"{table} {count}" for table, count in quarantined.items())
            lines.append(f"Rows kept in _dlt_quarantine instead of their table: {counts}")
        lines += [
            f"Load package {load_id} of an earlier run failed again and was set aside: "
            f'pipeline.retry_package("{load_id}") tries it again, pipeline.abort_packages("{load_id}") drops it'
            for load_id in self.parked
        ]
        return "\n".join(lines)
