from dlt.sources.rest_api.registry import create_auth as create_auth
from dlt.sources.rest_api.registry import create_paginator as create_paginator
from dlt.sources.rest_api.registry import register_auth as register_auth
from dlt.sources.rest_api.registry import register_paginator as register_paginator
