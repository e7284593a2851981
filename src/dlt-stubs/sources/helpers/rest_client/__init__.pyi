from dlt.sources.http.auth import AuthConfigBase as AuthConfigBase
from dlt.sources.http.paginators import BasePaginator as BasePaginator
from dlt.sources.http.rest_client import HTTPMethodBasic as HTTPMethodBasic
from dlt.sources.http.rest_client import Hooks as Hooks
from dlt.sources.http.rest_client import PageData as PageData
from dlt.sources.http.rest_client import RESTClient as RESTClient
from dlt.sources.http.rest_client import paginate as paginate
