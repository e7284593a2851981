from dlt.config.credentials import Credentials as _Credentials
from dlt.config.spec import Configuration as _Configuration
from dlt.config.spec import NotResolved as NotResolved
from dlt.config.spec import configspec as configspec
BaseConfiguration = _Configuration
CredentialsConfiguration = _Credentials
