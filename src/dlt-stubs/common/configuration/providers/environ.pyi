from dlt.compat.contexts import EnvironProvider as EnvironProvider
