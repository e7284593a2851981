"""What the steps report: packages, jobs, metrics, lines for people, and that all of it can be loaded as data."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import pytest

import dlt
from dlt.errors import PlanError, StepFailed

ROWS = [{"id": 1, "tags": ["x", "y"]}, {"id": 2, "name": "b"}]


def loaded(rows: Any = None, **hints: Any) -> tuple[dlt.Pipeline, Any]:
    destination = dlt.destinations.duckdb("infos.duckdb", environment="test")
    pipeline = dlt.pipeline("infos", destination=destination, dataset_name="data")
    info = pipeline.run(ROWS if rows is None else rows, **{"table_name": "t", **hints})
    assert info is not None
    return pipeline, info


def fetch(sql: str) -> list[Any]:
    with duckdb.connect("infos.duckdb", read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_lines_of_a_load_info(own_folder):
    _, info = loaded()
    first, *lines = str(info).splitlines()

    assert first.startswith("Pipeline infos load step finished in ")
    assert first.endswith(" seconds")
    assert lines == [
        "1 load package(s) were loaded to destination duckdb and into dataset data",
        f"The duckdb destination used {own_folder / 'infos.duckdb'} location to store data",
        f"Load package {info.loads_ids[0]} is LOADED and contains no failed jobs",
    ]
    assert info.asstr(1).count("\n") > len(lines)
    assert "2 extracted" in info.asstr(1)


def test_what_a_load_info_says():
    pipeline, info = loaded()
    (package,) = info.load_packages

    assert (info.pipeline, info.loads_ids, list(info.metrics)) == (pipeline, [package.load_id], [package.load_id])
    assert (info.destination_type, info.destination_name) == ("dlt.destinations.duckdb", "duckdb")
    assert (info.dataset_name, info.environment, info.staging_name) == ("data", "test", None)
    assert (info.first_run, info.has_failed_jobs) == (True, False)
    assert info.started_at <= package.completed_at <= info.finished_at
    info.raise_on_failed_jobs()
    assert loaded()[1].first_run is False


def test_a_package_and_its_jobs():
    pipeline, info = loaded()
    (package,) = info.load_packages

    assert (package.state, package.schema, package.refresh) == ("loaded", pipeline.default_schema, None)
    assert (package.schema_name, package.schema_hash) == ("infos", pipeline.default_schema.version_hash)
    assert (package.dropped_tables, package.truncated_tables) == ([], [])
    assert list(package.jobs) == ["completed_jobs"]
    jobs = {job.table_name: job for job in package.jobs["completed_jobs"]}
    assert {name: job.rows for name, job in jobs.items()} == {"t": 2, "t__tags": 2}
    job = jobs["t"]
    about = job.job_file_info
    assert (about.table_name, about.retry_count, about.is_compressed) == ("t", 0, False)
    assert job.file_path.endswith(f"{about.file_id}.{about.file_format}")
    assert about.job_id() == f"t.{about.file_id}.{about.file_format}"
    assert (job.failed_message, job.file_size > 0, job.elapsed > 0) == (None, True, True)
    assert job.created_at.tzinfo is not None
    assert "2 row(s)" in str(job)


def test_columns_that_a_load_added():
    _, first = loaded()
    _, second = loaded([{"id": 3, "more": 1.5}])
    _, third = loaded([{"id": 4}])

    update = first.load_packages[0].schema_update
    assert list(update["t"]["columns"]) == ["id", "name", "_dlt_load_id", "_dlt_id"]
    assert update["t"]["columns"]["id"]["data_type"] == "bigint"
    assert {name: list(table["columns"]) for name, table in second.load_packages[0].schema_update.items()} == {
        "t": ["more"]
    }
    assert third.load_packages[0].schema_update == {}
    tables = second.asdict()["load_packages"][0]["tables"]
    load_id = second.loads_ids[0]
    assert [(table["name"], table["load_id"], table["schema_name"]) for table in tables] == [("t", load_id, "infos")]
    assert tables[0]["columns"][0]["table_name"] == "t"
    assert third.asdict()["load_packages"][0]["schema_migrated"] is False


def test_as_dict_has_the_keys_of_dlt():
    pipeline, info = loaded()
    trace = pipeline.last_trace
    common = {"pipeline", "loads_ids", "load_packages", "first_run", "started_at", "finished_at"}
    of_job = {"load_id", "dataset_name", "job_id", "file_path", "table_name", "started_at", "finished_at", "state"}
    of_package = {"load_id", "package_path", "state", "completed_at", "jobs", "refresh", "dropped_tables"}
    of_package |= {"truncated_tables", "schema_hash", "schema_name", "schema_migrated", "tables"}
    of_load = {"destination_type", "destination_displayable_credentials", "destination_name", "environment"}
    of_load |= {"staging_type", "staging_name", "staging_displayable_credentials", "destination_fingerprint"}

    found = info.asdict()
    assert common | of_load | {"dataset_name", "job_metrics"} <= found.keys()
    assert found["pipeline"] == {"pipeline_name": "infos"}
    assert of_package <= found["load_packages"][0].keys()
    assert of_job | {"retry_count"} <= found["job_metrics"][0].keys()
    assert {"file_id", "table_name", "retry_count", "file_format", "job_id", "created_at", "elapsed"} <= found[
        "load_packages"
    ][0]["jobs"][0].keys()
    extracted, normalized = trace.last_extract_info.asdict(), trace.last_normalize_info.asdict()
    assert common | {"job_metrics", "table_metrics", "resource_metrics", "dag", "hints"} == extracted.keys()
    assert common | {"job_metrics", "table_metrics"} == normalized.keys()


def test_metrics_by_job_table_and_resource():
    @dlt.resource(primary_key="id", write_disposition="merge")
    def numbers():
        dlt.current.resource_metrics()["pages"] = 2
        yield [{"id": 1, "l": [1, 2, 3]}, {"id": 2}]
        yield {"id": 3}

    @dlt.transformer(data_from=numbers)
    def doubled(items):
        yield [{"twice": 2}]

    @dlt.source
    def made():
        return numbers, doubled

    pipeline, info = loaded(made(), table_name=None)
    (measured,) = pipeline.last_trace.last_extract_info.metrics[info.loads_ids[0]]
    items = {name: one.items_count for name, one in measured["table_metrics"].items()}

    assert items == {"numbers": 3, "doubled": 2}
    assert {name: one.items_count for name, one in measured["resource_metrics"].items()} == items
    assert measured["resource_metrics"]["numbers"].custom_metrics == {"pages": 2}
    assert measured["dag"] == [("numbers", "numbers"), ("numbers", "doubled")]
    assert measured["hints"]["numbers"]["primary_key"] == "id"
    assert measured["hints"]["doubled"] == {"write_disposition": "append"}
    assert measured["table_metrics"]["numbers"].created <= measured["table_metrics"]["numbers"].last_modified
    (normalized,) = pipeline.last_trace.last_normalize_info.metrics[info.loads_ids[0]]
    assert {name: one.items_count for name, one in normalized["table_metrics"].items()} == {**items, "numbers__l": 3}
    assert sum(one.items_count for one in normalized["job_metrics"].values()) == 8
    jobs = info.metrics[info.loads_ids[0]][0]["job_metrics"]
    assert {job.table_name: job.state for job in jobs.values()} == dict.fromkeys(
        ("numbers", "doubled", "numbers__l"), "completed"
    )
    assert jobs.keys() == normalized["job_metrics"].keys()


def test_row_counts_count_the_state_where_it_is_new():
    pipeline, _ = loaded()
    first = pipeline.last_trace.last_normalize_info
    pipeline.run(ROWS, table_name="t")

    assert first.row_counts == {"t": 2, "t__tags": 2, "_dlt_pipeline_state": 1}
    assert pipeline.last_trace.last_normalize_info.row_counts == {"t": 2, "t__tags": 2}
    assert "- t__tags: 2 row(s)" in str(first)
    assert f"Load package {first.loads_ids[0]} is NORMALIZED and NOT YET LOADED" in str(first)


def test_steps_one_by_one():
    pipeline, _ = loaded()
    extracted = pipeline.extract(ROWS, table_name="t")
    normalized = pipeline.normalize()
    info = pipeline.load()

    assert extracted.loads_ids == normalized.loads_ids == info.loads_ids
    states = [one.load_packages[0].state for one in (extracted, normalized, info)]
    assert states == ["extracted", "normalized", "loaded"]
    assert extracted.metrics[info.loads_ids[0]][0]["table_metrics"]["t"].items_count == 2
    assert {len(group) for group in extracted.load_packages[0].jobs.values()} == {1}
    assert pipeline.normalize().loads_ids == []
    assert str(pipeline.normalize()).startswith("No data found to normalize")


def test_refresh_and_quarantine_are_reported():
    pipeline, _ = loaded()
    info = pipeline.run([{"id": 1}], table_name="t", refresh="drop_resources")
    turned_away = pipeline.run(
        [{"id": 2, "new": 1}, {"id": 3}], table_name="t", schema_contract={"columns": "discard_row"}
    )

    assert info.load_packages[0].refresh == "drop_resources"
    assert info.load_packages[0].dropped_tables == ["t", "t__tags"]
    assert turned_away.quarantined == {"t": 1}
    assert "Rows kept in _dlt_quarantine instead of their table: t 1" in str(turned_away)
    assert turned_away.asdict()["quarantined"] == [{"table_name": "t", "rows": 1}]


def test_a_failed_job_is_told(monkeypatch):
    pipeline, _ = loaded()

    def refused(*_args: Any) -> list[Any]:
        raise PlanError("this cannot be done")

    monkeypatch.setattr("dlt.load.run.plan", refused)
    with pytest.raises(StepFailed) as failed:
        pipeline.run([{"id": 2}], table_name="t")
    package = pipeline.get_load_package_info(failed.value.load_id)

    assert (package.state, list(package.jobs)) == ("normalized", ["new_jobs"])
    (job,) = package.jobs["new_jobs"]
    assert job.failed_message == "PlanError: this cannot be done"
    assert str(job).endswith("It failed: PlanError: this cannot be done")
    assert job.job_file_info.retry_count > 0


@pytest.mark.parametrize("verbosity", [0, 1, 2])
def test_infos_can_be_loaded_as_data(verbosity):
    pipeline, info = loaded()
    trace = pipeline.last_trace
    pipeline.run([info], table_name="_load_info")
    pipeline.run([trace.last_extract_info, trace.last_normalize_info], table_name="_infos")
    pipeline.run([trace], table_name="_trace")

    (row,) = fetch("SELECT pipeline__pipeline_name, destination_name, dataset_name, first_run FROM data._load_info")
    assert row == ("infos", "duckdb", "data", True)
    jobs = fetch("SELECT table_name, rows, state FROM data._load_info__load_packages__jobs ORDER BY table_name")
    assert jobs == [("t", 2, "completed_jobs"), ("t__tags", 2, "completed_jobs")]
    columns = "table_name, name, data_type, load_id"
    (first, *_) = fetch(f"SELECT {columns} FROM data._load_info__load_packages__tables__columns WHERE table_name = 't'")
    assert first == ("t", "id", "bigint", info.loads_ids[0])
    assert fetch("SELECT table_name, extracted, loaded FROM data._load_info__load_packages__ledger ORDER BY 1") == [
        ("t", 2, 2),
        ("t__tags", 2, 2),
    ]
    assert fetch("SELECT count(*) FROM data._infos__table_metrics") == [(3,)]
    assert fetch("SELECT step FROM data._trace__steps") == [("extract",), ("normalize",), ("load",)]
    assert isinstance(fetch("SELECT finished_at FROM data._trace")[0][0], dt.datetime)
    assert info.asstr(verbosity)
    assert trace.asstr(verbosity)
