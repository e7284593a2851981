from dlt.sources.http.urls import SENSITIVE_PARAMS as SENSITIVE_PARAMS
from dlt.sources.http.urls import sanitize_url as sanitize_url
