from dlt.config.coerce import is_known as _is_known
from dlt.config.coerce import is_secret_hint as is_secret_hint
from dlt.config.inject import get_fun_spec as get_fun_spec
from dlt.config.inject import last_config as last_config
from dlt.config.inject import with_config as with_config
from dlt.config.sections import inject_section as inject_section
from dlt.config.spec import NotResolved as NotResolved
from dlt.config.spec import configspec as configspec
from dlt.config.spec import resolve_configuration as resolve_configuration
from dlt.config.spec import resolve_type as resolve_type
from dlt.errors import ConfigError as _ConfigError
ConfigFieldMissingException = _ConfigError
ConfigFileNotFoundException = _ConfigError
ConfigValueCannotBeCoercedException = _ConfigError
ConfigurationValueError = _ConfigError
is_valid_hint = _is_known
