from dlt.config.access import config as config
from dlt.config.access import secrets as secrets
