from dlt.errors import ConfigError as _ConfigError
from dlt.errors import ResourceError as _ResourceError
from dlt.errors import SchemaError as _SchemaError
ExternalSchedulerNotAvailable = _ConfigError
IncrementalCursorInvalidCoercion = _SchemaError
IncrementalCursorPathHasValueNone = _ResourceError
IncrementalCursorPathMissing = _ResourceError
IncrementalPrimaryKeyMissing = _ResourceError
IntervalNotAvailable = _ConfigError
JoinSchedulerError = _ConfigError
