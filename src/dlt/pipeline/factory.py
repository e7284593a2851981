"""`dlt.pipeline`, `dlt.attach` and `dlt.run`: how a user gets a pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dlt.pipeline.infos import LoadInfo
    from dlt.pipeline.pipeline import Pipeline

CONFIG = (
    "destination_type",
    "destination_name",
    "dataset_name_layout",
    "restore_from_destination",
    "enable_runtime_trace",
    "use_single_dataset",
)  # fields of the configuration


def pipeline(
    pipeline_name: str | None = None,
    pipelines_dir: str | os.PathLike[str] | None = None,
    pipeline_salt: str | None = None,
    destination: Any = None,
    staging: Any = None,
    dataset_name: str | None = None,
    import_schema_path: str | None = None,
    export_schema_path: str | None = None,
    full_refresh: bool | None = None,
    dev_mode: bool | None = None,
    refresh: str | None = None,
    progress: Any = None,
    _impl_cls: type[Pipeline] | None = None,
    _keep: bool = False,
    **config: Any,
) -> Pipeline:
    """A pipeline with this name, made active: the same name and `pipelines_dir` go on where the last run ended.

    Without any argument the active pipeline, or one named after the script. destination: a name such as "duckdb", or
    an object from `dlt.destinations`; when there is none, an embedded DuckDB file `<pipeline_name>.duckdb`.
    dataset_name: the schema or folder that is loaded to, default `<pipeline_name>_dataset`. dev_mode: each run gets a
    new data set and starts from nothing. refresh: "drop_sources", "drop_resources" or "drop_data" before each load.
    What is not given comes from `[pipelines.<pipeline_name>]` of the configuration.
    """
    from dlt.config.settings import script_name
    from dlt.extract.state import active_pipeline
    from dlt.pipeline.configured import completed
    from dlt.pipeline.pipeline import Pipeline

    if unknown := [name for name in config if name not in CONFIG]:
        raise TypeError(f"pipeline() got an unexpected keyword argument {unknown[0]!r}{_meant(unknown[0])}")
    given = (pipeline_name, pipelines_dir, pipeline_salt, destination, staging, dataset_name, full_refresh, refresh)
    paths = (import_schema_path, export_schema_path, progress, _impl_cls)
    if not dev_mode and not config and all(value is None for value in (*given, *paths)):
        active: Pipeline | None = active_pipeline()
        if active is not None:
            return active
    if full_refresh is not None:
        import warnings

        warnings.warn("full_refresh is now called dev_mode", DeprecationWarning, stacklevel=2)
        dev_mode = full_refresh
    name = pipeline_name or f"dlt_{script_name() or 'pipeline'}"
    arguments, config = completed(
        name,
        {
            "pipelines_dir": pipelines_dir,
            "pipeline_salt": pipeline_salt,
            "destination": destination,
            "dataset_name": dataset_name,
            "import_schema_path": import_schema_path,
            "export_schema_path": export_schema_path,
            "dev_mode": dev_mode,
            "refresh": refresh,
            "progress": progress,
        },
        config,
    )
    made = (_impl_cls or Pipeline)(
        name,
        staging=staging,
        config=config,
        keep=_keep,
        **{**arguments, "dev_mode": bool(arguments["dev_mode"]) and not _keep},
    )
    made.activate()
    return made


def _meant(name: str) -> str:
    """What somebody may have meant by an argument that there is not."""
    from difflib import get_close_matches

    if name == "credentials":
        return ": they belong to the destination, as dlt.destinations.duckdb(credentials)"
    near = get_close_matches(name, pipeline.__code__.co_varnames[: pipeline.__code__.co_argcount], 1, 0.7)
    return f". Did you mean {near[0]!r}?" if near else ""


def attach(
    pipeline_name: str | None = None,
    pipelines_dir: str | os.PathLike[str] | None = None,
    pipeline_salt: str | None = None,
    destination: Any = None,
    staging: Any = None,
    progress: Any = None,
    dataset_name: str | None = None,
    **config: Any,
) -> Pipeline:
    """The pipeline of this name that ran before: from its work directory, else restored from `destination`.

    Raises CannotRestorePipeline when it is in neither place.
    """
    from dlt.errors import CannotRestorePipeline

    made = pipeline(
        pipeline_name,
        pipelines_dir,
        pipeline_salt,
        destination=destination,
        staging=staging,
        progress=progress,
        dataset_name=dataset_name,
        _keep=True,
        **config,
    )
    if not made.workdir.exists:
        if destination is not None:
            made.sync_destination()
        if not made.workdir.exists:
            made.deactivate()
            made.workdir.remove(made.pipeline_name)
            raise CannotRestorePipeline(
                f"There is no pipeline {made.pipeline_name!r}.",
                work_directory=made.working_dir,
                destination=made.destination.name if made.destination else None,
                hint="check the name and pipelines_dir, or give the destination and dataset_name it has loaded to",
            )
    return made


def run(
    data: Any,
    *,
    destination: Any = None,
    staging: Any = None,
    dataset_name: str | None = None,
    table_name: str | None = None,
    write_disposition: Any = None,
    columns: Any = None,
    schema: Any = None,
    loader_file_format: str | None = None,
    table_format: str | None = None,
    schema_contract: Any = None,
    refresh: str | None = None,
    tables: Sequence[str] | None = None,
) -> LoadInfo | None:
    """Load data with the active pipeline, or with one named after the script: `dlt.pipeline().run(data, ...)`.

    data: resources, sources, rows, frames; or a text: files such as "data/*.csv", an https URL, the URL of a database (of
    which `tables` are loaded), the name of a source.
    """
    return pipeline().run(
        data,
        destination=destination,
        staging=staging,
        dataset_name=dataset_name,
        table_name=table_name,
        write_disposition=write_disposition,
        columns=columns,
        schema=schema,
        loader_file_format=loader_file_format,
        table_format=table_format,
        schema_contract=schema_contract,
        refresh=refresh,
        tables=tables,
    )
