from dlt.errors import IgnoreResponse as _IgnoreResponse
from dlt.errors import RestClientError as _RestClientError
from dlt.sources.http.detect import PaginatorFactory as PaginatorFactory
from dlt.sources.http.detect import find_response_page_data as find_response_page_data
from dlt.sources.http.paginators import BasePaginator as BasePaginator
from dlt.sources.http.rest_client import HTTPMethod as HTTPMethod
from dlt.sources.http.rest_client import HTTPMethodBasic as HTTPMethodBasic
from dlt.sources.http.rest_client import Hooks as Hooks
from dlt.sources.http.rest_client import PageData as PageData
from dlt.sources.http.rest_client import RESTClient as RESTClient
from dlt.sources.http.session import raise_for_status as _raise_for_status
from dlt.sources.http.session import raise_for_status as raise_for_status
from dlt.sources.http.urls import join_url as join_url
from dlt.sources.http.urls import sanitize_url as sanitize_url
IgnoreResponseException = _IgnoreResponse
PaginatorNotFound = _RestClientError
_dlt_raise_for_status = _raise_for_status
