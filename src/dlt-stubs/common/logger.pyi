from dlt.pipeline.logs import *
