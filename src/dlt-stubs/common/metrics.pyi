from dlt.pipeline.metrics import DataWriterMetrics as DataWriterMetrics
from dlt.pipeline.metrics import LoadJobMetrics as LoadJobMetrics
