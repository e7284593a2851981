from dlt.config.custom import ConfigProvider as ConfigProvider
