from dlt.config.sections import inject_section as inject_section
from dlt.config.spec import initialize_credentials as initialize_credentials
from dlt.config.spec import resolve_configuration as resolve_configuration
