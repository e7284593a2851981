from dlt.errors import ConfigError as _ConfigError
from dlt.errors import DltError as _DltError
from dlt.errors import ResourceError as _ResourceError
from dlt.errors import UnknownSourceReference as UnknownSourceReference
CurrentSourceNotAvailable = _ResourceError
CurrentSourceSchemaNotAvailable = _ResourceError
DataItemRequiredForDynamicTableHints = _ResourceError
DltResourceException = _ResourceError
DltSourceException = _DltError
InconsistentTableTemplate = _ConfigError
InvalidParentResourceIsNotAResource = _ConfigError
InvalidResourceDataType = _ConfigError
InvalidResourceDataTypeMultiplePipes = _ConfigError
InvalidTransformerGeneratorFunction = _ConfigError
PipeException = _ResourceError
PipeGenInvalid = _ResourceError
PipeItemProcessingError = _ResourceError
ResourceExtractionError = _ResourceError
ResourceNameMissing = _ConfigError
ResourcesNotFoundError = _ConfigError
SourceDataIsNone = _ConfigError
SourceIsAClassTypeError = _ConfigError
SourceNotAFunction = _ConfigError
