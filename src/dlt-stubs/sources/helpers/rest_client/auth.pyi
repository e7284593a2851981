from dlt.sources.http.auth import *
