from dlt.errors import DltError as _DltError
from dlt.errors import SchemaError as _SchemaError
DatasetException = _DltError
LineageFailedException = _SchemaError
