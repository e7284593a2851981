from dlt.compat.paths import *
