from dlt.compat.aliases import *
