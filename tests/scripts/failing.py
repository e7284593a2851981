"""An error in a resource is found behind the step; what was loaded before stays."""

from dlt.extract.exceptions import ResourceExtractionError
from dlt.pipeline.exceptions import PipelineStepFailed

import dlt


@dlt.resource
def broken():
    yield {"id": 1}
    raise ValueError("no more")


pipeline = dlt.pipeline("script", destination="duckdb", dataset_name="data")
pipeline.run([{"id": 0}], table_name="before")
try:
    pipeline.run(broken())
except PipelineStepFailed as error:
    assert error.step == "extract"
    assert isinstance(error.__cause__, ResourceExtractionError), type(error.__cause__)
    assert "no more" in str(error)
else:
    raise AssertionError("it did not fail")

# before 1
