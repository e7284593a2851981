from dlt.errors import ContractViolation as _ContractViolation
from dlt.errors import SchemaError as _SchemaError
CannotCoerceColumnException = _SchemaError
CannotCoerceNullException = _SchemaError
DataValidationError = _ContractViolation
InvalidSchemaName = _SchemaError
ParentTableNotFoundException = _SchemaError
SchemaCorruptedException = _SchemaError
SchemaEngineNoUpgradePathException = _SchemaError
SchemaException = _SchemaError
SchemaIdentifierNormalizationCollision = _SchemaError
TableNotFound = _SchemaError
TablePropertiesConflictException = _SchemaError
UnboundColumnException = _SchemaError
