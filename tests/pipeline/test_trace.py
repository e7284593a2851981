"""The trace: which steps there were, what ended them, that it comes back in a new process, and that it keeps no secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

import dlt
from dlt.errors import PipelineLocked, StepFailed
from dlt.pipeline.trace import MOST_STEPS, PipelineTrace, exception_chain


@pytest.fixture
def pipeline() -> dlt.Pipeline:
    return dlt.pipeline("traced", destination="duckdb", dataset_name="data")


def steps(pipeline: dlt.Pipeline) -> list[str]:
    return [step.step for step in pipeline.last_trace.steps]


def file_of(pipeline: dlt.Pipeline) -> Path:
    return Path(pipeline.working_dir) / "trace.json"


def test_a_run_is_its_steps_and_itself(pipeline):
    assert pipeline.last_trace is None
    info = pipeline.run([{"id": 1}], table_name="t")
    trace = pipeline.last_trace

    assert steps(pipeline) == ["extract", "normalize", "load", "run"]
    assert trace.last_load_info is info is trace.last_pipeline_step_trace("run").step_info
    assert trace.last_extract_info.loads_ids == trace.last_normalize_info.loads_ids == info.loads_ids
    assert trace.last_pipeline_step_trace("sync") is None
    assert len({step.span_id for step in trace.steps}) == 4
    begins = [step.started_at for step in trace.steps]
    assert trace.started_at <= begins[3] <= begins[0] <= begins[1] <= begins[2]
    assert trace.steps[3].finished_at == trace.finished_at
    assert trace.execution_context["library"]["name"] == "dlt"
    head = str(trace).splitlines()[0]
    assert head.startswith("Run started at ")
    assert head.endswith("seconds with 4 steps.")
    assert " and COMPLETED in " in head
    assert "span id" in trace.asstr(1)


def test_each_run_has_its_own_trace(pipeline):
    pipeline.run([{"id": 1}], table_name="t")
    first = pipeline.last_trace
    pipeline.run([{"id": 2}], table_name="t")

    assert pipeline.last_trace is not first
    assert pipeline.last_trace.transaction_id != first.transaction_id
    assert steps(pipeline) == ["extract", "normalize", "load", "run"]


def test_steps_that_are_called_one_by_one_share_a_trace(pipeline):
    pipeline.extract([{"id": 1}], table_name="t")
    trace = pipeline.last_trace
    pipeline.normalize()
    pipeline.load()
    pipeline.sync_destination()

    assert pipeline.last_trace is trace
    assert steps(pipeline) == ["extract", "normalize", "load", "sync"]


def test_another_process_goes_on_with_the_trace(pipeline):
    pipeline.extract([{"id": 1}], table_name="t")
    again = dlt.attach("traced")
    again.normalize()

    assert steps(again) == ["extract", "normalize"]
    assert again.last_trace.transaction_id == pipeline.last_trace.transaction_id


def test_a_trace_keeps_so_many_steps(pipeline):
    pipeline.run([{"id": 1}], table_name="t")
    for _ in range(MOST_STEPS):
        pipeline.normalize()

    assert len(pipeline.last_trace.steps) == MOST_STEPS
    assert set(steps(pipeline)) == {"normalize"}


def test_the_file_does_not_grow_with_history(pipeline):
    sizes = []
    for number in range(12):
        pipeline.run([{"id": number}], table_name="t")
        sizes.append(file_of(pipeline).stat().st_size)

    assert sizes[11] <= sizes[2] + 100


def test_as_dict_has_the_shape_of_dlt(pipeline):
    pipeline.run([{"id": 1}], table_name="t")
    found = pipeline.last_trace.asdict()

    assert {
        "transaction_id",
        "pipeline_name",
        "execution_context",
        "started_at",
        "steps",
        "finished_at",
    } <= found.keys()
    assert (found["engine_version"], found["resolved_config_values"]) == (2, [])
    assert [step["step"] for step in found["steps"]] == ["extract", "normalize", "load"]
    for step in found["steps"]:
        assert {"span_id", "started_at", "finished_at", "step_exception", "exception_traces"} <= step.keys()
        assert step["step_info"].keys() == {
            "pipeline", "loads_ids", "load_packages", "first_run", "started_at", "finished_at"
        }  # fmt: skip
        assert "job_metrics" in step[f"{step['step']}_info"]
    assert found["steps"][2]["load_info"]["dataset_name"] == "data"


def test_a_new_process_reads_the_same(pipeline):
    pipeline.run([{"id": 1, "tags": ["a"]}], table_name="t")
    trace, again = pipeline.last_trace, dlt.attach("traced")

    assert again is not pipeline
    assert str(again.last_trace) == str(trace)
    assert again.last_trace.asstr(2) == trace.asstr(2)
    ours = json.loads(json.dumps(trace.asdict(), default=str))
    assert json.loads(json.dumps(again.last_trace.asdict(), default=str)) == ours
    info = again.last_trace.last_load_info
    assert info.pipeline is again
    assert again.last_trace.last_pipeline_step_trace("run").step_info is info
    (package,) = info.load_packages
    assert (package.schema, package.schema_hash) == (None, pipeline.default_schema.version_hash)
    assert package.jobs["completed_jobs"] == trace.last_load_info.load_packages[0].jobs["completed_jobs"]
    assert info.metrics == trace.last_load_info.metrics
    assert again.last_trace.last_normalize_info.row_counts == trace.last_normalize_info.row_counts
    assert again.last_trace.last_extract_info.finished_at == trace.last_extract_info.finished_at


@pytest.mark.parametrize("text", ["{", "[]", '{"\\u0000kind": "PipelineTrace", "what": 1}', '{"\\u0000kind": "Other"}'])
def test_a_damaged_trace_is_none(pipeline, text, caplog):
    pipeline.run([{"id": 1}], table_name="t")
    file_of(pipeline).write_text(text, encoding="utf-8")

    with caplog.at_level(logging.WARNING, "dlt"):
        assert dlt.attach("traced").last_trace is None
    assert text == "[]" or "trace.json cannot be read" in caplog.text


def test_no_trace_when_that_is_not_wanted(monkeypatch):
    monkeypatch.setenv("ENABLE_RUNTIME_TRACE", "false")
    pipeline = dlt.pipeline("traced", destination="duckdb")
    pipeline.run([{"id": 1}], table_name="t")

    assert not file_of(pipeline).exists()
    assert steps(pipeline) == ["extract", "normalize", "load", "run"]


# ---- failures


@dlt.resource
def failing():
    yield {"id": 1}
    message = "no answer from https://me:hunter2@host/x"
    raise ValueError(message)


def test_a_failure_is_in_the_trace(pipeline):
    with pytest.raises(StepFailed) as failed:
        pipeline.run(failing)
    trace = pipeline.last_trace

    assert steps(pipeline) == ["extract", "run"]
    assert all(step.step_exception and not step.step_info for step in trace.steps)
    outer, *_, inner = trace.steps[0].exception_traces
    assert outer["exception_type"] == "dlt.errors.StepFailed"
    assert (outer["load_id"], outer["pipeline_name"]) == (failed.value.load_id, "traced")
    assert (inner["exception_type"], inner["is_terminal"]) == ("ValueError", False)
    assert any("failing" in line for line in inner["stack_trace"])
    resource = trace.steps[0].exception_traces[1]
    assert (resource["resource_name"], resource["is_terminal"]) == ("failing", True)
    assert " and FAILED in " in str(trace)
    assert "Failed due to: Pipeline 'traced' failed in the step extract" in str(trace)


def test_a_trace_of_a_failure_comes_back(pipeline):
    pipeline.run([{"id": 1}], table_name="t")
    with pytest.raises(StepFailed):
        pipeline.run(failing)
    again = dlt.attach("traced").last_trace

    assert again.steps[0].exception_traces == pipeline.last_trace.steps[0].exception_traces
    assert [step.step_info for step in again.steps] == [None, None]


def test_passwords_of_urls_are_not_in_it(pipeline):
    with pytest.raises(StepFailed):
        pipeline.run(failing)

    for text in (file_of(pipeline).read_text(encoding="utf-8"), str(pipeline.last_trace)):
        assert "hunter2" not in text
        assert "https://me:***@host/x" in text


def test_secrets_are_not_in_it(pipeline, monkeypatch):
    monkeypatch.setenv("SOURCES__TEST_TRACE__SHY__API_KEY", "hush-hush")
    seen = []

    @dlt.source(section="test_trace")
    def shy(api_key: str = dlt.secrets.value):
        seen.append(api_key)
        return dlt.resource([{"id": 1}], name="t")

    pipeline.run(shy())

    assert seen == ["hush-hush"]
    assert "hush-hush" not in file_of(pipeline).read_text(encoding="utf-8")
    assert "hush-hush" not in str(pipeline.last_trace.asdict()) + pipeline.last_trace.asstr(2)


def test_an_interrupt_is_no_success(pipeline):
    @dlt.resource
    def stopped():
        yield {"id": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pipeline.run(stopped)
    assert pipeline.last_trace.steps[-1].step_exception is not None
    assert " and FAILED in " in str(pipeline.last_trace)


def test_who_does_not_get_the_lock_leaves_the_trace_alone(pipeline):
    pipeline.run([{"id": 1}], table_name="t")
    before = file_of(pipeline).read_text(encoding="utf-8")
    other = dlt.pipeline("traced", destination="duckdb", dataset_name="data")

    with pipeline.workdir.lock("traced"), pytest.raises((StepFailed, PipelineLocked)):
        other.run([{"id": 2}], table_name="t")
    assert file_of(pipeline).read_text(encoding="utf-8") == before
    assert other.last_trace.transaction_id == pipeline.last_trace.transaction_id


def test_a_chain_of_causes_ends():
    error: Exception = ValueError("a")
    for number in range(30):
        next_one = RuntimeError(number)
        next_one.__cause__, error = error, next_one
    chain = exception_chain(error)

    assert [one["message"] for one in chain[:2]] == ["29", "28"]
    assert len(chain) == 10
    assert PipelineTrace.read(Path("nowhere.json"), None) is None
