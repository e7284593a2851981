from dlt.config.credentials import AwsCredentials as AwsCredentials
from dlt.config.credentials import AzureCredentials as AzureCredentials
from dlt.config.credentials import Credentials as _Credentials
from dlt.config.credentials import HfCredentials as HfCredentials
from dlt.config.credentials import SFTPCredentials as SFTPCredentials
from dlt.sources.filesystem import FileItem as FileItem
from dlt.sources.filesystem import FileItemDict as FileItemDict
from dlt.sources.filesystem import fsspec_filesystem as fsspec_filesystem
from dlt.sources.filesystem import glob_files as glob_files
from dlt.sources.filesystem.access import FilesystemConfiguration as FilesystemConfiguration
from dlt.sources.filesystem.access import fsspec_from_config as fsspec_from_config
FileSystemCredentials = _Credentials
