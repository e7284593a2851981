from dlt.config.credentials import Credentials as _Credentials
FileSystemCredentials = _Credentials
