from dlt.sources.http.requests import *
