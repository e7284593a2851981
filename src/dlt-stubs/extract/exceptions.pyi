from dlt.errors import DltError as _DltError
from dlt.errors import ResourceError as _ResourceError
from dlt.errors import SchemaError as _SchemaError
from dlt.errors import UnknownSourceReference as UnknownSourceReference
CreatePipeException = _SchemaError
CurrentSourceNotAvailable = _ResourceError
CurrentSourceSchemaNotAvailable = _ResourceError
DataItemRequiredForDynamicTableHints = _ResourceError
DataLocationKindRequired = _ResourceError
DeletingResourcesNotSupported = _ResourceError
DltResourceException = _ResourceError
DltSourceException = _DltError
ExplicitSourceNameInvalid = _ResourceError
InconsistentTableTemplate = _SchemaError
IncrementalUnboundError = _ResourceError
InvalidParallelResourceDataType = _ResourceError
InvalidParentResourceIsNotAResource = _ResourceError
InvalidResourceDataType = _ResourceError
InvalidResourceDataTypeBasic = _ResourceError
InvalidResourceDataTypeMultiplePipes = _ResourceError
InvalidStepFunctionArguments = _ResourceError
InvalidTransformerGeneratorFunction = _ResourceError
ParametrizedResourceUnbound = _ResourceError
PipeException = _ResourceError
PipeGenInvalid = _ResourceError
PipeItemProcessingError = _ResourceError
PipeNotBoundToData = _ResourceError
ResourceExtractionError = _ResourceError
ResourceNameMissing = _ResourceError
ResourceNotATransformer = _ResourceError
ResourceNotFoundError = _ResourceError
ResourcesNotFoundError = _ResourceError
SourceDataIsNone = _ResourceError
SourceExhausted = _ResourceError
SourceIsAClassTypeError = _ResourceError
SourceNotAFunction = _ResourceError
