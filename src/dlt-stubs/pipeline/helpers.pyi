from dlt.pipeline.retrying import pipeline_drop as pipeline_drop
from dlt.pipeline.retrying import retry_load as retry_load
