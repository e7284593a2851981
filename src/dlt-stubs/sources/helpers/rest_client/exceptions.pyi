from dlt.errors import IgnoreResponse as _IgnoreResponse
from dlt.errors import RestClientError as _RestClientError
IgnoreResponseException = _IgnoreResponse
PaginatorNotFound = _RestClientError
PaginatorSetupError = _RestClientError
RESTClientException = _RestClientError
