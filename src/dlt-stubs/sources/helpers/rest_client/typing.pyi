from dlt.sources.http.rest_client import HTTPMethod as HTTPMethod
from dlt.sources.http.rest_client import HTTPMethodBasic as HTTPMethodBasic
from dlt.sources.http.rest_client import HTTPMethodExtended as HTTPMethodExtended
from dlt.sources.http.rest_client import HookEvent as HookEvent
from dlt.sources.http.rest_client import HookFunction as HookFunction
from dlt.sources.http.rest_client import Hooks as Hooks
