from dlt.errors import DestinationRefused as _DestinationRefused
from dlt.errors import RetryableError as _RetryableError
LoadClientJobFailed = _DestinationRefused
LoadClientJobRetry = _RetryableError
