from dlt.config.inject import with_config as with_config
from dlt.config.spec import configspec as configspec
