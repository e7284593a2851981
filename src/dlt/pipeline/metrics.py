"""What is measured of a package at each step: rows, bytes and times by job, table and resource."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from dlt.extract.resource import DltResource
    from dlt.extract.source import DltSource
    from dlt.package.manifest import Manifest, ShardFile
    from dlt.pipeline.infos import LoadPackageInfo
    from dlt.schema.schema import Schema

Metrics = dict[str, Any]


@dataclass(frozen=True)
class JobFileInfo:
    """What the name of a job says."""

    table_name: str
    file_id: str
    retry_count: int
    file_format: str
    is_compressed: bool = False

    def job_id(self) -> str:
        """The name of the job in its package."""
        return f"{self.table_name}.{self.file_id}.{self.file_format}" + (".gz" if self.is_compressed else "")


def file_info(manifest: Manifest, file: ShardFile) -> JobFileInfo:
    """What the name of the job of a file says."""
    return JobFileInfo(file.table, file.file_id, len(manifest.failures), file.format, file.path.endswith(".gz"))


@dataclass(frozen=True)
class DataWriterMetrics:
    """Rows and bytes of a file, a table or a resource; times in seconds since 1970."""

    file_path: str
    items_count: int
    file_size: int
    created: float
    last_modified: float
    custom_metrics: Mapping[str, Any] | None = None  # of a resource: what its metrics steps counted


@dataclass(frozen=True)
class LoadJobMetrics:
    """When a file was loaded, and where it went."""

    job_id: str
    file_path: str
    table_name: str
    started_at: datetime
    finished_at: datetime
    state: str
    remote_url: str | None
    retry_count: int


def extract_metrics(manifest: Manifest, schema: Schema, noted: Metrics) -> Metrics:
    """What `extract` measured of a package. noted: started_at, finished_at, and of the sources dag, hints and custom
    metrics by resource. Items of root tables are counted; in a run that goes on to normalize, bytes are those of the files
    of all tables that come of them."""
    begun, ended = noted["started_at"].timestamp(), noted["finished_at"].timestamp()
    tables: dict[str, tuple[int, int]] = {}
    resources: dict[str, tuple[int, int]] = {}
    sizes, counts = _sizes(manifest), _taken(manifest)
    for name in dict.fromkeys([*counts, *sizes]):
        table = schema.table(name)
        if table is None or table.parent is not None or table.is_dlt:
            continue
        rows, size = tables[name] = (counts.get(name, 0), sizes.get(name, 0))
        more = resources.get(table.resource or name, (0, 0))
        resources[table.resource or name] = (more[0] + rows, more[1] + size)
    custom: Mapping[str, Any] = noted.get("custom") or {}
    return {
        "started_at": noted["started_at"],
        "finished_at": noted["finished_at"],
        "schema_name": schema.name,
        "job_metrics": _job_metrics(manifest, begun, ended),
        "table_metrics": {
            name: DataWriterMetrics("", rows, size, begun, ended) for name, (rows, size) in tables.items()
        },
        "resource_metrics": {
            name: DataWriterMetrics("", rows, size, begun, ended, custom.get(name))
            for name, (rows, size) in resources.items()
        },
        "dag": noted.get("dag") or [],
        "hints": noted.get("hints") or {},
        "inputs": noted.get("inputs") or [],
    }


def noted_of(sources: Iterable[DltSource]) -> Metrics:
    """What the info of `extract` says of the code: which resource feeds which, hints, and metrics that steps counted."""
    resources = {name: resource for source in sources for name, resource in source.selected_resources.items()}
    return {
        "dag": [(_feeder(resource), name) for name, resource in resources.items()],
        "hints": {name: _hints(resource) for name, resource in resources.items()},
        "inputs": [{**one, "resource_name": name} for name, resource in resources.items() for one in resource.inputs],
        "custom": {name: dict(found) for name, resource in resources.items() if (found := resource.custom_metrics)},
    }


def _feeder(resource: DltResource) -> str:
    """The resource that feeds a transformer; of another one itself."""
    pipe = resource._pipe  # noqa: SLF001 - no part of the public API has it
    return pipe.parent.name if pipe.parent else pipe.name


def _hints(resource: DltResource) -> dict[str, Any]:
    """The hints of a resource as texts; its incremental as a dict."""
    hints = {"write_disposition": "append", **resource._hints}  # noqa: SLF001 - no part of the public API has all of them
    texts: dict[str, Any] = {
        key: value if isinstance(value, str) else _hint_text(value) for key, value in hints.items()
    }
    if (incremental := resource.incremental) is not None:
        texts["incremental"] = incremental.to_dict()
    return texts


def _hint_text(value: Any) -> str:
    if callable(value):
        return f"function {getattr(value, '__qualname__', type(value).__name__)}"
    if isinstance(value, Mapping):  # keys may be paths of keys
        value = {key if isinstance(key, str) else ".".join(key): one for key, one in value.items()}
    return json.dumps(value, default=lambda one: type(one).__name__, ensure_ascii=False)


def normalize_metrics(manifest: Manifest, _schema: Schema, noted: Metrics) -> Metrics:
    """What `normalize` measured of a package: rows and bytes of all tables."""
    begun, ended = noted["started_at"].timestamp(), noted["finished_at"].timestamp()
    rows: dict[str, int] = {}
    for file in manifest.files:
        rows[file.table] = rows.get(file.table, 0) + file.rows
    sizes = _sizes(manifest)
    return {
        "started_at": noted["started_at"],
        "finished_at": noted["finished_at"],
        "job_metrics": _job_metrics(manifest, begun, ended),
        "table_metrics": {
            name: DataWriterMetrics("", count, sizes[name], begun, ended) for name, count in rows.items()
        },
    }


def load_metrics(package: LoadPackageInfo, dataset_name: str, started_at: datetime, finished_at: datetime) -> Metrics:
    """What `load` measured of a package."""
    end = package.completed_at or finished_at
    jobs = {
        (about := job.job_file_info).job_id(): LoadJobMetrics(
            about.job_id(),
            job.file_path,
            about.table_name,
            min(started_at, end),
            end,
            job.state.removesuffix("_jobs"),
            job.remote_url,
            about.retry_count,
        )
        for job in package.all_jobs
    }
    return {"started_at": started_at, "finished_at": finished_at, "dataset_name": dataset_name, "job_metrics": jobs}


def _taken(manifest: Manifest) -> dict[str, int]:
    """Rows that were taken from the sources, by table: by the books, and those in batches, which are booked later."""
    counts = {name: entries.get("extracted", 0) for name, entries in manifest.ledger.to_dict().items()}
    for file in manifest.files:
        if file.format == "batch":
            counts[file.table] = counts.get(file.table, 0) + file.rows
    return counts


def _sizes(manifest: Manifest) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for file in manifest.files:
        sizes[file.table] = sizes.get(file.table, 0) + file.bytes
    return sizes


def _job_metrics(manifest: Manifest, begun: float, ended: float) -> dict[str, DataWriterMetrics]:
    return {
        file_info(manifest, file).job_id(): DataWriterMetrics(file.path, file.rows, file.bytes, begun, ended)
        for file in manifest.files
    }
