from dlt.config.lookup import Found as _Found
from dlt.errors import ConfigError as _ConfigError
ConfigFieldMissingException = _ConfigError
ConfigFieldMissingTypeHintException = _ConfigError
ConfigFieldTypeHintNotSupported = _ConfigError
ConfigFileNotFoundException = _ConfigError
ConfigProviderException = _ConfigError
ConfigValueCannotBeCoercedException = _ConfigError
ConfigurationException = _ConfigError
ConfigurationValueError = _ConfigError
ConfigurationWrongTypeException = _ConfigError
DuplicateConfigProviderException = _ConfigError
FinalConfigFieldException = _ConfigError
InvalidNativeValue = _ConfigError
LookupTrace = _Found
UnmatchedConfigHintResolversException = _ConfigError
ValueNotSecretException = _ConfigError
