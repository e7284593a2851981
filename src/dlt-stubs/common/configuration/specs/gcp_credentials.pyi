from dlt.config.credentials import Credentials as _Credentials
from dlt.config.credentials import GcpOAuthCredentials as GcpOAuthCredentials
from dlt.config.credentials import GcpServiceAccountCredentials as GcpServiceAccountCredentials
GcpCredentials = _Credentials
