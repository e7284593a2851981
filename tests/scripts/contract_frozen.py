"""A frozen table refuses new columns, and the error is the old one."""

from dlt.pipeline.exceptions import PipelineStepFailed

import dlt

pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run([{"id": 1}], table_name="strict", schema_contract={"columns": "freeze"})
try:
    pipeline.run([{"id": 2, "new": "x"}], table_name="strict", schema_contract={"columns": "freeze"})
except PipelineStepFailed as error:
    assert error.step in ("extract", "normalize"), error.step
else:
    raise AssertionError("nothing was refused")
pipeline.drop_pending_packages()
pipeline.run([{"id": 3, "new": "x"}], table_name="strict", schema_contract={"columns": "discard_value"})

# strict 2
