from dlt.compat.contexts import ConfigTomlProvider as ConfigTomlProvider
from dlt.compat.contexts import EnvironProvider as EnvironProvider
from dlt.compat.contexts import SecretsTomlProvider as SecretsTomlProvider
from dlt.config.custom import ConfigProvider as ConfigProvider
from dlt.config.custom import CustomLoaderDocProvider as CustomLoaderDocProvider
