from dlt.config.credentials import Credentials as _Credentials
from dlt.sources.filesystem.access import FilesystemConfiguration as FilesystemConfiguration
FileSystemCredentials = _Credentials
