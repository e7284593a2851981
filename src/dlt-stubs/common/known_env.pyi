from dlt.compat.environment import *
