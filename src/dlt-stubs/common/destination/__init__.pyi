from dlt.compat.destinations import Destination as Destination
