from dlt.sources.http.session import DEFAULT_TIMEOUT as DEFAULT_TIMEOUT
from dlt.sources.http.session import Session as Session
from dlt.sources.http.session import TRequestTimeout as TRequestTimeout
