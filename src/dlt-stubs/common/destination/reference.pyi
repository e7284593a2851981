from dlt.compat.destinations import AnyDestination as AnyDestination
from dlt.compat.destinations import Destination as Destination
from dlt.compat.destinations import TDestinationReferenceArg as TDestinationReferenceArg
