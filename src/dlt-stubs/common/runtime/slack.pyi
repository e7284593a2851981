from dlt.pipeline.slack import *
