from dlt.sources.http.urls import join_url as join_url
