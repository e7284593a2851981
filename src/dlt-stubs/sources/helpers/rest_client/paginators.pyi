from dlt.sources.http.paginators import *
