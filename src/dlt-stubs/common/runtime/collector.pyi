from dlt.pipeline.progress import *
