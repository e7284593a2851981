from dlt.compat.contexts import Container as Container
