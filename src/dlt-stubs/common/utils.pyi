from dlt.compat.values import *
