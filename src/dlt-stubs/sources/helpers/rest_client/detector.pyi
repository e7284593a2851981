from dlt.sources.http.detect import *
