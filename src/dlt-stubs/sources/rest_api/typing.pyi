from dlt.sources.rest_api.config import *
