from dlt.compat.contexts import PluggableRunContext as PluggableRunContext
from dlt.compat.contexts import RunContextBase as RunContextBase
