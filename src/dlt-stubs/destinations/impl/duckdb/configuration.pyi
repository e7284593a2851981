from dlt.compat.destinations import DuckDbCredentials as DuckDbCredentials
from dlt.compat.destinations import DuckDbCredentials as _DuckDbCredentials
DuckDbBaseCredentials = _DuckDbCredentials
