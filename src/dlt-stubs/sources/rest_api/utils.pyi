from dlt.sources.http.urls import join_url as join_url
from dlt.sources.rest_api.build import check_connection as check_connection
