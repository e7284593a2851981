from dlt.errors import ConfigError as _ConfigError
from dlt.errors import DestinationRefused as _DestinationRefused
from dlt.errors import DltError as _DltError
from dlt.errors import NotBuilt as _NotBuilt
from dlt.errors import PackageError as _PackageError
from dlt.errors import PlanError as _PlanError
from dlt.errors import RetryableError as _RetryableError
CantExtractTablePrefix = _ConfigError
DatabaseException = _DltError
DatabaseTerminalException = _DestinationRefused
DatabaseTransientException = _RetryableError
DatabaseUndefinedRelation = _DestinationRefused
DestinationCapabilitiesException = _PlanError
DestinationConnectionError = _RetryableError
DestinationException = _DltError
DestinationHasFailedJobs = _DestinationRefused
DestinationIncompatibleLoaderFileFormatException = _PlanError
DestinationInvalidFileFormat = _PlanError
DestinationLoadingViaStagingNotSupported = _PlanError
DestinationNoStagingMode = _PlanError
DestinationSchemaTampered = _PackageError
DestinationTerminalException = _DestinationRefused
DestinationTransientException = _RetryableError
DestinationUndefinedEntity = _DestinationRefused
FSClientNotAvailable = _NotBuilt
IdentifierTooLongException = _PlanError
InvalidDestinationReference = _ConfigError
InvalidFilesystemLayout = _ConfigError
InvalidPlaceholderCallback = _ConfigError
SchemaUpdateErrorTerminal = _DestinationRefused
SchemaUpdateErrorTransient = _RetryableError
SqlClientNotAvailable = _NotBuilt
UnknownDestinationModule = _ConfigError
UnsupportedDataType = _PlanError
