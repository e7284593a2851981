from dlt.compat.signals import SignalReceivedException as SignalReceivedException
from dlt.errors import DltError as _DltError
from dlt.errors import FatalError as _FatalError
from dlt.errors import MissingExtra as _MissingExtra
from dlt.errors import ResourceError as _ResourceError
from dlt.errors import RetryableError as _RetryableError
from dlt.errors import SchemaError as _SchemaError
ArgumentsOverloadException = _ResourceError
DependencyVersionException = _MissingExtra
DictValidationException = _SchemaError
DltException = _DltError
MissingDependencyException = _MissingExtra
PipelineException = _DltError
PipelineStateNotAvailable = _ResourceError
ResourceNameNotAvailable = _ResourceError
SourceSectionNotAvailable = _ResourceError
TerminalException = _FatalError
TerminalValueError = _FatalError
TransientException = _RetryableError
ValueErrorWithKnownValues = _SchemaError
