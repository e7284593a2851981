from dlt.sources.transform import *
