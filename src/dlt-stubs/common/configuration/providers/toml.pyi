from dlt.compat.contexts import ConfigTomlProvider as ConfigTomlProvider
from dlt.compat.contexts import SecretsTomlProvider as SecretsTomlProvider
from dlt.config.custom import CustomLoaderDocProvider as CustomLoaderDocProvider
